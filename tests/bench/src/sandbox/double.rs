//! The plugins' own source compiled into this process, behind the pipeline's traits: what is left of
//! a plugin when the sandbox is not there. It asks the same page or batch as the component does, and
//! its answer is turned into the same types; only the boundary is missing.

use async_trait::async_trait;
use dpone_model::plugin::{self as model, BatchView, CheckCounts, Identity, PageView, Plugin, Usage};
use dpone_model::{Report, codes};
use dpone_sdk::{Batch, Column, Error, NativeBatch, NativePage, Page};
use std::sync::Arc;

#[path = "../../plugins/capitals.rs"]
pub mod capitals;
#[path = "../../../../plugins/cast/src/lib.rs"]
pub mod cast;
#[path = "../../../../plugins/cursor/src/lib.rs"]
pub mod cursor;
#[path = "../../../../plugins/not-null/src/lib.rs"]
pub mod not_null;
#[path = "../../plugins/redact.rs"]
pub mod redact;

/// A plugin's code and, of a check, what it has observed.
pub struct Double<P, S = ()> {
    plugin: P,
    state: S,
    identity: Identity,
}

impl<P, S: Default> Double<P, S> {
    pub fn new(plugin: P) -> Self {
        let identity = Identity { name: "double".into(), version: "0".into(), sha256: "native".into() };
        Self { plugin, state: S::default(), identity }
    }
}

impl<P: Send, S: Send> Plugin for Double<P, S> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

#[async_trait]
impl<P: dpone_sdk::Extractor<State = ()> + Send + Sync> model::Extractor for Double<P> {
    async fn start(&mut self) -> Result<model::Step, Report> {
        self.plugin.start().map(step).map_err(report)
    }

    async fn next(&mut self, page: Arc<dyn PageView>, _state: &[u8]) -> Result<model::Step, Report> {
        self.plugin.next(&Page::native(&Host(&*page)), ()).map(step).map_err(report)
    }

    async fn ahead(&mut self, _state: &[u8], _n: u32) -> Result<Vec<model::RequestEdit>, Report> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl<P: dpone_sdk::Transform + Send + Sync> model::Transform for Double<P> {
    async fn apply(&mut self, batch: Arc<dyn BatchView>) -> Result<model::Outcome, Report> {
        self.plugin.apply(&Batch::native(&Host(&*batch))).map(outcome).map_err(report)
    }
}

#[async_trait]
impl<P: dpone_sdk::Check + Send + Sync> model::Check for Double<P, P::State>
where
    P::State: Send + Sync,
{
    fn stage(&self) -> model::Stage {
        model::Stage::BeforePublish
    }

    async fn observe(&mut self, batch: Arc<dyn BatchView>) -> Result<(), Report> {
        self.plugin.observe(&Batch::native(&Host(&*batch)), &mut self.state).map_err(report)
    }

    async fn finish(&mut self, _counts: CheckCounts) -> Result<model::Verdict, Report> {
        Err(Report::new(&codes::internal::BUG, "a double is never asked for its verdict"))
    }
}

/// A page or a batch of the pipeline, as the SDK asks it.
struct Host<'a, V: ?Sized>(&'a V);

impl NativeBatch for Host<'_, dyn BatchView> {
    fn page(&self) -> u64 {
        self.0.page()
    }

    fn len(&self) -> u32 {
        self.0.len() as u32
    }

    fn column(&self, field: &str) -> Column {
        // The benchmark's records have no field twice, which is the one error that there is.
        let column = self.0.column(field).unwrap_or_default();
        Column::from_parts(column.kinds, column.offsets, column.text)
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.bytes()
    }
}

impl NativePage for Host<'_, dyn PageView> {
    fn status(&self) -> u16 {
        self.0.status()
    }

    fn header(&self, name: &str) -> Vec<String> {
        self.0.header(name)
    }

    fn url(&self) -> String {
        self.0.url().to_owned()
    }

    fn get(&self, path: &str) -> Option<String> {
        self.0.get(path).unwrap_or_default()
    }

    fn count(&self, path: &str) -> Option<u32> {
        self.0.count(path).unwrap_or_default()
    }

    fn last(&self, path: &str) -> Option<String> {
        self.0.last(path).unwrap_or_default()
    }

    fn body(&self) -> Vec<u8> {
        self.0.body().to_vec()
    }
}

fn report(error: Error) -> Report {
    Report::new(&codes::internal::BUG, format!("{}: {}", error.code, error.message))
}

fn step(step: dpone_sdk::Step<()>) -> model::Step {
    let records = match step.records {
        dpone_sdk::Records::None => model::RecordsAt::None,
        dpone_sdk::Records::At(path) => model::RecordsAt::Path(path),
        dpone_sdk::Records::Bytes(bytes) => model::RecordsAt::Bytes(bytes),
    };
    model::Step { records, next: step.next.map(request), ended: None, state: Vec::new() }
}

fn request(request: dpone_sdk::Request) -> model::RequestEdit {
    let fields = |fields: Vec<(String, dpone_sdk::RequestValue)>| {
        let value = |value| match value {
            dpone_sdk::RequestValue::Text(text) => model::RequestValue::Text(text),
            dpone_sdk::RequestValue::Secret(name) => model::RequestValue::Secret(name),
        };
        fields.into_iter().map(|(name, text)| (name, value(text))).collect()
    };
    model::RequestEdit {
        url: request.url,
        query: fields(request.query),
        body: fields(request.body),
        headers: fields(request.headers),
        method: request.method,
        path: request.path,
        may_be_past_end: request.may_be_past_end,
    }
}

fn outcome(outcome: dpone_sdk::Outcome) -> model::Outcome {
    match outcome {
        dpone_sdk::Outcome::Unchanged => model::Outcome::Unchanged,
        dpone_sdk::Outcome::Replaced(bytes) => model::Outcome::Replaced(bytes),
        dpone_sdk::Outcome::Edited(edits) => {
            let column = |(field, column): (String, Column)| {
                let (kinds, offsets, text) = column.into_parts();
                (field, model::Column { kinds, offsets, text })
            };
            let set = edits.set.into_iter().map(column).collect();
            model::Outcome::Edited(model::Edits { keep: edits.keep, rename: edits.rename, drop: edits.drop, set })
        }
    }
}
