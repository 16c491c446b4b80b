//! Columns: the values of one field over the records of a page.

use dpone_model::plugin::Column;
use dpone_model::records::Twice;
use dpone_model::{Code, Failure, FieldSpan, Kind, NameId, RecordSpan, Records, codes};

/// A field that the host reads occurs twice in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a field that is read occurs twice in record {record}")]
pub struct TwiceAt {
    pub record: u32,
}

impl Failure for TwiceAt {
    fn code(&self) -> &'static Code {
        &codes::quality::DUPLICATE_FIELD
    }
}

/// Finds one field in record after record; it looks first where it found it last.
#[derive(Debug, Clone, Copy)]
pub struct FieldCursor {
    name: NameId,
    likely: usize,
}

impl FieldCursor {
    pub fn new(name: NameId) -> Self {
        Self { name, likely: 0 }
    }

    /// The field of this record. `Err` where it occurs twice: others might read the other one.
    #[inline]
    pub fn find<'a>(&mut self, records: &'a Records, record: &RecordSpan) -> Result<Option<&'a FieldSpan>, Twice> {
        let fields = records.fields_of(record);
        // A sum has no branch for each field, so that counting them all costs next to nothing.
        let count: u32 = fields.iter().map(|field| u32::from(field.name == self.name)).sum();
        if count > 1 {
            return Err(Twice);
        }
        let there = fields.get(self.likely).filter(|field| field.name == self.name);
        if there.is_some() || count == 0 {
            return Ok(there);
        }
        self.likely = fields.iter().position(|field| field.name == self.name).unwrap_or_default();
        Ok(fields.get(self.likely))
    }
}

/// The values of a field as JSON text. `None` for the name means a field that no page has had:
/// all values are missing.
pub fn column(body: &[u8], records: &Records, name: Option<NameId>) -> Result<Column, TwiceAt> {
    let count = records.len();
    let mut column = Column {
        kinds: Vec::with_capacity(count),
        offsets: Vec::with_capacity(count + 1),
        text: Vec::with_capacity(count * 16),
    };
    column.offsets.push(0);
    let Some(name) = name else {
        column.kinds.resize(count, Kind::Missing as u8);
        column.offsets.resize(count + 1, 0);
        return Ok(column);
    };
    let mut cursor = FieldCursor::new(name);
    for (index, record) in records.records.iter().enumerate() {
        let field = cursor.find(records, record).map_err(|Twice| TwiceAt { record: index as u32 })?;
        let (kind, text) = field.map_or((Kind::Missing, &[][..]), |field| (field.kind, field.span.of(body)));
        column.kinds.push(kind as u8);
        column.text.extend_from_slice(text);
        column.offsets.push(column.text.len() as u32);
    }
    Ok(column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Path, Scanner};

    fn scan(body: &str) -> (Scanner, Records) {
        let mut scanner = Scanner::new();
        let mut records = Records::default();
        scanner.scan(body.as_bytes(), &Path::parse(""), &mut records).unwrap();
        (scanner, records)
    }

    #[test]
    fn values_stand_as_they_are() {
        let body = r#"[{"a":1.10,"b":"x"},{"b":null},{"b":[1, 2],"a":{"n":-0.0}},{"\u0061":true}]"#;
        let (scanner, records) = scan(body);
        let column = column(body.as_bytes(), &records, scanner.names().get("a")).unwrap();
        let kinds = [Kind::Number, Kind::Missing, Kind::Object, Kind::True].map(|kind| kind as u8);
        assert_eq!(column.kinds, kinds);
        let texts: Vec<_> = (0..4).map(|i| std::str::from_utf8(column.value(i)).unwrap()).collect();
        assert_eq!(texts, ["1.10", "", r#"{"n":-0.0}"#, "true"]);
    }

    #[test]
    fn a_field_that_no_page_had_is_missing_everywhere() {
        let (_, records) = scan(r#"[{"a":1},{}]"#);
        let column = column(b"", &records, None).unwrap();
        assert_eq!((column.kinds, column.offsets, column.text), (vec![0, 0], vec![0, 0, 0], vec![]));
    }

    #[test]
    fn twice_is_an_error_only_for_the_field_that_is_read() {
        let body = r#"[{"a":1,"b":1},{"a":1,"b":2,"\u0061":3}]"#;
        let (scanner, records) = scan(body);
        let of = |name| column(body.as_bytes(), &records, scanner.names().get(name));
        assert_eq!(of("a"), Err(TwiceAt { record: 1 }));
        assert_eq!(of("b").unwrap().text, b"12");
    }
}
