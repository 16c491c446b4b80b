//! Times that are counted from 1970-01-01T00:00:00Z, exact to the nanosecond.

use crate::number::ExactNumber;
use jiff::Timestamp;
use std::fmt::Write as _;

/// The unit that an epoch counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EpochUnit {
    Seconds,
    Millis,
    Micros,
}

impl EpochUnit {
    pub const ALL: [Self; 3] = [Self::Seconds, Self::Millis, Self::Micros];

    /// As `incremental.record_format` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seconds => "epoch",
            Self::Millis => "epoch_ms",
            Self::Micros => "epoch_us",
        }
    }

    /// A count of whole units; `None` beyond the calendar, which ends with the year 9999.
    pub fn instant(self, count: i64) -> Option<Timestamp> {
        match self {
            Self::Seconds => Timestamp::from_second(count),
            Self::Millis => Timestamp::from_millisecond(count),
            Self::Micros => Timestamp::from_microsecond(count),
        }
        .ok()
    }

    /// Any count. What is finer than a nanosecond is cut off downwards, so that equal texts stay
    /// equal and order stays order.
    pub fn instant_of(self, count: &ExactNumber) -> Option<Timestamp> {
        Timestamp::from_nanosecond(count.floor_shifted(self.digits())?).ok()
    }

    /// The instant as a count, with a fraction only where it has one.
    pub fn text(self, instant: Timestamp) -> String {
        let unit = 10i128.pow(self.digits());
        let nanoseconds = instant.as_nanosecond();
        let (whole, rest) = (nanoseconds.unsigned_abs() / unit.unsigned_abs(), nanoseconds.abs() % unit);
        let mut text = format!("{}{whole}", if nanoseconds < 0 { "-" } else { "" });
        if rest != 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, ".{rest:0width$}", width = self.digits() as usize);
            text.truncate(text.trim_end_matches('0').len());
        }
        text
    }

    /// The last whole unit at or before an instant.
    pub fn floor(self, instant: Timestamp) -> Timestamp {
        let unit = 10i128.pow(self.digits());
        let floor = instant.as_nanosecond().div_euclid(unit) * unit;
        Timestamp::from_nanosecond(floor).unwrap_or(instant)
    }

    /// Decimal digits between the unit and a nanosecond.
    fn digits(self) -> u32 {
        match self {
            Self::Seconds => 9,
            Self::Millis => 6,
            Self::Micros => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_instants_are_each_others_inverse() {
        for (unit, count, instant) in [
            (EpochUnit::Seconds, "0", "1970-01-01T00:00:00Z"),
            (EpochUnit::Seconds, "1767225600", "2026-01-01T00:00:00Z"),
            (EpochUnit::Seconds, "1767225600.5", "2026-01-01T00:00:00.5Z"),
            (EpochUnit::Seconds, "-1", "1969-12-31T23:59:59Z"),
            (EpochUnit::Seconds, "-0.25", "1969-12-31T23:59:59.75Z"),
            (EpochUnit::Millis, "1767225600001", "2026-01-01T00:00:00.001Z"),
            (EpochUnit::Micros, "1767225600000001", "2026-01-01T00:00:00.000001Z"),
            (EpochUnit::Micros, "1767225600000000.001", "2026-01-01T00:00:00.000000001Z"),
        ] {
            let at: Timestamp = instant.parse().unwrap();
            assert_eq!(unit.instant_of(&ExactNumber::parse(count).unwrap()), Some(at), "{count}");
            assert_eq!(unit.text(at), count);
            if let Ok(whole) = count.parse() {
                assert_eq!(unit.instant(whole), Some(at), "{count}");
            }
        }
    }

    #[test]
    fn other_spellings_and_what_lies_beyond() {
        let of = |unit: EpochUnit, text: &str| unit.instant_of(&ExactNumber::parse(text).unwrap());
        assert_eq!(of(EpochUnit::Seconds, "1.7672256e9"), of(EpochUnit::Millis, "1767225600000.0"));
        assert_eq!(of(EpochUnit::Seconds, "0.0000000019"), Some(Timestamp::from_nanosecond(1).unwrap()));
        assert_eq!(of(EpochUnit::Seconds, "-0.0000000011"), Some(Timestamp::from_nanosecond(-2).unwrap()));
        for text in ["1767225600000", "1e400", "-1e18", "99999999999999999999999999999999999999999"] {
            assert_eq!(of(EpochUnit::Seconds, text), None, "{text}");
        }
        assert_eq!(of(EpochUnit::Seconds, "1e-400"), Some(Timestamp::UNIX_EPOCH));
        assert_eq!(EpochUnit::Seconds.instant(1_767_225_600_000), None);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(EpochUnit::Seconds.floor(at("1969-12-31T23:59:58.5Z")), at("1969-12-31T23:59:58Z"));
    }
}
