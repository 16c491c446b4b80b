//! The order in which ascending keys prove themselves distinct.

use std::cmp::Ordering;

/// Digits alone compare as numbers (shorter is smaller), everything else as bytes behind them.
///
/// The order need not mean anything to the source. It has to be total, and its equality that of the
/// bytes: then a run of ever greater keys holds no key twice, with nothing remembered but the last.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    match (is_digits(a), is_digits(b)) {
        (true, true) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

fn is_digits(key: &[u8]) -> bool {
    !key.is_empty() && key.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_as_numbers_and_all_else_as_bytes() {
        let ascending: [&[u8]; 10] = [b"0", b"9", b"10", b"11", b"99", b"007", b"100", b"", b"-5", b"2026-01-01"];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare(b"10", b"10"), Ordering::Equal);
        assert_eq!(compare(b"a", b"a"), Ordering::Equal);
    }
}
