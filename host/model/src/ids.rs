//! Names that become folders, keys and log fields, checked once where they enter.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
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

/// The owner of one row of state: a load as a whole, or one of its slices.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StateKey {
    pub pipeline: PipelineName,
    /// The stream inside the pipeline; the guide's manifest has one, `default`.
    pub stream: String,
    /// The slice inside the stream, by its id; none for the load's own row.
    pub slice: Option<String>,
}

/// How stores write the load's own row into their column `slice`, since the first release.
const STORED_LOAD: &str = "all";
/// Stands before a slice's id that a reader would else take for something different. No slicer may
/// use it in an id, so that ids which were stored before it existed read as they did.
const STORED_ESCAPE: char = '/';

impl StateKey {
    /// The key of a load, in a pipeline with one stream.
    pub fn load(pipeline: PipelineName) -> Self {
        Self { pipeline, stream: "default".into(), slice: None }
    }

    /// The key of one slice of this load.
    pub fn of_slice(&self, id: &str) -> Self {
        Self { slice: Some(id.to_owned()), ..self.clone() }
    }

    /// The slice as one text, the load included: no two keys have the same, whatever a slice is called.
    pub fn stored_slice(&self) -> Cow<'_, str> {
        match self.slice.as_deref() {
            None => STORED_LOAD.into(),
            Some(id) if id == STORED_LOAD || id.starts_with(STORED_ESCAPE) => format!("{STORED_ESCAPE}{id}").into(),
            Some(id) => id.into(),
        }
    }

    /// Reads the text that [`stored_slice`](Self::stored_slice) wrote.
    pub fn slice_of_stored(stored: &str) -> Option<String> {
        let id = stored.strip_prefix(STORED_ESCAPE).unwrap_or(stored);
        (stored != STORED_LOAD).then(|| id.to_owned())
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

    #[test]
    fn the_keys_of_a_load_and_of_its_slices_do_not_meet() {
        let load = StateKey::load(PipelineName::parse("p").unwrap());
        let rows = [
            (None, "all"),
            (Some("all"), "/all"),
            (Some("/all"), "//all"),
            (Some("/"), "//"),
            (Some(""), ""),
            (Some("2026-01"), "2026-01"),
            (Some("ALL"), "ALL"),
        ];
        for (slice, stored) in rows {
            let key = StateKey { slice: slice.map(str::to_owned), ..load.clone() };
            assert_eq!(key.stored_slice(), stored, "{slice:?}");
            assert_eq!(StateKey::slice_of_stored(stored), key.slice, "{stored}");
        }
    }
}
