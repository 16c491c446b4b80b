//! What an answer is worth: a page with records, an empty page, or no page at all; and what it means
//! that the walk ends there.

use super::{After, Walk};
use crate::error::{Error, of_page};
use crate::error_object::{self, Holds};
use crate::lock;
use crate::looked_at::{self, LookedAt};
use crate::page::Walked;
use crate::repeats::Repeat;
use crate::view::{ResponseView, scan_lines};
use bytes::Bytes;
use dpone_json::Found;
use dpone_model::plugin::{PageView, RecordsAt};
use dpone_model::{PagePlace, Records, Report, Span, WalkEnded, codes};

/// What a page holds.
#[derive(Default)]
pub(super) struct Taken {
    pub records: Records,
    /// NDJSON that the extractor made.
    pub body: Option<Bytes>,
    pub path: Option<String>,
}

impl Walk {
    /// An extractor that blames the answer does not know the page before: the same page again explains
    /// its answer better.
    pub(super) fn blamed(&self, view: &ResponseView, place: &PagePlace, report: Report) -> Report {
        let repeat = view.predicted_digest().and_then(|digest| self.repeats.is_last(digest));
        match repeat.filter(|_| report.code() == &codes::source::ANSWER) {
            Some(repeat) => repeated(place, repeat).into(),
            None => of_page(report, place),
        }
    }

    pub(super) fn records(&mut self, view: &ResponseView, place: &PagePlace, at: RecordsAt) -> Result<Taken, Report> {
        let path = match at {
            RecordsAt::Path(path) => path,
            RecordsAt::None => {
                self.refuse_error_of_other(view, place, Holds::Nothing)?;
                return Ok(Taken::default());
            }
            RecordsAt::Bytes(lines) => {
                let records = scan_lines(&self.core.scanner, &lines).map_err(|error| {
                    let near = lock(&self.core.scanner).excerpt(&lines, error.offset);
                    Error::extractor_output(place, self.extractor.identity(), &near, &error)
                })?;
                let holds = if records.is_empty() { Holds::Nothing } else { Holds::Records };
                self.refuse_error_of_other(view, place, holds)?;
                return Ok(Taken { records, body: Some(lines.into()), path: None });
            }
        };
        let (found, records) = view.records(&path)?;
        let (holds, skip) = match &found {
            Found::Array(span) if records.is_empty() => (Holds::Nothing, Some(*span)),
            Found::Array(span) => (Holds::Records, Some(*span)),
            Found::Object(_) if path.is_empty() => (Holds::RootRecord, None),
            Found::Object(span) => (Holds::Records, Some(*span)),
            Found::Null | Found::Missing { .. } | Found::Other(_) => (Holds::Nothing, None),
        };
        self.refuse_error(view, place, skip, holds)?;
        let is_empty = match &found {
            Found::Array(_) | Found::Object(_) => false,
            Found::Null => true,
            Found::Missing { .. } => self.may_lack_records(view),
            Found::Other(_) => false,
        };
        if !is_empty && let Some(error) = Error::not_records(place, &path, &found) {
            return Err(error.into());
        }
        if view.is_blank() && !matches!(view.status(), 204 | 205) {
            let warning = format!(
                "page {} was answered {} with an empty body, which counts as an empty page",
                place.page,
                view.status()
            );
            self.warnings.push(warning);
        }
        if is_empty {
            return Ok(Taken::default());
        }
        self.root_keys.get_or_insert_with(|| Walked::root_keys(view.body()));
        self.records_path.clone_from(&path);
        Ok(Taken { records, body: None, path: Some(path) })
    }

    /// Whether an answer without a list is an empty page. On the first page a misspelt `records_path`
    /// looks the same, and so does an answer that is no page at all on a later one: so an earlier page
    /// of this walk must have had the list, and every key of this one. What earlier runs saw does not
    /// count: an API that renamed its list would give green runs without rows.
    fn may_lack_records(&self, view: &ResponseView) -> bool {
        if !view.is_object() {
            return false;
        }
        let keys = Walked::root_keys(view.body());
        let is_like_earlier = self.root_keys.as_ref().is_some_and(|known| keys.iter().all(|key| known.contains(key)));
        self.core.empty_where_records_are_missing || is_like_earlier
    }

    /// An error object in a body of which the extractor makes the records, where that is JSON.
    fn refuse_error_of_other(&self, view: &ResponseView, place: &PagePlace, holds: Holds) -> Result<(), Error> {
        if view.is_object() { self.refuse_error(view, place, None, holds) } else { Ok(()) }
    }

    fn refuse_error(
        &self,
        view: &ResponseView,
        place: &PagePlace,
        skip: Option<Span>,
        holds: Holds,
    ) -> Result<(), Error> {
        if self.core.ignores_error_objects {
            return Ok(());
        }
        let Some(found) = error_object::find(view.body(), skip, holds) else { return Ok(()) };
        let excerpt = lock(&self.core.scanner).quote(found.span.of(view.body()));
        Err(Error::ErrorObject { page: place.clone(), key: found.key, excerpt })
    }

    pub(super) fn judge_empty(&mut self, place: &PagePlace, is_empty: bool, after: After) -> After {
        self.empty_pages = if is_empty { self.empty_pages + 1 } else { 0 };
        let limit = self.core.max_empty_pages;
        match after {
            After::Pending(_) if self.empty_pages > limit => {
                After::Failed(Error::EmptyPages { page: place.clone(), count: self.empty_pages, limit }.into())
            }
            after => after,
        }
    }

    /// Says why the walk ends where the extractor cannot know, and finds out whether what was missing
    /// was ever there.
    pub(super) fn judge_end(
        &self,
        view: &ResponseView,
        looked_at: &LookedAt,
        headers: &[(String, String)],
        after: After,
    ) -> Result<After, Error> {
        let After::End { truncated: false, mut ended } = after else { return Ok(after) };
        if view.is_blank() {
            let message = format!("the page was answered {} without a body", view.status());
            let ended = WalkEnded::new(WalkEnded::NO_CONTENT, ended.page, message);
            return Ok(After::End { truncated: false, ended });
        }
        if ended.reason == WalkEnded::NO_NEXT_REQUEST {
            ended.path = ended.path.or_else(|| looked_at.never_there(&self.seen_paths).map(str::to_owned));
        }
        if let Some(path) = ended.path.as_ref().filter(|path| !self.seen_paths.contains(*path)) {
            let here = looked_at::here(path, view.body(), headers);
            if self.core.fail_on_missing_cursor {
                return Err(Error::NeverSeen { page: view.place().clone(), path: path.clone(), here });
            }
            ended.never_seen = Some(here);
        }
        Ok(After::End { truncated: false, ended })
    }
}

pub(super) fn repeated(place: &PagePlace, repeat: Repeat) -> Error {
    Error::RepeatedPage { page: place.clone(), earlier: repeat.earlier, pages: repeat.pages }
}
