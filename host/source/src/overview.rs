//! The fate of a run's rows at its boundary, where next to nothing is left of them.
//!
//! A wrong unit, a wrong order or a misspelt cursor field looks like a run that has nothing new: it is
//! green, and no row is published. Nobody but the user can tell these apart, so the run says what it saw.

use crate::error::Error;
use crate::position::Position;
use dpone_manifest::OnMissing;
use dpone_model::human::names;
use dpone_model::{EpochUnit, Place};

/// The rows of one slice, or of several together.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// Of the boundary; empty as long as there is none.
    field: String,
    unit: Option<EpochUnit>,
    on_missing: OnMissing,
    /// The bounds in words.
    bounds: String,
    /// Rows inside of the bounds, new or not.
    pub(crate) inside: u64,
    pub(crate) outside: Option<Outside>,
    /// Records without a cursor value.
    pub(crate) without: u64,
    /// Some record has the field, with null or not.
    pub(crate) has_field: bool,
    /// The first record without the field, and the fields that it has.
    pub(crate) first_without: Option<(Place, Vec<String>)>,
}

/// Rows outside of the bounds.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    rows: u64,
    least: Position,
    greatest: Position,
}

impl Overview {
    pub(crate) fn new(field: &str, bounds: String, on_missing: OnMissing, unit: Option<EpochUnit>) -> Self {
        Self { field: field.to_owned(), unit, on_missing, bounds, ..Self::default() }
    }

    pub(crate) fn note_outside(&mut self, position: &Position) {
        match &mut self.outside {
            None => {
                let (least, greatest) = (position.clone(), position.clone());
                self.outside = Some(Outside { rows: 1, least, greatest });
            }
            Some(outside) => {
                outside.rows += 1;
                if position.is_below(&outside.least) {
                    outside.least = position.clone();
                } else if outside.greatest.is_below(position) {
                    outside.greatest = position.clone();
                }
            }
        }
    }

    /// Adds the rows of another slice.
    pub fn add(&mut self, other: Self) {
        if self.field.is_empty() {
            *self = other;
            return;
        }
        if self.bounds != other.bounds {
            self.bounds = "of every slice".to_owned();
        }
        self.inside += other.inside;
        self.without += other.without;
        self.has_field |= other.has_field;
        self.first_without = self.first_without.take().or(other.first_without);
        if let Some(outside) = other.outside {
            let rows = outside.rows;
            self.note_outside(&outside.least);
            self.note_outside(&outside.greatest);
            if let Some(own) = &mut self.outside {
                own.rows = own.rows - 2 + rows;
            }
        }
    }

    /// The lines that the user should hear; an error where a misspelling is the only reason that there can be.
    /// `is_proven` is whether an earlier run found a watermark in the field: then its name is none.
    pub fn warning(&self, is_proven: bool) -> Result<Option<String>, Error> {
        if self.inside == 0
            && let Some(outside) = &self.outside
        {
            return Ok(self.all_outside(outside));
        }
        if self.inside > 0 || self.without == 0 {
            return Ok(None);
        }
        let (rows, field) = (self.without, self.field.clone());
        match (&self.first_without, self.has_field, self.on_missing) {
            (Some((_, fields)), false, OnMissing::Drop) if is_proven => Ok(Some(format!(
                "no record has the cursor field `{field}`, which records of earlier runs had, and all {rows} were dropped \
                 by `incremental.on_missing: drop`; the first record has {}",
                names(fields.iter().map(String::as_str))
            ))),
            (Some((first, fields)), false, OnMissing::Drop) => {
                Err(Error::NoCursorField { rows, field, first: Box::new(first.clone()), fields: fields.clone() })
            }
            (Some((_, fields)), false, _) => Ok(Some(format!(
                "no record has the cursor field `{field}`, so the watermark does not move and {rows} rows were kept by \
                 `incremental.on_missing: keep`; the first record has {}",
                names(fields.iter().map(String::as_str))
            ))),
            (_, _, OnMissing::Drop) => Ok(Some(format!(
                "all {rows} records have null in the cursor field `{field}` and were dropped by \
                 `incremental.on_missing: drop`"
            ))),
            _ => Ok(None),
        }
    }

    fn all_outside(&self, outside: &Outside) -> Option<String> {
        let (rows, field, bounds) = (outside.rows, &self.field, &self.bounds);
        let text = |position: &Position| Some(position.value(self.unit)?.text().to_owned());
        let (least, greatest) = (text(&outside.least)?, text(&outside.greatest)?);
        let lie = if rows == 1 { "the only row lies" } else { &format!("all {rows} rows lie") };
        Some(format!(
            "{lie} outside of the bounds ({bounds}), so nothing is published: `{field}` goes from {least} to {greatest}; \
             if this is not meant, look at `incremental.record_format`, `start`, `end` and `order`"
        ))
    }
}
