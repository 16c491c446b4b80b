//! The boundary applied to rows: what is outside or already loaded goes, and the new watermark is
//! the greatest cursor value that was seen.
//!
//! The lower bound is inclusive, because more rows with the watermark's very value may appear after
//! it was taken. Those that were loaded before are recognised by their digest; so rows with equal
//! timestamps are neither lost nor repeated, and a changed row is published again.

use crate::digests::{Known, Recent, digest};
use crate::error::Error;
use crate::position::Position;
use crate::{SharedScanner, lock};
use dpone_manifest::Order;
use dpone_model::{CursorValue, NameId, PagePlace, RecordSpan, Records, Report, Watermark};
use dpone_plan::Boundary;
use jiff::{SignedDuration, Timestamp};

/// What the boundary left of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filtered {
    /// Records that the page had.
    pub extracted: u32,
    /// Records that are left.
    pub inside: u32,
    /// Of those that are not: rows of an earlier run, recognised by their digest.
    pub known: u32,
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
    lookback: Option<SignedDuration>,
    /// The run's start less `safety_lag`: the watermark stays at or before it.
    cap: Option<Position>,
    known: Known,
    recent: Recent,
    greatest: Option<Greatest>,
    /// The positions of one page; kept for its memory.
    positions: Vec<Position>,
}

/// The greatest cursor value seen inside the boundary.
#[derive(Debug, Clone)]
struct Greatest {
    position: Position,
    value: CursorValue,
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
        Ok(Self {
            field: Some(Field {
                name: name.clone(),
                id,
                lower: position(&boundary.lower),
                upper: position(&boundary.upper),
                order,
                lookback: boundary.lookback,
                cap: boundary.safety_lag.map(|lag| Position::Instant(now).minus(lag)),
                known: Known::new(&boundary.known),
                recent: Recent::default(),
                greatest: None,
                positions: Vec::new(),
            }),
            is_past_end: false,
        })
    }

    /// Removes from `records` what is outside of the boundary or was loaded before.
    pub fn apply(&mut self, page: &PagePlace, body: &[u8], records: &mut Records) -> Result<Filtered, Report> {
        let extracted = records.len() as u32;
        match &mut self.field {
            None => Ok(Filtered { extracted, inside: extracted, known: 0, stop_early: false }),
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
        let (digests, digests_incomplete) = field.recent.at_or_after(&field.threshold(&position));
        Some(Watermark { field: field.name.clone(), value, digests, digests_incomplete })
    }
}

impl Field {
    fn apply(&mut self, page: &PagePlace, body: &[u8], records: &mut Records) -> Result<Filtered, Error> {
        let sides = self.read_positions(page, body, records)?;
        let mut filtered = Filtered { extracted: records.len() as u32, ..Filtered::default() };
        filtered.stop_early = filtered.extracted > 0
            && match self.order {
                Some(Order::Descending) => sides.below == filtered.extracted,
                Some(Order::Ascending) => sides.above == filtered.extracted,
                None => false,
            };
        // Digests are taken of rows that can still lie at the watermark when the page is done.
        let threshold = self.candidate().map(|(position, _)| self.threshold(&position));
        let positions = std::mem::take(&mut self.positions);
        let mut positions_of = positions.iter();
        records.retain(|_, record| {
            let keeps = positions_of
                .next()
                .is_some_and(|position| self.keeps(position, body, record, threshold.as_ref(), &mut filtered));
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
            return false;
        }
        let recent_from = threshold.filter(|threshold| !position.is_below(threshold));
        let may_be_known = self.known.is_possible(position);
        if recent_from.is_none() && !may_be_known {
            return true;
        }
        let digest = digest(record.span.of(body));
        if let Some(threshold) = recent_from {
            self.recent.push(position.clone(), digest, threshold);
        }
        let is_known = may_be_known && self.known.contains(&digest, position);
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
            if self.is_below(&position) {
                sides.below += 1;
            } else if self.is_above(&position) {
                sides.above += 1;
            } else if greatest.as_ref().is_none_or(|(_, greatest)| greatest.is_below(&position)) {
                greatest = Some((index, position.clone()));
            }
            self.positions.push(position);
        }
        if let Some((index, position)) = greatest
            && self.greatest.as_ref().is_none_or(|greatest| greatest.position.is_below(&position))
        {
            let value = records.records.get(index).and_then(|record| self.value(body, records, record));
            self.greatest = value.map(|value| Greatest { position, value });
        }
        Ok(sides)
    }

    fn read(
        &self,
        page: &PagePlace,
        body: &[u8],
        records: &Records,
        record: &RecordSpan,
        index: usize,
    ) -> Result<Position, Error> {
        let record_index = index as u64;
        let unusable = |problem: &str| Error::CursorField {
            page: page.clone(),
            record: record_index,
            field: self.name.clone(),
            problem: problem.to_owned(),
        };
        let field = records.field(record, self.id).map_err(|_| Error::CursorTwice {
            page: page.clone(),
            record: record_index,
            field: self.name.clone(),
        })?;
        let position = Position::read(field.ok_or_else(|| unusable("is missing"))?, body).map_err(unusable)?;
        let earlier = self.positions.last().or(self.greatest.as_ref().map(|greatest| &greatest.position));
        for other in [earlier, self.lower.as_ref(), self.upper.as_ref()].into_iter().flatten() {
            if position.compare(other).is_none() {
                let (is, was) = if matches!(position, Position::Instant(_)) {
                    ("a timestamp", "a number")
                } else {
                    ("a number", "a timestamp")
                };
                return Err(unusable(&format!("is {is}, where the boundary or an earlier record has {was}")));
            }
        }
        Ok(position)
    }

    fn value(&self, body: &[u8], records: &Records, record: &RecordSpan) -> Option<CursorValue> {
        let bytes = records.field(record, self.id).ok()??.span.of(body);
        if bytes.first() == Some(&b'"') {
            CursorValue::instant(&dpone_json::unescape(bytes))
        } else {
            CursorValue::number(std::str::from_utf8(bytes).ok()?)
        }
    }

    fn is_below(&self, position: &Position) -> bool {
        self.lower.as_ref().is_some_and(|lower| position.is_below(lower))
    }

    fn is_above(&self, position: &Position) -> bool {
        self.upper.as_ref().is_some_and(|upper| !position.is_below(upper))
    }

    /// The watermark as it would be now: the greatest value, but not after the cap, and never
    /// before the lower bound, so that a clock that went back does not undo earlier runs.
    fn candidate(&self) -> Option<(Position, CursorValue)> {
        let greatest = self.greatest.as_ref()?;
        let Some(cap) = self.cap.as_ref().filter(|cap| cap.is_below(&greatest.position)) else {
            return Some((greatest.position.clone(), greatest.value.clone()));
        };
        let capped = self.lower.as_ref().filter(|lower| cap.is_below(lower)).unwrap_or(cap);
        let Position::Instant(instant) = capped else { return None };
        Some((capped.clone(), CursorValue::instant(&instant.to_string())?))
    }

    /// The least value whose rows the next run may meet again.
    fn threshold(&self, watermark: &Position) -> Position {
        self.lookback.map_or_else(|| watermark.clone(), |lookback| watermark.minus(lookback))
    }
}

/// How many rows of a page are on the outer sides of the bounds.
#[derive(Debug, Default)]
struct Sides {
    below: u32,
    above: u32,
}
