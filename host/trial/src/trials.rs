//! Runs cases one after another and judges each.

use crate::answer;
use crate::case::{self, Case};
use crate::compare::differences;
use crate::error::Error;
use crate::play::{self, Played};
use cap_std::fs::Dir;
use dpone_model::plugin::PluginKind;
use dpone_model::plugin::Usage;
use dpone_model::{Report, codes};
use dpone_sandbox::{Loaded, Sandbox};
use serde::Serialize;
use serde_json::json;

/// A plugin and its cases.
pub struct Trials {
    sandbox: Sandbox,
    plugin: Loaded,
    cases: Dir,
    shown: String,
}

/// How a case went.
#[derive(Debug, Clone, Serialize)]
pub struct Tried {
    pub name: String,
    pub passed: bool,
    /// Its `expected.json` was written anew.
    pub updated: bool,
    /// Why it failed, a line each.
    pub problems: Vec<String>,
    /// Notes that are worth knowing but no failure.
    pub notes: Vec<String>,
    #[serde(flatten)]
    pub used: Used,
}

/// The cost of a case.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Used {
    pub pages: u64,
    /// Records; slices of a slicer, requests of a signer.
    pub records: u64,
    /// wasmtime's fuel over all calls but `configure`.
    pub fuel: u64,
    pub fuel_per_record: u64,
    pub peak_memory_bytes: u64,
    pub time_us: u64,
}

impl Used {
    fn new(usage: Usage, pages: u64, records: u64) -> Self {
        let fuel = usage.fuel.unwrap_or_default();
        Self {
            pages,
            records,
            fuel,
            fuel_per_record: fuel.div_ceil(records.max(1)),
            peak_memory_bytes: usage.peak_memory_bytes,
            time_us: usage.time_us,
        }
    }
}

impl Trials {
    /// `cases` is the folder with the cases, `shown` its path in messages. The sandbox has to count
    /// fuel, and to be the one that has loaded the plugin.
    pub fn new(sandbox: Sandbox, plugin: Loaded, cases: Dir, shown: &str) -> Self {
        Self { sandbox, plugin, cases, shown: shown.to_owned() }
    }

    pub fn kind(&self) -> PluginKind {
        self.plugin.inspection().kind
    }

    /// Names of the cases that contain `filter`; that there is none is an error.
    pub fn names(&self, filter: Option<&str>) -> Result<Vec<String>, Report> {
        Ok(case::names(&self.cases, &self.shown, filter)?)
    }

    /// Runs one case. An error is one of the case's files; what the plugin does wrong is told by
    /// [`Tried`].
    pub async fn run(&self, name: &str, update: bool) -> Result<Tried, Report> {
        let case = Case::read(&self.cases, &self.shown, name)?;
        let Played { mut answer, records, usage, ended, mut notes } =
            play::play(&self.sandbox, &self.plugin, &case).await;
        let used = Used::new(usage, answer.pages.len() as u64, records);
        let mut problems = judge_error(&case, ended.as_ref());
        if let Some(report) = &ended {
            answer.error = Some(error_text(report)?);
        }
        let is_recordable = problems.is_empty();
        problems.extend(judge_bounds(&case, used));
        let mut updated = false;
        match &case.expected {
            // An error that nobody expects is never taken for an answer.
            _ if update && is_recordable => {
                let changed = case.expected.as_ref().is_none_or(|e| !differences(e, &answer).is_empty());
                if changed {
                    case.update(&answer)?;
                }
                updated = changed;
            }
            Some(expected) if is_recordable => problems.extend(differences(expected, &answer)),
            Some(_) => {}
            None if is_recordable => {
                problems.push("it has no expected.json; write one with `dpone plugin test --update`".to_owned());
            }
            None => {}
        }
        if update && !is_recordable {
            notes.push(
                "expected.json was left as it is: an error is recorded only where `expect_error` names it".into(),
            );
        }
        Ok(Tried { name: case.name, passed: problems.is_empty(), updated, problems, notes, used })
    }
}

/// The error as it stands in `expected.json`: without the digest and the places, which change with
/// every build.
fn error_text(report: &Report) -> Result<Box<serde_json::value::RawValue>, Error> {
    let error = json!({ "code": report.code().id, "message": report.message() });
    answer::text(&error).map_err(|cause| Error::broken("expected.json", cause))
}

fn judge_error(case: &Case, ended: Option<&Report>) -> Vec<String> {
    match (&case.settings.expect_error, ended) {
        (None, None) => Vec::new(),
        (None, Some(report)) => vec![format!("it ended with an error\n{report}")],
        (Some(expected), None) => vec![format!("it was to end with the error `{expected}`, and ended well")],
        (Some(expected), Some(report)) if is_code(expected, report) => Vec::new(),
        (Some(expected), Some(report)) => {
            vec![format!("it was to end with the error `{expected}`, and ended with another\n{report}")]
        }
    }
}

/// A code of the host, or of the plugin, whose own code opens the message of its refusal.
fn is_code(expected: &str, report: &Report) -> bool {
    let is_hosts = report.code().id.eq_ignore_ascii_case(expected);
    let message = report.message();
    let own = match message.strip_prefix("page ").and_then(|rest| rest.split_once(": ")) {
        Some((number, rest)) if number.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => message,
    };
    let is_plugins = report.code() == &codes::plugin::PLUGIN_ERROR
        && own.strip_prefix(expected).is_some_and(|rest| rest.starts_with(':'));
    is_hosts || is_plugins
}

fn judge_bounds(case: &Case, used: Used) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(max) = case.settings.max_fuel_per_record.filter(|max| used.fuel_per_record > *max) {
        problems
            .push(format!("it used {} fuel a record, more than max_fuel_per_record of {max}", used.fuel_per_record));
    }
    if let Some(max) = case.settings.max_memory.filter(|max| used.peak_memory_bytes > *max) {
        problems.push(format!("it used {} bytes of memory, more than max_memory of {max}", used.peak_memory_bytes));
    }
    problems
}
