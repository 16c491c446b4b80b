//! Questions to the target before anything is published; `sink` implements it.

use crate::Report;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A topic as the broker describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicDescription {
    pub name: String,
    /// KIP-516, where the broker tells it.
    pub topic_id: Option<String>,
    pub partitions: u32,
    pub replication_factor: u32,
    /// Effective configuration (DescribeConfigs): `cleanup.policy`, `max.message.bytes`, …
    pub configs: BTreeMap<String, String>,
    /// Names of the settings that are this topic's own and not the broker's; none where the broker does not
    /// tell them apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<BTreeSet<String>>,
}

impl TopicDescription {
    /// Largest record batch that the topic takes, in bytes.
    pub fn max_message_bytes(&self) -> Option<u64> {
        self.configs.get("max.message.bytes")?.parse().ok()
    }

    pub fn is_compacted(&self) -> bool {
        self.configs.get("cleanup.policy").is_some_and(|policy| policy.split(',').any(|p| p.trim() == "compact"))
    }
}

#[async_trait]
pub trait TargetReader: Send + Sync {
    /// `None` where the topic does not exist.
    async fn describe_topic(&self, topic: &str) -> Result<Option<TopicDescription>, Report>;
}
