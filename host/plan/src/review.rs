//! Promotion: the plan that was reviewed against what is true now.

use crate::document::{NewTopic, PLAN_FORMAT, Plan, PluginPlan, TopicFacts};
use crate::error::Error;
use dpone_model::target::TopicDescription;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

impl Plan {
    /// Reads a plan file. DP0902 where it is none, or of another format.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        let plan: Self = serde_json::from_slice(text).map_err(|error| Error::InvalidPlan(error.to_string()))?;
        if plan.format != PLAN_FORMAT {
            return Err(Error::InvalidPlan(format!("it has format {}, this release reads {PLAN_FORMAT}", plan.format)));
        }
        Ok(plan)
    }

    /// The plan file's text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Hex SHA-256 of what [`Plan::difference`] compares: equal digests mean no difference.
    pub fn review_digest(&self) -> String {
        let plugins: Vec<_> = self.plugins.iter().map(|p| (&p.key, &p.uses, &p.identity.sha256)).collect();
        let target = (&self.target.topic, self.target.facts.topic().map(facts_of));
        let facts = (&self.manifest_sha256, &self.profile, plugins, target);
        hex::encode(Sha256::digest(serde_json::to_vec(&facts).unwrap_or_default()))
    }

    /// The points in which `now` differs from this reviewed plan, a line each: the manifest, the profile,
    /// a plugin's bytes, the target. A target that was unknown when it was reviewed is no
    /// difference, nor is a topic that was to be created and now is as it would have been; boundary and state
    /// move with every run and are none either.
    pub fn difference(&self, now: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.pipeline != now.pipeline {
            lines.push(format!("pipeline: {} → {}", self.pipeline, now.pipeline));
        }
        if self.manifest_sha256 != now.manifest_sha256 {
            let (before, after) = (short(&self.manifest_sha256), short(&now.manifest_sha256));
            lines.push(format!("manifest {}: {before} → {after}", now.manifest_file));
        }
        if self.profile != now.profile {
            let name = |profile: &Option<String>| profile.clone().unwrap_or_else(|| "none".to_owned());
            lines.push(format!("profile: {} → {}", name(&self.profile), name(&now.profile)));
        }
        plugin_changes(&self.plugins, &now.plugins, &mut lines);
        self.target_changes(now, &mut lines);
        lines
    }

    fn target_changes(&self, now: &Self, lines: &mut Vec<String>) {
        if self.target.topic != now.target.topic {
            lines.push(format!("topic: {} → {}", self.target.topic, now.target.topic));
            return;
        }
        let topic = &now.target.topic;
        match (&self.target.facts, &now.target.facts) {
            (TopicFacts::Known { topic: before }, TopicFacts::Known { topic: after }) => {
                let (before, after) = (facts_of(before), facts_of(after));
                for ((name, old), (_, new)) in before.iter().zip(&after).filter(|(old, new)| old != new) {
                    lines.push(format!("topic {topic}, {name}: {old} → {new}"));
                }
            }
            (TopicFacts::Known { .. }, TopicFacts::Missing { .. }) => lines.push(format!("topic {topic}: is gone")),
            (TopicFacts::Missing { .. }, TopicFacts::Known { topic: found }) => match &self.target.creates {
                // It is what the plan said that a run makes: an earlier run of the plan has made it.
                Some(wanted) => lines.extend(
                    wanted.differences(found).map(|(name, old, new)| format!("topic {topic}, {name}: {old} → {new}")),
                ),
                None => lines.push(format!("topic {topic}: did not exist when the plan was reviewed")),
            },
            (TopicFacts::Known { .. } | TopicFacts::Missing { .. }, TopicFacts::Unknown { cause }) => {
                lines.push(format!("topic {topic}: is unknown now ({cause})"));
            }
            (TopicFacts::Unknown { .. }, _) | (TopicFacts::Missing { .. }, TopicFacts::Missing { .. }) => {}
        }
    }
}

impl NewTopic {
    /// The settings of a topic that differ from those it would have been made with: name, planned, found.
    fn differences(&self, found: &TopicDescription) -> impl Iterator<Item = (String, String, String)> {
        let mut lines = Vec::new();
        if self.partitions != found.partitions {
            lines.push(("partitions".to_owned(), self.partitions.to_string(), found.partitions.to_string()));
        }
        if let Some(planned) = self.replication_factor.filter(|planned| u32::from(*planned) != found.replication_factor)
        {
            let name = "replication factor".to_owned();
            lines.push((name, planned.to_string(), found.replication_factor.to_string()));
        }
        let of = |configs: &BTreeMap<String, String>, name: &str| configs.get(name).cloned();
        for (name, planned) in &self.configs {
            // A broker that describes no settings cannot contradict.
            if let Some(now) = of(&found.configs, name).filter(|now| now != planned) {
                lines.push((name.clone(), planned.clone(), now));
            }
        }
        for name in found.own.iter().flatten().filter(|name| !self.configs.contains_key(*name)) {
            lines.push((name.clone(), "the broker's".to_owned(), of(&found.configs, name).unwrap_or_default()));
        }
        lines.into_iter()
    }
}

fn plugin_changes(before: &[PluginPlan], now: &[PluginPlan], lines: &mut Vec<String>) {
    for plugin in now {
        let (key, name) = (&plugin.key, &plugin.identity.name);
        match before.iter().find(|before| before.key == *key) {
            None => lines.push(format!("plugin {name} ({key}): was not in the plan")),
            Some(old) if old.identity.sha256 != plugin.identity.sha256 => {
                let (before, after) = (short(&old.identity.sha256), short(&plugin.identity.sha256));
                lines.push(format!("plugin {name} ({key}): {before} → {after}"));
            }
            Some(_) => {}
        }
    }
    for plugin in before.iter().filter(|before| !now.iter().any(|now| now.key == before.key)) {
        lines.push(format!("plugin {} ({}): is no longer used", plugin.identity.name, plugin.key));
    }
}

/// The facts that a reviewer relied on.
fn facts_of(topic: &TopicDescription) -> Vec<(&'static str, String)> {
    let config = |name: &str| topic.configs.get(name).cloned().unwrap_or_else(|| "unknown".to_owned());
    vec![
        ("id", topic.topic_id.clone().unwrap_or_else(|| "unknown".to_owned())),
        ("partitions", topic.partitions.to_string()),
        ("replication factor", topic.replication_factor.to_string()),
        ("cleanup.policy", config("cleanup.policy")),
        ("max.message.bytes", config("max.message.bytes")),
        ("retention.ms", config("retention.ms")),
    ]
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
