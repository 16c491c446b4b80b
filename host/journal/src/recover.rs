//! Finds the whole pages of a run that ended without saying so, and cuts what is torn.

use crate::disk::{self, segment_name};
use crate::entry::{EntryHead, HEAD_BYTES, Label};
use crate::reader::Location;
use crate::{Error, pool::Pool};
use cap_std::fs::Dir;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The whole pages from the first one on, up to the first that is torn or not of this run.
pub(crate) fn whole_pages(dir: &Dir, run: u128) -> Result<Vec<Location>, Error> {
    pages(dir, run, true)
}

/// The pages that there seem to be, by their heads alone: at least the whole ones.
pub(crate) fn seeming_pages(dir: &Dir, run: u128) -> Result<Vec<Location>, Error> {
    pages(dir, run, false)
}

fn pages(dir: &Dir, run: u128, verify: bool) -> Result<Vec<Location>, Error> {
    let mut pages = Vec::new();
    for segment in 0.. {
        let name = segment_name(segment);
        let Some(file) = disk::found(disk::open_ro(dir, &name)).map_err(Error::io(&name))? else { break };
        let before = pages.len();
        scan_segment(&file, segment, run, verify, &mut pages).map_err(Error::io(&name))?;
        if pages.len() == before {
            // The next segment is begun only for a page, so an empty one is the end.
            break;
        }
    }
    Ok(pages)
}

fn scan_segment(file: &File, segment: u32, run: u128, verify: bool, pages: &mut Vec<Location>) -> std::io::Result<()> {
    let length = file.metadata()?.len();
    let mut offset = 0;
    let mut head_bytes = [0; HEAD_BYTES];
    let mut entry = Vec::new();
    while offset + HEAD_BYTES as u64 <= length {
        file.read_exact_at(&mut head_bytes, offset)?;
        let Some(head) = EntryHead::read(&head_bytes) else { break };
        let previous = pages.last().map_or(0, |page| page.checksum);
        let label = Label { run, segment, sequence: pages.len() as u64 + 1, previous, slice: head.label.slice };
        if head.label != label || offset + head.total_len() as u64 > length {
            break;
        }
        if verify {
            entry.resize(head.total_len(), 0);
            file.read_exact_at(&mut entry, offset)?;
            let data = entry.get(head.head_len()..).unwrap_or_default();
            if !head.proves_head(&entry) || !head.proves_data(data) {
                break;
            }
        }
        let location = Location {
            segment,
            offset,
            head_len: head.head_len() as u32,
            data_len: head.data_len() as u64,
            checksum: head.checksum,
        };
        pages.push(location);
        offset = location.end();
    }
    Ok(())
}

/// Makes the disk agree: the place after the last whole page no longer looks like a page, and
/// segments behind it go.
pub(crate) fn cut_tail(dir: &Dir, pages: &[Location], pool: &Pool, run: &str) -> Result<(), Error> {
    let last = pages.last();
    if let Some(last) = last {
        let name = segment_name(last.segment);
        let file = disk::open_rw(dir, &name, false).map_err(Error::io(&name))?;
        let length = file.metadata().map_err(Error::io(&name))?.len();
        let room = length.saturating_sub(last.end()).min(HEAD_BYTES as u64) as usize;
        let zeros = [0; HEAD_BYTES];
        let cut = file.write_all_at(zeros.get(..room).unwrap_or_default(), last.end()).and_then(|()| file.sync_data());
        cut.map_err(Error::io(&name))?;
    }
    drop_behind(dir, last, pool, run)
}

/// Gives up the room that no page uses: a stopped run keeps as much of the disk as its pages take. The run
/// goes on in new segments.
pub(crate) fn trim(dir: &Dir, pages: &[Location], pool: &Pool, run: &str) -> Result<(), Error> {
    for of_segment in pages.chunk_by(|page, next| page.segment == next.segment) {
        let Some(page) = of_segment.last() else { continue };
        let name = segment_name(page.segment);
        let file = disk::open_rw(dir, &name, false).map_err(Error::io(&name))?;
        let length = file.metadata().map_err(Error::io(&name))?.len();
        if length > page.end() {
            file.set_len(page.end()).map_err(Error::io(&name))?;
        }
    }
    drop_behind(dir, pages.last(), pool, run)
}

/// Lets go of the segments behind the last page.
fn drop_behind(dir: &Dir, last: Option<&Location>, pool: &Pool, run: &str) -> Result<(), Error> {
    for segment in last.map_or(0, |page| page.segment + 1).. {
        let name = segment_name(segment);
        if !dir.try_exists(&name).map_err(Error::io(&name))? {
            break;
        }
        pool.give(dir, &name, &format!("{run}-{name}-cut")).map_err(Error::io(&name))?;
    }
    Ok(())
}
