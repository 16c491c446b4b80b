//! `sink`: topic, strategy, key and delivery.

use crate::checked::{
    Delivery, DeliveryMode, DuplicatePolicy, Envelope, Key, KeyFormat, KeyMode, Mode, Sink, Strategy, TopicConfig,
};
use crate::error::Error;
use crate::read::{Block, Value, nearest};
use crate::source::connection;
use std::collections::BTreeMap;
use std::time::Duration;

/// The strategies that exist, as messages list them.
pub(crate) const MODES: &[&str] = &[
    "full_refresh",
    "incremental_append",
    "incremental_merge",
    "replace",
    "snapshot_reconciliation",
    "cursor_incremental",
];

/// Reads the block. `has_boundary` is whether the source has an `incremental` block, `has_cursor`
/// whether its pagination can be gone on with.
pub(crate) fn sink(mut block: Block<'_>, has_boundary: bool, has_cursor: bool) -> Option<Sink> {
    if let Some(value) = block.require("type", "write `type: kafka`") {
        value.one_of(&[("kafka", ())]);
    }
    let connection = connection(&mut block, true);
    let topic = block.require("topic", "name the topic").and_then(|value| topic(&value));
    let strategy_block = block.require("strategy", "write at least `strategy: { mode: … }`").and_then(|v| v.block());
    let strategy = strategy_block.map(|strategy| self::strategy(strategy, has_boundary, has_cursor));
    let mut options = block.block("options");
    message_format(&mut options);
    let partitioners =
        ["murmur2_random", "murmur2", "consistent", "consistent_random", "random", "fnv1a", "fnv1a_random"];
    let delivery_block = options.block("delivery");
    let sink = Sink {
        connection: connection?,
        topic: topic.unwrap_or_default(),
        envelope: envelope(&mut options),
        key: key(options.block("key"), strategy.as_ref()),
        strategy: strategy.unwrap_or(Strategy {
            mode: Mode::FullRefresh,
            unique_key: Vec::new(),
            duplicate_policy: DuplicatePolicy::default(),
        }),
        partitioner: options
            .one_of("partitioner", &partitioners.map(|name| (name, name)))
            .unwrap_or("murmur2_random")
            .to_owned(),
        headers: options.pairs("headers", true),
        topic_config: topic_config(options.block("topic_config")),
        queue_max_bytes: options.size("queue_max_bytes", (64 << 10)..=(2 << 30)).unwrap_or(16 << 20),
        connect_timeout: options.milliseconds("connect_timeout_ms", 10_000),
        librdkafka: options.get("librdkafka").map(|value| librdkafka(&value)).unwrap_or_default(),
        delivery: delivery(delivery_block),
    };
    deletes(options.block("deletes"));
    schema_registry(options.block("schema_registry"));
    options.finish();
    block.finish();
    Some(sink)
}

/// Kafka's rule for topic names.
fn topic(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let legal = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if !legal || text.len() > 249 || text == "." || text == ".." {
        return value.invalid(
            format!("`{}` is no topic name", value.shown()),
            "use up to 249 letters, digits, `.`, `_` and `-`",
        );
    }
    Some(text)
}

fn strategy(mut block: Block<'_>, has_boundary: bool, has_cursor: bool) -> Strategy {
    let hint = format!("valid: {}", MODES.join(", "));
    let mode = block.require("mode", &hint).and_then(|value| mode(&value));
    let unique_key = block.get("unique_key").map(|value| value.names());
    let merge_policy = block.get("merge_policy");
    merge_policy.and_then(|value| value.one_of(&[("event_upsert", ())]));
    let policies = [
        ("fail", DuplicatePolicy::Fail),
        ("last", DuplicatePolicy::Last),
        ("first", DuplicatePolicy::First),
        ("allow", DuplicatePolicy::Allow),
    ];
    let duplicate_policy = block.one_of("duplicate_policy", &policies).unwrap_or_default();
    if let Some(value) = block.get("finalize")
        && let Some(text) = value.text()
    {
        match text.as_str() {
            "append" => {}
            "tombstone" | "truncate" => value.not_yet(format!("`finalize: {text}`"), "use `finalize: append`"),
            _ => drop(value.unknown_choice::<()>(&["append", "tombstone", "truncate"])),
        }
    }
    for name in ["custom_predicate", "window"] {
        if let Some(value) = block.get(name) {
            value.not_yet(format!("`{name}`"), "remove it; it belongs to the mode `replace`, which comes later");
        }
    }
    let names_key = unique_key.is_some();
    let strategy = Strategy {
        mode: mode.unwrap_or(Mode::FullRefresh),
        unique_key: unique_key.unwrap_or_default(),
        duplicate_policy,
    };
    if strategy.mode == Mode::IncrementalMerge && !names_key {
        block.problem("mode", Error::MissingUniqueKey("`incremental_merge` needs `strategy.unique_key`".into()));
    }
    boundary(&block, mode, has_boundary, has_cursor);
    block.finish();
    strategy
}

fn mode(value: &Value<'_>) -> Option<Mode> {
    let text = value.text()?;
    let later = "use `incremental_merge`, `incremental_append`, `cursor_incremental` or `full_refresh`";
    match text.as_str() {
        "full_refresh" => return Some(Mode::FullRefresh),
        "incremental_append" => return Some(Mode::IncrementalAppend),
        "incremental_merge" => return Some(Mode::IncrementalMerge),
        "cursor_incremental" => return Some(Mode::CursorIncremental),
        "replace" | "snapshot_reconciliation" => value.not_yet(format!("`mode: {text}`"), later),
        "partition_replace" => value.problem(Error::PartitionReplace),
        _ => value.problem(Error::UnknownStrategy { nearest: nearest(&text, MODES), found: value.shown() }),
    }
    None
}

fn boundary(block: &Block<'_>, mode: Option<Mode>, has_boundary: bool, has_cursor: bool) {
    let field = "give `source.options.incremental.cursor_field`";
    let hint = match mode {
        Some(Mode::IncrementalAppend) if !has_boundary => field,
        Some(Mode::CursorIncremental) if !has_boundary && !has_cursor => {
            "give `source.options.incremental.cursor_field`, or a cursor pagination"
        }
        _ => return,
    };
    block.problem("mode", Error::NoBoundary { mode: mode.map_or("", Mode::name), hint });
}

fn message_format(options: &mut Block<'_>) {
    let Some(value) = options.get("message_format") else { return };
    match value.text().as_deref() {
        None | Some("json") => {}
        Some(text @ ("avro" | "json_schema" | "protobuf")) => {
            value.not_yet(format!("`message_format: {text}`"), "use `message_format: json`");
        }
        Some(_) => drop(value.unknown_choice::<()>(&["json"])),
    }
}

fn envelope(options: &mut Block<'_>) -> Envelope {
    let Some(value) = options.get("envelope") else { return Envelope::default() };
    match value.text().as_deref() {
        Some("flat") => return Envelope::Flat,
        Some("dpone") => return Envelope::Dpone,
        None => {}
        Some(text @ ("debezium" | "debezium_like" | "cloudevents" | "cloud_events")) => {
            value.not_yet(format!("`envelope: {text}`"), "use `envelope: flat` or `envelope: dpone`");
        }
        Some(_) => drop(value.unknown_choice::<()>(&["flat", "dpone"])),
    }
    Envelope::default()
}

#[derive(Clone, Copy, PartialEq)]
enum Choice {
    UniqueKey,
    HashRow,
    Null,
}

/// Fields of the key: `fields`, else `strategy.unique_key`; without either, no key.
fn key(mut block: Block<'_>, strategy: Option<&Strategy>) -> Key {
    let choices = [("unique_key", Choice::UniqueKey), ("hash_row", Choice::HashRow), ("null", Choice::Null)];
    let choice = if block.is_null_word("mode") {
        block.know("mode");
        Some(Choice::Null)
    } else {
        block.one_of("mode", &choices)
    };
    let fields = block.get("fields").map(|value| value.names());
    let format = block.one_of("format", &[("v1", KeyFormat::V1), ("dpone", KeyFormat::Dpone)]).unwrap_or_default();
    let unique_key = strategy.map(|strategy| strategy.unique_key.clone()).unwrap_or_default();
    let is_merge = strategy.is_some_and(|strategy| strategy.mode == Mode::IncrementalMerge);
    if fields.is_some() && matches!(choice, Some(Choice::HashRow | Choice::Null)) {
        let message = "`fields` and `mode` both say what the key is made of".to_owned();
        block.conflict("mode", "fields", message, "remove `fields`, or use `mode: unique_key`");
    }
    if is_merge && matches!(choice, Some(Choice::HashRow | Choice::Null)) {
        let message = "`incremental_merge` upserts by unique_key, so the message key must be made of it".to_owned();
        block.conflict("mode", "mode", message, "use `key.mode: unique_key`");
    }
    if is_merge && fields.as_ref().is_some_and(|fields| !unique_key.is_empty() && *fields != unique_key) {
        let message =
            "`key.fields` differs from `strategy.unique_key`, by which `incremental_merge` upserts".to_owned();
        block.conflict("mode", "fields", message, "remove `key.fields`");
    }
    let mode = match (choice, fields) {
        (_, Some(fields)) => KeyMode::Fields(fields),
        (Some(Choice::HashRow), None) => KeyMode::HashRow,
        (Some(Choice::Null), None) => KeyMode::Null,
        (Some(Choice::UniqueKey), None) if unique_key.is_empty() => {
            // A merge without unique_key has been named already.
            if strategy.is_some() && !is_merge {
                let message = "`key.mode: unique_key` needs `strategy.unique_key` or `key.fields`";
                block.problem("mode", Error::MissingUniqueKey(message.into()));
            }
            KeyMode::Null
        }
        (None, None) if unique_key.is_empty() => KeyMode::Null,
        (Some(Choice::UniqueKey) | None, None) => KeyMode::Fields(unique_key),
    };
    let policy = strategy.map(|strategy| strategy.duplicate_policy).unwrap_or_default();
    if mode == KeyMode::Null && policy != DuplicatePolicy::Allow && !is_merge {
        let message = "`duplicate_policy` judges by the message key, and there is none";
        block.problem("mode", Error::MissingUniqueKey(message.into()));
    }
    block.finish();
    Key { mode, format }
}

fn topic_config(mut block: Block<'_>) -> TopicConfig {
    let config = TopicConfig {
        create: block.boolean("create", false),
        partitions: block.integer("partitions", 1..=100_000).map(|number| number as u32),
        replication_factor: block.integer("replication_factor", 1..=100).map(|number| number as u16),
        configs: block.pairs("configs", false).into_iter().collect(),
    };
    block.finish();
    config
}

fn delivery(mut block: Block<'_>) -> Delivery {
    let mut mode = DeliveryMode::default();
    if let Some(value) = block.get("mode") {
        match value.text().as_deref() {
            None | Some("at_least_once") => {}
            Some("idempotent") => mode = DeliveryMode::Idempotent,
            Some("exactly_once") => value.not_yet(
                "`delivery.mode: exactly_once`",
                "use `at_least_once`: the producer is idempotent, and a keyed consumer sees each row once",
            ),
            Some(_) => drop(value.unknown_choice::<()>(&["at_least_once", "idempotent", "exactly_once"])),
        }
    }
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"].map(|name| (name, name));
    let flush = block.get("flush_timeout").and_then(|value| value.positive_duration());
    let delivery = Delivery {
        mode,
        compression_type: block.one_of("compression_type", &codecs).unwrap_or("none").to_owned(),
        linger_ms: block.integer("linger_ms", 0..=900_000).unwrap_or(5) as u32,
        batch_num_messages: block.integer("batch_num_messages", 1..=1_000_000).map(|number| number as u32),
        request_timeout_ms: block.integer("request_timeout_ms", 1..=900_000).map(|number| number as u32),
        flush_timeout: flush.unwrap_or(Duration::from_secs(30)),
    };
    block.finish();
    delivery
}

/// Raw client options that a key of the manifest already sets, and that key.
const CLASHES: &[(&str, &str)] = &[
    ("compression.type", "delivery.compression_type"),
    ("compression.codec", "delivery.compression_type"),
    ("linger.ms", "delivery.linger_ms"),
    ("queue.buffering.max.ms", "delivery.linger_ms"),
    ("batch.num.messages", "delivery.batch_num_messages"),
    ("request.timeout.ms", "delivery.request_timeout_ms"),
    ("queue.buffering.max.kbytes", "queue_max_bytes"),
    ("queue.buffering.max.messages", "queue_max_bytes"),
    ("socket.connection.setup.timeout.ms", "connect_timeout_ms"),
    ("partitioner", "partitioner"),
    ("enable.idempotence", "delivery.mode"),
    ("acks", "delivery.mode"),
    ("request.required.acks", "delivery.mode"),
    ("transactional.id", "delivery.mode"),
    ("bootstrap.servers", "connection_id"),
    ("metadata.broker.list", "connection_id"),
    ("sasl.password", "connection_id"),
    ("sasl.username", "connection_id"),
    ("sasl.oauthbearer.client.secret", "connection_id"),
    ("ssl.key.password", "connection_id"),
    ("ssl.key.pem", "connection_id"),
    ("ssl.keystore.password", "connection_id"),
];

fn librdkafka(value: &Value<'_>) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let Some(mut block) = value.block() else { return options };
    for (name, value) in block.rest() {
        if let Some((_, ours)) = CLASHES.iter().find(|(raw, _)| *raw == name) {
            let message = format!("the librdkafka option `{name}` clashes with `{ours}`");
            value.problem(Error::Conflict { message, hint: format!("set `{ours}` instead") });
        } else if let Some(text) = value.scalar_text() {
            options.insert(name, text);
        }
    }
    options
}

fn deletes(mut block: Block<'_>) {
    let enabled = block.get("enabled");
    block.boolean("tombstone", false);
    block.text("op_field");
    if let Some(value) = enabled.filter(|value| value.boolean() == Some(true)) {
        value.not_yet("`deletes.enabled: true`", "set it to false; rows are upserted, none is deleted");
    }
    block.finish();
}

fn schema_registry(mut block: Block<'_>) {
    let enabled = block.get("enabled");
    block.text("url");
    block.boolean("auto_register_schemas", false);
    block.one_of("subject_name_strategy", &[("topic", ()), ("record", ()), ("topic_record", ())]);
    if let Some(value) = enabled.filter(|value| value.boolean() == Some(true)) {
        value
            .not_yet("`schema_registry.enabled: true`", "set it to false; drift is judged by the schema kept in state");
    }
    block.finish();
}
