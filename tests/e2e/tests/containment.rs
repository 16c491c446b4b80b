//! The table of what hostile guests try through a manifest: what each does, what stops it, how long that
//! takes, and what the user reads.
//!
//! All of them run at once, in one process, a few at a time; between them run manifests that are sound.
//! Nothing of a hostile one is published and no state moves, and everything else goes on as if it were
//! alone. `cargo test -p dpone-e2e --test containment -- --nocapture` prints the table with its times.
//! What needs hand-made modules (tables, handles, damaged bytes, the cache) is in the sandbox's own tests.

use dpone_harness::{GUIDE, Stand, Workspace, components};
use serde_json::Value;
use sha2::Digest;
use std::fs;

/// One hostile guest in one manifest.
struct Row {
    /// What it does.
    does: String,
    /// What stops it.
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
        "endless-loop" | "endless-host-calls" => "{ deadline: 300ms }",
        "output-bomb" | "state-bomb" => "{ memory: 2GiB, deadline: 9s }",
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

fn transform(behaviour: &str, stopped_by: &'static str, says: &[&str]) -> Row {
    let limits = limits(behaviour);
    let block = format!("{{ uses: ./hostile-transform.wasm, with: {{ behaviour: {behaviour} }}, limits: {limits} }}");
    row(&format!("transform: {behaviour}"), stopped_by, with_transform(&block), says)
}

fn with_extractor(block: &str) -> String {
    assert!(GUIDE.contains(PAGINATION));
    GUIDE.replace(PAGINATION, &format!("pagination: {block}"))
}

fn extractor(behaviour: &str, value: &str, stopped_by: &'static str, says: &[&str]) -> Row {
    let limits = limits(behaviour);
    let with = format!(
        "behaviour: {behaviour}{}",
        if value.is_empty() { String::new() } else { format!(", value: \"{value}\"") }
    );
    let block = format!("{{ uses: ./hostile-extractor.wasm, with: {{ {with} }}, limits: {limits} }}");
    row(&format!("extractor: {behaviour} {value}"), stopped_by, with_extractor(&block), says)
}

fn check(behaviour: &str, stopped_by: &'static str, says: &[&str]) -> Row {
    let limits = limits(behaviour);
    let block = format!("{{ uses: ./hostile-check.wasm, with: {{ behaviour: {behaviour} }}, limits: {limits} }}");
    let manifest = GUIDE.replace("  checks:\n", &format!("  checks:\n    - {block}\n"));
    row(&format!("check: {behaviour}"), stopped_by, manifest, says)
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
        extractor("state-bomb", "", "limits.memory", &["DP0311", "2048 MiB", "limits.memory"]),
        check("endless-loop", "limits.deadline", &["DP0310", "hostile-check 0."]),
        check("panic", "a trap", &["DP0312", "no verdict"]),
        check("observed-not-json", "the contract", &["DP0314"]),
        check("undeclared-field", "the contract", &["DP03", "secret_field"]),
        check("early-repeats", "the contract", &["DP03"]),
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
         plugins: {{ grants: [files], sha256: [{}] }}\n",
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
    let rows: Vec<Row> = [transforms(), requests(&format!("{}/orders", elsewhere.base_url())), files_and_lies()]
        .into_iter()
        .flatten()
        .collect();
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

/// Nothing was published, and the cursor is where it was.
fn untouched(report: &Value) -> bool {
    report["rows"]["published"] == 0 && report["checkpoint"]["after"].is_null()
}

fn took_ms(report: &Value) -> u64 {
    report["steps"].as_array().into_iter().flatten().filter_map(|step| step["duration_ms"].as_u64()).sum()
}
