//! A source without a network: an API as a function, and an extractor that reads `next`.

#![allow(dead_code)] // Each test uses what it needs.

use async_trait::async_trait;
use dpone_connections::{Auth, HttpConnection};
use dpone_manifest::{
    ConnectionRef, ConnectionType, Grants, Limits, Pagination, PluginUse, Retry, Source, Staging, Timeouts,
};
use dpone_model::http::{HttpEgress, HttpRequest, HttpResponse};
use dpone_model::plugin::{Extractor, Identity, PageView, Plugin, RecordsAt, RequestEdit, RequestValue, Step, Usage};
use dpone_model::{Report, codes};
use dpone_plan::Boundary;
use dpone_source::{ResumeFrom, SharedScanner, Walk, WalkConfig, Walked};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;

type Answer = dyn Fn(&HttpRequest) -> Option<(u16, String)> + Send + Sync;

/// Answers by URL, and remembers what was asked.
pub struct Api {
    answer: Box<Answer>,
    pub asked: Mutex<Vec<HttpRequest>>,
}

impl Api {
    pub fn new(answer: impl Fn(&HttpRequest) -> Option<String> + Send + Sync + 'static) -> Arc<Self> {
        Self::answers(move |request| Some((200, answer(request)?)))
    }

    /// Answers with statuses of their own.
    pub fn answers(answer: impl Fn(&HttpRequest) -> Option<(u16, String)> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), asked: Mutex::default() })
    }

    /// One answer after the other, whatever is asked.
    pub fn script(answers: &[(u16, &str)]) -> Arc<Self> {
        let answers: Vec<(u16, String)> = answers.iter().map(|(status, body)| (*status, (*body).into())).collect();
        let next = std::sync::atomic::AtomicUsize::new(0);
        Self::answers(move |_| answers.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).cloned())
    }

    /// Pages by the part of the URL after the origin.
    pub fn pages(pages: &[(&str, &str)]) -> Arc<Self> {
        let pages: Vec<(String, String)> = pages.iter().map(|(url, body)| ((*url).into(), (*body).into())).collect();
        Self::new(move |request| {
            let path = request.url.strip_prefix("http://own.test")?.to_owned();
            pages.iter().find(|(url, _)| *url == path).map(|(_, body)| body.clone())
        })
    }

    pub fn urls(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|request| request.url.clone()).collect()
    }
}

#[async_trait]
impl HttpEgress for Api {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Report> {
        self.asked.lock().unwrap().push(request.clone());
        let failed = || Report::new(&codes::source::STATUS, "answered an error");
        let (status, body) = (self.answer)(&request).ok_or_else(failed)?;
        if !(200..300).contains(&status) && !request.answers.contains(&status) {
            return Err(failed());
        }
        let headers = vec![("X-Page".into(), "1".into()), ("Set-Cookie".into(), "session=1".into())];
        let excerpt = (!(200..300).contains(&status)).then(|| body.clone());
        Ok(HttpResponse { status, headers, body: body.into(), url: request.url, attempts: 1, excerpt })
    }
}

/// Follows the body's `next`: an object is the edit itself, text is the parameter `cursor`.
pub struct Follow {
    identity: Identity,
    pub records: fn(&dyn PageView) -> Result<RecordsAt, Report>,
}

impl Follow {
    pub fn at(records: fn(&dyn PageView) -> Result<RecordsAt, Report>) -> Box<dyn Extractor> {
        let identity = Identity { name: "follow".into(), version: "1".into(), sha256: "0".into() };
        Box::new(Self { identity, records })
    }

    pub fn items() -> Box<dyn Extractor> {
        Self::at(|_| Ok(RecordsAt::Path("items".into())))
    }
}

impl Plugin for Follow {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

#[async_trait]
impl Extractor for Follow {
    async fn start(&mut self) -> Result<Step, Report> {
        Ok(Step { records: RecordsAt::None, next: Some(RequestEdit::default()), ended: None, state: b"0".to_vec() })
    }

    async fn next(&mut self, page: Arc<dyn PageView>, state: &[u8]) -> Result<Step, Report> {
        let count: u32 = std::str::from_utf8(state).unwrap().parse().unwrap();
        let next = page.get("next")?.filter(|text| text != "null").map(|text| {
            if text.starts_with('{') {
                return serde_json::from_str(&text).unwrap();
            }
            let cursor = serde_json::from_str(&text).unwrap();
            RequestEdit { query: vec![("cursor".into(), RequestValue::Text(cursor))], ..RequestEdit::default() }
        });
        Ok(Step { records: (self.records)(&*page)?, next, ended: None, state: (count + 1).to_string().into_bytes() })
    }

    async fn ahead(&mut self, _state: &[u8], _n: u32) -> Result<Vec<RequestEdit>, Report> {
        Ok(Vec::new())
    }
}

/// A page that an earlier attempt journalled.
#[derive(Default)]
pub struct Earlier {
    pub request: RequestEdit,
    pub url: String,
    pub body: Vec<u8>,
    pub records_path: Option<&'static str>,
    pub records_digest: Option<u128>,
    pub newly_seen: Vec<String>,
}

/// A walk that goes on after journalled pages.
pub fn resume(config: WalkConfig<'_>, earlier: &[Earlier], from: ResumeFrom) -> Walk {
    let mut walk = Walk::new(config).unwrap();
    for page in earlier {
        let walked = Walked {
            request: &page.request,
            url: &page.url,
            body: &page.body,
            records_path: page.records_path,
            records_digest: page.records_digest,
            newly_seen: &page.newly_seen,
        };
        walk.walked(walked).unwrap();
    }
    walk.go_on(from);
    walk
}

pub fn connection(auth: Auth) -> HttpConnection {
    HttpConnection {
        id: "api".into(),
        origin_note: "test".into(),
        base_url: Some(Url::parse("http://own.test/").unwrap()),
        substituted: false,
        auth,
        ca_pem: None,
        secrets: Default::default(),
    }
}

pub fn source() -> Source {
    let second = Duration::from_secs(1);
    Source {
        connection: ConnectionRef::new("api", ConnectionType::Env),
        method: "GET".into(),
        url: "https://api.example.com/orders".into(),
        params: Vec::new(),
        body: None,
        headers: Vec::new(),
        records_path: "items".into(),
        empty_where_records_are_missing: false,
        ignores_error_objects: false,
        timeouts: Timeouts { total: second, connect: second, read: second },
        retry: Retry { max_attempts: 1, base: second, max: second, max_elapsed: second, max_retry_after: second },
        max_page_bytes: 1 << 20,
        allow_origins: Vec::new(),
        staging: Staging::Slice,
        pagination: Pagination {
            extractor: Some(plugin(Grants::default())),
            max_pages: None,
            stop_at_max_pages: false,
            max_empty_pages: 2,
            fail_on_missing_cursor: false,
            may_repeat_pages: false,
        },
        incremental: None,
        slicer: None,
        signer: None,
    }
}

pub fn plugin(grants: Grants) -> PluginUse {
    PluginUse {
        uses: "./follow.wasm".into(),
        with: serde_json::Map::new(),
        sha256: None,
        grants,
        limits: Limits::default(),
        key: "source.options.pagination".into(),
        with_key: "source.options.pagination.with".into(),
    }
}

/// A walk's parts that outlive its configuration.
pub struct Setup {
    pub source: Source,
    pub connection: HttpConnection,
    pub boundary: Boundary,
    pub scanner: SharedScanner,
}

impl Setup {
    pub fn new() -> Self {
        Self {
            source: source(),
            connection: connection(Auth::None),
            boundary: Boundary::default(),
            scanner: SharedScanner::default(),
        }
    }

    pub fn config(&self, api: &Arc<Api>, extractor: Box<dyn Extractor>) -> WalkConfig<'_> {
        WalkConfig {
            source: &self.source,
            connection: &self.connection,
            boundary: &self.boundary,
            egress: api.clone(),
            extractor,
            scanner: self.scanner.clone(),
            max_pages: None,
            signer: None,
            slice: None,
            seen_paths: Default::default(),
            walk_ends: Default::default(),
        }
    }
}
