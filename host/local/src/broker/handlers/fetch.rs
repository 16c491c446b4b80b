//! Fetch with a long poll.

use super::super::Shared;
use super::super::log::ReadError;
use super::super::topics::Topic;
use super::super::wire::{Request, WireError};
use super::{partition, storage_error};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The first version that names topics by id.
const BY_ID: i16 = 13;

/// The findings of one look at the logs.
struct Look {
    topics: Vec<FetchableTopicResponse>,
    bytes: usize,
    /// An error is answered at once.
    failed: bool,
}

/// Answers as soon as `min_bytes` are there, an error is, or `max_wait_ms` have passed.
pub async fn fetch(shared: &Shared, request: &Request) -> Result<Bytes, WireError> {
    let body: FetchRequest = request.decode()?;
    if body.session_id != 0 {
        // Sessions are never given out, so none can be continued (KIP-227).
        let code = ResponseError::FetchSessionIdNotFound.code();
        return request.answer(&FetchResponse::default().with_error_code(code));
    }
    let min_bytes = usize::try_from(body.min_bytes).unwrap_or(0);
    let max_wait = Duration::from_millis(u64::try_from(body.max_wait_ms).unwrap_or(0));
    let deadline = Instant::now() + max_wait;
    // Subscribed before the look, so that no append falls between the two.
    let mut appends = shared.appends.subscribe();
    loop {
        let look = look(shared, request.version, &body);
        let waited = Instant::now() >= deadline;
        if look.failed || look.bytes >= min_bytes || waited {
            return request.answer(&FetchResponse::default().with_responses(look.topics));
        }
        // Time running out shows in the next turn.
        let _ = tokio::time::timeout_at(deadline, appends.changed()).await;
    }
}

fn look(shared: &Shared, version: i16, body: &FetchRequest) -> Look {
    let mut room = usize::try_from(body.max_bytes).unwrap_or(0);
    let mut found = Look { topics: Vec::with_capacity(body.topics.len()), bytes: 0, failed: false };
    for asked in &body.topics {
        let topic = named(shared, version, asked);
        let unknown =
            if version >= BY_ID { ResponseError::UnknownTopicId } else { ResponseError::UnknownTopicOrPartition };
        let mut partitions = Vec::with_capacity(asked.partitions.len());
        for part in &asked.partitions {
            let result = match &topic {
                // The first batch found is given whole even if it exceeds every limit.
                Some(topic) => read(topic, part, room, found.bytes == 0),
                None => Err(unknown),
            };
            let bytes = result.as_ref().map_or(0, |(records, _)| records.len());
            found.bytes += bytes;
            room = room.saturating_sub(bytes);
            found.failed |= result.is_err();
            partitions.push(partition_data(part.partition, result));
        }
        let response = FetchableTopicResponse::default()
            .with_topic(asked.topic.clone())
            .with_topic_id(asked.topic_id)
            .with_partitions(partitions);
        found.topics.push(response);
    }
    found
}

fn named(shared: &Shared, version: i16, asked: &FetchTopic) -> Option<Arc<Topic>> {
    if version >= BY_ID { shared.topics.get_by_id(&asked.topic_id) } else { shared.topics.get(&asked.topic) }
}

fn read(topic: &Topic, part: &FetchPartition, room: usize, first: bool) -> Result<(Bytes, i64), ResponseError> {
    let log = partition(Some(topic), part.partition)?;
    let limit = usize::try_from(part.partition_max_bytes).unwrap_or(0).min(room);
    let limit = if first { limit.max(1) } else { limit };
    log.read(part.fetch_offset, limit).map_err(|error| match error {
        ReadError::OutOfRange => ResponseError::OffsetOutOfRange,
        ReadError::Io(error) => storage_error(&error),
    })
}

fn partition_data(index: i32, result: Result<(Bytes, i64), ResponseError>) -> PartitionData {
    let data = PartitionData::default()
        .with_partition_index(index)
        .with_preferred_read_replica(BrokerId(-1))
        .with_aborted_transactions(None);
    match result {
        Ok((records, next_offset)) => data
            .with_high_watermark(next_offset)
            .with_last_stable_offset(next_offset)
            .with_log_start_offset(0)
            .with_records(Some(records)),
        Err(error) => data
            .with_error_code(error.code())
            .with_high_watermark(-1)
            .with_last_stable_offset(-1)
            .with_log_start_offset(-1)
            .with_records(Some(Bytes::new())),
    }
}
