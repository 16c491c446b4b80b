//! D: pulls pages, works on each while it is warm, and journals it.
//!
//! The walk has sent the next request by the time it hands over a page, so the API and this host
//! work at the same time. What is done to a page (boundary, transforms, keys, schema, duplicates,
//! checks) is done again without the journal when a resumed run rebuilds what the checks had seen.

use crate::describe::SchemaObserver;
use crate::failpoint;
use crate::fields_read::FieldsRead;
use crate::session::Session;
use bytes::Bytes;
use dpone_journal::{Change, PageEntry, PageIndex, Writer};
use dpone_json::Edited;
use dpone_model::human::names;
use dpone_model::plugin::{BatchView, Transform};
use dpone_model::{PagePlace, Place, Records, Report, WalkEnded, codes};
use dpone_quality::{Duplicates, Judge};
use dpone_sink::{KeyEncoder, SizeCheck, check_sizes};
use dpone_source::{Batch, BoundaryFilter, Filtered, Page, SharedScanner, Walk, scan_output};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// The pages of one slice as they come, and everything that watches them.
pub struct Extract {
    pub walk: Walk,
    pub work: PageWork,
    pub writer: Writer,
    /// No further page will come.
    pub complete: bool,
    /// Pages that an earlier attempt of this run got acknowledged whole.
    pub delivered_before: u64,
    /// When H last wrote down how far the broker has acknowledged.
    pub marked: Instant,
}

/// The work on a page while it is warm.
pub struct PageWork {
    pub scanner: SharedScanner,
    pub filter: BoundaryFilter,
    pub transforms: Vec<Box<dyn Transform>>,
    pub keys: KeyEncoder,
    pub sizes: SizeCheck,
    pub schema: SchemaObserver,
    pub duplicates: Option<Duplicates>,
    pub judge: Judge,
    pub fields_read: FieldsRead,
}

/// A page's records after boundary and transforms, and the buffer that they lie in.
struct Worked {
    buffer: Bytes,
    records: Records,
    is_output: bool,
}

impl Extract {
    /// Pulls up to `limit` pages, or all that come.
    pub async fn pull(&mut self, session: &mut Session, limit: Option<u64>) -> Result<u64, Report> {
        let mut pulled = 0;
        while !self.complete && limit.is_none_or(|limit| pulled < limit) {
            let next = session.cancel.guard(self.walk.next()).await;
            // A walk that fails here has often warned of the cause before.
            for warning in self.walk.take_warnings() {
                session.warn(warning);
            }
            let Some(page) = next? else {
                self.complete = true;
                break;
            };
            self.page(session, page).await?;
            pulled += 1;
        }
        if self.complete {
            let ended = self.walk.ended().cloned();
            self.writer.seal()?;
            self.writer.mark(|progress| {
                progress.extracted = true;
                progress.ended.clone_from(&ended);
            })?;
            session.walk_ended(ended, self.walk.seen_paths());
        }
        Ok(pulled)
    }

    async fn page(&mut self, session: &mut Session, page: Page) -> Result<(), Report> {
        let number = page.number;
        let started = Instant::now();
        let (entry, filtered) = session.cancel.guard(self.work.fresh(page)).await?;
        let (extracted, kept) = (entry.index.extracted, entry.index.len());
        tracing::debug!(page = entry.page, records = extracted, kept, us = micros(started), "page worked on");
        let started = Instant::now();
        self.writer.append(&entry)?;
        tracing::trace!(page = entry.page, us = micros(started), "page in the journal");
        failpoint::hit('D', &entry.page.to_string());
        session.count_page(&entry, &filtered);
        if filtered.stop_early {
            self.walk.stop(past_boundary(number));
        }
        session.events.emit(crate::events::Event::Page(session.counts));
        Ok(())
    }
}

const BEYOND_BOUNDARY: &str = "all rows of this page lie beyond the boundary, and the API sorts by `incremental.order`";

/// The source is sorted, and this page lies beyond the boundary: later ones do, too.
pub fn past_boundary(page: u64) -> WalkEnded {
    WalkEnded::new(WalkEnded::BOUNDARY, page, BEYOND_BOUNDARY)
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl PageWork {
    /// Works on a page that has just arrived.
    async fn fresh(&mut self, page: Page) -> Result<(PageEntry, Filtered), Report> {
        let place = page.place();
        let buffer = page.records_body.clone().unwrap_or_else(|| page.body.clone());
        let mut records = page.records;
        let mut index = PageIndex { extracted: records.len() as u32, ..PageIndex::default() };
        let filtered = self.filter.apply(&place, &buffer, &mut records);
        let filtered = filtered.map_err(|report| self.naming_fields(report, &records))?;
        index.source_rows = records.len() as u32;
        let mut worked = Worked { buffer, records, is_output: false };
        for position in 0..self.transforms.len() {
            let before = worked.records.len();
            worked = self.transform(position, &place, worked).await?;
            index.changes.push(Change::between(before, worked.records.len()));
        }
        {
            let scanner = self.scanner.lock().unwrap_or_else(PoisonError::into_inner);
            let encoded = self.keys.encode(&place, &worked.buffer, &worked.records, scanner.names(), &mut index);
            drop(scanner);
            encoded.map_err(|report| self.naming_fields(report, &worked.records))?;
        }
        check_sizes(&self.sizes, &place, &index)?;
        let output = worked.is_output.then(|| worked.buffer.clone());
        self.watch(&place, &index, worked).await?;
        let entry = PageEntry {
            page: page.number,
            request: page.request,
            url: page.url,
            status: page.status,
            headers: page.headers,
            body: page.body,
            records_path: page.records_path,
            records_body: page.records_body,
            output,
            index,
            next: page.next,
            ended: page.ended,
            records_digest: page.records_digest.map(|digest| format!("{digest:032x}")),
            newly_seen: page.newly_seen,
            walk_ended: page.walk_ended,
            extractor_state: page.state,
        };
        Ok((entry, filtered))
    }

    /// A field that a record lacks is mostly one of another name: the hint says which there are.
    fn naming_fields(&self, report: Report, records: &Records) -> Report {
        let lacks = [&codes::source::CURSOR_FIELD, &codes::quality::MISSING_KEY_FIELD].contains(&report.code());
        let Some(Place::Page { record: Some(number), .. }) = report.place().filter(|_| lacks) else { return report };
        let Some(record) = usize::try_from(*number).ok().and_then(|number| records.records.get(number)) else {
            return report;
        };
        let scanner = self.scanner.lock().unwrap_or_else(PoisonError::into_inner);
        let fields = records.names_of(record, scanner.names());
        let has = if fields.is_empty() { "no fields".to_owned() } else { names(fields.iter().map(String::as_str)) };
        let then = report.hint_text().map_or_else(String::new, |hint| format!("; {hint}"));
        report.hint(format!("the record has {has}{then}"))
    }

    /// Shows a page of the journal to everything that has to know it, without working on it again.
    pub async fn replay(&mut self, entry: &PageEntry) -> Result<Filtered, Report> {
        let place = PagePlace::new(entry.page, entry.url.clone());
        self.fields_read.is_partial = true;
        let mut records = self.scan_source(&place, entry)?;
        let filtered = self.filter.apply(&place, entry.source(), &mut records)?;
        let mut worked = Worked { buffer: entry.source().clone(), records, is_output: false };
        if let Some(output) = &entry.output {
            worked = Worked {
                buffer: output.clone(),
                records: scan_output(&self.scanner, entry.page, output, None)?,
                is_output: true,
            };
        }
        let mut published = entry.index.values.iter().peekable();
        worked.records.retain(|_, record| published.next_if(|span| **span == record.span).is_some());
        self.watch(&place, &entry.index, worked).await?;
        Ok(filtered)
    }

    /// Schema, duplicates and checks see the page.
    async fn watch(&mut self, place: &PagePlace, index: &PageIndex, worked: Worked) -> Result<(), Report> {
        {
            let scanner = self.scanner.lock().unwrap_or_else(PoisonError::into_inner);
            self.schema.observe(place.page, &worked.records, scanner.names());
        }
        if let Some(duplicates) = &mut self.duplicates {
            duplicates.observe(place.page, index)?;
        }
        let batch = Arc::new(self.batch(place, worked));
        self.judge.observe(batch).await.map_err(|report| report.on_page(place.page))
    }

    async fn transform(&mut self, position: usize, place: &PagePlace, worked: Worked) -> Result<Worked, Report> {
        let Some(transform) = self.transforms.get_mut(position) else { return Ok(worked) };
        let is_output = worked.is_output;
        let batch = Arc::new(Batch {
            page: place.page,
            url: place.url.clone(),
            body: worked.buffer,
            records: worked.records,
            scanner: self.scanner.clone(),
            asked: Default::default(),
        });
        let outcome = transform.apply(batch.clone() as Arc<dyn BatchView>).await;
        let outcome = outcome.map_err(|report| report.on_page(place.page))?;
        self.fields_read.note(position, batch.asked.take());
        let plugin = transform.identity().place();
        let edited = batch.outcome(plugin.clone(), outcome)?;
        let (buffer, records) = match Arc::try_unwrap(batch) {
            Ok(batch) => (batch.body, batch.records),
            Err(shared) => (shared.body.clone(), shared.records.clone()),
        };
        let mut worked = Worked { buffer, records, is_output };
        match edited {
            Edited::Unchanged => Ok(worked),
            Edited::Kept(kept) => {
                worked.records.retain(|index, _| kept.get(index).copied().unwrap_or(false));
                Ok(worked)
            }
            Edited::Rewritten(bytes) => {
                let buffer = Bytes::from(bytes);
                let records = scan_output(&self.scanner, place.page, &buffer, Some(plugin))?;
                Ok(Worked { buffer, records, is_output: true })
            }
        }
    }

    fn scan_source(&self, place: &PagePlace, entry: &PageEntry) -> Result<Records, Report> {
        match (&entry.records_body, &entry.records_path) {
            // A page in which the extractor found no records.
            (None, None) => Ok(Records::default()),
            (_, path) => dpone_source::rescan(&self.scanner, place, entry.source(), path.as_deref()),
        }
    }

    fn batch(&self, place: &PagePlace, worked: Worked) -> Batch {
        Batch {
            page: place.page,
            url: place.url.clone(),
            body: worked.buffer,
            records: worked.records,
            scanner: self.scanner.clone(),
            asked: Default::default(),
        }
    }
}
