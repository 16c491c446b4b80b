//! Progress as events; the CLI renders them as a bar, as lines, or not at all.

use dpone_model::Counts;
use dpone_model::http::{Pause, Pauses};
use std::sync::Arc;
use std::time::Duration;

/// One of the eleven steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Resolve,
    Open,
    Plan,
    Pull,
    Describe,
    Evolve,
    Stage,
    Load,
    Finalize,
    Verify,
    Advance,
}

impl Step {
    pub const ALL: [Self; 11] = [
        Self::Resolve,
        Self::Open,
        Self::Plan,
        Self::Pull,
        Self::Describe,
        Self::Evolve,
        Self::Stage,
        Self::Load,
        Self::Finalize,
        Self::Verify,
        Self::Advance,
    ];

    /// `A` to `K`, the letter that every report, log span and test uses.
    pub fn letter(self) -> char {
        (b'A' + self as u8) as char
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Resolve => "resolve manifest, connections, plugins",
            Self::Open => "open source, state and target",
            Self::Plan => "plan the bounded extract",
            Self::Pull => "pull pages",
            Self::Describe => "describe the extract",
            Self::Evolve => "plan schema evolution",
            Self::Stage => "stage the event batch",
            Self::Load => "load through the bounded producer",
            Self::Finalize => "prepare finalization",
            Self::Verify => "quality and reconciliation",
            Self::Advance => "advance state",
        }
    }
}

/// The events of a run.
#[derive(Debug, Clone)]
pub enum Event {
    /// The run has an id; from now on it can be resumed.
    Started {
        run_id: String,
        pipeline: String,
    },
    /// Something that the user should read: a substitution, a warning.
    Note(String),
    /// A slice of a load that is cut begins: counts are its own from now on.
    Slice {
        number: usize,
        of: usize,
        id: String,
    },
    StepStarted(Step),
    StepDone(Step),
    /// The pages that an earlier attempt of the run left in the journal.
    Resumed(Counts),
    /// A page was journalled.
    Page(Counts),
    /// A request failed, and is sent again after a pause.
    Waiting {
        pause: Duration,
        /// The one to come.
        attempt: u32,
        cause: String,
    },
    /// Messages acknowledged so far, those of earlier attempts included, of those that will be published;
    /// a slice that is streamed does not know how many those are.
    Delivery {
        acknowledged: u64,
        total: Option<u64>,
    },
    /// The run is over.
    Ended,
}

pub trait Events: Send + Sync {
    fn emit(&self, event: Event);
}

/// Pauses of the source's requests, as events.
#[derive(Clone)]
pub struct Waits(pub Arc<dyn Events>);

impl Pauses for Waits {
    fn pausing(&self, pause: Pause) {
        let Pause { duration, attempt, cause } = pause;
        self.0.emit(Event::Waiting { pause: duration, attempt, cause });
    }
}

impl std::fmt::Debug for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waits")
    }
}

/// Drops every event.
pub struct Silent;

impl Events for Silent {
    fn emit(&self, _event: Event) {}
}
