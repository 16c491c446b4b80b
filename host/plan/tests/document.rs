//! The plan of the guide's manifest as people and programs read it, and its review.
//! `UPDATE_EXPECTED=1` rewrites the expectations.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

mod common;

use common::{guide, manifest, topic};
use dpone_manifest::Manifest;
use dpone_model::plugin::{Identity, PluginKind, Stage};
use dpone_model::state::StateRow;
use dpone_model::{Checkpoint, CursorValue, Digests, Unplaced, Watermark};
use dpone_plan::{Plan, PlanInput, PluginFacts, StateFacts, TopicFacts, Window, boundary, judge_strategy, plan};
use std::path::Path;

fn plugins(manifest: &Manifest) -> Vec<PluginFacts> {
    let extractor = manifest.source.pagination.extractor.iter().map(|plugin| (plugin, PluginKind::Extractor, None));
    let checks = manifest.quality.checks.iter().map(|check| {
        let late = check.plugin.uses.ends_with("source-target-count");
        let stage = if late { Stage::AfterDelivery } else { Stage::BeforePublish };
        (&check.plugin, PluginKind::Check, Some(stage))
    });
    let facts = |(plugin, kind, stage): (&dpone_manifest::PluginUse, _, _)| PluginFacts {
        plugin: plugin.clone(),
        kind,
        identity: Identity {
            name: plugin.uses.trim_start_matches("builtin:").into(),
            version: "0.1.0".into(),
            sha256: "0123456789abcdef".repeat(4),
        },
        imports: vec!["dpone:plugin/host@0.1.0".into()],
        stage,
        signed_by: None,
    };
    extractor.chain(checks).map(facts).collect()
}

fn planned(manifest: &Manifest, window: &Window, topic: TopicFacts) -> Plan {
    planned_after(manifest, None, window, topic)
}

fn planned_after(manifest: &Manifest, row: Option<&StateRow>, window: &Window, topic: TopicFacts) -> Plan {
    let boundary = boundary(manifest, row.map(|row| &row.checkpoint), window).unwrap();
    let strategy = judge_strategy(manifest, topic.topic(), None).unwrap();
    plan(PlanInput {
        manifest,
        profile: Some("local"),
        first_request: format!("GET {}", manifest.source.url),
        substitutions: vec!["example_api: the demo API at http://127.0.0.1:8080".into()],
        boundary: &boundary,
        window,
        advances_state: false,
        state_store: "sqlite .dpone/state.db".into(),
        state: StateFacts::Known(row),
        journal_path: ".dpone/journal/api_to_kafka_example".into(),
        topic,
        strategy,
        plugins: plugins(manifest),
        lock: None,
        warnings: Vec::new(),
        tenant: None,
    })
}

fn compare(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans").join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name}");
}

#[test]
fn the_guides_plan() {
    let plan = planned(&guide(), &Window::default(), TopicFacts::Known { topic: topic("delete") });
    compare("guide.md", &plan.to_markdown());
    compare("guide.json", &plan.to_json());
    assert_eq!(Plan::from_json(plan.to_json().as_bytes()).unwrap(), plan);
}

#[test]
fn a_window_and_an_unknown_topic() {
    let from = dpone_model::CursorValue::parse("2026-02-01");
    let window = Window { from, to: None, max_pages: Some(2) };
    let unknown = TopicFacts::Unknown { cause: "no broker can be reached".into() };
    compare("window.md", &planned(&guide(), &window, unknown).to_markdown());
}

#[test]
fn staging_none_takes_the_checks_their_power() {
    let guide = guide();
    let staged = planned(&guide, &Window::default(), TopicFacts::Missing { will_be_created: true });
    let mut streaming = guide;
    streaming.source.staging = dpone_manifest::Staging::None;
    let streamed = planned(&streaming, &Window::default(), TopicFacts::Missing { will_be_created: true });
    let powers = |plan: &Plan| plan.checks.iter().map(|c| c.prevents_publication).collect::<Vec<_>>();
    assert_eq!(powers(&staged), [true, false]);
    assert_eq!(powers(&streamed), [false, false]);
    assert!(streamed.checks[0].judges.contains("can no longer prevent"));
    assert!(streamed.checks[1].judges.starts_with("after delivery"));
}

#[test]
fn the_cost_of_a_boundary_is_told() {
    let cost = |incremental: &str| {
        let manifest = manifest(&[("{ cursor_field: updated_at, start: 2026-01-01T00:00:00Z }", incremental)]);
        planned(&manifest, &Window::default(), TopicFacts::Missing { will_be_created: false }).boundary.cost
    };
    for (incremental, expected) in [
        ("{ cursor_field: t, start: 1 }", "every page is fetched"),
        ("{ cursor_field: t, start: 1, param: since }", "`since`"),
        ("{ cursor_field: t, start: 1, end: 2, param: since }", "upper bound"),
        ("{ cursor_field: t, start: 1, end: 2, param: since, end_param: until }", "`since`, `until`"),
        ("{ cursor_field: t, start: 1, order: descending }", "newest first"),
        ("{ cursor_field: t }", "no bound is set"),
    ] {
        let found = cost(incremental);
        assert!(found.contains(expected), "{incremental}: {found}");
    }
}

#[test]
fn a_review_names_what_changed_and_nothing_else() {
    let known = |policy| TopicFacts::Known { topic: topic(policy) };
    let reviewed = planned(&guide(), &Window::default(), known("compact"));
    let same = planned(&guide(), &Window { max_pages: Some(1), ..Window::default() }, known("compact"));
    assert!(reviewed.difference(&same).is_empty());
    assert_eq!(reviewed.review_digest(), same.review_digest());
    let change = |edit: &dyn Fn(&mut Plan)| {
        let mut now = reviewed.clone();
        edit(&mut now);
        assert_ne!(now.review_digest(), reviewed.review_digest());
        reviewed.difference(&now)
    };
    let digest = "f".repeat(64);
    let lines = change(&|now| now.manifest_sha256.clone_from(&digest));
    assert!(lines[0].starts_with("manifest guide.yaml: ") && lines[0].ends_with(" → ffffffffffff"), "{lines:?}");
    let lines = change(&|now| now.plugins[0].identity.sha256.clone_from(&digest));
    assert_eq!(lines, ["plugin cursor (source.options.pagination): 0123456789ab → ffffffffffff"]);
    let lines = change(&|now| drop(now.plugins.remove(1)));
    assert_eq!(lines, ["plugin min-rows (quality.checks[0]): is no longer used"]);
    let lines = change(&|now| now.target.facts = known("delete"));
    assert_eq!(lines, ["topic dwh.orders, cleanup.policy: compact → delete"]);
    let lines = change(&|now| now.target.facts = TopicFacts::Missing { will_be_created: true });
    assert_eq!(lines, ["topic dwh.orders: is gone"]);
    let lines = change(&|now| now.profile = None);
    assert_eq!(lines, ["profile: local → none"]);
}

#[test]
fn what_was_unknown_at_the_review_is_no_difference() {
    let unknown = TopicFacts::Unknown { cause: "not asked".into() };
    let reviewed = planned(&guide(), &Window::default(), unknown);
    let now = planned(&guide(), &Window::default(), TopicFacts::Known { topic: topic("compact") });
    assert!(reviewed.difference(&now).is_empty());
    assert_eq!(now.difference(&reviewed), ["topic dwh.orders: is unknown now (not asked)"]);
}

#[test]
fn a_plan_file_of_another_format_is_refused() {
    let plan = planned(&guide(), &Window::default(), TopicFacts::Missing { will_be_created: true });
    let newer = plan.to_json().replace("\"format\": 1,", "\"format\": 2,");
    for text in [newer.as_str(), "{}", "", "not json"] {
        let report = dpone_model::Report::from(Plan::from_json(text.as_bytes()).unwrap_err());
        assert_eq!((report.code().id, report.exit() as u8), ("DP0902", 32), "{text}");
    }
}

#[test]
fn rows_that_are_published_again_are_told_with_their_number() {
    let manifest = manifest(&[]);
    let row = |incomplete, left_out, unplaced| {
        let watermark = Watermark {
            field: "updated_at".into(),
            value: CursorValue::parse("2026-03-01").unwrap(),
            digests: Digests::new([[1; 12], [2; 12]]),
            digests_incomplete: incomplete,
            left_out,
        };
        let unplaced = Unplaced { digests: Digests::new([[3; 12]]), left_out: unplaced, ..Unplaced::default() };
        StateRow {
            format: 1,
            revision: 1,
            checkpoint: Checkpoint { watermark: Some(watermark), unplaced, ..Checkpoint::default() },
            fingerprint: String::new(),
            fingerprint_parts: Vec::new(),
            run_id: None,
            updated_at: None,
            lease: None,
        }
    };
    let window = Window { from: CursorValue::parse("2026-02-01"), ..Window::default() };
    for (row, window, expected) in [
        (row(false, 0, 0), Window::default(), None),
        (row(true, 40, 0), Window::default(), Some("40 rows: ")),
        (row(true, 40, 2), Window::default(), Some("42 rows: ")),
        (row(false, 0, 1), Window::default(), Some("1 row: ")),
        // State of an earlier version did not count.
        (row(true, 0, 0), Window::default(), Some("an unknown number of rows: ")),
        (row(true, 40, 0), window, None),
    ] {
        let plan = planned_after(&manifest, Some(&row), &window, TopicFacts::Missing { will_be_created: false });
        let again = plan.boundary.published_again.as_deref();
        assert_eq!(again.is_some(), expected.is_some(), "{again:?}");
        assert!(again.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{again:?}");
        assert_eq!(plan.to_markdown().contains("max_boundary_rows"), expected.is_some());
        assert_eq!(plan.boundary.known_rows, if window == Window::default() { 3 } else { 0 });
    }
}
