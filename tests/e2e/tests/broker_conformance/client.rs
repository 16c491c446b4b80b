//! Shared by the librdkafka cases: a producer that counts deliveries, and a reader of whole topics.

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{BorrowedMessage, DeliveryResult, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub const PATIENCE: Duration = Duration::from_secs(20);

/// A record as it is sent and as it comes back. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub timestamp: i64,
}

/// Where a record came to lie.
pub type Place = (i32, i64);

/// The fate of each record, by its number.
type Deliveries = Arc<Mutex<BTreeMap<usize, Result<Place, RDKafkaErrorCode>>>>;

#[derive(Clone, Default)]
struct Counting(Deliveries);

impl ClientContext for Counting {}

impl ProducerContext for Counting {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let outcome = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.rdkafka_error_code().expect("a delivery error has a code")),
        };
        self.0.lock().unwrap().insert(number, outcome);
    }
}

pub fn config(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config
}

/// Sends records to a topic, spread over its partitions in turn, and waits for all of them.
pub fn send(
    servers: &str,
    settings: &[(&str, &str)],
    topic: &str,
    partitions: usize,
    records: &[Record],
) -> Vec<Result<Place, RDKafkaErrorCode>> {
    let counting = Counting::default();
    let mut config = config(servers);
    config.set("linger.ms", "5").set("message.timeout.ms", "20000").set("message.max.bytes", "10000000");
    settings.iter().for_each(|(name, value)| {
        config.set(*name, *value);
    });
    let producer: BaseProducer<Counting> = config.create_with_context(counting.clone()).unwrap();
    for (number, record) in records.iter().enumerate() {
        let partition = i32::try_from(number % partitions).unwrap();
        let mut base: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(topic, number).partition(partition).timestamp(record.timestamp);
        base.key = record.key.as_deref();
        base.payload = record.value.as_deref();
        if !record.headers.is_empty() {
            base = base.headers(record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(rdkafka::message::Header { key, value: value.as_ref() })
            }));
        }
        producer.send(base).map_err(|(error, _)| error).unwrap();
        producer.poll(Duration::ZERO);
    }
    producer.flush(PATIENCE).unwrap();
    let deliveries = counting.0.lock().unwrap();
    assert_eq!(deliveries.len(), records.len(), "every record is accounted for");
    deliveries.values().copied().collect()
}

pub fn consumer(servers: &str) -> BaseConsumer {
    // librdkafka wants a group even of a consumer that only assigns.
    config(servers).set("group.id", "conformance").set("enable.auto.commit", "false").create().unwrap()
}

/// Reads a topic from the beginning until `count` records are there, and makes sure that no more are.
pub fn read(servers: &str, topic: &str, partitions: i32, count: usize) -> BTreeMap<Place, Record> {
    let consumer = consumer(servers);
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions {
        assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let mut found = BTreeMap::new();
    let deadline = Instant::now() + PATIENCE;
    while found.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} records came back", found.len());
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.unwrap();
            assert!(found.insert((message.partition(), message.offset()), owned(&message)).is_none());
        }
    }
    assert!(consumer.poll(Duration::from_millis(300)).is_none(), "more than {count} records came back");
    found
}

fn owned(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
    });
    Record {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers,
        timestamp: message.timestamp().to_millis().unwrap_or(-1),
    }
}

pub fn admin(servers: &str) -> (AdminClient<DefaultClientContext>, AdminOptions) {
    let admin = config(servers).create().unwrap();
    (admin, AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE)))
}

/// Waits for one future; the admin client's are completed by a thread of its own.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
