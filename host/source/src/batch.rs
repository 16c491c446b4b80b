//! The records of one page as transforms, checks and keys read them, and what a transform makes of
//! them.

use crate::{SharedScanner, lock};
use bytes::Bytes;
use dpone_json::Edited;
use dpone_model::plugin::{BatchView, Column, Outcome};
use dpone_model::{Kind, Place, Records, Report, codes};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// One page's records and the bytes that they lie in.
pub struct Batch {
    pub page: u64,
    /// Without secrets, for messages.
    pub url: String,
    pub body: Bytes,
    pub records: Records,
    pub scanner: SharedScanner,
    pub asked: Asked,
}

/// Fields that were asked for, each with whether any record has it.
#[derive(Debug, Default)]
pub struct Asked(Mutex<BTreeMap<String, bool>>);

impl Asked {
    pub fn take(&self) -> BTreeMap<String, bool> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, field: &str, column: &Column) {
        if column.is_empty() {
            return;
        }
        let is_there = column.kinds.iter().any(|kind| *kind != Kind::Missing as u8);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(field.to_owned()).or_default() |= is_there;
    }
}

impl Batch {
    /// The records after a transform's outcome; an edit that does not fit them is the
    /// plugin's mistake.
    pub fn outcome(&self, plugin: Place, outcome: Outcome) -> Result<Edited, Report> {
        match outcome {
            Outcome::Unchanged => Ok(Edited::Unchanged),
            Outcome::Replaced(bytes) => Ok(Edited::Rewritten(bytes)),
            Outcome::Edited(edits) => {
                let scanner = lock(&self.scanner);
                let edited = dpone_json::apply_edits(&self.body, &self.records, scanner.names(), &edits);
                edited.map_err(|error| {
                    let message = format!("page {}: {error}", self.page);
                    Report::new(&codes::plugin::BAD_OUTPUT, message).at(plugin)
                })
            }
        }
    }
}

impl BatchView for Batch {
    fn page(&self) -> u64 {
        self.page
    }

    fn len(&self) -> usize {
        self.records.len()
    }

    fn column(&self, field: &str) -> Result<Column, Report> {
        let name = lock(&self.scanner).names().get(field);
        let column = dpone_json::column(&self.body, &self.records, name).map_err(|twice| {
            Report::new(&codes::quality::DUPLICATE_FIELD, format!("the field `{field}` occurs twice in a record")).at(
                Place::Page {
                    page: self.page,
                    url: self.url.clone(),
                    record: Some(u64::from(twice.record)),
                    offset: None,
                },
            )
        })?;
        self.asked.note(field, &column);
        Ok(column)
    }

    fn bytes(&self) -> Vec<u8> {
        dpone_json::ndjson(&self.body, &self.records)
    }
}

/// The records of what a transform wrote (`plugin`), or of what a journal kept of it.
pub fn scan_output(
    scanner: &SharedScanner,
    page: u64,
    output: &[u8],
    plugin: Option<Place>,
) -> Result<Records, Report> {
    let mut records = Records::default();
    let mut scanner = lock(scanner);
    scanner.scan_ndjson(output, &mut records).map_err(|error| {
        let excerpt = scanner.excerpt(output, error.offset);
        let message = format!("page {page}: {error} near `{excerpt}`");
        match plugin {
            Some(plugin) => Report::new(&codes::plugin::BAD_OUTPUT, message).at(plugin),
            None => Report::new(&codes::disk::DAMAGED, message),
        }
    })?;
    Ok(records)
}
