//! Exact comparison of JSON numbers, whatever their length: no float in between.

use std::cmp::Ordering;

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
    fn what_is_no_json_number_is_refused() {
        for bad in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "NaN", "1e1234567890123456789", "1 "] {
            assert_eq!(ExactNumber::parse(bad), None, "{bad}");
        }
    }
}
