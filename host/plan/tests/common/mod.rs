//! Manifests and topics that the tests share.

use dpone_manifest::{Manifest, Variables, load};
use dpone_model::target::TopicDescription;
use std::path::Path;

/// A keyed incremental manifest with the given pieces exchanged.
pub fn manifest(edits: &[(&str, &str)]) -> Manifest {
    let mut text = "name: orders
source:
  type: api
  connection_id: api
  options:
    url: https://api.example.com/orders
    incremental: { cursor_field: updated_at, start: 2026-01-01T00:00:00Z }
sink:
  type: kafka
  connection_id: kafka
  topic: orders
  strategy: { mode: incremental_merge, unique_key: id }
"
    .to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    load(text.as_bytes(), "orders.yaml", &Variables::none()).unwrap()
}

#[allow(dead_code, reason = "not every test file reads the guide's manifest")]
pub fn guide() -> Manifest {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/manifests/guide.yaml");
    load(&std::fs::read(path).unwrap(), "guide.yaml", &Variables::none()).unwrap()
}

#[allow(dead_code, reason = "not every test file needs a topic")]
pub fn topic(policy: &str) -> TopicDescription {
    let configs = [("cleanup.policy", policy), ("max.message.bytes", "1048588"), ("retention.ms", "604800000")];
    TopicDescription {
        name: "orders".into(),
        topic_id: Some("AAAAAAAAAAAAAAAAAAAAAQ".into()),
        partitions: 6,
        replication_factor: 3,
        own: None,
        configs: configs.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    }
}
