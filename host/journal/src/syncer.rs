//! Syncs segments on a thread of its own, so that the hot path never waits for the disk.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

enum Job {
    Sync(Arc<File>),
    Barrier(SyncSender<io::Result<()>>),
}

#[derive(Debug)]
pub struct Syncer {
    jobs: Option<SyncSender<Job>>,
    failed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// Syncs that may wait; a disk slower than the source holds the source back.
    const QUEUE: usize = 4;

    pub fn start() -> io::Result<Self> {
        let (jobs, receiver) = sync_channel(Self::QUEUE);
        let failed = Arc::new(AtomicBool::new(false));
        let flag = failed.clone();
        let thread =
            std::thread::Builder::new().name("dpone-journal-sync".into()).spawn(move || work(&receiver, &flag))?;
        Ok(Self { jobs: Some(jobs), failed, thread: Some(thread) })
    }

    /// Asks for a sync of a file (or folder) and returns at once.
    pub fn sync(&self, file: Arc<File>) -> io::Result<()> {
        if self.failed.load(Ordering::Acquire) {
            return self.wait();
        }
        self.send(Job::Sync(file))
    }

    /// Waits until everything asked for is on disk.
    pub fn wait(&self) -> io::Result<()> {
        let (answer, receiver) = sync_channel(1);
        self.send(Job::Barrier(answer))?;
        receiver.recv().map_err(|_| gone())?
    }

    fn send(&self, job: Job) -> io::Result<()> {
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The thread does nothing that could panic; a failed sync was reported before.
            let _ = thread.join();
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the sync thread has ended")
}

fn work(jobs: &Receiver<Job>, failed: &AtomicBool) {
    // After a failed sync the kernel may have dropped the dirty pages: the file is never trusted again.
    let mut first: Option<(io::ErrorKind, String)> = None;
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Sync(file) => {
                if let Err(error) = file.sync_data() {
                    failed.store(true, Ordering::Release);
                    first.get_or_insert((error.kind(), error.to_string()));
                }
            }
            Job::Barrier(answer) => {
                let result = first.as_ref().map_or(Ok(()), |(kind, text)| Err(io::Error::new(*kind, text.clone())));
                // Nobody waits any more: the writer was dropped.
                let _ = answer.send(result);
            }
        }
    }
}
