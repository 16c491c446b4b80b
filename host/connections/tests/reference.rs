//! The tree of keys of profiles and connection files against their reader: each knows the keys, values
//! and defaults of the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a failing test may panic")]

use dpone_connections::fields::{Kind, known};
use dpone_connections::reference::{CONNECTIONS, PROFILE};
use dpone_connections::{LocalServices, Profile, Resolver};
use dpone_manifest::reference::{Document, Entry, Form, Key, Support, Takes};
use dpone_manifest::{ConnectionRef, ConnectionType, StateBlock};
use dpone_model::{Failure, Report};
use std::collections::{BTreeMap, BTreeSet};

/// A working directory with what examples name: files of certificates and keys.
fn workdir(profile: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join(".dpone/profiles")).unwrap();
    std::fs::create_dir_all(dir.path().join("certs")).unwrap();
    for file in ["ca.pem", "client.pem", "client.key"] {
        std::fs::write(dir.path().join("certs").join(file), "").unwrap();
    }
    std::fs::write(dir.path().join(".dpone/profiles/p.yaml"), profile).unwrap();
    dir
}

fn env(_: &str) -> Option<String> {
    Some("from-the-environment".to_owned())
}

fn load(profile: &str) -> Result<Profile, String> {
    let dir = workdir(profile);
    Profile::load(dir.path(), Some("p"), &env).map_err(|error| match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    })
}

/// The connection `my_api` of a profile as the rooms get it: every field judged.
async fn resolve(profile: &str, kind: &str) -> Result<String, Report> {
    let dir = workdir(profile);
    let loaded = Profile::load(dir.path(), Some("p"), &env).expect("it was loaded before");
    let local = loaded.extends_local().then(|| LocalServices {
        base_url: "http://127.0.0.1:1".into(),
        bootstrap_servers: "127.0.0.1:1".into(),
        sqlite_path: dir.path().join("state.db"),
    });
    let mut reference = ConnectionRef::new("my_api", ConnectionType::Env);
    let resolver = Resolver::new(loaded, local, dir.path().to_owned(), BTreeMap::new().into());
    let resolved = match kind {
        "kafka" => format!("{:?}", resolver.kafka(&reference).await?),
        "http" => {
            reference.secrets = profile.contains("signing_key").then(|| "signing_key".to_owned()).into_iter().collect();
            format!("{:?}", resolver.http(&reference).await?)
        }
        _ => {
            let connection = Some(reference);
            let block = StateBlock::Sqlite { connection, schema: "s".into(), table: "t".into() };
            format!("{:?}", resolver.state(&block).await?)
        }
    };
    Ok(resolved.replace(&dir.path().display().to_string(), ""))
}

/// The kind of connection that an example defines.
fn kind_of(document: &str) -> String {
    let value: serde_json::Value = serde_saphyr::from_str(document).unwrap();
    value["connections"]["my_api"]["type"].as_str().unwrap_or("http").to_owned()
}

#[tokio::test]
async fn every_example_is_accepted_or_refused_as_not_yet() {
    let schema = jsonschema::validator_for(&PROFILE.json_schema()).unwrap();
    let mut tried = 0;
    for entry in PROFILE.entries() {
        let text = entry.document(&PROFILE, &entry.example());
        let is_later = entry.key.support == Support::Later;
        match load(&text) {
            Ok(_) => assert!(!is_later, "{}: {text}", entry.path),
            Err(error) => assert!(is_later && error.contains("not yet"), "{}: {text}\n{error}", entry.path),
        }
        if !is_later && entry.path.starts_with("connections") {
            let resolved = resolve(&text, &kind_of(&text)).await;
            assert!(resolved.is_ok(), "{text}: {resolved:?}");
        }
        let value: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(schema.is_valid(&value), !is_later, "{}: {text}", entry.path);
        tried += 1;
    }
    assert!(tried > 30, "only {tried} examples were tried");
}

#[tokio::test]
async fn a_default_is_what_a_missing_key_means() {
    let mut tried = 0;
    for entry in PROFILE.entries() {
        let Some(default) = entry.key.default else { continue };
        let with = entry.document(&PROFILE, default);
        let without = with.replacen(&format!("{}: {default}, ", entry.key.name), "", 1);
        assert_ne!(with, without, "{with}");
        let kind = kind_of(&with);
        let (with, without) = (resolve(&with, &kind).await.unwrap(), resolve(&without, &kind).await.unwrap());
        // Kafka's client has the same default where no option is set.
        let with = with.replace("\"security.protocol\": Plain(\"plaintext\")", "");
        assert_eq!(with, without, "{}", entry.path);
        tried += 1;
    }
    assert!(tried >= 5, "only {tried} defaults were tried");
}

#[tokio::test]
async fn words_and_numbers_are_those_of_the_reader() {
    let mut tried = 0;
    for entry in PROFILE.entries() {
        let cases: Vec<(String, bool)> = match entry.key.takes {
            Takes::Choice(words) => {
                let names = words.iter().flat_map(|word| std::iter::once(word.name).chain(word.alias));
                names.map(|name| (name.to_owned(), true)).chain([("qqqq".to_owned(), false)]).collect()
            }
            Takes::Integer(least, most) => {
                let bad = [least - 1, most + 1].map(|number| (number.to_string(), false));
                [least, most].map(|number| (number.to_string(), true)).into_iter().chain(bad).collect()
            }
            _ => continue,
        };
        for (value, is_good) in cases {
            let text = entry.document(&PROFILE, &value);
            let is_read = match load(&text) {
                Ok(_) if entry.path.starts_with("connections") => {
                    let resolved = resolve(&text, &kind_of(&text)).await;
                    // A protocol with SASL asks for the login's fields, which the protocol alone does not bring.
                    resolved.is_ok() || resolved.is_err_and(|report| report.code().id == "DP0204")
                }
                loaded => loaded.is_ok(),
            };
            assert_eq!(is_read, is_good, "{text}");
            tried += 1;
        }
    }
    assert!(tried > 20, "only {tried} values were tried");
}

/// The fields of a kind, which environment and Vault have, are keys of the tree; and the other way round.
#[test]
fn every_field_has_a_key() {
    let forms =
        PROFILE.entries().iter().find(|entry| entry.key.name == "connections").unwrap().key.takes.inner().forms();
    assert_eq!(forms.iter().map(|form| form.name).collect::<Vec<_>>(), Kind::ALL.map(Kind::name));
    for (form, kind) in forms.iter().zip(Kind::ALL) {
        let mut fields = BTreeSet::new();
        fields_of(form.keys, &mut fields);
        if kind == Kind::Http {
            // Another name of `base_url`, which YAML does not have.
            fields.insert("endpoint");
        }
        assert_eq!(fields, known(kind).iter().copied().collect(), "{kind}");
    }
}

fn fields_of(keys: &'static [Key], fields: &mut BTreeSet<&'static str>) {
    for key in keys {
        fields.extend(key.field);
        let forms: Vec<Form> = key.takes.inner().forms();
        forms.iter().for_each(|form| fields_of(form.keys, fields));
    }
}

/// The names that the reader lists for an unknown key are the keys of the tree.
#[test]
fn the_reader_suggests_the_keys_of_the_tree() {
    let nonsense = "qqqqqqqqqqqqqqqq";
    let mut tried = 0;
    for entry in PROFILE.entries().into_iter().filter(|entry| entry.key.support != Support::Later) {
        let text = entry.document(&PROFILE, &entry.example());
        let with = insert_beside(&entry, &text, nonsense);
        let error = load(&with).unwrap_err();
        let listed = error.rsplit_once("known here: ").unwrap_or_else(|| panic!("{with}: {error}")).1;
        let listed: BTreeSet<&str> = listed.trim().split(", ").map(|name| name.trim_matches('`')).collect();
        let siblings = PROFILE.siblings(&entry);
        let mut expected: BTreeSet<&str> =
            siblings.iter().filter(|key| key.support != Support::Later).map(|key| key.name).collect();
        let value: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        // The block's `type` and, where the entry is the type itself, the keys of that form.
        match entry.form {
            Some(_) => drop(expected.insert("type")),
            None if entry.key.name == "type" => {
                let parent = if entry.path.contains(".auth.") { "connections.NAME.auth" } else { "connections" };
                let forms =
                    PROFILE.entries().iter().find(|entry| entry.path == parent).unwrap().key.takes.inner().forms();
                let connection = &value["connections"]["my_api"];
                let named = if parent == "connections" { &connection["type"] } else { &connection["auth"]["type"] };
                let form = forms.iter().find(|form| Some(form.name) == named.as_str()).unwrap();
                expected.extend(form.keys.iter().map(|key| key.name));
            }
            None => {}
        }
        assert_eq!(listed, expected, "beside {}: {error}", entry.path);
        tried += 1;
    }
    assert!(tried > 30, "only {tried} keys were tried");
}

/// Puts a key into the block that an entry stands in.
fn insert_beside(entry: &Entry, text: &str, name: &str) -> String {
    let mut value: serde_json::Value = serde_saphyr::from_str(text).unwrap();
    let mut at = &mut value;
    let names: Vec<&str> = entry.path.split('.').collect();
    for step in names.split_last().unwrap().1 {
        let object = at.as_object_mut().unwrap();
        at = if *step == "NAME" { object.values_mut().next().unwrap() } else { object.get_mut(*step).unwrap() };
    }
    at.as_object_mut().unwrap().insert(name.to_owned(), 1.into());
    value.to_string()
}

#[test]
fn a_connections_file_has_the_connections_of_a_profile() {
    let paths = |document: &Document| -> BTreeSet<String> {
        let paths = document.entries().into_iter().map(|entry| entry.path);
        paths.filter(|path| path.starts_with("connections")).collect()
    };
    assert_eq!(paths(&PROFILE), paths(&CONNECTIONS));
    assert!(CONNECTIONS.entries().iter().all(|entry| entry.path.starts_with("connections")));
}
