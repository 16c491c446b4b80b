//! The boundary applied to rows: what is outside or already loaded goes, and the new watermark is
//! the greatest cursor value that was seen.
//!
//! The lower bound is inclusive, because more rows with the watermark's very value may appear after
//! it was taken. Those that were loaded before are recognised by their digest; so rows with equal
//! timestamps are neither lost nor repeated, and a changed row is published again.
//!
//! A row that lies too far ahead of the run's start would take the watermark past every row that
//! comes later. It is published and the watermark passes it by; so is a row without a cursor value
//! where `on_missing` is `keep`.

use crate::digests::{Known, Recent, digest};
use crate::error::Error;
use crate::likely_times::{LikelyAhead, LikelyTimes};
use crate::overview::Overview;
use crate::position::Position;
use crate::unit::{self, Unit};
use crate::unplaced::{Ahead, Aside, LooksLike};
use crate::{SharedScanner, lock};
use dpone_manifest::{Lookback, MaxFuture, OnMissing, Order};
use dpone_model::{CursorValue, NameId, PagePlace, Place, RecordSpan, Records, Report, Unplaced, Watermark};
use dpone_plan::{Boundary, CursorRules};
use jiff::Timestamp;

/// Counts of a page behind the boundary. `extracted` is the sum of `inside`, `outside`, `known` and
/// `dropped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filtered {
    /// Records that the page had.
    pub extracted: u32,
    /// Records that are left.
    pub inside: u32,
    /// Records with a cursor value outside of the bounds.
    pub outside: u32,
    /// Rows of an earlier run, recognised by their digest.
    pub known: u32,
    /// Records without a cursor value that `on_missing` drops.
    pub dropped: u32,
    /// Rows beyond `max_future`, among those that are inside.
    pub ahead: u32,
    /// Likewise: records without a cursor value.
    pub without_cursor: u32,
    /// No later page can hold a row inside, because the API sorts by the cursor field.
    pub stop_early: bool,
}

/// Filters page after page. Applied again to the same pages it comes to the same state, which is
/// how a resumed run rebuilds it.
#[derive(Debug)]
pub struct BoundaryFilter {
    /// `None`: no cursor field, every row is inside.
    field: Option<Field>,
    is_past_end: bool,
}

#[derive(Debug)]
struct Field {
    name: String,
    id: NameId,
    lower: Option<Position>,
    /// Exclusive.
    upper: Option<Position>,
    order: Option<Order>,
    lookback: Option<Lookback>,
    /// The run's start less `safety_lag`: the watermark stays at or before it.
    cap: Option<Position>,
    /// The run's start and `max_future`: what lies beyond it does not move the watermark.
    horizon: Option<Position>,
    rules: CursorRules,
    unit: Unit,
    known: Known,
    recent: Recent,
    aside: Aside,
    /// Numbers without a unit that may be times.
    likely: Option<LikelyTimes>,
    /// Those of them that would lie ahead, in case they do.
    likely_aside: Aside,
    /// How many of these no earlier run had.
    likely_new: u64,
    greatest: Option<Greatest>,
    ahead: Option<FoundAhead>,
    overview: Overview,
    scanner: SharedScanner,
    /// Some row lies below the bounds, or inside and not ahead.
    has_past: bool,
    /// Some row lies below the bounds.
    has_below: bool,
    /// The positions of one page, `None` for a record without a cursor value; kept for its memory.
    positions: Vec<Option<Position>>,
}

/// The greatest cursor value seen inside the boundary.
#[derive(Debug, Clone)]
struct Greatest {
    position: Position,
    value: CursorValue,
}

/// Rows beyond the horizon.
#[derive(Debug)]
struct FoundAhead {
    rows: u64,
    greatest: Greatest,
    first: Place,
}

impl BoundaryFilter {
    /// `now` is the run's start; `order` is the manifest's promise about the API's sorting.
    pub fn new(
        boundary: &Boundary,
        order: Option<Order>,
        now: Timestamp,
        scanner: &SharedScanner,
    ) -> Result<Self, Error> {
        let Some(name) = &boundary.field else { return Ok(Self { field: None, is_past_end: false }) };
        let id = lock(scanner).names_mut().intern(name);
        let id = id.ok_or_else(|| Error::Names { field: name.clone(), cause: "there are too many field names" })?;
        let position = |value: &Option<CursorValue>| value.as_ref().and_then(Position::of);
        let rules = boundary.rules.clone();
        let horizon = match rules.max_future {
            MaxFuture::Off => None,
            MaxFuture::Within(duration) => Some(now.checked_add(duration).unwrap_or(Timestamp::MAX)),
        };
        let overview = Overview::new(name, bounds_text(boundary), rules.on_missing, rules.unit());
        let lower = position(&boundary.lower);
        let likely =
            LikelyTimes::of(name, rules.max_future, now, lower.as_ref()).filter(|_| rules.record_format.is_none());
        Ok(Self {
            field: Some(Field {
                name: name.clone(),
                id,
                lower,
                upper: position(&boundary.upper),
                // Rows without a value have no place in the order: any page may hold one.
                order: order.filter(|_| rules.on_missing != OnMissing::Keep),
                lookback: boundary.lookback.clone(),
                cap: position(&boundary.cap(now)),
                horizon: horizon.map(Position::Instant),
                unit: Unit::of(boundary),
                known: Known::new(&boundary.known),
                recent: Recent::new(rules.max_rows),
                aside: Aside::new(&boundary.unplaced, rules.max_rows),
                likely,
                likely_new: 0,
                likely_aside: Aside::new(&Unplaced::default(), rules.max_rows),
                rules,
                greatest: None,
                ahead: None,
                overview,
                scanner: scanner.clone(),
                has_past: false,
                has_below: false,
                positions: Vec::new(),
            }),
            is_past_end: false,
        })
    }

    /// Removes from `records` what is outside of the boundary or was loaded before.
    pub fn apply(&mut self, page: &PagePlace, body: &[u8], records: &mut Records) -> Result<Filtered, Report> {
        let extracted = records.len() as u32;
        match &mut self.field {
            None => Ok(Filtered { extracted, inside: extracted, ..Filtered::default() }),
            Some(field) => {
                let filtered = field.apply(page, body, records)?;
                self.is_past_end |= filtered.stop_early;
                Ok(filtered)
            }
        }
    }

    /// Whether a page said that no later one can hold a row inside ([`Filtered::stop_early`]).
    pub fn is_past_end(&self) -> bool {
        self.is_past_end
    }

    /// The greatest cursor value so far, less `safety_lag`, with the digests of the rows at it (or
    /// inside `lookback`). `None` as long as no row was inside: then the old watermark stays.
    pub fn watermark(&self) -> Option<Watermark> {
        let field = self.field.as_ref()?;
        let (position, value) = field.candidate()?;
        let kept = field.recent.at_or_after(&field.threshold(&position));
        Some(Watermark {
            field: field.name.clone(),
            value,
            digests: kept.digests,
            digests_incomplete: kept.left_out > 0,
            left_out: kept.left_out,
        })
    }

    /// The rows so far that the watermark passes by.
    pub fn unplaced(&self) -> Unplaced {
        self.field.as_ref().map(Field::unplaced).unwrap_or_default()
    }

    /// The greatest value that moves the watermark: a row beyond it is published and doubtful. `None` where
    /// every value does.
    pub fn horizon(&self) -> Option<CursorValue> {
        let field = self.field.as_ref()?;
        match field.likely.as_ref().and_then(LikelyTimes::horizon) {
            Some(horizon) => horizon.value(None),
            None => field.horizon.as_ref()?.value(field.rules.unit()),
        }
    }

    /// The fate of the rows so far; nothing where every row belongs to the run.
    pub fn overview(&self) -> Overview {
        self.field.as_ref().map(|field| field.overview.clone()).unwrap_or_default()
    }

    /// The rows so far that lie beyond `max_future`.
    pub fn ahead(&self) -> Option<Ahead> {
        let field = self.field.as_ref()?;
        if let Some(LikelyAhead { rows, greatest, first, unit }) = field.likely.as_ref().and_then(LikelyTimes::ahead) {
            let looks_like = Some(LooksLike { field: field.name.clone(), unit, new: field.likely_new });
            let has_past = field.likely.as_ref().and_then(LikelyTimes::greatest).flatten().is_some();
            let is_all = !has_past && !field.has_below;
            return Some(Ahead { rows, greatest, first, is_all, looks_like });
        }
        let found = field.ahead.as_ref()?;
        Some(Ahead {
            rows: found.rows,
            greatest: found.greatest.value.text().to_owned(),
            first: found.first.clone(),
            is_all: !field.has_past,
            looks_like: None,
        })
    }
}

impl Field {
    fn apply(&mut self, page: &PagePlace, body: &[u8], records: &mut Records) -> Result<Filtered, Error> {
        let sides = self.read_positions(page, body, records)?;
        let mut filtered = Filtered { extracted: records.len() as u32, ..Filtered::default() };
        let placed = filtered.extracted - sides.without;
        filtered.stop_early = placed > 0
            && match self.order {
                Some(Order::Descending) => sides.below == placed,
                Some(Order::Ascending) => sides.above == placed,
                None => false,
            };
        // Digests are taken of rows that can still lie at the watermark when the page is done.
        let likely = self.likely.as_ref().and_then(LikelyTimes::least_greatest).cloned();
        let least = likely.or_else(|| self.candidate().map(|(position, _)| position));
        let threshold = least.map(|position| self.threshold(&position));
        let positions = std::mem::take(&mut self.positions);
        let mut positions_of = positions.iter();
        records.retain(|_, record| {
            let Some(position) = positions_of.next() else { return false };
            let keeps = match position {
                Some(position) => self.keeps(position, body, record, threshold.as_ref(), &mut filtered),
                None => self.keeps_without(body, record, &mut filtered),
            };
            filtered.inside += u32::from(keeps);
            keeps
        });
        self.positions = positions;
        Ok(filtered)
    }

    /// Whether a row is inside and new; notes its digest where it may be needed.
    fn keeps(
        &mut self,
        position: &Position,
        body: &[u8],
        record: &RecordSpan,
        threshold: Option<&Position>,
        filtered: &mut Filtered,
    ) -> bool {
        if self.is_below(position) || self.is_above(position) {
            filtered.outside += 1;
            return false;
        }
        if self.is_ahead(position) {
            let is_new = self.keeps_aside(Some(position), body, record, filtered);
            filtered.ahead += u32::from(is_new);
            return is_new;
        }
        let is_likely_ahead = self.likely.as_ref().is_some_and(|likely| likely.may_be_ahead(position));
        let recent_from = threshold.filter(|threshold| !position.is_below(threshold));
        let may_be_known = self.known.is_possible(position);
        // A row that was ahead of an earlier run and is no longer.
        let may_be_aside = self.aside.is_possible(position);
        if recent_from.is_none() && !may_be_known && !may_be_aside && !is_likely_ahead {
            return true;
        }
        let digest = digest(record.span.of(body));
        if is_likely_ahead {
            self.likely_aside.note(digest, Some(position));
        }
        if let Some(threshold) = recent_from {
            self.recent.push(position.clone(), digest, threshold);
        }
        let is_known =
            (may_be_known && self.known.contains(&digest, position)) || (may_be_aside && self.aside.is_known(&digest));
        filtered.known += u32::from(is_known);
        self.likely_new += u64::from(is_likely_ahead && !is_known);
        !is_known
    }

    /// The same for a record without a cursor value, which is no error here.
    fn keeps_without(&mut self, body: &[u8], record: &RecordSpan, filtered: &mut Filtered) -> bool {
        if self.rules.on_missing == OnMissing::Drop {
            filtered.dropped += 1;
            return false;
        }
        let is_new = self.keeps_aside(None, body, record, filtered);
        filtered.without_cursor += u32::from(is_new);
        is_new
    }

    /// Whether a row that the watermark passes by is new.
    fn keeps_aside(
        &mut self,
        position: Option<&Position>,
        body: &[u8],
        record: &RecordSpan,
        filtered: &mut Filtered,
    ) -> bool {
        let digest = digest(record.span.of(body));
        self.aside.note(digest, position);
        // An earlier run may have had it at its watermark: `max_future` was off, or longer.
        let is_known = self.aside.is_known(&digest)
            || position
                .is_some_and(|position| self.known.is_possible(position) && self.known.contains(&digest, position));
        filtered.known += u32::from(is_known);
        !is_known
    }

    /// Reads the cursor field of every record and moves the greatest value.
    fn read_positions(&mut self, page: &PagePlace, body: &[u8], records: &Records) -> Result<Sides, Error> {
        self.positions.clear();
        let mut sides = Sides::default();
        let mut greatest: Option<(usize, Position)> = None;
        for (index, record) in records.records.iter().enumerate() {
            let position = self.read(page, body, records, record, index)?;
            let Some(read) = &position else {
                sides.without += 1;
                self.note_without(page, records, record, index);
                self.positions.push(None);
                continue;
            };
            if self.is_below(read) {
                sides.below += 1;
                self.overview.note_outside(read);
            } else if self.is_above(read) {
                sides.above += 1;
                self.overview.note_outside(read);
            } else if self.is_ahead(read) {
                self.note_ahead(page, body, records, record, index, read);
            } else {
                if let Some(likely) = self.likely.as_mut().filter(|_| !read.is_instant()) {
                    likely.note(read, || page.record(index as u64));
                }
                sides.inside += 1;
                if greatest.as_ref().is_none_or(|(_, greatest)| greatest.is_below(read)) {
                    greatest = Some((index, read.clone()));
                }
            }
            self.positions.push(position);
        }
        self.overview.inside += records.len() as u64 - u64::from(sides.without + sides.below + sides.above);
        self.has_below |= sides.below > 0;
        self.has_past |= sides.below > 0 || sides.inside > 0;
        if let Some((index, position)) = greatest
            && self.greatest.as_ref().is_none_or(|greatest| greatest.position.is_below(&position))
        {
            let value = records.records.get(index).and_then(|record| self.value(body, records, record));
            self.greatest = value.map(|value| Greatest { position, value });
        }
        Ok(sides)
    }

    /// Notes a record without a cursor value; of the first one that lacks the field the names that it has.
    fn note_without(&mut self, page: &PagePlace, records: &Records, record: &RecordSpan, index: usize) {
        self.overview.without += 1;
        let has_field = records.field(record, self.id).is_ok_and(|field| field.is_some());
        self.overview.has_field |= has_field;
        if !has_field && self.overview.first_without.is_none() {
            let fields = records.names_of(record, lock(&self.scanner).names());
            self.overview.first_without = Some((page.record(index as u64), fields));
        }
    }

    /// `None` for a record without a cursor value, where that is no error.
    fn read(
        &self,
        page: &PagePlace,
        body: &[u8],
        records: &Records,
        record: &RecordSpan,
        index: usize,
    ) -> Result<Option<Position>, Error> {
        let unusable = |problem: &str, hint: Option<String>| Error::CursorField {
            page: page.clone(),
            record: index as u64,
            field: self.name.clone(),
            problem: problem.to_owned(),
            hint,
        };
        let field = records.field(record, self.id).map_err(|_| Error::CursorTwice {
            page: page.clone(),
            record: index as u64,
            field: self.name.clone(),
        })?;
        let read = Position::read(field, body, self.rules.record_format);
        let text = || field.map_or(&b""[..], |field| field.span.of(body));
        let read = read.map_err(|problem| unusable(problem, unit::hint(text(), self.rules.record_format)))?;
        let Some(position) = read else {
            return match self.rules.on_missing {
                OnMissing::Fail => {
                    Err(unusable(field.map_or("is missing", |_| "is null"), Some(ON_MISSING.to_owned())))
                }
                OnMissing::Keep | OnMissing::Drop => Ok(None),
            };
        };
        let earlier = self.positions.iter().rev().flatten().next();
        let earlier = earlier.or(self.greatest.as_ref().map(|greatest| &greatest.position));
        if let Some(other) = earlier
            && position.compare(other).is_none()
        {
            let is = if position.is_instant() { "a timestamp" } else { "a number" };
            let was = if position.is_instant() { "a number" } else { "a timestamp" };
            return Err(unusable(&format!("is {is}, where an earlier record has {was}"), None));
        }
        if earlier.is_none() {
            self.unit.check(&position, text()).map_err(|(problem, hint)| Error::CursorUnit {
                page: page.clone(),
                record: index as u64,
                field: self.name.clone(),
                problem,
                hint,
            })?;
        }
        Ok(Some(position))
    }

    /// Notes a row beyond the horizon.
    fn note_ahead(
        &mut self,
        page: &PagePlace,
        body: &[u8],
        records: &Records,
        record: &RecordSpan,
        index: usize,
        position: &Position,
    ) {
        let is_greatest = self.ahead.as_ref().is_none_or(|ahead| ahead.greatest.position.is_below(position));
        let value = if is_greatest { self.value(body, records, record) } else { None };
        let greatest = value.map(|value| Greatest { position: position.clone(), value });
        match (&mut self.ahead, greatest) {
            (Some(ahead), greatest) => {
                ahead.rows += 1;
                ahead.greatest = greatest.unwrap_or_else(|| ahead.greatest.clone());
            }
            (None, Some(greatest)) => {
                self.ahead = Some(FoundAhead { rows: 1, greatest, first: page.record(index as u64) });
            }
            (None, None) => {}
        }
    }

    /// The value as the record writes it.
    fn value(&self, body: &[u8], records: &Records, record: &RecordSpan) -> Option<CursorValue> {
        let bytes = records.field(record, self.id).ok()??.span.of(body);
        let is_text = bytes.first() == Some(&b'"');
        match self.rules.unit() {
            Some(unit) if is_text => CursorValue::number(&dpone_json::unescape(bytes))?.in_unit(unit),
            Some(unit) => CursorValue::number(std::str::from_utf8(bytes).ok()?)?.in_unit(unit),
            None if is_text => CursorValue::instant(&dpone_json::unescape(bytes)),
            None => CursorValue::number(std::str::from_utf8(bytes).ok()?),
        }
    }

    fn is_below(&self, position: &Position) -> bool {
        self.lower.as_ref().is_some_and(|lower| position.is_below(lower))
    }

    fn is_above(&self, position: &Position) -> bool {
        self.upper.as_ref().is_some_and(|upper| !position.is_below(upper))
    }

    /// A number without a unit does not compare with the horizon: [`LikelyTimes`] looks at these.
    fn is_ahead(&self, position: &Position) -> bool {
        self.horizon.as_ref().is_some_and(|horizon| horizon.is_below(position))
    }

    /// The watermark as it would be now: the greatest value, but not after the cap, and never
    /// before the lower bound, so that a clock that went back does not undo earlier runs.
    fn candidate(&self) -> Option<(Position, CursorValue)> {
        if let Some(greatest) = self.likely.as_ref().and_then(LikelyTimes::greatest) {
            let greatest = greatest?;
            let value = greatest.value(None)?;
            return Some((greatest, value));
        }
        let greatest = self.greatest.as_ref()?;
        let Some(cap) = self.cap.as_ref().filter(|cap| cap.is_below(&greatest.position)) else {
            return Some((greatest.position.clone(), greatest.value.clone()));
        };
        let capped = self.lower.as_ref().filter(|lower| cap.is_below(lower)).unwrap_or(cap);
        Some((capped.clone(), capped.value(self.rules.unit())?))
    }

    fn unplaced(&self) -> Unplaced {
        let unit = self.rules.unit();
        let mut unplaced = self.aside.unplaced(unit);
        if self.likely.as_ref().is_some_and(|likely| likely.greatest().is_some()) {
            unplaced.add(&self.likely_aside.unplaced(unit), self.rules.max_rows);
        }
        unplaced
    }

    /// The least value whose rows the next run may meet again.
    fn threshold(&self, watermark: &Position) -> Position {
        self.lookback.as_ref().map_or_else(|| watermark.clone(), |lookback| watermark.before(lookback))
    }
}

const ON_MISSING: &str = "`incremental.on_missing: keep` publishes such records without moving the watermark, `drop` \
                          leaves them out and counts them";

fn bounds_text(boundary: &Boundary) -> String {
    let text = |word: &str, bound: &Option<CursorValue>| bound.as_ref().map(|bound| format!("{word} {bound}"));
    let bounds: Vec<String> =
        [text("from", &boundary.lower), text("before", &boundary.upper)].into_iter().flatten().collect();
    bounds.join(", ")
}

/// How many rows of a page lie where.
#[derive(Debug, Default)]
struct Sides {
    below: u32,
    above: u32,
    inside: u32,
    /// Without a cursor value.
    without: u32,
}
