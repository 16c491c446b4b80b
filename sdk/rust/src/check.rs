//! Checks: observe what passes and give a verdict.

use crate::{Batch, Error, Needs};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Observes the records that are to be published; it cannot change anything.
pub trait Check: Sized {
    /// JSON Schema (draft 2020-12) of [`Self::Options`].
    const OPTIONS_SCHEMA: &'static str;
    /// The check's own keys in the manifest.
    type Options: DeserializeOwned;
    /// State from call to call; `()` where nothing has to last.
    type State: Serialize + DeserializeOwned + Default;

    fn new(options: Self::Options) -> Result<Self, Error>;

    /// The fields that [`Self::observe`] asks the batch for; the host refuses anything else.
    fn needs(&self) -> Needs {
        Needs::nothing()
    }

    /// When the verdict can be given, at the earliest.
    fn stage(&self) -> Stage {
        Stage::BeforePublish
    }

    /// Called for each page, in order.
    fn observe(&self, batch: &Batch, state: &mut Self::State) -> Result<(), Error>;

    fn finish(&self, counts: &Counts, state: Self::State) -> Result<Verdict, Error>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before the first message is out, where the slice is staged.
    BeforePublish,
    /// Only when everything was delivered.
    AfterDelivery,
}

/// The counts when a verdict is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records that the source gave inside the boundary.
    pub source_rows: u64,
    /// Records left after transforms: those that are (to be) published.
    pub rows: u64,
    /// Messages that the broker acknowledged; `None` before publication.
    pub acknowledged: Option<u64>,
    pub pages: u64,
}

/// A check's last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub passed: bool,
    /// One line: what was found, against what was asked for.
    pub message: String,
    /// The measurement, as JSON text, for the run's artifact.
    pub observed: String,
}

impl Verdict {
    /// A verdict without measurements.
    pub fn new(passed: bool, message: impl Into<String>) -> Self {
        Self { passed, message: message.into(), observed: "{}".to_owned() }
    }

    /// Adds what was measured.
    pub fn observing(mut self, measured: &impl Serialize) -> Result<Self, Error> {
        self.observed = crate::json::to_text(measured)?;
        Ok(self)
    }
}
