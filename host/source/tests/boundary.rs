//! The boundary as data: rows in, rows left, watermark out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // Helpers of tests fail as tests do.

#[path = "support/rows.rs"]
mod rows;

use dpone_manifest::{Lookback, OnMissing, Order, RecordFormat};
use dpone_model::{EpochUnit, PagePlace, Report, Watermark};
use dpone_plan::Boundary;
use dpone_source::{Filtered, rescan};
use jiff::SignedDuration;
use rows::{Run, body, bounds, value};

/// `"HH:MM"` on 2026-01-01, as JSON.
fn at(time: &str) -> String {
    format!("\"2026-01-01T{time}:00Z\"")
}

/// The boundary that a run after this watermark has.
fn after(watermark: &Watermark, lookback: Option<SignedDuration>) -> Boundary {
    let lower = lookback.map_or_else(|| watermark.value.clone(), |lookback| watermark.value.minus(lookback));
    let lookback = lookback.map(Lookback::Time);
    Boundary { lower: Some(lower), known: watermark.digests.clone(), lookback, ..bounds(None, None) }
}

#[test]
fn rows_by_bounds() {
    let times =
        ["\"2026-01-01T09:00:00Z\"", "\"2026-01-01T12:00:00+02:00\"", "\"2026-01-01T11:00:00.000Z\"", "\"2026-01-01\""];
    let numbers = ["9", "1.0e1", "11", "0"];
    for (values, nine, ten, eleven) in
        [(times, "2026-01-01T09:00:00Z", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"), (numbers, "9", "10", "11.00")]
    {
        let page: Vec<(&str, u32)> = values.into_iter().zip([9, 10, 11, 0]).collect();
        for (lower, upper, left, greatest) in [
            (None, None, vec![9, 10, 11, 0], Some(eleven)),
            (Some(ten), None, vec![10, 11], Some(eleven)),
            (None, Some(ten), vec![9, 0], Some(nine)),
            (Some(ten), Some(eleven), vec![10], Some(ten)),
            (Some(eleven), Some(eleven), vec![], None),
        ] {
            let mut run = Run::new(&bounds(lower, upper), None);
            let (found, filtered) = run.page(&body(&page));
            assert_eq!(found, left, "{lower:?} {upper:?}");
            let outside = 4 - left.len() as u32;
            assert_eq!(filtered, Filtered { extracted: 4, inside: 4 - outside, outside, ..Filtered::default() });
            assert_eq!(run.watermark().map(|w| w.value), greatest.map(value), "{lower:?} {upper:?}");
        }
    }
}

#[test]
fn a_run_of_which_nothing_is_left_says_what_it_saw() {
    const OLD: &str = r#"{"n":1,"at":"2026-01-01T00:00:00Z"}"#;
    const NEW: &str = r#"{"n":2,"at":"2026-01-09T00:00:00Z"}"#;
    let (lacks, null) = (r#"{"n":3,"att":"2026-01-09T00:00:00Z"}"#, r#"{"n":4,"at":null}"#);
    let (from, before) = (bounds(Some("2026-01-05"), None), bounds(None, Some("2026-01-01")));
    let missing = |on_missing| {
        let mut boundary = from.clone();
        boundary.rules.on_missing = on_missing;
        boundary
    };
    let (keep, drop) = (missing(OnMissing::Keep), missing(OnMissing::Drop));
    let seconds = {
        let mut boundary = from.clone();
        boundary.lower = boundary.lower.and_then(|lower| lower.in_unit(EpochUnit::Millis));
        boundary.rules.record_format = Some(RecordFormat::Epoch(EpochUnit::Millis));
        boundary
    };
    // Pages, and the texts of a warning, or of an error that begins with its code.
    let cases: &[(&Boundary, &[&[&str]], &[&str])] = &[
        (&from, &[&[OLD, OLD]], &["all 2 rows", "from 2026-01-05", "`at` goes from 2026-01-01T00:00:00Z to"]),
        (&from, &[&[OLD], &[NEW]], &[]),
        (&from, &[&[]], &[]),
        (&before, &[&[OLD, NEW]], &["all 2 rows", "before 2026-01-01", "to 2026-01-09T00:00:00Z"]),
        (&seconds, &[&[r#"{"n":1,"at":1767225600}"#]], &["the only row", "goes from 1767225600 to 1767225600"]),
        (&drop, &[&[lacks], &[lacks]], &["DP0411", "2 records", "`n`, `att`", "page 1, http://own.test/, record 0"]),
        (&keep, &[&[lacks], &[lacks]], &["no record has the cursor field `at`", "2 rows", "`n`, `att`"]),
        (&drop, &[&[null, lacks]], &["all 2 records have null"]),
        (&keep, &[&[null]], &[]),
        (&drop, &[&[lacks], &[NEW]], &[]),
        (&drop, &[&[lacks], &[OLD]], &["the only row"]),
        (&Boundary::default(), &[&[lacks]], &[]),
    ];
    for (boundary, pages, texts) in cases {
        let mut run = Run::new(boundary, None);
        for page in *pages {
            run.page(format!("[{}]", page.join(",")).as_bytes());
        }
        let said = match run.filter.overview().warning(false) {
            Ok(warning) => warning.unwrap_or_default(),
            Err(error) => Report::from(error).to_string(),
        };
        assert_eq!(said.is_empty(), texts.is_empty(), "{pages:?}: {said}");
        assert!(texts.iter().all(|text| said.contains(text)), "{pages:?}: {said}");
    }
    // An earlier run's watermark proves the name.
    let mut proven = Run::new(&drop, None);
    proven.page(format!("[{lacks}]").as_bytes());
    let said = proven.filter.overview().warning(true).unwrap().unwrap();
    assert!(["`at`", "earlier runs", "`n`, `att`", "all 1 "].iter().all(|text| said.contains(text)), "{said}");
    // Slices are judged together.
    let (mut old, mut new) = (Run::new(&from, None), Run::new(&from, None));
    old.page(format!("[{OLD}]").as_bytes());
    let mut both = old.filter.overview();
    both.add(old.filter.overview());
    assert!(both.warning(false).unwrap().unwrap().contains("all 2 rows"));
    new.page(format!("[{NEW}]").as_bytes());
    both.add(new.filter.overview());
    assert_eq!(both.warning(false).unwrap(), None);
}

#[test]
fn without_a_field_every_row_is_inside() {
    let mut run = Run::new(&Boundary::default(), None);
    assert_eq!(run.rows(&[("null", 1), ("\"x\"", 2)]), [1, 2]);
    assert_eq!(run.watermark(), None);
}

#[test]
fn equal_timestamps_over_two_runs_are_neither_lost_nor_repeated() {
    let (nine, ten, eleven) = (at("09:00"), at("10:00"), at("11:00"));
    let mut first = Run::new(&bounds(None, None), None);
    assert_eq!(first.rows(&[(&nine, 1), (&ten, 2), (&ten, 3)]), [1, 2, 3]);
    let watermark = first.watermark().unwrap();
    assert_eq!((watermark.value.text(), watermark.digests.len()), ("2026-01-01T10:00:00Z", 2));

    let mut second = Run::new(&after(&watermark, None), None);
    // Row 2 and 3 again, 4 new with the same timestamp, 30 is row 3 changed.
    let (left, filtered) = second.page(&body(&[(&nine, 1), (&ten, 2), (&ten, 3), (&ten, 4), (&ten, 30)]));
    assert_eq!((left, filtered.known), (vec![4, 30], 2));
    let watermark = second.watermark().unwrap();
    assert_eq!(watermark.digests.len(), 4, "the next run must know old and new rows at the watermark");

    let mut third = Run::new(&after(&watermark, None), None);
    assert!(third.rows(&[(&ten, 2), (&ten, 3), (&ten, 4), (&ten, 30)]).is_empty());
    assert_eq!(third.watermark(), Some(watermark), "a run over known rows leaves the watermark as it is");
    assert_eq!(third.rows(&[(&eleven, 5), (&ten, 2)]), [5], "a known row is known also after all were met");
}

#[test]
fn an_empty_run_has_no_watermark_of_its_own() {
    let mut run = Run::new(&bounds(Some(&at("10:00")), None), None);
    assert_eq!((run.rows(&[(&at("09:00"), 1)]), run.watermark()), (vec![], None));
}

#[test]
fn the_watermark_does_not_depend_on_order_or_page_size() {
    let times: Vec<String> = (0..60).map(|n| at(&format!("1{}:{:02}", n % 2, n % 7))).collect();
    let rows: Vec<(&str, u32)> = times.iter().map(String::as_str).zip(0..).collect();
    let reversed: Vec<_> = rows.iter().rev().copied().collect();
    for lookback in [None, Some(SignedDuration::from_mins(3))] {
        let boundary = Boundary { lookback: lookback.map(Lookback::Time), ..bounds(None, None) };
        let watermark = |rows: &[(&str, u32)], size: usize| {
            let mut run = Run::new(&boundary, None);
            rows.chunks(size).for_each(|page| assert_eq!(run.rows(page).len(), page.len()));
            run.watermark().unwrap()
        };
        let whole = watermark(&rows, 60);
        let from = whole.value.minus(lookback.unwrap_or_default());
        let expected = times.iter().filter(|time| value(time).compare(&from) != Some(std::cmp::Ordering::Less)).count();
        assert_eq!(whole.digests.len(), expected, "{lookback:?}");
        for size in [1, 7, 59] {
            assert_eq!(watermark(&rows, size), whole, "{lookback:?} {size}");
            assert_eq!(watermark(&reversed, size), whole, "{lookback:?} {size} reversed");
        }
    }
}

#[test]
fn lookback_finds_late_rows_and_repeats_none() {
    let lookback = Some(SignedDuration::from_mins(30));
    let (early, late, ten) = (at("09:40"), at("09:45"), at("10:00"));
    let mut first = Run::new(&Boundary { lookback: lookback.map(Lookback::Time), ..bounds(None, None) }, None);
    first.rows(&[(&at("09:00"), 0), (&early, 1), (&ten, 2)]);
    let watermark = first.watermark().unwrap();
    assert_eq!(watermark.digests.len(), 2);
    let mut second = Run::new(&after(&watermark, lookback), None);
    assert_eq!(second.rows(&[(&at("09:00"), 0), (&early, 1), (&late, 9), (&ten, 2)]), [9]);
    assert_eq!(second.watermark().unwrap().digests.len(), 3);
}

#[test]
fn safety_lag_keeps_the_watermark_behind_and_repeats_none() {
    let lag = Some(SignedDuration::from_hours(1));
    let (ten, half, noon) = (at("10:00"), at("11:30"), at("12:00"));
    let mut first = Run::new(&Boundary { safety_lag: lag, ..bounds(None, None) }, None);
    assert_eq!(first.rows(&[(&ten, 1), (&half, 2), (&noon, 3)]), [1, 2, 3]);
    let watermark = first.watermark().unwrap();
    assert_eq!((watermark.value.clone(), watermark.digests.len()), (value("2026-01-01T11:00:00Z"), 2));
    let mut second = Run::new(&Boundary { safety_lag: lag, ..after(&watermark, None) }, None);
    assert_eq!(second.rows(&[(&at("11:15"), 4), (&half, 2), (&noon, 3)]), [4], "a row that came late is found");

    let mut backward = Run::new(&Boundary { safety_lag: lag, ..bounds(Some(&at("11:40")), None) }, None);
    backward.rows(&[(&noon, 1)]);
    assert_eq!(backward.watermark().unwrap().value, value(&at("11:40")), "never before the lower bound");
}

#[test]
fn sorted_apis_allow_an_early_stop() {
    let (nine, ten, eleven) = (at("09:00"), at("10:00"), at("11:00"));
    let stops = |order, rows: &[(&str, u32)]| {
        let mut run = Run::new(&bounds(Some(&at("09:30")), Some(&at("10:30"))), order);
        let stop = run.page(&body(rows)).1.stop_early;
        assert_eq!(run.filter.is_past_end(), stop);
        stop
    };
    let (up, down) = (Some(Order::Ascending), Some(Order::Descending));
    for (order, rows, expected) in [
        (down, vec![(nine.as_str(), 1), (&nine, 2)], true),
        (down, vec![(ten.as_str(), 1), (&nine, 2)], false),
        (down, vec![(eleven.as_str(), 1)], false),
        (down, vec![], false),
        (up, vec![(eleven.as_str(), 1)], true),
        (up, vec![(nine.as_str(), 1)], false),
        (up, vec![(ten.as_str(), 1), (&eleven, 2)], false),
        (None, vec![(eleven.as_str(), 1)], false),
        (None, vec![(nine.as_str(), 1)], false),
    ] {
        assert_eq!(stops(order, &rows), expected, "{order:?} {rows:?}");
    }
}

#[test]
fn a_record_without_a_usable_cursor_is_named() {
    let lower = "2026-01-01T00:00:00Z";
    for (record, code, problem) in [
        (r#"{"n":1}"#, "DP0411", "is missing"),
        (r#"{"at":null}"#, "DP0411", "is null"),
        (r#"{"at":"soon"}"#, "DP0411", "no RFC 3339 timestamp"),
        (r#"{"at":"2026-01-01T00:00:00"}"#, "DP0411", "no RFC 3339 timestamp"),
        (r#"{"at":true}"#, "DP0411", "is a boolean"),
        (r#"{"at":{}}"#, "DP0411", "is an object"),
        (r#"{"at":5}"#, "DP0411", "is a number, where"),
        (r#"{"at":"2026-01-01T00:00:00Z","\u0061t":1}"#, "DP0704", "occurs twice"),
    ] {
        let mut run = Run::new(&bounds(Some(lower), None), None);
        let body = format!(r#"[{{"at":"{lower}"}},{record}]"#).into_bytes();
        let place = PagePlace::new(7, "http://own.test/");
        let mut records = rescan(&run.scanner, &place, &body, Some("")).unwrap();
        let report = run.filter.apply(&place, &body, &mut records).expect_err(record);
        assert_eq!((report.code().id, report.place()), (code, Some(&place.record(1))), "{report}");
        assert!(report.message().contains("`at`") && report.message().contains(problem), "{report}");
    }
}

#[test]
fn the_same_pages_again_give_the_same_state() {
    let (ten, eleven) = (at("10:00"), at("11:00"));
    let pages = [body(&[(&ten, 1), (&eleven, 2)]), body(&[(&eleven, 3)])];
    let watermark = || {
        let mut run = Run::new(&bounds(None, None), None);
        pages.iter().for_each(|page| assert!(!run.page(page).0.is_empty()));
        run.watermark()
    };
    assert_eq!(watermark(), watermark());
}
