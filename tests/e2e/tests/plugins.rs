//! Components, the shipped ones and a user's own, through the manifest: they do what they are for. What
//! becomes of hostile ones is in `containment.rs`.

use dpone_harness::{GUIDE, PageServer, Ran, Stand, Workspace, components};
use dpone_local::{DemoOptions, Fault, FaultKind};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PAGINATION: &str = "pagination:
      type: cursor
      cursor_path: data.next_cursor
      cursor_param: cursor";

/// The guide's manifest with this text in place of another.
#[track_caller]
fn edited(manifest: &str, from: &str, to: &str) -> String {
    assert!(manifest.contains(from), "`{from}` is not in the manifest");
    manifest.replace(from, to)
}

fn with_pagination(pagination: &str) -> String {
    edited(GUIDE, PAGINATION, &format!("pagination: {pagination}"))
}

fn with_transforms(transforms: &[&str]) -> String {
    let lines: String = transforms.iter().map(|transform| format!("  - {transform}\n")).collect();
    format!("{GUIDE}\ntransforms:\n{lines}")
}

fn with_check(check: &str) -> String {
    edited(GUIDE, "  checks:\n", &format!("  checks:\n    - {check}\n"))
}

/// Puts the file of a test component beside the manifest.
fn place(workspace: &Workspace, name: &str) {
    std::fs::copy(components::path(name).unwrap(), workspace.path().join(format!("{name}.wasm"))).unwrap();
}

fn run(workspace: &Workspace, manifest: impl AsRef<[u8]>) -> Ran {
    workspace.write("guide.yaml", manifest);
    workspace.dpone(&["run", "guide.yaml", "--profile", "test"])
}

/// The values of the guide's topic as they stand there; none where it does not exist.
fn values(workspace: &Workspace) -> Vec<String> {
    let ran = workspace.dpone(&["topic", "read", "dwh.orders", "--profile", "test", "--format", "ndjson"]);
    if ran.stderr.contains("DP0502") {
        return Vec::new();
    }
    let message = |line: &str| serde_json::from_str::<Value>(line).unwrap()["value"].as_str().unwrap().to_owned();
    ran.expect_exit(0).stdout.lines().map(message).collect()
}

fn records(workspace: &Workspace) -> Vec<Value> {
    values(workspace).iter().map(|value| serde_json::from_str(value).unwrap()).collect()
}

/// Whether a run has moved state; one that failed leaves at most the row of its lease.
fn state_moved(workspace: &Workspace) -> bool {
    let ran = workspace.dpone(&["state", "show", "guide.yaml", "--profile", "test", "--format", "json"]);
    ran.exit != Some(31) && ran.json()["revision"] != 0
}

#[test]
fn every_pagination_gives_each_row_once() {
    for (path, pagination) in [
        ("/orders", "{ type: cursor, cursor_path: data.next_cursor, cursor_param: cursor }"),
        ("/orders/page", "{ type: page, page_size_param: page_size, page_size: 10 }"),
        ("/orders/page", "{ type: page }"),
        ("/orders/offset", "{ type: offset, limit: 10 }"),
        ("/orders/link", "{ type: link_header }"),
        ("/orders/next", "{ type: next_url, next_url_path: next }"),
    ] {
        // 35 rows end with a short page.
        let stand = Stand::start(DemoOptions { rows: 35, page_size: 10, new_rows: 0, ..DemoOptions::default() });
        let workspace = stand.workspace();
        let url = format!("https://api.example.com{path}");
        let manifest = edited(&with_pagination(pagination), "https://api.example.com/orders", &url);
        run(&workspace, manifest).expect_exit(0);
        let ids: Vec<_> = records(&workspace).iter().map(|record| record["order_id"].as_u64().unwrap()).collect();
        assert_eq!(ids, (1..=35).collect::<Vec<_>>(), "{path} {pagination}");
    }
}

#[test]
fn an_extractor_of_a_format_that_no_builtin_knows() {
    let server = PageServer::start(|target| {
        let page = |ids: std::ops::RangeInclusive<u32>, next: &str| {
            let line = |id: u32| format!("{id}|2026-01-01T00:00:0{id}Z|{id}.10|n\"{id}\n");
            let lines: String = ids.map(line).collect();
            format!("order_id|updated_at|amount|name\n{lines}#next={next}\n").into_bytes()
        };
        match target {
            "/orders" => page(1..=3, "b c"),
            "/orders?after=b+c" | "/orders?after=b%20c" => page(4..=5, ""),
            other => panic!("nobody asks for {other}"),
        }
    });
    let stand = Stand::small();
    let workspace = stand.workspace_with_api(&server.base_url());
    place(&workspace, "envelope");
    let manifest = with_pagination("{ uses: ./envelope.wasm, with: { param: after, numbers: [order_id, amount] } }");
    run(&workspace, &manifest).expect_exit(0);
    let expected: Vec<_> = (1..=5)
        .map(|id| {
            format!(r#"{{"order_id":{id},"updated_at":"2026-01-01T00:00:0{id}Z","amount":{id}.10,"name":"n\"{id}"}}"#)
        })
        .collect();
    assert_eq!(values(&workspace), expected);
    assert_eq!(server.targets().len(), 2);

    // The plugin's own refusal, with record and all: a page that is cut.
    let server = PageServer::start(|_| b"order_id|updated_at\n1|2026-01-01T00:00:00Z\n".to_vec());
    let workspace = stand.workspace_with_api(&server.base_url());
    place(&workspace, "envelope");
    run(&workspace, with_pagination("{ uses: ./envelope.wasm }")).expect_exit(12).expect_error(&[
        "DP0309",
        "no-trailer",
        "without its line #next=",
        "envelope 0.",
    ]);
}

#[test]
fn transforms_and_checks_of_a_user() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    for name in ["mask-email", "lookup", "amounts"] {
        place(&workspace, name);
    }
    workspace.write("tables/cities.csv", "Berlin,DE\nZürich,CH\nLondon,GB\n");
    let transforms = [
        "{ uses: ./mask-email.wasm, with: { field: status } }",
        "{ uses: ./lookup.wasm, with: { file: /cities.csv, field: city, to: country }, grants: { files: tables } }",
    ];
    let check = "  checks:\n    - { uses: ./amounts.wasm, with: { field: amount, max: 100 }, id: not_dear }\n";
    let manifest = edited(&with_transforms(&transforms), "  checks:\n", check);
    run(&workspace, &manifest).expect_exit(0);
    let records = records(&workspace);
    assert_eq!(records.len(), 30);
    for record in &records {
        assert_eq!(record["status"], "***");
        let expected = match record["city"].as_str().unwrap() {
            "Berlin" => json!("DE"),
            "Zürich" => json!("CH"),
            "London" => json!("GB"),
            _ => Value::Null,
        };
        assert_eq!(record["country"], expected, "{record}");
    }
    let amounts = values(&workspace).iter().filter(|value| value.contains(r#"0,"currency""#)).count();
    assert!(amounts > 0, "amounts such as 12.30 keep their digits");
    let checks = workspace.dpone(&["check", "guide.yaml", "--format", "json"]).expect_exit(0).json();
    let shas: Vec<_> =
        checks["plugins"].as_array().into_iter().flatten().filter_map(|p| p["sha256"].as_str()).collect();
    assert!(shas.iter().all(|sha| sha.len() == 64), "{checks}");

    // One amount is above this maximum, so that nothing at all is published.
    let workspace = stand.workspace();
    place(&workspace, "amounts");
    let strict = edited(GUIDE, "topic: dwh.orders", "topic: dwh.none");
    let check = "  checks:\n    - { uses: ./amounts.wasm, with: { field: amount, max: 10.5 }, id: not_dear }\n";
    run(&workspace, edited(&strict, "  checks:\n", check)).expect_exit(30).expect_error(&[
        "DP0701",
        "not_dear",
        "of 30 rows have amount above 10.5",
    ]);
    assert!(!state_moved(&workspace));
    let read = workspace.dpone(&["topic", "read", "dwh.none", "--profile", "test", "--format", "ndjson"]);
    assert!(read.stdout.is_empty(), "{}", read.stdout);

    // Without the grant the table is not there.
    let workspace = stand.workspace();
    place(&workspace, "lookup");
    workspace.write("tables/cities.csv", "Berlin,DE\n");
    for (file, grants) in [("/cities.csv", ""), ("/../guide.yaml", ", grants: { files: tables }")] {
        let transform =
            format!("{{ uses: ./lookup.wasm, with: {{ file: {file}, field: city, to: country }}{grants} }}");
        run(&workspace, with_transforms(&[&transform])).expect_exit(12).expect_error(&["no-table", file, "lookup"]);
        let ran = workspace.dpone(&["check", "guide.yaml"]);
        assert_eq!(ran.stderr.contains("`grants.files: FOLDER`"), grants.is_empty(), "{}", ran.stderr);
    }
}

#[test]
fn plugins_are_found_pinned_and_of_the_right_kind() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    place(&workspace, "mask-email");
    place(&workspace, "amounts");
    let inspected = workspace.dpone(&["plugin", "inspect", "./mask-email.wasm", "--format", "json"]);
    let inspected = inspected.expect_exit(0).json();
    let sha256 = inspected["sha256"].as_str().or(inspected["identity"]["sha256"].as_str()).unwrap().to_owned();

    let pinned = |pin: &str| {
        with_transforms(&[&format!("{{ uses: ./mask-email.wasm, with: {{ field: status }}, sha256: \"{pin}\" }}")])
    };
    run(&workspace, pinned(&sha256)).expect_exit(0);
    assert_eq!(values(&workspace).len(), 30);

    // None of these fetches a page; each is told at the line of the transform.
    let pages = stand.page_requests();
    let line = GUIDE.lines().count() + 3;
    let at = format!("guide.yaml:{line}:");
    let transform = |text: &str| with_transforms(&[text]);
    let wrong_options = transform("{ uses: ./mask-email.wasm, with: { feild: status } }");
    let column = wrong_options.lines().nth(line - 1).unwrap().find("feild").unwrap() + 1;
    let refused: Vec<(String, i32, Vec<String>)> = vec![
        (pinned(&sha256.replace(&sha256[..8], "00000000")), 12, vec!["DP0303".into(), sha256.clone(), at.clone()]),
        (wrong_options, 10, vec!["DP0113".into(), "feild".into(), format!("{at}{column}")]),
        (transform("{ uses: ./mask-email.wasm, with: { field: 1 } }"), 10, vec!["DP0113".into(), at.clone()]),
        (
            transform("{ uses: ./amounts.wasm, with: { field: amount, max: 1 } }"),
            12,
            vec!["DP0305".into(), "check".into(), "transform".into(), at.clone()],
        ),
        (transform("{ uses: ./none.wasm }"), 12, vec!["DP0301".into(), "none.wasm".into(), at.clone()]),
        (transform("{ uses: elsewhere }"), 12, vec!["DP0301".into(), "--plugin-path".into(), at.clone()]),
        (
            transform("{ uses: ./mask-email.wasm, with: { field: a }, grants: { secrets: [A-Key] } }"),
            10,
            vec!["DP0106".into(), "names no secret".into(), at.clone()],
        ),
        (
            transform("{ uses: ./mask-email.wasm, with: { field: a }, grants: { http: [a.example/path] } }"),
            10,
            vec!["DP0106".into(), "is no host".into(), at.clone()],
        ),
    ];
    for (manifest, exit, says) in refused {
        let says: Vec<&str> = says.iter().map(String::as_str).collect();
        run(&workspace, &manifest).expect_exit(exit).expect_error(&says);
        workspace.dpone(&["check", "guide.yaml"]).expect_exit(exit).expect_error(&says);
    }
    assert_eq!(stand.page_requests(), pages);

    // A bare name is looked up along the path, given either way; the folder before wins.
    let mut elsewhere = stand.workspace();
    elsewhere.write("first/.keep", "");
    let folder = elsewhere.path().join("second");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(components::MASK_EMAIL, folder.join("masker.wasm")).unwrap();
    let manifest = transform("{ uses: masker, with: { field: status } }");
    elsewhere.write("guide.yaml", edited(&manifest, "topic: dwh.orders", "topic: dwh.again"));
    let path = format!("{}:{}", elsewhere.path().join("first").display(), folder.display());
    elsewhere.dpone(&["run", "guide.yaml", "--profile", "test", "--plugin-path", &path]).expect_exit(0);
    elsewhere.set("DPONE_PLUGIN_PATH", &path);
    elsewhere.dpone(&["check", "guide.yaml"]).expect_exit(0);
    assert!(elsewhere.topic("dwh.again", "test").iter().all(|m| m["value"].as_str().unwrap().contains("\"***\"")));
}

#[test]
fn shipped_transforms_and_checks() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let transforms = [
        "{ type: filter, field: order_id, op: le, value: 20 }",
        "{ type: rename, fields: { city: town } }",
        "{ uses: builtin:cast, with: { fields: { amount: string, customer_id: decimal } } }",
    ];
    let checks =
        "  checks:\n    - { type: not_null, columns: [order_id, town] }\n    - { type: unique, column: order_id }\n";
    let manifest = edited(&with_transforms(&transforms), "  checks:\n", checks);
    // A filter leaves rows out, which the reconciliation is told to expect.
    run(&workspace, edited(&manifest, "tolerance_pct: 0.1", "tolerance_pct: 34")).expect_exit(0);
    let records = records(&workspace);
    assert_eq!(records.len(), 20);
    for (record, id) in records.iter().zip(1_u64..) {
        assert_eq!(record["order_id"], id);
        assert!(record["amount"].is_string() && record["town"].is_string() && record["city"].is_null(), "{record}");
    }

    let stand = Stand::small();
    let cases = [
        ("{ type: not_null, column: coupon }", vec![], &["DP0701", "not_null", "coupon"][..]),
        ("{ type: unique, columns: [status, currency] }", vec![], &["DP0701", "unique", "status"]),
        ("{ type: not_null, column: no_such_field }", vec![], &["DP0701", "no_such_field"]),
        ("{ type: not_null, column: order_id }", vec![Fault::at_page(2, FaultKind::Html)], &["DP0404"]),
    ];
    for (check, faults, says) in cases {
        stand.misbehave(faults);
        let workspace = stand.workspace();
        let ran = run(&workspace, with_check(check));
        assert!([Some(30), Some(20)].contains(&ran.exit), "{check}: {ran:?}");
        ran.expect_error(says);
        assert!(values(&workspace).is_empty() && !state_moved(&workspace), "{check}");
        stand.misbehave(Vec::new());
    }
    // A warning is told, and does not hold the rows back.
    let workspace = stand.workspace();
    run(&workspace, with_check("{ type: not_null, column: coupon, severity: warning }"))
        .expect_exit(0)
        .expect_error(&["coupon"]);
    assert_eq!(values(&workspace).len(), 30);
}

#[test]
fn a_flood_of_log_lines_is_cut_and_no_reason_to_fail() {
    let stand = Stand::small();
    for behaviour in ["log-flood", "long-log"] {
        let workspace = stand.workspace();
        place(&workspace, "hostile-transform");
        let flood = format!(
            "{{ uses: ./hostile-transform.wasm, with: {{ behaviour: {behaviour} }}, limits: {{ deadline: 9s }} }}"
        );
        let ran = run(&workspace, with_transforms(&[&flood]));
        ran.expect_exit(0);
        assert!(ran.stderr.len() < 512 << 10, "{} bytes of log", ran.stderr.len());
    }
}

#[test]
fn components_report_what_they_cost() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    place(&workspace, "mask-email");
    workspace.write("guide.yaml", with_transforms(&["{ uses: ./mask-email.wasm, with: { field: status } }"]));
    let ran = workspace.dpone(&["run", "guide.yaml", "--profile", "test", "--format", "json"]);
    let report = ran.expect_exit(0).json();
    let plugins = report["plugins"].as_array().unwrap();
    let names: BTreeSet<_> = plugins.iter().filter_map(|plugin| plugin["name"].as_str()).collect();
    assert_eq!(names, BTreeSet::from(["cursor", "mask-email", "min-rows", "source-target-count"]));
    for plugin in plugins {
        assert!(plugin["calls"].as_u64().unwrap() > 0, "{plugin}");
        assert_eq!(plugin["sha256"].as_str().unwrap().len(), 64);
    }
}
