//! Text of a plugin, made fit for a terminal and a log. Every text of a plugin that people read passes here,
//! where it comes in.

use dpone_model::redact;

/// At most this much of one message from a plugin is shown.
pub(crate) const MAX_MESSAGE_BYTES: usize = 2 << 10;

/// One line without secrets and hidden characters, at most `max_bytes` long, and the text's length where that
/// is more: a plugin's text must neither move a terminal's cursor nor pretend to be a line of the host, and a
/// page may have held a secret.
pub(crate) fn one_line(text: &str, max_bytes: usize) -> String {
    let line = redact::excerpt(text, max_bytes);
    if line.ends_with('…') && text.len() > max_bytes { format!("{line} ({} bytes)", text.len()) } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_plain_and_bounded() {
        redact::protect("a-secret-of-the-page");
        for (text, max, expected) in [
            ("plain", 10, "plain"),
            ("two\nlines\n", 20, "two\\nlines"),
            ("\u{1b}[31mred", 20, "\\u{1b}[31mred"),
            ("ääää", 5, "ää… (8 bytes)"),
            ("ä", 1, "… (2 bytes)"),
            ("a\u{202e}b", 20, "a\\u{202e}b"),
            ("says a-secret-of-the-page", 15, "says [redacted]"),
            ("says a-secret-of-the-page", 9, "says [red… (25 bytes)"),
            ("ends…", 7, "ends…"),
            ("", 0, ""),
        ] {
            assert_eq!(one_line(text, max), expected, "{text:?}");
        }
    }
}
