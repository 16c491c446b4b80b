//! serde_json as the oracle: what is JSON, and which fields the records of a document have.
//! Shared with the mutation test in `tests/fuzz`, so nothing here panics.

use dpone_json::{Found, Path, ScanError, ScanErrorKind, Scanner};
use dpone_model::{Kind, Records, Span};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A record's fields in order, duplicates included: unescaped name and the value's text.
pub type Fields = Vec<(String, String)>;

/// Whether the body is JSON by RFC 8259. `IgnoredAny` decodes no string, so that a lone surrogate
/// is judged by the grammar alone, and it does not look at UTF-8, which therefore comes first.
///
/// A byte order mark before the text may be ignored (section 8.1), which serde_json does not do.
pub fn is_json(body: &[u8]) -> bool {
    std::str::from_utf8(without_mark(body)).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// The records of an array of objects or of a single object; `None` where it is neither, or where
/// a name cannot be decoded.
pub fn records(body: &[u8]) -> Option<Vec<Fields>> {
    let body = without_mark(body);
    let many = serde_json::from_slice::<Vec<Record>>(body);
    let records = many.or_else(|_| serde_json::from_slice::<Record>(body).map(|record| vec![record])).ok()?;
    Some(records.into_iter().map(|Record(fields)| fields).collect())
}

/// A body without the byte order mark that it may begin with.
pub fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// Scans with the records at the root and compares everything with the oracle.
pub fn agrees(scanner: &mut Scanner, body: &[u8]) -> Result<(), String> {
    let mut scanned = Records::default();
    let result = scanner.scan(body, &Path::parse(""), &mut scanned);
    let verdict =
        if is_json(body) { judge_json(scanner, body, &scanned, &result) } else { judge_other(&scanned, &result) };
    verdict.map_err(|what| format!("{what}; scan gave {result:?} for {}", String::from_utf8_lossy(body)))
}

/// The notes of a scan, in the oracle's terms; `Err` where a span or kind is not what it should be.
pub fn noted(scanner: &Scanner, body: &[u8], records: &Records) -> Result<Vec<Fields>, String> {
    let text = |span: Span| String::from_utf8_lossy(span.of(body)).into_owned();
    let mut all = Vec::new();
    for record in &records.records {
        let whole = text(record.span);
        if !(whole.starts_with('{') && whole.ends_with('}')) {
            return Err(format!("a record spans {whole}"));
        }
        let mut fields = Fields::new();
        for field in records.fields_of(record) {
            let value = text(field.span);
            let kind = kind(&value);
            let special = match kind {
                Some(Kind::Number) => value.contains(['.', 'e', 'E']),
                Some(Kind::String) => value.contains('\\'),
                _ => false,
            };
            if kind != Some(field.kind) || special != field.special {
                return Err(format!("{value} was noted as {field:?}"));
            }
            fields.push((scanner.names().name(field.name).to_owned(), value));
        }
        all.push(fields);
    }
    Ok(all)
}

fn judge_json(
    scanner: &Scanner,
    body: &[u8],
    scanned: &Records,
    result: &Result<Found, ScanError>,
) -> Result<(), String> {
    let expected = records(body);
    match result {
        Ok(Found::Array(_) | Found::Object(_)) => match expected {
            Some(expected) if noted(scanner, body, scanned)? != expected => {
                Err("other fields than the oracle's".into())
            }
            _ => Ok(()),
        },
        Ok(Found::Null | Found::Other(_)) if scanned.is_empty() && expected.is_none() => Ok(()),
        Err(ScanError { kind: ScanErrorKind::NotAnObject(_), .. }) if expected.is_none() => Ok(()),
        _ => Err("the oracle accepts this".into()),
    }
}

fn judge_other(scanned: &Records, result: &Result<Found, ScanError>) -> Result<(), String> {
    let kind = result.as_ref().map_err(|error| &error.kind);
    let is_refused = matches!(kind, Err(ScanErrorKind::Syntax(_) | ScanErrorKind::NotAnObject(_)));
    let is_cleared = scanned.records.is_empty() && scanned.fields.is_empty();
    if is_refused && is_cleared { Ok(()) } else { Err("the oracle refuses this".into()) }
}

fn kind(value: &str) -> Option<Kind> {
    Some(match value.as_bytes().first()? {
        b'n' => Kind::Null,
        b'f' => Kind::False,
        b't' => Kind::True,
        b'"' => Kind::String,
        b'[' => Kind::Array,
        b'{' => Kind::Object,
        _ => Kind::Number,
    })
}

/// An object's fields in order; a map would lose the duplicates.
struct Record(Fields);

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
        let mut fields = Fields::new();
        while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
            fields.push((name, value.get().to_owned()));
        }
        Ok(Record(fields))
    }
}
