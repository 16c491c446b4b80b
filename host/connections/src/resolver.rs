//! The order in which an id's places are looked at.

use crate::build;
use crate::connection::{Auth, HttpConnection, KafkaConnection, StateConnection};
use crate::definition::{Definition, Reader};
use crate::error::Error;
use crate::fields::{self, Fields, Kind, Origin, Value};
use crate::list::{self, Listed};
use crate::profile::Profile;
use crate::vault::{self, Connect, Vault};
use crate::yaml;
use dpone_manifest::{ConnectionRef, ConnectionType, StateBlock};
use dpone_model::{Report, Secret};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// The connections file of `connection_type: file`, under the working directory.
const DEFAULT_FILE: &str = ".dpone/connections.yaml";

/// The state of a manifest without a `state` block, under the working directory.
const DEFAULT_STATE: &str = ".dpone/state.db";

/// What the profile `local` puts in place of everything that no profile defines.
#[derive(Debug, Clone)]
pub struct LocalServices {
    /// Of the demo API.
    pub base_url: String,
    /// Of the local broker.
    pub bootstrap_servers: String,
    pub sqlite_path: PathBuf,
}

type Env = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Looks connections up; lives for one command.
pub struct Resolver {
    profile: Profile,
    local: Option<LocalServices>,
    workdir: PathBuf,
    env: Env,
    connect_vault: Connect,
    vault: tokio::sync::OnceCell<Vault>,
    substitutions: Mutex<Vec<String>>,
}

impl Resolver {
    /// `local` is needed where the profile [extends it](Profile::extends_local); `env` gives the
    /// process's variables.
    pub fn new(
        profile: Profile,
        local: Option<LocalServices>,
        workdir: PathBuf,
        env: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            profile,
            local,
            workdir,
            env: Box::new(env),
            connect_vault: Arc::new(vault::connect),
            vault: tokio::sync::OnceCell::new(),
            substitutions: Mutex::default(),
        }
    }

    /// Another client for Vault.
    #[must_use]
    pub fn with_vault_client(mut self, connect: Connect) -> Self {
        self.connect_vault = connect;
        self
    }

    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    pub async fn http(&self, reference: &ConnectionRef) -> Result<HttpConnection, Report> {
        if let Some(local) = self.local_for(&reference.id)? {
            let base_url = Url::parse(&local.base_url).map_err(|_| not_running(&reference.id))?;
            self.substituted(format!("connection {} -> demo API {}", reference.id, local.base_url));
            return Ok(HttpConnection {
                id: reference.id.clone(),
                origin_note: format!("profile {} (demo API)", self.profile.described()),
                base_url: Some(base_url),
                substituted: true,
                auth: Auth::None,
                ca_pem: None,
                // The demo API asks for no proof; what is granted has to be there all the same.
                secrets: reference.secrets.iter().map(|name| (name.clone(), Secret::new("local"))).collect(),
            });
        }
        let mut fields = self.fields(reference, Kind::Http, "an HTTP connection").await?;
        if let Origin::Env { prefix } = &fields.origin {
            for field in reference.secrets.iter().map(|name| fields::of_secret(name)) {
                let value = (self.env)(&format!("{prefix}{}", field.to_ascii_uppercase()));
                fields.values.extend(value.map(|value| (field, Value::Set(Secret::new(value)))));
            }
        }
        Ok(build::http(&fields, &self.workdir, &reference.secrets)?)
    }

    pub async fn kafka(&self, reference: &ConnectionRef) -> Result<KafkaConnection, Report> {
        if let Some(local) = self.local_for(&reference.id)? {
            let servers = local.bootstrap_servers.clone();
            self.substituted(format!("connection {} -> local broker {servers}", reference.id));
            return Ok(KafkaConnection {
                id: reference.id.clone(),
                origin_note: format!("profile {} (local broker)", self.profile.described()),
                substituted: true,
                bootstrap_servers: servers,
                options: BTreeMap::new(),
            });
        }
        let fields = self.fields(reference, Kind::Kafka, "a Kafka connection").await?;
        Ok(build::kafka(&fields, &self.workdir)?)
    }

    /// A profile may give a manifest's PostgreSQL connection as one of type sqlite, and the other way round.
    pub async fn state(&self, block: &StateBlock) -> Result<StateConnection, Report> {
        let (reference, kind, wanted) = match block {
            StateBlock::Disabled => return Ok(StateConnection::Disabled),
            StateBlock::Postgres { connection, .. } => {
                (Some(connection), Kind::Postgres, "a PostgreSQL or SQLite connection")
            }
            StateBlock::Sqlite { connection, .. } => {
                (connection.as_ref(), Kind::Sqlite, "a SQLite or PostgreSQL connection")
            }
        };
        let id = reference.map_or("state", |reference| reference.id.as_str());
        let local = match reference {
            Some(_) => self.local_for(id)?,
            None if self.profile.extends_local() => Some(self.local.as_ref().ok_or_else(|| not_running(id))?),
            None => None,
        };
        if let Some(local) = local {
            let path = local.sqlite_path.clone();
            let named =
                reference.map_or_else(|| "state".to_owned(), |reference| format!("connection {}", reference.id));
            self.substituted(format!("{named} -> SQLite {}", self.shown(&path)));
            let origin_note = format!("profile {} (SQLite)", self.profile.described());
            return Ok(StateConnection::Sqlite { origin_note, path });
        }
        let Some(reference) = reference else {
            let path = self.workdir.join(DEFAULT_STATE);
            return Ok(StateConnection::Sqlite { origin_note: "default".to_owned(), path });
        };
        let kind = match self.profile.kind_of(&reference.id) {
            Some(defined @ (Kind::Postgres | Kind::Sqlite)) => defined,
            _ => kind,
        };
        let fields = self.fields(reference, kind, wanted).await?;
        Ok(match kind {
            Kind::Sqlite => build::sqlite(&fields, &self.workdir)?,
            _ => build::postgres(&fields, &self.workdir)?,
        })
    }

    /// What `local` has put in place of what the manifest names, one line each, in the order of the look-ups.
    pub fn substitutions(&self) -> Vec<String> {
        self.substitutions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The connections that the profile, the connections file and the environment define. `env_names`
    /// are the names of the process's variables; what Vault holds is not listed.
    pub fn list(&self, env_names: &[String]) -> Result<Vec<Listed>, Report> {
        let mut listed = list::of_profile(&self.profile);
        if self.workdir.join(DEFAULT_FILE).exists() {
            listed.extend(list::of_file(self.read_file(DEFAULT_FILE)?));
        }
        listed.extend(list::of_env(env_names));
        Ok(listed)
    }

    /// The services that stand in for a connection which no profile of the chain defines.
    fn local_for(&self, id: &str) -> Result<Option<&LocalServices>, Error> {
        if self.profile.defines(id) || !self.profile.extends_local() {
            return Ok(None);
        }
        self.local.as_ref().map(Some).ok_or_else(|| not_running(id))
    }

    fn substituted(&self, line: String) {
        let mut lines = self.substitutions.lock().unwrap_or_else(PoisonError::into_inner);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }

    /// A path as a user knows it: relative where it lies under the working directory.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.workdir).unwrap_or(path).display().to_string()
    }

    async fn fields(&self, reference: &ConnectionRef, kind: Kind, wanted: &'static str) -> Result<Fields, Report> {
        let id = reference.id.as_str();
        if let Some((name, definition)) = self.profile.get(id) {
            let origin = Origin::Profile { name: name.to_owned(), place: definition.place.clone() };
            return Ok(of_definition(id, definition, origin, kind, wanted)?);
        }
        match reference.via {
            ConnectionType::Env => Ok(self.env_fields(id, kind)?),
            ConnectionType::File => Ok(self.file_fields(reference, kind, wanted)?),
            ConnectionType::Vault => self.vault_fields(reference, kind).await,
        }
    }

    fn env_fields(&self, id: &str, kind: Kind) -> Result<Fields, Error> {
        let prefix = fields::env_prefix(id);
        let mut values = BTreeMap::new();
        for field in fields::known(kind) {
            let value = (self.env)(&format!("{prefix}{}", field.to_ascii_uppercase()));
            values.extend(value.map(|value| ((*field).to_owned(), Value::Set(Secret::new(value)))));
        }
        if values.is_empty() {
            let looked = format!("the environment ({prefix}*)");
            let first = fields::known(kind).first().copied().unwrap_or_default().to_ascii_uppercase();
            return Err(self.not_found(id, looked, format!("set {prefix}{first}, or define `{id}` in a profile")));
        }
        Ok(Fields { id: id.to_owned(), origin: Origin::Env { prefix }, values })
    }

    fn file_fields(&self, reference: &ConnectionRef, kind: Kind, wanted: &'static str) -> Result<Fields, Error> {
        let file = reference.connection_file.as_deref().unwrap_or(DEFAULT_FILE);
        let id = reference.id.as_str();
        if !self.workdir.join(file).exists() {
            let hint = format!("create {file}, or name another one as `connection_file`");
            return Err(self.not_found(id, format!("file {file}, which does not exist"), hint));
        }
        let definitions = self.read_file(file)?;
        let Some(definition) = definitions.get(id) else {
            return Err(self.not_found(
                id,
                format!("file {file}"),
                format!("define `{id}` under `connections` in {file}"),
            ));
        };
        let origin = Origin::File { place: definition.place.clone() };
        of_definition(id, definition, origin, kind, wanted)
    }

    async fn vault_fields(&self, reference: &ConnectionRef, kind: Kind) -> Result<Fields, Report> {
        let id = reference.id.as_str();
        let open = || async { Vault::from_env(id, &self.env, &self.workdir, &self.connect_vault) };
        let found = self.vault.get_or_try_init(open).await?.read(reference).await?;
        let fields = Fields { id: id.to_owned(), origin: found.origin, values: found.values };
        let takes = fields::known(kind);
        if !takes.iter().any(|field| fields.values.contains_key(*field)) {
            let there = fields.values.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let there = if there.is_empty() { "no fields".to_owned() } else { format!("only {there}") };
            let hint = format!("a {kind} connection takes {}", takes.join(", "));
            return Err(self.not_found(id, format!("{}, which has {there}", fields.origin), hint).into());
        }
        Ok(fields)
    }

    fn not_found(&self, id: &str, then: String, hint: String) -> Error {
        let profile = match self.profile.name() {
            Some(_) => format!("profile {}", self.profile.described()),
            None => "no profile was chosen".to_owned(),
        };
        Error::NotFound { id: id.to_owned(), looked_at: vec![profile, then], hint }
    }

    fn read_file(&self, file: &str) -> Result<BTreeMap<String, Definition>, Error> {
        let invalid = |message| Error::Invalid { message, place: yaml::place(file, None, None), hint: None };
        let text = std::fs::read_to_string(self.workdir.join(file))
            .map_err(|error| invalid(format!("the connections file cannot be read: {error}")))?;
        let root = yaml::parse(&text, file)?;
        let reader = Reader { file, env: &self.env };
        let mut definitions = BTreeMap::new();
        for (key, node) in reader.mapping(&root, "connections file")? {
            if key.value != "connections" {
                return Err(reader.unknown_key(key, "", &["connections"]));
            }
            definitions = reader.connections(node)?;
        }
        Ok(definitions)
    }
}

fn of_definition(
    id: &str,
    definition: &Definition,
    origin: Origin,
    kind: Kind,
    wanted: &'static str,
) -> Result<Fields, Error> {
    if definition.kind != kind {
        let place = definition.place.clone();
        return Err(Error::WrongKind { id: id.to_owned(), found: definition.kind, wanted, place });
    }
    Ok(Fields { id: id.to_owned(), origin, values: definition.values.clone() })
}

fn not_running(id: &str) -> Error {
    Error::LocalNotRunning { id: id.to_owned() }
}
