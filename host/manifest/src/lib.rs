//! From YAML to a checked [`Manifest`]: every problem at once, each with its position.

mod checked;

pub use checked::*;
