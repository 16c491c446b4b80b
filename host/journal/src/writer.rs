//! Appends pages to a run's journal and marks how far the run came.

use crate::disk::{self, segment_name};
use crate::entry::{Label, encode_head};
use crate::head::{self, Bodies, Head, Progress};
use crate::pool::Pool;
use crate::reader::{Location, Reader, Shared};
use crate::recover;
use crate::syncer::Syncer;
use crate::{Error, PageEntry};
use dpone_model::{NoRoom, Room};
use jiff::Timestamp;
use serde::Serialize;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, PoisonError};

pub(crate) const HEAD: &str = "head.json";
pub(crate) const PROGRESS: &str = "progress.json";

/// Bounds of a run's journal, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `journal.max_bytes`, 20 GiB: all pages of the run and its scratch files together.
    pub max_bytes: u64,
    /// 16 MiB: one segment file. A page that is larger gets a segment of its own.
    pub segment_bytes: u64,
    /// 64 MiB: what must be free before the first request.
    pub min_free_bytes: u64,
    /// 16 MiB: how much may be written between two syncs.
    pub sync_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 20 << 30, segment_bytes: 16 << 20, min_free_bytes: 64 << 20, sync_bytes: 16 << 20 }
    }
}

/// The one writer of a run; it holds the run's lock until it is dropped.
#[derive(Debug)]
pub struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: Limits,
    pub(crate) room: Arc<Room>,
    pub(crate) pool: Pool,
    pub(crate) run: String,
    pub(crate) progress: Progress,
    pub(crate) syncer: Syncer,
    pub(crate) current: Option<Current>,
    pub(crate) next_segment: u32,
    pub(crate) bytes: u64,
    pub(crate) previous: u64,
    pub(crate) slice: u32,
    pub(crate) unsynced: u64,
    pub(crate) head: Vec<u8>,
    /// Unlocked when it is closed, also by a crash.
    pub(crate) _lock: File,
}

/// The segment that is being filled.
#[derive(Debug)]
pub(crate) struct Current {
    pub number: u32,
    pub file: Arc<File>,
    pub offset: u64,
    pub capacity: u64,
}

impl Writer {
    /// Appends the next page. After an error the journal is as before the call: the same page may
    /// be appended again.
    pub fn append(&mut self, entry: &PageEntry) -> Result<(), Error> {
        let last = self.shared.len() as u64;
        if entry.page != last + 1 {
            return Err(Error::OutOfOrder { page: entry.page, last });
        }
        let (segment, location) = self.place(entry)?;
        self.write(entry, &segment, &location)?;
        self.previous = location.checksum;
        self.bytes += location.bytes();
        self.room.wrote(location.bytes());
        self.unsynced += location.bytes();
        if let Some(current) = &mut self.current {
            current.offset = location.end();
        }
        self.shared.push(location);
        if self.unsynced >= self.limits.sync_bytes {
            self.unsynced = 0;
            self.syncer.sync(segment).map_err(Error::io("a segment"))?;
        }
        Ok(())
    }

    /// Makes every page durable. The run may rely on them from here on.
    pub fn seal(&mut self) -> Result<(), Error> {
        if let Some(current) = &self.current {
            self.syncer.sync(current.file.clone()).map_err(Error::io(segment_name(current.number)))?;
        }
        let folder = disk::folder_handle(&self.shared.dir).map_err(Error::io("the run's folder"))?;
        let synced = self.syncer.sync(Arc::new(folder)).and_then(|()| self.syncer.wait());
        synced.map_err(Error::io("a segment"))?;
        self.unsynced = 0;
        self.progress.sealed_pages = self.shared.len() as u64;
        self.mark(|_| {})
    }

    /// Changes the progress and replaces its file durably (one sync, a few milliseconds).
    pub fn mark(&mut self, change: impl FnOnce(&mut Progress)) -> Result<(), Error> {
        change(&mut self.progress);
        self.progress.pages = self.shared.len() as u64;
        self.progress.bytes = self.bytes;
        self.progress.slice = self.slice;
        self.progress.digest = format!("{:016x}", self.previous);
        self.progress.updated_at = Timestamp::now();
        save(&self.shared.dir, PROGRESS, &self.progress, self.shared.run)
    }

    /// Replaces what the run was started with, durably. Run, pipeline and format stay as they are: they name
    /// the folder and mark each page.
    pub fn replace_head(&self, head: &Head) -> Result<(), Error> {
        save(&self.shared.dir, HEAD, head, self.shared.run)
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    pub fn reader(&self) -> Reader {
        Reader { shared: self.shared.clone() }
    }

    /// Bytes of all pages, heads and indexes included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// `journal.max_bytes` of the manifest that the run goes on with.
    pub fn set_max_bytes(&mut self, bytes: u64) {
        self.limits.max_bytes = bytes;
        self.room.set_max(bytes);
    }

    /// The room of the journal, for what else the run keeps on disk meanwhile.
    pub fn room(&self) -> Arc<Room> {
        self.room.clone()
    }

    /// Later pages belong to this slice, an index into [`crate::Head::slices`].
    pub fn begin_slice(&mut self, slice: u32) {
        self.slice = slice;
    }

    /// K is done: the pages go, or stay for a while. Head, counts and digest stay in any case.
    pub fn finish(mut self, bodies: Bodies) -> Result<(), Error> {
        // A sync that is still under way must not reach a segment that a new run already owns.
        self.syncer.wait().map_err(Error::io("a segment"))?;
        self.current = None;
        self.progress.failure = None;
        match bodies {
            Bodies::KeepUntil(until) => self.mark(|progress| {
                progress.finished = true;
                progress.keep_until = Some(until);
            }),
            Bodies::Drop => {
                // First the mark: a crash in between leaves pages that the next purge removes.
                self.mark(|progress| {
                    progress.finished = true;
                    progress.purged = true;
                })?;
                drop_segments(&self.shared.dir, &self.pool, &self.run)
            }
        }
    }

    /// Finds room for the page: in this segment, or in a new one. Encodes its head on the way.
    fn place(&mut self, entry: &PageEntry) -> Result<(Arc<File>, Location), Error> {
        let data_len = [Some(&entry.body), entry.records_body.as_ref(), entry.output.as_ref()]
            .into_iter()
            .flatten()
            .map(|part| part.len() as u64)
            .sum();
        // The head is as long whatever the segment's number is, so it is encoded first with the
        // present one and again where the page moves on to the next.
        let number = self.current.as_ref().map_or(self.next_segment, |current| current.number);
        let checksum = self.encode(entry, number)?;
        let mut location =
            Location { segment: number, offset: 0, head_len: self.head.len() as u32, data_len, checksum };
        self.room.has(location.bytes()).map_err(|NoRoom { max, .. }| Error::Limit { page: entry.page, max })?;
        if let Some(current) = &self.current
            && current.offset + location.bytes() <= current.capacity
        {
            location.offset = current.offset;
            return Ok((current.file.clone(), location));
        }
        let file = self.next_segment(location.bytes())?;
        if self.next_segment - 1 != number {
            location.segment = self.next_segment - 1;
            location.checksum = self.encode(entry, location.segment)?;
        }
        Ok((file, location))
    }

    fn encode(&mut self, entry: &PageEntry, segment: u32) -> Result<u64, Error> {
        let label =
            Label { run: self.shared.run, slice: self.slice, segment, sequence: entry.page, previous: self.previous };
        encode_head(entry, &label, &mut self.head).ok_or(Error::PageTooLarge { page: entry.page })
    }

    fn write(&self, entry: &PageEntry, file: &File, location: &Location) -> Result<(), Error> {
        let mut at = location.offset;
        let parts = [Some(&*self.head), Some(&*entry.body), entry.records_body.as_deref(), entry.output.as_deref()];
        for part in parts.into_iter().flatten() {
            file.write_all_at(part, at).map_err(Error::io(segment_name(location.segment)))?;
            at += part.len() as u64;
        }
        Ok(())
    }

    /// Ends the present segment and begins the next, recycled or new, with room for `bytes`.
    fn next_segment(&mut self, bytes: u64) -> Result<Arc<File>, Error> {
        if let Some(current) = &self.current {
            self.syncer.sync(current.file.clone()).map_err(Error::io(segment_name(current.number)))?;
            self.unsynced = 0;
        }
        let number = self.next_segment;
        let name = segment_name(number);
        let capacity = self.limits.segment_bytes.max(bytes);
        let file = Arc::new(self.open_segment(&name, capacity).map_err(Error::io(&name))?);
        self.current = Some(Current { number, file: file.clone(), offset: 0, capacity });
        self.next_segment += 1;
        Ok(file)
    }

    fn open_segment(&self, name: &str, capacity: u64) -> std::io::Result<File> {
        let dir = &self.shared.dir;
        if let Some(recycled) = self.pool.take(capacity, dir, name)? {
            return Ok(recycled);
        }
        let file = disk::open_rw(dir, name, true)?;
        disk::preallocate(&file, capacity).inspect_err(|_| {
            // A segment without room is of no use; the disk's own error is the one to report.
            let _ = dir.remove_file(name);
        })?;
        Ok(file)
    }
}

impl Drop for Writer {
    /// The files that the run leaves behind take no more room than its pages. The segments of a run that is done are
    /// in the pool by now, as long as they were.
    fn drop(&mut self) {
        if self.progress.purged {
            return;
        }
        let pages = self.shared.pages.read().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = recover::trim(&self.shared.dir, &pages, &self.pool, &self.run) {
            // It costs room until the run is purged, and nothing else.
            tracing::debug!(run = self.run, %error, "a journal could not be trimmed");
        }
    }
}

/// Replaces one of the files beside a run's pages.
pub(crate) fn save(dir: &cap_std::fs::Dir, name: &str, content: &impl Serialize, run: u128) -> Result<(), Error> {
    let file =
        head::encode(content, name, run).map_err(|error| Error::Io { file: name.into(), source: error.into() })?;
    disk::replace(dir, name, &file).map_err(Error::io(name))
}

/// Hands a run's segments to the pool, or removes them.
pub(crate) fn drop_segments(dir: &cap_std::fs::Dir, pool: &Pool, run: &str) -> Result<(), Error> {
    for name in disk::names(dir).map_err(Error::io("the run's folder"))? {
        if name.ends_with(".seg") {
            pool.give(dir, &name, &format!("{run}-{name}")).map_err(Error::io(&name))?;
        }
    }
    disk::sync_folder(dir).map_err(Error::io("the run's folder"))
}
