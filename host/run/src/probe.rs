//! `doctor` and `connections test`: what answers, and what does not.

use crate::authority;
use crate::folders::Folders;
use crate::open::open_state;
use crate::plugins;
use crate::resolve::{self, Host, Needs, Request, Resolved};
use dpone_connections::{Resolver, Role, Rule};
use dpone_egress::{Client, ClientConfig, RetryPolicy};
use dpone_manifest::{ConnectionRef, ConnectionType};
use dpone_model::Report;
use dpone_model::http::{HttpRequest, RequestSigner};
use dpone_source::{SinglePage, WalkConfig, client_config};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long one service may take to answer `doctor`.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// An id that no profile defines, because ids have no spaces: what the built-in profile would put in its place.
const UNDEFINED: &str = "any other id";

/// One thing that was tried.
pub struct Probe {
    pub name: String,
    /// Its answer, or the reason that it gave none.
    pub result: Result<String, Report>,
}

/// Connects to everything that a manifest names.
pub async fn connections(host: &Host, request: &Request) -> Result<Vec<Probe>, Report> {
    let mut resolved = resolve::resolve(host, request, None).await?;
    let api = match signer(host, &mut resolved).await {
        Ok(signer) => http(&resolved, signer).await,
        Err(report) => Err(report),
    };
    let manifest = &resolved.local.manifest;
    Ok(vec![
        Probe { name: format!("http {}", manifest.source.connection.id), result: api },
        Probe { name: format!("kafka {}", manifest.sink.connection.id), result: kafka(&resolved).await },
        Probe { name: "state".to_owned(), result: open_state(&resolved).await.map(|store| store.describe()) },
    ])
}

/// This machine, the built-in components, and what the profile stands on.
pub async fn doctor(host: &Host, profile: Option<&str>, builtins: &[(&str, &[u8])]) -> Vec<Probe> {
    let folder = Folders::open(&host.workdir).map(|_| format!("{} is writable", host.workdir.join(".dpone").display()));
    let mut probes = vec![Probe { name: "working folder".to_owned(), result: folder }];
    probes.push(Probe { name: "plugins".to_owned(), result: components(host, builtins).await });
    let name = format!("profile {}", profile.unwrap_or("none"));
    let needs = Needs { http: Some(UNDEFINED), kafka: Some(UNDEFINED), ..Needs::default() };
    match resolve::resolver(host, profile, needs).await {
        Err(report) => probes.push(Probe { name, result: Err(report) }),
        Ok(resolver) => {
            let defined = resolver.list(&[]).map(|listed| format!("{} connections defined", listed.len()));
            probes.push(Probe { name, result: defined });
            probes.extend(self::defined(&resolver).await);
            if resolver.profile().extends_local() {
                probes.extend(local(&resolver).await);
            }
        }
    }
    probes
}

/// The services that stand in for connections that the profile does not define, or the reason that none does.
async fn local(resolver: &Resolver) -> Vec<Probe> {
    let profile = resolver.profile();
    let rule = |role| profile.described_rule(role);
    let broker = match profile.rule(Role::Kafka) {
        Rule::StandsIn => named_kafka(resolver, UNDEFINED).await,
        _ => Ok(rule(Role::Kafka)),
    };
    let api = match profile.rule(Role::Http) {
        Rule::StandsIn => resolver
            .http(&reference(UNDEFINED))
            .await
            .map(|connection| connection.base_url.map_or_else(String::new, |url| url.to_string())),
        _ => Ok(rule(Role::Http)),
    };
    vec![
        Probe { name: "local broker".to_owned(), result: broker },
        Probe { name: "demo API".to_owned(), result: api },
        Probe { name: "local state".to_owned(), result: Ok(rule(Role::State)) },
    ]
}

/// Connections of the profile itself. State connections are opened by `connections test`, which knows
/// the manifest's table.
async fn defined(resolver: &Resolver) -> Vec<Probe> {
    let mut probes = Vec::new();
    for listed in resolver.list(&[]).unwrap_or_default() {
        let result = match listed.kind {
            "kafka" => named_kafka(resolver, &listed.id).await,
            "http" => named_http(resolver, &listed.id).await,
            kind => Ok(format!("{kind}, {}", listed.origin_note)),
        };
        probes.push(Probe { name: listed.id, result });
    }
    probes
}

fn reference(id: &str) -> ConnectionRef {
    ConnectionRef::new(id, ConnectionType::Env)
}

async fn named_kafka(resolver: &Resolver, id: &str) -> Result<String, Report> {
    let connection = resolver.kafka(&reference(id)).await?;
    dpone_sink::probe(&connection, ANSWER_WITHIN).await.map(|probe| probe.brokers.join(", "))
}

/// Whether anything answers at the base URL; which status it has there says nothing about the API.
async fn named_http(resolver: &Resolver, id: &str) -> Result<String, Report> {
    let connection = resolver.http(&reference(id)).await?;
    let Some(url) = connection.base_url else { return Ok("has no base_url".to_owned()) };
    let client = Client::new(ClientConfig {
        own_origin: url.clone(),
        own_is_guarded: false,
        allow_origins: Vec::new(),
        allow_private: true,
        connect_timeout: ANSWER_WITHIN,
        read_timeout: ANSWER_WITHIN,
        total_timeout: ANSWER_WITHIN,
        retry: RetryPolicy { max_attempts: 1, ..RetryPolicy::default() },
        ca_pem: connection.ca_pem,
        user_agent: "dpone-doctor".to_owned(),
        meter: Arc::default(),
    })?;
    let request = HttpRequest {
        method: "GET".to_owned(),
        url: url.to_string(),
        headers: Vec::new(),
        body: None,
        body_holds_secret: false,
        credentials: Vec::new(),
        max_body_bytes: 1 << 20,
        answers: &[],
    };
    let answer = client.send_any_status(request).await?;
    Ok(format!("{} answers ({})", answer.url, answer.status))
}

async fn components(host: &Host, builtins: &[(&str, &[u8])]) -> Result<String, Report> {
    let sandbox = plugins::sandbox(host)?;
    for (name, bytes) in builtins {
        sandbox.load(bytes.to_vec(), name).await?;
    }
    Ok(format!("{} built-in components compile and start", builtins.len()))
}

/// The manifest's signer: without it, an API that wants signed requests says no.
async fn signer(host: &Host, resolved: &mut Resolved) -> Result<Option<Arc<dyn RequestSigner>>, Report> {
    if resolved.local.manifest.source.signer.is_none() {
        return Ok(None);
    }
    let sandbox = plugins::sandbox(host)?;
    let (loaded, _) = authority::admit(host, &sandbox, &mut resolved.local).await?;
    let signer = plugins::signer(&sandbox, resolved, &loaded, 0, jiff::Timestamp::now()).await?;
    Ok(signer.map(|signer| signer as Arc<dyn RequestSigner>))
}

async fn http(resolved: &Resolved, signer: Option<Arc<dyn RequestSigner>>) -> Result<String, Report> {
    let source = &resolved.local.manifest.source;
    let config = client_config(source, &resolved.http, resolved.is_local, "dpone-probe")?;
    let boundary = dpone_plan::Boundary::default();
    let answer = dpone_source::probe(WalkConfig {
        source,
        connection: &resolved.http,
        boundary: &boundary,
        egress: Arc::new(Client::new(config)?),
        extractor: Box::new(SinglePage::new(&source.records_path)),
        scanner: Arc::new(Mutex::new(dpone_json::Scanner::new())),
        max_pages: Some(1),
        signer,
        slice: None,
        seen_paths: Default::default(),
        walk_ends: Default::default(),
    });
    Ok(match answer.await? {
        Some(page) => format!("{} {}, {} records in {:?}", page.status, page.url, page.records, page.took),
        None => "no page".to_owned(),
    })
}

async fn kafka(resolved: &Resolved) -> Result<String, Report> {
    let probe = dpone_sink::probe(&resolved.kafka, resolved.local.manifest.sink.connect_timeout).await?;
    Ok(format!("{} with {} topics", probe.brokers.join(", "), probe.topics))
}
