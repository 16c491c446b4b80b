//! The fault matrix: an API, a broker, a state store or a manifest that is not what it should be.
//!
//! Every case runs the real binary and asserts the exit code, the error's code and place, what is in
//! the topic, and that state did not move.

use dpone_harness::{GUIDE, Ran, Stand, Workspace};
use dpone_local::{DemoOptions, Fault, FaultKind};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// One row of the matrix: a fault of the API under the guide's manifest, 30 rows on three pages.
struct Case {
    name: &'static str,
    faults: Vec<Fault>,
    /// Edits of the guide's manifest: what stands there, and what is put in its place.
    edits: &'static [(&'static str, &'static str)],
    exit: i32,
    /// Texts that the error must hold: its code, its place, its particulars.
    says: &'static [&'static str],
    /// Messages in the topic afterwards.
    messages: usize,
}

fn case(name: &'static str, faults: Vec<Fault>, exit: i32, says: &'static [&'static str], messages: usize) -> Case {
    Case { name, faults, edits: &[], exit, says, messages }
}

/// Retries that do not make the tests wait.
const QUICK_RETRIES: (&str, &str) =
    ("    records_path: data.items\n", "    records_path: data.items\n    retry: { base_ms: 5, max_ms: 20 }\n");

fn api_faults() -> Vec<Case> {
    let status = |status| FaultKind::Status { status, retry_after: None };
    vec![
        case("500 once", vec![Fault::at_page(2, status(500)).times(1)], 0, &[], 30),
        case("503 flaky", vec![Fault::always(status(503)).times(3)], 0, &[], 30),
        case(
            "500 for good",
            vec![Fault::at_page(3, status(500))],
            20,
            &["DP0403", "page 3", "/orders?cursor=", "500", "dpone resume"],
            0,
        ),
        case(
            "429 with Retry-After",
            vec![Fault::at_page(2, FaultKind::Status { status: 429, retry_after: Some("1".into()) }).times(1)],
            0,
            &[],
            30,
        ),
        case(
            "malformed JSON",
            vec![Fault::at_page(2, FaultKind::MalformedJson)],
            20,
            &["DP0404", "page 2", "byte ", "/orders"],
            0,
        ),
        case("an HTML page", vec![Fault::at_page(2, FaultKind::Html)], 20, &["DP0404", "page 2", "byte 0", "<"], 0),
        case("the same cursor", vec![Fault::at_page(2, FaultKind::SameCursor)], 20, &["DP0406", "page 2"], 0),
        case("an empty page in the middle", vec![Fault::at_page(2, FaultKind::EmptyPage)], 0, &[], 30),
        case(
            "a redirect to another origin",
            vec![Fault::at_page(2, FaultKind::RedirectElsewhere { origin: "http://127.0.0.2:9".into() })],
            20,
            &["DP0409", "127.0.0.2"],
            0,
        ),
        case("a loop of redirects", vec![Fault::at_page(2, FaultKind::RedirectLoop)], 20, &["DP0412"], 0),
        case(
            "a key field twice",
            vec![Fault::at_page(2, FaultKind::DuplicateField { field: "order_id".into() })],
            30,
            &["DP0704", "order_id", "page 2", "record "],
            0,
        ),
        case(
            "a null key",
            vec![Fault::at_page(2, FaultKind::NullKey)],
            30,
            &["DP0702", "order_id", "page 2", "record "],
            0,
        ),
        case(
            "a missing key",
            vec![Fault::at_page(2, FaultKind::MissingKey)],
            30,
            &["DP0702", "order_id", "page 2", "record "],
            0,
        ),
        case(
            "identical repeats",
            vec![Fault::at_page(2, FaultKind::DuplicateIdentical)],
            30,
            &["DP0705", "identical", "page 2"],
            0,
        ),
        case(
            "conflicting repeats",
            vec![Fault::at_page(2, FaultKind::DuplicateConflicting)],
            30,
            &["DP0705", "conflicting", "page 2"],
            0,
        ),
        case(
            "a huge row",
            vec![Fault::at_page(2, FaultKind::HugeRow { bytes: 2_000_000 })],
            21,
            &["DP0503", "page 2", "record "],
            0,
        ),
        case("a gzip bomb", vec![Fault::at_page(2, FaultKind::GzipBomb { bytes: 200 << 20 })], 20, &["DP0410"], 0),
        case(
            "deep nesting",
            vec![Fault::at_page(2, FaultKind::DeepNesting { levels: 5_000 })],
            20,
            &["DP0413", "page 2"],
            0,
        ),
        case("records that are null", vec![Fault::at_page(2, FaultKind::NullItems)], 0, &[], 20),
        case("a body that is cut", vec![Fault::at_page(2, FaultKind::Cut)], 20, &["DP0401", "attempts"], 0),
        Case {
            edits: &[("records_path: data.items", "records_path: data.rows")],
            ..case("a wrong records path", vec![], 20, &["DP0405", "data.rows", "items"], 0)
        },
        Case {
            edits: &[("cursor_param: cursor", "cursor_param: cursor\n      max_pages: 2")],
            ..case("max_pages", vec![], 20, &["DP0407", "2"], 0)
        },
        Case {
            edits: &[("cursor_param: cursor", "cursor_param: cursor\n      max_pages: 2\n      on_max_pages: stop")],
            ..case("max_pages that stops", vec![], 0, &[], 20)
        },
        Case {
            edits: &[("threshold: 1", "threshold: 31")],
            ..case("min_rows", vec![], 30, &["DP0701", "min", "31"], 0)
        },
        Case {
            edits: &[(
                "    records_path: data.items\n",
                "    records_path: data.items\n    timeouts: { read_ms: 300 }\n    retry: { max_attempts: 2, base_ms: 5 }\n",
            )],
            ..case(
                "a read timeout",
                vec![Fault::at_page(2, FaultKind::Hang)],
                20,
                &["DP0402", "page 2", "2 attempts"],
                0,
            )
        },
    ]
}

#[test]
fn faults_of_the_api() {
    let failures: Vec<String> = api_faults().iter().filter_map(|case| check(case).err()).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

fn check(case: &Case) -> Result<(), String> {
    let stand = Stand::small();
    stand.misbehave(case.faults.clone());
    let workspace = stand.workspace();
    let mut manifest = GUIDE.to_owned();
    let retries_set = case.edits.iter().any(|(_, to)| to.contains("retry:"));
    for (from, to) in (!retries_set).then_some(&QUICK_RETRIES).into_iter().chain(case.edits) {
        if !manifest.contains(from) {
            return Err(format!("{}: `{from}` is not in the guide's manifest", case.name));
        }
        manifest = manifest.replace(from, to);
    }
    workspace.write("guide.yaml", manifest);
    let ran = run(&workspace);
    let context = || format!("{}\nexit {:?}\n{}{}", case.name, ran.exit, ran.stdout, ran.stderr);
    if ran.exit != Some(case.exit) {
        return Err(format!("expected exit {}: {}", case.exit, context()));
    }
    let silent: Vec<_> =
        case.says.iter().filter(|text| !ran.stderr.contains(**text) && !ran.stdout.contains(**text)).collect();
    if !silent.is_empty() {
        return Err(format!("does not say {silent:?}: {}", context()));
    }
    let messages = topic(&workspace).len();
    if messages != case.messages {
        return Err(format!("{messages} messages instead of {}: {}", case.messages, context()));
    }
    let report = report(&workspace);
    if report["rows"]["acknowledged"] != json!(case.messages) || report["exit_code"] != json!(case.exit) {
        return Err(format!("the artifact says {report}: {}", context()));
    }
    let moved = revision(&workspace) > 0;
    if moved != (case.exit == 0) {
        return Err(format!("state moved: {moved}: {}", context()));
    }
    Ok(())
}

fn run(workspace: &Workspace) -> Ran {
    workspace.dpone(&["run", "guide.yaml", "--profile", "test"])
}

/// The topic's messages; none where it does not exist.
fn topic(workspace: &Workspace) -> Vec<Value> {
    let ran = workspace.dpone(&["topic", "read", "dwh.orders", "--profile", "test", "--format", "ndjson"]);
    if ran.exit == Some(21) && ran.stderr.contains("DP0502") {
        return Vec::new();
    }
    ran.expect_exit(0);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `run.json` of the last run.
fn report(workspace: &Workspace) -> Value {
    let runs = workspace.path().join(".dpone/runs/api_to_kafka");
    let mut folders: Vec<_> = std::fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort_by_key(|folder| folder.metadata().unwrap().modified().unwrap());
    serde_json::from_slice(&std::fs::read(folders.last().unwrap().join("run.json")).unwrap()).unwrap()
}

/// 0 where no run was completed.
fn revision(workspace: &Workspace) -> u64 {
    let ran = workspace.dpone(&["state", "show", "guide.yaml", "--profile", "test", "--format", "json"]);
    if ran.exit == Some(31) { 0 } else { ran.json()["revision"].as_u64().unwrap() }
}

#[test]
fn rows_reach_the_topic_once_and_in_order() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    run(&workspace).expect_exit(0);
    let keys: Vec<_> = topic(&workspace).iter().map(|message| message["key"].clone()).collect();
    let expected: Vec<_> = (1..=30).map(|id| json!(id.to_string())).collect();
    assert_eq!(keys, expected);
}

#[test]
fn next_urls_of_another_origin_are_not_followed() {
    let elsewhere = Stand::small();
    for (path, pagination) in
        [("/orders/next", "{ type: next_url, next_url_path: next }"), ("/orders/link", "{ type: link_header }")]
    {
        let stand = Stand::small();
        let origin = elsewhere.base_url();
        stand.misbehave(vec![Fault::at_page(1, FaultKind::NextElsewhere { origin: origin.clone() })]);
        let workspace = stand.workspace();
        let cursor = "pagination:\n      type: cursor\n      cursor_path: data.next_cursor\n      cursor_param: cursor";
        let manifest = GUIDE.replace(cursor, &format!("pagination: {pagination}"));
        assert!(manifest.contains(pagination));
        workspace.write(
            "guide.yaml",
            manifest.replace("https://api.example.com/orders", &format!("https://api.example.com{path}")),
        );
        run(&workspace).expect_exit(20).expect_error(&["DP0409", &origin]);
        assert_eq!(elsewhere.page_requests(), 0, "nothing was sent there");
        assert!(topic(&workspace).is_empty());
    }
}

#[test]
fn a_second_run_loads_only_what_is_new() {
    let stand = Stand::start(DemoOptions { rows: 30, page_size: 10, new_rows: 4, ..DemoOptions::default() });
    let workspace = stand.workspace();
    run(&workspace).expect_exit(0);
    run(&workspace).expect_exit(0);
    let messages = topic(&workspace);
    assert_eq!(messages.len(), 34);
    let mut seen = std::collections::HashSet::new();
    for message in &messages {
        assert!(seen.insert((message["key"].clone(), message["value"].clone())), "published twice: {message}");
    }
    assert_eq!(revision(&workspace), 2);
}

#[test]
fn an_empty_boundary_is_judged_unless_it_may_pass() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    run(&workspace).expect_exit(0);
    run(&workspace).expect_exit(30).expect_error(&["DP0701"]);
    assert_eq!(revision(&workspace), 1);
    workspace.write("guide.yaml", GUIDE.replace("  mode: fail\n", "  mode: fail\n  on_empty_boundary: pass\n"));
    run(&workspace).expect_exit(0);
    assert_eq!(topic(&workspace).len(), 30);
}

#[test]
fn a_breaking_change_of_type_publishes_nothing() {
    let stand = Stand::start(DemoOptions { rows: 30, page_size: 10, new_rows: 5, ..DemoOptions::default() });
    let workspace = stand.workspace();
    run(&workspace).expect_exit(0);
    stand.misbehave(vec![Fault::always(FaultKind::AmountAsString)]);
    run(&workspace).expect_exit(22).expect_error(&["DP0601", "amount", "decimal", "string", "record"]);
    assert_eq!(topic(&workspace).len(), 30);
    assert_eq!(revision(&workspace), 1);
}

#[test]
fn a_broker_that_is_down_is_named_within_its_timeout() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let manifest = GUIDE.replace("    envelope: flat\n", "    envelope: flat\n    connect_timeout_ms: 2000\n");
    workspace.write("guide.yaml", manifest);
    stand.stop_broker();
    let started = Instant::now();
    run(&workspace).expect_exit(21).expect_error(&["DP0501", stand.bootstrap()]);
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    assert_eq!(stand.page_requests(), 0, "nothing was fetched");
}

#[test]
fn an_api_that_is_down_is_named_without_secrets() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let api = "{ type: http, base_url: \"http://127.0.0.1:9\", auth: { type: api_key, name: key, in: query, value: hunter2 } }";
    let kafka = format!("{{ type: kafka, bootstrap_servers: \"{}\" }}", stand.bootstrap());
    workspace.profile("test", &[("example_api", api.to_owned()), ("kafka_cluster", kafka)]);
    workspace.write("guide.yaml", GUIDE.replace(QUICK_RETRIES.0, QUICK_RETRIES.1));
    let ran = run(&workspace);
    ran.expect_exit(20).expect_error(&["DP0401", "http://127.0.0.1:9/orders", "5 attempts"]);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
}

#[test]
fn a_state_store_that_is_down_stops_the_run_before_the_first_request() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let services = [
        ("example_api", format!("{{ type: http, base_url: \"{}\" }}", stand.base_url())),
        ("kafka_cluster", format!("{{ type: kafka, bootstrap_servers: \"{}\" }}", stand.bootstrap())),
        ("postgres_state", "{ type: postgres, host: 127.0.0.1, port: 9, database: etl, username: etl }".to_owned()),
    ];
    workspace.profile("test", &services);
    run(&workspace).expect_exit(11).expect_error(&["DP0209", "127.0.0.1:9"]);
    assert_eq!(stand.page_requests(), 0);
}

#[test]
fn a_second_copy_is_refused_with_holder_and_expiry() {
    let stand = Stand::small();
    stand.misbehave(vec![Fault::at_page(2, FaultKind::Delay { ms: 3_000 })]);
    let workspace = stand.workspace();
    let mut first = workspace.command(&["run", "guide.yaml", "--profile", "test"]).spawn().unwrap();
    let waiting = Instant::now();
    while stand.page_requests() == 0 && waiting.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    run(&workspace).expect_exit(31).expect_error(&["DP0801", "expires"]);
    assert!(first.wait().unwrap().success());
    assert_eq!(topic(&workspace).len(), 30);
}

#[test]
fn a_slow_broker_is_waited_for() {
    let stand = Stand::start(DemoOptions { rows: 20_000, new_rows: 0, ..DemoOptions::default() });
    let workspace = stand.workspace();
    let small_queue = GUIDE.replace("    envelope: flat\n", "    envelope: flat\n    queue_max_bytes: 64KiB\n");
    workspace.write("guide.yaml", small_queue);
    run(&workspace).expect_exit(0);
    assert_eq!(topic(&workspace).len(), 20_000);
}

#[test]
fn a_journal_limit_ends_the_run_before_the_disk_does() {
    let stand = Stand::start(DemoOptions { rows: 20_000, new_rows: 0, ..DemoOptions::default() });
    let workspace = stand.workspace();
    workspace.write("guide.yaml", format!("{GUIDE}\njournal: {{ max_bytes: 1MiB }}\n"));
    run(&workspace).expect_exit(40).expect_error(&["DP1002"]);
    assert!(topic(&workspace).is_empty());
    assert_eq!(revision(&workspace), 0);
}

#[test]
fn manifests_that_are_wrong_name_every_problem() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let cases: [(&str, &str, &str, &[&str]); 4] = [
        ("  topic:", "  topik: x\n  topic:", "records_path:", &["DP0103", "topik", "`topic`", "guide.yaml:"]),
        ("mode: incremental_merge", "mode: merge_all", "", &["DP0107", "full_refresh", "incremental_merge"]),
        (
            "mode: incremental_merge",
            "mode: partition_replace",
            "",
            &["DP0108", "append-only", "incremental_merge", "event_upsert"],
        ),
        ("    unique_key: order_id\n", "", "", &["DP0112", "unique_key"]),
    ];
    for (from, to, _, says) in cases {
        let manifest = GUIDE.replace(from, to);
        assert_ne!(manifest, GUIDE, "{from}");
        workspace.write("guide.yaml", manifest);
        for command in ["check", "plan", "run"] {
            workspace.dpone(&[command, "guide.yaml", "--profile", "test"]).expect_exit(10).expect_error(says);
        }
    }
    assert_eq!(stand.page_requests(), 0);
}
