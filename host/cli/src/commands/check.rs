//! `dpone check`: a manifest and its components, without any network.

use crate::Outcome;
use crate::args::{Check, Common, Format, WindowArgs};
use crate::context;
use dpone_model::Exit;

pub async fn check(common: &Common, args: Check) -> Outcome {
    let host = context::host(common)?;
    let request = context::request(common, &args.manifest, &WindowArgs::default());
    let result = dpone_run::plugins::check(&host, &request).await;
    match (args.format, &result) {
        (Format::Json, Ok(plugins)) => {
            println!("{:#}", serde_json::json!({ "valid": true, "plugins": plugins }));
        }
        (Format::Json, Err(report)) => println!("{:#}", serde_json::json!({ "valid": false, "error": report })),
        (_, Ok(plugins)) => {
            println!("{}: valid", args.manifest.manifest.display());
            for plugin in plugins {
                println!("  {} {} {} ({})", plugin.kind, plugin.identity.name, plugin.identity.version, plugin.uses);
            }
        }
        (_, Err(_)) => {}
    }
    result.map(|_| Exit::Ok)
}
