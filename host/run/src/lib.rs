//! A bounded load from A to K: [`pipeline`] calls the eleven steps in order, the other modules are
//! what the steps are made of.
//!
//! The CLI hands in a [`Host`] (folders, built-in components, local services, progress) and a
//! [`Request`]; it gets back a [`Finished`] with the report that the run artifact holds, too.

pub mod artifact;
pub mod authority;
mod begin;
mod cache;
pub mod cancel;
mod describe;
pub mod events;
mod extract;
mod failpoint;
mod fields_read;
pub mod finder;
pub mod folders;
mod lease;
mod load;
mod lost;
mod mended;
pub mod oci;
pub mod open;
mod pipeline;
pub mod planning;
mod plugin_http;
pub mod plugins;
pub mod probe;
mod producer;
pub mod record;
mod remedy;
pub mod resolve;
mod resume;
mod reviewed;
pub mod runs;
mod session;
pub mod signature;
mod slices;
mod spans;
mod stage;
pub mod state;
pub mod tenancy;
mod verify;

pub use pipeline::{Finished, resume, run};
pub use planning::plan;
pub use remedy::Remedy;
pub use resolve::{Host, LocalNeeds, LocalStarter, Request, check};
pub use resume::Again;
