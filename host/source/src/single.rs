//! `pagination.type: none`: one request, for which no component is needed.

use async_trait::async_trait;
use dpone_model::plugin::{Ending, Extractor, Identity, PageView, Plugin, RecordsAt, RequestEdit, Step, Usage};
use dpone_model::{Report, WalkEnded};
use std::sync::Arc;

/// One page, whose records are at the manifest's `records_path`.
#[derive(Debug)]
pub struct SinglePage {
    identity: Identity,
    records_path: String,
}

impl SinglePage {
    pub fn new(records_path: impl Into<String>) -> Self {
        let identity =
            Identity { name: "none".into(), version: env!("CARGO_PKG_VERSION").into(), sha256: String::new() };
        Self { identity, records_path: records_path.into() }
    }
}

impl Plugin for SinglePage {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

#[async_trait]
impl Extractor for SinglePage {
    async fn start(&mut self) -> Result<Step, Report> {
        Ok(Step { records: RecordsAt::None, next: Some(RequestEdit::default()), ended: None, state: Vec::new() })
    }

    async fn next(&mut self, _page: Arc<dyn PageView>, _state: &[u8]) -> Result<Step, Report> {
        let ended = Ending::new(WalkEnded::SINGLE_REQUEST, "without `pagination` there is one request");
        let records = RecordsAt::Path(self.records_path.clone());
        Ok(Step { records, next: None, ended: Some(ended), state: Vec::new() })
    }

    async fn ahead(&mut self, _state: &[u8], _n: u32) -> Result<Vec<RequestEdit>, Report> {
        Ok(Vec::new())
    }
}
