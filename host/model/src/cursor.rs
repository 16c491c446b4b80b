//! Values of an incremental cursor field, compared as instants or exact numbers, never as text.

use crate::epoch::EpochUnit;
use crate::number::ExactNumber;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

/// One value of the cursor field, with the text it had in the source.
#[derive(Debug, Clone)]
pub struct CursorValue {
    text: String,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    /// With a unit the text is a count of it.
    Instant(Timestamp, Option<EpochUnit>),
    Number(ExactNumber),
}

impl CursorValue {
    /// An RFC 3339 timestamp with any offset, or a date (midnight UTC), from unescaped text. The last
    /// instant is 9999-12-30T22:00 in UTC, as [`Timestamp::MAX`] has it. `9999-12-31`, by which many
    /// sources say "for ever", lies behind it and is read as that instant.
    pub fn instant(text: &str) -> Option<Self> {
        let read = |text: &str| {
            text.parse::<Timestamp>().ok().or_else(|| {
                let date = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10)?;
                date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
            })
        };
        let instant = read(text).or_else(|| {
            // Well-formed is what would be read a year earlier: neither year is a leap year.
            let rest = text.strip_prefix("9999")?;
            read(&format!("9998{rest}")).map(|_| Timestamp::MAX)
        })?;
        Some(Self { text: text.to_owned(), value: Value::Instant(instant, None) })
    }

    /// A JSON number.
    pub fn number(text: &str) -> Option<Self> {
        Some(Self { text: text.to_owned(), value: Value::Number(ExactNumber::parse(text)?) })
    }

    /// From a manifest, the command line or state: a number if it is one, else an instant.
    pub fn parse(text: &str) -> Option<Self> {
        Self::number(text).or_else(|| Self::instant(text))
    }

    /// An instant in the form that records have: a count of the unit, else RFC 3339 in UTC.
    pub fn at(instant: Timestamp, unit: Option<EpochUnit>) -> Self {
        let text = unit.map_or_else(|| instant.to_string(), |unit| unit.text(instant));
        Self { text, value: Value::Instant(instant, unit) }
    }

    /// The same value where records count in `unit`: a number is such a count and keeps its text, a
    /// timestamp is converted. `None` for a number that is no time in this unit.
    #[must_use]
    pub fn in_unit(self, unit: EpochUnit) -> Option<Self> {
        match self.value {
            Value::Number(count) => {
                let value = Value::Instant(unit.instant_of(&count)?, Some(unit));
                Some(Self { text: self.text, value })
            }
            Value::Instant(_, Some(known)) if known == unit => Some(self),
            Value::Instant(instant, _) => Some(Self::at(instant, Some(unit))),
        }
    }

    pub fn is_instant(&self) -> bool {
        matches!(self.value, Value::Instant(..))
    }

    pub fn as_instant(&self) -> Option<Timestamp> {
        match self.value {
            Value::Instant(instant, _) => Some(instant),
            Value::Number(_) => None,
        }
    }

    /// The unit whose count the text is.
    pub fn unit(&self) -> Option<EpochUnit> {
        match self.value {
            Value::Instant(_, unit) => unit,
            Value::Number(_) => None,
        }
    }

    /// The value as the source wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `None` when one is an instant and the other a number.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (&self.value, &other.value) {
            (Value::Instant(a, _), Value::Instant(b, _)) => Some(a.cmp(b)),
            (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// An instant moved back by a duration, in the form that it had; a number stays.
    #[must_use]
    pub fn minus(&self, duration: SignedDuration) -> Self {
        match self.value {
            Value::Instant(instant, unit) => Self::at(instant.checked_sub(duration).unwrap_or(Timestamp::MIN), unit),
            Value::Number(_) => self.clone(),
        }
    }

    /// A number less another one; an instant stays.
    #[must_use]
    pub fn minus_number(&self, number: &ExactNumber) -> Self {
        match &self.value {
            Value::Number(own) => match own.minus(number) {
                Some(less) => Self { text: less.to_string(), value: Value::Number(less) },
                None => self.clone(),
            },
            Value::Instant(..) => self.clone(),
        }
    }
}

impl PartialEq for CursorValue {
    fn eq(&self, other: &Self) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }
}

impl Eq for CursorValue {}

impl fmt::Display for CursorValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for CursorValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for CursorValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no instant and no number")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_compare_across_offsets() {
        let a = CursorValue::instant("2026-01-01T01:00:00+01:00").unwrap();
        let b = CursorValue::instant("2026-01-01T00:00:00.000Z").unwrap();
        assert_eq!(a.compare(&b), Some(Ordering::Equal));
        assert_eq!(a.compare(&CursorValue::number("1").unwrap()), None);
    }

    #[test]
    fn epochs_compare_with_timestamps_and_keep_their_form() {
        let unit = EpochUnit::Seconds;
        let epoch = CursorValue::number("1767225600").unwrap().in_unit(unit).unwrap();
        let iso = CursorValue::instant("2026-01-01T01:00:00+01:00").unwrap();
        assert_eq!(epoch.compare(&iso), Some(Ordering::Equal));
        assert_eq!((epoch.text(), iso.in_unit(unit).unwrap().text()), ("1767225600", "1767225600"));
        assert_eq!(epoch.minus(SignedDuration::from_millis(1500)).text(), "1767225598.5");
        assert!(CursorValue::number("1767225600000").unwrap().in_unit(unit).is_none());
    }

    #[test]
    fn the_last_days_of_the_calendar_are_its_last_instant() {
        for text in ["9999-12-31", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999+14:00", "9999-12-30T23:00:00Z"] {
            let value = CursorValue::instant(text).unwrap();
            assert_eq!((value.as_instant(), value.text()), (Some(Timestamp::MAX), text));
        }
        let earlier = CursorValue::instant("9999-12-30T21:00:00Z").unwrap();
        assert!(earlier.as_instant().unwrap() < Timestamp::MAX);
        for text in ["9999-12-32", "9999-02-29", "9999-13-01", "9999", "99999-12-31", "9999-12-31T25:00:00Z"] {
            assert!(CursorValue::instant(text).is_none(), "{text}");
        }
    }

    #[test]
    fn numbers_go_back_by_numbers() {
        let number = |text: &str| CursorValue::number(text).unwrap();
        assert_eq!(number("1000").minus_number(&ExactNumber::parse("1.5").unwrap()).text(), "998.5");
    }
}
