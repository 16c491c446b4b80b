//! Damaged components, a hundred thousand of them: each is let in or refused with a code, and none
//! takes the process along. They are compiled in this process, where a crash would show.
//! `DPONE_MUTATIONS` gives another number.

use crate::guest::Guest;
use crate::support::{self, sandbox};
use dpone_model::{Exit, Report};

const CASES: u64 = 100_000;

/// A generator of numbers that is the same everywhere (Marsaglia's xorshift64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// One to four wounds: a byte, a bit, a cut, a piece that is gone, doubled or swapped.
fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        let end = (at + 1 + numbers.below(16)).min(bytes.len());
        match numbers.below(7) {
            0 => bytes[at] = numbers.next() as u8,
            1 => bytes[at] ^= 1 << numbers.below(8),
            2 => bytes.truncate(at.max(8)),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => bytes[at..end].reverse(),
            // The sizes of sections and vectors are what a reader trusts most.
            _ => bytes[at] = [0x00, 0x7f, 0x80, 0xff][numbers.below(4)],
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

/// Every refusal is one that is documented for components.
fn is_documented(report: &Report) -> bool {
    report.exit() == Exit::Plugin && report.code().id.starts_with("DP03") && !report.message().is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_components_are_refused_or_let_in() {
    let cases = std::env::var("DPONE_MUTATIONS").map_or(CASES, |cases| cases.parse().unwrap());
    let whole = [Guest::extractor().component(), Guest::transform().component(), Guest::check().component()];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut refused, mut let_in) = (0, 0);
    for case in 0..cases {
        let mut bytes = whole[(case % 3) as usize].clone();
        mutate(&mut bytes, &mut numbers);
        match sandbox().load_here(&bytes, "damaged.wasm").await {
            Ok(_) => let_in += 1,
            Err(report) if is_documented(&report) => refused += 1,
            Err(report) => panic!("case {case}: {report}"),
        }
    }
    support::others_go_on().await;
    assert_eq!(refused + let_in, cases);
    assert!(refused > cases / 2, "the wounds are too small: {refused} of {cases} were refused");
}
