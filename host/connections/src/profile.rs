//! Profiles: named sets of connections that stand in front of a manifest's own look-up.

use crate::definition::{Definition, Reader};
use crate::error::Error;
use crate::fields::Kind;
use crate::yaml::{self, Node};
use dpone_model::Place;
use std::collections::BTreeMap;
use std::path::Path;

/// The built-in profile.
const LOCAL: &str = "local";

/// Folder of the profiles, under the working directory.
const FOLDER: &str = ".dpone/profiles";

/// A profile with everything that it extends: the nearest definition of an id wins.
///
/// ```yaml
/// extends: local            # the built-in, or another profile's name
/// connections:
///   example_api:   { type: http, base_url: "http://127.0.0.1:8080", auth: { type: bearer, token: "${API_TOKEN}" } }
///   kafka_cluster: { type: kafka, bootstrap_servers: "127.0.0.1:9092" }
///   etl_state:     { type: postgres, host: 127.0.0.1, port: 5432, database: etl, username: etl }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// From the chosen one to the one that extends nothing.
    chain: Vec<String>,
    definitions: BTreeMap<String, (String, Definition)>,
}

impl Profile {
    /// Reads a profile and what it extends. `None` is no profile: every connection is looked up
    /// as its manifest says. A variable that is not set is an error only once its connection is used.
    pub fn load(workdir: &Path, name: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut profile = Self::default();
        let mut next = name.map(|name| (name.to_owned(), None::<Place>));
        while let Some((name, named_at)) = next.take() {
            if profile.chain.contains(&name) {
                profile.chain.push(name);
                let place = named_at.unwrap_or_else(|| yaml::place("", None, None));
                return Err(Error::Cycle { chain: profile.chain, place });
            }
            profile.chain.push(name.clone());
            if name != LOCAL {
                next = profile.read(workdir, &name, named_at, env)?;
            }
        }
        Ok(profile)
    }

    /// A profile without connections.
    pub(crate) fn of_chain(chain: Vec<String>) -> Self {
        Self { chain, definitions: BTreeMap::new() }
    }

    /// From the chosen one to the one that extends nothing.
    pub(crate) fn chain(&self) -> &[String] {
        &self.chain
    }

    /// Adds a connection that `named`, a profile of the chain, defines.
    pub(crate) fn define(&mut self, id: String, named: String, definition: Definition) {
        self.definitions.insert(id, (named, definition));
    }

    /// The name that was chosen; none for no profile.
    pub fn name(&self) -> Option<&str> {
        self.chain.first().map(String::as_str)
    }

    /// It is `local`, or extends it: whatever it does not define is substituted by kind.
    pub fn extends_local(&self) -> bool {
        self.chain.last().is_some_and(|name| name == LOCAL)
    }

    /// The profile, or one that it extends, defines this connection.
    pub fn defines(&self, id: &str) -> bool {
        self.definitions.contains_key(id)
    }

    /// The kind of a connection that it defines.
    pub fn kind_of(&self, id: &str) -> Option<Kind> {
        self.definitions.get(id).map(|(_, definition)| definition.kind)
    }

    pub(crate) fn definitions(&self) -> impl Iterator<Item = (&str, &str, &Definition)> {
        self.definitions.iter().map(|(id, (name, definition))| (id.as_str(), name.as_str(), definition))
    }

    pub(crate) fn get(&self, id: &str) -> Option<(&str, &Definition)> {
        self.definitions.get(id).map(|(name, definition)| (name.as_str(), definition))
    }

    /// The profile and its chain, for messages.
    pub(crate) fn described(&self) -> String {
        self.chain.join(" -> ")
    }

    /// Reads one file of the chain; gives the profile that it extends and where it says so.
    fn read(
        &mut self,
        workdir: &Path,
        name: &str,
        named_at: Option<Place>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<(String, Option<Place>)>, Error> {
        let file = format!("{FOLDER}/{name}.yaml");
        let unknown = || Error::UnknownProfile {
            name: name.to_owned(),
            file: file.clone(),
            known: known_profiles(workdir),
            place: named_at.clone(),
        };
        if !is_profile_name(name) {
            return Err(unknown());
        }
        let text = match std::fs::read_to_string(workdir.join(&file)) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(unknown()),
            Err(error) => {
                let message = format!("the profile cannot be read: {error}");
                return Err(Error::Invalid { message, place: yaml::place(&file, None, None), hint: None });
            }
        };
        let root = yaml::parse(&text, &file)?;
        let reader = Reader { file: &file, env };
        let mut extends = None;
        for (key, node) in reader.mapping(&root, "profile")? {
            match key.value.as_str() {
                "extends" if node.value == Node::Null => {}
                "extends" => {
                    let place = yaml::place(&file, Some(&node.referenced), Some("extends"));
                    extends = Some((reader.text(node, "extends")?, Some(place)));
                }
                "connections" => {
                    for (id, definition) in reader.connections(node)? {
                        self.definitions.entry(id).or_insert_with(|| (name.to_owned(), definition));
                    }
                }
                _ => return Err(reader.unknown_key(key, "", &["extends", "connections"])),
            }
        }
        Ok(extends)
    }
}

/// A name that is one file in the folder of profiles, and nothing outside of it.
fn is_profile_name(name: &str) -> bool {
    let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=100).contains(&name.len()) && name.bytes().all(safe) && !name.starts_with('.')
}

/// The built-in and every file in the folder, sorted.
fn known_profiles(workdir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(workdir.join(FOLDER)).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned));
    let mut known: Vec<String> = std::iter::once(LOCAL.to_owned()).chain(files).collect();
    known.sort();
    known.dedup();
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_model::Failure;

    fn workdir(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(FOLDER)).unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(FOLDER).join(format!("{name}.yaml")), text).unwrap();
        }
        dir
    }

    fn load(files: &[(&str, &str)], name: &str) -> Result<Profile, Error> {
        Profile::load(workdir(files).path(), Some(name), &|_| None)
    }

    #[test]
    fn the_nearest_definition_wins_and_local_ends_the_chain() {
        let base = "extends: local\nconnections:\n  a: { type: http, base_url: 'http://far' }\n  b: { type: sqlite, path: x }\n";
        let near = "extends: base\nconnections:\n  a: { type: kafka, bootstrap_servers: 'h:1' }\n";
        let profile = load(&[("base", base), ("near", near)], "near").unwrap();
        assert_eq!(profile.name(), Some("near"));
        assert!(profile.extends_local());
        assert_eq!(profile.kind_of("a"), Some(Kind::Kafka));
        assert_eq!(profile.kind_of("b"), Some(Kind::Sqlite));
        assert!(!profile.defines("c"));
        assert_eq!(profile.get("b").unwrap().0, "base");
    }

    #[test]
    fn built_in_local_needs_no_file_and_none_is_no_profile() {
        let profile = load(&[], "local").unwrap();
        assert!(profile.extends_local() && !profile.defines("x"));
        let none = Profile::load(Path::new("/nonexistent"), None, &|_| None).unwrap();
        assert!(none.name().is_none() && !none.extends_local());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_position() {
        let one = |text: &str| load(&[("p", text)], "p").unwrap_err();
        for (text, code, at, message) in [
            ("extend: local\n", "DP0202", (1, 1), "unknown key `extend`"),
            ("connections: [a]\n", "DP0202", (1, 14), "`connections` takes a mapping, not a list"),
            ("connections:\n  a: { base_url: x }\n", "DP0202", (2, 3), "`connections.a` lacks `type`"),
            ("connections:\n  a: { type: ftp }\n", "DP0202", (2, 14), "unknown connection type `ftp`"),
            ("connections:\n  a: { type: http, url: x }\n", "DP0202", (2, 20), "unknown key `url`"),
            ("connections:\n  a: { type: http, token: x }\n", "DP0202", (2, 20), "unknown key `token`"),
            (
                "connections:\n  a:\n    type: postgres\n    password: 123\n",
                "DP0202",
                (4, 15),
                "`connections.a.password` takes text, not a number",
            ),
            (
                "connections:\n  a: { type: http, auth: { type: bearer } }\n",
                "DP0202",
                (2, 26),
                "`connections.a.auth` lacks `token`",
            ),
            (
                "connections:\n  a: { type: http, auth: { type: digest } }\n",
                "DP0202",
                (2, 34),
                "unknown auth type `digest`",
            ),
            (
                "connections:\n  a: { type: kafka, schema_registry_url: x }\n",
                "DP0202",
                (2, 21),
                "a schema registry is not yet supported",
            ),
            ("extends: gone\n", "DP0201", (1, 10), "there is no profile `gone`: looked for .dpone/profiles/gone.yaml"),
            ("extends: ../../etc/x\n", "DP0201", (1, 10), "looked for"),
            ("extends: p\n", "DP0202", (1, 10), "profiles extend each other in a circle: p -> p"),
            ("a: 1\na: 2\n", "DP0202", (2, 1), "not valid YAML"),
        ] {
            let error = one(text);
            assert_eq!(error.code().id, code, "{text}: {error}");
            assert!(error.to_string().contains(message), "{text}: {error}");
            let Some(Place::File { line, column, .. }) = error.place() else { panic!("{text}: no place") };
            assert_eq!((line, column), at, "{text}: {error}");
        }
    }

    #[test]
    fn longer_circles_are_found() {
        let error = load(&[("a", "extends: b\n"), ("b", "extends: c\n"), ("c", "extends: a\n")], "a").unwrap_err();
        assert!(matches!(&error, Error::Cycle { chain, .. } if chain.join(" ") == "a b c a"), "{error:?}");
    }

    #[test]
    fn an_unknown_profile_lists_the_known_ones() {
        let error = load(&[("staging", ""), ("prod", "")], "stagign").unwrap_err();
        assert_eq!(error.hint().unwrap(), "known profiles: `local`, `prod`, `staging`");
    }
}
