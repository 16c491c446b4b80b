//! The manifest's language as JSON Schema (draft 2020-12), for editors.
//!
//! It describes keys, types and choices. What spans several keys (a strategy that needs a
//! boundary, two spellings of one key) only `check` judges.

mod plugins;

use crate::sink::MODES;
use dpone_model::plugin::PluginKind;
use plugins::plugin;
use serde_json::{Map, Value, json};

/// The schema of a whole manifest.
pub fn json_schema() -> Value {
    let mut root = object(
        "A dpone manifest: one REST API, loaded into one Kafka topic.",
        &["name", "source", "sink"],
        vec![
            ("name", text("Name of the pipeline; its state and its runs go by it.")),
            ("source", source()),
            ("transforms", list("Applied in order.", plugin(PluginKind::Transform, &[]))),
            ("sink", sink()),
            ("state", state()),
            ("quality", quality()),
            ("observability", observability()),
            ("journal", journal()),
            (
                "resume",
                block("Resuming a run.", vec![("max_age", duration("A journal older than this is not resumed."))]),
            ),
            (
                "diagnostics",
                block(
                    "What messages show.",
                    vec![(
                        "values",
                        choice("Whether they may quote values of rows; default masked.", &["masked", "shown"]),
                    )],
                ),
            ),
            ("type_inference", type_inference()),
            ("schema_contract", json!({ "type": "object", "description": "Not yet." })),
        ],
    );
    if let Some(root) = root.as_object_mut() {
        root.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".into(), json!("dpone manifest"));
    }
    root
}

fn object(about: &str, required: &[&str], properties: Vec<(&str, Value)>) -> Value {
    let properties: Map<String, Value> = properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut schema = json!({
        "type": "object", "description": about, "additionalProperties": false, "properties": properties
    });
    if let (false, Some(schema)) = (required.is_empty(), schema.as_object_mut()) {
        schema.insert("required".into(), json!(required));
    }
    schema
}

fn block(about: &str, properties: Vec<(&str, Value)>) -> Value {
    object(about, &[], properties)
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "description": about })
}

fn flag(about: &str) -> Value {
    json!({ "description": about, "anyOf": [{ "type": "boolean" }, reference()] })
}

fn matching(about: &str, pattern: &str) -> Value {
    json!({ "description": about, "anyOf": [{ "type": "string", "pattern": pattern }, reference()] })
}

/// Text that names a variable, which may stand wherever a value stands.
fn reference() -> Value {
    json!({ "type": "string", "pattern": r"\$\{|\{\{" })
}

fn integer(about: &str, least: u64) -> Value {
    json!({ "description": about, "anyOf": [{ "type": "integer", "minimum": least }, reference()] })
}

fn duration(about: &str) -> Value {
    json!({ "type": ["number", "string"], "description": format!("{about} Seconds, or `500ms`, `30s`, `5m`, `2h`, `1d`.") })
}

fn size(about: &str) -> Value {
    json!({ "type": ["integer", "string"], "description": format!("{about} Bytes, or `64MiB`, `20GB`.") })
}

fn choice(about: &str, names: &[&str]) -> Value {
    json!({ "description": about, "anyOf": [{ "enum": names }, reference()] })
}

fn list(about: &str, items: Value) -> Value {
    json!({ "type": "array", "description": about, "items": items })
}

fn names(about: &str) -> Value {
    json!({ "description": about, "oneOf": [
        { "type": "string", "minLength": 1 },
        { "type": "array", "minItems": 1, "uniqueItems": true, "items": { "type": "string", "minLength": 1 } }
    ] })
}

fn pairs(about: &str) -> Value {
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    let values = json!({ "anyOf": [scalar, { "type": "array", "items": scalar }] });
    json!({ "type": "object", "description": about, "additionalProperties": values })
}

fn cursor(about: &str) -> Value {
    json!({ "type": ["string", "number"], "description": format!("{about} An RFC 3339 timestamp, a date or a number.") })
}

fn connection(mut properties: Vec<(&'static str, Value)>) -> Vec<(&'static str, Value)> {
    properties.extend([
        ("connection_id", text("Looked up in the profile, then as connection_type says.")),
        ("connection_type", choice("Where the connection is defined; default env.", &["env", "file", "vault"])),
        ("vault_mount_point", text("KV v2 mount; default `secret`.")),
        ("vault_path", text("Path below the mount; default the connection's id.")),
        ("connection_file", text("YAML file of connections; default `.dpone/connections.yaml`.")),
    ]);
    properties
}

fn source() -> Value {
    let options = block(
        "The request and how its pages follow one another.",
        vec![
            ("api_type", choice("Default rest.", &["rest"])),
            ("method", choice("Default GET.", &["GET", "POST", "PUT", "PATCH", "get", "post", "put", "patch"])),
            ("url", text("Absolute, or a path that is joined to the connection's base_url.")),
            ("endpoint", text("0.88: what `path` is joined to.")),
            ("path", text("0.88: joined to `endpoint`.")),
            ("params", pairs("Query parameters; a list repeats the name.")),
            ("json", json!({ "description": "JSON body of the request." })),
            ("body", text("Body of the request, as it is.")),
            ("headers", pairs("HTTP headers; credentials come from the connection.")),
            (
                "records_path",
                json!({ "type": "string", "description": "Dotted path of the records; `.` or empty is the root." }),
            ),
            ("timeout", duration("One attempt in all; default 60 s.")),
            (
                "timeouts",
                block(
                    "Parts of an attempt.",
                    vec![
                        ("connect_ms", integer("Default 10000.", 1)),
                        ("read_ms", integer("Between two reads; default 30000.", 1)),
                    ],
                ),
            ),
            (
                "retry",
                block(
                    "Retries with back-off and jitter.",
                    vec![
                        ("max_attempts", integer("The first one included; default 5.", 1)),
                        ("base_ms", integer("First pause; default 500.", 1)),
                        ("max_ms", integer("Longest pause; default 30000.", 1)),
                        ("max_elapsed", duration("Over all attempts; default 60 s.")),
                        ("max_retry_after", duration("Longest Retry-After that is waited for; default 300 s.")),
                    ],
                ),
            ),
            ("max_page_bytes", size("Decoded bytes of a page; default 64 MiB.")),
            (
                "allow_origins",
                list("Origins that server-given URLs may lead to, without credentials.", text("Scheme and host.")),
            ),
            (
                "staging",
                choice(
                    "slice (default): all is judged before the first message; none: pages stream.",
                    &["slice", "none"],
                ),
            ),
            (
                "pagination",
                plugin(
                    PluginKind::Extractor,
                    &[
                        ("max_pages", integer("Reaching it is an error unless on_max_pages is stop.", 1)),
                        ("on_max_pages", choice("Default error.", &["error", "fail", "stop"])),
                        ("max_empty_pages", integer("Empty pages in a row; default 10.", 0)),
                    ],
                ),
            ),
            ("incremental", incremental()),
            ("slices", plugin(PluginKind::Slicer, &[])),
            ("signer", plugin(PluginKind::Signer, &[])),
        ],
    );
    let properties = connection(vec![("type", choice("The kind of source.", &["api"])), ("options", options)]);
    object("Where the rows come from.", &["type", "connection_id", "options"], properties)
}

fn incremental() -> Value {
    object(
        "The boundary of a run.",
        &["cursor_field"],
        vec![
            ("cursor_field", text("Top-level field that grows with each change.")),
            ("start", cursor("Inclusive lower bound of the first run.")),
            ("end", cursor("Exclusive upper bound.")),
            ("lookback", duration("How far behind the watermark a run starts.")),
            ("safety_lag", duration("How far behind the newest row the watermark stays.")),
            ("param", text("Request parameter of the lower bound; without it every page is fetched.")),
            ("end_param", text("Request parameter of the upper bound.")),
            (
                "format",
                choice("How bounds are written into parameters.", &["rfc3339", "as_is", "date", "epoch", "epoch_ms"]),
            ),
            ("order", choice("Order of the source; descending allows an early stop.", &["ascending", "descending"])),
        ],
    )
}

fn sink() -> Value {
    let properties = connection(vec![
        ("type", choice("The kind of sink.", &["kafka"])),
        ("topic", matching("The topic.", "^[A-Za-z0-9._-]{1,249}$")),
        (
            "strategy",
            object(
                "What a run means for the topic.",
                &["mode"],
                vec![
                    ("mode", choice("The load strategy.", MODES)),
                    ("unique_key", names("The record's key field, or several.")),
                    ("merge_policy", choice("How a merge is told to consumers.", &["event_upsert"])),
                    (
                        "duplicate_policy",
                        choice("What repeats of a key mean; default allow.", &["fail", "last", "first", "allow"]),
                    ),
                    (
                        "finalize",
                        choice(
                            "Default append; the others are not yet supported.",
                            &["append", "tombstone", "truncate"],
                        ),
                    ),
                    ("custom_predicate", json!({ "description": "Not yet." })),
                    ("window", json!({ "description": "Not yet." })),
                ],
            ),
        ),
        ("options", sink_options()),
    ]);
    object("Where the rows go.", &["type", "connection_id", "topic", "strategy"], properties)
}

fn sink_options() -> Value {
    block(
        "Messages and their delivery.",
        vec![
            ("message_format", choice("Default json.", &["json", "avro", "json_schema", "protobuf"])),
            ("envelope", choice("Default flat.", &["flat", "dpone", "debezium", "cloudevents"])),
            (
                "key",
                block(
                    "What the message key is made of.",
                    vec![
                        (
                            "mode",
                            json!({ "enum": ["unique_key", "hash_row", "null", null], "description": "Default unique_key where there is one, else null." }),
                        ),
                        ("fields", names("Fields of the key, instead of strategy.unique_key.")),
                        ("format", choice("Bytes of the key; default v1.", &["v1", "dpone"])),
                    ],
                ),
            ),
            (
                "partitioner",
                choice(
                    "Default murmur2_random, as in Java's clients.",
                    &[
                        "murmur2_random",
                        "murmur2",
                        "consistent",
                        "consistent_random",
                        "random",
                        "fnv1a",
                        "fnv1a_random",
                    ],
                ),
            ),
            ("headers", pairs("Kafka headers of every message.")),
            (
                "topic_config",
                block(
                    "The topic, where it is created.",
                    vec![
                        ("create", flag("Create it if it is missing; default false.")),
                        ("partitions", integer("Number of partitions.", 1)),
                        ("replication_factor", integer("Number of replicas.", 1)),
                        ("configs", pairs("Topic configuration, such as cleanup.policy.")),
                    ],
                ),
            ),
            (
                "queue_max_bytes",
                size("Memory for messages that wait in the producer, its bookkeeping included; default 32 MiB."),
            ),
            ("connect_timeout_ms", integer("Default 10000.", 1)),
            ("librdkafka", pairs("Raw librdkafka options.")),
            (
                "delivery",
                block(
                    "The producer.",
                    vec![
                        ("mode", choice("Default at_least_once.", &["at_least_once", "idempotent", "exactly_once"])),
                        ("compression_type", choice("Default none.", &["none", "gzip", "snappy", "lz4", "zstd"])),
                        ("linger_ms", integer("Default 5.", 0)),
                        ("batch_num_messages", integer("Most messages a batch.", 1)),
                        ("request_timeout_ms", integer("Of one produce request.", 1)),
                        ("flush_timeout", duration("For the last messages; default 30 s.")),
                    ],
                ),
            ),
            (
                "deletes",
                block(
                    "Not yet.",
                    vec![
                        ("enabled", flag("Default false.")),
                        ("tombstone", flag("Default false.")),
                        ("op_field", text("Default __dpone__op.")),
                    ],
                ),
            ),
            (
                "schema_registry",
                block(
                    "Not yet.",
                    vec![
                        ("enabled", flag("Default false.")),
                        ("url", text("The registry.")),
                        ("auto_register_schemas", flag("Default false.")),
                        ("subject_name_strategy", choice("Default topic.", &["topic", "record", "topic_record"])),
                    ],
                ),
            ),
        ],
    )
}

fn state() -> Value {
    let identifier = |about: &str| matching(about, "^[A-Za-z_][A-Za-z0-9_]{0,62}$");
    let properties = connection(vec![
        ("type", choice("Default sqlite.", &["sqlite", "postgres", "disabled", "kafka"])),
        (
            "table",
            block(
                "Created if it is missing.",
                vec![("schema", identifier("Default etl_state.")), ("name", identifier("Default dpone_state."))],
            ),
        ),
    ]);
    block("Where the position of the pipeline is kept; without it SQLite under `.dpone/`.", properties)
}

fn quality() -> Value {
    block(
        "Checks.",
        vec![
            ("mode", choice("Whether a failed check ends the run; default fail.", &["fail", "warn"])),
            ("on_empty_boundary", choice("Whether a run without rows is judged; default judge.", &["judge", "pass"])),
            (
                "checks",
                list(
                    "Judged before publication where that is possible.",
                    plugin(
                        PluginKind::Check,
                        &[
                            ("id", text("Name in reports; default the type.")),
                            ("severity", choice("Default error.", &["error", "warning"])),
                            (
                                "when",
                                choice("Default as early as the check can.", &["before_publish", "after_delivery"]),
                            ),
                        ],
                    ),
                ),
            ),
        ],
    )
}

fn observability() -> Value {
    block(
        "What a run leaves behind.",
        vec![(
            "artifacts",
            block(
                "The run artifact.",
                vec![
                    ("enabled", flag("Default true.")),
                    ("path", text("Relative to the working directory; default `.dpone/runs/NAME`.")),
                ],
            ),
        )],
    )
}

fn journal() -> Value {
    block(
        "The page journal.",
        vec![
            (
                "keep",
                json!({ "type": ["string", "number"], "description": "`until_verified` (default) or a duration." }),
            ),
            ("max_bytes", size("Default 20 GiB.")),
        ],
    )
}

fn type_inference() -> Value {
    block(
        "Only the defaults are supported yet.",
        vec![
            ("enabled", flag("Default true.")),
            ("prefer_source_metadata", flag("Default true.")),
            ("sample_rows", integer("Default 10000; every record is looked at.", 1)),
            ("confidence_threshold", json!({ "type": "number", "description": "Default 0.98." })),
            ("empty_string_is_null", flag("Default false.")),
            ("conflict_policy", choice("Default fail.", &["fail", "variant_column", "quarantine"])),
        ],
    )
}
