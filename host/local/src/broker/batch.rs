//! The v2 record batch (KIP-98): its header read in place, its checksum, and, only where an offset
//! is looked up by time, its records.

use bytes::{Buf, Bytes};
use std::io::Read;

/// Bytes before the first record.
pub const HEADER_LEN: usize = 61;
/// Bytes of base offset, batch length and leader epoch: what the broker may rewrite, because the
/// checksum begins later.
pub const REWRITTEN_LEN: usize = 16;
/// Bytes of base offset and batch length, which the batch length itself does not count.
const PREFIX_LEN: usize = 12;
/// The checksum covers everything from here.
const CHECKED_FROM: usize = 21;
/// A decompressed batch larger than this is not searched record by record.
const MAX_SEARCHED_BYTES: u64 = 256 << 20;

const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// A batch's header. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub base_offset: i64,
    /// Length of the whole batch in bytes, header included.
    pub len: usize,
    pub magic: i8,
    pub crc: u32,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    /// -1 where the producer is not idempotent.
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub record_count: i32,
}

/// Why bytes are not a batch that this broker stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("the batch is shorter than it says")]
    Truncated,
    #[error("only record batches of magic 2 are taken")]
    Magic,
    #[error("the checksum does not fit")]
    Checksum,
    #[error("the batch's offsets do not match its record count")]
    Count,
}

impl Header {
    /// Reads a header; `None` where `bytes` are fewer than a header or its length is impossible.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_LEN {
            return None;
        }
        let mut rest = bytes;
        let base_offset = rest.get_i64();
        let len = usize::try_from(rest.get_i32()).ok()?.checked_add(PREFIX_LEN)?;
        let _leader_epoch = rest.get_i32();
        let header = Self {
            base_offset,
            len,
            magic: rest.get_i8(),
            crc: rest.get_u32(),
            attributes: rest.get_i16(),
            last_offset_delta: rest.get_i32(),
            base_timestamp: rest.get_i64(),
            max_timestamp: rest.get_i64(),
            producer_id: rest.get_i64(),
            producer_epoch: rest.get_i16(),
            base_sequence: rest.get_i32(),
            record_count: rest.get_i32(),
        };
        (len >= HEADER_LEN).then_some(header)
    }

    /// The offset after the batch's last record.
    pub fn next_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta)).saturating_add(1)
    }

    pub fn is_idempotent(&self) -> bool {
        self.producer_id >= 0
    }

    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// The last record's sequence; sequences wrap to 0 after 2^31 - 1.
    pub fn last_sequence(&self) -> i32 {
        sequence_after(self.base_sequence, self.last_offset_delta)
    }
}

/// `sequence` moved on by `count` records, wrapping to 0 after 2^31 - 1 as Kafka does.
pub fn sequence_after(sequence: i32, count: i32) -> i32 {
    sequence.wrapping_add(count) & i32::MAX
}

/// Reads and verifies the batch that `bytes` begin with.
pub fn verify(bytes: &[u8]) -> Result<Header, Invalid> {
    let header = Header::parse(bytes).ok_or(Invalid::Truncated)?;
    if header.magic != 2 {
        return Err(Invalid::Magic);
    }
    let batch = bytes.get(..header.len).ok_or(Invalid::Truncated)?;
    if crc32c::crc32c(batch.get(CHECKED_FROM..).unwrap_or_default()) != header.crc {
        return Err(Invalid::Checksum);
    }
    if header.record_count < 1 || header.last_offset_delta != header.record_count - 1 {
        return Err(Invalid::Count);
    }
    Ok(header)
}

/// The first 16 bytes of a batch as they are stored: the offset that the log gave, leader epoch 0.
pub fn rewritten_prefix(base_offset: i64, batch_len: usize) -> [u8; REWRITTEN_LEN] {
    let mut prefix = [0; REWRITTEN_LEN];
    let counted = u32::try_from(batch_len.saturating_sub(PREFIX_LEN)).unwrap_or(u32::MAX);
    let (offset, rest) = prefix.split_at_mut(8);
    offset.copy_from_slice(&base_offset.to_be_bytes());
    let (length, _leader_epoch) = rest.split_at_mut(4);
    length.copy_from_slice(&counted.to_be_bytes());
    prefix
}

/// Offset and time of the first record at or after `timestamp`.
///
/// Batches in lz4 and snappy are not opened: for them the batch's own first offset and time are
/// returned, so that a reader sees a few earlier records rather than missing one.
pub fn first_at(batch: &[u8], header: &Header, timestamp: i64) -> Option<(i64, i64)> {
    if header.max_timestamp < timestamp {
        return None;
    }
    let whole = Some((header.base_offset, header.base_timestamp));
    let Some(mut records) = plain_records(batch, header) else { return whole };
    for _ in 0..header.record_count {
        let Some(record) = next_record(&mut records) else { return whole };
        let time = header.base_timestamp.saturating_add(record.timestamp_delta);
        if time >= timestamp {
            return Some((header.base_offset.saturating_add(record.offset_delta), time));
        }
    }
    None
}

/// Whether some record has no key. Batches that are not opened here count as having them all.
pub fn has_record_without_key(batch: &[u8], header: &Header) -> bool {
    let Some(mut records) = plain_records(batch, header) else { return false };
    (0..header.record_count).map_while(|_| next_record(&mut records)).any(|record| !record.has_key)
}

/// The parts of a record that are read.
struct Record {
    timestamp_delta: i64,
    offset_delta: i64,
    has_key: bool,
}

/// The records without their compression; `None` where it is one that is not opened here.
fn plain_records(batch: &[u8], header: &Header) -> Option<Bytes> {
    let stored = batch.get(HEADER_LEN..header.len)?;
    let mut plain = Vec::new();
    let read = match header.attributes & 0x07 {
        0 => return Some(Bytes::copy_from_slice(stored)),
        1 => flate2::read::GzDecoder::new(stored).take(MAX_SEARCHED_BYTES).read_to_end(&mut plain),
        4 => zstd::stream::read::Decoder::new(stored).ok()?.take(MAX_SEARCHED_BYTES).read_to_end(&mut plain),
        _ => return None,
    };
    read.ok().map(|_| plain.into())
}

/// The next record, which is consumed.
fn next_record(records: &mut Bytes) -> Option<Record> {
    let len = usize::try_from(varint(records)?).ok()?;
    if len > records.len() {
        return None;
    }
    let mut record = records.split_to(len);
    record.try_get_i8().ok()?;
    let timestamp_delta = varint(&mut record)?;
    let offset_delta = varint(&mut record)?;
    let has_key = varint(&mut record)? >= 0;
    Some(Record { timestamp_delta, offset_delta, has_key })
}

/// A zigzag varint of up to 64 bits.
fn varint(bytes: &mut Bytes) -> Option<i64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = bytes.try_get_u8().ok()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    None
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A batch of `count` records of one byte each, a millisecond apart; uncompressed.
    pub fn sample(count: i32, producer: (i64, i16, i32), base_timestamp: i64) -> Vec<u8> {
        let mut records = Vec::new();
        for delta in 0..count {
            let mut body = vec![0u8];
            zigzag(i64::from(delta), &mut body);
            zigzag(i64::from(delta), &mut body);
            zigzag(-1, &mut body);
            zigzag(1, &mut body);
            body.push(b'v');
            zigzag(0, &mut body);
            zigzag(body.len() as i64, &mut records);
            records.extend_from_slice(&body);
        }
        encode(0, count, producer, base_timestamp, &records)
    }

    pub fn encode(
        attributes: i16,
        count: i32,
        producer: (i64, i16, i32),
        base_timestamp: i64,
        records: &[u8],
    ) -> Vec<u8> {
        let mut checked = Vec::new();
        checked.extend_from_slice(&attributes.to_be_bytes());
        checked.extend_from_slice(&(count - 1).to_be_bytes());
        checked.extend_from_slice(&base_timestamp.to_be_bytes());
        checked.extend_from_slice(&(base_timestamp + i64::from(count) - 1).to_be_bytes());
        checked.extend_from_slice(&producer.0.to_be_bytes());
        checked.extend_from_slice(&producer.1.to_be_bytes());
        checked.extend_from_slice(&producer.2.to_be_bytes());
        checked.extend_from_slice(&count.to_be_bytes());
        checked.extend_from_slice(records);
        let mut batch = rewritten_prefix(0, CHECKED_FROM + checked.len()).to_vec();
        batch.push(2);
        batch.extend_from_slice(&crc32c::crc32c(&checked).to_be_bytes());
        batch.extend_from_slice(&checked);
        batch
    }

    fn zigzag(value: i64, out: &mut Vec<u8>) {
        let mut rest = ((value << 1) ^ (value >> 63)) as u64;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    #[test]
    fn a_batch_is_verified_and_every_damage_is_named() {
        let good = sample(3, (7, 1, 40), 1000);
        let header = verify(&good).unwrap();
        assert_eq!((header.len, header.record_count, header.next_offset()), (good.len(), 3, 3));
        assert_eq!(
            (header.producer_id, header.producer_epoch, header.base_sequence, header.last_sequence()),
            (7, 1, 40, 42)
        );
        assert_eq!(verify(&good[..good.len() - 1]), Err(Invalid::Truncated));
        assert_eq!(verify(&good[..30]), Err(Invalid::Truncated));
        for at in CHECKED_FROM..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(verify(&bad), Err(Invalid::Checksum), "byte {at}");
        }
        let mut old = good;
        old[16] = 1;
        assert_eq!(verify(&old), Err(Invalid::Magic));
        assert_eq!(verify(&encode(0, 0, (-1, -1, -1), 0, b"")), Err(Invalid::Count));
    }

    #[test]
    fn rewriting_the_prefix_keeps_the_checksum() {
        let mut batch = sample(2, (-1, -1, -1), 5);
        let len = batch.len();
        batch[..REWRITTEN_LEN].copy_from_slice(&rewritten_prefix(1 << 40, len));
        let header = verify(&batch).unwrap();
        assert_eq!((header.base_offset, header.len), (1 << 40, len));
    }

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(sequence_after(i32::MAX, 1), 0);
        assert_eq!(sequence_after(i32::MAX - 1, 3), 1);
        assert_eq!(sequence_after(5, 0), 5);
    }

    #[test]
    fn records_are_found_by_time_under_each_compression() {
        let plain = sample(5, (-1, -1, -1), 100);
        let records = plain[HEADER_LEN..].to_vec();
        let gzip = {
            use std::io::Write;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&records).unwrap();
            encoder.finish().unwrap()
        };
        let zstd = zstd::encode_all(records.as_slice(), 1).unwrap();
        for (attributes, stored) in [(0, records), (1, gzip), (4, zstd)] {
            let batch = encode(attributes, 5, (-1, -1, -1), 100, &stored);
            let header = verify(&batch).unwrap();
            assert_eq!(first_at(&batch, &header, 0), Some((0, 100)));
            assert_eq!(first_at(&batch, &header, 103), Some((3, 103)));
            assert_eq!(first_at(&batch, &header, 105), None);
        }
        let lz4 = encode(3, 5, (-1, -1, -1), 100, b"not opened");
        assert_eq!(first_at(&lz4, &verify(&lz4).unwrap(), 103), Some((0, 100)));
    }
}
