//! Fields whose values are of kinds that no type joins: said from the first load on, and held to.

use dpone_harness::{GUIDE, PageServer, Stand, Workspace, components};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// An API with a page for each value: the field `v` of its one row.
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
        let summary = workspace.dpone(&["run", "guide.yaml", "--profile", "test"]).stdout;
        assert_eq!(summary.contains("mixed fields: `v` ("), !says.is_empty(), "{summary}");
        assert_eq!(report["mixed"][0]["field"].as_str(), (!says.is_empty()).then_some("v"), "{report}");
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

/// Slices have rows of state of their own; a field that is new in one of them must fit the others, too.
#[test]
fn slices_that_disagree_are_found() {
    let values: Arc<Mutex<[&str; 2]>> = Arc::new(Mutex::new(["", ""]));
    let shown = values.clone();
    let server = PageServer::start(move |target| {
        let [seven, eight] = *shown.lock().unwrap();
        let child = |id: u32, more: &str| format!("{{\"data\":{{\"items\":[{{\"order_id\":{id}{more}}}]}}}}");
        let body = match target {
            "/customers" => r#"{"parents":[{"id":7},{"id":8}],"more":false}"#.to_owned(),
            "/orders?customer=7" => child(7, seven),
            _ => child(8, eight),
        };
        body.into_bytes()
    });
    let stand = Stand::small();
    let workspace = stand.workspace_with_api(&server.base_url());
    std::fs::copy(components::PARENTS, workspace.path().join("parents.wasm")).unwrap();
    let (before, rest) = GUIDE.split_once("    pagination:\n").unwrap();
    let (_, after) = rest.split_once("\nsink:\n").unwrap();
    let slices = "    slices:\n      uses: ./parents.wasm\n      with: { path: /customers, param: customer }\n      \
                  grants: { paths: [/customers] }\n\nsink:\n";
    workspace.write("guide.yaml", format!("{before}{slices}{after}").replace("incremental_merge", "full_refresh"));
    run(&workspace).expect_exit(0);

    *values.lock().unwrap() = [",\"v\":1", ",\"v\":\"x\""];
    let says = ["slice parent-8", "DP0601", "the field `v` was integer and is now string: page 1, record 0"];
    run(&workspace).expect_exit(22).expect_error(&says);
    assert_eq!(workspace.topic("dwh.orders", "test").len(), 3, "the second slice is not published again");
}
