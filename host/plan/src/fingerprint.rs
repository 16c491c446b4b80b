//! The facts that make a stored cursor meaningful: source, cursor field, key and topic.

use dpone_manifest::{KeyMode, Manifest};
use sha2::{Digest, Sha256};

/// The fingerprint that state keeps beside a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Hex SHA-256 of the parts.
    pub digest: String,
    /// Its parts, one line each, so that a change can be named.
    pub parts: Vec<String>,
}

impl Fingerprint {
    /// Lines such as `topic: a → b` for what differs from stored parts; those that are in only one
    /// of the two stand alone.
    pub fn changes_from(&self, stored: &[String]) -> Vec<String> {
        let split = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        let before: Vec<(String, String)> = stored.iter().filter_map(|line| split(line)).collect();
        let now = self.parts.iter().filter_map(|line| split(line));
        now.filter_map(|(name, value)| match before.iter().find(|(before, _)| *before == name) {
            Some((_, old)) if *old == value => None,
            Some((_, old)) => Some(format!("{name}: {old} → {value}")),
            None => Some(format!("{name}: {value}")),
        })
        .collect()
    }
}

/// Takes the URL as an argument because only the caller knows the connection. Under a profile that
/// stands in for the source, pass the manifest's own URL: a port that changes from run to run would
/// make every stored cursor foreign.
pub fn fingerprint(manifest: &Manifest, resolved_url: &str) -> Fingerprint {
    let cursor = match (&manifest.source.incremental, &manifest.source.pagination.extractor) {
        (Some(incremental), _) => incremental.cursor_field.clone(),
        (None, Some(extractor)) => format!("of {}", extractor.uses),
        (None, None) => "none".to_owned(),
    };
    let key = match &manifest.sink.key.mode {
        KeyMode::Fields(fields) => fields.join(", "),
        KeyMode::HashRow => "hash_row".to_owned(),
        KeyMode::Null => "none".to_owned(),
    };
    let parts = vec![
        format!("source: {resolved_url}"),
        format!("cursor: {cursor}"),
        format!("key: {key}"),
        format!("topic: {}", manifest.sink.topic),
    ];
    Fingerprint { digest: hex::encode(Sha256::digest(parts.join("\n"))), parts }
}
