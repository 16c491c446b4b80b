//! JSON strings to text and back, and excerpts for messages.

use std::borrow::Cow;

/// The text of a JSON string, from its bytes with the quotes.
///
/// A surrogate that stands alone, which the grammar allows but no text can hold, becomes U+FFFD.
/// Bytes that are not a JSON string give the nearest text there is.
pub fn unescape(json_string: &[u8]) -> Cow<'_, str> {
    let inner = json_string.strip_prefix(b"\"").unwrap_or(json_string);
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    let text = String::from_utf8_lossy(inner);
    if text.contains('\\') { Cow::Owned(unescape_text(&text)) } else { text }
}

fn unescape_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut characters = escape.chars();
        match characters.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let (character, behind) = code_point(characters.as_str());
                out.push(character);
                rest = behind;
                continue;
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out
}

/// The character of `\uXXXX`, from behind the `u`, with the low surrogate that may follow.
fn code_point(text: &str) -> (char, &str) {
    let Some((first, behind)) = hex4(text) else { return (char::REPLACEMENT_CHARACTER, text) };
    if !(0xd800..0xdc00).contains(&first) {
        return (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), behind);
    }
    match behind.strip_prefix("\\u").and_then(hex4) {
        Some((second @ 0xdc00..0xe000, after)) => {
            let scalar = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), after)
        }
        _ => (char::REPLACEMENT_CHARACTER, behind),
    }
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let (digits, behind) = text.split_at_checked(4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let value = u32::from_str_radix(digits, 16).ok()?;
    is_hex.then_some((value, behind))
}

/// Writes `text` as a JSON string with its quotes. Only what RFC 8259 demands is escaped.
pub fn escape(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(stop) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let (plain, tail) = rest.split_at(stop);
        out.extend_from_slice(plain);
        let Some((special, behind)) = tail.split_first() else { break };
        match special {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or(b'0');
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(control >> 4), digit(control & 15)]);
            }
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// What stands around `offset`, printable, in at most 60 characters; `…` where more was cut away.
pub fn excerpt(body: &[u8], offset: usize) -> String {
    const BEFORE: usize = 20;
    const AFTER: usize = 38;
    let offset = offset.min(body.len());
    let mut start = offset.saturating_sub(BEFORE);
    let mut end = offset.saturating_add(AFTER).min(body.len());
    // A character is not cut in two.
    let is_inside = |at: usize| body.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    while start < offset && is_inside(start) {
        start += 1;
    }
    while end > offset && is_inside(end) {
        end -= 1;
    }
    let printable = |c: char| if c.is_control() || is_format(c) { ' ' } else { c };
    let text = String::from_utf8_lossy(body.get(start..end).unwrap_or_default());
    let mut out = String::with_capacity(text.len() + 6);
    out.extend((start > 0).then_some('…'));
    out.extend(text.chars().map(printable));
    out.extend((end < body.len()).then_some('…'));
    out
}

/// Characters that change how the text around them is shown (UAX #9) and so could disguise it.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether the string that starts at `at`, somewhere before `end`, has the text `name`.
pub(crate) fn is_name(body: &[u8], at: usize, end: usize, name: &str) -> bool {
    let text = body.get(at + 1..end).unwrap_or_default();
    if text.starts_with(name.as_bytes()) && text.get(name.len()) == Some(&b'"') && !name.contains(['"', '\\']) {
        return true;
    }
    // The bytes up to the colon hold one string and space; only an escaped one is still open.
    let quoted = body.get(at..end).unwrap_or_default();
    let close = quoted.iter().rposition(|byte| *byte == b'"').unwrap_or_default();
    let quoted = quoted.get(..=close).unwrap_or_default();
    quoted.contains(&b'\\') && unescape(quoted) == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_to_text() {
        let cases: &[(&str, &str)] = &[
            (r#""""#, ""),
            (r#""plain ö""#, "plain ö"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u0061\u00e9\u20AC""#, "aé€"),
            (r#""\ud83d\ude00!""#, "😀!"),
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""\ude00x""#, "\u{fffd}x"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\\u0041""#, "\\u0041"),
        ];
        for (json, text) in cases {
            assert_eq!(unescape(json.as_bytes()), *text, "{json}");
        }
        assert!(matches!(unescape(br#""plain""#), Cow::Borrowed("plain")));
    }

    #[test]
    fn text_that_is_no_string_does_not_panic() {
        for bad in ["", "\"", "\\", "\"\\", "\"\\u", "\"\\u12", "\"\\u12é9\"", "\"\\ud800\\u", "\u{1}\\x"] {
            let _ = unescape(bad.as_bytes());
        }
        assert_eq!(unescape(b"\"\xff\""), "\u{fffd}");
    }

    #[test]
    fn text_to_strings_and_back() {
        for text in ["", "plain", "\"q\"\\b\n\r\t\u{0}\u{1f}\u{7f}é€😀", "\u{8}\u{c}end"] {
            let mut json = Vec::new();
            escape(text, &mut json);
            assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
            assert_eq!(unescape(&json), text);
        }
    }

    #[test]
    fn excerpts_are_short_and_printable() {
        assert_eq!(excerpt(b"{\"a\":\n1}", 3), "{\"a\": 1}");
        let long = "é".repeat(100);
        for offset in 0..=300 {
            let shown = excerpt(long.as_bytes(), offset);
            assert!(shown.chars().count() <= 60, "{offset}: {shown}");
            assert!(offset % 2 == 1 || !shown.contains('\u{fffd}'), "{offset}: {shown}");
        }
        let ascii = excerpt(&[b'x'; 500], 250);
        assert_eq!(ascii.chars().count(), 60);
        assert!(ascii.starts_with('…') && ascii.ends_with('…'));
        assert_eq!(excerpt("a\u{202e}b\u{1b}[31m".as_bytes(), 0), "a b [31m");
        assert_eq!(excerpt(b"", 9), "");
    }

    #[test]
    fn names_compare_after_unescaping() {
        let is = |json: &str, name: &str| is_name(json.as_bytes(), 0, json.len(), name);
        assert!(is(r#""data": "#, "data"));
        assert!(is(r#""d\u0061ta" : "#, "data"));
        assert!(is(r#""a\"b":"#, "a\"b"));
        assert!(is(r#""a\\":"#, "a\\"));
        assert!(!is(r#""dat":"#, "data"));
        assert!(!is(r#""data2":"#, "data"));
        assert!(!is(r#""a\"b":"#, "a\\"));
    }
}
