//! A run's report in a few lines: what was loaded, how it ended, what the user should know, what to do next.
//!
//! The report is JSON, because a worker's comes through a pipe. Each fact has a function of its own that
//! gives no line where the report does not have it.

use dpone_run::Remedy;
use serde_json::Value;
use std::path::Path;

/// A run's report for a person. A run that never got an id has nothing to sum up but its error.
pub fn summary(report: &Value, artifact: Option<&Path>, remedy: Remedy, is_tenants: bool) -> Option<String> {
    let run_id = report["run_id"].as_str().filter(|run_id| !run_id.is_empty())?;
    let mut lines = vec![rows(report, run_id)];
    lines.extend(left_out(report));
    lines.extend(beside_watermark(report));
    lines.extend(slices(report));
    lines.extend(walk_ended(report));
    lines.extend(state(report));
    lines.extend(mixed(report));
    lines.extend(artifact.map(|folder| format!("artifact: {}", folder.display())));
    lines.extend(resume(run_id, remedy, is_tenants));
    Some(lines.join("\n"))
}

fn rows(report: &Value, run_id: &str) -> String {
    let rows = &report["rows"];
    format!(
        "run {run_id} {}: {} pages, {} rows extracted, {} filtered, {} published, {} acknowledged",
        report["outcome"].as_str().unwrap_or_default(),
        report["pages"],
        rows["extracted"],
        rows["filtered"],
        rows["published"],
        rows["acknowledged"]
    )
}

/// Where the rows went that were not published: with these the counts add up.
fn left_out(report: &Value) -> Option<String> {
    let left_out = report.get("left_out")?;
    let count = |name: &str| left_out[name].as_u64().filter(|rows| *rows > 0);
    let reasons = [
        ("outside_boundary", "outside the boundary"),
        ("already_loaded", "already loaded"),
        ("without_cursor", "without a cursor value"),
        ("dropped", "dropped by transforms"),
        ("duplicates", "repeats of a key"),
        ("not_published", "not published"),
    ];
    let mut parts: Vec<String> =
        reasons.iter().filter_map(|(name, words)| Some(format!("{} {words}", count(name)?))).collect();
    parts.extend(count("added").map(|rows| format!("and {rows} added by transforms")));
    (!parts.is_empty()).then(|| format!("left out: {}", parts.join(", ")))
}

/// Rows that the watermark does not cover.
fn beside_watermark(report: &Value) -> Option<String> {
    let reasons = [
        ("ahead", "beyond `max_future`"),
        ("kept_without_cursor", "without a cursor value, kept"),
        ("published_again", "published again by the next run"),
    ];
    let count = |(name, words): &(&str, &str)| {
        let rows = report["boundary"][*name].as_u64().filter(|rows| *rows > 0)?;
        Some(format!("{rows} {words}"))
    };
    let parts: Vec<String> = reasons.iter().filter_map(count).collect();
    (!parts.is_empty()).then(|| format!("beside the watermark: {}", parts.join(", ")))
}

fn slices(report: &Value) -> Option<String> {
    let slices = report["slices"].as_array()?;
    let loaded = slices.iter().filter(|slice| slice["outcome"] == "succeeded").count();
    Some(format!("slices: {loaded} of {} loaded", slices.len()))
}

fn walk_ended(report: &Value) -> Option<String> {
    let ended = report.pointer("/walk/ended").filter(|ended| ended.is_object())?;
    let (reason, message) = (ended["reason"].as_str()?, ended["message"].as_str()?);
    Some(match reason {
        "slices" => format!("walks ended: {message}"),
        _ => format!("walk ended: {reason} at page {}: {message}", ended["page"]),
    })
}

fn state(report: &Value) -> Option<String> {
    let after = report.pointer("/checkpoint/after").filter(|after| after.is_object())?;
    let cursor = after["watermark"].as_str().or(after["response_cursor"].as_str()).unwrap_or("none");
    Some(format!("state: revision {}, cursor {cursor}", after["revision"]))
}

/// Fields that hold values of different kinds, with a record of each.
fn mixed(report: &Value) -> Option<String> {
    let kind = |kind: &Value| {
        let name = kind["type"].as_str().unwrap_or_default();
        format!("{name} at page {}, record {}", kind["first_seen"][0], kind["first_seen"][1])
    };
    let field = |mixed: &Value| {
        let kinds: Vec<String> = mixed["kinds"].as_array().into_iter().flatten().map(kind).collect();
        format!("`{}` ({})", mixed["field"].as_str().unwrap_or_default(), kinds.join("; "))
    };
    let fields: Vec<String> = report["mixed"].as_array()?.iter().map(field).collect();
    Some(format!("mixed fields: {}", fields.join(", ")))
}

/// Only where it can help.
fn resume(run_id: &str, remedy: Remedy, is_tenants: bool) -> Option<String> {
    let policy = if is_tenants { " --policy FILE" } else { "" };
    let command = format!("dpone resume {run_id}{policy}");
    match remedy {
        Remedy::NewRun => None,
        Remedy::Resume => Some(format!("resume with: {command} (it keeps the manifest that it was started with)")),
        Remedy::ResumeMended => Some(format!(
            "mend the manifest, then go on with: {command} --manifest FILE (pages are kept; what made them may not change)"
        )),
    }
}
