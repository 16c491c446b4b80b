//! Profiles: named sets of connections that stand in front of a manifest's own look-up.

use crate::definition::{Definition, Reader};
use crate::error::Error;
use crate::fields::{Kind, Role};
use crate::stand_in::Word;
use crate::yaml::{self, Node};
use dpone_model::{Place, file};
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;
use std::collections::{BTreeMap, BTreeSet};
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
/// local: { http: demo }     # what may stand in for connections that are not defined, in words
/// ```
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// From the chosen one to the one that extends nothing.
    chain: Vec<String>,
    definitions: BTreeMap<String, (String, Definition)>,
    /// The `local` blocks.
    words: BTreeMap<Role, Word>,
    /// Uses that the operator's profile defines connections for, where this is the part of it that was lent.
    beyond: BTreeSet<Role>,
}

impl Profile {
    /// Reads a profile and what it extends. `None` is no profile: every connection is looked up
    /// as its manifest says. A variable that is not set is an error only once its connection is used.
    pub fn load(workdir: &Path, name: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut profile = Self::default();
        let mut local_at = None;
        let mut next = name.map(|name| (name.to_owned(), None::<Place>));
        while let Some((name, named_at)) = next.take() {
            if profile.chain.contains(&name) {
                profile.chain.push(name);
                let place = named_at.unwrap_or_else(|| yaml::place("", None, None));
                return Err(Error::Cycle { chain: profile.chain, place });
            }
            profile.chain.push(name.clone());
            if name != LOCAL {
                let read = profile.read(workdir, &name, named_at, env)?;
                local_at = local_at.or(read.local_at);
                next = read.extends;
            }
        }
        match local_at.filter(|_| !profile.extends_local()) {
            Some(place) => Err(Error::Invalid {
                message: "`local` has no meaning in a profile that does not extend `local`".to_owned(),
                place,
                hint: Some("remove it, or write `extends: local`".to_owned()),
            }),
            None => Ok(profile),
        }
    }

    /// The same profile without its connections: what is lent of it comes in by [`Profile::define`].
    pub(crate) fn without_connections(&self) -> Self {
        let beyond = Role::ALL.into_iter().filter(|role| self.has_any(*role)).collect();
        Self { chain: self.chain.clone(), definitions: BTreeMap::new(), words: self.words.clone(), beyond }
    }

    /// The profile without its connections, for a process that gets it through a pipe.
    pub(crate) fn frame(&self) -> Frame {
        let words = self.words.iter().map(|(role, word)| (*role, *word)).collect();
        Frame { chain: self.chain.clone(), words, beyond: self.beyond.clone() }
    }

    pub(crate) fn of_frame(frame: Frame) -> Self {
        let Frame { chain, words, beyond } = frame;
        Self { chain, definitions: BTreeMap::new(), words: words.into_iter().collect(), beyond }
    }

    /// Adds a connection that `named`, a profile of the chain, defines.
    pub(crate) fn define(&mut self, id: String, named: String, definition: Definition) {
        self.definitions.insert(id, (named, definition));
    }

    /// The name that was chosen; none for no profile.
    pub fn name(&self) -> Option<&str> {
        self.chain.first().map(String::as_str)
    }

    /// It is `local`, or extends it: [`Profile::stand_in`] says for what that stands in.
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

    /// It says more than that the built-in profile is wanted.
    pub(crate) fn is_own(&self) -> bool {
        self.name().is_some_and(|name| name != LOCAL)
    }

    /// The word for connections that it does not define.
    pub(crate) fn word(&self, role: Role) -> Option<Word> {
        self.words.get(&role).copied()
    }

    /// The ids that it defines for this use.
    pub(crate) fn ids(&self, role: Role) -> impl Iterator<Item = &str> {
        self.definitions().filter(move |(_, _, definition)| Role::of(definition.kind) == role).map(|(id, ..)| id)
    }

    /// Whether it, or the profile that it was lent from, defines a connection for this use.
    pub(crate) fn has_any(&self, role: Role) -> bool {
        self.beyond.contains(&role) || self.ids(role).next().is_some()
    }

    /// The file of a profile, under the working directory.
    pub(crate) fn file_of(name: &str) -> String {
        format!("{FOLDER}/{name}.yaml")
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

    /// Reads one file of the chain.
    fn read(
        &mut self,
        workdir: &Path,
        name: &str,
        named_at: Option<Place>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Read, Error> {
        let file = Self::file_of(name);
        let unknown = || Error::UnknownProfile {
            name: name.to_owned(),
            file: file.clone(),
            known: known_profiles(workdir),
            place: named_at.clone(),
        };
        if !is_profile_name(name) {
            return Err(unknown());
        }
        let text = match file::read_text(&workdir.join(&file), file::MAX_TEXT_BYTES) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => return Err(unknown()),
            Err(error) => {
                let message = format!("the profile cannot be read: {error}");
                return Err(Error::Invalid { message, place: yaml::place(&file, None, None), hint: None });
            }
        };
        let root = yaml::parse(&text, &file)?;
        let reader = Reader { file: &file, env };
        let mut read = Read::default();
        for (key, node) in reader.mapping(&root, "profile")? {
            match key.value.as_str() {
                "extends" if node.value == Node::Null => {}
                "extends" => {
                    let place = yaml::place(&file, Some(&node.referenced), Some("extends"));
                    read.extends = Some((reader.text(node, "extends")?, Some(place)));
                }
                "connections" => {
                    for (id, definition) in reader.connections(node)? {
                        self.definitions.entry(id).or_insert_with(|| (name.to_owned(), definition));
                    }
                }
                "local" => {
                    read.local_at = Some(yaml::place(&file, Some(&key.referenced), Some("local")));
                    for (role, word) in words(&reader, node)? {
                        self.words.entry(role).or_insert(word);
                    }
                }
                _ => return Err(reader.unknown_key(key, "", &["extends", "connections", "local"])),
            }
        }
        Ok(read)
    }
}

/// One file of the chain, without its connections.
#[derive(Default)]
struct Read {
    /// The profile that it extends, and where it says so.
    extends: Option<(String, Option<Place>)>,
    /// Where its `local` block is.
    local_at: Option<Place>,
}

/// A profile without its connections, on its way to another process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Frame {
    chain: Vec<String>,
    words: Vec<(Role, Word)>,
    beyond: BTreeSet<Role>,
}

/// A `local` block.
fn words(reader: &Reader<'_>, node: &Spanned<Node>) -> Result<Vec<(Role, Word)>, Error> {
    let mut words = Vec::new();
    for (name, node) in reader.mapping(node, "local")? {
        let Some(role) = Role::ALL.into_iter().find(|role| role.words().0 == name.value) else {
            return Err(reader.unknown_key(name, "local", &Role::ALL.map(|role| role.words().0)));
        };
        let (key, stands_in) = (format!("local.{}", name.value), role.words().1);
        words.push(match reader.text(node, &key)?.as_str() {
            text if text == stands_in => (role, Word::StandsIn),
            "none" => (role, Word::None),
            other => {
                let hint = format!(
                    "`{stands_in}` lets it stand in for connections that are not defined, `none` leaves them to other places"
                );
                let message = format!("`{key}` cannot be `{other}`; valid: {stands_in}, none");
                return Err(reader.invalid(&node.referenced, &key, message, Some(hint)));
            }
        });
    }
    Ok(words)
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
            ("local: { http: demo }\n", "DP0202", (1, 1), "`local` has no meaning"),
            ("extends: local\nlocal: demo\n", "DP0202", (2, 8), "`local` takes a mapping, not text"),
            ("extends: local\nlocal: { htpp: demo }\n", "DP0202", (2, 10), "unknown key `htpp`"),
            (
                "extends: local\nlocal: { http: broker }\n",
                "DP0202",
                (2, 16),
                "`local.http` cannot be `broker`; valid: demo, none",
            ),
            ("extends: local\nlocal: { kafka: true }\n", "DP0202", (2, 17), "`local.kafka` takes text, not true or"),
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
