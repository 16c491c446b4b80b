//! The command line's words on keys, and the tree of keys against the shipped components' own schemas.

use dpone_harness::Workspace;
use dpone_manifest::reference::{Form, Key, MANIFEST, Takes};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn explain_prints_a_key_a_code_or_what_may_have_been_meant() {
    let workspace = Workspace::new();
    for (name, texts) in [
        (
            "pagination.max_pages",
            &[
                "source.options.pagination.max_pages  (manifest)",
                "a whole number from 1 to",
                "no limit",
                "max_pages: 1000",
            ][..],
        ),
        ("on_max_pages", &["takes    `error` or `stop`", "default  `error`", "The run fails."]),
        ("connection_type", &["source.connection_type", "sink.connection_type", "state.connection_type", "vault"]),
        ("lookback", &["2 keys are named `lookback`", "incremental.lookback", "slices.lookback"]),
        ("min_rows", &["quality.checks with `type: min_rows`", "threshold"]),
        ("auth.token", &["connections.NAME.auth.token  (profile)", "DPONE_CONN_<ID>_TOKEN", "type: bearer"]),
        ("tenants.sales.share", &["tenants.NAME.share  (policy)", "default  `1`"]),
        ("endpoint", &["The spelling of dpone 0.88 for `url`"]),
        ("exactly_once", &[]),
        ("DP0203", &["DP0203: ", "Exit code 11"]),
    ] {
        let ran = workspace.dpone(&["explain", name]);
        let is_there = !texts.is_empty();
        assert_eq!(ran.exit, Some(if is_there { 0 } else { 2 }), "{name}: {}{}", ran.stdout, ran.stderr);
        texts.iter().for_each(|text| assert!(ran.stdout.contains(text), "{name}: `{text}` is not in\n{}", ran.stdout));
    }
    workspace
        .dpone(&["explain", "max_page"])
        .expect_exit(2)
        .expect_error(&["no key or error code `max_page`", "did you mean `max_pages`?"]);
    workspace.dpone(&["explain", "DP9999"]).expect_exit(2).expect_error(&["no error code `DP9999`"]);
}

#[test]
fn schema_prints_each_kind_of_file() {
    let workspace = Workspace::new();
    let manifest = workspace.dpone(&["schema"]);
    for kind in ["manifest", "profile", "connections", "policy"] {
        let ran = workspace.dpone(&["schema", kind]);
        ran.expect_exit(0);
        assert_eq!(ran.json()["title"], format!("dpone {kind}"));
        assert!(kind != "manifest" || ran.stdout == manifest.stdout, "a manifest's is the default");
        let page = workspace.dpone(&["schema", kind, "--format", "md"]);
        assert!(page.expect_exit(0).stdout.contains("| key | takes | default | meaning | example |"), "{kind}");
    }
}

/// The options of a built-in that the manifest's tree documents are those of the component: names, what is
/// required, defaults, bounds and words.
#[test]
fn built_in_options_are_those_of_the_components() {
    let workspace = Workspace::new();
    let mut seen = BTreeSet::new();
    for form in MANIFEST.entries().iter().flat_map(|entry| entry.key.takes.inner().forms()) {
        let Some(name) = form.alias.filter(|name| seen.insert((*name).to_owned())) else { continue };
        let ran = workspace.dpone(&["plugin", "inspect", &format!("builtin:{name}"), "--format", "json"]);
        ran.expect_exit(0);
        compare(name, &form, &ran.json()["options_schema"]);
    }
    assert!(seen.len() >= 14, "{seen:?}");
}

fn compare(name: &str, form: &Form, schema: &Value) {
    let ours: Vec<&Key> = form.keys.iter().filter(|key| key.older_than.is_none()).collect();
    let properties = schema["properties"].as_object().unwrap();
    let names: BTreeSet<&str> = ours.iter().map(|key| key.name).collect();
    assert_eq!(names, properties.keys().map(String::as_str).collect(), "{name}");
    let required: BTreeSet<&str> = ours.iter().filter(|key| key.is_required).map(|key| key.name).collect();
    let theirs = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(required, theirs, "{name}");
    for key in ours {
        let property = match properties[key.name]["$ref"].as_str() {
            Some(reference) => schema.pointer(reference.trim_start_matches('#')).unwrap(),
            None => &properties[key.name],
        };
        let at = format!("{name}.{}", key.name);
        let default =
            property.get("default").map(|default| default.as_str().map_or(default.to_string(), str::to_owned));
        assert_eq!(key.default.map(str::to_owned), default, "{at}");
        match key.takes {
            Takes::Integer(least, most) => {
                assert_eq!(property["minimum"].as_u64().unwrap_or(0), least, "{at}");
                assert_eq!(property["maximum"].as_u64().unwrap_or(u64::MAX), most, "{at}");
            }
            Takes::Number(least, most) => {
                assert_eq!((&property["minimum"], &property["maximum"]), (&least.into(), &most.into()), "{at}");
            }
            Takes::Choice(words) => {
                let words: Vec<&str> = words.iter().map(|word| word.name).collect();
                assert_eq!(property["enum"], Value::from(words), "{at}");
            }
            Takes::Text => assert_eq!(property["type"], "string", "{at}"),
            _ => {}
        }
    }
}
