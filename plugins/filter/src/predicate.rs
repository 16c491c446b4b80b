//! One condition on one field.

use dpone_sdk::{Column, Error, JsonText, Kind, Value};
use serde::{Deserialize, Deserializer};
use std::cmp::Ordering;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    Exists,
    NotNull,
}

/// A condition as the manifest has it.
#[derive(Debug, Deserialize)]
pub struct Condition {
    pub field: String,
    pub op: Op,
    #[serde(default, deserialize_with = "present")]
    pub value: Option<JsonText>,
}

/// Tells `value: null` from no value.
pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<JsonText>, D::Error> {
    JsonText::deserialize(deserializer).map(Some)
}

/// A condition whose value fits its operator.
#[derive(Debug)]
pub struct Predicate {
    field: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Exists,
    NotNull,
    /// Equal to one of them, or to none.
    OneOf(Vec<JsonText>, bool),
    /// Against a number or a string; `Op` is one of the four orders.
    Order(Op, JsonText),
}

impl Predicate {
    pub fn new(Condition { field, op, value }: Condition) -> Result<Self, Error> {
        let wants = |what: &str| {
            let message = format!("{} wants {what}", op.name());
            Error::new("invalid-options", message).at_field(&field)
        };
        let test = match (op, value) {
            (Op::Exists, None) => Test::Exists,
            (Op::NotNull, None) => Test::NotNull,
            (Op::Exists | Op::NotNull, Some(_)) => return Err(wants("no value")),
            (_, None) => return Err(wants("a value")),
            (Op::Eq, Some(value)) => Test::OneOf(vec![value], true),
            (Op::Ne, Some(value)) => Test::OneOf(vec![value], false),
            (Op::In, Some(value)) => Test::OneOf(value.elements().ok_or_else(|| wants("a list"))?, true),
            (Op::Lt | Op::Le | Op::Gt | Op::Ge, Some(value)) => match value.value().kind() {
                Kind::Number | Kind::String => Test::Order(op, value),
                _ => return Err(wants("a number or a string")),
            },
        };
        if let Test::OneOf(values, _) = &test
            && values.iter().any(|v| matches!(v.value().kind(), Kind::Array | Kind::Object))
        {
            return Err(wants("strings, numbers, booleans or null"));
        }
        Ok(Self { field, test })
    }

    pub fn field(&self) -> &str {
        &self.field
    }

    /// Takes the records out of `keep` that do not satisfy it. Records that are out already are
    /// not looked at.
    pub fn narrow(&self, column: &Column, keep: &mut [bool]) -> Result<(), Error> {
        for (record, kept) in keep.iter_mut().enumerate().filter(|(_, kept)| **kept) {
            *kept = self.holds(column.get(record)).map_err(|e| e.at_record(record).at_field(&self.field))?;
        }
        Ok(())
    }

    fn holds(&self, value: Value<'_>) -> Result<bool, Error> {
        Ok(match &self.test {
            Test::Exists => value.kind() != Kind::Missing,
            Test::NotNull => value.is_present(),
            Test::OneOf(others, wanted) => others.iter().any(|o| is_equal(value, o.value())) == *wanted,
            // As in SQL, nothing is neither less nor greater than a value.
            Test::Order(..) if !value.is_present() => false,
            Test::Order(op, other) => {
                let order = compare(value, other.value()).ok_or_else(|| {
                    let message = format!("{} has no order with {}", value.kind().name(), other.json());
                    Error::new("not-comparable", message)
                })?;
                match op {
                    Op::Lt => order == Ordering::Less,
                    Op::Le => order != Ordering::Greater,
                    Op::Gt => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                }
            }
        })
    }
}

/// Numbers by value, strings by their text after unescaping, other kinds by kind.
fn is_equal(a: Value<'_>, b: Value<'_>) -> bool {
    match compare(a, b) {
        Some(order) => order == Ordering::Equal,
        None => a.kind() == b.kind() && !matches!(a.kind(), Kind::Array | Kind::Object | Kind::Number),
    }
}

/// `None` for kinds that have no order. Strings compare by code point, which is also the order of
/// instants in UTC that are written alike.
fn compare(a: Value<'_>, b: Value<'_>) -> Option<Ordering> {
    match (a.kind(), b.kind()) {
        (Kind::Number, Kind::Number) => Some(a.as_number()?.cmp(&b.as_number()?)),
        (Kind::String, Kind::String) => Some(a.as_str()?.cmp(&b.as_str()?)),
        _ => None,
    }
}

impl Op {
    fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::In => "in",
            Self::Exists => "exists",
            Self::NotNull => "not_null",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predicate(op: &str, value: Option<&str>) -> Predicate {
        let value = value.map(|v| format!(r#","value":{v}"#)).unwrap_or_default();
        let condition = format!(r#"{{"field":"a","op":"{op}"{value}}}"#);
        Predicate::new(dpone_sdk::options_for_test(&condition).unwrap()).unwrap()
    }

    #[test]
    fn operators() {
        for (op, value, field, holds) in [
            ("eq", Some("1.10"), "1.1", true),
            ("eq", Some("9007199254740993"), "9007199254740992", false),
            ("eq", Some("\"é\""), "\"\\u00e9\"", true),
            ("eq", Some("\"1\""), "1", false),
            ("eq", Some("true"), "true", true),
            ("eq", Some("null"), "null", true),
            ("eq", Some("null"), "", false),
            ("ne", Some("1"), "2", true),
            ("ne", Some("1"), "1.0", false),
            ("ne", Some("1"), "", true),
            ("ne", Some("1"), "null", true),
            ("ne", Some("1"), "{}", true),
            ("lt", Some("2"), "1", true),
            ("lt", Some("2"), "2", false),
            ("le", Some("2"), "2.0", true),
            ("le", Some("2"), "2.01", false),
            ("gt", Some("-1E400"), "0", true),
            ("gt", Some("2"), "2", false),
            ("ge", Some("\"b\""), "\"b\"", true),
            ("ge", Some("\"b\""), "\"a\"", false),
            ("gt", Some("2"), "null", false),
            ("le", Some("2"), "", false),
            ("in", Some("[1,\"x\",null]"), "\"x\"", true),
            ("in", Some("[1,\"x\",null]"), "1e0", true),
            ("in", Some("[1,\"x\",null]"), "null", true),
            ("in", Some("[1,\"x\",null]"), "", false),
            ("in", Some("[]"), "1", false),
            ("exists", None, "null", true),
            ("exists", None, "", false),
            ("not_null", None, "0", true),
            ("not_null", None, "null", false),
            ("not_null", None, "", false),
        ] {
            assert_eq!(predicate(op, value).holds(Value::of_json(field)), Ok(holds), "{field} {op} {value:?}");
        }
    }

    #[test]
    fn values_without_an_order_are_named() {
        let mut column = Column::default();
        ["1", "\"2\""].iter().for_each(|v| column.push_json(v));
        let error = predicate("lt", Some("2")).narrow(&column, &mut [true, true]).unwrap_err();
        let place = (error.code.as_str(), error.record, error.field.as_deref());
        assert_eq!(place, ("not-comparable", Some(1), Some("a")));
        assert_eq!(predicate("lt", Some("2")).narrow(&column, &mut [true, false]), Ok(()));
    }
}
