//! The first steps of a process that was started for a tenant: it learns what it is, builds its fences, and
//! only then opens anything of the tenant's.

use crate::confine::{self, Terms};
use crate::protocol::{MAX_SETUP_BYTES, Setup};
use dpone_connections::LocalServices;
use dpone_model::{Report, codes};
use dpone_run::authority::Demands;
use dpone_run::cancel::Cancel;
use dpone_run::events::Events;
use dpone_run::finder::Finder;
use dpone_run::signature::TrustedKey;
use dpone_run::tenancy::Tenancy;
use dpone_run::{Host, LocalNeeds, LocalStarter};
use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The arguments of the program that is started again.
#[derive(Clone)]
pub struct Program {
    /// The shipped components by name.
    pub builtins: fn(&str) -> Option<&'static [u8]>,
    /// Its own path.
    pub path: PathBuf,
    /// The hidden argument that makes it compile a component.
    pub compile: &'static str,
    /// Shows a run's progress on standard error; the name says which run's.
    pub progress: fn(&str) -> Box<dyn Events>,
}

/// A process that knows what it is.
#[derive(Clone)]
pub struct Confined {
    pub(crate) program: Program,
    pub(crate) workdir: PathBuf,
    pub(crate) quiet: bool,
    pub profile: Option<String>,
    plugin_path: Vec<PathBuf>,
    tenancy: Option<Arc<Tenancy>>,
    demands: Demands,
    /// The manifest of the one command that it is there for.
    pub manifest: PathBuf,
    /// The services' stand-ins where that command is done under a local profile.
    local: Option<LocalServices>,
}

/// Reads what this process is from standard input, and builds its fences. It must have one thread, so that
/// what confines it holds for all that come.
///
/// # Errors
/// DP1308 where the policy requires a fence that there cannot be.
pub fn confined(program: &Program) -> Result<Confined, Report> {
    let mut setup = read_setup()?;
    #[cfg(target_os = "linux")]
    if setup.command.is_some() {
        // A command is of no use to anybody once who asked for it is gone. A worker's runs end by themselves,
        // where they can go on later.
        let signal = Some(rustix::process::Signal::KILL);
        rustix::process::set_parent_process_death_signal(signal).map_err(|cause| {
            Report::new(&codes::internal::BUG, format!("a command cannot be bound to its own: {cause}"))
        })?;
    }
    let keys = setup
        .signers
        .take()
        .map(|keys| keys.iter().map(|(text, named)| TrustedKey::parse(text, named)).collect::<Result<Vec<_>, _>>());
    let demands = Demands { locked: setup.locked, signers: keys.transpose()? };
    let tenancy = setup.tenancy.take().map(Tenancy::from_wire).transpose()?;
    let tenancy = tenancy.map(|tenancy| fence(program, &setup, tenancy)).transpose()?.map(Arc::new);
    let command = setup.command;
    let local = command.as_ref().and_then(|command| command.local.clone());
    let local = local.map(|local| local.services(&setup.workdir));
    Ok(Confined {
        program: program.clone(),
        workdir: setup.workdir,
        quiet: setup.quiet,
        profile: setup.profile,
        plugin_path: setup.plugin_path,
        tenancy,
        demands,
        manifest: command.map(|command| command.manifest).unwrap_or_default(),
        local,
    })
}

impl Confined {
    /// The host of a command.
    pub fn host(&self, events: Arc<dyn Events>) -> Host {
        self.host_with(Arc::new(Given(self.local.clone())), events, Cancel::default())
    }

    /// The time that one of the tenant's runs may take.
    pub(crate) fn wall(&self) -> Option<Duration> {
        self.tenancy.as_ref().map(|tenancy| tenancy.tenant.limits.wall)
    }

    pub(crate) fn host_with(&self, local: Arc<dyn LocalStarter>, events: Arc<dyn Events>, cancel: Cancel) -> Host {
        Host {
            finder: Finder {
                builtins: self.program.builtins,
                plugin_path: self.plugin_path.clone(),
                workdir: self.workdir.clone(),
            },
            local,
            compiler: vec![self.program.path.display().to_string(), self.program.compile.to_owned()],
            events,
            cancel,
            demands: self.demands.clone(),
            tenancy: self.tenancy.clone(),
            reads_pipes: false,
            native_extractor: None,
            workdir: self.workdir.clone(),
        }
    }
}

fn fence(program: &Program, setup: &Setup, mut tenancy: Tenancy) -> Result<Tenancy, Report> {
    let writing = setup.command.as_ref().filter(|command| command.writes_manifests);
    let beside = writing.and_then(|command| command.manifest.parent());
    let read = tenancy.folders.iter().chain(&setup.plugin_path).cloned().chain(tenancy.loan.files()).collect();
    let fences = confine::confine(&Terms {
        limits: &tenancy.tenant.limits,
        require: &tenancy.require,
        read,
        write: beside.map(ToOwned::to_owned).into_iter().chain([setup.workdir.clone()]).collect(),
        program: program.path.clone(),
        nice: setup.nice,
        cgroup: setup.cgroup.clone(),
    })?;
    for missing in &fences.missing {
        // A run is where it matters; `check` and `plan` would only repeat it.
        match setup.command {
            None => tracing::warn!("this process is not confined by {missing}"),
            Some(_) => tracing::info!("this process is not confined by {missing}"),
        }
    }
    tenancy.confined_by = fences.names;
    Ok(tenancy)
}

fn read_setup() -> Result<Setup, Report> {
    let bug = |message: String| Report::new(&codes::internal::BUG, message);
    let mut line = Vec::new();
    // Whoever started this process says nothing more before it is ready, so that no order is read here.
    std::io::stdin()
        .lock()
        .take(MAX_SETUP_BYTES)
        .read_until(b'\n', &mut line)
        .map_err(|cause| bug(format!("a worker cannot read its setup: {cause}")))?;
    serde_json::from_slice(&line).map_err(|cause| bug(format!("`dpone` starts its workers itself: {cause}")))
}

/// Services that were there before the process was confined.
struct Given(Option<LocalServices>);

#[async_trait::async_trait]
impl LocalStarter for Given {
    async fn start(&self, _needs: LocalNeeds) -> Result<LocalServices, Report> {
        let none = || Report::new(&codes::connection::NOT_FOUND, "the profile does not extend `local`");
        self.0.clone().ok_or_else(none)
    }
}
