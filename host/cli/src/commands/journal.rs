//! `dpone journal`: what runs left on disk.

use crate::Outcome;
use crate::args::{Format, Journal};
use crate::context;
use crate::progress::bytes;
use dpone_journal::{Journals, PurgeFilter};
use dpone_model::{Exit, Report, RunId, codes};
use dpone_run::folders::Folders;

pub fn journal(args: Journal) -> Outcome {
    let folders = Folders::open(&context::workdir()?)?;
    let journals = Journals::open(folders.below("journal")?);
    match args {
        Journal::List { format } => list(&journals, format),
        Journal::Purge { run, all } => purge(&journals, run, all),
    }
}

fn list(journals: &Journals, format: Format) -> Outcome {
    let summaries = journals.list().map_err(Report::from)?;
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&summaries).unwrap_or_default());
        return Ok(Exit::Ok);
    }
    if summaries.is_empty() {
        println!("no journals");
    }
    // Slices are resumed and purged with their run.
    for summary in summaries.iter().filter(|summary| summary.run_id.part_of().is_none()) {
        println!(
            "{}  {}  {}  {} pages, {}",
            summary.run_id,
            summary.pipeline,
            if summary.resumable { "resumable" } else { "done" },
            summary.pages,
            bytes(summary.bytes_on_disk),
        );
    }
    Ok(Exit::Ok)
}

fn purge(journals: &Journals, run: Option<String>, all: bool) -> Outcome {
    let filter = match run {
        Some(run) => PurgeFilter::Run(
            RunId::parse(&run)
                .ok_or_else(|| Report::new(&codes::usage::UNKNOWN_RUN, format!("`{run}` is not a run id")))?,
        ),
        None if all => PurgeFilter::All,
        None => PurgeFilter::Expired,
    };
    let purged = journals.purge(&filter).map_err(Report::from)?;
    println!("purged {} journals, {} freed", purged.runs, bytes(purged.bytes));
    Ok(Exit::Ok)
}
