//! Which rows belong to a run, and what makes a stored cursor foreign.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

mod common;

use common::manifest;
use dpone_model::checkpoint::Watermark;
use dpone_model::{Checkpoint, CursorValue, Digests, Failure, Unplaced};
use dpone_plan::{Boundary, Window, boundary, fingerprint};

const INCREMENTAL: &str = "{ cursor_field: updated_at, start: 2026-01-01T00:00:00Z }";

fn value(text: &str) -> CursorValue {
    CursorValue::parse(text).unwrap()
}

fn checkpoint(field: &str, at: &str) -> Checkpoint {
    let digests = Digests::new([[1; 12], [2; 12]]);
    let value = value(at);
    let unplaced = Unplaced { digests: Digests::new([[3; 12]]), from: Some(value.clone()), left_out: 0 };
    let watermark = Watermark { field: field.into(), value, digests, digests_incomplete: false, left_out: 0 };
    Checkpoint { watermark: Some(watermark), unplaced, ..Checkpoint::default() }
}

fn window(from: Option<&str>, to: Option<&str>) -> Window {
    Window { from: from.map(value), to: to.map(value), max_pages: None }
}

fn bounds(boundary: &Boundary) -> (Option<&str>, Option<&str>, usize) {
    (
        boundary.lower.as_ref().map(CursorValue::text),
        boundary.upper.as_ref().map(CursorValue::text),
        boundary.known.len(),
    )
}

struct Case {
    what: &'static str,
    incremental: &'static str,
    watermark: Option<&'static str>,
    window: (Option<&'static str>, Option<&'static str>),
    lower: Option<&'static str>,
    upper: Option<&'static str>,
    known: usize,
}

#[test]
fn bounds_come_from_start_watermark_and_window() {
    let plain = INCREMENTAL;
    let case = |what, incremental, watermark, window, lower, upper, known| Case {
        what,
        incremental,
        watermark,
        window,
        lower,
        upper,
        known,
    };
    let (march, first) = (Some("2026-03-01T00:00:00Z"), Some("2026-01-01T00:00:00Z"));
    let cases = [
        case("the first run", plain, None, (None, None), first, None, 0),
        case("a later run", plain, march, (None, None), march, None, 2),
        case("no start", "{ cursor_field: updated_at }", None, (None, None), None, None, 0),
        case(
            "an end",
            "{ cursor_field: updated_at, end: 2026-02-01 }",
            None,
            (None, None),
            None,
            Some("2026-02-01"),
            0,
        ),
        case(
            "lookback",
            "{ cursor_field: updated_at, start: 2026-01-01T00:00:00Z, lookback: 1d }",
            march,
            (None, None),
            Some("2026-02-28T00:00:00Z"),
            None,
            2,
        ),
        case(
            "lookback never goes below start",
            "{ cursor_field: updated_at, start: 2026-03-01T00:00:00Z, lookback: 9d }",
            march,
            (None, None),
            march,
            None,
            2,
        ),
        case("a window", plain, march, (first, Some("2026-01-02")), first, Some("2026-01-02"), 0),
        case("an open window", plain, march, (Some("2026-02-02"), None), Some("2026-02-02"), None, 0),
        case("a window's end alone", plain, march, (None, Some("2026-04-01")), march, Some("2026-04-01"), 0),
        case("numbers", "{ cursor_field: updated_at, start: 10 }", Some("12"), (None, None), Some("12"), None, 2),
        case(
            "lookback on numbers",
            "{ cursor_field: updated_at, lookback: 1.5 }",
            Some("12"),
            (None, None),
            Some("10.5"),
            None,
            2,
        ),
        case(
            "lookback on numbers never goes below start",
            "{ cursor_field: updated_at, start: 10, lookback: 1000 }",
            Some("12"),
            (None, None),
            Some("10"),
            None,
            2,
        ),
        case(
            "timestamps in the manifest, epochs in the records",
            "{ cursor_field: updated_at, record_format: epoch, start: 2026-01-01, end: 2026-02-01T00:00:00+01:00 }",
            None,
            (None, None),
            Some("1767225600"),
            Some("1769900400"),
            0,
        ),
        case(
            "lookback on epochs",
            "{ cursor_field: updated_at, record_format: epoch_ms, start: 2026-01-01, lookback: 3d }",
            Some("1772323200000"),
            (None, None),
            Some("1772064000000"),
            None,
            2,
        ),
        case(
            "a window of epochs",
            "{ cursor_field: updated_at, record_format: epoch_us }",
            Some("1767225600000000"),
            (Some("2026-01-01T00:00:00Z"), Some("1767225600000001")),
            Some("1767225600000000"),
            Some("1767225600000001"),
            0,
        ),
        case(
            "a watermark of timestamps, where records count by now",
            "{ cursor_field: updated_at, record_format: epoch }",
            march,
            (None, None),
            Some("1772323200"),
            None,
            2,
        ),
        case(
            "a watermark behind the end",
            "{ cursor_field: updated_at, end: 2026-02-01 }",
            march,
            (None, None),
            march,
            Some("2026-02-01"),
            2,
        ),
    ];
    for case in cases {
        let manifest = manifest(&[(INCREMENTAL, case.incremental)]);
        let checkpoint = case.watermark.map(|at| checkpoint("updated_at", at));
        let planned = boundary(&manifest, checkpoint.as_ref(), &window(case.window.0, case.window.1)).unwrap();
        assert_eq!(bounds(&planned), (case.lower, case.upper, case.known), "{}", case.what);
        let is_window = case.window != (None, None);
        let knows_unplaced = case.watermark.is_some() && !is_window;
        assert_eq!(planned.unplaced.digests.len(), usize::from(knows_unplaced), "{}", case.what);
        let comparable =
            planned.unplaced.from.as_ref().zip(planned.lower.as_ref()).map(|(from, lower)| from.compare(lower));
        assert_eq!(comparable.is_some_and(|order| order.is_some()), knows_unplaced, "{}", case.what);
        assert_eq!(planned.window_override, is_window, "{}", case.what);
    }
}

#[test]
fn a_full_refresh_starts_over_each_time() {
    let manifest = manifest(&[("incremental_merge", "full_refresh")]);
    let planned = boundary(&manifest, Some(&checkpoint("updated_at", "2026-03-01")), &Window::default()).unwrap();
    assert_eq!(bounds(&planned), (Some("2026-01-01T00:00:00Z"), None, 0));
}

#[test]
fn what_cannot_be_planned_is_named() {
    let plain = manifest(&[]);
    let with = |incremental| manifest(&[(INCREMENTAL, incremental)]);
    let epoch = with("{ cursor_field: updated_at, record_format: epoch }");
    let rfc3339 = with("{ cursor_field: updated_at, record_format: rfc3339 }");
    let days = with("{ cursor_field: updated_at, lookback: 3d }");
    let bare = with("{ cursor_field: updated_at, lookback: 3 }");
    let whole = manifest(&[
        ("    incremental: { cursor_field: updated_at, start: 2026-01-01T00:00:00Z }\n", ""),
        ("incremental_merge", "full_refresh"),
    ]);
    let none = Window::default();
    let cases = [
        (boundary(&whole, None, &window(Some("2026-01-01"), None)), "DP0114"),
        (boundary(&plain, None, &window(Some("2026-02-01"), Some("2026-02-01"))), "DP0001"),
        (boundary(&plain, None, &window(Some("5"), Some("2026-02-01"))), "DP0001"),
        (boundary(&plain, Some(&checkpoint("updated_at", "7")), &none), "DP0803"),
        (boundary(&plain, Some(&checkpoint("changed", "2026-02-01")), &none), "DP0803"),
        (boundary(&epoch, Some(&checkpoint("updated_at", "1767225600000")), &none), "DP0803"),
        (boundary(&rfc3339, Some(&checkpoint("updated_at", "1767225600")), &none), "DP0803"),
        (boundary(&epoch, None, &window(Some("1767225600000"), None)), "DP0001"),
        (boundary(&rfc3339, None, &window(Some("1767225600"), None)), "DP0001"),
        (boundary(&days, Some(&checkpoint("updated_at", "1767225600")), &none), "DP0110"),
        (boundary(&bare, Some(&checkpoint("updated_at", "2026-02-01")), &none), "DP0110"),
    ];
    for (result, code) in cases {
        let error = result.unwrap_err();
        assert_eq!(error.code().id, code, "{error}");
        assert!(error.hint().is_some());
    }
    assert_eq!(boundary(&whole, None, &none).unwrap(), Boundary::default());
}

#[test]
fn a_fingerprint_changes_with_source_cursor_key_and_topic_only() {
    let url = "https://api.example.com/orders";
    let before = fingerprint(&manifest(&[]), url);
    assert_eq!(fingerprint(&manifest(&[("id }", "id, duplicate_policy: fail }")]), url), before);
    let changes = [
        (("topic: orders", "topic: other"), url, "topic: orders → other"),
        (("unique_key: id", "unique_key: [id, line]"), url, "key: id → id, line"),
        (("cursor_field: updated_at", "cursor_field: changed_at"), url, "cursor: updated_at → changed_at"),
        (
            ("name: orders", "name: same"),
            "https://b/orders",
            "source: https://api.example.com/orders → https://b/orders",
        ),
    ];
    for (edit, url, line) in changes {
        let now = fingerprint(&manifest(&[edit]), url);
        assert_ne!(now.digest, before.digest, "{line}");
        assert_eq!(now.changes_from(&before.parts), [line]);
    }
}
