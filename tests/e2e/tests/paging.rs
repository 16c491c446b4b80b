//! How walks over an API's pages go on and end: what the API answers beside the rows that are loaded,
//! the exit code, and the reason that the run gives.
//!
//! Every case runs the real binary against a scripted API; the rows are read back from the topic.

use dpone_harness::{Answer, Asked, Ran, ScriptedServer, Stand, Workspace};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The API's answer to its `n`th request, from 0.
type Script = fn(&Asked, usize) -> Answer;

struct Case {
    name: &'static str,
    pagination: &'static str,
    /// Further keys of `source.options`.
    options: &'static str,
    api: Script,
    /// Ids of the rows in the topic, or how the run fails.
    result: Result<Vec<u64>, Fails>,
    /// `walk.ended.reason` of a run that succeeds.
    reason: &'static str,
    /// Requests that the API gets.
    requests: usize,
    /// Texts that the terminal shows: of the error, or of the summary.
    says: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Fails {
    exit: i32,
    code: &'static str,
}

const fn source(code: &'static str) -> Result<Vec<u64>, Fails> {
    Err(Fails { exit: 20, code })
}

fn rows(ids: impl IntoIterator<Item = u64>) -> Result<Vec<u64>, Fails> {
    Ok(ids.into_iter().collect())
}

/// A query parameter's value.
fn query(asked: &Asked, name: &str) -> Option<String> {
    let (_, query) = asked.target.split_once('?')?;
    let pair = query.split('&').find_map(|pair| pair.split_once('=').filter(|(found, _)| *found == name));
    pair.map(|(_, value)| value.to_owned())
}

fn number(asked: &Asked, name: &str) -> u64 {
    query(asked, name).and_then(|value| value.parse().ok()).unwrap_or_default()
}

/// A page of these rows, and further members of its root.
fn page(ids: impl IntoIterator<Item = u64>, rest: &str) -> Answer {
    let items: Vec<String> = ids.into_iter().map(|id| format!("{{\"id\":{id}}}")).collect();
    let rest = if rest.is_empty() { String::new() } else { format!(",{rest}") };
    Answer::ok(format!("{{\"items\":[{}]{rest}}}", items.join(",")))
}

/// Rows `offset..` of `all`, at most `size`.
fn slice_of(all: u64, offset: u64, size: u64) -> impl Iterator<Item = u64> {
    offset..(offset + size).min(all).max(offset)
}

const CURSOR: &str = "{ type: cursor, cursor_path: paging.next }";
const OFFSET: &str = "{ type: offset, limit: 10 }";
const PAGE: &str = "{ type: page, page_size: 10, page_size_param: size }";

/// A cursor walk of three rows whose last page is `last`.
fn cursor_with_last(n: usize, last: &str) -> Answer {
    match n {
        0 => page([1, 2], r#""paging":{"next":"b"}"#),
        1 => page([3], &format!("\"paging\":{last}")),
        _ => Answer::status(500),
    }
}

fn case(name: &'static str, pagination: &'static str, api: Script, result: Result<Vec<u64>, Fails>) -> Case {
    Case { name, pagination, options: "", api, result, reason: "", requests: 0, says: &[] }
}

impl Case {
    fn ends(self, reason: &'static str, requests: usize) -> Self {
        Self { reason, requests, ..self }
    }

    fn says(self, says: &'static [&'static str]) -> Self {
        Self { says, ..self }
    }

    fn options(self, options: &'static str) -> Self {
        Self { options, ..self }
    }
}

/// A2: why a walk by cursor, URL or link ends, and paths that are not the API's.
fn reasons() -> Vec<Case> {
    let three = || rows([1, 2, 3]);
    vec![
        case("cursor null", CURSOR, |_, n| cursor_with_last(n, r#"{"next":null}"#), three())
            .ends("cursor-null", 2)
            .says(&["walk ended: cursor-null at page 2: `paging.next` is null"]),
        case("cursor false", CURSOR, |_, n| cursor_with_last(n, r#"{"next":false}"#), three()).ends("cursor-false", 2),
        case("cursor zero", CURSOR, |_, n| cursor_with_last(n, r#"{"next":0}"#), three()).ends("cursor-zero", 2),
        case("cursor empty", CURSOR, |_, n| cursor_with_last(n, r#"{"next":""}"#), three()).ends("cursor-empty", 2),
        case("cursor missing", CURSOR, |_, n| cursor_with_last(n, "{}"), three()).ends("cursor-missing", 2),
        case("a cursor that is true", CURSOR, |_, n| cursor_with_last(n, r#"{"next":true}"#), source("DP0423"))
            .says(&["cursor-kind", "page 2"]),
        case("a cursor that is an object", CURSOR, |_, n| cursor_with_last(n, r#"{"next":{}}"#), source("DP0423")),
        case(
            "next URL",
            "{ type: next_url, next_url_path: next }",
            |_, n| page([n as u64], if n == 0 { r#""next":"?p=2""# } else { r#""next":false"# }),
            rows([0, 1]),
        )
        .ends("next-url-false", 2),
        case(
            "a next URL that is a list",
            "{ type: next_url, next_url_path: next }",
            |_, _| page([1], r#""next":[]"#),
            source("DP0423"),
        )
        .says(&["next-url-kind"]),
        case(
            "link",
            "{ type: link_header }",
            |_, n| match n {
                0 => page([1], "").header("Link", "</rows?p=2>; rel=next"),
                _ => page([2], "").header("Link", "</rows?p=1>; rel=prev"),
            },
            rows([1, 2]),
        )
        .ends("link-missing", 2),
        case("no pagination", "{ type: none }", |_, _| page([1], ""), rows([1])).ends("single-request", 1),
        case(
            "max_pages",
            "{ type: page, max_pages: 2, on_max_pages: stop }",
            |_, n| page([n as u64], ""),
            rows([0, 1]),
        )
        .ends("max-pages", 2),
        // Paths that no answer has: a warning with the keys that are there, or an error.
        case(
            "a misspelt cursor path",
            "{ type: cursor, cursor_path: pagination.next }",
            |_, n| cursor_with_last(n, "null"),
            rows([1, 2]),
        )
        .ends("cursor-missing", 1)
        .says(&[
            "no answer of this pipeline ever had",
            "`pagination.next`",
            "`items`, `paging`",
            "on_missing_cursor: fail",
        ]),
        case(
            "a misspelt cursor path that fails",
            "{ type: cursor, cursor_path: paging.nxt, on_missing_cursor: fail }",
            |_, n| cursor_with_last(n, "null"),
            source("DP0420"),
        )
        .says(&["`paging.nxt`", "keys of `paging`: `next`", "page 1"]),
        case(
            "a misspelt URL path that fails",
            "{ type: next_url, next_url_path: nxt, on_missing_cursor: fail }",
            |_, _| page([1], r#""next":"?p=2""#),
            source("DP0420"),
        ),
        case(
            "a cursor that the API writes otherwise",
            "{ type: cursor, cursor_path: paging.next_cursor }",
            |_, n| page([n as u64], r#""paging":{"nextCursor":"b"}"#),
            source("DP0420"),
        )
        .says(&["`paging.nextCursor`", "page 1"]),
        case(
            "a relation that is not there",
            "{ type: link_header, rel: nxt }",
            |_, _| page([1], "").header("Link", "</x>; rel=next"),
            rows([1]),
        )
        .ends("link-missing", 1)
        .says(&["no answer of this pipeline ever had", "`link nxt`", "relations: `next`"]),
        case(
            "no Link header",
            "{ type: link_header, on_missing_cursor: fail }",
            |_, _| page([1], ""),
            source("DP0420"),
        ),
    ]
}

/// A3: short pages, capped sizes, and pages behind the end.
fn sizes() -> Vec<Case> {
    vec![
        // Pages of 10, 9, 10 and 10 rows: one row was filtered out of the second page.
        case(
            "a short page that is not the last",
            OFFSET,
            |asked, _| {
                let offset = number(asked, "offset");
                page(slice_of(40, offset, 10).filter(|id| *id != 15), "")
            },
            rows((0..40).filter(|id| *id != 15)),
        )
        .ends("empty-page", 5)
        .says(&["warning: page 2 holds 9 of 10 rows"]),
        case(
            "a short page that may stop",
            "{ type: offset, limit: 10, short_page: stop }",
            |asked, _| page(slice_of(15, number(asked, "offset"), 10), ""),
            rows(0..15),
        )
        .ends("short-page", 2),
        case(
            "a short page is followed up",
            OFFSET,
            |asked, _| page(slice_of(15, number(asked, "offset"), 10), ""),
            rows(0..15),
        )
        .ends("empty-page", 3),
        case(
            "404 right after a short page",
            OFFSET,
            |asked, _| match number(asked, "offset") {
                20.. => Answer::status(404),
                offset => page(slice_of(15, offset, 10), ""),
            },
            rows(0..15),
        )
        .ends("past-end", 3)
        .says(&["walk ended: past-end at page 3", "404"]),
        case(
            "404 after a full page",
            OFFSET,
            |asked, _| match number(asked, "offset") {
                10.. => Answer::status(404),
                offset => page(slice_of(10, offset, 10), ""),
            },
            source("DP0403"),
        ),
        case("one short page", OFFSET, |asked, _| page(slice_of(7, number(asked, "offset"), 10), ""), rows(0..7))
            .ends("empty-page", 2),
        case("a capped limit", OFFSET, |asked, _| page(slice_of(40, number(asked, "offset"), 4), ""), source("DP0423"))
            .says(&["limit-capped", "set `limit` to 4"]),
        case(
            "a capped limit whose second page is the last",
            OFFSET,
            |asked, _| page(slice_of(6, number(asked, "offset"), 4), ""),
            source("DP0423"),
        ),
        case(
            "a first page that lacks a row",
            OFFSET,
            |asked, _| page(slice_of(30, number(asked, "offset"), 10).filter(|id| *id != 3), ""),
            source("DP0423"),
        )
        .says(&["short-first-page", "set `limit`", "`short_page: continue`"]),
        case(
            "a first page that lacks a row, where that may be",
            "{ type: offset, limit: 10, short_page: continue }",
            |asked, _| page(slice_of(30, number(asked, "offset"), 10).filter(|id| *id != 3), ""),
            rows((0..30).filter(|id| *id != 3)),
        )
        .ends("empty-page", 4),
        case(
            "pages that are capped by bytes",
            OFFSET,
            |asked, _| {
                let offset = number(asked, "offset");
                page(slice_of(30, offset, if offset == 0 { 9 } else { 10 }), "")
            },
            source("DP0423"),
        ),
        case(
            "pages that lack rows",
            "{ type: offset, limit: 10, short_page: continue }",
            |asked, _| page(slice_of(30, number(asked, "offset"), 10).filter(|id| id % 2 == 0), ""),
            rows((0..30).filter(|id| id % 2 == 0)),
        )
        .ends("empty-page", 4),
        case(
            "a limit that is ignored",
            OFFSET,
            |asked, _| page(slice_of(50, number(asked, "offset"), 25), ""),
            rows(0..50),
        )
        .ends("empty-page", 3),
        case(
            "numbered pages",
            PAGE,
            |asked, _| page(slice_of(25, (number(asked, "page") - 1) * 10, 10), ""),
            rows(0..25),
        )
        .ends("empty-page", 4),
        case(
            "numbered pages with 404 past the end",
            PAGE,
            |asked, _| match number(asked, "page") {
                4.. => Answer::status(404),
                number => page(slice_of(25, (number - 1) * 10, 10), ""),
            },
            rows(0..25),
        )
        .ends("past-end", 4),
        case(
            "numbered pages of unknown size with 400 past the end",
            "{ type: page }",
            |asked, _| match number(asked, "page") {
                3.. => Answer { body: b"{\"detail\":\"Invalid page.\"}".to_vec(), ..Answer::status(400) },
                number => page(slice_of(15, (number - 1) * 10, 10), ""),
            },
            rows(0..15),
        )
        .ends("past-end", 3)
        .says(&["warning: page 3 was answered 400, right behind a short page: {\"detail\":\"Invalid page.\"}"]),
        case(
            "a capped page size",
            PAGE,
            |asked, _| page(slice_of(40, (number(asked, "page") - 1) * 4, 4), ""),
            source("DP0423"),
        )
        .says(&["page-size-capped", "set `page_size` to 4"]),
        case(
            "a capped page size that is known",
            "{ type: page, page_size: 10, page_size_param: size, short_page: continue }",
            |asked, _| page(slice_of(10, (number(asked, "page") - 1) * 4, 4), ""),
            rows(0..10),
        )
        .ends("empty-page", 4),
        case("an empty first page", PAGE, |_, _| page([], ""), rows([])).ends("empty-page", 1),
    ]
}

/// A4, A5 and A7: pages that come again, first cursors, errors with status 200.
fn answers() -> Vec<Case> {
    vec![
        case(
            "a last page that comes again",
            "{ type: page }",
            |asked, _| page(number(asked, "page").min(3) * 10..number(asked, "page").min(3) * 10 + 10, ""),
            source("DP0421"),
        )
        .says(&["page 4", "page 3", "page=4", "page=3"]),
        case("an offset that the API does not know", OFFSET, |_, _| page(0..7, ""), source("DP0421")),
        case(
            "a page that comes again with another time around it",
            "{ type: page }",
            |_, n| page(0..10, &format!("\"took\":{n}")),
            source("DP0421"),
        ),
        case(
            "a circle of pages",
            CURSOR,
            |_, n| page([n as u64 % 3], &format!("\"paging\":{{\"next\":\"{n}\"}}")),
            source("DP0421"),
        )
        .says(&["pages 4 to 6", "pages 1 to 3"]),
        case(
            "an empty initial cursor",
            "{ type: cursor, cursor_path: next, initial_cursor: \"\" }",
            |asked, _| match query(asked, "cursor").as_deref() {
                Some("") => page([1], r#""next":"b""#),
                Some("b") => page([2], r#""next":null"#),
                _ => page([9], ""),
            },
            rows([1, 2]),
        )
        .ends("cursor-null", 2),
        case(
            "an initial cursor of zero",
            "{ type: cursor, cursor_path: next, initial_cursor: 0 }",
            |asked, _| {
                if query(asked, "cursor").as_deref() == Some("0") { page([1], r#""next":null"#) } else { page([9], "") }
            },
            rows([1]),
        )
        .ends("cursor-null", 1),
        case(
            "an initial cursor that YAML takes for a number",
            "{ type: cursor, cursor_path: next, initial_cursor: 1.10 }",
            |asked, _| {
                if query(asked, "cursor").as_deref() == Some("1.10") {
                    page([1], r#""next":null"#)
                } else {
                    page([9], "")
                }
            },
            rows([1]),
        )
        .ends("cursor-null", 1),
        case(
            "an initial cursor that YAML takes for a truth",
            "{ type: cursor, cursor_path: next, initial_cursor: true }",
            |asked, _| {
                if query(asked, "cursor").as_deref() == Some("true") {
                    page([1], r#""next":null"#)
                } else {
                    page([9], "")
                }
            },
            rows([1]),
        )
        .ends("cursor-null", 1),
        case(
            "an errors list on page 2",
            CURSOR,
            |_, n| if n == 0 { cursor_with_last(0, "") } else { page([], r#""errors":[{"message":"rate limited"}]"#) },
            source("DP0422"),
        )
        .says(&["page 2", "`errors`", "rate limited"]),
        case(
            "an errors list beside rows",
            "{ type: none }",
            |_, _| page([1], r#""errors":[{"message":"partial"}]"#),
            source("DP0422"),
        ),
        case(
            "an error without rows",
            "{ type: none }",
            |_, _| Answer::ok(r#"{"error":{"code":401}}"#),
            source("DP0422"),
        ),
        case(
            "a message with a code",
            "{ type: none }",
            |_, _| page([], r#""code":"E7","message":"no quota left""#),
            source("DP0422"),
        ),
        case(
            "a message that all is well",
            "{ type: none }",
            |_, _| page([], r#""code":0,"message":"success""#),
            rows([]),
        )
        .ends("single-request", 1),
        case("errors that are empty", "{ type: none }", |_, _| page([1], r#""errors":[],"error":null"#), rows([1]))
            .ends("single-request", 1),
        case(
            "a page that says that it failed",
            CURSOR,
            |_, n| match n {
                0 => cursor_with_last(0, ""),
                _ => page([], r#""success":false,"message":"quota of today is used up""#),
            },
            source("DP0422"),
        )
        .says(&["page 2", "`success`", "quota of today is used up"]),
        case(
            "an empty list of PHP",
            OFFSET,
            |asked, _| match number(asked, "offset") {
                0 => page(0..10, ""),
                _ => Answer::ok(r#"{"items":{},"status":"ok"}"#),
            },
            rows(0..10),
        )
        .ends("empty-page", 2),
        case("errors that are ignored", "{ type: none }", |_, _| page([1], r#""errors":["deprecated"]"#), rows([1]))
            .options("on_error_object: ignore")
            .ends("single-request", 1),
    ]
}

/// B: answers that are right.
fn right() -> Vec<Case> {
    vec![
        case(
            "null for the list on the last page",
            CURSOR,
            |_, n| {
                if n == 0 { cursor_with_last(0, "") } else { Answer::ok(r#"{"items":null,"paging":{"next":null}}"#) }
            },
            rows([1, 2]),
        )
        .ends("cursor-null", 2),
        case(
            "no list on the last page",
            CURSOR,
            |_, n| if n == 0 { cursor_with_last(0, "") } else { Answer::ok(r#"{"paging":{"next":null}}"#) },
            rows([1, 2]),
        )
        .ends("cursor-null", 2),
        case("no list on the first page", CURSOR, |_, _| Answer::ok(r#"{"paging":{"next":null}}"#), source("DP0405"))
            .says(&["on_missing_records: empty"]),
        case(
            "no list on the first page, where that may be",
            CURSOR,
            |_, _| Answer::ok(r#"{"paging":{"next":null}}"#),
            rows([]),
        )
        .options("on_missing_records: empty")
        .ends("cursor-null", 1),
        case(
            "another answer in the middle",
            CURSOR,
            |_, n| if n == 0 { cursor_with_last(0, "") } else { Answer::ok(r#"{"state":"maintenance"}"#) },
            source("DP0405"),
        ),
        case("204", CURSOR, |_, n| if n == 0 { cursor_with_last(0, "") } else { Answer::status(204) }, rows([1, 2]))
            .ends("no-content", 2),
        case("204 at once", OFFSET, |_, _| Answer::status(204), rows([])).ends("no-content", 1),
        case(
            "200 without a body",
            OFFSET,
            |asked, _| if number(asked, "offset") == 0 { page(0..10, "") } else { Answer::ok("") },
            source("DP0424"),
        )
        .says(&["page 2", "200 with an empty body"]),
        case(
            "a byte order mark",
            "{ type: none }",
            |_, _| Answer::ok(b"\xef\xbb\xbf{\"items\":[{\"id\":1}]}".to_vec()),
            rows([1]),
        )
        .ends("single-request", 1),
        case(
            "a byte order mark behind space",
            "{ type: none }",
            |_, _| Answer::ok(b" \xef\xbb\xbf{\"items\":[{\"id\":1}]}".to_vec()),
            source("DP0404"),
        ),
        case(
            "403 that asks to wait",
            "{ type: none }",
            |_, n| if n < 2 { Answer::status(403).header("Retry-After", "0") } else { page([1], "") },
            rows([1]),
        )
        .ends("single-request", 3),
        case(
            "403 that does not",
            "{ type: none }",
            |_, n| if n < 2 { Answer::status(403) } else { page([1], "") },
            source("DP0403"),
        )
        .says(&["after 1 attempt"]),
    ]
}

#[test]
fn walks_end_with_a_reason_and_with_all_rows() {
    let stand = Stand::small();
    let cases = [reasons(), sizes(), answers(), right()];
    let cases = cases.iter().flatten().enumerate();
    let failures: Vec<String> = cases.filter_map(|(index, case)| check(&stand, index, case).err()).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

fn check(stand: &Stand, index: usize, case: &Case) -> Result<(), String> {
    let (script, count) = (case.api, AtomicUsize::new(0));
    let server = ScriptedServer::start(move |asked| script(asked, count.fetch_add(1, Ordering::SeqCst)));
    let workspace = stand.workspace_with_api(&format!("http://{}", server.host()));
    let topic = format!("paging.{index}");
    workspace.write("paging.yaml", manifest(&topic, case.pagination, case.options));
    let ran = workspace.dpone(&["run", "paging.yaml", "--profile", "test"]);
    let context = |what: String| format!("{}: {what}\nexit {:?}\n{}{}", case.name, ran.exit, ran.stdout, ran.stderr);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    if let Some(silent) = case.says.iter().find(|text| !said.contains(**text)) {
        return Err(context(format!("does not say {silent:?}")));
    }
    let report = report(&workspace);
    match &case.result {
        Err(fails) if (ran.exit, report["error"]["code"].as_str()) != (Some(fails.exit), Some(fails.code)) => {
            return Err(context(format!("expected {fails:?}")));
        }
        Err(_) if report["rows"]["published"] != json!(0) => return Err(context("rows were published".to_owned())),
        Err(_) => {}
        Ok(ids) => {
            if ran.exit != Some(0) {
                return Err(context("expected exit 0".to_owned()));
            }
            let found = if ids.is_empty() { Vec::new() } else { loaded(&workspace, &topic) };
            if found != *ids {
                return Err(context(format!("loaded {found:?} instead of {ids:?}")));
            }
            let ended = &report["walk"]["ended"];
            if ended["reason"] != case.reason {
                return Err(context(format!("the walk ended by {ended}, not by {}", case.reason)));
            }
            if server.asked().len() != case.requests {
                return Err(context(format!("{} requests, not {}", server.asked().len(), case.requests)));
            }
        }
    }
    Ok(())
}

/// A full load; two rows of one id would fail it.
fn manifest(topic: &str, pagination: &str, options: &str) -> String {
    let options = if options.is_empty() { String::new() } else { format!("    {options}\n") };
    format!(
        "name: paging
source:
  type: api
  connection_id: example_api
  options:
    url: https://api.example.com/rows
    records_path: items
    retry: {{ base_ms: 1, max_ms: 2, max_attempts: 3 }}
{options}    pagination: {pagination}
sink:
  type: kafka
  connection_id: kafka_cluster
  topic: {topic}
  strategy: {{ mode: full_refresh, unique_key: id, duplicate_policy: fail }}
"
    )
}

fn loaded(workspace: &Workspace, topic: &str) -> Vec<u64> {
    let messages = workspace.topic(topic, "test");
    let mut ids: Vec<u64> = messages.iter().map(|message| message["key"].as_str().unwrap().parse().unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// `run.json` of the last run.
fn report(workspace: &Workspace) -> Value {
    let runs = workspace.path().join(".dpone/runs/paging");
    let Ok(folders) = std::fs::read_dir(runs) else { return Value::Null };
    let mut folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    serde_json::from_slice(&std::fs::read(folders.last().unwrap().join("run.json")).unwrap()).unwrap()
}

fn run(workspace: &Workspace) -> Ran {
    workspace.dpone(&["run", "paging.yaml", "--profile", "test"])
}

#[test]
fn a_path_that_an_earlier_run_saw_is_no_warning() {
    let stand = Stand::small();
    let count = AtomicUsize::new(0);
    // The API leaves the cursor out of a last page; the second load has one page alone.
    let server = ScriptedServer::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => page([1], r#""paging":{"next":"b"}"#),
        n => page([1 + n as u64], ""),
    });
    let workspace = stand.workspace_with_api(&format!("http://{}", server.host()));
    let pagination = "{ type: cursor, cursor_path: paging.next, on_missing_cursor: fail }";
    workspace.write("paging.yaml", manifest("paging.seen", pagination, ""));
    run(&workspace).expect_exit(0);
    let second = run(&workspace);
    second.expect_exit(0);
    assert!(!second.stderr.contains("ever had"), "{}", second.stderr);
    assert_eq!(report(&workspace)["walk"]["ended"]["reason"], "cursor-missing");
    workspace.write("paging.yaml", manifest("paging.seen", &pagination.replace("paging.next", "paging.nxt"), ""));
    run(&workspace).expect_exit(20).expect_error(&["DP0420"]);
}

#[test]
fn a_key_that_is_gone_from_the_last_page_is_missed_until_the_api_is_known_to_leave_it_out() {
    let stand = Stand::small();
    // The last answers of each run, and whether it warns.
    for (topic, runs) in [
        (
            "paging.gone",
            &[(&[r#","next":"b""#, r#","next":null"#][..], false), (&[r#","after":"b""#], true), (&[""], true)],
        ),
        ("paging.left", &[(&[r#","next":"b""#, ""], false), (&[""], false), (&[r#","next":null"#], false)]),
    ] {
        let answers: Vec<String> =
            runs.iter().flat_map(|(answers, _)| *answers).map(|text| (*text).to_owned()).collect();
        let count = AtomicUsize::new(0);
        let server = ScriptedServer::start(move |_| {
            let n = count.fetch_add(1, Ordering::SeqCst);
            Answer::ok(format!("{{\"items\":[{{\"id\":{n}}}]{}}}", answers[n.min(answers.len() - 1)]))
        });
        let workspace = stand.workspace_with_api(&format!("http://{}", server.host()));
        let pagination = "{ type: cursor, cursor_path: next }";
        workspace.write("paging.yaml", manifest(topic, pagination, ""));
        for (number, (_, warns)) in runs.iter().enumerate() {
            let ran = workspace.dpone(&["run", "paging.yaml", "--profile", "test", "--format", "json"]);
            let ended = ran.expect_exit(0).json()["walk"]["ended"].clone();
            assert_eq!(ended["had_before"].is_string(), *warns, "{topic} {number}: {ended}");
            assert_eq!(ran.stderr.contains("every earlier walk had"), *warns, "{topic} {number}: {}", ran.stderr);
        }
        workspace.write("paging.yaml", manifest(topic, &pagination.replace(" }", ", on_missing_cursor: fail }"), ""));
        run(&workspace).expect_exit(if topic == "paging.gone" { 20 } else { 0 });
    }
}

#[test]
fn a_misspelt_path_publishes_nothing_where_pages_stream() {
    let stand = Stand::small();
    let server = ScriptedServer::start(|_| page([1], r#""next":"b""#));
    let workspace = stand.workspace_with_api(&format!("http://{}", server.host()));
    let pagination = "{ type: cursor, cursor_path: nxt, on_missing_cursor: fail }";
    workspace.write("paging.yaml", manifest("paging.streamed", pagination, "staging: none"));
    run(&workspace).expect_exit(20).expect_error(&["DP0420"]);
    assert_eq!(report(&workspace)["rows"]["published"], 0);
}

#[test]
fn max_pages_of_the_command_line_is_a_reason() {
    let stand = Stand::small();
    let server = ScriptedServer::start(|asked| page([number(asked, "page")], ""));
    let workspace = stand.workspace_with_api(&format!("http://{}", server.host()));
    workspace.write("paging.yaml", manifest("paging.limited", "{ type: page }", ""));
    let ran = workspace.dpone(&["run", "paging.yaml", "--profile", "test", "--max-pages", "2"]);
    ran.expect_exit(0);
    assert_eq!(report(&workspace)["walk"]["ended"]["reason"], "max-pages-of-run");
}

#[test]
fn a_plan_shows_what_the_end_of_a_walk_costs() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    for (pagination, says) in [
        (OFFSET, "one request beyond the last page"),
        (PAGE, "one request beyond the last page"),
        ("{ type: offset, limit: 10, short_page: stop }", "fewer than 10 records"),
    ] {
        workspace.write("paging.yaml", manifest("paging.plan", pagination, ""));
        let ran = workspace.dpone(&["plan", "paging.yaml", "--profile", "test"]);
        ran.expect_exit(0);
        assert!(ran.stdout.contains(says), "{pagination}: {}", ran.stdout);
    }
    workspace.write("paging.yaml", manifest("paging.plan", CURSOR, ""));
    let ran = workspace.dpone(&["plan", "paging.yaml", "--profile", "test"]);
    assert!(!ran.stdout.contains("beyond the last page"), "{}", ran.stdout);
}

#[test]
fn a_response_cursor_that_cannot_be_read_is_no_fresh_start() {
    let stand = Stand::small();
    let server = ScriptedServer::start(|asked| match query(asked, "cursor").as_deref() {
        None => page([1], r#""paging":{"next":"b"}"#),
        _ => page([2], r#""paging":{"next":null}"#),
    });
    let workspace = stand.workspace_with_api(&format!("http://{}", server.host()));
    let cursor = manifest("paging.cursor", CURSOR, "").replace("mode: full_refresh", "mode: cursor_incremental");
    workspace.write("paging.yaml", cursor);
    run(&workspace).expect_exit(0);
    let asked = server.asked().len();
    let database = workspace.path().join(".dpone/local/state.db");
    let damaged =
        std::process::Command::new("python3").args(["-c", DAMAGE, database.to_str().unwrap()]).output().unwrap();
    assert!(damaged.status.success(), "{damaged:?}");
    run(&workspace).expect_exit(31).expect_error(&["DP0819", "dpone state reset"]);
    assert_eq!(server.asked().len(), asked, "nothing was fetched");
}

/// Writes something else in the place of every stored response cursor.
const DAMAGE: &str = r#"
import re, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
changed = 0
for (table,) in db.execute("select name from sqlite_master where type = 'table'").fetchall():
    columns = [row[1] for row in db.execute(f'pragma table_info("{table}")')]
    for column in columns:
        for rowid, text in db.execute(f'select rowid, "{column}" from "{table}"').fetchall():
            if isinstance(text, str) and '"response_cursor":"' in text:
                text = re.sub(r'"response_cursor":"[^"]*"', '"response_cursor":"damaged"', text)
                db.execute(f'update "{table}" set "{column}" = ? where rowid = ?', (text, rowid))
                changed += 1
db.commit()
sys.exit(0 if changed else 1)
"#;
