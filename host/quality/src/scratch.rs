//! Nameless files in the run's scratch folder: the system frees them when the process ends, however it ends.
//! Written bytes count against the room of the run's journal.

use crate::error::Error;
use cap_std::fs::Dir;
use dpone_model::{Report, Room};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// A file of hashes in 256 parts, by their highest byte, each in chunks of 8 KiB.
///
/// One file instead of 256 keeps the number of open files small where several sets spill at once.
/// Memory: 2 MiB of buffers, and four bytes for each 1024 hashes.
#[derive(Debug)]
pub(crate) struct Parts {
    file: File,
    room: Arc<Room>,
    parts: Vec<Part>,
    chunks: u32,
}

#[derive(Debug, Default)]
struct Part {
    buffer: Vec<u64>,
    /// Where its full chunks lie.
    chunks: Vec<u32>,
}

const PARTS: usize = 256;
const CHUNK_HASHES: usize = 1024;
const CHUNK_BYTES: usize = CHUNK_HASHES * 8;
const WHAT: &str = "hashes of keys";

impl Parts {
    pub(crate) fn new(dir: &Dir, room: Arc<Room>) -> Result<Self, Error> {
        let parts = (0..PARTS).map(|_| Part::default()).collect();
        Ok(Self { file: nameless(dir, WHAT)?, room, parts, chunks: 0 })
    }

    pub(crate) fn push(&mut self, hash: u64) -> Result<(), Error> {
        let Some(part) = self.parts.get_mut((hash >> 56) as usize) else { return Ok(()) };
        part.buffer.push(hash);
        if part.buffer.len() < CHUNK_HASHES {
            return Ok(());
        }
        self.room.take(CHUNK_BYTES as u64).map_err(Error::Room)?;
        let mut bytes = Vec::with_capacity(CHUNK_BYTES);
        part.buffer.iter().for_each(|hash| bytes.extend_from_slice(&hash.to_le_bytes()));
        let offset = u64::from(self.chunks) * CHUNK_BYTES as u64;
        self.file.write_all_at(&bytes, offset).map_err(Error::scratch(WHAT, "written"))?;
        part.chunks.push(self.chunks);
        part.buffer.clear();
        self.chunks += 1;
        Ok(())
    }

    /// Gives each part as a whole, sorted. A part is a 256th of all.
    pub(crate) fn each_sorted(self, mut visit: impl FnMut(&[u64]) -> Result<(), Report>) -> Result<(), Report> {
        let mut bytes = vec![0; CHUNK_BYTES];
        for part in self.parts {
            let mut hashes = part.buffer;
            hashes.reserve_exact(part.chunks.len() * CHUNK_HASHES);
            for chunk in part.chunks {
                let offset = u64::from(chunk) * CHUNK_BYTES as u64;
                self.file.read_exact_at(&mut bytes, offset).map_err(Error::scratch(WHAT, "read"))?;
                hashes.extend(bytes.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk)));
            }
            hashes.sort_unstable();
            visit(&hashes)?;
        }
        Ok(())
    }
}

/// A file that has no name in the folder.
pub(crate) fn nameless(dir: &Dir, what: &'static str) -> Result<File, Error> {
    let file = cap_tempfile::TempFile::new_anonymous(dir).map_err(Error::scratch(what, "created"))?;
    Ok(file.into_std())
}
