//! Spans of the log: `run`, `slice` and `step`, outermost first.
//!
//! They have a target of their own, which the command line lets through whatever its filter names: so an
//! event of any crate stands below its step's letter.

use crate::events::Step;
use tracing::{Span, field, info_span};

/// The run; its id is recorded once there is one.
pub fn run() -> Span {
    info_span!(target: "dpone_step", "run", run_id = field::Empty)
}

pub fn slice(id: &str) -> Span {
    info_span!(target: "dpone_step", "slice", slice = id)
}

pub fn step(step: Step) -> Span {
    info_span!(target: "dpone_step", "step", letter = %step.letter())
}
