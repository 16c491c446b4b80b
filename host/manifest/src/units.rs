//! Sizes and durations as people write them.

use std::time::Duration;

/// `64MiB`, `20 GB`, `512k`, `1024`: bytes. `k`, `M`, `G`, `T` and their `B` forms are powers of
/// 1000, the `i` forms powers of 1024, in either case. `None` for anything else.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1000_u64.pow(2),
        "g" | "gb" => 1000_u64.pow(3),
        "t" | "tb" => 1000_u64.pow(4),
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        "ti" | "tib" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// `500ms`, `30s`, `5m`, `1h30m`, `2d`, `1w`, or a bare number of seconds such as `30` or `0.5`.
/// Months and years have no fixed length and are refused, as is anything beyond 10,000 days.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Some(duration) = seconds(text) {
        return within_bounds(duration);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, tail) = split_unit(rest)?;
        let length = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at_checked(length)?;
        let milliseconds: u64 = match unit.to_ascii_lowercase().as_str() {
            "ms" | "millisecond" | "milliseconds" => 1,
            "s" | "sec" | "second" | "seconds" => 1000,
            "m" | "min" | "minute" | "minutes" => 60_000,
            "h" | "hour" | "hours" => 3_600_000,
            "d" | "day" | "days" => 86_400_000,
            "w" | "week" | "weeks" => 7 * 86_400_000,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(milliseconds)?;
        total = total.checked_add(Duration::from_millis(part))?;
        rest = after.trim_start();
    }
    if text.is_empty() { None } else { within_bounds(total) }
}

/// Digits and an optional decimal fraction.
fn seconds(text: &str) -> Option<Duration> {
    let is_decimal =
        text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_decimal.then(|| text.parse::<f64>().ok()).flatten().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

fn within_bounds(duration: Duration) -> Option<Duration> {
    (duration <= Duration::from_secs(10_000 * 86_400)).then_some(duration)
}

fn split_unit(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    (!number.is_empty()).then(|| (number, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("64MiB", Some(64 << 20)),
            ("64 mib", Some(64 << 20)),
            ("20GB", Some(20_000_000_000)),
            ("512k", Some(512_000)),
            ("1.5MiB", None),
            ("-1", None),
            ("MiB", None),
            ("99999999TiB", None),
            ("", None),
        ] {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
    }

    #[test]
    fn durations() {
        let ms = |n| Some(Duration::from_millis(n));
        for (text, expected) in [
            ("30", ms(30_000)),
            ("0.5", ms(500)),
            ("500ms", ms(500)),
            ("5m", ms(300_000)),
            ("1h30m", ms(5_400_000)),
            ("1h 30m", ms(5_400_000)),
            ("2 days", ms(172_800_000)),
            ("1 month", None),
            ("-1s", None),
            ("1e3", None),
            ("", None),
            ("99999999999999999999", None),
            ("5m banana", None),
        ] {
            assert_eq!(parse_duration(text), expected, "{text}");
        }
    }
}
