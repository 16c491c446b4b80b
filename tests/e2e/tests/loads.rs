//! Strategies, staging and duplicate policies against the demo API, as the topic shows them.

use dpone_harness::{GUIDE, Stand, Workspace};
use dpone_local::{DemoOptions, Fault, FaultKind};
use serde_json::{Value, json};

fn stand(new_rows: u64) -> Stand {
    Stand::start(DemoOptions { rows: 30, page_size: 10, new_rows, ..DemoOptions::default() })
}

/// The guide's manifest with edits; each must apply.
fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(GUIDE.to_owned(), |manifest, (from, to)| {
        assert!(manifest.contains(from), "`{from}` is not in the guide's manifest");
        manifest.replace(from, to)
    })
}

fn run(workspace: &Workspace) {
    workspace.dpone(&["run", "guide.yaml", "--profile", "test"]).expect_exit(0);
}

fn keys(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["key"].as_str().unwrap_or("null")).collect()
}

const STREAMED: (&str, &str) = ("    records_path: data.items\n", "    records_path: data.items\n    staging: none\n");

#[test]
fn streaming_publishes_each_row_once_and_what_came_before_a_failure() {
    let stand = stand(0);
    let workspace = stand.workspace();
    let streamed = edited(&[STREAMED, ("    staging: none\n", "    staging: none\n    retry: { max_attempts: 1 }\n")]);
    workspace.write("guide.yaml", streamed);
    stand.misbehave(vec![Fault::at_page(3, FaultKind::Status { status: 500, retry_after: None })]);
    workspace.dpone(&["run", "guide.yaml", "--profile", "test"]).expect_exit(20);
    assert_eq!(workspace.topic("dwh.orders", "test").len(), 20, "two pages were out");
    stand.misbehave(vec![]);
    workspace.dpone(&["resume", &last_run(&workspace), "--profile", "test"]).expect_exit(0);
    assert_eq!(workspace.topic("dwh.orders", "test").len(), 30, "acknowledged pages were not sent again");
}

/// The id of the run that was started last.
fn last_run(workspace: &Workspace) -> String {
    let runs = workspace.dpone(&["journal", "list", "--format", "json"]).json();
    runs.as_array().unwrap().last().unwrap()["run_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_is_not_resumed_into_another_topic() {
    let stand = stand(0);
    let mut workspace = stand.workspace();
    workspace.set("TOPIC", "dwh.first");
    // The last check judges after delivery and fails, so that every message is out and state is not moved.
    let edits = [
        ("topic: dwh.orders", "topic: \"${TOPIC}\""),
        ("- type: min_rows", "- type: min_rows\n      when: after_delivery"),
        ("threshold: 1", "threshold: 31"),
    ];
    workspace.write("guide.yaml", edited(&edits));
    workspace.dpone(&["run", "guide.yaml", "--profile", "test"]).expect_exit(30);
    assert_eq!(workspace.topic("dwh.first", "test").len(), 30);
    workspace.set("TOPIC", "dwh.second");
    let run = last_run(&workspace);
    workspace.dpone(&["resume", &run, "--profile", "test"]).expect_exit(31).expect_error(&["DP0803", "topic"]);
}

#[test]
fn a_window_of_the_past_does_not_move_the_watermark_back() {
    let stand = stand(0);
    let workspace = stand.workspace();
    run(&workspace);
    let watermark = || {
        let state = workspace.dpone(&["state", "show", "guide.yaml", "--profile", "test", "--format", "json"]).json();
        (state["revision"].clone(), state["checkpoint"]["watermark"]["value"].clone())
    };
    let (_, before) = watermark();
    let window = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T00:01:00Z", "--advance-state"];
    workspace.dpone(&[&["run", "guide.yaml", "--profile", "test"], &window[..]].concat()).expect_exit(0);
    assert_eq!(watermark(), (json!(2), before));
}

#[test]
fn duplicate_policies_choose_before_publication() {
    let fault = || vec![Fault::at_page(2, FaultKind::DuplicateConflicting)];
    for (policy, messages) in [("last", 30), ("first", 30), ("allow", 31)] {
        let stand = stand(0);
        stand.misbehave(fault());
        let workspace = stand.workspace();
        let duplicate_policy = format!("duplicate_policy: {policy}");
        workspace.write(
            "guide.yaml",
            edited(&[("duplicate_policy: fail", &duplicate_policy), ("tolerance_pct: 0.1", "tolerance_pct: 5")]),
        );
        run(&workspace);
        assert_eq!(workspace.topic("dwh.orders", "test").len(), messages, "{policy}");
    }
}

#[test]
fn full_refresh_publishes_the_snapshot_again() {
    let stand = stand(0);
    let workspace = stand.workspace();
    workspace.write("guide.yaml", edited(&[("mode: incremental_merge", "mode: full_refresh")]));
    run(&workspace);
    run(&workspace);
    assert_eq!(workspace.topic("dwh.orders", "test").len(), 60);
}

#[test]
fn incremental_append_needs_no_key() {
    let stand = stand(3);
    let workspace = stand.workspace();
    let edits = [
        ("mode: incremental_merge", "mode: incremental_append"),
        ("    unique_key: order_id\n    merge_policy: event_upsert\n    duplicate_policy: fail\n", ""),
        ("      mode: unique_key", "      mode: \"null\""),
    ];
    workspace.write("guide.yaml", edited(&edits));
    run(&workspace);
    run(&workspace);
    let messages = workspace.topic("dwh.orders", "test");
    assert_eq!(messages.len(), 33);
    assert!(messages.iter().all(|message| message["key"].is_null()));
}

#[test]
fn cursor_incremental_goes_on_from_the_last_page() {
    let stand = stand(0);
    let workspace = stand.workspace();
    let edits = [
        ("mode: incremental_merge", "mode: cursor_incremental"),
        ("    incremental:\n      cursor_field: updated_at\n      start: \"2026-01-01T00:00:00Z\"\n", ""),
    ];
    workspace.write("guide.yaml", edited(&edits));
    run(&workspace);
    assert_eq!(stand.page_requests(), 3);
    run(&workspace);
    assert_eq!(stand.page_requests(), 4, "only the last page was asked for again");
    let messages = workspace.topic("dwh.orders", "test");
    assert_eq!(messages.len(), 40, "its rows come at least once");
    assert_eq!(keys(&messages)[30..], keys(&messages)[20..30]);
    let state = workspace.dpone(&["state", "show", "guide.yaml", "--profile", "test", "--format", "json"]).json();
    assert_eq!(state["revision"], json!(2));
    assert!(state["checkpoint"]["response_cursor"].is_string());
}

#[test]
fn a_walk_that_stops_at_a_page_limit_does_not_move_the_watermark() {
    let stand = stand(0);
    let workspace = stand.workspace();
    let limit = "cursor_param: cursor\n      max_pages: 2\n      on_max_pages: stop";
    workspace.write("guide.yaml", edited(&[("cursor_param: cursor", limit)]));
    let ran = workspace.dpone(&["run", "guide.yaml", "--profile", "test"]);
    ran.expect_exit(0).expect_error(&["the watermark stays"]);
    let state = workspace.dpone(&["state", "show", "guide.yaml", "--profile", "test", "--format", "json"]).json();
    assert!(state["checkpoint"]["watermark"].is_null(), "{state}");
    workspace.write("guide.yaml", GUIDE);
    run(&workspace);
    assert_eq!(workspace.topic("dwh.orders", "test").len(), 20 + 30, "no row of the third page is lost");
}

#[test]
fn the_dpone_envelope_wraps_the_untouched_row() {
    let stand = stand(0);
    let workspace = stand.workspace();
    run(&workspace);
    let flat = workspace.topic("dwh.orders", "test");
    workspace.write(
        "guide.yaml",
        edited(&[
            ("envelope: flat", "envelope: dpone"),
            ("dwh.orders", "dwh.enveloped"),
            ("api_to_kafka_example", "enveloped"),
        ]),
    );
    run(&workspace);
    let wrapped = workspace.topic("dwh.enveloped", "test");
    assert_eq!(wrapped.len(), flat.len());
    for (wrapped, flat) in wrapped.iter().zip(&flat) {
        let expected = format!(
            "{{\"op\":\"upsert\",\"data\":{},\"metadata\":{{\"strategy\":\"incremental_merge\"}},\
             \"source\":{{\"schema\":\"dwh\",\"table\":\"enveloped\"}},\"schema_version\":1}}",
            flat["value"].as_str().unwrap()
        );
        let bare = |text: &str| text.replace(' ', "");
        assert_eq!(bare(wrapped["value"].as_str().unwrap()), bare(&expected));
        assert_eq!(wrapped["key"], flat["key"]);
    }
}
