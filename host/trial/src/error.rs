//! The problems of a case, before the plugin has been asked anything.

use dpone_model::codes::{disk, plugin};
use dpone_model::{Code, Failure, Place};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{cause}")]
    Io { file: String, cause: std::io::Error },
    #[error("{message}")]
    Broken { file: String, message: String },
    #[error("{0}")]
    NoCases(String),
}

impl Error {
    pub(crate) fn io(file: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let file = file.into();
        |cause| Self::Io { file, cause }
    }

    pub(crate) fn broken(file: impl Into<String>, message: impl std::fmt::Display) -> Self {
        Self::Broken { file: file.into(), message: message.to_string() }
    }
}

impl Failure for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Io { cause, .. } if cause.kind() == std::io::ErrorKind::NotFound => &plugin::CASE_BROKEN,
            Self::Io { .. } => &disk::IO,
            Self::Broken { .. } => &plugin::CASE_BROKEN,
            Self::NoCases(_) => &plugin::NO_CASES,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Io { file, .. } | Self::Broken { file, .. } => {
                Some(Place::Named { what: "file".into(), name: file.clone() })
            }
            Self::NoCases(_) => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoCases(_) => Some("`dpone record RUN --out cases/NAME` makes a case of a run".into()),
            _ => None,
        }
    }
}
