//! A run's report in a few lines: what was loaded, how it ended, what the user should know, what to do next.
//!
//! The report is JSON, because a worker's comes through a pipe. Each fact has a function of its own that
//! gives no line where the report does not have it; a line is `name: what`.

use dpone_model::foreign;
use dpone_model::human::{bytes, count, duration};
use dpone_run::Remedy;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Warnings that are shown in full.
const MAX_WARNINGS: usize = 10;

/// A run's report for a person. A run that never got an id has nothing to sum up but its error.
pub fn summary(report: &Value, artifact: Option<&Path>, remedy: Remedy, is_tenants: bool) -> Option<String> {
    let report = &one_line(report);
    let run_id = report["run_id"].as_str().filter(|run_id| !run_id.is_empty())?;
    let mut lines = vec![rows(report, run_id)];
    lines.extend(speed(report));
    lines.extend(left_out(report));
    lines.extend(beside_watermark(report));
    lines.extend(slices(report));
    lines.extend(walk_ended(report));
    lines.extend(state(report));
    lines.extend(mixed(report));
    lines.extend(warnings(report));
    lines.extend(artifact.map(|folder| format!("artifact: {}", foreign::one_line(&folder.display().to_string()))));
    lines.extend(resume(run_id, remedy, is_tenants));
    Some(lines.join("\n"))
}

/// The report with each text as one line: a worker's may hold anything.
fn one_line(report: &Value) -> Value {
    match report {
        Value::String(text) => foreign::one_line(text).into(),
        Value::Array(items) => items.iter().map(one_line).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), one_line(value)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

/// A summary as Markdown: a heading, and an item for each line.
pub fn to_markdown(summary: &str) -> String {
    let mut lines = summary.lines();
    let (title, rows) = lines.next().and_then(|line| line.split_once(": ")).unwrap_or_default();
    let first = format!("## {title}\n\n- **pages and rows**: {rows}");
    let item = |line: &str| match line.split_once(": ") {
        Some((name, what)) if !line.starts_with(' ') => format!("- **{name}**: {what}"),
        _ => format!("  - {}", line.trim_start()),
    };
    std::iter::once(first).chain(lines.map(item)).collect::<Vec<_>>().join("\n")
}

fn rows(report: &Value, run_id: &str) -> String {
    let rows = &report["rows"];
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let time = lasted(report).map_or_else(String::new, |time| format!(" in {}", duration(time)));
    format!(
        "run {run_id} {}{time}: {}, {} extracted, {} filtered, {} published, {} acknowledged",
        report["outcome"].as_str().unwrap_or_default(),
        count(number(&report["pages"]), "page"),
        count(number(&rows["extracted"]), "row"),
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
        let rows = report["boundary"].get(*name)?.as_u64().filter(|rows| *rows > 0)?;
        Some(format!("{rows} {words}"))
    };
    let parts: Vec<String> = reasons.iter().filter_map(count).collect();
    (!parts.is_empty()).then(|| format!("beside the watermark: {}", parts.join(", ")))
}

/// Rows over the time of the whole run.
fn speed(report: &Value) -> Option<String> {
    let rows = report.pointer("/rows/extracted")?.as_u64()?;
    let read = bytes(report["bytes"].as_u64()?);
    let rate = rows as f64 / lasted(report)?.as_secs_f64().max(0.001);
    Some(format!("speed: {rate:.0} rows/s, {read} read"))
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
        let place = |at| kind["first_seen"].get(at).and_then(Value::as_u64).unwrap_or_default();
        format!("{name} at page {}, record {}", place(0), place(1))
    };
    let field = |mixed: &Value| {
        let kinds: Vec<String> = mixed["kinds"].as_array().into_iter().flatten().map(kind).collect();
        format!("`{}` ({})", mixed["field"].as_str().unwrap_or_default(), kinds.join("; "))
    };
    let fields: Vec<String> = report["mixed"].as_array()?.iter().map(field).collect();
    Some(format!("mixed fields: {}", fields.join(", ")))
}

/// How many warnings there are, and each: with `--quiet` nobody has seen them yet.
fn warnings(report: &Value) -> Vec<String> {
    let warnings = report["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
    if warnings.is_empty() {
        return Vec::new();
    }
    let shown = warnings.iter().filter_map(Value::as_str).take(MAX_WARNINGS);
    let shown = shown.map(|warning| format!("  {warning}"));
    let more =
        (warnings.len() > MAX_WARNINGS).then(|| format!("  and {} more, in run.json", warnings.len() - MAX_WARNINGS));
    std::iter::once(format!("warnings: {}", warnings.len())).chain(shown).chain(more).collect()
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

fn lasted(report: &Value) -> Option<Duration> {
    let instant = |name: &str| report[name].as_str()?.parse::<jiff::Timestamp>().ok();
    Duration::try_from(instant("finished_at")?.duration_since(instant("started_at")?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report() -> Value {
        json!({
            "run_id": "r1", "outcome": "succeeded", "pages": 1, "bytes": 3 << 20,
            "started_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:02:05.5Z",
            "rows": { "extracted": 251, "filtered": 1, "published": 250, "acknowledged": 250 },
            "checkpoint": { "after": { "revision": 3, "watermark": "2026-01-01T00:00:00Z" } },
            "warnings": ["a field\nis mixed"],
        })
    }

    #[test]
    fn a_run_in_lines() {
        let text = summary(&report(), Some(Path::new(".dpone/runs/r1")), Remedy::Resume, true).unwrap();
        let expected = "run r1 succeeded in 2 min 5 s: 1 page, 251 rows extracted, 1 filtered, 250 published, 250 acknowledged\n\
            speed: 2 rows/s, 3 MiB read\n\
            state: revision 3, cursor 2026-01-01T00:00:00Z\n\
            warnings: 1\n  a field\\nis mixed\n\
            artifact: .dpone/runs/r1\n\
            resume with: dpone resume r1 --policy FILE (it keeps the manifest that it was started with)";
        assert_eq!(text, expected);
    }

    #[test]
    fn markdown_is_a_heading_and_items() {
        let text = summary(&report(), None, Remedy::NewRun, false).unwrap();
        let expected = "## run r1 succeeded in 2 min 5 s\n\n\
            - **pages and rows**: 1 page, 251 rows extracted, 1 filtered, 250 published, 250 acknowledged\n\
            - **speed**: 2 rows/s, 3 MiB read\n\
            - **state**: revision 3, cursor 2026-01-01T00:00:00Z\n\
            - **warnings**: 1\n\x20 - a field\\nis mixed";
        assert_eq!(to_markdown(&text), expected);
    }

    #[test]
    fn many_warnings_are_cut_and_no_id_is_no_summary() {
        let warnings: Vec<String> = (1..=12).map(|n| format!("w{n}")).collect();
        let text = summary(&json!({ "run_id": "r", "warnings": warnings }), None, Remedy::NewRun, false).unwrap();
        assert!(
            text.contains("warnings: 12\n  w1\n") && text.ends_with("\n  w10\n  and 2 more, in run.json"),
            "{text}"
        );
        assert_eq!(summary(&json!({ "run_id": "" }), None, Remedy::NewRun, false), None);
    }
}
