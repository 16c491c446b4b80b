//! Why a run cannot be planned.

use dpone_model::codes::{delivery, manifest, plugin, review, state, usage};
use dpone_model::{Code, Failure, Place};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a window needs an incremental boundary, and the manifest has none")]
    WindowWithoutBoundary { place: Place },
    #[error("the window is empty: `{from}` is not before `{to}`")]
    EmptyWindow { from: String, to: String },
    #[error("`{first}` and `{second}` cannot be compared: one is a timestamp, the other a number")]
    MixedBounds { first: String, second: String },
    #[error(
        "the stored watermark `{watermark}` cannot be compared with `{bound}`: one is a timestamp, the other a number"
    )]
    OtherKind { watermark: String, bound: String },
    #[error("{} `{bound}` is none of `record_format: {format}`", if *.is_stored { "the stored watermark" } else { "the bound" })]
    OtherFormat { bound: String, format: &'static str, is_stored: bool },
    #[error("`lookback` is {}, and the stored watermark `{watermark}` is {}", if *.is_time { "a number" } else { "a duration" }, if *.is_time { "a time" } else { "a number without a unit" })]
    LookbackUnit { place: Place, watermark: String, is_time: bool },
    #[error("the stored watermark is of the field `{stored}`, the manifest's cursor field is `{wanted}`")]
    OtherField { stored: String, wanted: String },
    #[error("the topic `{topic}` is not the one that earlier runs filled: {what} was {before} and is {now}")]
    TargetChanged { topic: String, what: &'static str, before: String, now: String, remedy: &'static str },
    #[error("the topic `{topic}` is compacted and takes no messages without a key")]
    KeylessOnCompacted { topic: String },
    #[error("the plan file is not valid: {0}")]
    InvalidPlan(String),
    #[error("the lock file is not valid: {cause}")]
    InvalidLock { cause: String, place: Place },
}

impl Failure for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::WindowWithoutBoundary { .. } => &manifest::NO_BOUNDARY,
            Self::EmptyWindow { .. } | Self::MixedBounds { .. } | Self::OtherFormat { is_stored: false, .. } => {
                &usage::USAGE
            }
            Self::LookbackUnit { .. } => &manifest::CONFLICT,
            Self::OtherField { .. } | Self::OtherKind { .. } | Self::OtherFormat { .. } => &state::FINGERPRINT,
            Self::TargetChanged { .. } => &delivery::TOPIC_CHANGED,
            Self::KeylessOnCompacted { .. } => &delivery::KEYLESS,
            Self::InvalidPlan(_) => &review::INVALID,
            Self::InvalidLock { .. } => &plugin::LOCK_INVALID,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::WindowWithoutBoundary { place }
            | Self::LookbackUnit { place, .. }
            | Self::InvalidLock { place, .. } => Some(place.clone()),
            Self::TargetChanged { topic, .. } | Self::KeylessOnCompacted { topic } => {
                Some(Place::Named { what: "topic".into(), name: topic.clone() })
            }
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::WindowWithoutBoundary { .. } => {
                "give `source.options.incremental.cursor_field`, or leave the window out"
            }
            Self::EmptyWindow { .. } => "the window's end is exclusive and must be greater than its start",
            Self::MixedBounds { .. } => "give bounds of the kind that the cursor field has",
            Self::OtherKind { .. } => {
                "where the numbers are times, `incremental.record_format` (epoch, epoch_ms or epoch_us) makes them \
                 comparable; `dpone state reset` starts from nothing"
            }
            Self::OtherFormat { is_stored: false, .. } => "write it as RFC 3339, or as records write the cursor",
            Self::OtherFormat { is_stored: true, .. } => {
                "set `record_format` back, or start from nothing with `dpone state reset`"
            }
            Self::LookbackUnit { is_time: true, .. } => "write a duration, such as `3d`",
            Self::LookbackUnit { is_time: false, .. } => {
                "write a number, or give the cursor a unit with `record_format`: epoch, epoch_ms or epoch_us"
            }
            Self::OtherField { .. } => {
                "`dpone state adopt` keeps the cursor under the new manifest, `dpone state reset` starts from nothing"
            }
            Self::TargetChanged { remedy, .. } => remedy,
            Self::KeylessOnCompacted { .. } => {
                "set `sink.strategy.unique_key` or `sink.options.key.mode: hash_row`, or use a topic that is not compacted"
            }
            Self::InvalidPlan(_) => "make a new one with `dpone plan --out FILE`",
            Self::InvalidLock { .. } => {
                "write it anew with `dpone plugin lock MANIFEST`, and review what changes in it"
            }
        };
        Some(hint.to_owned())
    }
}
