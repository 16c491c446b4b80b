//! Logical types of fields, as the scan saw them, and what joins with what.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The logical type of a field's values, null aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogicalType {
    /// Only null was seen.
    Null,
    Boolean,
    /// Digits without fraction or exponent, of any length.
    Integer,
    /// Any other JSON number.
    Decimal,
    String,
    Array,
    Object,
    /// More than one of the above in one run, where no widening joins them.
    Mixed,
}

/// One field of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldType {
    #[serde(rename = "type")]
    pub logical: LogicalType,
    /// Null or absent was seen.
    pub nullable: bool,
    /// Where the type was first seen: page (from 1) and record (from 0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<(u64, u32)>,
    /// Of a mixed field: the kinds of its values, null aside. State that an earlier release wrote has
    /// none of them; a set of fewer than two is not complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<SeenKind>,
}

/// One of the kinds of a mixed field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenKind {
    #[serde(rename = "type")]
    pub logical: LogicalType,
    /// Where it was first seen: page (from 1) and record (from 0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<(u64, u32)>,
}

impl SeenKind {
    /// The set of these kinds, sorted; integer and decimal join, and of two of one kind the first stays.
    pub fn set(kinds: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut set: BTreeMap<LogicalType, Self> = BTreeMap::new();
        for kind in kinds {
            set.entry(kind.logical).or_insert(kind);
        }
        if set.contains_key(&LogicalType::Decimal) {
            set.remove(&LogicalType::Integer);
        }
        set.into_values().collect()
    }
}

impl FieldType {
    /// The kinds of its values, null aside; none where only null was seen, or where the set is not known.
    pub fn kinds(&self) -> Vec<SeenKind> {
        match self.logical {
            LogicalType::Null => Vec::new(),
            LogicalType::Mixed => self.kinds.clone(),
            logical => vec![SeenKind { logical, first_seen: self.first_seen }],
        }
    }

    /// Its type with, where it is mixed, the kinds: `mixed (integer, string)`.
    pub fn described(&self) -> String {
        described(self.logical, self.kinds.iter().map(|kind| kind.logical))
    }
}

/// A type with, where it is mixed, its kinds.
pub fn described(logical: LogicalType, kinds: impl IntoIterator<Item = LogicalType>) -> String {
    let kinds: Vec<&str> = kinds.into_iter().map(LogicalType::name).collect();
    match logical {
        LogicalType::Mixed if !kinds.is_empty() => format!("mixed ({})", kinds.join(", ")),
        logical => logical.name().to_owned(),
    }
}

/// Fields by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schema {
    pub fields: BTreeMap<String, FieldType>,
}

impl Schema {
    /// These fields, and those of `base` that are not among them.
    #[must_use]
    pub fn over(mut self, base: &Self) -> Self {
        for (name, field) in &base.fields {
            self.fields.entry(name.clone()).or_insert_with(|| field.clone());
        }
        self
    }
}

impl LogicalType {
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
            Self::Mixed => "mixed",
        }
    }

    /// The narrowest type that holds both: null joins anything, integer and decimal give decimal,
    /// any other pair is mixed.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Null, other) | (other, Self::Null) => other,
            (Self::Integer, Self::Decimal) | (Self::Decimal, Self::Integer) => Self::Decimal,
            _ => Self::Mixed,
        }
    }

    /// Whether a consumer of `self` can read what is now `newer`, or will once it widens:
    /// the same type, null to anything, integer to decimal; and a narrower newer value.
    pub fn accepts(self, newer: Self) -> bool {
        matches!(
            (self, newer),
            (Self::Null | Self::Mixed, _)
                | (_, Self::Null)
                | (Self::Integer, Self::Decimal)
                | (Self::Decimal, Self::Integer)
        ) || self == newer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_of_earlier_releases_are_read() {
        let schema: Schema =
            serde_json::from_str(r#"{"a":{"type":"mixed","nullable":false,"first_seen":[2,1]}}"#).unwrap();
        let field = &schema.fields["a"];
        assert_eq!(
            (field.logical, field.kinds.as_slice(), field.first_seen),
            (LogicalType::Mixed, &[][..], Some((2, 1)))
        );
        assert_eq!(field.described(), "mixed");
    }

    #[test]
    fn a_field_that_is_not_mixed_is_kept_as_before() {
        let field = FieldType { logical: LogicalType::String, nullable: true, first_seen: None, kinds: Vec::new() };
        assert_eq!(serde_json::to_string(&field).unwrap(), r#"{"type":"string","nullable":true}"#);
    }
}
