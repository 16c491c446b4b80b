//! `dpone run` and `dpone resume`.

use crate::Outcome;
use crate::args::{Common, Format, ManifestArgs, Resume, Run};
use crate::commands::many;
use crate::context;
use crate::output;
use crate::summary::{summary, to_markdown};
use dpone_model::{Exit, Report, RunId, codes, file};
use dpone_run::{Again, Finished, Request};
use std::path::Path;

pub async fn run(common: &Common, args: Run) -> Outcome {
    let request = match (&args.plan, args.manifests.as_slice()) {
        (Some(path), _) => {
            let request = reviewed(common, path)?;
            Request { advance_state: args.advance_state || request.advance_state, ..request }
        }
        (None, [manifest]) if args.policy.policy.is_none() => {
            let manifest = ManifestArgs { manifest: manifest.clone(), params: args.params, policy: args.policy };
            Request { advance_state: args.advance_state, ..context::request(common, &manifest, &args.window) }
        }
        // Each tenant's runs, and each of several manifests, have a process of their own.
        _ => return many::run(common, args).await,
    };
    let host = context::demanding_host(common, &args.demands)?;
    context::stop_on_signal(&host.cancel);
    render(dpone_run::run(&host, &request).await, args.format)
}

pub async fn resume(common: &Common, args: Resume) -> Outcome {
    let run_id = RunId::parse(&args.run)
        .ok_or_else(|| Report::new(&codes::usage::UNKNOWN_RUN, format!("`{}` is not a run id", args.run)))?;
    if args.policy.policy.is_some() {
        return many::resume(common, &run_id, args).await;
    }
    let host = context::demanding_host(common, &args.demands)?;
    context::stop_on_signal(&host.cancel);
    let again = Again { run_id: &run_id, profile: common.profile.as_deref(), manifest: args.manifest.as_deref() };
    render(dpone_run::resume(&host, &again).await, args.format)
}

fn reviewed(common: &Common, path: &Path) -> Result<Request, Report> {
    let text = file::read(path, file::MAX_REPORT_BYTES)
        .map_err(|cause| Report::new(&codes::review::INVALID, format!("{}: {cause}", path.display())))?;
    let mut request =
        Request::from_reviewed(&text).map_err(|report| report.hint("write one with `dpone plan --out FILE`"))?;
    if common.profile.is_some() {
        request.profile.clone_from(&common.profile);
    }
    Ok(request)
}

fn render(finished: Finished, format: Format) -> Outcome {
    let report = &finished.report;
    match format {
        Format::Json => output::outcome_json(report),
        Format::Text | Format::Md => {
            let report = serde_json::to_value(report).unwrap_or_default();
            if let Some(summary) = summary(&report, finished.artifact.as_deref(), finished.remedy, false) {
                output::outcome(&if format == Format::Md { to_markdown(&summary) } else { summary });
            }
        }
    }
    match finished.result {
        Ok(()) => Ok(Exit::Ok),
        Err(report) => Err(report),
    }
}
