//! Produce and InitProducerId.

use super::super::log::Appended;
use super::super::topics::Topic;
use super::super::wire::{Request, WireError};
use super::super::{Shared, batch, config};
use super::{partition, storage_error};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse, ProducerId,
};
use kafka_protocol::protocol::StrBytes;

/// Why a batch was not stored.
struct Refusal {
    error: ResponseError,
    reason: Option<String>,
}

/// Stores each partition's batch. With acks 0 there is no answer, as the protocol has it.
pub fn produce(shared: &Shared, request: &Request) -> Result<Option<Bytes>, WireError> {
    let body: ProduceRequest = request.decode()?;
    let acks_known = matches!(body.acks, -1..=1);
    let mut stored = false;
    let mut responses = Vec::with_capacity(body.topic_data.len());
    for data in &body.topic_data {
        let topic = shared.topics.get(&data.name);
        let partitions = data.partition_data.iter().map(|part| {
            let result = if acks_known {
                store(topic.as_deref(), part)
            } else {
                Err(Refusal { error: ResponseError::InvalidRequiredAcks, reason: None })
            };
            stored |= result.is_ok();
            partition_response(part.index, result)
        });
        let partitions = partitions.collect();
        responses
            .push(TopicProduceResponse::default().with_name(data.name.clone()).with_partition_responses(partitions));
    }
    if stored {
        shared.appends.send_modify(|count| *count = count.wrapping_add(1));
    }
    if body.acks == 0 {
        return Ok(None);
    }
    request.answer(&ProduceResponse::default().with_responses(responses)).map(Some)
}

/// Appends one partition's batch and gives its offset.
fn store(topic: Option<&Topic>, data: &PartitionProduceData) -> Result<i64, Refusal> {
    let log = partition(topic, data.index)?;
    let configs = topic.map(|topic| &topic.configs);
    let bytes = data.records.as_deref().unwrap_or_default();
    let header =
        batch::verify(bytes).map_err(|invalid| Refusal { error: invalid.into(), reason: Some(invalid.to_string()) })?;
    if header.len != bytes.len() {
        return Err(Refusal::new(ResponseError::InvalidRecord, "a produce request holds one batch a partition"));
    }
    if header.is_transactional() || header.is_control() {
        return Err(Refusal::new(ResponseError::InvalidTxnState, "the local broker has no transactions"));
    }
    let max_bytes = configs.map_or(usize::MAX, config::max_message_bytes);
    if header.len > max_bytes {
        let reason = format!("a batch of {} bytes exceeds max.message.bytes {max_bytes}", header.len);
        return Err(Refusal::new(ResponseError::MessageTooLarge, reason));
    }
    if configs.is_some_and(config::is_compacted) && batch::has_record_without_key(bytes, &header) {
        return Err(Refusal::new(ResponseError::InvalidRecord, "a compacted topic takes no record without a key"));
    }
    match log.append(&header, bytes).map_err(|error| storage_error(&error))? {
        Appended::At(offset) | Appended::Duplicate(offset) => Ok(offset),
        Appended::OutOfOrder => Err(Refusal::new(
            ResponseError::OutOfOrderSequenceNumber,
            format!("producer {} sent sequence {} out of order", header.producer_id, header.base_sequence),
        )),
        Appended::Fenced => Err(ResponseError::InvalidProducerEpoch.into()),
    }
}

fn partition_response(index: i32, result: Result<i64, Refusal>) -> PartitionProduceResponse {
    let response = PartitionProduceResponse::default().with_index(index).with_log_append_time_ms(-1);
    match result {
        Ok(offset) => response.with_base_offset(offset).with_log_start_offset(0),
        Err(refusal) => response
            .with_base_offset(-1)
            .with_log_start_offset(-1)
            .with_error_code(refusal.error.code())
            .with_error_message(refusal.reason.map(StrBytes::from_string)),
    }
}

/// Gives a fresh producer id; an idempotent producer that lost its sequence raises its epoch
/// (KIP-360).
pub fn init_producer_id(shared: &Shared, request: &Request) -> Result<Bytes, WireError> {
    let body: InitProducerIdRequest = request.decode()?;
    let response = InitProducerIdResponse::default().with_producer_id(ProducerId(-1)).with_producer_epoch(-1);
    if body.transactional_id.is_some() {
        return request.answer(&response.with_error_code(ResponseError::TransactionalIdAuthorizationFailed.code()));
    }
    let response = match shared.producer_ids.next() {
        Ok(id) => response.with_producer_id(ProducerId(id)).with_producer_epoch(0),
        Err(error) => response.with_error_code(storage_error(&error).code()),
    };
    request.answer(&response)
}

impl Refusal {
    fn new(error: ResponseError, reason: impl Into<String>) -> Self {
        Self { error, reason: Some(reason.into()) }
    }
}

impl From<ResponseError> for Refusal {
    fn from(error: ResponseError) -> Self {
        Self { error, reason: None }
    }
}
