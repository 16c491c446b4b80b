//! `dpone runs`: how the runs of a pipeline ended.

use crate::Outcome;
use crate::args::{Common, Format, Runs};
use crate::context;
use crate::output::{self, outln};
use crate::table::cell;
use dpone_model::{Exit, human};
use dpone_run::runs::{Past, PastRun, past};
use std::time::Duration;

pub fn runs(common: &Common, args: &Runs) -> Outcome {
    let host = context::host(common)?;
    let past = past(&host, &args.named, args.limit as usize)?;
    match args.format {
        Format::Json => output::json(&past.runs),
        Format::Text => print_text(&past),
        Format::Md => print_markdown(&past),
    }
    Ok(Exit::Ok)
}

const COLUMNS: [&str; 8] = ["run", "outcome", "started", "took", "extracted", "published", "watermark", "error"];

fn cells(run: &PastRun) -> [String; 8] {
    let number = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let text = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| cell(text));
    [
        run.run_id.to_string(),
        cell(&run.outcome),
        run.started_at.map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()),
        run.duration_ms.map_or_else(|| "-".to_owned(), |ms| human::duration(Duration::from_millis(ms))),
        number(run.rows_extracted),
        number(run.rows_published),
        text(run.watermark.as_ref()),
        text(run.error.as_ref().map(|error| &error.code)),
    ]
}

fn print_text(past: &Past) {
    note_absence(past);
    if past.runs.is_empty() {
        return;
    }
    let rows: Vec<_> = std::iter::once(COLUMNS.map(str::to_owned)).chain(past.runs.iter().map(cells)).collect();
    let widths = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    for row in &rows {
        let padded = |(column, cell): (usize, &String)| format!("{cell:<0$}", widths(column).unwrap_or_default());
        outln!("{}", row.iter().enumerate().map(padded).collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn print_markdown(past: &Past) {
    outln!("## Runs of {}", past.pipeline);
    outln!("");
    note_absence(past);
    if past.runs.is_empty() {
        return;
    }
    outln!("| {} |", COLUMNS.join(" | "));
    outln!("|{}", "---|".repeat(COLUMNS.len()));
    for run in &past.runs {
        outln!("| {} |", cells(run).map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
}

fn note_absence(past: &Past) {
    if past.artifacts_off {
        outln!("the manifest keeps no artifacts (`observability.artifacts.enabled: false`)");
    } else if past.runs.is_empty() {
        outln!("no runs");
    }
}
