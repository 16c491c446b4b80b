//! Hands pages to the run's producer and accounts for every message.
//!
//! Each message carries its page and record as the delivery report's opaque number, so that counting
//! needs no future and no allocation for a message. The queue is bounded in bytes; when it is full,
//! the caller waits for a delivery report, asleep in librdkafka.

use crate::Error;
use crate::ledger::{DeliveryReport, Ledger, opaque};
use crate::native::{Handed, Outgoing};
use crate::producer::Producer;
use dpone_journal::PageIndex;
use dpone_manifest::{Envelope, Sink};
use dpone_model::{Meter, Report, Span};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Messages handed over between two looks at delivery reports.
const CHUNK: usize = 1_000;
/// Delivery events taken in after a chunk; one event holds the reports of a whole batch.
const EVENTS_PER_CHUNK: usize = 8;
/// Longest wait for one event, in milliseconds; a stop is noticed after it.
const WAIT_MS: u16 = 50;

/// A run's additions to the manifest's sink.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Set from outside when the lease is lost or the run is cancelled: no further message is
    /// handed over, and those still queued are dropped.
    pub stop: Arc<AtomicBool>,
    /// Counts messages and their bytes, and may bound them.
    pub meter: Arc<Meter>,
}

/// Publishes one slice. All calls block.
pub struct Publisher {
    producer: Producer,
    ledger: Ledger,
    name: String,
    headers: Option<OwnedHeaders>,
    envelope: Option<dpone_json::Envelope>,
    stop: Arc<AtomicBool>,
    meter: Arc<Meter>,
    flush_timeout: Duration,
    /// Enveloped values of the page at hand.
    wrapped: Vec<u8>,
    spans: Vec<Span>,
}

/// Bytes that the dpone envelope adds to a value.
pub fn envelope_bytes(sink: &Sink) -> usize {
    let mut out = Vec::new();
    dpone_envelope(sink).wrap("upsert", b"", &mut out);
    out.len()
}

/// `source.schema` and `source.table` of the envelope are the topic's name around its last dot.
fn dpone_envelope(sink: &Sink) -> dpone_json::Envelope {
    let (schema, table) = sink.topic.rsplit_once('.').unwrap_or(("", &sink.topic));
    dpone_json::Envelope::dpone(sink.strategy.mode.name(), schema, table)
}

impl Publisher {
    pub fn new(producer: Producer, sink: &Sink, options: Options) -> Self {
        let headers = sink.headers.iter().fold(None, |headers: Option<OwnedHeaders>, (key, value)| {
            let header = Header { key, value: Some(value.as_bytes()) };
            Some(headers.unwrap_or_else(|| OwnedHeaders::new_with_capacity(sink.headers.len())).insert(header))
        });
        Self {
            producer,
            ledger: Ledger::default(),
            name: sink.topic.clone(),
            headers,
            envelope: matches!(sink.envelope, Envelope::Dpone).then(|| dpone_envelope(sink)),
            stop: options.stop,
            meter: options.meter,
            flush_timeout: sink.delivery.flush_timeout,
            wrapped: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Hands a page over, waiting for room where the queue is full. `body` is what the index refers
    /// to ([`dpone_journal::PageEntry::published`]); `skip` names records that stay out. Pages come
    /// in ascending order. Fails as soon as one message is known to have failed.
    pub fn publish(
        &mut self,
        page: u64,
        body: &[u8],
        index: &PageIndex,
        skip: &dyn Fn(u32) -> bool,
    ) -> Result<(), Report> {
        self.ledger.begin(page);
        let mut wrapped = std::mem::take(&mut self.wrapped);
        let mut spans = std::mem::take(&mut self.spans);
        wrapped.clear();
        spans.clear();
        let body = match &self.envelope {
            None => body,
            Some(envelope) => {
                for span in &index.values {
                    let start = wrapped.len();
                    envelope.wrap("upsert", span.of(body), &mut wrapped);
                    spans.push(Span::new(start, wrapped.len()));
                }
                &wrapped
            }
        };
        let values = if self.envelope.is_some() { &spans } else { &index.values };
        let result = self.hand_over(page, body, values, index, skip);
        (self.wrapped, self.spans) = (wrapped, spans);
        result?;
        self.ledger.close();
        Ok(())
    }

    /// Every message of the pages up to this one was acknowledged; 0 for none.
    pub fn acknowledged_through(&self) -> u64 {
        self.ledger.through
    }

    /// Messages handed over, and acknowledged, so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.ledger.published, self.ledger.acknowledged)
    }

    /// Takes in the delivery reports that come within a time.
    #[cfg(test)]
    pub(crate) fn wait(&mut self, wait_ms: u16) {
        let deadline = Instant::now() + Duration::from_millis(wait_ms.into());
        while Instant::now() < deadline {
            self.take_in(WAIT_MS);
        }
    }

    /// Waits until every message is accounted for, at most `delivery.flush_timeout`, and reports.
    /// After a stop what is still queued is dropped instead. The producer comes back where nothing is
    /// under way any more, for the next slice.
    pub fn finish(mut self) -> (DeliveryReport, Option<Producer>) {
        let deadline = Instant::now() + self.flush_timeout;
        let mut purged = false;
        while self.ledger.outstanding() > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if self.stop.load(Ordering::Relaxed) && !purged {
                self.producer.topic.producer().purge(PurgeConfig::default().queue());
                purged = true;
            }
            // Whole milliseconds, and at least one: a wait of none would spin up to the deadline.
            let wait_ms = u16::try_from(left.as_millis()).unwrap_or(WAIT_MS).clamp(1, WAIT_MS);
            self.take_in(wait_ms);
        }
        let mut report = self.ledger.report();
        report.flush_timeout_ms = u64::try_from(self.flush_timeout.as_millis()).unwrap_or(u64::MAX);
        let is_clean = self.ledger.outstanding() == 0 && self.ledger.failed == 0;
        (report, is_clean.then_some(self.producer))
    }

    fn hand_over(
        &mut self,
        page: u64,
        body: &[u8],
        values: &[Span],
        index: &PageIndex,
        skip: &dyn Fn(u32) -> bool,
    ) -> Result<(), Report> {
        let mut chunk = Vec::with_capacity(CHUNK.min(values.len()));
        for (number, span) in values.iter().enumerate() {
            let number = number as u32;
            if !skip(number) {
                let opaque = opaque(page, number);
                chunk.push(Outgoing { value: span.of(body), key: index.key(number as usize), opaque });
            }
            if chunk.len() == CHUNK {
                self.send(page, &chunk)?;
                chunk.clear();
            }
        }
        self.send(page, &chunk)
    }

    /// Sends a chunk whole, or fails.
    fn send(&mut self, page: u64, chunk: &[Outgoing<'_>]) -> Result<(), Report> {
        let mut rest = chunk;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                self.producer.topic.producer().purge(PurgeConfig::default().queue());
                return Err(Error::Stopped { page }.into());
            }
            let handed = if rest.is_empty() { Handed::All } else { self.produce(rest) };
            let (taken, full) = match handed {
                Handed::All => (rest.len(), false),
                Handed::FullAt(at) => (at, true),
                Handed::Refused { at, code, taken } => {
                    let opaque = rest.get(at).map_or(0, |message| message.opaque);
                    self.ledger.hand(taken as u64);
                    // Reports that are there already tell of earlier messages.
                    while self.take_in(0) {}
                    self.ledger.refuse(opaque, code);
                    return Err(self.ledger.error());
                }
            };
            self.ledger.hand(taken as u64);
            let bytes = |message: &Outgoing<'_>| message.value.len() + message.key.map_or(0, <[u8]>::len);
            let sent: usize = rest.iter().take(taken).map(bytes).sum();
            self.meter.published(taken as u64, sent as u64)?;
            rest = rest.get(taken..).unwrap_or_default();
            self.serve(if full { rest.len() as u64 } else { 0 })?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn produce(&mut self, batch: &[Outgoing<'_>]) -> Handed {
        let Some(headers) = &self.headers else { return self.producer.topic.produce(batch) };
        for (at, message) in batch.iter().enumerate() {
            let mut record =
                BaseRecord::with_opaque_to(&self.name, message.opaque).payload(message.value).headers(headers.clone());
            record.key = message.key;
            match self.producer.topic.producer().send(record).map_err(|(error, _)| error.rdkafka_error_code()) {
                Ok(()) => {}
                Err(Some(RDKafkaErrorCode::QueueFull)) => return Handed::FullAt(at),
                Err(code) => {
                    return Handed::Refused { at, code: code.unwrap_or(RDKafkaErrorCode::Fail), taken: at };
                }
            }
        }
        Handed::All
    }

    /// Takes delivery reports in, and first waits for those of `wanted` messages: where the queue is
    /// full, offering the rest of a chunk again after each small batch would cost more than it hands over.
    fn serve(&mut self, wanted: u64) -> Result<(), Report> {
        let enough = self.ledger.outstanding().saturating_sub(wanted);
        while self.ledger.outstanding() > enough && self.take_in(WAIT_MS) {}
        for _ in 0..EVENTS_PER_CHUNK {
            if !self.take_in(0) {
                break;
            }
        }
        if self.ledger.first_error.is_some() { Err(self.ledger.error()) } else { Ok(()) }
    }

    /// One event; false where none came within the time.
    fn take_in(&mut self, wait_ms: u16) -> bool {
        let ledger = &mut self.ledger;
        self.producer.take_in(wait_ms, &self.name, &mut |delivered| ledger.settle(delivered))
    }
}
