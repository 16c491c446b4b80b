//! E: what the extract looks like: logical types per field, from the kinds that the scan noted.

use dpone_model::schema::{FieldType, LogicalType, Schema, SeenKind};
use dpone_model::{Kind, Names, Records};

/// Collects kinds per field over all pages; memory grows with the number of names only.
#[derive(Default)]
pub struct SchemaObserver {
    fields: Vec<Seen>,
    records: u64,
}

#[derive(Clone, Default)]
struct Seen {
    /// One bit a [`Shape`].
    shapes: u16,
    count: u64,
    /// Page and record where each shape was first seen.
    first: [Option<(u64, u32)>; SHAPES],
}

/// Kinds with integer and decimal apart: the bit of a field's value.
const SHAPES: usize = 7;
const LOGICAL: [LogicalType; SHAPES] = [
    LogicalType::Null,
    LogicalType::Boolean,
    LogicalType::Integer,
    LogicalType::Decimal,
    LogicalType::String,
    LogicalType::Array,
    LogicalType::Object,
];

impl SchemaObserver {
    pub fn observe(&mut self, page: u64, records: &Records, names: &Names) {
        if self.fields.len() < names.len() {
            self.fields.resize(names.len(), Seen::default());
        }
        self.records += records.len() as u64;
        for (index, record) in records.records.iter().enumerate() {
            for field in records.fields_of(record) {
                let Some(seen) = self.fields.get_mut(field.name.0 as usize) else { continue };
                let shape = shape(field.kind, field.special);
                seen.count += 1;
                if seen.shapes & (1 << shape) == 0 {
                    seen.shapes |= 1 << shape;
                    if let Some(first) = seen.first.get_mut(shape) {
                        *first = Some((page, index as u32));
                    }
                }
            }
        }
    }

    pub fn schema(&self, names: &Names) -> Schema {
        let mut schema = Schema::default();
        for (id, seen) in self.fields.iter().enumerate().filter(|(_, seen)| seen.count > 0) {
            let name = names.name(dpone_model::NameId(id as u32));
            schema.fields.insert(name.to_owned(), self.field_type(seen));
        }
        schema
    }

    fn field_type(&self, seen: &Seen) -> FieldType {
        let shapes = || (0..SHAPES).filter(|shape| seen.shapes & (1 << shape) != 0);
        let logical = shapes().filter_map(|s| LOGICAL.get(s).copied()).fold(LogicalType::Null, LogicalType::join);
        let first_of = |shape: usize| seen.first.get(shape).copied().flatten();
        // The first record that is not null tells the reader more than a null would.
        let first_seen = shapes().filter(|shape| *shape != 0).filter_map(first_of).max().or(first_of(0));
        let kind = |shape| Some(SeenKind { logical: LOGICAL.get(shape).copied()?, first_seen: first_of(shape) });
        let kinds = match logical {
            LogicalType::Mixed => SeenKind::set(shapes().filter(|shape| *shape != 0).filter_map(kind)),
            _ => Vec::new(),
        };
        FieldType { logical, nullable: seen.shapes & 1 != 0 || seen.count < self.records, first_seen, kinds }
    }
}

fn shape(kind: Kind, special: bool) -> usize {
    match kind {
        Kind::Missing | Kind::Null => 0,
        Kind::False | Kind::True => 1,
        Kind::Number => 2 + usize::from(special),
        Kind::String => 4,
        Kind::Array => 5,
        Kind::Object => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_json::Scanner;

    fn schema_of(pages: &[&str]) -> Schema {
        let mut scanner = Scanner::new();
        let mut observer = SchemaObserver::default();
        for (page, text) in (1..).zip(pages) {
            let mut records = Records::default();
            scanner.scan_ndjson(text.as_bytes(), &mut records).unwrap();
            observer.observe(page, &records, scanner.names());
        }
        observer.schema(scanner.names())
    }

    #[test]
    fn types_join_over_pages_and_absent_fields_are_nullable() {
        let schema = schema_of(&["{\"a\":1,\"b\":null}\n{\"a\":2}", "{\"a\":1.5,\"b\":\"x\",\"c\":[]}"]);
        let field = |name: &str| (schema.fields[name].logical, schema.fields[name].nullable);
        assert_eq!(field("a"), (LogicalType::Decimal, false));
        assert_eq!(field("b"), (LogicalType::String, true));
        assert_eq!(field("c"), (LogicalType::Array, true));
    }

    #[test]
    fn a_mixed_field_names_the_record_that_made_it_so() {
        let schema = schema_of(&["{\"a\":1}", "{\"a\":2}\n{\"a\":\"x\"}"]);
        assert_eq!(schema.fields["a"].logical, LogicalType::Mixed);
        assert_eq!(schema.fields["a"].first_seen, Some((2, 1)));
    }

    /// Values of one field, in records of a page each, and the kinds with their pages.
    #[test]
    fn kinds_that_no_type_joins_are_told_apart() {
        for (values, kinds) in [
            (&["1", "\"x\""][..], &[("integer", 1), ("string", 2)][..]),
            (&["{}", "null", "\"x\"", "\"y\""], &[("string", 3), ("object", 1)]),
            (&["true", "1"], &[("boolean", 1), ("integer", 2)]),
            (&["true", "false"], &[]),
            (&["1", "1.5", "1e3"], &[]),
            (&["1", "1.5", "\"x\""], &[("decimal", 2), ("string", 3)]),
            (&["[]", "{}"], &[("array", 1), ("object", 2)]),
            (&["null", "1"], &[]),
            (
                &["\"1\"", "1", "true", "[1]", "{}"],
                &[("boolean", 3), ("integer", 2), ("string", 1), ("array", 4), ("object", 5)],
            ),
        ] {
            let pages: Vec<String> = values.iter().map(|value| format!("{{\"a\":{value}}}")).collect();
            let schema = schema_of(&pages.iter().map(String::as_str).collect::<Vec<_>>());
            let found = schema.fields["a"].kinds.iter();
            let found: Vec<_> = found.map(|kind| (kind.logical.name(), kind.first_seen.unwrap().0)).collect();
            assert_eq!(found, kinds, "{values:?}");
        }
    }
}
