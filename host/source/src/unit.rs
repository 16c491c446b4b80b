//! Whether the cursor's values are what the manifest takes them for: times, or numbers without a unit.
//!
//! A number can be an id or seconds, milliseconds or microseconds since 1970, and only the manifest can
//! say which (`record_format`). Where a bound or a duration needs to know and the manifest does not
//! say, the first value decides which of them it looks like, for the hint alone.

use crate::position::Position;
use dpone_manifest::{Lookback, RecordFormat};
use dpone_model::number::ExactNumber;
use dpone_model::{CursorValue, EpochUnit};
use dpone_plan::Boundary;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The cursor's unit according to the manifest and the state.
#[derive(Debug)]
pub(crate) struct Unit {
    bound: Option<CursorValue>,
    lookback: Option<Lookback>,
    /// A key that holds for times alone.
    duration: Option<&'static str>,
}

impl Unit {
    pub(crate) fn of(boundary: &Boundary) -> Self {
        let lag = boundary.safety_lag.map(|_| "safety_lag");
        Self {
            bound: boundary.lower.clone().or_else(|| boundary.upper.clone()),
            lookback: boundary.lookback.clone(),
            duration: lag.or(boundary.rules.max_future.needs_time().then_some("max_future")),
        }
    }

    /// Compares with the first value that a page has; `json` is its text. Gives what is wrong and what
    /// to do.
    pub(crate) fn check(&self, first: &Position, json: &[u8]) -> Result<(), (String, String)> {
        let is_time = first.is_instant();
        if let Some(bound) = self.bound.as_ref().filter(|bound| bound.is_instant() != is_time) {
            return Err(match is_time {
                true => (
                    format!("is a time, and the bound `{bound}` is a number without a unit"),
                    "write the bound as an RFC 3339 timestamp".to_owned(),
                ),
                false => (
                    format!("is a number without a unit, and the bound `{bound}` is a time"),
                    format!("{}, or write the bound as a number", candidates(json)),
                ),
            });
        }
        match &self.lookback {
            Some(Lookback::Number(number)) if is_time => {
                return Err((
                    format!("is a time, and `lookback: {number}` has no unit"),
                    format!("write `{number}s`, or another unit"),
                ));
            }
            Some(Lookback::Time(_)) if !is_time => {
                return Err((
                    "is a number without a unit, and `lookback` is a duration".to_owned(),
                    format!("{}, or write `lookback` as a number", candidates(json)),
                ));
            }
            _ => {}
        }
        match self.duration.filter(|_| !is_time) {
            Some(key) => Err((
                format!("is a number without a unit, and `{key}` is a duration"),
                format!("{}, or remove `{key}`", candidates(json)),
            )),
            None => Ok(()),
        }
    }
}

/// The remedy where a value cannot be read.
pub(crate) fn hint(json: &[u8], format: Option<RecordFormat>) -> Option<String> {
    let is_number = number(json).is_some();
    let is_text = json.first() == Some(&b'"');
    match format {
        None if is_number && is_text => Some(candidates(json)),
        Some(_) if is_number && !plausible(json).is_empty() => Some(candidates(json)),
        Some(RecordFormat::Epoch(_)) if is_text && !is_number => {
            Some("remove `record_format` where records write RFC 3339 timestamps".to_owned())
        }
        _ => None,
    }
}

/// The units in which a number would be a time of our days.
fn candidates(json: &[u8]) -> String {
    let plausible = plausible(json);
    let Some(((unit, instant), others)) = plausible.split_first() else {
        return "for numbers that count time set `incremental.record_format` (epoch, epoch_ms or epoch_us)".to_owned();
    };
    let others: String = others.iter().map(|(unit, at)| format!(" (or {}: {at})", unit.name())).collect();
    format!("set `incremental.record_format: {}`, in which the value is {instant}{others}", unit.name())
}

fn plausible(json: &[u8]) -> Vec<(EpochUnit, Timestamp)> {
    let Some(number) = number(json) else { return Vec::new() };
    let is_ours = |at: &Timestamp| (2000..=2100).contains(&at.to_zoned(TimeZone::UTC).year());
    EpochUnit::ALL
        .into_iter()
        .filter_map(|unit| Some((unit, unit.instant_of(&number)?)))
        .filter(|(_, at)| is_ours(at))
        .collect()
}

/// A JSON number, or one in quotes.
fn number(json: &[u8]) -> Option<ExactNumber> {
    let inner = json.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(json);
    ExactNumber::parse(std::str::from_utf8(inner).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_magnitude_names_the_unit() {
        for (json, expected) in [
            ("1767225600", "record_format: epoch`, in which the value is 2026-01-01T00:00:00Z"),
            ("\"1767225600\"", "record_format: epoch`, in which the value is 2026-01-01T00:00:00Z"),
            ("1767225600000", "record_format: epoch_ms`, in which the value is 2026-01-01T00:00:00Z"),
            ("1767225600000000", "record_format: epoch_us`, in which the value is 2026-01-01T00:00:00Z"),
            ("1.7672256e9", "record_format: epoch`"),
            ("17", "(epoch, epoch_ms or epoch_us)"),
            ("-1", "(epoch, epoch_ms or epoch_us)"),
            ("1767225600000000000", "(epoch, epoch_ms or epoch_us)"),
        ] {
            let found = candidates(json.as_bytes());
            assert!(found.contains(expected), "{json}: {found}");
        }
    }

    #[test]
    fn unreadable_values_get_a_hint_where_a_unit_explains_them() {
        let seconds = Some(RecordFormat::Epoch(EpochUnit::Seconds));
        for (json, format, expected) in [
            ("\"1767225600\"", None, Some("record_format: epoch`")),
            ("\"soon\"", None, None),
            ("1767225600000", seconds, Some("record_format: epoch_ms`")),
            ("1767225600", Some(RecordFormat::Rfc3339), Some("record_format: epoch`")),
            ("\"2026-01-01T00:00:00Z\"", seconds, Some("remove `record_format`")),
            ("true", seconds, None),
        ] {
            let found = hint(json.as_bytes(), format);
            assert_eq!(found.is_some(), expected.is_some(), "{json} {format:?}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{json} {format:?}");
        }
    }
}
