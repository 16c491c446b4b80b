//! How a walk over an API's pages ended, as the run artifact, the journal and the summary say it.

use serde::{Deserialize, Serialize};

/// Why no further page was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkEnded {
    /// A stable word in kebab case, such as `cursor-null`; those of the host are constants here.
    pub reason: String,
    /// The page that said so, from 1; 0 where there was none.
    pub page: u64,
    /// One line with the particulars.
    pub message: String,
    /// The dotted path that was null, empty or missing; or `header NAME`, or `link RELATION`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where no answer of the pipeline ever had that path: the names that the last page has in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never_seen: Option<String>,
}

impl WalkEnded {
    /// The extractor gave no next request and no reason.
    pub const NO_NEXT_REQUEST: &'static str = "no-next-request";
    /// No pagination: there is one request.
    pub const SINGLE_REQUEST: &'static str = "single-request";
    /// The request behind a short page was answered 404 or 400.
    pub const PAST_END: &'static str = "past-end";
    /// A successful answer without a body.
    pub const NO_CONTENT: &'static str = "no-content";
    /// All rows of a page lie beyond the boundary, and the manifest promises that the API sorts.
    pub const BOUNDARY: &'static str = "boundary";
    /// `pagination.max_pages` with `on_max_pages: stop`.
    pub const MAX_PAGES: &'static str = "max-pages";
    /// `--max-pages`.
    pub const MAX_PAGES_OF_RUN: &'static str = "max-pages-of-run";
    /// A load that is cut: each slice ended by itself.
    pub const SLICES: &'static str = "slices";

    pub fn new(reason: &str, page: u64, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), page, message: message.into(), path: None, never_seen: None }
    }

    /// Whether a page limit ended the walk: the API had more pages.
    pub fn is_truncated(&self) -> bool {
        [Self::MAX_PAGES, Self::MAX_PAGES_OF_RUN].contains(&self.reason.as_str())
    }

    /// The warning that the path may be misspelt, where no answer ever had it.
    pub fn warning(&self) -> Option<String> {
        let (path, here) = (self.path.as_ref()?, self.never_seen.as_ref()?);
        Some(format!(
            "the walk ended at page {} because of `{path}`, which no answer of this pipeline ever had ({here}): if it is \
             misspelt, all later pages are missing; `pagination.on_missing_cursor: fail` makes this an error",
            self.page
        ))
    }
}
