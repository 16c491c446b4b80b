//! Fields whose values are of kinds that no type joins: said from the first load on, and held to.

use dpone_harness::{GUIDE, PageServer, Stand, Workspace};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// An API of one page a value: `v` of row 1, 2, …; a second value makes a row's field `w`.
struct Api {
    server: PageServer,
    values: Arc<Mutex<Vec<String>>>,
}

impl Api {
    fn start() -> Self {
        let values: Arc<Mutex<Vec<String>>> = Arc::default();
        let shown = values.clone();
        let server = PageServer::start(move |target| {
            let values = shown.lock().unwrap();
            let page: usize = target.rsplit_once("cursor=").map_or(0, |(_, page)| page.parse().unwrap());
            let next = if page + 1 < values.len() { format!("\"{}\"", page + 1) } else { "null".to_owned() };
            let value = &values[page];
            let row = format!("{{\"order_id\":{page},\"updated_at\":\"2026-01-02T00:00:00Z\",\"v\":{value}}}");
            format!("{{\"data\":{{\"items\":[{row}],\"next_cursor\":{next}}}}}").into_bytes()
        });
        Self { server, values }
    }

    fn serves(&self, values: &[&str]) {
        *self.values.lock().unwrap() = values.iter().map(|value| (*value).to_owned()).collect();
    }
}

/// A full load each time, so that each run sees all values.
fn workspace(stand: &Stand, api: &Api, inference: &str) -> Workspace {
    let workspace = stand.workspace_with_api(&api.server.base_url());
    let manifest = GUIDE.replace("mode: incremental_merge", "mode: full_refresh");
    let boundary = "    incremental:\n      cursor_field: updated_at\n      start: \"2026-01-01T00:00:00Z\"\n";
    assert!(manifest.contains(boundary));
    workspace.write("guide.yaml", manifest.replace(boundary, "") + inference);
    workspace
}

fn run(workspace: &Workspace) -> dpone_harness::Ran {
    workspace.dpone(&["run", "guide.yaml", "--profile", "test", "--format", "json"])
}

fn schema(workspace: &Workspace, report: &Value) -> Value {
    let folder = workspace.path().join(".dpone/runs/api_to_kafka").join(report["run_id"].as_str().unwrap());
    serde_json::from_slice(&std::fs::read(folder.join("schema.json")).unwrap()).unwrap()
}

#[test]
fn a_mixed_field_is_warned_of_with_an_example_of_each_kind() {
    let (stand, api) = (Stand::small(), Api::start());
    for (values, says) in [
        (
            &["1", "\"x\""][..],
            "the field `v` is mixed: integer at page 1, record 0 (1); string at page 2, record 0 (\\\"x\\\")",
        ),
        (
            &["{\"a\":1}", "null", "\"x\""],
            "string at page 3, record 0 (\\\"x\\\"); object at page 1, record 0 ({\\\"a\\\":1})",
        ),
        (&["true", "1.5"], "boolean at page 1, record 0 (true); decimal at page 2, record 0 (1.5)"),
        (&["1", "1.5", "null"], ""),
    ] {
        api.serves(values);
        let workspace = workspace(&stand, &api, "");
        let ran = run(&workspace);
        let report = ran.expect_exit(0).json();
        let warnings = report["warnings"].to_string();
        assert_eq!(warnings.contains("is mixed"), !says.is_empty(), "{values:?} {warnings}");
        assert!(warnings.contains(says), "{values:?} {warnings}");
        ran.expect_error(&[&says.replace("\\\"", "\"")]);
        let schema = schema(&workspace, &report);
        assert_eq!(schema["mixed"].as_array().unwrap().len(), usize::from(!says.is_empty()), "{schema}");
    }
}

/// Outside of `local` a warning names records and keeps their values to itself.
#[test]
fn values_are_masked_outside_of_local() {
    let (stand, api) = (Stand::small(), Api::start());
    api.serves(&["12345", "\"s3cret\""]);
    let mut workspace = workspace(&stand, &api, "");
    let manifest = std::fs::read_to_string(workspace.path().join("guide.yaml")).unwrap();
    let manifest = manifest
        .replace("vault", "env")
        .replace("    envelope: flat\n", "    envelope: flat\n    topic_config: { create: true }\n");
    let state = "  type: postgres\n  connection_id: postgres_state\n";
    workspace.write("guide.yaml", manifest.replace(state, "  type: sqlite\n"));
    workspace.set("DPONE_CONN_EXAMPLE_API_BASE_URL", &api.server.base_url());
    workspace.set("DPONE_CONN_KAFKA_CLUSTER_BOOTSTRAP_SERVERS", stand.bootstrap());
    let ran = workspace.dpone(&["run", "guide.yaml", "--format", "json"]);
    ran.expect_exit(0).expect_error(&["integer at page 1, record 0; string at page 2, record 0"]);
    assert!(!ran.stderr.contains("12345") && !ran.stdout.contains("s3cret"), "{} {}", ran.stderr, ran.stdout);
}

#[test]
fn a_kind_that_a_mixed_field_did_not_have_is_a_breaking_change() {
    let (stand, api) = (Stand::small(), Api::start());
    let workspace = workspace(&stand, &api, "");
    api.serves(&["1", "\"x\""]);
    run(&workspace).expect_exit(0);
    api.serves(&["\"y\"", "1.5"]);
    run(&workspace).expect_exit(0);
    api.serves(&["1", "\"x\"", "true"]);
    let says = ["DP0601", "the field `v` was mixed (decimal, string) and is now boolean: page 3, record 0"];
    run(&workspace).expect_exit(22).expect_error(&says);
    assert_eq!(workspace.topic("dwh.orders", "test").len(), 4, "nothing of the third run");
    let plan = workspace.dpone(&["plan", "guide.yaml", "--profile", "test"]);
    assert!(plan.expect_exit(0).stdout.contains("`v` mixed (decimal, string)"), "{}", plan.stdout);
}

#[test]
fn conflict_policy_fail_ends_the_run_before_publication() {
    let (stand, api) = (Stand::small(), Api::start());
    let workspace = workspace(&stand, &api, "type_inference: { conflict_policy: fail }\n");
    api.serves(&["1", "{}", "2"]);
    let ran = run(&workspace);
    ran.expect_exit(22).expect_error(&["DP0602", "integer at page 1, record 0", "object at page 2, record 0"]);
    assert_eq!(ran.json()["rows"]["published"], 0);
    api.serves(&["1", "1.5", "null"]);
    run(&workspace).expect_exit(0);
    assert_eq!(workspace.topic("dwh.orders", "test").len(), 3);
}

/// Slices have rows of state of their own; what one of them knows holds for the others.
#[test]
fn slices_that_disagree_are_found() {
    let server = PageServer::start(|target| {
        let (value, time) =
            if target.contains("from=2026-01-01T00%3A00") { ("1", "00:00:01") } else { ("\"x\"", "00:10:01") };
        format!("{{\"data\":{{\"items\":[{{\"order_id\":1,\"updated_at\":\"2026-01-01T{time}Z\",\"v\":{value}}}]}}}}")
            .into_bytes()
    });
    let stand = Stand::small();
    let workspace = stand.workspace_with_api(&server.base_url());
    let manifest = GUIDE.replace(
        "      start: \"2026-01-01T00:00:00Z\"\n",
        "      start: \"2026-01-01T00:00:00Z\"\n      end: \"2026-01-01T00:20:00Z\"\n      param: from\n      end_param: to\n",
    );
    let slices = "    slices: { type: windows, step: 10m }\n    incremental:\n";
    workspace.write("guide.yaml", manifest.replace("    incremental:\n", slices));
    let says = ["slice 2026-01-01T00:10:00Z", "the field `v` was integer and is now string: page 1, record 0"];
    run(&workspace).expect_exit(22).expect_error(&says);
    assert_eq!(workspace.topic("dwh.orders", "test").len(), 1, "the first slice alone is loaded");
}
