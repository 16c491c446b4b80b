//! Finds what repeats in a stream of keys, in bounded memory.
//!
//! | while | it keeps | cost a key |
//! |---|---|---|
//! | every key is greater than all before | the last key | a comparison |
//! | up to [`Limits::table`] keys | a table of hashes, up to 8 MiB | a hash and a probe |
//! | beyond | a scratch file of hashes | a hash and a buffered write |
//!
//! The answer is a set of *suspects*: hashes that occurred more than once. The caller reads the keys
//! back and decides on them. The seed of the hash is secret, so that an API cannot choose keys whose
//! hashes collide.

use crate::error::Error;
use crate::order::compare;
use crate::scratch::Parts;
use crate::table::Table;
use cap_std::fs::Dir;
use dpone_model::plugin::{BUDGET_STRIDE, Budget};
use dpone_model::{Report, Room};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How much is kept where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Hashes in the table before they go to a file.
    pub(crate) table: usize,
    /// Suspects that are told apart.
    pub(crate) suspects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { table: 786_432, suspects: 1_000_000 }
    }
}

/// The keys of one page, one behind the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where each one ends.
    pub(crate) ends: &'a [u32],
}

impl<'a> Keys<'a> {
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = *end as usize;
            let key = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            key
        })
    }
}

/// The keys of every page before the current one, in order.
pub(crate) trait Earlier {
    fn each(&self, visit: &mut dyn FnMut(Keys<'_>) -> Result<(), Report>) -> Result<(), Report>;
}

/// The values found more than once, by hash.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    pub(crate) hashes: HashSet<u64>,
    /// Rows whose hash an earlier row had.
    pub(crate) rows: u64,
    /// There were more hashes than [`Limits::suspects`].
    pub(crate) truncated: bool,
}

impl Suspects {
    fn add(&mut self, hash: u64, rows: u64, limit: usize) {
        self.rows += rows;
        if self.hashes.len() < limit {
            self.hashes.insert(hash);
        } else if !self.hashes.contains(&hash) {
            self.truncated = true;
        }
    }
}

enum Mode {
    /// The greatest key so far; none before the first.
    Ascending(Option<Vec<u8>>),
    Table(Table),
    Spilled(Parts),
}

pub(crate) struct Seen {
    mode: Mode,
    scratch: Dir,
    room: Arc<Room>,
    seed: u64,
    limits: Limits,
    suspects: Suspects,
}

impl Seen {
    pub(crate) fn new(scratch: Dir, room: Arc<Room>, seed: u64, limits: Limits) -> Self {
        Self { mode: Mode::Ascending(None), scratch, room, seed, limits, suspects: Suspects::default() }
    }

    /// Other limits from now on; what is kept already stays until the next key.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Nothing repeated as long as this holds, and nothing needs to be read back.
    #[cfg(test)]
    pub(crate) fn is_ascending(&self) -> bool {
        matches!(self.mode, Mode::Ascending(_))
    }

    #[cfg(test)]
    pub(crate) fn is_spilled(&self) -> bool {
        matches!(self.mode, Mode::Spilled(_))
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Notes the keys of a page. `earlier` is read at most once in the life of this, when the first
    /// key comes that is not greater than all before it.
    pub(crate) fn observe(&mut self, keys: Keys<'_>, earlier: &dyn Earlier, budget: &dyn Budget) -> Result<(), Report> {
        if let Mode::Ascending(last) = &mut self.mode {
            if ascends(last, keys) {
                return Ok(());
            }
            self.mode = Mode::Table(Table::new());
            earlier.each(&mut |keys| self.add_all(keys, budget))?;
        }
        self.add_all(keys, budget)
    }

    pub(crate) fn finish(self, budget: &dyn Budget) -> Result<Suspects, Report> {
        let Self { mode, mut suspects, limits, .. } = self;
        if let Mode::Spilled(parts) = mode {
            parts.each_sorted(|hashes| {
                for run in hashes.chunk_by(|a, b| a == b) {
                    if let [hash, _, ..] = run {
                        suspects.add(*hash, run.len() as u64 - 1, limits.suspects);
                    }
                }
                budget.go_on()
            })?;
        }
        Ok(suspects)
    }

    fn add_all(&mut self, keys: Keys<'_>, budget: &dyn Budget) -> Result<(), Report> {
        let seed = self.seed;
        for (number, key) in keys.iter().enumerate() {
            if number % BUDGET_STRIDE == 0 {
                budget.go_on()?;
            }
            self.add(hash(key, seed))?;
        }
        Ok(())
    }

    fn add(&mut self, hash: u64) -> Result<(), Error> {
        let table = match &mut self.mode {
            Mode::Spilled(parts) => return parts.push(hash),
            Mode::Table(table) => table,
            Mode::Ascending(_) => return Ok(()),
        };
        if !table.insert(hash) {
            self.suspects.add(hash, 1, self.limits.suspects);
        }
        if table.len() < self.limits.table {
            return Ok(());
        }
        self.spill()
    }

    /// Moves the table into a file; what it had found stays found.
    fn spill(&mut self) -> Result<(), Error> {
        let mut parts = Parts::new(&self.scratch, self.room.clone())?;
        if let Mode::Table(table) = std::mem::replace(&mut self.mode, Mode::Ascending(None)) {
            table.into_hashes().try_for_each(|hash| parts.push(hash))?;
        }
        self.mode = Mode::Spilled(parts);
        Ok(())
    }
}

/// The hash that [`Seen`] uses; never zero, which marks a free slot of the table.
pub(crate) fn hash(key: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(key, seed).max(1)
}

/// A seed that nobody outside of this process can know; where the system has no randomness, the run's own.
pub(crate) fn secret_seed(run_seed: u64) -> u64 {
    run_seed ^ getrandom::u64().unwrap_or_default()
}

/// True where every key is greater than the one before; then `last` is the page's last key. It is
/// copied once a page, not once a key.
fn ascends(last: &mut Option<Vec<u8>>, keys: Keys<'_>) -> bool {
    let mut greatest = last.as_deref();
    for key in keys.iter() {
        if greatest.is_some_and(|greatest| compare(greatest, key) != Ordering::Less) {
            return false;
        }
        greatest = Some(key);
    }
    if let Some(greatest) = greatest.map(<[u8]>::to_vec) {
        *last = Some(greatest);
    }
    true
}
