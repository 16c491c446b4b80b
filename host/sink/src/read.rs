//! Reads a topic back, up to its end as it was at the start: `dpone topic read`.

use crate::events::Events;
use crate::{Error, config};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dpone_connections::KafkaConnection;
use dpone_model::Report;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The part of a topic to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// Of each partition; none is the earliest.
    pub offset: Option<i64>,
    /// Messages in all; none is no limit.
    pub limit: Option<u64>,
    /// One partition only.
    pub partition: Option<i32>,
    /// 10 s: for the first answer, and for each silence after it.
    pub timeout: Duration,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { offset: None, limit: None, partition: None, timeout: Duration::from_secs(10) }
    }
}

/// One message. It serializes as `topic read --format ndjson` prints it: key and value as text
/// where they are UTF-8 (byte for byte, never parsed), else as `{"base64": …}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageView {
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl MessageView {
    /// None for a null key; bytes that are no UTF-8 are replaced.
    pub fn key_text(&self) -> Option<String> {
        self.key.as_deref().map(|key| String::from_utf8_lossy(key).into_owned())
    }

    /// None for a tombstone; bytes that are no UTF-8 are replaced.
    pub fn value_text(&self) -> Option<String> {
        self.value.as_deref().map(|value| String::from_utf8_lossy(value).into_owned())
    }

    fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map(|headers| {
            headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
        });
        Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
        }
    }
}

impl Serialize for MessageView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let headers: Vec<BTreeMap<&str, Part<'_>>> = self
            .headers
            .iter()
            .map(|(name, value)| {
                BTreeMap::from([("key", Part(Some(name.as_bytes()))), ("value", Part(value.as_deref()))])
            })
            .collect();
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("partition", &self.partition)?;
        map.serialize_entry("offset", &self.offset)?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        map.serialize_entry("key", &Part(self.key.as_deref()))?;
        map.serialize_entry("value", &Part(self.value.as_deref()))?;
        map.serialize_entry("headers", &headers)?;
        map.end()
    }
}

/// Bytes as text, as base64, or null.
struct Part<'a>(Option<&'a [u8]>);

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => serializer.serialize_none(),
            Some((_, Ok(text))) => serializer.serialize_str(text),
            Some((bytes, Err(_))) => BTreeMap::from([("base64", STANDARD.encode(bytes))]).serialize(serializer),
        }
    }
}

/// Calls `on_message` for each message, in order within a partition, until the end that the topic
/// had at the start, the limit, or until it returns false. Blocks.
pub fn read_topic(
    connection: &KafkaConnection,
    topic: &str,
    options: &ReadOptions,
    on_message: &mut dyn FnMut(MessageView) -> bool,
) -> Result<(), Report> {
    let mut config = config::base(connection, options.timeout);
    // Partitions are assigned by hand and nothing is committed: the group exists in name only.
    config.set("group.id", "dpone-topic-read");
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    config.set("enable.partition.eof", "true");
    config.set("auto.offset.reset", "error");
    let mut consumer: BaseConsumer<Events> =
        config.create_with_context(Events::default()).map_err(|error| config::explain(&error, connection))?;
    let arrival = Arc::new(Arrival::default());
    let notified = arrival.clone();
    consumer.set_nonempty_callback(move || notified.notify());
    let reader = TopicReader { consumer: &consumer, arrival: &arrival, connection, topic, options };
    let ends = reader.assign()?;
    reader.run(ends, on_message).map_err(Report::from)
}

/// Something came into the consumer's empty queue. `BaseConsumer::poll` with a time to wait spins
/// through its last millisecond; a sleep until librdkafka notifies costs nothing.
#[derive(Debug, Default)]
struct Arrival {
    has_come: Mutex<bool>,
    changed: Condvar,
}

impl Arrival {
    fn notify(&self) {
        *self.has_come.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// Returns once something came since the last wait, at the latest after `timeout`.
    fn wait(&self, timeout: Duration) {
        let guard = self.has_come.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(guard, timeout, |has_come| !*has_come);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

struct TopicReader<'a> {
    consumer: &'a BaseConsumer<Events>,
    arrival: &'a Arrival,
    connection: &'a KafkaConnection,
    topic: &'a str,
    options: &'a ReadOptions,
}

impl TopicReader<'_> {
    /// Finds each partition's start and end. The end is exclusive; empty partitions stay out.
    fn assign(&self) -> Result<BTreeMap<i32, i64>, Error> {
        let mut list = TopicPartitionList::new();
        let mut ends = BTreeMap::new();
        for partition in self.partitions()? {
            let watermarks = self.consumer.fetch_watermarks(self.topic, partition, self.options.timeout);
            let (low, high) = watermarks.map_err(|error| self.failed(&error))?;
            let start = self.options.offset.map_or(low, |offset| offset.max(low));
            if start < high {
                ends.insert(partition, high);
                list.add_partition_offset(self.topic, partition, Offset::Offset(start))
                    .map_err(|error| self.failed(&error))?;
            }
        }
        self.consumer.assign(&list).map_err(|error| self.failed(&error))?;
        Ok(ends)
    }

    fn partitions(&self) -> Result<Vec<i32>, Error> {
        let brokers = &self.connection.bootstrap_servers;
        let events = self.consumer.context();
        let deadline = Instant::now() + self.options.timeout;
        let metadata = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self
                .consumer
                .fetch_metadata(Some(self.topic), left.clamp(Duration::from_millis(1), Duration::from_millis(500)))
            {
                Ok(metadata) => break metadata,
                Err(_) if !left.is_zero() => {
                    // Nothing is assigned yet; the poll only collects errors.
                    if let Some(Err(error)) = self.consumer.poll(Duration::ZERO) {
                        tracing::debug!(%error, "while looking for the topic");
                    }
                    self.arrival.wait(Duration::from_millis(50));
                    if let Some(refused) = events.refusal(brokers) {
                        return Err(refused);
                    }
                }
                Err(_) => return Err(events.unreachable(brokers, self.options.timeout)),
            }
        };
        let found = metadata.topics().iter().find(|found| found.name() == self.topic);
        let missing = || Error::NoTopic { topic: self.topic.to_owned() };
        let found = found.ok_or_else(missing)?;
        match found.error() {
            Some(
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                | RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            ) => return Err(missing()),
            Some(code) => {
                let cause = RDKafkaErrorCode::from(code).to_string();
                return Err(Error::Read { topic: self.topic.to_owned(), cause });
            }
            None => {}
        }
        let wanted = |id: &i32| self.options.partition.is_none_or(|partition| partition == *id);
        Ok(found.partitions().iter().map(|partition| partition.id()).filter(wanted).collect())
    }

    fn run(&self, mut ends: BTreeMap<i32, i64>, on_message: &mut dyn FnMut(MessageView) -> bool) -> Result<(), Error> {
        let mut left = self.options.limit.unwrap_or(u64::MAX);
        let mut heard = Instant::now();
        while !ends.is_empty() && left > 0 {
            match self.consumer.poll(Duration::ZERO) {
                None if heard.elapsed() >= self.options.timeout => {
                    let cause = format!("no message came for {} ms", self.options.timeout.as_millis());
                    return Err(Error::Read { topic: self.topic.to_owned(), cause });
                }
                None => {
                    self.arrival.wait(Duration::from_millis(100));
                    continue;
                }
                Some(Ok(message)) => {
                    let Some(end) = ends.get(&message.partition()).copied() else { continue };
                    if message.offset() < end {
                        left -= 1;
                        if !on_message(MessageView::of(&message)) {
                            return Ok(());
                        }
                    }
                    if message.offset() + 1 >= end {
                        ends.remove(&message.partition());
                    }
                }
                // Where the last offsets are markers of transactions, no message has them.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    ends.remove(&partition);
                }
                Some(Err(error)) if is_passing(&error) => {}
                Some(Err(error)) => return Err(self.failed(&error)),
            }
            heard = Instant::now();
        }
        Ok(())
    }

    fn failed(&self, error: &KafkaError) -> Error {
        let cause = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
        Error::Read { topic: self.topic.to_owned(), cause }
    }
}

/// librdkafka reconnects by itself; the silence is bounded by the caller.
fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve
        )
    )
}
