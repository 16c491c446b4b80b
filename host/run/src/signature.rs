//! The signer of a component.
//!
//! Signatures are minisign's: one Ed25519 key pair, a text file of four lines beside the component.
//! The other candidate was sigstore. Its bundles prove that an identity of some provider signed at
//! some time, which takes the provider's certificates, a transparency log and a trust root that is
//! fetched and renewed; the library for it brings an HTTP client, a TLS stack and an OAuth client of
//! its own. Whoever runs plugins for others has a list of keys instead, needs the answer without any
//! network, and can read what decides it: `minisign-verify` is one small crate without dependencies.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dpone_model::{Report, codes, file, redact};
use minisign_verify::{Error, PublicKey, Signature};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// Key and signature files have a few hundred bytes.
const MAX_FILE_BYTES: u64 = 16 << 10;
const MAX_COMMENT_BYTES: usize = 200;

/// A public key whose signatures count.
#[derive(Clone)]
pub struct TrustedKey {
    key: PublicKey,
    /// The key's line, as its file has it.
    line: String,
    id: String,
    /// The name under which the operator knows it.
    named: String,
}

/// Where a component's signature would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureAt {
    /// The component is part of this program, which was trusted when it was started.
    BuiltIn,
    /// A file beside the component's.
    File(PathBuf),
    /// It came with the component.
    Carried(Option<String>),
}

/// A signature that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// The key's id, as minisign prints it.
    pub key_id: String,
    pub key: String,
    /// The signer's comment in the signature; it is signed, too.
    pub comment: String,
}

/// Why a component does not count as signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsigned {
    /// There is no signature.
    Missing,
    /// The file that is there is no signature.
    Damaged(String),
    /// Its key is not among the trusted.
    OtherKey { key_id: String },
    /// By a trusted key, but not of these bytes and this comment.
    OtherBytes { key_id: String },
}

/// The one of `trusted` that signed `bytes`, or the reason why none did. `signature` is the signature file's text.
pub fn verify(trusted: &[TrustedKey], bytes: &[u8], signature: Option<&str>) -> Result<Signed, Unsigned> {
    let text = signature.ok_or(Unsigned::Missing)?;
    let damaged = |cause: &dyn fmt::Display| Unsigned::Damaged(cause.to_string());
    let signature = Signature::decode(text).map_err(|error| damaged(&error))?;
    let key_id = signer(text).ok_or_else(|| damaged(&"its second line holds no key id"))?;
    let mut answer = Unsigned::OtherKey { key_id: key_id.clone() };
    for trusted in trusted {
        match trusted.key.verify(bytes, &signature, false) {
            Ok(()) => {
                let comment = redact::excerpt(signature.trusted_comment(), MAX_COMMENT_BYTES);
                return Ok(Signed { key_id, key: trusted.named.clone(), comment });
            }
            Err(Error::UnexpectedKeyId) => {}
            Err(Error::UnexpectedAlgorithm | Error::UnsupportedAlgorithm | Error::UnsupportedLegacyMode) => {
                return Err(damaged(&"it is of the old form without a prehash"));
            }
            Err(_) => answer = Unsigned::OtherBytes { key_id: key_id.clone() },
        }
    }
    Err(answer)
}

/// The id of the key that a signature file says it was made with; nothing of it is verified.
pub fn signer(signature: &str) -> Option<String> {
    key_id(signature.lines().nth(1)?)
}

impl TrustedKey {
    /// A key file's text, or its second line alone; `named` is how the operator knows it.
    ///
    /// # Errors
    /// DP0337 where it is none.
    pub fn parse(text: &str, named: &str) -> Result<Self, Report> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let unusable = |cause: String| {
            Report::new(&codes::plugin::SIGNER_KEY, format!("{named} is no minisign public key: {cause}"))
                .hint("give the file that `minisign -G` wrote as the public key, `minisign.pub`")
        };
        if text.contains("secret key") {
            return Err(unusable("it looks like a secret key, which should not be here".to_owned()));
        }
        let key = PublicKey::from_base64(line).map_err(|error| unusable(error.to_string()))?;
        let id = key_id(line).ok_or_else(|| unusable("it holds no key id".to_owned()))?;
        Ok(Self { key, line: line.to_owned(), id, named: named.to_owned() })
    }

    /// # Errors
    /// DP0337 where the file cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self, Report> {
        let named = path.display().to_string();
        let unreadable = |cause: String| Report::new(&codes::plugin::SIGNER_KEY, format!("{named}: {cause}"));
        match bounded(path) {
            Ok(Some(text)) => Self::parse(&text, &named),
            Ok(None) => Err(unreadable("there is no such file".to_owned())),
            Err(cause) => Err(unreadable(cause)),
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// The text that [`Self::parse`] takes.
    pub fn text(&self) -> String {
        self.line.clone()
    }

    pub fn named(&self) -> &str {
        &self.named
    }
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.named)
    }
}

impl SignatureAt {
    /// The signature's text; `None` where there is none.
    pub fn text(&self) -> Result<Option<String>, Unsigned> {
        match self {
            Self::BuiltIn => Ok(None),
            Self::File(path) => bounded(path).map_err(Unsigned::Damaged),
            Self::Carried(text) => Ok(text.clone()),
        }
    }

    /// The place of the signature of the component at `path`.
    pub fn beside(path: &Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(".minisig");
        Self::File(name.into())
    }
}

impl Unsigned {
    /// The error that a user sees; `from` names the component.
    pub fn report(&self, from: &str, at: &SignatureAt, trusted: &[TrustedKey]) -> Report {
        let ids: Vec<&str> = trusted.iter().map(TrustedKey::id).collect();
        let ids = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
        let place = match at {
            SignatureAt::File(path) => path.display().to_string(),
            SignatureAt::BuiltIn | SignatureAt::Carried(_) => "its signature".to_owned(),
        };
        match self {
            Self::Missing => {
                let looked = match at {
                    SignatureAt::File(_) => format!("there is no {place}"),
                    _ => "it was pushed without a signature".to_owned(),
                };
                Report::new(&codes::plugin::UNSIGNED, format!("{from} is not signed: {looked}"))
                    .hint("the component's author signs it with `minisign -S -m FILE.wasm`")
            }
            Self::Damaged(cause) => {
                Report::new(&codes::plugin::SIGNATURE_DAMAGED, format!("{place} is no signature: {cause}"))
                    .hint("fetch the signature again, or have the component signed anew")
            }
            Self::OtherKey { key_id } => {
                let message = format!("{from} is signed by the key {key_id}; trusted: {ids}");
                Report::new(&codes::plugin::OTHER_SIGNER, message)
                    .hint("give that key's file with a further --require-signed, if its plugins may run")
            }
            Self::OtherBytes { key_id } => {
                let message = format!("{place}, by the key {key_id}, is not a signature of these bytes of {from}");
                Report::new(&codes::plugin::SIGNATURE_OF_OTHER_BYTES, message)
                    .hint("component and signature do not belong together; fetch both again")
            }
        }
    }
}

/// The id in a key's or a signature's line: eight bytes after the algorithm's two, as minisign
/// prints them.
fn key_id(line: &str) -> Option<String> {
    let bytes = STANDARD.decode(line.trim()).ok()?;
    let id: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
    Some(format!("{:016X}", u64::from_le_bytes(id)))
}

/// A small text file; `None` where it is not there.
fn bounded(path: &Path) -> Result<Option<String>, String> {
    match file::read_text(path, MAX_FILE_BYTES) {
        Ok(text) => Ok(Some(text)),
        Err(cause) if cause.is_not_found() => Ok(None),
        Err(cause) => Err(cause.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use minisign::KeyPair;
    use std::io::Cursor;

    fn sign(pair: &KeyPair, bytes: &[u8]) -> String {
        minisign::sign(None, &pair.sk, Cursor::new(bytes), Some("file:mask.wasm"), None).unwrap().to_string()
    }

    fn trusted(pair: &KeyPair) -> TrustedKey {
        TrustedKey::parse(&pair.pk.to_box().unwrap().to_string(), "team.pub").unwrap()
    }

    #[test]
    fn who_signed_or_why_not() {
        let pairs = [(); 2].map(|()| KeyPair::generate_unencrypted_keypair().unwrap());
        let [ours, other] = &pairs;
        let both = [trusted(other), trusted(ours)];
        let good = sign(ours, b"component");
        let signed = verify(&both, b"component", Some(&good)).unwrap();
        assert_eq!((signed.key.as_str(), signed.comment.as_str()), ("team.pub", "file:mask.wasm"));
        assert_eq!(Some(&signed.key_id), signer(&good).as_ref());
        assert_eq!(signed.key_id, both[1].id());

        let key_id = signed.key_id;
        let other_bytes = Unsigned::OtherBytes { key_id: key_id.clone() };
        assert_eq!(verify(&both, b"component", None), Err(Unsigned::Missing));
        assert_eq!(verify(&both, b"Component", Some(&good)), Err(other_bytes.clone()));
        let reworded = good.replace("file:mask.wasm", "file:cast.wasm");
        assert_eq!(verify(&both, b"component", Some(&reworded)), Err(other_bytes));
        let unknown = Unsigned::OtherKey { key_id };
        assert_eq!(verify(&both[..1], b"component", Some(&good)), Err(unknown.clone()));
        assert_eq!(verify(&[], b"component", Some(&good)), Err(unknown));
        for damaged in ["", "a\nb\nc\nd\n", &good[..good.len() / 2], &good.replace("\nRU", "\nXX")] {
            assert!(matches!(verify(&both, b"component", Some(damaged)), Err(Unsigned::Damaged(_))), "{damaged}");
        }
    }

    /// The example of minisign-verify's own documentation, whose signature has no prehash.
    #[test]
    fn an_old_signature_is_refused_and_ids_are_as_minisign_prints_them() {
        let key = TrustedKey::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3", "old").unwrap();
        assert_eq!(key.id(), "E7620F1842B4E81F");
        let old = "untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==";
        assert!(matches!(verify(&[key], b"test", Some(old)), Err(Unsigned::Damaged(_))));
    }

    #[test]
    fn keys_that_are_none() {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let secret = pair.sk.to_box(None).unwrap().to_string();
        for (text, says) in
            [("", "team.pub"), ("untrusted comment: x\nRWQ", "team.pub"), (secret.as_str(), "secret key")]
        {
            let report = TrustedKey::parse(text, "team.pub").unwrap_err();
            assert_eq!(report.code().id, "DP0337");
            assert!(report.message().contains(says), "{report}");
        }
    }
}
