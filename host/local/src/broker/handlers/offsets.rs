//! ListOffsets: the ends of a partition, and offsets by time.

use super::super::Shared;
use super::super::log::Log;
use super::super::wire::{Request, WireError};
use super::{LEADER_EPOCH, partition, storage_error};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;

pub fn list_offsets(shared: &Shared, request: &Request) -> Result<Bytes, WireError> {
    let body: ListOffsetsRequest = request.decode()?;
    let topics = body.topics.into_iter().map(|asked| {
        let topic = shared.topics.get(&asked.name);
        let partitions = asked.partitions.iter().map(|part| {
            let found = partition(topic.as_deref(), part.partition_index).and_then(|log| find(log, part.timestamp));
            let response = ListOffsetsPartitionResponse::default().with_partition_index(part.partition_index);
            match found {
                Ok((offset, timestamp)) => {
                    // Version 4 brought the epoch; an older one cannot be encoded with it.
                    let epoch = if offset >= 0 && request.version >= 4 { LEADER_EPOCH } else { -1 };
                    response.with_offset(offset).with_timestamp(timestamp).with_leader_epoch(epoch)
                }
                Err(error) => response.with_error_code(error.code()).with_offset(-1).with_timestamp(-1),
            }
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse::default().with_name(asked.name).with_partitions(partitions)
    });
    request.answer(&ListOffsetsResponse::default().with_topics(topics.collect()))
}

/// Offset and time, each -1 where there is none.
fn find(log: &Log, timestamp: i64) -> Result<(i64, i64), ResponseError> {
    let looked_up = match timestamp {
        LATEST => return Ok((log.next_offset(), -1)),
        EARLIEST => return Ok((0, -1)),
        MAX_TIMESTAMP => match log.max_timestamp() {
            Some(greatest) => log.offset_at(greatest),
            None => return Ok((-1, -1)),
        },
        time if time >= 0 => log.offset_at(time),
        _ => return Err(ResponseError::InvalidRequest),
    };
    let found = looked_up.map_err(|error| storage_error(&error))?;
    Ok(found.unwrap_or((-1, -1)))
}
