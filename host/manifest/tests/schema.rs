//! The JSON Schema of the language against the reader: each knows the keys of the other.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

use dpone_manifest::{Variables, json_schema, load};
use dpone_model::Report;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn document(path: &Path) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn valid_manifests_conform() {
    let schema = jsonschema::validator_for(&json_schema()).unwrap();
    for entry in std::fs::read_dir(repository().join("tests/manifests/valid")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let problems: Vec<String> = schema.iter_errors(&document(&path)).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
        }
    }
}

#[test]
fn an_editor_marks_what_check_refuses() {
    let schema = jsonschema::validator_for(&json_schema()).unwrap();
    for name in ["misspelt_keys", "misspelt_check", "missing_keys", "wrong_types", "unknown_strategy", "choices"] {
        let path = repository().join(format!("tests/manifests/invalid/{name}.yaml"));
        assert!(!schema.is_valid(&document(&path)), "{name}");
    }
}

/// Puts each key of the schema into a manifest of its own; the reader may dislike the value, but
/// it must not say that there is no such key.
#[test]
fn the_reader_knows_every_key_of_the_schema() {
    let mut seen = 0;
    visit(&json_schema(), &|inner| inner, &mut seen);
    assert!(seen > 150, "only {seen} keys were tried");
}

fn visit(schema: &Value, wrap: &dyn Fn(Value) -> Value, seen: &mut u32) {
    for form in schema["anyOf"].as_array().into_iter().flatten() {
        let named = form["properties"]["type"]["enum"][0].as_str().or(form["properties"]["type"]["const"].as_str());
        let wrap_form = |inner: Value| {
            let mut inner = inner;
            if let (Some(object), Some(name)) = (inner.as_object_mut(), named) {
                object.entry("type").or_insert_with(|| name.into());
            } else if let Some(object) = inner.as_object_mut() {
                object.entry("uses").or_insert_with(|| "./mine.wasm".into());
            }
            wrap(inner)
        };
        visit(form, &wrap_form, seen);
    }
    if schema["type"] == "array" {
        visit(&schema["items"], &|inner| wrap(Value::Array(vec![inner])), seen);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let here = |inner: Value| wrap(Value::Object([(name.clone(), inner)].into_iter().collect()));
        *seen += 1;
        let document = here(Value::String("x".into())).to_string();
        let report = load(document.as_bytes(), "case.yaml", &Variables::none()).unwrap_err();
        let unknown: Vec<&Report> =
            std::iter::once(&report).chain(report.more()).filter(|report| report.code().id == "DP0103").collect();
        assert!(unknown.is_empty(), "{document}: {unknown:?}");
        visit(property, &here, seen);
    }
}

/// The options that the manifest knows of a built-in are those that its README documents.
#[test]
fn built_in_options_are_those_of_the_plugins() {
    let schema = json_schema();
    let places = [
        &schema["properties"]["source"]["properties"]["options"]["properties"]["pagination"],
        &schema["properties"]["transforms"]["items"],
        &schema["properties"]["quality"]["properties"]["checks"]["items"],
        &schema["properties"]["source"]["properties"]["options"]["properties"]["slices"],
        &schema["properties"]["source"]["properties"]["options"]["properties"]["signer"],
    ];
    let mut names = BTreeSet::new();
    for place in places {
        let forms = place["anyOf"].as_array().unwrap();
        let host: BTreeSet<&String> = forms[0]["properties"].as_object().unwrap().keys().collect();
        for form in forms.iter().filter(|form| form["properties"]["type"]["enum"].is_array()) {
            let name = form["properties"]["type"]["enum"][1].as_str().unwrap();
            let ours: BTreeSet<String> = form["properties"]
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| !host.contains(key) && !["type", "next_cursor_path"].contains(&key.as_str()))
                .cloned()
                .collect();
            let readme = std::fs::read_to_string(repository().join("plugins").join(name).join("README.md")).unwrap();
            assert_eq!(ours, documented(&readme), "{name}");
            names.insert(name.to_owned());
        }
    }
    let folders = std::fs::read_dir(repository().join("plugins")).unwrap().map(|entry| entry.unwrap().path());
    let plugins: BTreeSet<String> = folders
        .filter(|path| path.join("README.md").exists())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, plugins);
}

/// The first column of a README's first table.
fn documented(readme: &str) -> BTreeSet<String> {
    let rows = readme.lines().skip_while(|line| !line.starts_with("| option")).take_while(|line| line.starts_with('|'));
    rows.skip(2).filter_map(|row| Some(row.split('|').nth(1)?.trim().trim_matches('`').to_owned())).collect()
}
