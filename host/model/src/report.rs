//! Failures as users see them: code, cause, place, hint, and whether a retry makes sense.
//!
//! Each of them may quote a plugin, an API or a manifest. So each part is one line when it is shown, whatever
//! it holds; a report has a line of its own for each of its parts.

use crate::foreign::{self, one_line};
use crate::redact;
use crate::{Code, Exit, Retry};
use serde::Serialize;
use std::fmt;

/// Problems of one input that are listed, and the bytes that they may take in all.
pub const MAX_PROBLEMS: usize = 100;
const MAX_PROBLEMS_BYTES: usize = 64 << 10;

/// The longest text of a failure. It may quote what a server or a manifest says, however long; a quote of a
/// plugin, which is cut at 2 KiB, fits into it with what stands around it.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// The facts that every crate's error enum tells of itself.
pub trait Failure: std::error::Error {
    fn code(&self) -> &'static Code;

    fn place(&self) -> Option<Place> {
        None
    }

    /// The remedy, where more is known than the code's page says.
    fn hint(&self) -> Option<String> {
        None
    }

    fn retry(&self) -> Retry {
        self.code().retry
    }
}

/// Where it happened. Fields that are unknown stay out of the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Place {
    /// A position in a YAML file; line and column count from 1.
    File {
        file: String,
        line: u64,
        column: u64,
        /// Dotted path of the key, such as `sink.strategy.mode`.
        key: Option<String>,
    },
    /// A page of the source; pages count from 1, records and byte offsets from 0.
    Page {
        page: u64,
        /// Without secrets.
        url: String,
        record: Option<u64>,
        offset: Option<u64>,
    },
    /// A plugin by name, version and digest (first 12 digits).
    Plugin { name: String, version: String, sha256: String },
    /// Anything else that has a name: a topic, a connection, a file.
    Named { what: String, name: String },
}

impl Place {
    fn bounded(self) -> Self {
        match self {
            Self::File { file, line, column, key } => {
                Self::File { file: bounded(file), line, column, key: key.map(bounded) }
            }
            Self::Page { page, url, record, offset } => Self::Page { page, url: bounded(url), record, offset },
            Self::Named { what, name } => Self::Named { what, name: bounded(name) },
            plugin @ Self::Plugin { .. } => plugin,
        }
    }
}

/// A text of at most [`MAX_TEXT_BYTES`]. Secrets go first: the start of one at the cut would be found by nobody.
fn bounded(text: String) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text;
    }
    let clean = redact::text(&text);
    format!("{}… ({} bytes)", foreign::cut(&clean, MAX_TEXT_BYTES), clean.len())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column, key } => {
                write!(f, "{file}:{line}:{column}")?;
                key.as_ref().map_or(Ok(()), |key| write!(f, " ({key})"))
            }
            Self::Page { page, url, record, offset } => {
                write!(f, "page {page}, {url}")?;
                record.map_or(Ok(()), |record| write!(f, ", record {record}"))?;
                offset.map_or(Ok(()), |offset| write!(f, ", byte {offset}"))
            }
            Self::Plugin { name, version, sha256 } => write!(f, "plugin {name} {version} ({sha256})"),
            Self::Named { what, name } => write!(f, "{what} {name}"),
        }
    }
}

/// Which page a room works on, for the places of its failures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PagePlace {
    /// From 1.
    pub page: u64,
    /// Without secrets.
    pub url: String,
}

impl PagePlace {
    pub fn new(page: u64, url: impl Into<String>) -> Self {
        Self { page, url: url.into() }
    }

    /// The page as a whole.
    pub fn place(&self) -> Place {
        Place::Page { page: self.page, url: self.url.clone(), record: None, offset: None }
    }

    /// One record of it, from 0.
    pub fn record(&self, record: u64) -> Place {
        Place::Page { page: self.page, url: self.url.clone(), record: Some(record), offset: None }
    }
}

/// A failure that has left its room: what the CLI prints and the run artifact keeps.
#[derive(Clone, PartialEq, Eq)]
pub struct Report(Box<Inner>);

#[derive(Clone, PartialEq, Eq, Serialize)]
struct Inner {
    code: &'static Code,
    exit_code: u8,
    /// A lowercase fragment with the particulars.
    message: String,
    /// Further lines of the message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
    place: Option<Place>,
    hint: Option<String>,
    retry: Retry,
    /// Further problems of the same input, such as a manifest's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    more: Vec<Report>,
}

impl Report {
    pub fn new(code: &'static Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            exit_code: code.exit as u8,
            message: bounded(message.into()),
            details: Vec::new(),
            place: None,
            hint: None,
            retry: code.retry,
            more: Vec::new(),
        }))
    }

    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place.bounded());
        self
    }

    /// Says on which page a plugin failed; its place names the plugin, not the page.
    #[must_use]
    pub fn on_page(mut self, page: u64) -> Self {
        if let Some(Place::Plugin { .. }) = self.0.place {
            self.0.message.insert_str(0, &format!("page {page}: "));
        }
        self
    }

    /// Says what the error belongs to, in front of its message: `slice 2026-01: …`.
    #[must_use]
    pub fn within(mut self, what: &str) -> Self {
        self.0.message = bounded(format!("{what}: {}", self.0.message));
        self
    }

    /// Puts lines below the message, such as the differences that it speaks of.
    #[must_use]
    pub fn details(mut self, lines: Vec<String>) -> Self {
        self.0.details = lines;
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(bounded(hint.into()));
        self
    }

    #[must_use]
    pub fn retry_as(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Joins the problems of one input; the first one gives the exit code. None for no problem. Of more
    /// than [`MAX_PROBLEMS`] the rest is counted: nobody mends an input of its kind by its list.
    pub fn all(reports: Vec<Report>) -> Option<Report> {
        let mut sizes = reports.iter().scan(0, |total, report| {
            *total += report.bytes();
            Some(*total)
        });
        let listed = sizes.position(|total| total > MAX_PROBLEMS_BYTES).unwrap_or(reports.len()).clamp(1, MAX_PROBLEMS);
        let beyond = reports.len().saturating_sub(listed);
        let mut reports = reports.into_iter();
        let mut first = reports.next()?;
        first.0.more.extend(reports.by_ref().take(listed - 1));
        if let Some(next) = reports.next().filter(|_| beyond > 0) {
            let things = if beyond == 1 { "problem is" } else { "problems are" };
            first
                .0
                .more
                .push(Self::new(next.code(), format!("{beyond} more {things} not listed")).retry_as(next.retry()));
        }
        Some(first)
    }

    pub fn code(&self) -> &'static Code {
        self.0.code
    }

    pub fn exit(&self) -> Exit {
        self.0.code.exit
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// As it stands at the end of a command: with whether and when the same command may work.
    pub fn with_retry(&self) -> impl fmt::Display + use<'_> {
        WithRetry(self)
    }

    /// The bytes of its texts, roughly.
    fn bytes(&self) -> usize {
        let Inner { message, details, hint, more, .. } = &*self.0;
        let place = self.0.place.as_ref().map_or(0, |place| place.to_string().len());
        let texts = details.iter().chain(hint).chain([message]).map(String::len).sum::<usize>();
        texts + place + more.iter().map(Self::bytes).sum::<usize>()
    }

    /// This problem and those beyond it.
    fn problems(&self) -> Vec<&Inner> {
        std::iter::once(&*self.0).chain(self.0.more.iter().flat_map(Self::problems)).collect()
    }

    /// The problems beyond this one.
    pub fn more(&self) -> &[Report] {
        &self.0.more
    }
}

impl<F: Failure> From<F> for Report {
    fn from(failure: F) -> Self {
        let mut report = Self::new(failure.code(), failure.to_string());
        report.0.place = failure.place().map(Place::bounded);
        report.0.hint = failure.hint().map(bounded);
        report.0.retry = failure.retry();
        report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.render(f, false)
    }
}

/// See [`Report::with_retry`].
struct WithRetry<'a>(&'a Report);

impl fmt::Display for WithRetry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.render(f, true)
    }
}

impl Report {
    fn render(&self, f: &mut fmt::Formatter<'_>, with_retry: bool) -> fmt::Result {
        let problems = self.problems();
        for (index, inner) in problems.iter().enumerate() {
            let gap = if index > 0 { "\n" } else { "" };
            write!(f, "{gap}error[{}]: {}", inner.code, one_line(&inner.message))?;
            for line in &inner.details {
                write!(f, "\n  {}", one_line(line))?;
            }
            if let Some(place) = &inner.place {
                write!(f, "\n  at {}", one_line(&place.to_string()))?;
            }
            if let Some(hint) = &inner.hint {
                write!(f, "\n  hint: {}", one_line(hint))?;
            }
            // Problems of one input are mended together, so that the last one speaks for those before it.
            if with_retry && !problems.iter().skip(index + 1).any(|later| later.retry == inner.retry) {
                write!(f, "\n  retry: {}", inner.retry.words())?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Report {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn no_text_of_a_failure_is_longer_than_four_kibibytes() {
        let long = "ü".repeat(500_000);
        let place = Place::Page { page: 1, url: long.clone(), record: None, offset: None };
        let report = Report::new(&codes::manifest::CONFLICT, long.clone()).at(place).hint(long.clone()).within(&long);
        let text = report.to_string();
        assert!(text.len() < 3 * (MAX_TEXT_BYTES + 100), "{}", text.len());
        assert!(report.hint_text().unwrap().ends_with("ü… (1000000 bytes)"), "{text}");
        let many = (0..50).map(|_| Report::new(&codes::manifest::CONFLICT, long.clone())).collect();
        let all = Report::all(many).unwrap();
        assert!(all.to_string().len() < 70_000);
        let last = all.more().last().unwrap().message();
        assert!(last.ends_with("more problems are not listed"), "{last}");
    }

    #[test]
    fn problems_beyond_a_hundred_are_counted() {
        let all = |count: usize| {
            let reports = (0..count).map(|n| Report::new(&codes::manifest::CONFLICT, n.to_string())).collect();
            Report::all(reports)
        };
        assert!(all(0).is_none());
        assert_eq!(all(100).unwrap().more().len(), 99);
        let one_more = all(101).unwrap();
        assert_eq!(one_more.more().len(), 100);
        assert_eq!(one_more.more().last().unwrap().message(), "1 more problem is not listed");
        let many = all(100_000).unwrap();
        assert_eq!(many.more().last().unwrap().message(), "99900 more problems are not listed");
        assert!(many.to_string().len() < 10_000);
    }

    #[test]
    fn no_part_of_a_report_makes_lines_of_its_own() {
        let forged = "a\nerror[DP0001]: b\u{1b}[2J\u{202e}";
        let place = Place::Named { what: "topic".into(), name: forged.into() };
        let report =
            Report::new(&codes::manifest::CONFLICT, forged).at(place).hint(forged).details(vec![forged.into()]);
        let shown = report.to_string();
        assert_eq!(shown.lines().count(), 4, "{shown}");
        assert!(!shown.contains(|character| character != '\n' && crate::foreign::is_hidden(character)), "{shown}");
        assert_eq!(shown.lines().filter(|line| line.starts_with("error[")).count(), 1, "{shown}");
    }

    #[test]
    fn each_kind_of_retry_is_said_once() {
        let report = |message: &str, retry| Report::new(&codes::manifest::CONFLICT, message).retry_as(retry);
        let one = report("a", Retry::Later).hint("wait");
        assert_eq!(
            one.with_retry().to_string(),
            "error[DP0110]: a\n  hint: wait\n  retry: later: the same command may work after a while"
        );
        let fix = Retry::AfterFix;
        let all = Report::all(vec![report("a", fix), report("b", Retry::Now), report("c", fix)]).unwrap();
        assert_eq!(
            all.with_retry().to_string(),
            "error[DP0110]: a\nerror[DP0110]: b\n  retry: now: the same command may work at once\nerror[DP0110]: c\n  \
             retry: after a fix: the same command fails until something is changed"
        );
    }
}
