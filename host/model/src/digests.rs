//! Digests of rows, by which the next run knows what it need not publish again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// First bytes of a row's SHA-256. Among a million known rows and a million new ones, two equal
/// digests have a chance of 1 in 10^17.
pub type RowDigest = [u8; 12];

/// Different digests in ascending order; in state a list of base64, 19 bytes each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Digests(Vec<RowDigest>);

impl Digests {
    pub fn new(digests: impl IntoIterator<Item = RowDigest>) -> Self {
        let mut digests: Vec<_> = digests.into_iter().collect();
        digests.sort_unstable();
        digests.dedup();
        Self(digests)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &RowDigest> {
        self.0.iter()
    }

    pub fn contains(&self, digest: &RowDigest) -> bool {
        self.0.binary_search(digest).is_ok()
    }

    /// Keeps at most `max`, and says how many went.
    pub fn truncate(&mut self, max: usize) -> u64 {
        let gone = self.len().saturating_sub(max);
        self.0.truncate(max);
        gone as u64
    }

    /// Adds others as far as there is room, and says how many found none.
    pub fn add(&mut self, others: &Self, max: usize) -> u64 {
        let mut new: Vec<_> = others.iter().filter(|other| !self.contains(other)).copied().collect();
        let room = max.saturating_sub(self.len()).min(new.len());
        let left_out = new.len() - room;
        new.truncate(room);
        self.0.append(&mut new);
        self.0.sort_unstable();
        left_out as u64
    }
}

impl Serialize for Digests {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for digest in &self.0 {
            list.serialize_element(&STANDARD.encode(digest))?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Digests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Texts)
    }
}

/// Decodes the list as it is read: a million texts at a time would take more room than the digests.
struct Texts;

impl<'de> Visitor<'de> for Texts {
    type Value = Digests;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of digests")
    }

    /// Text that is no digest cannot match a row and is left out. Earlier versions wrote 16 bytes of
    /// the same hash.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Digests, A::Error> {
        let mut digests = Vec::new();
        while let Some(text) = list.next_element::<String>()? {
            let mut bytes = [0; 24];
            let length = STANDARD.decode_slice(text.as_bytes(), &mut bytes).unwrap_or(0);
            digests.extend(bytes.get(..length).and_then(|bytes| bytes.first_chunk().copied()));
        }
        Ok(Digests::new(digests))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: impl IntoIterator<Item = u8>) -> Digests {
        Digests::new(bytes.into_iter().map(|byte| [byte; 12]))
    }

    #[test]
    fn state_of_earlier_versions_is_read_and_damage_is_not() {
        let long = STANDARD.encode([[7; 12].as_slice(), &[8; 4]].concat());
        let json = serde_json::json!([long, STANDARD.encode([1; 12]), "AAAA", "no digest", ""]);
        let read: Digests = serde_json::from_value(json).unwrap();
        assert_eq!(read, of([1, 7]));
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<Digests>(&written).unwrap(), read);
        assert_eq!(written.len(), 2 + 2 * 19 - 1);
    }

    #[test]
    fn room_is_bounded_and_what_finds_none_is_counted() {
        let mut digests = of([1, 5]);
        assert_eq!(digests.add(&of([1, 2, 3, 4]), 4), 1);
        assert_eq!(digests, of([1, 2, 3, 5]));
        assert_eq!((digests.truncate(3), digests.len(), digests.truncate(3)), (1, 3, 0));
    }
}
