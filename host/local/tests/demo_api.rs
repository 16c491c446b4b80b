//! The demo API over HTTP, as the egress of a run and the fault tests meet it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program: a failed expectation is a failed test"
)]

use bytes::Bytes;
use dpone_local::{DemoApi, DemoOptions, Fault, FaultKind};
use dpone_model::Secret;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::{HeaderMap, Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;
use tokio::net::TcpStream;

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn items(&self) -> Vec<Value> {
        self.json()["data"]["items"].as_array().unwrap().clone()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// One request on a connection of its own.
async fn send(api: &DemoApi, request: Request<Full<Bytes>>) -> Result<Reply, hyper::Error> {
    let stream = TcpStream::connect(api.address()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    Ok(Reply { status: parts.status, headers: parts.headers, body: body.collect().await?.to_bytes() })
}

fn request(api: &DemoApi, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let builder = Request::builder().method(method).uri(path).header("host", api.address().to_string());
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

async fn get(api: &DemoApi, path: &str) -> Reply {
    send(api, request(api, "GET", path, &[], "")).await.unwrap()
}

async fn start(options: DemoOptions) -> (tempfile::TempDir, DemoApi) {
    let dir = tempfile::tempdir().unwrap();
    let api = DemoApi::start(dir.path(), 0, options).await.unwrap();
    (dir, api)
}

fn rows(rows: u64) -> DemoOptions {
    DemoOptions { rows, new_rows: 0, ..DemoOptions::default() }
}

/// Follows the guide's cursor; gives each order's text by id.
async fn walk(api: &DemoApi, limit: u64, since: &str) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = get(api, &format!("/orders?limit={limit}&updated_since={since}&cursor={cursor}")).await;
        for item in page.items() {
            assert!(found.insert(item["order_id"].as_u64().unwrap(), item.to_string()).is_none());
        }
        match page.json()["data"]["next_cursor"].as_str() {
            Some(next) => cursor = next.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            None => return found,
        }
    }
}

#[tokio::test]
async fn the_guides_shape_is_served_in_pages_of_1000() {
    let (_dir, api) = start(rows(2500)).await;
    let first = get(&api, "/orders").await;
    assert_eq!((first.status, first.header("content-type")), (StatusCode::OK, "application/json"));
    assert_eq!(first.items().len(), 1000);
    assert!(first.json()["data"]["next_cursor"].is_string());
    assert_eq!(walk(&api, 1000, "").await.keys().copied().collect::<Vec<_>>(), (1..=2500).collect::<Vec<_>>());
}

#[tokio::test]
async fn another_path_lists_the_endpoints() {
    let (_dir, api) = start(rows(1)).await;
    let reply = get(&api, "/customers").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.json()["endpoints"].as_array().unwrap().len(), 5);
    assert_eq!(get(&api, "/orders?limit=x").await.status, StatusCode::BAD_REQUEST);
    let post = send(&api, request(&api, "POST", "/orders", &[], "")).await.unwrap();
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn ten_orders_change_after_each_walk_and_later_processes_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let options = DemoOptions { rows: 100, ..DemoOptions::default() };
    let api = DemoApi::start(dir.path(), 0, options.clone()).await.unwrap();
    let first = walk(&api, 30, "").await;
    assert_eq!(first.len(), 100);
    let second = walk(&api, 30, "").await;
    assert_eq!(second.len(), 105);
    let changed = second.iter().filter(|(id, text)| first.get(id) != Some(text)).count();
    assert!((9..=10).contains(&changed), "{changed} of 10 changes show; one order may change twice");
    api.stop().await;

    let api = DemoApi::start(dir.path(), 0, options).await.unwrap();
    // An incremental run from the newest time that the second walk saw.
    let newest = |orders: &BTreeMap<u64, String>| {
        let time =
            |text: &String| serde_json::from_str::<Value>(text).unwrap()["updated_at"].as_str().unwrap().to_owned();
        orders.values().map(time).max().unwrap()
    };
    let watermark = newest(&second);
    let later = walk(&api, 3, &watermark).await;
    let new = later.iter().filter(|(id, text)| second.get(id) != Some(text)).count();
    assert!((9..=10).contains(&new), "{new} of 10 changes show");
    assert!(later.len() < 15 && newest(&later) > watermark);
}

#[tokio::test]
async fn bodies_are_compressed_as_accepted() {
    let (_dir, api) = start(rows(50)).await;
    let plain = get(&api, "/orders").await;
    assert_eq!(plain.header("content-encoding"), "");
    for (accepted, expected) in [("gzip", "gzip"), ("gzip, zstd", "zstd"), ("zstd;q=0, gzip;q=1", "gzip"), ("br", "")] {
        let reply = send(&api, request(&api, "GET", "/orders", &[("accept-encoding", accepted)], "")).await.unwrap();
        assert_eq!(reply.header("content-encoding"), expected, "{accepted}");
        let mut body = Vec::new();
        match expected {
            "gzip" => drop(flate2::read::GzDecoder::new(&*reply.body).read_to_end(&mut body).unwrap()),
            "zstd" => body = zstd::decode_all(&*reply.body).unwrap(),
            _ => body = reply.body.to_vec(),
        }
        assert_eq!(body, plain.body, "{accepted}");
    }
}

#[tokio::test]
async fn http_2_is_served_to_who_begins_with_it() {
    let (_dir, api) = start(rows(10)).await;
    let stream = TcpStream::connect(api.address()).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let uri = format!("{}/orders/next?limit=4", api.base_url());
    let response = sender.send_request(Request::get(uri).body(Full::<Bytes>::default()).unwrap()).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let body: Value = serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert!(body["next"].as_str().unwrap().starts_with(&format!("{}/orders/next?cursor=", api.base_url())));
}

#[tokio::test]
async fn requests_are_logged_without_values_of_headers() {
    let token = Some(Secret::new("s3cret"));
    let (_dir, api) = start(DemoOptions { bearer_token: token, ..rows(3) }).await;
    assert_eq!(get(&api, "/orders").await.status, StatusCode::UNAUTHORIZED);
    let headers = [("authorization", "Bearer s3cret"), ("x-team", "dwh")];
    let reply = send(&api, request(&api, "GET", "/orders?limit=2", &headers, "")).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK);
    let log = get(&api, "/__requests").await;
    assert!(!String::from_utf8_lossy(&log.body).contains("s3cret"));
    assert_eq!(
        log.json()[1],
        json!({"method": "GET", "path": "/orders", "query": "limit=2", "version": "HTTP/1.1",
               "headers": ["host", "authorization", "x-team"], "authorization": true})
    );
    assert_eq!(api.requests().len(), 2, "control requests are not logged");
    send(&api, request(&api, "DELETE", "/__requests", &[], "")).await.unwrap();
    assert_eq!(api.requests(), []);
}

#[tokio::test]
async fn faults_are_set_while_it_runs_and_run_out() {
    let (_dir, api) = start(rows(30)).await;
    let faults = r#"[{"fault": "status", "status": 429, "retry_after": "7", "page": 1, "times": 2}]"#;
    assert_eq!(send(&api, request(&api, "POST", "/__faults", &[], faults)).await.unwrap().status, StatusCode::OK);
    for _ in 0..2 {
        let reply = get(&api, "/orders").await;
        assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (429, "7"));
    }
    assert_eq!(get(&api, "/orders").await.status, StatusCode::OK);
    let wrong = send(&api, request(&api, "POST", "/__faults", &[], r#"[{"fault": "gremlin"}]"#)).await.unwrap();
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_fault_shows_on_its_page_only() {
    let (_dir, api) = start(DemoOptions { faults: vec![Fault::at_page(2, FaultKind::Html)], ..rows(30) }).await;
    for (path, is_html) in [
        ("/orders/page?page_size=10&page=1", false),
        ("/orders/page?page_size=10&page=2", true),
        ("/orders/offset?limit=10&offset=10", true),
        ("/orders/offset?limit=10&offset=20", false),
    ] {
        let reply = get(&api, path).await;
        assert_eq!(reply.header("content-type").starts_with("text/html"), is_html, "{path}");
    }
}

#[tokio::test]
async fn every_broken_answer_is_broken_in_its_way() {
    let (_dir, api) = start(rows(30)).await;
    let with = |kind: FaultKind| api.set_faults(vec![Fault::always(kind)]);

    with(FaultKind::MalformedJson);
    let reply = get(&api, "/orders").await;
    assert!(reply.status == StatusCode::OK && serde_json::from_slice::<Value>(&reply.body).is_err());

    with(FaultKind::Cut);
    let cut = send(&api, request(&api, "GET", "/orders", &[], "")).await;
    assert!(cut.is_err(), "a body that ends early is no answer");

    with(FaultKind::RedirectElsewhere { origin: "http://127.0.0.1:1".into() });
    let reply = get(&api, "/orders?limit=3").await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (302, "http://127.0.0.1:1/orders?limit=3"));

    with(FaultKind::NextElsewhere { origin: "http://other.example".into() });
    let next = get(&api, "/orders/next?limit=3").await.json()["next"].as_str().unwrap().to_owned();
    assert!(next.starts_with("http://other.example/orders/next?"), "{next}");
    let link = get(&api, "/orders/link?limit=3").await.header("link").to_owned();
    assert!(link.starts_with("<http://other.example/") && link.ends_with(">; rel=\"next\""), "{link}");

    with(FaultKind::GzipBomb { bytes: 50_000_000 });
    let reply = get(&api, "/orders").await;
    assert_eq!(reply.header("content-encoding"), "gzip");
    assert!(reply.body.len() < 500_000, "{} bytes", reply.body.len());
    let unpacked = std::io::copy(&mut flate2::read::GzDecoder::new(&*reply.body), &mut std::io::sink()).unwrap();
    assert!(unpacked > 50_000_000);

    with(FaultKind::Hang);
    let hang = tokio::time::timeout(Duration::from_millis(200), get(&api, "/orders")).await;
    assert!(hang.is_err());

    with(FaultKind::Delay { ms: 150 });
    let started = std::time::Instant::now();
    assert_eq!(get(&api, "/orders").await.items().len(), 30);
    assert!(started.elapsed() >= Duration::from_millis(150));
}
