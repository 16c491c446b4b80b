//! The runs of a pipeline, as their artifacts tell of them: for `dpone runs`. It needs no profile, no
//! service and no plugin, and its memory does not grow with the number of runs.

use crate::folders::Folders;
use crate::resolve::Host;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use dpone_journal::{Activity, Journals};
use dpone_manifest::{Manifest, Variables};
use dpone_model::{Failure, PipelineName, Report, RunId, codes, file};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Names of run folders that are held at a time.
const BATCH: usize = 256;
/// Where artifacts lie unless the manifest says otherwise.
const RUNS: &str = ".dpone/runs";

const RUNNING: &str = "running";
const DAMAGED: &str = "damaged";

/// One line of `dpone runs`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PastRun {
    pub run_id: RunId,
    /// `succeeded`, `failed`, `running`; `killed` where it ended without a word, `unfinished` where nothing
    /// tells a run that has just begun from one that was killed then, `damaged` where `run.json` cannot be
    /// read.
    pub outcome: String,
    pub started_at: Option<Timestamp>,
    /// None while it runs, and where nobody knows.
    pub duration_ms: Option<u64>,
    pub rows_extracted: Option<u64>,
    pub rows_published: Option<u64>,
    /// The watermark that it wrote; none where state did not move.
    pub watermark: Option<String>,
    /// Code and message of what it failed with.
    pub error: Option<PastError>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastError {
    pub code: String,
    pub message: String,
}

/// Runs of a pipeline, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Past {
    pub pipeline: PipelineName,
    pub runs: Vec<PastRun>,
    /// The manifest keeps no artifacts: what there is comes from earlier versions of it.
    pub artifacts_off: bool,
}

/// The newest `limit` runs of a manifest's pipeline, or of the pipeline of that name.
pub fn past(host: &Host, named: &str, limit: usize) -> Result<Past, Report> {
    let manifest = manifest(host, named)?;
    let pipeline = match &manifest {
        Some(manifest) => manifest.name.clone(),
        None => PipelineName::parse(named).ok_or_else(|| no_runs(host, named))?,
    };
    let workdir = Dir::open_ambient_dir(&host.workdir, ambient_authority())
        .map_err(|cause| crate::artifact::io_report(&host.workdir, &cause))?;
    let folders = artifact_folders(host, &workdir, &pipeline, manifest.as_ref());
    let mut past = Past {
        artifacts_off: manifest.as_ref().is_some_and(|manifest| !manifest.artifacts.enabled),
        runs: newest(&folders, &pipeline, limit),
        pipeline,
    };
    if manifest.is_none() && !is_known(host, &past) {
        return Err(no_runs(host, named));
    }
    if past.runs.iter().any(|run| run.outcome == RUNNING) {
        judge_running(&journals(host)?, &mut past.runs);
    }
    Ok(past)
}

/// The newest run of a manifest's pipeline whose artifact says that it left state in this store, of the
/// newest `limit` that left state anywhere. Runs that left none do not count: each run that is refused for
/// lost state is one more of them, and must not hide the run that tells of it.
pub(crate) fn newest_with_state(workdir: &Path, manifest: &Manifest, store: &str, limit: usize) -> Option<RunId> {
    let folder = Dir::open_ambient_dir(workdir.join(&manifest.artifacts.path), ambient_authority()).ok()?;
    let folders = std::slice::from_ref(&folder);
    let (mut counted, mut before) = (0, None);
    loop {
        let batch = batch(folders, before.as_ref());
        for (run_id, _) in batch.iter().rev() {
            let Some(stored) = stored(&folder, run_id).ok().filter(|stored| stored.has_moved(&manifest.name)) else {
                continue;
            };
            if stored.state_store.as_deref() == Some(store) {
                return Some(run_id.clone());
            }
            counted += 1;
            if counted >= limit {
                return None;
            }
        }
        before = Some(batch.first().filter(|_| batch.len() == BATCH)?.clone());
    }
}

/// Whether anything here names the pipeline: a run that cannot be read may be anybody's.
fn is_known(host: &Host, past: &Past) -> bool {
    let is_read = past.runs.iter().any(|run| run.outcome != DAMAGED);
    let named = || journals(host).and_then(|journals| Ok(journals.pipelines()?)).unwrap_or_default();
    is_read || named().iter().any(|name| name == past.pipeline.as_str())
}

/// The manifest, where the name is that of a file.
fn manifest(host: &Host, named: &str) -> Result<Option<Manifest>, Report> {
    let path = host.workdir.join(named);
    // A pipeline may be called as a folder is.
    if path.metadata().is_ok_and(|found| found.is_dir()) {
        return Ok(None);
    }
    let text = match file::read_named(&path, file::MAX_TEXT_BYTES) {
        Ok(text) => text,
        Err(cause) if cause.is_not_found() => return Ok(None),
        Err(cause) => return Err(Report::new(&codes::manifest::UNREADABLE, format!("{named}: {cause}"))),
    };
    read_manifest(&text, named).map(Some)
}

fn read_manifest(text: &[u8], named: &str) -> Result<Manifest, Report> {
    let env = Box::new(|name: &str| std::env::var(name).ok());
    dpone_manifest::load(text, named, &Variables { env, params: BTreeMap::new(), interval: None })
}

/// The folders in which runs of the pipeline may lie.
fn artifact_folders(host: &Host, workdir: &Dir, pipeline: &PipelineName, manifest: Option<&Manifest>) -> Vec<Dir> {
    let mut paths = BTreeSet::new();
    match manifest {
        Some(manifest) => drop(paths.insert(manifest.artifacts.path.clone())),
        None => {
            // Manifests name the folder as they like: the default ones, and the one of the newest journal.
            paths.extend(folder_names(workdir, RUNS).map(|name| format!("{RUNS}/{name}")));
            let head = journals(host).ok().and_then(|journals| journals.newest_head(pipeline).ok().flatten());
            let of_journal = head.and_then(|head| read_manifest(head.manifest_text.as_bytes(), "").ok());
            paths.extend(of_journal.map(|manifest| manifest.artifacts.path));
        }
    }
    paths.iter().filter_map(|path| workdir.open_dir(path).ok()).collect()
}

fn journals(host: &Host) -> Result<Journals, Report> {
    Ok(Journals::open(Folders::open(&host.workdir)?.below("journal")?))
}

fn folder_names(parent: &Dir, path: &str) -> impl Iterator<Item = String> {
    let entries = parent.read_dir(path).into_iter().flatten().flatten();
    let entries = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

/// Reads from the newest folder on until there are enough. Run ids begin with their time, to the second.
fn newest(folders: &[Dir], pipeline: &PipelineName, limit: usize) -> Vec<PastRun> {
    let mut found = Vec::new();
    let mut before: Option<(RunId, usize)> = None;
    loop {
        let batch = batch(folders, before.as_ref());
        for (run_id, number) in batch.iter().rev() {
            let is_of_a_second_that_is_done =
                found.last().is_some_and(|last: &PastRun| started(last.run_id.as_str()) != started(run_id.as_str()));
            if found.len() >= limit && is_of_a_second_that_is_done {
                return newest_of(found, limit);
            }
            let Some(folder) = folders.get(*number) else { continue };
            found.extend(read(folder, run_id, pipeline));
        }
        match batch.first() {
            Some(oldest) if batch.len() == BATCH => before = Some(oldest.clone()),
            _ => return newest_of(found, limit),
        }
    }
}

fn newest_of(mut found: Vec<PastRun>, limit: usize) -> Vec<PastRun> {
    found.sort_by(|a, b| (b.started_at, &b.run_id).cmp(&(a.started_at, &a.run_id)));
    found.truncate(limit);
    found
}

/// The newest runs of all folders that are older than `before`, each with the number of its folder.
fn batch(folders: &[Dir], before: Option<&(RunId, usize)>) -> BTreeSet<(RunId, usize)> {
    let mut newest = BTreeSet::new();
    for (number, folder) in folders.iter().enumerate() {
        for name in folder_names(folder, ".") {
            let Some(run) = run_id(&name).map(|run_id| (run_id, number)) else { continue };
            if before.is_none_or(|before| run < *before) {
                newest.insert(run);
            }
            if newest.len() > BATCH {
                newest.pop_first();
            }
        }
    }
    newest
}

/// A folder that a run was named after; others may lie beside them.
fn run_id(name: &str) -> Option<RunId> {
    started(name).and_then(|_| RunId::parse(name))
}

/// `20260102T030405Z-…` begins with the time.
fn started(run_id: &str) -> Option<Timestamp> {
    let (time, _) = run_id.split_once('-')?;
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()
}

/// The fields that are read from `run.json`; nothing else is kept, slices included.
#[derive(Deserialize)]
struct Stored {
    pipeline: PipelineName,
    outcome: String,
    started_at: Timestamp,
    #[serde(default)]
    finished_at: Option<Timestamp>,
    #[serde(default)]
    rows: StoredRows,
    #[serde(default)]
    checkpoint: StoredCheckpoints,
    #[serde(default)]
    state_store: Option<String>,
    #[serde(default)]
    error: Option<PastError>,
}

impl Stored {
    /// Whether it is a run of this pipeline that left state.
    fn has_moved(&self, pipeline: &PipelineName) -> bool {
        self.pipeline == *pipeline && self.checkpoint.after.as_ref().is_some_and(|after| after.revision > 0)
    }
}

#[derive(Default, Deserialize)]
struct StoredRows {
    extracted: u64,
    published: u64,
}

#[derive(Default, Deserialize)]
struct StoredCheckpoints {
    after: Option<StoredCheckpoint>,
}

#[derive(Deserialize)]
struct StoredCheckpoint {
    #[serde(default)]
    revision: u64,
    watermark: Option<String>,
}

/// One run; none where it is another pipeline's.
fn read(folder: &Dir, run_id: &RunId, pipeline: &PipelineName) -> Option<PastRun> {
    let stored = match stored(folder, run_id) {
        Ok(stored) if stored.pipeline != *pipeline => return None,
        Ok(stored) => stored,
        Err(cause) => return Some(damaged(run_id, cause)),
    };
    let took = |end: Timestamp| u64::try_from(end.duration_since(stored.started_at).as_millis()).ok();
    Some(PastRun {
        run_id: run_id.clone(),
        outcome: stored.outcome,
        started_at: Some(stored.started_at),
        duration_ms: stored.finished_at.and_then(took),
        rows_extracted: Some(stored.rows.extracted),
        rows_published: Some(stored.rows.published),
        watermark: stored.checkpoint.after.and_then(|after| after.watermark),
        error: stored.error,
    })
}

fn stored(folder: &Dir, run_id: &RunId) -> Result<Stored, String> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(file::OPEN_FLAGS);
    let file =
        folder.open_with(format!("{run_id}/run.json"), &options).map_err(|cause| format!("run.json: {cause}"))?;
    let text =
        file::read_opened(file.into_std(), file::MAX_REPORT_BYTES).map_err(|cause| format!("run.json: {cause}"))?;
    serde_json::from_slice(&text).map_err(|cause| format!("run.json: {cause}"))
}

/// It is shown: a run that cannot be read may be anybody's, and must not vanish.
fn damaged(run_id: &RunId, cause: String) -> PastRun {
    PastRun {
        run_id: run_id.clone(),
        outcome: DAMAGED.to_owned(),
        started_at: started(run_id.as_str()),
        duration_ms: None,
        rows_extracted: None,
        rows_published: None,
        watermark: None,
        error: Some(PastError { code: codes::disk::DAMAGED_ARTIFACT.id.to_owned(), message: cause }),
    }
}

/// A `run.json` that says `running` was written by a run that goes on, or by one that was killed. One
/// journal that cannot be read keeps no other run from being shown.
fn judge_running(journals: &Journals, runs: &mut [PastRun]) {
    for run in runs.iter_mut().filter(|run| run.outcome == RUNNING) {
        let outcome = match journals.activity(&run.run_id) {
            Ok(Activity::Active) => continue,
            // It was killed between the end of K and its last `run.json`.
            Ok(Activity::Finished) => "succeeded",
            Ok(Activity::Stopped) => "killed",
            // Nobody works on it: only such a journal is read, and another release wrote this one.
            Err(error) if error.code() == &codes::disk::NOT_RESUMABLE => "killed",
            Ok(Activity::Unknown) | Err(_) => "unfinished",
        };
        outcome.clone_into(&mut run.outcome);
    }
}

fn no_runs(host: &Host, named: &str) -> Report {
    let report =
        Report::new(&codes::usage::NO_RUNS, format!("`{named}` is no manifest, and no pipeline with runs here"));
    let known: Vec<String> = journals(host).and_then(|journals| Ok(journals.pipelines()?)).unwrap_or_default();
    match known.as_slice() {
        [] => report.hint("runs are looked for below the working directory"),
        known => report.hint(format!("pipelines that have run here: {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runs_folder_is_known_by_its_name() {
        let run = RunId::new("2026-01-02T03:04:05Z".parse().unwrap(), 7);
        assert_eq!(run_id(run.as_str()), Some(run.clone()));
        assert_eq!(started(run.as_str()), Some("2026-01-02T03:04:05Z".parse().unwrap()));
        for other in ["", "latest", "20260102", "20260102T030405Z", "20261302T030405Z-00", "../20260102T030405Z-00"] {
            assert_eq!(run_id(other), None, "{other}");
        }
    }

    #[test]
    fn batches_go_back_in_time_and_hold_a_bounded_number() {
        let scratch = tempfile::tempdir().unwrap();
        let pipeline = PipelineName::parse("orders").unwrap();
        let other = PipelineName::parse("others").unwrap();
        let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let count = 2 * BATCH + 10;
        for number in 0..count {
            let at = start + jiff::SignedDuration::from_secs(number as i64);
            let folder = scratch.path().join(RunId::new(at, 0).as_str());
            std::fs::create_dir(&folder).unwrap();
            let whose = if number % 2 == 0 { &pipeline } else { &other };
            let json = serde_json::json!({ "pipeline": whose, "outcome": "succeeded", "started_at": at });
            std::fs::write(folder.join("run.json"), json.to_string()).unwrap();
        }
        let folders = [Dir::open_ambient_dir(scratch.path(), ambient_authority()).unwrap()];
        assert_eq!(batch(&folders, None).len(), BATCH);
        let all = newest(&folders, &pipeline, usize::MAX);
        assert_eq!(all.len(), count / 2);
        assert!(all.windows(2).all(|pair| pair[0].run_id > pair[1].run_id), "newest first, none twice");
        assert_eq!(newest(&folders, &pipeline, 3), all[..3]);
    }

    #[test]
    fn a_journal_that_cannot_be_read_stops_no_listing() {
        let scratch = tempfile::tempdir().unwrap();
        let journals = Journals::open(Dir::open_ambient_dir(scratch.path(), ambient_authority()).unwrap());
        let rows: [(&str, Option<&str>, &str); 6] = [
            ("earlier", Some(r#"{"format": 1, "pipeline": "orders"}"#), "killed"),
            ("later", Some(r#"{"format": 99}"#), "killed"),
            ("headless", None, "unfinished"),
            ("torn", Some(r#"{"format": 2"#), "unfinished"),
            ("no-file", Some(""), "unfinished"),
            ("none", None, "unfinished"),
        ];
        for (name, head, _) in rows.iter().filter(|(name, ..)| *name != "none") {
            let folder = scratch.path().join("orders").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            match head {
                Some(head) => std::fs::write(folder.join("head.json"), head).unwrap(),
                None => assert_eq!(*name, "headless"),
            }
            if *name == "no-file" {
                // Whoever asks whether the run goes on cannot open its lock.
                std::fs::create_dir(folder.join("lock")).unwrap();
            }
        }
        let running = |name: &str| PastRun {
            outcome: RUNNING.to_owned(),
            error: None,
            ..damaged(&RunId::parse(name).unwrap(), String::new())
        };
        let mut runs: Vec<_> = rows.iter().map(|(name, ..)| running(name)).collect();
        judge_running(&journals, &mut runs);
        for ((name, _, outcome), run) in rows.iter().zip(&runs) {
            assert_eq!(run.outcome, *outcome, "{name}");
        }
    }

    #[test]
    fn runs_that_left_no_state_do_not_hide_the_one_that_did() {
        let text = include_str!("../../../tests/manifests/valid/minimal.yaml");
        let manifest = read_manifest(text.as_bytes(), "orders.yaml").unwrap();
        let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let after = |pipeline: &str, store: &str, revision: u64| {
            serde_json::json!({
                "pipeline": pipeline, "outcome": "succeeded", "started_at": start, "state_store": store,
                "checkpoint": { "after": { "revision": revision, "watermark": null } },
            })
        };
        let name = manifest.name.as_str();
        let refused = serde_json::json!({ "pipeline": name, "outcome": "failed", "started_at": start });
        // Number of newer runs, what each says, and whether the run that left state is found.
        let rows = [
            (0, refused.clone(), true),
            (5, refused.clone(), true),
            (BATCH, refused.clone(), true),
            (2 * BATCH + 5, refused, true),
            (BATCH + 5, after("others", "here", 1), true),
            (BATCH + 5, after(name, "here", 0), true),
            (BATCH + 5, serde_json::json!("damaged"), true),
            (4, after(name, "elsewhere", 1), true),
            (5, after(name, "elsewhere", 1), false),
        ];
        for (newer, says, is_found) in rows {
            let scratch = tempfile::tempdir().unwrap();
            let write = |number: usize, json: &serde_json::Value| {
                let run_id = RunId::new(start + jiff::SignedDuration::from_secs(number as i64), 0);
                let folder = scratch.path().join(&manifest.artifacts.path).join(run_id.as_str());
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join("run.json"), json.to_string()).unwrap();
                run_id
            };
            let wanted = write(0, &after(name, "here", 1));
            (1..=newer).for_each(|number| drop(write(number, &says)));
            let found = newest_with_state(scratch.path(), &manifest, "here", 5);
            assert_eq!(found, is_found.then_some(wanted), "{newer} of {says}");
        }
    }
}
