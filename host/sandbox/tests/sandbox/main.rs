//! The sandbox from outside: hand-made components, good and hostile, through the one door.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod cache;
mod contract;
mod gate;
mod guest;
mod limits;
mod mutated;
mod support;
mod wasi;
