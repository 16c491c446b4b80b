//! Segments of finished runs, kept so that the next run overwrites blocks that exist.

use crate::disk;
use cap_std::fs::Dir;
use std::fs::File;
use std::io;

/// Folder of the pool; no pipeline's name starts with a dot.
pub const NAME: &str = ".pool";

/// `.dpone/journal/.pool`
#[derive(Debug)]
pub struct Pool {
    dir: Dir,
    max_bytes: u64,
}

impl Pool {
    /// At most this much stays between runs.
    pub const MAX_BYTES: u64 = 256 << 20;

    pub fn open(journals: &Dir, max_bytes: u64) -> io::Result<Self> {
        Ok(Self { dir: disk::folder(journals, NAME)?, max_bytes })
    }

    /// Moves a segment of that length into the folder. None where the pool has none. Two processes
    /// may reach for the same one: the rename decides, and the loser tries the next.
    pub fn take(&self, bytes: u64, into: &Dir, name: &str) -> io::Result<Option<File>> {
        for pooled in disk::names(&self.dir)? {
            let fits = disk::found(self.dir.metadata(&pooled))?.is_some_and(|file| file.len() == bytes);
            if fits && disk::found(self.dir.rename(&pooled, into, name))?.is_some() {
                return disk::open_rw(into, name, false).map(Some);
            }
        }
        Ok(None)
    }

    /// Takes a segment over from a run's folder, or removes it where the pool is full or no run would ask
    /// for one of that length.
    pub fn give(&self, from: &Dir, name: &str, unique: &str) -> io::Result<()> {
        let Some(file) = disk::found(from.metadata(name))? else { return Ok(()) };
        if disk::may_have_slack(file.len()) && self.bytes()? + file.len() <= self.max_bytes {
            from.rename(name, &self.dir, unique)
        } else {
            from.remove_file(name)
        }
    }

    pub fn bytes(&self) -> io::Result<u64> {
        let mut sum = 0;
        for name in disk::names(&self.dir)? {
            sum += disk::found(self.dir.metadata(&name))?.map_or(0, |file| file.len());
        }
        Ok(sum)
    }

    /// Removes every segment, and says how many bytes that freed.
    pub fn clear(&self) -> io::Result<u64> {
        let mut freed = 0;
        for name in disk::names(&self.dir)? {
            freed += disk::found(self.dir.metadata(&name))?.map_or(0, |file| file.len());
            disk::found(self.dir.remove_file(&name))?;
        }
        Ok(freed)
    }
}
