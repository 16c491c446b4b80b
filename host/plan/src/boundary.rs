//! C: which rows belong to a run.

use crate::Error;
use dpone_manifest::{Incremental, Manifest, Mode};
use dpone_model::checkpoint::Watermark;
use dpone_model::{Checkpoint, CursorValue};
use jiff::SignedDuration;
use std::cmp::Ordering;

/// What the command line narrows a run to.
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
    /// Digests of rows that an earlier run loaded at the watermark or inside of `lookback`.
    pub known: Vec<String>,
    /// Rows with a smaller cursor value cannot be among the known ones.
    pub known_from: Option<CursorValue>,
    /// Bounds of the command line took the place of the stored watermark.
    pub window_override: bool,
    pub lookback: Option<SignedDuration>,
    /// How far the new watermark stays behind; it is applied when the watermark is computed.
    pub safety_lag: Option<SignedDuration>,
}

impl Boundary {
    /// The part of it that belongs to a slice with these bounds.
    ///
    /// # Errors
    /// [`Error::MixedBounds`] where one bound is an instant and the other a number.
    pub fn within(mut self, lower: Option<&CursorValue>, upper: Option<&CursorValue>) -> Result<Self, Error> {
        if let Some(slice) = lower {
            let is_tighter = self.lower.as_ref().map(|own| compare(slice, own)).transpose()? != Some(Ordering::Less);
            if is_tighter {
                self.lower = Some(slice.clone());
            }
        }
        if let Some(slice) = upper {
            let is_tighter = self.upper.as_ref().map(|own| compare(slice, own)).transpose()? != Some(Ordering::Greater);
            if is_tighter {
                self.upper = Some(slice.clone());
            }
        }
        Ok(self)
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
/// a watermark it is `start`. A `full_refresh` has no watermark: it loads `start..end` each time.
/// `from` and `to` replace the bounds, and then every row of the window counts as new.
pub fn boundary(manifest: &Manifest, checkpoint: Option<&Checkpoint>, window: &Window) -> Result<Boundary, Error> {
    let Some(incremental) = &manifest.source.incremental else {
        if window.from.is_some() || window.to.is_some() {
            return Err(Error::WindowWithoutBoundary { place: manifest.origin.place("source.options") });
        }
        return Ok(Boundary::default());
    };
    let keeps_watermark = manifest.sink.strategy.mode != Mode::FullRefresh;
    let watermark = checkpoint.and_then(|checkpoint| checkpoint.watermark.as_ref()).filter(|_| keeps_watermark);
    let mut boundary = Boundary {
        field: Some(incremental.cursor_field.clone()),
        lower: incremental.start.clone(),
        upper: window.to.clone().or_else(|| incremental.end.clone()),
        window_override: window.from.is_some() || window.to.is_some(),
        lookback: incremental.lookback,
        safety_lag: incremental.safety_lag,
        ..Boundary::default()
    };
    if let Some(from) = &window.from {
        boundary.lower = Some(from.clone());
    } else if let Some(watermark) = watermark {
        resume_at(&mut boundary, incremental, watermark)?;
    }
    check_order(&boundary)?;
    Ok(boundary)
}

fn resume_at(boundary: &mut Boundary, incremental: &Incremental, watermark: &Watermark) -> Result<(), Error> {
    if watermark.field != incremental.cursor_field {
        let (stored, wanted) = (watermark.field.clone(), incremental.cursor_field.clone());
        return Err(Error::OtherField { stored, wanted });
    }
    let lookback = incremental.lookback.unwrap_or(SignedDuration::ZERO);
    let mut lower = if lookback.is_zero() { watermark.value.clone() } else { watermark.value.minus(lookback) };
    if !boundary.window_override {
        boundary.known.clone_from(&watermark.digests);
        boundary.known_from = (!watermark.digests.is_empty()).then(|| lower.clone());
    }
    for bound in [&incremental.start, &boundary.upper].into_iter().flatten() {
        if lower.compare(bound).is_none() {
            return Err(Error::OtherKind { watermark: watermark.value.to_string(), bound: bound.to_string() });
        }
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
