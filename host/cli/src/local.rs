//! The services behind `--profile local`: started when a command needs them, or joined where
//! another process keeps them up.

use crate::Outcome;
use crate::args::Common;
use crate::output::outln;
use async_trait::async_trait;
use dpone_connections::LocalServices;
use dpone_local::{DemoOptions, Options, Services};
use dpone_model::{Exit, Report};
use dpone_run::{LocalNeeds, LocalStarter};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Mutex;

/// The services that this process started or joined; [`stop`] lets go of it when the command is done.
static SERVICES: Mutex<Vec<Services>> = Mutex::const_new(Vec::new());

/// How long the owner of a service waits for other processes that still use it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Starts the services on first use and keeps them until the process ends.
pub struct OnDemand {
    dir: PathBuf,
    demo: DemoOptions,
}

impl OnDemand {
    pub fn new(workdir: &Path, common: &Common) -> Self {
        Self { dir: dir(workdir), demo: demo(common) }
    }
}

#[async_trait]
impl LocalStarter for OnDemand {
    async fn start(&self, needs: LocalNeeds) -> Result<LocalServices, Report> {
        let mut services = SERVICES.lock().await;
        let has = |of: fn(&Services) -> String| services.iter().any(|services| !of(services).is_empty());
        let (api, broker) = (needs.api && !has(Services::base_url), needs.broker && !has(Services::bootstrap_servers));
        if api || broker {
            let options = Options { api, broker, demo: self.demo.clone() };
            services.push(Services::start_or_join(&self.dir, options).await?);
        }
        let find = |of: fn(&Services) -> String| services.iter().map(of).find(|address| !address.is_empty());
        Ok(LocalServices {
            base_url: find(Services::base_url).unwrap_or_default(),
            bootstrap_servers: find(Services::bootstrap_servers).unwrap_or_default(),
            sqlite_path: self.dir.join("state.db"),
        })
    }
}

/// Ends what this process started, once nobody else uses it.
pub async fn stop() {
    for services in SERVICES.lock().await.drain(..) {
        services.stop(PATIENCE).await;
    }
}

/// `dpone local up`: keeps both services in the foreground until a signal comes.
pub async fn up(common: &Common) -> Outcome {
    let workdir = crate::context::workdir()?;
    let options = Options { api: true, broker: true, demo: demo(common) };
    let services = Services::start_or_join(&dir(&workdir), options).await.map_err(Report::from)?;
    if services.joined() {
        outln!("already up, kept by another process");
    }
    outln!("demo API      {}/orders", services.base_url());
    outln!("Kafka broker  {}", services.bootstrap_servers());
    outln!("data          {}", dir(&workdir).display());
    outln!("try           kcat -b {} -C -t dwh.orders", services.bootstrap_servers());
    if !services.joined() {
        outln!("Ctrl-C ends both");
        crate::context::stopped().await;
    }
    SERVICES.lock().await.push(services);
    Ok(Exit::Ok)
}

fn dir(workdir: &Path) -> PathBuf {
    workdir.join(".dpone/local")
}

fn demo(common: &Common) -> DemoOptions {
    DemoOptions { rows: common.demo.demo_rows, new_rows: common.demo.demo_new_rows, ..DemoOptions::default() }
}
