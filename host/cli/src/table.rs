//! Cells of the tables that a person reads.

use dpone_model::redact;
use jiff::Timestamp;

/// The longest cell of foreign text.
const MAX_CELL_BYTES: usize = 160;

/// How long ago something was, in its largest unit: `12 s`, `5 min`, `3 h`, `9 d`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Text from a file, such as an error's message, as one short line.
pub fn cell(text: &str) -> String {
    redact::excerpt(text, MAX_CELL_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn an_age_has_one_unit() {
        let then: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        for (seconds, shown) in [
            (-5, "0 s"),
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (86_399, "23 h"),
            (86_400, "1 d"),
            (9_999_999, "115 d"),
        ] {
            assert_eq!(age(then + SignedDuration::from_secs(seconds), then), shown);
        }
    }

    #[test]
    fn foreign_text_is_one_short_line() {
        assert_eq!(cell("page 3:\nno JSON\u{1b}[2J"), "page 3:\\nno JSON\\u{1b}[2J");
        assert_eq!(cell(&"é".repeat(500)).len(), MAX_CELL_BYTES + "…".len());
    }
}
