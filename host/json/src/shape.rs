//! The shape of records as far as it has been seen: what stands between two values.
//!
//! Records of one page mostly have the same fields in the same order, so the bytes between two
//! values (a *gap*: `,"name":` with its white space) are mostly those that stood there in an
//! earlier record. Each gap remembers which ones came behind it; one wide comparison with them
//! proves grammar and name at once. A gap is only ever compared at the kind of place where it was
//! learnt: behind the opening brace of a record, or behind a complete value in one.

use dpone_model::NameId;
use std::collections::HashMap;

/// Where the walk through a record's gaps stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GapId(u32);

impl GapId {
    /// Behind the opening brace, before any gap.
    pub const START: Self = Self(0);
    /// Behind a gap that is not remembered; nothing is predicted there.
    const NONE: Self = Self(u32::MAX);
}

/// A gap that was recognized.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    pub gap: GapId,
    pub name: NameId,
    pub len: usize,
}

/// Bytes that are compared at once; longer gaps have a rest.
const WINDOW: usize = 32;
/// Longer gaps are not remembered.
const MAX_GAP_BYTES: usize = 1024;
/// More distinct gaps than this are forgotten all together, so that memory stays bounded and the
/// table never gets stuck with the shape of an earlier page.
const MAX_GAPS: usize = 4096;

#[derive(Debug)]
struct Gap {
    words: [u64; WINDOW / 8],
    masks: [u64; WINDOW / 8],
    len: u32,
    name: NameId,
    /// The names seen behind this gap, the last one learnt first. Two, because an optional field is
    /// there or not.
    next: [GapId; 2],
    /// The bytes behind the window.
    rest: Box<[u8]>,
}

#[derive(Debug)]
pub(crate) struct Shape {
    /// The first one stands for the start of a record and is empty.
    gaps: Vec<Gap>,
    by_bytes: HashMap<Box<[u8]>, GapId>,
}

impl Default for Shape {
    fn default() -> Self {
        Self { gaps: vec![Gap::new(b"", NameId(0))], by_bytes: HashMap::new() }
    }
}

impl Shape {
    /// The gap at `at`, if it is one of those that came behind `before` earlier.
    #[inline(always)]
    pub fn predict(&self, before: GapId, body: &[u8], at: usize) -> Option<Hit> {
        let window = body.get(at..)?.first_chunk::<WINDOW>()?;
        let [likely, other] = self.gap(before)?.next;
        self.compare(likely, window, body, at).or_else(|| self.compare(other, window, body, at))
    }

    /// The gap with exactly these bytes, whatever it came behind.
    pub fn find(&self, bytes: &[u8]) -> Option<Hit> {
        let id = *self.by_bytes.get(bytes)?;
        self.gap(id).map(|gap| Hit { gap: id, name: gap.name, len: bytes.len() })
    }

    /// Remembers a gap that was read the long way and is not known yet.
    pub fn add(&mut self, bytes: &[u8], name: NameId) -> GapId {
        if bytes.len() > MAX_GAP_BYTES {
            return GapId::NONE;
        }
        if self.gaps.len() > MAX_GAPS {
            *self = Self::default();
        }
        let id = GapId(self.gaps.len() as u32);
        self.gaps.push(Gap::new(bytes, name));
        self.by_bytes.insert(bytes.into(), id);
        id
    }

    /// Notes that `next` came behind `before`. Only the gap of a record's first field may follow
    /// [`GapId::START`], and it may follow nothing else: it has no comma.
    pub fn follow(&mut self, before: GapId, next: GapId) {
        if let Some(gap) = self.gaps.get_mut(before.0 as usize) {
            let [likely, _] = gap.next;
            // Near the end of a body nothing can be predicted, so it may be known already.
            if likely != next {
                gap.next = [next, likely];
            }
        }
    }

    #[inline(always)]
    fn gap(&self, id: GapId) -> Option<&Gap> {
        self.gaps.get(id.0 as usize)
    }

    #[inline(always)]
    fn compare(&self, id: GapId, window: &[u8; WINDOW], body: &[u8], at: usize) -> Option<Hit> {
        let gap = self.gap(id)?;
        let len = gap.len as usize;
        let is_equal = gap.starts(window) && (len <= WINDOW || body.get(at + WINDOW..at + len) == Some(&*gap.rest));
        is_equal.then_some(Hit { gap: id, name: gap.name, len })
    }
}

impl Gap {
    fn new(bytes: &[u8], name: NameId) -> Self {
        let mut padded = [0; WINDOW];
        let mut mask = [0; WINDOW];
        for ((padded, mask), byte) in padded.iter_mut().zip(&mut mask).zip(bytes) {
            (*padded, *mask) = (*byte, 0xff);
        }
        Self {
            words: words(&padded),
            masks: words(&mask),
            len: bytes.len() as u32,
            name,
            next: [GapId::NONE; 2],
            rest: bytes.get(WINDOW..).unwrap_or_default().into(),
        }
    }

    /// Whether the window starts with this gap's first bytes. No branch: all words are compared.
    #[inline(always)]
    fn starts(&self, window: &[u8; WINDOW]) -> bool {
        let pairs = words(window).into_iter().zip(self.words).zip(self.masks);
        pairs.fold(0, |difference, ((seen, known), mask)| difference | ((seen ^ known) & mask)) == 0
    }
}

#[inline(always)]
fn words(bytes: &[u8; WINDOW]) -> [u64; WINDOW / 8] {
    let mut words = [0; WINDOW / 8];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let mut shape = Shape::default();
        for number in 0..3 * MAX_GAPS {
            let bytes = format!(",\"{number}\":");
            assert!(shape.find(bytes.as_bytes()).is_none());
            let id = shape.add(bytes.as_bytes(), NameId(0));
            assert_eq!(shape.find(bytes.as_bytes()).map(|hit| hit.gap), Some(id));
            assert!(shape.gaps.len() <= MAX_GAPS + 1 && shape.by_bytes.len() < shape.gaps.len());
        }
        assert_eq!(shape.add(&[b' '; MAX_GAP_BYTES + 1], NameId(0)), GapId::NONE);
    }

    #[test]
    fn the_last_two_followers_are_predicted() {
        let mut shape = Shape::default();
        let gaps = [b"\"a\":", b"\"b\":", b"\"c\":"];
        let ids = gaps.map(|bytes| shape.add(bytes, NameId(0)));
        ids.iter().for_each(|id| shape.follow(GapId::START, *id));
        shape.follow(GapId::START, ids[2]);
        let padded = |bytes: &[u8]| [bytes, &[b'1'; WINDOW][..]].concat();
        let found = gaps.map(|bytes| shape.predict(GapId::START, &padded(bytes), 0).map(|hit| hit.gap));
        let [_, b, c] = ids.map(Some);
        assert_eq!(found, [None, b, c]);
        // Neither behind another gap nor where the wide read would leave the body.
        assert!(shape.predict(ids[2], &padded(gaps[2]), 0).is_none());
        assert!(shape.predict(GapId::START, &padded(gaps[2])[..WINDOW - 1], 0).is_none());
    }
}
