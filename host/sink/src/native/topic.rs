//! Producing and waiting.
//!
//! `rd_kafka_produce_batch` hands a page over in one call: no C string of the topic's name and no
//! lock of the topic for each message. It has no parameter for headers; messages with headers go
//! through the safe `BaseProducer::send`. `rd_kafka_queue_poll` waits for delivery reports in
//! librdkafka: `BaseProducer::poll` asks again with zero milliseconds until its deadline has passed,
//! which spins through the last millisecond of each wait, and it counts a reference up and down for
//! each message.

use rdkafka::bindings as c;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::types::RDKafkaRespErr;
use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::Arc;

/// A topic of a producer, as `rd_kafka_produce_batch` wants it, and the queue of its delivery reports.
pub struct Topic<C: ProducerContext + 'static> {
    handle: *mut c::rd_kafka_topic_t,
    queue: *mut c::rd_kafka_queue_t,
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

/// The outcome of a batch.
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

/// The outcome of one message.
#[derive(Debug, Clone, Copy)]
pub struct Delivered {
    /// As in [`Outgoing`].
    pub opaque: usize,
    pub partition: i32,
    pub offset: i64,
    /// `None` for a message that was acknowledged.
    pub error: Option<RDKafkaErrorCode>,
}

impl<C: ProducerContext + 'static> Topic<C> {
    /// None where the name holds a NUL byte or librdkafka refuses it.
    pub fn new(producer: Arc<BaseProducer<C>>, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: the client is alive (we hold the producer), the name is NUL-terminated and copied,
        // and a null configuration means the client's default topic configuration.
        let handle = unsafe { c::rd_kafka_topic_new(producer.client().native_ptr(), name.as_ptr(), ptr::null_mut()) };
        if handle.is_null() {
            return None;
        }
        // SAFETY: the client is alive. The reference is given back in `drop`.
        let queue = unsafe { c::rd_kafka_queue_get_main(producer.client().native_ptr()) };
        Some(Self { handle, queue, producer, messages: Vec::new() })
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

    /// Waits at most `wait_ms` for the next event and takes it in; false where none came. One event
    /// holds the reports of a whole batch. The wait is librdkafka's own and costs no CPU time.
    pub fn serve(&self, wait_ms: u16, on_delivered: &mut dyn FnMut(Delivered)) -> bool {
        // SAFETY: the queue is alive until `drop`. The event is destroyed once, after its last reader;
        // its messages belong to it and are only read. The reason of an error is never null. A log's facility
        // and text are set where `rd_kafka_event_log` gives 0. All three are NUL-terminated, belong to the event,
        // and are copied before it is destroyed.
        unsafe {
            let event = c::rd_kafka_queue_poll(self.queue, i32::from(wait_ms));
            if event.is_null() {
                return false;
            }
            match c::rd_kafka_event_type(event) {
                c::RD_KAFKA_EVENT_DR => {
                    let mut next = c::rd_kafka_event_message_next(event);
                    while let Some(message) = next.as_ref() {
                        on_delivered(Delivered::of(message));
                        next = c::rd_kafka_event_message_next(event);
                    }
                }
                c::RD_KAFKA_EVENT_ERROR => {
                    let error = KafkaError::Global(c::rd_kafka_event_error(event).into());
                    let reason = CStr::from_ptr(c::rd_kafka_event_error_string(event)).to_string_lossy();
                    self.producer.context().error(error, reason.trim());
                }
                c::RD_KAFKA_EVENT_LOG => {
                    let (mut facility, mut text, mut level) = (ptr::null(), ptr::null(), 0);
                    if c::rd_kafka_event_log(event, &mut facility, &mut text, &mut level) == 0 {
                        let (facility, text) = (CStr::from_ptr(facility), CStr::from_ptr(text));
                        let level = log_level(level);
                        self.producer.context().log(level, &facility.to_string_lossy(), text.to_string_lossy().trim());
                    }
                }
                // Statistics, which nobody reads.
                _ => {}
            }
            c::rd_kafka_event_destroy(event);
        }
        true
    }
}

/// A syslog level as librdkafka gives it (`rd_kafka_event_log`).
fn log_level(level: i32) -> RDKafkaLogLevel {
    match level {
        ..=0 => RDKafkaLogLevel::Emerg,
        1 => RDKafkaLogLevel::Alert,
        2 => RDKafkaLogLevel::Critical,
        3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 => RDKafkaLogLevel::Notice,
        6 => RDKafkaLogLevel::Info,
        7.. => RDKafkaLogLevel::Debug,
    }
}

impl Delivered {
    fn of(message: &c::rd_kafka_message_t) -> Self {
        let is_error = message.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        Self {
            opaque: message._private.addr(),
            partition: message.partition,
            offset: message.offset,
            error: is_error.then(|| message.err.into()),
        }
    }
}

impl<C: ProducerContext + 'static> Drop for Topic<C> {
    fn drop(&mut self) {
        // SAFETY: made in `new`, given back once, before the producer that we hold.
        unsafe {
            c::rd_kafka_queue_destroy(self.queue);
            c::rd_kafka_topic_destroy(self.handle);
        }
    }
}
