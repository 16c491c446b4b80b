//! The demo API and the local broker inside the test process, so that a test can make the API
//! misbehave and see what was asked of it.

use crate::workspace::Workspace;
use dpone_local::{Broker, DemoApi, DemoOptions, Fault};
use std::sync::Mutex;

/// Both services on ports of their own; they end with it.
pub struct Stand {
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
    api: DemoApi,
    broker: Mutex<Option<Broker>>,
    bootstrap: String,
}

impl Stand {
    pub fn start(options: DemoOptions) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (api_dir, broker_dir) = (folder.path().join("api"), folder.path().join("broker"));
        std::fs::create_dir_all(&api_dir).and_then(|()| std::fs::create_dir_all(&broker_dir)).expect("folders");
        let api = runtime.block_on(DemoApi::start(&api_dir, 0, options)).expect("the demo API starts");
        let broker = runtime.block_on(Broker::start(&broker_dir, 0)).expect("the broker starts");
        let bootstrap = broker.bootstrap_servers();
        Self { runtime, folder, api, broker: Mutex::new(Some(broker)), bootstrap }
    }

    /// Thirty rows on three pages: the size of the fault matrix.
    pub fn small() -> Self {
        Self::start(DemoOptions { rows: 30, page_size: 10, new_rows: 0, ..DemoOptions::default() })
    }

    pub fn api(&self) -> &DemoApi {
        &self.api
    }

    pub fn base_url(&self) -> String {
        self.api.base_url()
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub fn misbehave(&self, faults: Vec<Fault>) {
        self.api.set_faults(faults);
    }

    /// Ends the broker; its port stays known, its topics stay on disk.
    pub fn stop_broker(&self) {
        let broker = self.broker.lock().expect("not poisoned").take();
        if let Some(broker) = broker {
            self.runtime.block_on(broker.stop());
        }
    }

    /// Starts the broker again, on the same port and folder.
    pub fn start_broker(&self) {
        let port = self.bootstrap.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let broker = self.runtime.block_on(Broker::start(&self.folder.path().join("broker"), port));
        *self.broker.lock().expect("not poisoned") = Some(broker.expect("the broker starts again"));
    }

    /// How many requests for pages came since the start.
    pub fn page_requests(&self) -> usize {
        self.api.requests().iter().filter(|request| request.path.starts_with("/orders")).count()
    }

    /// A workspace whose profile `test` names these services, with the guide's manifest as
    /// `guide.yaml`.
    pub fn workspace(&self) -> Workspace {
        self.workspace_with_api(&self.base_url())
    }

    /// The same with another server as the API.
    pub fn workspace_with_api(&self, base_url: &str) -> Workspace {
        let workspace = Workspace::new();
        workspace.profile(
            "test",
            &[
                ("example_api", format!("{{ type: http, base_url: \"{base_url}\" }}")),
                ("kafka_cluster", format!("{{ type: kafka, bootstrap_servers: \"{}\" }}", self.bootstrap())),
            ],
        );
        workspace.write("guide.yaml", GUIDE);
        workspace
    }
}

/// The guide's manifest.
pub const GUIDE: &str = include_str!("../../manifests/guide.yaml");
