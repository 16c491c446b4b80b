//! Plugins for dpone in Rust.
//!
//! A plugin is handed data and hands data back: an [`Extractor`] says which request comes next and
//! where a page's records are, a [`Transform`] changes the records of a page, a [`Check`] observes
//! them and gives a verdict, a [`Slicer`] cuts a load into parts, a [`Signer`] says how a request
//! proves who asks. Implement one of the five, name the type in [`export!`], and build
//! for `wasm32-unknown-unknown` (no imports but dpone's own) or `wasm32-wasip2` (the standard
//! library works, and finds an empty world).
//!
//! ```
//! use dpone_sdk::{Batch, Check, Counts, Error, Verdict};
//!
//! #[derive(serde::Deserialize)]
//! struct Options {
//!     threshold: u64,
//! }
//!
//! struct MinRows(Options);
//!
//! impl Check for MinRows {
//!     const OPTIONS_SCHEMA: &'static str = r#"{
//!         "type": "object",
//!         "properties": { "threshold": { "type": "integer", "minimum": 0, "description": "Least number of rows." } },
//!         "required": ["threshold"],
//!         "additionalProperties": false
//!     }"#;
//!     type Options = Options;
//!     type State = ();
//!
//!     fn new(options: Options) -> Result<Self, Error> {
//!         Ok(Self(options))
//!     }
//!
//!     fn observe(&self, _: &Batch, _: &mut ()) -> Result<(), Error> {
//!         Ok(())
//!     }
//!
//!     fn finish(&self, counts: &Counts, _: ()) -> Result<Verdict, Error> {
//!         Ok(Verdict::new(counts.rows >= self.0.threshold, format!("{} rows", counts.rows)))
//!     }
//! }
//!
//! dpone_sdk::export!(check: MinRows);
//! # fn main() {}
//! ```
//!
//! Two rules decide what a plugin may keep:
//! - An instance may be dropped between any two calls. What must last is the `State`, which a call
//!   returns and the next one gets; fields of `self` hold the options and what follows from them.
//! - Clock and random stand still within a run, so that the same pages give the same bytes again.
//!
//! The same code builds natively, where `Page::for_test` and `Batch::for_test` stand in for the
//! host; so a plugin's tests are ordinary unit tests.

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod bindings;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod glue;

mod batch;
mod check;
mod column;
pub mod distinct;
mod error;
mod export;
mod extractor;
mod http;
mod json;
pub mod log;
mod number;
mod options;
mod page;
mod signer;
mod slicer;
mod transform;

#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub use batch::NativeBatch;
pub use batch::{Batch, Needs};
pub use check::{Check, Counts, Stage, Verdict};
pub use column::{Column, Kind, Value};
pub use error::{Blame, Error};
pub use extractor::{Ending, Extractor, Records, Request, RequestValue, Step};
pub use http::{HttpRequest, HttpResponse};
pub use number::Number;
#[cfg(not(target_arch = "wasm32"))]
pub use options::options_for_test;
pub use options::{JsonText, OneOrMany};
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub use page::NativePage;
pub use page::Page;
#[cfg(not(target_arch = "wasm32"))]
pub use page::TestPage;
pub use signer::{Encoding, Hash, Made, Outgoing, Signature, Signer, Term};
pub use slicer::{Slice, SliceContext, SliceStep, Slicer};
pub use transform::{Edits, Outcome, Transform};
