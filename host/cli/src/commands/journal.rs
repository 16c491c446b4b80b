//! `dpone journal`: what runs left on disk.

use crate::Outcome;
use crate::args::{Format, Journal};
use crate::context;
use crate::output::{self, outln};
use crate::table::{age, cell};
use dpone_journal::{Journals, PurgeFilter};
use dpone_model::human::bytes;
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
        output::json(&summaries);
        return Ok(Exit::Ok);
    }
    if summaries.is_empty() {
        outln!("no journals");
    }
    let now = jiff::Timestamp::now();
    // Slices are resumed and purged with their run, and take its room.
    for run in summaries.iter().filter(|summary| summary.run_id.part_of().is_none()) {
        let slices = summaries.iter().filter(|summary| summary.run_id.part_of().as_ref() == Some(&run.run_id));
        let size = run.bytes_on_disk + slices.map(|slice| slice.bytes_on_disk).sum::<u64>();
        outln!(
            "{}  {}  {:<11}  {:<9}  {:>7}  {} pages, {}",
            run.run_id,
            run.pipeline,
            run.outcome.name(),
            if run.resumable { "resumable" } else { "done" },
            age(now, run.started_at),
            run.pages,
            bytes(size),
        );
        if let Some(failure) = &run.progress.failure {
            outln!("    {}: {}", cell(&failure.code), cell(&failure.message));
        }
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
    outln!("purged {} journals, {} freed", purged.runs, bytes(purged.bytes));
    Ok(Exit::Ok)
}
