//! Questions that the safe client cannot ask at all, or only by an admin client of its own.
//!
//! `rd_kafka_DescribeTopics` is the only request that tells a topic's id (KIP-516). The safe
//! `AdminClient` reads configurations by a second connection and a thread that takes up to a tenth of a
//! second to end; here the client that is there already asks.

use rdkafka::ClientContext;
use rdkafka::bindings as c;
use rdkafka::client::Client;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::time::Duration;

/// A topic's id in base64; none where the brokers know of no ids or do not answer within `timeout`.
pub fn topic_id<C: ClientContext>(client: &Client<C>, topic: &str, timeout: Duration) -> Option<String> {
    let name = CString::new(topic).ok()?;
    let mut names = [name.as_ptr()];
    let operation = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    // SAFETY: the collection copies the names, and the request copies the collection. It is destroyed
    // once. The event is alive while `described_id` reads it.
    let ask = |options, queue| unsafe {
        let topics = c::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        c::rd_kafka_DescribeTopics(client.native_ptr(), topics, options, queue);
        c::rd_kafka_TopicCollection_destroy(topics);
    };
    answer(client, operation, timeout, ask, |event| unsafe { described_id(event) })?
}

/// A topic's effective configuration without what the broker keeps secret.
#[derive(Debug, Default)]
pub struct Configs {
    pub values: BTreeMap<String, String>,
    /// Names of what was set for this topic alone; none where the broker does not tell (before 1.1).
    pub own: Option<BTreeSet<String>>,
}

/// Asks for a topic's configuration.
pub fn topic_configs<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<Configs, RDKafkaErrorCode> {
    if topic.is_empty() {
        return Err(RDKafkaErrorCode::InvalidTopic);
    }
    let name = CString::new(topic).map_err(|_| RDKafkaErrorCode::InvalidTopic)?;
    let operation = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
    // SAFETY: the name is not empty and the kind is known, so the resource is not null. It copies the name,
    // and the request copies the resource. It is destroyed once.
    // The event is alive while `described_configs` reads it.
    let ask = |options, queue| unsafe {
        let kind = c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
        let mut resource = c::rd_kafka_ConfigResource_new(kind, name.as_ptr());
        c::rd_kafka_DescribeConfigs(client.native_ptr(), &mut resource, 1, options, queue);
        c::rd_kafka_ConfigResource_destroy(resource);
    };
    let configs = answer(client, operation, timeout, ask, |event| unsafe { described_configs(event) });
    configs.unwrap_or(Err(RDKafkaErrorCode::OperationTimedOut))
}

/// Sends an admin request and hands its answer to `read`; none where no answer came.
fn answer<C: ClientContext, T>(
    client: &Client<C>,
    operation: c::rd_kafka_admin_op_t,
    timeout: Duration,
    ask: impl FnOnce(*const c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t),
    read: impl FnOnce(*mut c::rd_kafka_event_t) -> T,
) -> Option<T> {
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive during the call, and the request copies the options. All that is made
    // here is destroyed here, once, the event after its last reader.
    unsafe {
        let options = c::rd_kafka_AdminOptions_new(client.native_ptr(), operation);
        // Out of range, it stays at librdkafka's own default.
        let _ = c::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, ptr::null_mut(), 0);
        let queue = c::rd_kafka_queue_new(client.native_ptr());
        ask(options, queue);
        c::rd_kafka_AdminOptions_destroy(options);
        let event = c::rd_kafka_queue_poll(queue, timeout_ms);
        let found = (!event.is_null()).then(|| read(event));
        if !event.is_null() {
            c::rd_kafka_event_destroy(event);
        }
        c::rd_kafka_queue_destroy(queue);
        found
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

const UNKNOWN: c::rd_kafka_ConfigSource_t = c::rd_kafka_ConfigSource_t::RD_KAFKA_CONFIG_SOURCE_UNKNOWN_CONFIG;
const TOPICS_OWN: c::rd_kafka_ConfigSource_t = c::rd_kafka_ConfigSource_t::RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;

/// # Safety
/// `event` is a live event.
unsafe fn described_configs(event: *mut c::rd_kafka_event_t) -> Result<Configs, RDKafkaErrorCode> {
    // SAFETY: every pointer belongs to the event and lives as long; each array has `count` elements.
    unsafe {
        accepted(c::rd_kafka_event_error(event))?;
        let result = c::rd_kafka_event_DescribeConfigs_result(event);
        let mut count = 0;
        let resources = if result.is_null() {
            ptr::null_mut()
        } else {
            c::rd_kafka_DescribeConfigs_result_resources(result, &mut count)
        };
        if resources.is_null() || count == 0 {
            return Ok(Configs::default());
        }
        let resource = *resources;
        accepted(c::rd_kafka_ConfigResource_error(resource))?;
        let entries = c::rd_kafka_ConfigResource_configs(resource, &mut count);
        let entries = if entries.is_null() { &[] } else { std::slice::from_raw_parts(entries, count) };
        let shown = entries.iter().filter(|entry| c::rd_kafka_ConfigEntry_is_sensitive(**entry) == 0);
        let text = |text: *const c_char| (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned());
        let entry = |entry: &*const c::rd_kafka_ConfigEntry_t| {
            Some((text(c::rd_kafka_ConfigEntry_name(*entry))?, text(c::rd_kafka_ConfigEntry_value(*entry))?))
        };
        let is_told = entries.iter().all(|entry| c::rd_kafka_ConfigEntry_source(*entry) != UNKNOWN);
        let own = entries.iter().filter(|entry| c::rd_kafka_ConfigEntry_source(**entry) == TOPICS_OWN);
        let own = is_told.then(|| own.filter_map(|entry| text(c::rd_kafka_ConfigEntry_name(*entry))).collect());
        Ok(Configs { values: shown.filter_map(entry).collect(), own })
    }
}

fn accepted(error: RDKafkaRespErr) -> Result<(), RDKafkaErrorCode> {
    if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(error.into()) }
}
