//! Hands pages to one idempotent producer and accounts for every message.
//!
//! Each message carries its page and record as the delivery report's opaque number, so that one
//! callback counts: no future and no allocation for a message. The queue is bounded in bytes; when
//! it is full, the caller waits.

use crate::events::Events;
use crate::native::{Handed, Outgoing, Topic};
use crate::{Error, Kafka, config};
use dpone_journal::PageIndex;
use dpone_manifest::{Envelope, Manifest, Sink};
use dpone_model::target::TopicDescription;
use dpone_model::{Meter, Report, Span};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext, PurgeConfig};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const _: () = assert!(usize::BITS == 64, "an opaque number holds a page and a record");

/// Bits of the record's number in an opaque number; the page has the rest.
const RECORD_BITS: u32 = 24;
const RECORD_UNKNOWN: u32 = (1 << RECORD_BITS) - 1;
/// Messages handed over between two looks at delivery reports.
const CHUNK: usize = 1_000;
/// Delivery events served after a chunk; one event holds the reports of a whole batch.
const EVENTS_PER_CHUNK: usize = 8;
/// How long one wait for room or reports lasts.
const WAIT: Duration = Duration::from_millis(2);

/// What a run adds to the manifest's sink.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Set from outside when the lease is lost or the run is cancelled: no further message is
    /// handed over, and those still queued are dropped.
    pub stop: Arc<AtomicBool>,
    /// As [`Kafka::ensure_topic`] found it; its `max.message.bytes` bounds message and batch.
    pub topic: Option<TopicDescription>,
    /// Counts messages and their bytes, and may bound them.
    pub meter: Arc<Meter>,
}

/// One run's producer. All calls block.
pub struct Publisher {
    topic: Topic<Deliveries>,
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

/// What became of everything that was handed over.
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
        let outstanding = self.published - self.acknowledged - self.failed;
        if outstanding > 0 {
            let timeout_ms = u128::from(self.flush_timeout_ms);
            return Err(Error::Unacknowledged { outstanding, published: self.published, timeout_ms }.into());
        }
        Ok(())
    }
}

impl FirstError {
    fn error(&self, failed: u64, published: u64) -> Error {
        let record = self.record.map_or(String::new(), |record| format!(", record {record}"));
        let partition = self.partition.map_or(String::new(), |partition| format!(", partition {partition}"));
        Error::NotDelivered { failed, published, page: self.page, at: record + &partition, cause: self.cause.clone() }
    }
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
    pub fn new(kafka: &Kafka, manifest: &Manifest, options: Options) -> Result<Self, Report> {
        let limit = options.topic.as_ref().and_then(TopicDescription::max_message_bytes);
        Self::open(kafka.connection(), &manifest.sink, limit, options)
    }

    pub(crate) fn open(
        connection: &dpone_connections::KafkaConnection,
        sink: &Sink,
        max_message_bytes: Option<u64>,
        options: Options,
    ) -> Result<Self, Report> {
        let config = config::producer(connection, sink, max_message_bytes)?;
        let producer: BaseProducer<Deliveries> =
            config.create_with_context(Deliveries::default()).map_err(|error| config::explain(&error, connection))?;
        let topic =
            Topic::new(Arc::new(producer), &sink.topic).ok_or_else(|| Error::NoTopic { topic: sink.topic.clone() })?;
        let headers = sink.headers.iter().fold(None, |headers: Option<OwnedHeaders>, (key, value)| {
            let header = Header { key, value: Some(value.as_bytes()) };
            Some(headers.unwrap_or_else(|| OwnedHeaders::new_with_capacity(sink.headers.len())).insert(header))
        });
        Ok(Self {
            topic,
            name: sink.topic.clone(),
            headers,
            envelope: matches!(sink.envelope, Envelope::Dpone).then(|| dpone_envelope(sink)),
            stop: options.stop,
            meter: options.meter,
            flush_timeout: sink.delivery.flush_timeout,
            wrapped: Vec::new(),
            spans: Vec::new(),
        })
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
        self.ledger().begin(page);
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
        self.ledger().close();
        Ok(())
    }

    /// Every message of the pages up to this one was acknowledged; 0 for none.
    pub fn acknowledged_through(&self) -> u64 {
        self.ledger().through
    }

    /// Messages handed over, and acknowledged, so far.
    pub fn counts(&self) -> (u64, u64) {
        let ledger = self.ledger();
        (ledger.published, ledger.acknowledged)
    }

    /// Serves delivery reports for at most this long: for a caller that has no page at hand.
    pub fn poll(&self, timeout: Duration) {
        self.topic.producer().poll(timeout);
    }

    /// Waits until every message is accounted for, at most `delivery.flush_timeout`, and reports.
    /// After a stop what is still queued is dropped instead.
    pub fn finish(self) -> DeliveryReport {
        let deadline = Instant::now() + self.flush_timeout;
        let mut purged = false;
        while self.ledger().outstanding() > 0 && Instant::now() < deadline {
            if self.stop.load(Ordering::Relaxed) && !purged {
                self.topic.producer().purge(PurgeConfig::default().queue());
                purged = true;
            }
            self.topic.producer().poll(WAIT);
        }
        let mut report = self.ledger().report();
        report.flush_timeout_ms = u64::try_from(self.flush_timeout.as_millis()).unwrap_or(u64::MAX);
        report
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.topic.producer().context().ledger()
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
                self.topic.producer().purge(PurgeConfig::default().queue());
                return Err(Error::Stopped { page }.into());
            }
            let handed = if rest.is_empty() { Handed::All } else { self.produce(rest) };
            let (taken, full) = match handed {
                Handed::All => (rest.len(), false),
                Handed::FullAt(at) => (at, true),
                Handed::Refused { at, code, taken } => {
                    let opaque = rest.get(at).map_or(0, |message| message.opaque);
                    let mut ledger = self.ledger();
                    ledger.hand(taken as u64);
                    ledger.refuse(opaque, code);
                    return Err(ledger.error());
                }
            };
            self.ledger().hand(taken as u64);
            let bytes = |message: &Outgoing<'_>| message.value.len() + message.key.map_or(0, <[u8]>::len);
            let sent: usize = rest.iter().take(taken).map(bytes).sum();
            self.meter.published(taken as u64, sent as u64)?;
            rest = rest.get(taken..).unwrap_or_default();
            self.serve(full)?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn produce(&mut self, batch: &[Outgoing<'_>]) -> Handed {
        let Some(headers) = &self.headers else { return self.topic.produce(batch) };
        for (at, message) in batch.iter().enumerate() {
            let mut record =
                BaseRecord::with_opaque_to(&self.name, message.opaque).payload(message.value).headers(headers.clone());
            record.key = message.key;
            match self.topic.producer().send(record).map_err(|(error, _)| error.rdkafka_error_code()) {
                Ok(()) => {}
                Err(Some(RDKafkaErrorCode::QueueFull)) => return Handed::FullAt(at),
                Err(code) => {
                    return Handed::Refused { at, code: code.unwrap_or(RDKafkaErrorCode::Fail), taken: at };
                }
            }
        }
        Handed::All
    }

    /// Takes delivery reports in; waits for room where the queue is full.
    fn serve(&self, full: bool) -> Result<(), Report> {
        let producer = self.topic.producer();
        if full {
            producer.poll(WAIT);
        }
        for _ in 0..EVENTS_PER_CHUNK {
            producer.poll(Duration::ZERO);
        }
        let ledger = self.ledger();
        if ledger.first_error.is_some() { Err(ledger.error()) } else { Ok(()) }
    }
}

fn opaque(page: u64, record: u32) -> usize {
    (page << RECORD_BITS | u64::from(record.min(RECORD_UNKNOWN))) as usize
}

/// The producer's context: counts delivery reports.
#[derive(Debug, Default)]
struct Deliveries {
    events: Events,
    ledger: Mutex<Ledger>,
}

impl Deliveries {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.events.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.events.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let mut ledger = self.ledger();
        match result {
            Ok(message) => ledger.acknowledge(opaque, message.partition(), message.offset()),
            Err((error, message)) => ledger.fail(opaque, Some(message.partition()), error),
        }
    }
}

/// Messages by page and partition.
#[derive(Debug, Default)]
struct Ledger {
    published: u64,
    acknowledged: u64,
    failed: u64,
    /// Pages that are not fully acknowledged, ascending.
    pages: VecDeque<OpenPage>,
    through: u64,
    /// Indexed by partition.
    partitions: Vec<Option<Offsets>>,
    first_error: Option<FirstError>,
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
    fn begin(&mut self, page: u64) {
        self.pages.push_back(OpenPage { page, outstanding: 0, closed: false, failed: false });
    }

    fn hand(&mut self, messages: u64) {
        self.published += messages;
        if let Some(page) = self.pages.back_mut() {
            page.outstanding += messages;
        }
    }

    fn close(&mut self) {
        if let Some(page) = self.pages.back_mut() {
            page.closed = true;
        }
        self.advance();
    }

    fn outstanding(&self) -> u64 {
        self.published - self.acknowledged - self.failed
    }

    fn page(&mut self, opaque: usize) -> Option<&mut OpenPage> {
        let page = opaque as u64 >> RECORD_BITS;
        let at = self.pages.partition_point(|open| open.page < page);
        self.pages.get_mut(at).filter(|open| open.page == page)
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

    fn fail(&mut self, opaque: usize, partition: Option<i32>, error: &KafkaError) {
        self.failed += 1;
        if let Some(page) = self.page(opaque) {
            page.outstanding = page.outstanding.saturating_sub(1);
            page.failed = true;
        }
        let cause = match error.rdkafka_error_code() {
            // What a stop drops is no failure of the delivery.
            Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) => return,
            Some(code) => code.to_string(),
            None => error.to_string(),
        };
        self.note(opaque, partition.filter(|partition| *partition >= 0), cause);
    }

    /// A message that was not even queued.
    fn refuse(&mut self, opaque: usize, code: RDKafkaErrorCode) {
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

    fn error(&self) -> Report {
        let first = self.first_error.as_ref();
        first.map_or_else(
            || Error::Stopped { page: self.through + 1 }.into(),
            |first| first.error(self.failed, self.published).into(),
        )
    }

    fn report(&self) -> DeliveryReport {
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
