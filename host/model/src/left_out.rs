//! Where the records of a source went that were not published.

use serde::{Deserialize, Serialize};

/// Counts by reason. With them the sum is exact: what the API gave and what transforms added is what
/// was left out and what was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeftOut {
    /// Their cursor value lies outside of the run's bounds.
    pub outside_boundary: u64,
    /// An earlier run has published the same bytes.
    pub already_loaded: u64,
    /// They have no cursor value, and `on_missing` is `drop`.
    pub without_cursor: u64,
    /// By transforms.
    pub dropped: u64,
    /// By transforms that make several records of one. Not part of the total.
    pub added: u64,
    /// By `duplicate_policy`.
    pub duplicates: u64,
}

impl LeftOut {
    /// All reasons together.
    pub fn total(&self) -> u64 {
        self.outside_boundary + self.already_loaded + self.without_cursor + self.dropped + self.duplicates
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            outside_boundary: self.outside_boundary + other.outside_boundary,
            already_loaded: self.already_loaded + other.already_loaded,
            without_cursor: self.without_cursor + other.without_cursor,
            dropped: self.dropped + other.dropped,
            added: self.added + other.added,
            duplicates: self.duplicates + other.duplicates,
        }
    }
}
