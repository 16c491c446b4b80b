//! When the built-in profile `local` may stand in for a connection that no profile of the chain defines.
//!
//! Plain `local` stands in for everything that a manifest names. A profile that extends it and defines a
//! connection says what it is about, and a misspelt id must then not lead to demo data or to a broker on this
//! machine. The rules, which every command asks of [`Profile::stand_in`]:
//!
//! - Where the chain defines connections of a kind, an id of that kind that it does not define is an error.
//! - The demo API does not stand in where the chain defines a Kafka connection, or leaves Kafka to other
//!   places: its data would land in a real broker. A real API with the local broker is how one tries an API.
//! - State kept on this machine is no danger to a real topic: the worst of it is that rows are published again.
//! - `local: { http: demo, kafka: broker, state: sqlite }` in a profile permits each in words, for ids that are
//!   not nearly one that is defined; `none` there forbids it, and the id is looked up as its manifest says.

use crate::error::Error;
use crate::fields::{Role, file_and_line};
use crate::profile::Profile;
use serde::{Deserialize, Serialize};

/// A profile's word for connections that it does not define.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// `local` stands in for them.
    StandsIn,
    /// They are looked up as their manifests say.
    None,
}

/// The treatment of an id that no profile of the chain defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The chain does not end in `local`, or says `none`.
    LookedUp,
    StandsIn,
    /// The chain defines others of its kind.
    Defined,
    /// Demo data would meet a Kafka connection of the chain, or one that is looked up elsewhere.
    MeetsBroker,
}

impl Role {
    /// The key in a profile's `local` block, and the word that lets `local` stand in.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Http => ("http", "demo"),
            Self::Kafka => ("kafka", "broker"),
            Self::State => ("state", "sqlite"),
        }
    }

    /// The service that would stand in.
    pub(crate) fn service(self) -> &'static str {
        match self {
            Self::Http => "the demo API",
            Self::Kafka => "the local broker",
            Self::State => "SQLite under .dpone/local",
        }
    }
}

impl Profile {
    /// Whether `local` stands in for a connection that a manifest names.
    ///
    /// # Errors
    /// The id is not defined, and nothing may stand in for it.
    pub fn stand_in(&self, role: Role, id: &str) -> Result<bool, Error> {
        if self.defines(id) {
            return Ok(false);
        }
        let nearest = self.nearest(role, id);
        match self.rule(role) {
            Rule::LookedUp => Ok(false),
            // An id that is nearly that of a defined connection was meant to be it.
            Rule::StandsIn => nearest.map_or(Ok(true), |nearest| Err(self.near_defined(role, id, &nearest))),
            Rule::Defined => Err(self.undefined(role, id, nearest)),
            Rule::MeetsBroker => Err(self.demo_into_real(id)),
        }
    }

    /// The profile's rule for every id of this use that it does not define.
    pub fn rule(&self, role: Role) -> Rule {
        if !self.extends_local() {
            return Rule::LookedUp;
        }
        match self.word(role) {
            Some(Word::None) => return Rule::LookedUp,
            Some(Word::StandsIn) => return Rule::StandsIn,
            None if self.has_any(role) => return Rule::Defined,
            None => {}
        }
        let is_real = self.has_any(Role::Kafka) || self.word(Role::Kafka) == Some(Word::None);
        if role == Role::Http && is_real {
            return Rule::MeetsBroker;
        }
        Rule::StandsIn
    }

    /// The rule in a line for people.
    pub fn described_rule(&self, role: Role) -> String {
        match self.rule(role) {
            Rule::LookedUp => format!("{} stands in for nothing", role.service()),
            Rule::StandsIn => format!("{} stands in for what the profile does not define", role.service()),
            Rule::Defined => {
                format!("{} stands in for nothing: the profile defines {}", role.service(), self.known(role))
            }
            Rule::MeetsBroker => {
                format!("{} stands in for nothing: its data would land in a real broker", role.service())
            }
        }
    }

    fn nearest(&self, role: Role, id: &str) -> Option<String> {
        dpone_manifest::nearest(id, &self.ids(role).collect::<Vec<_>>())
    }

    /// The ids of this use that are defined, each with its place.
    fn known(&self, role: Role) -> String {
        let known: Vec<String> = self.ids(role).map(|id| self.with_place(id)).collect();
        if known.is_empty() { "others".to_owned() } else { known.join(", ") }
    }

    fn with_place(&self, id: &str) -> String {
        match self.get(id) {
            Some((_, definition)) => format!("`{id}` ({})", file_and_line(&definition.place)),
            None => format!("`{id}`"),
        }
    }

    fn undefined(&self, role: Role, id: &str, nearest: Option<String>) -> Error {
        let remedy = self.remedy(role, id);
        Error::Undefined {
            id: id.to_owned(),
            role,
            profile: self.described(),
            known: self.known(role),
            hint: nearest
                .map_or_else(|| remedy.clone(), |nearest| format!("did you mean `{nearest}`? Otherwise {remedy}")),
        }
    }

    /// A word of the profile lets `local` stand in already, so the remedies are another name and a definition.
    fn near_defined(&self, role: Role, id: &str, nearest: &str) -> Error {
        let definition = match role {
            Role::Http => "`{ type: http, base_url: ... }`, with the demo API's address that `dpone local up` prints",
            Role::Kafka => {
                "`{ type: kafka, bootstrap_servers: ... }`, with the broker's address that `dpone local up` prints"
            }
            Role::State => "`{ type: sqlite, path: ... }`",
        };
        let (file, service) = (Self::file_of(self.name().unwrap_or_default()), role.service());
        Error::NearDefined {
            id: id.to_owned(),
            role,
            nearest: self.with_place(nearest),
            hint: format!(
                "did you mean `{nearest}`? Otherwise define `{id}` under `connections` in {file}; for {service}, \
                 give the manifest an id that looks less like `{nearest}`, or define `{id}` as {definition}"
            ),
        }
    }

    fn demo_into_real(&self, id: &str) -> Error {
        let broker = match (self.has_any(Role::Kafka), self.ids(Role::Kafka).next()) {
            (_, Some(_)) => format!("has the Kafka connection {}", self.known(Role::Kafka)),
            (true, None) => "has Kafka connections that are not lent".to_owned(),
            (false, None) => "leaves Kafka connections to environment, file and Vault".to_owned(),
        };
        Error::DemoIntoReal { id: id.to_owned(), profile: self.described(), broker, hint: self.remedy(Role::Http, id) }
    }

    fn remedy(&self, role: Role, id: &str) -> String {
        let (key, word) = role.words();
        let file = Self::file_of(self.name().unwrap_or_default());
        format!(
            "define `{id}` under `connections` in {file}, or write `local: {{ {key}: {word} }}` there to let {} stand in",
            role.service()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_model::Failure;

    const API: &str = "  my_api: { type: http, base_url: 'http://h' }\n";
    const KAFKA: &str = "  kafka_cluster: { type: kafka, bootstrap_servers: 'h:1' }\n";
    const STATE: &str = "  etl_state: { type: postgres, host: h, database: d, username: u }\n";
    const LITE: &str = "  etl_state: { type: sqlite, path: s.db }\n";

    /// A profile `p` of this `local` block and these connections, which extends `base`, which extends `local`.
    fn profile(words: &str, near: &[&str], far: &[&str]) -> Profile {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".dpone/profiles")).unwrap();
        let text = |extends: &str, words: &str, connections: &[&str]| {
            format!("extends: {extends}\nlocal: {words}\nconnections:\n{}", connections.concat())
        };
        let write = |name: &str, text: String| {
            std::fs::write(dir.path().join(format!(".dpone/profiles/{name}.yaml")), text).unwrap();
        };
        write("p", text("base", words, near));
        write("base", text("local", "{}", far));
        Profile::load(dir.path(), Some("p"), &|_| None).unwrap()
    }

    /// `local` block, connections, what is asked for, and: `stands in`, `looked up`, or code and words of the error.
    type Case = (&'static str, &'static [&'static str], Role, &'static str, &'static str, &'static [&'static str]);

    const CASES: &[Case] = &[
        // A profile without connections is as good as plain `local`.
        ("{}", &[], Role::Http, "example_api", "stands in", &[]),
        ("{}", &[], Role::Kafka, "kafka_cluster", "stands in", &[]),
        ("{}", &[], Role::State, "postgres_state", "stands in", &[]),
        // One's own API with the local broker.
        ("{}", &[API], Role::Http, "my_api", "looked up", &[]),
        ("{}", &[API], Role::Kafka, "kafka_cluster", "stands in", &[]),
        ("{}", &[API], Role::State, "postgres_state", "stands in", &[]),
        // A misspelt id of each use.
        (
            "{}",
            &[API],
            Role::Http,
            "my_apii",
            "DP0213",
            &["did you mean `my_api`?", "`my_api` (.dpone/profiles/p.yaml:4)"],
        ),
        ("{}", &[API], Role::Http, "example_api", "DP0213", &["define `example_api`", "`local: { http: demo }`"]),
        (
            "{}",
            &[KAFKA],
            Role::Kafka,
            "kafka_clutser",
            "DP0213",
            &["did you mean `kafka_cluster`?", "Kafka connection"],
        ),
        ("{}", &[KAFKA], Role::Kafka, "events", "DP0213", &["`local: { kafka: broker }`"]),
        ("{}", &[STATE], Role::State, "etl_stat", "DP0213", &["did you mean `etl_state`?"]),
        ("{}", &[LITE], Role::State, "postgres_state", "DP0213", &["`local: { state: sqlite }`", "`etl_state`"]),
        // A connection of another kind does not count.
        ("{}", &[STATE], Role::Http, "example_api", "stands in", &[]),
        ("{}", &[STATE], Role::Kafka, "kafka_cluster", "stands in", &[]),
        ("{}", &[API, KAFKA], Role::State, "postgres_state", "stands in", &[]),
        // Demo data and a real broker.
        ("{}", &[KAFKA], Role::Http, "example_api", "DP0214", &["`kafka_cluster` (", "`local: { http: demo }`"]),
        ("{}", &[API, KAFKA], Role::Http, "my_apii", "DP0213", &["did you mean `my_api`?"]),
        ("{ http: demo }", &[KAFKA], Role::Http, "example_api", "stands in", &[]),
        ("{ kafka: none }", &[], Role::Http, "example_api", "DP0214", &["leaves Kafka connections to"]),
        // In words, and still not for a misspelling.
        ("{ http: demo }", &[API, KAFKA], Role::Http, "example_api", "stands in", &[]),
        (
            "{ http: demo }",
            &[API, KAFKA],
            Role::Http,
            "my_api2",
            "DP0213",
            &[
                "did you mean `my_api`?",
                "nearly spelt like `my_api` (.dpone/profiles/p.yaml:4)",
                "base_url",
                "local up",
            ],
        ),
        ("{ kafka: broker }", &[KAFKA], Role::Kafka, "kafka_cluster2", "DP0213", &["bootstrap_servers", "local up"]),
        ("{ state: sqlite }", &[STATE], Role::State, "etl_state2", "DP0213", &["`{ type: sqlite, path: ... }`"]),
        ("{ http: demo }", &[KAFKA], Role::Kafka, "events", "DP0213", &[]),
        ("{ kafka: broker }", &[KAFKA], Role::Kafka, "events", "stands in", &[]),
        ("{ kafka: broker }", &[KAFKA], Role::Http, "example_api", "DP0214", &[]),
        ("{ state: sqlite }", &[STATE], Role::State, "postgres_state", "stands in", &[]),
        // `none` leaves it to the manifest.
        ("{ kafka: none }", &[API], Role::Kafka, "kafka_cluster", "looked up", &[]),
        ("{ http: none, state: none }", &[], Role::Http, "example_api", "looked up", &[]),
        ("{ http: none, state: none }", &[], Role::State, "postgres_state", "looked up", &[]),
    ];

    #[test]
    fn nothing_stands_in_unless_it_was_meant_to() {
        for (words, connections, role, id, expected, says) in CASES {
            // The nearer profile or the farther one: the chain counts as a whole.
            let both = [profile(words, connections, &[]), profile(words, &[], connections)];
            for (profile, is_far) in both.iter().zip([false, true]) {
                let found = profile.stand_in(*role, id);
                let shown = match &found {
                    Ok(true) => "stands in",
                    Ok(false) => "looked up",
                    Err(error) => error.code().id,
                };
                assert_eq!(shown, *expected, "{words} {connections:?} {role} {id}: {found:?}");
                let text = found.map_or_else(|error| format!("{error} {:?}", error.hint()), |_| String::new());
                // The remedy is not what the profile says already.
                if *words != "{}" {
                    assert!(!text.contains(&format!("`local: {words}`")), "{text}");
                }
                for word in *says {
                    let word = if is_far { word.replace("p.yaml", "base.yaml") } else { (*word).to_owned() };
                    assert!(text.contains(&word), "{word}: {text}");
                }
            }
        }
    }

    #[test]
    fn the_nearest_word_wins() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".dpone/profiles")).unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(format!(".dpone/profiles/{name}.yaml")), text).unwrap();
        };
        write("near", "extends: far\nlocal: { http: none }\n");
        write("far", "extends: local\nlocal: { http: demo, kafka: none }\n");
        let profile = Profile::load(dir.path(), Some("near"), &|_| None).unwrap();
        assert_eq!(Role::ALL.map(|role| profile.rule(role)), [Rule::LookedUp, Rule::LookedUp, Rule::StandsIn]);
    }

    #[test]
    fn what_is_lent_of_a_profile_keeps_its_rules() {
        let whole = profile("{ state: none }", &[API, KAFKA], &[]);
        let lent = Profile::of_frame(whole.without_connections().frame());
        assert_eq!(lent.stand_in(Role::State, "s"), Ok(false));
        for role in [Role::Http, Role::Kafka] {
            assert_eq!(lent.stand_in(role, "other").unwrap_err().code().id, "DP0213", "{role}");
        }
    }
}
