//! One function an API, and the table of the versions that are spoken.

mod admin;
mod cluster;
mod fetch;
mod offsets;
mod produce;

use super::Shared;
use super::log::Log;
use super::topics::Topic;
use super::wire::{Request, WireError};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiKey;

/// The APIs and the versions of each. Later ones bring what one node does not need: transactions of
/// the second kind (Produce 12), topic ids in every place (Produce 13), share groups.
const SPOKEN: &[(ApiKey, i16, i16)] = &[
    (ApiKey::Produce, 3, 11),
    (ApiKey::Fetch, 4, 13),
    (ApiKey::ListOffsets, 1, 7),
    (ApiKey::Metadata, 0, 12),
    (ApiKey::FindCoordinator, 0, 4),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::InitProducerId, 0, 4),
    (ApiKey::DescribeConfigs, 1, 4),
];

/// The one node's id.
const NODE_ID: i32 = 1;
/// The one leader never changes.
const LEADER_EPOCH: i32 = 0;

/// Works on a request; `None` where the protocol has no answer (acks 0).
pub async fn handle(shared: &Shared, request: &Request) -> Result<Option<Bytes>, WireError> {
    tracing::trace!(api = ?request.api, version = request.version, client = request.client_id, "request");
    let spoken = SPOKEN.iter().any(|(api, min, max)| *api == request.api && (*min..=*max).contains(&request.version));
    if request.api == ApiKey::ApiVersions {
        return cluster::api_versions(request, spoken).map(Some);
    }
    if !spoken {
        return Err(WireError::Unsupported(request.api, request.version));
    }
    match request.api {
        ApiKey::Produce => produce::produce(shared, request),
        ApiKey::Fetch => fetch::fetch(shared, request).await.map(Some),
        ApiKey::ListOffsets => offsets::list_offsets(shared, request).map(Some),
        ApiKey::Metadata => cluster::metadata(shared, request).map(Some),
        ApiKey::FindCoordinator => cluster::find_coordinator(shared, request).map(Some),
        ApiKey::InitProducerId => produce::init_producer_id(shared, request).map(Some),
        ApiKey::CreateTopics => admin::create_topics(shared, request).map(Some),
        ApiKey::DeleteTopics => admin::delete_topics(shared, request).map(Some),
        ApiKey::DescribeConfigs => admin::describe_configs(shared, request).map(Some),
        other => Err(WireError::Unsupported(other, request.version)),
    }
}

/// A partition by its number on the wire.
fn partition(topic: Option<&Topic>, index: i32) -> Result<&Log, ResponseError> {
    topic
        .zip(usize::try_from(index).ok())
        .and_then(|(topic, index)| topic.partitions.get(index))
        .ok_or(ResponseError::UnknownTopicOrPartition)
}

/// Logs a failing disk and gives the code that clients retry on.
fn storage_error(error: &std::io::Error) -> ResponseError {
    tracing::error!(%error, "the local broker cannot use its files");
    ResponseError::KafkaStorageError
}
