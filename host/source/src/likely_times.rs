//! Numbers without a unit that look like times.
//!
//! Without `record_format` a number may be an id or may count time, and the host cannot know. Of ids the
//! greatest is the watermark, wherever it lies. Of times a single one that lies far ahead would take the
//! watermark past every row that comes later. So a number that would be a time ahead of `max_future` does not
//! move the watermark where other rows would be times of the past in the same unit, and one of these speaks
//! for times:
//!
//! - the name of the field: `updated_at`, `createdTs`, `mtime`. Then all rows may lie ahead. A name such as
//!   `id`, `seq` or `version` speaks against them whatever the values are.
//! - for any other name the values: all other rows lie in the year before the run's start, and those ahead lie
//!   more than a year after it. Ids grow past any such number step by step.
//!
//! A stored watermark says which unit it is. Where rows count a finer one all of a sudden, they lie ahead, too.

use crate::position::Position;
use dpone_manifest::MaxFuture;
use dpone_model::{EpochUnit, Place};
use jiff::{SignedDuration, Timestamp};

/// 2000-01-01: an earlier time is rarely a row's, and ids are often lower numbers.
const BEGIN_SECONDS: i64 = 946_684_800;
const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The rows of a run by what each would be as a time.
#[derive(Debug)]
pub(crate) struct LikelyTimes {
    named_as_time: bool,
    units: [Unit; 3],
    /// The unit in which the lower bound is a time of the past.
    lower: Option<usize>,
    /// A number too small to be a time of our days in any unit.
    has_small: bool,
}

/// A unit, in which numbers from `begin` up to `horizon` are times of the past. The next unit begins above
/// all times of this one.
#[derive(Debug)]
struct Unit {
    unit: EpochUnit,
    begin: Position,
    year_ago: Position,
    horizon: Position,
    in_a_year: Position,
    past: Option<Side>,
    ahead: Option<Side>,
}

/// Rows on one side of the horizon.
#[derive(Debug, Clone)]
struct Side {
    rows: u64,
    least: Position,
    greatest: Position,
    first: Place,
}

/// Rows that do not move the watermark.
#[derive(Debug, Clone)]
pub(crate) struct LikelyAhead {
    pub rows: u64,
    pub greatest: String,
    pub first: Place,
    pub unit: EpochUnit,
}

impl LikelyTimes {
    /// `now` is the run's start. `None` where the manifest or the field's name says that it need not be asked.
    pub(crate) fn of(name: &str, max_future: MaxFuture, now: Timestamp, lower: Option<&Position>) -> Option<Self> {
        let MaxFuture::Within(ahead) = max_future else { return None };
        let named_as_time = named_as_time(name)?;
        let units = EpochUnit::ALL.map(|unit| {
            let at = |instant: Timestamp| {
                let text = unit.text(unit.floor(instant));
                text.parse().map_or(Position::Integer(i64::MAX), Position::Integer)
            };
            let begin = Timestamp::from_second(BEGIN_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH);
            let later = |duration| now.checked_add(duration).unwrap_or(Timestamp::MAX);
            Unit {
                unit,
                begin: at(begin),
                year_ago: at(now.checked_sub(YEAR).unwrap_or(Timestamp::MIN)),
                horizon: at(later(ahead)),
                in_a_year: at(later(YEAR)),
                past: None,
                ahead: None,
            }
        });
        let mut times = Self { named_as_time, units, lower: None, has_small: false };
        if let Some(lower) = lower.filter(|lower| !lower.is_instant()) {
            let at = times.unit_of(lower);
            times.lower = at.filter(|at| times.units.get(*at).is_some_and(|unit| !unit.is_ahead(lower)));
            let is_near = |at: usize| times.units.get(at).is_some_and(|unit| !lower.is_below(&unit.year_ago));
            times.has_small = !times.lower.is_some_and(is_near);
        }
        Some(times)
    }

    fn unit_of(&self, position: &Position) -> Option<usize> {
        self.units.iter().rposition(|unit| !position.is_below(&unit.begin))
    }

    /// Notes a row inside the bounds.
    pub(crate) fn note(&mut self, position: &Position, place: impl FnOnce() -> Place) {
        let Some(unit) = self.unit_of(position).and_then(|at| self.units.get_mut(at)) else {
            self.has_small = true;
            return;
        };
        let side = if unit.is_ahead(position) { &mut unit.ahead } else { &mut unit.past };
        match side {
            None => {
                let (least, greatest) = (position.clone(), position.clone());
                *side = Some(Side { rows: 1, least, greatest, first: place() });
            }
            Some(side) => {
                side.rows += 1;
                if position.is_below(&side.least) {
                    side.least = position.clone();
                } else if side.greatest.is_below(position) {
                    side.greatest = position.clone();
                }
            }
        }
    }

    /// Whether a number may turn out to be a time ahead.
    pub(crate) fn may_be_ahead(&self, position: &Position) -> bool {
        let Some(at) = self.unit_of(position) else { return false };
        let Some(unit) = self.units.get(at) else { return false };
        let has_past = |unit: &Unit| unit.past.is_some();
        let coarsest = self.lower.or_else(|| self.units.iter().position(has_past));
        let is_finer = coarsest.is_some_and(|coarsest| coarsest < at);
        let is_far = is_finer || unit.in_a_year.is_below(position);
        (is_finer || unit.is_ahead(position)) && (self.named_as_time || !self.has_small && is_far)
    }

    /// The unit that the rows so far count in, where some lie ahead in it.
    fn decided(&self) -> Option<usize> {
        let rows = |at: &usize| self.units.get(*at).and_then(|unit| unit.past.as_ref()).map_or(0, |past| past.rows);
        let most = (0..self.units.len()).filter(|at| rows(at) > 0).max_by_key(rows);
        let at = self.lower.or(most).or_else(|| self.all_ahead())?;
        let unit = self.units.get(at)?;
        let least = self.above(at).map(|side| &side.least).next()?;
        let is_near = |past: &Side| !past.least.is_below(&unit.year_ago);
        let is_jump = !self.has_small && unit.past.as_ref().is_none_or(is_near) && unit.in_a_year.is_below(least);
        (self.named_as_time || is_jump).then_some(at)
    }

    /// The unit in which every row lies ahead, where the name says that they are times.
    fn all_ahead(&self) -> Option<usize> {
        let at = self.units.iter().position(|unit| unit.ahead.is_some())?;
        let least = &self.units.get(at)?.ahead.as_ref()?.least;
        (self.named_as_time && !self.has_small && !counts_otherwise(least)).then_some(at)
    }

    /// Rows beyond the horizon of a unit, the least first.
    fn above(&self, at: usize) -> impl Iterator<Item = &Side> {
        let units = self.units.get(at..).unwrap_or_default().iter().enumerate();
        units.flat_map(|(index, unit)| [unit.past.as_ref().filter(|_| index > 0), unit.ahead.as_ref()]).flatten()
    }

    /// The greatest value that may move the watermark, where not every one may: the inner `None` is that of
    /// a run whose rows all lie ahead, or count a finer unit.
    pub(crate) fn greatest(&self) -> Option<Option<Position>> {
        let unit = self.units.get(self.decided()?)?;
        Some(unit.past.as_ref().map(|past| past.greatest.clone()))
    }

    /// Where not every value may move the watermark: the greatest one that may.
    pub(crate) fn horizon(&self) -> Option<&Position> {
        self.units.get(self.decided()?).map(|unit| &unit.horizon)
    }

    /// The least value that may turn out to be the greatest one.
    pub(crate) fn least_greatest(&self) -> Option<&Position> {
        self.units.iter().find_map(|unit| unit.past.as_ref()).map(|past| &past.greatest)
    }

    /// The rows that do not move the watermark.
    pub(crate) fn ahead(&self) -> Option<LikelyAhead> {
        let at = self.decided()?;
        let mut rows = 0;
        self.above(at).for_each(|side| rows += side.rows);
        let (first, last) = (self.above(at).next()?, self.above(at).last()?);
        let greatest = last.greatest.value(None)?.text().to_owned();
        Some(LikelyAhead { rows, greatest, first: first.first.clone(), unit: self.units.get(at)?.unit })
    }
}

impl Unit {
    fn is_ahead(&self, position: &Position) -> bool {
        self.horizon.is_below(position)
    }
}

/// Whether a number, as a time far ahead, would rather be one of our days that is no count of a unit from 1970:
/// the digits of a date and a time of day, a count of nanoseconds or of ticks from the year 1, or one of a tenth
/// of a microsecond from 1601.
fn counts_otherwise(position: &Position) -> bool {
    const MOST_MICROS: i64 = 253_402_300_799_999_999;
    let text = position.value(None).map(|value| value.text().to_owned()).unwrap_or_default();
    let part = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    let is_date =
        (1900..2200).contains(&part(0, 4)) && (1..=12).contains(&part(4, 6)) && (1..=31).contains(&part(6, 8));
    let is_filetime = text.len() == 18 && (12..=13).contains(&part(0, 2));
    is_date && matches!(text.len(), 12 | 14 | 17) || is_filetime || Position::Integer(MOST_MICROS).is_below(position)
}

/// Whether a field's name is that of a time; `None` for that of a number that is none.
fn named_as_time(name: &str) -> Option<bool> {
    const NUMBERS: &[&str] = &[
        "id",
        "ids",
        "key",
        "seq",
        "sequence",
        "no",
        "num",
        "number",
        "nr",
        "version",
        "ver",
        "rev",
        "revision",
        "offset",
        "position",
        "pos",
        "index",
        "idx",
        "counter",
        "count",
        "lsn",
        "scn",
        "xid",
        "rowid",
        "rowversion",
    ];
    const TIMES: &[&str] = &[
        "at",
        "on",
        "ts",
        "tstamp",
        "time",
        "times",
        "date",
        "dt",
        "datetime",
        "timestamp",
        "epoch",
        "updated",
        "created",
        "modified",
        "changed",
        "inserted",
        "deleted",
        "published",
        "since",
        "when",
        "utc",
    ];
    const ENDS: &[&str] = &["time", "date", "stamp", "edat", "modified", "updated", "created", "changed"];
    let words = words(name);
    let is_one_of = |names: &[&str]| words.iter().any(|word| names.contains(&word.as_str()));
    if is_one_of(NUMBERS) || words.iter().any(|word| word.len() > 2 && word.ends_with("id")) {
        return None;
    }
    Some(is_one_of(TIMES) || words.iter().any(|word| ENDS.iter().any(|end| word.ends_with(end))))
}

/// The words of a name in snake, kebab or camel case, without their digits.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in name.chars() {
        if !character.is_alphabetic() || character.is_uppercase() && after_lower {
            words.push(String::new());
        }
        after_lower = character.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| character.is_alphabetic()) {
            word.extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_model::{CursorValue, PagePlace};

    /// The greatest value that may move the watermark; empty where every one may.
    fn greatest(name: &str, lower: &str, rows: &[&str]) -> String {
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        let position = |text: &str| Position::of(&CursorValue::number(text)?);
        let Some(mut times) = LikelyTimes::of(name, MaxFuture::default(), now, position(lower).as_ref()) else {
            return String::new();
        };
        rows.iter().for_each(|row| times.note(&position(row).unwrap(), || PagePlace::new(1, "").record(0)));
        let greatest = times.greatest();
        assert_eq!(greatest.is_some(), times.ahead().is_some(), "{name} {rows:?}");
        let text = |position: Position| position.value(None).unwrap().text().to_owned();
        greatest.map_or_else(String::new, |greatest| greatest.map_or_else(|| "none".to_owned(), text))
    }

    #[test]
    fn rows_that_look_like_times_and_rows_that_do_not() {
        const NOW: &str = "1767268800";
        const FAR: &str = "4070908800";
        for (name, lower, rows, expected) in [
            ("updated_at", "", &[FAR, NOW][..], NOW),
            ("updated_at", "", &["1000000000", FAR], "1000000000"),
            ("updated_at", "", &["1000000000.5", FAR], "1000000000.5"),
            ("updated_at", "", &[NOW, "9999999999"], NOW),
            ("updated_at", "", &[NOW, "253402300799"], NOW),
            ("updated_at", "", &["1767268800000", "4070908800000"], "1767268800000"),
            ("updated_at", "", &["1767268800000000", "253402300799000000"], "1767268800000000"),
            ("updated_at", "", &["0", NOW, FAR], NOW),
            // Milliseconds among seconds lie far ahead, too.
            ("updated_at", "", &[NOW, NOW, "1767268800000"], NOW),
            ("updated_at", NOW, &[FAR], "none"),
            ("updated_at", "", &[FAR], "none"),
            ("updated_at", "", &[FAR, "253402300799"], "none"),
            ("updated_at", "", &["4070908800.5"], "none"),
            ("updated_at", "", &["4070908800000"], "none"),
            ("updated_at", "", &["253402300799000000"], "none"),
            ("updated_at", "17", &[FAR], ""),
            // The digits of a date, nanoseconds, ticks and Windows' file times are no times ahead.
            ("updated_at", "", &["202512311200", "202601011200"], ""),
            ("updated_at", "", &["20251231120000", "20260101120000"], ""),
            ("updated_at", "", &["20251231120000123"], ""),
            ("updated_at", "", &["1767268800000000000"], ""),
            ("updated_at", "", &["639028944000000000"], ""),
            ("updated_at", "", &["134117424000000000"], ""),
            // The watermark says which unit it is, also where the API turns to another.
            ("updated_at", NOW, &["1767268800000"], "none"),
            ("updated_at", NOW, &["1767268800000", "1767268800001", "1767268800002"], "none"),
            ("updated_at", NOW, &["1767268801", "1767268800001", "1767268800002"], "1767268801"),
            ("cursor", NOW, &["1767268800000", "1767268800001"], "none"),
            ("updated_at", "1767268800000", &["1767268800001"], ""),
            ("updated_at", "", &["1", "2", "3"], ""),
            // Within a day of the run's start.
            ("updated_at", "", &[NOW, "1767300000"], ""),
            ("cursor", "", &[NOW, FAR], NOW),
            ("cursor", NOW, &[FAR], "none"),
            // Numbers that happen to lie there: they spread, or begin low, or go on without a jump.
            ("cursor", "", &["1000000000", FAR], ""),
            ("cursor", "", &["5", NOW, FAR], ""),
            ("cursor", "17", &[NOW, FAR], ""),
            ("cursor", "", &[NOW, "1767400000", "1767500000"], ""),
            ("id", "", &[NOW, FAR], ""),
            ("orderId", "", &[NOW, FAR], ""),
            ("version", NOW, &[FAR], ""),
        ] {
            assert_eq!(greatest(name, lower, rows), expected, "{name} {lower} {rows:?}");
        }
    }

    #[test]
    fn names_of_times_and_of_numbers() {
        for (name, expected) in [
            ("updated_at", Some(true)),
            ("updatedAt", Some(true)),
            ("createdat", Some(true)),
            ("last-modified", Some(true)),
            ("LastModifiedDate", Some(true)),
            ("mtime", Some(true)),
            ("event_ts", Some(true)),
            ("timestamp", Some(true)),
            ("at", Some(true)),
            ("id", None),
            ("order_id", None),
            ("orderId", None),
            ("userid", None),
            ("update_seq", None),
            ("changeNumber", None),
            ("version", None),
            ("cursor", Some(false)),
            ("state", Some(false)),
            ("v2", Some(false)),
            ("latitude", Some(false)),
        ] {
            assert_eq!(named_as_time(name), expected, "{name}");
        }
    }
}
