//! `dpone state`: what a pipeline remembers, and the operator's ways to change it.

use crate::Outcome;
use crate::args::{Common, Format, PluginDemands, State, StateArgs, WindowArgs};
use crate::context;
use crate::output::{self, outln};
use dpone_model::state::{HistoryEntry, StateRow};
use dpone_model::{Exit, Report, codes};
use dpone_run::state::StateAccess;
use std::io::{BufRead, IsTerminal};

pub async fn state(common: &Common, args: State) -> Outcome {
    match args {
        State::Show(args) => {
            let access = access(common, &args).await?;
            let row = access.row().await?.ok_or_else(|| no_state(&access))?;
            let slices = access.slices().await?;
            print_row(&access, &row, &slices, args.format)
        }
        State::History { state, slice, limit } => {
            let access = access(common, &state).await?;
            print_history(&access.history(slice.as_deref(), limit).await?, state.format)
        }
        State::Adopt(args) => {
            let access = access(common, &args).await?;
            let revision = access.adopt().await?;
            output::outcome(&format!("adopted: revision {revision} belongs to the manifest as it is now"));
            Ok(Exit::Ok)
        }
        State::Reset { state, yes } => {
            let access = access(common, &state).await?;
            if !yes && !confirm(&access)? {
                outln!("nothing was changed");
                return Ok(Exit::Ok);
            }
            let revision = access.reset().await?;
            let starts = "the next run starts at the manifest's `start`";
            output::outcome(&format!("reset: revision {revision} holds no cursor; {starts}"));
            Ok(Exit::Ok)
        }
    }
}

async fn access(common: &Common, args: &StateArgs) -> Result<StateAccess, Report> {
    let (host, request) =
        context::of_manifest(common, &PluginDemands::default(), &args.manifest, &WindowArgs::default())?;
    StateAccess::open(&host, &request).await
}

fn no_state(access: &StateAccess) -> Report {
    Report::new(&codes::state::NO_STATE, format!("no state of {} in {}", access.pipeline(), access.store()))
        .hint("the first completed run writes it")
}

fn print_row(access: &StateAccess, row: &StateRow, slices: &[(String, StateRow)], format: Format) -> Outcome {
    if format == Format::Json {
        let mut shown = serde_json::to_value(row).unwrap_or_default();
        if let Some(fields) = shown.as_object_mut().filter(|_| !slices.is_empty()) {
            let slices: serde_json::Map<String, serde_json::Value> =
                slices.iter().map(|(id, row)| (id.clone(), serde_json::json!(row))).collect();
            fields.insert("slices".to_owned(), slices.into());
        }
        output::json(&shown);
        return Ok(Exit::Ok);
    }
    outln!("pipeline   {}", access.pipeline());
    outln!("store      {}", access.store());
    outln!("revision   {}", row.revision);
    if let Some(watermark) = &row.checkpoint.watermark {
        outln!("watermark  {} = {} ({} rows at it)", watermark.field, watermark.value, watermark.digests.len());
    }
    if let Some(cursor) = &row.checkpoint.response_cursor {
        outln!("cursor     {cursor}");
    }
    if let Some(run) = &row.run_id {
        outln!("written    by {run} at {}", row.updated_at.map_or_else(String::new, |time| time.to_string()));
    }
    if let Some(lease) = &row.lease {
        outln!("lease      {} on {} (pid {}) until {}", lease.run_id, lease.host, lease.pid, lease.expires_at);
    }
    outln!("fields     {}", row.checkpoint.schema.fields.len());
    for (name, field) in &row.checkpoint.schema.fields {
        outln!("  {name}: {}{}", field.logical.name(), if field.nullable { ", nullable" } else { "" });
    }
    const SHOWN: usize = 20;
    if slices.len() > SHOWN {
        outln!("slices     {}, the last {SHOWN} of which are; --format json shows all", slices.len());
    }
    for (id, row) in slices.iter().skip(slices.len().saturating_sub(SHOWN)) {
        let watermark = row.checkpoint.watermark.as_ref().map_or("none", |watermark| watermark.value.text());
        outln!("slice      {id}  revision {}, watermark {watermark}", row.revision);
    }
    Ok(Exit::Ok)
}

fn print_history(entries: &[HistoryEntry], format: Format) -> Outcome {
    if format == Format::Json {
        output::json(&entries);
        return Ok(Exit::Ok);
    }
    if entries.is_empty() {
        outln!("no revisions");
    }
    for entry in entries {
        let watermark = entry.checkpoint.watermark.as_ref().map_or("none", |watermark| watermark.value.text());
        outln!("{:>5}  {}  {:<6} {}  {watermark}", entry.revision, entry.written_at, entry.reason, entry.run_id);
    }
    Ok(Exit::Ok)
}

fn confirm(access: &StateAccess) -> Result<bool, Report> {
    if !std::io::stdin().is_terminal() {
        return Err(Report::new(&codes::usage::USAGE, "state reset needs --yes where nobody can be asked"));
    }
    output::ask(&format!("Forget the cursor of {} in {}? [y/N] ", access.pipeline(), access.store()));
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|cause| Report::new(&codes::disk::IO, format!("the terminal: {cause}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
