//! Changes the JSON type of top-level fields, exactly: no number goes through a float.

use dpone_sdk::{Batch, Column, Edits, Error, Kind, Needs, Number, Outcome, Transform, Value};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// An integer written with a power of ten may be meant to fill the memory.
const MAX_INTEGER_DIGITS: usize = 1000;

#[derive(Debug, Deserialize)]
pub struct Options {
    fields: BTreeMap<String, Type>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    String,
    Integer,
    Decimal,
    Boolean,
}

pub struct Cast {
    fields: BTreeMap<String, Type>,
}

impl Transform for Cast {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "fields": {
                "type": "object",
                "description": "Type to give to each of these top-level fields.",
                "minProperties": 1,
                "additionalProperties": { "enum": ["string", "integer", "decimal", "boolean"] }
            }
        },
        "required": ["fields"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(Options { fields }: Options) -> Result<Self, Error> {
        Ok(Self { fields })
    }

    fn needs(&self) -> Needs {
        Needs::fields(self.fields.keys().cloned())
    }

    fn apply(&self, batch: &Batch) -> Result<Outcome, Error> {
        let mut edits = Edits::new();
        for (field, to) in &self.fields {
            if let Some(values) = cast_column(field, *to, &batch.column(field))? {
                edits = edits.set(field, values);
            }
        }
        Ok(if edits.set.is_empty() { Outcome::Unchanged } else { edits.into() })
    }
}

/// `None` where every value has its type already.
fn cast_column(field: &str, to: Type, values: &Column) -> Result<Option<Column>, Error> {
    let mut out: Option<Column> = None;
    for (record, value) in values.iter().enumerate() {
        let unreadable = || {
            let shown: String = value.json().chars().take(60).collect();
            let message = format!("{shown} cannot be read as {}", to.name());
            Error::new("unreadable-value", message).at_record(record).at_field(field)
        };
        match (cast(to, value).ok_or_else(unreadable)?, &mut out) {
            (Cow::Borrowed(json), None) if json == value.json() => {}
            (json, Some(column)) => column.push_json(&json),
            (json, None) => {
                let mut column = Column::with_capacity(values.len(), values.len() * 8);
                values.iter().take(record).for_each(|v| column.push(v));
                column.push_json(&json);
                out = Some(column);
            }
        }
    }
    Ok(out)
}

/// The value as JSON text of the type; `None` where it has no reading. Null and missing stay.
fn cast(to: Type, value: Value<'_>) -> Option<Cow<'_, str>> {
    if !value.is_present() {
        return Some(Cow::Borrowed(value.json()));
    }
    match to {
        Type::String => string(value),
        Type::Integer => integer(value),
        Type::Decimal => decimal(value),
        Type::Boolean => boolean(value),
    }
}

fn string(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value.kind() {
        Kind::String => Some(Cow::Borrowed(value.json())),
        // Neither digits nor `true` and `false` need an escape.
        Kind::Number | Kind::True | Kind::False => Some(Cow::Owned(format!("\"{}\"", value.json()))),
        _ => None,
    }
}

/// A number as it stands, or the one that a string holds.
fn decimal(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value.kind() {
        Kind::Number => Some(Cow::Borrowed(value.json())),
        Kind::String => value.as_str().filter(|text| Number::parse(text).is_some()),
        _ => None,
    }
}

fn integer(value: Value<'_>) -> Option<Cow<'_, str>> {
    let number = decimal(value)?;
    if number.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return Some(number);
    }
    Number::parse(&number)?.to_integer(MAX_INTEGER_DIGITS).map(Cow::Owned)
}

fn boolean(value: Value<'_>) -> Option<Cow<'_, str>> {
    let text = match value.kind() {
        Kind::True | Kind::False | Kind::Number => Cow::Borrowed(value.json()),
        Kind::String => value.as_str()?,
        _ => return None,
    };
    match text.as_ref() {
        "true" | "1" => Some(Cow::Borrowed("true")),
        "false" | "0" => Some(Cow::Borrowed("false")),
        _ => None,
    }
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Integer => "an integer",
            Self::Decimal => "a decimal",
            Self::Boolean => "a boolean",
        }
    }
}

dpone_sdk::export!(transform: Cast);

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "123456789012345678901234567890.10";

    fn options(to: &str) -> Cast {
        Cast::new(dpone_sdk::options_for_test(&format!(r#"{{"fields":{{"a":"{to}"}}}}"#)).unwrap()).unwrap()
    }

    #[test]
    fn values_are_cast_exactly() {
        for (to, value, expected) in [
            ("string", "1.10", "\"1.10\""),
            ("string", "-0.0", "\"-0.0\""),
            ("string", "true", "\"true\""),
            ("integer", "\"9223372036854775808\"", "9223372036854775808"),
            ("integer", "10.00", "10"),
            ("integer", "1e3", "1000"),
            ("integer", "\"-7\"", "-7"),
            ("decimal", "\"1.10\"", "1.10"),
            ("decimal", &format!("\"{LONG}\""), LONG),
            ("decimal", "\"\\u0031.5\"", "1.5"),
            ("boolean", "\"true\"", "true"),
            ("boolean", "0", "false"),
            ("boolean", "\"1\"", "true"),
        ] {
            let outcome = options(to).apply(&Batch::for_test(&format!("{{\"a\":{value}}}"))).unwrap();
            let Outcome::Edited(edits) = outcome else { panic!("{to} {value} is unchanged") };
            assert_eq!(edits.set[0].1.get(0).json(), expected, "{to} {value}");
        }
    }

    #[test]
    fn what_has_its_type_already_is_untouched() {
        for (to, value) in [
            ("string", "\"caf\\u00e9\""),
            ("integer", "-123456789012345678901234567890"),
            ("decimal", "1E400"),
            ("decimal", "7"),
            ("boolean", "false"),
            ("integer", "null"),
        ] {
            let outcome = options(to).apply(&Batch::for_test(&format!("{{\"a\":{value}}}\n{{}}")));
            assert_eq!(outcome, Ok(Outcome::Unchanged), "{to} {value}");
        }
    }

    #[test]
    fn an_unreadable_value_names_record_and_field() {
        for (to, value) in [
            ("string", "[1]"),
            ("string", "{}"),
            ("integer", "1.5"),
            ("integer", "1e2000"),
            ("integer", "\"1 \""),
            ("integer", "\"007\""),
            ("integer", "true"),
            ("decimal", "\"NaN\""),
            ("decimal", "\"1,5\""),
            ("decimal", "\"\""),
            ("boolean", "2"),
            ("boolean", "\"yes\""),
            ("boolean", "[]"),
        ] {
            let error = options(to).apply(&Batch::for_test(&format!("{{}}\n{{\"a\":{value}}}"))).unwrap_err();
            let place = (error.code.as_str(), error.record, error.field.as_deref());
            assert_eq!(place, ("unreadable-value", Some(1), Some("a")), "{to} {value}");
        }
    }

    #[test]
    fn one_changed_value_sets_the_column_and_keeps_the_others() {
        let batch = Batch::for_test("{\"a\":1}\n{}\n{\"a\":\"2\"}\n{\"a\":null}");
        let Ok(Outcome::Edited(edits)) = options("integer").apply(&batch) else { panic!("no edits") };
        let values: Vec<_> = edits.set[0].1.iter().map(|v| v.json().to_owned()).collect();
        assert_eq!(values, ["1", "", "2", "null"]);
    }

    #[test]
    fn an_unknown_type_is_refused() {
        assert!(dpone_sdk::options_for_test::<Options>(r#"{"fields":{"a":"float"}}"#).is_err());
    }
}
