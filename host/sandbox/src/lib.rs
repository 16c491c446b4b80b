//! Where plugins live: engine, limits, import rules, compile cache and bindings. The only crate
//! that knows wasmtime.
//!
//! [`Sandbox::load`] takes a component's bytes, compiles them in a child process (or finds them in
//! the cache), refuses imports that no plugin gets, and asks the component to describe itself.
//! [`Sandbox::extractor`], [`Sandbox::transform`], [`Sandbox::check`], [`Sandbox::slicer`] and
//! [`Sandbox::signer`] make a configured plugin of it. A fault ends the instance and is an error with the plugin's name; it never ends the
//! process.

mod bindings;
mod cache;
mod check;
mod compile;
mod engine;
mod error;
mod extractor;
mod gate;
mod host;
mod inspection;
mod limits;
mod log;
mod options;
mod output;
mod random;
mod runner;
mod sandbox;
mod signer;
mod slicer;
mod text;
mod transform;
mod trusted;
mod wasi;

pub use bindings::{WIT_PACKAGE, WIT_VERSION};
pub use compile::{ChildCommand, CompileLimits, compile_child_main};
pub use error::{Error, Fault};
pub use inspection::{Inspection, Kind, Loaded};
pub use log::{LogLevel, LogLine, LogSink, tracing_log};
pub use sandbox::{Sandbox, Setup};
