//! One partition: an append-only file of record batches as they arrived, a sparse index over it,
//! and the producers' sequences. Nothing is synced: what survives a kill of the process is what the
//! operating system took, which is every acknowledged batch; a torn tail is cut at the next start.

use super::batch::{self, HEADER_LEN, Header, Invalid, REWRITTEN_LEN};
use super::producers::{Producers, Verdict};
use bytes::Bytes;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes between two entries of the index, at least.
const INDEX_INTERVAL_BYTES: u64 = 64 << 10;

/// A partition's log. Appends exclude each other; reads go past them.
pub struct Log {
    file: Arc<File>,
    tail: Mutex<Tail>,
}

#[derive(Default)]
struct Tail {
    /// Length of the file up to the last whole batch, in bytes.
    len: u64,
    next_offset: i64,
    /// The greatest time of all batches; -1 where there is none.
    max_timestamp: i64,
    index: Vec<IndexEntry>,
    producers: Producers,
    max_producer_id: i64,
}

#[derive(Clone, Copy)]
struct IndexEntry {
    base_offset: i64,
    position: u64,
    /// The greatest time of all batches before this one.
    max_timestamp_before: i64,
}

/// The outcome of a batch.
#[derive(Debug)]
pub enum Appended {
    At(i64),
    Duplicate(i64),
    OutOfOrder,
    Fenced,
}

/// The findings of start-up.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Bytes that were no whole batch and were cut.
    pub cut_bytes: u64,
}

/// Why an offset cannot be read.
#[derive(Debug)]
pub enum ReadError {
    OutOfRange,
    Io(io::Error),
}

impl Log {
    /// Opens a partition's file, checks every batch and cuts what follows the last whole one.
    pub fn open(file: File) -> io::Result<(Self, Recovered)> {
        let file_len = file.metadata()?.len();
        let mut tail = Tail { max_timestamp: -1, max_producer_id: -1, ..Tail::default() };
        let mut bytes = Vec::new();
        while let Some(header) = header_at(&file, tail.len, file_len)? {
            bytes.resize(header.len, 0);
            file.read_exact_at(&mut bytes, tail.len)?;
            if batch::verify(&bytes).is_err() || header.base_offset != tail.next_offset {
                break;
            }
            tail.note(&header);
        }
        let recovered = Recovered { cut_bytes: file_len.saturating_sub(tail.len) };
        if recovered.cut_bytes > 0 {
            file.set_len(tail.len)?;
        }
        Ok((Self { file: Arc::new(file), tail: Mutex::new(tail) }, recovered))
    }

    /// Stores one verified batch, with its base offset and leader epoch rewritten.
    pub fn append(&self, header: &Header, bytes: &[u8]) -> io::Result<Appended> {
        let mut tail = self.tail();
        match tail.producers.judge(header) {
            Verdict::Append => {}
            Verdict::Duplicate(offset) => return Ok(Appended::Duplicate(offset)),
            Verdict::OutOfOrder => return Ok(Appended::OutOfOrder),
            Verdict::Fenced => return Ok(Appended::Fenced),
        }
        let base_offset = tail.next_offset;
        let rest = bytes.get(REWRITTEN_LEN..header.len).unwrap_or_default();
        // Should a write fail half way, the length stays and the next append overwrites the rest.
        self.file.write_all_at(rest, tail.len + REWRITTEN_LEN as u64)?;
        self.file.write_all_at(&batch::rewritten_prefix(base_offset, header.len), tail.len)?;
        tail.note(&Header { base_offset, ..*header });
        Ok(Appended::At(base_offset))
    }

    /// Whole batches from the one that holds `offset`, up to `max_bytes` but at least one of them;
    /// empty at the end of the log. The second value is the offset after the last record.
    pub fn read(&self, offset: i64, max_bytes: usize) -> Result<(Bytes, i64), ReadError> {
        let (len, next_offset, start) = {
            let tail = self.tail();
            if offset < 0 || offset > tail.next_offset {
                return Err(ReadError::OutOfRange);
            }
            let after = tail.index.partition_point(|entry| entry.base_offset <= offset);
            (tail.len, tail.next_offset, tail.index.get(after.saturating_sub(1)).map_or(0, |entry| entry.position))
        };
        if offset == next_offset || max_bytes == 0 {
            return Ok((Bytes::new(), next_offset));
        }
        self.read_batches(start, len, offset, max_bytes).map(|bytes| (bytes, next_offset)).map_err(ReadError::Io)
    }

    /// Offset and time of the first record at or after `timestamp`, in milliseconds.
    pub fn offset_at(&self, timestamp: i64) -> io::Result<Option<(i64, i64)>> {
        let (len, start) = {
            let tail = self.tail();
            let after = tail.index.partition_point(|entry| entry.max_timestamp_before < timestamp);
            (tail.len, tail.index.get(after.saturating_sub(1)).map_or(0, |entry| entry.position))
        };
        let mut position = start;
        while let Some(header) = header_at(&self.file, position, len)? {
            if header.max_timestamp >= timestamp {
                let mut bytes = vec![0; header.len];
                self.file.read_exact_at(&mut bytes, position)?;
                if let Some(found) = batch::first_at(&bytes, &header, timestamp) {
                    return Ok(Some(found));
                }
            }
            position += header.len as u64;
        }
        Ok(None)
    }

    /// The offset that the next record gets.
    pub fn next_offset(&self) -> i64 {
        self.tail().next_offset
    }

    /// The greatest time of all records, in milliseconds.
    pub fn max_timestamp(&self) -> Option<i64> {
        Some(self.tail().max_timestamp).filter(|time| *time >= 0)
    }

    /// The greatest producer id seen, so that none is given out twice; -1 for none.
    pub fn max_producer_id(&self) -> i64 {
        self.tail().max_producer_id
    }

    fn read_batches(&self, start: u64, len: u64, offset: i64, max_bytes: usize) -> io::Result<Bytes> {
        let mut position = start;
        let first_len = loop {
            let Some(header) = header_at(&self.file, position, len)? else { return Ok(Bytes::new()) };
            if header.next_offset() > offset {
                break header.len;
            }
            position += header.len as u64;
        };
        let available = usize::try_from(len - position).unwrap_or(usize::MAX);
        let mut bytes = vec![0; available.min(max_bytes.max(first_len))];
        self.file.read_exact_at(&mut bytes, position)?;
        bytes.truncate(whole_batches(&bytes));
        Ok(bytes.into())
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        // Every change to the tail is made of steps that cannot panic, so a poisoned lock is sound.
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    /// Takes in a batch that lies at the end of the file.
    fn note(&mut self, header: &Header) {
        let due = self.index.last().is_none_or(|entry| self.len - entry.position >= INDEX_INTERVAL_BYTES);
        if due {
            self.index.push(IndexEntry {
                base_offset: header.base_offset,
                position: self.len,
                max_timestamp_before: self.max_timestamp,
            });
        }
        self.len += header.len as u64;
        self.next_offset = header.next_offset();
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
        self.max_producer_id = self.max_producer_id.max(header.producer_id);
        self.producers.note(header);
    }
}

/// The header at `position`, if a whole batch follows before `len`.
fn header_at(file: &File, position: u64, len: u64) -> io::Result<Option<Header>> {
    if len.saturating_sub(position) < HEADER_LEN as u64 {
        return Ok(None);
    }
    let mut bytes = [0; HEADER_LEN];
    file.read_exact_at(&mut bytes, position)?;
    Ok(Header::parse(&bytes).filter(|header| position + header.len as u64 <= len))
}

/// The length of the whole batches that `bytes` begin with.
fn whole_batches(bytes: &[u8]) -> usize {
    let mut end = 0;
    while let Some(header) = bytes.get(end..).and_then(Header::parse) {
        if end + header.len > bytes.len() {
            break;
        }
        end += header.len;
    }
    end
}

/// Why a batch is refused before it reaches the log.
impl From<Invalid> for kafka_protocol::ResponseError {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::Truncated | Invalid::Checksum => Self::CorruptMessage,
            Invalid::Magic => Self::UnsupportedForMessageFormat,
            Invalid::Count => Self::InvalidRecord,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::{tests::sample, verify};
    use super::*;

    fn scratch() -> (tempfile::TempDir, impl Fn() -> File) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        (dir, move || File::options().read(true).write(true).create(true).truncate(false).open(&path).unwrap())
    }

    fn append(log: &Log, count: i32, producer: (i64, i16, i32), time: i64) -> Appended {
        let bytes = sample(count, producer, time);
        log.append(&verify(&bytes).unwrap(), &bytes).unwrap()
    }

    #[test]
    fn batches_come_back_as_sent_with_their_offsets() {
        let (_dir, open) = scratch();
        let (log, _) = Log::open(open()).unwrap();
        for n in 0..1000 {
            assert!(matches!(append(&log, 3, (-1, -1, -1), n), Appended::At(at) if at == 3 * n));
        }
        let size = sample(3, (-1, -1, -1), 0).len();
        for offset in [0, 1, 2, 3, 1499, 2996, 2999] {
            let (bytes, end) = log.read(offset, 2 * size).unwrap();
            let first = verify(&bytes).unwrap();
            assert_eq!((first.base_offset, end), (offset / 3 * 3, 3000));
            assert_eq!(bytes.len(), if offset >= 2997 { size } else { 2 * size }, "offset {offset}");
            assert_eq!(bytes[REWRITTEN_LEN..size], sample(3, (-1, -1, -1), offset / 3)[REWRITTEN_LEN..]);
        }
        assert_eq!(log.read(0, 1).unwrap().0.len(), size, "at least one batch");
        assert!(log.read(3000, 100).unwrap().0.is_empty());
        assert!(matches!(log.read(3001, 100), Err(ReadError::OutOfRange)));
        assert!(matches!(log.read(-1, 100), Err(ReadError::OutOfRange)));
    }

    #[test]
    fn a_torn_tail_is_cut_wherever_it_tore() {
        let (_dir, open) = scratch();
        let size = {
            let (log, _) = Log::open(open()).unwrap();
            append(&log, 2, (5, 0, 0), 10);
            append(&log, 2, (5, 0, 2), 20);
            sample(2, (5, 0, 0), 10).len() as u64
        };
        let whole = {
            let mut bytes = vec![0; 2 * size as usize];
            open().read_exact_at(&mut bytes, 0).unwrap();
            bytes
        };
        for torn in 1..size {
            let file = open();
            file.write_all_at(&whole, 0).unwrap();
            file.set_len(size + torn).unwrap();
            let (log, recovered) = Log::open(open()).unwrap();
            assert_eq!((recovered.cut_bytes, log.next_offset()), (torn, 2), "torn at {torn}");
            assert!(matches!(append(&log, 2, (5, 0, 0), 10), Appended::Duplicate(0)));
            assert!(matches!(append(&log, 2, (5, 0, 4), 30), Appended::OutOfOrder));
            assert!(matches!(append(&log, 2, (5, 0, 2), 20), Appended::At(2)));
        }
        // A tail of the right length with wrong bytes, as after a power loss.
        open().write_all_at(&[0xff], size + 40).unwrap();
        assert_eq!(Log::open(open()).unwrap().1, Recovered { cut_bytes: size });
    }

    #[test]
    fn offsets_are_found_by_time() {
        let (_dir, open) = scratch();
        let (log, _) = Log::open(open()).unwrap();
        assert_eq!((log.offset_at(0).unwrap(), log.max_timestamp()), (None, None));
        for n in 0..2000 {
            append(&log, 2, (-1, -1, -1), 10 * n);
        }
        for (time, expected) in [
            (0, Some((0, 0))),
            (1, Some((1, 1))),
            (2, Some((2, 10))),
            (10_000, Some((2000, 10_000))),
            (19_991, Some((3999, 19_991))),
            (19_992, None),
        ] {
            assert_eq!(log.offset_at(time).unwrap(), expected, "time {time}");
        }
        assert_eq!(log.max_timestamp(), Some(19_991));
    }
}
