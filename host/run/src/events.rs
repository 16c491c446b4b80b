//! Progress as events; the CLI renders them as a bar, as lines, or not at all.

use dpone_model::Counts;

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

/// What happens while a run goes on.
#[derive(Debug, Clone)]
pub enum Event {
    /// The run has an id; from now on it can be resumed.
    Started {
        run_id: String,
        pipeline: String,
    },
    /// Something that the user should read: a substitution, a warning.
    Note(String),
    StepStarted(Step),
    StepDone(Step),
    /// A page was journalled.
    Page(Counts),
    /// Messages handed over and acknowledged so far, of those that will be published.
    Delivery {
        published: u64,
        acknowledged: u64,
        total: u64,
    },
}

pub trait Events: Send + Sync {
    fn emit(&self, event: Event);
}

/// Drops every event.
pub struct Silent;

impl Events for Silent {
    fn emit(&self, _event: Event) {}
}
