//! A set of 64-bit hashes: eight bytes a slot, open addressing.

/// The hashes are spread already, so their low bits are the slot. Zero marks a free slot; a hash of
/// zero is kept as one, which is a suspicion more and never a mistake.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<u64>,
    len: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { slots: vec![0; 1024], len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// False where the hash was there already.
    pub(crate) fn insert(&mut self, hash: u64) -> bool {
        if self.len * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let added = place(&mut self.slots, hash.max(1));
        self.len += usize::from(added);
        added
    }

    pub(crate) fn into_hashes(self) -> impl Iterator<Item = u64> {
        self.slots.into_iter().filter(|hash| *hash != 0)
    }

    fn grow(&mut self) {
        let mut slots = vec![0; self.slots.len() * 2];
        for hash in self.slots.iter().filter(|hash| **hash != 0) {
            place(&mut slots, *hash);
        }
        self.slots = slots;
    }
}

/// Puts a hash into its slot or the next free one; the table is never full.
fn place(slots: &mut [u64], hash: u64) -> bool {
    let mask = slots.len() - 1;
    let mut at = hash as usize & mask;
    while let Some(slot) = slots.get_mut(at) {
        match *slot {
            0 => {
                *slot = hash;
                return true;
            }
            same if same == hash => return false,
            _ => at = (at + 1) & mask,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn agrees_with_a_hash_set() {
        let mut table = Table::new();
        let mut oracle = HashSet::new();
        let mut number: u64 = 1;
        for step in 0..200_000u64 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
            // Few bits, so that repeats occur; some share their low bits, so that slots collide.
            // Zero stands for a hash of its own, see below.
            let hash = if step < 1_000 { (number >> 55) << 40 | 1 } else { (number >> 46) + 2 };
            assert_eq!(table.insert(hash), oracle.insert(hash));
        }
        assert_eq!(table.len(), oracle.len());
        assert_eq!(table.into_hashes().collect::<HashSet<_>>(), oracle);
    }

    #[test]
    fn zero_is_a_hash_too() {
        let mut table = Table::new();
        assert!(table.insert(0));
        assert!(!table.insert(0));
    }
}
