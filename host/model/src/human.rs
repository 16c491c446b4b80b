//! Sizes, times and numbers as people read them.

use crate::redact;
use std::time::Duration;

/// A number of bytes: `20 GiB`, `1.5 MiB`, `937 B`. A size that is no round number has one decimal.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut shown = (count as f64, "B");
    let mut scale = 1_u64;
    for unit in UNITS {
        if count / scale < 1024 {
            break;
        }
        scale <<= 10;
        shown = (count as f64 / scale as f64, unit);
    }
    let (value, unit) = shown;
    if count.is_multiple_of(scale) { format!("{value} {unit}") } else { format!("{value:.1} {unit}") }
}

/// A time: `850 ms`, `12.3 s`, `2 min 5 s`, `1 h 30 min`, `3 d 4 h`. The smaller unit stays out where it is 0.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        small => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match seconds {
        0 if !duration.is_zero() => format!("{} ms", duration.as_millis().max(1)),
        0..60 if duration.subsec_millis() >= 50 => format!("{:.1} s", duration.as_secs_f64()),
        0..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// A number of things: `1 page`, `2 pages`.
pub fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Names as a message lists them: `` `id`, `name` ``. A long list is cut, and says how much was left out;
/// a long name is cut, too, because an API may use whole documents as keys.
pub fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 100;
    const MAX_NAME_BYTES: usize = 200;
    let quoted = |name: &str| format!("`{}`", redact::excerpt(name, MAX_NAME_BYTES));
    let mut names = names.into_iter();
    let shown: Vec<String> = names.by_ref().take(SHOWN).map(quoted).collect();
    let more = names.count();
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(names(["a", "b"]), "`a`, `b`");
        assert_eq!(names([]), "");
        assert_eq!(names(["é".repeat(101).as_str()]), format!("`{}…`", "é".repeat(100)));
        let many: Vec<String> = (1..=103).map(|n| n.to_string()).collect();
        let text = names(many.iter().map(String::as_str));
        assert!(text.starts_with("`1`, `2`, ") && text.ends_with("`99`, `100` and 3 more"), "{text}");
    }

    #[test]
    fn sizes() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (1_048_588, "1.0 MiB"),
            (21_474_836_480, "20 GiB"),
            (1 << 40, "1 TiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn times() {
        for (ms, text) in [
            (0, "0 s"),
            (850, "850 ms"),
            (1000, "1 s"),
            (1049, "1 s"),
            (12_340, "12.3 s"),
            (60_000, "1 min"),
            (125_900, "2 min 5 s"),
            (5_400_000, "1 h 30 min"),
            (86_400_000, "1 d"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(ms)), text);
        }
        assert_eq!(duration(Duration::from_micros(1)), "1 ms");
    }
}
