//! Why a local service could not be started.

use dpone_model::codes::disk;
use dpone_model::{Code, Failure, Place, Retry};
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of the service cannot be used.
    #[error("cannot {action} {path}: {cause}", path = .path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("cannot listen on loopback for the {service}: {cause}")]
    Listen {
        service: &'static str,
        #[source]
        cause: io::Error,
    },
    /// Two owners of one folder would overwrite each other's data.
    #[error("another live process already runs the {service} of {path}", path = .path.display())]
    InUse { service: &'static str, path: PathBuf },
    #[error("another live process holds the {service} of {path} but does not answer", path = .path.display())]
    Silent { service: &'static str, path: PathBuf },
    /// A file of the service holds something that it did not write.
    #[error("{path} is not what the {service} wrote: {cause}", path = .path.display())]
    Damaged { service: &'static str, path: PathBuf, cause: String },
    #[error("no random numbers from the system: {0}")]
    Random(String),
}

impl Error {
    pub(crate) fn file(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |cause| Self::File { action, path, cause }
    }
}

impl Failure for Error {
    fn code(&self) -> &'static Code {
        &disk::LOCAL_SERVICE
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::File { path, .. }
            | Self::InUse { path, .. }
            | Self::Silent { path, .. }
            | Self::Damaged { path, .. } => {
                Some(Place::Named { what: "local service".into(), name: path.display().to_string() })
            }
            Self::Listen { .. } | Self::Random(_) => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::InUse { .. } => Some("join it, or end that process first".into()),
            Self::Silent { .. } => Some("end the process that holds it, then run again".into()),
            Self::Damaged { path, .. } => Some(format!("remove {} to start anew", path.display())),
            Self::File { .. } | Self::Listen { .. } | Self::Random(_) => None,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::InUse { .. } | Self::Silent { .. } => Retry::Later,
            _ => self.code().retry,
        }
    }
}
