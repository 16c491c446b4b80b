//! The messages between a supervisor and its workers: one JSON object a line, over the worker's
//! standard streams.
//!
//! The supervisor speaks first, with a [`Setup`]; it goes on with orders once the worker has said that
//! it is ready. A closed stream ends the worker.

use dpone_connections::LocalServices;
use dpone_run::tenancy::TenancyOnWire;
use dpone_run::{LocalNeeds, Remedy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A setup longer than this is none of ours.
pub(crate) const MAX_SETUP_BYTES: u64 = 16 << 20;
/// A worker's word is mostly a run's report, which has an entry for each slice.
pub(crate) const MAX_WORD_BYTES: u64 = 4 << 20;

/// The identity of a worker, for as long as it lives. It may hold a tenant's secrets.
#[derive(Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Working folder of its runs.
    pub workdir: PathBuf,
    pub profile: Option<String>,
    pub plugin_path: Vec<PathBuf>,
    pub locked: bool,
    /// Text and name of each key of which one has to have signed every component.
    pub signers: Option<Vec<(String, String)>>,
    pub quiet: bool,
    /// The tenant whose runs these are; without one the worker is not confined.
    pub tenancy: Option<TenancyOnWire>,
    /// Scheduling priority where no control group weighs the tenants.
    pub nice: i32,
    /// The control group that the worker is in, as the bill shows it.
    pub cgroup: Option<String>,
    /// The further needs of a process that is there for one command.
    pub command: Option<CommandSetup>,
}

/// Of a process that does one command for a tenant, such as `plan`.
#[derive(Serialize, Deserialize)]
pub(crate) struct CommandSetup {
    /// The manifest that the command names, without links.
    pub manifest: PathBuf,
    /// The services that stand in for others, where the profile is a local one.
    pub local: Option<Local>,
    /// Whether it may write beside the manifest.
    pub writes_manifests: bool,
}

/// One run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Job {
    pub manifest: PathBuf,
    pub params: BTreeMap<String, String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub max_pages: Option<u64>,
    pub advance_state: bool,
    /// A stopped run to go on with; then nothing else counts but a manifest, which takes the place of the
    /// run's own.
    pub resume: Option<String>,
}

/// From supervisor to worker.
#[derive(Serialize, Deserialize)]
pub(crate) enum Order {
    Run {
        number: usize,
        job: Job,
    },
    /// The services that the worker asked for, or why there are none.
    Local(Result<Local, String>),
    /// End every run where it can go on later.
    Stop,
}

/// Services of the profile `local` that run beside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Local {
    pub base_url: String,
    pub bootstrap_servers: String,
}

impl From<LocalServices> for Local {
    fn from(services: LocalServices) -> Self {
        Self { base_url: services.base_url, bootstrap_servers: services.bootstrap_servers }
    }
}

impl Local {
    /// As runs in this working folder use them; their state is their own.
    pub(crate) fn services(self, workdir: &Path) -> LocalServices {
        let Self { base_url, bootstrap_servers } = self;
        LocalServices { base_url, bootstrap_servers, sqlite_path: workdir.join(".dpone/local/state.db") }
    }
}

/// From worker to supervisor.
#[derive(Serialize, Deserialize)]
pub(crate) enum Word {
    Ready,
    /// A run is under way: from now on it may leave something behind.
    Begun {
        number: usize,
    },
    /// The worker cannot be what the setup says; it ends.
    Refused {
        error: String,
        exit: u8,
    },
    /// A profile needs services that stand in for others.
    Local(LocalNeeds),
    Ended {
        number: usize,
        ended: Ended,
    },
}

/// How one run ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ended {
    /// As `run.json` holds it; `null` where the worker ended before its run did.
    pub report: serde_json::Value,
    /// The error as a user sees it.
    pub error: Option<String>,
    /// The exit code that the run alone would have given.
    pub exit: u8,
    /// The artifact's folder.
    pub artifact: Option<PathBuf>,
    pub remedy: Remedy,
}
