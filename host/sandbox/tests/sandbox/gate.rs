//! Components that are refused at the door, with the words that a user sees.

use crate::guest::Guest;
use crate::support::{self, child, open, sandbox};
use dpone_model::plugin::PluginKind;
use dpone_model::{Place, Report};
use dpone_sandbox::{CompileLimits, Sandbox};
use std::time::Duration;

#[track_caller]
fn assert_refused<T>(answer: Result<T, Report>, code: &str, text: &str) {
    let report = answer.err().expect("it should be refused");
    assert_eq!(report.code().id, code, "{report}");
    assert!(report.message().contains(text), "{report}\n  lacks: {text}");
    assert_eq!(report.place(), Some(&Place::Named { what: "plugin".into(), name: "guest.wasm".into() }), "{report}");
}

#[tokio::test]
async fn a_component_describes_itself() {
    let loaded = support::load(&Guest::check()).await.unwrap();
    let inspection = loaded.inspection();
    assert_eq!((inspection.identity.name.as_str(), inspection.identity.version.as_str()), ("guest", "1.2.3"));
    assert_eq!((inspection.kind, inspection.wit_version.as_str()), (PluginKind::Check, "0.1.0"));
    assert_eq!(inspection.options_schema, serde_json::json!({ "type": "object" }));
    assert!(inspection.imports.iter().all(|import| import.starts_with("dpone:plugin/")), "{:?}", inspection.imports);
}

#[tokio::test]
async fn damaged_files_are_told_apart() {
    let sound = Guest::extractor().component();
    let core = wat::parse_str("(module)").unwrap();
    let mut flipped = sound.clone();
    flipped.truncate(sound.len() - 7);
    for (bytes, text) in [
        (Vec::new(), "ends before its header"),
        (sound[..6].to_vec(), "ends before its header"),
        (sound[..sound.len() / 2].to_vec(), "is not a WebAssembly component: "),
        (flipped, "is not a WebAssembly component"),
        (b"(component) and more".to_vec(), "does not begin with"),
        (core, "is a core WebAssembly module, not a component"),
    ] {
        assert_refused(sandbox().load(bytes, "guest.wasm").await, "DP0302", text);
    }
}

#[tokio::test]
async fn a_forbidden_import_is_named() {
    let guest = Guest::extractor()
        .package("package acme:db@1.2.0; interface query { run: func() -> u32; }", &["acme:db/query@1.2.0"])
        .items(r#"(import "acme:db/query@1.2.0" "run" (func $run (result i32)))"#);
    let text = "`guest.wasm` imports `acme:db/query@1.2.0`, which no plugin gets";
    assert_refused(support::load(&guest).await, "DP0304", text);
}

#[tokio::test]
async fn another_world_is_named() {
    let empty = wat::parse_str("(component)").unwrap();
    assert_refused(sandbox().load(empty, "guest.wasm").await, "DP0305", "exports nothing");
    let loaded = support::load(&Guest::transform()).await.unwrap();
    let answer = sandbox().extractor(&loaded, support::setup()).await;
    support::contained(answer, "DP0305", "exports `transform`, but a plugin that exports `extractor` is needed").await;
}

#[tokio::test]
async fn another_version_of_the_contract_is_named() {
    for version in ["0.0.9", "0.1.1", "0.2.0"] {
        let package: &'static str = format!("package dpone:plugin@{version};").leak();
        let other = Guest::extractor().contract_with("package dpone:plugin@0.1.0;", package);
        let text = format!("built against version {version} of the plugin contract; this host speaks 0.1.0");
        assert_refused(support::load(&other).await, "DP0306", &text);
    }
    // The shape differs as well; the version is told before anybody looks at it.
    let empty = r#"(component (instance $empty) (export "dpone:plugin/transform@0.0.9" (instance $empty)))"#;
    let earlier = wat::parse_str(empty).unwrap();
    let text = "built against version 0.0.9 of the plugin contract; this host speaks 0.1.0";
    assert_refused(sandbox().load(earlier, "guest.wasm").await, "DP0306", text);
}

#[tokio::test]
async fn another_draft_of_the_same_version_is_refused() {
    // The same flat signature, but another type.
    for older in [
        Guest::extractor().contract_with("version: string,", "release: string,"),
        Guest::extractor().contract_with("options-schema: string,", "options-schema: list<u8>,"),
        Guest::extractor().contract_with("url: option<string>,", "url: option<list<u8>>,"),
        Guest::transform().contract_with("from-name: string,", "old-name: string,"),
        Guest::transform().contract_with("    unchanged,\n", "    same,\n"),
        Guest::check().contract_with("%record: option<u32>,", "%record: option<s32>,"),
    ] {
        assert_refused(support::load(&older).await, "DP0306", "another draft of the plugin contract 0.1.0");
    }
}

#[tokio::test]
async fn what_a_description_must_be() {
    for (guest, text) in [
        (Guest::extractor().named(""), "its name `` is not 1 to 64 letters"),
        (Guest::extractor().named("a\u{1b}[2Jb"), "its name `a\\u{1b}[2Jb` is not"),
        (Guest::extractor().schema("{"), "its options schema is not JSON"),
        (Guest::extractor().schema(r#"{"type":"nothing"}"#), "its options schema is not JSON Schema"),
        (Guest::extractor().schema(r#"{"$ref":"https://example.com/x"}"#), "its options schema is not JSON Schema"),
    ] {
        let report = support::load(&guest).await.err().unwrap();
        assert_eq!(report.code().id, "DP0314", "{report}");
        assert!(report.message().contains(text), "{report}\n  lacks: {text}");
    }
}

#[tokio::test]
async fn options_are_checked_against_the_plugins_schema() {
    let schema =
        r#"{"type":"object","properties":{"next":{"type":"string"}},"required":["next"],"additionalProperties":false}"#;
    let loaded = support::load(&Guest::extractor().schema(schema)).await.unwrap();
    let mut setup = support::setup();
    setup.with = serde_json::from_str(r#"{"nxt":1}"#).unwrap();
    setup.place = Box::new(|key| Place::Named { what: "key".into(), name: format!("with.{key}") });
    let report = sandbox().extractor(&loaded, setup).await.err().unwrap();
    assert_eq!((report.code().id, report.more().len()), ("DP0113", 1), "{report}");
    let text = report.to_string();
    assert!(text.contains("the option `next` is missing (plugin guest)"), "{text}");
    assert!(text.contains("the option `nxt` does not exist (plugin guest)\n  at key with.nxt"), "{text}");
}

/// Levels of references, each of which stands for two of the one before.
fn doubling(levels: usize) -> String {
    let level =
        |n: usize| format!(r##""d{n}":{{"allOf":[{{"$ref":"#/$defs/d{0}"}},{{"$ref":"#/$defs/d{0}"}}]}}"##, n - 1);
    let levels: Vec<String> = (1..=levels).map(level).collect();
    format!(r##"{{"$defs":{{"d0":{{}},{}}},"$ref":"#/$defs/d{}"}}"##, levels.join(","), levels.len())
}

#[tokio::test]
async fn a_schema_takes_no_more_than_a_childs_time() {
    let deep = format!("{}{{}}{}", r#"{"not":"#.repeat(70), "}".repeat(70));
    let schemas = [
        (doubling(39), "its options schema cannot be judged: it took more than 2s of CPU time"),
        (
            doubling(25).replace("allOf", "anyOf").replace("\"d0\":{}", "\"d0\":false"),
            "its options schema cannot be judged",
        ),
        (doubling(30).replace("allOf", "oneOf"), "its options schema cannot be judged"),
        (deep, "nested deeper than 64 levels"),
    ];
    for (schema, text) in schemas {
        let started = std::time::Instant::now();
        let report = match support::load(&Guest::extractor().schema(&schema)).await {
            Ok(loaded) => sandbox().extractor(&loaded, support::setup()).await.err(),
            Err(report) => Some(report),
        };
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
        let report = report.unwrap_or_else(|| panic!("it is sound: {text}"));
        assert_eq!(report.code().id, "DP0314", "{report}");
        assert!(report.message().contains(text), "{report}\n  lacks: {text}");
    }
}

#[tokio::test]
async fn compiling_is_bounded() {
    let bytes = Guest::extractor().component();
    let defaults = CompileLimits::default();
    for (limits, text) in [
        (CompileLimits { component: 100, ..defaults }, "more than 100"),
        (CompileLimits { wall: Duration::from_micros(1), ..defaults }, "it took longer than 1µs"),
        (CompileLimits { code: 1000, ..defaults }, "its native code is larger than 1000 bytes"),
        (CompileLimits { memory: 24 << 20, ..defaults }, "memory"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::new(open(&dir), limits, child()).unwrap();
        assert_refused(sandbox.load(bytes.clone(), "guest.wasm").await, "DP0308", text);
    }
}

#[tokio::test]
async fn a_component_that_the_compiler_chews_on_is_stopped() {
    // One function of a few million instructions keeps the register allocator busy.
    let body = "(local.set 0 (i32.add (local.get 0) (i32.load (local.get 0))))".repeat(400_000);
    let guest = Guest::extractor().items(&format!("(func $big (param i32) {body})"));
    let limits = CompileLimits { cpu: Duration::from_secs(1), ..CompileLimits::default() };
    let dir = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(open(&dir), limits, child()).unwrap();
    assert_refused(sandbox.load(guest.component(), "guest.wasm").await, "DP0308", "more than 1s of CPU time");
}
