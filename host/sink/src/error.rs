//! Errors between a record and the broker.

use dpone_model::codes::{delivery, interrupted, quality};
use dpone_model::{Code, Failure, Place};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no broker of {brokers} answered within {timeout_ms} ms: {cause}")]
    Unreachable { brokers: String, timeout_ms: u128, cause: String, hint: Option<&'static str> },
    #[error("the broker at {brokers} refuses the connection's credentials: {cause}")]
    Auth { brokers: String, cause: String },
    #[error("{message}")]
    ClientOption { option: String, message: String, hint: Option<String> },
    #[error("topic {topic} does not exist")]
    NoTopic { topic: String },
    #[error("topic {topic} cannot be created: {cause}")]
    Create { topic: String, cause: String },
    #[error("{what}: {cause}")]
    Admin { what: String, topic: String, cause: String },
    #[error("a message of {bytes} bytes is larger than topic {topic} takes (max.message.bytes is {limit})")]
    TooLarge { topic: String, bytes: u64, limit: u64, place: Place },
    #[error("{failed} of {published} messages were not delivered, first in page {page}{at}: {cause}")]
    NotDelivered { failed: u64, published: u64, page: u64, at: String, cause: String },
    #[error("{outstanding} of {published} messages were not acknowledged within {timeout_ms} ms after the last one")]
    Unacknowledged { outstanding: u64, published: u64, timeout_ms: u128 },
    #[error("stopped before page {page} was handed over whole")]
    Stopped { page: u64 },
    #[error("topic {topic} cannot be read: {cause}")]
    Read { topic: String, cause: String },
    #[error("the key field `{field}` is {what}")]
    MissingKey { field: String, what: &'static str, place: Place },
    #[error("the key field `{field}` is {kind}, which has no agreed key bytes")]
    KeyKind { field: String, kind: &'static str, place: Place },
    #[error("the key field `{field}` holds half of a surrogate pair, which has no UTF-8 bytes")]
    KeyText { field: String, place: Place },
    #[error("the key field `{field}` occurs twice in a record")]
    KeyTwice { field: String, place: Place },
}

impl Failure for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Unreachable { .. } => &delivery::UNREACHABLE,
            Self::Auth { .. } => &delivery::AUTH,
            Self::ClientOption { .. } => &delivery::CLIENT_OPTION,
            Self::NoTopic { .. } => &delivery::NO_TOPIC,
            Self::Create { .. } => &delivery::CREATE_FAILED,
            Self::Admin { .. } => &delivery::ADMIN,
            Self::TooLarge { .. } => &delivery::RECORD_TOO_LARGE,
            Self::NotDelivered { .. } | Self::Unacknowledged { .. } => &delivery::NOT_DELIVERED,
            Self::Stopped { .. } => &interrupted::INTERRUPTED,
            Self::Read { .. } => &delivery::READ,
            Self::MissingKey { .. } => &quality::MISSING_KEY_FIELD,
            Self::KeyKind { .. } => &quality::KEY_KIND,
            Self::KeyText { .. } => &quality::KEY_TEXT,
            Self::KeyTwice { .. } => &quality::DUPLICATE_FIELD,
        }
    }

    fn place(&self) -> Option<Place> {
        let named = |what: &str, name: &str| Some(Place::Named { what: what.to_owned(), name: name.to_owned() });
        match self {
            Self::Unreachable { brokers, .. } | Self::Auth { brokers, .. } => named("brokers", brokers),
            Self::ClientOption { option, .. } => named("librdkafka option", option),
            Self::NoTopic { topic } | Self::Create { topic, .. } | Self::Read { topic, .. } => named("topic", topic),
            Self::Admin { topic, .. } => named("topic", topic),
            Self::TooLarge { place, .. }
            | Self::MissingKey { place, .. }
            | Self::KeyKind { place, .. }
            | Self::KeyText { place, .. }
            | Self::KeyTwice { place, .. } => Some(place.clone()),
            Self::NotDelivered { .. } | Self::Unacknowledged { .. } | Self::Stopped { .. } => None,
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Unreachable { hint, .. } => return hint.map(str::to_owned),
            Self::ClientOption { hint, .. } => return hint.clone(),
            Self::Auth { .. } => "check the connection's SASL mechanism, user name and password, or its certificate",
            Self::NoTopic { .. } => "create it, or set `sink.options.topic_config.create: true`",
            Self::Admin { cause, .. } if cause.to_lowercase().contains("authorization") => {
                "the user needs Describe and DescribeConfigs on the topic"
            }
            Self::Admin { .. } => return None,
            Self::TooLarge { .. } => {
                "nothing was published; raise the topic's max.message.bytes, or drop a field with a transform"
            }
            Self::NotDelivered { .. } | Self::Unacknowledged { .. } | Self::Stopped { .. } => {
                "`dpone resume` sends again from the first page that was not fully acknowledged"
            }
            Self::MissingKey { .. } => "filter such records out, or choose another `strategy.unique_key`",
            Self::KeyKind { .. } => "cast the field to text or integer, or use `key.mode: hash_row`",
            Self::KeyText { .. } => {
                "have the source send the whole character, filter such records out, or use `key.mode: hash_row`"
            }
            Self::KeyTwice { .. } => "readers disagree about which of the two counts; have the source send it once",
            Self::Create { .. } | Self::Read { .. } => return None,
        };
        Some(text.to_owned())
    }
}
