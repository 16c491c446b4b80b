//! The fields that connections have, under the same names in every place.

use crate::error::Error;
use dpone_model::{Place, Secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The kind of service that a connection leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Http,
    Kafka,
    Postgres,
    Sqlite,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Http, Self::Kafka, Self::Postgres, Self::Sqlite];

    /// The `type` in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Kafka => "kafka",
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The use that a run makes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    Http,
    Kafka,
    State,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Http, Self::Kafka, Self::State];

    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Http => Self::Http,
            Kind::Kafka => Self::Kafka,
            Kind::Postgres | Kind::Sqlite => Self::State,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Kafka => "Kafka",
            Self::State => "state",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The fields of a kind by their names in Vault; in the environment they stand in upper case.
///
/// The first ones tell the kind when nothing else does. In YAML an HTTP connection's credentials
/// stand in a block `auth` instead (`type` bearer, basic, api_key or none).
pub fn known(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Http => &[
            "base_url",
            "endpoint",
            "token",
            "api_key",
            "api_key_name",
            "api_key_in",
            "username",
            "password",
            "ssl_ca_location",
        ],
        Kind::Kafka => &[
            "bootstrap_servers",
            "security_protocol",
            "sasl_mechanism",
            "sasl_username",
            "sasl_password",
            "ssl_ca_location",
            "ssl_certificate_location",
            "ssl_key_location",
            "ssl_key_password",
        ],
        Kind::Postgres => &["host", "port", "database", "username", "password", "ssl_mode", "ssl_ca_location"],
        Kind::Sqlite => &["path"],
    }
}

/// The fields that a connection does not have and could. One that logs in lacks no other way to.
pub(crate) fn lacking(kind: Kind, has: impl Fn(&str) -> bool) -> Vec<&'static str> {
    const LOGINS: [&str; 6] = ["token", "api_key", "api_key_name", "api_key_in", "username", "password"];
    let logs_in = kind == Kind::Http && LOGINS.iter().any(|field| has(field));
    let is_url = |field: &str| matches!(field, "base_url" | "endpoint");
    let has_url = has("base_url") || has("endpoint");
    let is_met = |field: &&str| has(field) || (logs_in && LOGINS.contains(field)) || (has_url && is_url(field));
    known(kind).iter().copied().filter(|field| !is_met(field)).collect()
}

/// Whether a field alone says of which kind its connection is, and where it leads.
pub(crate) fn tells_kind(field: &str) -> bool {
    matches!(field, "base_url" | "endpoint" | "bootstrap_servers" | "host" | "path")
}

/// The field of a secret that plugins may be granted: `secret_NAME`. In YAML they stand in a block
/// `secrets` by their names.
pub(crate) fn of_secret(name: &str) -> String {
    format!("secret_{name}")
}

/// The name of the secret that a field holds, where it is one that plugins may be granted.
pub(crate) fn secret_of(field: &str) -> Option<&str> {
    field.strip_prefix("secret_")
}

/// Whether a field holds the path of a file that is read.
pub(crate) fn is_path(field: &str) -> bool {
    field.ends_with("_location") && secret_of(field).is_none()
}

/// `DPONE_CONN_<ID>_`: the id in upper case, everything but letters and digits as `_`.
pub fn env_prefix(id: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("DPONE_CONN_{}_", id.chars().map(upper).collect::<String>())
}

/// The place that a connection's fields were found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Profile { name: String, place: Place },
    File { place: Place },
    Env { prefix: String },
    Vault { path: String },
}

impl Origin {
    /// Where a field is, or would be, set.
    pub(crate) fn of_field(&self, field: &str) -> String {
        match self {
            Self::Profile { place, .. } | Self::File { place } => format!("`{field}` at {place}"),
            Self::Env { prefix } => format!("environment variable {prefix}{}", field.to_ascii_uppercase()),
            Self::Vault { path } => format!("field `{field}` of Vault secret {path}"),
        }
    }

    pub(crate) fn place(&self, id: &str) -> Place {
        match self {
            Self::Profile { place, .. } | Self::File { place } => place.clone(),
            _ => Place::Named { what: "connection".into(), name: id.to_owned() },
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile { name, place } => write!(f, "profile {name} ({})", file_and_line(place)),
            Self::File { place } => write!(f, "file {}", file_and_line(place)),
            Self::Env { prefix } => write!(f, "environment ({prefix}*)"),
            Self::Vault { path } => write!(f, "Vault ({path})"),
        }
    }
}

/// A place as people say it.
pub(crate) fn file_and_line(place: &Place) -> String {
    match place {
        Place::File { file, line, .. } => format!("{file}:{line}"),
        other => other.to_string(),
    }
}

/// A field as it was found. A reference to a variable that is not set is an error only when the
/// field is asked for, so that a profile may hold connections that this run does not need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Set(Secret),
    MissingVariable { variable: String, place: Place },
}

/// A connection's fields before they are judged.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) id: String,
    pub(crate) origin: Origin,
    pub(crate) values: BTreeMap<String, Value>,
}

impl Fields {
    pub(crate) fn secret(&self, field: &str) -> Result<Option<Secret>, Error> {
        match self.values.get(field) {
            None => Ok(None),
            Some(Value::Set(secret)) if secret.is_empty() => Ok(None),
            Some(Value::Set(secret)) => Ok(Some(secret.clone())),
            Some(Value::MissingVariable { variable, place }) => Err(Error::MissingVariable {
                id: self.id.clone(),
                field: field.to_owned(),
                variable: variable.clone(),
                place: place.clone(),
            }),
        }
    }

    /// The same, where an empty value is one, too.
    pub(crate) fn given(&self, field: &str) -> Result<Option<Secret>, Error> {
        match self.values.get(field) {
            Some(Value::Set(secret)) if secret.is_empty() => Ok(Some(secret.clone())),
            _ => self.secret(field),
        }
    }

    /// A field that is no secret.
    pub(crate) fn text(&self, field: &str) -> Result<Option<String>, Error> {
        Ok(self.secret(field)?.map(|secret| secret.expose().to_owned()))
    }

    pub(crate) fn required(&self, field: &str) -> Result<Secret, Error> {
        self.secret(field)?.ok_or_else(|| self.incomplete(&[field]))
    }

    pub(crate) fn incomplete(&self, missing: &[&str]) -> Error {
        Error::Incomplete {
            id: self.id.clone(),
            missing: missing.iter().map(|field| (*field).to_owned()).collect(),
            set_at: missing.iter().map(|field| self.origin.of_field(field)).collect(),
            place: self.origin.place(&self.id),
        }
    }

    pub(crate) fn bad_value(&self, field: &str, problem: impl Into<String>) -> Error {
        Error::BadValue {
            id: self.id.clone(),
            field: self.origin.of_field(field),
            problem: problem.into(),
            place: self.origin.place(&self.id),
        }
    }
}
