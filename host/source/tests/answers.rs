//! Answers that end a walk, hold nothing, or are no page: what each is taken for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // Helpers of tests fail as tests do.

mod support;

use async_trait::async_trait;
use dpone_json::Scanner;
use dpone_model::plugin::{Ending, Extractor, PageView, Plugin, RecordsAt, RequestEdit, RequestValue, Step};
use dpone_model::{Report, WalkEnded, WalkEnds};
use dpone_source::{ResumeFrom, SinglePage, Walk, WalkConfig};
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{Api, Earlier, Follow, Setup, resume};

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
    warnings.extend(walk.take_warnings());
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
    // A name that is read has one reading.
    (&[(200, r#"{"items":[{"id":1}],"next":null,"next":"p1"}"#), LAST], 0, Err("DP0427")),
    (&[(200, r#"{"next":"p1","items":[{"id":1}],"next":null}"#), LAST], 0, Err("DP0427")),
    (&[(200, r#"{"items":[{"id":1}],"next":"p1","next":"p1"}"#), LAST], 0, Err("DP0427")),
    (&[FIRST, (200, r#"{"items":[{"id":1}],"next":null,"\u006eext":"p1"}"#)], 1, Err("DP0427")),
    (&[(200, r#"{"items":[],"next":null,"items":[{"id":1}]}"#)], 0, Err("DP0427")),
    (&[(200, r#"{"items":[{"id":1}],"errors":[],"errors":["x"],"next":null}"#)], 0, Err("DP0422")),
    (&[(200, r#"{"items":[],"error":null,"\u0065rror":"x","next":null}"#)], 0, Err("DP0422")),
    (&[(200, r#"{"items":[{"id":1}],"total":1,"total":2,"next":null}"#)], 1, Ok("no-next-request")),
    // Pages that hold nothing.
    (&[FIRST, (200, r#"{"items":null,"next":null}"#)], 1, Ok("no-next-request")),
    (&[FIRST, (200, r#"{"items":null,"next":"b"}"#), LAST], 2, Ok("no-next-request")),
    (&[(200, r#"{"items":null,"next":null}"#)], 0, Ok("no-next-request")),
    (&[FIRST, (200, r#"{"next":null}"#)], 1, Ok("no-next-request")),
    (&[FIRST, (200, r#"{"next":"b"}"#), LAST], 2, Ok("no-next-request")),
    (&[FIRST, (204, "")], 1, Ok("no-content")),
    (&[FIRST, (205, " \r\n")], 1, Ok("no-content")),
    (&[(204, "")], 0, Ok("no-content")),
    // A body that is missing, and not by the word of the status.
    (&[FIRST, (200, "")], 1, Err("DP0424")),
    (&[FIRST, (202, " \r\n")], 1, Err("DP0424")),
    (&[(200, "")], 0, Err("DP0424")),
    (&[(200, "\u{feff}{\"items\":[{\"id\":1}],\"next\":null}")], 1, Ok("no-next-request")),
    // A list that is missing, where nothing says that it is an empty one.
    (&[(200, "{}")], 0, Err("DP0405")),
    (&[(200, r#"{"next":null}"#)], 0, Err("DP0405")),
    (&[FIRST, (200, "{}")], 1, Err("DP0405")),
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
    (&[FIRST, (200, r#"{"items":[],"success":false,"message":"quota"}"#)], 1, Err("DP0422")),
    (&[FIRST, (200, r#"{"items":[],"errors":{"page":"too far"},"next":null}"#)], 1, Err("DP0422")),
    (&[FIRST, (200, r#"{"items":[{"id":2}],"errors":"partial","next":null}"#)], 1, Err("DP0422")),
    (&[FIRST, (200, r#"{"items":[],"status":"failed","next":null}"#)], 1, Err("DP0422")),
    (&[FIRST, (200, r#"{"items":{},"status":"error","next":null}"#)], 1, Err("DP0422")),
    (&[FIRST, (200, r#"{"items":[],"status":"ok","code":200,"message":"no results"}"#)], 1, Ok("no-next-request")),
    // The empty list of PHP; an object with content is one record.
    (&[(200, r#"{"items":{},"next":null}"#)], 0, Ok("no-next-request")),
    (&[FIRST, (200, r#"{"items":{ },"next":"b"}"#), LAST], 2, Ok("no-next-request")),
    (&[FIRST, (200, r#"{"items":{"id":2},"next":null}"#)], 2, Ok("no-next-request")),
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
async fn answers_and_how_they_are_taken() {
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
    for always in [r#"{"items":[],"success":false}"#, r#"{"items":[],"errors":"x"}"#, r#"{"items":[],"status":500}"#] {
        assert!(script(&setup, &[(200, always)]).await.result.is_ok(), "{always}");
    }

    let mut setup = Setup::new();
    setup.source.empty_where_records_are_missing = true;
    let walked = script(&setup, &[(200, r#"{"next":"a"}"#), LAST]).await;
    assert_eq!((walked.rows, walked.result.unwrap().page), (1, 2));
    assert_eq!(script(&setup, &[FIRST, (200, "{}")]).await.result.unwrap().page, 2, "every name is left out");
    let later = script(&setup, &[FIRST, (200, r#"{"state":"maintenance"}"#)]).await;
    assert_eq!(later.result.unwrap_err().code().id, "DP0405", "an earlier page had the list");
    let other = script(&setup, &[(200, r#""maintenance""#)]).await;
    assert_eq!(other.result.unwrap_err().code().id, "DP0405", "text is no page in any case");
}

#[tokio::test]
async fn a_root_that_is_an_error_is_no_row() {
    for (body, expected) in [
        (r#"[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"too many requests"}]"#, Err("DP0422")),
        (r#"[{"errorCode":"A","message":"a"},{"id":1}]"#, Ok(2)),
        (r#"[{"errorCode":"A","message":"a"},{"errorCode":"B","message":"b"}]"#, Ok(2)),
        (r#"[{"timestamp":"2026-01-01","errors":12}]"#, Ok(1)),
        (r#"[{"id":7,"type":"import","errors":3}]"#, Ok(1)),
        (r#"[{"timestamp":"2026-01-01","code":"E42","message":"disk full"}]"#, Ok(1)),
        (r#"[{"id":1,"errorCode":"A","message":"a"}]"#, Ok(1)),
        (r#"{"ok":false,"error":"ratelimited"}"#, Err("DP0422")),
        (r#"{"title":"Out of credit","status":403}"#, Err("DP0422")),
        ("{}", Ok(1)),
        ("[]", Ok(0)),
    ] {
        let setup = Setup::new();
        let api = Api::script(&[(200, body)]);
        let walked = walks(Walk::new(setup.config(&api, Box::new(SinglePage::new("")))).unwrap()).await;
        assert_eq!(walked.result.map(|_| walked.rows).map_err(|report| report.code().id), expected, "{body}");
    }
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
async fn a_list_that_lies_deeper_is_missed_at_its_own_level() {
    fn inner(_: &dyn PageView) -> Result<RecordsAt, Report> {
        Ok(RecordsAt::Path("data.items".into()))
    }
    const DEEP: (u16, &str) = (200, r#"{"data":{"items":[{"id":1}],"next_cursor":"a"},"next":"a","meta":{}}"#);
    for (last, expected) in [
        (r#"{"data":{"next_cursor":null}}"#, Ok("no-next-request")),
        (r#"{"data":{"items":[]}}"#, Ok("no-next-request")),
        (r#"{"data":{"items":null}}"#, Ok("no-next-request")),
        (r#"{"meta":{},"next":null}"#, Ok("no-next-request")),
        (r#"{"data":null}"#, Err("DP0405")),
        (r#"{"data":{}}"#, Err("DP0405")),
        (r#"{"data":[]}"#, Err("DP0405")),
        (r#"{"data":{"state":"maintenance"}}"#, Err("DP0405")),
        (r#"{"data":{"meta":{}}}"#, Err("DP0405")),
        (r#"{"data":{"error":"rate limited"}}"#, Err("DP0422")),
        (r#"{"data":{"items":[],"errors":["rate limited"]}}"#, Err("DP0422")),
    ] {
        for resumed in [false, true] {
            let setup = Setup::new();
            let answers = [DEEP, (200, last)];
            let api = Api::script(&answers[usize::from(resumed)..]);
            let config = setup.config(&api, Follow::at(inner));
            let (body, records_path) = (DEEP.1.as_bytes().to_vec(), Some("data.items"));
            // The first page with a list says enough.
            let later = Earlier { body: b"{}".to_vec(), records_path, ..Earlier::default() };
            let earlier = [Earlier { body, records_path, ..Earlier::default() }, later];
            let query = vec![("cursor".into(), RequestValue::Text("a".into()))];
            let next = Some(RequestEdit { query, ..RequestEdit::default() });
            let from = ResumeFrom { next, state: b"0".to_vec(), ..ResumeFrom::default() };
            let walk = if resumed { resume(config, &earlier, from) } else { Walk::new(config).unwrap() };
            let walked = walks(walk).await;
            let result = walked.result.as_ref().map(|ended| ended.reason.as_str()).map_err(|report| report.code().id);
            assert_eq!(result, expected, "{last} {resumed}: {walked:?}");
        }
    }
}

#[tokio::test]
async fn pages_may_rightly_be_the_same_by_the_word_of_the_manifest() {
    let mut setup = Setup::new();
    setup.source.pagination.may_repeat_pages = true;
    let again = (200, r#"{"items":[{"id":1}],"next":"b"}"#);
    assert_eq!(script(&setup, &[FIRST, again, LAST]).await.rows, 3);
}

#[tokio::test]
async fn a_short_page_in_mid_walk_is_a_warning() {
    let edit = |offset: u32, past: bool| {
        let query = vec![("offset".into(), RequestValue::Text(offset.to_string()))];
        serde_json::to_string(&RequestEdit { query, may_be_past_end: past, ..RequestEdit::default() }).unwrap()
    };
    let page = |rows: &str, next: &str| format!(r#"{{"items":[{rows}],"next":{next}}}"#);
    // How far the request moves on behind a page of one row, whether that page is short, the rows of the
    // page behind it, and whether the manifest expects short pages.
    for (offset, past, rows, expects, warns) in [
        (13, true, r#"{"id":3}"#, false, true),
        (13, true, "", false, false),
        (13, true, r#"{"id":3}"#, true, false),
        (13, false, r#"{"id":3}"#, false, false),
        (11, true, r#"{"id":3}"#, false, false),
    ] {
        let mut setup = Setup::new();
        if expects {
            let with = &mut setup.source.pagination.extractor.as_mut().unwrap().with;
            with.insert("short_page".into(), "continue".into());
        }
        let pages =
            [page(r#"{"id":1}"#, &edit(10, false)), page(r#"{"id":2}"#, &edit(offset, past)), page(rows, "null")];
        let answers: Vec<(u16, &str)> = pages.iter().map(|page| (200, page.as_str())).collect();
        let walked = script(&setup, &answers).await;
        assert!(walked.result.is_ok(), "{walked:?}");
        let said = walked.warnings.iter().any(|warning| warning.contains("page 2 holds 1 of 3 rows"));
        assert_eq!(said, warns, "{offset} {past} {rows} {expects}: {:?}", walked.warnings);
    }
}

#[tokio::test]
async fn a_resumed_walk_ends_as_it_was_judged_to() {
    let setup = Setup::new();
    let api = Api::script(&[(200, r#"{"items":[{"id":1}],"nxt":"a"}"#)]);
    let mut walk = Walk::new(setup.config(&api, Follow::items())).unwrap();
    let page = walk.next().await.unwrap().unwrap();
    assert!(walk.ended().unwrap().never_seen.is_some());
    assert_eq!(page.walk_ended.as_ref(), walk.ended());
    let walked = Earlier { request: page.request.clone(), url: page.url.clone(), ..Earlier::default() };
    let from = ResumeFrom { walk_ended: page.walk_ended.clone(), ..ResumeFrom::default() };
    let resumed = resume(setup.config(&Api::script(&[]), Follow::items()), &[walked], from);
    assert_eq!(resumed.ended(), walk.ended());

    let config = WalkConfig { max_pages: Some(1), ..setup.config(&Api::script(&[FIRST]), Follow::items()) };
    let cut_short = Walk::new(config).unwrap().next().await.unwrap().unwrap();
    assert_eq!(cut_short.walk_ended, None, "a limit may be another one then");
}

#[tokio::test]
async fn a_stored_cursor_is_never_past_the_end() {
    for (answers, cursor) in
        [(&[FIRST, SECOND, (404, "")][..], Some("a")), (&[FIRST, (404, "")], None), (&[FIRST, SECOND, LAST], Some("b"))]
    {
        let setup = Setup::new();
        let says = Box::new(Says { inner: Follow::items(), looked_at: None, may_be_past_end: true });
        let mut walk = Walk::new(setup.config(&Api::script(answers), says)).unwrap();
        while walk.next().await.unwrap().is_some() {}
        let stored = walk.response_cursor().unwrap();
        let from = stored.map(|text| ResumeFrom::response_cursor(&text).unwrap());
        let asked = from.as_ref().map(|from| match &from.next.as_ref().unwrap().query[0].1 {
            RequestValue::Text(text) => text.as_str(),
            other => panic!("{other:?}"),
        });
        assert_eq!(asked, cursor, "{answers:?}");
        let Some(from) = from else { continue };
        let api = Api::script(&[(404, "")]);
        let says = Box::new(Says { inner: Follow::items(), looked_at: None, may_be_past_end: true });
        let report = walks(resume(setup.config(&api, says), &[], from)).await.result.unwrap_err();
        assert_eq!(report.code().id, "DP0403", "a run without rows is not green");
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
        let walked = Earlier {
            request: page.request.clone(),
            url: page.url.clone(),
            records_digest: page.records_digest.filter(|_| digest),
            newly_seen: page.newly_seen.clone(),
            body: page.body.to_vec(),
            records_path: keys.then_some("items"),
        };
        let from = ResumeFrom { next: page.next.clone(), state: page.state.clone(), ..ResumeFrom::default() };
        ([walked], from)
    };
    let resumed = async |answer, (earlier, from): ([Earlier; 1], ResumeFrom)| {
        walks(resume(setup.config(&Api::script(&[answer]), Follow::items()), &earlier, from)).await
    };
    let repeated = (200, r#"{"items":[{"id":1}],"next":null}"#);
    assert_eq!(resumed(repeated, again(true, true)).await.result.unwrap_err().code().id, "DP0421");
    assert_eq!(resumed(repeated, again(true, false)).await.rows, 1);
    assert_eq!(resumed((200, r#"{"next":null}"#), again(true, true)).await.result.unwrap().never_seen, None);
    assert_eq!(resumed((200, r#"{"next":null}"#), again(false, true)).await.result.unwrap_err().code().id, "DP0405");
    assert_eq!(
        resumed((200, r#"{"total":9}"#), again(true, true)).await.result.unwrap().never_seen,
        None,
        "`next` was on page 1"
    );
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
            assert!(ended.message.contains("Invalid page."), "{ended:?}");
            let warns = walked.warnings.iter().any(|warning| warning.contains("Invalid page."));
            assert_eq!(warns, status == 400, "{:?}", walked.warnings);
        }
    }
}

#[tokio::test]
async fn what_holds_the_records_may_have_a_status_of_its_own() {
    fn lines(_: &dyn PageView) -> Result<RecordsAt, Report> {
        Ok(RecordsAt::Path("result.lines".into()))
    }
    for (body, expected) in [
        (r#"{"result":{"status":"failed","lines":[]}}"#, Ok(())),
        (r#"{"result":{"status":"failed","lines":null}}"#, Ok(())),
        (r#"{"result":{"status":"failed","message":"no key","lines":[]}}"#, Err("DP0422")),
        (r#"{"result":{"status":"failed"}}"#, Err("DP0422")),
        (r#"{"result":{"error":"no key","lines":[]}}"#, Err("DP0422")),
        (r#"{"result":{"lines":[]},"meta":{"status":"failed"}}"#, Err("DP0422")),
    ] {
        let setup = Setup::new();
        let walk = Walk::new(setup.config(&Api::script(&[(200, body)]), Follow::at(lines))).unwrap();
        assert_eq!(walks(walk).await.result.map(drop).map_err(|report| report.code().id), expected, "{body}");
    }
}

#[tokio::test]
async fn a_path_that_no_answer_ever_had_is_told_once_it_ends_the_walk() {
    /// The path looked at, those that earlier runs saw, the only answer, and the names in the place.
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
        (Some("next"), &[], r#"{"items":[]}"#, Some("keys of the root: `items`")),
        // Nobody can say what stands in a list without rows.
        (Some("items.id"), &[], r#"{"items":[ ]}"#, None),
        (Some("items.id"), &[], r#"{"items":null}"#, None),
        (Some("paging.next"), &[], r#"{"items":[{"id":1}],"paging":{}}"#, Some("keys of `paging`: none")),
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
            let api = Api::script(&[(if body.is_empty() { 204 } else { 200 }, body)]);
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

/// Earlier ends (whether the path was there, and at which page), a walk's answers, the warning's names or the
/// code where it fails.
#[tokio::test]
async fn a_path_that_every_earlier_last_page_had_is_missed() {
    type Case = (&'static [(bool, u64)], &'static [(u16, &'static str)], Option<&'static str>);
    const ROWS: (u16, &str) = (200, r#"{"items":[{"id":2}],"nxt":"b"}"#);
    const NULL: (u16, &str) = (200, r#"{"items":[{"id":2}],"next":null}"#);
    const EMPTY: (u16, &str) = (200, r#"{"items":[]}"#);
    const NAMES: Option<&str> = Some("keys of the root: `items`, `nxt`");
    const CASES: &[Case] = &[
        (&[(true, 2)], &[ROWS], NAMES),
        (&[(true, 1)], &[ROWS], NAMES),
        (&[(true, 1)], &[FIRST, ROWS], NAMES),
        (&[(true, 1)], &[NULL], None),
        // An empty page may lack what others have.
        (&[(true, 1)], &[EMPTY], None),
        (&[(true, 1)], &[FIRST, EMPTY], None),
        // The API leaves it out at the end of a walk, and some page of such a walk had it.
        (&[(false, 2)], &[ROWS], None),
        (&[(true, 1), (false, 2)], &[ROWS], None),
        // A single page without it says nothing.
        (&[(true, 1), (false, 1)], &[ROWS], NAMES),
        (&[(false, 1)], &[ROWS], None),
        (&[], &[ROWS], None),
    ];
    for (earlier, answers, names) in CASES {
        for (looked_at, fails) in [(Some("next"), false), (Some("next"), true), (None, false), (None, true)] {
            let mut walk_ends = WalkEnds::default();
            for (was_there, page) in *earlier {
                let path = Some("next".to_owned());
                let ended = WalkEnded { path, path_was_there: Some(*was_there), ..WalkEnded::new("x", *page, "") };
                walk_ends.note(&ended, false);
            }
            let mut setup = Setup::new();
            setup.source.pagination.fail_on_missing_cursor = fails;
            let says = Says { inner: Follow::items(), looked_at, may_be_past_end: false };
            let says: Box<dyn Extractor> = if looked_at.is_some() { Box::new(says) } else { Follow::items() };
            let seen_paths = BTreeSet::from(["next".to_owned()]);
            let api = Api::script(answers);
            let config = WalkConfig { seen_paths, walk_ends, ..setup.config(&api, says) };
            let walked = walks(Walk::new(config).unwrap()).await;
            match (names, fails, &walked.result) {
                (Some(names), false, Ok(ended)) => {
                    assert_eq!(ended.had_before.as_deref(), Some(*names), "{earlier:?} {answers:?}");
                    assert!(ended.warning().unwrap().contains(names), "{ended:?}");
                }
                (Some(names), true, Err(report)) => {
                    assert_eq!(report.code().id, "DP0420");
                    assert!(report.hint_text().unwrap().contains(names), "{report}");
                }
                (None, _, Ok(ended)) => assert_eq!(ended.warning(), None, "{earlier:?} {answers:?}"),
                other => panic!("{earlier:?} {answers:?} {looked_at:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_renamed_key_with_a_value_is_an_error_whatever_was_seen() {
    for (last, expected) in [
        (r#"{"items":[{"id":2}],"Next":"b"}"#, Err("DP0420")),
        (r#"{"items":[],"_next":{"after":"b"}}"#, Err("DP0420")),
        (r#"{"items":[{"id":2}],"Next":null}"#, Ok(())),
        (r#"{"items":[{"id":2}],"next":null,"Next":"b"}"#, Ok(())),
        (r#"{"items":[{"id":2}],"previous":"b"}"#, Ok(())),
    ] {
        for seen in [false, true] {
            for answers in [&[FIRST, (200, last)][..], &[(200, last)]] {
                let setup = Setup::new();
                let api = Api::script(answers);
                let says = Box::new(Says { inner: Follow::items(), looked_at: Some("next"), may_be_past_end: false });
                let seen_paths = seen.then(|| "next".to_owned()).into_iter().collect();
                let config = WalkConfig { seen_paths, ..setup.config(&api, says) };
                let result = walks(Walk::new(config).unwrap()).await.result;
                assert_eq!(result.map(drop).map_err(|report| report.code().id), expected, "{last}");
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
