//! The way out to the network: the only crate with an HTTP client.
//!
//! A [`Client`] belongs to one connection. What the connection's own origin is, is the operator's
//! word: it may be any address, and credentials go there and nowhere else. Every other origin has
//! to be allowed by name, is sent no credential and none of the manifest's headers, and may not
//! resolve to an address inside the operator's network ([`address`]).
//!
//! A request takes no secret to another origin. Credentials and signatures are not added there. Query
//! parameters of their names are taken out of every URL that a server gives, so that an echo is not sent on,
//! journalled or shown to a plugin; at the own origin they are made anew. A body with a secret, a URL in which
//! the value of one stands, in an encoding that [`dpone_model::redact`] knows, and a redirect that would take one
//! of them along, are refused (DP0409). Excerpts of answers lose secrets before they are cut.
//!
//! One call of [`Client::send`] is:
//! ```text
//! attempt 1..=max_attempts            retry.rs    back-off with full jitter, Retry-After
//!   └─ exchange, bounded by `total`   exchange.rs redirects by our own rules (redirect.rs)
//!        └─ body, bounded             body.rs     gzip and zstd decoded with a limit
//! ```
//! # Bounds
//! | of a request | at most |
//! |---|---|
//! | URL, with parameters of credentials and signers | 60 KiB (DP0425) |
//! | one header, name and value | 16 KiB (DP0426) |
//! | all headers | 64 KiB (DP0426) |
//! | redirects | 10 |
//!
//! They hold for every request and every hop, whoever set what is too long. What plugins may set is bounded
//! more narrowly before it comes here (`host/sandbox`). The body of an answer is bounded by `max_page_bytes`,
//! encoded and decoded.
//!
//! The HTTP library's own redirects, decompression, proxies and retries are all switched off: each
//! of them would act behind the back of a rule above.

pub mod address;
mod body;
mod client;
mod error;
mod exchange;
mod origin;
mod redirect;
mod resolve;
mod retry;

pub use client::{Client, ClientConfig};
pub use error::Error;
pub use origin::{
    MAX_URL_BYTES, origin_text, other_origin_hint, printable_url, same_origin, without_pairs, without_params,
};
pub use resolve::Refused;
pub use retry::RetryPolicy;
