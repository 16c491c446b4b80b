//! Mutated manifests through the reader: whatever the file, either a manifest or a report in which
//! every problem has a code, a place inside of the file, a hint and a documented exit code.

use dpone_fuzz::{Mutator, Random, run};
use dpone_manifest::{Variables, load};
use dpone_model::{Place, Report};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const MANIFESTS: &[&str] = &[
    include_str!("../../../manifests/guide.yaml"),
    include_str!("../../../manifests/valid/everything.yaml"),
    include_str!("../../../manifests/valid/of_0_88.yaml"),
    include_str!("../../../manifests/valid/variables.yaml"),
    include_str!("../../../manifests/valid/anchors.yaml"),
    include_str!("../../../manifests/invalid/not_yet.yaml"),
    include_str!("../../../manifests/invalid/grants.yaml"),
    include_str!("../../../manifests/invalid/alias_bomb.yaml"),
];
const TOKENS: &[&str] = &[
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "{",
    "}",
    "[",
    "]",
    ",",
    "#",
    "&a ",
    "*a",
    "!!str ",
    "!x ",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "~",
    "null",
    "true",
    "0x10",
    "1e400",
    "-0",
    "99999999999999999999",
    ".inf",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "? ",
    "<<: *a",
    "${HOST}",
    "${NOPE}",
    "$${",
    "{{ region }}",
    "{{ data_interval_start }}",
    "{{",
    "}}",
    "\u{feff}",
    "\u{0}",
    "é",
    "\u{2028}",
    "type: ",
    "uses: ",
    "mode: partition_replace",
    "unique_key",
    "cursor_path",
    "64MiB",
    "1h30m",
    "2026-01-01T00:00:00Z",
];
/// A reading that takes longer has lost its bounds.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    run("manifest", 5_000, case)
}

fn case(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let mut text = random.text(MANIFESTS).as_bytes().to_vec();
    let mutator = Mutator { tokens: TOKENS, max_bytes: 64 << 10 };
    for _ in 0..random.below(12) {
        mutator.mutate(&mut random, &mut text);
    }
    let start = Instant::now();
    let result = load(&text, "case.yaml", &variables());
    let elapsed = start.elapsed();
    let shown = || String::from_utf8_lossy(&text).into_owned();
    if elapsed > PATIENCE {
        return Err(format!("{elapsed:?} for\n{}", shown()));
    }
    match (result, load(&text, "case.yaml", &variables())) {
        (Ok(first), Ok(second)) if format!("{first:?}") == format!("{second:?}") => Ok(()),
        (Err(first), Err(second)) if first == second => {
            let lines = text.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64 + 1;
            let mut reports = std::iter::once(&first).chain(first.more());
            reports.try_for_each(|report| check(report, lines)).map_err(|what| format!("{what} for\n{}", shown()))
        }
        _ => Err(format!("two readings differ for\n{}", shown())),
    }
}

fn check(report: &Report, lines: u64) -> Result<(), String> {
    let Some(Place::File { line, column, .. }) = report.place() else { return Err(format!("no place: {report}")) };
    let is_inside = (1..=lines + 1).contains(line) && *column >= 1;
    let is_told = !report.message().is_empty() && report.hint_text().is_some_and(|hint| !hint.is_empty());
    let is_documented = matches!(report.exit() as u8, 10 | 12);
    if is_inside && is_told && is_documented { Ok(()) } else { Err(format!("incomplete: {report}")) }
}

fn variables() -> Variables {
    Variables {
        env: Box::new(|name| (name == "HOST").then(|| "api.example.com".to_owned())),
        params: BTreeMap::from([("region".to_owned(), "eu".to_owned())]),
        interval: Some(("2026-01-01T00:00:00Z".to_owned(), "2026-01-02T00:00:00Z".to_owned())),
    }
}
