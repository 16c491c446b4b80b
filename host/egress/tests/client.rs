//! The client against a server that answers, misbehaves and disappears.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // Helpers of tests fail as tests do.

mod server;

use dpone_egress::{Client, ClientConfig, RetryPolicy};
use dpone_model::http::{Credential, HttpEgress, HttpRequest, HttpResponse};
use dpone_model::{Report, Retry, Secret};
use server::{Action, Server, answer, redirect};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

fn config(own: &str) -> ClientConfig {
    ClientConfig {
        own_origin: Url::parse(own).unwrap(),
        own_is_guarded: false,
        allow_origins: Vec::new(),
        allow_private: false,
        connect_timeout: Duration::from_millis(500),
        read_timeout: Duration::from_millis(300),
        total_timeout: Duration::from_secs(2),
        retry: RetryPolicy {
            max_attempts: 3,
            base: Duration::from_millis(1),
            max: Duration::from_millis(5),
            max_elapsed: Duration::from_secs(10),
            max_retry_after: Duration::from_secs(2),
        },
        ca_pem: None,
        user_agent: "dpone-test".into(),
        meter: Arc::default(),
    }
}

fn request(url: &str) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: url.into(),
        headers: vec![("X-Manifest".into(), "mine".into()), ("Accept".into(), "application/json".into())],
        body: None,
        body_holds_secret: false,
        credentials: vec![
            Credential::Header { name: "Authorization".into(), value: Secret::new("Bearer t0ken1") },
            Credential::Query { name: "api_key".into(), value: Secret::new("s3cret") },
        ],
        max_body_bytes: 1 << 20,
        answers: &[],
    }
}

fn post(url: &str) -> HttpRequest {
    let headers = vec![("Content-Type".into(), "application/json".into())];
    HttpRequest { method: "POST".into(), body: Some("{\"a\":1}".into()), headers, ..request(url) }
}

async fn send(config: ClientConfig, request: HttpRequest) -> Result<HttpResponse, Report> {
    Client::new(config).unwrap().send(request).await
}

async fn fails(config: ClientConfig, request: HttpRequest) -> Report {
    send(config, request).await.expect_err("the request should fail")
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_page_with_credentials_that_nobody_prints() {
    let server = Server::start(|_, _| answer(200, &[("x-a", "1")], "[]")).await;
    let response = send(config(&server.url), request(&format!("{}/orders?a=%41+b", server.url))).await.unwrap();
    assert_eq!((response.status, &response.body[..], response.attempts), (200, &b"[]"[..], 1));
    assert_eq!(response.url, format!("{}/orders?a=%41+b", server.url));
    assert!(response.headers.contains(&("x-a".into(), "1".into())));
    let seen = server.seen();
    assert_eq!(seen[0].line, "GET /orders?a=%41+b&api_key=s3cret");
    for line in
        ["authorization: bearer t0ken1", "x-manifest: mine", "accept-encoding: gzip, zstd", "user-agent: dpone-test"]
    {
        assert!(seen[0].head.contains(line), "{line} in {}", seen[0].head);
    }
}

#[tokio::test]
async fn connections_are_kept_alive() {
    let server = Server::start(|_, _| answer(200, &[], "[]")).await;
    let client = Client::new(config(&server.url)).unwrap();
    for _ in 0..3 {
        client.send(request(&server.url)).await.unwrap();
    }
    assert!(server.seen().iter().all(|seen| seen.connection == 0));
}

#[tokio::test]
async fn an_echoed_credential_is_replaced_and_not_kept() {
    let server = Server::start(|_, _| answer(200, &[], "[]")).await;
    let response = send(config(&server.url), request(&format!("{}/?api_key=old&b=1", server.url))).await.unwrap();
    assert_eq!(server.lines(), ["GET /?b=1&api_key=s3cret"]);
    assert_eq!(response.url, format!("{}/?b=1", server.url));
}

#[tokio::test]
async fn what_may_be_gone_next_time_is_tried_again() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let server =
            Server::start(move |n, _| if n < 2 { answer(status, &[], "no") } else { answer(200, &[], "[]") }).await;
        assert_eq!(send(config(&server.url), request(&server.url)).await.unwrap().attempts, 3, "{status}");
    }
    let broken: [fn() -> Action; 3] = [
        || Action::Close,
        || Action::Hang,
        || Action::AnswerAndClose(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n[1,".to_vec()),
    ];
    for action in broken {
        let server = Server::start(move |n, _| if n == 0 { action() } else { answer(200, &[], "[]") }).await;
        let response = send(config(&server.url), request(&server.url)).await.unwrap();
        assert_eq!((response.attempts, &response.body[..]), (2, &b"[]"[..]));
    }
}

#[tokio::test]
async fn a_post_is_repeated_as_it_stands() {
    let server = Server::start(|n, _| if n == 0 { Action::Close } else { answer(200, &[], "[]") }).await;
    send(config(&server.url), post(&server.url)).await.unwrap();
    let bodies: Vec<_> = server.seen().into_iter().map(|seen| (seen.line, seen.body)).collect();
    assert_eq!(bodies, vec![("POST /?api_key=s3cret".into(), "{\"a\":1}".to_owned()); 2]);
}

#[tokio::test]
async fn a_status_that_stays_names_url_attempts_and_excerpt() {
    let server = Server::start(|_, _| answer(503, &[], "down\r\n\u{7}since  t0ken1 s3cret noon".repeat(20))).await;
    let report = fails(config(&server.url), request(&format!("{}/orders?api_key=s3cret", server.url))).await;
    assert_eq!((report.code().id, report.retry()), ("DP0403", Retry::Later));
    assert!(
        report.message().starts_with(&format!("GET {}/orders answered 503 after 3 attempts: down since", server.url)),
        "{report}"
    );
    assert!(!report.to_string().contains("s3cret") && !report.to_string().contains("t0ken1"), "{report}");
    assert!(report.message().len() < 400, "{report}");
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_status_that_a_retry_cannot_mend_is_asked_for_once() {
    for status in [304, 400, 401, 404, 501] {
        let server = Server::start(move |_, _| answer(status, &[], "")).await;
        let report = fails(config(&server.url), request(&server.url)).await;
        assert_eq!((report.code().id, report.retry(), server.seen().len()), ("DP0403", Retry::AfterFix, 1), "{status}");
    }
}

#[tokio::test]
async fn any_status_is_an_answer_where_that_is_asked_for() {
    let server = Server::start(|_, _| answer(404, &[], "{\"errors\":[]}")).await;
    let response = Client::new(config(&server.url)).unwrap().send_any_status(request(&server.url)).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (404, &b"{\"errors\":[]}"[..]));
}

#[tokio::test]
async fn retry_after_is_waited_for_and_bounded() {
    let server =
        Server::start(|n, _| if n == 0 { answer(429, &[("retry-after", "1")], "") } else { answer(200, &[], "[]") })
            .await;
    let started = Instant::now();
    let mut patient = config(&server.url);
    patient.retry.max_elapsed = Duration::from_millis(500);
    send(patient, request(&server.url)).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());

    let server = Server::start(|_, _| answer(429, &[("retry-after", "3")], "")).await;
    let report = fails(config(&server.url), request(&server.url)).await;
    assert_eq!((report.code().id, server.seen().len()), ("DP0417", 1), "{report}");
}

/// Some APIs answer 403 where others answer 429; only the header tells it from a lack of rights.
#[tokio::test]
async fn a_403_that_asks_to_wait_is_tried_again() {
    for (header, attempts) in [(Some("0"), 3), (Some("soon"), 3), (None, 1)] {
        let server = Server::start(move |n, _| {
            let headers: Vec<_> = header.map(|value| ("retry-after", value)).into_iter().collect();
            if n < 2 { answer(403, &headers, "no") } else { answer(200, &[], "[]") }
        });
        let server = server.await;
        let sent = send(config(&server.url), request(&server.url)).await;
        assert_eq!((sent.is_ok(), server.seen().len()), (attempts == 3, attempts), "{header:?}");
    }
    // It stays bounded by the same settings, and may be tried later.
    let server = Server::start(|_, _| answer(403, &[("retry-after", "0")], "")).await;
    let report = fails(config(&server.url), request(&server.url)).await;
    let attempts = config(&server.url).retry.max_attempts as usize;
    assert_eq!((report.code().id, report.retry(), server.seen().len()), ("DP0403", Retry::Later, attempts));
    let server = Server::start(|_, _| answer(403, &[("retry-after", "3")], "")).await;
    assert_eq!(fails(config(&server.url), request(&server.url)).await.code().id, "DP0417");
}

#[tokio::test]
async fn a_request_may_take_further_statuses_for_answers() {
    for (status, answers, taken) in
        [(404, &[400, 404][..], true), (400, &[400, 404], true), (410, &[400, 404], false), (404, &[], false)]
    {
        let body = format!("none \n for key s3cret-token {}", "x".repeat(300));
        let server = Server::start(move |_, _| answer(status, &[], &body)).await;
        let key = Credential::Header { name: "X-Key".into(), value: Secret::new("s3cret-token") };
        let request = HttpRequest { answers, credentials: vec![key], ..request(&server.url) };
        let sent = send(config(&server.url), request).await;
        let excerpt = sent.ok().map(|response| (response.status, response.excerpt.unwrap()));
        let expected = format!("none for key [redacted] {}…", "x".repeat(176));
        assert_eq!(excerpt, taken.then_some((status, expected)), "{answers:?}");
        assert_eq!(server.seen().len(), 1, "no retry is spent on it");
    }
}

#[tokio::test]
async fn max_elapsed_ends_the_attempts() {
    let server = Server::start(|_, _| Action::Hang).await;
    let mut hasty = config(&server.url);
    hasty.retry.max_elapsed = Duration::from_millis(100);
    let report = fails(hasty, request(&server.url)).await;
    assert_eq!(report.code().id, "DP0402");
    assert!(report.message().contains("1 attempt:"), "{report}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_the_root_cause() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let report = fails(config(&url), request(&url)).await;
    assert_eq!((report.code().id, report.retry()), ("DP0401", Retry::Later));
    assert!(report.message().contains("after 3 attempts: Connection refused"), "{report}");
    assert!(!report.to_string().contains("s3cret"), "{report}");
}

#[tokio::test]
async fn timeouts_are_told_apart_from_breaks() {
    let trickle =
        |_: usize, _: &server::Seen| Action::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n[1,".to_vec());
    let server = Server::start(trickle).await;
    let report = fails(config(&server.url), request(&server.url)).await;
    assert_eq!(report.code().id, "DP0402", "{report}");

    let mut hasty = config(&server.url);
    hasty.total_timeout = Duration::from_millis(50);
    let report = fails(hasty, request(&server.url)).await;
    assert!(report.message().contains("within 50 ms"), "{report}");
}

#[tokio::test]
async fn plain_text_where_tls_is_spoken_is_unreachable_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = [0; 1];
            stream.read_exact(&mut hello).await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    let report = fails(config(&url), request(&url)).await;
    assert_eq!((report.code().id, report.retry()), ("DP0401", Retry::AfterFix), "{report}");
    assert!(report.message().contains("after 1 attempt:"), "{report}");
}

#[tokio::test]
async fn bodies_are_decoded_within_the_limit() {
    let body = b"[1,2,3]".repeat(1000);
    let zstd = zstd::encode_all(&body[..], 1).unwrap();
    for (encoding, bytes) in [("gzip", gzip(&body)), ("zstd", zstd), ("identity", body.clone())] {
        let server = Server::start(move |_, _| answer(200, &[("content-encoding", encoding)], &bytes)).await;
        let sized = |max_body_bytes| HttpRequest { max_body_bytes, ..request(&server.url) };
        assert_eq!(send(config(&server.url), sized(7000)).await.unwrap().body, body, "{encoding}");
        let report = fails(config(&server.url), sized(6999)).await;
        assert_eq!(report.code().id, "DP0410", "{encoding}");
    }
}

#[tokio::test]
async fn an_endless_body_stops_at_the_limit() {
    let server = Server::start(|_, _| {
        let chunk = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}",
            format!("400\r\n{}\r\n", "1".repeat(1024)).repeat(64)
        );
        Action::Answer(chunk.into_bytes())
    })
    .await;
    let report = fails(config(&server.url), HttpRequest { max_body_bytes: 10_000, ..request(&server.url) }).await;
    assert_eq!((report.code().id, server.seen().len()), ("DP0410", 1), "{report}");
}

#[tokio::test]
async fn damaged_and_unknown_encodings_are_refused() {
    let whole = gzip(b"[1,2,3]");
    for (encoding, bytes) in
        [("gzip", whole[..whole.len() - 1].to_vec()), ("gzip", b"[]".to_vec()), ("br", b"[]".to_vec())]
    {
        let server = Server::start(move |_, _| answer(200, &[("content-encoding", encoding)], &bytes)).await;
        let report = fails(config(&server.url), request(&server.url)).await;
        assert_eq!((report.code().id, server.seen().len()), ("DP0415", 1), "{report}");
    }
}

#[tokio::test]
async fn redirects_on_the_own_origin_keep_credentials() {
    let server =
        Server::start(|n, _| if n == 0 { redirect(307, "/v2/orders?x=1") } else { answer(200, &[], "[]") }).await;
    let response = send(config(&server.url), request(&format!("{}/orders", server.url))).await.unwrap();
    assert_eq!(response.url, format!("{}/v2/orders?x=1", server.url));
    assert_eq!(server.lines(), ["GET /orders?api_key=s3cret", "GET /v2/orders?x=1&api_key=s3cret"]);
    assert!(server.seen()[1].head.contains("bearer t0ken1"));
}

#[tokio::test]
async fn a_post_that_becomes_a_get_loses_its_body() {
    for (status, line, body) in [(303, "GET", ""), (308, "POST", "{\"a\":1}")] {
        let server =
            Server::start(move |n, _| if n == 0 { redirect(status, "/done") } else { answer(200, &[], "[]") }).await;
        send(config(&server.url), post(&server.url)).await.unwrap();
        let last = server.seen().pop().unwrap();
        assert_eq!((last.line, last.body), (format!("{line} /done?api_key=s3cret"), body.to_owned()), "{status}");
        assert_eq!(last.head.contains("content-type"), status == 308);
    }
}

#[tokio::test]
async fn redirects_have_an_end() {
    let server = Server::start(|_, _| redirect(302, "/again")).await;
    let report = fails(config(&server.url), request(&server.url)).await;
    assert_eq!((report.code().id, server.seen().len()), ("DP0412", 11), "{report}");
}

/// A signer that answers what the test wrote.
#[derive(Debug)]
struct Signs(Vec<(String, Secret)>, Vec<(String, Secret)>);

#[async_trait::async_trait]
impl dpone_model::http::RequestSigner for Signs {
    async fn sign(&self, _: dpone_model::plugin::Outgoing) -> Result<dpone_model::http::Signed, Report> {
        Ok(dpone_model::http::Signed { headers: self.0.clone(), query: self.1.clone() })
    }
}

/// The server, the connection and the signer are each named as the cause of their own faults; none is an
/// internal error.
#[tokio::test]
async fn a_request_that_cannot_be_sent_names_its_cause() {
    let long = "x".repeat(66_000);
    for length in [61_500, 65_530, 300_000] {
        let location = format!("/{}", "x".repeat(length));
        let server = Server::start(move |_, _| redirect(302, &location)).await;
        let report = fails(config(&server.url), request(&server.url)).await;
        assert_eq!((report.code().id, report.exit() as u8), ("DP0425", 20), "{report}");
        assert!(report.to_string().len() < 1000 && report.message().contains("redirects to a URL of"), "{report}");
    }
    let server = Server::start(|_, _| answer(200, &[], "[]")).await;
    let report = fails(config(&server.url), request(&format!("{}/?a={long}", server.url))).await;
    assert_eq!(report.code().id, "DP0425", "{report}");
    for (count, bytes, says) in [
        (1, 10 << 20, "header `x-0` has 10485763 bytes, more than 16384"),
        (1, (16 << 10) - 2, "header `x-0` has 16385 bytes"),
        (9, 8 << 10, "headers have "),
    ] {
        let mut request = request(&server.url);
        request.headers = (0..count).map(|number| (format!("x-{number}"), "v".repeat(bytes))).collect();
        let report = fails(config(&server.url), request).await;
        assert_eq!((report.code().id, report.exit() as u8), ("DP0426", 20), "{report}");
        assert!(report.to_string().len() < 1000 && report.message().contains(says), "{report}");
    }
    let pair = |name: &str, value: &str| vec![(name.to_owned(), Secret::new(value))];
    for (headers, query, says) in [
        (Vec::new(), pair("signature", &long), "with the signer's parameters the URL has"),
        (pair("x-sign\r\nhost", "a"), Vec::new(), "a header whose name HTTP does not allow"),
        (pair("x-sign", "a\r\nhost: b"), Vec::new(), "the signer's value of the header `x-sign`"),
    ] {
        let signer = Credential::Signed(Arc::new(Signs(headers, query)));
        let signed = HttpRequest { credentials: vec![signer], ..request(&server.url) };
        let report = fails(config(&server.url), signed).await;
        assert_eq!(report.code().id, "DP0314", "{report}");
        assert!(report.message().contains(says) && report.to_string().len() < 1000, "{report}");
        assert!(!report.to_string().contains("token's file"), "{report}");
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_header_beyond_ascii_is_sent_as_utf_8() {
    let server = Server::start(|_, _| answer(200, &[], "[]")).await;
    let headers = vec![("X-Shop".to_owned(), "Caf\u{e9}".to_owned())];
    send(config(&server.url), HttpRequest { headers, ..request(&server.url) }).await.unwrap();
    assert!(server.seen()[0].head.contains("caf\u{e9}"), "{}", server.seen()[0].head);
}

#[tokio::test]
async fn nothing_is_sent_to_another_origin() {
    let other = Server::start(|_, _| answer(200, &[], "[]")).await;
    let location = format!("{}/steal", other.url);
    let server = Server::start(move |_, _| redirect(302, &location)).await;
    let report = fails(config(&server.url), request(&server.url)).await;
    assert_eq!(report.code().id, "DP0409");
    assert!(report.message().contains(&other.url) && !report.to_string().contains("s3cret"), "{report}");

    let report = fails(config(&server.url), request(&other.url)).await;
    assert_eq!(report.code().id, "DP0409", "a URL of another origin without a redirect");
    for foreign in ["ftp://127.0.0.1/x", "file:///etc/passwd"] {
        let server = Server::start(move |_, _| redirect(302, foreign)).await;
        let report = fails(config(&server.url), request(&server.url)).await;
        assert_eq!(report.code().id, "DP0409", "{foreign}");
        assert_eq!(report.hint_text(), Some("only http and https URLs are followed"), "{foreign}");
    }
    assert_eq!(other.seen().len(), 0);
}

#[tokio::test]
async fn an_allowed_origin_sees_no_credential_and_no_header_of_the_manifest() {
    let back = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let home = back.clone();
    let other = Server::start(move |_, _| redirect(302, home.get().unwrap())).await;
    let location = format!("{}/elsewhere", other.url);
    let server =
        Server::start(move |n, _| if n == 0 { redirect(302, &location) } else { answer(200, &[], "[]") }).await;
    back.set(format!("{}/back", server.url)).unwrap();
    let mut allowing = config(&server.url);
    allowing.allow_origins = vec![Url::parse(&other.url).unwrap(), Url::parse(&server.url).unwrap()];
    allowing.allow_private = true;
    send(allowing, request(&server.url)).await.unwrap();
    for seen in [&other.seen()[0], &server.seen()[1]] {
        for secret in ["t0ken1", "api_key", "x-manifest"] {
            assert!(!seen.head.contains(secret), "{secret} in {}", seen.head);
        }
        assert!(seen.head.contains("accept: application/json"), "{}", seen.head);
    }
}

#[tokio::test]
async fn an_allowed_origin_may_not_lie_inside_the_network() {
    let other = Server::start(|_, _| answer(200, &[], "[]")).await;
    let port = Url::parse(&other.url).unwrap().port().unwrap();
    let server = Server::start(|_, _| answer(200, &[], "[]")).await;
    let mut allowing = config(&server.url);
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "169.254.169.254", "2130706433"] {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        allowing.allow_origins = vec![url.clone()];
        let report = fails(allowing.clone(), request(url.as_str())).await;
        assert_eq!(report.code().id, "DP0419", "{report}");
    }
    assert_eq!(other.seen().len(), 0);
    allowing.allow_private = true;
    allowing.allow_origins = vec![Url::parse(&format!("http://localhost:{port}")).unwrap()];
    send(allowing, request(&format!("http://localhost:{port}/"))).await.unwrap();
}

#[tokio::test]
async fn a_credential_with_a_line_break_is_named_without_its_value() {
    let broken = HttpRequest {
        credentials: vec![Credential::Header { name: "Authorization".into(), value: Secret::new("Bearer t0ken1\n") }],
        ..request("http://127.0.0.1:9/")
    };
    let report = fails(config("http://127.0.0.1:9/"), broken).await;
    assert_eq!(report.code().id, "DP0204");
    assert!(report.message().contains("Authorization") && !report.to_string().contains("t0ken1"), "{report}");
}

#[tokio::test]
async fn certificates_that_are_none_are_refused() {
    for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        let mut broken = config("https://a.example");
        broken.ca_pem = Some(pem.into());
        let report = Report::from(Client::new(broken).expect_err(pem));
        assert_eq!(report.code().id, "DP0211", "{report}");
    }
}

#[tokio::test]
async fn any_https_origin_may_be_followed_to_where_that_is_asked_for_and_no_further() {
    for (location, plain, following) in [
        ("https://127.0.0.1:1/blob", "DP0409", "DP0419"),
        ("https://169.254.169.254/blob", "DP0409", "DP0419"),
        ("https://localhost:1/blob", "DP0409", "DP0419"),
        ("http://127.0.0.1:1/blob", "DP0409", "DP0409"),
        ("file:///etc/passwd", "DP0409", "DP0409"),
    ] {
        let server = Server::start(move |_, _| redirect(307, location)).await;
        assert_eq!(fails(config(&server.url), request(&server.url)).await.code().id, plain, "{location}");
        let client = Client::new(config(&server.url)).unwrap().following_any_https();
        let report = client.send(request(&server.url)).await.unwrap_err();
        assert_eq!(report.code().id, following, "{location}: {report}");
    }
}
