//! Where secrets go, and where they are shown: the own origin, and nowhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // Helpers of tests fail as tests do.

#[allow(dead_code)] // Another test uses more of it.
mod server;

use dpone_egress::{Client, ClientConfig, RetryPolicy};
use dpone_model::http::{Credential, HttpEgress, HttpRequest, HttpResponse, RequestSigner, Signed};
use dpone_model::plugin::Outgoing;
use dpone_model::{Report, Secret, redact};
use server::{Server, answer, redirect};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use url::Url;

const KEY: &str = "k3y/of+the shop";

fn config(own: &str, others: &[&str]) -> ClientConfig {
    ClientConfig {
        own_origin: Url::parse(own).unwrap(),
        own_is_guarded: false,
        allow_origins: others.iter().map(|other| Url::parse(other).unwrap()).collect(),
        allow_private: true,
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(10),
        retry: RetryPolicy { max_attempts: 1, ..RetryPolicy::default() },
        ca_pem: None,
        user_agent: "dpone-test".into(),
        meter: Arc::default(),
    }
}

fn post(url: &str) -> HttpRequest {
    HttpRequest {
        method: "POST".into(),
        url: url.into(),
        headers: vec![("Content-Type".into(), "application/json".into()), ("Accept".into(), "a".into())],
        body: Some(format!("{{\"key\":\"{KEY}\"}}").into()),
        body_holds_secret: true,
        credentials: vec![Credential::Query { name: "api_key".into(), value: Secret::new(KEY) }],
        max_body_bytes: 1 << 20,
        answers: &[],
    }
}

async fn send(config: ClientConfig, request: HttpRequest) -> Result<HttpResponse, Report> {
    Client::new(config).unwrap().send(request).await
}

/// Another signature for each request.
#[derive(Debug, Default)]
struct Counting(AtomicUsize);

#[async_trait::async_trait]
impl RequestSigner for Counting {
    async fn sign(&self, outgoing: Outgoing) -> Result<Signed, Report> {
        assert!(!outgoing.url.contains("sig"), "an old signature would be signed: {}", outgoing.url);
        let signature = format!("signature-{}", self.0.fetch_add(1, Ordering::Relaxed));
        redact::protect_for_now(&signature);
        Ok(Signed { headers: Vec::new(), query: vec![("sig".into(), Secret::new(signature))] })
    }

    fn params(&self) -> Vec<String> {
        vec!["sig".into()]
    }
}

#[tokio::test]
async fn no_body_and_no_url_takes_a_secret_to_another_origin() {
    let other = Server::start(|_, _| answer(200, &[], "[]")).await;
    let encoded = "k3y%2Fof%2Bthe%20shop";
    for (status, to, is_sent) in [
        (307, "/steal".to_owned(), false),
        (308, "/steal".to_owned(), false),
        (303, "/page".to_owned(), true),
        (303, format!("/page?x=1&api_key={encoded}&y=2"), true),
        (303, format!("/page?API%5fKEY={encoded}"), true),
        (303, format!("/page?other={encoded}"), false),
        (303, "/page?other=k3y/of%2bthe+shop".to_owned(), false),
        (303, "/page?next=%2Fa%3Fk%3Dk3y%252Fof%252Bthe%2520shop".to_owned(), false),
        (303, "/k3y%2fof%2Bthe%20shop/page".to_owned(), false),
        (303, "/page?basic=azN5L29mK3RoZSBzaG9w".to_owned(), false),
        (303, "/page?hex=6b33792f6f662b7468652073686f70".to_owned(), false),
    ] {
        let location = format!("{}{to}", other.url);
        let server = Server::start(move |_, _| redirect(status, &location)).await;
        let before = other.seen().len();
        let sent = send(config(&server.url, &[&other.url]), post(&server.url)).await;
        let seen = other.seen().split_off(before);
        assert_eq!((sent.is_ok(), seen.len()), (is_sent, usize::from(is_sent)), "{status} {to}: {sent:?}");
        for seen in seen {
            let all = format!("{}{}{}", seen.line, seen.head, seen.body);
            assert_eq!(redact::text(&all), all);
            assert!(!all.to_ascii_lowercase().contains("api_key"), "{all}");
        }
        if let Err(report) = sent {
            let says = report.message().contains("would take a secret of the connection there");
            assert!(report.code().id == "DP0409" && says, "{report}");
        }
    }
    let own = Server::start(|n, _| if n == 0 { redirect(307, "/again") } else { answer(200, &[], "[]") }).await;
    send(config(&own.url, &[&other.url]), post(&own.url)).await.unwrap();
    assert!(own.seen().iter().all(|seen| seen.body.contains(KEY)), "the own origin gets it each time");

    let before = other.seen().len();
    let report = send(config(&own.url, &[&other.url]), post(&other.url)).await.unwrap_err();
    assert_eq!((report.code().id, other.seen().len()), ("DP0409", before), "a URL that a server gave");
}

#[tokio::test]
async fn a_signature_is_made_anew_and_the_old_one_goes() {
    let other = Server::start(|_, _| answer(200, &[], "[]")).await;
    for (to, last) in [
        ("/two?SIG=signature-0&a=1&sig=x", "POST /two?a=1&sig=signature-1"),
        ("?sig=signature-0", "POST /?sig=signature-1"),
    ] {
        let echo = move |n, _: &server::Seen| if n == 0 { redirect(307, to) } else { answer(200, &[], "[]") };
        let server = Server::start(echo).await;
        let signer = Credential::Signed(Arc::new(Counting::default()));
        let request = HttpRequest { credentials: vec![signer.clone()], ..post(&server.url) };
        let response = send(config(&server.url, &[]), request).await.unwrap();
        assert_eq!(server.lines(), ["POST /?sig=signature-0", last], "{to}");
        assert!(!response.url.contains("sig"), "{}", response.url);

        let location = format!("{}/two?a=1&sig=signature-1", other.url);
        let away = Server::start(move |_, _| redirect(303, &location)).await;
        let request = HttpRequest { credentials: vec![signer], ..post(&away.url) };
        send(config(&away.url, &[&other.url]), request).await.unwrap();
        assert_eq!(other.lines().last().unwrap(), "GET /two?a=1");
    }
}

#[tokio::test]
async fn an_excerpt_has_no_part_of_a_secret() {
    let secret = "0123456789abcdefghij0123456789";
    let digits = |text: &str| text.matches("0123").count();
    for before in (4050..4110).chain(0..3).chain(170..210) {
        for filler in [" ", "x"] {
            let body = format!("{}{secret} and more", filler.repeat(before));
            let server = Server::start(move |_, _| answer(401, &[], &body)).await;
            let credentials = vec![Credential::Header { name: "x-key".into(), value: Secret::new(secret) }];
            let report =
                send(config(&server.url, &[]), HttpRequest { credentials, ..post(&server.url) }).await.unwrap_err();
            assert_eq!(digits(report.message()), 0, "{before} {filler:?}: {report}");
        }
    }
}
