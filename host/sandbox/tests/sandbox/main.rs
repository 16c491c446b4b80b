//! The sandbox from outside: hand-made components, good and hostile, through the one door.

mod cache;
mod contract;
mod gate;
mod guest;
mod limits;
mod support;
mod wasi;
