//! A: manifest, plugins and connections become [`Resolved`].

use crate::authority::{Demands, lock_path};
use crate::cancel::Cancel;
use crate::events::Events;
use crate::finder::{Finder, Found};
use crate::tenancy::Tenancy;
use async_trait::async_trait;
use dpone_connections::{
    Environment, HttpConnection, KafkaConnection, Kind, LocalServices, Profile, Resolver, Role, StateConnection,
};
use dpone_manifest::{Manifest, StateBlock, Variables};
use dpone_model::{Report, codes, file};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The process's share in every run.
pub struct Host {
    pub workdir: PathBuf,
    pub finder: Finder,
    /// Starts (or joins) the demo API and the local broker when a profile extends `local`.
    pub local: Arc<dyn LocalStarter>,
    /// This program and the hidden argument that makes it compile a component.
    pub compiler: Vec<String>,
    pub events: Arc<dyn Events>,
    pub cancel: Cancel,
    /// The operator's demands on every plugin.
    pub demands: Demands,
    /// The tenant whose runs these are, where a policy says what each tenant may do.
    pub tenancy: Option<Arc<Tenancy>>,
    /// The manifest may be a pipe: the operator names it to this process. In a worker, standard input is
    /// the supervisor's, and a tenant's folder is the tenant's.
    pub reads_pipes: bool,
    /// Stands in for the extractor component in a benchmark.
    pub native_extractor: Option<fn() -> Box<dyn dpone_model::plugin::Extractor>>,
}

#[async_trait]
pub trait LocalStarter: Send + Sync {
    async fn start(&self, needs: LocalNeeds) -> Result<LocalServices, Report>;
}

/// Services that `local` has to replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LocalNeeds {
    pub api: bool,
    pub broker: bool,
}

/// The request for one run.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub manifest: PathBuf,
    pub profile: Option<String>,
    pub params: BTreeMap<String, String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub max_pages: Option<u64>,
    /// Moves state although the run covers a window only.
    pub advance_state: bool,
    /// The plan that was reviewed (`run --plan`).
    pub reviewed: Option<dpone_plan::Plan>,
}

impl Request {
    /// Whether the run covers less than the manifest's own boundary.
    pub fn is_window(&self) -> bool {
        self.from.is_some() || self.to.is_some() || self.max_pages.is_some()
    }
}

/// The manifest and its plugins: everything that `check` looks at.
pub struct Local {
    pub manifest: Manifest,
    pub text: Vec<u8>,
    /// Plugin paths are relative to it.
    pub manifest_dir: PathBuf,
    pub manifest_path: PathBuf,
    /// Where the lock file is, if there is one.
    pub lock_path: PathBuf,
    pub plugins: Vec<Found>,
}

/// A's result.
pub struct Resolved {
    pub local: Local,
    pub profile: Option<String>,
    /// `local` or a profile that extends it: topics are created, values are shown.
    pub is_local: bool,
    pub http: HttpConnection,
    pub kafka: KafkaConnection,
    pub state: StateConnection,
    /// Replacements for connections that the manifest names, a line each.
    pub substitutions: Vec<String>,
    /// Likely mistakes about connections.
    pub warnings: Vec<String>,
}

/// Reads the manifest and finds its plugins; no network but for a component of a registry that is not
/// in the cache.
pub async fn check(host: &Host, request: &Request, text: Option<Vec<u8>>) -> Result<Local, Report> {
    let path = host.workdir.join(&request.manifest);
    let shown = request.manifest.display().to_string();
    let text = match text {
        Some(text) => text,
        None => read_manifest(host, &path).map_err(|cause| {
            Report::new(&codes::manifest::UNREADABLE, format!("{shown}: {cause}"))
                .hint("the path is relative to the working directory")
        })?,
    };
    let variables = Variables {
        env: variables(host),
        params: request.params.clone(),
        interval: request.from.clone().zip(request.to.clone()),
    };
    let mut manifest = dpone_manifest::load(&text, &shown, &variables)?;
    let manifest_dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
    if let Some(tenancy) = &host.tenancy {
        tenancy.rules().hold(&mut manifest)?;
        tenancy.own_files(&manifest, &manifest_dir)?;
    }
    // A tenant's manifest is checked against the policy; what the operator's profile makes of it shows in a run.
    if host.tenancy.is_none() {
        judge_ids(&Profile::load(&host.workdir, request.profile.as_deref(), &process_variable)?, &manifest)?;
    }
    let plugins = host.finder.find_all(&manifest, &manifest_dir).await?;
    Ok(Local { manifest, text, manifest_dir, lock_path: lock_path(&path), manifest_path: path, plugins })
}

fn read_manifest(host: &Host, path: &Path) -> Result<Vec<u8>, file::FileError> {
    let read = if host.reads_pipes && host.tenancy.is_none() { file::read_named } else { file::read };
    read(path, file::MAX_TEXT_BYTES)
}

/// Reads the manifest, finds its plugins, and looks its connections up.
pub async fn resolve(host: &Host, request: &Request, text: Option<Vec<u8>>) -> Result<Resolved, Report> {
    let local = check(host, request, text).await?;
    let manifest = &local.manifest;
    let needs = Needs {
        http: Some(&manifest.source.connection.id),
        kafka: Some(&manifest.sink.connection.id),
        uses: uses(manifest),
    };
    let resolver = resolver(host, request.profile.as_deref(), needs).await?;
    judge_ids(resolver.profile(), manifest)?;
    let http = resolver.http(&manifest.source.connection).await;
    let kafka = resolver.kafka(&manifest.sink.connection).await;
    let state = resolver.state(&manifest.state).await;
    match (http, kafka, state) {
        (Ok(http), Ok(kafka), Ok(state)) => {
            let mut resolved = Resolved {
                is_local: resolver.profile().extends_local(),
                profile: request.profile.clone(),
                substitutions: resolver.substitutions(),
                warnings: resolver.warnings(),
                local,
                http,
                kafka,
                state,
            };
            resolved.say_where()?;
            host.tenancy.as_ref().map_or(Ok(()), |tenancy| tenancy.refuse_source(&resolved))?;
            Ok(resolved)
        }
        (http, kafka, state) => {
            let problems = [http.err(), kafka.err(), state.err()].into_iter().flatten().collect();
            Err(Report::all(problems).unwrap_or_else(|| Report::new(&codes::internal::BUG, "a connection was lost")))
        }
    }
}

impl Resolved {
    /// Notes where rows come from and go to, where that is another place than the manifest's words.
    fn say_where(&mut self) -> Result<(), Report> {
        let id = &self.http.id;
        if let Some(moved) = dpone_source::moved_origin(&self.local.manifest.source, &self.http)? {
            self.substitutions.push(format!("source {} -> {} (connection {id})", moved.written, moved.used));
            // Under `local` it is the point of the profile.
            if !self.is_local {
                self.warnings.push(format!(
                    "`url` says {}, and requests go to {}: connection {id}'s base_url takes its place",
                    moved.written, moved.used
                ));
            }
        }
        if let (true, StateConnection::Postgres { id, host, .. }) = (self.kafka.substituted, &self.state) {
            self.warnings.push(format!(
                "rows go to the local broker, and state to connection {id} at {host}: a run that publishes to the real broker from that state would not load these rows"
            ));
        }
        Ok(())
    }
}

/// Whether the profile lets something stand in for each connection that it does not define; the places are
/// those of the ids in the manifest.
fn judge_ids(profile: &Profile, manifest: &Manifest) -> Result<(), Report> {
    let keys = ["source.connection_id", "sink.connection_id", "state.connection_id"];
    let judge = |((id, kind), key): ((String, Kind), &str)| {
        let refused = profile.stand_in(Role::of(kind), &id).err()?;
        Some(Report::from(refused).at(manifest.origin.place(key)))
    };
    Report::all(uses(manifest).into_iter().zip(keys).filter_map(judge).collect()).map_or(Ok(()), Err)
}

/// The uses that a manifest makes of its connections: source, sink and, where it names one, state.
fn uses(manifest: &Manifest) -> Vec<(String, Kind)> {
    let state = match &manifest.state {
        StateBlock::Disabled => None,
        StateBlock::Postgres { connection, .. } => Some((connection.id.clone(), Kind::Postgres)),
        StateBlock::Sqlite { connection, .. } => connection.as_ref().map(|it| (it.id.clone(), Kind::Sqlite)),
    };
    let both =
        [(manifest.source.connection.id.clone(), Kind::Http), (manifest.sink.connection.id.clone(), Kind::Kafka)];
    both.into_iter().chain(state).collect()
}

/// Variables that a manifest may refer to as `${NAME}`.
fn variables(host: &Host) -> Box<dyn Fn(&str) -> Option<String>> {
    match host.tenancy.clone() {
        Some(tenancy) => Box::new(move |name| tenancy.variable(name)),
        None => Box::new(process_variable),
    }
}

fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Connections that a command will look up.
#[derive(Debug, Clone, Default)]
pub struct Needs<'a> {
    pub http: Option<&'a str>,
    pub kafka: Option<&'a str>,
    /// The uses that a manifest makes of its connections; empty where there is no manifest.
    pub uses: Vec<(String, Kind)>,
}

/// The profile's connections; starts the local services that stand in for what is needed.
pub async fn resolver(host: &Host, profile: Option<&str>, needs: Needs<'_>) -> Result<Resolver, Report> {
    let (profile, environment) = match &host.tenancy {
        Some(tenancy) => (tenancy.loan.profile.clone(), tenancy.variables().into()),
        None => (Profile::load(&host.workdir, profile, &process_variable)?, Environment::of_process()),
    };
    // Where nothing may stand in, the look-up says so.
    let stands_in = |role, id: Option<&str>| id.is_some_and(|id| profile.stand_in(role, id).unwrap_or(false));
    let local = if profile.extends_local() {
        let needs = LocalNeeds { api: stands_in(Role::Http, needs.http), broker: stands_in(Role::Kafka, needs.kafka) };
        Some(host.local.start(needs).await?)
    } else {
        None
    };
    Ok(Resolver::new(profile, local, host.workdir.clone(), environment).used_as(needs.uses))
}
