//! Extractors: which request comes next, and where a page's records are.

use crate::{Error, Page};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Walks a paginated API. The host sends the requests; an extractor never does.
pub trait Extractor: Sized {
    /// JSON Schema (draft 2020-12) of [`Self::Options`]. The host checks the manifest against it,
    /// so it should refuse unknown keys (`"additionalProperties": false`).
    const OPTIONS_SCHEMA: &'static str;
    /// The manifest's `with` block.
    type Options: DeserializeOwned;
    /// What lasts from call to call; `()` where nothing has to.
    type State: Serialize + DeserializeOwned + Default;

    /// `records_path` is `source.options.records_path`; empty is the root.
    fn new(options: Self::Options, records_path: &str) -> Result<Self, Error>;

    /// The first request.
    fn start(&self) -> Result<Step<Self::State>, Error>;

    /// What the page holds, and the request after it.
    fn next(&self, page: &Page, state: Self::State) -> Result<Step<Self::State>, Error>;

    /// Up to `n` requests that will follow the one asked for last, where they do not depend on the
    /// answers. The host may then send them early; it still hands over the pages in order.
    fn ahead(&self, state: Self::State, n: u32) -> Result<Vec<Request>, Error> {
        let _ = (state, n);
        Ok(Vec::new())
    }
}

/// An extractor's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<S> {
    pub records: Records,
    /// `None` ends the walk.
    pub next: Option<Request>,
    pub state: S,
}

impl<S> Step<S> {
    /// The walk's first request.
    pub fn first(request: Request, state: S) -> Self {
        Self { records: Records::None, next: Some(request), state }
    }

    /// A page that another one follows.
    pub fn more(records: Records, request: Request, state: S) -> Self {
        Self { records, next: Some(request), state }
    }

    /// The walk's last page.
    pub fn last(records: Records, state: S) -> Self {
        Self { records, next: None, state }
    }
}

/// Where a page's records are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// This page holds none.
    None,
    /// The array (or single object) at this dotted path of the JSON body; empty is the root.
    At(String),
    /// The records themselves as NDJSON, for pages that are not JSON.
    Bytes(Vec<u8>),
}

/// What differs from the manifest's own request; what is unset stays as the manifest has it.
///
/// Query parameters, body fields and a server-given URL under the manifest's origin and path are
/// always allowed; headers, another method and another path need a grant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    pub url: Option<String>,
    pub query: Vec<(String, RequestValue)>,
    pub body: Vec<(String, RequestValue)>,
    pub headers: Vec<(String, RequestValue)>,
    pub method: Option<String>,
    pub path: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestValue {
    Text(String),
    /// The name of a granted secret; the host fills it in and never shows it.
    Secret(String),
}

impl From<&str> for RequestValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for RequestValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Request {
    /// The manifest's request as it stands.
    pub fn unchanged() -> Self {
        Self::default()
    }

    /// A URL that the server gave, absolute or relative to the page's own. It replaces the
    /// manifest's URL and query.
    pub fn to_url(url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..Self::default() }
    }

    /// Sets a query parameter, replacing those of the same name.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Into<RequestValue>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Sets a top-level field of the JSON body; `json` is JSON text.
    #[must_use]
    pub fn body(mut self, name: &str, json: impl Into<RequestValue>) -> Self {
        self.body.push((name.to_owned(), json.into()));
        self
    }

    /// Sets a header. Needs a grant.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<RequestValue>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Another method. Needs a grant.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Another path. Needs a grant.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }
}
