//! Every file under `tests/manifests`: valid ones beside what they mean, invalid ones beside what
//! the user sees. `UPDATE_EXPECTED=1` rewrites the expectations, to be read before they are kept.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failing test may panic")]

use dpone_manifest::{Variables, load, load_policy};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/manifests").join(name)
}

fn variables() -> Variables {
    Variables {
        env: Box::new(|name| match name {
            "API_HOST" => Some("api.example.com".to_owned()),
            "PAGES" => Some("7".to_owned()),
            "HUSH" => Some("hunter2".to_owned()),
            _ => None,
        }),
        params: BTreeMap::from([("region".to_owned(), "eu".to_owned())]),
        interval: Some(("2026-01-01T00:00:00Z".to_owned(), "2026-01-02T00:00:00Z".to_owned())),
    }
}

/// Every `.yaml` of a folder with what `outcome` makes of it, against the `.expected` beside it.
fn compare(name: &str, outcome: impl Fn(&[u8], &str) -> String) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{name}: the cases are missing");
    let mut wrong = Vec::new();
    for path in files {
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let found = outcome(&std::fs::read(&path).unwrap(), &file);
        let expected_path = path.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&expected_path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        if found != expected {
            wrong.push(format!("--- {name}/{file}\nexpected:\n{expected}\nfound:\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn valid_manifests_mean_what_is_expected() {
    compare("valid", |text, file| match load(text, file, &variables()) {
        Ok(mut manifest) => {
            manifest.origin.positions.clear();
            manifest.origin.sha256.clear();
            format!("{manifest:#?}\n")
        }
        Err(report) => panic!("{file} is refused: {report}"),
    });
}

#[test]
fn invalid_manifests_name_every_problem() {
    compare("invalid", |text, file| match load(text, file, &variables()) {
        Ok(_) => "ACCEPTED\n".to_owned(),
        Err(report) => format!("exit {}\n{report}\n", report.exit() as u8),
    });
}

#[test]
fn policies_mean_what_is_expected_or_name_every_problem() {
    compare("policies", |text, file| match load_policy(text, file) {
        Ok(mut policy) => {
            policy.origin.positions.clear();
            policy.origin.sha256.clear();
            format!("{policy:#?}\n")
        }
        Err(report) => format!("exit {}\n{report}\n", report.exit() as u8),
    });
}

#[test]
fn the_guide_is_read_as_it_stands() {
    let text = std::fs::read(folder("guide.yaml")).unwrap();
    let manifest = load(&text, "guide.yaml", &Variables::none()).unwrap();
    let extractor = manifest.source.pagination.extractor.as_ref().unwrap();
    assert_eq!(extractor.uses, "builtin:cursor");
    assert_eq!(extractor.with.keys().collect::<Vec<_>>(), ["cursor_path", "cursor_param"]);
    assert_eq!(manifest.sink.strategy.unique_key, ["order_id"]);
    let ids: Vec<&str> = manifest.quality.checks.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(ids, ["min_rows", "source_target_count"]);
    assert_eq!(manifest.artifacts.path, ".dpone/runs/api_to_kafka");
    let place = manifest.origin.place("sink.strategy.mode").to_string();
    assert_eq!(place, "guide.yaml:26:5 (sink.strategy.mode)");
    assert!(
        manifest.origin.place("quality.checks[1].threshold").to_string().starts_with("guide.yaml:52:"),
        "nearest parent"
    );
}
