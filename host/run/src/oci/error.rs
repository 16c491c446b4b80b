//! Why a component could not be pulled or pushed.

use dpone_model::codes::{disk, internal, plugin};
use dpone_model::{Code, Failure, Place, Report, Retry};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{text}` is no reference to a registry: {cause}")]
    Reference { text: String, cause: String },
    #[error("`{reference}` has no digest, and a tag may move")]
    NoDigest { reference: String },
    #[error("`{reference}` is no place to push to: it needs a tag, and no digest")]
    NoTag { reference: String },
    #[error("{what} is not in the registry {registry}")]
    NotFound { what: String, registry: String },
    #[error("the {what} has the sha256 {found}, not {wanted}")]
    Digest { what: String, wanted: String, found: String },
    #[error("{reference} is no component: {cause}")]
    MediaType { reference: String, cause: String },
    #[error("{reference} has {size} bytes, more than {limit}")]
    TooLarge { reference: String, size: u64, limit: u64 },
    #[error("the registry {registry} refuses access: {cause}")]
    Denied { registry: String, cause: String, hint: Option<String> },
    #[error("the registry {registry} gave an answer that is not understood: {cause}")]
    Answer { registry: String, cause: String },
    #[error("the registry {registry} cannot be used: {}", .report.message())]
    Unreachable { registry: String, report: Report },
    #[error("the cache of components cannot be used: {0}")]
    Cache(std::io::Error),
    #[error("the client of the registry cannot be built: {0}")]
    Client(String),
}

impl Failure for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Reference { .. } | Self::NoDigest { .. } | Self::NoTag { .. } => &plugin::OCI_REFERENCE,
            Self::NotFound { .. } => &plugin::OCI_NOT_FOUND,
            Self::Digest { .. } => &plugin::OCI_DIGEST,
            Self::MediaType { .. } => &plugin::OCI_MEDIA_TYPE,
            Self::TooLarge { .. } => &plugin::OCI_TOO_LARGE,
            Self::Denied { .. } => &plugin::OCI_DENIED,
            Self::Answer { .. } => &plugin::OCI_ANSWER,
            Self::Unreachable { .. } => &plugin::OCI_UNREACHABLE,
            Self::Cache(cause) if cause.kind() == std::io::ErrorKind::StorageFull => &disk::FULL,
            Self::Cache(_) => &disk::IO,
            Self::Client(_) => &internal::BUG,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::NotFound { registry, .. }
            | Self::Denied { registry, .. }
            | Self::Answer { registry, .. }
            | Self::Unreachable { registry, .. } => {
                Some(Place::Named { what: "registry".into(), name: registry.clone() })
            }
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Reference { .. } => "write oci://HOST/REPOSITORY:TAG, or oci://HOST/REPOSITORY@sha256:DIGEST",
            Self::NoDigest { .. } => "`dpone plugin push` prints the reference with its digest",
            Self::NoTag { .. } => "write oci://HOST/REPOSITORY:TAG",
            Self::NotFound { .. } => "check host, repository and digest; a registry also hides what it does not grant",
            Self::Digest { .. } => "the registry or something before it serves other bytes than were reviewed",
            Self::MediaType { .. } => "push the component with `dpone plugin push`",
            Self::TooLarge { .. } => "build it for release and strip it",
            Self::Denied { hint, .. } => return hint.clone(),
            Self::Unreachable { report, .. } => return report.hint_text().map(str::to_owned),
            Self::Answer { .. } => "check that the host is a registry that speaks the OCI distribution specification",
            Self::Cache(_) | Self::Client(_) => return None,
        };
        Some(hint.to_owned())
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Unreachable { report, .. } => report.retry(),
            _ => self.code().retry,
        }
    }
}
