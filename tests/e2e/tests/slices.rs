//! Loads that are cut: windows of the cursor field by the built-in slicer, and parents by one that
//! is not ours. Each slice has its own journal, checkpoint and verdict.

use dpone_harness::{GUIDE, PageServer, Ran, Stand, Workspace, components};
use dpone_local::{DemoOptions, Fault, FaultKind};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The guide's manifest, cut into windows, with one attempt a request.
const WINDOWS: &str = "    slices: { type: windows, step: 10m }\n    retry: { max_attempts: 1 }\n    incremental:\n";

fn windows(rows: u64) -> (Stand, Workspace) {
    let stand = Stand::start(DemoOptions { rows, page_size: 100, new_rows: 0, ..DemoOptions::default() });
    let workspace = stand.workspace();
    let manifest = GUIDE.replace("    incremental:\n", WINDOWS).replace(
        "      start: \"2026-01-01T00:00:00Z\"\n",
        "      start: \"2026-01-01T00:00:00Z\"\n      end: \"2026-01-01T00:50:00Z\"\n      param: updated_since\n",
    );
    workspace.write("guide.yaml", manifest.replace("    - type: min_rows\n      threshold: 1\n", ""));
    (stand, workspace)
}

fn run(workspace: &Workspace) -> Ran {
    workspace.dpone(&["run", "guide.yaml", "--profile", "test", "--format", "json"])
}

fn state(workspace: &Workspace) -> Value {
    workspace.dpone(&["state", "show", "guide.yaml", "--profile", "test", "--format", "json"]).expect_exit(0).json()
}

/// Keys in the topic, sorted; each row is there as often as it was published.
fn keys(workspace: &Workspace) -> Vec<u64> {
    let messages = workspace.topic("dwh.orders", "test");
    let mut keys: Vec<u64> = messages.iter().map(|m| m["key"].as_str().unwrap().parse().unwrap()).collect();
    keys.sort_unstable();
    keys
}

/// Each slice of a report with its outcome.
fn outcomes(report: &Value) -> Vec<(&str, &str)> {
    let slices = report["slices"].as_array().unwrap();
    slices.iter().map(|slice| (slice["id"].as_str().unwrap(), slice["outcome"].as_str().unwrap())).collect()
}

#[test]
fn windows_are_loaded_one_after_the_other_with_checkpoints_of_their_own() {
    let (_stand, workspace) = windows(300);
    let report = run(&workspace).expect_exit(0).json();
    let ids: Vec<&str> = outcomes(&report).iter().map(|(id, _)| *id).collect();
    assert_eq!(ids.len(), 5, "{report}");
    assert_eq!(ids[0], "2026-01-01T00:00:00Z");
    assert_eq!(ids[4], "2026-01-01T00:40:00Z");
    assert!(outcomes(&report).iter().all(|(_, outcome)| *outcome == "succeeded"));
    let reasons: Vec<&Value> =
        report["slices"].as_array().unwrap().iter().map(|s| &s["walk"]["ended"]["reason"]).collect();
    assert_eq!(reasons, ["cursor-null"; 5]);
    assert_eq!(report["walk"]["ended"]["reason"], "slices");
    assert_eq!(report["walk"]["ended"]["message"], "cursor-null in 5");
    let acknowledged = report["rows"]["acknowledged"].as_u64().unwrap();
    let each = report["slices"].as_array().unwrap().iter().map(|s| s["rows"]["acknowledged"].as_u64().unwrap());
    assert_eq!(each.sum::<u64>(), acknowledged, "the run's counts are those of its slices");
    let loaded = keys(&workspace);
    assert_eq!(loaded.len() as u64, acknowledged);
    assert!(loaded.windows(2).all(|pair| pair[0] < pair[1]), "no row twice: {loaded:?}");

    let state = state(&workspace);
    assert_eq!(state["revision"], 1);
    assert_eq!(state["slices"].as_object().unwrap().len(), 5);
    let watermark = |value: &Value| value["checkpoint"]["watermark"]["value"].as_str().map(str::to_owned);
    assert_eq!(watermark(&state), watermark(&state["slices"]["2026-01-01T00:40:00Z"]));
    let folder = workspace.path().join(".dpone/runs/api_to_kafka").join(report["run_id"].as_str().unwrap());
    for number in 1..=5 {
        assert!(folder.join(format!("slices/{number}/quality.json")).is_file());
    }

    let journals = std::fs::read_dir(workspace.path().join(".dpone/journal/api_to_kafka_example")).unwrap().count();
    assert_eq!(journals, 1, "the run's own: those of its slices went with it");

    // The next run begins at the window that holds the watermark, and finds nothing new in it.
    let second = run(&workspace).expect_exit(0).json();
    assert_eq!(outcomes(&second), [("2026-01-01T00:40:00Z", "succeeded")]);
    assert_eq!(keys(&workspace).len() as u64, acknowledged + second["rows"]["acknowledged"].as_u64().unwrap());
}

#[test]
fn a_failed_slice_does_not_stop_the_others_and_resume_goes_on_with_what_is_left() {
    let (stand, workspace) = windows(300);
    // The first slice's second page fails for good; the walks after it meet a healthy API.
    stand.misbehave(vec![Fault::at_page(2, FaultKind::Status { status: 500, retry_after: None }).times(1)]);
    let failed = run(&workspace);
    failed.expect_exit(20).expect_error(&["DP0403", "slice 2026-01-01T00:00:00Z", "1 of 5 slices failed"]);
    let report = failed.json();
    let expected = ["failed", "succeeded", "succeeded", "succeeded", "succeeded"];
    assert_eq!(outcomes(&report).iter().map(|(_, outcome)| *outcome).collect::<Vec<_>>(), expected);
    let before = state(&workspace);
    assert_eq!(before["revision"], 0, "the load as a whole is not done");
    assert_eq!(before["slices"]["2026-01-01T00:10:00Z"]["revision"], 1);
    let loaded = keys(&workspace).len();

    let shown = workspace.dpone(&["state", "show", "guide.yaml", "--profile", "test"]);
    assert_eq!(shown.expect_exit(0).stdout.matches("\nslice ").count(), 5, "{}", shown.stdout);

    let run_id = report["run_id"].as_str().unwrap();
    let listed = workspace.dpone(&["journal", "list"]);
    let resumable = listed.expect_exit(0).stdout.lines().filter(|line| line.contains("resumable")).count();
    assert_eq!(resumable, 1, "{}", listed.stdout);
    let part = format!("{run_id}.1");
    workspace.dpone(&["resume", &part]).expect_exit(2).expect_error(&["one slice of the run", run_id]);
    let asked = stand.page_requests();
    let resumed = workspace.dpone(&["resume", run_id, "--format", "json"]).expect_exit(0).json();
    assert!(outcomes(&resumed).iter().all(|(_, outcome)| *outcome == "succeeded"), "{resumed}");
    // The first page of the failed slice was journalled; the loaded slices were not asked for again.
    assert_eq!(stand.page_requests() - asked, 2, "pages 2 and 3 of one slice");
    assert_eq!(state(&workspace)["revision"], 1);
    let all = keys(&workspace);
    assert!(all.len() > loaded && all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
}

#[test]
fn a_load_of_which_slices_are_left_says_how_to_go_on() {
    for kind in [FaultKind::WrongShape, FaultKind::Status { status: 404, retry_after: None }] {
        let (stand, workspace) = windows(300);
        stand.misbehave(vec![Fault::at_page(2, kind).times(1)]);
        let failed = workspace.dpone(&["run", "guide.yaml", "--profile", "test"]);
        failed.expect_exit(20);
        let said = format!("{}{}", failed.stdout, failed.stderr);
        let line = said.lines().find(|line| line.starts_with("resume with: dpone resume "));
        let run_id = line.and_then(|line| line.split_whitespace().nth(4)).unwrap_or_else(|| panic!("{said}"));
        workspace.dpone(&["resume", run_id]).expect_exit(0);
        let all = keys(&workspace);
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
    }
}

#[test]
fn a_kill_around_a_slices_write_of_state_loses_and_repeats_nothing() {
    for point in ["K:before", "K:after"] {
        let (_stand, workspace) = windows(300);
        let mut command = workspace.command(&["run", "guide.yaml", "--profile", "test"]);
        let killed = command.env("DPONE_FAILPOINT", point).output().unwrap();
        assert_eq!(killed.status.code(), None, "{point}: {killed:?}");
        let listed = workspace.dpone(&["journal", "list", "--format", "json"]).expect_exit(0).json();
        let run_id = listed[0]["run_id"].as_str().unwrap().to_owned();
        let resumed = workspace.dpone(&["resume", &run_id, "--format", "json"]).expect_exit(0).json();
        assert_eq!(outcomes(&resumed).len(), 5, "{point}");
        assert!(outcomes(&resumed).iter().all(|(_, outcome)| *outcome == "succeeded"), "{point}: {resumed}");
        assert_eq!(resumed["walk"]["ended"]["message"], "cursor-null in 5", "{point}: as if nothing had stopped");
        let loaded = keys(&workspace);
        assert!(loaded.windows(2).all(|pair| pair[0] < pair[1]), "{point}: no row twice: {loaded:?}");
        assert_eq!(state(&workspace)["revision"], 1);
    }
}

#[test]
fn a_kill_around_the_loads_own_write_of_state_loses_and_repeats_nothing() {
    for (point, revision) in [("K:load-before", 0), ("K:load-after", 1)] {
        let (_stand, workspace) = windows(300);
        let mut command = workspace.command(&["run", "guide.yaml", "--profile", "test"]);
        let killed = command.env("DPONE_FAILPOINT", point).output().unwrap();
        assert_eq!(killed.status.code(), None, "{point}: {killed:?}");
        assert_eq!(state(&workspace)["revision"], revision, "{point}");
        let loaded = keys(&workspace);
        let listed = workspace.dpone(&["journal", "list", "--format", "json"]).expect_exit(0).json();
        let run_id = listed[0]["run_id"].as_str().unwrap().to_owned();
        let resumed = workspace.dpone(&["resume", &run_id]);
        match revision {
            0 => drop(resumed.expect_exit(0)),
            // State says so, whatever is left of the journal.
            _ => drop(resumed.expect_exit(2).expect_error(&["DP0015", "is done", "state revision 1"])),
        }
        assert_eq!(state(&workspace)["revision"], 1, "{point}");
        assert_eq!(keys(&workspace), loaded, "{point}: every slice was loaded before");
        let listed = workspace.dpone(&["journal", "list", "--format", "json"]).expect_exit(0).json();
        assert_eq!((&listed[0]["outcome"], &listed[0]["resumable"]), (&json!("succeeded"), &json!(false)), "{point}");
    }
}

/// Two pages of parents, and the children of each; `broken` makes the second parent's fail.
fn family(broken: Arc<AtomicBool>) -> PageServer {
    PageServer::start(move |target| {
        let children =
            |id: &str| format!(r#"{{"data":{{"items":[{{"order_id":"{id}-1"}},{{"order_id":"{id}-2"}}]}}}}"#);
        let body = match target {
            "/customers" => r#"{"parents":[{"id":7},{"id":8}],"more":true}"#.to_owned(),
            "/customers?page=2" => r#"{"parents":[{"id":9}],"more":false}"#.to_owned(),
            "/orders?customer=8" if broken.load(Ordering::SeqCst) => "<html>".to_owned(),
            other => children(other.rsplit('=').next().unwrap()),
        };
        body.into_bytes()
    })
}

fn parents(server: &PageServer, stand: &Stand, grants: &str) -> Workspace {
    let workspace = stand.workspace_with_api(&server.base_url());
    std::fs::copy(components::PARENTS, workspace.path().join("parents.wasm")).unwrap();
    let (before, rest) = GUIDE.split_once("    pagination:\n").unwrap();
    let (_, after) = rest.split_once("\nsink:\n").unwrap();
    let slices = format!(
        "    slices:\n      uses: ./parents.wasm\n      with: {{ path: /customers, param: customer }}\n{grants}\nsink:\n"
    );
    workspace.write("guide.yaml", format!("{before}{slices}{after}").replace("incremental_merge", "full_refresh"));
    workspace
}

const PATH_GRANT: &str = "      grants: { paths: [/customers] }\n";

#[test]
fn parents_become_slices_and_a_new_run_asks_for_all_of_them() {
    let (stand, broken) = (Stand::small(), Arc::new(AtomicBool::new(true)));
    let server = family(broken.clone());
    let workspace = parents(&server, &stand, PATH_GRANT);
    let failed = run(&workspace);
    failed.expect_exit(20).expect_error(&["DP0404", "slice parent-8", "1 of 3 slices failed"]);
    assert_eq!(failed.json()["rows"]["acknowledged"], 4);
    broken.store(false, Ordering::SeqCst);
    let run_id = failed.json()["run_id"].as_str().unwrap().to_owned();
    let resumed = workspace.dpone(&["resume", &run_id, "--format", "json"]).expect_exit(0).json();
    assert_eq!(resumed["rows"]["acknowledged"], 2, "only what was left");
    let expected = [
        "/customers",
        "/customers?page=2",
        "/orders?customer=7",
        "/orders?customer=8",
        "/orders?customer=9",
        "/orders?customer=8",
    ];
    assert_eq!(server.targets(), expected);
    let keys: Vec<_> = workspace.topic("dwh.orders", "test").iter().map(|message| message["key"].clone()).collect();
    assert_eq!(keys, [json!("7-1"), json!("7-2"), json!("9-1"), json!("9-2"), json!("8-1"), json!("8-2")]);
}

/// Any id that a slicer may give names a slice, and never the load.
#[test]
fn a_slice_may_be_called_whatever_the_loads_own_row_is_called() {
    let stand = Stand::small();
    let server = PageServer::start(|target| match target {
        "/customers" => br#"{"parents":[{"id":"all"},{"id":"default"},{"id":"load"}]}"#.to_vec(),
        other => {
            let id = other.rsplit('=').next().unwrap();
            format!(r#"{{"data":{{"items":[{{"order_id":"{id}-1"}}]}}}}"#).into_bytes()
        }
    });
    let workspace = parents(&server, &stand, PATH_GRANT);
    let manifest = std::fs::read_to_string(workspace.path().join("guide.yaml")).unwrap();
    workspace.write("guide.yaml", manifest.replace("param: customer }", "param: customer, prefix: \"\" }"));
    for attempt in 1..=2 {
        let report = run(&workspace).expect_exit(0).json();
        let expected = ["all", "default", "load"].map(|id| (id, "succeeded"));
        assert_eq!(outcomes(&report), expected, "{report}");
        let state = state(&workspace);
        assert_eq!(state["revision"], attempt, "the load's own row");
        for id in ["all", "default", "load"] {
            assert_eq!(state["slices"][id]["revision"], attempt, "{state}");
        }
    }
    let history = |slice: &[&str]| {
        let arguments = [&["state", "history", "guide.yaml", "--profile", "test", "--format", "json"], slice].concat();
        workspace.dpone(&arguments).expect_exit(0).json().as_array().unwrap().len()
    };
    assert_eq!((history(&[]), history(&["--slice", "all"]), history(&["--slice", "none"])), (2, 2, 0));
    let shown = workspace.dpone(&["state", "show", "guide.yaml", "--profile", "test"]);
    assert!(shown.expect_exit(0).stdout.contains("slice      all  revision 2"), "{}", shown.stdout);
    for command in ["adopt", "reset"] {
        let yes: &[&str] = if command == "reset" { &["--yes"] } else { &[] };
        let arguments = [&["state", command, "guide.yaml", "--profile", "test"], yes].concat();
        workspace.dpone(&arguments).expect_exit(0);
    }
    let state = state(&workspace);
    assert_eq!((&state["revision"], &state["slices"]["all"]["revision"]), (&json!(4), &json!(4)));
}

/// A load without a slice is judged as one is in which nothing was found.
#[test]
fn a_slicer_that_lists_nothing_is_judged() {
    let stand = Stand::small();
    let server = PageServer::start(|_| br#"{"parents":[]}"#.to_vec());
    let rows = [
        ("", "", 30, Some("DP0701")),
        ("  mode: fail\n", "  mode: fail\n  on_empty_boundary: pass\n", 0, None),
        ("  mode: fail\n", "  mode: warn\n", 0, Some("quality.mode is warn")),
        ("    - type: min_rows\n      threshold: 1\n", "", 0, None),
    ];
    for (before, after, exit, says) in rows {
        let workspace = parents(&server, &stand, PATH_GRANT);
        let manifest = std::fs::read_to_string(workspace.path().join("guide.yaml")).unwrap();
        assert!(manifest.contains(before), "{before}");
        workspace.write("guide.yaml", manifest.replacen(before, after, 1));
        let ran = run(&workspace);
        ran.expect_exit(exit).expect_error(says.as_slice());
        let moved = if exit == 0 { 1 } else { 0 };
        assert_eq!(state(&workspace)["revision"], moved, "{after}");
    }
}

#[test]
fn a_slicer_asks_for_what_it_is_granted_and_nothing_else() {
    let stand = Stand::small();
    let server = family(Arc::default());
    let workspace = parents(&server, &stand, "");
    run(&workspace).expect_exit(12).expect_error(&["DP0315", "/customers", "grants.paths"]);
    assert!(server.targets().is_empty());
}

#[test]
fn plan_and_state_know_slices() {
    let (_stand, workspace) = windows(300);
    let plan = workspace.dpone(&["plan", "guide.yaml", "--profile", "test"]);
    let cut = r#"builtin:windows {"step":"10m"}: each slice has"#;
    assert!(plan.expect_exit(0).stdout.contains(cut), "{}", plan.stdout);
    run(&workspace).expect_exit(0);
    let reset = workspace.dpone(&["state", "reset", "guide.yaml", "--profile", "test", "--yes"]);
    reset.expect_exit(0);
    let state = state(&workspace);
    for (_, slice) in state["slices"].as_object().unwrap() {
        assert_eq!(slice["checkpoint"]["watermark"], Value::Null);
    }
    let before = keys(&workspace).len();
    let again = run(&workspace).expect_exit(0).json();
    assert_eq!(again["rows"]["acknowledged"].as_u64().unwrap() as usize, before, "all windows are loaded anew");
}

/// Each of the five windows has three pages or more; the limit leaves the last ones out.
#[test]
fn windows_that_a_page_limit_cut_short_are_asked_for_again() {
    for (order, arguments) in
        [("", &[] as &[&str]), ("      order: ascending\n", &[]), ("", &["--max-pages", "1", "--advance-state"])]
    {
        let (_stand, workspace) = windows(300);
        let path = workspace.path().join("guide.yaml");
        let manifest = std::fs::read_to_string(&path).unwrap();
        let manifest =
            manifest.replace("      param: updated_since\n", &format!("      param: updated_since\n{order}"));
        let limited = manifest
            .replace("cursor_param: cursor\n", "cursor_param: cursor\n      max_pages: 1\n      on_max_pages: stop\n");
        workspace.write("guide.yaml", if arguments.is_empty() { &limited } else { &manifest });
        let arguments = [&["run", "guide.yaml", "--profile", "test", "--format", "json"], arguments].concat();
        let first = workspace.dpone(&arguments);
        first.expect_exit(0).expect_error(&["the watermark of the load does not pass them"]);
        let cut: Vec<String> = outcomes(&first.json()).iter().map(|(id, _)| (*id).to_owned()).collect();
        assert!(state(&workspace)["checkpoint"]["watermark"].is_null(), "{arguments:?} {order}");
        workspace.write("guide.yaml", &manifest);
        let second = run(&workspace).expect_exit(0).json();
        let asked: Vec<&str> = outcomes(&second).iter().map(|(id, _)| *id).collect();
        assert_eq!(asked, cut, "{arguments:?} {order}");
        if order.is_empty() {
            let mut loaded = keys(&workspace);
            loaded.dedup();
            let (_other, fresh) = windows(300);
            run(&fresh).expect_exit(0);
            assert_eq!(loaded, keys(&fresh), "{arguments:?}: no row is lost");
        }
    }
}
