//! Plays a case to a plugin, kind by kind.

mod batches;
mod extractor;
mod signer;
mod slicer;

use crate::answer::Answer;
use crate::case::Case;
use crate::error::Error;
use dpone_json::Scanner;
use dpone_model::Report;
use dpone_model::plugin::PluginKind;
use dpone_model::plugin::Usage;
use dpone_sandbox::{Loaded, Sandbox, Setup, tracing_log};
use dpone_source::SharedScanner;
use std::sync::{Arc, Mutex};

/// Where a case names no instant of its own: every trial is at the same time.
const STARTED_AT: i64 = 1_767_225_600;

/// The outcome of a case.
#[derive(Default)]
pub(crate) struct Played {
    /// As far as the plugin came.
    pub answer: Answer,
    /// Records, slices or requests.
    pub records: u64,
    pub usage: Usage,
    /// The error that ended it.
    pub ended: Option<Report>,
    pub notes: Vec<String>,
}

/// Plays the case to its end or to the first error.
pub(crate) async fn play(sandbox: &Sandbox, plugin: &Loaded, case: &Case) -> Played {
    let mut played = Played::default();
    let result = match plugin.inspection().kind {
        PluginKind::Extractor => extractor::play(sandbox, plugin, case, &mut played).await,
        PluginKind::Transform => batches::transform(sandbox, plugin, case, &mut played).await,
        PluginKind::Check => batches::check(sandbox, plugin, case, &mut played).await,
        PluginKind::Slicer => slicer::play(sandbox, plugin, case, &mut played).await,
        PluginKind::Signer => signer::play(sandbox, plugin, case, &mut played).await,
    };
    played.ended = result.err();
    played
}

fn setup(case: &Case) -> Result<Setup, Report> {
    let settings = &case.settings;
    let origin = settings.origin.clone();
    Ok(Setup {
        with: settings.options.clone(),
        records_path: settings.records_path.clone().unwrap_or_default(),
        limits: settings.limits.clone(),
        grants: settings.grants.clone(),
        files_dir: case.files()?,
        http: None,
        seed: 0,
        started_at: started_at(case),
        place: Box::new(move |option| {
            origin.place(&if option.is_empty() { "options".to_owned() } else { format!("options.{option}") })
        }),
        log: tracing_log(),
        stop: None,
    })
}

fn started_at(case: &Case) -> jiff::Timestamp {
    let fixed = || jiff::Timestamp::from_second(STARTED_AT).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    case.settings.context.started_at.unwrap_or_else(fixed)
}

fn scanner() -> SharedScanner {
    Arc::new(Mutex::new(Scanner::new()))
}

fn unwritable(cause: serde_json::Error) -> Report {
    Error::broken("expected.json", cause).into()
}
