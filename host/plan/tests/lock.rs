//! Lock files: what counts as grown, what may shrink, and how the file stands there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

use dpone_manifest::{Grants, Limits, PluginUse};
use dpone_model::plugin::{Identity, PluginKind};
use dpone_model::{Failure, Place};
use dpone_plan::{Lock, PluginFacts};
use std::time::Duration;

fn plugin(uses: &str, key: &str) -> PluginFacts {
    let used = PluginUse {
        uses: uses.into(),
        with: Default::default(),
        sha256: None,
        grants: Grants::default(),
        limits: Limits::default(),
        key: key.into(),
        with_key: format!("{key}.with"),
    };
    let identity = Identity { name: "mask".into(), version: "1.0.0".into(), sha256: "ab".repeat(32) };
    let imports = vec!["wasi:io/streams@0.2.6".into(), "dpone:plugin/host@0.1.0".into()];
    PluginFacts { plugin: used, kind: PluginKind::Transform, identity, imports, stage: None, signed_by: None }
}

fn rich() -> PluginFacts {
    let mut rich = plugin("./mask.wasm", "transforms[0]");
    rich.plugin.grants = Grants {
        files: Some("tables".into()),
        secrets: vec!["key".into()],
        http: vec!["a.example".into()],
        headers: vec!["X-Page".into()],
        methods: vec!["POST".into()],
        paths: vec!["/v2".into()],
        ..Grants::default()
    };
    rich
}

#[test]
fn the_file_is_plain_stable_and_read_again() {
    let (mut second, first) = (rich(), plugin("builtin:cast", "transforms[1]"));
    second.plugin.grants.real_clock = true;
    let lock = Lock::of(&[second.clone(), first.clone(), first.clone()]);
    let text = lock.to_yaml("orders.yaml").unwrap();
    assert_eq!(text, Lock::of(&[first, second]).to_yaml("orders.yaml").unwrap(), "the manifest's order does not count");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans/orders.lock");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path).unwrap_or_default());
    assert_eq!(Lock::from_yaml(&text, "orders.lock").unwrap(), lock);
}

/// The change to the locked plugin, and the lines that say so; none where it is no growth.
type Case = (fn(&mut PluginFacts), &'static [&'static str]);

#[test]
fn growth_is_told_line_by_line_and_shrinking_is_fine() {
    let cases: &[Case] = &[
        (|_| (), &[]),
        (|p| p.plugin.key = "transforms[7]".into(), &[]),
        (|p| p.plugin.grants = Grants::default(), &[]),
        (|p| p.imports.clear(), &[]),
        (|p| p.imports[0] = "wasi:io/streams@0.2.9".into(), &[]),
        (|p| p.plugin.grants.files = Some("./tables/eu".into()), &[]),
        (|p| p.plugin.grants.paths = vec!["/v2/orders".into()], &[]),
        (|p| p.plugin.grants.headers = vec!["x-page".into()], &[]),
        (|p| p.plugin.limits.memory = 1 << 20, &[]),
        (
            |p| {
                p.identity.sha256 = "cd".repeat(32);
                p.identity.version = "2.0.0".into();
            },
            &["sha256 abababab", "version 1.0.0 → 2.0.0"],
        ),
        (
            |p| p.imports.push("wasi:sockets/tcp@0.2.6".into()),
            &["can also ask for `wasi:sockets/tcp@0.2.6` (wasi:sockets: the network)"],
        ),
        (|p| p.imports.push("evil:host/x".into()), &["can also ask for `evil:host/x`"]),
        (|p| p.plugin.grants.files = Some("tables2".into()), &["grants.files: `tables` → `tables2`"]),
        (|p| p.plugin.grants.files = Some(".".into()), &["grants.files: `tables` → `.`"]),
        (|p| p.plugin.grants.secrets.push("other".into()), &["grants.secrets: new secret `other`"]),
        (|p| p.plugin.grants.secrets = vec!["Key".into()], &["grants.secrets: new secret `Key`"]),
        (|p| p.plugin.grants.http.push("b.example".into()), &["grants.http: new host `b.example`"]),
        (|p| p.plugin.grants.headers.push("X-Other".into()), &["grants.headers: new header `X-Other`"]),
        (|p| p.plugin.grants.methods.push("PUT".into()), &["grants.methods: new method `PUT`"]),
        (|p| p.plugin.grants.paths = vec!["/v22".into()], &["grants.paths: new path `/v22`"]),
        (|p| p.plugin.grants.real_clock = true, &["grants.clock: fixed → real"]),
        (|p| p.plugin.grants.real_random = true, &["grants.random: fixed → real"]),
        (|p| p.plugin.limits.memory = 256 << 20, &["limits.memory: 128 MiB → 256 MiB"]),
        (|p| p.plugin.limits.deadline = Duration::from_millis(1500), &["limits.deadline: 1 s → 1.5 s"]),
        (|p| p.plugin.limits.wall_clock = Duration::from_secs(20), &["limits.wall_clock: 10 s → 20 s"]),
        (|p| p.plugin.limits.output = 65 << 20, &["limits.output: 64 MiB → 65 MiB"]),
        (|p| p.plugin.limits.log = 65 << 10, &["limits.log: 64 KiB → 65 KiB"]),
        (|p| p.plugin.limits.state = 65 << 10, &["limits.state: 64 KiB → 65 KiB"]),
    ];
    let lock = Lock::of(&[rich()]);
    for (number, (change, expected)) in cases.iter().enumerate() {
        let mut now = rich();
        change(&mut now);
        let compared = lock.compare(&[now]);
        assert_eq!(compared.differences.len(), expected.len(), "case {number}: {compared:?}");
        for (line, text) in compared.differences.iter().zip(*expected) {
            assert!(line.contains(text) && line.starts_with("transforms[0] (./mask.wasm): "), "case {number}: {line}");
        }
        assert!(compared.unused.is_empty(), "case {number}");
    }
}

#[test]
fn each_use_is_covered_by_one_entry_of_its_component() {
    let lock = Lock::of(&[rich(), plugin("./mask.wasm", "transforms[1]")]);
    let mut greedy = plugin("./mask.wasm", "transforms[1]");
    assert!(lock.compare(&[greedy.clone(), rich()]).differences.is_empty());
    greedy.plugin.grants.secrets = vec!["other".into()];
    assert_eq!(
        lock.compare(&[greedy]).differences,
        ["transforms[1] (./mask.wasm): grants.secrets: new secret `other`"]
    );
    let elsewhere = plugin("./other.wasm", "transforms[0]");
    let mut as_check = rich();
    as_check.kind = PluginKind::Check;
    let compared = lock.compare(&[elsewhere, as_check]);
    assert_eq!(
        compared.differences,
        [
            "transforms[0] (./other.wasm): is not in the lock file",
            "transforms[0] (./mask.wasm): is not in the lock file"
        ]
    );
    assert_eq!(compared.unused, ["transform ./mask.wasm is no longer used"; 2]);
}

#[test]
fn a_component_of_a_registry_is_known_by_its_repository() {
    let at = |version: &str, digit: &str| format!("oci://a.example/mask:{version}@sha256:{}", digit.repeat(64));
    let before = plugin(&at("1", "1"), "transforms[0]");
    let lock = Lock::of(&[before]);
    let mut now = plugin(&at("2", "2"), "transforms[0]");
    assert_eq!(lock.compare(&[now.clone()]), Default::default(), "the same bytes under another tag");
    now.identity.sha256 = "cd".repeat(32);
    let compared = lock.compare(&[now]);
    assert!(compared.differences[0].contains("sha256 abab") && compared.unused.is_empty(), "{compared:?}");
    let elsewhere = plugin(&at("1", "1").replace("a.example", "b.example"), "transforms[0]");
    assert!(lock.compare(&[elsewhere]).differences[0].contains("is not in the lock file"));
}

#[test]
fn a_damaged_file_is_told_with_its_line() {
    let good = Lock::of(&[rich()]).to_yaml("orders.yaml").unwrap();
    for (text, says, line) in [
        (good.replace("version: 1\n", "version: 2\n"), "it has version 2, this release reads 1", 1),
        (good.replace("memory_bytes", "memory"), "memory", 0),
        (good.replace("kind: transform", "kind: trasnform"), "trasnform", 0),
        (good.replace("plugins:", "plugins"), "", 0),
        (String::new(), "", 0),
        ("- a list".into(), "", 0),
        (good[..good.len() - 40].to_owned(), "", 0),
    ] {
        let error = Lock::from_yaml(&text, "orders.lock").unwrap_err();
        assert_eq!(error.code().id, "DP0332", "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.hint().unwrap().contains("dpone plugin lock"));
        match error.place() {
            Some(Place::File { file, line: at, .. }) => assert!(file == "orders.lock" && (line == 0 || line == at)),
            other => panic!("{other:?}"),
        }
    }
}
