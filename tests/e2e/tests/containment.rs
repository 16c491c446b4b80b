//! The table of what hostile guests try through a manifest: what each does, what stops it, how long that
//! takes, and what the user reads.
//!
//! All of them run at once, in one process, a few at a time; between them run manifests that are sound.
//! Nothing of a hostile one is published and no state moves, and everything else goes on as if it were
//! alone. `cargo test -p dpone-e2e --test containment -- --nocapture` prints the table with its times.
//! Tests with hand-made modules (tables, handles, damaged bytes, the cache) are the sandbox's own.

use dpone_harness::{GUIDE, Stand, Workspace, components};
use serde_json::Value;
use sha2::Digest;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// An error holds two or three texts of a plugin, each of 2 KiB at most, and their places and hints.
const MAX_ERROR_BYTES: usize = 8 << 10;

/// One hostile guest in one manifest.
struct Row {
    /// The guest's attempt.
    does: String,
    /// The bound that stops it.
    stopped_by: &'static str,
    manifest: String,
    exit: i64,
    says: Vec<String>,
}

const PAGINATION: &str = "pagination:
      type: cursor
      cursor_path: data.next_cursor
      cursor_param: cursor";

const GUESTS: &[&str] = &[
    "hostile-transform",
    "hostile-extractor",
    "hostile-check",
    "hostile-slicer",
    "hostile-signer",
    "hostile-schema",
    "liar",
    "sleeper",
    "lookup",
    "forbidden-import",
    "amounts",
    "mask-email",
    "geo",
];

/// Long enough for a busy machine, short where running into it is the point.
fn limits(behaviour: &str) -> &'static str {
    match behaviour {
        endless if endless.starts_with("endless") => "{ deadline: 300ms }",
        "output-bomb" => "{ memory: 2GiB, deadline: 9s }",
        "state-bomb" => "{ memory: 512MiB, deadline: 9s }",
        _ => "{ deadline: 9s }",
    }
}

fn row(does: &str, stopped_by: &'static str, manifest: String, says: &[&str]) -> Row {
    let says = says.iter().map(|text| (*text).to_owned()).collect();
    Row { does: does.to_owned(), stopped_by, manifest, exit: 12, says }
}

fn with_transform(transform: &str) -> String {
    format!("{GUIDE}\ntransforms:\n  - {transform}\n")
}

/// The block of a hostile guest. `with` is its behaviour, and what it does that with.
fn hostile(guest: &str, with: &str, rest: &str) -> String {
    let limits = limits(with.split(',').next().unwrap_or_default());
    format!("{{ uses: ./hostile-{guest}.wasm, with: {{ behaviour: {with} }}, limits: {limits}{rest} }}")
}

fn transform(with: &str, stopped_by: &'static str, says: &[&str]) -> Row {
    row(&format!("transform: {with}"), stopped_by, with_transform(&hostile("transform", with, "")), says)
}

fn slicer(with: &str, stopped_by: &'static str, says: &[&str]) -> Row {
    let slices = format!("    slices: {}\n    incremental:\n", hostile("slicer", with, ""));
    assert!(GUIDE.contains("    incremental:\n"));
    row(&format!("slicer: {with}"), stopped_by, GUIDE.replace("    incremental:\n", &slices), says)
}

fn signer(with: &str, stopped_by: &'static str, says: &[&str]) -> Row {
    let signer = format!("    signer: {}\n    incremental:\n", hostile("signer", with, ""));
    row(&format!("signer: {with}"), stopped_by, GUIDE.replace("    incremental:\n", &signer), says)
}

fn with_extractor(block: &str) -> String {
    assert!(GUIDE.contains(PAGINATION));
    GUIDE.replace(PAGINATION, &format!("pagination: {block}"))
}

fn extractor(behaviour: &str, value: &str, stopped_by: &'static str, says: &[&str]) -> Row {
    let value = if value.is_empty() { String::new() } else { format!(", value: \"{value}\"") };
    asking(&format!("{behaviour}{value}"), stopped_by, says)
}

/// An extractor.
fn asking(with: &str, stopped_by: &'static str, says: &[&str]) -> Row {
    row(&format!("extractor: {with}"), stopped_by, with_extractor(&hostile("extractor", with, "")), says)
}

fn check(with: &str, stopped_by: &'static str, says: &[&str]) -> Row {
    let block = hostile("check", with, "");
    let manifest = GUIDE.replace("  checks:\n", &format!("  checks:\n    - {block}\n"));
    row(&format!("check: {with}"), stopped_by, manifest, says)
}

fn liar(lie: &str) -> Row {
    let block = format!("{{ uses: ./liar.wasm, with: {{ lie: {lie} }} }}");
    row(&format!("lies about its columns: {lie}"), "the contract", with_transform(&block), &["DP0314", "liar 0."])
}

fn reads(file: &str) -> Row {
    let block = format!(
        "{{ uses: ./lookup.wasm, with: {{ file: {file}, field: status, to: x }}, grants: {{ files: tables }} }}"
    );
    let says = ["DP0309", "no-table", file, "lookup 0."];
    row(&format!("reads {file} by the grant `files`"), "the folder's own handle", with_transform(&block), &says)
}

fn not_a_plugin(file: &str, does: &str, code: &str) -> Row {
    row(does, "the gate", with_transform(&format!("{{ uses: ./{file} }}")), &[code, file, ".yaml:"])
}

fn transforms() -> Vec<Row> {
    vec![
        transform("endless-loop", "limits.deadline", &["DP0310", "hostile-transform 0.", "300ms", "limits.deadline"]),
        transform("endless-host-calls", "limits.deadline", &["DP0310", "300ms", "limits.deadline"]),
        transform("memory-bomb", "limits.memory", &["DP0311", "128 MiB", "limits.memory"]),
        transform("endless-recursion", "the stack, 512 KiB", &["DP0312", "hostile-transform 0."]),
        transform("panic", "a trap", &["DP0312", "boom at record 3", "hostile-transform"]),
        transform(
            "plugin-error",
            "its own word",
            &["DP0309", "no-thanks", "not this one", "record 2", "amount", "page 1"],
        ),
        transform("output-bomb", "limits.output", &["DP0313", "64 MiB", "limits.output"]),
        transform("invalid-ndjson", "the contract", &["DP0314"]),
        transform("not-a-record", "the contract", &["DP0314"]),
        transform("not-utf8", "the contract", &["DP0314"]),
        transform("undeclared-field", "the contract", &["DP03", "secret_field"]),
        transform("undeclared-bytes", "the contract", &["DP03", "bytes"]),
        row(
            "sleeps in a host call",
            "limits.wall_clock",
            with_transform(
                "{ uses: ./sleeper.wasm, with: { seconds: 60 }, limits: { deadline: 1s, wall_clock: 1500ms } }",
            ),
            &["DP0310", "1.5s", "limits.wall_clock"],
        ),
        row(
            "asks a host that is not granted",
            "grants.http",
            with_transform("{ uses: ./geo.wasm, with: { url: \"https://geo.example.com\" } }"),
            &["DP0307", "geo.example.com"],
        ),
    ]
}

fn requests(elsewhere: &str) -> Vec<Row> {
    vec![
        Row { exit: 20, ..extractor("url", elsewhere, "the manifest's origin", &["DP0409", "127.0.0.1"]) },
        Row { exit: 20, ..extractor("url", "http://169.254.169.254/latest", "the manifest's origin", &["DP0409"]) },
        extractor("header", "X-Own", "grants.headers", &["DP0315", "X-Own", "grants.headers", "page 1"]),
        extractor(
            "header",
            "Authorization",
            "no grant changes that",
            &["DP0315", "Authorization", "no plugin may set"],
        ),
        extractor("method", "DELETE", "grants.methods", &["DP0315", "DELETE"]),
        extractor("path", "/admin", "grants.paths", &["DP0315", "/admin"]),
        extractor("path", "/orders/../admin", "grants.paths", &["DP0315"]),
        extractor("secret", "signing_key", "grants.secrets", &["DP0307", "signing_key", "grants.secrets"]),
        Row { exit: 20, ..extractor("same-request", "", "a repeated request", &["DP0406"]) },
        extractor("invalid-ndjson", "", "the contract", &["DP0314", "page 1", "record 1", "hostile-extractor 0."]),
        extractor("endless-loop", "", "limits.deadline", &["DP0310", "hostile-extractor 0."]),
        extractor("panic", "", "a trap", &["DP0312", "no next page"]),
        extractor("state-bomb", "", "limits.memory", &["DP0311", "512 MiB", "limits.memory"]),
        check("endless-loop", "limits.deadline", &["DP0310", "hostile-check 0."]),
        check("panic", "a trap", &["DP0312", "no verdict"]),
        check("observed-not-json", "the contract", &["DP0314"]),
        check("undeclared-field", "the contract", &["DP03", "secret_field"]),
        check("early-repeats", "the contract", &["DP03"]),
    ]
}

/// Each function that the host has for extractors, and each part of what they answer, with hostile sizes.
fn sizes_of_extractors() -> Vec<Row> {
    let path = "paths: 1 KiB, 64 names";
    let fields = "1024 fields";
    let with_header = |row: Row| {
        let grants = "limits: { deadline: 9s }, grants: { headers: [f, X-Own] }";
        Row { manifest: row.manifest.replace("limits: { deadline: 9s }", grants), ..row }
    };
    vec![
        asking("long-path, value: get, size: 40000000", path, &["DP0314", "`next`", "a.a.a.", "(40000000 bytes)"]),
        asking("long-path, value: count, size: 130", path, &["DP0314", "more than 1024 bytes or 64 names"]),
        asking("long-path, value: last, size: 2000000", path, &["DP0314", "(2000000 bytes)"]),
        asking("long-path, value: records, size: 40000000", path, &["DP0314", "(40000000 bytes)"]),
        asking("long-header, size: 40000000", "names: 1 KiB", &["DP0314", "header", "(40000000 bytes)"]),
        asking("endless-lookups", "limits.deadline", &["DP0310", "300ms"]),
        asking("endless-bodies", "limits.deadline", &["DP0310", "300ms"]),
        asking("many-fields, value: body, count: 300000", fields, &["DP0314", "300000 body fields", "1024"]),
        asking("many-fields, value: query, count: 100000", fields, &["DP0314", "100000 query parameters"]),
        asking("many-fields, value: headers, count: 65", "64 headers", &["DP0314", "65 headers"]),
        asking("long-value, value: body, size: 30000000", "1 MiB a request", &["DP0314", "30000001 bytes"]),
        asking("long-value, value: query, size: 1048576", "1 MiB a request", &["DP0314", "1048577 bytes"]),
        asking("long-value, value: query, size: 100000", "60 KiB a URL", &["DP0315", "a URL of more than 61440 bytes"]),
        with_header(asking(
            "long-value, value: headers, size: 10000000",
            "8 KiB a header",
            &["DP0314", "10000000 bytes"],
        )),
        with_header(asking("long-value, value: headers, size: 8193", "8 KiB a header", &["DP0314", "`f`", "8192"])),
        asking("long-value, value: url, size: 30000000", "64 KiB a URL", &["DP0314", "a URL of 30000003 bytes"]),
        asking("long-value, value: path, size: 65537", "64 KiB a URL", &["DP0314", "a URL of 65537 bytes"]),
        asking("long-value, value: method, size: 1000000", "a method: 32 bytes", &["DP0314", "(1000000 bytes)"]),
        asking("long-value, value: secret, size: 1000000", "names: 1 KiB", &["DP0314", "secret", "(1000000 bytes)"]),
        asking("long-name, value: body, size: 1000000", "names: 1 KiB", &["DP0314", "body field", "(1000000 bytes)"]),
        asking("long-name, value: headers, size: 257", "names: 256 bytes", &["DP0314", "header", "(257 bytes)"]),
        asking("keep-state, size: 20000000", "limits.state", &["DP0313", "20000002 bytes", "64 KiB", "limits.state"]),
        asking("keep-state, size: 65536", "limits.state", &["DP0313", "65538 bytes", "64 KiB"]),
        asking("refuse, size: 5000000", "texts: 2 KiB", &["DP0309", "cccc", "ääää", "(10000000 bytes)"]),
        asking("long-panic, size: 5000000", "texts: 2 KiB", &["DP0312", "ääää", "… (100000"]),
        asking("long-reason, size: 5000000", "texts: 64 bytes", &["DP0314", "rrrr", "(5000000 bytes)"]),
    ]
}

/// The same for checks.
fn sizes_of_checks() -> Vec<Row> {
    let bounded_journal =
        |row: Row| Row { manifest: format!("{}journal: {{ max_bytes: 1MiB }}\n", row.manifest), ..row };
    vec![
        check("repeated-fields, count: 300000", "64 fields a set", &["DP0314", "300000 fields", "64"]),
        check("endless-sets", "limits.deadline", &["DP0310", "300ms"]),
        Row {
            exit: 40,
            ..bounded_journal(check("growing-sets, count: 2000", "journal.max_bytes", &["DP1002", "journal.max_bytes"]))
        },
        check("many-sets, count: 17", "16 sets", &["DP0314", "up to 16 sets"]),
        check("long-set, size: 40000000", "names: 1 KiB", &["DP0314", "ssss", "(40000000 bytes)"]),
        check("long-repeats, size: 40000000", "names: 1 KiB", &["DP0314", "ssss", "(40000000 bytes)"]),
        check("endless-repeats", "limits.deadline", &["DP0310", "`finish`", "300ms"]),
        check("many-needs, count: 100000", "1024 fields", &["DP0314", "100000 declared fields", "1024"]),
        check("long-need, size: 1000000", "names: 1 KiB", &["DP0314", "(1000000 bytes)"]),
        check("endless-columns", "limits.deadline", &["DP0310", "300ms"]),
        check("endless-bytes", "limits.deadline", &["DP0310", "300ms"]),
        check("long-observed, size: 20000000", "64 KiB measured", &["DP0314", "20000002 bytes", "65536"]),
        Row { exit: 30, ..check("long-verdict, size: 5000000", "texts: 2 KiB", &["DP0701", "(10000000 bytes)"]) },
        check("refuse, size: 5000000", "texts: 2 KiB", &["DP0309", "(10000000 bytes)"]),
    ]
}

/// The same for transforms.
fn sizes_of_transforms() -> Vec<Row> {
    let edits = "16384 names an edit";
    let http = |with: &str, stopped_by, says: &[&str]| {
        let block = hostile("transform", with, ", grants: { http: [geo.example.com] }");
        row(&format!("transform: {with}"), stopped_by, with_transform(&block), says)
    };
    vec![
        transform("many-edits, value: rename, count: 200000", edits, &["DP0314", "200000 renamed fields"]),
        transform("many-edits, value: drop, count: 200000", edits, &["DP0314", "200000 dropped fields"]),
        transform("many-edits, value: set, count: 17000", edits, &["DP0314", "17000 set fields"]),
        transform("long-edit, value: rename, size: 20000000", "names: 1 KiB", &["DP0314", "(20000000 bytes)"]),
        transform("long-edit, value: drop, size: 20000000", "names: 1 KiB", &["DP0314", "(20000000 bytes)"]),
        transform("long-edit, value: set, size: 20000000", "names: 1 KiB", &["DP0314", "(20000000 bytes)"]),
        transform("long-keep, size: 30000000", "the contract", &["DP0314", "30000000 entries"]),
        transform("many-needs, count: 100000", "1024 fields", &["DP0314", "100000 declared fields"]),
        transform("endless-columns", "limits.deadline", &["DP0310", "300ms"]),
        transform("endless-bytes", "limits.deadline", &["DP0310", "300ms"]),
        http("http, value: url, size: 30000000", "64 KiB a URL", &["DP0314", "a URL of 30000024 bytes"]),
        http("http, value: method, size: 1000000", "names: 1 KiB", &["DP0314", "(1000000 bytes)"]),
        http("http, value: name, size: 1000000", "names: 256 bytes", &["DP0314", "(1000000 bytes)"]),
        http("http, value: value, size: 10000000", "8 KiB a header", &["DP0314", "10000000 bytes; the limit is 8192"]),
        http("http, value: headers, count: 100000", "64 headers", &["DP0314", "100000 headers"]),
        transform("refuse, size: 5000000", "texts: 2 KiB", &["DP0309", "(10000000 bytes)"]),
        transform("long-panic, size: 5000000", "texts: 2 KiB", &["DP0312", "… (100000"]),
    ]
}

/// The same for slicers and signers.
fn sizes_of_slicers_and_signers() -> Vec<Row> {
    let terms = "1 MiB of terms, 4 MiB read";
    vec![
        slicer("many-slices, count: 10001", "10000 slices a step", &["DP0314", "10001 slices"]),
        slicer("growing-list, size: 1000", "64 MiB of slices", &["DP0314", "67108864 bytes"]),
        slicer("long-id, size: 20000000", "200 bytes an id", &["DP0314", "(20000000 bytes)"]),
        slicer("long-bounds, size: 20000000", "256 bytes a bound", &["DP0314", "a bound of more than 256 bytes"]),
        slicer("many-fields, count: 100000", "1024 fields", &["DP0314", "100000 query parameters"]),
        slicer("many-asked, count: 100000", "1024 fields", &["DP0314", "100000 query parameters"]),
        slicer("keep-state, size: 20000000", "limits.state", &["DP0313", "64 KiB", "limits.state"]),
        slicer("endless-loop", "limits.deadline", &["DP0310", "300ms"]),
        slicer("refuse, size: 5000000", "texts: 2 KiB", &["DP0309", "(10000000 bytes)"]),
        signer("many-encoded, count: 254, size: 349000", terms, &["DP0314", "1048576 bytes together"]),
        signer("many-hashed, count: 254, size: 349000", terms, &["DP0314", "read more than 4194304 bytes"]),
        signer("many-texts, count: 254, size: 100000", terms, &["DP0314", "1048576 bytes together"]),
        signer("many-texts, count: 100000, size: 1", "256 terms", &["DP0314", "at most 256 terms"]),
        signer("doubling, count: 60", terms, &["DP0314", "1048576 bytes together"]),
        signer("long-header, size: 8193", "8 KiB a header", &["DP0314", "8193 bytes; the limit is 8192"]),
        signer("long-name, size: 20000000", "names: 1 KiB", &["DP0314", "(20000000 bytes)"]),
        signer("many-headers, count: 100000", "32 headers", &["DP0314", "32 headers"]),
        signer("long-secret, size: 1000000", "grants.secrets", &["DP0307", "secret"]),
        signer("endless-loop", "limits.deadline", &["DP0310", "300ms"]),
        signer("refuse, size: 5000000", "texts: 2 KiB", &["DP0309", "(10000000 bytes)"]),
    ]
}

fn files_and_lies() -> Vec<Row> {
    let lies = [
        "kinds-short",
        "offsets-short",
        "offsets-descending",
        "offsets-beyond",
        "kind-unknown",
        "kind-mismatch",
        "text-not-json",
        "text-not-utf8",
        "keep-short",
    ];
    let paths = ["/../orders.yaml", "/link.csv", "/etc/passwd", "/proc/self/environ", "/deep/../../orders.yaml"];
    let mut rows: Vec<Row> = lies.into_iter().map(liar).chain(paths.into_iter().map(reads)).collect();
    rows.extend([
        not_a_plugin("forbidden-import.wasm", "imports what no plugin gets", "DP0304"),
        not_a_plugin("truncated.wasm", "is half a component", "DP0302"),
        not_a_plugin("empty.wasm", "is an empty file", "DP0302"),
        not_a_plugin("text.wasm", "is a text", "DP0302"),
        not_a_plugin("amounts.wasm", "is of another world", "DP0305"),
        row(
            "has an options schema that takes for ever",
            "2 s in a child process",
            with_transform("{ uses: ./hostile-schema.wasm }"),
            &["DP0314", "options schema cannot be judged"],
        ),
    ]);
    rows
}

/// A folder of one tenant with every guest in it, and the policy that lets them in.
fn house(stand: &Stand) -> Workspace {
    let workspace = stand.workspace();
    for guest in GUESTS {
        workspace.write(&format!("team/{guest}.wasm"), fs::read(components::path(guest).unwrap()).unwrap());
    }
    let whole = fs::read(components::LIAR).unwrap();
    workspace.write("team/truncated.wasm", &whole[..whole.len() / 2]);
    workspace.write("team/empty.wasm", "");
    workspace.write("team/text.wasm", "name: orders\n");
    workspace.write("team/tables/deep/x.csv", "a,b\n");
    std::os::unix::fs::symlink("/etc/passwd", workspace.path().join("team/tables/link.csv")).unwrap();
    let digests: Vec<String> = fs::read_dir(workspace.path().join("team"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .map(|path| format!("\"{}\"", hex::encode(sha2::Sha256::digest(fs::read(path).unwrap()))))
        .collect();
    let policy = format!(
        "tenants:\n  team:\n    manifests: [team]\n    topics: [t.]\n    \
         connections: [example_api, kafka_cluster, postgres_state]\n    limits: {{ runs: 3, memory: 8GiB }}\n    \
         hosts: [geo.example.com]\n    plugins: {{ grants: [files, http, headers], sha256: [{}] }}\n",
        digests.join(", ")
    );
    workspace.write("tenants.yaml", policy);
    workspace.warm_tenant_cache("team");
    workspace
}

fn named(name: &str, manifest: &str) -> String {
    manifest.replace("api_to_kafka_example", name).replace("dwh.orders", &format!("t.{name}"))
}

#[test]
fn hostile_guests_are_contained_and_everything_else_goes_on() {
    let (stand, elsewhere) = (Stand::small(), Stand::small());
    let workspace = house(&stand);
    let rows: Vec<Row> = [
        transforms(),
        requests(&format!("{}/orders", elsewhere.base_url())),
        files_and_lies(),
        sizes_of_extractors(),
        sizes_of_checks(),
        sizes_of_transforms(),
        sizes_of_slicers_and_signers(),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(rows.len() >= 120, "{}", rows.len());
    let sound = with_transform("{ uses: ./mask-email.wasm, with: { field: status } }");
    let mut files = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        if number % 8 == 0 {
            let name = format!("sound_{number}");
            workspace.write(&format!("team/{name}.yaml"), named(&name, &sound));
            files.push(format!("team/{name}.yaml"));
        }
        let name = format!("case_{number}");
        workspace.write(&format!("team/{name}.yaml"), named(&name, &row.manifest));
        files.push(format!("team/{name}.yaml"));
    }
    let mut arguments = vec!["run"];
    arguments.extend(files.iter().map(String::as_str));
    arguments.extend(["--policy", "tenants.yaml", "--profile", "test", "--jobs", "3", "--format", "json", "--quiet"]);
    let ran = workspace.dpone(&arguments);
    let entries = ran.json().as_array().unwrap().clone();
    let of = |name: &str| entries.iter().find(|entry| entry["manifest"] == format!("team/{name}.yaml")).unwrap();
    let mut failures = Vec::new();
    println!("| what it does | what stops it | ms | error |\n|---|---|---|---|");
    for (number, row) in rows.iter().enumerate() {
        let entry = of(&format!("case_{number}"));
        let error = entry["error"].as_str().unwrap_or_default();
        let silent: Vec<_> = row.says.iter().filter(|text| !error.contains(text.as_str())).collect();
        if entry["exit_code"] != row.exit || !silent.is_empty() || !untouched(&entry["report"]) {
            failures.push(format!("{}\nexit {}, not said: {silent:?}\n{error}", row.does, entry["exit_code"]));
        }
        assert!(error.len() < MAX_ERROR_BYTES, "{}: {} bytes", row.does, error.len());
        let first = error.lines().next().unwrap_or_default();
        println!("| {} | {} | {} | {first} |", row.does, row.stopped_by, took_ms(&entry["report"]));
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
    for entry in entries.iter().filter(|entry| entry["manifest"].as_str().unwrap().contains("sound")) {
        assert_eq!((&entry["exit_code"], &entry["report"]["rows"]["acknowledged"]), (&0.into(), &30.into()), "{entry}");
    }
    assert!(!ran.stderr.contains("DP1307"), "one process did all of it: {}", ran.stderr);
    assert_eq!(elsewhere.page_requests(), 0, "nothing was sent there");
}

/// A call that keeps the guest or the host busy does not keep a run from ending.
#[test]
fn a_signal_ends_a_run_in_the_middle_of_a_call() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    for guest in GUESTS {
        workspace.write(&format!("{guest}.wasm"), fs::read(components::path(guest).unwrap()).unwrap());
    }
    for row in [
        check("endless-sets", "a signal", &[]),
        check("endless-columns", "a signal", &[]),
        check("endless-repeats", "a signal", &[]),
        transform("endless-loop", "a signal", &[]),
        asking("endless-bodies", "a signal", &[]),
        slicer("endless-loop", "a signal", &[]),
    ] {
        workspace.write("busy.yaml", row.manifest.replace("deadline: 300ms", "deadline: 100s, wall_clock: 100s"));
        let mut command = workspace.command(&["run", "busy.yaml", "--profile", "test"]);
        let pipe = std::process::Stdio::piped;
        let mut child = command.stdout(pipe()).stderr(pipe()).spawn().unwrap();
        // It is busy from then on: the guest is asked a moment after the first page at the latest.
        std::thread::sleep(Duration::from_secs(4));
        assert!(child.try_wait().unwrap().is_none(), "{} ended by itself", row.does);
        let started = Instant::now();
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(130), "{}: {}", row.does, String::from_utf8_lossy(&ended.stderr));
        assert!(started.elapsed() < Duration::from_secs(10), "{}: {:?}", row.does, started.elapsed());
    }
}

/// Nothing was published, and the cursor is where it was.
fn untouched(report: &Value) -> bool {
    report["rows"]["published"] == 0 && report["checkpoint"]["after"].is_null()
}

fn took_ms(report: &Value) -> u64 {
    report["steps"].as_array().into_iter().flatten().filter_map(|step| step["duration_ms"].as_u64()).sum()
}
