//! The needs of every command: the working folder, where plugins are, whose manifest it is, and how progress
//! is shown.

use crate::args::{Common, ManifestArgs, PluginDemands, WindowArgs};
use crate::local::OnDemand;
use crate::progress;
use clap::ValueEnum;
use dpone_connections::{Environment, Profile};
use dpone_manifest::Tenant;
use dpone_model::{Report, codes};
use dpone_run::authority::Demands;
use dpone_run::cancel::Cancel;
use dpone_run::finder::Finder;
use dpone_run::signature::TrustedKey;
use dpone_run::tenancy::{PolicyFile, Tenancy};
use dpone_run::{Host, LocalStarter, Request};
use dpone_workers::{Confined, Launch, Program};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The hidden argument that makes this program compile a component.
const COMPILE: &str = "__compile";

/// The host of this process.
pub fn host(common: &Common) -> Result<Host, Report> {
    let workdir = workdir()?;
    Ok(Host {
        finder: Finder {
            builtins: dpone_builtins::get,
            plugin_path: common.plugin_path.clone(),
            workdir: workdir.clone(),
        },
        local: Arc::new(OnDemand::new(&workdir, common)),
        compiler: vec![exe()?.display().to_string(), COMPILE.to_owned()],
        events: progress::choose(common.quiet).into(),
        cancel: Cancel::default(),
        demands: Demands::default(),
        tenancy: None,
        reads_pipes: true,
        native_extractor: None,
        workdir,
    })
}

/// The host of a command that may demand something of the plugins.
pub fn demanding_host(common: &Common, demanded: &PluginDemands) -> Result<Host, Report> {
    Ok(Host { demands: demands(demanded)?, ..host(common)? })
}

/// The fences of this process, where it does a command for a tenant.
static CONFINED: OnceLock<Confined> = OnceLock::new();

/// Confines this process to the tenant that standard input names.
pub fn confine() -> Result<(), Report> {
    let confined = dpone_workers::confined(&program()?)?;
    // It is done once, before anything else.
    let _ = CONFINED.set(confined);
    Ok(())
}

pub fn confined() -> Option<&'static Confined> {
    CONFINED.get()
}

/// Host and request for a manifest: those of its tenant where this process is confined to one.
pub fn of_manifest(
    common: &Common,
    demanded: &PluginDemands,
    manifest: &ManifestArgs,
    window: &WindowArgs,
) -> Result<(Host, Request), Report> {
    let request = request(common, manifest, window);
    match confined() {
        Some(confined) => {
            let request = Request { manifest: confined.manifest.clone(), profile: confined.profile.clone(), ..request };
            Ok((confined.host(progress::choose(common.quiet).into()), request))
        }
        None => Ok((demanding_host(common, demanded)?, request)),
    }
}

/// Starts the services of a profile that extends `local`.
pub fn local_services(common: &Common, workdir: &Path, profile: &Profile) -> Option<Arc<dyn LocalStarter>> {
    profile.extends_local().then(|| Arc::new(OnDemand::new(workdir, common)) as Arc<dyn LocalStarter>)
}

/// The common part of all processes that this one starts.
pub fn launch(common: &Common, workdir: &Path, demanded: &PluginDemands) -> Result<Launch, Report> {
    let Demands { locked, signers } = demands(demanded)?;
    Ok(Launch {
        program: exe()?,
        profile: common.profile.clone(),
        plugin_path: common.plugin_path.iter().map(|folder| workdir.join(folder)).collect(),
        locked,
        signers,
        quiet: common.quiet,
        logs: logs(common),
        logs_json: crate::output::is_json(),
        say: crate::output::line_of_worker,
    })
}

/// The arguments that make another process log as this one does.
fn logs(common: &Common) -> Vec<String> {
    let format = common.log_format.to_possible_value().map(|value| value.get_name().to_owned());
    ["--log".to_owned(), common.log.clone(), "--log-format".to_owned(), format.unwrap_or_default()].into()
}

/// A tenant's part of the chosen profile and of this process's environment.
pub fn tenancy(policy: &PolicyFile, tenant: &Tenant, workdir: &Path, profile: &Profile) -> Result<Tenancy, Report> {
    policy.tenancy(tenant, workdir, profile, &Environment::of_process())
}

/// The chosen profile.
pub fn profile(common: &Common, workdir: &Path) -> Result<Profile, Report> {
    Ok(Profile::load(workdir, common.profile.as_deref(), &variable)?)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub fn demands(demanded: &PluginDemands) -> Result<Demands, Report> {
    let keys = demanded.require_signed.iter().map(|path| TrustedKey::read(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(Demands { locked: demanded.locked, signers: (!keys.is_empty()).then_some(keys) })
}

/// The values that a worker is started with.
pub fn program() -> Result<Program, Report> {
    Ok(Program { builtins: dpone_builtins::get, path: exe()?, compile: COMPILE, progress: progress::named_lines })
}

pub fn exe() -> Result<PathBuf, Report> {
    std::env::current_exe()
        .map_err(|cause| Report::new(&codes::internal::BUG, format!("the program does not know its own path: {cause}")))
}

pub fn workdir() -> Result<PathBuf, Report> {
    std::env::current_dir().map_err(|cause| Report::new(&codes::disk::IO, format!("the working directory: {cause}")))
}

pub fn request(common: &Common, manifest: &ManifestArgs, window: &WindowArgs) -> Request {
    Request {
        manifest: manifest.manifest.clone(),
        profile: common.profile.clone(),
        params: manifest.params.iter().cloned().collect(),
        from: window.from.clone(),
        to: window.to.clone(),
        max_pages: window.max_pages,
        advance_state: false,
        reviewed: None,
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            // Where it cannot be awaited, Ctrl-C is the way to stop.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

/// Ends the run cleanly on the first Ctrl-C or SIGTERM; a second one ends the process.
pub fn stop_on_signal(cancel: &Cancel) {
    let cancel = cancel.clone();
    tokio::spawn(async move {
        for second in [false, true] {
            stopped().await;
            if second {
                dpone_workers::end_all();
                std::process::exit(dpone_model::Exit::Interrupted as i32);
            }
            cancel.interrupt();
        }
    });
}
