//! What every command needs: the working folder, where plugins are, and how progress is shown.

use crate::args::{Common, ManifestArgs, PluginDemands, WindowArgs};
use crate::local::OnDemand;
use dpone_model::{Report, codes};
use dpone_run::authority::Demands;
use dpone_run::cancel::Cancel;
use dpone_run::finder::Finder;
use dpone_run::signature::TrustedKey;
use dpone_run::{Host, Request};
use std::path::PathBuf;
use std::sync::Arc;

/// The host of this process.
pub fn host(common: &Common) -> Result<Host, Report> {
    let workdir = workdir()?;
    let exe = std::env::current_exe().map_err(|cause| {
        Report::new(&codes::internal::BUG, format!("the program does not know its own path: {cause}"))
    })?;
    Ok(Host {
        finder: Finder {
            builtins: dpone_builtins::get,
            plugin_path: common.plugin_path.clone(),
            workdir: workdir.clone(),
        },
        local: Arc::new(OnDemand::new(&workdir, common)),
        compiler: vec![exe.display().to_string(), "__compile".to_owned()],
        events: crate::progress::choose(common.quiet).into(),
        cancel: Cancel::default(),
        demands: Demands::default(),
        native_extractor: None,
        workdir,
    })
}

/// The host of a command that may demand something of the plugins.
pub fn demanding_host(common: &Common, demanded: &PluginDemands) -> Result<Host, Report> {
    let keys = demanded.require_signed.iter().map(|path| TrustedKey::read(path)).collect::<Result<Vec<_>, _>>()?;
    let signers = (!keys.is_empty()).then_some(keys);
    Ok(Host { demands: Demands { locked: demanded.locked, signers }, ..host(common)? })
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
                std::process::exit(dpone_model::Exit::Interrupted as i32);
            }
            cancel.interrupt();
        }
    });
}
