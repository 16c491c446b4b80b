//! The records of one page, as transforms and checks may ask about them.

use crate::Column;

/// The parts of a batch that a transform or a check reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Top-level fields whose columns it asks for.
    pub fields: Vec<String>,
    /// Whether it asks for the records' bytes.
    pub bytes: bool,
}

impl Needs {
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The columns of these fields.
    pub fn fields<I: IntoIterator<Item = S>, S: Into<String>>(names: I) -> Self {
        Self { fields: names.into_iter().map(Into::into).collect(), bytes: false }
    }

    /// The records' bytes.
    pub fn bytes() -> Self {
        Self { fields: Vec::new(), bytes: true }
    }
}

/// A handle: nothing crosses into the plugin before it is asked for.
pub struct Batch<'a> {
    pub(crate) host: Host<'a>,
}

#[cfg(target_arch = "wasm32")]
pub(crate) type Host<'a> = &'a crate::bindings::imports::dpone::plugin::batches::Batch;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::Host;
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub use native::NativeBatch;

impl Batch<'_> {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.host.len() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The column of a field that `needs` declared; another one is a fault.
    pub fn column(&self, field: &str) -> Column {
        let column = self.host.column(field);
        #[cfg(target_arch = "wasm32")]
        let column = Column::from_parts(column.kinds, column.offsets, column.text);
        column
    }

    /// The records as NDJSON, one a line; only where `needs` declared bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.host.bytes()
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::Batch;
    use crate::Column;
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    /// The records of a host in the same process: benchmarks run a plugin's code against it, to see
    /// what the sandbox adds.
    #[allow(clippy::len_without_is_empty, reason = "the contract's `batch` has `len` alone")]
    pub trait NativeBatch {
        /// Number of the page, from 1.
        fn page(&self) -> u64;
        fn len(&self) -> u32;
        fn column(&self, field: &str) -> Column;
        fn bytes(&self) -> Vec<u8>;
    }

    /// The host's double in native tests.
    pub(crate) enum Host<'a> {
        Test(TestBatch),
        Native(&'a dyn NativeBatch),
    }

    /// Stands in for the host in native tests.
    pub(crate) struct TestBatch {
        ndjson: String,
        records: Vec<BTreeMap<String, Box<RawValue>>>,
        page: u64,
    }

    impl<'a> std::ops::Deref for Host<'a> {
        type Target = dyn NativeBatch + 'a;

        fn deref(&self) -> &Self::Target {
            match self {
                Self::Test(batch) => batch,
                Self::Native(batch) => *batch,
            }
        }
    }

    impl NativeBatch for TestBatch {
        fn page(&self) -> u64 {
            self.page
        }

        fn len(&self) -> u32 {
            self.records.len() as u32
        }

        fn column(&self, field: &str) -> Column {
            let mut column = Column::default();
            self.records.iter().for_each(|r| column.push_json(r.get(field).map_or("", |v| v.get())));
            column
        }

        fn bytes(&self) -> Vec<u8> {
            self.ndjson.clone().into_bytes()
        }
    }

    impl<'a> Batch<'a> {
        /// The batch of a host in the same process.
        #[doc(hidden)]
        pub fn native(batch: &'a dyn NativeBatch) -> Self {
            Self { host: Host::Native(batch) }
        }
    }

    impl Batch<'static> {
        /// A batch of these records, one JSON object a line. A line that is none is left out.
        pub fn for_test(ndjson: &str) -> Self {
            let records = ndjson.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            Self { host: Host::Test(TestBatch { ndjson: ndjson.to_owned(), records, page: 1 }) }
        }

        /// The same as another page of the walk (they count from 1).
        #[must_use]
        pub fn at_page(mut self, page: u64) -> Self {
            if let Host::Test(batch) = &mut self.host {
                batch.page = page;
            }
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_batches_answer_like_the_host() {
        let batch = Batch::for_test("{\"a\":1.10,\"b\":\"x\"}\n{\"a\":null}\n");
        assert_eq!((batch.len(), batch.is_empty()), (2, false));
        assert_eq!(batch.column("a").iter().map(|v| v.json().to_owned()).collect::<Vec<_>>(), ["1.10", "null"]);
        assert_eq!(batch.column("b").iter().map(|v| v.json().to_owned()).collect::<Vec<_>>(), ["\"x\"", ""]);
        assert_eq!(batch.bytes(), b"{\"a\":1.10,\"b\":\"x\"}\n{\"a\":null}\n");
    }
}
