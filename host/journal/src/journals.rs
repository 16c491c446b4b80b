//! All journals of a working directory: create, reopen, list, purge.

use crate::Error;
use crate::disk;
use crate::entry::run_mark;
use crate::head::{self, Head, Outcome, Progress, Status, StoredFailure, Summary};
use crate::pool::Pool;
use crate::reader::{Reader, Shared};
use crate::recover;
use crate::syncer::Syncer;
use crate::writer::{Current, HEAD, Limits, PROGRESS, Writer, drop_segments, save};
use cap_std::fs::Dir;
use dpone_model::{PipelineName, Room, RunId};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use std::fs::{File, TryLockError};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

const LOCK: &str = "lock";

/// `.dpone/journal`
#[derive(Debug)]
pub struct Journals {
    dir: Dir,
    pool_bytes: u64,
}

/// Which runs' pages to remove. Runs that a process works on are never touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurgeFilter {
    /// Journals that are due: failed runs that nothing happened to for 72 hours, and finished runs whose
    /// `journal.keep` is over. Their segments are recycled.
    Expired,
    /// One run with its slices, whatever its age. Its segments are removed from the disk.
    Run(RunId),
    /// All runs, and the recycled segments, which still hold pages of finished runs.
    All,
}

impl PurgeFilter {
    /// How long the pages of a run that stopped before K stay.
    pub const KEEP_FAILED: Duration = Duration::from_secs(72 * 3600);
}

/// Whether a process works on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    Active,
    Stopped,
    /// It came to the end of K.
    Finished,
    /// It has no journal: it has not come to D, or its journal was forgotten.
    Unknown,
}

/// The result of a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Purged {
    pub runs: u64,
    /// Size of segment files, recycled ones included.
    pub bytes: u64,
}

impl Journals {
    /// Over the folder `.dpone/journal`, which the edge has opened.
    pub fn open(dir: Dir) -> Self {
        Self { dir, pool_bytes: Pool::MAX_BYTES }
    }

    /// How many bytes of recycled segments stay between runs; 256 MiB unless set.
    #[must_use]
    pub fn with_pool_bytes(mut self, bytes: u64) -> Self {
        self.pool_bytes = bytes;
        self
    }

    /// Begins a run's journal. Fails before anything is fetched where the disk has no room.
    pub fn create(&self, head: &Head, limits: Limits) -> Result<Writer, Error> {
        let free = disk::free_bytes(&self.dir).map_err(Error::io("the journal's folder"))?;
        if free < limits.min_free_bytes {
            return Err(Error::NoRoom { free, needed: limits.min_free_bytes });
        }
        let run = head.run_id.as_str();
        let pipeline = disk::folder(&self.dir, head.pipeline.as_str()).map_err(Error::io(head.pipeline.as_str()))?;
        let dir = disk::folder(&pipeline, run).map_err(Error::io(run))?;
        let lock = lock(&dir, run)?;
        if dir.exists(HEAD) {
            // Its old pages would carry the new run's mark.
            return Err(Error::Io { file: HEAD.into(), source: std::io::ErrorKind::AlreadyExists.into() });
        }
        let mut writer = self.writer(head, dir, limits, lock, Progress::new(Timestamp::now()), Vec::new())?;
        writer.replace_head(head)?;
        writer.mark(|_| {})?;
        Ok(writer)
    }

    /// Goes on with a run that stopped: its whole pages are kept, a torn tail is cut.
    pub fn reopen(&self, run: &RunId, limits: Limits) -> Result<(Head, Writer, Reader, Progress), Error> {
        let (pipeline, dir) = self.find(run)?;
        let lock = lock(&dir, run.as_str())?;
        let (head, progress) = describe(&dir, &pipeline, run)?;
        let refused = |why: &str| Err(Error::NotResumable { run: run.to_string(), why: why.into() });
        if progress.finished {
            return Err(Error::Done { run: run.to_string() });
        }
        if progress.purged {
            return refused("its pages are gone");
        }
        let pages = whole_pages(&dir, &head, &progress)?;
        let pool = self.pool(self.pool_bytes)?;
        recover::cut_tail(&dir, &pages, &pool, run.as_str())?;
        let writer = self.writer(&head, dir, limits, lock, progress.clone(), pages)?;
        let reader = writer.reader();
        Ok((head, writer, reader, progress))
    }

    /// Reads a run without writing to it: for replay. The run may be active.
    pub fn read(&self, run: &RunId) -> Result<(Head, Reader, Progress), Error> {
        let (pipeline, dir) = self.find(run)?;
        let (head, progress) = describe(&dir, &pipeline, run)?;
        let pages = recover::whole_pages(&dir, run_mark(head.pipeline.as_str(), run.as_str()))?;
        let mark = run_mark(head.pipeline.as_str(), run.as_str());
        let reader = Reader { shared: Arc::new(Shared { dir, run: mark, pages: RwLock::new(pages) }) };
        Ok((head, reader, progress))
    }

    /// Whether a process works on a run.
    pub fn activity(&self, run: &RunId) -> Result<Activity, Error> {
        let (pipeline, dir) = match self.find(run) {
            Err(Error::Unknown { .. }) => return Ok(Activity::Unknown),
            found => found?,
        };
        if is_active(&dir)? {
            return Ok(Activity::Active);
        }
        let (_, progress) = describe(&dir, &pipeline, run)?;
        Ok(if progress.finished { Activity::Finished } else { Activity::Stopped })
    }

    /// Pipelines that left something here.
    pub fn pipelines(&self) -> Result<Vec<String>, Error> {
        let names = disk::names(&self.dir).map_err(Error::io("the journal's folder"))?;
        Ok(names.into_iter().filter(|name| PipelineName::parse(name).is_some()).collect())
    }

    /// The head of a pipeline's newest run. Run ids begin with their time.
    pub fn newest_head(&self, pipeline: &PipelineName) -> Result<Option<Head>, Error> {
        let mut runs = self.runs()?;
        runs.retain(|(of, run, _)| of == pipeline && run.part_of().is_none());
        runs.pop().map(|(_, run, dir)| Ok(describe(&dir, pipeline, &run)?.0)).transpose()
    }

    /// The head of a pipeline's newest run that came to its end and is as `wanted`, or of a slice of one. What
    /// cannot be read is passed over.
    pub fn newest_finished(
        &self,
        pipeline: &PipelineName,
        wanted: impl Fn(&Head) -> bool,
    ) -> Result<Option<Head>, Error> {
        let runs = self.runs()?.into_iter().rev().filter(|(of, ..)| of == pipeline);
        let mut described = runs.filter_map(|(_, run, dir)| describe(&dir, pipeline, &run).ok());
        Ok(described.find(|(head, progress)| progress.finished && wanted(head)).map(|(head, _)| head))
    }

    /// Every run that left something here, newest first. What cannot be read is left out with a
    /// warning in the log.
    pub fn list(&self) -> Result<Vec<Summary>, Error> {
        let pool = self.pool(self.pool_bytes)?;
        let mut summaries = Vec::new();
        for (pipeline, run, dir) in self.runs()? {
            match summarize(&dir, &pipeline, &run, &pool) {
                Ok(summary) => summaries.push(summary),
                Err(error) => tracing::warn!(run = run.as_str(), %error, "a journal cannot be listed"),
            }
        }
        // The slices of a run started with it, and stand behind it.
        summaries.sort_by(|a, b| (b.started_at, &a.run_id).cmp(&(a.started_at, &b.run_id)));
        Ok(summaries)
    }

    /// Keeps with a run that has stopped how its last attempt failed.
    pub fn note_failure(&self, run: &RunId, failure: StoredFailure) -> Result<(), Error> {
        let (pipeline, dir) = self.find(run)?;
        let _lock = lock(&dir, run.as_str())?;
        let (_, progress) = describe(&dir, &pipeline, run)?;
        if progress.finished {
            return Ok(());
        }
        let progress = Progress { failure: Some(failure), updated_at: Timestamp::now(), ..progress };
        save(&dir, PROGRESS, &progress, run_mark(pipeline.as_str(), run.as_str()))
    }

    /// Removes pages. Head, counts and digest of each run stay, so that `list` still knows it.
    pub fn purge(&self, filter: &PurgeFilter) -> Result<Purged, Error> {
        self.purge_at(filter, Timestamp::now())
    }

    /// [`Self::purge`] as of another instant.
    pub fn purge_at(&self, filter: &PurgeFilter, now: Timestamp) -> Result<Purged, Error> {
        let kept_bytes = if *filter == PurgeFilter::Expired { self.pool_bytes } else { 0 };
        let pool = self.pool(kept_bytes)?;
        let mut purged = Purged::default();
        let mut known = false;
        for (pipeline, run, dir) in self.runs()? {
            // A run that is cut has a journal for each slice.
            let named =
                matches!(filter, PurgeFilter::Run(wanted) if *wanted == run || run.part_of().as_ref() == Some(wanted));
            known |= named;
            if matches!(filter, PurgeFilter::Run(_)) && !named {
                continue;
            }
            match purge_run(&dir, &pipeline, &run, filter, now, &pool) {
                Ok(Some(bytes)) => {
                    purged.bytes += bytes;
                    purged.runs += 1;
                }
                Ok(None) => {}
                Err(Error::Busy { .. }) if !named => {}
                Err(error) => return Err(error),
            }
        }
        match filter {
            PurgeFilter::Run(run) if !known => return Err(Error::Unknown { run: run.to_string() }),
            PurgeFilter::All => purged.bytes += pool.clear().map_err(Error::io("the segment pool"))?,
            _ => {}
        }
        Ok(purged)
    }

    /// Removes a run's journal with its head and counts: of a slice, once its run is done.
    pub fn forget(&self, pipeline: &PipelineName, run: &RunId) -> Result<(), Error> {
        let Some(folder) = disk::found(self.dir.open_dir(pipeline.as_str())).map_err(Error::io(pipeline.as_str()))?
        else {
            return Ok(());
        };
        disk::found(folder.remove_dir_all(run.as_str())).map_err(Error::io(run.as_str()))?;
        Ok(())
    }

    fn writer(
        &self,
        head: &Head,
        dir: Dir,
        limits: Limits,
        lock: File,
        progress: Progress,
        pages: Vec<crate::reader::Location>,
    ) -> Result<Writer, Error> {
        let pool = self.pool(self.pool_bytes)?;
        let current = pages.last().map(|last| -> Result<Current, Error> {
            let name = disk::segment_name(last.segment);
            let file = disk::open_rw(&dir, &name, false).map_err(Error::io(&name))?;
            let capacity = file.metadata().map_err(Error::io(&name))?.len();
            Ok(Current { number: last.segment, file: Arc::new(file), offset: last.end(), capacity })
        });
        let run = run_mark(head.pipeline.as_str(), head.run_id.as_str());
        let bytes = pages.iter().map(crate::reader::Location::bytes).sum();
        let room = Arc::new(Room::new(limits.max_bytes));
        room.wrote(bytes);
        Ok(Writer {
            limits,
            room,
            pool,
            run: head.run_id.to_string(),
            syncer: Syncer::start().map_err(Error::io("the sync thread"))?,
            current: current.transpose()?,
            next_segment: pages.last().map_or(0, |last| last.segment + 1),
            bytes,
            previous: pages.last().map_or(0, |last| last.checksum),
            slice: progress.slice,
            progress,
            unsynced: 0,
            head: Vec::new(),
            shared: Arc::new(Shared { dir, run, pages: RwLock::new(pages) }),
            _lock: lock,
        })
    }

    fn pool(&self, bytes: u64) -> Result<Pool, Error> {
        Pool::open(&self.dir, bytes).map_err(Error::io("the segment pool"))
    }

    fn find(&self, run: &RunId) -> Result<(PipelineName, Dir), Error> {
        let found = self.runs()?.into_iter().find(|(_, candidate, _)| candidate == run);
        found.map(|(pipeline, _, dir)| (pipeline, dir)).ok_or_else(|| Error::Unknown { run: run.to_string() })
    }

    fn runs(&self) -> Result<Vec<(PipelineName, RunId, Dir)>, Error> {
        let mut runs = Vec::new();
        for name in disk::names(&self.dir).map_err(Error::io("the journal's folder"))? {
            let Some(pipeline) = PipelineName::parse(&name) else { continue };
            let Ok(folder) = self.dir.open_dir(&name) else { continue };
            for name in disk::names(&folder).map_err(Error::io(&name))? {
                let Some(run) = RunId::parse(&name) else { continue };
                if let Ok(dir) = folder.open_dir(&name)
                    && dir.is_file(HEAD)
                {
                    runs.push((pipeline.clone(), run, dir));
                }
            }
        }
        Ok(runs)
    }
}

/// How long a run is waited for that others look at: they hold its lock for an instant, or while they trim it.
const PATIENCE: Duration = Duration::from_millis(500);

/// [`try_lock`], which a reader of the run does not make fail.
fn lock(dir: &Dir, run: &str) -> Result<File, Error> {
    let started = Instant::now();
    loop {
        match try_lock(dir, run) {
            Err(Error::Busy { .. }) if started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(5)),
            locked => return locked,
        }
    }
}

/// Whether a process works on the run. Readers share the lock, and let go of it at once.
fn is_active(dir: &Dir) -> Result<bool, Error> {
    let file = disk::open_rw(dir, LOCK, true).map_err(Error::io(LOCK))?;
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(Error::io(LOCK)(error)),
    }
}

/// The run's lock, which ends with the process whatever happens to it.
fn try_lock(dir: &Dir, run: &str) -> Result<File, Error> {
    let file = disk::open_rw(dir, LOCK, true).map_err(Error::io(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy { run: run.to_owned() }),
        Err(TryLockError::Error(error)) => Err(Error::io(LOCK)(error)),
    }
}

fn describe(dir: &Dir, pipeline: &PipelineName, run: &RunId) -> Result<(Head, Progress), Error> {
    let not_resumable = |why: String| Error::NotResumable { run: run.to_string(), why };
    let mark = run_mark(pipeline.as_str(), run.as_str());
    let text = read(dir, HEAD)?;
    let text = text.ok_or_else(|| not_resumable("its head is missing".into()))?;
    let format = serde_json::from_slice::<Format>(&text).map_err(|error| damaged(HEAD, &error.to_string()))?.format;
    if format != Head::FORMAT {
        return Err(not_resumable(format!("its format is {format}, this release reads {}", Head::FORMAT)));
    }
    let head: Head = decode(&text, HEAD, mark)?;
    let progress = match read(dir, PROGRESS)? {
        Some(text) => decode(&text, PROGRESS, mark)?,
        // A crash between the first two files leaves a run that has no pages yet.
        None if segments(dir)?.is_empty() => Progress::new(head.started_at),
        None => return Err(damaged(PROGRESS, "it is missing, and there are pages")),
    };
    Ok((head, progress))
}

/// One of the files beside the pages. What is no file of such a length is damaged, whatever the disk says.
fn read(dir: &Dir, name: &str) -> Result<Option<Vec<u8>>, Error> {
    disk::found(disk::read(dir, name)).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::InvalidData => damaged(name, &cause.to_string()),
        _ => Error::io(name)(cause),
    })
}

#[derive(serde::Deserialize)]
struct Format {
    format: u32,
}

fn decode<T: DeserializeOwned>(text: &[u8], name: &str, run: u128) -> Result<T, Error> {
    if !head::proves(text, name, run) {
        return Err(damaged(name, "its checksum does not fit: it was changed, or it is another run's"));
    }
    serde_json::from_slice(text).map_err(|error| damaged(name, &error.to_string()))
}

fn damaged(file: &str, what: &str) -> Error {
    Error::DamagedFile { file: file.to_owned(), what: what.to_owned() }
}

/// The pages, none fewer than the run may already have relied on.
fn whole_pages(dir: &Dir, head: &Head, progress: &Progress) -> Result<Vec<crate::reader::Location>, Error> {
    let pages = recover::whole_pages(dir, run_mark(head.pipeline.as_str(), head.run_id.as_str()))?;
    if (pages.len() as u64) < progress.promised() {
        let segment = pages.last().map_or(0, |page| page.segment);
        return Err(Error::Damaged {
            page: pages.len() as u64 + 1,
            file: disk::segment_name(segment),
            what: "the page is not whole, although it was synced",
        });
    }
    Ok(pages)
}

fn segment_bytes(dir: &Dir) -> Result<u64, Error> {
    Ok(segments(dir)?.iter().map(|(_, bytes)| bytes).sum())
}

/// Segment files by name, with their lengths.
fn segments(dir: &Dir) -> Result<Vec<(String, u64)>, Error> {
    let mut segments = Vec::new();
    for name in disk::names(dir).map_err(Error::io("the run's folder"))? {
        if name.ends_with(".seg")
            && let Some(file) = disk::found(dir.metadata(&name)).map_err(Error::io(&name))?
        {
            segments.push((name, file.len()));
        }
    }
    Ok(segments)
}

fn summarize(dir: &Dir, pipeline: &PipelineName, run: &RunId, pool: &Pool) -> Result<Summary, Error> {
    let (head, progress) = describe(dir, pipeline, run)?;
    // A killed run has not marked its last pages.
    let on_disk = recover::seeming_pages(dir, run_mark(head.pipeline.as_str(), run.as_str()))?;
    let status = match (is_active(dir)?, progress.purged, progress.finished) {
        (true, _, _) => Status::Active,
        (_, true, _) => Status::Purged,
        (_, _, finished) => {
            trim_listed(dir, run, &head, &progress, pool);
            if finished { Status::Kept } else { Status::Resumable }
        }
    };
    Ok(Summary {
        pipeline: head.pipeline,
        run_id: head.run_id,
        started_at: head.started_at,
        manifest_file: head.manifest_file,
        manifest_sha256: head.manifest_sha256,
        plugins: head.plugins,
        status,
        outcome: Outcome::of(status, &progress),
        resumable: status == Status::Resumable,
        pages: progress.pages.max(on_disk.len() as u64),
        bytes_on_disk: segment_bytes(dir)?,
        progress,
    })
}

/// Trims a run that is listed, where it is worth its lock and nobody else has it. The listing does not
/// depend on it.
fn trim_listed(dir: &Dir, run: &RunId, head: &Head, progress: &Progress, pool: &Pool) {
    let trim = || match has_slack(dir)? {
        true => {
            let _lock = try_lock(dir, run.as_str())?;
            trim_met(dir, head, progress, pool)
        }
        false => Ok(()),
    };
    match trim() {
        Ok(()) | Err(Error::Busy { .. }) => {}
        Err(error) => tracing::warn!(run = run.as_str(), %error, "a journal could not be trimmed"),
    }
}

fn has_slack(dir: &Dir) -> Result<bool, Error> {
    Ok(segments(dir)?.iter().any(|(_, bytes)| disk::may_have_slack(*bytes)))
}

/// Trims what a killed run left. The caller holds its lock. A journal with fewer pages than were promised
/// is damaged, and stays as it is.
fn trim_met(dir: &Dir, head: &Head, progress: &Progress, pool: &Pool) -> Result<(), Error> {
    if !has_slack(dir)? {
        return Ok(());
    }
    let pages = recover::seeming_pages(dir, run_mark(head.pipeline.as_str(), head.run_id.as_str()))?;
    if pages.len() as u64 >= progress.promised() {
        recover::trim(dir, &pages, pool, head.run_id.as_str())?;
    }
    Ok(())
}

/// Bytes that went; none where the run is not due.
fn purge_run(
    dir: &Dir,
    pipeline: &PipelineName,
    run: &RunId,
    filter: &PurgeFilter,
    now: Timestamp,
    pool: &Pool,
) -> Result<Option<u64>, Error> {
    let _lock =
        if matches!(filter, PurgeFilter::Run(_)) { lock(dir, run.as_str()) } else { try_lock(dir, run.as_str()) }?;
    let (head, mut progress) = match describe(dir, pipeline, run) {
        Ok(described) => described,
        Err(Error::DamagedFile { .. } | Error::NotResumable { .. }) => {
            return purge_unreadable(dir, run, filter, now, pool);
        }
        Err(error) => return Err(error),
    };
    let bytes = segment_bytes(dir)?;
    if bytes == 0 && progress.purged {
        return Ok(None);
    }
    let age = Duration::try_from(now.duration_since(progress.updated_at)).unwrap_or_default();
    let due = match (filter, progress.keep_until) {
        (PurgeFilter::Run(_) | PurgeFilter::All, _) => true,
        // A crash in the middle of a finish or a purge left some.
        _ if progress.purged => true,
        (PurgeFilter::Expired, Some(until)) if progress.finished => now >= until,
        (PurgeFilter::Expired, _) => age >= PurgeFilter::KEEP_FAILED,
    };
    if !due {
        trim_met(dir, &head, &progress, pool)?;
        return Ok(None);
    }
    progress.purged = true;
    save(dir, PROGRESS, &progress, run_mark(pipeline.as_str(), run.as_str()))?;
    drop_segments(dir, pool, run.as_str())?;
    Ok(Some(bytes))
}

/// The same of a run whose files cannot be read: nobody goes on with it, and its pages are data all the same.
fn purge_unreadable(
    dir: &Dir,
    run: &RunId,
    filter: &PurgeFilter,
    now: Timestamp,
    pool: &Pool,
) -> Result<Option<u64>, Error> {
    let bytes = segment_bytes(dir)?;
    let written = dir.metadata(HEAD).and_then(|head| head.modified()).map_err(Error::io(HEAD))?.into_std();
    let age = Timestamp::try_from(written).ok().and_then(|at| Duration::try_from(now.duration_since(at)).ok());
    let is_due = *filter != PurgeFilter::Expired || age.is_some_and(|age| age >= PurgeFilter::KEEP_FAILED);
    if bytes == 0 || !is_due {
        return Ok(None);
    }
    drop_segments(dir, pool, run.as_str())?;
    Ok(Some(bytes))
}
