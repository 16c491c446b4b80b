//! An extractor walks the recorded pages by the source's own walk: the request rules, repeated
//! requests and broken pages are judged as in a run.

use super::{Played, scanner, setup, unwritable};
use crate::answer::{Step as Answered, edit_json, lines, text};
use crate::case::Case;
use crate::pages::RecordedPage;
use async_trait::async_trait;
use dpone_connections::{Auth, HttpConnection};
use dpone_manifest::{PluginUse, Source};
use dpone_model::http::{HttpEgress, HttpRequest, HttpResponse};
use dpone_model::plugin::{Ending, Extractor, Identity, PageView, Plugin, RequestEdit, Step, Usage};
use dpone_model::{Report, Secret, codes};
use dpone_plan::Boundary;
use dpone_sandbox::{Loaded, Sandbox};
use dpone_source::{Page, Walk, WalkConfig};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) async fn play(sandbox: &Sandbox, plugin: &Loaded, case: &Case, played: &mut Played) -> Result<(), Report> {
    let first: Arc<Mutex<Option<RequestEdit>>> = Arc::default();
    let extractor = Noting { extractor: sandbox.extractor(plugin, setup(case)?).await?, first: first.clone() };
    let recording = Arc::new(Recording { left: Mutex::new(case.pages.iter().cloned().collect()) });
    let source = source(case);
    let connection = HttpConnection {
        id: "case".into(),
        origin_note: "a recorded case".into(),
        base_url: None,
        substituted: false,
        auth: Auth::None,
        ca_pem: None,
        // Nothing is sent: a granted secret stands for itself.
        secrets: case.settings.grants.secrets.iter().map(|name| (name.clone(), Secret::new(name))).collect(),
    };
    let mut walk = Walk::new(WalkConfig {
        source: &source,
        connection: &connection,
        boundary: &Boundary::default(),
        egress: recording.clone(),
        extractor: Box::new(extractor),
        scanner: scanner(),
        max_pages: None,
        signer: None,
        slice: None,
        seen_paths: BTreeSet::new(),
        walk_ends: Default::default(),
    })?;
    let result = pages(&mut walk, case, played).await;
    played.usage = walk.usage();
    let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
    played.answer.first = first.map(|edit| text(&edit_json(&edit))).transpose().map_err(unwritable)?;
    result
}

async fn pages(walk: &mut Walk, case: &Case, played: &mut Played) -> Result<(), Report> {
    for number in 1..=case.pages.len() {
        let Some(page) = walk.next().await? else {
            let what = format!("the walk ended after page {}, and {} are recorded", number - 1, case.pages.len());
            played.notes.push(what);
            return Ok(());
        };
        played.records += page.records.len() as u64;
        played.answer.pages.push(answered(&page)?);
    }
    match walk.next().await {
        // The walk goes on where the recording ends.
        Err(report) if report.code() == &codes::plugin::NO_CASES => Ok(()),
        Err(report) => Err(report),
        Ok(_) => Ok(()),
    }
}

fn answered(page: &Page) -> Result<Answered, Report> {
    let records = lines(&dpone_json::ndjson(page.records_bytes(), &page.records)).map_err(unwritable)?;
    let next = page.next.as_ref().map(|next| text(&edit_json(next))).transpose().map_err(unwritable)?;
    let end = |ended: &Ending| serde_json::to_value(ended).and_then(|value| text(&value));
    let ended = page.ended.as_ref().map(end).transpose().map_err(unwritable)?;
    Ok(Answered { records, next, ended, ..Answered::default() })
}

/// The case's request, walked by this plugin with the case's grants.
fn source(case: &Case) -> Source {
    let settings = &case.settings;
    let mut source = settings.request.clone();
    source.pagination.max_empty_pages = u32::MAX;
    source.pagination.extractor = Some(PluginUse {
        uses: "./plugin.wasm".into(),
        with: settings.options.clone(),
        sha256: None,
        grants: settings.grants.clone(),
        limits: settings.limits.clone(),
        key: String::new(),
        with_key: "options".into(),
    });
    source
}

/// Answers each request with the next recorded page.
struct Recording {
    left: Mutex<VecDeque<RecordedPage>>,
}

#[async_trait]
impl HttpEgress for Recording {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Report> {
        let page = self.left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let page = page.ok_or_else(|| Report::new(&codes::plugin::NO_CASES, "no further page is recorded"))?;
        Ok(HttpResponse {
            status: page.status,
            headers: page.headers,
            body: page.body,
            url: page.url.unwrap_or(request.url),
            attempts: 1,
            excerpt: None,
        })
    }
}

/// Notes the first request also where the rules refuse it, or no page is recorded.
struct Noting {
    extractor: Box<dyn Extractor>,
    first: Arc<Mutex<Option<RequestEdit>>>,
}

impl Plugin for Noting {
    fn identity(&self) -> &Identity {
        self.extractor.identity()
    }

    fn usage(&self) -> Usage {
        self.extractor.usage()
    }
}

#[async_trait]
impl Extractor for Noting {
    async fn start(&mut self) -> Result<Step, Report> {
        let step = self.extractor.start().await?;
        self.first.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&step.next);
        Ok(step)
    }

    async fn next(&mut self, page: Arc<dyn PageView>, state: &[u8]) -> Result<Step, Report> {
        self.extractor.next(page, state).await
    }

    async fn ahead(&mut self, state: &[u8], n: u32) -> Result<Vec<RequestEdit>, Report> {
        self.extractor.ahead(state, n).await
    }
}
