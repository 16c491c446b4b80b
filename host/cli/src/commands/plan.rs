//! `dpone plan`: what a run would do, for review.

use crate::Outcome;
use crate::args::{Common, Format, Plan};
use crate::context;
use crate::output::outln;
use dpone_model::{Exit, Report, codes};

pub async fn plan(common: &Common, args: Plan) -> Outcome {
    let (host, request) = context::of_manifest(common, &args.demands, &args.manifest, &args.window)?;
    let plan = dpone_run::plan(&host, &request).await?;
    if let Some(path) = &args.out {
        let text = request.to_reviewed(&plan)?;
        std::fs::write(path, text)
            .map_err(|cause| Report::new(&codes::disk::IO, format!("{}: {cause}", path.display())))?;
    }
    match args.format {
        Format::Json => outln!("{}", serde_json::to_string_pretty(&plan).unwrap_or_default()),
        Format::Text | Format::Md => outln!("{}", plan.to_markdown()),
    }
    Ok(Exit::Ok)
}
