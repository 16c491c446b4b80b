//! Shared by the tests of this crate: a sink as the guide's manifest has it.

use dpone_connections::KafkaConnection;
use dpone_manifest::{
    ConnectionRef, ConnectionType, Delivery, DeliveryMode, DuplicatePolicy, Envelope, Key, KeyFormat, KeyMode, Mode,
    Sink, Strategy, TopicConfig,
};
use std::collections::BTreeMap;
use std::time::Duration;

pub fn connection(bootstrap_servers: &str) -> KafkaConnection {
    KafkaConnection {
        id: "kafka_cluster".into(),
        origin_note: "test".into(),
        substituted: false,
        bootstrap_servers: bootstrap_servers.into(),
        options: BTreeMap::new(),
    }
}

pub fn sink(topic: &str) -> Sink {
    Sink {
        connection: ConnectionRef::new("kafka_cluster", ConnectionType::Env),
        topic: topic.into(),
        strategy: Strategy {
            mode: Mode::IncrementalMerge,
            unique_key: vec!["order_id".into()],
            duplicate_policy: DuplicatePolicy::Fail,
        },
        envelope: Envelope::Flat,
        key: Key { mode: KeyMode::Fields(vec!["order_id".into()]), format: KeyFormat::V1 },
        partitioner: "murmur2_random".into(),
        headers: Vec::new(),
        topic_config: TopicConfig::default(),
        queue_max_bytes: 16 << 20,
        connect_timeout: Duration::from_secs(2),
        librdkafka: BTreeMap::new(),
        delivery: Delivery {
            mode: DeliveryMode::AtLeastOnce,
            compression_type: "zstd".into(),
            linger_ms: 20,
            batch_num_messages: None,
            request_timeout_ms: None,
            flush_timeout: Duration::from_secs(10),
        },
    }
}
