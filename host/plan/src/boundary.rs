//! C: which rows belong to a run.

use crate::Error;
use dpone_manifest::{
    DEFAULT_BOUNDARY_ROWS, Incremental, Lookback, Manifest, MaxFuture, Mode, OnMissing, RecordFormat,
};
use dpone_model::checkpoint::Watermark;
use dpone_model::{Checkpoint, CursorValue, Digests, EpochUnit, Unplaced};
use jiff::{SignedDuration, Timestamp};
use std::cmp::Ordering;

/// The window that the command line narrows a run to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    /// Inclusive.
    pub from: Option<CursorValue>,
    /// Exclusive.
    pub to: Option<CursorValue>,
    pub max_pages: Option<u64>,
}

impl Window {
    /// Whether the run covers less than the manifest's own boundary.
    pub fn is_narrowed(&self) -> bool {
        self.from.is_some() || self.to.is_some() || self.max_pages.is_some()
    }
}

/// The rows of a run: those whose cursor field lies in `lower..upper`, but for the known ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Boundary {
    /// None: every row belongs to the run.
    pub field: Option<String>,
    /// Inclusive; none is open.
    pub lower: Option<CursorValue>,
    /// Exclusive; none is open.
    pub upper: Option<CursorValue>,
    /// The stored watermark, where it is of this field and of a kind that compares.
    pub watermark: Option<CursorValue>,
    /// Rows that an earlier run loaded at the watermark or inside of `lookback`.
    pub known: Digests,
    /// Rows that earlier runs published and that no watermark covers.
    pub unplaced: Unplaced,
    /// Bounds of the command line took the place of the stored watermark.
    pub window_override: bool,
    pub lookback: Option<Lookback>,
    /// How far the new watermark stays behind; it is applied when the watermark is computed.
    pub safety_lag: Option<SignedDuration>,
    pub rules: CursorRules,
}

/// How cursor values are read and which of them move the watermark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorRules {
    pub record_format: Option<RecordFormat>,
    pub max_future: MaxFuture,
    pub on_missing: OnMissing,
    /// Rows at the watermark, and rows beside it, whose digests are kept.
    pub max_rows: usize,
}

impl Default for CursorRules {
    fn default() -> Self {
        Self {
            record_format: None,
            max_future: MaxFuture::default(),
            on_missing: OnMissing::Fail,
            max_rows: DEFAULT_BOUNDARY_ROWS,
        }
    }
}

impl CursorRules {
    fn of(incremental: &Incremental) -> Self {
        Self {
            record_format: incremental.record_format,
            max_future: incremental.max_future,
            on_missing: incremental.on_missing,
            max_rows: incremental.max_boundary_rows,
        }
    }

    /// The unit that numeric cursors count.
    pub fn unit(&self) -> Option<EpochUnit> {
        self.record_format.and_then(RecordFormat::unit)
    }

    /// A bound in the form that records have.
    fn bound(&self, value: CursorValue, is_stored: bool) -> Result<CursorValue, Error> {
        let Some(format) = self.record_format else { return Ok(value) };
        let text = value.to_string();
        format.bound(value).ok_or(Error::OtherFormat { bound: text, format: format.name(), is_stored })
    }
}

impl Boundary {
    /// The part of it that belongs to a slice with these bounds.
    ///
    /// # Errors
    /// [`Error::MixedBounds`] where one bound is an instant and the other a number,
    /// [`Error::OtherFormat`] where the bound is none of the record format.
    pub fn within(mut self, lower: Option<CursorValue>, upper: Option<CursorValue>) -> Result<Self, Error> {
        if let Some(slice) = lower.map(|lower| self.rules.bound(lower, false)).transpose()? {
            let is_tighter = self.lower.as_ref().map(|own| compare(&slice, own)).transpose()? != Some(Ordering::Less);
            if is_tighter {
                self.lower = Some(slice);
            }
        }
        if let Some(slice) = upper.map(|upper| self.rules.bound(upper, false)).transpose()? {
            let is_tighter =
                self.upper.as_ref().map(|own| compare(&slice, own)).transpose()? != Some(Ordering::Greater);
            if is_tighter {
                self.upper = Some(slice);
            }
        }
        Ok(self)
    }

    /// The greatest watermark that `safety_lag` lets a run have which starts now.
    pub fn cap(&self, now: Timestamp) -> Option<CursorValue> {
        let instant = now.checked_sub(self.safety_lag?).unwrap_or(Timestamp::MIN);
        // Where records count whole units, the watermark does, too: it is sent as a request parameter.
        let unit = self.rules.unit();
        Some(CursorValue::at(unit.map_or(instant, |unit| unit.floor(instant)), unit))
    }

    /// Adds the rows that the load's watermark remembers, where some may lie inside: an earlier run published
    /// them as rows of another slice.
    pub fn know_rows_of(&mut self, load: Option<&Watermark>) {
        let Some(load) = load.filter(|load| self.field.as_ref() == Some(&load.field) && !self.window_override) else {
            return;
        };
        let Ok(value) = self.rules.bound(load.value.clone(), true) else { return };
        // With `safety_lag` rows above the watermark are remembered, too, and with `lookback` rows below it.
        let is_above = self.upper.as_ref().is_some_and(|upper| value.compare(upper) != Some(Ordering::Less));
        if !is_above || self.lookback.is_some() {
            self.known.add(&load.digests, self.rules.max_rows);
        }
    }

    /// Whether no value can lie in it.
    pub fn is_empty(&self) -> bool {
        match (&self.lower, &self.upper) {
            (Some(lower), Some(upper)) => lower.compare(upper).is_some_and(|order| order != Ordering::Less),
            _ => false,
        }
    }
}

/// Plans the boundary from the manifest, the last checkpoint and the command line's window.
///
/// The lower bound is the watermark minus `lookback`, but never below the manifest's `start`; without
/// a watermark it is `start`. All bounds get the form that records have. A `full_refresh` has no
/// watermark: it loads `start..end` each time.
/// `from` and `to` replace the bounds, and then every row of the window counts as new.
pub fn boundary(manifest: &Manifest, checkpoint: Option<&Checkpoint>, window: &Window) -> Result<Boundary, Error> {
    let Some(incremental) = &manifest.source.incremental else {
        if window.from.is_some() || window.to.is_some() {
            return Err(Error::WindowWithoutBoundary { place: manifest.origin.place("source.options") });
        }
        return Ok(Boundary::default());
    };
    let rules = CursorRules::of(incremental);
    let stored = checkpoint.and_then(|checkpoint| checkpoint.watermark.as_ref());
    let stored = stored.filter(|stored| stored.field == incremental.cursor_field);
    let keeps_watermark = manifest.sink.strategy.mode != Mode::FullRefresh;
    let checkpoint = checkpoint.filter(|_| keeps_watermark);
    let window_bound = |bound: &Option<CursorValue>| bound.clone().map(|bound| rules.bound(bound, false)).transpose();
    let (from, to) = (window_bound(&window.from)?, window_bound(&window.to)?);
    let mut boundary = Boundary {
        field: Some(incremental.cursor_field.clone()),
        lower: incremental.start.clone(),
        upper: to.or_else(|| incremental.end.clone()),
        watermark: stored.and_then(|stored| rules.bound(stored.value.clone(), true).ok()),
        window_override: window.from.is_some() || window.to.is_some(),
        lookback: incremental.lookback.clone(),
        safety_lag: incremental.safety_lag,
        rules,
        ..Boundary::default()
    };
    // Every row of a window counts as new.
    if let Some(checkpoint) = checkpoint.filter(|_| !boundary.window_override) {
        boundary.unplaced = checkpoint.unplaced.clone().in_unit(boundary.rules.unit());
    }
    if from.is_some() {
        boundary.lower = from;
    } else if let Some(watermark) = checkpoint.and_then(|checkpoint| checkpoint.watermark.as_ref()) {
        resume_at(&mut boundary, manifest, incremental, watermark)?;
    }
    check_order(&boundary)?;
    Ok(boundary)
}

fn resume_at(
    boundary: &mut Boundary,
    manifest: &Manifest,
    incremental: &Incremental,
    watermark: &Watermark,
) -> Result<(), Error> {
    if watermark.field != incremental.cursor_field {
        let (stored, wanted) = (watermark.field.clone(), incremental.cursor_field.clone());
        return Err(Error::OtherField { stored, wanted });
    }
    let value = boundary.rules.bound(watermark.value.clone(), true)?;
    for bound in [&incremental.start, &boundary.upper].into_iter().flatten() {
        if value.compare(bound).is_none() {
            return Err(Error::OtherKind { watermark: value.to_string(), bound: bound.to_string() });
        }
    }
    let mut lower = match &incremental.lookback {
        None => value.clone(),
        Some(lookback) => lookback.before(&value).ok_or_else(|| Error::LookbackUnit {
            place: manifest.origin.place("source.options.incremental.lookback"),
            watermark: value.to_string(),
            is_time: value.is_instant(),
        })?,
    };
    if !boundary.window_override {
        boundary.known.clone_from(&watermark.digests);
    }
    if let Some(start) = incremental.start.as_ref().filter(|start| start.compare(&lower) == Some(Ordering::Greater)) {
        lower = start.clone();
    }
    boundary.lower = Some(lower);
    Ok(())
}

/// A window that the user gave must hold something; a watermark that reached `end` need not.
fn check_order(boundary: &Boundary) -> Result<(), Error> {
    let (Some(lower), Some(upper)) = (&boundary.lower, &boundary.upper) else { return Ok(()) };
    let order = compare(lower, upper)?;
    if boundary.window_override && order != Ordering::Less {
        return Err(Error::EmptyWindow { from: lower.to_string(), to: upper.to_string() });
    }
    Ok(())
}

fn compare(first: &CursorValue, second: &CursorValue) -> Result<Ordering, Error> {
    let mixed = || Error::MixedBounds { first: first.to_string(), second: second.to_string() };
    first.compare(second).ok_or_else(mixed)
}
