//! Sets that the host keeps for a check, in bounded memory whatever the number of rows.

use crate::Batch;

/// A value that occurs more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The values as a compact JSON array, one element a field.
    pub value: String,
    /// Page (from 1) and record (from 0) of the first two occurrences.
    pub first: (u64, u32),
    pub second: (u64, u32),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repeats {
    /// How many rows repeat an earlier one.
    pub rows: u64,
    /// Up to ten of them.
    pub examples: Vec<Repeat>,
}

/// Adds one value a record (all `fields` together) to this check's set of that name. A record
/// where any of the fields is missing or null is left out.
pub fn add(set: &str, batch: &Batch, fields: &[String]) {
    imp::add(set, batch, fields);
}

/// The values that were added more than once. Only in `finish`.
pub fn repeats(set: &str) -> Repeats {
    imp::repeats(set)
}

#[cfg(target_arch = "wasm32")]
mod imp {
    use super::{Batch, Repeat, Repeats};
    use crate::bindings::imports::dpone::plugin::distinct as host;

    pub(super) fn add(set: &str, batch: &Batch, fields: &[String]) {
        host::add(set, batch.host, fields);
    }

    pub(super) fn repeats(set: &str) -> Repeats {
        let found = host::repeats(set);
        let example = |r: host::Repeat| Repeat {
            value: r.value,
            first: (r.first_page, r.first_record),
            second: (r.second_page, r.second_record),
        };
        Repeats { rows: found.rows, examples: found.examples.into_iter().map(example).collect() }
    }
}

/// Stands in for the host in native tests: sets belong to the test's thread.
#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use super::{Batch, Repeat, Repeats};
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    /// Value → its occurrences.
    type Set = BTreeMap<String, Vec<(u64, u32)>>;

    thread_local! {
        static SETS: RefCell<BTreeMap<String, Set>> = const { RefCell::new(BTreeMap::new()) };
    }

    pub(super) fn add(set: &str, batch: &Batch, fields: &[String]) {
        let columns: Vec<_> = fields.iter().map(|f| batch.column(f)).collect();
        SETS.with_borrow_mut(|sets| {
            let set = sets.entry(set.to_owned()).or_default();
            for record in 0..batch.len() {
                let values: Vec<_> = columns.iter().map(|c| c.get(record)).collect();
                if values.iter().all(|v| v.is_present()) {
                    let value = values.iter().map(|v| v.json()).collect::<Vec<_>>().join(",");
                    set.entry(format!("[{value}]")).or_default().push((batch.host.page(), record as u32));
                }
            }
        });
    }

    pub(super) fn repeats(set: &str) -> Repeats {
        SETS.with_borrow(|sets| {
            let mut found = Repeats::default();
            for (value, at) in sets.get(set).into_iter().flatten() {
                if let [first, second, ..] = at.as_slice() {
                    found.rows += at.len() as u64 - 1;
                    found.examples.push(Repeat { value: value.clone(), first: *first, second: *second });
                }
            }
            found.examples.truncate(10);
            found
        })
    }
}
