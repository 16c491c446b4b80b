//! The one place that calls librdkafka's C functions directly.
//!
//! `rd_kafka_produce_batch` hands a page over in one call: no C string of the topic's name and no
//! lock of the topic for each message. It has no parameter for headers; messages with headers go
//! through the safe `BaseProducer::send`.
#![allow(unsafe_code)]

use rdkafka::bindings as c;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::types::RDKafkaRespErr;
use std::ffi::CString;
use std::ptr;
use std::sync::Arc;

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
