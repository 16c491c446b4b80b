//! Vault over its HTTP API, against a stub that answers with the bodies of Vault's documentation.
//! It is a stub: what a real server does beyond those bodies is not shown here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

use dpone_connections::{Auth, Profile, Resolver};
use dpone_manifest::{ConnectionRef, ConnectionType};
use dpone_model::Report;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A request to the stub: method, path, token, namespace, body.
type Asked = Arc<Mutex<Vec<(String, String, Option<String>, Option<String>, String)>>>;
type Answer = fn(&str, Option<&str>, &str) -> (u16, &'static str);

/// `GET /v1/:mount/data/:path` of the KV v2 API documentation.
const SECRET: &str = r#"{"request_id":"f0","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"base_url":"https://api.example.com","token":"s3cr3t","owner":"etl"},"metadata":{"created_time":"2026-01-01T00:00:00Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":2}},"wrap_info":null,"warnings":null,"auth":null}"#;
const KAFKA_SECRET: &str = r#"{"data":{"data":{"bootstrap_servers":"k:9092","security_protocol":"SASL_SSL","sasl_mechanism":"SCRAM-SHA-256","sasl_username":"u","sasl_password":"p"},"metadata":{"version":1}}}"#;
const OTHER_FIELDS: &str = r#"{"data":{"data":{"url":"https://x","secret":"y"},"metadata":{"version":1}}}"#;
const DELETED: &str = r#"{"data":{"data":null,"metadata":{"created_time":"2026-01-01T00:00:00Z","deletion_time":"2026-02-01T00:00:00Z","destroyed":false,"version":3}}}"#;
const KV1: &str = r#"{"data":{"base_url":"https://api.example.com","token":"x"}}"#;
const DENIED: &str = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
const NOTHING: &str = r#"{"errors":[]}"#;
const NO_MOUNT: &str = r#"{"errors":["no handler for route \"secret/data/example_api\". route entry not found."]}"#;
const SEALED: &str = r#"{"errors":["Vault is sealed"]}"#;
const LOGIN: &str = r#"{"auth":{"client_token":"hvs.login","accessor":"a","policies":["default"],"lease_duration":1200,"renewable":true},"warnings":null,"wrap_info":null,"data":null}"#;
const BAD_LOGIN: &str = r#"{"errors":["invalid role or secret ID"]}"#;

async fn stub(answer: Answer) -> (String, Asked) {
    let asked = Asked::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let log = asked.clone();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            let log = log.clone();
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let log = log.clone();
                async move { Ok::<_, std::convert::Infallible>(serve(request, &log, answer).await) }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, asked)
}

async fn serve(request: Request<Incoming>, log: &Asked, answer: Answer) -> Response<Full<Bytes>> {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (token, namespace) = (header("x-vault-token"), header("x-vault-namespace"));
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let body = String::from_utf8(request.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let (status, text) = answer(&path, token.as_deref(), &body);
    log.lock().unwrap().push((method, path, token, namespace, body));
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn resolver(address: &str, variables: &[(&str, &str)]) -> Resolver {
    let mut env: HashMap<String, String> = HashMap::from([("VAULT_ADDR".to_owned(), address.to_owned())]);
    env.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let env: std::collections::BTreeMap<_, _> = env.into_iter().collect();
    Resolver::new(Profile::default(), None, PathBuf::from("/nonexistent"), env.into())
}

fn reference(id: &str) -> ConnectionRef {
    ConnectionRef::new(id, ConnectionType::Vault)
}

async fn failure(answer: Answer, variables: &[(&str, &str)]) -> Report {
    let (address, _) = stub(answer).await;
    resolver(&address, variables).http(&reference("example_api")).await.unwrap_err()
}

#[tokio::test]
async fn a_token_reads_a_secret_with_its_namespace() {
    let (address, asked) = stub(|_, _, _| (200, SECRET)).await;
    let resolver = resolver(&address, &[("VAULT_TOKEN", "hvs.t"), ("VAULT_NAMESPACE", "team/etl")]);
    let connection = resolver.http(&reference("example_api")).await.unwrap();
    assert_eq!(connection.base_url.unwrap().as_str(), "https://api.example.com/");
    assert!(matches!(&connection.auth, Auth::Bearer(token) if token.expose() == "s3cr3t"));
    assert_eq!(connection.origin_note, "Vault (secret/example_api)");
    let asked = asked.lock().unwrap();
    let (method, path, token, namespace, _) = &asked[0];
    assert_eq!((method.as_str(), path.as_str()), ("GET", "/v1/secret/data/example_api"));
    assert_eq!((token.as_deref(), namespace.as_deref()), (Some("hvs.t"), Some("team/etl")));
}

#[tokio::test]
async fn an_app_role_logs_in_once_for_all_connections() {
    let (address, asked) = stub(|path, token, _| match (path, token) {
        ("/v1/auth/approle/login", None) => (200, LOGIN),
        ("/v1/kv/data/teams/etl/api", Some("hvs.login")) => (200, SECRET),
        ("/v1/secret/data/kafka_cluster", Some("hvs.login")) => (200, KAFKA_SECRET),
        _ => (403, DENIED),
    })
    .await;
    let resolver = resolver(&format!("{address}/"), &[("VAULT_ROLE_ID", "role"), ("VAULT_SECRET_ID", "sesame")]);
    let mut api = reference("example_api");
    api.vault_mount_point = Some("kv".into());
    api.vault_path = Some("teams/etl/api".into());
    resolver.http(&api).await.unwrap();
    let kafka = resolver.kafka(&reference("kafka_cluster")).await.unwrap();
    assert_eq!(kafka.options["security.protocol"].expose(), "sasl_ssl");
    assert_eq!(kafka.options["sasl.password"].expose(), "p");
    assert!(!format!("{kafka:?}").contains("\"p\""), "{kafka:?}");
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].4, r#"{"role_id":"role","secret_id":"sesame"}"#);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let token = [("VAULT_TOKEN", "hvs.t")];
    let role = [("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID", "s")];
    let cases: [(Answer, &[(&str, &str)], &str, &str); 9] = [
        (|_, _, _| (403, DENIED), &token, "DP0207", "HTTP 403, 1 error occurred: * permission denied"),
        (|_, _, _| (404, NOTHING), &token, "DP0208", "there is nothing at this path"),
        (|_, _, _| (404, DELETED), &token, "DP0208", "its newest version is deleted"),
        (|_, _, _| (400, NO_MOUNT), &token, "DP0208", "no handler for route"),
        (|_, _, _| (200, KV1), &token, "DP0208", "no data.data"),
        (|_, _, _| (200, "<html>"), &token, "DP0208", "no data.data"),
        (|_, _, _| (503, SEALED), &token, "DP0206", "HTTP 503, Vault is sealed"),
        (|_, _, _| (400, BAD_LOGIN), &role, "DP0207", "invalid role or secret ID"),
        (|_, _, _| (200, OTHER_FIELDS), &token, "DP0203", " has only `secret`, `url`"),
    ];
    for (answer, variables, code, message) in cases {
        let report = failure(answer, variables).await;
        assert_eq!(report.code().id, code, "{report}");
        assert!(report.message().contains(message), "{report}");
        assert!(!report.to_string().contains("hvs.t"), "{report}");
    }
}

#[tokio::test]
async fn a_user_name_alone_logs_in() {
    let (address, _) =
        stub(|_, _, _| (200, r#"{"data":{"data":{"base_url":"https://x","username":"k3y","password":""}}}"#)).await;
    let connection = resolver(&address, &[("VAULT_TOKEN", "t")]).http(&reference("a")).await.unwrap();
    assert!(matches!(&connection.auth, Auth::Basic { username, password } if username == "k3y" && password.is_empty()));
}

#[tokio::test]
async fn a_field_that_is_nearly_ours_is_pointed_out() {
    let (address, _) = stub(|_, _, _| {
        (
            200,
            r#"{"data":{"data":{"base_url":"https://x","tokn":"s3cr3t","owner":"etl","api_key":"k","api_keys":"z"}}}"#,
        )
    })
    .await;
    let resolver = resolver(&address, &[("VAULT_TOKEN", "t")]);
    resolver.http(&reference("a")).await.unwrap();
    let expected = "connection a: the field `tokn` of Vault (secret/a) is not read; did you mean `token`?";
    assert_eq!(resolver.warnings(), [expected]);
}

#[tokio::test]
async fn what_is_missing_or_away_is_named() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let report = resolver(&address, &[("VAULT_TOKEN", "t")]).http(&reference("a")).await.unwrap_err();
    assert_eq!(report.code().id, "DP0206");
    assert!(report.message().contains(&address), "{report}");

    for (variables, missing) in [
        (vec![("VAULT_ADDR", "")], "VAULT_ADDR"),
        (vec![], "VAULT_TOKEN"),
        (vec![("VAULT_ROLE_ID", "r")], "VAULT_SECRET_ID"),
        (vec![("VAULT_SECRET_ID", "s")], "VAULT_ROLE_ID"),
    ] {
        let report = resolver("http://127.0.0.1:1", &variables).http(&reference("a")).await.unwrap_err();
        assert_eq!(report.code().id, "DP0204", "{report}");
        assert!(report.message().contains(missing), "{report}");
    }

    let mut outside = reference("a");
    outside.vault_path = Some("../sys/seal".into());
    let report = resolver("http://127.0.0.1:1", &[("VAULT_TOKEN", "t")]).http(&outside).await.unwrap_err();
    assert_eq!(report.code().id, "DP0208", "{report}");

    let ca = [("VAULT_TOKEN", "t"), ("VAULT_CACERT", "gone.pem")];
    let report = resolver("https://127.0.0.1:1", &ca).http(&reference("a")).await.unwrap_err();
    assert_eq!(report.code().id, "DP0211", "{report}");
}
