//! The guide's runbook, and what an operator does around it: look first, load a window, inspect the
//! artifact, verify state, promote what was reviewed.

use dpone_harness::{GUIDE, Ran, Stand, Workspace, components};
use dpone_local::{DemoOptions, Fault, FaultKind};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Seven rows a minute is the demo API's pace: rows 8 to 14 are these.
const SECOND_MINUTE: [&str; 4] = ["--from", "2026-01-01T00:01:00Z", "--to", "2026-01-01T00:02:00Z"];

#[test]
fn the_guides_runbook_word_for_word() {
    let mut workspace = Workspace::new();
    workspace.write("guide.yaml", GUIDE);
    workspace.set("DPONE_PROFILE", "local");
    let dpone = |arguments: &[&str]| workspace.dpone(&[arguments, &["--demo-rows", "300"]].concat());

    let doctor = dpone(&["doctor", "--profile", "local"]);
    doctor.expect_exit(0);
    assert!(doctor.stdout.contains("local broker") && !doctor.stdout.contains("fail"), "{}", doctor.stdout);

    let plan = dpone(&["plan", "guide.yaml", "--format", "md"]);
    plan.expect_exit(0);
    for section in ["## Source boundary", "## Staging path", "## Schema evolution", "## State", "## Quality"] {
        assert!(plan.stdout.contains(section), "{section} is missing:\n{}", plan.stdout);
    }
    assert!(!workspace.path().join(".dpone/runs").exists(), "a plan is no run");

    dpone(&["run", "guide.yaml", "--max-pages", "1"]).expect_exit(0).expect_error(&["state was not moved"]);
    assert_eq!(artifact(&workspace, "run.json")["rows"]["acknowledged"], 300);

    dpone(&["run", "guide.yaml"]).expect_exit(0);
    let loaded = artifact(&workspace, "run.json")["rows"]["acknowledged"].as_u64().unwrap() as usize;
    let shown = dpone(&["state", "show", "guide.yaml"]);
    shown.expect_exit(0);
    for line in ["pipeline   api_to_kafka_example", "revision   1", "updated_at = 2026-"] {
        assert!(shown.stdout.contains(line), "{line} is missing:\n{}", shown.stdout);
    }

    dpone(&["plan", "guide.yaml", "--out", "orders.plan"]).expect_exit(0);
    dpone(&["run", "--plan", "orders.plan"]).expect_exit(0);
    assert_eq!(artifact(&workspace, "run.json")["rows"]["acknowledged"], 10, "only what is new");
    assert_eq!(workspace.topic("dwh.orders", "local").len(), 300 + loaded + 10);
}

#[test]
fn a_plan_names_what_a_reviewer_needs() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let plan = workspace.dpone(&["plan", "guide.yaml", "--profile", "test", "--format", "json"]);
    plan.expect_exit(0);
    let plan = plan.json();
    assert_eq!(plan["boundary"]["lower"], "2026-01-01T00:00:00Z");
    assert!(plan["boundary"]["cost"].as_str().unwrap().contains("every page is fetched"), "{plan}");
    assert_eq!(plan["staging"]["path"], ".dpone/journal");
    assert_eq!(plan["target"]["facts"], json!({ "is": "missing", "will_be_created": true }));
    assert_eq!(plan["target"]["creates"], json!({ "partitions": 1, "replication_factor": null, "configs": {} }));
    assert!(plan["strategy"]["guarantee"].as_str().unwrap().starts_with("at least once"), "{plan}");
    assert!(plan["strategy"]["mechanism"].as_str().unwrap().contains("acks=all"), "{plan}");
    let checks: Vec<_> = plan["checks"].as_array().unwrap().iter().map(|c| c["prevents_publication"].clone()).collect();
    assert_eq!(checks, [true, false]);
    for plugin in plan["plugins"].as_array().unwrap() {
        assert_eq!(plugin["identity"]["sha256"].as_str().unwrap().len(), 64);
        assert!(plugin["asks"][0].as_str().is_some() && plugin["gets"][0].as_str().is_some(), "{plugin}");
    }
    assert_eq!(stand.page_requests(), 0, "a plan asks the source for nothing");
}

#[test]
fn what_a_plan_cannot_reach_is_unknown() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    workspace.write(
        "guide.yaml",
        GUIDE.replace("    envelope: flat\n", "    envelope: flat\n    connect_timeout_ms: 1000\n"),
    );
    stand.stop_broker();
    let plan = workspace.dpone(&["plan", "guide.yaml", "--profile", "test", "--format", "json"]);
    assert_eq!(plan.expect_exit(0).json()["target"]["facts"]["is"], "unknown");
}

#[test]
fn a_window_leaves_state_where_it_is_unless_told_otherwise() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let mut messages = 0;
    let windows: [(&[&str], u64); 3] =
        [(&["--max-pages", "2"], 20), (&SECOND_MINUTE, 7), (&["--from", "2026-01-01T00:01:00Z"], 23)];
    for (window, rows) in windows {
        let ran = run(&workspace, window);
        ran.expect_exit(0).expect_error(&["state was not moved", "--advance-state"]);
        messages += rows as usize;
        assert_eq!(artifact(&workspace, "run.json")["rows"]["acknowledged"], rows, "{window:?}");
        assert_eq!(artifact(&workspace, "run.json")["checkpoint"]["after"], Value::Null, "{window:?}");
        assert_eq!(workspace.topic("dwh.orders", "test").len(), messages, "{window:?}");
        assert_eq!(state(&workspace)["revision"], 0, "{window:?}");
    }
    run(&workspace, &[&SECOND_MINUTE[..], &["--advance-state"]].concat()).expect_exit(0);
    let state = state(&workspace);
    assert_eq!(state["revision"], 1);
    assert_eq!(state["checkpoint"]["watermark"]["value"], "2026-01-01T00:01:00Z");
    run(&workspace, &[]).expect_exit(0);
    assert_eq!(artifact(&workspace, "run.json")["rows"]["acknowledged"], 16, "what lies beyond the window");
    run(&workspace, &["--from", "yesterday"]).expect_exit(2).expect_error(&["--from", "yesterday", "RFC 3339"]);
}

#[test]
fn the_artifact_of_a_run_that_succeeded() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let printed = run(&workspace, &["--format", "json"]);
    let report = printed.expect_exit(0).json();
    assert_eq!(report, artifact(&workspace, "run.json"), "`--format json` prints run.json");
    assert_eq!(
        (&report["outcome"], &report["exit_code"], &report["error"]),
        (&json!("succeeded"), &json!(0), &Value::Null)
    );
    assert_eq!((report["pages"].as_u64(), report["warnings"].is_array()), (Some(3), true));
    assert!(report["bytes"].as_u64().unwrap() > 30 * 200);
    let rows = json!({ "extracted": 30, "filtered": 0, "published": 30, "acknowledged": 30, "dead_lettered": 0 });
    assert_eq!(report["rows"], rows);
    assert_eq!(report["checkpoint"]["before"]["revision"], 0);
    assert_eq!(report["checkpoint"]["after"]["revision"], 1);
    assert_eq!(report["checkpoint"]["after"]["watermark"], "2026-01-01T00:04:00Z");
    assert!(report["guarantee"].as_str().unwrap().starts_with("at least once"));
    assert_eq!(letters(&report), "ABCDEFGHIJK");
    for step in report["steps"].as_array().unwrap() {
        assert_eq!(step["outcome"], "done", "{step}");
        assert!(step["started_at"].is_string() && step["duration_ms"].is_u64(), "{step}");
    }
    let plugins = report["plugins"].as_array().unwrap();
    let names: Vec<_> = plugins.iter().map(|plugin| plugin["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["cursor", "min-rows", "source-target-count"]);
    for plugin in plugins {
        assert!(plugin["calls"].as_u64().unwrap() > 0, "{plugin}");
        assert!(plugin["time_us"].is_u64() && plugin["peak_memory_bytes"].as_u64().unwrap() > 0, "{plugin}");
        assert!(plugin["version"].is_string() && plugin["sha256"].as_str().unwrap().len() == 64, "{plugin}");
    }

    assert_eq!(artifact(&workspace, "plan.json")["pipeline"], "api_to_kafka_example");
    assert_eq!(artifact(&workspace, "schema.json")["merged"]["amount"]["type"], "decimal");
    let verdicts: Vec<_> = artifact(&workspace, "quality.json").as_array().unwrap().iter().map(verdict).collect();
    assert_eq!(verdicts, [("min_rows".to_owned(), true), ("source_target_count".to_owned(), true)]);
    let delivery = artifact(&workspace, "delivery.json");
    assert_eq!(delivery["partitions"]["0"], json!({ "first": 0, "last": 29, "count": 30 }));
    assert_eq!(artifact_files(&workspace), ["delivery.json", "plan.json", "quality.json", "run.json", "schema.json"]);
}

#[test]
fn the_artifact_of_a_run_that_failed() {
    let always = &["run.json", "plan.json"][..];
    let quick =
        ("    records_path: data.items\n", "    records_path: data.items\n    retry: { base_ms: 5, max_ms: 20 }\n");
    let too_many = ("threshold: 1\n", "threshold: 31\n");
    let afterwards = ("threshold: 1\n", "threshold: 31\n      when: after_delivery\n");
    let failing = vec![Fault::at_page(3, FaultKind::Status { status: 500, retry_after: None })];
    let cases = [
        ("D", quick, failing, "DP0403", 0, always.to_vec()),
        ("G", too_many, vec![], "DP0701", 0, [always, &["schema.json", "quality.json"]].concat()),
        ("J", afterwards, vec![], "DP0701", 30, [always, &["schema.json", "quality.json", "delivery.json"]].concat()),
    ];
    for (step, (from, to), faults, code, acknowledged, mut files) in cases {
        let stand = Stand::small();
        let workspace = stand.workspace();
        stand.misbehave(faults);
        let manifest = GUIDE.replace(from, to);
        assert_ne!(manifest, GUIDE);
        workspace.write("guide.yaml", manifest);
        let ran = run(&workspace, &["--format", "json"]);
        let report = artifact(&workspace, "run.json");
        assert_eq!(ran.json(), report, "step {step}");
        assert_eq!(report["outcome"], "failed", "step {step}");
        assert_eq!(report["exit_code"].as_i64(), ran.exit.map(i64::from), "step {step}");
        assert_eq!(report["rows"]["acknowledged"], acknowledged, "step {step}");
        assert_eq!(report["checkpoint"]["after"], Value::Null, "step {step}");
        assert_eq!(report["steps"].as_array().unwrap().last().unwrap()["step"], step);
        assert_eq!(report["steps"].as_array().unwrap().last().unwrap()["outcome"], "failed", "step {step}");
        let error = &report["error"];
        assert_eq!(error["code"], code, "step {step}: {error}");
        assert!(error["message"].is_string() && error["retry"].is_string(), "step {step}: {error}");
        assert!(error.get("place").is_some() && error.get("hint").is_some(), "step {step}: {error}");
        assert_eq!(report["plugins"][0]["name"], "cursor", "step {step}");
        files.sort_unstable();
        assert_eq!(artifact_files(&workspace), files, "step {step}");
        assert_eq!(state(&workspace)["revision"], 0, "step {step}");
    }
}

#[test]
fn a_changed_topic_or_cursor_field_needs_the_operators_word() {
    let stand = Stand::start(DemoOptions { rows: 30, page_size: 10, new_rows: 4, ..DemoOptions::default() });
    let workspace = stand.workspace();
    state_command(&workspace, "show", &[]).expect_exit(31).expect_error(&["DP0805", "api_to_kafka_example"]);
    run(&workspace, &[]).expect_exit(0);
    let watermark = state(&workspace)["checkpoint"]["watermark"].clone();

    workspace.write("guide.yaml", GUIDE.replace("topic: dwh.orders", "topic: dwh.others"));
    run(&workspace, &[]).expect_exit(31).expect_error(&[
        "DP0803",
        "topic: dwh.orders → dwh.others",
        "dpone state adopt",
        "dpone state reset",
    ]);
    assert_eq!(state(&workspace)["revision"], 1);
    state_command(&workspace, "adopt", &[]).expect_exit(0);
    assert_eq!(state(&workspace)["checkpoint"]["watermark"], watermark, "adopting keeps the cursor");
    run(&workspace, &[]).expect_exit(0);
    assert_eq!(workspace.topic("dwh.others", "test").len(), 4, "only what is new since the first run");

    workspace.write("guide.yaml", GUIDE.replace("cursor_field: updated_at", "cursor_field: created_at"));
    run(&workspace, &[]).expect_exit(31).expect_error(&["DP0803", "cursor: updated_at → created_at"]);
    state_command(&workspace, "reset", &[]).expect_exit(2).expect_error(&["--yes"]);
    assert_eq!(state(&workspace)["revision"], 3, "nobody was asked, nothing happened");
    workspace.write("guide.yaml", GUIDE);
    state_command(&workspace, "reset", &["--yes"]).expect_exit(0);
    assert_eq!(state(&workspace)["checkpoint"]["watermark"], Value::Null);
    run(&workspace, &[]).expect_exit(0);
    assert!(workspace.topic("dwh.orders", "test").len() >= 60, "a reset run starts at the manifest's start");

    let history = state_command(&workspace, "history", &["--format", "json"]).json();
    let entries: Vec<_> =
        history.as_array().unwrap().iter().map(|e| (e["revision"].clone(), e["reason"].clone())).collect();
    let expected = [(5, "run"), (4, "reset"), (3, "run"), (2, "adopt"), (1, "run")];
    assert_eq!(entries, expected.map(|(revision, reason)| (json!(revision), json!(reason))));
    let text = state_command(&workspace, "history", &["--limit", "2"]);
    assert_eq!(text.expect_exit(0).stdout.lines().count(), 2, "{}", text.stdout);
}

#[test]
fn what_was_reviewed_is_what_runs() {
    let stand = Stand::start(DemoOptions { rows: 30, page_size: 10, new_rows: 4, ..DemoOptions::default() });
    let workspace = stand.workspace();
    let component = std::fs::read(components::AMOUNTS).unwrap();
    workspace.write("amounts.wasm", &component);
    let manifest = format!("{GUIDE}\n").replace(
        "    - type: source_target_count\n",
        "    - { uses: ./amounts.wasm, with: { field: amount, max: 100000 } }\n    - type: source_target_count\n",
    );
    workspace.write("guide.yaml", &manifest);
    let plan = || workspace.dpone(&["plan", "guide.yaml", "--profile", "test", "--out", "guide.plan"]);
    let run_plan = || workspace.dpone(&["run", "--plan", "guide.plan"]);
    plan().expect_exit(0);
    run_plan().expect_exit(0);
    plan().expect_exit(0);
    run_plan().expect_exit(0);
    assert_eq!(state(&workspace)["revision"], 2, "state moves with every run and is no difference");
    let refused = |says: &[&str]| {
        run_plan().expect_exit(32).expect_error(says).expect_error(&["DP0901", "review"]);
        assert_eq!(state(&workspace)["revision"], 2);
    };

    workspace.write("guide.yaml", format!("{manifest}# A comment is a change, too.\n"));
    refused(&["manifest guide.yaml: ", " → "]);
    workspace.write("guide.yaml", &manifest);

    // A custom section changes the file and nothing that it does.
    workspace.write("amounts.wasm", [&component[..], &[0, 2, 1, b'x']].concat());
    refused(&["plugin ", "quality.checks[1]", " → "]);
    workspace.write("amounts.wasm", &component);

    recreate_topic(stand.bootstrap(), "dwh.orders", 3, &[]);
    refused(&["topic dwh.orders, partitions: 1 → 3", "topic dwh.orders, id: "]);

    workspace.write("guide.plan", "{}");
    run_plan().expect_exit(32).expect_error(&["DP0902", "dpone plan --out"]);
    run_plan_with(&workspace, &["--max-pages", "1"]).expect_exit(2).expect_error(&["--plan", "--max-pages"]);
}

#[test]
fn a_first_plan_runs_until_something_is_otherwise_than_it_said() {
    const CREATE: &str = "    envelope: flat\n    topic_config: { create: true, partitions: 2 }\n";
    for (partitions, configs, says) in [
        (2, &[] as &[(&str, &str)], None),
        (3, &[], Some("topic dwh.orders, partitions: 2 → 3")),
        (2, &[("cleanup.policy", "compact")], Some("topic dwh.orders, cleanup.policy: the broker's → compact")),
    ] {
        let stand = Stand::start(DemoOptions { rows: 30, page_size: 10, new_rows: 4, ..DemoOptions::default() });
        let workspace = stand.workspace();
        workspace.write("guide.yaml", GUIDE.replace("    envelope: flat\n", CREATE));
        let plan = workspace.dpone(&["plan", "guide.yaml", "--profile", "test", "--out", "guide.plan"]);
        let says_what = "does not exist; a run creates it: 2 partitions, replication factor the broker's";
        assert!(plan.expect_exit(0).stdout.contains(says_what), "{}", plan.stdout);
        match says {
            None => {
                run_plan_with(&workspace, &[]).expect_exit(0);
                run_plan_with(&workspace, &[]).expect_exit(0);
                assert_eq!(
                    (state(&workspace)["revision"].clone(), workspace.topic("dwh.orders", "test").len()),
                    (json!(2), 34)
                );
                recreate_topic(stand.bootstrap(), "dwh.orders", 3, &[]);
                run_plan_with(&workspace, &[]).expect_exit(32).expect_error(&["DP0901", "partitions: 2 → 3"]);
            }
            Some(says) => {
                create_topic(stand.bootstrap(), "dwh.orders", partitions, configs);
                run_plan_with(&workspace, &[]).expect_exit(32).expect_error(&["DP0901", says]);
            }
        }
    }
}

#[test]
fn a_reviewed_window_is_part_of_the_plan() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    workspace
        .dpone(&["plan", "guide.yaml", "--profile", "test", "--max-pages", "2", "--out", "guide.plan"])
        .expect_exit(0);
    run_plan_with(&workspace, &[]).expect_exit(0).expect_error(&["state was not moved"]);
    assert_eq!(workspace.topic("dwh.orders", "test").len(), 20);
}

#[test]
fn journals_are_listed_and_purged() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    workspace.write("guide.yaml", GUIDE.replace("cursor_param: cursor", "cursor_param: cursor\n      max_pages: 2"));
    let list = || workspace.dpone(&["journal", "list", "--format", "json"]).json();
    assert_eq!(workspace.dpone(&["journal", "list"]).expect_exit(0).stdout, "no journals\n");
    run(&workspace, &[]).expect_exit(20).expect_error(&["DP0407"]);
    let first = list()[0]["run_id"].as_str().unwrap().to_owned();
    run(&workspace, &[]).expect_exit(20);

    let journals = list();
    assert_eq!(journals.as_array().unwrap().len(), 2);
    for journal in journals.as_array().unwrap() {
        assert_eq!((&journal["pages"], &journal["resumable"]), (&json!(2), &json!(true)), "{journal}");
        assert!(journal["bytes_on_disk"].as_u64().unwrap() > 0, "{journal}");
    }
    let text = workspace.dpone(&["journal", "list"]).stdout;
    assert!(text.contains(&first) && text.contains("resumable") && text.contains("2 pages"), "{text}");

    let purge = |arguments: &[&str]| workspace.dpone(&[&["journal", "purge"], arguments].concat());
    assert!(purge(&[]).expect_exit(0).stdout.contains("purged 0 journals"), "young ones are kept");
    assert!(purge(&["--run", &first]).expect_exit(0).stdout.contains("purged 1 journals"));
    workspace.dpone(&["resume", &first, "--profile", "test"]).expect_exit(40).expect_error(&["DP1007", &first]);
    assert!(purge(&["--all"]).expect_exit(0).stdout.contains("purged 1 journals"));
    let left: Vec<_> = list().as_array().unwrap().iter().map(|journal| journal["resumable"].clone()).collect();
    assert!(!left.contains(&json!(true)), "{left:?}");
    purge(&["--run", "nonsense"]).expect_exit(2).expect_error(&["DP0002", "nonsense"]);
}

fn run(workspace: &Workspace, arguments: &[&str]) -> Ran {
    workspace.dpone(&[&["run", "guide.yaml", "--profile", "test"], arguments].concat())
}

fn run_plan_with(workspace: &Workspace, arguments: &[&str]) -> Ran {
    workspace.dpone(&[&["run", "--plan", "guide.plan"], arguments].concat())
}

fn state_command(workspace: &Workspace, command: &str, arguments: &[&str]) -> Ran {
    workspace.dpone(&[&["state", command, "guide.yaml", "--profile", "test"], arguments].concat())
}

fn state(workspace: &Workspace) -> Value {
    state_command(workspace, "show", &["--format", "json"]).json()
}

/// The folder of the newest run; run ids begin with the time.
fn artifact_folder(workspace: &Workspace) -> PathBuf {
    let runs = std::fs::read_dir(workspace.path().join(".dpone/runs/api_to_kafka")).unwrap();
    let folders = runs.map(|entry| entry.unwrap().path());
    folders.max_by_key(|folder| folder.metadata().unwrap().created().unwrap()).unwrap()
}

fn artifact(workspace: &Workspace, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(artifact_folder(workspace).join(file)).unwrap()).unwrap()
}

fn artifact_files(workspace: &Workspace) -> Vec<String> {
    let entries = std::fs::read_dir(artifact_folder(workspace)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// The steps' letters in their order, each once.
fn letters(report: &Value) -> String {
    let mut letters: Vec<_> =
        report["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    letters.dedup();
    letters.concat()
}

fn verdict(result: &Value) -> (String, bool) {
    (result["id"].as_str().unwrap().to_owned(), result["passed"].as_bool().unwrap())
}

/// Deletes a topic and makes it again with another number of partitions.
fn recreate_topic(bootstrap: &str, topic: &str, partitions: i32, configs: &[(&str, &str)]) {
    let (runtime, admin) = admin(bootstrap);
    runtime.block_on(async {
        admin.delete_topics(&[topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    });
    create_topic(bootstrap, topic, partitions, configs);
}

fn create_topic(bootstrap: &str, topic: &str, partitions: i32, configs: &[(&str, &str)]) {
    let (runtime, admin) = admin(bootstrap);
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let new = configs.iter().fold(new, |topic, (name, value)| topic.set(name, value));
    runtime.block_on(async {
        admin.create_topics(&[new], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    });
}

fn admin(bootstrap: &str) -> (tokio::runtime::Runtime, AdminClient<DefaultClientContext>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let admin = ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap();
    (runtime, admin)
}
