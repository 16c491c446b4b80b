//! Digests of rows at the watermark: which were loaded before, and which the next run must know.

use crate::position::Position;
use dpone_model::{Digests, RowDigest};
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

pub(crate) fn digest(row: &[u8]) -> RowDigest {
    let mut digest = RowDigest::default();
    digest.iter_mut().zip(Sha256::digest(row)).for_each(|(to, from)| *to = from);
    digest
}

/// The rows that earlier runs loaded at their watermark.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Whether each one was met in this run.
    met: HashMap<RowDigest, bool>,
    unmet: usize,
    /// The greatest cursor value of a met row.
    greatest_met: Option<Position>,
}

impl Known {
    pub(crate) fn new(digests: &Digests) -> Self {
        let met: HashMap<_, _> = digests.iter().map(|digest| (*digest, false)).collect();
        Self { unmet: met.len(), met, greatest_met: None }
    }

    /// Whether a row with this cursor value can be a known one. The digest covers the cursor field,
    /// so once every known row was met, a greater value cannot be.
    pub(crate) fn is_possible(&self, position: &Position) -> bool {
        self.unmet > 0 || self.greatest_met.as_ref().is_some_and(|greatest| !greatest.is_below(position))
    }

    pub(crate) fn contains(&mut self, digest: &RowDigest, position: &Position) -> bool {
        let Some(met) = self.met.get_mut(digest) else { return false };
        if !std::mem::replace(met, true) {
            self.unmet -= 1;
        }
        if self.greatest_met.as_ref().is_none_or(|greatest| greatest.is_below(position)) {
            self.greatest_met = Some(position.clone());
        }
        true
    }
}

/// Rows that may turn out to lie at or after the new watermark's threshold.
#[derive(Debug)]
pub(crate) struct Recent {
    rows: Vec<(Position, RowDigest)>,
    /// How many rows there was no room for, by cursor value.
    left_out: BTreeMap<Ordered, u64>,
    max: usize,
}

/// Rows that [`Recent`] keeps for the next run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) digests: Digests,
    /// Rows that the next run cannot know.
    pub(crate) left_out: u64,
}

impl Recent {
    pub(crate) fn new(max: usize) -> Self {
        Self { rows: Vec::new(), left_out: BTreeMap::new(), max }
    }

    /// Keeps a row. When there are too many, those below `threshold` go first: it only ever rises.
    pub(crate) fn push(&mut self, position: Position, digest: RowDigest, threshold: &Position) {
        // More than the bound, so that the clean-up does not run for each row.
        if self.rows.len() >= self.max + (self.max / 2).max(1024) {
            self.compact(threshold);
        }
        self.rows.push((position, digest));
    }

    /// The rows at or after the threshold.
    pub(crate) fn at_or_after(&self, threshold: &Position) -> Kept {
        let rows = self.rows.iter().filter(|(position, _)| !position.is_below(threshold));
        let mut digests = Digests::new(rows.map(|(_, digest)| *digest));
        let cut = digests.truncate(self.max);
        let left_out = self.left_out.iter().filter(|(position, _)| !position.0.is_below(threshold));
        Kept { digests, left_out: cut + left_out.map(|(_, rows)| rows).sum::<u64>() }
    }

    /// Removes what is below the threshold and repeats, then the lowest of what is too many.
    fn compact(&mut self, threshold: &Position) {
        self.rows.retain(|(position, _)| !position.is_below(threshold));
        self.left_out.retain(|position, _| !position.0.is_below(threshold));
        self.rows.sort_unstable_by(|(a, x), (b, y)| b.compare(a).unwrap_or(Ordering::Equal).then_with(|| x.cmp(y)));
        self.rows.dedup_by(|(_, a), (_, b)| a == b);
        for (position, _) in self.rows.drain(self.max.min(self.rows.len())..) {
            *self.left_out.entry(Ordered(position)).or_default() += 1;
        }
        // Different values are bounded, too. The lowest are joined upwards: rather too many rows are named than
        // too few.
        while self.left_out.len() > self.max {
            let Some((_, rows)) = self.left_out.pop_first() else { break };
            match self.left_out.first_entry() {
                Some(mut next) => *next.get_mut() += rows,
                None => break,
            }
        }
    }
}

/// Cursor values of one run, all of which compare.
#[derive(Debug)]
struct Ordered(Position);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ordered {}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.compare(&other.0).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1000;

    fn filled(count: usize, position: impl Fn(usize) -> i64) -> Recent {
        let mut recent = Recent::new(MAX);
        for index in 0..count {
            recent.push(Position::Integer(position(index)), digest(&index.to_le_bytes()), &Position::Integer(0));
        }
        recent
    }

    fn kept(recent: &Recent, threshold: usize) -> (usize, u64) {
        let kept = recent.at_or_after(&Position::Integer(threshold as i64));
        (kept.digests.len(), kept.left_out)
    }

    #[test]
    fn what_is_below_the_threshold_is_no_loss() {
        for count in [MAX, 3 * MAX, 10 * MAX] {
            assert_eq!(kept(&filled(count, |index| index as i64), count - 10), (10, 0), "{count}");
        }
    }

    #[test]
    fn rows_without_room_are_counted() {
        for count in [MAX, MAX + 1, 3 * MAX, 3 * MAX + 700, 10 * MAX] {
            let left_out = (count - MAX) as u64;
            assert_eq!(kept(&filled(count, |_| 7), 7), (MAX, left_out), "{count}");
            // Ten values: of those at or after the threshold no other row is counted.
            let tenth = count / 10;
            let recent = filled(count, |index| (index / tenth.max(1)) as i64);
            let (digests, left_out) = kept(&recent, 5);
            assert_eq!(digests as u64 + left_out, (count - 5 * tenth) as u64, "{count}");
        }
    }

    #[test]
    fn a_row_that_comes_again_is_one_row() {
        let mut recent = Recent::new(MAX);
        for index in 0..20 * MAX {
            let row = (index % (MAX / 2)).to_le_bytes();
            recent.push(Position::Integer(7), digest(&row), &Position::Integer(7));
        }
        assert_eq!(kept(&recent, 7), (MAX / 2, 0));
    }

    #[test]
    fn known_rows_are_looked_for_until_none_can_come() {
        let mut known = Known::new(&Digests::new([digest(b"a"), digest(b"b")]));
        let [five, six, seven] = [5, 6, 7].map(Position::Integer);
        assert!(known.is_possible(&seven));
        assert!(known.contains(&digest(b"a"), &five));
        assert!(!known.contains(&digest(b"c"), &seven));
        assert!(known.contains(&digest(b"b"), &six));
        assert!(!known.is_possible(&seven) && known.is_possible(&six));
        assert!(known.contains(&digest(b"a"), &five), "a repeated row is still known");
    }
}
