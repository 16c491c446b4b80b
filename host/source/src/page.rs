//! One page of a walk, and what a resumed walk has to know of the pages before it.

use bytes::Bytes;
use dpone_model::plugin::{Ending, RequestEdit};
use dpone_model::{PagePlace, Records, WalkEnded};

/// One page, scanned.
#[derive(Debug)]
pub struct Page {
    /// From 1.
    pub number: u64,
    pub request: RequestEdit,
    /// The URL that answered, without secrets.
    pub url: String,
    pub status: u16,
    /// Without `Set-Cookie`.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// NDJSON that the extractor made; then `records` refers to it and not to `body`.
    pub records_body: Option<Bytes>,
    pub records: Records,
    /// Where the records are in `body`; `None` with `records_body`, or where the page holds none.
    pub records_path: Option<String>,
    /// The extractor's next request; `None` ends the walk.
    pub next: Option<RequestEdit>,
    /// Why it asks for nothing, where it says so.
    pub ended: Option<Ending>,
    /// Of the records as the source gave them; `None` where there are none.
    pub records_digest: Option<u128>,
    /// Paths, headers and relations of links that the extractor asked for, here for the first time.
    pub newly_seen: Vec<String>,
    /// How the walk ended with this page, where no limit cut it short.
    pub walk_ended: Option<WalkEnded>,
    /// The extractor's state after this page.
    pub state: Vec<u8>,
    /// Attempts that the request took.
    pub attempts: u32,
}

impl Page {
    pub fn place(&self) -> PagePlace {
        PagePlace::new(self.number, self.url.clone())
    }

    /// The bytes that `records` refers to.
    pub fn records_bytes(&self) -> &Bytes {
        self.records_body.as_ref().unwrap_or(&self.body)
    }
}

/// A page that an earlier attempt journalled.
#[derive(Debug, Clone)]
pub struct Walked<'a> {
    pub request: &'a RequestEdit,
    /// The URL that answered.
    pub url: &'a str,
    pub body: &'a [u8],
    /// Where it had a list of records.
    pub records_path: Option<&'a str>,
    pub records_digest: Option<u128>,
    pub newly_seen: &'a [String],
}

/// The names in a page that has a list of records, at each level above that list. They tell a later
/// page that leaves an empty list out from an answer that is no page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shape(Vec<(String, Vec<String>)>);

impl Shape {
    pub(crate) fn of(body: &[u8], records_path: &str) -> Self {
        let path = dpone_json::Path::parse(records_path);
        // `reached` of a path that is there gives the level above its last name.
        Self((1..=path.segments().len()).map(|count| dpone_json::reached(body, &path.prefix(count))).collect())
    }

    /// Whether the level `reached` had all of these names.
    pub(crate) fn has_all(&self, reached: &str, names: &[String]) -> bool {
        let level = self.0.iter().find(|(path, _)| path == reached);
        level.is_some_and(|(_, known)| names.iter().all(|name| known.contains(name)))
    }
}
