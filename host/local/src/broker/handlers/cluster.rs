//! ApiVersions, Metadata and FindCoordinator: who is there and what is spoken.

use super::super::Shared;
use super::super::topics::Topic;
use super::super::wire::{Request, WireError};
use super::{LEADER_EPOCH, NODE_ID, SPOKEN};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiVersionsResponse, BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest, MetadataResponse,
    TopicName,
};
use kafka_protocol::protocol::StrBytes;

const NO_TRANSACTIONS: &str = "the local broker has no transactions: leave transactional.id unset";
/// The kind of key in FindCoordinator that names a consumer group.
const GROUP: i8 = 0;

/// The versions spoken. An unknown version is answered in version 0 with error 35 (KIP-511).
pub fn api_versions(request: &Request, known_version: bool) -> Result<Bytes, WireError> {
    let apis = SPOKEN.iter().map(|(api, min, max)| {
        ApiVersion::default().with_api_key(*api as i16).with_min_version(*min).with_max_version(*max)
    });
    let response = ApiVersionsResponse::default().with_api_keys(apis.collect());
    if known_version {
        return request.answer(&response);
    }
    request.answer_in(0, &response.with_error_code(ResponseError::UnsupportedVersion.code()))
}

pub fn metadata(shared: &Shared, request: &Request) -> Result<Bytes, WireError> {
    let body: MetadataRequest = request.decode()?;
    // No list means all topics; so does an empty one in version 0.
    let asked = body.topics.filter(|topics| request.version > 0 || !topics.is_empty());
    let topics = match asked {
        None => shared.topics.all().iter().map(|topic| describe(topic)).collect(),
        Some(asked) => asked
            .into_iter()
            .map(|asked| match &asked.name {
                Some(name) => match shared.topics.get(name) {
                    Some(topic) => describe(&topic),
                    None => MetadataResponseTopic::default()
                        .with_error_code(ResponseError::UnknownTopicOrPartition.code())
                        .with_name(asked.name),
                },
                None => match shared.topics.get_by_id(&asked.topic_id) {
                    Some(topic) => describe(&topic),
                    None => MetadataResponseTopic::default()
                        .with_error_code(ResponseError::UnknownTopicId.code())
                        .with_name((request.version < 12).then(TopicName::default))
                        .with_topic_id(asked.topic_id),
                },
            })
            .collect(),
    };
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(NODE_ID))
        .with_host(StrBytes::from_string(shared.address.ip().to_string()))
        .with_port(i32::from(shared.address.port()));
    let response = MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(StrBytes::from_string(shared.cluster_id.clone())))
        .with_controller_id(BrokerId(NODE_ID))
        .with_topics(topics);
    request.answer(&response)
}

fn describe(topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0i32..).zip(&topic.partitions).map(|(index, _)| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(NODE_ID))
            .with_leader_epoch(LEADER_EPOCH)
            .with_replica_nodes(vec![BrokerId(NODE_ID)])
            .with_isr_nodes(vec![BrokerId(NODE_ID)])
    });
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_string(topic.name.clone()))))
        .with_topic_id(topic.id)
        .with_partitions(partitions.collect())
}

/// Names this broker as every group's coordinator, though it has no groups: a consumer that assigns
/// its partitions looks for one too and must not hear of an error. One that subscribes hears it when
/// it wants to join, because JoinGroup is not among the versions that are spoken. Transactions are
/// refused here already, by an error that clients do not retry.
pub fn find_coordinator(shared: &Shared, request: &Request) -> Result<Bytes, WireError> {
    let body: FindCoordinatorRequest = request.decode()?;
    let is_group = body.key_type == GROUP;
    let (node, port) = if is_group { (NODE_ID, i32::from(shared.address.port())) } else { (-1, -1) };
    let host = || match is_group {
        true => StrBytes::from_string(shared.address.ip().to_string()),
        false => StrBytes::new(),
    };
    let code = if is_group { 0 } else { ResponseError::TransactionalIdAuthorizationFailed.code() };
    let reason = || (!is_group && request.version >= 1).then(|| StrBytes::from_static_str(NO_TRANSACTIONS));
    let response = if request.version >= 4 {
        let coordinators = body.coordinator_keys.into_iter().map(|key| {
            Coordinator::default()
                .with_key(key)
                .with_node_id(BrokerId(node))
                .with_host(host())
                .with_port(port)
                .with_error_code(code)
                .with_error_message(reason())
        });
        FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
    } else {
        FindCoordinatorResponse::default()
            .with_node_id(BrokerId(node))
            .with_host(host())
            .with_port(port)
            .with_error_code(code)
            .with_error_message(reason())
    };
    request.answer(&response)
}
