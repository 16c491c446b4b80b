//! The run's plugins: loading them through the one door, and configuring each for its role.

use crate::finder::{Found, Role};
use crate::folders::Folders;
use crate::open::Opened;
use crate::resolve::{Host, Local, Request};
use dpone_manifest::{Manifest, PluginUse};
use dpone_model::plugin::{Check, DistinctSets, Extractor, Identity, Stage, Transform};
use dpone_model::{Report, codes};
use dpone_sandbox::{ChildCommand, CompileLimits, Loaded, Sandbox, Setup, tracing_log};
use serde::Serialize;
use std::path::Path;

/// A plugin that was let in.
pub struct Plugin {
    pub found: Found,
    pub loaded: Loaded,
    /// Of a check that was configured: when it judges unless the manifest says otherwise.
    pub stage: Option<Stage>,
}

/// One line of `check`.
#[derive(Debug, Serialize)]
pub struct Checked {
    pub kind: String,
    pub uses: String,
    #[serde(flatten)]
    pub identity: Identity,
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

/// The same, with code that counts fuel, for trials.
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
    Ok(Sandbox::new(cache, limits, child)?)
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

/// A manifest and its components, options included; no network.
pub async fn check(host: &Host, request: &Request) -> Result<Vec<Checked>, Report> {
    let local = crate::resolve::check(host, request, None)?;
    let sandbox = sandbox(host)?;
    let mut local = local;
    let mut plugins = load(&sandbox, std::mem::take(&mut local.plugins), &local.manifest).await?;
    check_options(&sandbox, &local, &mut plugins).await?;
    let checked = |plugin: &Plugin| Checked {
        kind: plugin.found.role.name().to_owned(),
        uses: plugin.found.plugin.uses.clone(),
        identity: plugin.loaded.inspection().identity.clone(),
    };
    Ok(plugins.iter().map(checked).collect())
}

impl Opened {
    /// The extractor that the manifest names; none where it needs no pagination.
    pub async fn extractor(&self) -> Result<Option<Box<dyn Extractor>>, Report> {
        let Some(plugin) = self.plugins.iter().find(|plugin| plugin.found.role == Role::Extractor) else {
            return Ok(None);
        };
        self.sandbox.extractor(&plugin.loaded, self.setup(plugin)?).await.map(Some)
    }

    pub async fn transforms(&self) -> Result<Vec<Box<dyn Transform>>, Report> {
        let mut transforms = Vec::new();
        for plugin in self.plugins.iter().filter(|plugin| plugin.found.role == Role::Transform) {
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
        for plugin in self.plugins.iter().filter(|plugin| plugin.found.role == Role::Check) {
            checks.push(self.sandbox.check(&plugin.loaded, self.setup(plugin)?, sets()?).await?);
        }
        Ok(checks)
    }

    fn setup(&self, plugin: &Plugin) -> Result<Setup, Report> {
        let local = &self.resolved.local;
        setup(&local.manifest, &local.manifest_dir, plugin, self.seed, self.started_at)
    }
}

/// Configures each plugin once, so that every option that does not fit is told before anything
/// happens, and notes when each check judges.
pub async fn check_options(sandbox: &Sandbox, local: &Local, plugins: &mut [Plugin]) -> Result<(), Report> {
    let mut problems = Vec::new();
    for plugin in plugins {
        let setup = setup(&local.manifest, &local.manifest_dir, plugin, 0, jiff::Timestamp::UNIX_EPOCH);
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
    match plugin.found.role {
        Role::Extractor => sandbox.extractor(loaded, setup).await.map(|_| None),
        Role::Transform => sandbox.transform(loaded, setup).await.map(|_| None),
        Role::Check => sandbox.check(loaded, setup, Box::new(NoSets)).await.map(|check| Some(check.stage())),
    }
}

fn setup(
    manifest: &Manifest,
    manifest_dir: &Path,
    plugin: &Plugin,
    seed: u64,
    started_at: jiff::Timestamp,
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
        seed,
        started_at,
        place: Box::new(move |option| {
            origin.place(&if option.is_empty() { with_key.clone() } else { format!("{with_key}.{option}") })
        }),
        log: tracing_log(),
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
    if inspection.kind.interface() != found.role.name() {
        let message =
            format!("{} is a {}, but the manifest uses it as a {}", found.from, inspection.kind, found.role.name());
        return Err(Report::new(&codes::plugin::WRONG_WORLD, message).at(identity.place()));
    }
    Ok(loaded)
}

/// For checks that are configured but never observe anything.
struct NoSets;

impl DistinctSets for NoSets {
    fn add(&mut self, _set: &str, _page: u64, _columns: &[dpone_model::plugin::Column]) -> Result<(), Report> {
        Ok(())
    }

    fn repeats(&mut self, _set: &str) -> Result<dpone_model::plugin::Repeats, Report> {
        Ok(dpone_model::plugin::Repeats::default())
    }
}
