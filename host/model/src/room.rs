//! Room on disk that a run may take, counted as it is taken: by the pages of its journal and by what it
//! keeps in scratch files beside them.

use crate::codes::disk::JOURNAL_LIMIT;
use crate::{Code, Failure};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The room of one journal. What is taken is never given back: scratch files last as long as the work on the
/// journal does.
#[derive(Debug)]
pub struct Room {
    used: AtomicU64,
    max: AtomicU64,
}

/// There is no more room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRoom {
    /// `journal.max_bytes`.
    pub max: u64,
    pub used: u64,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max, used } = self;
        write!(f, "the run's pages and scratch files have {used} bytes and would grow beyond max_bytes ({max} bytes)")
    }
}

impl std::error::Error for NoRoom {}

impl Failure for NoRoom {
    fn code(&self) -> &'static Code {
        &JOURNAL_LIMIT
    }

    fn hint(&self) -> Option<String> {
        Some("raise `journal.max_bytes`, or load a smaller window with --from and --to".into())
    }
}

impl Room {
    pub fn new(max: u64) -> Self {
        Self { used: AtomicU64::new(0), max: AtomicU64::new(max) }
    }

    /// Another bound, such as that of a mended manifest.
    pub fn set_max(&self, max: u64) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// Whether so many bytes may be written.
    ///
    /// # Errors
    /// There is no room for them.
    pub fn has(&self, bytes: u64) -> Result<(), NoRoom> {
        let (used, max) = (self.used.load(Ordering::Relaxed), self.max.load(Ordering::Relaxed));
        if used.saturating_add(bytes) <= max { Ok(()) } else { Err(NoRoom { max, used }) }
    }

    /// Bytes that were written.
    pub fn wrote(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that are written next.
    ///
    /// # Errors
    /// There is no room for them, and they must not be written.
    pub fn take(&self, bytes: u64) -> Result<(), NoRoom> {
        self.has(bytes).map(|()| self.wrote(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_counts_together() {
        let room = Room::new(100);
        room.wrote(40);
        room.take(50).unwrap();
        assert_eq!(room.take(11).unwrap_err(), NoRoom { max: 100, used: 90 });
        room.take(10).unwrap();
        assert!(room.take(u64::MAX).is_err());
        room.set_max(200);
        room.take(100).unwrap();
        assert!(room.take(1).is_err());
    }
}
