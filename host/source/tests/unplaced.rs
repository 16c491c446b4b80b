//! Rows that the watermark passes by, over several runs: dates far ahead, and no cursor value at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // Helpers of tests fail as tests do.

#[path = "support/rows.rs"]
mod rows;

use dpone_manifest::{Lookback, MaxFuture, OnMissing, Order, RecordFormat};
use dpone_model::{EpochUnit, Unplaced, Watermark};
use dpone_plan::{Boundary, CursorRules};
use dpone_source::Filtered;
use jiff::SignedDuration;
use rows::{Run, body, value};

/// State between runs.
#[derive(Default)]
struct State {
    watermark: Option<Watermark>,
    unplaced: Unplaced,
}

struct Case {
    what: &'static str,
    boundary: Boundary,
    order: Option<Order>,
    /// The run's start, its pages, the rows that it publishes, and the watermark after it.
    runs: Vec<(&'static str, Vec<Vec<(&'static str, u32)>>, Vec<u32>, &'static str)>,
}

fn field() -> Boundary {
    Boundary { field: Some("at".into()), ..Boundary::default() }
}

fn rules(change: impl FnOnce(&mut CursorRules)) -> Boundary {
    let mut boundary = field();
    change(&mut boundary.rules);
    boundary
}

impl State {
    /// One run as the host does it: the lower bound is the watermark less `lookback`.
    fn run(&mut self, case: &Case, now: &str, pages: &[Vec<(&str, u32)>]) -> (Vec<u32>, Vec<Filtered>) {
        let mut boundary = case.boundary.clone();
        if let Some(watermark) = &self.watermark {
            let lower = boundary.lookback.as_ref().map(|lookback| lookback.before(&watermark.value).unwrap());
            boundary.lower = lower.or_else(|| Some(watermark.value.clone()));
            boundary.known = watermark.digests.clone();
        }
        boundary.unplaced = self.unplaced.clone();
        let mut run = Run::at(now, &boundary, case.order);
        let (mut published, mut counts) = (Vec::new(), Vec::new());
        for page in pages {
            let (rows, filtered) = run.page(&body(page));
            assert_eq!(
                filtered.extracted,
                filtered.inside + filtered.outside + filtered.known + filtered.dropped,
                "{}",
                case.what
            );
            published.extend(rows);
            counts.push(filtered);
            if filtered.stop_early {
                break;
            }
        }
        self.watermark = run.watermark().or(self.watermark.take());
        self.unplaced = run.filter.unplaced();
        (published, counts)
    }
}

const JAN1: &str = "\"2026-01-01T00:00:00Z\"";
const JAN2: &str = "\"2026-01-02T00:00:00Z\"";
const JAN3: &str = "\"2026-01-03T00:00:00Z\"";
const JAN9: &str = "\"2026-01-09T00:00:00Z\"";
const FAR: &str = "\"2099-12-31T00:00:00+01:00\"";

fn cases() -> Vec<Case> {
    let seconds = |boundary: &mut CursorRules| boundary.record_format = Some(RecordFormat::Epoch(EpochUnit::Seconds));
    let case = |what, boundary, order, runs| Case { what, boundary, order, runs };
    let (noon, third) = ("2026-01-01T12:00:00Z", "2026-01-03T12:00:00Z");
    let plain = |order| {
        vec![
            (noon, vec![vec![(FAR, 9), (JAN1, 1)]], vec![9, 1], "2026-01-01T00:00:00Z"),
            // Known at the watermark and beyond it, and a new row between them.
            (third, vec![vec![(FAR, 9), (JAN1, 1)], vec![(JAN3, 2)]], vec![2], "2026-01-03T00:00:00Z"),
            // The row ahead has changed.
            (third, vec![vec![(FAR, 10), (JAN3, 2)]], vec![10], "2026-01-03T00:00:00Z"),
            (third, vec![vec![(FAR, 10), (FAR, 11)]], vec![11], "2026-01-03T00:00:00Z"),
        ]
        .into_iter()
        .take(if order == Some(Order::Ascending) { 1 } else { 9 })
        .collect()
    };
    vec![
        case("a row ahead", field(), None, plain(None)),
        case("first in descending order", field(), Some(Order::Descending), plain(Some(Order::Descending))),
        case("in ascending order", field(), Some(Order::Ascending), plain(Some(Order::Ascending))),
        case(
            "a page of rows ahead does not end a walk from the newest",
            Boundary { lower: Some(value("2026-01-01")), ..field() },
            Some(Order::Descending),
            vec![(noon, vec![vec![(FAR, 8), (FAR, 9)], vec![(JAN1, 1)]], vec![8, 9, 1], "2026-01-01T00:00:00Z")],
        ),
        case(
            "a row ahead becomes the past",
            field(),
            None,
            vec![
                (noon, vec![vec![(JAN9, 9), (JAN1, 1)]], vec![9, 1], "2026-01-01T00:00:00Z"),
                ("2026-01-07T00:00:00Z", vec![vec![(JAN9, 9), (JAN2, 2)]], vec![2], "2026-01-02T00:00:00Z"),
                // Within a day of the run's start: it moves the watermark, and is known all the same.
                ("2026-01-08T12:00:00Z", vec![vec![(JAN9, 9), (JAN3, 3)]], vec![3], "2026-01-09T00:00:00Z"),
                ("2026-01-10T00:00:00Z", vec![vec![(JAN9, 9), (JAN9, 10)]], vec![10], "2026-01-09T00:00:00Z"),
            ],
        ),
        case(
            "exactly max_future ahead is not beyond it",
            rules(|rules| rules.max_future = MaxFuture::Within(SignedDuration::from_hours(36))),
            None,
            vec![
                (noon, vec![vec![(JAN3, 3)]], vec![3], "2026-01-03T00:00:00Z"),
                (noon, vec![vec![("\"2026-01-03T00:00:00.000000001Z\"", 4)]], vec![4], "2026-01-03T00:00:00Z"),
            ],
        ),
        case(
            "off",
            rules(|rules| rules.max_future = MaxFuture::Off),
            None,
            vec![(noon, vec![vec![(FAR, 9), (JAN1, 1)]], vec![9, 1], "2099-12-31T00:00:00+01:00")],
        ),
        case(
            "numbers that look like times",
            field(),
            None,
            vec![
                (noon, vec![vec![("4070908800", 9), ("1767225600", 1)]], vec![9, 1], "1767225600"),
                (third, vec![vec![("4070908800", 9), ("1767225600", 1), ("1767398400", 2)]], vec![2], "1767398400"),
                (third, vec![vec![("4070908800", 9), ("4070908800", 10)]], vec![10], "1767398400"),
                (third, vec![vec![("9999999999", 11), ("4070908800", 10)]], vec![11], "1767398400"),
            ],
        ),
        case(
            "numbers where max_future is off",
            rules(|rules| rules.max_future = MaxFuture::Off),
            None,
            vec![(noon, vec![vec![("4070908800", 9), ("1767225600", 1)]], vec![9, 1], "4070908800")],
        ),
        case(
            "all rows ahead leave no watermark, and are known",
            field(),
            None,
            vec![(noon, vec![vec![(FAR, 9)]], vec![9], ""), (third, vec![vec![(FAR, 9), (JAN9, 8)]], vec![8], "")],
        ),
        case(
            "safety_lag counts from the run's start, not from the row ahead",
            Boundary { safety_lag: Some(SignedDuration::from_hours(1)), ..field() },
            None,
            vec![
                (
                    noon,
                    vec![vec![(FAR, 9), ("\"2026-01-01T11:30:00Z\"", 1), (JAN1, 0)]],
                    vec![9, 1, 0],
                    "2026-01-01T11:00:00Z",
                ),
                (
                    "2026-01-01T12:05:00Z",
                    vec![vec![(FAR, 9), ("\"2026-01-01T11:30:00Z\"", 1), ("\"2026-01-01T11:20:00Z\"", 2)]],
                    vec![2],
                    "2026-01-01T11:05:00Z",
                ),
            ],
        ),
        case(
            "lookback",
            Boundary { lookback: Some(Lookback::Time(SignedDuration::from_hours(24))), ..field() },
            None,
            vec![
                (noon, vec![vec![(JAN1, 1), (JAN2, 2), (FAR, 9)]], vec![1, 2, 9], "2026-01-02T00:00:00Z"),
                (third, vec![vec![(JAN1, 1), (JAN1, 3), (JAN2, 2), (FAR, 9)]], vec![3], "2026-01-02T00:00:00Z"),
            ],
        ),
        case(
            "a bound keeps its meaning",
            Boundary { upper: Some(value("2026-01-09T00:00:00Z")), ..field() },
            None,
            vec![(noon, vec![vec![(JAN9, 9), (FAR, 8), (JAN1, 1), (JAN3, 3)]], vec![1, 3], "2026-01-01T00:00:00Z")],
        ),
        case(
            "epoch seconds, as numbers and as text",
            rules(seconds),
            None,
            vec![
                (noon, vec![vec![("4102354800", 9), ("1767225600", 1)]], vec![9, 1], "1767225600"),
                (third, vec![vec![("4102354800", 9), ("\"1767398400\"", 3), ("1767225600", 1)]], vec![3], "1767398400"),
            ],
        ),
        case(
            "numbers without a unit know no future",
            field(),
            None,
            vec![(noon, vec![vec![("99999999999", 9), ("1", 1)]], vec![9, 1], "99999999999")],
        ),
        case(
            "rows without a cursor value are kept",
            rules(|rules| rules.on_missing = OnMissing::Keep),
            Some(Order::Descending),
            vec![
                (noon, vec![vec![("null", 5), (JAN1, 1)]], vec![5, 1], "2026-01-01T00:00:00Z"),
                // Every page is read: those without a value may be on any.
                (
                    third,
                    vec![vec![("\"2025-12-31\"", 0)], vec![("null", 5), ("null", 6)]],
                    vec![6],
                    "2026-01-01T00:00:00Z",
                ),
                (third, vec![vec![("null", 5), ("null", 6), ("null", 7)]], vec![7], "2026-01-01T00:00:00Z"),
            ],
        ),
        case(
            "rows without a cursor value are dropped",
            rules(|rules| rules.on_missing = OnMissing::Drop),
            Some(Order::Descending),
            vec![
                (noon, vec![vec![("null", 5), (JAN1, 1)]], vec![1], "2026-01-01T00:00:00Z"),
                (
                    third,
                    vec![vec![("\"2025-12-31\"", 0), ("null", 5)], vec![(JAN1, 4)]],
                    vec![],
                    "2026-01-01T00:00:00Z",
                ),
                (third, vec![vec![("null", 5), ("null", 6)], vec![(JAN2, 2)]], vec![2], "2026-01-02T00:00:00Z"),
            ],
        ),
    ]
}

#[test]
fn what_a_row_without_a_place_does_over_several_runs() {
    for case in cases() {
        let mut state = State::default();
        for (number, (now, pages, expected, watermark)) in case.runs.iter().enumerate() {
            let (published, _) = state.run(&case, now, pages);
            let what = format!("{}, run {}", case.what, number + 1);
            assert_eq!(published, *expected, "{what}");
            assert_eq!(state.watermark.as_ref().map_or("", |watermark| watermark.value.text()), *watermark, "{what}");
        }
    }
}

#[test]
fn rows_ahead_are_counted_and_the_first_and_greatest_are_named() {
    let mut run = Run::new(&field(), None);
    assert_eq!(run.filter.ahead(), None);
    let (_, filtered) = run.page(&body(&[(JAN9, 1), (FAR, 2)]));
    assert_eq!((filtered.ahead, filtered.inside), (2, 2));
    assert!(run.filter.ahead().unwrap().is_all);
    run.page(&body(&[("\"2098-01-01\"", 3), (JAN1, 4)]));
    let ahead = run.filter.ahead().unwrap();
    assert_eq!((ahead.rows, ahead.greatest.as_str(), ahead.is_all), (3, "2099-12-31T00:00:00+01:00", false));
    assert_eq!(ahead.first.to_string(), "page 1, http://own.test/, record 0");

    // A row below the bounds is no row ahead, so not all of them are.
    let mut run = Run::new(&Boundary { lower: Some(value("2026-01-01")), ..field() }, None);
    run.page(&body(&[("\"2025-01-01\"", 1), (FAR, 2)]));
    assert!(!run.filter.ahead().unwrap().is_all);
}

#[test]
fn what_has_no_room_is_counted_and_comes_again() {
    let case = |rows| Case {
        what: "bounded",
        boundary: rules(|rules| (rules.max_rows, rules.on_missing) = (3, OnMissing::Keep)),
        order: None,
        runs: vec![("2026-01-01T12:00:00Z", vec![rows], vec![], "")],
    };
    for value in [FAR, "null", JAN1] {
        let page: Vec<(&str, u32)> = (0..5).map(|n| (value, n)).collect();
        let case = case(page.clone());
        let mut state = State::default();
        for expected in [5, 2] {
            let (published, _) = state.run(&case, case.runs[0].0, std::slice::from_ref(&page));
            assert_eq!(published.len(), expected, "{value}");
            let watermark = state.watermark.as_ref();
            let kept = state.unplaced.digests.len() + watermark.map_or(0, |watermark| watermark.digests.len());
            let left_out = state.unplaced.left_out + watermark.map_or(0, |watermark| watermark.left_out);
            assert_eq!((kept, left_out), (3, 2), "{value}");
        }
    }
}

#[test]
fn a_value_that_is_not_what_the_manifest_says_is_an_error_with_its_remedy() {
    let unit = |unit| rules(|rules| rules.record_format = Some(RecordFormat::Epoch(unit)));
    let iso = Boundary { lower: Some(value("2026-01-01")), ..field() };
    let lookback = |lookback| Boundary { lookback: Some(lookback), ..field() };
    let hours = SignedDuration::from_hours(1);
    let number = dpone_model::number::ExactNumber::parse("1000").unwrap();
    let named = rules(|rules| rules.max_future = MaxFuture::Within(hours));
    let (long, long_text) = ("9".repeat(1001), format!("\"{}\"", "9".repeat(1001)));
    for (boundary, json, code, problem, hint) in [
        (field(), long.as_str(), "DP0411", "more than 1000 characters", ""),
        (unit(EpochUnit::Seconds), &long, "DP0411", "more than 1000 characters", ""),
        (unit(EpochUnit::Seconds), &long_text, "DP0411", "text that is no number", ""),
        (iso.clone(), "1767225600", "DP0430", "the bound `2026-01-01` is a time", "record_format: epoch`"),
        (iso.clone(), "1767225600000", "DP0430", "without a unit", "record_format: epoch_ms`"),
        (iso.clone(), "17", "DP0430", "without a unit", "write the bound as a number"),
        (iso.clone(), "\"1767225600\"", "DP0411", "no RFC 3339", "record_format: epoch`"),
        (Boundary { lower: Some(value("5")), ..field() }, JAN1, "DP0430", "is a time", "RFC 3339"),
        (lookback(Lookback::Time(hours)), "1767225600", "DP0430", "`lookback` is a duration", "record_format: epoch`"),
        (lookback(Lookback::Time(hours)), "17", "DP0430", "`lookback` is a duration", "`lookback` as a number"),
        (lookback(Lookback::Number(number)), JAN1, "DP0430", "`lookback: 1000` has no unit", "`1000s`"),
        (Boundary { safety_lag: Some(hours), ..field() }, "17", "DP0430", "`safety_lag` is a duration", "remove"),
        (named, "17", "DP0430", "`max_future` is a duration", "remove `max_future`"),
        (unit(EpochUnit::Seconds), "1767225600000", "DP0411", "no time before", "record_format: epoch_ms`"),
        (unit(EpochUnit::Seconds), JAN1, "DP0411", "text that is no number", "remove `record_format`"),
        (unit(EpochUnit::Seconds), "\"01\"", "DP0411", "text that is no number", "remove `record_format`"),
        (rules(|rules| rules.record_format = Some(RecordFormat::Rfc3339)), "17", "DP0411", "is a number", ""),
        (field(), "null", "DP0411", "is null", "on_missing: keep"),
        (rules(|rules| rules.on_missing = OnMissing::Drop), "\"\"", "DP0411", "no RFC 3339", ""),
    ] {
        let mut run = Run::new(&boundary, None);
        let report = run.refusal(&body(&[(json, 1)]));
        let text = report.to_string();
        assert_eq!(report.code().id, code, "{json}: {text}");
        assert!(text.contains(problem) && text.contains(hint) && text.contains("record 0"), "{json}: {text}");
    }
}

#[test]
fn numbers_look_back_by_numbers_and_epochs_by_durations() {
    let ids = Boundary {
        lookback: Some(Lookback::Number(dpone_model::number::ExactNumber::parse("10").unwrap())),
        ..field()
    };
    let millis = Boundary {
        lookback: Some(Lookback::Time(SignedDuration::from_hours(24))),
        ..rules(|rules| rules.record_format = Some(RecordFormat::Epoch(EpochUnit::Millis)))
    };
    for (boundary, [old, late, last]) in
        [(ids, ["85", "95", "100"]), (millis, ["1767000000000", "1767139300000", "1767225600000"])]
    {
        let case = Case { what: "lookback", boundary, order: None, runs: Vec::new() };
        let mut state = State::default();
        let now = "2026-01-01T12:00:00Z";
        assert_eq!(state.run(&case, now, &[vec![(old, 1), (last, 2)]]).0, [1, 2]);
        let (published, counts) = state.run(&case, now, &[vec![(old, 9), (late, 3), (last, 2)]]);
        assert_eq!((published, counts[0].outside, counts[0].known), (vec![3], 1, 1), "{last}");
        assert_eq!(state.watermark.unwrap().value.text(), last);
    }
}
