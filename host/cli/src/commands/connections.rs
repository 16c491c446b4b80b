//! `dpone connections`: what a profile defines, and whether it answers.

use crate::Outcome;
use crate::args::{Common, Connections, ManifestArgs, PluginDemands, WindowArgs};
use crate::context;
use crate::output::outln;
use dpone_model::{Exit, Report};
use dpone_run::probe::{self, Probe};
use dpone_run::resolve::Needs;

pub async fn connections(common: &Common, args: Connections) -> Outcome {
    match args {
        Connections::List => list(common).await,
        Connections::Test(manifest) => test(common, &manifest).await,
    }
}

async fn list(common: &Common) -> Outcome {
    let host = context::host(common)?;
    let resolver = dpone_run::resolve::resolver(&host, common.profile.as_deref(), Needs::default()).await?;
    let variables: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    let entries = resolver.list(&variables)?;
    if entries.is_empty() {
        outln!("no connections: name a profile with --profile, or set DPONE_CONN_<ID>_<FIELD>");
    }
    for entry in entries {
        outln!("{:<24} {:<10} {}", entry.id, entry.kind, entry.origin_note);
    }
    Ok(Exit::Ok)
}

async fn test(common: &Common, manifest: &ManifestArgs) -> Outcome {
    let (host, request) = context::of_manifest(common, &PluginDemands::default(), manifest, &WindowArgs::default())?;
    let probes = probe::connections(&host, &request).await?;
    print_probes(&probes);
    first_failure(probes)
}

pub fn print_probes(probes: &[Probe]) {
    for probe in probes {
        match &probe.result {
            Ok(answer) => outln!("ok    {:<24} {answer}", probe.name),
            Err(report) => outln!("fail  {:<24} {}", probe.name, report.message()),
        }
    }
}

/// The exit code is that of the first thing that failed.
pub fn first_failure(probes: Vec<Probe>) -> Outcome {
    let failures: Vec<Report> = probes.into_iter().filter_map(|probe| probe.result.err()).collect();
    Report::all(failures).map_or(Ok(Exit::Ok), Err)
}
