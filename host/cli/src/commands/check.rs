//! `dpone check`: a manifest and its components, without any network.

use crate::Outcome;
use crate::args::{Check, Common, Format, WindowArgs};
use crate::context;
use crate::output::{self, outln};
use dpone_model::Exit;
use dpone_run::authority::Admission;
use dpone_run::plugins::Valid;

pub async fn check(common: &Common, args: Check) -> Outcome {
    let (host, request) = context::of_manifest(common, &args.demands, &args.manifest, &WindowArgs::default())?;
    let result = dpone_run::plugins::check(&host, &request).await;
    match (args.format, &result) {
        (Format::Json, Ok(valid)) => {
            let Valid { plugins, admission: Admission { lock, warnings } } = valid;
            let answer = serde_json::json!({ "valid": true, "plugins": plugins, "lock": lock, "warnings": warnings });
            output::json(&answer);
        }
        (Format::Json, Err(report)) => output::json(&serde_json::json!({ "valid": false, "error": report })),
        (_, Ok(Valid { plugins, admission })) => {
            outln!("{}: valid", args.manifest.manifest.display());
            for plugin in plugins {
                outln!("  {} {} {} ({})", plugin.kind, plugin.identity.name, plugin.identity.version, plugin.uses);
            }
            if let Some(lock) = &admission.lock {
                outln!("  as {} says", lock.file);
            }
            for warning in &admission.warnings {
                outln!("  warning: {warning}");
            }
        }
        (_, Err(_)) => {}
    }
    result.map(|_| Exit::Ok)
}
