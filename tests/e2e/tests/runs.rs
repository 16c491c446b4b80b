//! `dpone runs`: how the runs of a pipeline ended, from their artifacts alone.

use dpone_harness::{GUIDE, Stand, Workspace};
use dpone_local::{Fault, FaultKind};
use serde_json::{Value, json};
use std::path::PathBuf;

fn run(workspace: &Workspace) {
    workspace.dpone(&["run", "guide.yaml", "--profile", "test"]);
}

fn runs(workspace: &Workspace, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["runs"], arguments, &["--format", "json"]].concat();
    workspace.dpone(&arguments).expect_exit(0).json().as_array().unwrap().clone()
}

fn folder(workspace: &Workspace, run: &Value) -> PathBuf {
    workspace.path().join(".dpone/runs/api_to_kafka").join(run["run_id"].as_str().unwrap())
}

#[test]
fn each_run_has_a_line_newest_first() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    assert_eq!(runs(&workspace, &["guide.yaml"]), [] as [Value; 0]);
    run(&workspace);
    stand.misbehave(vec![Fault::at_page(1, FaultKind::MalformedJson)]);
    run(&workspace);
    stand.misbehave(Vec::new());
    let mut killed = workspace.command(&["run", "guide.yaml", "--profile", "test"]);
    killed.env("DPONE_FAILPOINT", "D:1").output().unwrap();

    let listed = runs(&workspace, &["guide.yaml"]);
    let outcomes: Vec<_> = listed.iter().map(|run| run["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["killed", "failed", "succeeded"]);
    let (killed, failed, good) = (&listed[0], &listed[1], &listed[2]);
    assert_eq!(
        (&good["rows_extracted"], &good["rows_published"], &good["error"]),
        (&json!(30), &json!(30), &Value::Null)
    );
    let watermark = good["watermark"].as_str().unwrap();
    assert!(watermark.starts_with("2026-01-01T00:"), "{watermark}");
    assert!(good["duration_ms"].as_u64().is_some() && good["started_at"].as_str().unwrap().starts_with("20"));
    assert_eq!((&failed["error"]["code"], &failed["watermark"]), (&json!("DP0404"), &Value::Null));
    assert_eq!(killed["duration_ms"], Value::Null);

    // The pipeline's name says as much, and no manifest, profile or service is needed for it.
    std::fs::remove_file(workspace.path().join("guide.yaml")).unwrap();
    std::fs::remove_dir_all(workspace.path().join(".dpone/profiles")).unwrap();
    assert_eq!(runs(&workspace, &["api_to_kafka_example"]), listed);
    assert_eq!(runs(&workspace, &["api_to_kafka_example", "--limit", "1"]), listed[..1]);

    let text = workspace.dpone(&["runs", "api_to_kafka_example"]).expect_exit(0).stdout.clone();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("run ") && lines[0].contains("watermark"), "{text}");
    assert!(lines[2].contains("failed") && lines[2].ends_with("DP0404"), "{text}");
    assert!(lines[3].contains(watermark), "{text}");
    let table = workspace.dpone(&["runs", "api_to_kafka_example", "--format", "md"]).expect_exit(0).stdout.clone();
    assert_eq!(table.lines().filter(|line| line.starts_with('|')).count(), 5, "{table}");
}

#[test]
fn what_cannot_be_read_is_shown_and_what_is_anothers_is_not() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    run(&workspace);
    workspace.write("other.yaml", GUIDE.replace("name: api_to_kafka_example", "name: other"));
    workspace.dpone(&["run", "other.yaml", "--profile", "test"]).expect_exit(0);
    let (mine, others) = (runs(&workspace, &["guide.yaml"]), runs(&workspace, &["other"]));
    assert_eq!((mine.len(), others.len()), (1, 1), "they share a folder");
    assert_ne!(mine[0]["run_id"], others[0]["run_id"]);

    std::fs::write(folder(&workspace, &mine[0]).join("run.json"), "{\"pipeline\": \"api_to").unwrap();
    std::fs::create_dir(workspace.path().join(".dpone/runs/api_to_kafka/20200102T030405Z-0000000000")).unwrap();
    std::fs::create_dir(workspace.path().join(".dpone/runs/api_to_kafka/notes")).unwrap();
    let listed = runs(&workspace, &["guide.yaml"]);
    let shown: Vec<_> = listed.iter().map(|run| (run["outcome"].as_str().unwrap(), &run["error"]["code"])).collect();
    assert_eq!(shown, [("damaged", &json!("DP1008")), ("damaged", &json!("DP1008"))]);
    assert_eq!(listed[1]["started_at"], "2020-01-02T03:04:05Z", "its name says so much");

    workspace.dpone(&["runs", "nobody"]).expect_exit(2).expect_error(&["DP0014", "api_to_kafka_example, other"]);
    workspace.dpone(&["runs", "guide.yaml", "--limit", "0"]).expect_exit(2);
    workspace.write("off.yaml", GUIDE.replace("enabled: true", "enabled: false"));
    let off = workspace.dpone(&["runs", "off.yaml", "--limit", "1"]);
    assert!(off.expect_exit(0).stdout.contains("keeps no artifacts"), "{}", off.stdout);
}
