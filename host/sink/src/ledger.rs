//! Accounts for every message: which pages are acknowledged whole, what failed first, and where the
//! messages lie.

use crate::Error;
use crate::native::Delivered;
use dpone_model::Report;
use rdkafka::error::RDKafkaErrorCode;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

const _: () = assert!(usize::BITS == 64, "an opaque number holds a page and a record");

/// Bits of the record's number in an opaque number; the page has the rest.
const RECORD_BITS: u32 = 24;
const RECORD_UNKNOWN: u32 = (1 << RECORD_BITS) - 1;

/// Offsets of this run's messages in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Offsets {
    pub first: i64,
    pub last: i64,
    pub count: u64,
}

/// The first message that was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirstError {
    pub page: u64,
    /// From 0, among the page's published records.
    pub record: Option<u64>,
    pub partition: Option<i32>,
    pub cause: String,
}

/// The outcome of all messages that were handed over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct DeliveryReport {
    pub published: u64,
    pub acknowledged: u64,
    pub failed: u64,
    pub first_error: Option<FirstError>,
    pub partitions: BTreeMap<i32, Offsets>,
    /// Every message of the pages up to this one was acknowledged.
    pub acknowledged_through: u64,
    /// How long was waited for what is neither acknowledged nor failed.
    pub flush_timeout_ms: u64,
}

impl DeliveryReport {
    /// An error unless every message was acknowledged.
    pub fn check(&self) -> Result<(), Report> {
        if let Some(first) = &self.first_error {
            return Err(first.error(self.failed, self.published).into());
        }
        // Purged messages have failed, too, and no delivery report tells of them.
        let outstanding = self.published.saturating_sub(self.acknowledged);
        if outstanding > 0 {
            let timeout_ms = u128::from(self.flush_timeout_ms);
            return Err(Error::Unacknowledged { outstanding, published: self.published, timeout_ms }.into());
        }
        Ok(())
    }
}

impl FirstError {
    pub(crate) fn error(&self, failed: u64, published: u64) -> Error {
        let record = self.record.map_or(String::new(), |record| format!(", record {record}"));
        let partition = self.partition.map_or(String::new(), |partition| format!(", partition {partition}"));
        Error::NotDelivered { failed, published, page: self.page, at: record + &partition, cause: self.cause.clone() }
    }
}

/// The number that a message's delivery report gives back.
pub(crate) fn opaque(page: u64, record: u32) -> usize {
    (page << RECORD_BITS | u64::from(record.min(RECORD_UNKNOWN))) as usize
}

/// Messages by page and partition.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) published: u64,
    pub(crate) acknowledged: u64,
    pub(crate) failed: u64,
    /// Pages that are not fully acknowledged, ascending.
    pages: VecDeque<OpenPage>,
    pub(crate) through: u64,
    /// Indexed by partition.
    partitions: Vec<Option<Offsets>>,
    pub(crate) first_error: Option<FirstError>,
}

#[derive(Debug)]
struct OpenPage {
    page: u64,
    /// Handed over, neither acknowledged nor failed.
    outstanding: u64,
    /// Handed over whole.
    closed: bool,
    failed: bool,
}

impl Ledger {
    pub(crate) fn begin(&mut self, page: u64) {
        self.pages.push_back(OpenPage { page, outstanding: 0, closed: false, failed: false });
    }

    pub(crate) fn hand(&mut self, messages: u64) {
        self.published += messages;
        if let Some(page) = self.pages.back_mut() {
            page.outstanding += messages;
        }
    }

    pub(crate) fn close(&mut self) {
        if let Some(page) = self.pages.back_mut() {
            page.closed = true;
        }
        self.advance();
    }

    pub(crate) fn outstanding(&self) -> u64 {
        self.published - self.acknowledged - self.failed
    }

    fn page(&mut self, opaque: usize) -> Option<&mut OpenPage> {
        let page = opaque as u64 >> RECORD_BITS;
        let at = self.pages.partition_point(|open| open.page < page);
        self.pages.get_mut(at).filter(|open| open.page == page)
    }

    /// Takes a delivery report in.
    pub(crate) fn settle(&mut self, delivered: Delivered) {
        match delivered.error {
            None => self.acknowledge(delivered.opaque, delivered.partition, delivered.offset),
            Some(code) => self.fail(delivered.opaque, delivered.partition, code),
        }
    }

    fn acknowledge(&mut self, opaque: usize, partition: i32, offset: i64) {
        self.acknowledged += 1;
        if let Some(page) = self.page(opaque) {
            page.outstanding = page.outstanding.saturating_sub(1);
            if page.outstanding == 0 {
                self.advance();
            }
        }
        let Ok(partition) = usize::try_from(partition) else { return };
        if self.partitions.len() <= partition {
            self.partitions.resize(partition + 1, None);
        }
        if let Some(slot) = self.partitions.get_mut(partition) {
            let seen = slot.get_or_insert(Offsets { first: offset, last: offset, count: 0 });
            seen.first = seen.first.min(offset);
            seen.last = seen.last.max(offset);
            seen.count += 1;
        }
    }

    fn fail(&mut self, opaque: usize, partition: i32, code: RDKafkaErrorCode) {
        self.failed += 1;
        if let Some(page) = self.page(opaque) {
            page.outstanding = page.outstanding.saturating_sub(1);
            page.failed = true;
        }
        // Messages that a stop drops are no failure of the delivery.
        if !matches!(code, RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) {
            self.note(opaque, (partition >= 0).then_some(partition), code.to_string());
        }
    }

    /// A message that was not even queued.
    pub(crate) fn refuse(&mut self, opaque: usize, code: RDKafkaErrorCode) {
        self.published += 1;
        self.failed += 1;
        if let Some(page) = self.page(opaque) {
            page.failed = true;
        }
        self.note(opaque, None, code.to_string());
    }

    fn note(&mut self, opaque: usize, partition: Option<i32>, cause: String) {
        if self.first_error.is_none() {
            let (page, record) = (opaque as u64 >> RECORD_BITS, opaque as u32 & RECORD_UNKNOWN);
            let record = (record != RECORD_UNKNOWN).then_some(u64::from(record));
            self.first_error = Some(FirstError { page, record, partition, cause });
        }
    }

    fn advance(&mut self) {
        while let Some(page) = self.pages.front()
            && page.closed
            && !page.failed
            && page.outstanding == 0
        {
            self.through = page.page;
            self.pages.pop_front();
        }
    }

    pub(crate) fn error(&self) -> Report {
        let first = self.first_error.as_ref();
        first.map_or_else(
            || Error::Stopped { page: self.through + 1 }.into(),
            |first| first.error(self.failed, self.published).into(),
        )
    }

    pub(crate) fn report(&self) -> DeliveryReport {
        let partitions = self.partitions.iter().enumerate();
        DeliveryReport {
            published: self.published,
            acknowledged: self.acknowledged,
            failed: self.failed,
            first_error: self.first_error.clone(),
            partitions: partitions.filter_map(|(number, seen)| Some((number as i32, (*seen)?))).collect(),
            acknowledged_through: self.through,
            flush_timeout_ms: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_load_that_was_acknowledged_whole_passes() {
        let report = |acknowledged, failed| DeliveryReport { published: 3, acknowledged, failed, ..Default::default() };
        assert!(report(3, 0).check().is_ok());
        // Messages that are purged fail without a report of their own.
        for (acknowledged, failed) in [(2, 0), (2, 1), (0, 3)] {
            assert!(report(acknowledged, failed).check().is_err(), "{acknowledged} acknowledged, {failed} failed");
        }
    }
}
