//! Against librdkafka's mock cluster: accounting, injected faults, reading back.
//!
//! It has no admin calls; topics are created through its own interface.

use crate::producer::Producer;
use crate::publisher::{Options, Publisher};
use crate::testing::{connection, sink};
use crate::{DeliveryReport, Kafka, MessageView, ReadOptions, probe, read_topic};
use dpone_journal::PageIndex;
use dpone_manifest::{Envelope, Sink};
use dpone_model::{Report, Span, codes};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const TOPIC: &str = "dwh.orders";

fn cluster(partitions: i32) -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, partitions, 1).unwrap();
    cluster
}

fn publisher(cluster: &MockCluster<'_, DefaultProducerContext>, sink: &Sink) -> Publisher {
    open(cluster, sink, Arc::default())
}

fn open(cluster: &MockCluster<'_, DefaultProducerContext>, sink: &Sink, stop: Arc<AtomicBool>) -> Publisher {
    let producer = Producer::open(&connection(&cluster.bootstrap_servers()), sink, Some(1_000_000)).unwrap();
    Publisher::new(producer, sink, Options { stop, ..Options::default() })
}

/// A page of `count` records `{"order_id":N}` with keys `N`.
fn page(first: u64, count: u64) -> (Vec<u8>, PageIndex) {
    let (mut body, mut index) = (b"[".to_vec(), PageIndex::default());
    for number in first..first + count {
        let start = body.len();
        body.extend_from_slice(format!("{{\"order_id\":{number}}}").as_bytes());
        index.values.push(Span::new(start, body.len()));
        index.push_key(number.to_string().as_bytes());
        body.push(b',');
    }
    (body, index)
}

fn read(cluster: &MockCluster<'_, DefaultProducerContext>, options: &ReadOptions) -> Vec<MessageView> {
    let mut messages = Vec::new();
    read_topic(&connection(&cluster.bootstrap_servers()), TOPIC, options, &mut |message| {
        messages.push(message);
        true
    })
    .unwrap();
    messages
}

#[test]
fn every_message_is_accounted_for_and_read_back() {
    let cluster = cluster(3);
    let mut publisher = publisher(&cluster, &sink(TOPIC));
    for number in 1..=5 {
        let (body, index) = page(number * 10_000, if number == 3 { 0 } else { 2_500 });
        publisher.publish(number, &body, &index, &|record| record == 7).unwrap();
    }
    let (report, _) = publisher.finish();
    report.check().unwrap();
    let published = 4 * 2_499;
    assert_eq!((report.published, report.acknowledged, report.failed), (published, published, 0));
    assert_eq!(report.acknowledged_through, 5);
    assert_eq!(report.partitions.values().map(|seen| seen.count).sum::<u64>(), published);

    let messages = read(&cluster, &ReadOptions::default());
    assert_eq!(messages.len() as u64, published);
    let mut partition_of: HashMap<Vec<u8>, i32> = HashMap::new();
    let mut last = HashMap::new();
    for message in &messages {
        let key = String::from_utf8(message.key.clone().unwrap()).unwrap();
        assert_eq!(message.value_text().unwrap(), format!("{{\"order_id\":{key}}}"));
        assert_ne!(key.parse::<u64>().unwrap() % 10_000, 7, "skipped");
        assert!(partition_of.insert(message.key.clone().unwrap(), message.partition).is_none(), "{key} twice");
        // Within a partition the order of the pages is kept.
        let number: u64 = key.parse().unwrap();
        assert!(last.insert(message.partition, number).is_none_or(|before| before < number));
    }
    for (partition, seen) in report.partitions {
        assert_eq!((seen.first, seen.last), (0, seen.count as i64 - 1), "partition {partition}");
    }
}

#[test]
fn keys_go_where_javas_clients_put_them() {
    // murmur2 as Kafka's own DefaultPartitioner computes it, on the test vectors of its UtilsTest.
    let vectors: [(&str, i32); 6] = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ];
    let partitions = 7;
    let cluster = cluster(partitions);
    let mut publisher = publisher(&cluster, &sink(TOPIC));
    let mut index = PageIndex::default();
    for (key, _) in vectors {
        index.values.push(Span::new(0, 2));
        index.push_key(key.as_bytes());
    }
    publisher.publish(1, b"{}", &index, &|_| false).unwrap();
    publisher.finish().0.check().unwrap();
    let found: HashMap<String, i32> =
        read(&cluster, &ReadOptions::default()).iter().map(|m| (m.key_text().unwrap(), m.partition)).collect();
    for (key, hash) in vectors {
        assert_eq!(found[key], (hash & i32::MAX) % partitions, "{key}");
    }
}

#[test]
fn headers_envelope_and_null_keys() {
    let cluster = cluster(1);
    let mut sink = sink(TOPIC);
    sink.headers = vec![("origin".into(), "dpone".into()), ("origin".into(), "again".into())];
    sink.envelope = Envelope::Dpone;
    let mut publisher = publisher(&cluster, &sink);
    let body = b"[{\"n\": 1E400}]";
    let index = PageIndex { values: vec![Span::new(1, 13)], ..PageIndex::default() };
    publisher.publish(1, body, &index, &|_| false).unwrap();
    publisher.finish().0.check().unwrap();
    let message = read(&cluster, &ReadOptions::default()).remove(0);
    assert_eq!(message.key, None);
    let value = concat!(
        r#"{"op":"upsert","data":{"n": 1E400},"metadata":{"strategy":"incremental_merge"},"#,
        r#""source":{"schema":"dwh","table":"orders"},"schema_version":1}"#
    );
    assert_eq!(message.value_text().as_deref(), Some(value));
    let json = serde_json::to_value(&message).unwrap();
    let header = |text| serde_json::json!({"key": "origin", "value": text});
    assert_eq!(json["headers"], serde_json::json!([header("dpone"), header("again")]));
    assert_eq!((&json["key"], &json["offset"]), (&serde_json::Value::Null, &0.into()));
}

#[test]
fn reading_starts_and_stops_where_asked() {
    let cluster = cluster(2);
    let mut publisher = publisher(&cluster, &sink(TOPIC));
    let (body, index) = page(1, 100);
    publisher.publish(1, &body, &index, &|_| false).unwrap();
    let (report, _) = publisher.finish();
    let count = |options: ReadOptions| read(&cluster, &options).len() as u64;
    assert_eq!(count(ReadOptions { limit: Some(5), ..ReadOptions::default() }), 5);
    assert_eq!(count(ReadOptions { limit: Some(0), ..ReadOptions::default() }), 0);
    assert_eq!(
        count(ReadOptions { partition: Some(1), offset: Some(10), ..ReadOptions::default() }),
        report.partitions[&1].count - 10
    );
    assert_eq!(count(ReadOptions { offset: Some(1_000), ..ReadOptions::default() }), 0);
    let missing = read_topic(
        &connection(&cluster.bootstrap_servers()),
        TOPIC,
        &ReadOptions { partition: Some(9), ..ReadOptions::default() },
        &mut |_| true,
    );
    assert!(missing.is_ok(), "a partition that is not there has no messages");
}

#[test]
fn a_full_queue_holds_the_caller_back() {
    let cluster = cluster(1);
    cluster.broker_round_trip_time(1, Duration::from_millis(20)).unwrap();
    let mut sink = sink(TOPIC);
    sink.queue_max_bytes = 16 << 10;
    sink.delivery.linger_ms = 0;
    let servers = connection(&cluster.bootstrap_servers());
    let producer = Producer::open(&servers, &sink, Some(1_000)).unwrap();
    let mut publisher = Publisher::new(producer, &sink, Options::default());
    for number in 1..=3 {
        let (body, index) = page(number * 10_000, 1_500);
        publisher.publish(number, &body, &index, &|_| false).unwrap();
        let (handed, acknowledged) = publisher.counts();
        assert!((handed - acknowledged) * 17 < 2 * (16 << 10), "{handed} {acknowledged}");
    }
    let (report, _) = publisher.finish();
    report.check().unwrap();
    assert_eq!((report.acknowledged, report.acknowledged_through), (4_500, 3));
}

/// CPU time of the thread that calls this.
fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A wait that spins through a part of each millisecond shows in the CPU time of the thread, however
/// busy the machine is: the waits here last a second and more.
#[test]
fn waiting_costs_no_cpu_time() {
    let cluster = cluster(1);
    let mut hurried = sink(TOPIC);
    hurried.delivery.flush_timeout = Duration::from_millis(1_500);
    let mut publisher = publisher(&cluster, &hurried);
    cluster.broker_down(1).unwrap();
    let (body, index) = page(1, 10);
    publisher.publish(1, &body, &index, &|_| false).unwrap();
    let before = thread_cpu();
    let (report, _) = publisher.finish();
    assert_eq!(report.acknowledged, 0);
    let flushing = thread_cpu() - before;
    assert!(flushing < Duration::from_millis(150), "flushing took {flushing:?} of CPU time");

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = ReadOptions { timeout: Duration::from_millis(1_500), ..ReadOptions::default() };
    let before = thread_cpu();
    let address = silent.local_addr().unwrap().to_string();
    read_topic(&connection(&address), TOPIC, &options, &mut |_| true).unwrap_err();
    let reading = thread_cpu() - before;
    assert!(reading < Duration::from_millis(150), "reading took {reading:?} of CPU time");
}

/// An idempotent producer that has to ask twice for its id waits half a second before its first message.
#[test]
fn a_fresh_producer_gets_its_id_at_once() {
    let cluster = cluster(1);
    let begun = Instant::now();
    for _ in 0..6 {
        let producer = Producer::open(&connection(&cluster.bootstrap_servers()), &sink(TOPIC), None).unwrap();
        let mut publisher = Publisher::new(producer, &sink(TOPIC), Options::default());
        let (body, index) = page(1, 1);
        publisher.publish(1, &body, &index, &|_| false).unwrap();
        publisher.finish().0.check().unwrap();
    }
    // Six fresh producers that ask twice take at least three seconds, also on an idle machine.
    assert!(begun.elapsed() < Duration::from_millis(2_500), "{:?}", begun.elapsed());
}

/// Publishes pages until one fails or all are through.
fn deliver(mut publisher: Publisher) -> (Result<(), Report>, DeliveryReport) {
    let mut result = Ok(());
    for number in 1..=3 {
        let (body, index) = page(number * 100, 100);
        result = publisher.publish(number, &body, &index, &|_| false);
        publisher.wait(200);
        if result.is_err() {
            break;
        }
    }
    (result, publisher.finish().0)
}

#[test]
fn passing_errors_are_retried_and_lasting_ones_reported() {
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION as NOT_LEADER,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as DENIED,
    };
    let shaken = cluster(1);
    shaken.request_errors(RDKafkaApiKey::Produce, &[NOT_LEADER, NOT_LEADER]);
    let (result, report) = deliver(publisher(&shaken, &sink(TOPIC)));
    result.unwrap();
    report.check().unwrap();
    assert_eq!(report.acknowledged, 300);
    assert_eq!(read(&shaken, &ReadOptions::default()).len(), 300, "a retry is no duplicate");

    let denied = cluster(1);
    denied.request_errors(RDKafkaApiKey::Produce, &[DENIED; 16]);
    let (_, report) = deliver(publisher(&denied, &sink(TOPIC)));
    let error = report.check().unwrap_err();
    assert_eq!(error.code(), &codes::delivery::NOT_DELIVERED);
    let first = report.first_error.unwrap();
    assert_eq!((first.page, first.record, first.partition), (1, Some(0), Some(0)), "{first:?}");
    assert!(error.message().contains("authorization"), "{error}");
    assert_eq!(report.acknowledged_through, 0);
}

#[test]
fn a_stop_ends_production_between_chunks() {
    let cluster = cluster(1);
    let stop = Arc::new(AtomicBool::new(false));
    let mut slow = sink(TOPIC);
    slow.delivery.linger_ms = 10_000;
    let mut publisher = open(&cluster, &slow, stop.clone());
    let (body, index) = page(1, 10);
    publisher.publish(1, &body, &index, &|_| false).unwrap();
    stop.store(true, Ordering::Relaxed);
    let error = publisher.publish(2, &body, &index, &|_| false).unwrap_err();
    assert_eq!(error.code(), &codes::interrupted::INTERRUPTED);
    let (report, _) = publisher.finish();
    assert_eq!((report.published, report.acknowledged, report.acknowledged_through), (10, 0, 0));
    assert!(read(&cluster, &ReadOptions::default()).is_empty(), "what was queued is dropped");
}

#[test]
fn messages_that_stay_unacknowledged_are_no_success() {
    let cluster = cluster(1);
    let mut hurried = sink(TOPIC);
    hurried.delivery.flush_timeout = Duration::from_millis(300);
    let mut publisher = publisher(&cluster, &hurried);
    cluster.broker_down(1).unwrap();
    let (body, index) = page(1, 10);
    publisher.publish(1, &body, &index, &|_| false).unwrap();
    let (report, _) = publisher.finish();
    let error = report.check().unwrap_err();
    assert_eq!(error.code(), &codes::delivery::NOT_DELIVERED);
    assert!(error.message().starts_with("10 of 10"), "{error}");
}

#[tokio::test]
async fn a_broker_that_is_down_is_named_with_its_cause() {
    // A port that was free a moment ago: nothing listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let begun = Instant::now();
    let error = Kafka::connect(&connection(&free.to_string()), &sink(TOPIC)).await.err().unwrap();
    assert!(begun.elapsed() < Duration::from_millis(2_900), "{:?}", begun.elapsed());
    assert_eq!(error.code(), &codes::delivery::UNREACHABLE);
    assert!(error.message().contains(&free.to_string()) && error.message().contains("refused"), "{error}");
    assert!(error.hint_text().is_some());

    // One that accepts and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let begun = Instant::now();
    let error = probe(&connection(&address), Duration::from_millis(1_500)).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_millis(2_400), "{:?}", begun.elapsed());
    assert_eq!(error.code(), &codes::delivery::UNREACHABLE, "{error}");
}

#[tokio::test]
async fn a_probe_names_the_brokers() {
    let cluster = cluster(1);
    let found = probe(&connection(&cluster.bootstrap_servers()), Duration::from_secs(5)).await.unwrap();
    assert_eq!(found.brokers.join(","), cluster.bootstrap_servers());
    assert_eq!(found.topics, 1);
    Kafka::connect(&connection(&cluster.bootstrap_servers()), &sink(TOPIC)).await.unwrap();
}
