//! `dpone doctor`: is this machine ready, and do a profile's services answer?

use crate::Outcome;
use crate::args::Common;
use crate::commands::connections::{first_failure, print_probes};
use crate::context;
use dpone_run::probe::doctor as diagnose;

pub async fn doctor(common: &Common) -> Outcome {
    let host = context::host(common)?;
    let builtins: Vec<(&str, &[u8])> =
        dpone_builtins::all().iter().map(|builtin| (builtin.name, builtin.bytes)).collect();
    let probes = diagnose(&host, common.profile.as_deref(), &builtins).await;
    print_probes(&probes);
    first_failure(probes)
}
