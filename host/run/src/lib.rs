//! A bounded load from A to K: [`pipeline`] calls the eleven steps in order, the other modules are
//! what the steps are made of.
//!
//! The CLI hands in a [`Host`] (folders, built-in components, local services, progress) and a
//! [`Request`]; it gets back a [`Finished`] with the report that the run artifact holds, too.

pub mod artifact;
pub mod authority;
mod begin;
pub mod cancel;
mod describe;
pub mod events;
mod extract;
mod failpoint;
pub mod finder;
pub mod folders;
mod lease;
mod load;
pub mod oci;
pub mod open;
mod pipeline;
pub mod planning;
mod plugin_http;
pub mod plugins;
pub mod probe;
mod producer;
pub mod record;
pub mod resolve;
mod resume;
mod reviewed;
mod session;
pub mod signature;
mod slices;
mod stage;
pub mod state;
pub mod tenancy;
mod verify;

pub use pipeline::{Finished, resume, run};
pub use planning::plan;
pub use resolve::{Host, LocalNeeds, LocalStarter, Request, check};
