//! Transforms: change the records of a page, one batch at a time.

use crate::{Batch, Column, Error, Needs};
use serde::de::DeserializeOwned;

/// Changes records. It keeps nothing from batch to batch.
pub trait Transform: Sized {
    /// JSON Schema (draft 2020-12) of [`Self::Options`].
    const OPTIONS_SCHEMA: &'static str;
    /// The manifest's `with` block.
    type Options: DeserializeOwned;

    fn new(options: Self::Options) -> Result<Self, Error>;

    /// The fields that [`Self::apply`] asks the batch for; the host refuses anything else.
    fn needs(&self) -> Needs;

    fn apply(&self, batch: &Batch) -> Result<Outcome, Error>;
}

/// The outcome of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Unchanged,
    Edited(Edits),
    /// The batch's new records as NDJSON; any number of them.
    Replaced(Vec<u8>),
}

/// Edits to a batch, applied in the order keep, rename, drop, set. What they do not touch stays
/// byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edits {
    /// One a record; `None` keeps all.
    pub keep: Option<Vec<bool>>,
    /// From and to.
    pub rename: Vec<(String, String)>,
    pub drop: Vec<String>,
    pub set: Vec<(String, Column)>,
}

impl Edits {
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the records whose entry is true; one entry a record.
    #[must_use]
    pub fn keep(mut self, records: Vec<bool>) -> Self {
        self.keep = Some(records);
        self
    }

    #[must_use]
    pub fn rename(mut self, from: &str, to: &str) -> Self {
        self.rename.push((from.to_owned(), to.to_owned()));
        self
    }

    /// Leaves the field out of every record.
    #[must_use]
    pub fn drop(mut self, field: &str) -> Self {
        self.drop.push(field.to_owned());
        self
    }

    /// Sets the field, one value a record; a missing value leaves the field out.
    #[must_use]
    pub fn set(mut self, field: &str, values: Column) -> Self {
        self.set.push((field.to_owned(), values));
        self
    }
}

impl From<Edits> for Outcome {
    fn from(edits: Edits) -> Self {
        Self::Edited(edits)
    }
}
