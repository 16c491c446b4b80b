//! Errors on the way to an API and back.

use crate::origin::{MAX_URL_BYTES, other_origin_hint};
use crate::resolve::Refused;
use dpone_model::codes::{connection, internal, source};
use dpone_model::{Code, Exceeded, Failure, Place, Report, Retry};
use std::time::Duration;
use thiserror::Error;

/// Every URL in here is printable: it holds no secret.
#[derive(Debug, Clone, Error)]
pub enum Error {
    #[error("the HTTP client cannot be built: {cause}")]
    Client { cause: String },
    #[error("the certificates of the connection cannot be used: {cause}")]
    Certificates { cause: String },
    #[error("the credential for {carrier} holds a character that HTTP does not allow")]
    Credential {
        /// Such as `header Authorization`.
        carrier: String,
    },
    #[error("the request cannot be built: {cause}")]
    Request { url: String, cause: String },
    #[error("{from} {verb} {origin}, which is not the connection's origin {own}", verb = if *.redirected { "redirects to" } else { "leads to" })]
    OtherOrigin { from: String, origin: String, own: String, redirected: bool },
    #[error("{from} {verb} {origin}, and the request would take a secret of the connection there", verb = if *.redirected { "redirects to" } else { "leads to" })]
    SecretLeaves { from: String, origin: String, redirected: bool },
    #[error("{from} {verb} a URL of {bytes} bytes, more than {MAX_URL_BYTES}", verb = if *.redirected { "redirects to" } else { "became" })]
    LongUrl { from: String, bytes: usize, redirected: bool },
    #[error("the request's {what} {bytes} bytes, more than {limit}")]
    LongHeaders { url: String, what: String, bytes: usize, limit: usize },
    #[error("{refused}")]
    Address { url: String, refused: Refused },
    #[error("more than {limit} redirects, the last one to {url}")]
    Redirects { url: String, limit: u32 },
    #[error("{method} {url} failed after {}: {cause}", attempts_text(*.attempts))]
    Unreachable {
        method: String,
        url: String,
        attempts: u32,
        cause: String,
        /// Another attempt cannot help: the certificate is wrong.
        permanent: bool,
    },
    #[error("{method} {url} timed out after {}: {cause}", attempts_text(*.attempts))]
    Timeout { method: String, url: String, attempts: u32, cause: String },
    #[error("{method} {url} answered {status} after {}: {excerpt}", attempts_text(*.attempts))]
    Status {
        method: String,
        url: String,
        attempts: u32,
        status: u16,
        /// It had a `Retry-After`.
        asks_to_wait: bool,
        excerpt: String,
    },
    #[error("{url} gave more than {limit} decoded bytes")]
    TooLarge { url: String, limit: u64 },
    #[error("the body of {url} cannot be decoded: {cause}")]
    Encoding { url: String, cause: String },
    #[error("{method} {url} cannot be signed: {}", report.message())]
    Signer { method: String, url: String, report: Box<Report> },
    #[error(transparent)]
    Quota(Exceeded),
    #[error("{url} asks to wait {} s, more than max_retry_after of {} s", asked.as_secs(), limit.as_secs())]
    RetryAfter { url: String, asked: Duration, limit: Duration },
}

impl Error {
    /// Whether the same request may work at the next attempt.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { permanent: false, .. } | Self::Timeout { .. })
    }

    /// Fills in how many attempts were made.
    pub(crate) fn after(mut self, made: u32) -> Self {
        if let Self::Unreachable { attempts, .. } | Self::Timeout { attempts, .. } | Self::Status { attempts, .. } =
            &mut self
        {
            *attempts = made;
        }
        self
    }

    fn url(&self) -> Option<&str> {
        match self {
            Self::Client { .. } | Self::Certificates { .. } | Self::Credential { .. } | Self::Quota(_) => None,
            Self::OtherOrigin { from: url, .. }
            | Self::SecretLeaves { from: url, .. }
            | Self::LongUrl { from: url, .. }
            | Self::LongHeaders { url, .. }
            | Self::Request { url, .. }
            | Self::Address { url, .. }
            | Self::Redirects { url, .. }
            | Self::Unreachable { url, .. }
            | Self::Timeout { url, .. }
            | Self::Status { url, .. }
            | Self::TooLarge { url, .. }
            | Self::Encoding { url, .. }
            | Self::Signer { url, .. }
            | Self::RetryAfter { url, .. } => Some(url),
        }
    }
}

impl Failure for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Client { .. } | Self::Request { .. } => &internal::BUG,
            Self::Certificates { .. } => &connection::TLS_FILE,
            Self::Credential { .. } => &connection::INCOMPLETE,
            Self::OtherOrigin { .. } | Self::SecretLeaves { .. } => &source::OTHER_ORIGIN,
            Self::LongUrl { .. } => &source::LONG_URL,
            Self::LongHeaders { .. } => &source::LONG_HEADERS,
            Self::Address { .. } => &source::ADDRESS_REFUSED,
            Self::Redirects { .. } => &source::REDIRECTS,
            Self::Unreachable { .. } => &source::UNREACHABLE,
            Self::Timeout { .. } => &source::TIMEOUT,
            Self::Status { .. } => &source::STATUS,
            Self::TooLarge { .. } => &source::PAGE_TOO_LARGE,
            Self::Encoding { .. } => &source::ENCODING,
            Self::RetryAfter { .. } => &source::RETRY_AFTER,
            Self::Signer { report, .. } => report.code(),
            Self::Quota(exceeded) => exceeded.code(),
        }
    }

    fn place(&self) -> Option<Place> {
        if let Self::Signer { report, .. } = self {
            return report.place().cloned();
        }
        self.url().map(|url| Place::Named { what: "URL".into(), name: url.to_owned() })
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Credential { .. } => {
                "a line break at the end of a token's file or variable is the usual cause".into()
            }
            Self::SecretLeaves { .. } => {
                "secrets go to the connection's own origin alone, and a redirect that keeps the \
                                          request's body, or a URL that echoes a secret, would break that"
                    .into()
            }
            Self::OtherOrigin { origin, own, .. } => other_origin_hint(origin, own),
            Self::Unreachable { permanent: true, .. } => {
                "give the connection the CA certificate of a private authority; an API without TLS has an http:// URL"
                    .into()
            }
            Self::Status { status: 403, asks_to_wait: true, .. } => {
                "the API limits its clients; run again later, or raise `retry.max_attempts`".into()
            }
            Self::Status { status: 401 | 403, .. } => {
                "check the connection's credentials and what they may read".into()
            }
            Self::Status { status: 404 | 410, .. } => "check `url`, and the connection's base_url".into(),
            Self::TooLarge { .. } => "ask the API for smaller pages, or raise `max_page_bytes`".into(),
            Self::Signer { report, .. } => return report.hint_text().map(str::to_owned),
            Self::Quota(exceeded) => return exceeded.hint(),
            Self::RetryAfter { asked, .. } => {
                format!("run again in {} s, or raise `retry.max_retry_after`", asked.as_secs())
            }
            _ => return None,
        })
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Unreachable { permanent: true, .. } => Retry::AfterFix,
            Self::Status { status, asks_to_wait, .. } if !crate::retry::is_transient(*status, *asks_to_wait) => {
                Retry::AfterFix
            }
            _ => self.code().retry,
        }
    }
}

fn attempts_text(attempts: u32) -> String {
    if attempts == 1 { "1 attempt".into() } else { format!("{attempts} attempts") }
}
