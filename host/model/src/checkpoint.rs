//! How far a slice has been loaded.

use crate::digests::Digests;
use crate::schema::Schema;
use crate::{CursorValue, EpochUnit, LeftOut, WalkEnds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The progress that K writes and the next run's C reads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Watermark of the incremental field, where there is one.
    pub watermark: Option<Watermark>,
    /// The response cursor that `cursor_incremental` goes on from: the last `next` request's
    /// cursor as the extractor's state bytes in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_cursor: Option<String>,
    /// The fields' types; drift is judged against them.
    #[serde(default)]
    pub schema: Schema,
    /// Facts that the keys of earlier runs depend on.
    #[serde(default)]
    pub target: Option<TargetFacts>,
    /// Of the paths, headers and relations of links that the extractor asks for: those that any answer
    /// ever had, with null or not. A walk that ends for want of another one may have a misspelt path.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub seen_paths: BTreeSet<String>,
    /// How earlier walks ended: with such a path on the last page, or without it.
    #[serde(default, skip_serializing_if = "WalkEnds::is_empty")]
    pub walk_ends: WalkEnds,
    /// Rows that were published and that no watermark covers.
    #[serde(default, skip_serializing_if = "Unplaced::is_empty")]
    pub unplaced: Unplaced,
}

impl Checkpoint {
    /// The same without the digests of rows, for a history that nobody goes on from: a million digests a
    /// revision would outgrow everything else in it.
    #[must_use]
    pub fn without_digests(mut self) -> Self {
        if let Some(watermark) = &mut self.watermark {
            watermark.digests = Digests::default();
        }
        self.unplaced.digests = Digests::default();
        self
    }
}

/// The greatest cursor value that was loaded, and the rows that carry it.
///
/// The lower bound of the next run is inclusive. A row whose digest is known is dropped as already
/// loaded; so equal timestamps are neither lost nor repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    pub field: String,
    pub value: CursorValue,
    /// Digests of the rows at `value`, or inside `lookback`; at most `incremental.max_boundary_rows`.
    pub digests: Digests,
    /// There were more rows than that; the next run publishes the others again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub digests_incomplete: bool,
    /// How many others; state of earlier versions does not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

impl Watermark {
    /// Rows that the next run publishes again; `None` where nobody counted them.
    pub fn rows_again(&self) -> Option<u64> {
        (!self.digests_incomplete || self.left_out > 0).then_some(self.left_out)
    }
}

/// Rows that were published although they have no place in the cursor's order: their value lies
/// ahead of `max_future`, or they have none. By their digests they are not published again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unplaced {
    pub digests: Digests,
    /// The least cursor value among them; `None` where no row had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<CursorValue>,
    /// Rows for which there was no room; the next run publishes them again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

impl Unplaced {
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty() && self.left_out == 0
    }

    /// The same where records count in `unit`: state keeps `from` as text, and a count read from there
    /// is a number, which does not compare with the instants that records give.
    #[must_use]
    pub fn in_unit(mut self, unit: Option<EpochUnit>) -> Self {
        if let Some(unit) = unit {
            self.from = self.from.and_then(|from| from.in_unit(unit));
        }
        self
    }

    /// Adds the rows of another one as far as there is room. Both values of `from` have to be of one
    /// form ([`in_unit`](Self::in_unit)).
    ///
    /// Both may have left out the same rows, so the greater number stays: a sum would grow with each run
    /// that meets them again.
    pub fn add(&mut self, other: &Self, max: usize) {
        let earlier = |other: &CursorValue| {
            self.from.as_ref().is_none_or(|own| other.compare(own) == Some(std::cmp::Ordering::Less))
        };
        if let Some(from) = other.from.as_ref().filter(|from| earlier(from)) {
            self.from = Some(from.clone());
        }
        let without_room = self.digests.add(&other.digests, max);
        self.left_out = self.left_out.max(other.left_out).max(without_room);
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The topic as the last run found it: keys meet their earlier versions only where none of it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetFacts {
    pub topic: String,
    /// The broker's id of the topic (KIP-516), where it tells one.
    pub topic_id: Option<String>,
    pub partitions: u32,
    pub key_format: String,
    pub partitioner: String,
}

/// Row counts of a run or slice, true also when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub pages: u64,
    /// Decoded bytes of all pages.
    pub bytes: u64,
    /// Records that the source gave, inside the boundary or not.
    pub extracted: u64,
    /// Messages handed to the producer.
    pub published: u64,
    /// Messages that the broker acknowledged.
    pub acknowledged: u64,
    pub dead_lettered: u64,
    /// Records inside the boundary: what `source_target_count` compares with.
    pub source_rows: u64,
    /// Why records of the source are not among the published ones.
    pub left_out: LeftOut,
    /// Records beyond `max_future` that were not published before.
    pub ahead: u64,
    /// Records without a cursor value that `on_missing: keep` kept, likewise.
    pub kept_without_cursor: u64,
    /// Records that the next run publishes again, because there was no room for their digests.
    pub published_again: u64,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            pages: self.pages + other.pages,
            bytes: self.bytes + other.bytes,
            extracted: self.extracted + other.extracted,
            published: self.published + other.published,
            acknowledged: self.acknowledged + other.acknowledged,
            dead_lettered: self.dead_lettered + other.dead_lettered,
            source_rows: self.source_rows + other.source_rows,
            left_out: self.left_out.and(&other.left_out),
            ahead: self.ahead + other.ahead,
            kept_without_cursor: self.kept_without_cursor + other.kept_without_cursor,
            published_again: self.published_again + other.published_again,
        }
    }

    /// Records that boundary, transforms or `duplicate_policy` left out.
    pub fn filtered(&self) -> u64 {
        self.left_out.total()
    }

    /// Records that they left: what is to be published.
    pub fn remaining(&self) -> u64 {
        (self.extracted + self.left_out.added).saturating_sub(self.filtered())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unplaced(digests: &[u8], from: &str, left_out: u64) -> Unplaced {
        Unplaced {
            digests: Digests::new(digests.iter().map(|byte| [*byte; 12])),
            from: CursorValue::parse(from),
            left_out,
        }
    }

    #[test]
    fn the_lower_start_of_state_wins_whatever_counts_the_records_have() {
        let (seconds, millis) = (Some(EpochUnit::Seconds), Some(EpochUnit::Millis));
        for (unit, met, stored, least) in [
            (seconds, "2026-03-01T00:00:00Z", "1767225600", "1767225600"),
            (seconds, "2026-01-01T00:00:00Z", "1772323200", "1767225600"),
            // State that is older than `record_format`.
            (seconds, "2026-03-01T00:00:00Z", "2026-01-01T00:00:00Z", "1767225600"),
            (millis, "2026-03-01T00:00:00Z", "1767225600000", "1767225600000"),
            (None, "2026-03-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            (seconds, "", "1767225600", "1767225600"),
        ] {
            let met = unplaced(&[1], met, 0).in_unit(unit);
            let stored: Unplaced =
                serde_json::from_value(serde_json::to_value(unplaced(&[2], stored, 0)).unwrap()).unwrap();
            let mut both = met.clone();
            both.add(&stored.in_unit(unit), 9);
            assert_eq!(both.from.as_ref().map(CursorValue::text), Some(least), "{met:?}");
            assert_eq!(both.digests.len(), 2);
        }
    }

    #[test]
    fn rows_without_room_are_counted_once_however_many_runs_meet_them() {
        // Digests and rows left out of one and of the other, the room, and what is left out then.
        for (own, other, max, left_out) in [
            ((&[1, 2][..], 3), (&[1, 2][..], 3), 2, 3),
            ((&[1, 2][..], 3), (&[1, 2][..], 5), 2, 5),
            ((&[1, 2][..], 0), (&[3, 4][..], 0), 2, 2),
            ((&[1, 2][..], 3), (&[3, 4][..], 3), 2, 3),
            ((&[1][..], 0), (&[2][..], 0), 2, 0),
            ((&[1, 2][..], 1), (&[3, 4, 5][..], 1), 2, 3),
            ((&[][..], 0), (&[1, 2][..], 7), 2, 7),
        ] {
            let of = |(digests, left_out)| unplaced(digests, "1", left_out);
            let mut both = of(own);
            for _ in 0..3 {
                both.add(&of(other), max);
                assert_eq!(both.left_out, left_out, "{own:?} {other:?}");
            }
        }
    }
}
