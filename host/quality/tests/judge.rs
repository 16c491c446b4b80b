//! When checks are asked, and what their verdicts do.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use async_trait::async_trait;
use dpone_manifest::{CheckUse, Grants, Limits, Origin, PluginUse, Quality, When};
use dpone_model::Report;
use dpone_model::plugin::{BatchView, Check, CheckCounts, Column, Identity, Plugin, Stage, Usage, Verdict};
use dpone_quality::Judge;
use std::sync::Arc;

/// Fails where fewer than `at_least` records passed by.
struct Counting {
    identity: Identity,
    stage: Stage,
    at_least: usize,
    seen: usize,
}

impl Plugin for Counting {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn usage(&self) -> Usage {
        Usage { calls: 1, ..Usage::default() }
    }
}

#[async_trait]
impl Check for Counting {
    fn stage(&self) -> Stage {
        self.stage
    }

    async fn observe(&mut self, batch: Arc<dyn BatchView>) -> Result<(), Report> {
        self.seen += batch.len();
        Ok(())
    }

    async fn finish(&mut self, counts: CheckCounts) -> Result<Verdict, Report> {
        let message = format!("{} of {}, acknowledged {:?}", self.seen, self.at_least, counts.acknowledged);
        Ok(Verdict { passed: self.seen >= self.at_least, message, observed: format!("{{\"seen\":{}}}", self.seen) })
    }
}

struct Page(usize);

impl BatchView for Page {
    fn page(&self) -> u64 {
        1
    }

    fn len(&self) -> usize {
        self.0
    }

    fn column(&self, _: &str) -> Result<Column, Report> {
        Ok(Column::default())
    }

    fn bytes(&self) -> Vec<u8> {
        Vec::new()
    }
}

fn check(id: &str, at_least: usize, stage: Stage, is_error: bool, when: Option<When>) -> (CheckUse, Box<dyn Check>) {
    let plugin = PluginUse {
        uses: "builtin:counting".into(),
        with: serde_json::Map::new(),
        sha256: None,
        grants: Grants::default(),
        limits: Limits::default(),
        key: "quality.checks[0]".into(),
        with_key: "quality.checks[0]".into(),
    };
    let identity = Identity { name: "counting".into(), version: "0.1.0".into(), sha256: "0123456789abcdef".into() };
    let chosen = CheckUse { id: id.into(), is_error, when, plugin };
    (chosen, Box::new(Counting { identity, stage, at_least, seen: 0 }))
}

fn quality(fail: bool, pass_empty_boundary: bool) -> Quality {
    Quality { fail, pass_empty_boundary, checks: Vec::new() }
}

fn judge(fail: bool, pass_empty: bool, checks: Vec<(CheckUse, Box<dyn Check>)>) -> Judge {
    Judge::new(&quality(fail, pass_empty), &Origin::default(), checks).unwrap()
}

const BEFORE: Stage = Stage::BeforePublish;
const AFTER: Stage = Stage::AfterDelivery;

fn counts() -> CheckCounts {
    CheckCounts { source_rows: 3, rows: 3, acknowledged: Some(3), pages: 1 }
}

#[tokio::test]
async fn each_check_is_asked_once_at_its_stage() {
    let late = Some(When::AfterDelivery);
    let checks =
        vec![check("a", 1, BEFORE, true, None), check("b", 1, AFTER, true, None), check("c", 1, BEFORE, true, late)];
    let mut judge = judge(true, false, checks);
    judge.observe(Arc::new(Page(3))).await.unwrap();
    let before = judge.before_publish(counts()).await.unwrap();
    assert_eq!(before.iter().map(|result| result.id.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(before[0].message, "3 of 1, acknowledged None");
    let after = judge.after_delivery(counts()).await.unwrap();
    assert_eq!(after.iter().map(|result| result.id.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(after[0].message, "3 of 1, acknowledged Some(3)");
    let artifact = serde_json::to_value(judge.results()).unwrap();
    assert_eq!(artifact[2]["stage"], "after_delivery");
    assert_eq!(artifact[2]["observed"]["seen"], 3);
    assert_eq!(artifact[0]["plugin"]["name"], "counting");
    assert!(judge.take_warnings().is_empty());
}

#[tokio::test]
async fn every_failed_error_is_told_and_warnings_do_not_end_the_run() {
    let checks = vec![
        check("few", 9, BEFORE, true, None),
        check("hint", 9, BEFORE, false, None),
        check("fine", 1, BEFORE, true, None),
        check("more", 5, BEFORE, true, None),
    ];
    let mut judge = judge(true, false, checks);
    judge.observe(Arc::new(Page(3))).await.unwrap();
    let report = judge.before_publish(counts()).await.unwrap_err();
    assert_eq!(report.code().id, "DP0701");
    assert_eq!(report.message(), "check few failed: 3 of 9, acknowledged None");
    assert_eq!(report.more().len(), 1);
    assert!(report.to_string().contains("plugin counting 0.1.0 (0123456789ab)"), "{report}");
    assert_eq!(judge.results().iter().map(|result| result.passed).collect::<Vec<_>>(), [false, false, true, false]);
    let warnings = judge.take_warnings();
    assert_eq!(warnings, ["check hint failed: 3 of 9, acknowledged None (its severity is warning)"]);
    assert!(judge.take_warnings().is_empty());
}

#[tokio::test]
async fn mode_warn_turns_errors_into_warnings() {
    let mut judge = judge(false, false, vec![check("few", 9, AFTER, true, None)]);
    let results = judge.after_delivery(counts()).await.unwrap();
    assert!(!results[0].passed);
    assert_eq!(results[0].severity, "error");
    assert!(judge.take_warnings()[0].ends_with("(quality.mode is warn)"));
}

#[tokio::test]
async fn an_empty_boundary_is_judged_unless_told_otherwise() {
    let empty = CheckCounts::default();
    let mut strict = judge(true, false, vec![check("few", 1, BEFORE, true, None)]);
    assert_eq!(strict.before_publish(empty).await.unwrap_err().code().id, "DP0701");
    let mut lenient = judge(true, true, vec![check("few", 1, BEFORE, true, None)]);
    assert!(lenient.before_publish(empty).await.unwrap()[0].passed);
    let mut filtered = judge(true, true, vec![check("few", 1, BEFORE, true, None)]);
    // Rows that a transform dropped are no empty boundary.
    assert!(filtered.before_publish(CheckCounts { source_rows: 5, ..empty }).await.is_err());
}

#[test]
fn a_check_that_cannot_judge_early_may_not_be_told_to() {
    let origin = Origin {
        file: "m.yaml".into(),
        positions: [("quality.checks[0].when".to_owned(), (7, 9))].into(),
        ..Origin::default()
    };
    let checks = vec![check("late", 1, AFTER, true, Some(When::BeforePublish))];
    let report = Judge::new(&quality(true, false), &origin, checks).err().unwrap();
    assert_eq!(report.code().id, "DP0110");
    assert!(report.to_string().contains("m.yaml:7:9"), "{report}");
}
