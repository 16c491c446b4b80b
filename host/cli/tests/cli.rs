//! The command line itself: what it prints where, and how it ends. Loads are tested in `tests/e2e`.

#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::process::{Command, Output};

fn dpone(arguments: &[&str]) -> Output {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dpone"));
    // A test leaves nothing in the developer's home.
    command.env("DPONE_CACHE_DIR", scratch.path().join("cache")).env_remove("DPONE_PROFILE");
    command.args(arguments).current_dir(scratch.path()).output().expect("dpone starts")
}

#[test]
fn every_code_is_explained_and_listed() {
    let list = dpone(&["explain"]);
    assert!(list.status.success());
    let text = String::from_utf8(list.stdout).unwrap();
    for code in dpone_model::codes::all() {
        assert!(text.contains(code.id), "{} is not listed", code.id);
        let page = dpone(&["explain", &code.id.to_lowercase()]);
        let page = String::from_utf8(page.stdout).unwrap();
        assert!(page.contains(code.title) && page.contains("Exit code"), "{page}");
    }
}

#[test]
fn results_go_to_stdout_and_errors_to_stderr_with_the_documented_exit_code() {
    let cases: [(&[&str], i32, &str); 7] = [
        (&["explain", "DP9999"], 2, "DP0003"),
        (&["run"], 2, "Usage"),
        (&["check", "missing.yaml"], 10, "DP0101"),
        (&["run", "missing.yaml", "--profile", "local"], 10, "DP0101"),
        (&["resume", "20260101T000000Z-0000000000"], 2, "DP0002"),
        (&["plugin", "inspect", "builtin:nothing"], 12, "DP0301"),
        (&["connections", "list", "--profile", "nobody"], 11, "DP0201"),
    ];
    for (arguments, exit, says) in cases {
        let output = dpone(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {stderr}");
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }
}

#[test]
fn completions_and_the_schema_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let output = dpone(&["completions", shell]);
        assert!(output.status.success() && output.stdout.len() > 1_000, "{shell}");
    }
    let schema: serde_json::Value = serde_json::from_slice(&dpone(&["schema"]).stdout).unwrap();
    assert!(schema["properties"]["source"].is_object());
}
