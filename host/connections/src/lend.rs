//! The operator's connections that a tenant gets: those that its policy lends, under the tenant's own
//! names, and nothing else of the profile or the environment.

use crate::definition::Definition;
use crate::environment::Environment;
use crate::error::Error;
use crate::fields::{self, Kind, Value};
use crate::profile::{Frame, Profile};
use dpone_manifest::Lent;
use dpone_model::{Place, Secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Connections that were lent.
#[derive(Debug, Clone, Default)]
pub struct Loan {
    /// The profile's part.
    pub profile: Profile,
    /// The environment's part, by the names that the tenant's connections have there.
    pub env: BTreeMap<String, Secret>,
}

/// A loan on its way to the process that uses it. It holds secrets in the clear and goes through a pipe
/// alone.
#[derive(Serialize, Deserialize)]
pub struct LoanOnWire {
    frame: Frame,
    connections: Vec<OnWire>,
    env: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct OnWire {
    id: String,
    profile: String,
    kind: String,
    place: Place,
    values: BTreeMap<String, ValueOnWire>,
}

#[derive(Serialize, Deserialize)]
enum ValueOnWire {
    Set(String),
    MissingVariable { variable: String, place: Place },
}

impl Loan {
    /// Takes out of the operator's profile and environment what is lent. Paths of certificates become
    /// absolute, since the tenant's working folder is another one.
    ///
    /// # Errors
    /// The environment has a variable of a lent connection that is a field of no kind of connection.
    pub fn of(profile: &Profile, all: &[Lent], workdir: &Path, environment: &Environment) -> Result<Self, Error> {
        let mut loan = Self { profile: profile.without_connections(), env: BTreeMap::new() };
        for lent in all {
            match profile.get(&lent.from) {
                Some((named, definition)) => {
                    let definition = lend(definition, lent, workdir);
                    loan.profile.define(lent.id.clone(), named.to_owned(), definition);
                }
                None => {
                    let ids = all.iter().map(|lent| lent.from.as_str()).chain(profile.definitions().map(|(id, ..)| id));
                    let strangers = environment.strangers(&lent.from, &[], ids);
                    if !strangers.is_empty() {
                        let takes = "a variable is named by the connection's id and its field".to_owned();
                        return Err(Error::Strangers { id: lent.from.clone(), strangers, takes });
                    }
                    loan.env.extend(of_env(lent, workdir, environment));
                }
            }
        }
        Ok(loan)
    }

    /// Files that the connections name: certificates and keys.
    pub fn files(&self) -> Vec<PathBuf> {
        let defined = self.profile.definitions().flat_map(|(_, _, definition)| &definition.values);
        let defined = defined.filter_map(|(field, value)| match value {
            Value::Set(secret) if fields::is_path(field) => Some(PathBuf::from(secret.expose())),
            _ => None,
        });
        let of_env = self.env.iter().filter(|(name, _)| fields::is_path(&name.to_ascii_lowercase()));
        defined.chain(of_env.map(|(_, secret)| PathBuf::from(secret.expose()))).collect()
    }

    pub fn to_wire(&self) -> LoanOnWire {
        let value = |value: &Value| match value {
            Value::Set(secret) => ValueOnWire::Set(secret.expose().to_owned()),
            Value::MissingVariable { variable, place } => {
                ValueOnWire::MissingVariable { variable: variable.clone(), place: place.clone() }
            }
        };
        let connection = |(id, profile, definition): (&str, &str, &Definition)| OnWire {
            id: id.to_owned(),
            profile: profile.to_owned(),
            kind: definition.kind.name().to_owned(),
            place: definition.place.clone(),
            values: definition.values.iter().map(|(name, found)| (name.clone(), value(found))).collect(),
        };
        LoanOnWire {
            frame: self.profile.frame(),
            connections: self.profile.definitions().map(connection).collect(),
            env: self.env.iter().map(|(name, secret)| (name.clone(), secret.expose().to_owned())).collect(),
        }
    }

    /// # Errors
    /// A kind that this program does not know.
    pub fn from_wire(wire: LoanOnWire) -> Result<Self, Error> {
        let mut profile = Profile::of_frame(wire.frame);
        for connection in wire.connections {
            let OnWire { id, profile: named, kind, place, values } = connection;
            let kind = Kind::parse(&kind).ok_or_else(|| {
                let message = format!("unknown connection type `{kind}`");
                Error::Invalid { message, place: place.clone(), hint: None }
            })?;
            let value = |value| match value {
                ValueOnWire::Set(text) => Value::Set(Secret::new(text)),
                ValueOnWire::MissingVariable { variable, place } => Value::MissingVariable { variable, place },
            };
            let values = values.into_iter().map(|(name, found)| (name, value(found))).collect();
            profile.define(id, named, Definition { kind, values, place });
        }
        let env = wire.env.into_iter().map(|(name, text)| (name, Secret::new(text))).collect();
        Ok(Self { profile, env })
    }
}

fn lend(definition: &Definition, lent: &Lent, workdir: &Path) -> Definition {
    let is_lent = |field: &str| match fields::secret_of(field) {
        Some(secret) => lent.secrets.iter().any(|name| name == secret),
        None => true,
    };
    let value = |field: &str, value: &Value| match value {
        Value::Set(path) if fields::is_path(field) => Value::Set(absolute(workdir, path.expose())),
        other => other.clone(),
    };
    let values = definition.values.iter().filter(|(field, _)| is_lent(field));
    Definition {
        kind: definition.kind,
        values: values.map(|(field, found)| (field.clone(), value(field, found))).collect(),
        place: definition.place.clone(),
    }
}

/// Which kind a connection of the environment is shows only when it is used, so every field goes along.
fn of_env(lent: &Lent, workdir: &Path, environment: &Environment) -> BTreeMap<String, Secret> {
    let known = Kind::ALL.into_iter().flat_map(|kind| fields::known(kind).iter().map(|field| (*field).to_owned()));
    let known = known.chain(lent.secrets.iter().map(|name| fields::of_secret(name)));
    let (from, to) = (fields::env_prefix(&lent.from), fields::env_prefix(&lent.id));
    known
        .filter_map(|field| {
            let upper = field.to_ascii_uppercase();
            let text = environment.get(&format!("{from}{upper}"))?;
            let value = if fields::is_path(&field) { absolute(workdir, &text) } else { Secret::new(text) };
            Some((format!("{to}{upper}"), value))
        })
        .collect()
}

fn absolute(workdir: &Path, path: &str) -> Secret {
    Secret::new(workdir.join(path).to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "
connections:
  api: { type: http, base_url: \"https://api.example.com\", auth: { type: bearer, token: t0k }, ssl_ca_location: ca.pem,
         secrets: { signing_key: s1, other: s2 } }
  kafka_sales: { type: kafka, bootstrap_servers: \"b:9092\", sasl_password: \"${UNSET}\" }
  kafka_other: { type: kafka, bootstrap_servers: \"c:9092\" }
";

    fn lent(id: &str, from: &str, secrets: &[&str]) -> Lent {
        Lent { id: id.into(), from: from.into(), secrets: secrets.iter().map(|name| (*name).to_owned()).collect() }
    }

    fn loan(of: &[Lent]) -> Loan {
        try_loan(of).unwrap()
    }

    fn try_loan(of: &[Lent]) -> Result<Loan, Error> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".dpone/profiles")).unwrap();
        std::fs::write(dir.path().join(".dpone/profiles/prod.yaml"), PROFILE).unwrap();
        let variables = ["DPONE_CONN_CRM_TOKEN", "DPONE_CONN_CRM_SECRET_X", "DPONE_CONN_BAD_TOKN"];
        let variables: BTreeMap<_, _> = variables.map(|name| (name.to_owned(), "e".to_owned())).into();
        let profile = Profile::load(dir.path(), Some("prod"), &|_| None).unwrap();
        Loan::of(&profile, of, Path::new("/work"), &variables.into())
    }

    #[test]
    fn only_what_is_lent_goes_over_and_by_the_tenants_names() {
        let loan = loan(&[lent("api", "api", &["signing_key"]), lent("kafka_cluster", "kafka_sales", &[])]);
        assert!(loan.profile.defines("api") && loan.profile.defines("kafka_cluster"));
        assert!(!loan.profile.defines("kafka_sales") && !loan.profile.defines("kafka_other"));
        let wire = serde_json::to_string(&loan.to_wire()).unwrap();
        assert!(wire.contains("s1") && !wire.contains("s2") && !wire.contains("c:9092"), "{wire}");
        assert_eq!(loan.files(), [Path::new("/work/ca.pem")]);
    }

    #[test]
    fn the_environment_lends_by_prefix_and_secrets_by_name() {
        let names = |loan: &Loan| loan.env.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&loan(&[lent("mine", "crm", &[])])), ["DPONE_CONN_MINE_TOKEN"]);
        assert_eq!(names(&loan(&[lent("mine", "crm", &["x"])])), ["DPONE_CONN_MINE_SECRET_X", "DPONE_CONN_MINE_TOKEN"]);
    }

    #[test]
    fn a_misspelt_variable_is_not_passed_over() {
        let error = try_loan(&[lent("mine", "bad", &[])]).unwrap_err();
        let said = "the environment has DPONE_CONN_BAD_TOKN (did you mean DPONE_CONN_BAD_TOKEN?), which is no field";
        assert!(error.to_string().starts_with(said), "{error}");
    }

    #[test]
    fn a_loan_arrives_as_it_left() {
        let loan = loan(&[lent("kafka_cluster", "kafka_sales", &[]), lent("crm", "crm", &[])]);
        let text = serde_json::to_string(&loan.to_wire()).unwrap();
        let arrived = Loan::from_wire(serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(arrived.env, loan.env);
        let (named, definition) = arrived.profile.get("kafka_cluster").unwrap();
        assert_eq!((named, definition.kind), ("prod", Kind::Kafka));
        assert!(matches!(definition.values["sasl_password"], Value::MissingVariable { .. }), "told when it is used");
    }
}
