//! Extractors: which request comes next, and where a page's records are.

use crate::{Error, Kind, Page, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Walks a paginated API. The host sends the requests; an extractor never does.
pub trait Extractor: Sized {
    /// JSON Schema (draft 2020-12) of [`Self::Options`]. The host checks the manifest against it,
    /// so it should refuse unknown keys (`"additionalProperties": false`).
    const OPTIONS_SCHEMA: &'static str;
    /// The manifest's `with` block.
    type Options: DeserializeOwned;
    /// State from call to call; `()` where nothing has to last.
    type State: Serialize + DeserializeOwned + Default;

    /// `records_path` is `source.options.records_path`; empty is the root.
    fn new(options: Self::Options, records_path: &str) -> Result<Self, Error>;

    /// The first request.
    fn start(&self) -> Result<Step<Self::State>, Error>;

    /// The records of the page, and the request after it.
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
    /// Why the walk ends.
    pub ended: Option<Ending>,
    pub state: S,
}

/// Why a walk ends, for the person who wonders whether that was all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// A short name in kebab case, such as `cursor-null`.
    pub reason: String,
    /// One line with the particulars.
    pub message: String,
    /// The dotted path that was null, empty or missing, or `header NAME`. Where no answer ever had
    /// it, the host warns that it may be misspelt.
    pub looked_at: Option<String>,
}

impl Ending {
    pub fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into(), looked_at: None }
    }

    /// That the value at `path` leads nowhere: it is missing, null, `false`, zero or empty text. `None`
    /// for any other value. `what` names it: a `cursor` gives reasons such as `cursor-null`.
    pub fn of_value(what: &str, path: &str, value: Value<'_>) -> Option<Self> {
        let (reason, is) = match value.kind() {
            Kind::Missing => ("missing", "is not in the page"),
            Kind::Null => ("null", "is null"),
            Kind::False => ("false", "is false"),
            Kind::Number if is_zero(value.json()) => ("zero", "is 0"),
            Kind::String if value.json() == "\"\"" => ("empty", "is an empty text"),
            _ => return None,
        };
        Some(Self::new(&format!("{what}-{reason}"), format!("`{path}` {is}")).looked_at(path))
    }

    /// Names what decided: a dotted path, `header NAME`, or `link RELATION` of the Link header.
    #[must_use]
    pub fn looked_at(mut self, what: impl Into<String>) -> Self {
        self.looked_at = Some(what.into());
        self
    }
}

impl<S> Step<S> {
    /// The walk's first request.
    pub fn first(request: Request, state: S) -> Self {
        Self { records: Records::None, next: Some(request), ended: None, state }
    }

    /// A page that another one follows.
    pub fn more(records: Records, request: Request, state: S) -> Self {
        Self { records, next: Some(request), ended: None, state }
    }

    /// The walk's last page. [`Step::because`] says why it is.
    pub fn last(records: Records, state: S) -> Self {
        Self { records, next: None, ended: None, state }
    }

    #[must_use]
    pub fn because(mut self, ending: Ending) -> Self {
        self.ended = Some(ending);
        self
    }
}

/// Whether the text of a JSON number is zero in any of its spellings, such as `-0.0`.
fn is_zero(number: &str) -> bool {
    let digits = number.split(['e', 'E']).next().unwrap_or_default();
    digits.bytes().all(|byte| matches!(byte, b'0' | b'.' | b'-'))
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

/// The difference from the manifest's own request; unset parts stay as the manifest has them.
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
    pub may_be_past_end: bool,
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

    /// The request may ask for more than the API has: a 404 or 400 to it ends the walk as an empty
    /// page would.
    #[must_use]
    pub fn may_be_past_end(mut self) -> Self {
        self.may_be_past_end = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_lead_nowhere() {
        for (json, reason) in [
            ("", Some("cursor-missing")),
            ("null", Some("cursor-null")),
            ("false", Some("cursor-false")),
            ("0", Some("cursor-zero")),
            ("-0.0", Some("cursor-zero")),
            ("0e7", Some("cursor-zero")),
            (r#""""#, Some("cursor-empty")),
            ("10", None),
            ("0.1", None),
            (r#""0""#, None),
            ("true", None),
            ("{}", None),
            ("[]", None),
        ] {
            let ending = Ending::of_value("cursor", "meta.next", Value::of_json(json));
            assert_eq!(ending.as_ref().map(|ending| ending.reason.as_str()), reason, "{json}");
            assert!(ending.is_none_or(|ending| ending.looked_at.as_deref() == Some("meta.next")));
        }
    }
}
