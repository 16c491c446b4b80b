//! JSON strings to text and back, and excerpts for messages.

use dpone_model::{foreign, redact};
use std::borrow::Cow;

/// The text of a JSON string, from its bytes with the quotes, for messages and for values that only
/// well-formed text can match, such as timestamps.
///
/// A surrogate that stands alone, which the grammar allows but no text can hold, becomes U+FFFD, so two
/// different strings may give one text. Where that matters, [`exact_text`] and [`canonical_string`] tell them apart.
/// Bytes that are not a JSON string give the nearest text there is.
pub fn unescape(json_string: &[u8]) -> Cow<'_, str> {
    let inner = String::from_utf8_lossy(inner(json_string));
    if inner.contains('\\') { Cow::Owned(unescaped(&inner).0) } else { inner }
}

/// The text of a JSON string, from its bytes with the quotes; `None` where it holds half of a surrogate
/// pair and so has no UTF-8 bytes.
pub fn exact_text(json_string: &[u8]) -> Option<Cow<'_, str>> {
    let inner = String::from_utf8_lossy(inner(json_string));
    if !inner.contains('\\') {
        return Some(inner);
    }
    let (text, is_whole) = unescaped(&inner);
    is_whole.then_some(Cow::Owned(text))
}

/// Appends a JSON string, given with its quotes, in the one spelling that all strings of the same
/// UTF-16 code units share: as [`escape`] writes it, with a lone surrogate as `\uXXXX` in lower case.
pub fn canonical_string(json_string: &[u8], out: &mut Vec<u8>) {
    if let Some(text) = exact_text(json_string) {
        return escape(&text, out);
    }
    out.push(b'"');
    for part in parts(&String::from_utf8_lossy(inner(json_string))) {
        match part {
            Part::Plain(text) => escape_into(text, out),
            Part::Character(character) => escape_into(character.encode_utf8(&mut [0; 4]), out),
            Part::LoneSurrogate(unit) => out.extend_from_slice(format!("\\u{unit:04x}").as_bytes()),
        }
    }
    out.push(b'"');
}

fn inner(json_string: &[u8]) -> &[u8] {
    let inner = json_string.strip_prefix(b"\"").unwrap_or(json_string);
    inner.strip_suffix(b"\"").unwrap_or(inner)
}

/// The text, and whether it is all there: without a surrogate that stands alone.
fn unescaped(inner: &str) -> (String, bool) {
    let (mut out, mut is_whole) = (String::with_capacity(inner.len()), true);
    for part in parts(inner) {
        match part {
            Part::Plain(text) => out.push_str(text),
            Part::Character(character) => out.push(character),
            Part::LoneSurrogate(_) => {
                out.push(char::REPLACEMENT_CHARACTER);
                is_whole = false;
            }
        }
    }
    (out, is_whole)
}

/// A stretch of a JSON string.
enum Part<'a> {
    /// Without an escape.
    Plain(&'a str),
    /// Of an escape, or of the two of a surrogate pair.
    Character(char),
    /// A UTF-16 code unit of the surrogates without its other half.
    LoneSurrogate(u32),
}

/// The text between the quotes of a JSON string, in order. Escapes that are none stand for what
/// follows the backslash.
fn parts(inner: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = inner;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(escape) = rest.strip_prefix('\\') else {
            let (plain, behind) = rest.split_at(rest.find('\\').unwrap_or(rest.len()));
            rest = behind;
            return Some(Part::Plain(plain));
        };
        let mut characters = escape.chars();
        let part = match characters.next()? {
            'b' => Part::Character('\u{8}'),
            'f' => Part::Character('\u{c}'),
            'n' => Part::Character('\n'),
            'r' => Part::Character('\r'),
            't' => Part::Character('\t'),
            'u' => {
                let (part, behind) = code_point(characters.as_str());
                rest = behind;
                return Some(part);
            }
            other => Part::Character(other),
        };
        rest = characters.as_str();
        Some(part)
    })
}

/// The character of `\uXXXX`, from behind the `u`, with the low surrogate that may follow.
fn code_point(text: &str) -> (Part<'static>, &str) {
    let Some((first, behind)) = hex4(text) else { return (Part::Character(char::REPLACEMENT_CHARACTER), text) };
    if let Some(character) = char::from_u32(first) {
        return (Part::Character(character), behind);
    }
    let low = behind.strip_prefix("\\u").and_then(hex4).filter(|(low, _)| (0xdc00..0xe000).contains(low));
    match low {
        Some((low, after)) if first < 0xdc00 => {
            let scalar = 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00);
            (Part::Character(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER)), after)
        }
        _ => (Part::LoneSurrogate(first), behind),
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
    out.push(b'"');
    escape_into(text, out);
    out.push(b'"');
}

/// The same without the quotes.
fn escape_into(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
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
}

/// The text around `offset` in one line, made of at most 60 characters; `…` where more was cut away. No
/// secret and no hidden character is in it.
pub fn excerpt(body: &[u8], offset: usize) -> String {
    excerpt_with(body, offset, |character| character)
}

/// The same with another character in the place of each.
pub(crate) fn excerpt_with(body: &[u8], offset: usize, shown: impl Fn(char) -> char) -> String {
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
    let text = line(&redact::window(body, start, end), usize::MAX, shown);
    let mut out = String::with_capacity(text.len() + 6);
    out.extend((start > 0).then_some('…'));
    out.push_str(&text);
    out.extend((end < body.len()).then_some('…'));
    out
}

/// The first characters of a value in one line, without secrets; `…` where there are more.
pub(crate) fn start_with(value: &[u8], characters: usize, shown: impl Fn(char) -> char) -> String {
    const MAX_CHARACTER_BYTES: usize = 4;
    let clean = redact::window(value, 0, characters * MAX_CHARACTER_BYTES);
    let is_cut =
        value.len() > characters * MAX_CHARACTER_BYTES || String::from_utf8_lossy(&clean).chars().count() > characters;
    line(&clean, characters, shown) + if is_cut { "…" } else { "" }
}

/// White space of JSON as a space, and other hidden characters as escapes.
fn line(bytes: &[u8], characters: usize, shown: impl Fn(char) -> char) -> String {
    let text = String::from_utf8_lossy(bytes);
    let plain = |character| if matches!(character, '\n' | '\r' | '\t') { ' ' } else { shown(character) };
    foreign::one_line(&text.chars().take(characters).map(plain).collect::<String>()).into_owned()
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
    quoted.contains(&b'\\') && exact_text(quoted).is_some_and(|text| text == name)
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

    /// A string, its text where it has one, and its one spelling.
    const SPELLINGS: &[(&str, Option<&str>, &str)] = &[
        (r#""plain""#, Some("plain"), r#""plain""#),
        (r#""\u0061\/\u00e9""#, Some("a/é"), r#""a/é""#),
        (r#""\u0000\u001F\b""#, Some("\u{0}\u{1f}\u{8}"), r#""\u0000\u001f\u0008""#),
        (r#""\ufffd""#, Some("\u{fffd}"), "\"\u{fffd}\""),
        (r#""\uD83D\uDE00""#, Some("😀"), r#""😀""#),
        (r#""\ud83d""#, None, r#""\ud83d""#),
        (r#""\uD83E""#, None, r#""\ud83e""#),
        (r#""\uDE00""#, None, r#""\ude00""#),
        (r#""\ude00\ud83d""#, None, r#""\ude00\ud83d""#),
        (r#""\ud83d\ud83d\ude00""#, None, r#""\ud83d😀""#),
        (r#""\ud83d\ude00\ude00""#, None, r#""😀\ude00""#),
        (r#""\u0061\ud83d\"\n""#, None, r#""a\ud83d\"\n""#),
        (r#""\\ud83d""#, Some("\\ud83d"), r#""\\ud83d""#),
    ];

    #[test]
    fn lone_surrogates_have_no_text_but_a_spelling_of_their_own() {
        for (json, expected, spelling) in SPELLINGS {
            assert_eq!(exact_text(json.as_bytes()).as_deref(), *expected, "{json}");
            let mut out = Vec::new();
            canonical_string(json.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), *spelling, "{json}");
        }
    }

    #[test]
    fn text_that_is_no_string_does_not_panic() {
        for bad in ["", "\"", "\\", "\"\\", "\"\\u", "\"\\u12", "\"\\u12é9\"", "\"\\ud800\\u", "\u{1}\\x"] {
            let _ = unescape(bad.as_bytes());
            canonical_string(bad.as_bytes(), &mut Vec::new());
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
        assert_eq!(excerpt("a\u{202e}b\u{1b}[31m".as_bytes(), 0), "a\\u{202e}b\\u{1b}[31m");
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
        assert!(!is(r#""x\ud83d":"#, "x\u{fffd}"), "half of a pair is no U+FFFD");
        assert!(is(r#""x\ufffd":"#, "x\u{fffd}"));
    }
}
