//! The run artifact: what happened, in files that are there on success and on failure.
//!
//! They hold no secret, and every hidden character as an escape; only their owner reads them.
//! Every file is written beside its name and renamed, so that a reader never sees half of one.

use crate::events::Step;
use crate::resume::Reopened;
use dpone_model::plugin::{Identity, Usage};
use dpone_model::{Counts, LeftOut, Report, Traffic, WalkEnded, codes, foreign, redact};
use serde::Serialize;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// `run.json`, also printed by `run --format json`.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    pub run_id: String,
    pub pipeline: String,
    /// `running`, `succeeded` or `failed`.
    pub outcome: &'static str,
    pub exit_code: u8,
    pub error: Option<Report>,
    pub started_at: jiff::Timestamp,
    pub finished_at: Option<jiff::Timestamp>,
    pub profile: Option<String>,
    pub manifest: String,
    pub manifest_sha256: String,
    /// `file`, or `journal` where a resumed run went on with its own copy.
    pub manifest_from: &'static str,
    /// Whether this is a further attempt at a run that had stopped.
    pub resumed: bool,
    pub steps: Vec<StepReport>,
    pub pages: u64,
    pub bytes: u64,
    pub rows: Rows,
    pub walk: WalkReport,
    pub left_out: LeftOutReport,
    pub boundary: BoundaryReport,
    pub checkpoint: Checkpoints,
    /// The store that the checkpoints are in.
    pub state_store: Option<String>,
    pub guarantee: Option<String>,
    pub plugins: Vec<PluginReport>,
    /// Of a load that is cut.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<SliceReport>,
    /// The lock file that the plugins were held to.
    pub lock: Option<dpone_plan::LockFacts>,
    /// Fields whose values are of kinds that no type joins, each kind with its first record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mixed: Vec<dpone_plan::Mixed>,
    pub warnings: Vec<String>,
    pub bill: Bill,
}

/// The run's cost, and whose it is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Bill {
    /// The tenant, where a policy names tenants.
    pub tenant: Option<String>,
    /// CPU time of plugins, in microseconds.
    pub plugin_cpu_us: u64,
    /// The most that one plugin's memory had.
    pub plugin_peak_memory_bytes: u64,
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Confinements of the process, such as `landlock 7`, `seccomp`, `memory 1073741824`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confined_by: Vec<String>,
}

impl Bill {
    pub(crate) fn set(&mut self, plugins: &[PluginReport], traffic: Traffic) {
        self.plugin_cpu_us = plugins.iter().map(|plugin| plugin.usage.cpu_us).sum();
        self.plugin_peak_memory_bytes =
            plugins.iter().map(|plugin| plugin.usage.peak_memory_bytes).max().unwrap_or_default();
        self.traffic = traffic;
    }
}

/// The outcome of one slice; its files are under `slices/NUMBER/`.
#[derive(Debug, Clone, Serialize)]
pub struct SliceReport {
    pub id: String,
    /// `running`, `succeeded` or `failed`.
    pub outcome: &'static str,
    pub error: Option<Report>,
    pub pages: u64,
    pub rows: Rows,
    pub walk: WalkReport,
    pub left_out: LeftOutReport,
    pub boundary: BoundaryReport,
    pub checkpoint: Checkpoints,
}

/// The walk over the API's pages.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WalkReport {
    /// Why no further page was fetched; none where the walk did not come to its end.
    pub ended: Option<WalkEnded>,
}

#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    pub step: char,
    pub title: &'static str,
    pub started_at: jiff::Timestamp,
    #[serde(skip)]
    again_at: jiff::Timestamp,
    pub duration_ms: u64,
    /// `done`, `failed`, or `running` while it lasts.
    pub outcome: &'static str,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Rows {
    pub extracted: u64,
    pub filtered: u64,
    pub published: u64,
    pub acknowledged: u64,
    pub dead_lettered: u64,
}

/// Where the records went that were not published. What the API gave (`rows.extracted`) and what
/// transforms added is what is counted here and what was published.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LeftOutReport {
    #[serde(flatten)]
    pub counts: LeftOut,
    /// `dropped` and `added` of each transform, in their order.
    pub transforms: Vec<TransformReport>,
    /// Read and not published, because the run failed.
    pub not_published: u64,
}

/// One transform's effect on the number of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransformReport {
    pub uses: String,
    pub dropped: u64,
    pub added: u64,
}

/// Records that the watermark does not cover.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct BoundaryReport {
    /// Beyond `max_future`, published by this run. Those of earlier runs are already loaded.
    pub ahead: u64,
    /// Without a cursor value and kept, likewise.
    pub kept_without_cursor: u64,
    /// Published again by the next run, because there was no room for their digests.
    pub published_again: u64,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Checkpoints {
    pub before: Option<CheckpointReport>,
    pub after: Option<CheckpointReport>,
}

/// A checkpoint without its digests and schema, which have files of their own.
#[derive(Debug, Clone, Serialize)]
pub struct CheckpointReport {
    pub revision: u64,
    pub watermark: Option<String>,
    pub response_cursor: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct PluginReport {
    #[serde(flatten)]
    pub identity: Identity,
    pub role: String,
    /// Id of the key that signed it, where signatures were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    #[serde(flatten)]
    pub usage: Usage,
}

impl CheckpointReport {
    pub fn of(revision: u64, checkpoint: &dpone_model::Checkpoint) -> Self {
        Self {
            revision,
            watermark: checkpoint.watermark.as_ref().map(|watermark| watermark.value.text().to_owned()),
            response_cursor: checkpoint.response_cursor.clone(),
        }
    }
}

impl Rows {
    fn of(counts: &Counts) -> Self {
        Self {
            extracted: counts.extracted,
            filtered: counts.filtered(),
            published: counts.published,
            acknowledged: counts.acknowledged,
            dead_lettered: counts.dead_lettered,
        }
    }
}

impl LeftOutReport {
    fn of(counts: &Counts, transforms: &[TransformReport]) -> Self {
        let not_published = counts.remaining().saturating_sub(counts.published);
        Self { counts: counts.left_out, transforms: transforms.to_vec(), not_published }
    }
}

impl TransformReport {
    pub fn of(uses: &str) -> Self {
        Self { uses: uses.to_owned(), dropped: 0, added: 0 }
    }

    /// Adds up the same transforms of several slices.
    pub fn add(sum: &mut Vec<Self>, others: &[Self]) {
        if sum.is_empty() {
            sum.extend_from_slice(others);
            return;
        }
        for (sum, other) in sum.iter_mut().zip(others) {
            sum.dropped += other.dropped;
            sum.added += other.added;
        }
    }
}

impl BoundaryReport {
    fn of(counts: &Counts) -> Self {
        Self {
            ahead: counts.ahead,
            kept_without_cursor: counts.kept_without_cursor,
            published_again: counts.published_again,
        }
    }
}

impl SliceReport {
    pub fn started(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            outcome: "running",
            error: None,
            pages: 0,
            rows: Rows::default(),
            walk: WalkReport::default(),
            left_out: LeftOutReport::default(),
            boundary: BoundaryReport::default(),
            checkpoint: Checkpoints::default(),
        }
    }

    pub fn ended(
        &mut self,
        counts: &Counts,
        transforms: &[TransformReport],
        checkpoint: Checkpoints,
        error: Option<&Report>,
    ) {
        self.outcome = if error.is_none() { "succeeded" } else { "failed" };
        self.error = error.cloned();
        self.pages = counts.pages;
        self.rows = Rows::of(counts);
        self.left_out = LeftOutReport::of(counts, transforms);
        self.boundary = BoundaryReport::of(counts);
        self.checkpoint = checkpoint;
    }
}

impl RunReport {
    /// Where the manifest comes from: a resumed run has its own, unless it was given a mended one.
    pub(crate) fn set_manifest(&mut self, journal: Option<&Reopened>) {
        self.resumed = journal.is_some();
        self.manifest_from = if journal.is_some_and(|journal| !journal.is_mended) { "journal" } else { "file" };
    }

    pub fn set_counts(&mut self, counts: &Counts, transforms: &[TransformReport]) {
        self.pages = counts.pages;
        self.bytes = counts.bytes;
        self.rows = Rows::of(counts);
        self.left_out = LeftOutReport::of(counts, transforms);
        self.boundary = BoundaryReport::of(counts);
    }

    /// A step that is done again (a streamed slice goes through D to H for each page) stays one entry.
    pub fn step_started(&mut self, step: Step, now: jiff::Timestamp) {
        if let Some(earlier) = self.steps.iter_mut().find(|earlier| earlier.step == step.letter()) {
            (earlier.again_at, earlier.outcome) = (now, "running");
            return;
        }
        self.steps.push(StepReport {
            step: step.letter(),
            title: step.title(),
            started_at: now,
            again_at: now,
            duration_ms: 0,
            outcome: "running",
        });
    }

    pub fn step_ended(&mut self, step: Step, now: jiff::Timestamp, done: bool) {
        if let Some(step) = self.steps.iter_mut().find(|entry| entry.step == step.letter()) {
            let duration_ms = now.duration_since(step.again_at).as_millis();
            step.duration_ms += u64::try_from(duration_ms).unwrap_or_default();
            step.outcome = if done { "done" } else { "failed" };
        }
    }
}

/// The folder of one run's artifact; `None` inside when artifacts are switched off.
pub struct Artifact {
    folder: Option<PathBuf>,
    /// Number of the slice whose files are written.
    slice: Option<usize>,
}

impl Artifact {
    /// Creates `<workdir>/<path>/<run_id>/`. The manifest's check made sure that `path` stays below.
    pub fn create(workdir: &Path, path: Option<&str>, run_id: &str) -> Result<Self, Report> {
        let Some(path) = path else { return Ok(Self { folder: None, slice: None }) };
        let folder = workdir.join(path).join(run_id);
        std::fs::create_dir_all(&folder).map_err(|cause| io_report(&folder, &cause))?;
        Ok(Self { folder: Some(folder), slice: None })
    }

    /// Files from now on are those of this slice, or the run's own.
    pub fn enter(&mut self, slice: Option<usize>) {
        self.slice = slice;
    }

    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    pub fn write(&self, name: &str, content: &impl Serialize) -> Result<(), Report> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let folder = self.slice.map_or_else(|| folder.clone(), |number| folder.join(format!("slices/{number}")));
        std::fs::create_dir_all(&folder).map_err(|cause| io_report(&folder, &cause))?;
        let path = folder.join(name);
        let text = serde_json::to_string_pretty(content).map_err(|cause| {
            Report::new(&codes::internal::BUG, format!("{name} cannot be written as JSON: {cause}"))
        })?;
        replace(&path, foreign::json(&redact::json(&text)).as_bytes()).map_err(|cause| io_report(&path, &cause))
    }
}

fn replace(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("json.partial");
    // It may quote rows. A file that an earlier run left half written keeps its own mode otherwise.
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(text)?;
    file.write_all(b"\n")?;
    file.sync_data()?;
    std::fs::rename(&beside, path)
}

/// A local file that cannot be read or written, or a disk that is full.
pub fn io_report(path: &Path, cause: &std::io::Error) -> Report {
    let code = if cause.kind() == std::io::ErrorKind::StorageFull { &codes::disk::FULL } else { &codes::disk::IO };
    Report::new(code, format!("{}: {cause}", path.display()))
}
