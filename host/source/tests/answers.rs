//! Answers that end a walk, hold nothing, or are no page: what each is taken for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // Helpers of tests fail as tests do.

mod support;

use async_trait::async_trait;
use dpone_json::Scanner;
use dpone_model::plugin::{Ending, Extractor, PageView, Plugin, RecordsAt, RequestEdit, Step};
use dpone_model::{Report, WalkEnded};
use dpone_source::{ResumeFrom, SinglePage, Walk, WalkConfig, Walked};
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{Api, Follow, Setup};

/// The outcome of a walk.
#[derive(Debug)]
struct Walks {
    rows: usize,
    pages: usize,
    result: Result<WalkEnded, Report>,
    warnings: Vec<String>,
    seen: BTreeSet<String>,
}

async fn walks(mut walk: Walk) -> Walks {
    let (mut rows, mut pages, mut warnings) = (0, 0, Vec::new());
    let result = loop {
        match walk.next().await {
            Ok(Some(page)) => {
                rows += page.records.len();
                pages += 1;
            }
            Ok(None) => break Ok(walk.ended().unwrap().clone()),
            Err(report) => break Err(report),
        }
        warnings.extend(walk.take_warnings());
    };
    Walks { rows, pages, result, warnings, seen: walk.seen_paths().clone() }
}

async fn script(setup: &Setup, answers: &[(u16, &str)]) -> Walks {
    walks(Walk::new(setup.config(&Api::script(answers), Follow::items())).unwrap()).await
}

/// The answers to one request after the other, the rows, and how the walk ends: a reason or a code.
type Row = (&'static [(u16, &'static str)], usize, Result<&'static str, &'static str>);

const FIRST: (u16, &str) = (200, r#"{"items":[{"id":1}],"next":"a","total":9}"#);
const SECOND: (u16, &str) = (200, r#"{"items":[{"id":2}],"next":"b","total":9}"#);
const LAST: (u16, &str) = (200, r#"{"items":[{"id":9}],"next":null,"total":9}"#);

const ROWS: &[Row] = &[
    (&[FIRST, LAST], 2, Ok("no-next-request")),
    // Pages that hold nothing.
    (&[FIRST, (200, r#"{"items":null,"next":null}"#)], 1, Ok("no-next-request")),
    (&[FIRST, (200, r#"{"items":null,"next":"b"}"#), LAST], 2, Ok("no-next-request")),
    (&[(200, r#"{"items":null,"next":null}"#)], 0, Ok("no-next-request")),
    (&[FIRST, (200, r#"{"next":null}"#)], 1, Ok("no-next-request")),
    (&[FIRST, (200, r#"{"next":"b"}"#), LAST], 2, Ok("no-next-request")),
    (&[FIRST, (200, "{}")], 1, Ok("no-next-request")),
    (&[FIRST, (204, "")], 1, Ok("no-content")),
    (&[FIRST, (200, "")], 1, Ok("no-content")),
    (&[FIRST, (200, " \r\n")], 1, Ok("no-content")),
    (&[(204, "")], 0, Ok("no-content")),
    (&[(200, "\u{feff}{\"items\":[{\"id\":1}],\"next\":null}")], 1, Ok("no-next-request")),
    // A list that is missing, where nothing says that it is an empty one.
    (&[(200, "{}")], 0, Err("DP0405")),
    (&[(200, r#"{"next":null}"#)], 0, Err("DP0405")),
    (&[FIRST, (200, r#"{"status":"maintenance"}"#)], 1, Err("DP0405")),
    (&[FIRST, (200, r#"{"next":null,"status":"maintenance"}"#)], 1, Err("DP0405")),
    (&[FIRST, (200, r#""maintenance""#)], 1, Err("DP0405")),
    (&[FIRST, (200, "[]")], 1, Err("DP0405")),
    (&[FIRST, (200, r#"{"items":"none"}"#)], 1, Err("DP0405")),
    // Errors with the status of success.
    (&[FIRST, (200, r#"{"items":[],"errors":[{"message":"quota"}]}"#)], 1, Err("DP0422")),
    (&[FIRST, (200, r#"{"items":[{"id":2}],"errors":[{"message":"partial"}]}"#)], 1, Err("DP0422")),
    (&[FIRST, (200, r#"{"error":"quota"}"#)], 1, Err("DP0422")),
    (&[(200, r#"{"code":429,"message":"quota"}"#)], 0, Err("DP0422")),
    (&[FIRST, (200, r#"{"items":[],"errors":[],"error":null,"next":null}"#)], 1, Ok("no-next-request")),
    (&[FIRST, (200, r#"{"items":[{"id":2}],"error":"of a row","next":null}"#)], 2, Ok("no-next-request")),
    // The same records again, under requests that differ.
    (&[FIRST, (200, r#"{"items":[{"id":1}],"next":"b","total":10}"#)], 1, Err("DP0421")),
    (&[FIRST, (200, r#"{"items":[],"next":"b"}"#), (200, r#"{"items":[{"id":1}],"next":"c"}"#)], 1, Err("DP0421")),
    (
        &[FIRST, SECOND, (200, r#"{"items":[{"id":1}],"next":"c"}"#), (200, r#"{"items":[{"id":2}],"next":"d"}"#)],
        3,
        Err("DP0421"),
    ),
    // One page may rightly hold what an earlier one held.
    (&[FIRST, SECOND, (200, r#"{"items":[{"id":1}],"next":"c"}"#), LAST], 4, Ok("no-next-request")),
];

#[tokio::test]
async fn what_an_answer_is_taken_for() {
    for (answers, rows, expected) in ROWS {
        let walked = script(&Setup::new(), answers).await;
        let result = walked.result.as_ref().map(|ended| ended.reason.as_str()).map_err(|report| report.code().id);
        assert_eq!((walked.rows, result), (*rows, *expected), "{answers:?}: {walked:?}");
        if let Ok(ended) = &walked.result {
            assert_eq!(ended.page as usize, walked.pages, "{answers:?}");
        }
    }
}

#[tokio::test]
async fn options_change_what_an_answer_is_taken_for() {
    let mut setup = Setup::new();
    setup.source.ignores_error_objects = true;
    let partial = (200, r#"{"items":[{"id":2}],"errors":[{"message":"partial"}]}"#);
    assert_eq!(script(&setup, &[partial]).await.rows, 1);

    let mut setup = Setup::new();
    setup.source.empty_where_records_are_missing = true;
    let walked = script(&setup, &[(200, r#"{"next":"a"}"#), LAST]).await;
    assert_eq!((walked.rows, walked.result.unwrap().page), (1, 2));
    let other = script(&setup, &[(200, r#""maintenance""#)]).await;
    assert_eq!(other.result.unwrap_err().code().id, "DP0405", "text is no page in any case");
}

#[tokio::test]
async fn an_error_object_is_quoted_as_far_as_values_may_be_shown() {
    let answer = [(200, r#"{"errors":[{"message":"quota of 5 reached"}]}"#)];
    let setup = Setup::new();
    let report = script(&setup, &answer).await.result.unwrap_err();
    assert!(report.message().contains("quota of 5 reached"), "{report}");
    let mut setup = Setup::new();
    let mut masking = Scanner::new();
    masking.mask_excerpts();
    setup.scanner = Arc::new(std::sync::Mutex::new(masking));
    let report = script(&setup, &answer).await.result.unwrap_err();
    assert!(!report.message().contains("quota") && report.message().contains("`errors`"), "{report}");
}

#[tokio::test]
async fn an_empty_body_with_another_status_than_204_is_told() {
    for (status, told) in [(204, 0), (205, 0), (200, 1), (202, 1)] {
        let walked = script(&Setup::new(), &[FIRST, (status, "")]).await;
        assert_eq!(walked.warnings.len(), told, "{status}: {:?}", walked.warnings);
    }
}

#[tokio::test]
async fn a_repeated_page_names_both_requests() {
    let report =
        script(&Setup::new(), &[FIRST, SECOND, (200, r#"{"items":[{"id":2}],"next":"c"}"#)]).await.result.unwrap_err();
    for text in ["page 3", "page 2", "cursor=a"] {
        assert!(report.message().contains(text), "{text}: {report}");
    }
    assert!(report.place().unwrap().to_string().contains("cursor=b"), "{report}");
}

#[tokio::test]
async fn a_resumed_walk_knows_the_pages_before_it() {
    let setup = Setup::new();
    let mut walk = Walk::new(setup.config(&Api::script(&[FIRST, SECOND]), Follow::items())).unwrap();
    let page = walk.next().await.unwrap().unwrap();
    let again = |keys: bool, digest: bool| {
        let walked = Walked {
            request: page.request.clone(),
            url: page.url.clone(),
            records_digest: page.records_digest.filter(|_| digest),
            newly_seen: page.newly_seen.clone(),
            root_keys: keys.then(|| Walked::root_keys(&page.body)),
        };
        ResumeFrom {
            earlier: vec![walked],
            next: page.next.clone(),
            state: page.state.clone(),
            ..ResumeFrom::default()
        }
    };
    let resumed = async |answer, from| {
        walks(Walk::resume(setup.config(&Api::script(&[answer]), Follow::items()), from).unwrap()).await
    };
    let repeated = (200, r#"{"items":[{"id":1}],"next":null}"#);
    assert_eq!(resumed(repeated, again(true, true)).await.result.unwrap_err().code().id, "DP0421");
    assert_eq!(resumed(repeated, again(true, false)).await.rows, 1);
    assert_eq!(resumed((200, r#"{"next":null}"#), again(true, true)).await.result.unwrap().never_seen, None);
    assert_eq!(resumed((200, r#"{"next":null}"#), again(false, true)).await.result.unwrap_err().code().id, "DP0405");
    assert_eq!(resumed((200, "{}"), again(true, true)).await.result.unwrap().never_seen, None, "`next` was on page 1");
}

/// Ends the walk as a test says, or asks for a page that may be past the end.
struct Says {
    inner: Box<dyn Extractor>,
    looked_at: Option<&'static str>,
    may_be_past_end: bool,
}

impl Plugin for Says {
    fn identity(&self) -> &dpone_model::plugin::Identity {
        self.inner.identity()
    }

    fn usage(&self) -> dpone_model::plugin::Usage {
        self.inner.usage()
    }
}

#[async_trait]
impl Extractor for Says {
    async fn start(&mut self) -> Result<Step, Report> {
        self.inner.start().await
    }

    async fn next(&mut self, page: Arc<dyn PageView>, state: &[u8]) -> Result<Step, Report> {
        if let Some(header) = self
            .looked_at
            .and_then(|label| label.strip_prefix("header ").or(label.starts_with("link ").then_some("link")))
        {
            page.header(header);
        }
        let mut step = self.inner.next(page, state).await?;
        if let Some(next) = &mut step.next {
            next.may_be_past_end = self.may_be_past_end;
        } else {
            let looked_at = self.looked_at.map(str::to_owned);
            step.ended = Some(Ending { looked_at, ..Ending::new("said", "because") });
        }
        Ok(step)
    }

    async fn ahead(&mut self, _: &[u8], _: u32) -> Result<Vec<RequestEdit>, Report> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_request_past_the_end_may_be_refused() {
    for (may_be_past_end, status, expected) in [
        (true, 404, Ok("past-end")),
        (true, 400, Ok("past-end")),
        (true, 410, Err("DP0403")),
        (true, 500, Err("DP0403")),
        (false, 404, Err("DP0403")),
        (false, 400, Err("DP0403")),
    ] {
        let setup = Setup::new();
        let api = Api::script(&[FIRST, (status, r#"{"detail":"Invalid page."}"#)]);
        let says = Box::new(Says { inner: Follow::items(), looked_at: None, may_be_past_end });
        let walked = walks(Walk::new(setup.config(&api, says)).unwrap()).await;
        let result = walked.result.as_ref().map(|ended| ended.reason.as_str()).map_err(|report| report.code().id);
        assert_eq!((walked.rows, result), (1, expected), "{may_be_past_end} {status}");
        if let Ok(ended) = &walked.result {
            assert_eq!(ended.page, 2, "the page that was not there");
        }
    }
}

#[tokio::test]
async fn a_path_that_no_answer_ever_had_is_told_once_it_ends_the_walk() {
    /// What is looked at, what earlier runs saw, the only answer, and what stands in the place.
    type Case = (Option<&'static str>, &'static [&'static str], &'static str, Option<&'static str>);
    const CASES: &[Case] = &[
        (Some("next"), &[], r#"{"items":[{"id":1}],"next":null}"#, None),
        (
            Some("next"),
            &[],
            r#"{"items":[{"id":1}],"paging":{"after":"x"}}"#,
            Some("keys of the root: `items`, `paging`"),
        ),
        (Some("next"), &["next"], r#"{"items":[{"id":1}]}"#, None),
        (Some("next"), &["other"], r#"{"items":[{"id":1}]}"#, Some("keys of the root: `items`")),
        (Some("header X-Next"), &[], r#"{"items":[{"id":1}]}"#, Some("headers here: `x-page`")),
        (Some("header x-PAGE"), &[], r#"{"items":[{"id":1}]}"#, None),
        (Some("link next"), &[], r#"{"items":[{"id":1}]}"#, Some("there is no Link header")),
        (Some("link next"), &["link next"], r#"{"items":[{"id":1}]}"#, None),
        // An extractor that looked at no path, such as one that counts.
        (None, &[], r#"{"items":[{"id":1}]}"#, None),
        // Nothing is missing of an answer that has no body.
        (Some("next"), &[], "", None),
    ];
    for (looked_at, seen, body, here) in CASES {
        for fails in [false, true] {
            let mut setup = Setup::new();
            setup.source.pagination.fail_on_missing_cursor = fails;
            let api = Api::script(&[(200, body)]);
            let says = Box::new(Says { inner: Follow::items(), looked_at: *looked_at, may_be_past_end: false });
            let seen_paths = seen.iter().map(|path| (*path).to_owned()).collect();
            let config = WalkConfig { seen_paths, ..setup.config(&api, says) };
            let walked = walks(Walk::new(config).unwrap()).await;
            match (here, fails, walked.result) {
                (Some(here), true, Err(report)) => {
                    assert_eq!((report.code().id, walked.pages), ("DP0420", 0), "nothing is handed out");
                    assert!(report.hint_text().unwrap().contains(here), "{report}");
                }
                (Some(here), false, Ok(ended)) => {
                    assert_eq!(ended.never_seen.as_deref(), Some(*here));
                    assert!(ended.warning().unwrap().contains(here), "{ended:?}");
                }
                (None, _, Ok(ended)) => assert_eq!(ended.warning(), None, "{looked_at:?} {body}"),
                other => panic!("{looked_at:?} {body}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_extractor_that_says_nothing_is_judged_by_what_it_asked_for() {
    for (answers, path) in [
        (&[FIRST, LAST][..], None),
        (&[FIRST, (200, r#"{"items":[{"id":2}]}"#)], None),
        (&[(200, r#"{"items":[{"id":1}],"nxt":"a"}"#)], Some("next")),
    ] {
        let ended = script(&Setup::new(), answers).await.result.unwrap();
        assert_eq!(ended.never_seen.and(ended.path).as_deref(), path, "{answers:?}");
    }
    let walked = script(&Setup::new(), &[FIRST, LAST]).await;
    assert!(walked.seen.contains("next"), "{:?}", walked.seen);
}

#[tokio::test]
async fn limits_and_single_requests_have_reasons_of_their_own() {
    let setup = Setup::new();
    let single =
        walks(Walk::new(setup.config(&Api::script(&[FIRST]), Box::new(SinglePage::new("items")))).unwrap()).await;
    assert_eq!(single.result.unwrap().reason, "single-request");

    let config = WalkConfig { max_pages: Some(1), ..setup.config(&Api::script(&[FIRST, LAST]), Follow::items()) };
    assert_eq!(walks(Walk::new(config).unwrap()).await.result.unwrap().reason, "max-pages-of-run");

    let mut setup = Setup::new();
    (setup.source.pagination.max_pages, setup.source.pagination.stop_at_max_pages) = (Some(1), true);
    assert_eq!(script(&setup, &[FIRST, LAST]).await.result.unwrap().reason, "max-pages");

    let setup = Setup::new();
    let mut walk = Walk::new(setup.config(&Api::script(&[FIRST, LAST]), Follow::items())).unwrap();
    walk.next().await.unwrap().unwrap();
    assert_eq!(walk.ended(), None, "it goes on");
    walk.stop(WalkEnded::new(WalkEnded::BOUNDARY, 1, "beyond"));
    assert_eq!(walks(walk).await.result.unwrap().reason, "boundary");
}

#[tokio::test]
async fn records_that_the_extractor_makes_are_judged_by_their_body_too() {
    fn none(_: &dyn PageView) -> Result<RecordsAt, Report> {
        Ok(RecordsAt::None)
    }
    fn one(_: &dyn PageView) -> Result<RecordsAt, Report> {
        Ok(RecordsAt::Bytes(b"{\"a\":1}".to_vec()))
    }
    let made = |lines: &str| Follow::at(if lines.is_empty() { none } else { one });
    for (lines, body, expected) in [
        ("x", r#"{"errors":["quota"]}"#, Err("DP0422")),
        ("x", r#"{"error":"of a row"}"#, Ok(1)),
        ("", r#"{"error":"quota"}"#, Err("DP0422")),
        ("", r#"{"rows":[]}"#, Ok(0)),
    ] {
        let setup = Setup::new();
        let walked = walks(Walk::new(setup.config(&Api::script(&[(200, body)]), made(lines))).unwrap()).await;
        let result = walked.result.map(|_| walked.rows).map_err(|report| report.code().id);
        assert_eq!(result, expected, "{lines} {body}");
    }
    let setup = Setup::new();
    let api = Api::script(&[FIRST, SECOND]);
    let walked = walks(Walk::new(setup.config(&api, made("x"))).unwrap()).await;
    assert_eq!(walked.result.unwrap_err().code().id, "DP0421", "the bytes are those of the page before");
}
