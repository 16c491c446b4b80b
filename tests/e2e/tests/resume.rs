//! A run that ends in the middle, by a kill, a failure or a signal, and what `dpone resume` makes of it.

use dpone_harness::{Ran, Stand, Workspace};
use dpone_local::{DemoOptions, Fault, FaultKind};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The signal that `abort` ends a process with.
const SIGABRT: i32 = 6;

fn run(workspace: &Workspace) -> Ran {
    workspace.dpone(&["run", "guide.yaml", "--profile", "test"])
}

fn resume(workspace: &Workspace, run_id: &str) -> Ran {
    workspace.dpone(&["resume", run_id])
}

/// Runs up to a fail point, which ends the process as a kill does, and returns the run's id.
#[track_caller]
fn kill_at(workspace: &Workspace, point: &str) -> String {
    use std::os::unix::process::ExitStatusExt;
    let mut command = workspace.command(&["run", "guide.yaml", "--profile", "test"]);
    let output = command.env("DPONE_FAILPOINT", point).output().unwrap();
    assert_eq!(output.status.signal(), Some(SIGABRT), "{point}: {output:?}");
    newest_run(workspace)
}

fn newest_run(workspace: &Workspace) -> String {
    journals(workspace).last().unwrap()["run_id"].as_str().unwrap().to_owned()
}

fn journals(workspace: &Workspace) -> Vec<Value> {
    let listed = workspace.dpone(&["journal", "list", "--format", "json"]).expect_exit(0).json();
    listed.as_array().unwrap().clone()
}

/// Keys of the guide's topic in order; none where it does not exist.
fn keys(workspace: &Workspace) -> Vec<u64> {
    let ran = workspace.dpone(&["topic", "read", "dwh.orders", "--profile", "test", "--format", "ndjson"]);
    if ran.stderr.contains("DP0502") {
        return Vec::new();
    }
    let key = |line: &str| serde_json::from_str::<Value>(line).unwrap()["key"].as_str().unwrap().parse().unwrap();
    ran.expect_exit(0).stdout.lines().map(key).collect()
}

fn revision(workspace: &Workspace) -> u64 {
    let ran = workspace.dpone(&["state", "show", "guide.yaml", "--profile", "test", "--format", "json"]);
    if ran.exit == Some(31) { 0 } else { ran.json()["revision"].as_u64().unwrap() }
}

/// The queries of the page requests from `from` on; the first page's is empty.
fn queries(stand: &Stand, from: usize) -> Vec<String> {
    let requests = stand.api().requests();
    let pages = requests.iter().filter(|request| request.path.starts_with("/orders"));
    pages.skip(from).map(|request| request.query.clone().unwrap_or_default()).collect()
}

fn all_keys() -> Vec<u64> {
    (1..=30).collect()
}

#[test]
fn a_kill_while_pages_come_loses_and_refetches_nothing() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let run_id = kill_at(&workspace, "D:2");
    assert!(keys(&workspace).is_empty(), "nothing is published before the slice was judged");
    let before = queries(&stand, 0);
    assert!((2..=3).contains(&before.len()), "{before:?}");
    resume(&workspace, &run_id).expect_exit(0);
    let after = queries(&stand, before.len());
    assert_eq!(after.len(), 1, "only page 3 is fetched: {after:?}");
    assert!(!before[..2].contains(&after[0]), "{after:?} was journalled");
    assert_eq!(keys(&workspace), all_keys());
    assert_eq!(revision(&workspace), 1);
    // What is done is not done again.
    resume(&workspace, &run_id).expect_exit(40).expect_error(&["DP1007", &run_id, "it is done"]);
    resume(&workspace, "20260101T000000Z-0000000000").expect_exit(2).expect_error(&["DP0002"]);
    assert_eq!(keys(&workspace).len(), 30);
}

#[test]
fn a_kill_while_messages_go_out_sends_the_same_bytes_again() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let run_id = kill_at(&workspace, "H:1");
    let fetched = stand.page_requests();
    assert_eq!(fetched, 3);
    assert_eq!(revision(&workspace), 0);
    let before = keys(&workspace);
    resume(&workspace, &run_id).expect_exit(0);
    assert_eq!(stand.page_requests(), fetched, "all pages were journalled");
    let mut messages = workspace.topic("dwh.orders", "test");
    // Those of page 1 may be there twice; each twin is the same, key and value.
    let again = messages.split_off(before.len());
    assert_eq!(
        again.iter().map(|m| m["key"].clone()).collect::<Vec<_>>(),
        all_keys().iter().map(|k| json!(k.to_string())).collect::<Vec<_>>()
    );
    for (first, second) in messages.iter().zip(&again) {
        assert_eq!((&first["key"], &first["value"]), (&second["key"], &second["value"]));
    }
    assert_eq!(revision(&workspace), 1);
}

#[test]
fn a_kill_around_the_write_of_state() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let run_id = kill_at(&workspace, "K:before");
    assert_eq!((revision(&workspace), keys(&workspace)), (0, all_keys()));
    let fetched = stand.page_requests();
    resume(&workspace, &run_id).expect_exit(0);
    assert_eq!(
        (revision(&workspace), keys(&workspace)),
        (1, all_keys()),
        "all was acknowledged: nothing goes out twice"
    );
    assert_eq!(stand.page_requests(), fetched);

    // State has moved, so the run is done, whatever is left of its journal.
    let stand = Stand::small();
    let workspace = stand.workspace();
    let run_id = kill_at(&workspace, "K:after");
    assert_eq!((revision(&workspace), keys(&workspace)), (1, all_keys()));
    let ran = resume(&workspace, &run_id);
    assert_ne!(ran.exit, Some(70), "{}", ran.stderr);
    assert_eq!((revision(&workspace), keys(&workspace)), (1, all_keys()));
}

#[test]
fn a_failed_page_is_asked_for_again() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    stand.misbehave(vec![Fault::at_page(3, FaultKind::MalformedJson)]);
    let ran = run(&workspace);
    let run_id = newest_run(&workspace);
    ran.expect_exit(20).expect_error(&["DP0404", "page 3"]);
    assert!(ran.stdout.contains(&format!("dpone resume {run_id}")), "{}", ran.stdout);
    // The fault is still there: the run fails again, and stays resumable.
    resume(&workspace, &run_id).expect_exit(20).expect_error(&["DP0404", "page 3"]);
    stand.misbehave(Vec::new());
    let fetched = stand.page_requests();
    resume(&workspace, &run_id).expect_exit(0);
    assert_eq!(stand.page_requests(), fetched + 1);
    assert_eq!((revision(&workspace), keys(&workspace)), (1, all_keys()));
}

#[test]
fn an_interrupt_leaves_a_run_that_goes_on() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    stand.misbehave(vec![Fault::at_page(3, FaultKind::Delay { ms: 30_000 })]);
    let mut command = workspace.command(&["run", "guide.yaml", "--profile", "test"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    wait_until(|| stand.page_requests() == 3);
    let interrupted = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ran = Ran::from(child.wait_with_output().unwrap());
    ran.expect_exit(130).expect_error(&["interrupted"]);
    assert!(interrupted.elapsed() < Duration::from_secs(10), "{:?}", interrupted.elapsed());
    let run_id = newest_run(&workspace);
    assert!(ran.stdout.contains(&run_id), "{}", ran.stdout);
    assert_eq!((revision(&workspace), keys(&workspace)), (0, Vec::new()));
    stand.misbehave(Vec::new());
    let fetched = stand.page_requests();
    resume(&workspace, &run_id).expect_exit(0);
    assert!(stand.page_requests() <= fetched + 1, "at most page 3 is fetched");
    assert_eq!((revision(&workspace), keys(&workspace)), (1, all_keys()));
}

#[track_caller]
fn wait_until(is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(30), "it never came to it");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_run_that_was_overtaken_is_not_resumed() {
    let stand = Stand::start(DemoOptions { rows: 30, page_size: 10, new_rows: 0, ..DemoOptions::default() });
    let workspace = stand.workspace();
    stand.misbehave(vec![Fault::at_page(3, FaultKind::MalformedJson)]);
    run(&workspace).expect_exit(20);
    let overtaken = newest_run(&workspace);
    stand.misbehave(Vec::new());
    run(&workspace).expect_exit(0);
    resume(&workspace, &overtaken).expect_exit(31).expect_error(&["DP0802", &overtaken, "start a new run"]);
    assert_eq!((revision(&workspace), keys(&workspace)), (1, all_keys()));
}

#[test]
fn a_torn_tail_of_the_journal_is_cut_and_fetched_again() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let run_id = kill_at(&workspace, "D:2");
    let page_one = queries(&stand, 0)[0].clone();
    // Page 2 holds order 15; a byte of it that was never written right breaks the checksum.
    let needle = b"\"order_id\":15,";
    let folder = workspace.path().join(".dpone/journal");
    let torn: Vec<_> = files(&folder).into_iter().filter(|file| tear(file, needle)).collect();
    assert_eq!(torn.len(), 1, "{torn:?}");
    let fetched = stand.page_requests();
    resume(&workspace, &run_id).expect_exit(0);
    let after = queries(&stand, fetched);
    assert_eq!(after.len(), 2, "pages 2 and 3: {after:?}");
    assert!(!after.contains(&page_one), "{after:?}");
    assert_eq!((revision(&workspace), keys(&workspace)), (1, all_keys()));
}

/// Overwrites the first byte of `needle` where a file holds it.
fn tear(file: &Path, needle: &[u8]) -> bool {
    let mut content = std::fs::read(file).unwrap();
    let Some(at) = content.windows(needle.len()).position(|window| window == needle) else { return false };
    content[at] = 0;
    std::fs::write(file, content).unwrap();
    true
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn what_checks_and_transforms_had_seen_is_rebuilt() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    // Repeats across pages: only a judge that knows all pages can tell how many there are.
    let edits = "  checks:\n    - { type: unique, columns: [currency, status, city, channel] }\n";
    let transforms = "\ntransforms:\n  - { type: filter, field: order_id, op: le, value: 30 }\n";
    let manifest = dpone_harness::GUIDE.replace("  checks:\n", edits) + transforms;
    workspace.write("guide.yaml", &manifest);
    let whole = run(&workspace);
    let said = |ran: &Ran| {
        let line = ran.stderr.lines().find(|line| line.contains("DP0701")).map(ToOwned::to_owned);
        line.unwrap_or_else(|| panic!("no verdict: {}", ran.stderr))
    };
    whole.expect_exit(30);
    let run_id = kill_at(&workspace, "D:2");
    let resumed = resume(&workspace, &run_id);
    resumed.expect_exit(30);
    assert_eq!(said(&resumed), said(&whole), "the verdict does not depend on where the run was stopped");
    assert!(keys(&workspace).is_empty());
}
