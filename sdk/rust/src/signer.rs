//! Signers: say what is to be computed of which secret, so that a request proves who asks.
//!
//! A signer never sees a secret. It builds a [`Signature`] of terms; the host computes them where
//! the secrets are, and sets the headers and query parameters.

use crate::Error;
use serde::de::DeserializeOwned;

/// Signs the requests of a source.
pub trait Signer: Sized {
    /// JSON Schema (draft 2020-12) of [`Self::Options`].
    const OPTIONS_SCHEMA: &'static str;
    /// The manifest's `with` block.
    type Options: DeserializeOwned;

    /// `secrets` are the names of the granted ones.
    fn new(options: Self::Options, secrets: &[String]) -> Result<Self, Error>;

    /// Called for each attempt of each request.
    fn sign(&self, request: &Outgoing) -> Result<Signature, Error>;
}

/// The request as it is about to be sent, without the connection's own credentials.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outgoing {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// Hexadecimal, lower case; of an empty body too.
    pub body_sha256: String,
    /// When the request is sent: RFC 3339 in UTC with milliseconds.
    pub sent_at: String,
    /// 16 random bytes, new for each attempt.
    pub nonce: Vec<u8>,
}

/// A value that the host will compute; made by a [`Signature`], and good for that one alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term(pub(crate) u32);

impl Term {
    /// Its place in [`Signature::terms`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Lower case.
    Hex,
    /// RFC 4648, with padding.
    Base64,
    /// RFC 4648 section 5, without padding.
    Base64Url,
    /// RFC 3986: everything but unreserved characters.
    Percent,
}

/// How a term is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    Text(String),
    Bytes(Vec<u8>),
    Secret(String),
    Concat(Vec<Term>),
    Hashed { hash: Hash, message: Term },
    Hmac { hash: Hash, key: Term, message: Term },
    Encoded { encoding: Encoding, bytes: Term },
}

/// Terms, and the headers and parameters that carry some of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signature {
    pub(crate) terms: Vec<Made>,
    pub(crate) headers: Vec<(String, Term)>,
    pub(crate) query: Vec<(String, Term)>,
}

impl Signature {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn text(&mut self, text: impl Into<String>) -> Term {
        self.made(Made::Text(text.into()))
    }

    pub fn bytes(&mut self, bytes: impl Into<Vec<u8>>) -> Term {
        self.made(Made::Bytes(bytes.into()))
    }

    /// A granted secret.
    pub fn secret(&mut self, name: &str) -> Term {
        self.made(Made::Secret(name.to_owned()))
    }

    pub fn concat(&mut self, parts: &[Term]) -> Term {
        self.made(Made::Concat(parts.to_vec()))
    }

    pub fn hashed(&mut self, hash: Hash, message: Term) -> Term {
        self.made(Made::Hashed { hash, message })
    }

    /// RFC 2104.
    pub fn hmac(&mut self, hash: Hash, key: Term, message: Term) -> Term {
        self.made(Made::Hmac { hash, key, message })
    }

    pub fn encoded(&mut self, encoding: Encoding, bytes: Term) -> Term {
        self.made(Made::Encoded { encoding, bytes })
    }

    /// Sets a header. One that the request or the connection has already is refused by the host.
    pub fn header(&mut self, name: &str, value: Term) {
        self.headers.push((name.to_owned(), value));
    }

    /// Appends a query parameter.
    pub fn query(&mut self, name: &str, value: Term) {
        self.query.push((name.to_owned(), value));
    }

    /// How each term is made, for a signer's own tests: element [`Term::index`].
    pub fn terms(&self) -> &[Made] {
        &self.terms
    }

    pub fn headers(&self) -> &[(String, Term)] {
        &self.headers
    }

    pub fn query_parameters(&self) -> &[(String, Term)] {
        &self.query
    }

    fn made(&mut self, made: Made) -> Term {
        self.terms.push(made);
        Term(self.terms.len() as u32 - 1)
    }
}
