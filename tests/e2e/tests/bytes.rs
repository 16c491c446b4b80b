//! A consumer reads the bytes that the source wrote: values are never decoded and written anew.

use dpone_harness::{GUIDE, PageServer, Stand, Workspace};
use serde_json::{Value, json};

/// Records as a source may write them; each is one that a float, a map or a re-serialization would
/// change.
const RECORDS: [&str; 12] = [
    r#"{"order_id":1,"updated_at":"2026-01-01T00:00:01Z","big":9223372036854775808,"amount":1.10}"#,
    r#"{"order_id":2,"updated_at":"2026-01-01T00:00:02Z","digits":123456789012345678901234567890}"#,
    r#"{"order_id":3,"updated_at":"2026-01-01T00:00:03Z","huge":1E400,"tiny":1e-400,"zero":-0.0,"plus":1e+2}"#,
    r#"{"order_id":4,"updated_at":"2026-01-01T00:00:04Z","text":"\u00e9\/\b\f\n\r\t\"\\ \ud83d\ude00 \u0000"}"#,
    r#"{"order_id":5,"updated_at":"2026-01-01T00:00:05Z","note":1,"note":2,"note":"three"}"#,
    r#"{"order_id":6,"updated_at":"2026-01-01T00:00:06Z","Ünï":"Zürich 東京 😀  ","":"an empty name"}"#,
    "{ \"order_id\" : 7 ,\t\"updated_at\":\"2026-01-01T00:00:07Z\", \"space\" : [ 1 , { } , [ ] ] }",
    r#"{"updated_at":"2026-01-01T00:00:08Z","nested":{"b":[1.0,{"a":null}],"a":true},"order_id":8}"#,
    r#"{"order\u005fid":9,"\u0075pdated_at":"2026-01-01T00:00:09Z","escaped names":true}"#,
    r#"{"order_id":10,"updated_at":"2026-01-01T01:00:10.000000001+01:00","lone":"\ud800"}"#,
    r#"{"order_id":18446744073709551616,"updated_at":"2026-01-01T00:00:11Z"}"#,
    r#"{"order_id":"a\"b\u00e9|,","updated_at":"2026-01-01T00:00:12Z"}"#,
];

/// Keys of [`RECORDS`] under `unique_key: order_id`.
const KEYS: [&str; 12] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "18446744073709551616", "a\"bé|,"];

/// A server with these records on two pages, the first one spread over lines.
fn serve(records: &'static [&'static str]) -> PageServer {
    PageServer::start(move |target| {
        let (first, second) = records.split_at(records.len() / 2);
        let body = match target.contains("cursor=two") {
            false => format!("{{\"data\": {{\n \"items\": [\n{}\n ], \"next_cursor\": \"two\"}}}}", first.join(",\n")),
            true => format!("{{\"data\":{{\"next_cursor\":null,\"items\":[{}]}}}}", second.join(",")),
        };
        body.into_bytes()
    })
}

/// The guide's manifest with these texts in the place of others.
#[track_caller]
fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(GUIDE.to_owned(), |manifest, (from, to)| {
        assert!(manifest.contains(from), "`{from}` is not in the manifest");
        manifest.replace(from, to)
    })
}

/// Runs a manifest against a topic of its own, and returns keys and values as they stand there.
#[track_caller]
fn load(workspace: &Workspace, topic: &str, edits: &[(&str, &str)]) -> Vec<(Value, String)> {
    let name = format!("name: {}", topic.replace('.', "_"));
    let manifest = edited(edits).replace("dwh.orders", topic).replace("name: api_to_kafka_example", &name);
    workspace.write("guide.yaml", manifest);
    workspace.dpone(&["run", "guide.yaml", "--profile", "test"]).expect_exit(0);
    messages(workspace, topic)
}

fn messages(workspace: &Workspace, topic: &str) -> Vec<(Value, String)> {
    let topic = workspace.topic(topic, "test");
    topic.iter().map(|message| (message["key"].clone(), message["value"].as_str().unwrap().to_owned())).collect()
}

#[track_caller]
fn assert_values(messages: &[(Value, String)], expected: &[&str]) {
    let values: Vec<_> = messages.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, expected);
}

const MERGE: &str = "    mode: incremental_merge
    unique_key: order_id
    merge_policy: event_upsert
    duplicate_policy: fail";

#[test]
fn values_are_the_sources_bytes() {
    let (stand, server) = (Stand::small(), serve(&RECORDS));
    let workspace = stand.workspace_with_api(&server.base_url());
    let messages = load(&workspace, "bytes.flat", &[]);
    assert_values(&messages, &RECORDS);
    let keys: Vec<_> = messages.iter().map(|(key, _)| key.as_str().unwrap()).collect();
    assert_eq!(keys, KEYS);

    // A transform that drops records splices nothing into those that stay.
    let filter = "name: api_to_kafka_example\ntransforms:\n  - { type: filter, field: huge, op: exists }\n";
    let tolerance = ("tolerance_pct: 0.1", "tolerance_pct: 100");
    let messages = load(&workspace, "bytes.filtered", &[("name: api_to_kafka_example\n", filter), tolerance]);
    assert_values(&messages, &RECORDS[2..3]);

    // One that edits a field leaves the others as they stand.
    let rename = "name: api_to_kafka_example\ntransforms:\n  - { type: rename, fields: { big: large } }\n";
    let messages = load(&workspace, "bytes.renamed", &[("name: api_to_kafka_example\n", rename)]);
    let renamed = RECORDS[0].replace("\"big\"", "\"large\"");
    assert_values(&messages[..5], &[&renamed, RECORDS[1], RECORDS[2], RECORDS[3], RECORDS[4]]);
}

#[test]
fn the_envelope_is_spliced_around_the_same_bytes() {
    let (stand, server) = (Stand::small(), serve(&RECORDS));
    let workspace = stand.workspace_with_api(&server.base_url());
    let messages = load(&workspace, "bytes.wrapped", &[("envelope: flat", "envelope: dpone")]);
    assert_eq!(messages.len(), RECORDS.len());
    for ((key, value), (record, expected_key)) in messages.iter().zip(RECORDS.iter().zip(KEYS)) {
        assert_eq!(key, expected_key);
        let head =
            format!("{{\"op\":\"upsert\",\"data\":{record},\"metadata\":{{\"strategy\":\"incremental_merge\"}},");
        assert!(value.starts_with(&head), "{value}");
        assert!(value.ends_with(",\"schema_version\":1}"), "{value}");
    }
}

#[test]
fn keys_of_every_mode() {
    const ROWS: [&str; 3] = [
        r#"{"b": 1.10, "a":"x|y", "n":-7,"updated_at":"2026-01-01T00:00:01Z"}"#,
        r#"{"updated_at":"2026-01-01T00:00:01Z","n":30000000000000000000000000000000,"a":"é\"\u000a","b":{"z":1, "y":[ 1 ]}}"#,
        r#"{"a":"","n":0,"updated_at":"2026-01-01T00:00:02Z"}"#,
    ];
    let (stand, server) = (Stand::small(), serve(&ROWS));
    let workspace = stand.workspace_with_api(&server.base_url());
    let composite = ("unique_key: order_id", "unique_key: [n, a]");
    let cases: [(&str, &[(&str, &str)], [Value; 3]); 4] = [
        (
            "keys.composite",
            &[composite],
            [json!("[-7,\"x|y\"]"), json!("[30000000000000000000000000000000,\"é\\\"\\n\"]"), json!("[0,\"\"]")],
        ),
        (
            "keys.joined",
            &[composite, ("mode: unique_key\n", "mode: unique_key\n      format: dpone\n")],
            [json!("-7|x|y"), json!("30000000000000000000000000000000|é\"\n"), json!("0|")],
        ),
        (
            "keys.hash",
            &[(MERGE, "    mode: incremental_append"), ("mode: unique_key\n", "mode: hash_row\n")],
            [
                json!("e1ccb47a8fcb7996a2d2e1d6a9af4e7421aa206314f2da87fcc7f5c4d3ca3a5a"),
                json!("69d801205005b259c4605a78d31c65c886ac59cdeaad6d16f472031342bd9cc3"),
                json!("0e1006e52711f338e3f732e410c6b5630cfd5f375b210e1d667fdaeb725f7b65"),
            ],
        ),
        (
            "keys.none",
            &[(MERGE, "    mode: incremental_append"), ("mode: unique_key\n", "mode: \"null\"\n")],
            [Value::Null, Value::Null, Value::Null],
        ),
    ];
    for (topic, edits, expected) in cases {
        let messages = load(&workspace, topic, edits);
        assert_values(&messages, &ROWS);
        let keys: Vec<_> = messages.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, expected, "{topic}");
    }
}

/// `\ud83d` and `\ud83e` have no bytes, and a stand-in would make one key of two rows.
#[test]
fn a_key_that_has_no_bytes_is_refused_with_its_record() {
    const ROWS: [&str; 2] = [
        r#"{"order_id":"x\ud83d","updated_at":"2026-01-01T00:00:01Z"}"#,
        r#"{"order_id":"x\ud83e","updated_at":"2026-01-01T00:00:02Z"}"#,
    ];
    let (stand, server) = (Stand::small(), serve(&ROWS));
    let workspace = stand.workspace_with_api(&server.base_url());
    workspace.write("guide.yaml", GUIDE);
    let ran = workspace.dpone(&["run", "guide.yaml", "--profile", "test"]);
    ran.expect_exit(30).expect_error(&["DP0707", "`order_id` holds half of a surrogate pair", "page 1", "record 0"]);

    // Rows as they stand are told apart.
    let edits = [(MERGE, "    mode: incremental_append"), ("mode: unique_key\n", "mode: hash_row\n")];
    let messages = load(&workspace, "keys.halves", &edits);
    assert_values(&messages, &ROWS);
    assert_ne!(messages[0].0, messages[1].0);
}

#[test]
fn modes_without_a_key() {
    let (stand, server) = (Stand::small(), serve(&RECORDS));
    let workspace = stand.workspace_with_api(&server.base_url());
    let no_key = ("    key:\n      mode: unique_key\n", "");
    let append = [
        (MERGE, "    mode: incremental_append"),
        no_key,
        ("  mode: fail\n", "  mode: fail\n  on_empty_boundary: pass\n"),
    ];
    assert_values(&load(&workspace, "modes.append", &append), &RECORDS);
    // The second run sees the rows of the watermark again, and knows them.
    let again = load(&workspace, "modes.append", &append);
    assert_values(&again, &RECORDS);
    assert!(again.iter().all(|(key, _)| key.is_null()));

    // A refresh publishes the snapshot each time.
    let boundary = "    incremental:\n      cursor_field: updated_at\n      start: \"2026-01-01T00:00:00Z\"\n";
    let refresh = [(MERGE, "    mode: full_refresh"), no_key, (boundary, "")];
    assert_values(&load(&workspace, "modes.refresh", &refresh), &RECORDS);
    let twice = load(&workspace, "modes.refresh", &refresh);
    assert_values(&twice[..RECORDS.len()], &RECORDS);
    assert_values(&twice[RECORDS.len()..], &RECORDS);
}
