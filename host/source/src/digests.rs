//! Digests of rows at the watermark: which were loaded before, and which the next run must know.

use crate::position::Position;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dpone_model::Watermark;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::collections::HashMap;

/// First 16 bytes of a row's SHA-256.
pub(crate) type RowDigest = [u8; 16];

pub(crate) fn digest(row: &[u8]) -> RowDigest {
    let mut digest = [0; 16];
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
    /// Text that is no digest cannot match a row and is left out.
    pub(crate) fn new(digests: &[String]) -> Self {
        let decode = |text: &String| RowDigest::try_from(STANDARD.decode(text).ok()?).ok();
        let met: HashMap<_, _> = digests.iter().filter_map(decode).map(|digest| (digest, false)).collect();
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
#[derive(Debug, Default)]
pub(crate) struct Recent {
    rows: Vec<(Position, RowDigest)>,
    /// The greatest cursor value of a row for which there was no room.
    left_out: Option<Position>,
}

impl Recent {
    /// Keeps a row. When there are too many, those below `threshold` go first: it only ever rises.
    pub(crate) fn push(&mut self, position: Position, digest: RowDigest, threshold: &Position) {
        // Twice the bound, so that the clean-up does not run for each row.
        if self.rows.len() >= 2 * Watermark::MAX_DIGESTS {
            self.compact(threshold);
        }
        self.rows.push((position, digest));
    }

    /// The digests of the rows at or after the threshold, and whether some are missing.
    pub(crate) fn at_or_after(&self, threshold: &Position) -> (Vec<String>, bool) {
        let rows = self.rows.iter().filter(|(position, _)| !position.is_below(threshold));
        let mut digests: Vec<RowDigest> = rows.map(|(_, digest)| *digest).collect();
        digests.sort_unstable();
        digests.dedup();
        let is_cut = digests.len() > Watermark::MAX_DIGESTS;
        digests.truncate(Watermark::MAX_DIGESTS);
        let is_left_out = self.left_out.as_ref().is_some_and(|position| !position.is_below(threshold));
        let mut texts: Vec<String> = digests.iter().map(|digest| STANDARD.encode(digest)).collect();
        texts.sort_unstable();
        (texts, is_cut || is_left_out)
    }

    /// Removes what is below the threshold and repeats, then the lowest of what is too many.
    fn compact(&mut self, threshold: &Position) {
        self.rows.retain(|(position, _)| !position.is_below(threshold));
        self.rows.sort_unstable_by(|(a, x), (b, y)| b.compare(a).unwrap_or(Ordering::Equal).then_with(|| x.cmp(y)));
        self.rows.dedup_by(|(_, a), (_, b)| a == b);
        if let Some((position, _)) = self.rows.get(Watermark::MAX_DIGESTS) {
            // Sorted from the greatest: this is the greatest of those that go.
            if self.left_out.as_ref().is_none_or(|greatest| greatest.is_below(position)) {
                self.left_out = Some(position.clone());
            }
            self.rows.truncate(Watermark::MAX_DIGESTS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: usize, position: impl Fn(usize) -> i64) -> Recent {
        let mut recent = Recent::default();
        for index in 0..count {
            recent.push(Position::Integer(position(index)), digest(&index.to_le_bytes()), &Position::Integer(0));
        }
        recent
    }

    #[test]
    fn what_is_below_the_threshold_is_no_loss() {
        let recent = filled(3 * Watermark::MAX_DIGESTS, |index| index as i64);
        let threshold = Position::Integer(3 * Watermark::MAX_DIGESTS as i64 - 10);
        let (digests, incomplete) = recent.at_or_after(&threshold);
        assert_eq!((digests.len(), incomplete), (10, false));
        assert!(digests.is_sorted());
    }

    #[test]
    fn more_rows_than_digests_is_said() {
        for count in [Watermark::MAX_DIGESTS + 1, 3 * Watermark::MAX_DIGESTS] {
            let (digests, incomplete) = filled(count, |_| 7).at_or_after(&Position::Integer(7));
            assert_eq!((digests.len(), incomplete), (Watermark::MAX_DIGESTS, true), "{count}");
        }
        let (digests, incomplete) = filled(Watermark::MAX_DIGESTS, |_| 7).at_or_after(&Position::Integer(7));
        assert_eq!((digests.len(), incomplete), (Watermark::MAX_DIGESTS, false));
    }

    #[test]
    fn known_rows_are_looked_for_until_none_can_come() {
        let mut known = Known::new(&[STANDARD.encode(digest(b"a")), STANDARD.encode(digest(b"b")), "damaged".into()]);
        let [five, six, seven] = [5, 6, 7].map(Position::Integer);
        assert!(known.is_possible(&seven));
        assert!(known.contains(&digest(b"a"), &five));
        assert!(!known.contains(&digest(b"c"), &seven));
        assert!(known.contains(&digest(b"b"), &six));
        assert!(!known.is_possible(&seven) && known.is_possible(&six));
        assert!(known.contains(&digest(b"a"), &five), "a repeated row is still known");
    }
}
