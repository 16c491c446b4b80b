//! The same job with the extractor compiled into the process: what is left when the sandbox is not
//! there. It exists for the comparison only; the product has no native path for plugins.

use async_trait::async_trait;
use dpone_connections::LocalServices;
use dpone_model::Report;
use dpone_model::plugin::{Extractor, Identity, PageView, Plugin, RecordsAt, RequestEdit, RequestValue, Step, Usage};
use dpone_run::finder::Finder;
use dpone_run::{Host, LocalStarter, Request};
use std::path::Path;
use std::sync::Arc;

/// The guide's cursor pagination, natively.
struct Cursor(Identity);

fn extractor() -> Box<dyn Extractor> {
    Box::new(Cursor(Identity { name: "native-cursor".into(), version: "0".into(), sha256: "native".into() }))
}

impl Plugin for Cursor {
    fn identity(&self) -> &Identity {
        &self.0
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

#[async_trait]
impl Extractor for Cursor {
    async fn start(&mut self) -> Result<Step, Report> {
        Ok(Step { records: RecordsAt::None, next: Some(RequestEdit::default()), ended: None, state: Vec::new() })
    }

    async fn next(&mut self, page: Arc<dyn PageView>, _state: &[u8]) -> Result<Step, Report> {
        let cursor = page.get("data.next_cursor")?;
        let text = cursor.as_deref().and_then(|json| json.strip_prefix('"')?.strip_suffix('"'));
        let next = text.map(|text| RequestEdit {
            query: vec![("cursor".into(), RequestValue::Text(text.into()))],
            ..RequestEdit::default()
        });
        Ok(Step { records: RecordsAt::Path("data.items".into()), next, ended: None, state: Vec::new() })
    }

    async fn ahead(&mut self, _state: &[u8], _n: u32) -> Result<Vec<RequestEdit>, Report> {
        Ok(Vec::new())
    }
}

/// The benchmark's profile defines API and broker; only state is local.
struct StateOnly(std::path::PathBuf);

#[async_trait]
impl LocalStarter for StateOnly {
    async fn start(&self, _needs: dpone_run::LocalNeeds) -> Result<LocalServices, Report> {
        let unused = || "http://127.0.0.1:1".to_owned();
        Ok(LocalServices {
            base_url: unused(),
            bootstrap_servers: unused(),
            sqlite_path: self.0.join(".dpone/local/state.db"),
        })
    }
}

/// Runs the manifest as `dpone run --profile bench` does, but for the extractor.
pub fn run(manifest: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let workdir = std::env::current_dir()?;
    let dpone = std::env::current_exe()?.with_file_name("dpone");
    let host = Host {
        finder: Finder { builtins: dpone_builtins::get, plugin_path: Vec::new(), workdir: workdir.clone() },
        local: Arc::new(StateOnly(workdir.clone())),
        compiler: vec![dpone.display().to_string(), "__compile".to_owned()],
        events: Arc::new(dpone_run::events::Silent),
        cancel: dpone_run::cancel::Cancel::default(),
        demands: dpone_run::authority::Demands::default(),
        tenancy: None,
        reads_pipes: false,
        native_extractor: Some(extractor),
        workdir,
    };
    let request = Request { manifest: manifest.to_owned(), profile: Some("bench".into()), ..Request::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let finished = runtime.block_on(dpone_run::run(&host, &request));
    finished.result.map_err(|report| report.to_string().into())
}
