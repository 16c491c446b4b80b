//! The order in which an id's places are looked at.

use crate::build;
use crate::connection::{Auth, HttpConnection, KafkaConnection, StateConnection};
use crate::definition::{Definition, Reader};
use crate::environment::Environment;
use crate::error::Error;
use crate::fields::{self, Fields, Kind, Origin, Role, Value};
use crate::list::{self, Listed};
use crate::profile::Profile;
use crate::stand_in::Rule;
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

/// Services that the profile `local` puts in place of connections that no profile defines.
#[derive(Debug, Clone)]
pub struct LocalServices {
    /// Address of the demo API.
    pub base_url: String,
    /// Address of the local broker.
    pub bootstrap_servers: String,
    pub sqlite_path: PathBuf,
}

/// Looks connections up; lives for one command.
pub struct Resolver {
    pub(crate) profile: Profile,
    local: Option<LocalServices>,
    workdir: PathBuf,
    pub(crate) environment: Environment,
    /// The use of each connection; empty where only single ids are known.
    pub(crate) uses: Vec<(String, Kind)>,
    connect_vault: Connect,
    vault: tokio::sync::OnceCell<Vault>,
    substitutions: Lines,
    pub(crate) warnings: Lines,
}

/// Collected while connections are looked up.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<String>>);

impl Lines {
    pub(crate) fn add(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Resolver {
    /// `local` is needed where the profile [extends it](Profile::extends_local).
    pub fn new(profile: Profile, local: Option<LocalServices>, workdir: PathBuf, environment: Environment) -> Self {
        Self {
            profile,
            local,
            workdir,
            environment,
            uses: Vec::new(),
            connect_vault: Arc::new(vault::connect),
            vault: tokio::sync::OnceCell::new(),
            substitutions: Lines::default(),
            warnings: Lines::default(),
        }
    }

    /// The use that a manifest makes of each connection: a variable of the environment that fits none of
    /// these uses is an error.
    #[must_use]
    pub fn used_as(mut self, uses: Vec<(String, Kind)>) -> Self {
        self.uses = uses;
        self
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
        if let Some(local) = self.local_for(Role::Http, reference)? {
            let base_url = Url::parse(&local.base_url).map_err(|_| not_running(&reference.id))?;
            self.substituted(Some(reference), Kind::Http, &format!("demo API {}", local.base_url));
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
                let value = self.environment.get(&format!("{prefix}{}", field.to_ascii_uppercase()));
                fields.values.extend(value.map(|value| (field, Value::Set(Secret::new(value)))));
            }
        }
        let connection = build::http(&fields, &self.workdir, &reference.secrets)?;
        connection.protect();
        Ok(connection)
    }

    pub async fn kafka(&self, reference: &ConnectionRef) -> Result<KafkaConnection, Report> {
        if let Some(local) = self.local_for(Role::Kafka, reference)? {
            let servers = local.bootstrap_servers.clone();
            self.substituted(Some(reference), Kind::Kafka, &format!("local broker {servers}"));
            return Ok(KafkaConnection {
                id: reference.id.clone(),
                origin_note: format!("profile {} (local broker)", self.profile.described()),
                substituted: true,
                bootstrap_servers: servers,
                options: BTreeMap::new(),
            });
        }
        let fields = self.fields(reference, Kind::Kafka, "a Kafka connection").await?;
        let connection = build::kafka(&fields, &self.workdir)?;
        connection.protect();
        Ok(connection)
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
        let local = match reference {
            Some(reference) => self.local_for(Role::State, reference)?,
            None if self.profile.rule(Role::State) != Rule::LookedUp => {
                Some(self.local.as_ref().ok_or_else(|| not_running("state"))?)
            }
            None => None,
        };
        if let Some(local) = local {
            let path = local.sqlite_path.clone();
            self.substituted(reference, kind, &format!("SQLite {}", self.shown(&path)));
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
            _ => {
                let password = fields.secret("password")?;
                password.iter().for_each(Secret::protect);
                build::postgres(&fields, &self.workdir)?
            }
        })
    }

    /// Replacements that `local` made for the manifest's connections, one line each, in the order of the look-ups.
    pub fn substitutions(&self) -> Vec<String> {
        self.substitutions.all()
    }

    /// Findings that are no errors and may still be mistakes.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.all()
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
    fn local_for(&self, role: Role, reference: &ConnectionRef) -> Result<Option<&LocalServices>, Error> {
        let id = reference.id.as_str();
        if !self.profile.stand_in(role, id)? {
            return Ok(None);
        }
        let is_in_words = self.profile.word(role).is_some();
        if self.profile.is_own()
            && !is_in_words
            && let Some(variable) = self.variables_of(reference, role).into_iter().next()
        {
            return Err(self.two_readings(role, id, variable));
        }
        self.local.as_ref().map(Some).ok_or_else(|| not_running(id))
    }

    fn two_readings(&self, role: Role, id: &str, variable: String) -> Error {
        let (key, word) = role.words();
        let file = Profile::file_of(self.profile.name().unwrap_or_default());
        Error::TwoReadings {
            id: id.to_owned(),
            variable,
            profile: self.profile.described(),
            service: role.service(),
            hint: format!(
                "in {file} define `{id}`, or write `local: {{ {key}: none }}` to leave it to the environment or \
                 `local: {{ {key}: {word} }}` to let {} stand in",
                role.service()
            ),
        }
    }

    /// Notes what stands in for a connection, or for the state of a manifest that names none.
    fn substituted(&self, reference: Option<&ConnectionRef>, kind: Kind, service: &str) {
        let Some(reference) = reference else { return self.substitutions.add(format!("state -> {service}")) };
        let unused = self.variables_of(reference, Role::of(kind));
        let unused = match unused.as_slice() {
            [] => String::new(),
            [one] => format!(" ({one} is not used)"),
            [one, more @ ..] => format!(" ({one} and {} more variables are not used)", more.len()),
        };
        self.substitutions.add(format!("connection {} -> {service}{unused}", reference.id));
    }

    /// A path as a user knows it: relative where it lies under the working directory.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.workdir).unwrap_or(path).display().to_string()
    }

    async fn fields(&self, reference: &ConnectionRef, kind: Kind, wanted: &'static str) -> Result<Fields, Report> {
        let id = reference.id.as_str();
        if let Some((name, definition)) = self.profile.get(id) {
            let origin = Origin::Profile { name: name.to_owned(), place: definition.place.clone() };
            self.warn_of_unused(reference, kind, definition);
            return Ok(of_definition(id, definition, origin, kind, wanted)?);
        }
        match reference.via {
            ConnectionType::Env => Ok(self.env_fields(id, kind)?),
            ConnectionType::File => Ok(self.file_fields(reference, kind, wanted)?),
            ConnectionType::Vault => self.vault_fields(reference, kind).await,
        }
    }

    fn file_fields(&self, reference: &ConnectionRef, kind: Kind, wanted: &'static str) -> Result<Fields, Error> {
        let file = reference.connection_file.as_deref().unwrap_or(DEFAULT_FILE);
        let id = reference.id.as_str();
        if !self.workdir.join(file).exists() {
            let hint = format!("create {file}, or name another one as `connection_file`");
            return Err(self.not_found(id, format!("the connections file {file} does not exist"), hint));
        }
        let definitions = self.read_file(file)?;
        let Some(definition) = definitions.get(id) else {
            return Err(self.not_found(
                id,
                format!("the connections file {file} does not define it"),
                format!("define `{id}` under `connections` in {file}"),
            ));
        };
        let origin = Origin::File { place: definition.place.clone() };
        of_definition(id, definition, origin, kind, wanted)
    }

    async fn vault_fields(&self, reference: &ConnectionRef, kind: Kind) -> Result<Fields, Report> {
        let id = reference.id.as_str();
        let get = |name: &str| self.environment.get(name);
        let open = || async { Vault::from_env(id, &get, &self.workdir, &self.connect_vault) };
        let found = self.vault.get_or_try_init(open).await?.read(reference).await?;
        let fields = Fields { id: id.to_owned(), origin: found.origin, values: found.values };
        let takes = fields::known(kind);
        if !takes.iter().any(|field| fields.values.contains_key(*field)) {
            let there = fields.values.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let there = if there.is_empty() { "no field".to_owned() } else { format!("only {there}") };
            let hint = format!("a {kind} connection takes {}", takes.join(", "));
            return Err(self.not_found(id, format!("{} has {there}", fields.origin), hint).into());
        }
        self.warn_of_near_fields(&fields, kind);
        Ok(fields)
    }

    /// A secret may hold fields of others, which are none of our business; but one that is written nearly like
    /// a field that is not there was probably meant to be it.
    fn warn_of_near_fields(&self, fields: &Fields, kind: Kind) {
        let takes = fields::known(kind);
        for name in fields.values.keys().filter(|name| fields::secret_of(name).is_none()) {
            let nearest = dpone_manifest::nearest(name, takes).filter(|field| !fields.values.contains_key(field));
            if let Some(meant) = nearest {
                let (id, origin) = (&fields.id, &fields.origin);
                self.warnings.add(format!(
                    "connection {id}: the field `{name}` of {origin} is not read; did you mean `{meant}`?"
                ));
            }
        }
    }

    pub(crate) fn not_found(&self, id: &str, absent: String, hint: String) -> Error {
        let profile = match self.profile.name() {
            Some(_) => format!("profile {} does not define it", self.profile.described()),
            None => "no profile is chosen".to_owned(),
        };
        Error::NotFound { id: id.to_owned(), absent: vec![profile, absent], hint }
    }

    fn read_file(&self, file: &str) -> Result<BTreeMap<String, Definition>, Error> {
        let invalid = |message| Error::Invalid { message, place: yaml::place(file, None, None), hint: None };
        let text = dpone_model::file::read_text(&self.workdir.join(file), dpone_model::file::MAX_TEXT_BYTES)
            .map_err(|error| invalid(format!("the connections file cannot be read: {error}")))?;
        let root = yaml::parse(&text, file)?;
        let get = |name: &str| self.environment.get(name);
        let reader = Reader { file, env: &get };
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
