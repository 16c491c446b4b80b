//! Names that become folders, keys and log fields, checked once where they enter.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A run's id: 26 characters, sortable by start, safe as a folder name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// `YYYYMMDDThhmmssZ-` and ten hexadecimal digits of `random`.
    pub fn new(start: jiff::Timestamp, random: u64) -> Self {
        let time = start.strftime("%Y%m%dT%H%M%SZ");
        Self(format!("{time}-{:010x}", random & 0xff_ffff_ffff))
    }

    pub fn parse(text: &str) -> Option<Self> {
        is_safe_name(text).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of one slice's journal: the run's id, a dot and the slice's number, from 1.
    pub fn part(&self, number: usize) -> Self {
        Self(format!("{}.{number}", self.0))
    }

    /// The run that a slice's journal belongs to; `None` for a run's own id.
    pub fn part_of(&self) -> Option<Self> {
        self.0.rsplit_once('.').map(|(run, _)| Self(run.to_owned()))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RunId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a run id"))
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

/// A pipeline's name, the manifest's `name`: letters, digits, `_`, `-` and `.`, at most 200,
/// so that it is a folder name and a state key as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PipelineName(String);

impl PipelineName {
    pub fn parse(text: &str) -> Option<Self> {
        is_safe_name(text).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PipelineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PipelineName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a pipeline name"))
    }
}

impl From<PipelineName> for String {
    fn from(name: PipelineName) -> Self {
        name.0
    }
}

/// What one row of state belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StateKey {
    pub pipeline: PipelineName,
    /// The stream inside the pipeline; the guide's manifest has one, `default`.
    pub stream: String,
    /// The slice inside the stream; a load that is not cut has one, `all`.
    pub slice: String,
}

impl StateKey {
    /// The key of a pipeline with one stream and one slice.
    pub fn whole(pipeline: PipelineName) -> Self {
        Self { pipeline, stream: "default".into(), slice: "all".into() }
    }
}

fn is_safe_name(text: &str) -> bool {
    let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=200).contains(&text.len()) && text.bytes().all(safe) && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_a_folder_are_refused() {
        for bad in ["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "ä", "a\0"] {
            assert!(PipelineName::parse(bad).is_none(), "{bad:?}");
        }
        assert!(PipelineName::parse("api_to_kafka.v2-x").is_some());
    }
}
