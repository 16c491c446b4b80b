//! The host's sets for checks (`interface distinct` of the plugin contract).

use crate::error::Error;
use crate::scratch::nameless;
use crate::seen::{Earlier, Keys, Limits, Seen, Suspects, hash, secret_seed};
use cap_std::fs::Dir;
use dpone_model::plugin::{Column, DistinctSets, Repeat, Repeats};
use dpone_model::{Kind, Report};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The sets of one check. What is added is remembered as hashes, in bounded memory; the values
/// themselves go to a scratch file, from which repeats are confirmed and shown.
pub struct Sets {
    scratch: Dir,
    seed: u64,
    limits: Limits,
    sets: HashMap<String, Set>,
}

/// One set: still open, or answered.
enum Set {
    Open(Box<OpenSet>),
    Answered(Repeats),
}

struct OpenSet {
    seen: Seen,
    log: Log,
}

/// Examples that a check gets.
const EXAMPLES: usize = 10;
/// Sets of one check; a check names its sets itself.
const MAX_SETS: usize = 16;
const WHAT: &str = "values of a check";

impl Sets {
    /// `scratch` takes nameless files; `seed` is the run's and is mixed with a secret of the process.
    pub fn new(scratch: Dir, seed: u64) -> Self {
        Self { scratch, seed: secret_seed(seed), limits: Limits::default(), sets: HashMap::new() }
    }

    fn open(&mut self, set: &str) -> Result<&mut OpenSet, Report> {
        if !self.sets.contains_key(set) {
            if self.sets.len() >= MAX_SETS {
                return Err(Error::TooManySets { limit: MAX_SETS }.into());
            }
            let duplicate = || self.scratch.try_clone().map_err(Error::scratch(WHAT, "opened"));
            let log = Log { file: nameless(&self.scratch, WHAT)?, blocks: Vec::new(), end: 0 };
            let open = OpenSet { seen: Seen::new(duplicate()?, self.seed, self.limits), log };
            self.sets.insert(set.to_owned(), Set::Open(Box::new(open)));
        }
        match self.sets.get_mut(set) {
            Some(Set::Open(open)) => Ok(open),
            _ => Err(Error::SetAnswered { set: set.to_owned() }.into()),
        }
    }
}

impl DistinctSets for Sets {
    fn add(&mut self, set: &str, page: u64, columns: &[Column]) -> Result<(), Report> {
        let open = self.open(set)?;
        let block = Block::of(page, columns);
        if block.records.is_empty() {
            return Ok(());
        }
        open.seen.observe(block.keys(), &open.log)?;
        Ok(open.log.append(&block)?)
    }

    fn repeats(&mut self, set: &str) -> Result<Repeats, Report> {
        let answer = match self.sets.remove(set) {
            None => Repeats::default(),
            Some(Set::Answered(repeats)) => repeats,
            Some(Set::Open(open)) => {
                let seed = self.seed;
                let suspects = open.seen.finish()?;
                sift(&open.log, &suspects, seed)?
            }
        };
        self.sets.insert(set.to_owned(), Set::Answered(answer.clone()));
        Ok(answer)
    }
}

/// Confirms suspects on the values themselves. Where they are too many to be told apart, the count
/// is that of the hashes, whose chance of a mistake is below one in a billion for a million rows.
fn sift(log: &Log, suspects: &Suspects, seed: u64) -> Result<Repeats, Report> {
    let mut repeats = Repeats::default();
    if suspects.hashes.is_empty() {
        return Ok(repeats);
    }
    let mut firsts: HashMap<Box<[u8]>, (u64, u32)> = HashMap::new();
    log.each_block(&mut |block| {
        for (key, record) in block.keys().iter().zip(&block.records) {
            if !suspects.hashes.contains(&hash(key, seed)) {
                continue;
            }
            let second = (block.page, *record);
            let Some(first) = firsts.get(key) else {
                firsts.insert(key.into(), second);
                continue;
            };
            repeats.rows += 1;
            if repeats.examples.len() < EXAMPLES {
                let value = String::from_utf8_lossy(key).into_owned();
                repeats.examples.push(Repeat { value, first: *first, second });
            }
        }
        Ok(())
    })?;
    if suspects.truncated {
        repeats.rows = repeats.rows.max(suspects.rows);
    }
    Ok(repeats)
}

/// The values of one page: each as a compact JSON array, with the record that it came from.
#[derive(Debug, Default)]
struct Block {
    page: u64,
    bytes: Vec<u8>,
    ends: Vec<u32>,
    records: Vec<u32>,
}

impl Block {
    /// A record where any of the values is missing or null is left out.
    fn of(page: u64, columns: &[Column]) -> Self {
        let mut block = Self { page, ..Self::default() };
        let records = columns.iter().map(Column::len).min().unwrap_or(0);
        let absent = [Kind::Missing as u8, Kind::Null as u8];
        for record in 0..records {
            let is_absent = |column: &Column| column.kinds.get(record).is_none_or(|kind| absent.contains(kind));
            if columns.iter().any(is_absent) {
                continue;
            }
            for (position, column) in columns.iter().enumerate() {
                block.bytes.push(if position == 0 { b'[' } else { b',' });
                block.bytes.extend_from_slice(&canonical(column.value(record)));
            }
            block.bytes.push(b']');
            block.ends.push(block.bytes.len() as u32);
            block.records.push(record as u32);
        }
        block
    }

    fn keys(&self) -> Keys<'_> {
        Keys { bytes: &self.bytes, ends: &self.ends }
    }
}

/// A text is the same however it was escaped; everything else counts as it is written.
fn canonical(value: &[u8]) -> Cow<'_, [u8]> {
    if value.first() != Some(&b'"') || !value.contains(&b'\\') {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    dpone_json::canonical_string(value, &mut out);
    Cow::Owned(out)
}

/// The values in the order of the pages, in a scratch file.
struct Log {
    file: File,
    /// 24 bytes a page.
    blocks: Vec<BlockAt>,
    end: u64,
}

struct BlockAt {
    page: u64,
    offset: u64,
    values: u32,
    bytes: u32,
}

impl Log {
    fn append(&mut self, block: &Block) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(block.bytes.len() + block.ends.len() * 8);
        for number in block.ends.iter().chain(&block.records) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&block.bytes);
        self.file.write_all_at(&bytes, self.end).map_err(Error::scratch(WHAT, "written"))?;
        let at = BlockAt {
            page: block.page,
            offset: self.end,
            values: block.ends.len() as u32,
            bytes: block.bytes.len() as u32,
        };
        self.blocks.push(at);
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn read(&self, at: &BlockAt) -> Result<Block, Error> {
        let numbers = at.values as usize * 8;
        let mut bytes = vec![0; numbers + at.bytes as usize];
        self.file.read_exact_at(&mut bytes, at.offset).map_err(Error::scratch(WHAT, "read"))?;
        let values = bytes.split_off(numbers);
        let mut numbers = bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk));
        let ends = numbers.by_ref().take(at.values as usize).collect();
        Ok(Block { page: at.page, bytes: values, ends, records: numbers.collect() })
    }

    fn each_block(&self, visit: &mut dyn FnMut(&Block) -> Result<(), Report>) -> Result<(), Report> {
        self.blocks.iter().try_for_each(|at| visit(&self.read(at)?))
    }
}

impl Earlier for Log {
    fn each(&self, visit: &mut dyn FnMut(Keys<'_>) -> Result<(), Report>) -> Result<(), Report> {
        self.each_block(&mut |block| visit(block.keys()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[&str]) -> Column {
        let mut column = Column::default();
        for value in values {
            let kind = match value.as_bytes().first() {
                None => Kind::Missing,
                Some(b'n') => Kind::Null,
                Some(b'"') => Kind::String,
                _ => Kind::Number,
            };
            column.push(kind, value.as_bytes());
        }
        column
    }

    fn sets(table: usize, suspects: usize) -> (Sets, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Dir::open_ambient_dir(dir.path(), cap_std::ambient_authority()).unwrap();
        let mut sets = Sets::new(scratch, 7);
        sets.limits = Limits { table, suspects };
        (sets, dir)
    }

    #[test]
    fn repeats_are_counted_and_shown() {
        for table in [1_000, 1] {
            let (mut sets, dir) = sets(table, 100);
            sets.add("s", 1, &[column(&["1", "2", "", "null", "1"]), column(&["\"a\"", "\"b\"", "1", "1", "\"a\""])])
                .unwrap();
            sets.add("other", 1, &[column(&["1"])]).unwrap();
            sets.add("s", 2, &[column(&["2", "3", ""]), column(&["\"\\u0062\"", "\"b\"", "1"])]).unwrap();
            let repeats = sets.repeats("s").unwrap();
            let examples = vec![
                Repeat { value: "[1,\"a\"]".into(), first: (1, 0), second: (1, 4) },
                Repeat { value: "[2,\"b\"]".into(), first: (1, 1), second: (2, 0) },
            ];
            assert_eq!(repeats, Repeats { rows: 2, examples });
            assert_eq!(sets.repeats("s").unwrap(), repeats, "asking again changes nothing");
            assert_eq!(sets.repeats("other").unwrap(), Repeats::default());
            assert_eq!(sets.repeats("unknown").unwrap(), Repeats::default());
            assert!(sets.add("s", 3, &[column(&["1"])]).is_err());
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    /// Half of a surrogate pair is a value of its own, however it is spelt.
    #[test]
    fn texts_that_are_none_are_told_apart() {
        let values = [
            (r#""x\ud83d""#, None),
            (r#""x\ud83e""#, None),
            ("\"x\u{fffd}\"", None),
            (r#""\u0078\uD83D""#, Some(0)),
            (r#""x\ufffd""#, Some(2)),
            (r#""x\ude00\ud83d""#, None),
            (r#""x\ud83d\ude00""#, None),
            (r#""x😀""#, Some(6)),
        ];
        let (mut sets, _dir) = sets(1_000, 100);
        sets.add("s", 1, &[column(&values.map(|(value, _)| value))]).unwrap();
        let found: Vec<_> = sets.repeats("s").unwrap().examples.iter().map(|r| (r.first.1, r.second.1)).collect();
        let expected: Vec<_> = (0..).zip(values).filter_map(|(second, (_, first))| Some((first?, second))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn ascending_values_stay_in_constant_memory() {
        let (mut sets, _dir) = sets(10, 10);
        for page in 0..20u64 {
            let values: Vec<String> = (0..50).map(|row| format!("\"{:05}\"", page * 50 + row)).collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            sets.add("s", page + 1, &[column(&values)]).unwrap();
        }
        let Some(Set::Open(open)) = sets.sets.get("s") else { panic!("no set") };
        assert!(open.seen.is_ascending());
        assert_eq!(sets.repeats("s").unwrap(), Repeats::default());
    }

    #[test]
    fn more_repeats_than_can_be_told_apart_are_still_counted() {
        for table in [10_000, 1] {
            let (mut sets, _dir) = sets(table, 5);
            for page in 1..=3 {
                let values: Vec<String> = (0..100).rev().map(|row| row.to_string()).collect();
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                sets.add("s", page, &[column(&values)]).unwrap();
            }
            let repeats = sets.repeats("s").unwrap();
            assert_eq!((repeats.rows, repeats.examples.len()), (200, 10), "{table}");
        }
    }

    #[test]
    fn the_number_of_sets_is_bounded() {
        let (mut sets, _dir) = sets(10, 10);
        for number in 0..MAX_SETS {
            sets.add(&number.to_string(), 1, &[column(&["1"])]).unwrap();
        }
        assert!(sets.add("one more", 1, &[column(&["1"])]).is_err());
    }
}
