//! Strategy × delivery × topic policy: what a run promises, as a table.

use crate::Error;
use dpone_manifest::{DeliveryMode, KeyMode, Manifest, Mode, Staging};
use dpone_model::checkpoint::TargetFacts;
use dpone_model::target::TopicDescription;

/// A topic's treatment of old records (`cleanup.policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TopicPolicy {
    /// `compact`, alone.
    Compact,
    /// `compact,delete`.
    CompactDelete,
    /// `delete`, Kafka's default.
    Delete,
    /// The broker was not asked, or did not tell.
    Unknown,
}

impl TopicPolicy {
    pub fn of(topic: Option<&TopicDescription>) -> Self {
        let Some(policy) = topic.and_then(|topic| topic.configs.get("cleanup.policy")) else { return Self::Unknown };
        let has = |name| policy.split(',').any(|part| part.trim() == name);
        match (has("compact"), has("delete")) {
            (true, true) => Self::CompactDelete,
            (true, false) => Self::Compact,
            (false, _) => Self::Delete,
        }
    }
}

/// A run's promises on this topic, and the means by which it keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrategyFacts {
    pub guarantee: String,
    pub mechanism: String,
    pub warnings: Vec<String>,
}

/// One cell of the table.
struct Cell {
    mode: Mode,
    delivery: DeliveryMode,
    policy: TopicPolicy,
    guarantee: &'static str,
    warnings: &'static [&'static str],
}

const SNAPSHOT: &str = "at least once: each run publishes the whole snapshot behind the earlier ones";
const APPEND: &str = "at least once: no row is lost, and a resumed run may publish some rows again";
const UPSERT: &str = "at least once, and each row once to a consumer that keeps the newest row of each key";

const GROWS: &str = "every run adds a whole snapshot; keys that are gone from the source stay in the topic";
const GONE_STAY: &str = "keys that are gone from the source stay in the topic";
const LAST_OF_KEY: &str = "the topic is compacted: of rows with equal keys only the last one stays";
const NOT_COMPACTED: &str =
    "the topic is not compacted: rows that do not change for longer than its retention disappear from it";
const RETAINED: &str =
    "the topic compacts and deletes: rows that do not change for longer than its retention disappear from it";
const WHOLE_PULL: &str = "without `source.options.incremental` each run fetches every page and publishes every row again; \
                          keys that are gone from the source stay in the topic";
const SAME_PROMISE: &str = "`idempotent` is today the same promise as `at_least_once`; both use an idempotent producer";

const fn cell(
    mode: Mode,
    delivery: DeliveryMode,
    policy: TopicPolicy,
    guarantee: &'static str,
    warnings: &'static [&'static str],
) -> Cell {
    Cell { mode, delivery, policy, guarantee, warnings }
}

use DeliveryMode::{AtLeastOnce, Idempotent};
use Mode::{CursorIncremental, FullRefresh, IncrementalAppend, IncrementalMerge};
use TopicPolicy::{Compact, CompactDelete, Delete, Unknown};

/// Every combination that `check` lets pass, by name.
static TABLE: &[Cell] = &[
    cell(FullRefresh, AtLeastOnce, Compact, SNAPSHOT, &[GONE_STAY]),
    cell(FullRefresh, AtLeastOnce, CompactDelete, SNAPSHOT, &[GONE_STAY, RETAINED]),
    cell(FullRefresh, AtLeastOnce, Delete, SNAPSHOT, &[GROWS]),
    cell(FullRefresh, AtLeastOnce, Unknown, SNAPSHOT, &[GONE_STAY]),
    cell(FullRefresh, Idempotent, Compact, SNAPSHOT, &[GONE_STAY, SAME_PROMISE]),
    cell(FullRefresh, Idempotent, CompactDelete, SNAPSHOT, &[GONE_STAY, RETAINED, SAME_PROMISE]),
    cell(FullRefresh, Idempotent, Delete, SNAPSHOT, &[GROWS, SAME_PROMISE]),
    cell(FullRefresh, Idempotent, Unknown, SNAPSHOT, &[GONE_STAY, SAME_PROMISE]),
    cell(IncrementalAppend, AtLeastOnce, Compact, APPEND, &[LAST_OF_KEY]),
    cell(IncrementalAppend, AtLeastOnce, CompactDelete, APPEND, &[LAST_OF_KEY]),
    cell(IncrementalAppend, AtLeastOnce, Delete, APPEND, &[]),
    cell(IncrementalAppend, AtLeastOnce, Unknown, APPEND, &[]),
    cell(IncrementalAppend, Idempotent, Compact, APPEND, &[LAST_OF_KEY, SAME_PROMISE]),
    cell(IncrementalAppend, Idempotent, CompactDelete, APPEND, &[LAST_OF_KEY, SAME_PROMISE]),
    cell(IncrementalAppend, Idempotent, Delete, APPEND, &[SAME_PROMISE]),
    cell(IncrementalAppend, Idempotent, Unknown, APPEND, &[SAME_PROMISE]),
    cell(IncrementalMerge, AtLeastOnce, Compact, UPSERT, &[]),
    cell(IncrementalMerge, AtLeastOnce, CompactDelete, UPSERT, &[RETAINED]),
    cell(IncrementalMerge, AtLeastOnce, Delete, UPSERT, &[NOT_COMPACTED]),
    cell(IncrementalMerge, AtLeastOnce, Unknown, UPSERT, &[]),
    cell(IncrementalMerge, Idempotent, Compact, UPSERT, &[SAME_PROMISE]),
    cell(IncrementalMerge, Idempotent, CompactDelete, UPSERT, &[RETAINED, SAME_PROMISE]),
    cell(IncrementalMerge, Idempotent, Delete, UPSERT, &[NOT_COMPACTED, SAME_PROMISE]),
    cell(IncrementalMerge, Idempotent, Unknown, UPSERT, &[SAME_PROMISE]),
    cell(CursorIncremental, AtLeastOnce, Compact, APPEND, &[LAST_OF_KEY]),
    cell(CursorIncremental, AtLeastOnce, CompactDelete, APPEND, &[LAST_OF_KEY]),
    cell(CursorIncremental, AtLeastOnce, Delete, APPEND, &[]),
    cell(CursorIncremental, AtLeastOnce, Unknown, APPEND, &[]),
    cell(CursorIncremental, Idempotent, Compact, APPEND, &[LAST_OF_KEY, SAME_PROMISE]),
    cell(CursorIncremental, Idempotent, CompactDelete, APPEND, &[LAST_OF_KEY, SAME_PROMISE]),
    cell(CursorIncremental, Idempotent, Delete, APPEND, &[SAME_PROMISE]),
    cell(CursorIncremental, Idempotent, Unknown, APPEND, &[SAME_PROMISE]),
];

const STAGED: &str = "the slice is staged in the page journal and judged whole before its first message; an idempotent \
                      producer with acks=all; a resumed run sends the same bytes and keys again; state advances only \
                      after every message was acknowledged";
const STREAMED: &str = "pages are published as they come; an idempotent producer with acks=all; a run that fails leaves \
                        a part in the topic; state advances only after every message was acknowledged";

/// Says what the manifest's strategy promises on this topic, and refuses what would break keys.
///
/// `topic` is none where it is unknown or does not exist yet; `earlier` is what the last run's state
/// says of it. A keyed run refuses (DP0507) when key format, partitioner, topic id or partition
/// count differ, because equal keys would no longer meet in one partition or under the same bytes.
pub fn judge_strategy(
    manifest: &Manifest,
    topic: Option<&TopicDescription>,
    earlier: Option<&TargetFacts>,
) -> Result<StrategyFacts, Error> {
    let policy = TopicPolicy::of(topic);
    let is_keyed = manifest.sink.key.mode != KeyMode::Null;
    if is_keyed && let Some(earlier) = earlier {
        same_target(manifest, topic, earlier)?;
    }
    if !is_keyed && matches!(policy, Compact | CompactDelete) {
        return Err(Error::KeylessOnCompacted { topic: manifest.sink.topic.clone() });
    }
    let (mode, delivery) = (manifest.sink.strategy.mode, manifest.sink.delivery.mode);
    let cell = TABLE.iter().find(|cell| (cell.mode, cell.delivery, cell.policy) == (mode, delivery, policy));
    let mut warnings: Vec<String> =
        cell.map_or(&[][..], |cell| cell.warnings).iter().map(|w| (*w).to_owned()).collect();
    if mode == IncrementalMerge && manifest.source.incremental.is_none() {
        warnings.push(WHOLE_PULL.to_owned());
    }
    if manifest.source.staging == Staging::None {
        warnings
            .push("`staging: none`: nothing can prevent the publication of pages that came before a failure".into());
    }
    Ok(StrategyFacts {
        guarantee: cell.map_or(APPEND, |cell| cell.guarantee).to_owned(),
        mechanism: if manifest.source.staging == Staging::Slice { STAGED } else { STREAMED }.to_owned(),
        warnings,
    })
}

/// Facts about the target that state keeps for the next run's [`judge_strategy`].
pub fn target_facts(manifest: &Manifest, topic: &TopicDescription) -> TargetFacts {
    TargetFacts {
        topic: topic.name.clone(),
        topic_id: topic.topic_id.clone(),
        partitions: topic.partitions,
        key_format: manifest.sink.key.format.name().to_owned(),
        partitioner: manifest.sink.partitioner.clone(),
    }
}

const SET_BACK: &str = "set it back, or load everything into a new topic";
const ADOPT: &str = "`dpone state adopt` accepts the topic as it is now; `dpone state reset` loads everything again";

fn same_target(manifest: &Manifest, topic: Option<&TopicDescription>, earlier: &TargetFacts) -> Result<(), Error> {
    let sink = &manifest.sink;
    if earlier.topic != sink.topic {
        // Another topic is the fingerprint's business.
        return Ok(());
    }
    let changed = |what, before: &str, now: &str, remedy| {
        let (topic, before, now) = (sink.topic.clone(), before.to_owned(), now.to_owned());
        Err(Error::TargetChanged { topic, what, before, now, remedy })
    };
    if earlier.key_format != sink.key.format.name() {
        return changed("the key format", &earlier.key_format, sink.key.format.name(), SET_BACK);
    }
    if earlier.partitioner != sink.partitioner {
        return changed("the partitioner", &earlier.partitioner, &sink.partitioner, SET_BACK);
    }
    let Some(topic) = topic else { return Ok(()) };
    if let (Some(before), Some(now)) = (&earlier.topic_id, &topic.topic_id)
        && before != now
    {
        return changed("its id (it was recreated)", before, now, ADOPT);
    }
    if earlier.partitions != topic.partitions {
        let (before, now) = (earlier.partitions.to_string(), topic.partitions.to_string());
        return changed("its number of partitions", &before, &now, ADOPT);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_combination_has_one_cell() {
        let cells: HashSet<_> =
            TABLE.iter().map(|cell| (cell.mode, cell.delivery == Idempotent, cell.policy)).collect();
        assert_eq!(cells.len(), TABLE.len(), "a cell is there twice");
        assert_eq!(cells.len(), 4 * 2 * 4);
    }
}
