//! The command line itself: what it prints where, and how it ends. Loads are tested in `tests/e2e`.

#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::process::{Command, Output, Stdio};

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

/// A manifest and a policy may come from another command, as in `dpone check <(envsubst < m.yaml)`.
#[test]
fn what_the_operator_names_may_be_a_pipe() {
    use std::io::Write;
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let manifest = include_str!("../../../tests/manifests/valid/minimal.yaml").to_owned();
    let cases: [(&[&str], String, i32, &str); 7] = [
        (&["check", "/dev/stdin"], manifest.clone(), 0, "/dev/stdin: valid"),
        (&["check", "/dev/fd/0"], manifest.clone(), 0, "/dev/fd/0: valid"),
        (&["check", "/proc/self/fd/0"], manifest.clone(), 0, "valid"),
        (&["check", "/dev/stdin"], manifest + &"#".repeat(1 << 20), 10, "more than 1 MiB"),
        (&["check", "/dev/stdin"], String::new(), 10, "/dev/stdin"),
        (&["check", "m.yaml", "--policy", "/dev/stdin"], "policy: 1".into(), 10, "/dev/stdin:1"),
        // In a worker, standard input is the supervisor's.
        (&["run", "missing.yaml", "/dev/stdin"], String::new(), 10, "a named pipe"),
    ];
    for (arguments, text, exit, says) in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dpone"));
        command.env("DPONE_CACHE_DIR", scratch.path().join("cache")).env_remove("DPONE_PROFILE");
        command.args(arguments).current_dir(scratch.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("dpone starts");
        // It may end before it has read everything.
        let _ = child.stdin.take().expect("it is piped").write_all(text.as_bytes());
        let output = child.wait_with_output().expect("dpone ends");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
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
