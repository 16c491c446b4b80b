//! When to try again, and after how long.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::time::Duration;

/// `source.options.retry`; a default is the manifest's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// 5, the first one included; 0 counts as 1.
    pub max_attempts: u32,
    /// 500 ms: the first pause is at most this long, each further one at most twice as long.
    pub base: Duration,
    /// 30 s: no pause of our own is longer.
    pub max: Duration,
    /// 60 s over all attempts and pauses, but for pauses that the server asked for.
    pub max_elapsed: Duration,
    /// 300 s: a longer `Retry-After` ends the request.
    pub max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            base: Duration::from_millis(500),
            max: Duration::from_secs(30),
            max_elapsed: Duration::from_secs(60),
            max_retry_after: Duration::from_secs(300),
        }
    }
}

impl RetryPolicy {
    /// The longest pause after attempt `attempt` (from 1).
    fn ceiling(&self, attempt: u32) -> Duration {
        let factor = 2u32.saturating_pow(attempt.saturating_sub(1));
        self.base.saturating_mul(factor).min(self.max)
    }

    /// Full jitter: evenly between nothing and the ceiling, so that clients that failed together
    /// do not come back together. `random` is any 64 bits.
    pub(crate) fn pause(&self, attempt: u32, random: u64) -> Duration {
        let ceiling = u64::try_from(self.ceiling(attempt).as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(random.checked_rem(ceiling.saturating_add(1)).unwrap_or(0))
    }
}

/// Statuses that may be gone at the next attempt. A 403 is one where the server asks to wait: APIs
/// answer so when a limit is reached. Without that it says that something is forbidden.
pub(crate) fn is_transient(status: u16, asks_to_wait: bool) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504) || (status == 403 && asks_to_wait)
}

/// `Retry-After` (RFC 9110, section 10.2.3) as a pause from `now`: seconds, or a date in any of the
/// three forms of section 5.6.7. A date in the past is no pause; anything else is `None`.
pub(crate) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are more seconds than anybody waits.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = http_date(value)?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

fn http_date(text: &str) -> Option<Timestamp> {
    const FORMS: [&str; 3] = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    FORMS
        .iter()
        .find_map(|form| DateTime::strptime(form, text).ok())
        .and_then(|date| date.to_zoned(TimeZone::UTC).ok())
        .map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_all_its_forms() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        for (value, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn pauses_grow_to_the_maximum_and_no_further() {
        let policy =
            RetryPolicy { base: Duration::from_millis(500), max: Duration::from_secs(3), ..RetryPolicy::default() };
        let longest: Vec<u128> = (1..=5).map(|n| policy.ceiling(n).as_millis()).collect();
        assert_eq!(longest, [500, 1000, 2000, 3000, 3000]);
        assert_eq!(policy.ceiling(u32::MAX), policy.max);
        for random in [0, 1, 499_999, 500_000, 500_001, u64::MAX] {
            assert!(policy.pause(1, random) <= Duration::from_millis(500), "{random}");
        }
        assert_eq!(policy.pause(1, 500_000), Duration::from_millis(500));
    }
}
