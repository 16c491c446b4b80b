//! The page journal: staging, resume, replay and delivery of the same bytes after a crash.
//!
//! A run appends each page as it arrives (request, response head, body, index, the extractor's
//! state) to segment files under `.dpone/journal/<pipeline>/<run_id>/`; folders are 0700, files
//! 0600. Beside the segments lie `head.json` (what the run was started with), `progress.json` (how
//! far it came) and `lock` (one process a run).
//!
//! Segments are preallocated, and recycled from finished runs, because overwriting written blocks
//! costs a third of writing new ones. So each entry says under its checksum whose it is (run,
//! slice, segment, sequence) and which entry came before it: a torn tail is cut, and an entry of an
//! earlier run or an earlier attempt is never taken for one of this. A run that stops before it is done
//! keeps as much room as its pages take; one that is killed is trimmed by whoever meets its journal next.
//!
//! The journal is never needed for correctness, only for time: a run whose journal is gone starts
//! from the committed state. All calls block; callers on an async runtime move them off it.

mod disk;
mod entry;
mod error;
mod head;
mod journals;
mod pool;
mod reader;
mod recover;
mod syncer;
mod writer;

pub use entry::{Change, PageEntry, PageIndex};
pub use error::Error;
pub use head::{Bodies, Head, Outcome, Progress, Status, StoredFailure, Summary};
pub use journals::{Activity, Journals, PurgeFilter, Purged};
pub use reader::Reader;
pub use writer::{Limits, Writer};
