//! Eight bytes at a time in a `u64` ("SIMD within a register"), in safe code.
//!
//! Each test sets the high bit of the bytes it looks for. A subtraction may borrow from the next
//! higher byte, so only the lowest bit that is set is exact; the first match is all that is asked.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Eight bytes of the body, the first one lowest; `None` where fewer are left.
#[inline(always)]
pub(crate) fn load(body: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*body.get(at..)?.first_chunk::<8>()?))
}

/// A byte in all eight places.
const fn splat(byte: u8) -> u64 {
    ONES * byte as u64
}

/// The bytes that end a run of plain text in a string: a quote, a backslash, a control character.
#[inline(always)]
pub(crate) fn string_stops(word: u64) -> u64 {
    let quote = (word ^ splat(b'"')).wrapping_sub(ONES);
    let backslash = (word ^ splat(b'\\')).wrapping_sub(ONES);
    let control = word.wrapping_sub(splat(0x20));
    (quote | backslash | control) & !word & HIGH_BITS
}

/// The bytes that are not digits.
#[inline(always)]
pub(crate) fn non_digits(word: u64) -> u64 {
    let below = word.wrapping_sub(splat(b'0'));
    let above = word.wrapping_add(splat(0x80 - b'9' - 1));
    (below | above) & HIGH_BITS
}

/// How many bytes stand before the first match.
#[inline(always)]
pub(crate) fn before_first(matches: u64) -> usize {
    (matches.trailing_zeros() / 8) as usize
}

/// Whether any byte is not ASCII.
#[inline(always)]
pub(crate) fn has_high_bit(word: u64) -> bool {
    word & HIGH_BITS != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte in every place, after bytes that do not match.
    fn assert_first_match(test: fn(u64) -> u64, filler: u8, is_match: fn(u8) -> bool) {
        for place in 0..8 {
            for byte in 0..=255u8 {
                for after in [0, filler, b'"', 0x80, 0xff] {
                    let mut bytes = [filler; 8];
                    bytes[place] = byte;
                    bytes[place + 1..].fill(after);
                    let expected = bytes.iter().position(|b| is_match(*b));
                    let found = test(u64::from_le_bytes(bytes));
                    assert_eq!((found != 0).then(|| before_first(found)), expected, "{bytes:02x?}");
                }
            }
        }
    }

    #[test]
    fn string_stops_are_quote_backslash_and_controls() {
        assert_first_match(string_stops, b'a', |b| b == b'"' || b == b'\\' || b < 0x20);
        assert_first_match(string_stops, 0xc3, |b| b == b'"' || b == b'\\' || b < 0x20);
    }

    #[test]
    fn non_digits_are_all_but_digits() {
        assert_first_match(non_digits, b'0', |b| !b.is_ascii_digit());
        assert_first_match(non_digits, b'9', |b| !b.is_ascii_digit());
    }

    #[test]
    fn loads_stay_inside() {
        let body = b"0123456789";
        assert_eq!(load(body, 2), Some(u64::from_le_bytes(*b"23456789")));
        assert_eq!((load(body, 3), load(body, 10), load(body, usize::MAX)), (None, None, None));
    }
}
