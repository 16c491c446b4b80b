//! A secret in the encodings that leave no character of it: base64 and hexadecimal digits.

use super::spelling;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A text to look for.
#[derive(Clone)]
pub(super) struct Needle {
    pub bytes: Arc<[u8]>,
    /// Of the secret.
    pub number: u64,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Text,
    /// In small and capital letters.
    Hex,
    /// Of base64: whole characters. Beside them one more may hold some bits of the secret.
    Base64 {
        begins_before: bool,
        ends_behind: bool,
    },
}

impl Needle {
    /// The end of this text where it begins at `at`, in whichever spelling.
    pub fn end_at(&self, text: &[u8], at: usize) -> Option<usize> {
        let same: fn(u8, u8) -> bool = match self.form {
            Form::Hex => |a, b| a.eq_ignore_ascii_case(&b),
            _ => |a, b| a == b,
        };
        let end = spelling::end_at(text, at, &self.bytes, same)?;
        let next_is_base64 = text.get(end).is_some_and(|byte| is_base64(*byte));
        match self.form {
            Form::Base64 { ends_behind: true, .. } if next_is_base64 => Some(end + 1),
            _ => Some(end),
        }
    }

    pub fn begins_before(&self) -> bool {
        matches!(self.form, Form::Base64 { begins_before: true, .. })
    }

    /// The bytes that it may begin with.
    pub fn first_bytes(&self) -> BTreeSet<u8> {
        let first = self.bytes.first().copied().unwrap_or_default();
        match self.form {
            Form::Hex => [first.to_ascii_lowercase(), first.to_ascii_uppercase()].into(),
            _ => [first].into(),
        }
    }
}

pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)
}

/// The texts by which a secret is found.
pub(super) fn encodings(secret: &[u8], number: u64) -> Vec<Needle> {
    let mut texts = BTreeSet::from([(secret.to_vec(), Form::Text), (hex(secret), Form::Hex)]);
    for inner in written(secret) {
        for (encoded, form) in base64(&inner) {
            texts.insert((encoded, form));
        }
    }
    let needle = |(bytes, form): (Vec<u8>, Form)| Needle { bytes: bytes.into(), number, form };
    texts.into_iter().map(needle).collect()
}

/// The texts that may be encoded as a whole: the secret, the same as JSON and URLs write it, and its base64.
fn written(secret: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut written = BTreeSet::from([secret.to_vec(), percent(secret)]);
    written.insert(STANDARD_NO_PAD.encode(secret).into_bytes());
    if let Ok(text) = std::str::from_utf8(secret) {
        let quoted = serde_json::Value::from(text).to_string();
        let inner = quoted.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"'));
        written.extend(inner.map(|inner| inner.as_bytes().to_vec()));
    }
    written
}

/// Base64 of something that holds `inner`: how it comes out depends on how many bytes stand before it.
fn base64(inner: &[u8]) -> Vec<(Vec<u8>, Form)> {
    let mut found = Vec::new();
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        found.push((engine.encode(inner).into_bytes(), Form::Base64 { begins_before: false, ends_behind: false }));
        for before in 0..3 {
            let encoded = engine.encode([vec![0; before].as_slice(), inner].concat()).into_bytes();
            // 6 bits a character: those that hold bits of what stands beside are left out.
            let (first, end) = ((before * 8).div_ceil(6), (before + inner.len()) * 8 / 6);
            let is_cut = |bytes: usize| !(bytes * 8).is_multiple_of(6);
            let form = Form::Base64 { begins_before: is_cut(before), ends_behind: is_cut(before + inner.len()) };
            found.extend(encoded.get(first..end).map(|whole| (whole.to_vec(), form)));
        }
    }
    found
}

fn percent(bytes: &[u8]) -> Vec<u8> {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = bytes.iter().flat_map(|byte| match is_unreserved(*byte) {
        true => vec![*byte],
        false => format!("%{byte:02X}").into_bytes(),
    });
    encoded.collect()
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}
