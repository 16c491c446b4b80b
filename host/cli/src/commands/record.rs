//! `dpone record`: a run's pages as a recorded case.

use crate::Outcome;
use crate::args::{Common, Record};
use crate::context;
use crate::output::outln;
use dpone_model::{Exit, Report, RunId, codes};

pub async fn record(common: &Common, args: Record) -> Outcome {
    let host = context::host(common)?;
    let run_id = RunId::parse(&args.run)
        .ok_or_else(|| Report::new(&codes::usage::UNKNOWN_RUN, format!("`{}` is not a run id", args.run)))?;
    let out = args.out.unwrap_or_else(|| format!("cases/{run_id}").into());
    let recorded = dpone_run::record::record(&host, &run_id, common.profile.as_deref(), &out, args.pages).await?;
    outln!("{}: {} pages, {} records", recorded.folder.display(), recorded.pages, recorded.records);
    recorded.notes.iter().for_each(|note| outln!("note: {note}"));
    Ok(Exit::Ok)
}
