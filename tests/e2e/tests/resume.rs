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
    journals(workspace).first().unwrap()["run_id"].as_str().unwrap().to_owned()
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
    // Finished work is not done again.
    resume(&workspace, &run_id).expect_exit(2).expect_error(&["DP0015", &run_id, "is done"]);
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
    resume(&workspace, &run_id).expect_exit(2).expect_error(&["DP0015", &run_id, "is done"]);
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

/// Bytes of all segments of all runs.
fn segment_bytes(workspace: &Workspace) -> u64 {
    let files = files(&workspace.path().join(".dpone/journal"));
    let segments = files.iter().filter(|file| file.extension().is_some_and(|end| end == "seg"));
    // Recycled segments are no run's.
    let segments = segments.filter(|file| !file.components().any(|part| part.as_os_str() == ".pool"));
    segments.map(|file| std::fs::metadata(file).unwrap().len()).sum()
}

#[test]
fn a_stopped_run_keeps_no_more_of_the_disk_than_its_pages() {
    const SEGMENT: u64 = 16 << 20;
    const PAGES: u64 = 64 << 10;
    let stand = Stand::small();
    let workspace = stand.workspace();
    stand.misbehave(vec![Fault::at_page(3, FaultKind::MalformedJson)]);
    run(&workspace).expect_exit(20);
    let failed = newest_run(&workspace);
    assert!((1..PAGES).contains(&segment_bytes(&workspace)), "{}", segment_bytes(&workspace));
    // Each attempt takes a whole segment again, and gives it back.
    resume(&workspace, &failed).expect_exit(20);
    assert!((1..PAGES).contains(&segment_bytes(&workspace)), "{}", segment_bytes(&workspace));
    stand.misbehave(Vec::new());
    resume(&workspace, &failed).expect_exit(0);
    assert_eq!(segment_bytes(&workspace), 0);

    // Nobody trims a run that is killed, until somebody meets it: the listing, a purge, or the next run.
    let meets: [&[&str]; 3] =
        [&["journal", "list"], &["journal", "purge"], &["run", "guide.yaml", "--profile", "test", "--max-pages", "1"]];
    for meet in meets {
        let stand = Stand::small();
        let workspace = stand.workspace();
        let mut command = workspace.command(&["run", "guide.yaml", "--profile", "test", "--max-pages", "2"]);
        command.env("DPONE_FAILPOINT", "D:2").output().unwrap();
        assert_eq!(segment_bytes(&workspace), SEGMENT, "{meet:?}");
        if meet[0] == "run" {
            release_lease(&workspace);
        }
        workspace.dpone(meet).expect_exit(0);
        assert!((1..PAGES).contains(&segment_bytes(&workspace)), "{meet:?}: {}", segment_bytes(&workspace));
        let run_id = journals(&workspace).last().unwrap()["run_id"].as_str().unwrap().to_owned();
        resume(&workspace, &run_id).expect_exit(0);
    }
}

/// The lease of a killed run ends by itself after 30 s; a test need not wait for it.
fn release_lease(workspace: &Workspace) {
    std::fs::remove_file(workspace.path().join(".dpone/local/state.db")).unwrap();
}

/// Journals and artifacts of an earlier run beside a store without its state.
#[test]
fn state_that_is_gone_is_not_taken_for_a_first_run() {
    let stand = Stand::small();
    let database = ".dpone/local/state.db";
    let remove = |workspace: &Workspace| {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(workspace.path().join(format!("{database}{end}")));
        }
    };
    let empty = |workspace: &Workspace| {
        remove(workspace);
        workspace.write(database, "");
    };
    let forget = |workspace: &Workspace, folder: &str| {
        std::fs::remove_dir_all(workspace.path().join(folder)).unwrap();
    };
    let losses: [(&str, &dyn Fn(&Workspace), bool); 6] = [
        ("emptied", &empty, true),
        ("removed", &remove, true),
        (
            "emptied, without journals",
            &|workspace| {
                empty(workspace);
                forget(workspace, ".dpone/journal");
            },
            true,
        ),
        (
            "removed, without artifacts",
            &|workspace| {
                remove(workspace);
                forget(workspace, ".dpone/runs");
            },
            true,
        ),
        (
            "neither is kept",
            &|workspace| {
                remove(workspace);
                forget(workspace, ".dpone/journal");
                forget(workspace, ".dpone/runs");
            },
            false,
        ),
        ("nothing is lost", &|_| {}, false),
    ];
    for (what, lose, is_refused) in losses {
        let workspace = stand.workspace();
        let pass = dpone_harness::GUIDE.replace("  mode: fail\n", "  mode: fail\n  on_empty_boundary: pass\n");
        workspace.write("guide.yaml", pass);
        run(&workspace).expect_exit(0);
        let before = keys(&workspace).len();
        lose(&workspace);
        let ran = run(&workspace);
        if !is_refused {
            ran.expect_exit(0);
            continue;
        }
        ran.expect_exit(31).expect_error(&["DP0807", "holds no state of api_to_kafka_example", "dpone state reset"]);
        assert_eq!(keys(&workspace).len(), before, "{what}");
        let reset = workspace.dpone(&["state", "reset", "guide.yaml", "--profile", "test", "--yes"]);
        reset.expect_exit(0);
        run(&workspace).expect_exit(0);
        assert_eq!(keys(&workspace).len(), before + 30, "{what}");
    }
}

/// SQLite makes its file before it writes, so that a first run that is killed may leave it empty.
#[test]
fn a_first_run_that_was_killed_needs_no_operator() {
    for point in ["D:1", "H:1", "K:before"] {
        let stand = Stand::small();
        let workspace = stand.workspace();
        let run_id = kill_at(&workspace, point);
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(workspace.path().join(format!(".dpone/local/state.db{end}")));
        }
        workspace.write(".dpone/local/state.db", "");
        run(&workspace).expect_exit(0);
        assert!(keys(&workspace).ends_with(&all_keys()), "{point} {run_id}");
    }
}

/// The effect of a mended manifest, and the second attempt's words.
struct Mended {
    change: (&'static str, &'static str),
    exit: i32,
    says: &'static [&'static str],
}

/// A guide whose run fails at its quality check, with pages in the journal and nothing in the topic.
fn failed_check(workspace: &Workspace) -> (String, String) {
    let manifest = dpone_harness::GUIDE.replace("threshold: 1\n", "threshold: 31\n")
        + "\ntransforms:\n  - { type: filter, field: order_id, op: le, value: 1000 }\n";
    workspace.write("guide.yaml", &manifest);
    let ran = run(workspace);
    ran.expect_exit(30);
    let run_id = newest_run(workspace);
    let proposed = format!("dpone resume {run_id} --manifest FILE");
    assert!(ran.stdout.contains(&proposed) && !ran.stdout.contains("resume with:"), "{}", ran.stdout);
    (run_id, manifest)
}

#[test]
fn a_run_goes_on_with_a_mended_manifest_where_its_pages_hold() {
    let judged = ("threshold: 31\n", "threshold: 30\n");
    let rows = [
        Mended { change: ("", ""), exit: 30, says: &["DP0701"] },
        Mended { change: judged, exit: 0, says: &[] },
        Mended { change: ("  mode: fail\n", "  mode: warn\n"), exit: 0, says: &[] },
        Mended { change: ("    - type: min_rows\n      threshold: 31\n    - type", "    - type"), exit: 0, says: &[] },
        Mended {
            change: ("orders\n    records_path", "orders?all=1\n    records_path"),
            exit: 2,
            says: &["DP0013", "`source.options.url` was `https://api.example.com/orders`", "mended.yaml:10:5"],
        },
        Mended {
            change: ("    method: GET\n", "    method: GET\n    params: { since: 7 }\n"),
            exit: 2,
            says: &["DP0013", "`source.options.params` was not there"],
        },
        Mended {
            change: ("cursor_param: cursor", "cursor_param: after"),
            exit: 2,
            says: &["cursor_param` was `cursor`"],
        },
        Mended { change: ("2026-01-01T00", "2026-01-02T00"), exit: 2, says: &["source.options.incremental.start"] },
        Mended { change: ("value: 1000", "value: 10"), exit: 2, says: &["`transforms[0].value` was `1000`"] },
        Mended { change: ("topic: dwh.orders", "topic: dwh.other"), exit: 2, says: &["`sink.topic` was `dwh.orders`"] },
        Mended { change: ("envelope: flat", "envelope: dpone"), exit: 2, says: &["`sink.options.envelope` was"] },
        Mended {
            change: ("unique_key: order_id", "unique_key: customer_id"),
            exit: 2,
            says: &["`sink.strategy.unique_key` was `order_id`"],
        },
        Mended {
            change: ("    records_path", "    allow_origins: [\"https://files.example.com\"]\n    records_path"),
            exit: 2,
            says: &["DP0013", "`source.options.allow_origins` was not there", "more than it was started with"],
        },
        Mended {
            change: (
                "    - type: min_rows\n",
                "    - { type: min_rows, id: more, threshold: 1, grants: { clock: real } }\n    - type: min_rows\n",
            ),
            exit: 2,
            says: &["DP0013", "`quality.checks[0].grants` was not there", "more than it was started with"],
        },
        Mended {
            change: ("    envelope: flat\n", "    envelope: flat\n    topic_config: { create: true }\n"),
            exit: 2,
            says: &["DP0013", "`sink.options.topic_config` was not there"],
        },
        Mended { change: ("name: api_to", "name: from_api_to"), exit: 2, says: &["`name` was `api_to_kafka_example`"] },
    ];
    let stand = Stand::small();
    for Mended { change: (before, after), exit, says } in rows {
        let workspace = stand.workspace();
        let (run_id, manifest) = failed_check(&workspace);
        assert!(manifest.contains(before), "{before}");
        workspace.write("mended.yaml", manifest.replacen(before, after, 1));
        let fetched = stand.page_requests();
        let ran = workspace.dpone(&["resume", &run_id, "--manifest", "mended.yaml", "--format", "json"]);
        ran.expect_exit(exit).expect_error(says);
        assert_eq!(stand.page_requests(), fetched, "{after}: the pages are in the journal");
        if exit == 0 {
            let report = ran.json();
            assert_eq!(
                (&report["manifest"], &report["manifest_from"], &report["resumed"]),
                (&json!("mended.yaml"), &json!("file"), &json!(true))
            );
        } else {
            assert_eq!(revision(&workspace), 0, "{after}");
        }
    }
}

#[test]
fn every_difference_of_a_mended_manifest_is_named() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let (run_id, manifest) = failed_check(&workspace);
    let other = manifest.replace("dwh.orders", "dwh.other").replace("envelope: flat", "envelope: dpone");
    workspace.write("mended.yaml", other.replace("threshold: 31\n", "threshold: 1\n"));
    let ran = workspace.dpone(&["resume", &run_id, "--manifest", "mended.yaml"]);
    ran.expect_exit(2).expect_error(&["`sink.topic`", "`sink.options.envelope`"]);
    assert_eq!(ran.stderr.matches("error[DP0013]").count(), 2, "{}", ran.stderr);

    // The run is as it was: it goes on with the manifest that it has, and then with one that fits.
    let own = workspace.dpone(&["resume", &run_id, "--format", "json"]);
    own.expect_exit(30);
    let report = own.json();
    assert_eq!((&report["manifest"], &report["manifest_from"]), (&json!("guide.yaml"), &json!("journal")));
    std::fs::remove_file(workspace.path().join("guide.yaml")).unwrap();
    workspace.write("mended.yaml", manifest.replace("threshold: 31\n", "threshold: 30\n"));
    let mut command = workspace.command(&["resume", &run_id, "--manifest", "mended.yaml"]);
    command.env("DPONE_FAILPOINT", "H:1").output().unwrap();
    // A mended manifest is the run's own from then on.
    resume(&workspace, &run_id).expect_exit(0);
    assert!(keys(&workspace).ends_with(&all_keys()));
}

#[test]
fn what_was_sent_holds_the_choice_among_repeats() {
    let stand = Stand::small();
    let choice = ("duplicate_policy: fail", "duplicate_policy: last");
    for (point, exit) in [("D:2", 0), ("H:1", 2), ("K:before", 2)] {
        let workspace = stand.workspace();
        let run_id = kill_at(&workspace, point);
        workspace.write("mended.yaml", dpone_harness::GUIDE.replace(choice.0, choice.1));
        let ran = workspace.dpone(&["resume", &run_id, "--manifest", "mended.yaml"]);
        ran.expect_exit(exit);
        if exit != 0 {
            ran.expect_error(&["DP0013", "sink.strategy.duplicate_policy"]);
        }
    }
}

#[test]
fn resuming_is_proposed_only_where_it_can_help() {
    let stand = Stand::small();
    let rows = [
        // A record without its key field: the page would be read as it was.
        ("unique_key: order_id", "unique_key: nobody", 30, None),
        ("records_path: data.items", "records_path: data.nothing", 20, None),
        ("    pagination:\n", "    pagination:\n      max_pages: 2\n", 20, Some("--manifest FILE")),
        ("threshold: 1\n", "threshold: 31\n", 30, Some("--manifest FILE")),
    ];
    for (before, after, exit, proposed) in rows {
        let workspace = stand.workspace();
        workspace.write("guide.yaml", dpone_harness::GUIDE.replace(before, after));
        let ran = run(&workspace);
        ran.expect_exit(exit);
        match proposed {
            Some(text) => assert!(ran.stdout.contains(text), "{after}: {}", ran.stdout),
            None => assert!(!ran.stdout.contains("dpone resume"), "{after}: {}", ran.stdout),
        }
    }
    let workspace = stand.workspace();
    stand.misbehave(vec![Fault::at_page(2, FaultKind::MalformedJson)]);
    let ran = run(&workspace);
    ran.expect_exit(20);
    let line = format!("resume with: dpone resume {} (it keeps the manifest", newest_run(&workspace));
    assert!(ran.stdout.contains(&line), "{}", ran.stdout);
}

#[test]
fn the_listing_says_how_each_run_ended() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    run(&workspace).expect_exit(0);
    stand.misbehave(vec![Fault::at_page(1, FaultKind::MalformedJson)]);
    run(&workspace).expect_exit(20);
    stand.misbehave(Vec::new());
    let killed = kill_at(&workspace, "D:1");
    let listed = journals(&workspace);
    let outcomes: Vec<_> = listed.iter().map(|run| run["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["killed", "failed", "succeeded"], "newest first");
    assert_eq!(listed[0]["run_id"], killed.as_str());
    assert_eq!(listed[1]["progress"]["failure"]["code"], "DP0404");
    let text = workspace.dpone(&["journal", "list"]).expect_exit(0).stdout.clone();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "a line a run, and one for what it failed with:\n{text}");
    assert!(lines[0].contains("killed") && lines[0].contains("resumable") && lines[0].contains(" s "), "{text}");
    assert!(lines[1].contains("failed") && lines[2].trim_start().starts_with("DP0404: "), "{text}");
    assert!(lines[3].contains("succeeded") && lines[3].ends_with("0 B"), "{text}");
}

/// Three pages with a row of 500 kB each: the third does not fit into 1 MiB.
#[test]
fn a_further_attempt_is_held_to_the_bound_of_the_journal_and_a_mended_one_to_its_own() {
    let stand = Stand::small();
    stand.misbehave(vec![Fault::always(FaultKind::HugeRow { bytes: 500_000 })]);
    let workspace = stand.workspace();
    let bounded = |bound: &str| format!("{}journal: {{ max_bytes: {bound} }}\n", dpone_harness::GUIDE);
    workspace.write("guide.yaml", bounded("1MiB"));
    let ran = run(&workspace);
    ran.expect_exit(40).expect_error(&["DP1002", "page 3"]);
    let run_id = newest_run(&workspace);
    assert!(ran.stdout.contains(&format!("dpone resume {run_id} --manifest FILE")), "{}", ran.stdout);
    resume(&workspace, &run_id).expect_exit(40).expect_error(&["DP1002", "page 3"]);
    workspace.write("mended.yaml", bounded("64MiB"));
    workspace.dpone(&["resume", &run_id, "--manifest", "mended.yaml"]).expect_exit(0);
    assert_eq!((revision(&workspace), keys(&workspace)), (1, all_keys()));
}

/// The first attempt stops at two of three pages, and fails at a check that more rows would pass.
#[test]
fn a_walk_that_a_page_limit_ended_goes_on_where_a_mended_manifest_allows_more() {
    const LIMIT: &str = "cursor_param: cursor\n      max_pages: 2\n      on_max_pages: stop";
    let rows = [
        // Mended limit, exit, further requests, whether the watermark moves.
        ("max_pages: 9", 0, 1, true),
        ("max_pages: 3", 0, 1, true),
        ("max_pages: 2", 0, 0, false),
    ];
    for (limit, exit, requests, moves) in rows {
        let stand = Stand::small();
        let workspace = stand.workspace();
        let manifest = dpone_harness::GUIDE.replace("cursor_param: cursor", LIMIT);
        let strict = manifest.replace("threshold: 1\n", "threshold: 30\n");
        workspace.write("guide.yaml", &strict);
        run(&workspace).expect_exit(30);
        let run_id = newest_run(&workspace);
        // Without a change, the run knows that there is more.
        resume(&workspace, &run_id).expect_exit(30);
        let fetched = stand.page_requests();
        let mended = if moves { &strict } else { &manifest };
        workspace.write("mended.yaml", mended.replace("max_pages: 2", limit));
        let ran = workspace.dpone(&["resume", &run_id, "--manifest", "mended.yaml"]);
        ran.expect_exit(exit);
        assert_eq!(stand.page_requests() - fetched, requests, "{limit}");
        let shown = workspace.dpone(&["state", "show", "guide.yaml", "--profile", "test", "--format", "json"]).json();
        assert_eq!(shown["checkpoint"]["watermark"].is_object(), moves, "{limit}: {shown}");
        assert_eq!(ran.stderr.contains("the watermark stays"), !moves, "{limit}: {}", ran.stderr);
        let expected: Vec<u64> = if moves { all_keys() } else { (1..=20).collect() };
        assert_eq!(keys(&workspace), expected, "{limit}");
    }
}

#[test]
fn a_refused_manifest_leaves_the_runs_own_report_and_failure() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let (run_id, manifest) = failed_check(&workspace);
    let report = workspace.path().join(format!(".dpone/runs/api_to_kafka/{run_id}/run.json"));
    let before = std::fs::read(&report).unwrap();
    workspace.write("mended.yaml", manifest.replace("name: api_to", "name: from_api_to"));
    workspace.dpone(&["resume", &run_id, "--manifest", "mended.yaml"]).expect_exit(2).expect_error(&["DP0013"]);
    assert_eq!(std::fs::read(&report).unwrap(), before);
    assert_eq!(journals(&workspace)[0]["progress"]["failure"]["code"], "DP0701");
}
