//! A partition's memory of its idempotent producers (KIP-98): the last five batches of each,
//! so that a repeated batch is acknowledged with its first offset and a gap is refused.

use super::batch::{Header, sequence_after};
use std::collections::{HashMap, VecDeque};

/// A producer may have five requests in flight, so any of the last five batches may be repeated.
const REMEMBERED: usize = 5;

/// The producers of one partition. Rebuilt from the batches at start.
#[derive(Debug, Default)]
pub struct Producers(HashMap<i64, Producer>);

#[derive(Debug, Default)]
struct Producer {
    epoch: i16,
    batches: VecDeque<Appended>,
}

#[derive(Debug, Clone, Copy)]
struct Appended {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
}

/// The verdict on a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Append,
    /// It is in the log already, at this offset.
    Duplicate(i64),
    OutOfOrder,
    /// A newer instance of the producer has written since.
    Fenced,
}

impl Producers {
    pub fn judge(&self, header: &Header) -> Verdict {
        if !header.is_idempotent() {
            return Verdict::Append;
        }
        // An unknown producer may begin anywhere, as on Kafka: its earlier records may be gone.
        let Some(known) = self.0.get(&header.producer_id) else { return Verdict::Append };
        if header.producer_epoch < known.epoch {
            return Verdict::Fenced;
        }
        if header.producer_epoch > known.epoch {
            return if header.base_sequence == 0 { Verdict::Append } else { Verdict::OutOfOrder };
        }
        let (first, last) = (header.base_sequence, header.last_sequence());
        let repeated = known.batches.iter().find(|b| (b.first_sequence, b.last_sequence) == (first, last));
        if let Some(batch) = repeated {
            return Verdict::Duplicate(batch.base_offset);
        }
        match known.batches.back() {
            Some(newest) if sequence_after(newest.last_sequence, 1) != first => Verdict::OutOfOrder,
            _ => Verdict::Append,
        }
    }

    /// Notes a batch that is in the log; its header has the offset that the log gave.
    pub fn note(&mut self, header: &Header) {
        if !header.is_idempotent() {
            return;
        }
        let known = self.0.entry(header.producer_id).or_default();
        if known.epoch != header.producer_epoch {
            known.epoch = header.producer_epoch;
            known.batches.clear();
        }
        if known.batches.len() == REMEMBERED {
            known.batches.pop_front();
        }
        known.batches.push_back(Appended {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset: header.base_offset,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::{tests::sample, verify};
    use super::*;

    fn header(count: i32, producer: (i64, i16, i32), base_offset: i64) -> Header {
        Header { base_offset, ..verify(&sample(count, producer, 0)).unwrap() }
    }

    #[test]
    fn sequences_are_judged_as_kafka_does() {
        let mut producers = Producers::default();
        for (n, first) in [0, 10, 20, 30, 40, 50].into_iter().enumerate() {
            let batch = header(10, (1, 3, first), 100 + 10 * n as i64);
            assert_eq!(producers.judge(&batch), Verdict::Append, "sequence {first}");
            producers.note(&batch);
        }
        let cases = [
            ("the newest again", (10, (1, 3, 50)), Verdict::Duplicate(150)),
            ("the fifth last again", (10, (1, 3, 10)), Verdict::Duplicate(110)),
            ("older than remembered", (10, (1, 3, 0)), Verdict::OutOfOrder),
            ("the same start, another length", (9, (1, 3, 50)), Verdict::OutOfOrder),
            ("a gap", (10, (1, 3, 70)), Verdict::OutOfOrder),
            ("the next", (10, (1, 3, 60)), Verdict::Append),
            ("an older epoch", (10, (1, 2, 60)), Verdict::Fenced),
            ("a newer epoch from 0", (1, (1, 4, 0)), Verdict::Append),
            ("a newer epoch, not from 0", (1, (1, 4, 5)), Verdict::OutOfOrder),
            ("an unknown producer", (1, (2, 0, 77)), Verdict::Append),
            ("no producer", (1, (-1, -1, -1)), Verdict::Append),
        ];
        for (name, (count, producer), expected) in cases {
            assert_eq!(producers.judge(&header(count, producer, 0)), expected, "{name}");
        }
    }

    #[test]
    fn sequences_go_on_after_the_wrap() {
        let mut producers = Producers::default();
        producers.note(&header(2, (1, 0, i32::MAX - 1), 0));
        assert_eq!(producers.judge(&header(1, (1, 0, 0), 0)), Verdict::Append);
        assert_eq!(producers.judge(&header(1, (1, 0, 1), 0)), Verdict::OutOfOrder);
    }
}
