//! Secrets in the spellings in which they travel, and texts that hold none.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

fn redactor(secrets: &[&str]) -> Redactor {
    let mut redactor = Redactor::new();
    for secret in secrets {
        redactor.add(secret.as_bytes());
    }
    redactor
}

#[test]
fn every_spelling_goes() {
    for (secret, text, clean) in [
        ("s3cr/t+x", r#"{"a":"s3cr/t+x"}"#, r#"{"a":"[redacted]"}"#),
        ("s3cr/t+x", r#"{"a":"s3cr\/t+x"}"#, r#"{"a":"[redacted]"}"#),
        ("s3cr/t+x", r#"{"a":"s3cr\\/t+x"}"#, r#"{"a":"[redacted]"}"#),
        ("s3cr/t+x", r#"{"a":"s3cr\\\/t+x"}"#, r#"{"a":"[redacted]"}"#),
        ("s3cr/t+x", r#"\u00733cr\u002Ft\u002bx"#, "[redacted]"),
        ("s3cr/t+x", r#"\\u00733cr\\u002ft\\u002bx"#, "[redacted]"),
        ("s3cr/t+x", "?key=s3cr%2Ft%2Bx&b=1", "?key=[redacted]&b=1"),
        ("s3cr/t+x", "?key=s3cr%2ft%2bx", "?key=[redacted]"),
        ("s3cr/t+x", "?key=%73%33%63%72%2F%74%2B%78", "?key=[redacted]"),
        ("s3cr/t+x", "?next=%2Fb%3Fkey%3Ds3cr%252Ft%252Bx", "?next=%2Fb%3Fkey%3D[redacted]"),
        ("s3cr/t+x", "s3cr%25252Ft%25252Bx s3cr%25%32%46t%252Bx", "[redacted] [redacted]"),
        ("s3cr/t+x", "s3cr&#47;t&#x2B;x", "[redacted]"),
        ("pass word", "pass+word pass%20word pass word", "[redacted] [redacted] [redacted]"),
        ("a%41bcde", "a%41bcde a%2541bcde a%252541bcde", "[redacted] [redacted] [redacted]"),
        (
            "a\"bcdef",
            r#""a\"bcdef" a\\\"bcdef a&quot;bcdef a%22bcdef"#,
            r#""[redacted]" [redacted] [redacted] [redacted]"#,
        ),
        ("a\"bcdef", "a%5C%22bcdef a%5c%5c%5c%22bcdef", "[redacted] [redacted]"),
        ("a&bcdef", r#""a\u0026bcdef" a&amp;bcdef a\x26bcdef"#, r#""[redacted]" [redacted] [redacted]"#),
        (
            "a\"<cdef",
            r#"a\&quot;&lt;cdef a&amp;quot;&amp;lt;cdef a%26quot%3b%3Ccdef"#,
            "[redacted] [redacted] [redacted]",
        ),
        (
            "a\\bcdef",
            r#"a\bcdef "a\\bcdef" a\\\\bcdef a%5Cbcdef a\u005cbcdef"#,
            r#"[redacted] "[redacted]" [redacted] [redacted] [redacted]"#,
        ),
        (
            "line1\nline2",
            r#""line1\nline2" line1\\nline2 line1%0Aline2 line1\u{a}line2"#,
            r#""[redacted]" [redacted] [redacted] [redacted]"#,
        ),
        ("pässwörd", r"pässwörd p\u00e4ssw\u00F6rd p%C3%A4ssw%c3%b6rd", "[redacted] [redacted] [redacted]"),
        (
            "a😀bcde",
            r"a😀bcde a\ud83d\ude00bcde a\u{1f600}bcde a&#128512;bcde",
            "[redacted] [redacted] [redacted] [redacted]",
        ),
        ("secret", "Basic c2VjcmV0, 736563726574 736563726574", "Basic [redacted], [redacted] [redacted]"),
        ("s3cr/t+x", "733363722F742B78", "[redacted]"),
        ("secret", "secretsecret", "[redacted][redacted]"),
        ("", "abc", "abc"),
        ("abcde", "abcde YWJjZGU=", "abcde YWJjZGU="),
        ("redact", "[redacted] redact", "[redacted] [redacted]"),
    ] {
        assert_eq!(redactor(&[secret]).text(text), clean, "{secret} in {text}");
    }
}

#[test]
fn base64_of_something_that_holds_a_secret() {
    let secret = "p@ss/w+rd?~";
    let redactor = redactor(&[secret]);
    for around in [("", ""), ("u:", ""), ("user:", ""), ("admin:", "x"), ("a", "bc"), (r#"{"k":""#, r#""}"#)] {
        let text = format!("{}{secret}{}", around.0, around.1);
        for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
            let form: String = encoded.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D");
            for written in [&encoded, &form, &encoded.replace('/', "\\/")] {
                let clean = redactor.text(written);
                assert!(clean.contains(REDACTED), "{text:?} as {written}: {clean}");
                let left = clean.replace(REDACTED, "");
                assert!(left.len() <= written.len() - secret.len(), "{text:?} as {written}: {clean}");
            }
        }
    }
    for inner in [STANDARD.encode(secret), "p%40ss%2Fw%2Brd%3F~".to_owned()] {
        assert!(redactor.text(&STANDARD.encode(&inner)).starts_with(REDACTED), "{inner}");
    }
}

#[test]
fn the_longer_value_goes_first() {
    assert_eq!(redactor(&["abcdef", "abcdefghi"]).text("x abcdefghi abcdef"), "x [redacted] [redacted]");
    assert_eq!(redactor(&["abcdefghi", "abcdef"]).bytes(b"abcdef abcdefghi").1, 2);
}

#[test]
fn text_without_secrets_stays() {
    let redactor = redactor(&["abcdef", "%+&\\\"x", "123456"]);
    for text in ["abcde", "a%62cde", "%%%\\\\\\&&+", "\\u", "%2", "&#;", "\\ud83d", "\\u{", "\\x4", "é", "[redac", ""]
    {
        assert!(matches!(redactor.text(text), Cow::Borrowed(_)), "{text}");
    }
}

#[test]
fn json_stays_json() {
    let redactor = redactor(&["ntoken", "1234567", "a\"b\\c/d", "\":\"x\","]);
    for (json, clean) in [
        (r#"{"a":"\ntoken","b":1234567,"c":"1234567"}"#, r#"{"a":"\ntoken","b":1234567,"c":"[redacted]"}"#),
        (r#"{"a":"b","ntoken":["x","ntoken\\"]}"#, r#"{"a":"b","ntoken":["x","[redacted]\\"]}"#),
        (r#"["a\"b\\c\/d", "\u0061\"b\u005cc/d é\t"]"#, r#"["[redacted]", "[redacted] é\t"]"#),
        (r#"{"k":"x","y":1}"#, r#"{"k":"x","y":1}"#),
        (r#"["\ud83d ntoken","\ud83d x"]"#, r#"["[redacted]","\ud83d x"]"#),
        ("[]", "[]"),
    ] {
        assert_eq!(redactor.json(json), clean);
    }
    assert_eq!(redactor.json("\"open ntoken"), "\"open ntoken", "text that is no JSON");
}

#[test]
fn a_cut_comes_after_the_search() {
    let redactor = redactor(&["0123456789"]);
    for before in 0..30 {
        let text = format!("{}0123456789{}", "x".repeat(before), "y".repeat(40));
        for max in 0..60 {
            let shown = redactor.excerpt(text.as_bytes(), max);
            assert!(!shown.contains(|c: char| c.is_ascii_digit()), "{before} {max}: {shown}");
            assert!(shown.len() <= max + '…'.len_utf8());
            let (start, end) = (max.min(25), max + 9);
            let window = redactor.replaced(text.as_bytes(), start, end, usize::MAX).0;
            assert!(!window.iter().any(u8::is_ascii_digit), "{before} {start}-{end}: {window:?}");
        }
    }
    assert_eq!(redactor.excerpt(b"0123456789 and\n\x1b[2J more\n", 100), "[redacted] and\\n\\u{1b}[2J more");
    assert_eq!(redactor.excerpt("ää0123456789".as_bytes(), 3), "ä…");
    assert_eq!(redactor.excerpt(b"short", 5), "short");
}

#[test]
fn a_signature_is_known_for_a_while_and_a_secret_for_good() {
    protect("lasting-secret-1");
    protect_for_now("signature-number-0");
    protect_for_now("lasting-secret-1");
    assert_eq!(text("signature-number-0 lasting%2Dsecret-1"), "[redacted] [redacted]");
    assert!(holds_secret(b"x lasting-secret-1") && !holds_secret(b"x"));
    for number in 1..=MAX_RECENT {
        protect_for_now(format!("signature-number-{number}-"));
    }
    assert_eq!(text("signature-number-0 lasting-secret-1"), "signature-number-0 [redacted]");
    assert_eq!(json(r#"{"a":"lasting-secret-1"}"#), r#"{"a":"[redacted]"}"#);
    assert_eq!(excerpt("lasting-secret-1", 8), "[redacte…");
    assert_eq!(window(b"lasting-secret-1", 3, 5), b"[redacted]");
    assert_eq!(window(b"lasting-secret-1", 0, 16), b"[redacted]");
}

#[test]
fn endless_references_end() {
    let mut redactor = Redactor::new();
    redactor.add(b"hunter22");
    for text in ["&".to_owned() + &"amp;".repeat(200_000), "&amp;".repeat(50_000), "&#38;".repeat(50_000)] {
        assert_eq!(redactor.text(&text), text);
    }
    assert_eq!(redactor.text("&amp;#104;unter22"), REDACTED);
}

#[test]
fn a_secret_that_is_an_ordinary_word_leaves_documents_and_paths_whole() {
    let mut redactor = Redactor::new();
    redactor.add(b"orders");
    let json = r#"{"orders":{"outcome":"orders","x":"the orders"}}"#;
    assert_eq!(redactor.json(json), r#"{"orders":{"outcome":"[redacted]","x":"the [redacted]"}}"#);
    redactor.add(b"orders7");
    assert_eq!(redactor.json(r#"{"orders7":1}"#), r#"{"[redacted]":1}"#);
    protect("bookings");
    assert_eq!(url("https://h/v1/bookings"), "https://h/v1/bookings");
    assert_eq!(url("https://h/bookings?q=bookings&a=1"), "https://h/bookings?q=[redacted]&a=1");
}
