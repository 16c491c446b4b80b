//! Shows pages to the checks and asks for their verdicts at the right moment.

use crate::error::Error;
use dpone_manifest::{CheckUse, Origin, Quality, When};
use dpone_model::Report;
use dpone_model::plugin::{BatchView, Check, CheckCounts, Identity, Stage, Usage, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// One check's outcome, as `quality.json` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    pub id: String,
    pub plugin: Identity,
    pub stage: Stage,
    /// `error` or `warning`.
    pub severity: String,
    pub passed: bool,
    /// The check's own words.
    pub message: String,
    /// The measurement, as the check gave it.
    pub observed: Value,
}

/// The checks of a run.
pub struct Judge {
    checks: Vec<Judged>,
    /// `quality.mode: fail`.
    fail: bool,
    pass_empty_boundary: bool,
    results: Vec<CheckResult>,
    warnings: Vec<String>,
}

struct Judged {
    id: String,
    is_error: bool,
    stage: Stage,
    check: Box<dyn Check>,
}

impl Judge {
    /// A check judges before publication if it can, unless `when` puts it off. `when:
    /// before_publish` on a check that cannot is DP0110.
    pub fn new(quality: &Quality, origin: &Origin, checks: Vec<(CheckUse, Box<dyn Check>)>) -> Result<Self, Report> {
        let mut problems = Vec::new();
        let mut judged = Vec::with_capacity(checks.len());
        for (chosen, check) in checks {
            let stage = match (chosen.when, check.stage()) {
                (Some(When::BeforePublish), Stage::AfterDelivery) => {
                    let place = origin.place(&format!("{}.when", chosen.plugin.key));
                    problems.push(Error::CannotJudgeBefore { id: chosen.id.clone(), place }.into());
                    Stage::AfterDelivery
                }
                (Some(When::AfterDelivery), _) => Stage::AfterDelivery,
                (_, stage) => stage,
            };
            judged.push(Judged { id: chosen.id, is_error: chosen.is_error, stage, check });
        }
        Report::all(problems).map_or(Ok(()), Err)?;
        Ok(Self {
            checks: judged,
            fail: quality.fail,
            pass_empty_boundary: quality.pass_empty_boundary,
            results: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// Shows a page to every check.
    pub async fn observe(&mut self, batch: Arc<dyn BatchView>) -> Result<(), Report> {
        for judged in &mut self.checks {
            judged.check.observe(batch.clone()).await?;
        }
        Ok(())
    }

    /// Asks the checks that can prevent publication. DP0701 if one of them says no and its severity
    /// and the mode make that an error; every check is asked first, so that all failures are told.
    pub async fn before_publish(&mut self, counts: CheckCounts) -> Result<Vec<CheckResult>, Report> {
        self.judge(Stage::BeforePublish, CheckCounts { acknowledged: None, ..counts }).await
    }

    /// Asks the checks that need what the broker acknowledged.
    pub async fn after_delivery(&mut self, counts: CheckCounts) -> Result<Vec<CheckResult>, Report> {
        self.judge(Stage::AfterDelivery, counts).await
    }

    /// Every verdict so far, failed ones included.
    pub fn results(&self) -> &[CheckResult] {
        &self.results
    }

    /// Failures that do not end the run, one line each; each is given once.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Id and stage of each check, in the manifest's order.
    pub fn stages(&self) -> Vec<(String, Stage)> {
        self.checks.iter().map(|judged| (judged.id.clone(), judged.stage)).collect()
    }

    /// The cost of each check's plugin, by the check's id.
    pub fn usage(&self) -> Vec<(String, Identity, Usage)> {
        let one = |judged: &Judged| (judged.id.clone(), judged.check.identity().clone(), judged.check.usage());
        self.checks.iter().map(one).collect()
    }

    async fn judge(&mut self, stage: Stage, counts: CheckCounts) -> Result<Vec<CheckResult>, Report> {
        let from = self.results.len();
        let mut failures = Vec::new();
        for judged in self.checks.iter_mut().filter(|judged| judged.stage == stage) {
            let verdict = if self.pass_empty_boundary && counts.source_rows == 0 {
                empty_boundary()
            } else {
                judged.check.finish(counts).await?
            };
            let result = judged.result(verdict);
            if !result.passed && judged.is_error && self.fail {
                failures.push(judged.failure(&result.message, counts).into());
            } else if !result.passed {
                let failed = judged.failure(&result.message, counts);
                let why = if judged.is_error { "quality.mode is warn" } else { "its severity is warning" };
                self.warnings.push(format!("{failed} ({why})"));
            }
            self.results.push(result);
        }
        match Report::all(failures) {
            Some(report) => Err(report),
            None => Ok(self.results.get(from..).unwrap_or_default().to_vec()),
        }
    }
}

impl Judged {
    fn result(&self, verdict: Verdict) -> CheckResult {
        // A check writes its measurement as JSON; what is none is kept as the text that it is.
        let observed = serde_json::from_str(&verdict.observed).unwrap_or(Value::String(verdict.observed));
        CheckResult {
            id: self.id.clone(),
            plugin: self.check.identity().clone(),
            stage: self.stage,
            severity: if self.is_error { "error" } else { "warning" }.to_owned(),
            passed: verdict.passed,
            message: verdict.message,
            observed,
        }
    }

    fn failure(&self, message: &str, counts: CheckCounts) -> Error {
        let place = self.check.identity().place();
        let is_boundary_empty = counts.source_rows == 0;
        Error::CheckFailed { id: self.id.clone(), message: message.to_owned(), place, is_boundary_empty }
    }
}

fn empty_boundary() -> Verdict {
    let message = "passed unasked: the boundary is empty and quality.on_empty_boundary is pass".to_owned();
    Verdict { passed: true, message, observed: "null".to_owned() }
}
