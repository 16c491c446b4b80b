//! The process's variables, and which variables match no field of their connection.
//!
//! `DPONE_CONN_<ID>_<FIELD>` joins id and field with the character that both hold, so that a name has
//! several readings: `DPONE_CONN_API_V2_TOKEN` is the token of `api_v2`, and `DPONE_CONN_API_TOKN` is a
//! misspelt token of `api`. A misspelt one must not be passed over, since the request would go out without
//! it; a variable of another connection must not be an error. [`Environment::strangers`] decides.

use crate::fields::{self, Kind};
use crate::list::split_field;
use std::collections::{BTreeMap, BTreeSet};

/// Prefix of all connections' variables.
const PREFIX: &str = "DPONE_CONN_";

/// Words that people put before a field's name. Together with the words of the fields themselves they
/// speak for a misspelt field (`ACCESS_TOKEN`), and against the id of another connection.
const COMMON_WORDS: [&str; 10] =
    ["ACCESS", "AUTH", "BASIC", "BEARER", "CLIENT", "HTTP", "LOGIN", "REFRESH", "SECRET", "USER"];

/// The variables that connections may come from.
pub struct Environment {
    get: Box<dyn Fn(&str) -> Option<String> + Send + Sync>,
    /// Names of all variables that a connection could have.
    names: Vec<String>,
}

/// A variable that belongs to a connection by its name and is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    pub name: String,
    /// The variable that was probably meant.
    pub meant: Option<String>,
    /// The kind of connection that has such a field.
    pub of: Option<Kind>,
}

impl Environment {
    /// This process's.
    pub fn of_process() -> Self {
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        Self { get: Box::new(|name| std::env::var(name).ok()), names: names.filter(|name| is_ours(name)).collect() }
    }

    pub fn get(&self, name: &str) -> Option<String> {
        (self.get)(name)
    }

    /// The variables of `id` that no look-up reads. `kinds` are those that the connection is used as; none
    /// where only the id is known, and then the fields of every kind count. `ids` are the other connections
    /// that are known.
    pub(crate) fn strangers<'a>(&self, id: &str, kinds: &[Kind], ids: impl Iterator<Item = &'a str>) -> Vec<Stranger> {
        let prefix = fields::env_prefix(id);
        let mine = || self.names.iter().filter_map(|name| Some((name, rest_of(name, &prefix)?)));
        let others = others(&prefix, ids, mine().map(|(_, rest)| rest));
        let judged = if kinds.is_empty() { Kind::ALL.as_slice() } else { kinds };
        let stranger = |(name, rest): (&String, &str)| {
            let is_read = is_field(judged, rest) && name.starts_with(&prefix);
            if is_read || others.iter().any(|other| rest_of(rest, other).is_some()) {
                return None;
            }
            let upper = rest.to_ascii_uppercase();
            let takes = upper_fields(judged);
            let meant = if is_field(judged, &upper) { Some(upper.clone()) } else { nearest(&upper, &takes) };
            let ends_with = || Some(split_field(&upper)?.1.to_ascii_uppercase()).filter(|field| takes.contains(field));
            let meant = meant.or_else(ends_with);
            let of = Kind::ALL.into_iter().find(|kind| is_field(&[*kind], &upper) && !judged.contains(kind));
            let meant = meant.filter(|_| of.is_none()).map(|field| format!("{prefix}{field}"));
            Some(Stranger { name: name.clone(), meant, of })
        };
        mine().filter_map(stranger).collect()
    }

    /// Ids nearly like `id` whose variables have fields of this kind that `lacks` names: probably this one's,
    /// misspelt. An id that is known, or whose variables make a whole connection, is another one.
    pub(crate) fn nearly<'a>(&self, id: &str, lacks: &[&str], ids: impl Iterator<Item = &'a str>) -> Vec<String> {
        let own = fields::env_prefix(id);
        let own = own.trim_start_matches(PREFIX).trim_end_matches('_');
        let known: BTreeSet<String> = ids.map(fields::env_prefix).collect();
        let mut fields_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (other, field) in self.names.iter().filter_map(|name| split_field(rest_of(name, PREFIX)?)) {
            fields_of.entry(other).or_default().insert(field);
        }
        let is_near = |other: &str| other != own && dpone_manifest::nearest(other, &[own]).is_some();
        let misspelt = fields_of.iter().filter(|(other, fields)| {
            let is_another =
                known.contains(&format!("{PREFIX}{other}_")) || fields.iter().any(|f| fields::tells_kind(f));
            is_near(other) && !is_another
        });
        let variable = |(other, field): (&str, &str)| format!("{PREFIX}{other}_{}", field.to_ascii_uppercase());
        misspelt
            .flat_map(|(other, fields)| fields.iter().map(|field| (*other, *field)))
            .filter(|(_, field)| lacks.contains(field))
            .map(variable)
            .collect()
    }
}

impl From<BTreeMap<String, String>> for Environment {
    fn from(variables: BTreeMap<String, String>) -> Self {
        let names = variables.keys().filter(|name| is_ours(name)).cloned().collect();
        Self { get: Box::new(move |name| variables.get(name).cloned()), names }
    }
}

fn is_ours(name: &str) -> bool {
    rest_of(name, PREFIX).is_some()
}

/// The text behind the prefix, in any case: a variable in lower case is one that somebody meant.
fn rest_of<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = name.split_at_checked(prefix.len())?;
    (head.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then_some(rest)
}

/// Whether connections of one of these kinds read `<prefix><field>`.
fn is_field(kinds: &[Kind], field: &str) -> bool {
    let is_known = |kind: &Kind| fields::known(*kind).iter().any(|known| known.to_ascii_uppercase() == field);
    // Which secrets are read is the manifests' to say; several of them may share a connection. And 0.88's
    // users have the registry's address here, which manifests without a registry do not need.
    kinds.iter().any(|kind| match kind {
        Kind::Http => field.strip_prefix("SECRET_").is_some_and(|name| !name.is_empty()),
        Kind::Kafka => field == "SCHEMA_REGISTRY_URL",
        Kind::Postgres | Kind::Sqlite => false,
    }) || kinds.iter().any(is_known)
}

fn upper_fields(kinds: &[Kind]) -> Vec<String> {
    kinds.iter().flat_map(|kind| fields::known(*kind)).map(|field| field.to_ascii_uppercase()).collect()
}

fn nearest(word: &str, among: &[String]) -> Option<String> {
    dpone_manifest::nearest(word, &among.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The beginnings, behind `prefix`, of other connections' variables: `V2_` for `api_v2` beside `api`.
fn others<'a, 'b>(
    prefix: &str,
    ids: impl Iterator<Item = &'a str>,
    rests: impl Iterator<Item = &'b str>,
) -> BTreeSet<String> {
    let known = ids.map(fields::env_prefix).filter_map(|other| rest_of(&other, prefix).map(str::to_owned));
    let mut others: BTreeSet<String> = known.collect();
    let mut fields_of: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (id, field) in rests.filter_map(|rest| split_field(rest).or_else(|| split_secret(rest))) {
        fields_of.entry(id.to_ascii_uppercase()).or_default().insert(field);
    }
    for (id, fields) in fields_of {
        // A field that tells the kind and another one make a whole connection, whatever its id is.
        let is_whole = fields.len() > 1 && fields.iter().any(|field| fields::tells_kind(field));
        if is_whole || !is_wordy(&id) {
            others.insert(format!("{id}_"));
        }
    }
    others
}

fn split_secret(rest: &str) -> Option<(&str, &str)> {
    rest.split_once("_SECRET_").filter(|(id, name)| !id.is_empty() && !name.is_empty())
}

/// Whether it reads like a part of a field's name rather than of an id.
fn is_wordy(id: &str) -> bool {
    let mut words: Vec<String> =
        upper_fields(&Kind::ALL).iter().flat_map(|field| field.split('_')).map(str::to_owned).collect();
    words.extend(COMMON_WORDS.map(str::to_owned));
    // Short ids are near to every short word.
    let is_word =
        |word: &str| words.iter().any(|known| known == word) || (word.len() > 3 && nearest(word, &words).is_some());
    id.split('_').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(names: &[&str]) -> Environment {
        names.iter().map(|name| (format!("DPONE_CONN_{name}"), "x".to_owned())).collect::<BTreeMap<_, _>>().into()
    }

    /// Other variables, one of `API`, and what is said of it.
    const ONE_NAME: &[(&[&str], &str, &str)] = &[
        (&[], "API_TOKEN", "read"),
        (&[], "API_SECRET_SIGNING_KEY", "read"),
        (&[], "API_TOKN", "API_TOKEN"),
        (&[], "API_TOEKN", "API_TOKEN"),
        (&[], "API_PASSWROD", "API_PASSWORD"),
        (&[], "API_USER_NAME", "API_USERNAME"),
        (&[], "API_BASEURL", "API_BASE_URL"),
        (&[], "API_APIKEY", "API_API_KEY"),
        (&[], "API_token", "API_TOKEN"),
        (&[], "api_TOKEN", "API_TOKEN"),
        (&[], "API_SECERT_SIGNING_KEY", "unknown"),
        (&[], "API_SECRET_", "unknown"),
        (&[], "API_X", "unknown"),
        // Prefixes that people write.
        (&[], "API_ACCESS_TOKEN", "API_TOKEN"),
        (&[], "API_BEARER_TOKEN", "API_TOKEN"),
        (&[], "API_BASIC_AUTH_PASSWORD", "API_PASSWORD"),
        (&[], "API_ACESS_TOKEN", "API_TOKEN"),
        (&[], "API_TOKEN_PATH", "unknown"),
        // Fields of other kinds.
        (&[], "API_BOOTSTRAP_SERVERS", "of kafka"),
        (&[], "API_SASL_PASSWORD", "of kafka"),
        (&[], "API_HOST", "of postgres"),
        (&[], "API_PATH", "of sqlite"),
        // Other connections, whose ids begin with this one's.
        (&[], "API_V2_TOKEN", "another's"),
        (&[], "API_V2_SECRET_KEY", "another's"),
        (&["API_V2_BASE_URL"], "API_V2_TOKN", "another's"),
        (&[], "API_2_TOKEN", "another's"),
        (&[], "API_EU_WEST_BASE_URL", "another's"),
        (&["API_KEY_BASE_URL"], "API_KEY_TOKEN", "another's"),
        (&[], "API_KEY_TOKEN", "API_TOKEN"),
        (&[], "API_KNOWN_TOKN", "another's"),
        (&[], "APIARY_TOKN", "another's"),
    ];

    #[test]
    fn every_variable_is_read_or_named_or_anothers() {
        for (beside, name, expected) in ONE_NAME {
            let environment = environment(&[beside, &[*name][..]].concat());
            let full = format!("DPONE_CONN_{name}");
            let strangers = environment.strangers("api", &[Kind::Http], ["api-known", "other"].into_iter());
            let found = strangers.iter().find(|stranger| stranger.name == full);
            let said = match found {
                Some(Stranger { of: Some(kind), .. }) => format!("of {kind}"),
                Some(Stranger { meant: Some(meant), .. }) => meant.trim_start_matches("DPONE_CONN_").to_owned(),
                Some(_) => "unknown".to_owned(),
                None => "not an error".to_owned(),
            };
            let expected = if matches!(*expected, "read" | "another's") { "not an error" } else { expected };
            assert_eq!(said, expected, "{beside:?} {name}");
        }
    }

    #[test]
    fn misspelt_ids_are_suspected_where_a_field_is_missing() {
        let nearly =
            |names: &[&str], lacks: &[&str]| environment(names).nearly("example_api", lacks, ["other"].into_iter());
        assert_eq!(nearly(&["EXAMPEL_API_TOKEN"], &["token"]), ["DPONE_CONN_EXAMPEL_API_TOKEN"]);
        for (names, lacks) in [
            (&["EXAMPEL_API_TOKEN"][..], &["password"][..]),
            (&["EXAMPLE_API_TOKEN"], &["token"]),
            (&["EXAMPLE_API2_TOKEN", "EXAMPLE_API2_BASE_URL"], &["token"]),
            (&["CUSTOMERS_TOKEN", "OTHER_TOKEN"], &["token"]),
        ] {
            assert!(nearly(names, lacks).is_empty(), "{names:?}");
        }
    }

    #[test]
    fn an_id_that_is_used_as_two_kinds_has_the_fields_of_both() {
        let environment = environment(&["P_BASE_URL", "P_BOOTSTRAP_SERVERS", "P_SCHEMA_REGISTRY_URL", "P_HOST"]);
        let names = |kinds: &[Kind]| -> Vec<String> {
            environment.strangers("p", kinds, std::iter::empty()).into_iter().map(|stranger| stranger.name).collect()
        };
        assert_eq!(names(&[Kind::Http, Kind::Kafka]), ["DPONE_CONN_P_HOST"]);
        assert_eq!(names(&[Kind::Kafka]), ["DPONE_CONN_P_BASE_URL", "DPONE_CONN_P_HOST"]);
        assert!(names(&[]).is_empty(), "nobody said what it is used as");
    }
}
