//! Walks over APIs that behave and that do not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // Helpers of tests fail as tests do.

mod support;

use dpone_connections::{ApiKeyIn, Auth};
use dpone_manifest::{Body, CursorFormat, Grants, Incremental, MaxFuture, OnMissing};
use dpone_model::http::Credential;
use dpone_model::plugin::{PageView, RecordsAt, RequestEdit, RequestValue};
use dpone_model::{CursorValue, PagePlace, Place, Report, Secret};
use dpone_source::{
    Page, ResponseView, ResumeFrom, SinglePage, Template, Walk, WalkConfig, client_config, probe, rescan,
};
use support::{Api, Earlier, Follow, Setup, plugin, resume};
use url::Url;

async fn pages(mut walk: Walk) -> (Vec<Page>, Option<Report>) {
    let mut pages = Vec::new();
    loop {
        match walk.next().await {
            Ok(Some(page)) => pages.push(page),
            Ok(None) => return (pages, None),
            Err(report) => return (pages, Some(report)),
        }
    }
}

fn rows(pages: &[Page]) -> Vec<String> {
    let text = |page: &Page| {
        let body = page.records_bytes().clone();
        page.records
            .records
            .iter()
            .map(move |record| String::from_utf8(record.span.of(&body).to_vec()).unwrap())
            .collect::<Vec<_>>()
    };
    pages.iter().flat_map(text).collect()
}

/// Walks the pages with the default setup; the rows that came and the error that ended it.
async fn walked(setup: &Setup, api: &std::sync::Arc<Api>) -> (Vec<String>, Option<Report>) {
    let (pages, error) = pages(Walk::new(setup.config(api, Follow::items())).unwrap()).await;
    (rows(&pages), error)
}

#[tokio::test]
async fn pages_come_in_order_with_all_that_the_journal_keeps() {
    let api = Api::pages(&[
        ("/orders", r#"{"items":[{"id":1},{"id":2}],"next":"a b"}"#),
        ("/orders?cursor=a+b", r#"{"next":null,"items":[{"id":3}]}"#),
    ]);
    let setup = Setup::new();
    let (found, error) = pages(Walk::new(setup.config(&api, Follow::items())).unwrap()).await;
    assert_eq!(error, None);
    assert_eq!(rows(&found), [r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":3}"#]);
    let page = &found[1];
    assert_eq!(
        (page.number, page.status, page.url.as_str(), page.attempts),
        (2, 200, "http://own.test/orders?cursor=a+b", 1)
    );
    assert_eq!(page.request.query, [("cursor".into(), RequestValue::Text("a b".into()))]);
    assert_eq!((page.records_path.as_deref(), &page.state[..], &page.next), (Some("items"), &b"2"[..], &None));
    assert_eq!(page.headers, [("X-Page".into(), "1".into())], "cookies are not kept");
}

#[tokio::test]
async fn the_next_request_is_under_way_when_a_page_is_handed_out() {
    let api = Api::pages(&[("/orders", r#"{"items":[],"next":"a"}"#), ("/orders?cursor=a", r#"{"items":[]}"#)]);
    let setup = Setup::new();
    let mut walk = Walk::new(setup.config(&api, Follow::items())).unwrap();
    assert_eq!(api.urls().len(), 0, "nothing is sent before the first page is asked for");
    walk.next().await.unwrap().unwrap();
    tokio::task::yield_now().await;
    assert_eq!(api.urls().len(), 2);
}

#[tokio::test]
async fn a_single_page_needs_no_component_and_an_object_is_one_record() {
    let api = Api::pages(&[("/orders", r#"{"id":1}"#)]);
    let setup = Setup::new();
    let (found, error) = pages(Walk::new(setup.config(&api, Box::new(SinglePage::new("")))).unwrap()).await;
    assert_eq!((rows(&found), error), (vec![r#"{"id":1}"#.to_owned()], None));
}

#[tokio::test]
async fn records_that_the_extractor_made_are_scanned_too() {
    let api = Api::pages(&[("/orders", r#"{"items":[]}"#)]);
    let setup = Setup::new();
    let extractor = Follow::at(|_| Ok(RecordsAt::Bytes(b"{\"a\":1}\n{\"a\":2}\n".to_vec())));
    let (found, _) = pages(Walk::new(setup.config(&api, extractor)).unwrap()).await;
    assert_eq!(rows(&found), [r#"{"a":1}"#, r#"{"a":2}"#]);
    assert_eq!(found[0].records_path, None);
    let again = rescan(&setup.scanner, &found[0].place(), found[0].records_bytes(), None).unwrap();
    assert_eq!(again, found[0].records);
}

#[tokio::test]
async fn a_name_that_occurs_twice_is_told_with_both_values() {
    let body = r#"{"meta":{"next":null,"n\u0065xt":"p1"},"items":[{"id":1}]}"#;
    let questions: [fn(&dyn PageView) -> Result<(), Report>; 4] = [
        |page| page.get("meta.next").map(drop),
        |page| page.get("meta.next.deeper").map(drop),
        |page| page.count("meta.next").map(drop),
        |page| page.last("meta.next").map(drop),
    ];
    for question in questions {
        let view = view(body);
        let report = question(&view).unwrap_err();
        assert_eq!(report.code().id, "DP0427");
        let message = report.message();
        assert!(message.contains("`meta.next`") && message.contains("null at byte 16"), "{message}");
        assert!(message.contains("\"p1\" at byte 33"), "{message}");
        assert_eq!(report.place(), Some(&place().place()));
    }
}

fn place() -> PagePlace {
    PagePlace::new(1, "http://own.test/orders")
}

fn view(body: &str) -> ResponseView {
    ResponseView::new(place(), 200, Vec::new(), body.to_owned().into(), "items".into(), Setup::new().scanner)
}

#[tokio::test]
async fn a_page_view_answers_also_when_the_prediction_fails() {
    let body = r#"{"items":[{"id":1}],"other":[{"id":2},{"id":3}],"meta":{"n":1.10}}"#;
    let api = Api::pages(&[("/orders", body)]);
    let setup = Setup::new();
    let extractor = Follow::at(|page| {
        assert_eq!((page.count("items")?, page.count("other")?, page.count("meta.n")?), (Some(1), Some(2), None));
        assert_eq!(page.last("other")?.as_deref(), Some(r#"{"id":3}"#));
        assert_eq!(page.last("items")?.as_deref(), Some(r#"{"id":1}"#));
        assert_eq!((page.get("meta.n")?.as_deref(), page.get("meta.x")?), (Some("1.10"), None));
        assert_eq!((page.header("x-PAGE"), page.header("set-cookie")), (vec!["1".to_owned()], Vec::new()));
        Ok(RecordsAt::Path("other".into()))
    });
    let (found, error) = pages(Walk::new(setup.config(&api, extractor)).unwrap()).await;
    assert_eq!((rows(&found).len(), error), (2, None));
}

/// Body of page 2, code, part of the message, part of the hint.
const BROKEN: [(&str, &str, &str, &str); 8] = [
    ("<html><body>Sign in</body>", "DP0404", "near `<html>", ""),
    (r#"{"items":[{"id":1},{"id":2"#, "DP0404", "not JSON", ""),
    (r#"{"rows":[],"total":0}"#, "DP0405", "records path `items`", "`rows`, `total`"),
    (r#"{"items":"none"}"#, "DP0405", "holds a string", ""),
    (r#"{"items":[{"id":1},2]}"#, "DP0418", "a record is a number", ""),
    (r#"{"items":[],"next":"a"}"#, "DP0406", "already sent", ""),
    (
        r#"{"items":[],"next":{"url":"https://evil.test/orders","query":[],"body":[],"headers":[],"method":null,"path":null}}"#,
        "DP0409",
        "https://evil.test",
        "allow_origins",
    ),
    (
        r#"{"items":[],"next":{"url":"/admin","query":[],"body":[],"headers":[],"method":null,"path":null}}"#,
        "DP0315",
        "`/admin`",
        "grants.paths",
    ),
];

#[tokio::test]
async fn what_breaks_a_walk_names_page_and_url() {
    for (body, code, message, hint) in BROKEN {
        let api = Api::pages(&[("/orders", r#"{"items":[{"id":0}],"next":"a"}"#), ("/orders?cursor=a", body)]);
        let (rows, error) = walked(&Setup::new(), &api).await;
        let report = error.expect(body);
        assert_eq!((report.code().id, rows.first().map(String::as_str)), (code, Some(r#"{"id":0}"#)), "{report}");
        assert!(
            report.message().contains(message) && report.hint_text().unwrap_or_default().contains(hint),
            "{report}"
        );
        let Some(Place::Page { page: 2, url, .. }) = report.place() else { panic!("{report}") };
        assert_eq!(url, "http://own.test/orders?cursor=a");
    }
}

#[tokio::test]
async fn a_failed_request_names_its_page() {
    let api = Api::pages(&[("/orders", r#"{"items":[],"next":"a"}"#)]);
    let (_, error) = walked(&Setup::new(), &api).await;
    let place = Place::Page { page: 2, url: "http://own.test/orders?cursor=a".into(), record: None, offset: None };
    assert_eq!(error.unwrap().place(), Some(&place));
}

#[tokio::test]
async fn limits_end_a_walk_with_an_error_or_as_they_are_told() {
    let endless = || {
        let count = std::sync::atomic::AtomicU32::new(0);
        Api::new(move |_| {
            let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Some(format!(r#"{{"items":[{{"id":{n}}}],"next":"{n}"}}"#))
        })
    };
    let mut setup = Setup::new();
    setup.source.pagination.max_pages = Some(3);
    let api = endless();
    let (rows, error) = walked(&setup, &api).await;
    assert_eq!((rows.len(), error.unwrap().code().id, api.urls().len()), (3, "DP0407", 3));

    setup.source.pagination.stop_at_max_pages = true;
    assert_eq!(walked(&setup, &endless()).await.1, None);

    setup.source.pagination.max_pages = None;
    let mut walk = Walk::new(WalkConfig { max_pages: Some(2), ..setup.config(&endless(), Follow::items()) }).unwrap();
    while walk.next().await.unwrap().is_some() {}
    assert!(walk.truncated());
}

#[tokio::test]
async fn empty_pages_are_followed_up_to_the_limit() {
    let page = |items: &str, next: u32| format!(r#"{{"items":[{items}],"next":"{next}"}}"#);
    let api = |rows_at: u32| {
        Api::new(move |request| {
            let n: u32 = request.url.rsplit('=').next()?.parse().unwrap_or(0);
            Some(if n == rows_at { r#"{"items":[{"id":1}],"next":null}"#.into() } else { page("", n + 1) })
        })
    };
    let setup = Setup::new();
    let (rows, error) = walked(&setup, &api(2)).await;
    assert_eq!((rows.len(), error), (1, None));
    let (_, error) = walked(&setup, &api(3)).await;
    let report = error.unwrap();
    assert_eq!(report.code().id, "DP0408", "{report}");
}

#[tokio::test]
async fn a_resumed_walk_fetches_nothing_again_and_still_sees_a_circle() {
    let api = Api::pages(&[
        ("/orders", r#"{"items":[{"id":1}],"next":"a"}"#),
        ("/orders?cursor=a", r#"{"items":[{"id":2}],"next":"b"}"#),
        ("/orders?cursor=b", r#"{"items":[{"id":3}],"next":"a"}"#),
    ]);
    let setup = Setup::new();
    let mut walk = Walk::new(setup.config(&api, Follow::items())).unwrap();
    let (mut earlier, mut from) = (Vec::new(), ResumeFrom::default());
    for _ in 0..2 {
        let page = walk.next().await.unwrap().unwrap();
        earlier.push(Earlier { request: page.request, url: page.url, ..Earlier::default() });
        (from.next, from.state) = (page.next, page.state);
    }
    drop(walk);
    api.asked.lock().unwrap().clear();
    let (found, error) = pages(resume(setup.config(&api, Follow::items()), &earlier, from)).await;
    assert_eq!((found[0].number, &found[0].state[..], rows(&found)), (3, &b"3"[..], vec![r#"{"id":3}"#.to_owned()]));
    assert_eq!(error.unwrap().code().id, "DP0406");
    assert_eq!(api.urls(), ["http://own.test/orders?cursor=b"]);
}

#[tokio::test]
async fn a_response_cursor_is_where_the_next_run_begins() {
    let api = Api::pages(&[
        (
            "/orders",
            r#"{"items":[{"id":1}],"next":{"url":"orders/page/2","query":[],"body":[],"headers":[],"method":null,"path":null}}"#,
        ),
        ("/orders/page/2", r#"{"items":[{"id":2}]}"#),
    ]);
    let setup = Setup::new();
    let mut walk = Walk::new(setup.config(&api, Follow::items())).unwrap();
    assert_eq!(walk.response_cursor(), Ok(None));
    while walk.next().await.unwrap().is_some() {}
    let from = ResumeFrom::response_cursor(&walk.response_cursor().unwrap().unwrap()).unwrap();
    let (found, error) = pages(resume(setup.config(&api, Follow::items()), &[], from)).await;
    assert_eq!((found[0].number, rows(&found), error), (1, vec![r#"{"id":2}"#.to_owned()], None));
    // A state that is no cursor is no reason to begin at the first page.
    for text in ["", "nonsense", "e30=", "W10=", "bnVsbA=="] {
        let report = Report::from(ResumeFrom::response_cursor(text).expect_err(text));
        assert_eq!(report.code().id, "DP0819");
        assert!(report.hint_text().unwrap().contains("dpone state reset"), "{report}");
    }
}

#[tokio::test]
async fn a_probe_is_one_request() {
    let api = Api::pages(&[("/orders", r#"{"items":[{"id":1}],"next":"a"}"#)]);
    let setup = Setup::new();
    let found = probe(setup.config(&api, Follow::items())).await.unwrap().unwrap();
    assert_eq!((found.status, found.records, found.has_more, api.urls().len()), (200, 1, true, 1));
}

/// Edit, then the request's line or the code that refuses it.
fn edits() -> Vec<(RequestEdit, Result<&'static str, &'static str>)> {
    let text = |value: &str| RequestValue::Text(value.into());
    let query = |name: &str| RequestEdit { query: vec![(name.into(), text("1&2"))], ..RequestEdit::default() };
    let url = |url: &str| RequestEdit { url: Some(url.into()), ..RequestEdit::default() };
    let header = |name: &str| RequestEdit { headers: vec![(name.into(), text("v"))], ..RequestEdit::default() };
    let method = |method: &str| RequestEdit { method: Some(method.into()), ..RequestEdit::default() };
    let path = |path: &str| RequestEdit { path: Some(path.into()), ..RequestEdit::default() };
    let secret = RequestEdit { query: vec![("a".into(), RequestValue::Secret("k".into()))], ..RequestEdit::default() };
    vec![
        (RequestEdit::default(), Ok("POST http://own.test/orders?p=%41&q=1")),
        (query("q"), Ok("POST http://own.test/orders?p=%41&q=1%262")),
        (query("api_KEY"), Err("DP0315")),
        (query("_method"), Err("DP0315")),
        (secret, Err("DP0307")),
        (url("?page=2"), Ok("POST http://own.test/orders?page=2")),
        (url("http://u:p@own.test:80/orders/2#x"), Ok("POST http://own.test/orders/2")),
        (url("?api_key=echoed&page=2"), Ok("POST http://own.test/orders?page=2")),
        (url("http://own.test/orders"), Ok("POST http://own.test/orders")),
        (url("http://own.test/ordersX"), Err("DP0315")),
        (url("http://own.test/orders/../admin"), Err("DP0315")),
        (url("http://own.test/orders/%2e%2e/admin"), Err("DP0315")),
        (url("http://own.test/orders/..%2fadmin"), Err("DP0315")),
        (url("http://own.test/orders/..;/admin"), Err("DP0315")),
        (url("http://own.test/orders/%252e%252e/admin"), Err("DP0315")),
        (url("http://own.test/orders/..%255cadmin"), Err("DP0315")),
        (url("http://own.test/orders/a%00"), Err("DP0315")),
        (url("http://own.test/orders/%c0%ae%c0%ae/admin"), Err("DP0315")),
        (url("http://own.test/granted/..;/admin"), Err("DP0315")),
        (url("?page=2&_method=DELETE"), Err("DP0315")),
        (url("?page=2&%5fmethod=DELETE"), Err("DP0315")),
        (url("?page=2;_method=DELETE"), Err("DP0315")),
        (url("/orders?x-http-method-override=PUT"), Err("DP0315")),
        (query("%5Fmethod"), Err("DP0315")),
        (url("/orders/..%3fx"), Err("DP0315")),
        (url("/orders/x%3F_method=DELETE"), Err("DP0315")),
        (query(" _method"), Err("DP0315")),
        (query("_method[]"), Err("DP0315")),
        (query("method"), Ok("POST http://own.test/orders?p=%41&q=1&method=1%262")),
        (url("http://own.test/granted/x"), Ok("POST http://own.test/granted/x")),
        (url("https://own.test/orders"), Err("DP0409")),
        (url("//evil.test/orders"), Err("DP0409")),
        (url("file:///etc/passwd"), Err("DP0409")),
        (url("http://friend.test/any"), Ok("POST http://friend.test/any")),
        (url("http://["), Err("DP0315")),
        (header("X-Granted"), Ok("POST http://own.test/orders?p=%41&q=1")),
        (header("X-Other"), Err("DP0315")),
        (header("authorization"), Err("DP0315")),
        (header("Cookie"), Err("DP0315")),
        (header("HOST"), Err("DP0315")),
        (header("Transfer-Encoding"), Err("DP0315")),
        (header("X-HTTP-Method-Override"), Err("DP0315")),
        (header("x_http_method_override"), Err("DP0315")),
        (header("X-Forwarded-Host"), Err("DP0315")),
        (header("X-Bad\r\nHost"), Err("DP0315")),
        (method("post"), Ok("POST http://own.test/orders?p=%41&q=1")),
        (method("PUT"), Ok("PUT http://own.test/orders?p=%41&q=1")),
        (method("DELETE"), Err("DP0315")),
        (path("/orders"), Ok("POST http://own.test/orders?p=%41&q=1")),
        (path("/granted"), Ok("POST http://own.test/granted?p=%41&q=1")),
        (path("/admin"), Err("DP0315")),
        (path("/orders/..;/admin"), Err("DP0315")),
        (path("/orders/..%252fadmin"), Err("DP0315")),
        (path("/granted/caf\u{e9}"), Ok("POST http://own.test/granted/caf%C3%A9?p=%41&q=1")),
        (path("/orders?x"), Err("DP0315")),
    ]
}

#[tokio::test]
async fn a_granted_path_stays_below_base_url() {
    let path = |path: &str| RequestEdit { path: Some(path.into()), ..RequestEdit::default() };
    let url = |url: &str| RequestEdit { url: Some(url.into()), ..RequestEdit::default() };
    for (edit, expected) in [
        (path("/api/granted"), None),
        (url("http://own.test/api/granted/x"), None),
        (path("/other"), Some("DP0315")),
        (url("http://own.test/other/x"), Some("DP0315")),
        (url("/apix"), Some("DP0315")),
    ] {
        let mut setup = Setup::new();
        setup.connection.base_url = Some(Url::parse("http://own.test/api").unwrap());
        setup.source.url = "/orders".into();
        let paths = ["/api/granted", "/other", "/apix"].map(String::from).to_vec();
        setup.source.pagination.extractor = Some(plugin(Grants { paths, ..Grants::default() }));
        let api = Api::new(|_| Some(r#"{"items":[]}"#.into()));
        let from = ResumeFrom { next: Some(edit.clone()), state: b"0".to_vec(), ..ResumeFrom::default() };
        let (_, error) = pages(resume(setup.config(&api, Follow::items()), &[], from)).await;
        assert_eq!(error.map(|report| report.code().id), expected, "{edit:?}");
    }
}

#[tokio::test]
async fn the_request_rules() {
    let grants = Grants {
        headers: [
            "X-Granted",
            "authorization",
            "Cookie",
            "HOST",
            "Transfer-Encoding",
            "X-HTTP-Method-Override",
            "x_http_method_override",
            "X-Forwarded-Host",
            "X-Bad\r\nHost",
        ]
        .map(String::from)
        .to_vec(),
        methods: vec!["PUT".into()],
        paths: vec!["/granted".into()],
        ..Grants::default()
    };
    for (edit, expected) in edits() {
        let mut setup = Setup::new();
        setup.source.method = "POST".into();
        setup.source.params = vec![("q".into(), "1".into())];
        setup.source.url = "/orders?p=%41".into();
        setup.source.allow_origins = vec!["http://friend.test".into()];
        setup.source.pagination.extractor = Some(plugin(grants.clone()));
        setup.connection.auth = Auth::ApiKey { name: "api_key".into(), in_: ApiKeyIn::Query, value: Secret::new("s") };
        let api = Api::new(|_| Some(r#"{"items":[]}"#.into()));
        let from = ResumeFrom { next: Some(edit.clone()), state: b"0".to_vec(), ..ResumeFrom::default() };
        let (_, error) = pages(resume(setup.config(&api, Follow::items()), &[], from)).await;
        let found = match error {
            Some(report) => Err(report.code().id),
            None => Ok(api.asked.lock().unwrap().iter().map(|r| format!("{} {}", r.method, r.url)).collect::<String>()),
        };
        assert_eq!(found.as_deref().map_err(|code| *code), expected, "{edit:?}");
    }
}

/// As many fields as a plugin may hand over, and more: the time grows with their number, not with its square.
#[tokio::test]
async fn many_fields_take_little_time() {
    let fields = |name: fn(usize) -> String| -> Vec<(String, RequestValue)> {
        (0..200_000).map(|n| (name(n), RequestValue::Text(n.to_string()))).collect()
    };
    let (same, other): (fn(usize) -> String, fn(usize) -> String) = (|_| "size".into(), |n| format!("f{n}"));
    for (name, sent) in [(same, r#"{"size":199999}"#), (other, r#"{"size":10,"f0":0,"f1":1,"#)] {
        let mut setup = Setup::new();
        setup.source.method = "POST".into();
        setup.source.body = Some(Body::Json(serde_json::json!({"size": 10})));
        setup.source.pagination.extractor =
            Some(plugin(Grants { headers: vec!["size".into(), "f1".into()], ..Grants::default() }));
        let started = std::time::Instant::now();
        for edit in [
            RequestEdit { body: fields(name), ..RequestEdit::default() },
            RequestEdit { query: fields(name), ..RequestEdit::default() },
            RequestEdit { headers: fields(name), ..RequestEdit::default() },
        ] {
            let api = Api::new(|_| Some(r#"{"items":[]}"#.into()));
            let from = ResumeFrom { next: Some(edit), state: b"0".to_vec(), ..ResumeFrom::default() };
            pages(resume(setup.config(&api, Follow::items()), &[], from)).await;
            for request in api.asked.lock().unwrap().iter().filter(|request| request.headers.len() == 1) {
                let body = request.body.as_deref().unwrap();
                assert!(body.starts_with(sent.as_bytes()) || body == br#"{"size":10}"#);
            }
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn body_fields_are_set_as_the_text_that_they_are() {
    let field = |name: &str, value: &str| (name.to_owned(), RequestValue::Text(value.into()));
    let json = || Some(Body::Json(serde_json::json!({"size": 10, "after": null})));
    for (method, body, fields, expected) in [
        ("POST", json(), vec![], Ok(r#"{"size":10,"after":null}"#)),
        (
            "POST",
            json(),
            vec![field("after", "12345678901234567890.10"), field("b\"", "[1]")],
            Ok(r#"{"size":10,"after":12345678901234567890.10,"b\"":[1]}"#),
        ),
        (
            "POST",
            json(),
            vec![field("x", "1"), field("size", "1"), field("y", "2"), field("x", "3"), field("size", "4")],
            Ok(r#"{"size":4,"after":null,"y":2,"x":3}"#),
        ),
        ("POST", None, vec![field("a", "1")], Ok(r#"{"a":1}"#)),
        ("POST", json(), vec![field("after", "1,\"admin\":true")], Err("DP0315")),
        ("POST", json(), vec![field("after", "")], Err("DP0315")),
        ("POST", Some(Body::Text("x".into())), vec![field("a", "1")], Err("DP0315")),
        ("GET", None, vec![field("a", "1")], Err("DP0315")),
    ] {
        let mut setup = Setup::new();
        (setup.source.method, setup.source.body) = (method.into(), body);
        let api = Api::new(|_| Some(r#"{"items":[]}"#.into()));
        let edit = RequestEdit { body: fields.clone(), ..RequestEdit::default() };
        let from = ResumeFrom { next: Some(edit), state: b"0".to_vec(), ..ResumeFrom::default() };
        let (_, error) = pages(resume(setup.config(&api, Follow::items()), &[], from)).await;
        let sent = api.asked.lock().unwrap().first().cloned();
        let found = error.map_or_else(|| Ok(sent.clone().unwrap().body.unwrap()), |report| Err(report.code().id));
        assert_eq!(
            found.as_deref().map(|b| std::str::from_utf8(b).unwrap()).map_err(|code| *code),
            expected,
            "{fields:?}"
        );
        if expected.is_ok() {
            assert!(sent.unwrap().headers.contains(&("Content-Type".into(), "application/json".into())));
        }
    }
}

#[test]
fn the_template_is_manifest_connection_and_boundary() {
    let mut setup = Setup::new();
    setup.source.params = vec![("size".into(), "10".into())];
    setup.source.incremental = Some(Incremental {
        cursor_field: "updated_at".into(),
        record_format: None,
        start: None,
        end: None,
        lookback: None,
        safety_lag: None,
        max_future: MaxFuture::Off,
        on_missing: OnMissing::Fail,
        max_boundary_rows: 10,
        param: Some("since".into()),
        end_param: Some("until".into()),
        format: CursorFormat::AsIs,
        order: None,
    });
    setup.boundary.lower = CursorValue::instant("2026-01-01T00:00:00Z");
    setup.connection.auth = Auth::Bearer(Secret::new("t"));
    let template = Template::new(&setup.source, &setup.connection, &setup.boundary).unwrap();
    assert_eq!(template.url().as_str(), "http://own.test/orders?size=10&since=2026-01-01T00%3A00%3A00Z");
    let config = client_config(&setup.source, &setup.connection, false, "dpone").unwrap();
    assert_eq!(dpone_egress::origin_text(&config.own_origin), "http://own.test");
}

#[test]
fn what_a_manifest_may_not_say_of_a_request() {
    let refused = |change: fn(&mut Setup)| {
        let mut setup = Setup::new();
        change(&mut setup);
        Report::from(Template::new(&setup.source, &setup.connection, &setup.boundary).expect_err("refused")).code().id
    };
    assert_eq!(refused(|setup| setup.source.headers = vec![("authorization".into(), "x".into())]), "DP0106");
    assert_eq!(refused(|setup| setup.source.headers = vec![("Host".into(), "x".into())]), "DP0106");
    assert_eq!(refused(|setup| setup.source.allow_origins = vec!["api.example.com".into()]), "DP0106");
    assert_eq!(refused(|setup| setup.source.url = "ftp://a/b".into()), "DP0106");
    assert_eq!(refused(|setup| setup.connection.base_url = Url::parse("http://u:p@own.test").ok()), "DP0106");
    assert_eq!(
        refused(|setup| {
            setup.connection.base_url = None;
            setup.source.url = "/orders".into();
        }),
        "DP0204"
    );
}

#[tokio::test]
async fn credentials_travel_beside_the_request_and_not_in_it() {
    let mut setup = Setup::new();
    setup.connection.auth = Auth::ApiKey { name: "X-Key".into(), in_: ApiKeyIn::Header, value: Secret::new("s3cret") };
    let api = Api::pages(&[("/orders", r#"{"items":[]}"#)]);
    walked(&setup, &api).await;
    let asked = api.asked.lock().unwrap()[0].clone();
    assert!(matches!(&asked.credentials[..], [Credential::Header { name, .. }] if name == "X-Key"));
    assert!(!format!("{asked:?}").contains("s3cret"));
}

#[test]
fn a_rescan_refuses_what_the_walk_refused() {
    let setup = Setup::new();
    let place = PagePlace::new(4, "http://own.test/orders");
    let refused = |body: &[u8]| rescan(&setup.scanner, &place, body, Some("items")).expect_err("refused").code().id;
    assert_eq!((refused(b"{"), refused(b"{}")), ("DP0404", "DP0405"));
    assert_eq!(rescan(&setup.scanner, &place, b"{\"items\":[{}]}", Some("items")).unwrap().len(), 1);
}
