//! The services behind `--profile local`: started when a command needs them, or joined where
//! another process keeps them up.

use crate::Outcome;
use crate::args::Common;
use async_trait::async_trait;
use dpone_connections::LocalServices;
use dpone_local::{DemoOptions, Options, Services};
use dpone_model::{Exit, Report};
use dpone_run::{LocalNeeds, LocalStarter};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Mutex;

/// What this process started or joined; [`stop`] lets go of it when the command is done.
static SERVICES: Mutex<Option<Services>> = Mutex::const_new(None);

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
        if services.is_none() {
            let options = Options { api: needs.api, broker: needs.broker, demo: self.demo.clone() };
            *services = Some(Services::start_or_join(&self.dir, options).await?);
        }
        let (base_url, bootstrap_servers) = match &*services {
            Some(services) => (services.base_url(), services.bootstrap_servers()),
            None => Default::default(),
        };
        Ok(LocalServices { base_url, bootstrap_servers, sqlite_path: self.dir.join("state.db") })
    }
}

/// Ends what this process started, once nobody else uses it.
pub async fn stop() {
    if let Some(services) = SERVICES.lock().await.take() {
        services.stop(PATIENCE).await;
    }
}

/// `dpone local up`: keeps both services in the foreground until a signal comes.
pub async fn up(common: &Common) -> Outcome {
    let workdir = crate::context::workdir()?;
    let options = Options { api: true, broker: true, demo: demo(common) };
    let services = Services::start_or_join(&dir(&workdir), options).await.map_err(Report::from)?;
    if services.joined() {
        println!("already up, kept by another process");
    }
    println!("demo API      {}/orders", services.base_url());
    println!("Kafka broker  {}", services.bootstrap_servers());
    println!("data          {}", dir(&workdir).display());
    println!("try           kcat -b {} -C -t dwh.orders", services.bootstrap_servers());
    if !services.joined() {
        println!("Ctrl-C ends both");
        crate::context::stopped().await;
    }
    *SERVICES.lock().await = Some(services);
    Ok(Exit::Ok)
}

fn dir(workdir: &Path) -> PathBuf {
    workdir.join(".dpone/local")
}

fn demo(common: &Common) -> DemoOptions {
    DemoOptions { rows: common.demo.demo_rows, new_rows: common.demo.demo_new_rows, ..DemoOptions::default() }
}
