//! `cargo dev TASK`: what developers run by hand.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::{Command, ExitCode};

const TASKS: &str = "cargo dev TASK
  check    layers, licences and tidiness of the tree
  docs     write host/manifest/docs anew of the tree of keys
  bench    build in release mode and run tests/bench (further arguments go there)
  fuzz     mutate documents and manifests until stopped (`--minutes N`, default 120)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = arguments.split_first().map_or(("", [].as_slice()), |(task, rest)| (task.as_str(), rest));
    let done = match task {
        "check" => check(),
        "bench" => {
            cargo(&["build", "--release", "--package", "dpone-cli", "--package", "dpone-bench"], &[])
                && cargo(&["run", "--release", "--package", "dpone-bench", "--"], rest)
        }
        "docs" => docs(),
        "fuzz" => fuzz(rest),
        _ => {
            eprintln!("{TASKS}");
            false
        }
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn check() -> bool {
    let root = dpone_dev::root();
    let graph = dpone_dev::metadata(".", false).map(|metadata| dpone_dev::layering::violations(&metadata));
    let licences = dpone_dev::metadata(".", true).map(|metadata| dpone_dev::licences::violations(&metadata));
    let mut problems: Vec<String> =
        [graph, licences].into_iter().flat_map(|result| result.unwrap_or_else(|error| vec![error])).collect();
    problems.extend(dpone_dev::tidy::odd_entries(&root));
    problems.extend(dpone_dev::tidy::unexplained_modules(&root));
    problems.extend(dpone_dev::tidy::stray_prints(&root));
    problems.iter().for_each(|problem| eprintln!("{problem}"));
    problems.is_empty()
}

/// The test that holds the pages to the tree also writes them.
fn docs() -> bool {
    let arguments = ["test", "--quiet", "--package", "dpone-connections", "--test", "docs"];
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let status =
        Command::new(program).args(arguments).env("UPDATE_EXPECTED", "1").current_dir(dpone_dev::root()).status();
    status.is_ok_and(|status| status.success())
}

fn fuzz(rest: &[String]) -> bool {
    let default = ["--minutes".to_owned(), "120".to_owned()];
    let rest = if rest.is_empty() { default.as_slice() } else { rest };
    ["scanner", "manifest"]
        .iter()
        .all(|target| cargo(&["run", "--release", "--package", "dpone-fuzz", "--bin", target, "--"], rest))
}

fn cargo(arguments: &[&str], rest: &[String]) -> bool {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let status = Command::new(program).args(arguments).args(rest).current_dir(dpone_dev::root()).status();
    status.is_ok_and(|status| status.success())
}
