//! Text of others (plugins, APIs, manifests, files) on its way to a person.
//!
//! No character of such text may move a terminal's cursor, start a line that seems to be ours, or change how
//! the text beside it is shown. So each of these characters is written as a visible escape, such as
//! `\u{1b}`: all controls (C0, DEL and C1), line and paragraph separators, the marks that set a direction of
//! writing, and those that have no width.

use std::borrow::Cow;
use std::fmt::Write;

/// The text as a part of one line.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// The text as it stands in lines: for what is put together of parts that each went through [`one_line`].
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |character| character != '\n' && is_hidden(character))
}

/// JSON text that means the same and shows all of itself: hidden characters stand as `\uXXXX`.
pub fn json(text: &str) -> Cow<'_, str> {
    // White space between values; within a string JSON has no raw controls below U+0020.
    let is_escaped = |character| !matches!(character, '\n' | '\r' | '\t') && is_hidden(character);
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // A String takes all that is written.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// The longest start of `text` that has at most `max_bytes` and ends between characters.
pub fn cut(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes)).unwrap_or(text)
}

/// Whether a reader would not see the character itself, but only what it does to others.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // Soft hyphen, and marks of Arabic, Hangul and Mongolian without width.
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}'
            // Zero width spaces and joiners, directions, line and paragraph separators, invisible operators.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Byte order mark, annotations, tags.
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            _ if !is_escaped(character) => out.push(character),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // A String takes all that is written.
            _ => drop(write!(out, "\\u{{{:x}}}", u32::from(character))),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_shown() {
        for (text, line) in [
            ("plain é 漢 😀", "plain é 漢 😀"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("a\nerror[DP0101]: b", "a\\nerror[DP0101]: b"),
            ("a\r\tb", "a\\r\\tb"),
            ("\u{0}\u{7f}\u{85}\u{9b}31m", "\\u{0}\\u{7f}\\u{85}\\u{9b}31m"),
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe"),
            (
                "\u{2066}\u{2069}\u{200b}\u{200f}\u{61c}\u{feff}",
                "\\u{2066}\\u{2069}\\u{200b}\\u{200f}\\u{61c}\\u{feff}",
            ),
            ("\u{2028}\u{2029}\u{2060}\u{e0041}", "\\u{2028}\\u{2029}\\u{2060}\\u{e0041}"),
            ("already \\u{1b}", "already \\u{1b}"),
        ] {
            let shown = one_line(text);
            assert_eq!(shown, line);
            assert_eq!(one_line(&shown), shown, "once is enough");
            assert_eq!(lines(text), line.replace("a\\nerror", "a\nerror"));
        }
        assert!(matches!(one_line("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_means_the_same() {
        let value =
            serde_json::json!({ "a\u{202e}": "\u{1b}\u{7f}\u{9b}\u{2028}\u{feff}\u{e0041}é\n", "b": [1, "\t"] });
        for text in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
            let shown = json(&text);
            assert!(!shown.contains(|character| character != '\n' && is_hidden(character)), "{shown}");
            assert!(shown.contains("\\u202e") && shown.contains("\\udb40\\udc41") && shown.contains('é'), "{shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }

    #[test]
    fn a_cut_is_between_characters() {
        assert_eq!((cut("äää", 5), cut("abc", 9), cut("abc", 0)), ("ää", "abc", ""));
    }
}
