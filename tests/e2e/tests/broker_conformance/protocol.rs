//! Cases that speak the protocol by hand.

use crate::wire::{NO_PRODUCER, Producer, Wire, batch, name};
use crate::{Case, Target};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, BrokerId, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
    FetchRequest, FetchResponse, InitProducerIdRequest, ListOffsetsRequest, MetadataRequest, ProduceRequest,
};
use kafka_protocol::protocol::{Decodable, StrBytes};
use std::time::{Duration, Instant};

pub const CASES: &[Case] = &[
    ("versions_are_advertised", versions_are_advertised),
    ("an_unknown_api_closes_the_connection", an_unknown_api_closes_the_connection),
    ("unknown_topics_are_named_so_everywhere", unknown_topics_are_named_so_everywhere),
    ("sequences_are_kept_once_and_in_order", sequences_are_kept_once_and_in_order),
    ("producer_ids_are_never_repeated", producer_ids_are_never_repeated),
    ("acks_0_has_no_answer", acks_0_has_no_answer),
    ("damaged_batches_are_refused", damaged_batches_are_refused),
    ("a_compacted_topic_needs_keys", a_compacted_topic_needs_keys),
    ("a_fetch_waits_for_records", a_fetch_waits_for_records),
    ("a_fetch_keeps_its_limits", a_fetch_keeps_its_limits),
    ("a_fetch_outside_the_log_is_out_of_range", a_fetch_outside_the_log_is_out_of_range),
    ("topics_are_found_by_id", topics_are_found_by_id),
    ("impossible_topics_are_refused", impossible_topics_are_refused),
    ("validate_only_creates_nothing", validate_only_creates_nothing),
    ("the_greatest_time_is_found", the_greatest_time_is_found),
    ("older_versions_are_answered", older_versions_are_answered),
];

const PRODUCE: i16 = 9;
const FETCH: i16 = 11;
const METADATA: i16 = 12;
const LIST_OFFSETS: i16 = 7;
const CREATE_TOPICS: i16 = 7;

/// Creates a topic and waits until its partitions have a leader.
pub fn create(wire: &mut Wire, topic: &str, partitions: i32, configs: &[(&'static str, &'static str)]) {
    assert_eq!(try_create(wire, topic, partitions, 1, configs, false), None, "{topic}");
    let deadline = Instant::now() + Duration::from_secs(10);
    while describe(wire, topic).partitions.iter().filter(|p| p.error_code == 0 && p.leader_id.0 >= 0).count()
        != usize::try_from(partitions).unwrap()
    {
        assert!(Instant::now() < deadline, "{topic} has no leader");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The controller tells of a leader before the broker knows that it is one.
    while offset_at(wire, topic, -1).is_err() {
        assert!(Instant::now() < deadline, "{topic}'s leader does not lead");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn try_create(
    wire: &mut Wire,
    topic: &str,
    partitions: i32,
    replicas: i16,
    configs: &[(&'static str, &'static str)],
    validate_only: bool,
) -> Option<ResponseError> {
    let configs = configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(StrBytes::from_static_str(value)))
    });
    let asked = CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default()
        .with_topics(vec![asked])
        .with_timeout_ms(10_000)
        .with_validate_only(validate_only);
    let response = wire.call(CREATE_TOPICS, &request);
    assert_eq!(response.topics[0].name, name(topic));
    ResponseError::try_from_code(response.topics[0].error_code)
}

pub fn describe(wire: &mut Wire, topic: &str) -> MetadataResponseTopic {
    let asked = MetadataRequestTopic::default().with_name(Some(name(topic)));
    wire.call(METADATA, &MetadataRequest::default().with_topics(Some(vec![asked]))).topics.remove(0)
}

fn produce_request(topic: &str, acks: i16, records: Vec<u8>) -> ProduceRequest {
    let partition = PartitionProduceData::default().with_index(0).with_records(Some(records.into()));
    let data = TopicProduceData::default().with_name(name(topic)).with_partition_data(vec![partition]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(10_000).with_topic_data(vec![data])
}

/// Sends one batch to partition 0; gives its base offset.
pub fn produce(wire: &mut Wire, topic: &str, records: Vec<u8>) -> Result<i64, ResponseError> {
    let response = wire.call(PRODUCE, &produce_request(topic, -1, records));
    let partition = &response.responses[0].partition_responses[0];
    ResponseError::try_from_code(partition.error_code).map_or(Ok(partition.base_offset), Err)
}

fn fetch_request(topic: &str, offset: i64, max_bytes: i32, wait: (i32, i32)) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(0)
        .with_fetch_offset(offset)
        .with_current_leader_epoch(-1)
        .with_log_start_offset(-1)
        .with_partition_max_bytes(max_bytes);
    let asked = FetchTopic::default().with_topic(name(topic)).with_partitions(vec![partition]);
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(wait.0)
        .with_min_bytes(wait.1)
        .with_max_bytes(50 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![asked])
}

fn partition(response: FetchResponse) -> PartitionData {
    assert_eq!(response.error_code, 0);
    response.responses.into_iter().next().unwrap().partitions.into_iter().next().unwrap()
}

/// Reads partition 0 from `offset`, at once.
pub fn fetch(wire: &mut Wire, topic: &str, offset: i64, max_bytes: i32) -> PartitionData {
    partition(wire.call(FETCH, &fetch_request(topic, offset, max_bytes, (0, 0))))
}

/// Offset and time that ListOffsets gives for partition 0.
pub fn offset_at(wire: &mut Wire, topic: &str, timestamp: i64) -> Result<(i64, i64), ResponseError> {
    offset_at_in(wire, LIST_OFFSETS, topic, timestamp)
}

fn offset_at_in(wire: &mut Wire, version: i16, topic: &str, timestamp: i64) -> Result<(i64, i64), ResponseError> {
    let asked =
        ListOffsetsPartition::default().with_partition_index(0).with_current_leader_epoch(-1).with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default().with_name(name(topic)).with_partitions(vec![asked]);
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
    let response = wire.call(version, &request);
    let found = &response.topics[0].partitions[0];
    ResponseError::try_from_code(found.error_code).map_or(Ok((found.offset, found.timestamp)), Err)
}

fn versions_are_advertised(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let request = ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str("conformance"))
        .with_client_software_version(StrBytes::from_static_str("1"));
    let spoken = wire.call(3, &request);
    assert_eq!(spoken.error_code, 0);
    for (api, version) in [
        (ApiKey::Produce, PRODUCE),
        (ApiKey::Fetch, FETCH),
        (ApiKey::ListOffsets, LIST_OFFSETS),
        (ApiKey::Metadata, METADATA),
        (ApiKey::CreateTopics, CREATE_TOPICS),
        (ApiKey::DeleteTopics, 6),
        (ApiKey::DescribeConfigs, 4),
        (ApiKey::InitProducerId, 4),
    ] {
        let found = spoken.api_keys.iter().find(|spoken| spoken.api_key == api as i16).unwrap();
        assert!((found.min_version..=found.max_version).contains(&version), "{api:?} {version}");
    }
    // A version that does not exist is answered in version 0, so that a newer client can step back.
    let mut frame = vec![0, 18, 0, 99, 0, 0, 0, 77];
    frame.extend_from_slice(&[0, 1, b'c', 0, 2, b'x', 2, b'y', 0]);
    wire.send_frame(&frame);
    let mut answer = wire.receive_frame().unwrap();
    assert_eq!(answer.split_to(4).as_ref(), [0, 0, 0, 77]);
    let answer = kafka_protocol::messages::ApiVersionsResponse::decode(&mut answer, 0).unwrap();
    assert_eq!(answer.error_code, ResponseError::UnsupportedVersion.code());
    assert!(answer.api_keys.iter().any(|spoken| spoken.api_key == ApiKey::ApiVersions as i16));
}

fn an_unknown_api_closes_the_connection(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    wire.send_frame(&[0x03, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
    assert_eq!(wire.receive_frame(), None);
}

fn unknown_topics_are_named_so_everywhere(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("nowhere");
    let unknown = ResponseError::UnknownTopicOrPartition;
    assert_eq!(describe(&mut wire, &topic).error_code, unknown.code());
    assert_eq!(produce(&mut wire, &topic, batch(1, NO_PRODUCER, 0, true)), Err(unknown));
    assert_eq!(fetch(&mut wire, &topic, 0, 1000).error_code, unknown.code());
    assert_eq!(offset_at(&mut wire, &topic, -1), Err(unknown));
    let resource = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(StrBytes::from_string(topic))
        .with_configuration_keys(None);
    let described = wire.call(4, &DescribeConfigsRequest::default().with_resources(vec![resource]));
    assert_eq!(described.results[0].error_code, unknown.code());
}

fn sequences_are_kept_once_and_in_order(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("sequences");
    create(&mut wire, &topic, 1, &[]);
    let id = producer_id(&mut wire);
    let mut send = |producer: Producer, count| produce(&mut wire, &topic, batch(count, producer, 0, true));
    assert_eq!(send((id, 0, 0), 3), Ok(0));
    assert_eq!(send((id, 0, 0), 3), Ok(0), "a repeated batch has its first offset");
    assert_eq!(send((id, 0, 3), 2), Ok(3));
    assert_eq!(send((id, 0, 0), 3), Ok(0), "so has one that is not the newest");
    assert_eq!(send((id, 0, 7), 1), Err(ResponseError::OutOfOrderSequenceNumber));
    assert_eq!(send((id, 0, 3), 1), Err(ResponseError::OutOfOrderSequenceNumber), "half of a batch is no repeat");
    for n in 0..5 {
        assert_eq!(send((id, 0, 5 + n), 1), Ok(5 + i64::from(n)));
    }
    assert_eq!(send((id, 0, 5), 1), Ok(5), "the fifth last is remembered");
    assert_eq!(send((id, 0, 3), 2), Err(ResponseError::OutOfOrderSequenceNumber), "an older one is not");
    assert_eq!(send((id, 1, 4), 1), Err(ResponseError::OutOfOrderSequenceNumber), "a new epoch starts from 0");
    assert_eq!(send((id, 1, 0), 1), Ok(10));
    assert_eq!(send((id, 0, 10), 1), Err(ResponseError::InvalidProducerEpoch));
    assert_eq!(offset_at(&mut wire, &topic, -1), Ok((11, -1)));
}

fn producer_id(wire: &mut Wire) -> i64 {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(60_000)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    // A node that has just started asks its controller for a block of ids first, and says so.
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let response = wire.call(4, &request);
        let is_loading = response.error_code == ResponseError::CoordinatorLoadInProgress.code();
        if !is_loading || Instant::now() > deadline {
            assert_eq!((response.error_code, response.producer_epoch), (0, 0));
            return response.producer_id.0;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn producer_ids_are_never_repeated(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let ids: std::collections::HashSet<i64> = (0..50).map(|_| producer_id(&mut wire)).collect();
    assert_eq!(ids.len(), 50);
    assert!(ids.iter().all(|id| *id >= 0));
}

fn acks_0_has_no_answer(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("acks");
    create(&mut wire, &topic, 1, &[]);
    wire.send(PRODUCE, &produce_request(&topic, 0, batch(2, NO_PRODUCER, 0, true)));
    let response = wire.call(PRODUCE, &produce_request(&topic, 1, batch(1, NO_PRODUCER, 0, true)));
    assert_eq!(response.responses[0].partition_responses[0].base_offset, 2);
    let response = wire.call(PRODUCE, &produce_request(&topic, 2, batch(1, NO_PRODUCER, 0, true)));
    let code = response.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ResponseError::InvalidRequiredAcks.code());
    assert_eq!(offset_at(&mut wire, &topic, -1), Ok((3, -1)));
}

fn damaged_batches_are_refused(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("damaged");
    create(&mut wire, &topic, 1, &[]);
    let mut flipped = batch(3, NO_PRODUCER, 0, true);
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(produce(&mut wire, &topic, flipped), Err(ResponseError::CorruptMessage));
    let mut two = batch(1, NO_PRODUCER, 0, true);
    two.extend(batch(1, NO_PRODUCER, 0, true));
    assert_eq!(produce(&mut wire, &topic, two), Err(ResponseError::InvalidRecord));
    assert_eq!(offset_at(&mut wire, &topic, -1), Ok((0, -1)));
}

fn a_compacted_topic_needs_keys(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("compacted");
    create(&mut wire, &topic, 1, &[("cleanup.policy", "compact")]);
    assert_eq!(produce(&mut wire, &topic, batch(2, NO_PRODUCER, 0, false)), Err(ResponseError::InvalidRecord));
    assert_eq!(produce(&mut wire, &topic, batch(2, NO_PRODUCER, 0, true)), Ok(0));
}

fn a_fetch_waits_for_records(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("waits");
    create(&mut wire, &topic, 1, &[]);
    let started = Instant::now();
    let nothing = partition(wire.call(FETCH, &fetch_request(&topic, 0, 1 << 20, (400, 1))));
    assert_eq!(nothing.records.unwrap_or_default().len(), 0);
    assert!(started.elapsed() >= Duration::from_millis(390), "answered after {:?}", started.elapsed());

    let started = Instant::now();
    let mut other = Wire::connect(&target.servers);
    wire.send(FETCH, &fetch_request(&topic, 0, 1 << 20, (10_000, 1)));
    std::thread::sleep(Duration::from_millis(200));
    produce(&mut other, &topic, batch(2, NO_PRODUCER, 0, true)).unwrap();
    let found = partition(wire.receive::<FetchRequest>(FETCH));
    assert!(!found.records.unwrap().is_empty());
    assert!(started.elapsed() < Duration::from_secs(5), "answered after {:?}", started.elapsed());
}

fn a_fetch_keeps_its_limits(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("limits");
    create(&mut wire, &topic, 1, &[]);
    let size = batch(10, NO_PRODUCER, 0, true).len();
    for n in 0..100 {
        produce(&mut wire, &topic, batch(10, NO_PRODUCER, n, true)).unwrap();
    }
    let one = fetch(&mut wire, &topic, 255, 1);
    assert_eq!((one.high_watermark, one.log_start_offset), (1000, 0));
    let one = one.records.unwrap();
    assert_eq!(one.len(), size, "one whole batch even where it is more than the limit");
    assert_eq!(one[..8], 250i64.to_be_bytes(), "the batch that holds the offset");
    assert_eq!(one[16..], batch(10, NO_PRODUCER, 25, true)[16..], "as it was sent");
    let some = fetch(&mut wire, &topic, 0, i32::try_from(3 * size).unwrap()).records.unwrap();
    assert_eq!(some.len(), 3 * size);
    let all = fetch(&mut wire, &topic, 0, 1 << 20).records.unwrap();
    assert_eq!(all.len(), 100 * size);
    assert_eq!(fetch(&mut wire, &topic, 1000, 1 << 20).records.unwrap_or_default().len(), 0);
}

fn a_fetch_outside_the_log_is_out_of_range(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("range");
    create(&mut wire, &topic, 1, &[]);
    produce(&mut wire, &topic, batch(2, NO_PRODUCER, 0, true)).unwrap();
    for offset in [3, 1 << 40] {
        assert_eq!(fetch(&mut wire, &topic, offset, 1000).error_code, ResponseError::OffsetOutOfRange.code());
    }
}

fn topics_are_found_by_id(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("by-id");
    create(&mut wire, &topic, 2, &[]);
    let id = describe(&mut wire, &topic).topic_id;
    assert!(!id.is_nil());
    let asked = MetadataRequestTopic::default().with_topic_id(id).with_name(None);
    let found = wire.call(METADATA, &MetadataRequest::default().with_topics(Some(vec![asked]))).topics.remove(0);
    assert_eq!((found.error_code, found.name, found.partitions.len()), (0, Some(name(&topic)), 2));

    let by_id = DeleteTopicState::default().with_topic_id(id).with_name(None);
    let request = DeleteTopicsRequest::default().with_topics(vec![by_id]).with_timeout_ms(10_000);
    let deleted = wire.call(6, &request).responses.remove(0);
    assert_eq!((deleted.error_code, deleted.name), (0, Some(name(&topic))));
    let again = wire.call(6, &request).responses.remove(0);
    assert_eq!(again.error_code, ResponseError::UnknownTopicId.code());
    // A topic of the same name is another topic.
    let deadline = Instant::now() + Duration::from_secs(10);
    while try_create(&mut wire, &topic, 1, 1, &[], false).is_some() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(50));
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    let recreated = loop {
        let found = describe(&mut wire, &topic);
        if found.error_code == 0 {
            break found.topic_id;
        }
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_ne!(recreated, id);
}

fn impossible_topics_are_refused(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("impossible");
    let none: &[(&str, &str)] = &[];
    for (name, partitions, replicas, configs, expected) in [
        (topic.as_str(), 0, 1, none, ResponseError::InvalidPartitions),
        (&topic, 1, 3, none, ResponseError::InvalidReplicationFactor),
        ("a topic", 1, 1, none, ResponseError::InvalidTopicException),
        ("..", 1, 1, none, ResponseError::InvalidTopicException),
        (&topic, 1, 1, &[("no.such.setting", "1")], ResponseError::InvalidConfig),
        (&topic, 1, 1, &[("max.message.bytes", "many")], ResponseError::InvalidConfig),
        (&topic, 1, 1, &[("cleanup.policy", "forget")], ResponseError::InvalidConfig),
    ] {
        assert_eq!(try_create(&mut wire, name, partitions, replicas, configs, false), Some(expected), "{name}");
    }
    assert_eq!(describe(&mut wire, &topic).error_code, ResponseError::UnknownTopicOrPartition.code());
}

fn validate_only_creates_nothing(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("validated");
    assert_eq!(try_create(&mut wire, &topic, 1, 1, &[], true), None);
    assert_eq!(describe(&mut wire, &topic).error_code, ResponseError::UnknownTopicOrPartition.code());
    create(&mut wire, &topic, 1, &[]);
    assert_eq!(try_create(&mut wire, &topic, 1, 1, &[], true), Some(ResponseError::TopicAlreadyExists));
}

fn the_greatest_time_is_found(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("greatest");
    create(&mut wire, &topic, 1, &[("retention.ms", "-1")]);
    assert_eq!(offset_at(&mut wire, &topic, -3), Ok((-1, -1)));
    for time in [1_000, 9_000, 5_000] {
        produce(&mut wire, &topic, batch(3, NO_PRODUCER, time, true)).unwrap();
    }
    assert_eq!(offset_at(&mut wire, &topic, -3), Ok((5, 9_002)));
    assert_eq!(offset_at(&mut wire, &topic, 1_001), Ok((1, 1_001)));
    assert_eq!(offset_at(&mut wire, &topic, 1_003), Ok((3, 9_000)));
    assert_eq!(offset_at(&mut wire, &topic, 9_003), Ok((-1, -1)));
}

/// Older clients, such as the librdkafka of stable distributions, speak older versions.
fn older_versions_are_answered(target: &Target) {
    let mut wire = Wire::connect(&target.servers);
    let topic = target.topic("older");
    create(&mut wire, &topic, 1, &[]);
    for version in 3..=PRODUCE {
        let request = produce_request(&topic, -1, batch(1, NO_PRODUCER, 1_000, true));
        let response = wire.call(version, &request);
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!((partition.error_code, partition.base_offset), (0, i64::from(version) - 3), "Produce {version}");
    }
    for version in 1..=LIST_OFFSETS {
        assert_eq!(offset_at_in(&mut wire, version, &topic, -1), Ok((7, -1)), "ListOffsets {version}");
        assert_eq!(offset_at_in(&mut wire, version, &topic, -2), Ok((0, -1)), "ListOffsets {version}");
    }
    for version in 4..=FETCH {
        let found = partition(wire.call(version, &fetch_request(&topic, 2, 1 << 20, (0, 0))));
        assert_eq!((found.error_code, found.high_watermark), (0, 7), "Fetch {version}");
    }
    for version in 0..=METADATA {
        let asked = MetadataRequestTopic::default().with_name(Some(name(&topic)));
        let response = wire.call(version, &MetadataRequest::default().with_topics(Some(vec![asked])));
        assert_eq!((response.topics[0].error_code, response.brokers.len()), (0, 1), "Metadata {version}");
    }
}
