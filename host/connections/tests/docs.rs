//! The files of `host/manifest/docs` that are made of the tree of keys. `cargo dev docs` writes them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

use dpone_connections::reference::{CONNECTIONS, PROFILE};
use dpone_manifest::reference::{Document, MANIFEST, POLICY};
use std::path::{Path, PathBuf};

const DOCUMENTS: [&Document; 4] = [&MANIFEST, &PROFILE, &CONNECTIONS, &POLICY];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_pages_are_those_of_the_tree() {
    let folder = repository().join("host/manifest/docs");
    for document in DOCUMENTS {
        let made = [
            (format!("{}.md", document.name), document.markdown()),
            (format!("{}.schema.json", document.name), format!("{:#}\n", document.json_schema())),
        ];
        for (file, text) in made {
            let path = folder.join(&file);
            if std::env::var_os("UPDATE_EXPECTED").is_some() {
                std::fs::write(&path, &text).unwrap();
            }
            let found = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(found == text, "host/manifest/docs/{file} is out of date: `cargo dev docs` writes it anew");
        }
    }
}

/// Each key that a person may look for is on its page, with its meaning.
#[test]
fn every_key_is_on_its_page() {
    for document in DOCUMENTS {
        let page = document.markdown();
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
        for entry in document.entries() {
            let is_elsewhere = document.elsewhere.iter().any(|(at, _)| entry.path.starts_with(&format!("{at}.")));
            let name = format!("`{}`", entry.key.name);
            let about = entry.key.about.replace('|', "\\|");
            let has_row = rows.iter().any(|row| row.contains(&name) && row.contains(&about));
            assert!(is_elsewhere || has_row, "{}: {}", document.name, entry.path);
        }
    }
}

/// The examples of the README are what an editor accepts.
#[test]
fn the_readme_conforms() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let mut seen = [0, 0, 0];
    for block in yaml_blocks(&readme) {
        let value: serde_json::Value = serde_saphyr::from_str(&block).unwrap();
        let (kind, document) = match value.as_object().unwrap() {
            keys if keys.contains_key("name") => (0, &MANIFEST),
            keys if keys.contains_key("connections") => (1, &PROFILE),
            keys if keys.contains_key("tenants") => (2, &POLICY),
            _ => continue,
        };
        let schema = jsonschema::validator_for(&document.json_schema()).unwrap();
        let problems: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{block}: {problems:#?}");
        seen[kind] += 1;
    }
    assert!(seen[0] >= 1 && seen[1] >= 2 && seen[2] >= 1, "{seen:?}");
}

/// The fenced blocks of a page that are YAML, without their indentation.
fn yaml_blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "```yaml" {
            let indent = line.len() - line.trim_start().len();
            let inner = lines.by_ref().take_while(|line| line.trim() != "```");
            blocks.push(inner.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect());
        }
    }
    blocks
}
