//! What a plugin says, made fit for a terminal and a log.

/// At most this much of one message from a plugin is shown.
pub(crate) const MAX_MESSAGE_BYTES: usize = 4 << 10;

/// One line without control characters, at most `max_bytes` long: a plugin's text must neither
/// move a terminal's cursor nor pretend to be a line of the host.
pub(crate) fn one_line(text: &str, max_bytes: usize) -> String {
    let kept = cut(text, max_bytes);
    let mut line: String = kept.trim_end().chars().map(|c| if is_unprintable(c) { ' ' } else { c }).collect();
    if kept.len() < text.len() {
        line.push('…');
    }
    line
}

/// The longest prefix of `text` that has at most `max_bytes` and ends between characters.
pub(crate) fn cut(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes)).unwrap_or(text)
}

fn is_unprintable(c: char) -> bool {
    // Bidirectional controls reorder what a reader sees.
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_plain_and_bounded() {
        for (text, max, expected) in [
            ("plain", 10, "plain"),
            ("two\nlines\n", 20, "two lines"),
            ("\u{1b}[31mred", 20, " [31mred"),
            ("ääää", 5, "ää…"),
            ("a\u{202e}b", 20, "a b"),
            ("", 0, ""),
        ] {
            assert_eq!(one_line(text, max), expected, "{text:?}");
        }
    }
}
