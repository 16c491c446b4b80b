//! The problems of a manifest, and the collection that keeps all of it until the end.

use crate::yaml::Position;
use dpone_model::codes::manifest as code;
use dpone_model::{Code, Exit, Failure, Place, Report};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// One kind of mistake with its particulars; [`Problem`] adds the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    TooLarge(String),
    #[error("{message}")]
    Syntax { message: String, hint: &'static str },
    #[error("`{key}` is here twice; the first one is in line {first_line}")]
    DuplicateKey { key: String, first_line: u64 },
    #[error("`{key}` is not a key of {block}")]
    UnknownKey { key: String, block: String, hint: String },
    #[error("{0} is missing")]
    MissingKey(String, String),
    #[error("{key} takes {expected}, not {found}")]
    WrongType { key: String, expected: String, found: String },
    #[error("{message}")]
    InvalidValue { message: String, hint: String },
    #[error("there is no strategy `{found}`; valid are {}", crate::sink::MODES.join(", "))]
    UnknownStrategy { found: String, nearest: Option<String> },
    #[error("partition_replace is not supported: Kafka topics are append-only logs")]
    PartitionReplace,
    #[error("{what} is not yet supported")]
    NotYet { what: String, hint: String },
    #[error("{message}")]
    Conflict { message: String, hint: String },
    #[error("{message}")]
    Overlap { message: String, hint: String },
    #[error("{reference} is not set")]
    MissingVariable { reference: String, hint: String },
    #[error("{0}")]
    MissingUniqueKey(String),
    #[error("`{mode}` needs an incremental boundary")]
    NoBoundary { mode: &'static str, hint: &'static str },
}

impl Error {
    /// Where the YAML reader itself stopped.
    pub(crate) fn yaml(message: impl Into<String>) -> Self {
        let hint = "check indentation (spaces, no tabs), the space after each colon, and quotes";
        Self::Syntax { message: message.into(), hint }
    }

    fn code(&self) -> &'static Code {
        match self {
            Self::TooLarge(_) => &code::TOO_LARGE,
            Self::Syntax { .. } => &code::SYNTAX,
            Self::DuplicateKey { .. } => &code::DUPLICATE_KEY,
            Self::UnknownKey { .. } => &code::UNKNOWN_KEY,
            Self::MissingKey(..) => &code::MISSING_KEY,
            Self::WrongType { .. } => &code::WRONG_TYPE,
            Self::InvalidValue { .. } => &code::INVALID_VALUE,
            Self::UnknownStrategy { .. } => &code::UNKNOWN_STRATEGY,
            Self::PartitionReplace => &code::PARTITION_REPLACE,
            Self::NotYet { .. } => &code::NOT_YET,
            Self::Conflict { .. } => &code::CONFLICT,
            Self::Overlap { .. } => &dpone_model::codes::policy::OVERLAP,
            Self::MissingVariable { .. } => &code::MISSING_VARIABLE,
            Self::MissingUniqueKey(_) => &code::MISSING_UNIQUE_KEY,
            Self::NoBoundary { .. } => &code::NO_BOUNDARY,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::TooLarge(_) => "a manifest may have at most 1 MiB and nest 64 levels".into(),
            Self::Syntax { hint, .. } => (*hint).into(),
            Self::DuplicateKey { .. } => "remove one of the two".into(),
            Self::UnknownKey { hint, .. }
            | Self::MissingKey(_, hint)
            | Self::InvalidValue { hint, .. }
            | Self::NotYet { hint, .. }
            | Self::Conflict { hint, .. }
            | Self::Overlap { hint, .. }
            | Self::MissingVariable { hint, .. } => hint.clone(),
            Self::WrongType { expected, found, .. } if expected.contains("text") && found.contains("number") => {
                "put the value in quotes".into()
            }
            Self::WrongType { expected, .. } => format!("give it {expected}"),
            Self::UnknownStrategy { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::UnknownStrategy { .. } => "choose one of the valid ones".into(),
            Self::PartitionReplace => {
                "use `mode: incremental_merge` with `merge_policy: event_upsert` and a `unique_key`".into()
            }
            Self::MissingUniqueKey(_) => {
                "name the record's key field, or a list of them, under `sink.strategy.unique_key`".into()
            }
            Self::NoBoundary { hint, .. } => (*hint).into(),
        }
    }
}

/// A mistake and where it is.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
pub struct Problem {
    pub error: Error,
    pub place: Place,
}

impl Failure for Problem {
    fn code(&self) -> &'static Code {
        self.error.code()
    }

    fn place(&self) -> Option<Place> {
        Some(self.place.clone())
    }

    fn hint(&self) -> Option<String> {
        Some(self.error.hint())
    }
}

/// All problems of one file, and the positions of its keys.
///
/// Shared by every block that is being read, so that one mistake does not hide the next.
#[derive(Debug)]
pub(crate) struct Problems {
    file: String,
    /// The name of the file as a whole, in messages.
    pub document: &'static str,
    list: RefCell<Vec<Problem>>,
    positions: RefCell<BTreeMap<String, (u64, u64)>>,
}

impl Problems {
    pub fn new(file: &str, document: &'static str) -> Self {
        Self { file: file.to_owned(), document, list: RefCell::default(), positions: RefCell::default() }
    }

    /// Notes a problem; `key` is the dotted path, empty for the whole file.
    pub fn add(&self, error: Error, position: Position, key: &str) {
        let key = (!key.is_empty()).then(|| key.to_owned());
        let place = Place::File { file: self.file.clone(), line: position.line, column: position.column, key };
        self.list.borrow_mut().push(Problem { error, place });
    }

    pub fn note_position(&self, key: &str, position: Position) {
        self.positions.borrow_mut().insert(key.to_owned(), (position.line, position.column));
    }

    pub fn position(&self, key: &str) -> Option<Position> {
        self.positions.borrow().get(key).map(|(line, column)| Position { line: *line, column: *column })
    }

    pub fn into_positions(self) -> BTreeMap<String, (u64, u64)> {
        self.positions.into_inner()
    }

    /// The report in the file's order; problems of the manifest's own exit code lead, because the
    /// first one decides the process's.
    pub fn report(&self) -> Option<Report> {
        let mut list = self.list.borrow().clone();
        list.sort_by_key(|problem| {
            let position = match &problem.place {
                Place::File { line, column, .. } => (*line, *column),
                _ => (0, 0),
            };
            (problem.error.code().exit != Exit::Manifest, position)
        });
        Report::all(list.into_iter().map(Report::from).collect())
    }
}
