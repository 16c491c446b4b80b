//! The failures of the local disk.

use dpone_model::codes::{disk, usage};
use dpone_model::{Code, Failure, Place};
use std::io;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{free} bytes are free on the journal's disk, {needed} are needed before the first request")]
    NoRoom { free: u64, needed: u64 },
    #[error("the disk is full while writing {file}")]
    Full { file: String },
    #[error("page {page} would take the journal, scratch files included, beyond max_bytes ({max} bytes)")]
    Limit { page: u64, max: u64 },
    #[error("page {page} in {file}: {what}")]
    Damaged { page: u64, file: String, what: &'static str },
    #[error("{file}: {what}")]
    DamagedFile { file: String, what: String },
    #[error("{file}: {source}")]
    Io { file: String, source: io::Error },
    #[error("run {run} is being worked on by another process")]
    Busy { run: String },
    #[error("there is no journal of run {run}")]
    Unknown { run: String },
    #[error("run {run} is done: nothing is left to resume")]
    Done { run: String },
    #[error("run {run} cannot be resumed: {why}")]
    NotResumable { run: String, why: String },
    #[error("page {page} follows page {last}: pages are journalled in order, without gaps")]
    OutOfOrder { page: u64, last: u64 },
    #[error("page {page} is not in the journal, which has {pages}")]
    NoSuchPage { page: u64, pages: u64 },
    #[error("page {page} has a part of 4 GiB or more")]
    PageTooLarge { page: u64 },
}

impl Error {
    /// Says which file it was, and tells a full disk from other trouble.
    pub(crate) fn io(file: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| {
            if is_full(&source) { Self::Full { file } } else { Self::Io { file, source } }
        }
    }
}

/// No space, or no quota left.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Failure for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::NoRoom { .. } | Self::Full { .. } => &disk::FULL,
            Self::Limit { .. } => &disk::JOURNAL_LIMIT,
            Self::Damaged { .. } | Self::DamagedFile { .. } => &disk::DAMAGED,
            Self::Io { .. } => &disk::IO,
            Self::Busy { .. } => &disk::BUSY,
            Self::Unknown { .. } => &usage::UNKNOWN_RUN,
            Self::Done { .. } => &usage::RUN_IS_DONE,
            Self::NotResumable { .. } => &disk::NOT_RESUMABLE,
            Self::OutOfOrder { .. } | Self::NoSuchPage { .. } | Self::PageTooLarge { .. } => {
                &dpone_model::codes::internal::BUG
            }
        }
    }

    fn place(&self) -> Option<Place> {
        let named = |what: &str, name: &str| Some(Place::Named { what: what.to_owned(), name: name.to_owned() });
        match self {
            Self::Full { file }
            | Self::Io { file, .. }
            | Self::Damaged { file, .. }
            | Self::DamagedFile { file, .. } => named("journal file", file),
            Self::Busy { run } | Self::Done { run } | Self::NotResumable { run, .. } => named("run", run),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoRoom { .. } => {
                Some("free some room; `dpone journal purge` removes the pages of failed runs".into())
            }
            Self::Full { .. } => Some(
                "free some room (`dpone journal purge`), then `dpone resume` goes on after the last whole page".into(),
            ),
            Self::DamagedFile { .. } => {
                Some("start the run anew; `dpone journal purge --run RUN` removes what this one left".into())
            }
            Self::Done { .. } => Some("`dpone run` loads what has come since".into()),
            Self::Limit { .. } => {
                Some("raise `journal.max_bytes`, or load a smaller window with --from and --to".into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_trouble() {
        for (errno, code) in [
            (rustix::io::Errno::NOSPC, &disk::FULL),
            (rustix::io::Errno::DQUOT, &disk::FULL),
            (rustix::io::Errno::IO, &disk::IO),
            (rustix::io::Errno::ACCESS, &disk::IO),
        ] {
            let error = Error::io("run/000000.seg")(io::Error::from(errno));
            assert_eq!(error.code(), code, "{errno:?}");
        }
    }
}
