//! The REST source: which request is sent, what a plugin may vary of it, and the walk over pages.
//!
//! ```text
//! Template   manifest's URL, parameters and body on the connection's origin     template.rs
//!   + edit   what an extractor asks for, as far as the request rules allow      rules.rs
//!   └─ Walk  page after page; the next request is under way before a page is    walk.rs
//!            handed out, so that fetching and working overlap
//!        ├─ view.rs      what the extractor may ask of a page, with one scan
//!        ├─ error_object.rs, repeats.rs   answers that are no page: an error with status 200, a
//!        │                 page that came before
//!        └─ looked_at.rs   paths that no answer ever had, at which a walk ended
//! Batch                  a page's records as transforms and checks read them  batch.rs
//! BoundaryFilter         rows outside the boundary or already loaded go, and     boundary.rs
//!                        the new watermark is found; rows that may not move it  unplaced.rs
//! ```
//! Credentials never pass through here as text: they are attached by the client on the way out,
//! and only for the connection's own origin. What a signer wants to have computed of a secret is
//! computed in signing.rs, for each attempt.

mod batch;
mod boundary;
mod digests;
mod error;
mod error_object;
mod first;
mod likely_times;
mod looked_at;
mod overview;
mod page;
mod position;
mod probe;
pub mod readings;
mod repeats;
mod request;
mod rules;
mod seen;
mod signing;
mod single;
mod slices;
mod template;
mod unit;
mod unplaced;
mod view;
mod walk;

pub use batch::{Batch, scan_output};
pub use boundary::{BoundaryFilter, Filtered};
pub use dpone_model::PagePlace;
pub use error::Error;
pub use first::first_request;
pub use looked_at::add_seen;
pub use overview::Overview;
pub use page::{Page, Walked};
pub use probe::{ProbeResult, probe};
pub use request::client_config;
pub use signing::Signing;
pub use single::SinglePage;
pub use slices::{ListConfig, list_slices};
pub use template::{MovedOrigin, Template, moved_origin, resolved_url};
pub use unplaced::{Ahead, LooksLike};
pub use view::{ResponseView, rescan};
pub use walk::{ResumeFrom, SliceRequest, Walk, WalkConfig};

/// The run's scanner: its table of names and its predictions serve all pages of a run.
pub type SharedScanner = std::sync::Arc<std::sync::Mutex<dpone_json::Scanner>>;

/// The scanner, also after a panic elsewhere: its state changes the speed, never a result.
pub(crate) fn lock(scanner: &SharedScanner) -> std::sync::MutexGuard<'_, dpone_json::Scanner> {
    scanner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
