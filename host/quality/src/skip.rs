//! Records that `duplicate_policy` leaves out.

use std::collections::BTreeMap;

/// A set of (page, record): pages from 1, records from 0 among those that are published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skip {
    pages: BTreeMap<u64, Vec<u32>>,
    len: usize,
    /// Records whose cursor value lies beyond the horizon and that were left out for an older one.
    pub beyond: u64,
}

impl Skip {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn contains(&self, page: u64, record: u32) -> bool {
        self.pages.get(&page).is_some_and(|records| records.binary_search(&record).is_ok())
    }

    /// Records of one page that are left out, ascending.
    pub fn of_page(&self, page: u64) -> &[u32] {
        self.pages.get(&page).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn insert(&mut self, page: u64, record: u32) {
        let records = self.pages.entry(page).or_default();
        if let Err(at) = records.binary_search(&record) {
            records.insert(at, record);
            self.len += 1;
        }
    }
}
