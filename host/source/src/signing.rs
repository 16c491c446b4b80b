//! A signer's terms are computed here, where the secrets are: its component never sees one.
//!
//! A signer that is granted a secret may send it to the connection's own origin in any header or parameter, as it
//! stands or in any form; it is added there alone. What it places of a secret is known to [`redact`] from then
//! on, and a parameter that it set is taken out of every URL that a server gives, as an old one.

use crate::readings;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dpone_model::http::{RequestSigner, Signed};
use dpone_model::plugin::{Encoding, Hash, Identity, Outgoing, Signature, Signer, Term, Usage};
use dpone_model::{Report, Secret, codes, header, redact};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::PoisonError;
use tokio::sync::Mutex;

/// All values of a signature's terms together; a signature is short.
const MAX_TERMS_BYTES: usize = 1 << 20;
/// The bytes that computing them may read. It takes milliseconds, so that it needs no deadline of its own.
const MAX_READ_BYTES: usize = 4 << 20;
/// Longest value of a header; servers commonly take no more.
const MAX_HEADER_BYTES: usize = 8 << 10;

/// Names of parameters that are remembered; a signer has few, and always the same.
const MAX_PARAMS: usize = 64;

/// A signer with the secrets that the manifest grants it.
pub struct Signing {
    identity: Identity,
    /// Requests that are under way at the same time wait for each other here.
    signer: Mutex<Box<dyn Signer>>,
    usage: std::sync::Mutex<Usage>,
    /// Names of the query parameters that it set, the newest last.
    params: std::sync::Mutex<VecDeque<String>>,
    secrets: BTreeMap<String, Secret>,
}

impl Signing {
    /// `secrets` are the granted ones alone.
    pub fn new(signer: Box<dyn Signer>, secrets: BTreeMap<String, Secret>) -> Self {
        let (identity, usage) = (signer.identity().clone(), signer.usage());
        Self { identity, signer: Mutex::new(signer), usage: usage.into(), params: Default::default(), secrets }
    }

    /// The signer's cost so far.
    pub fn usage(&self) -> Usage {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_params(&self, signed: &Signed) {
        let mut params = self.params.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, _) in &signed.query {
            if !params.contains(name) {
                params.push_back(name.clone());
            }
        }
        while params.len() > MAX_PARAMS {
            params.pop_front();
        }
    }

    fn refuse(&self, what: String) -> Report {
        Report::new(&codes::plugin::BAD_OUTPUT, format!("`sign` broke the plugin contract: {what}"))
            .at(self.identity.place())
    }

    /// The headers and parameters of a signature, computed.
    fn compute(&self, signature: &Signature) -> Result<Signed, Report> {
        let mut values: Vec<Vec<u8>> = Vec::with_capacity(signature.terms.len());
        let (mut total, mut read) = (0, 0);
        for term in &signature.terms {
            // Both are known before anything is computed.
            let (reads, makes) = self.cost(term, &values);
            (total, read) = (total + makes, read + reads);
            if total > MAX_TERMS_BYTES {
                return Err(self.refuse(format!("its terms have more than {MAX_TERMS_BYTES} bytes together")));
            }
            if read > MAX_READ_BYTES {
                return Err(self.refuse(format!("its terms read more than {MAX_READ_BYTES} bytes of each other")));
            }
            values.push(self.term(term, &values)?);
        }
        for (name, term) in &signature.headers {
            let bytes = value(&values, *term).len();
            if bytes > MAX_HEADER_BYTES {
                let what = format!("the header `{name}` has a value of {bytes} bytes; the limit is {MAX_HEADER_BYTES}");
                return Err(self.refuse(what));
            }
        }
        protect(signature, &values);
        let placed = |placed: &[(String, u32)], is_header: bool| -> Result<Vec<(String, Secret)>, Report> {
            placed.iter().map(|(name, term)| self.placed(name, value(&values, *term), is_header)).collect()
        };
        Ok(Signed { headers: placed(&signature.headers, true)?, query: placed(&signature.query, false)? })
    }

    /// Bytes that a term reads of earlier ones, and the most that it makes of them.
    fn cost(&self, term: &Term, earlier: &[Vec<u8>]) -> (usize, usize) {
        const MAX_DIGEST_BYTES: usize = 64;
        let of = |term: &u32| value(earlier, *term).len();
        match term {
            Term::Text(text) => (0, text.len()),
            Term::Bytes(bytes) => (0, bytes.len()),
            Term::Secret(name) => (0, self.secrets.get(name).map_or(0, |secret| secret.expose().len())),
            Term::Concat(parts) => {
                let bytes = parts.iter().map(of).sum();
                // A part costs time, however short it is.
                (parts.len() + bytes, bytes)
            }
            Term::Hashed { message, .. } => (of(message), MAX_DIGEST_BYTES),
            Term::Hmac { key, message, .. } => (of(key) + of(message), MAX_DIGEST_BYTES),
            Term::Encoded { encoding: Encoding::Percent, bytes } => {
                let made = value(earlier, *bytes).iter().map(|byte| if is_unreserved(*byte) { 1 } else { 3 }).sum();
                (of(bytes), made)
            }
            Term::Encoded { bytes, .. } => (of(bytes), of(bytes) * 2),
        }
    }

    fn term(&self, term: &Term, earlier: &[Vec<u8>]) -> Result<Vec<u8>, Report> {
        Ok(match term {
            Term::Text(text) => text.clone().into_bytes(),
            Term::Bytes(bytes) => bytes.clone(),
            Term::Secret(name) => match self.secrets.get(name) {
                Some(secret) => secret.expose().as_bytes().to_vec(),
                None => {
                    let message = format!("the secret `{name}` was not granted");
                    let hint = "add its name to `source.options.signer.grants.secrets`";
                    return Err(Report::new(&codes::plugin::NOT_GRANTED, message).at(self.identity.place()).hint(hint));
                }
            },
            Term::Concat(parts) => parts.iter().flat_map(|part| value(earlier, *part).iter().copied()).collect(),
            Term::Hashed { hash, message } => digest(*hash, value(earlier, *message)),
            Term::Hmac { hash, key, message } => {
                let made = hmac(*hash, value(earlier, *key), value(earlier, *message));
                made.ok_or_else(|| self.refuse("a key that HMAC does not take".into()))?
            }
            Term::Encoded { encoding, bytes } => encode(*encoding, value(earlier, *bytes)).into_bytes(),
        })
    }

    fn placed(&self, name: &str, value: &[u8], is_header: bool) -> Result<(String, Secret), Report> {
        let refused = |what: String| Report::new(&codes::plugin::REQUEST_REFUSED, what).at(self.identity.place());
        if is_header && !header::is_valid_name(name) {
            return Err(self.refuse("it names a header with a character that HTTP does not allow".into()));
        }
        if !is_header && readings::is_overriding_parameter(name) {
            return Err(refused(format!(
                "the signer set the parameter `{name}`, which servers read as another method"
            )));
        }
        // Proving who asks is what a signer is for; everything else that is reserved stays so.
        if is_header && header::is_reserved(name) && !name.eq_ignore_ascii_case("authorization") {
            return Err(refused(format!("the signer set the header `{name}`, which no plugin sets")));
        }
        let text = String::from_utf8(value.to_vec());
        let text = text.map_err(|_| self.refuse(format!("the value of `{name}` is not UTF-8 text")))?;
        Ok((name.to_owned(), Secret::new(text)))
    }
}

#[async_trait]
impl RequestSigner for Signing {
    async fn sign(&self, request: Outgoing) -> Result<Signed, Report> {
        let mut signer = self.signer.lock().await;
        let signature = signer.sign(request).await;
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner) = signer.usage();
        drop(signer);
        let signed = self.compute(&signature?)?;
        self.note_params(&signed);
        Ok(signed)
    }

    fn params(&self) -> Vec<String> {
        self.params.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// A value that is made of a secret is one: a server may echo it, and nothing shows it then. Text that the signer
/// wrote itself, such as a time or a name, is none.
fn protect(signature: &Signature, values: &[Vec<u8>]) {
    let mut secret: Vec<bool> = Vec::with_capacity(values.len());
    for (term, made) in signature.terms.iter().zip(values) {
        let is_secret = |term: &u32| secret.get(*term as usize).copied().unwrap_or_default();
        let is_made_of_one = match term {
            Term::Text(_) | Term::Bytes(_) => false,
            Term::Secret(_) => true,
            Term::Concat(parts) => parts.iter().any(is_secret),
            Term::Hashed { message, .. } => is_secret(message),
            Term::Hmac { key, message, .. } => is_secret(key) || is_secret(message),
            Term::Encoded { bytes, .. } => is_secret(bytes),
        };
        // Of parts that are joined, each is known by itself.
        if is_made_of_one && !matches!(term, Term::Concat(_)) {
            redact::protect_for_now(made);
        }
        secret.push(is_made_of_one);
    }
    for (_, term) in signature.headers.iter().chain(&signature.query) {
        if secret.get(*term as usize).copied().unwrap_or_default() {
            redact::protect_for_now(value(values, *term));
        }
    }
}

/// The value of a term; the sandbox has made sure that it refers to an earlier one.
fn value(values: &[Vec<u8>], term: u32) -> &[u8] {
    values.get(term as usize).map(Vec::as_slice).unwrap_or_default()
}

fn digest(hash: Hash, message: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Sha1 => Sha1::digest(message).to_vec(),
        Hash::Sha256 => Sha256::digest(message).to_vec(),
        Hash::Sha512 => Sha512::digest(message).to_vec(),
    }
}

/// RFC 2104; `None` for no key that exists, as HMAC takes one of any length.
fn hmac(hash: Hash, key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    fn keyed<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
        mac.update(message);
        Some(mac.finalize().into_bytes().to_vec())
    }
    match hash {
        Hash::Sha1 => keyed::<Hmac<Sha1>>(key, message),
        Hash::Sha256 => keyed::<Hmac<Sha256>>(key, message),
        Hash::Sha512 => keyed::<Hmac<Sha512>>(key, message),
    }
}

fn encode(encoding: Encoding, bytes: &[u8]) -> String {
    match encoding {
        Encoding::Hex => hex::encode(bytes),
        Encoding::Base64 => STANDARD.encode(bytes),
        Encoding::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
        Encoding::Percent => {
            let digit = |value: u8| char::from(b"0123456789ABCDEF".get(usize::from(value)).copied().unwrap_or(b'0'));
            bytes.iter().fold(String::with_capacity(bytes.len()), |mut text, byte| {
                match is_unreserved(*byte) {
                    true => text.push(char::from(*byte)),
                    false => text.extend(['%', digit(byte >> 4), digit(byte & 15)]),
                }
                text
            })
        }
    }
}

/// RFC 3986: what needs no percent.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_model::plugin::Plugin;

    /// Answers what the test wrote.
    struct Scripted(Identity, Signature);

    impl Plugin for Scripted {
        fn identity(&self) -> &Identity {
            &self.0
        }

        fn usage(&self) -> Usage {
            Usage::default()
        }
    }

    #[async_trait]
    impl Signer for Scripted {
        async fn sign(&mut self, _request: Outgoing) -> Result<Signature, Report> {
            Ok(self.1.clone())
        }
    }

    async fn signed(signature: Signature) -> Result<Signed, Report> {
        let identity = Identity { name: "s".into(), version: "1".into(), sha256: "00".into() };
        let secrets = BTreeMap::from([("key".to_owned(), Secret::new("key"))]);
        let signing = Signing::new(Box::new(Scripted(identity, signature)), secrets);
        let outgoing = Outgoing {
            method: "GET".into(),
            url: "https://api.example.com/".into(),
            headers: Vec::new(),
            body_sha256: String::new(),
            sent_at: jiff::Timestamp::UNIX_EPOCH,
            nonce: [0; 16],
        };
        signing.sign(outgoing).await
    }

    fn in_header(name: &str, terms: Vec<Term>) -> Signature {
        let last = terms.len() as u32 - 1;
        Signature { terms, headers: vec![(name.to_owned(), last)], query: Vec::new() }
    }

    #[tokio::test]
    async fn terms_are_computed() {
        let fox = "The quick brown fox jumps over the lazy dog";
        let of = |hash| {
            vec![
                Term::Secret("key".into()),
                Term::Text(fox.into()),
                Term::Hmac { hash, key: 0, message: 1 },
                Term::Encoded { encoding: Encoding::Hex, bytes: 2 },
            ]
        };
        // The well-known test values of HMAC for this key and text.
        for (terms, expected) in [
            (of(Hash::Sha1), "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"),
            (of(Hash::Sha256), "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"),
            (vec![Term::Text("a b/~".into()), Term::Encoded { encoding: Encoding::Percent, bytes: 0 }], "a%20b%2F~"),
            (vec![Term::Bytes(vec![0xfb, 0xff]), Term::Encoded { encoding: Encoding::Base64Url, bytes: 0 }], "-_8"),
            (vec![Term::Bytes(vec![0xfb, 0xff]), Term::Encoded { encoding: Encoding::Base64, bytes: 0 }], "+/8="),
            (
                vec![
                    Term::Text(String::new()),
                    Term::Hashed { hash: Hash::Sha256, message: 0 },
                    Term::Encoded { encoding: Encoding::Hex, bytes: 1 },
                    Term::Text("v1 ".into()),
                    Term::Concat(vec![3, 2]),
                ],
                "v1 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
        ] {
            let signed = signed(in_header("X-Signature", terms)).await.unwrap();
            assert_eq!(signed.headers[0].1.expose(), expected);
        }
    }

    #[tokio::test]
    async fn what_is_made_of_a_secret_is_shown_nowhere() {
        let term = |hash| Term::Hmac { hash, key: 0, message: 1 };
        let signature = Signature {
            terms: vec![
                Term::Secret("key".into()),
                Term::Text("2026-01-02T03:04:05Z".into()),
                term(Hash::Sha256),
                Term::Encoded { encoding: Encoding::Hex, bytes: 2 },
                Term::Text("Team orders, time ".into()),
                Term::Concat(vec![4, 1]),
                Term::Concat(vec![4, 3]),
                Term::Encoded { encoding: Encoding::Base64, bytes: 2 },
            ],
            headers: vec![("X-Signature".into(), 6), ("X-Time".into(), 5)],
            query: vec![("sig".into(), 7), ("ts".into(), 1)],
        };
        let signed = signed(signature).await.unwrap();
        let (header, hex) =
            (signed.headers[0].1.expose(), hex::encode(STANDARD.decode(signed.query[0].1.expose()).unwrap()));
        for secret in [header, &hex, signed.query[0].1.expose(), &hex.to_ascii_uppercase()] {
            assert_eq!(redact::text(&format!("401 for {secret}!")), "401 for [redacted]!", "{secret}");
        }
        for shown in [signed.headers[1].1.expose(), signed.query[1].1.expose()] {
            assert_eq!(redact::text(shown), shown);
        }
    }

    #[tokio::test]
    async fn what_no_signer_may_do_is_refused() {
        let text = || vec![Term::Text("x".into())];
        let doubling = (0..40).map(|n: u32| match n {
            0 => Term::Text("x".repeat(1000)),
            n => Term::Concat(vec![n - 1, n - 1]),
        });
        // One long text, and what is made of it 254 times over.
        let over = |bytes: usize, made: fn(u32) -> Term| -> Vec<Term> {
            std::iter::once(Term::Text("/".repeat(bytes))).chain((1..255).map(made)).collect()
        };
        let encoded = |_| Term::Encoded { encoding: Encoding::Percent, bytes: 0 };
        let hashed = |_| Term::Hashed { hash: Hash::Sha512, message: 0 };
        let keyed = |_| Term::Hmac { hash: Hash::Sha1, key: 0, message: 0 };
        let in_query = |name: &str| Signature { terms: text(), headers: Vec::new(), query: vec![(name.to_owned(), 0)] };
        for (signature, code, says) in [
            (in_query("_method"), "DP0315", "`_method`, which servers read as another method"),
            (in_query("%5fMethod"), "DP0315", "another method"),
            (in_query(" _method[]"), "DP0315", "another method"),
            (in_header("x_http_method", text()), "DP0315", "no plugin sets"),
            (in_header("X-A\r\nHost", text()), "DP0314", "HTTP does not allow"),
            (in_header("", text()), "DP0314", "HTTP does not allow"),
            (in_header("Host", text()), "DP0315", "`Host`"),
            (in_header("cookie", text()), "DP0315", "`cookie`"),
            (in_header("X-HTTP-Method-Override", text()), "DP0315", "no plugin sets"),
            (in_header("X", vec![Term::Bytes(vec![0xff])]), "DP0314", "not UTF-8"),
            (in_header("X", vec![Term::Secret("other".into())]), "DP0307", "`other` was not granted"),
            (in_header("X", doubling.collect()), "DP0314", "more than 1048576 bytes together"),
            (in_header("X", over(349_000, encoded)), "DP0314", "more than 1048576 bytes together"),
            (in_header("X", over(349_000, hashed)), "DP0314", "read more than 4194304 bytes"),
            (in_header("X", over(349_000, keyed)), "DP0314", "read more than 4194304 bytes"),
            (in_header("X", over(0, |_| Term::Concat(vec![0; 1 << 20]))), "DP0314", "read more than 4194304 bytes"),
            (in_header("X", over(349_000, |_| Term::Text("x".repeat(10_000)))), "DP0314", "1048576 bytes together"),
            (in_header("X", vec![Term::Text("x".repeat(8193))]), "DP0314", "8193 bytes; the limit is 8192"),
        ] {
            let report = signed(signature).await.unwrap_err();
            assert_eq!(report.code().id, code, "{report}");
            assert!(report.to_string().contains(says), "{report}");
        }
    }
}
