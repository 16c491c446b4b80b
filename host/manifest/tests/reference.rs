//! The tree of keys against the readers: each knows the keys, values and defaults of the other.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

use dpone_manifest::reference::{Document, Entry, MANIFEST, POLICY, Support, Takes, Word};
use dpone_manifest::{Variables, load, load_policy};
use dpone_model::{Place, Report};
use serde_json::Value;
use std::collections::BTreeSet;

const DOCUMENTS: [&Document; 2] = [&MANIFEST, &POLICY];
const UNKNOWN_KEY: &str = "DP0103";
const INVALID_VALUE: &str = "DP0106";

/// The reading of a text as a document, without what the text itself leaves in it.
fn read(document: &Document, text: &str) -> Result<String, Vec<Problem>> {
    let read = match document.name {
        "manifest" => load(text.as_bytes(), "case.yaml", &Variables::none()).map(|mut manifest| {
            manifest.origin = Default::default();
            format!("{manifest:?}")
        }),
        _ => load_policy(text.as_bytes(), "case.yaml").map(|mut policy| {
            policy.origin = Default::default();
            format!("{policy:?}")
        }),
    };
    read.map_err(|report| std::iter::once(&report).chain(report.more()).map(Problem::of).collect())
}

#[derive(Debug)]
struct Problem {
    code: &'static str,
    key: String,
    text: String,
}

impl Problem {
    fn of(report: &Report) -> Self {
        let key = match report.place() {
            Some(Place::File { key: Some(key), .. }) => key.clone(),
            _ => String::new(),
        };
        Self { code: report.code().id, key, text: report.to_string() }
    }

    fn is_at(&self, entry: &Entry) -> bool {
        let key = self.key.replace("[0]", "[]").replace(".sales", ".NAME").replace(".kafka_cluster", ".NAME");
        key.trim_end_matches("[]") == entry.path || key == entry.path
    }
}

/// Whether the reader refuses this value of the key by itself.
fn refuses(document: &Document, entry: &Entry, value: &str) -> Option<Problem> {
    let problems = read(document, &entry.document(document, value)).err().unwrap_or_default();
    problems.into_iter().find(|problem| {
        let of_value = ["DP0105", INVALID_VALUE, "DP0107"].contains(&problem.code) || problem.text.contains("not yet");
        of_value && problem.is_at(entry)
    })
}

fn entries() -> Vec<(&'static Document, Entry)> {
    let entries = DOCUMENTS.into_iter().flat_map(|document| document.entries().into_iter().map(move |e| (document, e)));
    entries.collect()
}

#[test]
fn every_example_is_accepted_or_refused_as_not_yet() {
    let mut tried = 0;
    for (document, entry) in entries() {
        let schema = jsonschema::validator_for(&document.json_schema()).unwrap();
        let text = entry.document(document, &entry.example());
        let value: Value = serde_saphyr::from_str(&text).unwrap();
        let is_later = entry.key.support == Support::Later;
        match read(document, &text) {
            Ok(_) => assert!(!is_later, "{}: {text}", entry.path),
            Err(problems) => {
                let alone = problems.len() == 1 && problems[0].text.contains("not yet");
                assert!(is_later && alone, "{}: {text}\n{problems:#?}", entry.path);
            }
        }
        assert_eq!(schema.is_valid(&value), !is_later, "{}: {text}", entry.path);
        tried += 1;
    }
    assert!(tried > 250, "only {tried} examples were tried");
}

#[test]
fn every_key_has_its_parts() {
    for (_, entry) in entries() {
        let key = entry.key;
        let is_block = entry.key.example.is_empty();
        assert!(!key.about.is_empty() || key.older_than.is_some(), "{}: no meaning", entry.path);
        assert!(key.about.is_empty() || key.about.ends_with('.'), "{}: {}", entry.path, key.about);
        assert!(!is_block || has_keys(key.takes), "{}: no example", entry.path);
        assert!(!(key.default.is_some() && key.without.is_some()), "{}: two defaults", entry.path);
    }
}

fn has_keys(takes: Takes) -> bool {
    matches!(takes.inner(), Takes::Block(_) | Takes::Tagged(..) | Takes::Plugin(..))
}

/// Defaults that another room fills in, when it looks the connection up.
const DEFAULTS_OF_CONNECTIONS: &[&str] = &["vault_mount_point", "connection_file"];

#[test]
fn a_default_is_what_a_missing_key_means() {
    let mut tried = 0;
    for (document, entry) in entries() {
        let elsewhere = entry.form.is_some() || DEFAULTS_OF_CONNECTIONS.contains(&entry.key.name);
        let Some(default) = entry.key.default.filter(|_| !elsewhere) else { continue };
        let mut value: Value = serde_saphyr::from_str(&entry.document(document, default)).unwrap();
        let with = read(document, &value.to_string()).unwrap();
        let (parent, name) = parent(&mut value, &entry.path);
        parent.as_object_mut().unwrap().remove(&name).unwrap();
        let without = read(document, &value.to_string()).unwrap();
        assert_eq!(with, without, "{} is not {default} by default", entry.path);
        tried += 1;
    }
    assert!(tried > 60, "only {tried} defaults were tried");
}

/// The block in which a key stands, and the key's name.
fn parent<'a>(root: &'a mut Value, path: &str) -> (&'a mut Value, String) {
    let (mut at, mut names) = (root, path.split('.').peekable());
    while let Some(name) = names.next() {
        if names.peek().is_none() {
            return (at, name.to_owned());
        }
        at = step(at, name);
    }
    unreachable!("a path has a last name")
}

fn step<'a>(at: &'a mut Value, name: &str) -> &'a mut Value {
    let object = at.as_object_mut().unwrap();
    if name == "NAME" {
        return object.values_mut().next().unwrap();
    }
    let (name, is_list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
    let value = object.get_mut(name).unwrap();
    if is_list { &mut value[0] } else { value }
}

#[test]
fn numbers_and_lengths_have_the_bounds_of_the_reader() {
    let mut tried = 0;
    // The options of a built-in are judged by its own schema when it is loaded.
    for (document, entry) in entries().into_iter().filter(|(_, entry)| entry.form.is_none()) {
        let cases: Vec<(String, bool)> = match entry.key.takes {
            _ if entry.key.support != Support::Full => continue,
            Takes::Integer(least, most) | Takes::Size(least, most) => bounds(least, most),
            Takes::Duration => vec![("0".into(), true), ("1ms".into(), true), ("soon".into(), false)],
            Takes::PositiveDuration => vec![("0".into(), false), ("1ms".into(), true), ("soon".into(), false)],
            Takes::WordOrDuration(word) => vec![(word.into(), true), ("1h".into(), true), ("soon".into(), false)],
            Takes::Flag => vec![("true".into(), true), ("false".into(), true), ("maybe".into(), false)],
            _ => continue,
        };
        for (value, is_good) in cases {
            let refused = refuses(document, &entry, &value);
            assert_eq!(refused.is_none(), is_good, "{}: {value}: {refused:?}", entry.path);
            tried += 1;
        }
    }
    assert!(tried > 120, "only {tried} values were tried");
}

fn bounds(least: u64, most: u64) -> Vec<(String, bool)> {
    let below = least.checked_sub(1).map(|number| (number.to_string(), false));
    let above = most.checked_add(1).map(|number| (number.to_string(), false));
    [(least.to_string(), true), (most.to_string(), true)].into_iter().chain(below).chain(above).collect()
}

#[test]
fn words_are_those_of_the_reader() {
    let mut tried = 0;
    for (document, entry) in entries().into_iter().filter(|(_, entry)| entry.form.is_none()) {
        let (words, open, close): (&[Word], _, _) = match entry.key.takes {
            _ if entry.key.support != Support::Full => continue,
            Takes::Choice(words) => (words, "", ""),
            Takes::Words(words) => (words, "[", "]"),
            _ => continue,
        };
        for word in words {
            for name in std::iter::once(word.name).chain(word.alias) {
                let refused = refuses(document, &entry, &format!("{open}{name}{close}"));
                assert_eq!(refused.is_some(), word.is_later, "{}: {name}: {refused:?}", entry.path);
                assert!(refused.is_none_or(|problem| problem.text.contains("not yet")), "{}: {name}", entry.path);
                tried += 1;
            }
        }
        let refused = refuses(document, &entry, &format!("{open}qqqqqqqqqqqqqq{close}")).unwrap();
        let listed = refused.text.split_once("valid: ").or(refused.text.split_once("valid are ")).unwrap().1;
        let known: BTreeSet<&str> =
            words.iter().flat_map(|word| std::iter::once(word.name).chain(word.alias)).collect();
        for name in listed.lines().next().unwrap().split(", ") {
            assert!(known.contains(name), "{}: `{name}` is not documented", entry.path);
        }
    }
    assert!(tried > 90, "only {tried} words were tried");
}

/// The names that the reader lists for an unknown key are the keys of the tree.
#[test]
fn the_reader_suggests_the_keys_of_the_tree() {
    let nonsense = "qqqqqqqqqqqqqqqqqqqqqqqq";
    let mut blocks = BTreeSet::new();
    for (document, entry) in entries() {
        let is_component = entry.path.rsplit('.').next() == Some("uses");
        let siblings = document.siblings(&entry);
        let has_forms = siblings.iter().any(|key| key.name == "uses");
        if entry.key.support == Support::Later || (has_forms && entry.form.is_none() && !is_component) {
            continue;
        }
        let mut value: Value = serde_saphyr::from_str(&entry.document(document, &entry.example())).unwrap();
        let (block, _) = parent(&mut value, &entry.path);
        block.as_object_mut().unwrap().insert(nonsense.into(), 1.into());
        let problems = read(document, &value.to_string()).unwrap_err();
        let unknown = problems.iter().find(|problem| problem.code == UNKNOWN_KEY).unwrap();
        let listed = unknown.text.rsplit(": ").next().unwrap();
        let listed: BTreeSet<&str> = listed.trim().split(", ").collect();
        let expected: BTreeSet<&str> = match entry.form {
            Some(_) => siblings.iter().filter(|key| key.older_than.is_none()).map(|key| key.name).collect(),
            None => siblings.iter().map(|key| key.name).collect(),
        };
        assert_eq!(listed, expected, "beside {}: {}", entry.path, unknown.text);
        blocks.insert(format!("{} {:?}", entry.path.rsplit_once('.').map_or("", |(block, _)| block), entry.form));
    }
    assert!(blocks.len() > 50, "only {} blocks were tried", blocks.len());
}
