//! Rows that are published although they have no place in the cursor's order: those that lie ahead
//! of `max_future`, and those without a cursor value that `on_missing: keep` keeps.
//!
//! The watermark passes them by, so every run meets them again; their digests say which of them were
//! published. The least cursor value among them spares other rows the digest: it covers the cursor
//! field, so a row below it cannot be one of them.

use crate::error::Error;
use crate::position::Position;
use dpone_model::{Digests, EpochUnit, Place, RowDigest, Unplaced};
use std::collections::HashSet;

/// The rows of earlier runs, and those that this one meets.
#[derive(Debug)]
pub(crate) struct Aside {
    known: Digests,
    known_from: Option<Position>,
    met: HashSet<RowDigest>,
    met_from: Option<Position>,
    left_out: u64,
    max: usize,
}

/// Rows ahead of `max_future`, for whoever has to look into them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    pub rows: u64,
    /// The greatest value, as the record writes it.
    pub greatest: String,
    /// The first record.
    pub first: Place,
    /// Every row that has a cursor value lies ahead.
    pub is_all: bool,
    /// The records count no unit that the manifest names, and their values look like times in this one.
    pub looks_like: Option<LooksLike>,
}

/// A cursor field whose numbers look like times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LooksLike {
    pub field: String,
    pub unit: EpochUnit,
    /// Rows ahead that no earlier run has published; no page could count them.
    pub new: u64,
}

impl Ahead {
    /// Where no other row could move the watermark.
    pub fn refused(&self) -> Error {
        Error::AllAhead { rows: self.rows, greatest: self.greatest.clone(), first: self.first.clone() }
    }

    /// For the run's report.
    pub fn warning(&self) -> String {
        let (rows, greatest, first) = (self.rows, &self.greatest, &self.first);
        let lie = if rows == 1 { "1 row lies" } else { &format!("{rows} rows lie") };
        if let Some(LooksLike { field, unit, .. }) = &self.looks_like {
            let unit = unit.name();
            return format!(
                "`{field}` looks like a time that counts {unit}, and {lie} ahead of the run's start by more than \
                 `incremental.max_future`, up to {greatest} (first: {first}): published by this run or an earlier one, without moving the watermark; \
                 set `incremental.record_format: {unit}`, or `max_future: off` where the numbers are no times"
            );
        }
        format!(
            "{lie} ahead of the run's start by more than `incremental.max_future`, up to {greatest} (first: {first}): \
             published by this run or an earlier one, without moving the watermark"
        )
    }
}

impl Aside {
    pub(crate) fn new(earlier: &Unplaced, max: usize) -> Self {
        Self {
            known: earlier.digests.clone(),
            known_from: earlier.from.as_ref().and_then(Position::of),
            met: HashSet::new(),
            met_from: None,
            left_out: 0,
            max,
        }
    }

    /// Whether a row with this cursor value can have been one of them in an earlier run.
    pub(crate) fn is_possible(&self, position: &Position) -> bool {
        self.known_from.as_ref().is_some_and(|from| !position.is_below(from))
    }

    pub(crate) fn is_known(&self, digest: &RowDigest) -> bool {
        self.known.contains(digest)
    }

    /// Notes a row for the next run, whether it is known or not.
    pub(crate) fn note(&mut self, digest: RowDigest, position: Option<&Position>) {
        if let Some(position) = position
            && self.met_from.as_ref().is_none_or(|from| position.is_below(from))
        {
            self.met_from = Some(position.clone());
        }
        if self.met.len() < self.max {
            self.met.insert(digest);
        } else if !self.met.contains(&digest) {
            self.left_out += 1;
        }
    }

    /// Rows that the next run has to know.
    pub(crate) fn unplaced(&self, unit: Option<EpochUnit>) -> Unplaced {
        Unplaced {
            digests: Digests::new(self.met.iter().copied()),
            from: self.met_from.as_ref().and_then(|from| from.value(unit)),
            left_out: self.left_out,
        }
    }
}
