//! Secrets within text, in random encodings within each other: nothing of them is left, and text without them
//! stays as it is.

use dpone_fuzz::{Random, run};
use dpone_model::redact::{REDACTED, Redactor};
use std::process::ExitCode;

/// The parts of secrets: characters that encodings touch, and some that they leave alone.
const CHARACTERS: &[&str] = &[
    "a", "Z", "7", "q", "x", "-", "_", ".", "~", "/", "+", "=", "&", "%", "\\", "\"", "'", "<", ">", " ", "\n", "\t",
    "é", "ß", "漢", "😀", "$", "#", "?", ";", ":", "@", "!", "u", "n", "25", "2F",
];
const AROUND: &[&str] = &["", " ", "key=", "{\"a\": \"", "https://h/?k=", "Bearer ", "\n", "ü ", "100% ", "\\ ", "& "];

fn main() -> ExitCode {
    run("redactor", 20_000, case)
}

fn case(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let secret: String = (0..6 + random.below(20)).map(|_| random.text(CHARACTERS)).collect();
    let mut redactor = Redactor::new();
    redactor.add(secret.as_bytes());
    let mut written = secret.clone();
    for layer in 0..random.below(3) {
        written = encoded(&mut random, &written, layer == 0);
    }
    if random.one_in(4) {
        // Beside other bytes, as a password beside its user name is.
        written = base64(&format!("{}{secret}", random.text(&["", "u:", "ab:", "abc:"])), random.one_in(2));
    }
    let (before, after) = (random.text(AROUND), random.text(&["", " ", "\"}", "&b=1", "\n"]));
    let text = format!("{before}{written}{after}");
    let clean = redactor.text(&text);
    if !clean.contains(REDACTED) || clean.contains(&written) {
        return Err(format!("{secret:?} is left in {text:?}: {clean:?}"));
    }
    let left = clean.replacen(before, "", 1).replace(REDACTED, "");
    if left.len() > after.len() + 6 {
        return Err(format!("of {secret:?} in {text:?} there is left {left:?}"));
    }
    if redactor.text(&clean) != clean {
        return Err(format!("{clean:?} changes again"));
    }
    json(&redactor, &secret, &text)?;
    plain(&mut random, &redactor)
}

/// JSON that holds the text stays JSON, and holds the secret no more.
fn json(redactor: &Redactor, secret: &str, text: &str) -> Result<(), String> {
    // A name as none of our own documents has it.
    let name = format!("Name {text}");
    let json = serde_json::json!({ name: [text, 1, null], "b": "\n" }).to_string();
    let clean = redactor.json(&json);
    let value: serde_json::Value = serde_json::from_str(&clean).map_err(|error| format!("{clean}: {error}"))?;
    let is_clean =
        value.get("b").is_some_and(|b| b == "\n") && !value.to_string().contains(secret) && clean.contains(REDACTED);
    if is_clean { Ok(()) } else { Err(format!("{json} became {clean}")) }
}

/// Text of other characters than the secret's.
fn plain(random: &mut Random, redactor: &Redactor) -> Result<(), String> {
    const PIECES: &[&str] = &["b", "CD", "0", "%", "%4", "\\", "\\u", "\\\\", "&", "&lt", "{", "}", "\u{1b}", "ö", "+"];
    let text: String = (0..random.below(40)).map(|_| random.text(PIECES)).collect();
    let clean = redactor.text(&text);
    if clean == text { Ok(()) } else { Err(format!("{text:?} became {clean:?}")) }
}

/// Unicode escapes are the innermost: nobody writes the characters of an escape as escapes.
fn encoded(random: &mut Random, text: &str, is_innermost: bool) -> String {
    match random.below(7) {
        0 => text.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        1 => text.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        2 => url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        3 => {
            let quoted = serde_json::Value::from(text).to_string();
            let inner = quoted.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')).unwrap_or_default();
            inner.replace('/', if random.one_in(2) { "\\/" } else { "/" })
        }
        4 if is_innermost => text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
        5 => {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            escaped.replace('"', "&quot;").replace('\'', "&#39;")
        }
        // Some bytes alone, in either case of the digits.
        _ => {
            let mut out = String::new();
            for character in text.chars() {
                // An encoder of anything encodes the percent sign.
                let is_encoded = character == '%' || (character.is_ascii() && character != '+' && random.one_in(2));
                match (is_encoded, random.one_in(2)) {
                    (true, true) => out.push_str(&format!("%{:02X}", u32::from(character))),
                    (true, false) => out.push_str(&format!("%{:02x}", u32::from(character))),
                    (false, _) => out.push(character),
                }
            }
            out
        }
    }
}

fn base64(text: &str, is_url_safe: bool) -> String {
    let digits = if is_url_safe { b"-_" } else { b"+/" };
    let digit = |bits: u32| match bits & 63 {
        bits @ 0..26 => b'A' + bits as u8,
        bits @ 26..52 => b'a' + bits as u8 - 26,
        bits @ 52..62 => b'0' + bits as u8 - 52,
        62 => digits[0],
        _ => digits[1],
    };
    let mut out = Vec::new();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        out.extend([18, 12, 6, 0].into_iter().take(chunk.len() + 1).map(|shift| digit(bits >> shift)));
    }
    String::from_utf8_lossy(&out).into_owned()
}
