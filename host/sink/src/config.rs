//! librdkafka's configuration, made of the connection, the sink's keys and raw options.

use crate::Error;
use dpone_connections::{KafkaConnection, OptionValue};
use dpone_manifest::Sink;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use std::time::Duration;

/// Options that have a key of ours, or a value that our promises rest on; aliases included.
const OURS: &[(&str, &str)] = &[
    ("bootstrap.servers", "the connection's `bootstrap_servers`"),
    ("metadata.broker.list", "the connection's `bootstrap_servers`"),
    ("compression.codec", "`sink.options.delivery.compression_type`"),
    ("compression.type", "`sink.options.delivery.compression_type`"),
    ("linger.ms", "`sink.options.delivery.linger_ms`"),
    ("queue.buffering.max.ms", "`sink.options.delivery.linger_ms`"),
    ("batch.num.messages", "`sink.options.delivery.batch_num_messages`"),
    ("request.timeout.ms", "`sink.options.delivery.request_timeout_ms`"),
    ("queue.buffering.max.kbytes", "`sink.options.queue_max_bytes`"),
    ("partitioner", "`sink.options.partitioner`"),
    ("allow.auto.create.topics", "`sink.options.topic_config.create`"),
];

/// Options whose value every delivery mode fixes, and why.
const FIXED: &[(&str, &str)] = &[
    ("acks", "it is always `all`, so that an acknowledged message is not lost"),
    ("request.required.acks", "it is always `all`, so that an acknowledged message is not lost"),
    ("enable.idempotence", "it is always on, so that a retry cannot put an older row after a newer one"),
    ("transactional.id", "transactions belong to `exactly_once`, which is not yet there"),
    ("delivery.report.only.error", "every message is accounted for"),
];

/// `queue_max_bytes` is what waiting messages may take in memory. librdkafka counts their payload
/// alone, and its bookkeeping takes about as much again for a row of ordinary size (some 220 bytes).
const PAYLOAD_SHARE: u64 = 2;

/// Option names that decide whom the client trusts, or that load code.
fn is_guarded(option: &str) -> bool {
    let prefixes = ["sasl.", "ssl.", "enable.ssl.", "enable.sasl.", "https.", "test.", "plugin."];
    option == "security.protocol"
        || option == "opaque"
        || option == "interceptors"
        || option == "enabled_events"
        || option == "log.queue"
        || option.ends_with("_cb")
        || prefixes.iter().any(|prefix| option.starts_with(prefix))
}

/// Settings that all clients of a connection share.
pub fn base(connection: &KafkaConnection, connect_timeout: Duration) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", "dpone");
    config.set("bootstrap.servers", &connection.bootstrap_servers);
    config.set("allow.auto.create.topics", "false");
    config.set("enable.metrics.push", "false");
    // librdkafka takes no less than a second.
    let setup = connect_timeout.as_millis().clamp(1_000, i32::MAX as u128);
    config.set("socket.connection.setup.timeout.ms", setup.to_string());
    // The first connection to a broker that metadata named waits for half of this time
    // (`sparse_connect_intvl` in rdkafka_conf.c), which is most of what a short run spends on Kafka.
    config.set("reconnect.backoff.ms", "20");
    config.set("reconnect.backoff.max.ms", "1000");
    for (name, value) in &connection.options {
        config.set(name, value.expose());
    }
    config
}

/// Settings of the idempotent producer. `max_message_bytes` is the topic's.
pub fn producer(
    connection: &KafkaConnection,
    sink: &Sink,
    max_message_bytes: Option<u64>,
) -> Result<ClientConfig, Error> {
    let mut config = base(connection, sink.connect_timeout);
    config.set("acks", "all");
    config.set("enable.idempotence", "true");
    config.set("partitioner", &sink.partitioner);
    config.set("compression.type", &sink.delivery.compression_type);
    config.set("linger.ms", sink.delivery.linger_ms.to_string());
    if let Some(messages) = sink.delivery.batch_num_messages {
        config.set("batch.num.messages", messages.to_string());
    }
    if let Some(milliseconds) = sink.delivery.request_timeout_ms {
        config.set("request.timeout.ms", milliseconds.to_string());
    }
    // The largest message that the topic takes must fit an empty queue, or it would wait for ever.
    let payload = (sink.queue_max_bytes / PAYLOAD_SHARE).max(max_message_bytes.unwrap_or_default());
    config.set("queue.buffering.max.kbytes", payload.div_ceil(1024).clamp(1, i32::MAX as u64).to_string());
    // The bound is in bytes; the count must not be the one that bites first.
    config.set("queue.buffering.max.messages", "0");
    if let Some(limit) = max_message_bytes {
        // A batch must fit the topic as well as a message does; framing takes less than 512 bytes.
        let limit = limit.clamp(1_000, 1_000_000_000);
        config.set("message.max.bytes", limit.to_string());
        config.set("batch.size", limit.saturating_sub(512).clamp(1, 1_000_000).to_string());
    }
    for (option, value) in &sink.librdkafka {
        check_raw(option)?;
        config.set(option, value);
    }
    Ok(config)
}

/// Refuses a raw option that contradicts a key of ours, a promise, or the connection.
fn check_raw(option: &str) -> Result<(), Error> {
    let of = |table: &[(&str, &'static str)]| table.iter().find(|(name, _)| *name == option).map(|(_, note)| *note);
    let (message, hint) = if let Some(key) = of(OURS) {
        (format!("the librdkafka option `{option}` clashes with {key}"), format!("remove it and set {key}"))
    } else if let Some(reason) = of(FIXED) {
        (format!("the librdkafka option `{option}` cannot be set: {reason}"), "remove it".to_owned())
    } else if is_guarded(option) {
        (
            format!("the librdkafka option `{option}` cannot be set in a manifest: it decides what the client trusts"),
            "set it in the connection".to_owned(),
        )
    } else {
        return Ok(());
    };
    Err(Error::ClientOption { option: option.to_owned(), message, hint: Some(hint) })
}

/// Why librdkafka refuses a configuration, without the value of a secret.
pub fn explain(error: &KafkaError, connection: &KafkaConnection) -> Error {
    match error {
        KafkaError::ClientConfig(_, description, option, _) => {
            let is_secret = matches!(connection.options.get(option), Some(OptionValue::Secret(_)));
            let message = if is_secret {
                format!("librdkafka refuses the value of `{option}`")
            } else {
                format!("librdkafka refuses `{option}`: {description}")
            };
            Error::ClientOption { option: option.clone(), message, hint: None }
        }
        KafkaError::ClientCreation(cause) => Error::ClientOption {
            option: "of the connection".into(),
            message: format!("librdkafka refuses the configuration: {cause}"),
            hint: None,
        },
        other => Error::ClientOption { option: "of the connection".into(), message: other.to_string(), hint: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{connection, sink};
    use dpone_model::{Failure, Secret, codes};

    #[test]
    fn every_mode_is_idempotent_and_bounded() {
        let config = producer(&connection("127.0.0.1:1"), &sink("dwh.orders"), Some(200_000)).unwrap();
        let expected = [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("partitioner", "murmur2_random"),
            ("compression.type", "zstd"),
            ("linger.ms", "20"),
            ("queue.buffering.max.kbytes", "8192"),
            ("message.max.bytes", "200000"),
            ("batch.size", "199488"),
            ("allow.auto.create.topics", "false"),
        ];
        for (option, value) in expected {
            assert_eq!(config.get(option), Some(value), "{option}");
        }
        config.create_native_config().unwrap();
    }

    #[test]
    fn clashes_are_named_with_our_key() {
        let cases = [
            ("linger.ms", "delivery.linger_ms"),
            ("queue.buffering.max.ms", "delivery.linger_ms"),
            ("compression.codec", "delivery.compression_type"),
            ("queue.buffering.max.kbytes", "queue_max_bytes"),
            ("partitioner", "sink.options.partitioner"),
            ("bootstrap.servers", "connection"),
            ("acks", "always `all`"),
            ("enable.idempotence", "always on"),
            ("transactional.id", "not yet"),
            ("security.protocol", "trusts"),
            ("sasl.password", "trusts"),
            ("ssl.ca.location", "trusts"),
            ("enable.ssl.certificate.verification", "trusts"),
            ("plugin.library.paths", "trusts"),
            ("oauthbearer_token_refresh_cb", "trusts"),
            ("test.mock.num.brokers", "trusts"),
        ];
        for (option, words) in cases {
            let mut sink = sink("dwh.orders");
            sink.librdkafka.insert(option.into(), "1".into());
            let error = producer(&connection("127.0.0.1:1"), &sink, None).unwrap_err();
            assert_eq!(error.code(), &codes::delivery::CLIENT_OPTION);
            assert!(error.to_string().contains(words), "{option}: {error}");
            assert!(error.to_string().contains(option) && error.hint().is_some(), "{option}: {error}");
        }
        let mut harmless = sink("dwh.orders");
        harmless.librdkafka.insert("socket.keepalive.enable".into(), "true".into());
        let config = producer(&connection("127.0.0.1:1"), &harmless, None).unwrap();
        assert_eq!(config.get("socket.keepalive.enable"), Some("true"));
    }

    #[test]
    fn what_librdkafka_refuses_is_quoted_but_no_secret() {
        let refuse = |connection: &KafkaConnection, sink: &Sink| {
            let config = producer(connection, sink, None).unwrap();
            explain(&config.create_native_config().err().unwrap(), connection).to_string()
        };
        let mut unknown = sink("dwh.orders");
        unknown.librdkafka.insert("no.such.option".into(), "1".into());
        assert!(refuse(&connection("127.0.0.1:1"), &unknown).contains("no.such.option"));

        let mut secret = connection("127.0.0.1:1");
        secret.options.insert("security.protocol".into(), OptionValue::Secret(Secret::new("hunter2")));
        let message = refuse(&secret, &sink("dwh.orders"));
        assert!(message.contains("security.protocol") && !message.contains("hunter2"), "{message}");
    }
}
