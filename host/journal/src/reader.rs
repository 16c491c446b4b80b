//! Reads journalled pages while the run may still write.

use crate::disk::{self, segment_name};
use crate::entry::{EntryHead, Label};
use crate::{Error, PageEntry, PageIndex};
use bytes::Bytes;
use cap_std::fs::Dir;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use std::fs::File;
use std::sync::{Arc, PoisonError, RwLock};

/// Where a page lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Location {
    pub segment: u32,
    pub offset: u64,
    pub head_len: u32,
    pub data_len: u64,
    pub checksum: u64,
}

impl Location {
    pub fn bytes(&self) -> u64 {
        u64::from(self.head_len) + self.data_len
    }

    pub fn end(&self) -> u64 {
        self.offset + self.bytes()
    }
}

/// The part that writer and readers share: 40 bytes a page, whatever the page holds.
#[derive(Debug)]
pub(crate) struct Shared {
    pub dir: Dir,
    pub run: u128,
    pub pages: RwLock<Vec<Location>>,
}

impl Shared {
    pub fn len(&self) -> usize {
        self.pages.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn push(&self, location: Location) {
        self.pages.write().unwrap_or_else(PoisonError::into_inner).push(location);
    }

    /// The page's place, and the checksum of the page before.
    fn find(&self, page: u64) -> Result<(Location, u64), Error> {
        let pages = self.pages.read().unwrap_or_else(PoisonError::into_inner);
        let at = |page: u64| pages.get(usize::try_from(page.checked_sub(1)?).ok()?).copied();
        let location = at(page).ok_or(Error::NoSuchPage { page, pages: pages.len() as u64 })?;
        Ok((location, page.checked_sub(1).and_then(at).map_or(0, |before| before.checksum)))
    }
}

/// A view of a run's pages. Clones share it; each read verifies checksums.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) shared: Arc<Shared>,
}

impl Reader {
    /// Pages so far; they are numbered from 1 to this.
    pub fn pages(&self) -> usize {
        self.shared.len()
    }

    /// The whole page.
    pub fn read(&self, page: u64) -> Result<PageEntry, Error> {
        let (location, previous) = self.shared.find(page)?;
        let bytes = Bytes::from(self.bytes(page, &location, location.bytes())?);
        let head = self.verified(page, &location, previous, &bytes)?;
        let data = bytes.get(head.head_len()..).unwrap_or_default();
        if !head.proves_data(data) {
            return Err(damaged(page, &location, "the checksum of the body does not fit"));
        }
        head.page(&bytes).ok_or_else(|| damaged(page, &location, "the parts do not fit their lengths"))
    }

    /// The index alone, without reading the body.
    pub fn index(&self, page: u64) -> Result<PageIndex, Error> {
        let (location, previous) = self.shared.find(page)?;
        let bytes = self.bytes(page, &location, u64::from(location.head_len))?;
        let head = self.verified(page, &location, previous, &bytes)?;
        head.index(&bytes).ok_or_else(|| damaged(page, &location, "the index does not fit its length"))
    }

    fn bytes(&self, page: u64, location: &Location, length: u64) -> Result<Vec<u8>, Error> {
        let name = segment_name(location.segment);
        let file: File = disk::open_ro(&self.shared.dir, &name).map_err(Error::io(&name))?;
        let length = usize::try_from(length).map_err(|_| Error::PageTooLarge { page })?;
        // Room that is not zeroed first: every byte of it is read.
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let at = location.offset + bytes.len() as u64;
            match rustix::io::pread(&file, spare_capacity(&mut bytes), at) {
                Ok(0) => return Err(damaged(page, location, "the file ends inside the page")),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(Error::io(name)(error.into())),
            }
        }
        // The allocator may have given more room than was asked for.
        bytes.truncate(length);
        Ok(bytes)
    }

    /// The head, after it has proved that it is this page's and unchanged since it was written.
    fn verified(&self, page: u64, at: &Location, previous: u64, bytes: &[u8]) -> Result<EntryHead, Error> {
        let head = EntryHead::read(bytes).ok_or_else(|| damaged(page, at, "there is no page head"))?;
        let lengths_fit = head.head_len() == at.head_len as usize && head.data_len() as u64 == at.data_len;
        if !lengths_fit || head.checksum != at.checksum || !head.proves_head(bytes) {
            return Err(damaged(page, at, "the checksum of the head does not fit"));
        }
        let label =
            Label { run: self.shared.run, segment: at.segment, sequence: page, previous, slice: head.label.slice };
        if head.label != label {
            return Err(damaged(page, at, "the page belongs elsewhere"));
        }
        Ok(head)
    }
}

fn damaged(page: u64, location: &Location, what: &'static str) -> Error {
    Error::Damaged { page, file: segment_name(location.segment), what }
}
