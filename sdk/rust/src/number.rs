//! JSON numbers compared exactly, whatever their length: no float in between.

use std::cmp::Ordering;

/// A JSON number (RFC 8259, section 6) in the digits that it was written with. Two spellings of
/// one value are equal: `1.10` and `11e-1`.
#[derive(Debug, Clone)]
pub struct Number<'a> {
    negative: bool,
    /// The digits before and after the point, neither led nor followed by zeros that say nothing;
    /// both are empty for zero.
    whole: &'a str,
    fraction: &'a str,
    /// Power of ten of the first digit: the value is `0.d₁d₂… × 10^exponent`.
    exponent: i64,
}

impl<'a> Number<'a> {
    /// `None` for what is no JSON number, and for an exponent of more than 18 digits.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = match rest.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, parse_power(power)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let led_by_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || led_by_zero || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        Some(Self::trimmed(negative, whole, fraction, power))
    }

    fn trimmed(negative: bool, whole: &'a str, fraction: &'a str, power: i64) -> Self {
        let mut exponent = power.saturating_add(whole.len() as i64);
        let fraction = fraction.trim_end_matches('0');
        let whole = if fraction.is_empty() { whole.trim_end_matches('0') } else { whole };
        let leading = whole.len() - whole.trim_start_matches('0').len();
        let (whole, mut fraction) = (whole.trim_start_matches('0'), fraction);
        exponent = exponent.saturating_sub(leading as i64);
        if whole.is_empty() {
            let significant = fraction.trim_start_matches('0');
            exponent = exponent.saturating_sub((fraction.len() - significant.len()) as i64);
            fraction = significant;
        }
        let zero = whole.is_empty() && fraction.is_empty();
        Self { negative: negative && !zero, whole, fraction, exponent: if zero { 0 } else { exponent } }
    }

    pub fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    /// The value as digits with an optional sign, where it is a whole number of at most
    /// `max_digits` digits: `1e3` gives `1000`, `2.50` nothing.
    pub fn to_integer(&self, max_digits: usize) -> Option<String> {
        if self.is_zero() {
            return Some("0".to_owned());
        }
        let digits = self.digit_count();
        let length = usize::try_from(self.exponent).ok().filter(|l| *l >= digits && *l <= max_digits)?;
        let mut out = String::with_capacity(length + 1);
        if self.negative {
            out.push('-');
        }
        out.push_str(self.whole);
        out.push_str(self.fraction);
        out.extend(std::iter::repeat_n('0', length - digits));
        Some(out)
    }

    fn digit_count(&self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.whole.bytes().chain(self.fraction.bytes())
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.exponent.cmp(&other.exponent).then_with(|| self.digits().cmp(other.digits())),
        }
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
        }
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number<'_> {}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn parse_power(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !is_digits(digits) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let value: i64 = match significant.len() {
        0 => 0,
        1..=18 => significant.parse().ok()?,
        _ => return None,
    };
    Some(if negative { -value } else { value })
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
            "0.01",
            "0.1",
            "0.10000000000000000000001",
            "1",
            "1.05",
            "1.10",
            "9",
            "10",
            "9007199254740992",
            "9007199254740993",
            "9007199254740993.5",
            "123456789012345678901234567890",
            "1E400",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(Number::parse(a).unwrap().cmp(&Number::parse(b).unwrap()), i.cmp(&j), "{a} {b}");
            }
        }
    }

    #[test]
    fn spellings_of_one_value_are_equal() {
        for (a, b) in [
            ("1.10", "1.1"),
            ("-0.0", "0"),
            ("0e9", "0"),
            ("1e2", "100"),
            ("0.001", "1E-3"),
            ("12000", "1.2e+4"),
            ("10.0", "1e1"),
        ] {
            assert_eq!(Number::parse(a).unwrap(), Number::parse(b).unwrap(), "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_json_number_is_refused() {
        for bad in
            ["", "-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "0x1", "NaN", "1e1234567890123456789", "1 ", "1e--1"]
        {
            assert!(Number::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn whole_numbers_become_digits() {
        for (text, digits) in [
            ("0", Some("0")),
            ("-0.0", Some("0")),
            ("1e3", Some("1000")),
            ("10.00", Some("10")),
            ("-12.50e1", Some("-125")),
            ("9223372036854775808", Some("9223372036854775808")),
            ("2.5", None),
            ("1e-1", None),
            ("1e400", None),
        ] {
            assert_eq!(Number::parse(text).unwrap().to_integer(40).as_deref(), digits, "{text}");
        }
    }
}
