//! `dpone run` and `dpone resume`.

use crate::Outcome;
use crate::args::{Common, Format, ManifestArgs, Resume, Run};
use crate::context;
use dpone_model::{Exit, Report, RunId, codes};
use dpone_run::{Finished, Request};

pub async fn run(common: &Common, args: Run) -> Outcome {
    let host = context::demanding_host(common, &args.demands)?;
    let request = match args.plan {
        Some(path) => {
            let request = reviewed(common, &path)?;
            Request { advance_state: args.advance_state || request.advance_state, ..request }
        }
        None => {
            let manifest = ManifestArgs { manifest: args.manifest.unwrap_or_default(), params: args.params };
            Request { advance_state: args.advance_state, ..context::request(common, &manifest, &args.window) }
        }
    };
    context::stop_on_signal(&host.cancel);
    render(dpone_run::run(&host, &request).await, args.format)
}

pub async fn resume(common: &Common, args: Resume) -> Outcome {
    let host = context::demanding_host(common, &args.demands)?;
    let run_id = RunId::parse(&args.run)
        .ok_or_else(|| Report::new(&codes::usage::UNKNOWN_RUN, format!("`{}` is not a run id", args.run)))?;
    context::stop_on_signal(&host.cancel);
    render(dpone_run::resume(&host, &run_id, common.profile.as_deref()).await, args.format)
}

fn reviewed(common: &Common, path: &std::path::Path) -> Result<Request, Report> {
    let text = std::fs::read(path)
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
        Format::Json => println!("{}", serde_json::to_string_pretty(report).unwrap_or_default()),
        // A run that never got an id has nothing to sum up but its error.
        Format::Text | Format::Md if report.run_id.is_empty() => {}
        Format::Text | Format::Md => println!("{}", summary(&finished)),
    }
    match finished.result {
        Ok(()) => Ok(Exit::Ok),
        Err(report) => Err(report),
    }
}

fn summary(finished: &Finished) -> String {
    let report = &finished.report;
    let rows = &report.rows;
    let mut lines = vec![format!(
        "run {} {}: {} pages, {} rows extracted, {} filtered, {} published, {} acknowledged",
        report.run_id, report.outcome, report.pages, rows.extracted, rows.filtered, rows.published, rows.acknowledged
    )];
    if !report.slices.is_empty() {
        let loaded = report.slices.iter().filter(|slice| slice.outcome == "succeeded").count();
        lines.push(format!("slices: {loaded} of {} loaded", report.slices.len()));
    }
    if let Some(after) = &report.checkpoint.after {
        let watermark = after.watermark.as_deref().or(after.response_cursor.as_deref()).unwrap_or("none");
        lines.push(format!("state: revision {}, cursor {watermark}", after.revision));
    }
    if let Some(folder) = &finished.artifact {
        lines.push(format!("artifact: {}", folder.display()));
    }
    if finished.resumable {
        lines.push(format!("resume with: dpone resume {}", report.run_id));
    }
    lines.join("\n")
}
