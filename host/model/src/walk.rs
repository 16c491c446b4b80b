//! How a walk over an API's pages ended, as the run artifact, the journal and the summary say it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Why no further page was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WalkEnded {
    /// A stable word in kebab case, such as `cursor-null`; those of the host are constants here.
    pub reason: String,
    /// The page that said so, from 1; 0 where there was none.
    pub page: u64,
    /// One line with the particulars.
    pub message: String,
    /// The dotted path that was null, empty or missing; or `header NAME`, or `link RELATION`. Where the
    /// extractor does not say, the only one that it asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where no answer of the pipeline ever had that path: the names that the last page has in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never_seen: Option<String>,
    /// Whether the last page had that path, with null or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_was_there: Option<bool>,
    /// Where it had not, and the last page of every earlier walk had: the names that stand in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub had_before: Option<String>,
}

/// How earlier walks of the pipeline ended, by path, header or relation of links.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WalkEnds {
    /// Paths that the last page of some walk had.
    #[serde(default)]
    with: BTreeSet<String>,
    /// Paths that it had not, although an earlier page of the same load had: this API leaves them out.
    #[serde(default)]
    without: BTreeSet<String>,
}

impl WalkEnds {
    /// Paths that are kept of each kind: state is bounded, and a plugin may ask for anything.
    const MAX: usize = 256;

    pub fn is_empty(&self) -> bool {
        self.with.is_empty() && self.without.is_empty()
    }

    /// Learns how a walk ended. `is_known` is whether other walks of the load had the path.
    pub fn note(&mut self, ended: &WalkEnded, is_known: bool) {
        let (Some(path), Some(was_there)) = (&ended.path, ended.path_was_there) else { return };
        let set = match was_there {
            true => &mut self.with,
            // Of a single page nobody can say whether the API left the path out or has renamed it.
            false if is_known || ended.shows_path() => &mut self.without,
            false => return,
        };
        if set.len() < Self::MAX {
            set.insert(path.clone());
        }
    }

    /// Whether a walk that ends without this path ends as no earlier one did.
    pub fn is_new_without(&self, path: &str) -> bool {
        self.with.contains(path) && !self.without.contains(path)
    }
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
        Self { reason: reason.to_owned(), page, message: message.into(), ..Self::default() }
    }

    /// Whether a page limit ended the walk: the API had more pages.
    pub fn is_truncated(&self) -> bool {
        [Self::MAX_PAGES, Self::MAX_PAGES_OF_RUN].contains(&self.reason.as_str())
    }

    /// Whether some page of the walk had the path: the last one, or one that led on by it.
    pub fn shows_path(&self) -> bool {
        self.path_was_there.is_some_and(|was_there| was_there || self.page > 1)
    }

    /// The warning that the path may be misspelt, where no answer ever had it, or have another name now.
    pub fn warning(&self) -> Option<String> {
        let path = self.path.as_ref()?;
        if let Some(here) = &self.had_before {
            return Some(format!(
                "the walk ended at page {} without `{path}`, which the last page of every earlier walk had ({here}): if \
                 the API has renamed it, all later pages are missing; `pagination.on_missing_cursor: fail` makes this \
                 an error",
                self.page
            ));
        }
        let here = self.never_seen.as_ref()?;
        Some(format!(
            "the walk ended at page {} because of `{path}`, which no answer of this pipeline ever had ({here}): if it is \
             misspelt, all later pages are missing; `pagination.on_missing_cursor: fail` makes this an error",
            self.page
        ))
    }
}
