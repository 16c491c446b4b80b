//! The files beside the pages: how a run was started, and how far it came.
//!
//! Each is a JSON object that begins with the checksum of what follows, taken together with the run's mark and
//! the file's name, as pages have it: no other run's file is taken for this one's, and none that was changed.

use dpone_model::plugin::Identity;
use dpone_model::{Exit, PipelineName, Report, RunId, WalkEnded, redact};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

/// `head.json`: everything that a resume needs and the command line no longer says. No secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// [`Head::FORMAT`] of the release that wrote it.
    pub format: u32,
    pub run_id: RunId,
    pub pipeline: PipelineName,
    /// As it stood, variables not yet filled in.
    pub manifest_text: String,
    /// As named on the command line.
    pub manifest_file: String,
    pub manifest_sha256: String,
    /// The resolved manifest without secrets.
    pub resolved: Value,
    pub profile: Option<String>,
    pub plugins: Vec<Identity>,
    pub started_at: Timestamp,
    pub seed: u64,
    pub window: Value,
    /// Revision of the state that the run started from.
    pub revision: u64,
    /// Names of the slices, in order.
    pub slices: Vec<String>,
}

impl Head {
    pub const FORMAT: u32 = 2;
}

/// `progress.json`, replaced durably at each mark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Index into [`Head::slices`].
    #[serde(default)]
    pub slice: u32,
    /// D is done: no further page will come.
    pub extracted: bool,
    /// Why no further page will come; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<WalkEnded>,
    /// G has judged the slice.
    pub judged: bool,
    /// H has begun: messages may be out. None in journals of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading: Option<bool>,
    /// Pages that were durable at the last seal; fewer than these on disk means damage.
    pub sealed_pages: u64,
    /// Pages at the last mark.
    pub pages: u64,
    /// Bytes of all entries at the last mark.
    pub bytes: u64,
    /// Every message of the pages up to this one was acknowledged; 0 is none.
    pub delivered_through: u64,
    pub published: u64,
    pub acknowledged: u64,
    /// K is done.
    pub finished: bool,
    /// Until when the pages of a finished run stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Timestamp>,
    /// The pages were removed.
    #[serde(default)]
    pub purged: bool,
    /// Checksum over all pages, in hexadecimal, as of the last mark.
    #[serde(default)]
    pub digest: String,
    /// The error of the last attempt.
    pub failure: Option<StoredFailure>,
    pub updated_at: Timestamp,
}

impl Progress {
    /// Whether messages of the run may be in the topic. A journal of an earlier version says only how much was
    /// acknowledged; there, none is out before the slice was judged.
    pub fn may_be_sent(&self) -> bool {
        self.delivered_through > 0 || self.loading.unwrap_or(self.judged)
    }

    /// Pages that the run may already have relied on.
    pub(crate) fn promised(&self) -> u64 {
        self.sealed_pages.max(self.delivered_through)
    }

    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            slice: 0,
            extracted: false,
            ended: None,
            judged: false,
            loading: Some(false),
            sealed_pages: 0,
            pages: 0,
            bytes: 0,
            delivered_through: 0,
            published: 0,
            acknowledged: 0,
            finished: false,
            keep_until: None,
            purged: false,
            digest: String::new(),
            failure: None,
            updated_at: now,
        }
    }
}

const BEFORE_CHECKSUM: &[u8] = b"{\n  \"checksum\": \"";
const BEHIND_CHECKSUM: &[u8] = b"\",";

/// One of these files, of the run with this mark.
pub(crate) fn encode(content: &impl Serialize, name: &str, run: u128) -> serde_json::Result<Vec<u8>> {
    let json = serde_json::to_vec_pretty(content)?;
    let rest = json.get(1..).unwrap_or_default();
    let checksum = format!("{:032x}", checksum(rest, name, run));
    Ok([BEFORE_CHECKSUM, checksum.as_bytes(), BEHIND_CHECKSUM, rest].concat())
}

/// Whether a file is as [`encode`] wrote it.
pub(crate) fn proves(file: &[u8], name: &str, run: u128) -> bool {
    let parts = file.strip_prefix(BEFORE_CHECKSUM).and_then(|file| file.split_at_checked(32));
    let parts = parts.and_then(|(checksum, rest)| Some((checksum, rest.strip_prefix(BEHIND_CHECKSUM)?)));
    parts.is_some_and(|(stored, rest)| stored == format!("{:032x}", checksum(rest, name, run)).as_bytes())
}

fn checksum(rest: &[u8], name: &str, run: u128) -> u128 {
    let mut hash = Xxh3::new();
    hash.update(&run.to_le_bytes());
    hash.update(name.as_bytes());
    hash.update(rest);
    hash.digest128()
}

/// A failure as it is kept with the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFailure {
    /// Such as `DP0504`.
    pub code: String,
    pub message: String,
    pub exit_code: u8,
}

impl From<&Report> for StoredFailure {
    fn from(report: &Report) -> Self {
        let message = redact::text(report.message()).into_owned();
        Self { code: report.code().id.to_owned(), message, exit_code: report.exit() as u8 }
    }
}

/// The pages' fate when K is done (`journal.keep`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    /// Their segments are recycled at once.
    Drop,
    /// They stay until the first purge after this instant.
    KeepUntil(Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A process holds its lock.
    Active,
    /// Stopped before K; `dpone resume` goes on.
    Resumable,
    /// K is done; the pages are still there.
    Kept,
    /// Only counts and digests are left.
    Purged,
}

/// How the last attempt of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A process works on it.
    Running,
    Succeeded,
    /// [`Progress::failure`] says with what.
    Failed,
    /// By a signal, after which it closed its journal.
    Interrupted,
    /// It ended without a word: killed, or the machine went down.
    Killed,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Killed => "killed",
        }
    }

    pub(crate) fn of(status: Status, progress: &Progress) -> Self {
        match &progress.failure {
            _ if status == Status::Active => Self::Running,
            _ if progress.finished => Self::Succeeded,
            Some(failure) if failure.exit_code == Exit::Interrupted as u8 => Self::Interrupted,
            Some(_) => Self::Failed,
            None => Self::Killed,
        }
    }
}

/// One run as `journal list` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub pipeline: PipelineName,
    pub run_id: RunId,
    pub started_at: Timestamp,
    pub manifest_file: String,
    pub manifest_sha256: String,
    pub plugins: Vec<Identity>,
    pub status: Status,
    pub outcome: Outcome,
    /// `dpone resume` can go on with it.
    pub resumable: bool,
    /// That were journalled, by their heads.
    pub pages: u64,
    /// Size of its segment files; while it runs, preallocated room included.
    pub bytes_on_disk: u64,
    pub progress: Progress,
}
