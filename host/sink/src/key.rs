//! Key bytes, which are a contract: messages of one row must meet under one key for ever.
//!
//! Format `v1`: one field gives its unescaped text or its integer's digits; several give a compact
//! JSON array in the order of `unique_key`, with strings escaped in one way only and numbers as
//! they stand. Format `dpone` joins the same texts with `|`, as release 0.88 did.
//!
//! A text with half of a surrogate pair (`"\ud83d"`) has no UTF-8 bytes. Any stand-in would give two rows
//! one key, so such a record is refused; `hash_row` takes it, because it hashes values as they stand.

use crate::Error;
use dpone_journal::PageIndex;
use dpone_json::FieldCursor;
use dpone_manifest::{Key, KeyFormat, KeyMode};
use dpone_model::{FieldSpan, Kind, Names, PagePlace, RecordSpan, Records, Report};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Makes the keys of one run's records.
#[derive(Debug)]
pub struct KeyEncoder {
    form: Form,
    scratch: Vec<u8>,
}

#[derive(Debug)]
enum Form {
    Null,
    HashRow,
    /// The text or the digits of one field; both formats agree.
    Single(KeyField),
    /// Compact JSON array.
    Array(Vec<KeyField>),
    /// `|` between the texts.
    Joined(Vec<KeyField>),
}

#[derive(Debug)]
struct KeyField {
    name: String,
    /// None where the table of names is full: then no record can have the field.
    cursor: Option<FieldCursor>,
}

impl KeyEncoder {
    /// Of `sink.options.key`; the fields' names are added to the run's table.
    pub fn new(key: &Key, names: &mut Names) -> Self {
        let form = match &key.mode {
            KeyMode::Null => Form::Null,
            KeyMode::HashRow => Form::HashRow,
            KeyMode::Fields(fields) => {
                let mut fields: Vec<KeyField> = fields
                    .iter()
                    .map(|name| KeyField { name: name.clone(), cursor: names.intern(name).map(FieldCursor::new) })
                    .collect();
                match (fields.len(), key.format) {
                    (1, _) => fields.pop().map_or(Form::Null, Form::Single),
                    (_, KeyFormat::V1) => Form::Array(fields),
                    (_, KeyFormat::Dpone) => Form::Joined(fields),
                }
            }
        };
        Self { form, scratch: Vec::new() }
    }

    /// Sets the ranges of `out` to the records' and its keys to theirs. A record without a key, or
    /// with an ambiguous one, is an error with its place.
    pub fn encode(
        &mut self,
        page: &PagePlace,
        body: &[u8],
        records: &Records,
        names: &Names,
        out: &mut PageIndex,
    ) -> Result<(), Report> {
        out.values.clear();
        out.values.extend(records.records.iter().map(|record| record.span));
        out.keys.clear();
        out.key_ends.clear();
        out.has_keys = !matches!(self.form, Form::Null);
        if !out.has_keys {
            return Ok(());
        }
        out.key_ends.reserve(records.len());
        for (number, record) in records.records.iter().enumerate() {
            let at = At { page, record: number as u64, body, records, span: record };
            match &mut self.form {
                Form::Null => {}
                Form::HashRow => {
                    self.scratch.clear();
                    dpone_json::canonical_hash_input(body, records, record, names, &mut self.scratch);
                    out.keys.extend_from_slice(hex::encode(Sha256::digest(&self.scratch)).as_bytes());
                }
                Form::Single(field) => push_text(field, &at, &mut out.keys)?,
                Form::Array(fields) => push_array(fields, &at, &mut out.keys)?,
                Form::Joined(fields) => push_joined(fields, &at, &mut out.keys)?,
            }
            out.key_ends.push(out.keys.len() as u32);
        }
        Ok(())
    }
}

/// One record, and where it stands.
struct At<'a> {
    page: &'a PagePlace,
    record: u64,
    body: &'a [u8],
    records: &'a Records,
    span: &'a RecordSpan,
}

impl At<'_> {
    /// The field, which must be there once and not be null.
    fn find(&self, field: &mut KeyField) -> Result<FieldSpan, Error> {
        let found = match &mut field.cursor {
            None => None,
            Some(cursor) => cursor
                .find(self.records, self.span)
                .map_err(|_| Error::KeyTwice { field: field.name.clone(), place: self.page.record(self.record) })?,
        };
        let missing =
            |what| Error::MissingKey { field: field.name.clone(), what, place: self.page.record(self.record) };
        match found {
            None => Err(missing("missing")),
            Some(found) if found.kind == Kind::Null => Err(missing("null")),
            Some(found) => Ok(*found),
        }
    }

    fn refuse(&self, field: &KeyField, value: &FieldSpan) -> Error {
        let kind = match value.kind {
            Kind::Number => "a number with a fraction or an exponent",
            Kind::False | Kind::True => "a boolean",
            Kind::Array => "an array",
            Kind::Object => "an object",
            Kind::Missing | Kind::Null | Kind::String => "of another kind",
        };
        Error::KeyKind { field: field.name.clone(), kind, place: self.page.record(self.record) }
    }

    /// The text of a string with escapes.
    fn text<'b>(&self, field: &KeyField, json_string: &'b [u8]) -> Result<Cow<'b, str>, Error> {
        dpone_json::exact_text(json_string)
            .ok_or_else(|| Error::KeyText { field: field.name.clone(), place: self.page.record(self.record) })
    }
}

/// The unescaped text, or the integer's digits.
fn push_text(field: &mut KeyField, at: &At<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    let value = at.find(field)?;
    let text = value.span.of(at.body);
    match value.kind {
        Kind::String if value.special => out.extend_from_slice(at.text(field, text)?.as_bytes()),
        Kind::String => out.extend_from_slice(text.get(1..text.len().saturating_sub(1)).unwrap_or_default()),
        Kind::Number if !value.special => out.extend_from_slice(text),
        _ => return Err(at.refuse(field, &value)),
    }
    Ok(())
}

fn push_array(fields: &mut [KeyField], at: &At<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    out.push(b'[');
    for (index, field) in fields.iter_mut().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let value = at.find(field)?;
        let text = value.span.of(at.body);
        match value.kind {
            // One text may be escaped in many ways, but must give one key.
            Kind::String if value.special => dpone_json::escape(&at.text(field, text)?, out),
            Kind::String | Kind::Number | Kind::False | Kind::True => out.extend_from_slice(text),
            _ => return Err(at.refuse(field, &value)),
        }
    }
    out.push(b']');
    Ok(())
}

fn push_joined(fields: &mut [KeyField], at: &At<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    for (index, field) in fields.iter_mut().enumerate() {
        if index > 0 {
            out.push(b'|');
        }
        push_text(field, at, out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_json::{Path, Scanner};

    /// The key of a one-record page, or the code of the refusal and the record's number.
    fn key(mode: &KeyMode, format: KeyFormat, body: &str) -> Result<String, (String, String)> {
        let mut scanner = Scanner::new();
        let mut encoder = KeyEncoder::new(&Key { mode: mode.clone(), format }, scanner.names_mut());
        let mut records = Records::default();
        scanner.scan(body.as_bytes(), &Path::parse(""), &mut records).unwrap();
        let mut index = PageIndex::default();
        let page = PagePlace::new(3, "https://api.example.com/orders");
        encoder
            .encode(&page, body.as_bytes(), &records, scanner.names(), &mut index)
            .map_err(|report| (report.code().id.to_owned(), report.place().unwrap().to_string()))?;
        assert_eq!(index.values.len(), records.len());
        let last = index.key(records.len() - 1).unwrap();
        Ok(String::from_utf8(last.to_vec()).unwrap())
    }

    fn fields(names: &[&str]) -> KeyMode {
        KeyMode::Fields(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn one_field_gives_its_text_or_digits() {
        let cases = [
            (r#"{"id":"a b"}"#, Ok("a b")),
            (r#"{"id":"a\u0062\"\n"}"#, Ok("ab\"\n")),
            (r#"{"id":""}"#, Ok("")),
            (r#"{"id":12345678901234567890123}"#, Ok("12345678901234567890123")),
            (r#"{"id":-7, "x":1}"#, Ok("-7")),
            (r#"{"\u0069d":"escaped name"}"#, Ok("escaped name")),
            (r#"{"id":1.0}"#, Err("DP0703")),
            (r#"{"id":1e3}"#, Err("DP0703")),
            (r#"{"id":true}"#, Err("DP0703")),
            (r#"{"id":[1]}"#, Err("DP0703")),
            (r#"{"id":{"a":1}}"#, Err("DP0703")),
            (r#"{"id":null}"#, Err("DP0702")),
            (r#"{"ID":1}"#, Err("DP0702")),
            (r#"{}"#, Err("DP0702")),
            (r#"{"id":1,"id":1}"#, Err("DP0704")),
            (r#"{"id":1,"i\u0064":2}"#, Err("DP0704")),
        ];
        for (body, expected) in cases {
            for format in [KeyFormat::V1, KeyFormat::Dpone] {
                let found = key(&fields(&["id"]), format, body).map_err(|(code, _)| code);
                assert_eq!(found.as_deref().map_err(String::as_str), expected, "{body} {format:?}");
            }
        }
    }

    #[test]
    fn several_fields_give_a_compact_array_in_order() {
        let cases = [
            (r#"{"b": 2 , "a" : "x|y"}"#, Ok(r#"["x|y",2]"#), Ok("x|y|2")),
            // However the source escapes it, one text has one key.
            (r#"{"b":1.10,"a":"\u00e9\/"}"#, Ok(r#"["é/",1.10]"#), Err("DP0703")),
            (r#"{"a":"é/","b":1.10}"#, Ok(r#"["é/",1.10]"#), Err("DP0703")),
            (r#"{"a":"","b":""}"#, Ok(r#"["",""]"#), Ok("|")),
            (r#"{"a":true,"b":1}"#, Ok("[true,1]"), Err("DP0703")),
            (r#"{"a":[],"b":1}"#, Err("DP0703"), Err("DP0703")),
            (r#"{"a":1,"b":null}"#, Err("DP0702"), Err("DP0702")),
            (r#"{"a":1,"b":1,"a":1}"#, Err("DP0704"), Err("DP0704")),
        ];
        for (body, v1, dpone) in cases {
            for (format, expected) in [(KeyFormat::V1, v1), (KeyFormat::Dpone, dpone)] {
                let found = key(&fields(&["a", "b"]), format, body).map_err(|(code, _)| code);
                assert_eq!(found.as_deref().map_err(String::as_str), expected, "{body} {format:?}");
            }
        }
    }

    /// Ids of two rows that are different texts must never give one key.
    #[test]
    fn half_of_a_surrogate_pair_is_no_key() {
        let halves =
            [r"\ud83d", r"x\uD83E", r"\ude00", r"\ude00\ud83d", r"\ud83d\ude00\ud83d", r"\ud83dx", r"\ud83d\u0041"];
        for half in halves {
            for format in [KeyFormat::V1, KeyFormat::Dpone] {
                let single = format!(r#"[{{"id":"1"}},{{"id":"{half}"}}]"#);
                let (code, place) = key(&fields(&["id"]), format, &single).unwrap_err();
                assert_eq!((code.as_str(), place.ends_with("record 1")), ("DP0707", true), "{half} {format:?} {place}");
                for body in [format!(r#"{{"a":"{half}","b":1}}"#), format!(r#"{{"a":1,"b":"{half}"}}"#)] {
                    let (code, _) = key(&fields(&["a", "b"]), format, &body).unwrap_err();
                    assert_eq!(code, "DP0707", "{half} {format:?}");
                }
            }
        }
        let whole = [(r"\ud83d\ude00", "😀"), ("😀", "😀"), (r"\ufffd", "\u{fffd}"), (r"\\ud83d", r"\ud83d")];
        for (escaped, text) in whole {
            let body = format!(r#"{{"id":"{escaped}"}}"#);
            assert_eq!(key(&fields(&["id"]), KeyFormat::V1, &body).as_deref(), Ok(text), "{escaped}");
        }
    }

    #[test]
    fn a_hash_tells_halves_of_surrogate_pairs_apart() {
        let hash = |body: &str| key(&KeyMode::HashRow, KeyFormat::V1, body).unwrap();
        let rows = [
            r#"{"id":"\ud83d"}"#,
            r#"{"id":"\ud83e"}"#,
            r#"{"id":"\ufffd"}"#,
            r#"{"i\ud83d":1}"#,
            r#"{"i\ud83e":1}"#,
            r#"{"i\ufffd":1}"#,
            r#"{"i\\ud83d":1}"#,
            r#"{"\"i\\ud83d\"":1}"#,
        ];
        let hashes: std::collections::BTreeSet<String> = rows.iter().map(|row| hash(row)).collect();
        assert_eq!(hashes.len(), rows.len());
        assert_eq!(hash(r#"{"i\uD83D":1}"#), hash(r#"{ "\u0069\ud83d" : 1 }"#), "a name has one spelling");
    }

    #[test]
    fn the_refused_record_is_named() {
        let body = r#"[{"id":1},{"id":2},{"x":3},{"id":null}]"#;
        let (code, place) = key(&fields(&["id"]), KeyFormat::V1, body).unwrap_err();
        assert_eq!((code.as_str(), place.as_str()), ("DP0702", "page 3, https://api.example.com/orders, record 2"));
    }

    #[test]
    fn a_hash_does_not_see_order_or_space_but_spelling() {
        let hash = |body: &str| key(&KeyMode::HashRow, KeyFormat::V1, body).unwrap();
        let expected = hex::encode(Sha256::digest(br#"{"a":1.10,"b":"x"}"#));
        assert_eq!(hash(r#"{ "b" : "x", "a": 1.10 }"#), expected);
        assert_ne!(hash(r#"{"a":1.1,"b":"x"}"#), expected);
    }

    #[test]
    fn null_mode_has_no_keys() {
        let mut names = Names::default();
        let mut encoder = KeyEncoder::new(&Key { mode: KeyMode::Null, format: KeyFormat::V1 }, &mut names);
        let mut index = PageIndex { has_keys: true, ..PageIndex::default() };
        encoder.encode(&PagePlace::default(), b"", &Records::default(), &names, &mut index).unwrap();
        assert!(!index.has_keys && index.key(0).is_none());
    }
}
