//! The grammar of RFC 8259, one value at a time, by position in a body.
//!
//! Each function takes the place where its part begins and gives the place just behind it. None
//! recurses: open arrays and objects are bits on a stack of fixed size.

use crate::error::{ScanError, ScanErrorKind};
use crate::word;
use dpone_model::{Kind, Span};

/// How many arrays and objects may be open at once.
pub const MAX_DEPTH: usize = 1024;

pub(crate) type Lexed<T> = Result<T, Box<ScanError>>;

/// A value that has been proved to be JSON: what it is and where it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value {
    pub kind: Kind,
    /// As in [`dpone_model::FieldSpan::special`].
    pub special: bool,
    pub end: usize,
}

/// Whether `text` is exactly one JSON value, insignificant space around it included; its kind.
pub fn validate(text: &[u8]) -> Result<Kind, ScanError> {
    whole(text, 0).map_err(|error| *error)
}

/// The same for a text that will stand inside of `depth` arrays and objects.
pub(crate) fn whole(text: &[u8], depth: usize) -> Lexed<Kind> {
    let value = value(text, space(text, 0), depth)?;
    let end = space(text, value.end);
    if end == text.len() { Ok(value.kind) } else { Err(ScanError::syntax(end, "text after the value")) }
}

/// The kind of the value that starts at `at`, by its first byte.
pub(crate) fn kind_at(body: &[u8], at: usize) -> Option<Kind> {
    Some(match body.get(at)? {
        b'{' => Kind::Object,
        b'[' => Kind::Array,
        b'"' => Kind::String,
        b'-' | b'0'..=b'9' => Kind::Number,
        b't' => Kind::True,
        b'f' => Kind::False,
        b'n' => Kind::Null,
        _ => return None,
    })
}

/// Where the first value of a text starts: behind a byte order mark (RFC 8259, section 8.1, lets a
/// parser ignore it) and insignificant space.
pub(crate) fn start(body: &[u8]) -> usize {
    space(body, if body.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 })
}

/// Behind insignificant space.
#[inline(always)]
pub(crate) fn space(body: &[u8], at: usize) -> usize {
    match body.get(at) {
        Some(b' ' | b'\n' | b'\r' | b'\t') => more_space(body, at + 1),
        _ => at,
    }
}

fn more_space(body: &[u8], at: usize) -> usize {
    let rest = body.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

/// One value. `depth` is how many arrays and objects are open around it.
#[inline(always)]
pub(crate) fn value(body: &[u8], at: usize, depth: usize) -> Lexed<Value> {
    let (kind, special, end) = match body.get(at) {
        Some(b'"') => {
            let (end, escaped) = string(body, at)?;
            (Kind::String, escaped, end)
        }
        Some(b'-' | b'0'..=b'9') => {
            let (end, not_integer) = number(body, at)?;
            (Kind::Number, not_integer, end)
        }
        Some(b't') => (Kind::True, false, literal(body, at, b"true")?),
        Some(b'f') => (Kind::False, false, literal(body, at, b"false")?),
        Some(b'n') => (Kind::Null, false, literal(body, at, b"null")?),
        Some(b'{') => (Kind::Object, false, container(body, at, depth)?),
        Some(b'[') => (Kind::Array, false, container(body, at, depth)?),
        found => return Err(no_value(at, found.is_some())),
    };
    Ok(Value { kind, special, end })
}

/// A string, from its opening quote; also whether it holds a backslash.
#[inline(always)]
pub(crate) fn string(body: &[u8], open: usize) -> Lexed<(usize, bool)> {
    let mut at = open + 1;
    let mut seen = 0;
    let mut escaped = false;
    loop {
        while let Some(word) = word::load(body, at) {
            seen |= word;
            let stops = word::string_stops(word);
            if stops != 0 {
                at += word::before_first(stops);
                break;
            }
            at += 8;
        }
        match body.get(at) {
            Some(b'"') => break,
            Some(b'\\') => {
                escaped = true;
                at = escape(body, at)?;
            }
            Some(0..0x20) => return Err(ScanError::syntax(at, "a control character in a string")),
            // Only among the last seven bytes, where no whole word could be loaded.
            Some(byte) => {
                seen |= u64::from(*byte);
                at += 1;
            }
            None => return Err(ScanError::syntax(at, "the text ends inside a string")),
        }
    }
    if word::has_high_bit(seen) {
        utf8(body, open, at)?;
    }
    Ok((at + 1, escaped))
}

/// The second look at a string that is not all ASCII.
#[inline(never)]
fn utf8(body: &[u8], start: usize, end: usize) -> Lexed<()> {
    match std::str::from_utf8(body.get(start..end).unwrap_or_default()) {
        Ok(_) => Ok(()),
        Err(error) => Err(ScanError::syntax(start + error.valid_up_to(), "a string that is not UTF-8")),
    }
}

/// Behind an escape, from its backslash. A surrogate may stand alone: the grammar allows it.
#[inline(never)]
fn escape(body: &[u8], at: usize) -> Lexed<usize> {
    match body.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => {
            let digits = body.get(at + 2..at + 6).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            digits.map(|_| at + 6).ok_or_else(|| ScanError::syntax(at, "an escape without four hexadecimal digits"))
        }
        Some(_) => Err(ScanError::syntax(at, "an unknown escape in a string")),
        None => Err(ScanError::syntax(at + 1, "the text ends inside a string")),
    }
}

/// A number; also whether it has a fraction or an exponent.
#[inline(always)]
fn number(body: &[u8], start: usize) -> Lexed<(usize, bool)> {
    let first = if body.get(start) == Some(&b'-') { start + 1 } else { start };
    let end = match body.get(first) {
        Some(b'0') => first + 1,
        Some(b'1'..=b'9') => digits(body, first + 1),
        _ => return Err(ScanError::syntax(first, "a number without digits")),
    };
    match body.get(end) {
        Some(b'.' | b'e' | b'E') => fraction_and_exponent(body, end).map(|end| (end, true)),
        _ => Ok((end, false)),
    }
}

#[inline]
fn fraction_and_exponent(body: &[u8], mut at: usize) -> Lexed<usize> {
    if body.get(at) == Some(&b'.') {
        let end = digits(body, at + 1);
        if end == at + 1 {
            return Err(ScanError::syntax(end, "a fraction without digits"));
        }
        at = end;
    }
    if let Some(b'e' | b'E') = body.get(at) {
        let first = at + 1 + usize::from(matches!(body.get(at + 1), Some(b'+' | b'-')));
        let end = digits(body, first);
        if end == first {
            return Err(ScanError::syntax(end, "an exponent without digits"));
        }
        at = end;
    }
    Ok(at)
}

/// Behind any number of digits.
#[inline(always)]
fn digits(body: &[u8], mut at: usize) -> usize {
    while let Some(word) = word::load(body, at) {
        let stops = word::non_digits(word);
        if stops != 0 {
            return at + word::before_first(stops);
        }
        at += 8;
    }
    let rest = body.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[inline(always)]
fn literal<const N: usize>(body: &[u8], at: usize, word: &[u8; N]) -> Lexed<usize> {
    let found = body.get(at..).and_then(|rest| rest.first_chunk::<N>());
    if found == Some(word) { Ok(at + N) } else { Err(ScanError::syntax(at, "a word that is not true, false or null")) }
}

/// A member's name and its colon, from the name's quote; the place where the value starts.
#[inline(always)]
pub(crate) fn name_and_colon(body: &[u8], at: usize) -> Lexed<usize> {
    if body.get(at) != Some(&b'"') {
        return Err(ScanError::syntax(at, "a name in quotes was expected"));
    }
    let (end, _) = string(body, at)?;
    colon(body, end)
}

/// The colon behind a member's name, and the space around it.
#[inline(always)]
pub(crate) fn colon(body: &[u8], at: usize) -> Lexed<usize> {
    let at = space(body, at);
    if body.get(at) != Some(&b':') {
        return Err(ScanError::syntax(at, "a colon was expected"));
    }
    Ok(space(body, at + 1))
}

/// An array or object with all that is in it, from its bracket.
#[inline(never)]
pub(crate) fn container(body: &[u8], start: usize, depth: usize) -> Lexed<usize> {
    walk(body, start, depth, |_| None)
}

/// The same where one value in it, which is not the container itself, is known and need not be looked at.
#[inline(never)]
pub(crate) fn container_around(body: &[u8], start: usize, known: Span) -> Lexed<usize> {
    let (from, to) = (known.start as usize, known.end as usize);
    walk(body, start, 0, |at| if at == from && from != start { Some(to) } else { None })
}

/// `known` gives the end of a value that is known to start at a place.
#[inline(always)]
fn walk(body: &[u8], start: usize, depth: usize, known: impl Fn(usize) -> Option<usize>) -> Lexed<usize> {
    let mut open = Open { bits: [0; MAX_DEPTH / 64], len: 0, around: depth };
    let mut at = start;
    loop {
        // Here `at` is where a value has to start.
        match (known(at), body.get(at)) {
            (Some(end), _) => at = end,
            (None, Some(b'{')) => {
                open.push(at, true)?;
                at = space(body, at + 1);
                if body.get(at) != Some(&b'}') {
                    at = name_and_colon(body, at)?;
                    continue;
                }
            }
            (None, Some(b'[')) => {
                open.push(at, false)?;
                at = space(body, at + 1);
                if body.get(at) != Some(&b']') {
                    continue;
                }
            }
            (None, _) => at = scalar(body, at)?,
        }
        // Here a value has ended, or an empty container is about to.
        loop {
            at = space(body, at);
            match (body.get(at), open.in_object()) {
                (Some(b','), true) => {
                    at = name_and_colon(body, space(body, at + 1))?;
                    break;
                }
                (Some(b','), false) => {
                    at = space(body, at + 1);
                    break;
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    at += 1;
                    open.len -= 1;
                    if open.len == 0 {
                        return Ok(at);
                    }
                }
                (_, in_object) => return Err(no_separator(at, in_object)),
            }
        }
    }
}

/// A value that is neither array nor object.
#[inline(always)]
fn scalar(body: &[u8], at: usize) -> Lexed<usize> {
    match body.get(at) {
        Some(b'"') => string(body, at).map(|(end, _)| end),
        Some(b'-' | b'0'..=b'9') => number(body, at).map(|(end, _)| end),
        Some(b't') => literal(body, at, b"true"),
        Some(b'f') => literal(body, at, b"false"),
        Some(b'n') => literal(body, at, b"null"),
        found => Err(no_value(at, found.is_some())),
    }
}

#[cold]
pub(crate) fn no_value(at: usize, is_there: bool) -> Box<ScanError> {
    ScanError::syntax(at, if is_there { "a value was expected" } else { "the text ends where a value was expected" })
}

#[cold]
pub(crate) fn no_separator(at: usize, in_object: bool) -> Box<ScanError> {
    ScanError::syntax(at, if in_object { "`,` or `}` was expected" } else { "`,` or `]` was expected" })
}

/// Fails where one more container inside of `depth` would be too deep.
#[inline(always)]
pub(crate) fn may_open(at: usize, depth: usize) -> Lexed<()> {
    if depth < MAX_DEPTH { Ok(()) } else { Err(ScanError::boxed(at, ScanErrorKind::TooDeep)) }
}

/// The open arrays (0) and objects (1), innermost last.
struct Open {
    bits: [u64; MAX_DEPTH / 64],
    len: usize,
    /// Containers around the one that the scan started with; they count for the limit.
    around: usize,
}

impl Open {
    #[inline(always)]
    fn push(&mut self, at: usize, is_object: bool) -> Lexed<()> {
        may_open(at, self.around + self.len)?;
        if let Some(bits) = self.bits.get_mut(self.len / 64) {
            let bit = 1 << (self.len % 64);
            *bits = if is_object { *bits | bit } else { *bits & !bit };
        }
        self.len += 1;
        Ok(())
    }

    #[inline(always)]
    fn in_object(&self) -> bool {
        let last = self.len.wrapping_sub(1);
        self.bits.get(last / 64).is_some_and(|bits| bits >> (last % 64) & 1 == 1)
    }
}
