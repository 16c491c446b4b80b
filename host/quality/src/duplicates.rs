//! `duplicate_policy`: repeats among the message keys, found while pages are warm and judged before
//! the first message is out.
//!
//! Looking costs a comparison or a hash a key ([`seen`](crate::seen)). Only where a hash occurred
//! twice are keys read back from the journal, and only pages that hold such a key are read whole,
//! to say whether a repeat is identical or conflicting.

use crate::error::Error;
use crate::seen::{Earlier, Keys, Limits, Seen, secret_seed};
use crate::skip::Skip;
use cap_std::fs::Dir;
use dpone_journal::{PageEntry, PageIndex, Reader};
use dpone_json::Path;
use dpone_manifest::{DuplicatePolicy, KeyMode};
use dpone_model::human::names;
use dpone_model::plugin::Unbounded;
use dpone_model::{CursorValue, EpochUnit, Kind, Place, Report, Room, redact};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Keys and pages that were journalled earlier; pages count from 1.
pub trait Pages: Send {
    /// Without the body.
    fn index(&self, page: u64) -> Result<PageIndex, Report>;
    fn read(&self, page: u64) -> Result<PageEntry, Report>;
}

impl Pages for Reader {
    fn index(&self, page: u64) -> Result<PageIndex, Report> {
        Ok(Self::index(self, page)?)
    }

    fn read(&self, page: u64) -> Result<PageEntry, Report> {
        Ok(Self::read(self, page)?)
    }
}

/// Watches the keys of a run.
pub struct Duplicates {
    policy: DuplicatePolicy,
    /// The parts of a key, in words.
    key: String,
    cursor: Option<Cursor>,
    /// A value beyond it is doubtful: `last` takes any other record of the key.
    horizon: Option<CursorValue>,
    seen: Seen,
    limits: Limits,
    pages: Box<dyn Pages>,
    /// The last page that was observed.
    through: u64,
}

impl Duplicates {
    /// `scratch` takes nameless files, which count against `room`; `seed` is the run's and is mixed with a secret of the process.
    pub fn new(policy: DuplicatePolicy, scratch: Dir, room: Arc<Room>, seed: u64, pages: impl Pages + 'static) -> Self {
        Self::with_limits(policy, scratch, room, seed, pages, Limits::default())
    }

    fn with_limits(
        policy: DuplicatePolicy,
        scratch: Dir,
        room: Arc<Room>,
        seed: u64,
        pages: impl Pages + 'static,
        limits: Limits,
    ) -> Self {
        let seen = Seen::new(scratch, room, secret_seed(seed), limits);
        Self {
            policy,
            key: String::new(),
            cursor: None,
            horizon: None,
            seen,
            limits,
            pages: Box::new(pages),
            through: 0,
        }
    }

    /// `last` keeps the record with the greatest value of this field, as it is published, instead of
    /// the one that was read last. Equal values, and records without one, go by the order of reading.
    #[must_use]
    pub fn newest_by(mut self, cursor_field: Option<String>, unit: Option<EpochUnit>) -> Self {
        self.cursor = cursor_field.map(|field| Cursor { field, unit });
        self
    }

    /// Where a value lies beyond this one, `last` keeps another record of the key if there is one: a wrong
    /// date must not win over the real row.
    #[must_use]
    pub fn not_beyond(mut self, horizon: Option<CursorValue>) -> Self {
        self.horizon = horizon;
        self
    }

    /// Names what a key is made of, for messages.
    #[must_use]
    pub fn keyed_by(mut self, mode: &KeyMode) -> Self {
        self.key = match mode {
            KeyMode::Fields(fields) => format!(" of {}", names(fields.iter().map(String::as_str))),
            KeyMode::HashRow => " of whole rows".to_owned(),
            KeyMode::Null => String::new(),
        };
        self
    }

    /// Notes a page's keys; pages come in order. The page itself need not be in the journal yet,
    /// those before it must be.
    pub fn observe(&mut self, page: u64, index: &PageIndex) -> Result<(), Report> {
        self.through = self.through.max(page);
        if self.policy == DuplicatePolicy::Allow || !index.has_keys {
            return Ok(());
        }
        let earlier = JournalKeys { pages: &*self.pages, before: page };
        self.seen.observe(Keys { bytes: &index.keys, ends: &index.key_ends }, &earlier, &Unbounded)
    }

    /// Judges what was observed, all of which is in the journal by now. Gives the records to leave
    /// out; DP0705 where `fail` was asked for and a key occurs twice.
    pub fn finish(self) -> Result<Skip, Report> {
        let Self { policy, key, cursor, horizon, seen, limits, pages, through } = self;
        let seed = seen.seed();
        let suspects = seen.finish(&Unbounded)?;
        if suspects.hashes.is_empty() {
            return Ok(Skip::default());
        }
        if suspects.truncated && policy != DuplicatePolicy::Fail {
            return Err(too_many(policy, limits.suspects).into());
        }
        let mut sifter = Sifter {
            policy,
            key,
            cursor,
            horizon,
            limit: limits.suspects,
            truncated: suspects.truncated,
            suspects: suspects.hashes,
            seed,
            groups: HashMap::new(),
            repeats: 0,
            skip: Skip::default(),
            examples: Vec::new(),
        };
        for page in 1..=through {
            sifter.page(&*pages, page)?;
        }
        sifter.verdict()
    }
}

/// The keys of the pages before one.
struct JournalKeys<'a> {
    pages: &'a dyn Pages,
    before: u64,
}

impl Earlier for JournalKeys<'_> {
    fn each(&self, visit: &mut dyn FnMut(Keys<'_>) -> Result<(), Report>) -> Result<(), Report> {
        for page in 1..self.before {
            let index = self.pages.index(page)?;
            visit(Keys { bytes: &index.keys, ends: &index.key_ends })?;
        }
        Ok(())
    }
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    page: u64,
    record: u32,
}

/// The records of one suspected key.
struct Group {
    /// The record that stays.
    kept: At,
    first: At,
    /// Digest of the first record's bytes.
    digest: u128,
    cursor: Option<CursorValue>,
    identical: u32,
    conflicting: u32,
}

/// One repeat, for the message.
struct Example {
    key: Vec<u8>,
    first: At,
    second: At,
    identical: bool,
    url: String,
}

/// Reads keys back and decides on them.
struct Sifter {
    policy: DuplicatePolicy,
    key: String,
    cursor: Option<Cursor>,
    horizon: Option<CursorValue>,
    limit: usize,
    truncated: bool,
    suspects: HashSet<u64>,
    seed: u64,
    groups: HashMap<Box<[u8]>, Group>,
    repeats: usize,
    skip: Skip,
    examples: Vec<Example>,
}

/// Repeats that a message names.
const EXAMPLES: usize = 10;
/// Bytes of a key that a message shows.
const SHOWN_KEY_BYTES: usize = 80;

impl Sifter {
    fn page(&mut self, pages: &dyn Pages, page: u64) -> Result<(), Report> {
        let index = pages.index(page)?;
        let keys = Keys { bytes: &index.keys, ends: &index.key_ends };
        let is_suspect = |(_, key): &(u32, &[u8])| self.suspects.contains(&crate::seen::hash(key, self.seed));
        let hits: Vec<(u32, &[u8])> = (0..).zip(keys.iter()).filter(is_suspect).collect();
        if hits.is_empty() {
            return Ok(());
        }
        let entry = pages.read(page)?;
        for (record, key) in hits {
            let span = entry.index.values.get(record as usize).copied().ok_or(Error::Inconsistent { page })?;
            self.record(key, At { page, record }, span.of(entry.published()), &entry.url)?;
        }
        Ok(())
    }

    fn record(&mut self, key: &[u8], at: At, bytes: &[u8], url: &str) -> Result<(), Report> {
        let digest = xxh3_128(bytes);
        let place = || Place::Page { page: at.page, url: url.to_owned(), record: Some(at.record.into()), offset: None };
        let cursor = self.cursor.as_ref().map(|cursor| cursor.value(bytes)).transpose();
        let cursor = cursor.map_err(|error| Report::from(error).at(place()))?.flatten();
        let Some(group) = self.groups.get_mut(key) else {
            // Suspects are bounded, and without a collision each of them is one key.
            let group = Group { kept: at, first: at, digest, cursor, identical: 0, conflicting: 0 };
            self.groups.insert(key.into(), group);
            return Ok(());
        };
        self.repeats += 1;
        let identical = group.digest == digest;
        *(if identical { &mut group.identical } else { &mut group.conflicting }) += 1;
        if self.policy == DuplicatePolicy::Fail {
            if self.examples.len() < EXAMPLES {
                let example =
                    Example { key: key.to_vec(), first: group.first, second: at, identical, url: url.to_owned() };
                self.examples.push(example);
            }
            return Ok(());
        }
        if self.repeats > self.limit {
            return Err(too_many(self.policy, self.limit).into());
        }
        let horizon = self.horizon.as_ref();
        let is_beyond = |value: &Option<CursorValue>| is_older(horizon, value.as_ref());
        let (beyond, kept_beyond) = (is_beyond(&cursor), is_beyond(&group.cursor));
        let newer = self.policy == DuplicatePolicy::Last
            && match (beyond, kept_beyond) {
                (true, false) => false,
                (false, true) => true,
                _ => !is_older(cursor.as_ref(), group.cursor.as_ref()),
            };
        if self.policy == DuplicatePolicy::Last && beyond != kept_beyond {
            self.skip.beyond += 1;
        }
        let left_out = if newer { std::mem::replace(&mut group.kept, at) } else { at };
        if newer {
            group.cursor = cursor;
        }
        self.skip.insert(left_out.page, left_out.record);
        Ok(())
    }

    fn verdict(self) -> Result<Skip, Report> {
        let Some(first) = self.examples.first() else { return Ok(self.skip) };
        let place = Place::Page {
            page: first.second.page,
            url: first.url.clone(),
            record: Some(first.second.record.into()),
            offset: None,
        };
        let examples = self.examples.iter().map(Example::to_string).collect::<Vec<_>>().join("; ");
        Err(Error::Duplicates { summary: self.summary(), examples, place }.into())
    }

    fn summary(&self) -> String {
        let keys = self.groups.values().filter(|group| group.identical + group.conflicting > 0).count();
        let sum = |count: fn(&Group) -> u32| self.groups.values().map(|group| u64::from(count(group))).sum::<u64>();
        let (identical, conflicting) = (sum(|group| group.identical), sum(|group| group.conflicting));
        let more = if self.truncated { "more than " } else { "" };
        let of = &self.key;
        let keys = if keys == 1 { format!("1 key{of} occurs") } else { format!("{more}{keys} keys{of} occur") };
        let rows = if self.repeats == 1 { "1 row repeats".to_owned() } else { format!("{} rows repeat", self.repeats) };
        format!("{keys} more than once, {rows} an earlier one ({identical} identical, {conflicting} conflicting)")
    }
}

fn too_many(policy: DuplicatePolicy, limit: usize) -> Error {
    let policy = if policy == DuplicatePolicy::First { "first" } else { "last" };
    Error::TooManyDuplicates { limit: limit as u64, policy }
}

impl std::fmt::Display for Example {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, second) = (self.first, self.second);
        let kind = if self.identical { "identical" } else { "conflicting" };
        write!(f, "key `{}` at page {} record {}", shown(&self.key), first.page, first.record)?;
        write!(f, " and page {} record {} ({kind})", second.page, second.record)
    }
}

/// A key as a message may show it: one line, bounded.
fn shown(key: &[u8]) -> String {
    redact::excerpt(key, SHOWN_KEY_BYTES)
}

/// Whether a record that was read later is nevertheless older.
fn is_older(later: Option<&CursorValue>, kept: Option<&CursorValue>) -> bool {
    later.zip(kept).and_then(|(later, kept)| later.compare(kept)) == Some(Ordering::Less)
}

/// The top-level field that says which of two records is newer.
struct Cursor {
    field: String,
    /// The unit of its numbers, or text of digits.
    unit: Option<EpochUnit>,
}

impl Cursor {
    /// The value of a record, where it is an instant or a number.
    fn value(&self, record: &[u8]) -> Result<Option<CursorValue>, Error> {
        let found = dpone_json::get(record, &Path::of_field(&self.field), None);
        let found = found.map_err(|_| Error::CursorTwice { field: self.field.clone() })?;
        Ok(found.and_then(|(kind, span)| self.read(kind, span.of(record))))
    }

    fn read(&self, kind: Kind, text: &[u8]) -> Option<CursorValue> {
        let number = |text: &str| {
            let value = CursorValue::number(text)?;
            self.unit.map_or(Some(value.clone()), |unit| value.in_unit(unit))
        };
        match kind {
            Kind::String if self.unit.is_some() => number(&dpone_json::unescape(text)),
            Kind::String => CursorValue::instant(&dpone_json::unescape(text)),
            Kind::Number => number(std::str::from_utf8(text).ok()?),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::sync::{Arc, Mutex};

    /// Pages in memory; counts what is read back.
    #[derive(Clone, Default)]
    struct Memory {
        pages: Arc<Mutex<Vec<PageEntry>>>,
        reads: Arc<Mutex<(usize, usize)>>,
    }

    impl Memory {
        fn get(&self, page: u64) -> PageEntry {
            self.pages.lock().unwrap()[page as usize - 1].clone()
        }
    }

    impl Pages for Memory {
        fn index(&self, page: u64) -> Result<PageIndex, Report> {
            self.reads.lock().unwrap().0 += 1;
            Ok(self.get(page).index)
        }

        fn read(&self, page: u64) -> Result<PageEntry, Report> {
            self.reads.lock().unwrap().1 += 1;
            Ok(self.get(page))
        }
    }

    /// A page of records, each with its key.
    fn page(number: u64, records: &[(&str, &str)]) -> PageEntry {
        let mut index = PageIndex { has_keys: true, ..PageIndex::default() };
        let mut body = Vec::new();
        for (key, record) in records {
            let start = body.len();
            body.extend_from_slice(record.as_bytes());
            index.values.push(dpone_model::Span::new(start, body.len()));
            index.push_key(key.as_bytes());
        }
        let url = format!("http://api/?page={number}");
        PageEntry { page: number, url, body: Bytes::from(body), index, ..PageEntry::default() }
    }

    /// Runs pages as a run does: a page is in the journal only after it was observed. The cursor field
    /// `epoch` counts seconds.
    fn run(
        policy: DuplicatePolicy,
        limits: Limits,
        cursor: Option<&str>,
        pages: &[PageEntry],
    ) -> (Result<Skip, Report>, Memory) {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Dir::open_ambient_dir(dir.path(), cap_std::ambient_authority()).unwrap();
        let memory = Memory::default();
        let unit = cursor.filter(|field| *field == "epoch").map(|_| EpochUnit::Seconds);
        let duplicates =
            Duplicates::with_limits(policy, scratch, Arc::new(Room::new(u64::MAX)), 7, memory.clone(), limits);
        let mut duplicates = duplicates.newest_by(cursor.map(str::to_owned), unit);
        for page in pages {
            duplicates.observe(page.page, &page.index).unwrap();
            memory.pages.lock().unwrap().push(page.clone());
        }
        let outcome = duplicates.finish();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "scratch files have no names");
        (outcome, memory)
    }

    const SMALL: Limits = Limits { table: 8, suspects: 50 };

    fn skipped(skip: &Skip, pages: &[PageEntry]) -> Vec<(u64, u32)> {
        let all = pages.iter().flat_map(|page| (0..page.index.len() as u32).map(|record| (page.page, record)));
        all.filter(|(page, record)| skip.contains(*page, *record)).collect()
    }

    #[test]
    fn ascending_keys_read_nothing_back() {
        let pages =
            [page(1, &[("8", "{}"), ("9", "{}"), ("10", "{}")]), page(2, &[("11", "{}"), ("100", "{}"), ("a", "{}")])];
        let (outcome, memory) = run(DuplicatePolicy::Fail, SMALL, None, &pages);
        assert!(outcome.unwrap().is_empty());
        assert_eq!(*memory.reads.lock().unwrap(), (0, 0));
    }

    #[test]
    fn fail_names_keys_pages_and_kind_of_repeat() {
        let pages = [
            page(1, &[("1", r#"{"a":1}"#), ("2", r#"{"a":2}"#), ("3", r#"{"a":3}"#)]),
            page(2, &[("4", r#"{"a":4}"#)]),
            page(3, &[("2", r#"{"a":2}"#), ("3", r#"{"a":9}"#), ("3", r#"{"a":3}"#)]),
        ];
        let (outcome, memory) = run(DuplicatePolicy::Fail, SMALL, None, &pages);
        let report = outcome.unwrap_err();
        assert_eq!(report.code().id, "DP0705");
        let message = report.message();
        let summary = "2 keys occur more than once, 3 rows repeat an earlier one (2 identical, 1 conflicting)";
        assert!(message.starts_with(summary), "{message}");
        assert!(message.contains("key `2` at page 1 record 1 and page 3 record 0 (identical)"), "{message}");
        assert!(message.contains("key `3` at page 1 record 2 and page 3 record 1 (conflicting)"), "{message}");
        let expected = Place::Page { page: 3, url: "http://api/?page=3".into(), record: Some(0), offset: None };
        assert_eq!(report.place(), Some(&expected));
        assert_eq!(memory.reads.lock().unwrap().1, 2, "page 2 holds no suspect and is not read whole");
    }

    #[test]
    fn first_last_and_newest_choose() {
        let pages = [
            page(1, &[("b", r#"{"at":5}"#), ("a", r#"{"at":1}"#)]),
            page(2, &[("b", r#"{"at":7}"#), ("a", r#"{"at":1}"#), ("c", r#"{"at":1}"#)]),
            page(3, &[("b", r#"{"at":6}"#), ("c", r#"{}"#)]),
        ];
        for (policy, cursor, expected) in [
            (DuplicatePolicy::First, Some("at"), vec![(2, 0), (2, 1), (3, 0), (3, 1)]),
            (DuplicatePolicy::Last, None, vec![(1, 0), (1, 1), (2, 0), (2, 2)]),
            (DuplicatePolicy::Last, Some("at"), vec![(1, 0), (1, 1), (2, 2), (3, 0)]),
            (DuplicatePolicy::Allow, None, vec![]),
        ] {
            let (outcome, _) = run(policy, SMALL, cursor, &pages);
            let skip = outcome.unwrap();
            assert_eq!(skipped(&skip, &pages), expected, "{policy:?} {cursor:?}");
            assert_eq!(skip.len(), expected.len());
        }
    }

    #[test]
    fn cursor_values_compare_as_instants_whatever_their_spelling() {
        let pages = [
            page(1, &[("k", r#"{"t.s":"2026-01-01T00:00:00Z"}"#)]),
            page(2, &[("k", r#"{"t.s":"2026-01-01T01:30:00+02:00"}"#)]),
        ];
        let (outcome, _) = run(DuplicatePolicy::Last, SMALL, Some("t.s"), &pages);
        assert_eq!(skipped(&outcome.unwrap(), &pages), [(2, 0)]);
    }

    #[test]
    fn epochs_compare_by_number_also_where_they_are_text() {
        let pages = [
            page(1, &[("k", r#"{"epoch":"1767225600"}"#), ("l", r#"{"epoch":999999999}"#)]),
            page(2, &[("k", r#"{"epoch":"999999999"}"#), ("l", r#"{"epoch":"1767225600"}"#)]),
        ];
        let (outcome, _) = run(DuplicatePolicy::Last, SMALL, Some("epoch"), &pages);
        assert_eq!(skipped(&outcome.unwrap(), &pages), [(1, 1), (2, 0)]);
    }

    #[test]
    fn a_value_beyond_the_horizon_wins_over_no_other() {
        let (old, new, far, farther) = (
            r#"{"at":"2026-01-01T00:00:00Z"}"#,
            r#"{"at":"2026-01-02T00:00:00Z"}"#,
            r#"{"at":"2099-01-01T00:00:00Z"}"#,
            r#"{"at":"2100-01-01T00:00:00Z"}"#,
        );
        for (rows, kept, beyond) in [
            (vec![far, old], 1, 1),
            (vec![old, far], 0, 1),
            (vec![old, far, new], 2, 1),
            (vec![far, old, farther, new], 3, 2),
            (vec![farther, far], 0, 0),
            (vec![r#"{"at":null}"#, far], 0, 1),
            (vec![new, old], 0, 0),
        ] {
            let rows: Vec<_> = rows.iter().map(|row| ("k", *row)).collect();
            let (skip, memory) = (run_beyond("2026-01-03T00:00:00Z", &[page(1, &rows)]), page(1, &rows));
            let expected: Vec<_> = (0..rows.len() as u32).filter(|row| *row != kept).map(|row| (1, row)).collect();
            assert_eq!((skipped(&skip, &[memory]), skip.beyond), (expected, beyond), "{rows:?}");
        }
    }

    /// `last` by the field `at`, with a horizon.
    fn run_beyond(horizon: &str, pages: &[PageEntry]) -> Skip {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Dir::open_ambient_dir(dir.path(), cap_std::ambient_authority()).unwrap();
        let memory = Memory::default();
        let room = Arc::new(Room::new(u64::MAX));
        let duplicates = Duplicates::with_limits(DuplicatePolicy::Last, scratch, room, 7, memory.clone(), SMALL);
        let mut duplicates =
            duplicates.newest_by(Some("at".to_owned()), None).not_beyond(CursorValue::instant(horizon));
        for page in pages {
            duplicates.observe(page.page, &page.index).unwrap();
            memory.pages.lock().unwrap().push(page.clone());
        }
        duplicates.finish().unwrap()
    }

    /// Keys in no order, with repeats, over several pages.
    fn shuffled(rows: u64, distinct: u64) -> Vec<PageEntry> {
        let mut number: u64 = 42;
        let mut next = || {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (number >> 33) % distinct
        };
        let rows: Vec<String> = (0..rows).map(|_| format!("k{}", next())).collect();
        let page_of = |(number, keys): (usize, &[String])| {
            let records: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "{}")).collect();
            page(number as u64 + 1, &records)
        };
        rows.chunks(100).enumerate().map(page_of).collect()
    }

    #[test]
    fn table_and_spill_agree_with_a_hash_map() {
        let pages = shuffled(5_000, 4_000);
        let mut oracle = HashSet::new();
        let mut expected = Vec::new();
        for page in &pages {
            for record in 0..page.index.len() {
                if !oracle.insert(page.index.key(record).unwrap().to_vec()) {
                    expected.push((page.page, record as u32));
                }
            }
        }
        // Never out of the table; out of it soon; at once.
        for table in [1_000_000, 900, 1] {
            let limits = Limits { table, suspects: 5_000 };
            let (outcome, _) = run(DuplicatePolicy::First, limits, None, &pages);
            assert_eq!(skipped(&outcome.unwrap(), &pages), expected, "{table}");
        }
    }

    #[test]
    fn too_many_repeats_cannot_be_chosen_among() {
        let pages = shuffled(2_000, 1_000);
        for table in [1_000_000, 1] {
            let limits = Limits { table, suspects: 50 };
            let report = run(DuplicatePolicy::Last, limits, None, &pages).0.unwrap_err();
            assert_eq!(report.code().id, "DP0706", "{report}");
            let report = run(DuplicatePolicy::Fail, limits, None, &pages).0.unwrap_err();
            assert_eq!(report.code().id, "DP0705", "{report}");
            assert!(report.message().starts_with("more than "), "{report}");
        }
    }

    #[test]
    fn long_and_strange_keys_stay_one_bounded_line() {
        let long = format!("a\nb{}", "x".repeat(500));
        let pages = [page(1, &[(&long, "{}"), (&long, "{}")])];
        let report = run(DuplicatePolicy::Fail, SMALL, None, &pages).0.unwrap_err();
        assert!(!report.message().contains('\n') && report.message().len() < 400, "{report}");
        assert!(report.message().contains("a\\nbxxx"), "{report}");
    }
}
