//! How far a slice has been loaded.

use crate::CursorValue;
use crate::schema::Schema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What K writes and the next run's C reads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Of the incremental field, where there is one.
    pub watermark: Option<Watermark>,
    /// The response cursor that `cursor_incremental` goes on from: the last `next` request's
    /// cursor as the extractor's state bytes in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_cursor: Option<String>,
    /// What the fields looked like; drift is judged against it.
    #[serde(default)]
    pub schema: Schema,
    /// What the keys of earlier runs depend on.
    #[serde(default)]
    pub target: Option<TargetFacts>,
    /// Of the paths, headers and relations of links that the extractor asks for: those that any answer
    /// ever had, with null or not. A walk that ends for want of another one may have a misspelt path.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub seen_paths: BTreeSet<String>,
}

/// The greatest cursor value that was loaded, and the rows that carry it.
///
/// The lower bound of the next run is inclusive. A row whose digest is known is dropped as already
/// loaded; so equal timestamps are neither lost nor repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    pub field: String,
    pub value: CursorValue,
    /// First 16 bytes of the SHA-256 of each row's bytes at `value` (or inside `lookback`), in
    /// base64, sorted. At most [`Watermark::MAX_DIGESTS`].
    pub digests: Vec<String>,
    /// More rows than digests could be kept; a rerun may publish some of them again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub digests_incomplete: bool,
}

impl Watermark {
    pub const MAX_DIGESTS: usize = 65_536;
}

/// The topic as the last run found it: keys meet their earlier versions only where none of it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetFacts {
    pub topic: String,
    /// The broker's id of the topic (KIP-516), where it tells one.
    pub topic_id: Option<String>,
    pub partitions: u32,
    pub key_format: String,
    pub partitioner: String,
}

/// Row counts of a run or slice, true also when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub pages: u64,
    /// Decoded bytes of all pages.
    pub bytes: u64,
    /// Records that the source gave, inside the boundary or not.
    pub extracted: u64,
    /// Records that boundary, transforms or `duplicate_policy` left out.
    pub filtered: u64,
    /// Messages handed to the producer.
    pub published: u64,
    /// Messages that the broker acknowledged.
    pub acknowledged: u64,
    pub dead_lettered: u64,
    /// Records inside the boundary: what `source_target_count` compares with.
    pub source_rows: u64,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            pages: self.pages + other.pages,
            bytes: self.bytes + other.bytes,
            extracted: self.extracted + other.extracted,
            filtered: self.filtered + other.filtered,
            published: self.published + other.published,
            acknowledged: self.acknowledged + other.acknowledged,
            dead_lettered: self.dead_lettered + other.dead_lettered,
            source_rows: self.source_rows + other.source_rows,
        }
    }
}
