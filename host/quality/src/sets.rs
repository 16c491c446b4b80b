//! The host's sets for checks (`interface distinct` of the plugin contract).

use crate::error::Error;
use crate::scratch::nameless;
use crate::seen::{Earlier, Keys, Limits, Seen, Suspects, hash, secret_seed};
use cap_std::fs::Dir;
use dpone_model::plugin::{BUDGET_STRIDE, Budget, Column, DistinctSets, Repeat, Repeats};
use dpone_model::{Kind, Report, Room};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// The sets of one check. What is added is remembered as hashes, in bounded memory; the values
/// themselves go to a scratch file, from which repeats are confirmed and shown.
pub struct Sets {
    scratch: Dir,
    room: Arc<Room>,
    seed: u64,
    /// Of all sets together.
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
/// The bytes that a value that may be a repeat takes beside its own: its hash, two places, and a part of the table.
const FIRST_BYTES: u64 = 64;
const WHAT: &str = "values of a check";

impl Sets {
    /// `scratch` takes nameless files, which count against `room`; `seed` is the run's and is mixed with a
    /// secret of the process.
    pub fn new(scratch: Dir, room: Arc<Room>, seed: u64) -> Self {
        Self { scratch, room, seed: secret_seed(seed), limits: Limits::default(), sets: HashMap::new() }
    }

    fn open(&mut self, set: &str) -> Result<&mut OpenSet, Report> {
        if !self.sets.contains_key(set) {
            if self.sets.len() >= MAX_SETS {
                return Err(Error::TooManySets { limit: MAX_SETS }.into());
            }
            let scratch = self.scratch.try_clone().map_err(Error::scratch(WHAT, "opened"))?;
            let file = nameless(&self.scratch, WHAT)?;
            let log = Log { file, room: self.room.clone(), blocks: Vec::new(), end: 0 };
            let open = OpenSet { seen: Seen::new(scratch, self.room.clone(), self.seed, self.limits), log };
            self.sets.insert(set.to_owned(), Set::Open(Box::new(open)));
        }
        // Sets share what one may keep in memory: with sixteen of them, none keeps more than a sixteenth.
        let share = Limits {
            table: (self.limits.table / self.sets.len()).max(1),
            suspects: (self.limits.suspects / self.sets.len()).max(1),
        };
        match self.sets.get_mut(set) {
            Some(Set::Open(open)) => {
                open.seen.set_limits(share);
                Ok(open)
            }
            _ => Err(Error::SetAnswered { set: set.to_owned() }.into()),
        }
    }
}

impl DistinctSets for Sets {
    fn add(&mut self, set: &str, page: u64, columns: &[Column], budget: &dyn Budget) -> Result<(), Report> {
        let open = self.open(set)?;
        let block = Block::of(page, columns, budget)?;
        if block.records.is_empty() {
            return Ok(());
        }
        open.seen.observe(block.keys(), &open.log, budget)?;
        budget.go_on()?;
        Ok(open.log.append(&block)?)
    }

    fn repeats(&mut self, set: &str, budget: &dyn Budget) -> Result<Repeats, Report> {
        let answer = match self.sets.remove(set) {
            None => Repeats::default(),
            Some(Set::Answered(repeats)) => repeats,
            Some(Set::Open(open)) => {
                let seed = self.seed;
                let suspects = open.seen.finish(budget)?;
                sift(&open.log, &suspects, seed, budget)?
            }
        };
        self.sets.insert(set.to_owned(), Set::Answered(answer.clone()));
        Ok(answer)
    }
}

/// Confirms suspects on the values themselves. Where they are too many to be told apart, the count
/// is that of the hashes, whose chance of a mistake is below one in a billion for a million rows.
fn sift(log: &Log, suspects: &Suspects, seed: u64, budget: &dyn Budget) -> Result<Repeats, Report> {
    let mut repeats = Repeats::default();
    if suspects.hashes.is_empty() {
        return Ok(repeats);
    }
    let mut firsts: HashMap<Box<[u8]>, (u64, u32)> = HashMap::new();
    let mut held = 0;
    log.each_block(&mut |block| {
        for (number, (key, record)) in block.keys().iter().zip(&block.records).enumerate() {
            if number % BUDGET_STRIDE == 0 {
                budget.go_on()?;
            }
            if !suspects.hashes.contains(&hash(key, seed)) {
                continue;
            }
            let second = (block.page, *record);
            let Some(first) = firsts.get(key) else {
                held += key.len() as u64 + FIRST_BYTES;
                budget.hold(held + block.size())?;
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
    fn of(page: u64, columns: &[Column], budget: &dyn Budget) -> Result<Self, Report> {
        let records = columns.iter().map(Column::len).min().unwrap_or(0);
        // The values, a byte between each two of them, and two numbers for each record.
        let values: usize = columns.iter().map(|column| column.text.len()).sum();
        let values = values + records * (columns.len() + 1);
        budget.hold((values + records * 2 * size_of::<u32>()) as u64)?;
        let (ends, rows) = (Vec::with_capacity(records), Vec::with_capacity(records));
        let mut block = Self { page, bytes: Vec::with_capacity(values), ends, records: rows };
        let absent = [Kind::Missing as u8, Kind::Null as u8];
        // Many columns make a record that takes as long as many records.
        let stride = (BUDGET_STRIDE / columns.len().max(1)).max(1);
        for record in 0..records {
            if record % stride == 0 {
                budget.go_on()?;
            }
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
        Ok(block)
    }

    fn keys(&self) -> Keys<'_> {
        Keys { bytes: &self.bytes, ends: &self.ends }
    }

    /// Bytes that it takes in memory, and on disk.
    fn size(&self) -> u64 {
        (self.bytes.len() + (self.ends.len() + self.records.len()) * size_of::<u32>()) as u64
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
    room: Arc<Room>,
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
        self.room.take(block.size()).map_err(Error::Room)?;
        let mut numbers = Vec::with_capacity(block.ends.len() * 8);
        for number in block.ends.iter().chain(&block.records) {
            numbers.extend_from_slice(&number.to_le_bytes());
        }
        let mut end = self.end;
        for bytes in [&numbers, &block.bytes] {
            self.file.write_all_at(bytes, end).map_err(Error::scratch(WHAT, "written"))?;
            end += bytes.len() as u64;
        }
        let at = BlockAt {
            page: block.page,
            offset: self.end,
            values: block.ends.len() as u32,
            bytes: block.bytes.len() as u32,
        };
        self.blocks.push(at);
        self.end = end;
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
    use dpone_model::codes;
    use dpone_model::plugin::Unbounded;
    use std::cell::Cell;

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
        let mut sets = Sets::new(scratch, Arc::new(Room::new(u64::MAX)), 7);
        sets.limits = Limits { table, suspects };
        (sets, dir)
    }

    #[test]
    fn repeats_are_counted_and_shown() {
        for table in [1_000, 1] {
            let (mut sets, dir) = sets(table, 100);
            sets.add(
                "s",
                1,
                &[column(&["1", "2", "", "null", "1"]), column(&["\"a\"", "\"b\"", "1", "1", "\"a\""])],
                &Unbounded,
            )
            .unwrap();
            sets.add("other", 1, &[column(&["1"])], &Unbounded).unwrap();
            sets.add("s", 2, &[column(&["2", "3", ""]), column(&["\"\\u0062\"", "\"b\"", "1"])], &Unbounded).unwrap();
            let repeats = sets.repeats("s", &Unbounded).unwrap();
            let examples = vec![
                Repeat { value: "[1,\"a\"]".into(), first: (1, 0), second: (1, 4) },
                Repeat { value: "[2,\"b\"]".into(), first: (1, 1), second: (2, 0) },
            ];
            assert_eq!(repeats, Repeats { rows: 2, examples });
            assert_eq!(sets.repeats("s", &Unbounded).unwrap(), repeats, "asking again changes nothing");
            assert_eq!(sets.repeats("other", &Unbounded).unwrap(), Repeats::default());
            assert_eq!(sets.repeats("unknown", &Unbounded).unwrap(), Repeats::default());
            assert!(sets.add("s", 3, &[column(&["1"])], &Unbounded).is_err());
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
        sets.add("s", 1, &[column(&values.map(|(value, _)| value))], &Unbounded).unwrap();
        let found: Vec<_> =
            sets.repeats("s", &Unbounded).unwrap().examples.iter().map(|r| (r.first.1, r.second.1)).collect();
        let expected: Vec<_> = (0..).zip(values).filter_map(|(second, (_, first))| Some((first?, second))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn ascending_values_stay_in_constant_memory() {
        let (mut sets, _dir) = sets(10, 10);
        for page in 0..20u64 {
            let values: Vec<String> = (0..50).map(|row| format!("\"{:05}\"", page * 50 + row)).collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            sets.add("s", page + 1, &[column(&values)], &Unbounded).unwrap();
        }
        let Some(Set::Open(open)) = sets.sets.get("s") else { panic!("no set") };
        assert!(open.seen.is_ascending());
        assert_eq!(sets.repeats("s", &Unbounded).unwrap(), Repeats::default());
    }

    #[test]
    fn more_repeats_than_can_be_told_apart_are_still_counted() {
        for table in [10_000, 1] {
            let (mut sets, _dir) = sets(table, 5);
            for page in 1..=3 {
                let values: Vec<String> = (0..100).rev().map(|row| row.to_string()).collect();
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                sets.add("s", page, &[column(&values)], &Unbounded).unwrap();
            }
            let repeats = sets.repeats("s", &Unbounded).unwrap();
            assert_eq!((repeats.rows, repeats.examples.len()), (200, 10), "{table}");
        }
    }

    #[test]
    fn the_number_of_sets_is_bounded() {
        let (mut sets, _dir) = sets(10, 10);
        for number in 0..MAX_SETS {
            sets.add(&number.to_string(), 1, &[column(&["1"])], &Unbounded).unwrap();
        }
        assert!(sets.add("one more", 1, &[column(&["1"])], &Unbounded).is_err());
    }

    /// Gives out so many looks at the clock, and so many bytes.
    struct Given {
        looks: Cell<u32>,
        bytes: u64,
    }

    impl Given {
        fn new(looks: u32, bytes: u64) -> Self {
            Self { looks: Cell::new(looks), bytes }
        }
    }

    impl Budget for Given {
        fn go_on(&self) -> Result<(), Report> {
            let left = self.looks.get().checked_sub(1).ok_or_else(|| Report::new(&codes::plugin::DEADLINE, "late"))?;
            self.looks.set(left);
            Ok(())
        }

        fn hold(&self, bytes: u64) -> Result<(), Report> {
            if bytes <= self.bytes { Ok(()) } else { Err(Report::new(&codes::plugin::MEMORY, "large")) }
        }
    }

    #[test]
    fn what_a_set_takes_is_asked_for_while_it_works() {
        let values: Vec<String> = (0..10_000).map(|row| (row % 5_000).to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        for (columns, looks, bytes, ends) in [
            (1, u32::MAX, u64::MAX, None),
            (1, 5, u64::MAX, Some("DP0310")),
            (1, u32::MAX, 100_000, Some("DP0311")),
            (64, u32::MAX, u64::MAX, None),
            (64, 300, u64::MAX, Some("DP0310")),
            (64, u32::MAX, 1_000_000, Some("DP0311")),
        ] {
            let (mut sets, _dir) = sets(1_000_000, 1_000_000);
            let budget = Given::new(looks, bytes);
            let columns = vec![column(&values); columns];
            let added = sets.add("s", 1, &columns, &budget);
            assert_eq!(added.err().map(|report| report.code().id), ends);
        }
    }

    #[test]
    fn what_an_answer_takes_is_asked_for_while_it_is_made() {
        for (table, looks, bytes, ends) in [
            (1_000_000, u32::MAX, u64::MAX, None),
            (1_000_000, 5, u64::MAX, Some("DP0310")),
            (1, 5, u64::MAX, Some("DP0310")),
            (1, u32::MAX, 100_000, Some("DP0311")),
        ] {
            let (mut sets, _dir) = sets(table, 1_000_000);
            for page in 1..=10 {
                let values: Vec<String> = (0..1_000).rev().map(|row| (page / 2 * 1_000 + row).to_string()).collect();
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                sets.add("s", page, &[column(&values)], &Unbounded).unwrap();
            }
            let repeats = sets.repeats("s", &Given::new(looks, bytes));
            assert_eq!(repeats.err().map(|report| report.code().id), ends, "{table} {looks} {bytes}");
        }
    }

    #[test]
    fn values_on_disk_take_room_of_the_journal() {
        for (table, rows) in [(1_000_000, 10), (1, 2_000)] {
            let (mut sets, _dir) = sets(table, 100);
            sets.room = Arc::new(Room::new(10_000));
            let values: Vec<String> = (0..rows).rev().map(|row| row.to_string()).collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let ended = (1..=1_000).find_map(|page| sets.add("s", page, &[column(&values)], &Unbounded).err());
            let report = ended.expect("it should end");
            assert_eq!(report.code(), &codes::disk::JOURNAL_LIMIT, "{report}");
            assert!(report.hint_text().unwrap_or_default().contains("journal.max_bytes"), "{report}");
        }
    }

    /// Many sets keep no more in memory than a few do.
    #[test]
    fn sets_share_their_table() {
        let (mut sets, _dir) = sets(1_600, 1_600);
        for set in 0..MAX_SETS {
            let values: Vec<String> = (0..1_000).rev().map(|row| row.to_string()).collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            for page in [1, 2] {
                sets.add(&set.to_string(), page, &[column(&values)], &Unbounded).unwrap();
            }
        }
        let open = sets.sets.values().filter(|set| matches!(set, Set::Open(open) if !open.seen.is_spilled())).count();
        assert_eq!(open, 1, "only the first one was alone");
        assert_eq!(sets.repeats("15", &Unbounded).unwrap().rows, 1_000);
    }
}
