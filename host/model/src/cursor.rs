//! Values of an incremental cursor field, compared as instants or exact numbers, never as text.

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

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Instant(Timestamp),
    Number(ExactNumber),
}

impl CursorValue {
    /// An RFC 3339 timestamp with any offset, or a date (midnight UTC), from unescaped text.
    pub fn instant(text: &str) -> Option<Self> {
        let instant = text.parse::<Timestamp>().ok().or_else(|| {
            let date = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10)?;
            date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        })?;
        Some(Self { text: text.to_owned(), value: Value::Instant(instant) })
    }

    /// A JSON number.
    pub fn number(text: &str) -> Option<Self> {
        Some(Self { text: text.to_owned(), value: Value::Number(ExactNumber::parse(text)?) })
    }

    /// From a manifest, the command line or state: a number if it is one, else an instant.
    pub fn parse(text: &str) -> Option<Self> {
        Self::number(text).or_else(|| Self::instant(text))
    }

    pub fn is_instant(&self) -> bool {
        matches!(self.value, Value::Instant(_))
    }

    pub fn as_instant(&self) -> Option<Timestamp> {
        match self.value {
            Value::Instant(instant) => Some(instant),
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
            (Value::Instant(a), Value::Instant(b)) => Some(a.cmp(b)),
            (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// An instant moved back by a duration; a number stays.
    #[must_use]
    pub fn minus(&self, duration: SignedDuration) -> Self {
        match self.value {
            Value::Instant(instant) => {
                let moved = instant.checked_sub(duration).unwrap_or(Timestamp::MIN);
                Self { text: moved.to_string(), value: Value::Instant(moved) }
            }
            Value::Number(_) => self.clone(),
        }
    }
}

impl PartialEq for CursorValue {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
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
}
