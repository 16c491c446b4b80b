//! The errors of quality gates: refusals, and failures while they look.

use dpone_model::codes::{disk, internal, manifest, plugin, quality};
use dpone_model::{Code, Failure, NoRoom, Place};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{summary}: {examples}")]
    Duplicates {
        /// How many keys and rows, of which kind.
        summary: String,
        /// Keys with pages and records.
        examples: String,
        place: Place,
    },
    #[error("more than {limit} rows repeat an earlier key, too many for duplicate_policy {policy} to choose among")]
    TooManyDuplicates { limit: u64, policy: &'static str },
    #[error("cursor field `{field}`, which says which of two rows is newer, occurs twice in the record")]
    CursorTwice { field: String },
    #[error("check {id} failed: {message}")]
    CheckFailed {
        id: String,
        message: String,
        place: Place,
        /// There was no row to judge.
        is_boundary_empty: bool,
    },
    #[error("check {id} cannot judge before publication: it needs what the broker acknowledged")]
    CannotJudgeBefore { id: String, place: Place },
    #[error("the scratch file for {what} cannot be {doing}: {cause}")]
    Scratch { what: &'static str, doing: &'static str, cause: String, is_full: bool },
    #[error(transparent)]
    Room(NoRoom),
    #[error("a check may have up to {limit} sets")]
    TooManySets { limit: usize },
    #[error("set `{set}` was asked for its repeats already, and takes no more values")]
    SetAnswered { set: String },
    #[error("a key of page {page} is not in the journal as it was seen")]
    Inconsistent { page: u64 },
}

impl Failure for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Duplicates { .. } => &quality::DUPLICATE_KEYS,
            Self::TooManyDuplicates { .. } => &quality::TOO_MANY_DUPLICATES,
            Self::CursorTwice { .. } => &quality::DUPLICATE_FIELD,
            Self::CheckFailed { .. } => &quality::CHECK_FAILED,
            Self::CannotJudgeBefore { .. } => &manifest::CONFLICT,
            Self::Scratch { is_full: true, .. } => &disk::FULL,
            Self::Scratch { .. } => &disk::IO,
            Self::Room(no_room) => no_room.code(),
            Self::TooManySets { .. } | Self::SetAnswered { .. } => &plugin::BAD_OUTPUT,
            Self::Inconsistent { .. } => &internal::BUG,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Duplicates { place, .. }
            | Self::CheckFailed { place, .. }
            | Self::CannotJudgeBefore { place, .. } => Some(place.clone()),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Duplicates { .. } => {
                "`duplicate_policy: last` or `first` chooses one of each, `allow` publishes all; is `unique_key` complete?"
            }
            Self::CheckFailed { is_boundary_empty: true, .. } => {
                "nothing lay inside the boundary; where a run with nothing new is a success, set `quality.on_empty_boundary: pass`"
            }
            Self::TooManyDuplicates { .. } => "use `duplicate_policy: allow`, or load a smaller window",
            Self::CannotJudgeBefore { .. } => "remove `when`, or set `when: after_delivery`",
            Self::Room(no_room) => return no_room.hint(),
            Self::Scratch { is_full: true, .. } => "free some space under `.dpone`, then resume the run",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Error {
    pub(crate) fn scratch(what: &'static str, doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |error| {
            let is_full = error.kind() == std::io::ErrorKind::StorageFull;
            Self::Scratch { what, doing, cause: error.to_string(), is_full }
        }
    }
}
