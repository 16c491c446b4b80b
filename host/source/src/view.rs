//! A page as an extractor sees it, with one scan for the extractor's questions and for the records.
//!
//! The records path of the last page predicts that of this one. The scan is made when it is first
//! needed, at the predicted path; while the prediction holds there is no other.

use crate::error::Error;
use crate::error_object::{self, Asked, ErrorObject, Holds};
use crate::looked_at::LookedAt;
use crate::{SharedScanner, lock, repeats};
use bytes::Bytes;
use dpone_json::{Found, Lookup, Path, ScanError, TwiceOnPath};
use dpone_model::plugin::PageView;
use dpone_model::{Kind, PagePlace, Records, Report, Span, redact};
use std::sync::{Mutex, PoisonError};

/// A page that answered.
pub struct ResponseView {
    place: PagePlace,
    /// Without secrets, should a redirect have put one there.
    shown_url: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    /// Of the request, where it had one.
    request_body: Bytes,
    predicted: String,
    scanner: SharedScanner,
    /// The one scan, once it was made.
    scanned: Mutex<Option<Result<Scanned, Report>>>,
    /// The paths and headers that the extractor asked for.
    looked_at: Mutex<LookedAt>,
}

/// The result of a scan.
pub(crate) struct Scanned {
    path: String,
    found: Found,
    records: Records,
}

impl ResponseView {
    /// `predicted` is the records path of the page before.
    pub fn new(
        place: PagePlace,
        status: u16,
        headers: Vec<(String, String)>,
        body: Bytes,
        predicted: String,
        scanner: SharedScanner,
    ) -> Self {
        Self {
            shown_url: redact::url(&place.url).into_owned(),
            place,
            status,
            headers,
            body,
            request_body: Bytes::new(),
            predicted,
            scanner,
            scanned: Mutex::new(None),
            looked_at: Mutex::default(),
        }
    }

    /// The same page as the answer to a request with a body.
    pub(crate) fn asked_with(self, request_body: Option<Bytes>) -> Self {
        Self { request_body: request_body.unwrap_or_default(), ..self }
    }

    /// The paths and headers that the extractor has asked for so far.
    pub(crate) fn take_looked_at(&self) -> LookedAt {
        std::mem::take(&mut *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An answer without a body, such as a 204: a page that holds nothing.
    pub(crate) fn is_blank(&self) -> bool {
        dpone_json::is_blank(&self.body)
    }

    /// Whether the body is one JSON object, also where nobody has scanned it.
    pub(crate) fn is_object(&self) -> bool {
        match dpone_json::get(&self.body, &Path::default(), None) {
            Ok(Some((Kind::Object, span))) => {
                dpone_json::is_blank(self.body.get(span.end as usize..).unwrap_or_default())
            }
            _ => false,
        }
    }

    /// An error object in a body that nobody may have scanned, where it is JSON.
    pub(crate) fn refuse_error_of_any(&self, holds: Holds) -> Result<(), Error> {
        if self.is_object() { self.refuse_error(None, holds, &Path::default()) } else { Ok(()) }
    }

    /// An error object in a body that was scanned. `records` is the span of its records, and `path` leads
    /// there.
    pub(crate) fn refuse_error(&self, records: Option<Span>, holds: Holds, path: &Path) -> Result<(), Error> {
        let holder = path.segments().first().filter(|_| path.segments().len() > 1).map(String::as_str);
        let found = error_object::find(&self.body, error_object::Page { records, holder, ..self.page(holds) });
        found.map_or(Ok(()), |found| Err(self.error_object(&self.body, &found, found.key.clone())))
    }

    /// A list that is the whole answer, with an error for its only row.
    pub(crate) fn refuse_error_row(&self, records: &Records) -> Result<(), Error> {
        let [record] = records.records.as_slice() else { return Ok(()) };
        let row = record.span.of(&self.body);
        let found = error_object::find(row, self.page(Holds::RootRow));
        found.map_or(Ok(()), |found| Err(self.error_object(row, &found, format!("0.{}", found.key))))
    }

    /// The same for the object at a path.
    pub(crate) fn refuse_error_at(&self, path: &Path) -> Result<(), Error> {
        let Some((Kind::Object, span)) = self.at(path)? else { return Ok(()) };
        let body = span.of(&self.body);
        let holds = path.segments().last().map_or(Holds::NothingBelow, |name| Holds::nothing_below(name));
        let found = error_object::find(body, self.page(holds));
        found.map_or(Ok(()), |found| Err(self.error_object(body, &found, format!("{path}.{}", found.key))))
    }

    fn page(&self, holds: Holds) -> error_object::Page<'_> {
        let asked = Asked { url: &self.place.url, body: &self.request_body };
        error_object::Page { holds, records: None, holder: None, asked }
    }

    fn error_object(&self, body: &[u8], found: &ErrorObject, key: String) -> Error {
        let scanner = lock(&self.scanner);
        let value = scanner.quote(found.span.of(body));
        let message = found.message.map_or_else(String::new, |span| format!(": {}", scanner.quote(span.of(body))));
        Error::ErrorObject { page: self.place.clone(), key, excerpt: value + &message }
    }

    /// An answer without a body, where the status does not say that there is nothing.
    pub(crate) fn refuse_empty_body(&self) -> Result<(), Error> {
        match self.is_blank() && !matches!(self.status, 204 | 205) {
            true => Err(Error::EmptyBody { page: self.place.clone(), status: self.status }),
            false => Ok(()),
        }
    }

    /// Whether the list that stands there has nothing in it.
    pub(crate) fn is_empty_at(&self, list: Span) -> bool {
        let inner = list.of(&self.body).strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
        inner.is_some_and(|inner| inner.trim_ascii().is_empty())
    }

    /// The value at a path.
    pub(crate) fn at(&self, path: &Path) -> Result<Option<(Kind, Span)>, Error> {
        self.one(path, dpone_json::get(&self.body, path, None))
    }

    /// The answer to a look-up, where there is one reading of it.
    fn one<T>(&self, path: &Path, found: Lookup<T>) -> Result<Option<T>, Error> {
        found.map_err(|twice| self.twice(&self.body, path.prefix(twice.segment + 1).to_string(), twice))
    }

    fn twice(&self, body: &[u8], path: String, twice: TwiceOnPath) -> Error {
        let scanner = lock(&self.scanner);
        let quoted = |span: Span| scanner.quote(span.of(body));
        Error::RepeatedName {
            page: self.place.clone(),
            path,
            first: quoted(twice.first),
            first_at: twice.first.start,
            second: quoted(twice.second),
            second_at: twice.second.start,
        }
    }

    fn note(&self, path: &Path, was_there: bool, may_lead_on: bool) {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).path(path, was_there, may_lead_on);
    }

    pub(crate) fn place(&self) -> &PagePlace {
        &self.place
    }

    /// The value at a records path, and the records: those that are known already if the prediction held.
    pub(crate) fn records(&self, path: &str) -> Result<(Found, Records), Report> {
        let taken = self.scanned.lock().unwrap_or_else(PoisonError::into_inner).take();
        let scanned = match taken {
            Some(Err(report)) => return Err(report),
            Some(Ok(scanned)) if Path::parse(&scanned.path) == Path::parse(path) => scanned,
            _ => scan(&self.scanner, &self.place, &self.body, path)?,
        };
        Ok((scanned.found, scanned.records))
    }

    /// A digest of the records at the predicted path, where the page was scanned for them.
    pub(crate) fn predicted_digest(&self) -> Option<u128> {
        let scanned = self.scanned.lock().unwrap_or_else(PoisonError::into_inner);
        let scanned = scanned.as_ref()?.as_ref().ok()?;
        repeats::digest(&self.body, &scanned.records)
    }

    /// Calls `ask` with the scan, which is made now if it was not before.
    fn with_scan<T>(&self, ask: impl FnOnce(&Scanned) -> T) -> Result<T, Report> {
        let mut scanned = self.scanned.lock().unwrap_or_else(PoisonError::into_inner);
        let result = scanned
            .get_or_insert_with(|| scan(&self.scanner, &self.place, &self.body, &self.predicted).map_err(Report::from));
        result.as_ref().map(ask).map_err(Clone::clone)
    }
}

impl Scanned {
    /// The array that holds the records, which lookups may jump over.
    fn array(&self) -> Option<Span> {
        match self.found {
            Found::Array(span) => Some(span),
            _ => None,
        }
    }
}

impl PageView for ResponseView {
    fn status(&self) -> u16 {
        self.status
    }

    fn header(&self, name: &str) -> Vec<String> {
        let values = self.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        let values: Vec<String> = values.map(|(_, value)| value.clone()).collect();
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).header(name, &values);
        values
    }

    fn url(&self) -> &str {
        &self.shown_url
    }

    fn get(&self, path: &str) -> Result<Option<String>, Report> {
        let path = Path::parse(path);
        let span = self.with_scan(|scanned| dpone_json::get(&self.body, &path, scanned.array()))?;
        let span = self.one(&path, span)?;
        self.note(&path, span.is_some(), true);
        Ok(span.map(|(_, span)| text(&self.body, span)))
    }

    fn count(&self, path: &str) -> Result<Option<u32>, Report> {
        let path = Path::parse(path);
        let count = self.with_scan(|scanned| {
            let known = scanned.array().map(|span| (span, scanned.records.len() as u32));
            let count = dpone_json::count(&self.body, &path, known)?;
            let value = if count == Some(1) { dpone_json::get(&self.body, &path, scanned.array())? } else { None };
            let is_empty = value.is_some_and(|(_, span)| is_empty_list(&self.body, &path, span));
            Ok(if is_empty { Some(0) } else { count })
        })?;
        let count = self.one(&path, count)?;
        self.note(&path, count.is_some(), false);
        Ok(count)
    }

    fn last(&self, path: &str) -> Result<Option<String>, Report> {
        let path = Path::parse(path);
        let span = self.with_scan(|scanned| {
            let last = scanned.records.records.last().map(|record| record.span);
            let last = dpone_json::last(&self.body, &path, scanned.array().zip(last))?;
            Ok(last.filter(|last| !is_empty_list(&self.body, &path, *last)))
        })?;
        let span = self.one(&path, span)?;
        self.note(&path, span.is_some(), true);
        Ok(span.map(|span| text(&self.body, span)))
    }

    fn body(&self) -> &[u8] {
        &self.body
    }
}

/// The records of a page that was walked before: of its body at `records_path`, or of the NDJSON
/// that its extractor made (`records_path` is `None`).
pub fn rescan(
    scanner: &SharedScanner,
    place: &PagePlace,
    body: &[u8],
    records_path: Option<&str>,
) -> Result<Records, Report> {
    let Some(path) = records_path else {
        return Ok(scan_lines(scanner, body).map_err(|error| scan_error(scanner, place, body, error))?);
    };
    let scanned = scan(scanner, place, body, path)?;
    match Error::not_records(place, path, &scanned.found) {
        Some(error) => Err(error.into()),
        None => Ok(scanned.records),
    }
}

/// The records of NDJSON that an extractor made.
pub(crate) fn scan_lines(scanner: &SharedScanner, lines: &[u8]) -> Result<Records, ScanError> {
    let mut records = Records::default();
    lock(scanner).scan_ndjson(lines, &mut records).map(|()| records)
}

fn scan_error(scanner: &SharedScanner, place: &PagePlace, body: &[u8], error: ScanError) -> Error {
    let near = lock(scanner).excerpt(body, error.offset);
    Error::scan(place, &near, error)
}

fn scan(scanner: &SharedScanner, place: &PagePlace, body: &[u8], path: &str) -> Result<Scanned, Error> {
    let mut records = Records::default();
    if dpone_json::is_blank(body) {
        return Ok(Scanned { path: path.to_owned(), found: Found::Null, records });
    }
    let scanned = lock(scanner).scan(body, &Path::parse(path), &mut records);
    let mut found = scanned.map_err(|error| scan_error(scanner, place, body, error))?;
    if let Found::Object(span) = found
        && is_empty_list(body, &Path::parse(path), span)
    {
        records.clear();
        found = Found::Null;
    }
    Ok(Scanned { path: path.to_owned(), found, records })
}

/// An object without members below the root: languages whose lists and maps are one type, such as PHP,
/// write an empty list so. An empty object that is the whole answer may be a record.
fn is_empty_list(body: &[u8], path: &Path, span: Span) -> bool {
    let inner = span.of(body).strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    !path.is_root() && inner.is_some_and(|inner| inner.trim_ascii().is_empty())
}

/// JSON text; the body was validated, so it is UTF-8.
fn text(body: &[u8], span: Span) -> String {
    String::from_utf8_lossy(span.of(body)).into_owned()
}
