//! Exact comparison of JSON numbers, whatever their length: no float in between.

use std::cmp::Ordering;
use std::fmt;

/// A JSON number as sign, digits and power of ten: `digits` has no leading or trailing zeros,
/// and the value is `0.digits × 10^exponent`. Zero has no digits and no sign, so `-0.0` equals `0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExactNumber {
    negative: bool,
    digits: Box<[u8]>,
    exponent: i64,
}

impl ExactNumber {
    /// Reads a number that follows the grammar of RFC 8259, section 6. `None` for anything else,
    /// and for an exponent beyond 18 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = match rest.find(['e', 'E']) {
            Some(at) => (rest.get(..at)?, parse_exponent(rest.get(at + 1..)?)?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
        let is_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if !is_digits(whole) || leading_zero || fraction.is_some_and(|f| !is_digits(f)) {
            return None;
        }
        let all = || whole.bytes().chain(fraction.unwrap_or_default().bytes());
        let zeros = all().take_while(|b| *b == b'0').count();
        let mut digits: Vec<u8> = all().skip(zeros).collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Some(Self { negative: false, digits: Box::default(), exponent: 0 });
        }
        let exponent = power.checked_add(whole.len() as i64)?.checked_sub(zeros as i64)?;
        Some(Self { negative, digits: digits.into(), exponent })
    }

    /// The whole part, rounded down, of the number times ten to the power of `digits`; `None` where
    /// it does not fit.
    pub fn floor_shifted(&self, digits: u32) -> Option<i128> {
        // `0.ddd × 10^point`: digits before `point` are the whole part.
        let point = self.exponent.checked_add(i64::from(digits))?;
        if point > 38 {
            return None;
        }
        let whole = usize::try_from(point).unwrap_or(0);
        let mut value = 0i128;
        for digit in self.digits.iter().copied().chain(std::iter::repeat(b'0')).take(whole) {
            value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        let is_cut = self.digits.len() > whole;
        Some(if self.negative { -value - i128::from(is_cut) } else { value })
    }

    /// The exact difference; `None` where it would take more than [`Self::MAX_PLACES`] digits.
    pub fn minus(&self, other: &Self) -> Option<Self> {
        let places = |number: &Self| Some((number.exponent.checked_sub(number.digits.len() as i64)?, number.exponent));
        let ((low_a, high_a), (low_b, high_b)) = (places(self)?, places(other)?);
        let (low, high) = match (self.digits.is_empty(), other.digits.is_empty()) {
            (_, true) => return Some(self.clone()),
            (true, false) => (low_b, high_b),
            (false, false) => (low_a.min(low_b), high_a.max(high_b)),
        };
        let width = usize::try_from(high.checked_sub(low)?).ok().filter(|width| *width <= Self::MAX_PLACES)?;
        let (a, b) = (self.aligned(high, width), other.aligned(high, width));
        let (negative, digits) = if self.negative != other.negative {
            (self.negative, added(&a, &b))
        } else if a >= b {
            (self.negative, subtracted(&a, &b))
        } else {
            (!self.negative, subtracted(&b, &a))
        };
        Some(Self::of_digits(negative, &digits, high.checked_add(1)?))
    }

    /// Digits that a difference may take.
    pub const MAX_PLACES: usize = 4096;

    /// The digits of the places from `high` down, `width` of them, with one more in front for a carry.
    fn aligned(&self, high: i64, width: usize) -> Vec<u8> {
        let lead = usize::try_from(high.saturating_sub(self.exponent)).unwrap_or(0);
        let digits = std::iter::repeat_n(0, lead + 1).chain(self.digits.iter().map(|digit| digit - b'0'));
        digits.chain(std::iter::repeat(0)).take(width + 1).collect()
    }

    /// `0.digits × 10^exponent` without the zeros that say nothing.
    fn of_digits(negative: bool, digits: &[u8], exponent: i64) -> Self {
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        let end = digits.iter().rposition(|digit| *digit != 0).map_or(zeros, |last| last + 1);
        let kept: Box<[u8]> = digits.get(zeros..end).unwrap_or_default().iter().map(|digit| digit + b'0').collect();
        let is_zero = kept.is_empty();
        let exponent = if is_zero { 0 } else { exponent.saturating_sub(zeros as i64) };
        Self { negative: negative && !is_zero, digits: kept, exponent }
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

impl Ord for ExactNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
        }
    }
}

impl PartialOrd for ExactNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Digits of the same places, from the greatest; the first one of each is 0.
fn added(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let add = |(a, b): (&u8, &u8)| {
        let sum = a + b + carry;
        carry = sum / 10;
        sum % 10
    };
    let mut digits: Vec<u8> = a.iter().zip(b).rev().map(add).collect();
    digits.reverse();
    digits
}

/// As [`added`]; `a` is not less than `b`.
fn subtracted(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let subtract = |(a, b): (&u8, &u8)| {
        let taken = b + borrow;
        borrow = u8::from(*a < taken);
        a + 10 * borrow - taken
    };
    let mut digits: Vec<u8> = a.iter().zip(b).rev().map(subtract).collect();
    digits.reverse();
    digits
}

/// As a JSON number; plain where that takes at most twenty zeros, else with an exponent.
impl fmt::Display for ExactNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = std::str::from_utf8(&self.digits).unwrap_or_default();
        if digits.is_empty() {
            return f.write_str("0");
        }
        if self.negative {
            f.write_str("-")?;
        }
        let after = self.exponent.saturating_sub(digits.len() as i64);
        if (0..=20).contains(&after) {
            return write!(f, "{digits}{:0<width$}", "", width = after as usize);
        }
        match usize::try_from(self.exponent).ok().and_then(|at| digits.split_at_checked(at)) {
            Some(("", fraction)) => write!(f, "0.{fraction}"),
            Some((whole, fraction)) => write!(f, "{whole}.{fraction}"),
            None if (-20..0).contains(&self.exponent) => {
                write!(f, "0.{:0<width$}{digits}", "", width = self.exponent.unsigned_abs() as usize)
            }
            None => write!(f, "{digits}e{after}"),
        }
    }
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let magnitude = digits.trim_start_matches('0');
    let valid = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && magnitude.len() <= 18;
    let value: i64 = if magnitude.is_empty() { 0 } else { magnitude.parse().ok()? };
    valid.then_some(if text.starts_with('-') { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_exact() {
        let ascending = [
            "-1E400",
            "-10",
            "-9.99",
            "-1e-400",
            "0",
            "1E-400",
            "0.1",
            "0.10000000000000000000001",
            "1",
            "1.10",
            "9007199254740992",
            "9007199254740993",
            "123456789012345678901234567890",
            "1E400",
        ];
        let numbers: Vec<_> = ascending.iter().map(|t| ExactNumber::parse(t).unwrap()).collect();
        for pair in numbers.windows(2) {
            assert!(pair[0] < pair[1], "{pair:?}");
        }
    }

    #[test]
    fn spellings_of_one_value_are_equal() {
        for (a, b) in [("1.10", "1.1"), ("-0.0", "0"), ("1e2", "100"), ("0.001", "1E-3"), ("12000", "1.2e+4")] {
            assert_eq!(ExactNumber::parse(a), ExactNumber::parse(b), "{a} {b}");
        }
    }

    #[test]
    fn differences_are_exact_and_are_written_as_json() {
        for (a, b, difference) in [
            ("1000", "1", "999"),
            ("1", "1000", "-999"),
            ("5", "5.0", "0"),
            ("-5", "5", "-10"),
            ("-5", "-7.25", "2.25"),
            ("99", "-1", "100"),
            ("0", "3", "-3"),
            ("3", "0", "3"),
            ("9007199254740993", "1", "9007199254740992"),
            ("123456789012345678901234567890", "1", "123456789012345678901234567889"),
            ("1e3", "0.001", "999.999"),
            ("0.002", "0.001", "0.001"),
            ("1", "1e-40", "0.9999999999999999999999999999999999999999"),
            ("1e60", "5e59", "5e59"),
        ] {
            let of = |text: &str| ExactNumber::parse(text).unwrap();
            let found = of(a).minus(&of(b)).unwrap();
            assert_eq!(found, of(difference), "{a} - {b} = {found}");
            assert_eq!(found.to_string(), difference, "{a} - {b}");
            assert_eq!(of(&found.to_string()), found);
        }
        assert_eq!(ExactNumber::parse("1e9000").unwrap().minus(&ExactNumber::parse("1").unwrap()), None);
    }

    #[test]
    fn what_is_no_json_number_is_refused() {
        for bad in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "NaN", "1e1234567890123456789", "1 "] {
            assert_eq!(ExactNumber::parse(bad), None, "{bad}");
        }
    }
}
