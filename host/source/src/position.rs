//! A cursor field's value as something to compare: no allocation for the usual forms, and exact.

use dpone_manifest::{Lookback, RecordFormat};
use dpone_model::number::ExactNumber;
use dpone_model::{CursorValue, EpochUnit, FieldSpan, Kind};
use jiff::{SignedDuration, Timestamp};
use std::cmp::Ordering;

/// An instant or a number. Numbers that fit are held as `i64`: they are the usual ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Position {
    Instant(Timestamp),
    Integer(i64),
    Number(ExactNumber),
}

impl Position {
    /// The value of a record's cursor field, `None` where it is missing or null; or why it cannot be
    /// read.
    pub(crate) fn read(
        field: Option<&FieldSpan>,
        body: &[u8],
        format: Option<RecordFormat>,
    ) -> Result<Option<Self>, &'static str> {
        let Some(field) = field else { return Ok(None) };
        let bytes = field.span.of(body);
        let position = match (field.kind, format) {
            (Kind::Null | Kind::Missing, _) => return Ok(None),
            (Kind::Number, Some(RecordFormat::Epoch(unit))) => epoch(bytes, unit),
            (Kind::Number, Some(RecordFormat::Rfc3339)) => Err("is a number, where `record_format` is rfc3339"),
            (Kind::Number, None) if field.special => exact(bytes),
            (Kind::Number, None) => integer(bytes).map(Self::Integer).map_or_else(|| exact(bytes), Ok),
            (Kind::String, Some(RecordFormat::Epoch(unit))) => epoch_text(bytes, unit),
            (Kind::String, _) => instant(bytes).map(Self::Instant).ok_or("is text that is no RFC 3339 timestamp"),
            (Kind::False | Kind::True, _) => Err("is a boolean"),
            (Kind::Array, _) => Err("is an array"),
            (Kind::Object, _) => Err("is an object"),
        };
        position.map(Some)
    }

    pub(crate) fn of(value: &CursorValue) -> Option<Self> {
        match value.as_instant() {
            Some(instant) => Some(Self::Instant(instant)),
            None => integer(value.text().as_bytes())
                .map(Self::Integer)
                .map_or_else(|| exact(value.text().as_bytes()), Ok)
                .ok(),
        }
    }

    /// `None` when one is an instant and the other a number.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        Some(match (self, other) {
            (Self::Instant(a), Self::Instant(b)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Integer(a), Self::Number(b)) => ExactNumber::parse(&a.to_string())?.cmp(b),
            (Self::Number(a), Self::Integer(b)) => a.cmp(&ExactNumber::parse(&b.to_string())?),
            (Self::Instant(_), _) | (_, Self::Instant(_)) => return None,
        })
    }

    pub(crate) fn is_below(&self, other: &Self) -> bool {
        self.compare(other) == Some(Ordering::Less)
    }

    /// An instant moved back; a number stays.
    pub(crate) fn minus(&self, duration: SignedDuration) -> Self {
        match self {
            Self::Instant(instant) => Self::Instant(instant.checked_sub(duration).unwrap_or(Timestamp::MIN)),
            number => number.clone(),
        }
    }

    /// The value moved back; one of another kind than the lookback stays.
    pub(crate) fn before(&self, lookback: &Lookback) -> Self {
        match (lookback, self) {
            (Lookback::Time(duration), _) => self.minus(*duration),
            (Lookback::Number(_), Self::Instant(_)) => self.clone(),
            (Lookback::Number(back), Self::Number(number)) => {
                number.minus(back).map_or_else(|| self.clone(), Self::Number)
            }
            (Lookback::Number(back), Self::Integer(integer)) => {
                let number = ExactNumber::parse(&integer.to_string());
                number.and_then(|number| number.minus(back)).map_or_else(|| self.clone(), Self::Number)
            }
        }
    }

    pub(crate) fn is_instant(&self) -> bool {
        matches!(self, Self::Instant(_))
    }

    /// An instant as records write it, or a number in its shortest form.
    pub(crate) fn value(&self, unit: Option<EpochUnit>) -> Option<CursorValue> {
        match self {
            Self::Instant(instant) => Some(CursorValue::at(*instant, unit)),
            Self::Integer(number) => CursorValue::number(&number.to_string()),
            Self::Number(number) => CursorValue::number(&number.to_string()),
        }
    }
}

const BEYOND: &str = "is no time before the year 10000 in the unit that `record_format` names";

/// A count of the unit, as JSON writes numbers.
fn epoch(bytes: &[u8], unit: EpochUnit) -> Result<Position, &'static str> {
    if let Some(count) = integer(bytes) {
        return unit.instant(count).map(Position::Instant).ok_or(BEYOND);
    }
    match exact(bytes)? {
        Position::Number(number) => unit.instant_of(&number).map(Position::Instant).ok_or(BEYOND),
        position => Ok(position),
    }
}

/// The same in quotes.
fn epoch_text(json: &[u8], unit: EpochUnit) -> Result<Position, &'static str> {
    let inner = json.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let is_long = inner.is_some_and(|inner| inner.len() > MAX_NUMBER_BYTES);
    let number = inner.filter(|_| !is_long).and_then(|inner| std::str::from_utf8(inner).ok());
    let is_number = number.and_then(ExactNumber::parse).is_some();
    match inner.filter(|_| is_number) {
        Some(inner) => epoch(inner, unit),
        None => Err("is text that is no number, where `record_format` names an epoch"),
    }
}

/// Longest text of a number. Its digits are all kept, and may be in state: no API counts further.
const MAX_NUMBER_BYTES: usize = 1000;

fn exact(bytes: &[u8]) -> Result<Position, &'static str> {
    if bytes.len() > MAX_NUMBER_BYTES {
        return Err("is a number of more than 1000 characters");
    }
    let number = std::str::from_utf8(bytes).ok().and_then(ExactNumber::parse);
    number.map(Position::Number).ok_or("is a number with an exponent beyond comparison")
}

/// Up to 18 digits, so that nothing overflows. `-0` and longer ones go the exact way.
fn integer(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = bytes.strip_prefix(b"-").map_or((false, bytes), |rest| (true, rest));
    if digits.is_empty() || digits.len() > 18 || (digits.len() > 1 && digits.first() == Some(&b'0')) {
        return None;
    }
    let mut value = 0i64;
    for digit in digits {
        value = value * 10 + i64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    Some(if negative { -value } else { value })
}

/// An RFC 3339 timestamp or a date, from a JSON string with its quotes.
fn instant(json: &[u8]) -> Option<Timestamp> {
    let inner = json.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""))?;
    utc_instant(inner).or_else(|| {
        let text = dpone_json::unescape(json);
        text.parse().ok().or_else(|| CursorValue::instant(&text)?.as_instant())
    })
}

/// The usual form, `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, without a general parser. `None` is for
/// anything else, whether it is a timestamp or not.
fn utc_instant(text: &[u8]) -> Option<Timestamp> {
    let (head, tail) = text.split_at_checked(19)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2] = *head else {
        return None;
    };
    let two = |a: u8, b: u8| Some(digit(a)? * 10 + digit(b)?);
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
    // A leap second is left to the general parser.
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range {
        return None;
    }
    let nanosecond = fraction(tail.strip_suffix(b"Z")?)?;
    let seconds = days_from_civil(year, month, day) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    Timestamp::new(seconds, nanosecond).ok()
}

fn digit(byte: u8) -> Option<i32> {
    byte.is_ascii_digit().then(|| i32::from(byte - b'0'))
}

/// Nothing, or a dot and one to nine digits, as nanoseconds.
fn fraction(text: &[u8]) -> Option<i32> {
    let Some((dot, digits)) = text.split_first() else { return Some(0) };
    if *dot != b'.' || digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let mut nanosecond = 0;
    for index in 0..9 {
        nanosecond = nanosecond * 10 + digits.get(index).map_or(Some(0), |byte| digit(*byte))?;
    }
    Some(nanosecond)
}

fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so that
/// the leap day is the last one.
fn days_from_civil(year: i32, month: i32, day: i32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i64::from(era) * 146_097 + i64::from(day_of_era) - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_way_agrees_with_the_general_parser() {
        let mut seconds = -62_135_596_800i64;
        while seconds < 253_402_207_200 {
            let instant = Timestamp::new(seconds, 123_456_789).unwrap();
            let text = instant.to_string();
            assert_eq!(utc_instant(text.as_bytes()), Some(instant), "{text}");
            // A stride that meets every day of the month and time of the day.
            seconds += 9_876_543;
        }
    }

    #[test]
    fn fractions_of_any_length_and_what_is_no_timestamp() {
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.5Z",
            "2026-01-01T00:00:00.000000001Z",
            "2024-02-29T23:59:59Z",
            "2000-02-29T00:00:00Z",
            "2026-01-01T00:00:00+02:00",
            "2026-01-01T00:00:00.123-11:30",
            "2016-12-31T23:59:60Z",
            "2026-01-01",
            "2026-01-01t00:00:00z",
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-32T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "",
            "soon",
            "1767225600",
        ] {
            let expected = CursorValue::instant(text).and_then(|value| value.as_instant());
            assert_eq!(instant(format!("\"{text}\"").as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn escaped_text_is_unescaped_first() {
        assert_eq!(
            instant(br#""2026\u002d01-01T00:00:00Z""#),
            CursorValue::instant("2026-01-01").unwrap().as_instant()
        );
    }

    #[test]
    fn numbers_compare_exactly_whatever_their_form() {
        let of = |text: &str| Position::of(&CursorValue::number(text).unwrap()).unwrap();
        let ascending = [
            "-1E400",
            "-9007199254740993",
            "-1.5",
            "-1",
            "-0.0",
            "0.5",
            "1",
            "1.0000000000000000001",
            "999999999999999999",
            "9007199254740993000",
            "1E400",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(of(pair[0]).compare(&of(pair[1])), Some(Ordering::Less), "{pair:?}");
        }
        for (a, b) in [("1", "1.0"), ("0", "-0"), ("100", "1e2")] {
            assert_eq!(of(a).compare(&of(b)), Some(Ordering::Equal), "{a} {b}");
        }
        assert_eq!(of("1").compare(&Position::Instant(Timestamp::MIN)), None);
    }
}
