//! `source.options.incremental`: which rows are new, and how their cursor is written.

use crate::read::{Block, Value};
use crate::yaml::ScalarKind;
use dpone_model::number::ExactNumber;
use dpone_model::{CursorValue, EpochUnit};
use jiff::SignedDuration;
use std::cmp::Ordering;

/// `incremental`: the boundary.
#[derive(Debug, Clone)]
pub struct Incremental {
    /// A top-level field, compared as instant or number; unescaped.
    pub cursor_field: String,
    /// How records write the cursor; none is RFC 3339, or numbers without a unit.
    pub record_format: Option<RecordFormat>,
    /// Inclusive lower bound of the first run. With a unit it is a count of it, as in the records.
    pub start: Option<CursorValue>,
    /// Exclusive upper bound, likewise; none is open.
    pub end: Option<CursorValue>,
    pub lookback: Option<Lookback>,
    /// For cursors that are times.
    pub safety_lag: Option<SignedDuration>,
    /// For cursors that are times; default one day.
    pub max_future: MaxFuture,
    pub on_missing: OnMissing,
    /// `max_boundary_rows`: how many rows at the watermark, or inside `lookback`, are remembered so
    /// that the next run does not publish them again.
    pub max_boundary_rows: usize,
    /// Request parameter that carries the lower bound; without one every page is fetched and
    /// filtered here.
    pub param: Option<String>,
    pub end_param: Option<String>,
    pub format: CursorFormat,
    pub order: Option<Order>,
}

/// Default of `max_boundary_rows`: 1.2 MiB of state.
pub const DEFAULT_BOUNDARY_ROWS: usize = 65_536;
/// The most that `max_boundary_rows` takes: 19 MB of state, and some 150 MB of memory while a run lasts.
pub const MAX_BOUNDARY_ROWS: usize = 1_000_000;

/// `incremental.record_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFormat {
    /// RFC 3339 text, or dates.
    Rfc3339,
    /// Numbers, or text of digits, that count from 1970.
    Epoch(EpochUnit),
}

impl RecordFormat {
    pub fn unit(self) -> Option<EpochUnit> {
        match self {
            Self::Rfc3339 => None,
            Self::Epoch(unit) => Some(unit),
        }
    }

    /// A bound in the form that records have. `None` where it is a number and records have none, or
    /// no time in their unit.
    pub fn bound(self, value: CursorValue) -> Option<CursorValue> {
        match self {
            Self::Rfc3339 => Some(value).filter(CursorValue::is_instant),
            Self::Epoch(unit) => value.in_unit(unit),
        }
    }

    pub fn name(self) -> &'static str {
        self.unit().map_or("rfc3339", EpochUnit::name)
    }
}

/// `incremental.lookback`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookback {
    /// For cursors that are times.
    Time(SignedDuration),
    /// For numbers without a unit, such as ids.
    Number(ExactNumber),
}

impl Lookback {
    /// A cursor value moved back. `None` where the one is a time and the other is not.
    pub fn before(&self, value: &CursorValue) -> Option<CursorValue> {
        match self {
            Self::Time(duration) if value.is_instant() => Some(value.minus(*duration)),
            Self::Number(number) if !value.is_instant() => Some(value.minus_number(number)),
            _ => None,
        }
    }
}

/// `incremental.max_future`: how far a cursor value may lie ahead of the run's start and still move
/// the watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxFuture {
    Off,
    Within(SignedDuration),
}

/// A day: clocks are wrong by minutes and time zones by hours.
impl Default for MaxFuture {
    fn default() -> Self {
        Self::Within(SignedDuration::from_hours(24))
    }
}

impl MaxFuture {
    /// Somebody has chosen a duration, so the cursor must be a time.
    pub fn needs_time(self) -> bool {
        self != Self::Off && self != Self::default()
    }
}

/// `incremental.on_missing`: what becomes of records whose cursor field is missing or null. A value
/// that is there and cannot be read is an error in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnMissing {
    #[default]
    Fail,
    /// Published; the watermark does not move.
    Keep,
    /// Left out and counted.
    Drop,
}

/// `incremental.format`: how bounds are written into request parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CursorFormat {
    /// As it stands in state or manifest, in the records' own form.
    #[default]
    AsIs,
    /// `rfc3339`: a timestamp, also where records count in a unit.
    Rfc3339,
    /// `date`: YYYY-MM-DD.
    Date,
    /// `epoch` seconds.
    EpochSeconds,
    /// `epoch_ms`.
    EpochMillis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// Reads the block; what is broken falls back to something usable, and the problem is noted.
pub(crate) fn incremental(options: &mut Block<'_>) -> Option<Incremental> {
    let mut block = options.get("incremental")?.block()?;
    let cursor_field = block.require("cursor_field", "name the record's field that grows with each change");
    let formats = [
        ("rfc3339", CursorFormat::Rfc3339),
        ("as_is", CursorFormat::AsIs),
        ("date", CursorFormat::Date),
        ("epoch", CursorFormat::EpochSeconds),
        ("epoch_ms", CursorFormat::EpochMillis),
    ];
    let on_missing = [("fail", OnMissing::Fail), ("keep", OnMissing::Keep), ("drop", OnMissing::Drop)];
    let record_format = block.get("record_format").and_then(|value| self::record_format(&value));
    let mut bound = |name| block.get(name).and_then(|value| self::bound(&value, record_format));
    let incremental = Incremental {
        cursor_field: cursor_field.and_then(|value| field_name(&value)).unwrap_or_default(),
        record_format,
        start: bound("start"),
        end: bound("end"),
        lookback: block.get("lookback").and_then(|value| lookback(&value)),
        safety_lag: block.get("safety_lag").and_then(|value| signed(&value)),
        max_future: block.get("max_future").and_then(|value| max_future(&value)).unwrap_or_default(),
        on_missing: block.one_of("on_missing", &on_missing).unwrap_or_default(),
        max_boundary_rows: block
            .integer("max_boundary_rows", 1..=MAX_BOUNDARY_ROWS as u64)
            .map_or(DEFAULT_BOUNDARY_ROWS, |rows| rows as usize),
        param: block.text("param"),
        end_param: block.text("end_param"),
        format: block.one_of("format", &formats).unwrap_or_default(),
        order: block.one_of("order", &[("ascending", Order::Ascending), ("descending", Order::Descending)]),
    };
    check_bounds(&block, &incremental);
    check_unit(&block, &incremental);
    block.finish();
    Some(incremental)
}

/// The name of a top-level field; the escapes are those of paths.
fn field_name(value: &Value<'_>) -> Option<String> {
    if value.is_list() {
        let hint = "name one top-level field that every record has";
        value.not_yet("a list of cursor fields", hint);
        return None;
    }
    let text = value.text()?;
    let mut name = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '.' => {
                let hint = "name a top-level field, or bring an extractor that lifts it to the top; a dot that is part \
                            of the name is written `\\.`";
                value.not_yet(format!("`cursor_field: {}`, a path into the record,", value.shown()), hint);
                return None;
            }
            '\\' => name.push(characters.next_if(|next| matches!(next, '.' | '\\')).unwrap_or('\\')),
            other => name.push(other),
        }
    }
    Some(name)
}

fn record_format(value: &Value<'_>) -> Option<RecordFormat> {
    let hint = "name one of rfc3339, epoch, epoch_ms and epoch_us";
    if value.is_list() {
        value.not_yet("a list of record formats", hint);
        return None;
    }
    let text = value.text()?;
    if text.contains('%') {
        value.not_yet(format!("`record_format: {}`", value.shown()), hint);
        return None;
    }
    let epochs = EpochUnit::ALL.map(|unit| (unit.name(), RecordFormat::Epoch(unit)));
    let [seconds, millis, micros] = epochs;
    value.one_of(&[("rfc3339", RecordFormat::Rfc3339), seconds, millis, micros])
}

fn bound(value: &Value<'_>, format: Option<RecordFormat>) -> Option<CursorValue> {
    let bound = value.cursor()?;
    let Some(format) = format else { return Some(bound) };
    let is_number = !bound.is_instant();
    let found = format.bound(bound);
    if found.is_none() && is_number {
        let message = match format {
            RecordFormat::Rfc3339 => format!("`{}` is a number, and `record_format: rfc3339` has none", value.shown()),
            RecordFormat::Epoch(unit) => {
                format!("`{}` is no time before the year 10000 as `{}`", value.shown(), unit.name())
            }
        };
        return value.invalid(message, "write an RFC 3339 timestamp, or change `record_format`");
    }
    found
}

/// A duration, or a number for cursors that have no unit. Nothing else in the manifest takes both, so
/// a bare number is no number of seconds here.
fn lookback(value: &Value<'_>) -> Option<Lookback> {
    let scalar = value.scalar().filter(|scalar| matches!(scalar.kind, ScalarKind::Text | ScalarKind::Number));
    let number = scalar.and_then(|scalar| ExactNumber::parse(&scalar.text));
    let zero = ExactNumber::parse("0");
    match number {
        Some(number) if Some(&number) < zero.as_ref() => {
            value.invalid(format!("`{}` is less than zero", value.shown()), "write how far back, without a sign")
        }
        Some(number) if Some(&number) == zero.as_ref() => None,
        Some(number) => Some(Lookback::Number(number)),
        None => signed(value).map(Lookback::Time),
    }
}

fn max_future(value: &Value<'_>) -> Option<MaxFuture> {
    // To YAML 1.1, and so to some templating tools, `off` is false.
    let is_off = |scalar: &&crate::yaml::Scalar| {
        scalar.text == "off" || (scalar.kind == ScalarKind::Boolean && scalar.text.eq_ignore_ascii_case("false"))
    };
    if value.scalar().filter(is_off).is_some() {
        return Some(MaxFuture::Off);
    }
    signed(value).map(MaxFuture::Within)
}

fn signed(value: &Value<'_>) -> Option<SignedDuration> {
    SignedDuration::try_from(value.duration()?).ok()
}

fn check_bounds(block: &Block<'_>, incremental: &Incremental) {
    let (Some(start), Some(end)) = (&incremental.start, &incremental.end) else { return };
    match start.compare(end) {
        Some(Ordering::Less) => {}
        Some(_) => {
            let message = "`end` is not after `start`".into();
            block.conflict("start", "end", message, "`end` is exclusive and must be greater");
        }
        None => {
            let message = "`start` and `end` are of different kinds".into();
            let hint = "write two timestamps or two numbers; `record_format` says which unit numbers have";
            block.conflict("start", "end", message, hint);
        }
    }
}

const UNIT: &str = "give the numbers a unit with `record_format`: epoch, epoch_ms or epoch_us";

/// Keys that hold for times alone, or for numbers alone, where the file says which the cursor is.
fn check_unit(block: &Block<'_>, incremental: &Incremental) {
    let bounds = || [&incremental.start, &incremental.end].into_iter().flatten();
    let is_time = incremental.record_format.is_some() || bounds().all(CursorValue::is_instant);
    let is_known = incremental.record_format.is_some() || bounds().next().is_some();
    if !is_known {
        return;
    }
    if is_time {
        if let Some(Lookback::Number(number)) = &incremental.lookback {
            let message = format!("`lookback: {number}` has no unit, and the cursor is a time");
            block.conflict("start", "lookback", message, &format!("write `{number}s`, or another unit"));
        }
        return;
    }
    if let Some(Lookback::Time(_)) = &incremental.lookback {
        let message = "`lookback` is a duration, but the boundary is a number without a unit".to_owned();
        let hint = format!("write a number, such as `lookback: 1000`, or {UNIT}");
        block.conflict("start", "lookback", message, &hint);
    }
    let durations =
        [("safety_lag", incremental.safety_lag.is_some()), ("max_future", incremental.max_future.needs_time())];
    for (name, _) in durations.into_iter().filter(|(_, is_there)| *is_there) {
        let message = format!("`{name}` is a duration, but the boundary is a number without a unit");
        block.conflict("start", name, message, &format!("remove it, or {UNIT}"));
    }
    if !matches!(incremental.format, CursorFormat::AsIs) {
        let message = "`format` writes timestamps, but the boundary is a number without a unit".to_owned();
        block.conflict("start", "format", message, &format!("remove it, or {UNIT}"));
    }
}
