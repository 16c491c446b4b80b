//! The JSON Schemas against the files of `tests/manifests`: an editor marks what a reader refuses.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

use dpone_manifest::reference::{Document, MANIFEST, POLICY};
use dpone_manifest::{Variables, load};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a folder that are YAML, by their names without the extension.
fn documents(folder: &str) -> Vec<(String, Value)> {
    let entries = std::fs::read_dir(repository().join("tests/manifests").join(folder)).unwrap();
    let yaml = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    let parsed = yaml.filter_map(|path| {
        let text = std::fs::read_to_string(&path).ok()?;
        let value = serde_saphyr::from_str(&text).ok()?;
        Some((path.file_stem().unwrap().to_str().unwrap().to_owned(), value))
    });
    parsed.collect()
}

fn conforming(document: &Document, folder: &str) -> BTreeSet<String> {
    let schema = jsonschema::validator_for(&document.json_schema()).unwrap();
    documents(folder).into_iter().filter(|(_, value)| schema.is_valid(value)).map(|(name, _)| name).collect()
}

#[test]
fn valid_manifests_conform() {
    let schema = jsonschema::validator_for(&MANIFEST.json_schema()).unwrap();
    let documents = documents("valid");
    assert!(documents.len() >= 6, "the cases are missing");
    for (name, document) in documents {
        let problems: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{name}: {problems:#?}");
    }
}

/// Which of two keys are required together is beyond a schema that describes one key at a time.
const SPANS_TWO_KEYS: &[&str] = &["cursor_without_cursor", "postgres_without_connection"];

/// Keys that do not exist, are missing, have the wrong type or do not work yet.
const MARKED: &[&str] = &["DP0103", "DP0104", "DP0105", "DP0107", "DP0109"];

#[test]
fn an_editor_marks_what_the_reader_refuses() {
    let conforming = conforming(&MANIFEST, "invalid");
    let mut seen = 0;
    for (name, _) in documents("invalid") {
        let expected = repository().join(format!("tests/manifests/invalid/{name}.expected"));
        let expected = std::fs::read_to_string(expected).unwrap();
        let is_about_keys = MARKED.iter().any(|code| expected.contains(code));
        if is_about_keys && !SPANS_TWO_KEYS.contains(&name.as_str()) {
            assert!(!conforming.contains(&name), "{name} conforms, but:\n{expected}");
            seen += 1;
        }
    }
    assert!(seen >= 12, "only {seen} files were tried");
}

#[test]
fn policies_conform_where_they_are_read() {
    let conforming = conforming(&POLICY, "policies");
    // `overlaps` is about two tenants' folders and topics, which no schema compares.
    assert_eq!(conforming.iter().map(String::as_str).collect::<Vec<_>>(), ["least", "overlaps", "two_teams"]);
}

/// An unknown key's hint names all keys that may stand in its place.
#[test]
fn keys_here_are_all_keys() {
    let schema = MANIFEST.json_schema();
    let guide = std::fs::read_to_string(repository().join("tests/manifests/guide.yaml")).unwrap();
    let guide: Value = serde_saphyr::from_str(&guide).unwrap();
    let mut blocks = 0;
    for block in [
        "/",
        "/source",
        "/source/options",
        "/source/options/incremental",
        "/source/options/timeouts",
        "/source/options/retry",
        "/sink",
        "/sink/strategy",
        "/sink/options",
        "/sink/options/key",
        "/sink/options/topic_config",
        "/sink/options/delivery",
        "/quality",
        "/observability",
        "/observability/artifacts",
        "/journal",
        "/resume",
        "/diagnostics",
    ] {
        let path: Vec<&str> = block.split('/').filter(|name| !name.is_empty()).collect();
        let here = path.iter().try_fold(&schema, |schema, name| schema.get("properties")?.get(*name));
        let Some(properties) = here.and_then(|here| here["properties"].as_object()) else { continue };
        let mut document = guide.clone();
        let place = path.iter().fold(&mut document, |value, name| &mut value[*name]);
        place["xqzxqzxqzxqz"] = 1.into();
        let document = document.to_string();
        let report = load(document.as_bytes(), "case.yaml", &Variables::none()).unwrap_err();
        let mut reports = std::iter::once(&report).chain(report.more());
        let unknown = reports.find(|report| report.message().contains("xqzxqzxqzxqz"));
        let unknown = unknown.unwrap_or_else(|| panic!("{block}: {report}"));
        let hint = unknown.hint_text().unwrap();
        let listed: BTreeSet<&str> = hint.strip_prefix("keys here: ").unwrap().split(", ").collect();
        let missing: Vec<&String> = properties.keys().filter(|key| !listed.contains(key.as_str())).collect();
        assert!(missing.is_empty(), "{block}: {missing:?} are not in `{hint}`");
        blocks += 1;
    }
    assert!(blocks > 15, "only {blocks} blocks were tried");
}

/// The options that the tree has of a built-in are those that its README documents.
#[test]
fn built_in_options_are_those_of_the_plugins() {
    let mut names = BTreeSet::new();
    for form in MANIFEST.entries().iter().flat_map(|entry| entry.key.takes.forms()) {
        let Some(name) = form.alias else { continue };
        let ours: BTreeSet<String> =
            form.keys.iter().filter(|key| key.older_than.is_none()).map(|key| key.name.to_owned()).collect();
        let readme = std::fs::read_to_string(repository().join("plugins").join(name).join("README.md")).unwrap();
        assert_eq!(ours, documented(&readme), "{name}");
        names.insert(name.to_owned());
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
