//! Finds the record that the topic would refuse, while nothing is published yet.

use crate::Error;
use dpone_journal::PageIndex;
use dpone_manifest::{Envelope, Sink};
use dpone_model::target::TopicDescription;
use dpone_model::{PagePlace, Report};

/// Framing of a batch of one message (61 bytes, KIP-98) and of the message in it.
const FRAMING_BYTES: u64 = 61 + 36;
/// Kafka's own default for `max.message.bytes`.
const DEFAULT_LIMIT: u64 = 1_048_588;

/// How large a message may be, and what is added to each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeCheck {
    topic: String,
    limit: u64,
    added: u64,
}

impl SizeCheck {
    /// Sizes count uncompressed, as Java's clients count them: whether a batch would shrink enough
    /// is known only after it was made.
    pub fn new(sink: &Sink, topic: &TopicDescription) -> Self {
        let raw: Option<u64> = sink.librdkafka.get("message.max.bytes").and_then(|text| text.parse().ok());
        let limit = topic.max_message_bytes().unwrap_or(DEFAULT_LIMIT);
        let headers: usize = sink.headers.iter().map(|(name, value)| name.len() + value.len() + 10).sum();
        let envelope = match sink.envelope {
            Envelope::Flat => 0,
            Envelope::Dpone => crate::publisher::envelope_bytes(sink),
        };
        Self {
            topic: topic.name.clone(),
            limit: raw.map_or(limit, |raw| raw.min(limit)),
            added: FRAMING_BYTES + headers as u64 + envelope as u64,
        }
    }

    /// Bytes that one message may have, framing included.
    pub fn limit(&self) -> u64 {
        self.limit
    }
}

/// Fails at the first record of the page that is too large.
pub fn check_sizes(check: &SizeCheck, page: &PagePlace, index: &PageIndex) -> Result<(), Report> {
    for (number, span) in index.values.iter().enumerate() {
        let key = index.key(number).map_or(0, <[u8]>::len);
        let bytes = span.len() as u64 + key as u64 + check.added;
        if bytes > check.limit {
            let place = page.record(number as u64);
            return Err(Error::TooLarge { topic: check.topic.clone(), bytes, limit: check.limit, place }.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sink;
    use dpone_model::{Span, codes};
    use std::collections::BTreeMap;

    #[test]
    fn the_first_record_over_the_limit_is_named() {
        let topic = TopicDescription {
            name: "dwh.orders".into(),
            topic_id: None,
            partitions: 1,
            replication_factor: 1,
            own: None,
            configs: BTreeMap::from([("max.message.bytes".to_owned(), "1000".to_owned())]),
        };
        let page = PagePlace::new(2, "https://api.example.com/orders");
        let mut sink = sink("dwh.orders");
        let room = 1000 - FRAMING_BYTES as usize;
        for (value, key, envelope, fits) in [
            (room, 0, Envelope::Flat, true),
            (room + 1, 0, Envelope::Flat, false),
            (room - 5, 5, Envelope::Flat, true),
            (room - 5, 6, Envelope::Flat, false),
            (room - 50, 0, Envelope::Dpone, false),
        ] {
            sink.envelope = envelope;
            let mut index =
                PageIndex { values: vec![Span::new(0, 2), Span::new(2, 2 + value)], ..PageIndex::default() };
            index.push_key(b"");
            index.push_key(&vec![b'k'; key]);
            let result = check_sizes(&SizeCheck::new(&sink, &topic), &page, &index);
            assert_eq!(result.is_ok(), fits, "{value} {key} {envelope:?}");
            if let Err(report) = result {
                assert_eq!(report.code(), &codes::delivery::RECORD_TOO_LARGE);
                assert_eq!(report.place(), Some(&page.record(1)));
            }
        }
    }
}
