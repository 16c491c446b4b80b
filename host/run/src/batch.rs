//! The records of one page as transforms, checks and keys read them.

use bytes::Bytes;
use dpone_json::Scanner;
use dpone_model::plugin::{BatchView, Column};
use dpone_model::{Place, Records, Report, codes};
use std::sync::{Arc, Mutex, PoisonError};

/// One page's records and the bytes that they lie in.
pub struct Batch {
    pub page: u64,
    /// Without secrets, for messages.
    pub url: String,
    pub body: Bytes,
    pub records: Records,
    pub scanner: Arc<Mutex<Scanner>>,
}

impl BatchView for Batch {
    fn page(&self) -> u64 {
        self.page
    }

    fn len(&self) -> usize {
        self.records.len()
    }

    fn column(&self, field: &str) -> Result<Column, Report> {
        let name = self.scanner.lock().unwrap_or_else(PoisonError::into_inner).names().get(field);
        dpone_json::column(&self.body, &self.records, name).map_err(|twice| {
            Report::new(&codes::quality::DUPLICATE_FIELD, format!("the field `{field}` occurs twice in a record")).at(
                Place::Page {
                    page: self.page,
                    url: self.url.clone(),
                    record: Some(u64::from(twice.record)),
                    offset: None,
                },
            )
        })
    }

    fn bytes(&self) -> Vec<u8> {
        dpone_json::ndjson(&self.body, &self.records)
    }
}
