//! The ways in which a value is written within other text: percent-encoded, escaped as JSON, program text and
//! HTML do it, and these within each other, as a URL in a URL in a JSON string is.
//!
//! There are far too many to list them for a value, since a writer may encode any character or leave it as it
//! is. So text is read instead: at each place, all that the next characters may stand for.

use std::collections::HashSet;

/// The most bytes that stand for one byte of a value: a Unicode escape with two backslashes, each character
/// percent-encoded twice over.
pub(super) const MAX_BYTES_OF_ONE: usize = 40;

/// Percent-encoding within percent-encoding.
const MAX_LAYERS: usize = 4;
/// Backslashes before one escaped character: JSON within JSON doubles them.
const MAX_BACKSLASHES: usize = 16;

/// Whether a byte may begin something that stands for another.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&' | b'+')
}

/// The end of `needle`, if it is written at `at`; the longest spelling.
pub(super) fn end_at(text: &[u8], at: usize, needle: &[u8], same: fn(u8, u8) -> bool) -> Option<usize> {
    let mut place = at;
    for (index, wanted) in needle.iter().enumerate() {
        let byte = *text.get(place)?;
        if is_special(byte) {
            return any_end(text, (index, place), needle, same);
        }
        if !same(byte, *wanted) {
            return None;
        }
        place += 1;
    }
    Some(place)
}

/// The same where a character may have several meanings: follows all of them.
fn any_end(text: &[u8], from: (usize, usize), needle: &[u8], same: fn(u8, u8) -> bool) -> Option<usize> {
    let (mut open, mut seen, mut longest) = (vec![from], HashSet::new(), None);
    while let Some((index, place)) = open.pop() {
        let wanted = needle.get(index..).unwrap_or_default();
        if wanted.is_empty() {
            longest = longest.max(Some(place));
        } else if seen.insert((index, place)) {
            units(text, place, &mut |bytes, next| {
                let is_wanted =
                    wanted.len() >= bytes.len() && bytes.iter().zip(wanted).all(|(byte, wanted)| same(*byte, *wanted));
                if is_wanted {
                    open.push((index + bytes.len(), next));
                }
            });
        }
    }
    longest
}

/// The first bytes of all that may stand here, each once or more.
pub(super) fn first_bytes(text: &[u8], at: usize, mut each: impl FnMut(u8)) {
    match text.get(at) {
        Some(byte) if is_special(*byte) => {
            let mut seen: Vec<u8> = Vec::new();
            units(text, at, &mut |bytes, _| {
                let first = bytes.first().copied().unwrap_or_default();
                if !seen.contains(&first) {
                    seen.push(first);
                    each(first);
                }
            });
        }
        Some(byte) => each(*byte),
        None => {}
    }
}

/// All that the characters at `at` may stand for, each with where the next ones are.
fn units(text: &[u8], at: usize, each: &mut dyn FnMut(&[u8], usize)) {
    let Some(raw) = text.get(at) else { return };
    each(&[*raw], at + 1);
    percent(text, at, &mut |byte, next| each(&[byte], next));
    match read(text, at) {
        Some((b'+', next)) => each(b" ", next),
        Some((b'&', next)) => entity(text, next, each),
        Some((b'\\', _)) => escape(text, at, each),
        _ => {}
    }
}

/// `%41`; `%2541` or `%25%34%31` for the same encoded twice.
fn percent(text: &[u8], at: usize, each: &mut dyn FnMut(u8, usize)) {
    let mut outer = decoded(text, at, 0);
    for layers in 1..=MAX_LAYERS {
        let inner = decoded(text, at, layers);
        match inner {
            Some((byte, next)) if inner != outer => each(byte, next),
            _ => return,
        }
        outer = inner;
    }
}

/// The character at `at` in its innermost meaning under percent-encoding, and where the next one is.
fn read(text: &[u8], at: usize) -> Option<(u8, usize)> {
    decoded(text, at, MAX_LAYERS)
}

/// The same for a number of layers. What is no escape in a layer stands for itself.
fn decoded(text: &[u8], at: usize, layers: usize) -> Option<(u8, usize)> {
    let raw = *text.get(at)?;
    if raw != b'%' || layers == 0 {
        return Some((raw, at + 1));
    }
    let outer = decoded(text, at, layers - 1)?;
    let (b'%', digits) = outer else { return Some(outer) };
    let digit = |at: usize| {
        let (digit, next) = decoded(text, at, layers - 1)?;
        Some((char::from(digit).to_digit(16)?, next))
    };
    let escape = digit(digits).and_then(|(high, next)| digit(next).map(|(low, next)| (high * 16 + low, next)));
    Some(escape.map_or(outer, |(byte, next)| (byte as u8, next)))
}

/// `\"`, `\n`, `\u0041`, `\u{41}`, `\x41`; JSON within JSON has more backslashes.
fn escape(text: &[u8], at: usize, each: &mut dyn FnMut(&[u8], usize)) {
    let mut place = at;
    for backslashes in 1..=MAX_BACKSLASHES {
        match read(text, place) {
            Some((b'\\', next)) => place = next,
            _ => break,
        }
        if matches!(backslashes, 2 | 4 | 8) {
            each(b"\\", place);
        }
    }
    let Some((character, next)) = read(text, place) else { return };
    match character {
        b'n' => each(b"\n", next),
        b't' => each(b"\t", next),
        b'r' => each(b"\r", next),
        b'b' => each(b"\x08", next),
        b'f' => each(b"\x0c", next),
        b'u' => unicode(text, next, each),
        b'x' => {
            if let Some((code, next)) = hex_read(text, next, 2) {
                each(&[code as u8], next);
                character_of(code, next, each);
            }
        }
        // HTML that holds JSON.
        b'&' => {
            each(b"&", next);
            entity(text, next, each);
        }
        other if other.is_ascii_punctuation() && other != b'\\' => each(&[other], next),
        _ => {}
    }
}

/// From behind the `u`.
fn unicode(text: &[u8], at: usize, each: &mut dyn FnMut(&[u8], usize)) {
    if let Some((b'{', first)) = read(text, at) {
        for digits in 1..=6 {
            let Some((code, next)) = hex_read(text, first, digits) else { return };
            if let Some((b'}', next)) = read(text, next) {
                return character_of(code, next, each);
            }
        }
        return;
    }
    let Some((code, next)) = hex_read(text, at, 4) else { return };
    if !(0xd800..0xdc00).contains(&code) {
        return character_of(code, next, each);
    }
    let mut place = next;
    while let Some((b'\\', next)) = read(text, place) {
        place = next;
    }
    let low = read(text, place).filter(|(byte, _)| *byte == b'u').and_then(|(_, digits)| hex_read(text, digits, 4));
    if let Some((low, next)) = low.filter(|(low, _)| (0xdc00..0xe000).contains(low)) {
        character_of(0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00), next, each);
    }
}

/// `&amp;`, `&#39;`, `&#x27;`, from behind the `&`; HTML within HTML, such as `&amp;lt;`, in as many layers as
/// are looked for elsewhere.
fn entity(text: &[u8], at: usize, each: &mut dyn FnMut(&[u8], usize)) {
    let mut at = at;
    for _ in 0..MAX_LAYERS {
        let Some((code, next)) = entity_code(text, at) else { return };
        character_of(code, next, each);
        if code != u32::from(b'&') {
            return;
        }
        at = next;
    }
}

/// The character that a reference stands for, and the place behind it.
fn entity_code(text: &[u8], at: usize) -> Option<(u32, usize)> {
    const LONGEST: usize = 9;
    let (mut name, mut place) = (Vec::new(), at);
    loop {
        match read(text, place) {
            Some((b';', next)) => {
                place = next;
                break;
            }
            Some((byte, next)) if name.len() < LONGEST && (byte.is_ascii_alphanumeric() || byte == b'#') => {
                name.push(byte);
                place = next;
            }
            _ => return None,
        }
    }
    let name = String::from_utf8_lossy(&name);
    let code = match name.as_ref() {
        "amp" => Some(0x26),
        "lt" => Some(0x3c),
        "gt" => Some(0x3e),
        "quot" => Some(0x22),
        "apos" => Some(0x27),
        "nbsp" => Some(0x20),
        name => match (name.strip_prefix("#x").or(name.strip_prefix("#X")), name.strip_prefix('#')) {
            (Some(digits), _) => u32::from_str_radix(digits, 16).ok(),
            (None, Some(digits)) => digits.parse().ok(),
            (None, None) => None,
        },
    };
    code.map(|code| (code, place))
}

fn character_of(code: u32, next: usize, each: &mut dyn FnMut(&[u8], usize)) {
    if let Some(character) = char::from_u32(code) {
        each(character.encode_utf8(&mut [0; 4]).as_bytes(), next);
    }
}

/// Hexadecimal digits, each of which may be percent-encoded, and where they end.
fn hex_read(text: &[u8], at: usize, digits: usize) -> Option<(u32, usize)> {
    (0..digits).try_fold((0, at), |(value, at), _| {
        let (digit, next) = read(text, at)?;
        Some((value * 16 + char::from(digit).to_digit(16)?, next))
    })
}
