//! `dpone plan`: what a run would do, for review.

use crate::Outcome;
use crate::args::{Common, Format, Plan};
use crate::context;
use crate::output;
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
        Format::Json => output::json(&plan),
        Format::Text | Format::Md => output::document(&plan.to_markdown()),
    }
    Ok(Exit::Ok)
}
