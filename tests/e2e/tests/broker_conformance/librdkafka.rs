//! Cases through librdkafka, the client that dpone itself uses.

use crate::client::{PATIENCE, Record, admin, consumer, read, send, wait};
use crate::protocol::{create, describe};
use crate::wire::Wire;
use crate::{Case, Target};
use kafka_protocol::ResponseError;
use rdkafka::admin::{NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

pub const CASES: &[Case] = &[
    ("an_idempotent_zstd_producer_loses_nothing", an_idempotent_zstd_producer_loses_nothing),
    ("every_codec_comes_back_byte_for_byte", every_codec_comes_back_byte_for_byte),
    ("watermarks_are_the_ends_of_the_log", watermarks_are_the_ends_of_the_log),
    ("offsets_are_found_by_time", offsets_are_found_by_time),
    ("topics_are_created_with_their_settings", topics_are_created_with_their_settings),
    ("a_topic_is_created_once_and_deleted_once", a_topic_is_created_once_and_deleted_once),
    ("a_producer_hears_of_an_unknown_topic", a_producer_hears_of_an_unknown_topic),
    ("a_message_that_is_too_large_is_refused", a_message_that_is_too_large_is_refused),
];

const BASE_TIME: i64 = 1_767_225_600_000;

/// Records of every shape: keys and values absent, empty, text and binary, and all sorts of headers.
fn assorted(count: usize) -> Vec<Record> {
    let bytes = |seed: usize, len: usize| (0..len).map(|n| (seed * 31 + n * 7) as u8).collect::<Vec<u8>>();
    let one = |n: usize| Record {
        key: match n % 4 {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(format!("order-{n}").into_bytes()),
            _ => Some(bytes(n, 16)),
        },
        value: match n % 5 {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(format!(r#"{{"order_id":{n},"amount":10.10}}"#).into_bytes()),
            _ => Some(bytes(n, n % 997)),
        },
        headers: match n % 3 {
            0 => Vec::new(),
            1 => vec![("dpone.run".to_owned(), Some(b"a".to_vec())), ("dpone.run".to_owned(), Some(Vec::new()))],
            _ => vec![("null".to_owned(), None), ("ключ".to_owned(), Some(bytes(n, 5)))],
        },
        timestamp: BASE_TIME + n as i64,
    };
    (0..count).map(one).collect()
}

/// Sends, reads everything back, and compares each record where its delivery report says it lies.
fn round_trip(target: &Target, name: &str, settings: &[(&str, &str)], count: usize) {
    let topic = target.topic(name);
    create(&mut Wire::connect(&target.servers), &topic, 3, &[]);
    let records = assorted(count);
    let places = send(&target.servers, settings, &topic, 3, &records);
    let found = read(&target.servers, &topic, 3, count);
    for (record, place) in records.iter().zip(places) {
        assert_eq!(found.get(&place.unwrap()), Some(record), "{name}: {place:?}");
    }
}

fn an_idempotent_zstd_producer_loses_nothing(target: &Target) {
    let settings = [("enable.idempotence", "true"), ("acks", "all"), ("compression.type", "zstd"), ("linger.ms", "20")];
    round_trip(target, "idempotent", &settings, 30_000);
}

fn every_codec_comes_back_byte_for_byte(target: &Target) {
    for (codec, acks) in
        [("none", "1"), ("none", "all"), ("gzip", "all"), ("snappy", "1"), ("lz4", "all"), ("zstd", "1")]
    {
        let settings = [("compression.type", codec), ("acks", acks)];
        round_trip(target, &format!("codec-{codec}-{acks}"), &settings, 600);
    }
}

fn watermarks_are_the_ends_of_the_log(target: &Target) {
    let topic = target.topic("watermarks");
    create(&mut Wire::connect(&target.servers), &topic, 2, &[]);
    send(&target.servers, &[], &topic, 2, &assorted(11));
    let consumer = consumer(&target.servers);
    assert_eq!(consumer.fetch_watermarks(&topic, 0, PATIENCE).unwrap(), (0, 6));
    assert_eq!(consumer.fetch_watermarks(&topic, 1, PATIENCE).unwrap(), (0, 5));
    let error = consumer.fetch_watermarks(&topic, 2, PATIENCE).unwrap_err();
    assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::UnknownPartition));
}

fn offsets_are_found_by_time(target: &Target) {
    for codec in ["none", "gzip", "zstd"] {
        let topic = target.topic(&format!("times-{codec}"));
        create(&mut Wire::connect(&target.servers), &topic, 1, &[("retention.ms", "-1")]);
        let records: Vec<Record> = (0..1000)
            .map(|n| Record { value: Some(vec![b'x'; 300]), timestamp: BASE_TIME + 10 * n, ..Record::default() })
            .collect();
        let settings = [("compression.type", codec), ("batch.num.messages", "40"), ("enable.idempotence", "true")];
        send(&target.servers, &settings, &topic, 1, &records);
        let consumer = consumer(&target.servers);
        for (time, expected) in [
            (BASE_TIME - 5, Offset::Offset(0)),
            (BASE_TIME, Offset::Offset(0)),
            (BASE_TIME + 1, Offset::Offset(1)),
            (BASE_TIME + 4_567, Offset::Offset(457)),
            (BASE_TIME + 9_990, Offset::Offset(999)),
            (BASE_TIME + 9_991, Offset::End),
        ] {
            let mut asked = TopicPartitionList::new();
            asked.add_partition_offset(&topic, 0, Offset::Offset(time)).unwrap();
            let found = consumer.offsets_for_times(asked, PATIENCE).unwrap();
            assert_eq!(found.elements()[0].offset(), expected, "{codec}: {}", time - BASE_TIME);
        }
    }
}

fn topics_are_created_with_their_settings(target: &Target) {
    let topic = target.topic("settings");
    let (admin, options) = admin(&target.servers);
    let asked = NewTopic::new(&topic, 4, TopicReplication::Fixed(1))
        .set("cleanup.policy", "compact")
        .set("max.message.bytes", "2000000");
    let created = wait(admin.create_topics([&asked], &options)).unwrap();
    assert_eq!(created, [Ok(topic.clone())]);

    let resource = ResourceSpecifier::Topic(&topic);
    let described = wait(admin.describe_configs([&resource], &options)).unwrap().remove(0).unwrap();
    let setting = |name: &str| {
        let entry = described.get(name).unwrap_or_else(|| panic!("{name} is not described"));
        (entry.value.clone().unwrap(), format!("{:?}", entry.source), entry.is_default)
    };
    let own = |value: &str| (value.to_owned(), "DynamicTopic".to_owned(), false);
    let default = |value: &str| (value.to_owned(), "Default".to_owned(), true);
    assert_eq!(setting("cleanup.policy"), own("compact"));
    assert_eq!(setting("max.message.bytes"), own("2000000"));
    assert_eq!(setting("compression.type"), default("producer"));
    assert_eq!(setting("message.timestamp.type"), default("CreateTime"));
    assert_eq!(setting("retention.ms"), default("604800000"));
    assert_eq!(setting("segment.bytes"), default("1073741824"));
    assert_eq!(setting("min.insync.replicas").0, "1");
}

fn a_topic_is_created_once_and_deleted_once(target: &Target) {
    let topic = target.topic("once");
    let (admin, options) = admin(&target.servers);
    let asked = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
    let exists = (topic.clone(), RDKafkaErrorCode::TopicAlreadyExists);
    assert_eq!(wait(admin.create_topics([&asked], &options)).unwrap(), [Ok(topic.clone())]);
    assert_eq!(wait(admin.create_topics([&asked], &options)).unwrap(), [Err(exists)]);
    send(&target.servers, &[], &topic, 1, &assorted(5));
    assert_eq!(wait(admin.delete_topics(&[&topic], &options)).unwrap(), [Ok(topic.clone())]);
    let mut wire = Wire::connect(&target.servers);
    let deadline = Instant::now() + PATIENCE;
    while describe(&mut wire, &topic).error_code != ResponseError::UnknownTopicOrPartition.code() {
        assert!(Instant::now() < deadline, "a deleted topic is still described");
        std::thread::sleep(Duration::from_millis(20));
    }
    let unknown = (topic.clone(), RDKafkaErrorCode::UnknownTopicOrPartition);
    assert_eq!(wait(admin.delete_topics(&[&topic], &options)).unwrap(), [Err(unknown)]);
    create(&mut wire, &topic, 1, &[]);
    let consumer = consumer(&target.servers);
    assert_eq!(consumer.fetch_watermarks(&topic, 0, PATIENCE).unwrap(), (0, 0), "a new topic is empty");
}

fn a_producer_hears_of_an_unknown_topic(target: &Target) {
    let topic = target.topic("unknown");
    // librdkafka waits for a topic to appear before it gives up.
    let settings = [("topic.metadata.propagation.max.ms", "500")];
    let outcome = send(&target.servers, &settings, &topic, 1, &assorted(1)).remove(0);
    assert!(
        matches!(outcome, Err(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)),
        "{outcome:?}"
    );
}

fn a_message_that_is_too_large_is_refused(target: &Target) {
    let topic = target.topic("large");
    create(&mut Wire::connect(&target.servers), &topic, 1, &[("max.message.bytes", "1000")]);
    let sized = |len| Record { value: Some(vec![b'x'; len]), timestamp: BASE_TIME, ..Record::default() };
    let settings = [("compression.type", "none"), ("batch.num.messages", "1"), ("enable.idempotence", "false")];
    let outcomes = send(&target.servers, &settings, &topic, 1, &[sized(100), sized(2000), sized(900)]);
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    assert_eq!(outcomes[1], Err(RDKafkaErrorCode::MessageSizeTooLarge));
    assert_eq!(read(&target.servers, &topic, 1, 2).len(), 2);
}
