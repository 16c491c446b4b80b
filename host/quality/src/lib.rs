//! Proofs that a run owes before and after it publishes: no forbidden repeats among the keys, and
//! the verdict of every check.
//!
//! - [`Duplicates`] enforces `duplicate_policy` over the message keys;
//! - [`Sets`] is the host side of `interface distinct`, with which checks such as `unique` work;
//! - [`Judge`] shows every page to the checks and asks them at the right moment.
//!
//! Both kinds of repeat are found by one engine ([`seen`]) in bounded memory: constant while keys
//! ascend, then a table of hashes, then a file of hashes that is answered part by part. A hash only
//! raises a suspicion; it is the keys themselves, read back, that decide.

#![allow(clippy::result_large_err, reason = "a failure ends the command; its size costs nothing")]

mod duplicates;
mod error;
mod judge;
mod order;
mod scratch;
mod seen;
mod sets;
mod skip;
mod table;

pub use duplicates::{Duplicates, Pages};
pub use error::Error;
pub use judge::{CheckResult, Judge};
pub use sets::Sets;
pub use skip::Skip;
