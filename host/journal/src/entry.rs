//! One page as bytes: a fixed head, the small parts, the index, then the bodies.
//!
//! All numbers are little-endian.
//! ```text
//!  0 magic            8   "dpjpage1"
//!  8 head checksum    8   xxh3-64 of what follows up to and including the index
//! 16 data checksum    8   xxh3-64 of body, records and output
//! 24 run             16   xxh3-128 of pipeline and run id
//! 40 slice, segment   4+4
//! 48 sequence         8   number of the page, from 1
//! 56 previous         8   head checksum of the page before; of page 1: 0
//! 64 lengths       6×4    meta, state, index, body, records, output; u32::MAX is "none"
//! 88 zero             8
//! 96 meta (JSON), state, index, body, records, output
//! ```
//! Body, records and output are data and stay byte for byte. Of the meta part, what nobody sends again (URL and
//! headers of the answer, messages) is without secrets.
//!
//! The chain of `previous` makes the head checksum of the last page a digest of all of them.

use bytes::Bytes;
use dpone_model::plugin::{Ending, RequestEdit};
use dpone_model::{Span, WalkEnded, redact};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_128};

pub(crate) const HEAD_BYTES: usize = 96;
const MAGIC: &[u8; 8] = b"dpjpage1";
const NONE: u32 = u32::MAX;

/// Where the published records of a page lie, with their keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageIndex {
    /// Ranges of [`PageEntry::published`], in order.
    pub values: Vec<Span>,
    /// All keys, one behind the other.
    pub keys: Vec<u8>,
    /// Where each key ends in `keys`; as many as `values` where there are keys.
    pub key_ends: Vec<u32>,
    /// False for `key.mode: null`.
    pub has_keys: bool,
    /// Records inside the boundary, before transforms.
    pub source_rows: u32,
    /// Records that the source gave.
    pub extracted: u32,
    /// Records that each transform dropped and added, in their order; empty where there is none, and
    /// in journals of earlier versions.
    pub changes: Vec<Change>,
}

/// How a transform changed the number of a page's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    pub dropped: u32,
    pub added: u32,
}

impl Change {
    /// From the numbers before and after.
    pub fn between(before: usize, after: usize) -> Self {
        Self { dropped: before.saturating_sub(after) as u32, added: after.saturating_sub(before) as u32 }
    }
}

impl PageIndex {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The key of record `index`; none where messages carry no key.
    pub fn key(&self, index: usize) -> Option<&[u8]> {
        if !self.has_keys {
            return None;
        }
        let end = *self.key_ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            Some(before) => *self.key_ends.get(before)? as usize,
            None => 0,
        };
        self.keys.get(start..end)
    }

    /// Adds the key of the next record.
    pub fn push_key(&mut self, key: &[u8]) {
        self.has_keys = true;
        self.keys.extend_from_slice(key);
        self.key_ends.push(self.keys.len() as u32);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let counts = [self.values.len(), self.keys.len(), self.key_ends.len()];
        out.reserve(24 + self.values.len() * 8 + self.key_ends.len() * 4 + self.keys.len());
        for count in counts {
            out.extend_from_slice(&(count as u32).to_le_bytes());
        }
        for number in [u32::from(self.has_keys), self.source_rows, self.extracted] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for span in &self.values {
            out.extend_from_slice(&span.start.to_le_bytes());
            out.extend_from_slice(&span.end.to_le_bytes());
        }
        for end in &self.key_ends {
            out.extend_from_slice(&end.to_le_bytes());
        }
        out.extend_from_slice(&self.keys);
        for change in &self.changes {
            out.extend_from_slice(&change.dropped.to_le_bytes());
            out.extend_from_slice(&change.added.to_le_bytes());
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.split_at_checked(24)?;
        let mut numbers = u32s(numbers);
        let mut next = || numbers.next();
        let (values, keys, key_ends) = (next()? as usize, next()? as usize, next()? as usize);
        let (has_keys, source_rows, extracted) = (next()? != 0, next()?, next()?);
        let (value_bytes, rest) = rest.split_at_checked(values.checked_mul(8)?)?;
        let (end_bytes, rest) = rest.split_at_checked(key_ends.checked_mul(4)?)?;
        let (key_bytes, change_bytes) = rest.split_at_checked(keys)?;
        let spans = value_bytes.as_chunks::<8>().0.iter().map(|[a, b, c, d, e, f, g, h]| Span {
            start: u32::from_le_bytes([*a, *b, *c, *d]),
            end: u32::from_le_bytes([*e, *f, *g, *h]),
        });
        let (changes, odd) = change_bytes.as_chunks::<8>();
        let changes = changes.iter().map(|[a, b, c, d, e, f, g, h]| Change {
            dropped: u32::from_le_bytes([*a, *b, *c, *d]),
            added: u32::from_le_bytes([*e, *f, *g, *h]),
        });
        odd.is_empty().then(|| Self {
            values: spans.collect(),
            keys: key_bytes.to_vec(),
            key_ends: u32s(end_bytes).collect(),
            has_keys,
            source_rows,
            extracted,
            changes: changes.collect(),
        })
    }
}

fn u32s(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk))
}

/// One page as the source gave it, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageEntry {
    /// From 1, without gaps.
    pub page: u64,
    /// The request, with secret names.
    pub request: RequestEdit,
    /// Without secrets.
    pub url: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// Decoded from its content encoding.
    pub body: Bytes,
    /// Path of the records in `body`; none where the extractor made them.
    pub records_path: Option<String>,
    /// NDJSON that the extractor made of the body.
    pub records_body: Option<Bytes>,
    /// NDJSON that is published, where a transform changed the page.
    pub output: Option<Bytes>,
    pub index: PageIndex,
    /// The request after this one; none ended the walk.
    pub next: Option<RequestEdit>,
    /// Why there is no request after this one, where the extractor said so.
    pub ended: Option<Ending>,
    /// Digest of the page's records as the source gave them, in hexadecimal; none where it holds none.
    pub records_digest: Option<String>,
    /// Paths that the extractor asked for, and that were here for the first time in this walk.
    pub newly_seen: Vec<String>,
    /// How the walk ended with this page, where no limit cut it short.
    pub walk_ended: Option<WalkEnded>,
    /// After this page.
    pub extractor_state: Vec<u8>,
}

impl PageEntry {
    /// The bytes that the ranges of the index refer to: the output if there is one, else [`Self::source`].
    pub fn published(&self) -> &Bytes {
        self.output.as_ref().unwrap_or_else(|| self.source())
    }

    /// The bytes that hold the records before transforms: the extractor's NDJSON if it made some, else the
    /// body.
    pub fn source(&self) -> &Bytes {
        self.records_body.as_ref().unwrap_or(&self.body)
    }
}

/// The small parts, as JSON.
#[derive(Serialize, Deserialize)]
struct Meta {
    request: RequestEdit,
    url: String,
    status: u16,
    headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<RequestEdit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Ending>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    records_digest: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    newly_seen: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    walk_ended: Option<WalkEnded>,
}

/// The run that an entry belongs to, and the entry's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label {
    pub run: u128,
    pub slice: u32,
    pub segment: u32,
    pub sequence: u64,
    pub previous: u64,
}

/// The run as it stands in each entry.
pub(crate) fn run_mark(pipeline: &str, run: &str) -> u128 {
    xxh3_128(format!("{pipeline}/{run}").as_bytes())
}

/// A head that was read, its checksum not yet verified.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryHead {
    pub checksum: u64,
    pub data_checksum: u64,
    pub label: Label,
    lengths: [u32; 6],
}

impl EntryHead {
    /// None where this is no head at all.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (head, _) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let u64_at = |at: usize| head.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let u32_at = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        if !head.starts_with(MAGIC) || u64_at(88)? != 0 {
            return None;
        }
        let mut lengths = [0; 6];
        for (index, length) in lengths.iter_mut().enumerate() {
            *length = u32_at(64 + index * 4)?;
        }
        Some(Self {
            checksum: u64_at(8)?,
            data_checksum: u64_at(16)?,
            label: Label {
                run: u128::from(u64_at(24)?) | u128::from(u64_at(32)?) << 64,
                slice: u32_at(40)?,
                segment: u32_at(44)?,
                sequence: u64_at(48)?,
                previous: u64_at(56)?,
            },
            lengths,
        })
    }

    fn length(&self, part: usize) -> usize {
        self.lengths.get(part).map_or(0, |length| if *length == NONE { 0 } else { *length as usize })
    }

    fn has(&self, part: usize) -> bool {
        self.lengths.get(part).is_some_and(|length| *length != NONE)
    }

    /// Head and everything up to the index.
    pub fn head_len(&self) -> usize {
        HEAD_BYTES + self.length(0) + self.length(1) + self.length(2)
    }

    /// Body, records and output.
    pub fn data_len(&self) -> usize {
        self.length(3) + self.length(4) + self.length(5)
    }

    pub fn total_len(&self) -> usize {
        self.head_len() + self.data_len()
    }

    /// Verifies head and index against the head checksum.
    pub fn proves_head(&self, head: &[u8]) -> bool {
        head.get(16..self.head_len()).is_some_and(|covered| xxh3_64(covered) == self.checksum)
    }

    pub fn proves_data(&self, data: &[u8]) -> bool {
        data.len() == self.data_len() && xxh3_64(data) == self.data_checksum
    }

    /// The index from a verified head.
    pub fn index(&self, head: &[u8]) -> Option<PageIndex> {
        let start = HEAD_BYTES + self.length(0) + self.length(1);
        PageIndex::decode(head.get(start..start + self.length(2))?)
    }

    /// The page from a verified entry.
    pub fn page(&self, entry: &Bytes) -> Option<PageEntry> {
        let meta_end = HEAD_BYTES + self.length(0);
        let meta: Meta = serde_json::from_slice(entry.get(HEAD_BYTES..meta_end)?).ok()?;
        let state = entry.get(meta_end..meta_end + self.length(1))?;
        let index = self.index(entry)?;
        let mut at = self.head_len();
        let mut part = |number: usize| {
            let start = at;
            at += self.length(number);
            self.has(number).then(|| entry.slice(start.min(entry.len())..at.min(entry.len())))
        };
        let (body, records_body, output) = (part(3)?, part(4), part(5));
        Some(PageEntry {
            page: self.label.sequence,
            request: meta.request,
            url: meta.url,
            status: meta.status,
            headers: meta.headers,
            body,
            records_path: meta.records_path,
            records_body,
            output,
            index,
            next: meta.next,
            ended: meta.ended,
            records_digest: meta.records_digest,
            newly_seen: meta.newly_seen,
            walk_ended: meta.walk_ended,
            extractor_state: state.to_vec(),
        })
    }
}

/// Writes head, meta, state and index into `out`, and gives the head checksum. None where a part
/// is too large for its length field.
pub(crate) fn encode_head(entry: &PageEntry, label: &Label, out: &mut Vec<u8>) -> Option<u64> {
    out.clear();
    out.resize(HEAD_BYTES, 0);
    let meta = Meta {
        request: entry.request.clone(),
        url: redact::url(&entry.url).into_owned(),
        status: entry.status,
        headers: entry.headers.iter().map(|(name, value)| (name.clone(), redact::text(value).into_owned())).collect(),
        records_path: entry.records_path.clone(),
        next: entry.next.clone(),
        ended: entry.ended.clone().map(|ended| Ending { message: redact::text(&ended.message).into_owned(), ..ended }),
        records_digest: entry.records_digest.clone(),
        newly_seen: entry.newly_seen.clone(),
        walk_ended: entry
            .walk_ended
            .clone()
            .map(|ended| WalkEnded { message: redact::text(&ended.message).into_owned(), ..ended }),
    };
    serde_json::to_writer(&mut *out, &meta).ok()?;
    let meta_len = out.len() - HEAD_BYTES;
    out.extend_from_slice(&entry.extractor_state);
    let before_index = out.len();
    entry.index.encode(out);
    let index_len = out.len() - before_index;

    let (head, _) = out.split_first_chunk_mut::<HEAD_BYTES>()?;
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(place) = head.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    put(0, MAGIC);
    put(16, &data_checksum(entry).to_le_bytes());
    put(24, &label.run.to_le_bytes());
    put(40, &label.slice.to_le_bytes());
    put(44, &label.segment.to_le_bytes());
    put(48, &label.sequence.to_le_bytes());
    put(56, &label.previous.to_le_bytes());
    let optional = |part: &Option<Bytes>| part.as_ref().map_or(Some(NONE), |bytes| length(bytes.len()));
    let lengths = [
        length(meta_len)?,
        length(entry.extractor_state.len())?,
        length(index_len)?,
        length(entry.body.len())?,
        optional(&entry.records_body)?,
        optional(&entry.output)?,
    ];
    for (index, length) in lengths.iter().enumerate() {
        put(64 + index * 4, &length.to_le_bytes());
    }
    let checksum = xxh3_64(out.get(16..).unwrap_or_default());
    out.get_mut(8..16)?.copy_from_slice(&checksum.to_le_bytes());
    Some(checksum)
}

fn length(bytes: usize) -> Option<u32> {
    u32::try_from(bytes).ok().filter(|length| *length != NONE)
}

fn data_checksum(entry: &PageEntry) -> u64 {
    if entry.records_body.is_none() && entry.output.is_none() {
        return xxh3_64(&entry.body);
    }
    let mut hash = Xxh3::new();
    hash.update(&entry.body);
    hash.update(entry.records_body.as_deref().unwrap_or_default());
    hash.update(entry.output.as_deref().unwrap_or_default());
    hash.digest()
}
