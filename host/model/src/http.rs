//! HTTP as other rooms ask for it; `egress` implements it.

use crate::plugin::Outgoing;
use crate::{Report, Secret};
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One request, complete but for what the client adds (Host, Accept-Encoding, Content-Length).
#[derive(Debug, Clone)]
pub struct HttpRequest {
    pub method: String,
    /// Absolute, http or https; without credentials.
    pub url: String,
    /// Headers that may be printed.
    pub headers: Vec<(String, String)>,
    pub body: Option<Bytes>,
    /// The body has a secret of the connection: it is sent to the connection's own origin alone.
    pub body_holds_secret: bool,
    /// Credentials that are added on the way out, only for the connection's own origin.
    pub credentials: Vec<Credential>,
    /// Decoded bytes.
    pub max_body_bytes: u64,
    /// Statuses that are an answer, too, beside those of success.
    pub answers: &'static [u16],
}

/// How a credential travels.
#[derive(Debug, Clone)]
pub enum Credential {
    Header {
        name: String,
        value: Secret,
    },
    Query {
        name: String,
        value: Secret,
    },
    /// Made anew for each attempt.
    Signed(Arc<dyn RequestSigner>),
}

/// Signs a request right before it is sent.
#[async_trait]
pub trait RequestSigner: Send + Sync + fmt::Debug {
    async fn sign(&self, request: Outgoing) -> Result<Signed, Report>;

    /// Names of the query parameters that its signatures had. A server may echo them in a URL that it gives;
    /// there they are old ones.
    fn params(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A signature's additions to a request.
#[derive(Debug, Clone, Default)]
pub struct Signed {
    pub headers: Vec<(String, Secret)>,
    pub query: Vec<(String, Secret)>,
}

#[derive(Debug, Clone)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// Decoded from its content encoding.
    pub body: Bytes,
    /// The URL that answered, after redirects, without secrets.
    pub url: String,
    /// Attempts made, the successful one included.
    pub attempts: u32,
    /// Where the status is none of success: the first characters of the body in one line, without credentials.
    pub excerpt: Option<String>,
}

/// A request has failed, and will be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    pub duration: Duration,
    /// The attempt to come, from 2.
    pub attempt: u32,
    /// Without secrets, such as `status 429 with Retry-After`.
    pub cause: String,
}

/// Hears of pauses as they begin.
pub trait Pauses: Send + Sync + fmt::Debug {
    fn pausing(&self, pause: Pause);
}

#[async_trait]
pub trait HttpEgress: Send + Sync {
    /// Sends with retries, redirects and limits. A status that stays an error is a failure, unless the
    /// request takes it for an answer.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Report>;
}
