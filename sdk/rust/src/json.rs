//! Small JSON documents: options, state, strings. Records never pass through here.

use crate::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

pub(crate) fn to_text(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::new("not-json", format!("cannot be written as JSON: {e}")))
}

pub(crate) fn options<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    serde_json::from_str(text).map_err(|e| Error::new("invalid-options", e.to_string()))
}

/// The type that [`state`] reads. A type without a size has one value, its default; so nothing crosses for it.
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) fn state_bytes<T: Serialize>(state: &T) -> Result<Vec<u8>, Error> {
    if size_of::<T>() == 0 { Ok(Vec::new()) } else { to_text(state).map(String::into_bytes) }
}

/// No bytes are the state before the first call. Natively nothing but a test reads states.
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) fn state<T: DeserializeOwned + Default>(bytes: &[u8]) -> Result<T, Error> {
    if bytes.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(bytes)
        .map_err(|e| Error::new("invalid-state", format!("this is no state of this plugin: {e}")))
}

/// The text of a JSON string, quotes included in the input. A lone surrogate, which RFC 8259
/// allows and UTF-8 cannot hold, becomes U+FFFD. `None` for anything but a JSON string.
pub(crate) fn unescape(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = escaped.chars();
        let (c, after) = match chars.next()? {
            'u' => unescape_unicode(chars.as_str())?,
            'b' => ('\u{8}', chars.as_str()),
            'f' => ('\u{c}', chars.as_str()),
            'n' => ('\n', chars.as_str()),
            'r' => ('\r', chars.as_str()),
            't' => ('\t', chars.as_str()),
            c @ ('"' | '\\' | '/') => (c, chars.as_str()),
            _ => return None,
        };
        out.push(c);
        rest = after;
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

/// Reads what follows `\u`: four digits, and a second escape where they are half of a pair.
fn unescape_unicode(text: &str) -> Option<(char, &str)> {
    let (high, rest) = hex4(text)?;
    if let Some(c) = char::from_u32(high) {
        return Some((c, rest));
    }
    let low = rest.strip_prefix("\\u").and_then(hex4).filter(|(low, _)| (0xDC00..0xE000).contains(low));
    match low {
        Some((low, rest)) if high < 0xDC00 => {
            Some((char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))?, rest))
        }
        _ => Some((char::REPLACEMENT_CHARACTER, rest)),
    }
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let valid = digits.bytes().all(|b| b.is_ascii_hexdigit());
    valid.then(|| u32::from_str_radix(digits, 16).ok()).flatten().map(|value| (value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_back_and_an_empty_type_needs_no_bytes() {
        let bytes = state_bytes(&Some(7)).unwrap();
        assert_eq!(state::<Option<u64>>(&bytes), Ok(Some(7)));
        assert_eq!(state_bytes(&()), Ok(Vec::new()));
        assert_eq!(state(&[]), Ok(()));
        // As an earlier version of the SDK wrote it.
        assert_eq!(state(b"null"), Ok(()));
    }

    #[test]
    fn strings_unescape() {
        for (json, text) in [
            (r#""""#, ""),
            (r#""plain é""#, "plain é"),
            (r#""a\"b\\c\/d""#, "a\"b\\c/d"),
            (r#""\b\f\n\r\t""#, "\u{8}\u{c}\n\r\t"),
            (r#""\u00e9\uD83D\uDE00!""#, "é😀!"),
            (r#""\ud800""#, "\u{fffd}"),
            (r#""\ud800x\udc00""#, "\u{fffd}x\u{fffd}"),
            (r#""\ud800\ud83d\ude00""#, "\u{fffd}😀"),
        ] {
            assert_eq!(unescape(json).as_deref(), Some(text), "{json}");
        }
    }

    #[test]
    fn what_is_no_string_does_not_unescape() {
        for json in ["", "\"", "1", "null", r#""\x""#, r#""\u12""#, r#""\u+123""#] {
            assert_eq!(unescape(json), None, "{json}");
        }
    }

    #[test]
    fn no_state_is_the_default() {
        assert_eq!(state::<u32>(b"").unwrap(), 0);
        assert_eq!(state::<u32>(b"7").unwrap(), 7);
        assert_eq!(state::<u32>(b"x").unwrap_err().code, "invalid-state");
    }

    #[test]
    fn no_options_are_an_empty_object() {
        #[derive(serde::Deserialize, Default)]
        #[serde(default)]
        struct Options {
            n: u32,
        }
        assert_eq!(options::<Options>("").unwrap().n, 0);
        assert_eq!(options::<Options>(r#"{"n":"x"}"#).err().unwrap().code, "invalid-options");
    }
}
