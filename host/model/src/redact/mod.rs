//! Takes secrets out of all that leaves the process: terminal, logs, artifacts, journal heads, recorded cases,
//! plans. Messages of Kafka and journalled bodies are data and stay as they are.
//!
//! One list for the process, so that no way out can forget it. Who learns a secret calls [`protect`]; a
//! signature, which is made anew for each request, goes to [`protect_for_now`]. Every way out calls [`text`] or
//! [`json`]. An excerpt is made with [`excerpt`] or [`window`], which look for secrets before they cut: the
//! start of a secret at the end of an excerpt would be no secret any more that anyone finds.
//!
//! A value is found as it stands, percent-encoded, as JSON and HTML escape it, in these encodings within each
//! other ([`spelling`]), and as base64 and hexadecimal digits ([`needle`]).

mod needle;
mod spelling;

use crate::foreign;
use needle::Needle;
use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// A shorter value occurs by chance, and an empty one everywhere: it is not looked for.
pub const MIN_SECRET_BYTES: usize = 6;

/// Signatures that are known at a time, with what they were made of.
const MAX_RECENT: usize = 128;
/// The longest one: no server takes a header or a parameter that is longer.
const MAX_RECENT_BYTES: usize = 64 << 10;

static KNOWN: RwLock<Known> = RwLock::new(Known::new());

/// The process's secrets.
struct Known {
    redactor: Redactor,
    lasting: BTreeSet<Vec<u8>>,
    /// With the numbers that the redactor has them by, the oldest first.
    recent: VecDeque<(u64, Vec<u8>)>,
}

impl Known {
    const fn new() -> Self {
        Self { redactor: Redactor::new(), lasting: BTreeSet::new(), recent: VecDeque::new() }
    }
}

fn known() -> RwLockReadGuard<'static, Known> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner)
}

fn known_mut() -> RwLockWriteGuard<'static, Known> {
    KNOWN.write().unwrap_or_else(PoisonError::into_inner)
}

/// From now on nothing shows this secret.
pub fn protect(secret: impl AsRef<[u8]>) {
    let secret = secret.as_ref();
    let is_known = known().lasting.contains(secret);
    if !is_known {
        let mut known = known_mut();
        known.redactor.add(secret);
        known.lasting.insert(secret.to_vec());
    }
}

/// The same for one of the many that a run makes: as long as it is among the last ones.
pub fn protect_for_now(secret: impl AsRef<[u8]>) {
    let secret = secret.as_ref();
    let mut known = known_mut();
    if !(MIN_SECRET_BYTES..=MAX_RECENT_BYTES).contains(&secret.len())
        || known.lasting.contains(secret)
        || known.recent.iter().any(|(_, recent)| recent == secret)
    {
        return;
    }
    let number = known.redactor.add(secret);
    known.recent.push_back((number, secret.to_vec()));
    if known.recent.len() > MAX_RECENT
        && let Some((oldest, _)) = known.recent.pop_front()
    {
        known.redactor.forget(oldest);
    }
}

/// The text without secrets.
pub fn text(text: &str) -> Cow<'_, str> {
    known().redactor.text(text)
}

/// A URL that work goes on with. Its path stays as it is: where a secret is an ordinary word, the path may be
/// that word, and another path would be another address.
pub fn url(url: &str) -> Cow<'_, str> {
    let Some((path, rest)) = url.split_once(['?', '#']) else { return Cow::Borrowed(url) };
    match text(rest) {
        Cow::Borrowed(_) => Cow::Borrowed(url),
        Cow::Owned(clean) => Cow::Owned(format!("{path}{}{clean}", url.get(path.len()..=path.len()).unwrap_or("?"))),
    }
}

/// JSON text without secrets in its strings, and still JSON.
pub fn json(text: &str) -> Cow<'_, str> {
    known().redactor.json(text)
}

/// Whether a secret stands in it.
pub fn holds_secret(bytes: &[u8]) -> bool {
    known().redactor.bytes(bytes).1 > 0
}

/// One line of foreign text for a message: without secrets, without hidden characters, and not longer than
/// `max_bytes`; `…` where more was cut away.
pub fn excerpt(text: impl AsRef<[u8]>, max_bytes: usize) -> String {
    known().redactor.excerpt(text.as_ref(), max_bytes)
}

/// The text from `start` to `end`, without the secrets that reach into it.
pub fn window(bytes: &[u8], start: usize, end: usize) -> Vec<u8> {
    known().redactor.replaced(bytes, start, end, usize::MAX).0
}

/// Knows values that may not be shown.
#[derive(Clone)]
pub struct Redactor {
    /// By their first byte; empty as long as there is none.
    needles: Vec<Vec<Needle>>,
    longest: usize,
    next_number: u64,
}

impl Redactor {
    pub const fn new() -> Self {
        Self { needles: Vec::new(), longest: 0, next_number: 0 }
    }

    /// Adds a value in all its encodings; one that is too short is not looked for.
    pub fn add(&mut self, secret: &[u8]) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        if secret.len() < MIN_SECRET_BYTES {
            return number;
        }
        self.needles.resize_with(256, Vec::new);
        for needle in needle::encodings(secret, number) {
            self.longest = self.longest.max(needle.bytes.len());
            for first in needle.first_bytes() {
                if let Some(bucket) = self.needles.get_mut(usize::from(first)) {
                    bucket.push(needle.clone());
                }
            }
        }
        number
    }

    fn forget(&mut self, number: u64) {
        self.needles.iter_mut().for_each(|bucket| bucket.retain(|needle| needle.number != number));
    }

    fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.bytes(text.as_bytes()) {
            (Cow::Owned(clean), count) if count > 0 => Cow::Owned(String::from_utf8_lossy(&clean).into_owned()),
            _ => Cow::Borrowed(text),
        }
    }

    /// The bytes without secrets, and how many there were.
    pub fn bytes<'a>(&self, text: &'a [u8]) -> (Cow<'a, [u8]>, u64) {
        if self.is_empty() {
            return (Cow::Borrowed(text), 0);
        }
        match self.replaced(text, 0, text.len(), usize::MAX) {
            (_, 0) => (Cow::Borrowed(text), 0),
            (clean, count) => (Cow::Owned(clean), count),
        }
    }

    /// JSON text without secrets in its strings. Numbers cannot hold a redaction and stay, and so do names of
    /// our own documents, without which nobody could read them: a secret may be an ordinary word.
    pub fn json<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, string, after)) = next_string(rest) {
            out.push_str(before);
            let is_own_name = after.trim_start().starts_with(':') && is_own_name(string);
            out.push_str(&if is_own_name { Cow::Borrowed(string) } else { self.json_string(string) });
            rest = after;
        }
        out.push_str(rest);
        Cow::Owned(out)
    }

    /// A string with its quotes.
    fn json_string<'a>(&self, quoted: &'a str) -> Cow<'a, str> {
        let Ok(text) = serde_json::from_str::<String>(quoted) else {
            // Half of a surrogate pair: no text can hold it, and a part cannot be taken out of the escapes.
            let (_, count) = self.bytes(quoted.as_bytes());
            return if count > 0 { Cow::Owned(format!("\"{REDACTED}\"")) } else { Cow::Borrowed(quoted) };
        };
        match self.text(&text) {
            Cow::Borrowed(_) => Cow::Borrowed(quoted),
            Cow::Owned(clean) => Cow::Owned(serde_json::Value::from(clean).to_string()),
        }
    }

    fn excerpt(&self, text: &[u8], max_bytes: usize) -> String {
        let (clean, _, end) = self.replaced_until(text, 0, text.len(), max_bytes);
        let clean = String::from_utf8_lossy(&clean);
        let line = foreign::one_line(clean.trim_end());
        let cut = foreign::cut(&line, max_bytes);
        let is_whole = cut.len() == line.len() && end >= text.trim_ascii_end().len();
        format!("{cut}{}", if is_whole { "" } else { "…" })
    }

    fn replaced(&self, text: &[u8], start: usize, end: usize, max_bytes: usize) -> (Vec<u8>, u64) {
        let (out, count, _) = self.replaced_until(text, start, end, max_bytes);
        (out, count)
    }

    /// The text from `start` to `end` without secrets, how many there were, and where it ends in `text`:
    /// at `end`, behind a secret that reaches further, or where `max_bytes` are full.
    fn replaced_until(&self, text: &[u8], start: usize, end: usize, max_bytes: usize) -> (Vec<u8>, u64, usize) {
        let end = end.min(text.len());
        let mut out = Vec::with_capacity(end.saturating_sub(start).min(max_bytes));
        let mut count = 0;
        // A secret that begins before the start may reach into it.
        let mut at = start.saturating_sub(self.longest.saturating_mul(spelling::MAX_BYTES_OF_ONE)).min(end);
        while at < end && out.len() <= max_bytes {
            let rest = text.get(at..).unwrap_or_default();
            if rest.starts_with(REDACTED.as_bytes()) {
                at += REDACTED.len();
                if at > start {
                    out.extend_from_slice(REDACTED.as_bytes());
                }
            } else if let Some(found) = self.found_at(text, at) {
                at = found.end;
                if at > start {
                    if found.begins_before && out.last().is_some_and(|byte| needle::is_base64(*byte)) {
                        out.pop();
                    }
                    out.extend_from_slice(REDACTED.as_bytes());
                    count += 1;
                }
            } else {
                if at >= start {
                    out.extend(rest.first());
                }
                at += 1;
            }
        }
        (out, count, at)
    }

    /// The longest secret that begins here.
    fn found_at(&self, text: &[u8], at: usize) -> Option<Found> {
        let mut longest: Option<Found> = None;
        spelling::first_bytes(text, at, |byte| {
            for needle in self.needles.get(usize::from(byte)).into_iter().flatten() {
                let Some(end) = needle.end_at(text, at) else { continue };
                if longest.as_ref().is_none_or(|longest| longest.end < end) {
                    longest = Some(Found { end, begins_before: needle.begins_before() });
                }
            }
        });
        longest
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

struct Found {
    end: usize,
    /// The character before holds bits of it.
    begins_before: bool,
}

/// Whether a quoted member name is of the form that those of our own documents have.
fn is_own_name(quoted: &str) -> bool {
    const LONGEST: usize = 40;
    quoted.len() <= LONGEST && quoted.trim_matches('"').bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The part before the first string of JSON text, the string with its quotes, and what stands behind it.
fn next_string(json: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = json.split_at(json.find('"')?);
    let mut escaped = false;
    let inner = rest.bytes().skip(1).position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => byte == b'"',
    })?;
    let (string, after) = rest.split_at_checked(inner + 2)?;
    Some((before, string, after))
}

#[cfg(test)]
mod tests;
