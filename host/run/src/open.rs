//! B: state with its lease, the target, and the plugins; everything that can say no before the
//! first request is sent.

use crate::artifact::{CheckpointReport, PluginReport};
use crate::authority::{self, Admission};
use crate::cancel::Cancel;
use crate::events::Events;
use crate::extract::Extract;
use crate::folders::Folders;
use crate::lease::Held;
use crate::lost;
use crate::plugins::{self, Plugin};
use crate::producer::IdleProducer;
use crate::resolve::{Host, Resolved};
use crate::resume::Reopened;
use crate::session::Session;
use dpone_manifest::StateBlock;
use dpone_model::plugin::{PluginKind, Usage};
use dpone_model::state::{LeaseRequest, StateRow, StateStore};
use dpone_model::target::{TargetReader, TopicDescription};
use dpone_model::{Meter, Report, RunId, StateKey, codes};
use dpone_plan::TenantPlan;
use dpone_sandbox::Sandbox;
use dpone_sink::Kafka;
use dpone_source::Signing;
use std::sync::{Arc, Mutex, PoisonError};

/// B's result: what the run holds until it ends.
pub struct Opened {
    pub resolved: Resolved,
    pub run_id: RunId,
    pub seed: u64,
    pub started_at: jiff::Timestamp,
    pub folders: Folders,
    pub state: Arc<dyn StateStore>,
    pub key: StateKey,
    pub row: StateRow,
    pub lease: Option<Held>,
    pub kafka: Kafka,
    /// None where it does not exist yet.
    pub topic: Option<TopicDescription>,
    pub producer: IdleProducer,
    pub sandbox: Sandbox,
    pub plugins: Vec<Plugin>,
    pub signer: Option<Arc<Signing>>,
    /// The cost of listing the slices.
    pub slicing: Mutex<Usage>,
    pub admission: Admission,
    /// The use of the tenant's goods.
    pub tenant: Option<TenantPlan>,
    pub meter: Arc<Meter>,
    pub events: Arc<dyn Events>,
    /// Asked for the run to end.
    pub cancel: Cancel,
}

/// Opens state, takes the lease, asks the broker for the topic, and lets the plugins in.
pub async fn open(
    session: &mut Session,
    host: &Host,
    mut resolved: Resolved,
    journal: Option<&mut Reopened>,
) -> Result<Opened, Report> {
    // Outside of `local` a warning says it.
    for line in resolved.substitutions.iter().filter(|_| resolved.is_local) {
        session.note(line.clone());
    }
    for warning in &resolved.warnings {
        session.warn(warning.clone());
    }
    let started_at = journal.as_ref().map_or_else(jiff::Timestamp::now, |journal| journal.head.started_at);
    let seed = match &journal {
        Some(journal) => journal.head.seed,
        None => random()?,
    };
    let run_id = match &journal {
        Some(journal) => journal.head.run_id.clone(),
        None => RunId::new(started_at, random()?),
    };
    // Before there is an artifact: a refused manifest may name another pipeline and folder, and the run's own
    // report stays as it is.
    if let Some(journal) = journal.as_ref().filter(|journal| journal.is_mended) {
        journal.refuse_other_extract(&resolved.local)?;
    }
    session.begin(host, &resolved, &run_id)?;
    let folders = Folders::open(&host.workdir)?;
    let sandbox = plugins::sandbox(host)?;
    let admitted = session.cancel.guard(authority::admit(host, &sandbox, &mut resolved.local)).await;
    let (plugins, admission) = admitted?;
    session.report.lock.clone_from(&admission.lock);
    for warning in &admission.warnings {
        session.warn(warning.clone());
    }
    if let Some(journal) = &journal {
        journal.refuse_age(resolved.local.manifest.resume_max_age)?;
        journal.refuse_other_plugins(&plugins)?;
    }
    let tenant = host.tenancy.as_ref().map(|tenancy| tenancy.rules().plan(&resolved.local.manifest));
    let signer = plugins::signer(&sandbox, &resolved, &plugins, seed, started_at).await?;
    let key = StateKey::load(resolved.local.manifest.name.clone());
    // Both wait for others most of the time, so they wait together.
    let leased = lease(&resolved, &key, &run_id, &session.cancel);
    let (leased, target) = tokio::join!(leased, session.cancel.guard(target(&resolved)));
    let (state, row, held) = leased?;
    session.report.checkpoint.before = Some(CheckpointReport::of(row.revision, &row.checkpoint));
    session.report.state_store = Some(state.describe());
    let target = match (journal, target) {
        (Some(journal), target) => journal.go_on_from(&row, &resolved.local, &plugins).and(target),
        (None, Ok((kafka, topic))) => {
            let lost = lost::refuse(&folders, &resolved, state.as_ref(), &row, topic.as_ref()).await;
            lost.map(|warning| {
                warning.into_iter().for_each(|warning| session.warn(warning));
                (kafka, topic)
            })
        }
        (None, Err(report)) => Err(report),
    };
    match target {
        Ok((kafka, topic)) => Ok(Opened {
            resolved,
            run_id,
            seed,
            started_at,
            folders,
            state,
            key,
            row,
            lease: Some(held),
            kafka,
            topic,
            producer: IdleProducer::default(),
            sandbox,
            plugins,
            signer,
            slicing: Mutex::default(),
            admission,
            tenant,
            meter: session.meter.clone(),
            events: session.events.clone(),
            cancel: session.cancel.clone(),
        }),
        Err(report) => {
            held.release().await;
            Err(report)
        }
    }
}

/// Lets go of what the run held.
pub async fn close(opened: Opened) {
    // First the lease: others wait for it.
    if let Some(lease) = opened.lease {
        lease.release().await;
    }
    opened.producer.close().await;
    // Scratch files of this run are of no use to anybody else.
    if let Ok(scratch) = opened.folders.below("scratch") {
        let _ = scratch.remove_dir_all(opened.run_id.as_str());
    }
}

/// The state store of a manifest.
pub async fn open_state(resolved: &Resolved) -> Result<Arc<dyn StateStore>, Report> {
    let (schema, table) = match &resolved.local.manifest.state {
        StateBlock::Postgres { schema, table, .. } | StateBlock::Sqlite { schema, table, .. } => {
            (schema.as_str(), table.as_str())
        }
        StateBlock::Disabled => ("", ""),
    };
    Ok(Arc::from(dpone_state::open(&resolved.state, schema, table).await?))
}

impl Opened {
    /// Whether messages may quote values of rows: under `local`, or where the manifest says so.
    pub fn shows_values(&self) -> bool {
        self.resolved.is_local || self.resolved.local.manifest.values_shown
    }

    /// Whether an earlier run found a watermark in the manifest's own cursor field.
    pub fn proves_cursor_field(&self) -> bool {
        let field =
            self.resolved.local.manifest.source.incremental.as_ref().map(|incremental| &incremental.cursor_field);
        field.is_some() && self.row.checkpoint.watermark.as_ref().map(|watermark| &watermark.field) == field
    }

    /// The plugins with what each has cost so far, as the artifact shows them.
    pub fn plugin_reports(&self, extract: &Extract) -> Vec<PluginReport> {
        let extractors = self
            .plugins
            .iter()
            .filter(|plugin| plugin.found.kind == PluginKind::Extractor)
            .map(|_| extract.walk.usage());
        let transforms = extract.work.transforms.iter().map(|transform| transform.usage());
        let checks = extract.work.judge.usage().into_iter().map(|(_, _, usage)| usage);
        let slicer = self.plugins.iter().filter(|plugin| plugin.found.kind == PluginKind::Slicer);
        let slicer = slicer.map(|_| *self.slicing.lock().unwrap_or_else(PoisonError::into_inner));
        let signer = self.signer.iter().map(|signer| signer.usage());
        let usages = extractors.chain(transforms).chain(checks).chain(slicer).chain(signer);
        let report = |(plugin, usage): (&Plugin, Usage)| PluginReport {
            identity: plugin.loaded.inspection().identity.clone(),
            role: plugin.found.kind.name().to_owned(),
            signed_by: plugin.found.signed.as_ref().map(|signed| signed.key_id.clone()),
            usage,
        };
        self.plugins.iter().zip(usages).map(report).collect()
    }
}

/// Opens the state store and takes the load's lease, which is renewed from now on.
async fn lease(
    resolved: &Resolved,
    key: &StateKey,
    run_id: &RunId,
    cancel: &Cancel,
) -> Result<(Arc<dyn StateStore>, StateRow, Held), Report> {
    let state = open_state(resolved).await?;
    let lease = LeaseRequest { run_id: run_id.clone(), host: host_name(), pid: std::process::id() };
    let row = cancel.guard(state.acquire(key, &lease)).await?;
    tracing::debug!(revision = row.revision, store = state.describe(), "lease taken");
    let held = Held::keep(state.clone(), key.clone(), run_id.clone(), cancel.clone());
    Ok((state, row, held))
}

async fn target(resolved: &Resolved) -> Result<(Kafka, Option<TopicDescription>), Report> {
    let sink = &resolved.local.manifest.sink;
    let kafka = Kafka::connect(&resolved.kafka, sink).await?;
    let topic = kafka.describe_topic(&sink.topic).await?;
    Ok((kafka, topic))
}

fn random() -> Result<u64, Report> {
    getrandom::u64()
        .map_err(|cause| Report::new(&codes::internal::BUG, format!("the system gives no random numbers: {cause}")))
}

pub(crate) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_else(|_| "unknown".to_owned())
}
