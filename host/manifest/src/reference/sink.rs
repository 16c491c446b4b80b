//! `sink`: topic, messages and their delivery.

use super::key::Takes::{Block, Choice, Flag, Integer, Names, Pairs, Pattern, PositiveDuration, Size, Text};
use super::key::{Key, key, word};
use super::source::connection_id;
use super::strategy::STRATEGY;

pub(super) static TYPE: &[Key] = &[key(
    "type",
    Choice(&[word("kafka", "A topic of Apache Kafka, or of a broker that speaks its protocol.")]),
    "The kind of sink.",
)
.required()
.example("kafka")];

pub(super) static CONNECTION_ID: &[Key] = &[connection_id("kafka_cluster")];

pub(super) static SINK: &[Key] = &[
    key(
        "topic",
        Pattern("^[A-Za-z0-9._-]{1,249}$", "1 to 249 letters, digits, `.`, `_` and `-`, as Kafka demands it"),
        "The topic that rows are published to. It is created only where the profile extends `local`, or with \
         `topic_config.create: true`.",
    )
    .required()
    .example("shop.orders"),
    key("strategy", Block(&[STRATEGY]), "What a run means for the topic.").required(),
    key("options", Block(&[OPTIONS]), "Messages and their delivery."),
];

static OPTIONS: &[Key] = &[
    key(
        "message_format",
        Choice(&[
            word("json", "The record as JSON; untouched values stay byte for byte."),
            word("avro", "").later(),
            word("json_schema", "").later(),
            word("protobuf", "").later(),
        ]),
        "How the message's value is written.",
    )
    .default("json")
    .example("json"),
    key(
        "envelope",
        Choice(&[
            word("flat", "The record itself."),
            word(
                "dpone",
                "`{\"op\", \"data\", \"metadata\", \"source\", \"schema_version\"}`, as dpone 0.88 writes it.",
            ),
            word("debezium", "").or("debezium_like").later(),
            word("cloudevents", "").or("cloud_events").later(),
        ]),
        "What stands around the record in the message's value.",
    )
    .default("flat")
    .example("dpone"),
    key("key", Block(&[MESSAGE_KEY]), "What the message key is made of.").example("{ mode: hash_row }"),
    key(
        "partitioner",
        Choice(&[
            word("murmur2_random", "By the key as Java's clients do it; without a key, at random."),
            word("murmur2", "By the key as Java's clients do it; all messages without a key go to one partition."),
            word("consistent", "CRC32 of the key; all messages without a key go to one partition."),
            word("consistent_random", "CRC32 of the key; without a key, at random."),
            word("random", "At random, whatever the key."),
            word("fnv1a", "FNV-1a of the key; all messages without a key go to one partition."),
            word("fnv1a_random", "FNV-1a of the key; without a key, at random."),
        ]),
        "How a message finds its partition: librdkafka's option `partitioner`. Changing it moves keys between \
         partitions, so a keyed pipeline refuses the change (exit 31).",
    )
    .default("murmur2_random")
    .example("consistent_random"),
    key("headers", Pairs(true), "Kafka headers of every message. They have nothing to do with HTTP.")
        .without("no headers")
        .example("{ team: shop }"),
    key("topic_config", Block(&[TOPIC_CONFIG]), "The topic, where this run creates it.")
        .example("{ create: true, partitions: 6, configs: { cleanup.policy: compact } }"),
    key(
        "queue_max_bytes",
        Size(64 << 10, 2 << 30),
        "Memory for messages that wait in the producer, its bookkeeping included. The load waits while it is full.",
    )
    .default("16MiB")
    .example("64MiB"),
    key("connect_timeout_ms", Integer(1, 86_400_000), "Longest time until the cluster answers.")
        .default("10000")
        .example("30000"),
    key(
        "librdkafka",
        Pairs(false),
        "Options of the Kafka client by librdkafka's own names (its `CONFIGURATION.md` lists them). One that a key of \
         the manifest or the connection sets is refused.",
    )
    .without("no further options")
    .example("{ client.rack: eu-1a }"),
    key("delivery", Block(&[DELIVERY]), "The producer and what it promises.")
        .example("{ compression_type: zstd, linger_ms: 20 }"),
    key("deletes", Block(&[DELETES]), "Records that delete. Not yet."),
    key("schema_registry", Block(&[SCHEMA_REGISTRY]), "A schema registry for the topic. Not yet."),
];

static MESSAGE_KEY: &[Key] = &[
    key(
        "mode",
        Choice(&[
            word("unique_key", "The fields of `strategy.unique_key`, or of `fields`."),
            word("hash_row", "SHA-256 of the record, its fields sorted by name."),
            word("null", "No key."),
        ]),
        "What the message key is made of.",
    )
    .without("`unique_key` where the strategy or `fields` name one, else no key")
    .example("hash_row"),
    key("fields", Names, "Fields of the key, instead of `strategy.unique_key`.")
        .without("`strategy.unique_key`")
        .example("[customer_id]"),
    key(
        "format",
        Choice(&[
            word(
                "v1",
                "One field: its text without quotes, or its integer's digits. Several: a compact JSON array in the \
                 order of `unique_key`.",
            ),
            word("dpone", "Values joined by `|`, as dpone 0.88 writes them."),
        ]),
        "Bytes of the key. It is a contract with consumers: a pipeline that changes it is refused (exit 31).",
    )
    .default("v1")
    .example("dpone"),
];

static TOPIC_CONFIG: &[Key] = &[
    key("create", Flag, "Create the topic if it is missing.").default("false").example("true"),
    key("partitions", Integer(1, 100_000), "Number of partitions.").without("the broker's default").example("6"),
    key("replication_factor", Integer(1, 100), "Number of replicas of each partition.")
        .without("the broker's default")
        .example("3"),
    key("configs", Pairs(false), "Topic configuration by Kafka's names.")
        .without("the broker's defaults")
        .example("{ cleanup.policy: compact, retention.ms: -1 }"),
];

static DELIVERY: &[Key] = &[
    key(
        "mode",
        Choice(&[
            word(
                "at_least_once",
                "No row is lost; after a crash some may come twice, with the same key and the same bytes.",
            ),
            word(
                "idempotent",
                "The same promise today: the producer is idempotent and demands `acks=all` in either mode.",
            ),
            word("exactly_once", "Transactions.").later(),
        ]),
        "The promise of delivery.",
    )
    .default("at_least_once")
    .example("idempotent"),
    key(
        "compression_type",
        Choice(&[word("none", ""), word("gzip", ""), word("snappy", ""), word("lz4", ""), word("zstd", "")]),
        "Compression of batches: librdkafka's `compression.type`.",
    )
    .default("none")
    .example("zstd"),
    key("linger_ms", Integer(0, 900_000), "How long a batch waits for more messages: librdkafka's `linger.ms`.")
        .default("5")
        .example("20"),
    key("batch_num_messages", Integer(1, 1_000_000), "Most messages of a batch: librdkafka's `batch.num.messages`.")
        .without("librdkafka's default, 10000")
        .example("50000"),
    key(
        "request_timeout_ms",
        Integer(1, 900_000),
        "How long the broker may take to acknowledge a request: librdkafka's `request.timeout.ms`.",
    )
    .without("librdkafka's default, 30000")
    .example("60000"),
    key("flush_timeout", PositiveDuration, "How long the last messages may take after the last one was handed over.")
        .default("30s")
        .example("2m"),
];

static DELETES: &[Key] = &[
    key("enabled", Flag, "Whether a record may delete.").default("false").only_default().example("false"),
    key("tombstone", Flag, "Whether a deletion is a message without a value.").default("false").example("false"),
    key("op_field", Text, "Field of a record that names the operation.").default("__dpone__op").example("__dpone__op"),
];

static SCHEMA_REGISTRY: &[Key] = &[
    key("enabled", Flag, "Whether schemas are looked up in a registry.")
        .default("false")
        .only_default()
        .example("false"),
    key("url", Text, "Address of the registry.").without("no registry").example("\"https://registry.example.com\""),
    key("auto_register_schemas", Flag, "Whether a run may register a schema.").default("false").example("false"),
    key(
        "subject_name_strategy",
        Choice(&[word("topic", ""), word("record", ""), word("topic_record", "")]),
        "How a subject of the registry is named.",
    )
    .default("topic")
    .example("topic"),
];
