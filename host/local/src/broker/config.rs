//! The topic settings that the broker knows: name, type and Apache Kafka's default.
//!
//! `max.message.bytes` and `cleanup.policy` (a compacted topic takes no record without a key) are
//! acted upon. The others are kept and described, so that a client sees what it asked for; nothing
//! is compacted or expired.

use std::collections::BTreeMap;

/// The settings that a topic was created with.
pub type Overrides = BTreeMap<String, String>;

/// Apache Kafka's default for `max.message.bytes`.
const MAX_MESSAGE_BYTES: usize = 1_048_588;

/// One setting.
pub struct Setting {
    pub name: &'static str,
    pub default: &'static str,
    pub kind: Kind,
}

/// The type of a setting's value.
#[derive(Clone, Copy)]
pub enum Kind {
    Boolean,
    Integer,
    Long,
    Double,
    /// One of these.
    Text(&'static [&'static str]),
    /// A comma-separated list of these.
    List(&'static [&'static str]),
}

const fn setting(name: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting { name, default, kind }
}

const CODECS: &[&str] = &["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"];
const FOREVER: &str = "9223372036854775807";

pub const SETTINGS: &[Setting] = &[
    setting("cleanup.policy", "delete", Kind::List(&["delete", "compact"])),
    setting("compression.type", "producer", Kind::Text(CODECS)),
    setting("delete.retention.ms", "86400000", Kind::Long),
    setting("file.delete.delay.ms", "60000", Kind::Long),
    setting("flush.messages", FOREVER, Kind::Long),
    setting("flush.ms", FOREVER, Kind::Long),
    setting("index.interval.bytes", "4096", Kind::Integer),
    setting("max.compaction.lag.ms", FOREVER, Kind::Long),
    setting("max.message.bytes", "1048588", Kind::Integer),
    setting("message.timestamp.after.max.ms", "3600000", Kind::Long),
    setting("message.timestamp.before.max.ms", FOREVER, Kind::Long),
    setting("message.timestamp.type", "CreateTime", Kind::Text(&["CreateTime"])),
    setting("min.cleanable.dirty.ratio", "0.5", Kind::Double),
    setting("min.compaction.lag.ms", "0", Kind::Long),
    setting("min.insync.replicas", "1", Kind::Integer),
    setting("preallocate", "false", Kind::Boolean),
    setting("retention.bytes", "-1", Kind::Long),
    setting("retention.ms", "604800000", Kind::Long),
    setting("segment.bytes", "1073741824", Kind::Integer),
    setting("segment.index.bytes", "10485760", Kind::Integer),
    setting("segment.jitter.ms", "0", Kind::Long),
    setting("segment.ms", "604800000", Kind::Long),
    setting("unclean.leader.election.enable", "false", Kind::Boolean),
];

impl Kind {
    /// The number by which DescribeConfigs names the type.
    pub fn wire(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::Text(_) => 2,
            Self::Integer => 3,
            Self::Long => 5,
            Self::Double => 6,
            Self::List(_) => 7,
        }
    }

    fn takes(self, value: &str) -> bool {
        match self {
            Self::Boolean => matches!(value, "true" | "false"),
            Self::Integer => value.parse::<i32>().is_ok(),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Double => value.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Text(allowed) => allowed.contains(&value),
            Self::List(allowed) => value.split(',').all(|part| allowed.contains(&part.trim())),
        }
    }
}

/// Why a setting is refused, as the client reads it.
pub fn refusal(name: &str, value: &str) -> Option<String> {
    let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
        return Some(format!("unknown topic config name: {name}"));
    };
    let negative_size = name == "max.message.bytes" && value.parse::<i32>().is_ok_and(|bytes| bytes < 0);
    if setting.kind.takes(value) && !negative_size {
        return None;
    }
    Some(format!("invalid value {value} for configuration {name}"))
}

/// The largest batch that the topic takes, in bytes.
pub fn max_message_bytes(overrides: &Overrides) -> usize {
    overrides.get("max.message.bytes").and_then(|value| value.parse().ok()).unwrap_or(MAX_MESSAGE_BYTES)
}

/// Whether each record needs a key.
pub fn is_compacted(overrides: &Overrides) -> bool {
    overrides.get("cleanup.policy").is_some_and(|policy| policy.split(',').any(|part| part.trim() == "compact"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_valid_and_names_are_sorted() {
        for setting in SETTINGS {
            assert_eq!(refusal(setting.name, setting.default), None);
        }
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
        assert_eq!(refusal("max.message.bytes", &MAX_MESSAGE_BYTES.to_string()), None);
        assert_eq!(max_message_bytes(&Overrides::new()), MAX_MESSAGE_BYTES);
    }

    #[test]
    fn unknown_names_and_impossible_values_are_refused() {
        for (name, value) in [
            ("max.mesage.bytes", "1"),
            ("max.message.bytes", "many"),
            ("max.message.bytes", "-1"),
            ("cleanup.policy", "compact,forget"),
            ("message.timestamp.type", "LogAppendTime"),
            ("preallocate", "yes"),
            ("min.cleanable.dirty.ratio", "NaN"),
        ] {
            assert!(refusal(name, value).is_some(), "{name}={value}");
        }
    }
}
