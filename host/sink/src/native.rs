//! The one place that calls librdkafka's C functions directly.
//!
//! `rd_kafka_produce_batch` hands a page over in one call: no C string of the topic's name and no
//! lock of the topic for each message. It has no parameter for headers; messages with headers go
//! through the safe `BaseProducer::send`. `rd_kafka_DescribeTopics` is the only request that tells a
//! topic's id (KIP-516), and the safe client has none like it.
#![allow(unsafe_code)]

use rdkafka::ClientContext;
use rdkafka::bindings as c;
use rdkafka::client::Client;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::types::RDKafkaRespErr;
use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// A topic of a producer, as `rd_kafka_produce_batch` wants it.
pub struct Topic<C: ProducerContext + 'static> {
    handle: *mut c::rd_kafka_topic_t,
    producer: Arc<BaseProducer<C>>,
    messages: Vec<c::rd_kafka_message_t>,
}

// SAFETY: librdkafka's handles may be used from any thread ("The library is completely thread-safe",
// INTRODUCTION.md). `messages` is empty outside of `produce`, so no pointer travels with it.
unsafe impl<C: ProducerContext + 'static> Send for Topic<C> {}

/// One message; what it borrows is copied by librdkafka.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    pub value: &'a [u8],
    pub key: Option<&'a [u8]>,
    /// Given back with the delivery report.
    pub opaque: usize,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handed {
    All,
    /// The queue was full at this message; it and all after it were not taken.
    FullAt(usize),
    /// This message was refused for good. Messages after it may have been taken.
    Refused {
        at: usize,
        code: RDKafkaErrorCode,
        taken: usize,
    },
}

impl<C: ProducerContext + 'static> Topic<C> {
    /// None where the name holds a NUL byte or librdkafka refuses it.
    pub fn new(producer: Arc<BaseProducer<C>>, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: the client is alive (we hold the producer), the name is NUL-terminated and copied,
        // and a null configuration means the client's default topic configuration.
        let handle = unsafe { c::rd_kafka_topic_new(producer.client().native_ptr(), name.as_ptr(), ptr::null_mut()) };
        (!handle.is_null()).then(|| Self { handle, producer, messages: Vec::new() })
    }

    pub fn producer(&self) -> &BaseProducer<C> {
        &self.producer
    }

    /// Hands messages over in order, without waiting.
    pub fn produce(&mut self, batch: &[Outgoing<'_>]) -> Handed {
        self.messages.clear();
        self.messages.extend(batch.iter().map(|message| c::rd_kafka_message_t {
            err: RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR,
            rkt: ptr::null_mut(),
            partition: rdkafka::producer::PARTITION_UA,
            payload: message.value.as_ptr().cast_mut().cast(),
            len: message.value.len(),
            key: message.key.map_or(ptr::null_mut(), |key| key.as_ptr().cast_mut().cast()),
            key_len: message.key.map_or(0, <[u8]>::len),
            offset: 0,
            _private: ptr::without_provenance_mut(message.opaque),
        }));
        let count = i32::try_from(self.messages.len()).unwrap_or(i32::MAX);
        // SAFETY: the handle is alive until `drop`. The array has `count` messages, whose payloads and
        // keys outlive the call; with RD_KAFKA_MSG_F_COPY librdkafka copies the payload, the key it
        // always copies, and it writes to neither. `_private` is an integer that is never followed.
        let taken = unsafe {
            c::rd_kafka_produce_batch(
                self.handle,
                rdkafka::producer::PARTITION_UA,
                c::RD_KAFKA_MSG_F_COPY,
                self.messages.as_mut_ptr(),
                count,
            )
        };
        let failed = self.messages.iter().position(|m| m.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
        let handed = match failed {
            None => Handed::All,
            Some(at) => match self.messages.get(at).map(|message| RDKafkaErrorCode::from(message.err)) {
                Some(RDKafkaErrorCode::QueueFull) => Handed::FullAt(at),
                code => Handed::Refused {
                    at,
                    code: code.unwrap_or(RDKafkaErrorCode::Fail),
                    taken: usize::try_from(taken).unwrap_or(0),
                },
            },
        };
        self.messages.clear();
        handed
    }
}

impl<C: ProducerContext + 'static> Drop for Topic<C> {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_topic_new`, destroyed once, before the producer that we hold.
        unsafe { c::rd_kafka_topic_destroy(self.handle) };
    }
}

/// A topic's id in base64; none where the brokers know of no ids or do not answer within `timeout`.
pub fn topic_id<C: ClientContext>(client: &Client<C>, topic: &str, timeout: Duration) -> Option<String> {
    let name = CString::new(topic).ok()?;
    let mut names = [name.as_ptr()];
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive during the call. The collection copies the names, and the request
    // copies collection and options. What is made here is destroyed here, once, the event after its
    // last reader.
    unsafe {
        let options =
            c::rd_kafka_AdminOptions_new(client.native_ptr(), c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        // Out of range, it stays at librdkafka's own default.
        let _ = c::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, ptr::null_mut(), 0);
        let topics = c::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let queue = c::rd_kafka_queue_new(client.native_ptr());
        c::rd_kafka_DescribeTopics(client.native_ptr(), topics, options, queue);
        c::rd_kafka_TopicCollection_destroy(topics);
        c::rd_kafka_AdminOptions_destroy(options);
        let event = c::rd_kafka_queue_poll(queue, timeout_ms);
        let id = if event.is_null() { None } else { described_id(event) };
        if !event.is_null() {
            c::rd_kafka_event_destroy(event);
        }
        c::rd_kafka_queue_destroy(queue);
        id
    }
}

/// # Safety
/// `event` is a live event.
unsafe fn described_id(event: *mut c::rd_kafka_event_t) -> Option<String> {
    // SAFETY: every pointer belongs to the event and lives as long. A result of another kind is null;
    // a request that failed has no topics; `rd_kafka_error_code` takes null as no error.
    unsafe {
        let result = c::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return None;
        }
        let mut count = 0;
        let topics = c::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        if topics.is_null() || count == 0 {
            return None;
        }
        let description = *topics;
        let error = c::rd_kafka_error_code(c::rd_kafka_TopicDescription_error(description));
        let id = c::rd_kafka_TopicDescription_topic_id(description);
        if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR || id.is_null() {
            return None;
        }
        // Brokers before 2.8 have no ids; the client shows them as zero.
        if c::rd_kafka_Uuid_most_significant_bits(id) == 0 && c::rd_kafka_Uuid_least_significant_bits(id) == 0 {
            return None;
        }
        let text = c::rd_kafka_Uuid_base64str(id);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    }
}
