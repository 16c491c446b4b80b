//! Damage to a text: bytes and tokens put in, taken out, moved and repeated.

use crate::Random;

/// Mutates bytes, with tokens that mean something in the language of the text.
#[derive(Debug, Clone)]
pub struct Mutator<'a> {
    /// Texts that are put in beside random bytes.
    pub tokens: &'a [&'a str],
    /// The result is cut to this many bytes.
    pub max_bytes: usize,
}

impl Mutator<'_> {
    /// One change.
    pub fn mutate(&self, random: &mut Random, text: &mut Vec<u8>) {
        let from = random.below(text.len() + 1);
        let to = (from + 1 + random.below(8)).min(text.len()).max(from);
        let token = random.text(self.tokens).as_bytes();
        match random.below(10) {
            0 => set(text, from, |byte| byte ^ (1 << (random.below(8) as u32))),
            1 => set(text, from, |_| random.below(256) as u8),
            2 => drop(text.drain(from..to)),
            3 | 4 => insert(text, from, token),
            5 => drop(text.splice(from..to, token.iter().copied())),
            6 => {
                let piece = text.get(from..to).unwrap_or_default().to_vec();
                let at = random.below(text.len() + 1);
                insert(text, at, &piece);
            }
            7 => {
                // A longer piece, so that whole fields and records are repeated or lost.
                let end = (from + random.below(80)).min(text.len());
                let piece: Vec<u8> = text.drain(from..end).collect();
                let at = random.below(text.len() + 1);
                insert(text, at, &piece);
                if random.one_in(2) {
                    insert(text, at, &piece);
                }
            }
            8 => text.truncate(from),
            _ => {
                let other = random.below(text.len());
                if from < text.len() {
                    text.swap(from, other);
                }
            }
        }
        text.truncate(self.max_bytes);
    }
}

fn set(text: &mut [u8], at: usize, change: impl FnOnce(u8) -> u8) {
    if let Some(byte) = text.get_mut(at) {
        *byte = change(*byte);
    }
}

fn insert(text: &mut Vec<u8>, at: usize, piece: &[u8]) {
    text.splice(at..at, piece.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn texts_change_and_stay_bounded() {
        let mutator = Mutator { tokens: &["<token>"], max_bytes: 40 };
        let mut random = Random::new(7);
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            let mut text = b"the quick brown fox jumps over a dog".to_vec();
            mutator.mutate(&mut random, &mut text);
            assert!(text.len() <= 40);
            seen.insert(text);
        }
        assert!(seen.len() > 500, "{}", seen.len());
        // Nothing to damage is no problem either.
        for _ in 0..200 {
            mutator.mutate(&mut random, &mut Vec::new());
        }
    }
}
