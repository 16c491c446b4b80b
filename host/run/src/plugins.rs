//! The run's plugins: loading them through the one door, and configuring each for its role.

use crate::artifact::io_report;
use crate::authority::{self, Admission};
use crate::finder::Found;
use crate::folders::Folders;
use crate::open::Opened;
use crate::plugin_http;
use crate::resolve::{Host, Local, Request, Resolved};
use crate::signature::Signed;
use dpone_manifest::{Manifest, PluginUse};
use dpone_model::plugin::{
    Budget, Check, Column, DistinctSets, Extractor, Identity, PluginHttp, PluginKind, Repeats, Slicer, Stage, Transform,
};
use dpone_model::{Report, codes};
use dpone_plan::PluginFacts;
use dpone_sandbox::{ChildCommand, CompileLimits, Loaded, Sandbox, Setup, Stop, tracing_log};
use dpone_source::Signing;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A plugin that was let in.
pub struct Plugin {
    pub found: Found,
    pub loaded: Loaded,
    /// The phase in which a configured check judges unless the manifest says otherwise.
    pub stage: Option<Stage>,
}

/// The findings of `check`.
#[derive(Debug, Serialize)]
pub struct Valid {
    pub plugins: Vec<Checked>,
    #[serde(flatten)]
    pub admission: Admission,
}

/// One line of `check`.
#[derive(Debug, Serialize)]
pub struct Checked {
    pub kind: String,
    pub uses: String,
    #[serde(flatten)]
    pub identity: Identity,
    /// The signer, where a signature was asked for.
    pub signed: Option<Signed>,
}

/// The sandbox of this process.
pub fn sandbox(host: &Host) -> Result<Sandbox, Report> {
    sandbox_with(host, CompileLimits::default())
}

/// One for a component of the caller's own making, which the compiler may take minutes for on a busy
/// machine; what it makes is cached for runs.
pub fn author_sandbox(host: &Host) -> Result<Sandbox, Report> {
    let minutes = |count: u64| std::time::Duration::from_secs(60 * count);
    sandbox_with(host, CompileLimits { cpu: minutes(3), wall: minutes(5), ..CompileLimits::default() })
}

/// A component whose code is in the cache from now on.
#[derive(Debug, Serialize)]
pub struct Compiled {
    pub uses: String,
    #[serde(flatten)]
    pub identity: Identity,
    /// Time that compiling took, now or when the cache was filled.
    pub compile_ms: u32,
    /// It had been compiled before.
    pub cached: bool,
    /// Where its code lies.
    pub file: PathBuf,
}

/// Compiles components ahead of their first run, as for an image. A component that no run would let in is
/// refused here, too.
pub async fn compile_ahead(host: &Host, bytes: Vec<u8>, uses: &str) -> Result<Compiled, Report> {
    let folder = Folders::open(&host.workdir)?.cache()?.path;
    let sandbox = author_sandbox(host)?;
    let loaded = sandbox.load(bytes, uses).await?;
    let inspection = loaded.inspection();
    let file = folder.join(sandbox.cache_entry(&inspection.identity.sha256)?);
    if !file.is_file() {
        // A run would have to compile it again: the log says why it could not be kept.
        return Err(io_report(&file, &std::io::ErrorKind::NotFound.into()));
    }
    let (compile_ms, cached) = (inspection.compile_ms, inspection.cached);
    Ok(Compiled { uses: uses.to_owned(), identity: inspection.identity.clone(), compile_ms, cached, file })
}

/// As [`author_sandbox`], with code that counts fuel, for trials.
pub fn trial_sandbox(host: &Host) -> Result<Sandbox, Report> {
    Ok(author_sandbox(host)?.counting_fuel())
}

fn sandbox_with(host: &Host, limits: CompileLimits) -> Result<Sandbox, Report> {
    let cache = Folders::open(&host.workdir)?.cache()?;
    let (program, args) = host
        .compiler
        .split_first()
        .ok_or_else(|| Report::new(&codes::internal::BUG, "no program to compile components with"))?;
    let child = ChildCommand { program: program.into(), args: args.iter().map(Into::into).collect() };
    Ok(Sandbox::new(cache.dir, limits, child)?)
}

/// Loads every plugin; all problems at once, each at its place in the manifest.
pub async fn load(sandbox: &Sandbox, found: Vec<Found>, manifest: &Manifest) -> Result<Vec<Plugin>, Report> {
    let (mut plugins, mut problems) = (Vec::new(), Vec::new());
    for found in found {
        let place = |key: &str| manifest.origin.place(&format!("{}.{key}", found.plugin.key));
        match load_one(sandbox, &found).await {
            Ok(loaded) => plugins.push(Plugin { found, loaded, stage: None }),
            Err(report) if report.code() == &codes::plugin::DIGEST => problems.push(report.at(place("sha256"))),
            Err(report) => problems.push(report.at(place("uses"))),
        }
    }
    Report::all(problems).map_or(Ok(plugins), Err)
}

/// A manifest and its components, options included; no network but for a
/// component of a registry that is not in the cache.
pub async fn check(host: &Host, request: &Request) -> Result<Valid, Report> {
    let mut local = crate::resolve::check(host, request, None).await?;
    let sandbox = sandbox(host)?;
    let (plugins, admission) = authority::admit(host, &sandbox, &mut local).await?;
    let checked = |plugin: &Plugin| Checked {
        kind: plugin.found.kind.name().to_owned(),
        uses: plugin.found.plugin.uses.clone(),
        identity: plugin.loaded.inspection().identity.clone(),
        signed: plugin.found.signed.clone(),
    };
    Ok(Valid { plugins: plugins.iter().map(checked).collect(), admission })
}

impl Plugin {
    /// The plugin as a plan and a lock know it.
    pub fn facts(&self) -> PluginFacts {
        let inspection = self.loaded.inspection();
        PluginFacts {
            plugin: self.found.plugin.clone(),
            kind: self.found.kind,
            identity: inspection.identity.clone(),
            imports: inspection.imports.clone(),
            stage: self.stage,
            signed_by: self.found.signed.as_ref().map(|signed| signed.key_id.clone()),
        }
    }
}

impl Opened {
    /// The extractor that the manifest names; none where it needs no pagination.
    pub async fn extractor(&self) -> Result<Option<Box<dyn Extractor>>, Report> {
        let Some(plugin) = self.plugins.iter().find(|plugin| plugin.found.kind == PluginKind::Extractor) else {
            return Ok(None);
        };
        self.sandbox.extractor(&plugin.loaded, self.setup(plugin)?).await.map(Some)
    }

    pub async fn transforms(&self) -> Result<Vec<Box<dyn Transform>>, Report> {
        let mut transforms = Vec::new();
        for plugin in self.plugins.iter().filter(|plugin| plugin.found.kind == PluginKind::Transform) {
            transforms.push(self.sandbox.transform(&plugin.loaded, self.setup(plugin)?).await?);
        }
        Ok(transforms)
    }

    /// The checks in the manifest's order; `sets` makes the host-side sets of one.
    pub async fn checks(
        &self,
        mut sets: impl FnMut() -> Result<Box<dyn DistinctSets>, Report>,
    ) -> Result<Vec<Box<dyn Check>>, Report> {
        let mut checks = Vec::new();
        for plugin in self.plugins.iter().filter(|plugin| plugin.found.kind == PluginKind::Check) {
            checks.push(self.sandbox.check(&plugin.loaded, self.setup(plugin)?, sets()?).await?);
        }
        Ok(checks)
    }

    /// The slicer that the manifest names, with what it is granted.
    pub async fn slicer(&self) -> Result<Option<Box<dyn Slicer>>, Report> {
        match self.plugins.iter().find(|plugin| plugin.found.kind == PluginKind::Slicer) {
            Some(plugin) => self.sandbox.slicer(&plugin.loaded, self.setup(plugin)?).await.map(Some),
            None => Ok(None),
        }
    }

    fn setup(&self, plugin: &Plugin) -> Result<Setup, Report> {
        let local = &self.resolved.local;
        let http = plugin_http::granted(&plugin.found.plugin.grants, &self.resolved, &self.meter)?;
        let stop = self.cancel.clone();
        let stop: Stop = Arc::new(move || stop.check());
        setup(&local.manifest, &local.manifest_dir, plugin, self.seed, self.started_at, http, Some(stop))
    }
}

/// The manifest's extractor for a look at its first step: a service that it may ask is out of reach.
pub async fn offline_extractor(
    sandbox: &Sandbox,
    resolved: &Resolved,
    plugins: &[Plugin],
) -> Result<Option<Box<dyn Extractor>>, Report> {
    let is_extractor = |plugin: &&Plugin| plugin.found.kind == PluginKind::Extractor;
    let Some(plugin) = plugins.iter().find(is_extractor) else { return Ok(None) };
    let local = &resolved.local;
    let http = plugin_http::offline(&plugin.found.plugin.grants);
    let setup = setup(&local.manifest, &local.manifest_dir, plugin, 0, jiff::Timestamp::now(), http, None)?;
    sandbox.extractor(&plugin.loaded, setup).await.map(Some)
}

/// The run's signer, with the secrets that it is granted and none else.
pub async fn signer(
    sandbox: &Sandbox,
    resolved: &Resolved,
    plugins: &[Plugin],
    seed: u64,
    started_at: jiff::Timestamp,
) -> Result<Option<Arc<Signing>>, Report> {
    let Some(plugin) = plugins.iter().find(|plugin| plugin.found.kind == PluginKind::Signer) else { return Ok(None) };
    let local = &resolved.local;
    let setup = setup(&local.manifest, &local.manifest_dir, plugin, seed, started_at, None, None)?;
    let granted = |name: &String| Some((name.clone(), resolved.http.secrets.get(name)?.clone()));
    let secrets = setup.grants.secrets.iter().filter_map(granted).collect();
    let signer = sandbox.signer(&plugin.loaded, setup).await?;
    Ok(Some(Arc::new(Signing::new(signer, secrets))))
}

/// Configures each plugin once, so that every option that does not fit is told before anything
/// happens, and notes when each check judges.
pub async fn check_options(sandbox: &Sandbox, local: &Local, plugins: &mut [Plugin]) -> Result<(), Report> {
    let mut problems = Vec::new();
    for plugin in plugins {
        let http = plugin_http::offline(&plugin.found.plugin.grants);
        let setup = setup(&local.manifest, &local.manifest_dir, plugin, 0, jiff::Timestamp::UNIX_EPOCH, http, None);
        let configured = match setup {
            Ok(setup) => configure(sandbox, plugin, setup).await,
            Err(report) => Err(report),
        };
        match configured {
            Ok(stage) => plugin.stage = stage,
            Err(report) => problems.push(report),
        }
    }
    Report::all(problems).map_or(Ok(()), Err)
}

async fn configure(sandbox: &Sandbox, plugin: &Plugin, setup: Setup) -> Result<Option<Stage>, Report> {
    let loaded = &plugin.loaded;
    match plugin.found.kind {
        PluginKind::Extractor => sandbox.extractor(loaded, setup).await.map(|_| None),
        PluginKind::Transform => sandbox.transform(loaded, setup).await.map(|_| None),
        PluginKind::Check => sandbox.check(loaded, setup, Box::new(NoSets)).await.map(|check| Some(check.stage())),
        PluginKind::Slicer => sandbox.slicer(loaded, setup).await.map(|_| None),
        PluginKind::Signer => sandbox.signer(loaded, setup).await.map(|_| None),
    }
}

fn setup(
    manifest: &Manifest,
    manifest_dir: &Path,
    plugin: &Plugin,
    seed: u64,
    started_at: jiff::Timestamp,
    http: Option<Arc<dyn PluginHttp>>,
    stop: Option<Stop>,
) -> Result<Setup, Report> {
    let used = &plugin.found.plugin;
    let origin = manifest.origin.clone();
    let with_key = used.with_key.clone();
    Ok(Setup {
        with: used.with.clone(),
        records_path: manifest.source.records_path.clone(),
        limits: used.limits.clone(),
        grants: used.grants.clone(),
        files_dir: files_dir(manifest, manifest_dir, used)?,
        http,
        seed,
        started_at,
        place: Box::new(move |option| {
            origin.place(&if option.is_empty() { with_key.clone() } else { format!("{with_key}.{option}") })
        }),
        log: tracing_log(),
        stop,
    })
}

/// The granted folder, opened once, here: the plugin sees what is below it and nothing else.
fn files_dir(manifest: &Manifest, manifest_dir: &Path, used: &PluginUse) -> Result<Option<cap_std::fs::Dir>, Report> {
    let Some(folder) = &used.grants.files else { return Ok(None) };
    let path = manifest_dir.join(folder);
    let opened = cap_std::fs::Dir::open_ambient_dir(&path, cap_std::ambient_authority());
    opened.map(Some).map_err(|cause| {
        let message = format!("the folder of the grant `files`, {}: {cause}", path.display());
        Report::new(&codes::disk::IO, message).at(manifest.origin.place(&format!("{}.grants.files", used.key)))
    })
}

async fn load_one(sandbox: &Sandbox, found: &Found) -> Result<Loaded, Report> {
    let loaded = sandbox.load(found.bytes.clone(), &found.plugin.uses).await?;
    let inspection = loaded.inspection();
    let identity = &inspection.identity;
    if let Some(pin) = &found.plugin.sha256
        && !pin.eq_ignore_ascii_case(&identity.sha256)
    {
        let message = format!("{} has the sha256 {}, the manifest pins {pin}", found.from, identity.sha256);
        return Err(Report::new(&codes::plugin::DIGEST, message).at(identity.place()));
    }
    if inspection.kind != found.kind {
        let message = format!("{} is a {}, but the manifest uses it as a {}", found.from, inspection.kind, found.kind);
        return Err(Report::new(&codes::plugin::WRONG_WORLD, message).at(identity.place()));
    }
    Ok(loaded)
}

/// For checks that are configured but never observe anything.
struct NoSets;

impl DistinctSets for NoSets {
    fn add(&mut self, _set: &str, _page: u64, _columns: &[Column], _budget: &dyn Budget) -> Result<(), Report> {
        Ok(())
    }

    fn repeats(&mut self, _set: &str, _budget: &dyn Budget) -> Result<Repeats, Report> {
        Ok(Repeats::default())
    }
}
