//! Errors of a source's answers, and of requests that an extractor may not make.

use dpone_json::{Found, ScanError, ScanErrorKind};
use dpone_model::codes::{connection, internal, manifest, plugin, quality, source, state};
use dpone_model::human::names;
use dpone_model::plugin::Identity;
use dpone_model::{Code, Failure, Kind, PagePlace, Place, Report};
use thiserror::Error;

#[derive(Debug, Clone, Error)]
pub enum Error {
    #[error("`{url}` is no absolute URL, and connection {connection} has no base_url")]
    NoBaseUrl { url: String, connection: String },
    #[error("`{url}` is no HTTP URL")]
    BadUrl { url: String },
    #[error("the URL's path `{path}` is not below `{base}`, the path of connection {connection}'s base_url")]
    OutsideBase { path: String, base: String, connection: String },
    #[error("the URL's path `{path}` has {reason}, below the base_url of connection {connection}")]
    UnclearPath { path: String, reason: &'static str, connection: String },
    #[error("the URL of connection {connection} holds a user name or password")]
    UrlCredentials { connection: String },
    #[error("`allow_origins` has `{text}`, which is no origin such as https://api.example.com")]
    BadOrigin { text: String },
    #[error("header `{name}` cannot be set in the manifest: {reason}")]
    ManifestHeader { name: String, reason: &'static str },

    #[error("{message}")]
    NotJson { page: PagePlace, offset: u64, record: Option<u64>, message: String, kind: ScanErrorKind },
    #[error("records path `{path}` is not in the page")]
    RecordsPath { page: PagePlace, path: String, reached: String, keys: Vec<String> },
    #[error("records path `{path}` holds {}, no array and no object", kind_text(*.kind))]
    RecordsKind { page: PagePlace, path: String, kind: Kind },

    #[error(
        "`{path}` is ambiguous, because its last name occurs twice: {first} at byte {first_at}, {second} at byte {second_at}"
    )]
    RepeatedName { page: PagePlace, path: String, first: String, first_at: u32, second: String, second_at: u32 },
    #[error("the next request is one that was already sent: {url}")]
    Repeated { page: PagePlace, url: String },
    #[error("{}", repeated_page_text(.page, .earlier, *.pages))]
    RepeatedPage { page: PagePlace, earlier: PagePlace, pages: usize },
    #[error("the API reported an error in `{key}`: {excerpt}")]
    ErrorObject { page: PagePlace, key: String, excerpt: String },
    #[error("the page was answered {status} with an empty body")]
    EmptyBody { page: PagePlace, status: u16 },
    #[error("the walk ended because of `{path}`, which no answer of this pipeline ever had")]
    NeverSeen { page: PagePlace, path: String, here: String },
    #[error("the walk ended because `{path}` is missing, which the last page of every earlier walk had")]
    NotAtEnd { page: PagePlace, path: String, here: String },
    #[error("the walk ended because `{path}` is missing, and the page has `{found}` with a value in its place")]
    Renamed { page: PagePlace, path: String, found: String },
    #[error("the stored response cursor cannot be read: {cause}")]
    ResponseCursor { cause: String },
    #[error("the walk reached max_pages of {limit} and the API has more")]
    MaxPages { page: PagePlace, limit: u64 },
    #[error("{count} empty pages in a row, more than max_empty_pages of {limit}")]
    EmptyPages { page: PagePlace, count: u32, limit: u32 },
    #[error("the page leads to {origin}, which is not the connection's origin {own}")]
    OtherOrigin { page: PagePlace, origin: String, own: String },
    #[error("plugin {extractor} asked for {what}")]
    RequestRefused { page: PagePlace, extractor: String, what: String, hint: &'static str },
    #[error("plugin {extractor} asked for the secret `{name}`, which it was not granted")]
    SecretRefused { page: PagePlace, extractor: String, name: String },
    #[error("the list of slices: {message}")]
    SliceList { page: u64, plugin: Place, message: String },
    #[error("page {page}: the extractor's records: {message}")]
    ExtractorOutput { page: u64, plugin: Place, message: String },

    #[error("cursor field `{field}` {problem}")]
    CursorField { page: PagePlace, record: u64, field: String, problem: String, hint: Option<String> },
    #[error("cursor field `{field}` {problem}")]
    CursorUnit { page: PagePlace, record: u64, field: String, problem: String, hint: String },
    #[error(
        "all {rows} rows lie ahead of the run's start by more than `max_future`, up to `{greatest}`, so none can move the watermark"
    )]
    AllAhead { rows: u64, greatest: String, first: Place },
    #[error(
        "none of the run's {rows} records has the cursor field `{field}`, so `on_missing: drop` leaves out all of them"
    )]
    NoCursorField { rows: u64, field: String, first: Box<Place>, fields: Vec<String> },
    #[error("cursor field `{field}` occurs twice in the record")]
    CursorTwice { page: PagePlace, record: u64, field: String },
    #[error("cursor field `{field}` cannot be tracked: {cause}")]
    Names { field: String, cause: &'static str },
    #[error("the request task ended: {cause}")]
    Task { page: PagePlace, cause: String },
}

impl Error {
    /// An error of a scan; `near` is what stands around it.
    pub(crate) fn scan(page: &PagePlace, near: &str, error: ScanError) -> Self {
        let message = match &error.kind {
            ScanErrorKind::Syntax(what) => {
                format!("the page is not JSON: {what}, near `{near}`")
            }
            ScanErrorKind::NotAnObject(kind) => format!("a record is {}, not an object", kind_text(*kind)),
            _ => error.to_string(),
        };
        Self::NotJson {
            page: page.clone(),
            offset: error.offset as u64,
            record: error.record.map(u64::from),
            message,
            kind: error.kind,
        }
    }

    /// An error of a scan in what an extractor gave as the page's records.
    pub(crate) fn extractor_output(page: &PagePlace, extractor: &Identity, near: &str, error: &ScanError) -> Self {
        Self::ExtractorOutput { page: page.page, plugin: extractor.place(), message: format!("{error} near `{near}`") }
    }

    /// An error where the records path has no records; `None` where it has some.
    pub(crate) fn not_records(page: &PagePlace, path: &str, found: &Found) -> Option<Self> {
        let (page, path) = (page.clone(), if path.is_empty() { "." } else { path }.to_owned());
        Some(match found {
            Found::Array(_) | Found::Object(_) => return None,
            Found::Null => Self::RecordsKind { page, path, kind: Kind::Null },
            Found::Other(kind) => Self::RecordsKind { page, path, kind: *kind },
            Found::Missing { reached, keys } => {
                Self::RecordsPath { page, path, reached: reached.clone(), keys: keys.clone() }
            }
        })
    }
}

impl Failure for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::NoBaseUrl { .. } => &connection::INCOMPLETE,
            Self::BadUrl { .. }
            | Self::OutsideBase { .. }
            | Self::UnclearPath { .. }
            | Self::UrlCredentials { .. }
            | Self::BadOrigin { .. }
            | Self::ManifestHeader { .. } => &manifest::INVALID_VALUE,
            Self::NotJson { kind, .. } => match kind {
                ScanErrorKind::TooDeep => &source::TOO_DEEP,
                ScanErrorKind::TooManyNames => &source::TOO_MANY_NAMES,
                ScanErrorKind::NotAnObject(_) => &source::RECORD_NOT_OBJECT,
                ScanErrorKind::RepeatedOnPath => &source::REPEATED_NAME,
                _ => &source::NOT_JSON,
            },
            Self::RecordsPath { .. } | Self::RecordsKind { .. } => &source::RECORDS_PATH,
            Self::RepeatedName { .. } => &source::REPEATED_NAME,
            Self::Repeated { .. } => &source::REPEATED_CURSOR,
            Self::RepeatedPage { .. } => &source::REPEATED_PAGE,
            Self::ErrorObject { .. } => &source::ERROR_OBJECT,
            Self::EmptyBody { .. } => &source::EMPTY_BODY,
            Self::NeverSeen { .. } | Self::NotAtEnd { .. } | Self::Renamed { .. } => &source::NEVER_SEEN,
            Self::ResponseCursor { .. } => &state::RESPONSE_CURSOR,
            Self::MaxPages { .. } => &source::MAX_PAGES,
            Self::EmptyPages { .. } => &source::EMPTY_PAGES,
            Self::OtherOrigin { .. } => &source::OTHER_ORIGIN,
            Self::RequestRefused { .. } => &plugin::REQUEST_REFUSED,
            Self::SecretRefused { .. } => &plugin::NOT_GRANTED,
            Self::ExtractorOutput { .. } | Self::SliceList { .. } => &plugin::BAD_OUTPUT,
            Self::CursorField { .. } | Self::NoCursorField { .. } => &source::CURSOR_FIELD,
            Self::CursorUnit { .. } => &source::CURSOR_UNIT,
            Self::AllAhead { .. } => &source::ALL_AHEAD,
            Self::CursorTwice { .. } => &quality::DUPLICATE_FIELD,
            Self::Names { .. } => &source::TOO_MANY_NAMES,
            Self::Task { .. } => &internal::BUG,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::NoBaseUrl { connection, .. }
            | Self::OutsideBase { connection, .. }
            | Self::UnclearPath { connection, .. }
            | Self::UrlCredentials { connection } => {
                Some(Place::Named { what: "connection".into(), name: connection.clone() })
            }
            Self::BadUrl { .. }
            | Self::BadOrigin { .. }
            | Self::ManifestHeader { .. }
            | Self::Names { .. }
            | Self::ResponseCursor { .. } => None,
            Self::NotJson { page, offset, record, .. } => {
                Some(Place::Page { page: page.page, url: page.url.clone(), record: *record, offset: Some(*offset) })
            }
            Self::ExtractorOutput { plugin, .. } | Self::SliceList { plugin, .. } => Some(plugin.clone()),
            Self::CursorField { page, record, .. }
            | Self::CursorUnit { page, record, .. }
            | Self::CursorTwice { page, record, .. } => Some(page.record(*record)),
            Self::AllAhead { first, .. } => Some(first.clone()),
            Self::NoCursorField { first, .. } => Some(Place::clone(first)),
            Self::RecordsPath { page, .. }
            | Self::RecordsKind { page, .. }
            | Self::RepeatedName { page, .. }
            | Self::Repeated { page, .. }
            | Self::RepeatedPage { page, .. }
            | Self::ErrorObject { page, .. }
            | Self::EmptyBody { page, .. }
            | Self::NeverSeen { page, .. }
            | Self::NotAtEnd { page, .. }
            | Self::Renamed { page, .. }
            | Self::MaxPages { page, .. }
            | Self::EmptyPages { page, .. }
            | Self::OtherOrigin { page, .. }
            | Self::RequestRefused { page, .. }
            | Self::SecretRefused { page, .. }
            | Self::Task { page, .. } => Some(page.place()),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoBaseUrl { .. } => "give the connection a base_url, or write the whole URL in the manifest".into(),
            Self::OutsideBase { .. } => {
                "write `url` as a path, which is put behind base_url, or give the connection a base_url without one".into()
            }
            Self::UnclearPath { .. } => "servers read such a path in more than one way; write it without".into(),
            Self::UrlCredentials { .. } | Self::ManifestHeader { .. } => {
                "credentials belong to the connection's auth".into()
            }
            Self::RecordsPath { page, reached, keys, .. } => {
                let leaves_out = "; `on_missing_records: empty` is for APIs that leave an empty list out";
                format!("{}{}", keys_text(reached, keys), if page.page == 1 { leaves_out } else { "" })
            }
            Self::RepeatedName { .. } => {
                "readers disagree about which of the two counts; have the source send the name once".into()
            }
            Self::RepeatedPage { pages: 1, .. } => {
                "an API that repeats its last page needs `short_page: stop` or `max_pages`; one that gives every page \
                 again does not know the parameter that asks for the next one; `on_repeated_page: continue` is for rows that may rightly \
                 be the same"
                    .into()
            }
            Self::RepeatedPage { .. } => "the API goes in a circle; `max_pages` ends the walk before that, and \
                                          `on_repeated_page: continue` is for rows that may rightly be the same"
                .into(),
            Self::ErrorObject { .. } => {
                "run again later, or set `source.options.on_error_object: ignore` where the API always sends one".into()
            }
            Self::EmptyBody { .. } => {
                "run again later; only 204 and 205 mean an empty page, and a proxy may have cut this answer off".into()
            }
            Self::NeverSeen { here, .. } => format!("{here}; correct the path, or set `on_missing_cursor: warn`"),
            Self::NotAtEnd { here, .. } => format!(
                "{here}; correct the path, or set `on_missing_cursor: warn` where the API leaves it out at the end"
            ),
            Self::Renamed { found, .. } => format!("write `{found}` in its place"),
            Self::ResponseCursor { .. } => {
                "`dpone state reset` starts from the first page, which loads everything again".into()
            }
            Self::MaxPages { .. } => {
                "raise `pagination.max_pages`, or set `on_max_pages: stop` where a part is wanted".into()
            }
            Self::OtherOrigin { origin, own, .. } => dpone_egress::other_origin_hint(origin, own),
            Self::RequestRefused { hint, .. } => (*hint).into(),
            Self::CursorField { hint, .. } => return hint.clone(),
            Self::NoCursorField { fields, .. } => {
                let has = names(fields.iter().map(String::as_str));
                format!("the first record has {has}; correct `incremental.cursor_field`")
            }
            Self::CursorUnit { hint, .. } => hint.clone(),
            Self::AllAhead { .. } => "where the cursor holds times to come, such as due dates, set \
                                      `incremental.max_future: off`; else mend `cursor_field` or the source's clock"
                .into(),
            Self::SecretRefused { name, .. } => format!("add `{name}` to the plugin's `grants.secrets`"),
            _ => return None,
        })
    }
}

/// Where an extractor or slicer failed on a page: an error that blames the answer is at the page's place,
/// one of the plugin's own keeps the plugin's.
pub(crate) fn of_page(report: Report, page: &PagePlace) -> Report {
    if report.code() == &source::ANSWER { report.at(page.place()) } else { report.on_page(page.page) }
}

fn repeated_page_text(page: &PagePlace, earlier: &PagePlace, pages: usize) -> String {
    if pages == 1 {
        return format!(
            "page {} has the records of page {} again, which {} gave",
            page.page, earlier.page, earlier.url
        );
    }
    let ends = |last: u64| format!("{} to {last}", (last + 1).saturating_sub(pages as u64));
    let text = format!("pages {} have the records of pages {} again", ends(page.page), ends(earlier.page));
    if earlier.url.is_empty() { text } else { format!("{text}; page {} was {}", earlier.page, earlier.url) }
}

fn keys_text(reached: &str, keys: &[String]) -> String {
    let place = if reached.is_empty() { "the root".to_owned() } else { format!("`{reached}`") };
    if keys.is_empty() {
        return format!("{place} has no keys");
    }
    format!("{place} has {}", names(keys.iter().map(String::as_str)))
}

pub(crate) fn kind_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Missing => "nothing",
        Kind::Null => "null",
        Kind::False | Kind::True => "a boolean",
        Kind::Number => "a number",
        Kind::String => "a string",
        Kind::Array => "an array",
        Kind::Object => "an object",
    }
}
