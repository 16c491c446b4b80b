//! Logical types of fields, as the scan saw them, and what joins with what.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The logical type of a field's values, null aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
}

/// Fields by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schema {
    pub fields: BTreeMap<String, FieldType>,
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
