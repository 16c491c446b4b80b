//! Mutation tests as seeded programs: random inputs, damaged at random, with an oracle to compare
//! with. Each program runs a few cases in CI and, with `--minutes`, as long as one likes:
//!
//! `cargo run --release -p dpone-fuzz --bin scanner -- --minutes 120`
//!
//! A failure prints the seed of its case; `--seed N --cases 1` runs that case again.

mod mutate;
mod random;
mod runner;

pub use mutate::Mutator;
pub use random::Random;
pub use runner::{Options, run};
