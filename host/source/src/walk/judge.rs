//! Judges answers: a page with records, an empty page, or no page at all; and whether the walk may end
//! there.

use super::{After, Walk};
use crate::error::{Error, of_page};
use crate::error_object::Holds;
use crate::lock;
use crate::looked_at::{self, LookedAt};
use crate::page::Shape;
use crate::repeats::Repeat;
use crate::view::{ResponseView, scan_lines};
use bytes::Bytes;
use dpone_json::{Found, Path};
use dpone_manifest::Pagination;
use dpone_model::http::HttpResponse;
use dpone_model::plugin::{PageView, RecordsAt, RequestEdit, RequestValue};
use dpone_model::{Kind, PagePlace, Records, Report, WalkEnded, codes};

/// The records of a page.
#[derive(Default)]
pub(super) struct Taken {
    pub records: Records,
    /// NDJSON that the extractor made.
    pub body: Option<Bytes>,
    pub path: Option<String>,
}

/// A page that had records, as the one behind it sees it.
#[derive(Debug)]
pub(super) struct Before {
    page: u64,
    records: usize,
    request: RequestEdit,
}

impl Walk {
    /// An extractor that blames the answer does not know the page before: the same page again explains
    /// its answer better.
    pub(super) fn blamed(&self, view: &ResponseView, place: &PagePlace, report: Report) -> Report {
        let repeat = view.predicted_digest().and_then(|digest| self.repeats.is_last(digest));
        match repeat.filter(|_| report.code() == &codes::source::ANSWER && !self.core.may_repeat_pages) {
            Some(repeat) => repeated(place, repeat).into(),
            None => of_page(report, place),
        }
    }

    pub(super) fn records(&mut self, view: &ResponseView, place: &PagePlace, at: RecordsAt) -> Result<Taken, Report> {
        let path = match at {
            RecordsAt::Path(path) => path,
            RecordsAt::None => {
                self.refuse_error_of_any(view, Holds::Nothing)?;
                return Ok(Taken::default());
            }
            RecordsAt::Bytes(lines) => {
                let records = scan_lines(&self.core.scanner, &lines).map_err(|error| {
                    let near = lock(&self.core.scanner).excerpt(&lines, error.offset);
                    Error::extractor_output(place, self.extractor.identity(), &near, &error)
                })?;
                let holds = if records.is_empty() { Holds::Nothing } else { Holds::Records };
                self.refuse_error_of_any(view, holds)?;
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
        if !self.core.ignores_error_objects {
            // An object that should hold the records and does not may say why.
            let is_missing = matches!(found, Found::Missing { .. });
            let to_records = if is_missing { Path::default() } else { Path::parse(&path) };
            view.refuse_error(skip, holds, &to_records)?;
            if holds == Holds::Records && path.is_empty() {
                view.refuse_error_row(&records)?;
            }
        }
        if holds == Holds::Nothing {
            self.refuse_inner_error(view, &path, &found)?;
        }
        let is_empty = match &found {
            Found::Array(_) | Found::Object(_) => false,
            Found::Null => true,
            Found::Missing { reached, keys } => self.may_lack_records(view, reached, keys),
            Found::Other(_) => false,
        };
        view.refuse_empty_body()?;
        if !is_empty && let Some(error) = Error::not_records(place, &path, &found) {
            return Err(error.into());
        }
        if is_empty {
            return Ok(Taken::default());
        }
        self.shape.get_or_insert_with(|| Shape::of(view.body(), &path));
        self.records_path.clone_from(&path);
        Ok(Taken { records, body: None, path: Some(path) })
    }

    /// Whether an answer without a list is an empty page. On the first page a misspelt `records_path`
    /// looks the same, and so does an answer that is no page at all on a later one: so an earlier page
    /// of this walk must have had the list, and all names that are in its place now. Earlier runs do not
    /// count: an API that renamed its list would give green runs without rows.
    ///
    /// An object without any name shows nothing. It is an empty page only for an API that leaves an
    /// empty list out by the manifest's word.
    fn may_lack_records(&self, view: &ResponseView, reached: &str, keys: &[String]) -> bool {
        if !view.is_object() {
            return false;
        }
        let leaves_out = self.core.empty_where_records_are_missing;
        let Some(shape) = &self.shape else { return leaves_out };
        let is_object = || matches!(view.at(&Path::parse(reached)), Ok(Some((Kind::Object, _))));
        shape.has_all(reached, keys) && (!keys.is_empty() || leaves_out && is_object())
    }

    /// An error object in what holds the place where the list is or should be, such as that of
    /// `{"data":{"error":"rate limited"}}`. The root has been looked at.
    fn refuse_inner_error(&self, view: &ResponseView, path: &str, found: &Found) -> Result<(), Error> {
        let path = Path::parse(path);
        let around = match found {
            Found::Missing { reached, .. } => Path::parse(reached).segments().len(),
            _ => path.segments().len().saturating_sub(1),
        };
        if self.core.ignores_error_objects {
            return Ok(());
        }
        (1..=around).try_for_each(|segments| view.refuse_error_at(&path.prefix(segments)))
    }

    /// In a body of which the extractor makes the records.
    fn refuse_error_of_any(&self, view: &ResponseView, holds: Holds) -> Result<(), Error> {
        if self.core.ignores_error_objects { Ok(()) } else { view.refuse_error_of_any(holds) }
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

    /// Warns of a page that had fewer records than the offset moved on, and was not the last: an API that
    /// cuts its pages by their bytes looks the same as one that leaves rows out of a page, and of the first
    /// one rows are missing.
    pub(super) fn judge_short(&mut self, place: &PagePlace, request: &RequestEdit, records: usize) {
        let before = self.before.take();
        if records == 0 {
            return;
        }
        if let Some(before) = before.filter(|_| request.may_be_past_end && !self.core.expects_short_pages)
            && let Some(step) = step(&before.request, request).filter(|step| *step > before.records as u64)
        {
            self.warnings.push(format!(
                "page {} holds {} of {step} rows, and more rows came behind it: if the API cuts pages by their size, \
                 rows are missing and `limit` has to be smaller; `short_page: continue` says that it leaves rows out",
                before.page, before.records
            ));
        }
        self.before = Some(Before { page: place.page, records, request: request.clone() });
    }

    /// Says why the walk ends where the extractor cannot know, and finds out whether what was missing
    /// was ever there.
    pub(super) fn judge_end(
        &self,
        view: &ResponseView,
        looked_at: &LookedAt,
        headers: &[(String, String)],
        is_empty: bool,
        after: After,
    ) -> Result<After, Error> {
        let After::End { truncated: false, mut ended } = after else { return Ok(after) };
        if view.is_blank() {
            let message = format!("the page was answered {} without a body", view.status());
            let ended = WalkEnded::new(WalkEnded::NO_CONTENT, ended.page, message);
            return Ok(After::End { truncated: false, ended });
        }
        if ended.reason == WalkEnded::NO_NEXT_REQUEST {
            let asked = || looked_at.never_there(&self.seen_paths).or_else(|| looked_at.only()).map(str::to_owned);
            ended.path = ended.path.or_else(asked);
        }
        if let Some(path) = ended.path.clone() {
            let there = |path: &str| matches!(view.at(&Path::parse(path)), Ok(Some(_)));
            let was_there = looked_at.was_there(&path).unwrap_or_else(|| there(&path));
            // Every last page lacks the relation that would lead on. An API may leave out of an empty page what
            // its other last pages have.
            let says_nothing = looked_at::is_link(&path) || is_empty && !was_there;
            ended.path_was_there = (!says_nothing).then_some(was_there);
            if !was_there && !is_below_nothing(view, &path, is_empty) {
                self.judge_missing(view, headers, path, is_empty, &mut ended)?;
            }
        }
        Ok(After::End { truncated: false, ended })
    }

    /// The last page lacks what leads on. It may be misspelt, or the API has another name for it now.
    fn judge_missing(
        &self,
        view: &ResponseView,
        headers: &[(String, String)],
        path: String,
        is_empty: bool,
        ended: &mut WalkEnded,
    ) -> Result<(), Error> {
        let page = view.place().clone();
        if let Some(found) = looked_at::renamed(&path, view.body(), headers) {
            return Err(Error::Renamed { page, path, found });
        }
        let here = looked_at::here(&path, view.body(), headers);
        if !self.seen_paths.contains(&path) {
            if self.core.fail_on_missing_cursor {
                return Err(Error::NeverSeen { page, path, here });
            }
            ended.never_seen = Some(here);
        } else if !is_empty && self.walk_ends.is_new_without(&path) {
            if self.core.fail_on_missing_cursor {
                return Err(Error::NotAtEnd { page, path, here });
            }
            ended.had_before = Some(here);
        }
        Ok(())
    }
}

/// Whether the path leads through a list without rows, as that of the last row's id does; or on a page without
/// records through a null, which may stand for the list.
fn is_below_nothing(view: &ResponseView, path: &str, is_empty: bool) -> bool {
    let path = Path::parse(path);
    (0..path.segments().len()).any(|segments| match view.at(&path.prefix(segments)) {
        Ok(Some((Kind::Array, span))) => view.is_empty_at(span),
        Ok(Some((Kind::Null, _))) => is_empty,
        _ => false,
    })
}

/// How far a number in the query moved on from one request to the next.
fn step(from: &RequestEdit, to: &RequestEdit) -> Option<u64> {
    let number = |value: &RequestValue| match value {
        RequestValue::Text(text) => text.parse::<u64>().ok(),
        RequestValue::Secret(_) => None,
    };
    to.query.iter().find_map(|(name, value)| {
        let (_, earlier) = from.query.iter().find(|(earlier, _)| earlier == name)?;
        number(value)?.checked_sub(number(earlier)?).filter(|step| *step > 0)
    })
}

pub(super) fn expects_short_pages(pagination: &Pagination) -> bool {
    let with = pagination.extractor.as_ref().map(|plugin| &plugin.with);
    with.and_then(|with| with.get("short_page")).is_some_and(|value| value == "continue")
}

/// How an answer ends a walk that says that there is no such page. Its text is shown, since 400 may mean
/// anything.
pub(super) fn past_end(page: u64, response: &HttpResponse) -> String {
    let excerpt = response.excerpt.as_ref().map_or_else(String::new, |excerpt| format!(": {excerpt}"));
    format!("page {page} was answered {}, right behind a short page{excerpt}", response.status)
}

pub(super) fn repeated(place: &PagePlace, repeat: Repeat) -> Error {
    Error::RepeatedPage { page: place.clone(), earlier: repeat.earlier, pages: repeat.pages }
}
