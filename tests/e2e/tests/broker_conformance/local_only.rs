//! Cases that need the broker's own process: restarts, a torn tail, and what it answers where Apache
//! Kafka would do more.

use crate::client::{Record, config, read, send};
use crate::protocol::{create, describe, fetch, produce};
use crate::wire::{NO_PRODUCER, Wire, batch};
use dpone_local::Broker;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{FindCoordinatorRequest, InitProducerIdRequest};
use kafka_protocol::protocol::StrBytes;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// A case by its name; it starts brokers of its own.
pub type LocalCase = (&'static str, fn(&Handle));

pub const CASES: &[LocalCase] = &[
    ("everything_survives_a_restart", everything_survives_a_restart),
    ("a_producer_goes_on_after_a_restart", a_producer_goes_on_after_a_restart),
    ("a_torn_tail_is_cut_and_sent_again", a_torn_tail_is_cut_and_sent_again),
    ("producer_ids_go_on_after_a_restart", producer_ids_go_on_after_a_restart),
    ("what_is_not_there_is_said_clearly", what_is_not_there_is_said_clearly),
];

fn start(runtime: &Handle, dir: &Path, port: u16) -> Broker {
    runtime.block_on(Broker::start(dir, port)).unwrap()
}

fn everything_survives_a_restart(runtime: &Handle) {
    let dir = tempfile::tempdir().unwrap();
    let broker = start(runtime, dir.path(), 0);
    let (servers, port) = (broker.bootstrap_servers(), broker.address().port());
    let mut wire = Wire::connect(&servers);
    create(&mut wire, "kept", 1, &[("max.message.bytes", "4000")]);
    assert_eq!(produce(&mut wire, "kept", batch(3, (7, 0, 0), 100, true)), Ok(0));
    let (before, id) = (fetch(&mut wire, "kept", 0, 1 << 20), describe(&mut wire, "kept").topic_id);
    runtime.block_on(broker.stop());

    let broker = start(runtime, dir.path(), port);
    assert_eq!(broker.bootstrap_servers(), servers);
    let mut wire = Wire::connect(&servers);
    assert_eq!(describe(&mut wire, "kept").topic_id, id);
    assert_eq!(fetch(&mut wire, "kept", 0, 1 << 20), before);
    assert_eq!(produce(&mut wire, "kept", batch(3, (7, 0, 0), 100, true)), Ok(0), "sequences are remembered");
    let gap = produce(&mut wire, "kept", batch(1, (7, 0, 9), 100, true));
    assert_eq!(gap, Err(ResponseError::OutOfOrderSequenceNumber));
    assert_eq!(produce(&mut wire, "kept", batch(1, (7, 0, 3), 100, true)), Ok(3));
    let large = produce(&mut wire, "kept", batch(1000, NO_PRODUCER, 100, true));
    assert_eq!(large, Err(ResponseError::MessageTooLarge), "settings are remembered");
    runtime.block_on(broker.stop());
}

fn a_producer_goes_on_after_a_restart(runtime: &Handle) {
    let dir = tempfile::tempdir().unwrap();
    let broker = start(runtime, dir.path(), 0);
    let (servers, port) = (broker.bootstrap_servers(), broker.address().port());
    create(&mut Wire::connect(&servers), "restart", 1, &[]);
    let records: Vec<Record> = (0..200_000)
        .map(|n| Record { value: Some(format!("{n:0100}").into_bytes()), timestamp: n, ..Record::default() })
        .collect();
    let sending = {
        let (servers, records) = (servers.clone(), records.clone());
        let settings = [
            ("enable.idempotence", "true"),
            ("batch.num.messages", "200"),
            ("queue.buffering.max.messages", "1000000"),
            ("reconnect.backoff.max.ms", "200"),
        ];
        std::thread::spawn(move || send(&servers, &settings, "restart", 1, &records))
    };
    // Somewhere in the middle.
    let mut wire = Wire::connect(&servers);
    while fetch(&mut wire, "restart", 0, 1).high_watermark < 20_000 {
        std::thread::sleep(Duration::from_millis(2));
    }
    runtime.block_on(broker.stop());
    let broker = start(runtime, dir.path(), port);
    let places = sending.join().unwrap();
    assert!(places.iter().all(Result::is_ok));
    let found = read(&servers, "restart", 1, records.len());
    let values = found.values().map(|record| &record.value);
    assert!(values.eq(records.iter().map(|record| &record.value)), "each once and in order");
    runtime.block_on(broker.stop());
}

fn a_torn_tail_is_cut_and_sent_again(runtime: &Handle) {
    let dir = tempfile::tempdir().unwrap();
    let broker = start(runtime, dir.path(), 0);
    let mut wire = Wire::connect(&broker.bootstrap_servers());
    create(&mut wire, "torn", 1, &[]);
    produce(&mut wire, "torn", batch(3, (7, 0, 0), 100, true)).unwrap();
    produce(&mut wire, "torn", batch(3, (7, 0, 3), 100, true)).unwrap();
    runtime.block_on(broker.stop());
    let log = std::fs::File::options().write(true).open(dir.path().join("topics/torn/0.log")).unwrap();
    log.set_len(log.metadata().unwrap().len() - 5).unwrap();

    let broker = start(runtime, dir.path(), 0);
    let mut wire = Wire::connect(&broker.bootstrap_servers());
    assert_eq!(fetch(&mut wire, "torn", 0, 1 << 20).high_watermark, 3);
    assert_eq!(produce(&mut wire, "torn", batch(3, (7, 0, 3), 100, true)), Ok(3), "the retry is no duplicate");
    runtime.block_on(broker.stop());
}

fn producer_ids_go_on_after_a_restart(runtime: &Handle) {
    let dir = tempfile::tempdir().unwrap();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        let broker = start(runtime, dir.path(), 0);
        let mut wire = Wire::connect(&broker.bootstrap_servers());
        for _ in 0..1100 {
            let request = InitProducerIdRequest::default().with_transactional_id(None);
            assert!(seen.insert(wire.call(4, &request).producer_id.0));
        }
        runtime.block_on(broker.stop());
    }
}

fn what_is_not_there_is_said_clearly(runtime: &Handle) {
    let dir = tempfile::tempdir().unwrap();
    let broker = start(runtime, dir.path(), 0);
    let servers = broker.bootstrap_servers();
    let mut wire = Wire::connect(&servers);
    create(&mut wire, "orders", 1, &[]);
    for version in 1..=4 {
        let key = StrBytes::from_static_str("an-id");
        let request = FindCoordinatorRequest::default().with_key_type(1);
        let request = if version < 4 { request.with_key(key) } else { request.with_coordinator_keys(vec![key]) };
        let answer = wire.call(version, &request);
        let code = answer.coordinators.first().map_or(answer.error_code, |coordinator| coordinator.error_code);
        assert_eq!(code, ResponseError::TransactionalIdAuthorizationFailed.code(), "version {version}");
    }
    let transactional: BaseProducer = config(&servers).set("transactional.id", "an-id").create().unwrap();
    let started = Instant::now();
    transactional.init_transactions(Duration::from_secs(30)).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    // A subscriber hears of it instead of waiting for ever.
    let subscriber: BaseConsumer = config(&servers).set("group.id", "a-group").create().unwrap();
    subscriber.subscribe(&["orders"]).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let error = loop {
        assert!(Instant::now() < deadline, "no error reached the subscriber");
        if let Some(Err(error)) = subscriber.poll(Duration::from_millis(100)) {
            break error.to_string();
        }
    };
    assert!(error.contains("not supported"), "{error}");
    runtime.block_on(broker.stop());
}
