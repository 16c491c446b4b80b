//! The values of one field over a batch, as JSON text.

use crate::{Number, json};
use std::borrow::Cow;

/// The kind of JSON value that a record has at a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The record does not have the field.
    Missing = 0,
    Null = 1,
    False = 2,
    True = 3,
    Number = 4,
    String = 5,
    Array = 6,
    Object = 7,
}

impl Kind {
    fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Null,
            2 => Self::False,
            3 => Self::True,
            4 => Self::Number,
            5 => Self::String,
            6 => Self::Array,
            7 => Self::Object,
            _ => Self::Missing,
        }
    }

    /// By the first byte of a value's text.
    fn of_json(text: &str) -> Self {
        match text.as_bytes().first() {
            None => Self::Missing,
            Some(b'n') => Self::Null,
            Some(b'f') => Self::False,
            Some(b't') => Self::True,
            Some(b'"') => Self::String,
            Some(b'[') => Self::Array,
            Some(b'{') => Self::Object,
            Some(_) => Self::Number,
        }
    }

    /// As it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Null => "null",
            Self::False | Self::True => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// One value of a [`Column`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    kind: Kind,
    json: &'a str,
}

impl<'a> Value<'a> {
    /// Reads its kind off its text, which must be one JSON value; nothing is a missing one.
    pub fn of_json(json: &'a str) -> Self {
        Self { kind: Kind::of_json(json), json }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Byte for byte as the source wrote it; empty where it is missing.
    pub fn json(&self) -> &'a str {
        self.json
    }

    /// Neither missing nor null.
    pub fn is_present(&self) -> bool {
        !matches!(self.kind, Kind::Missing | Kind::Null)
    }

    /// The text of a string, unescaped.
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        if self.kind == Kind::String { json::unescape(self.json) } else { None }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<Number<'a>> {
        if self.kind == Kind::Number { Number::parse(self.json) } else { None }
    }

    /// A number that is written as an integer and fits.
    pub fn as_i64(&self) -> Option<i64> {
        if self.kind == Kind::Number { self.json.parse().ok() } else { None }
    }
}

/// One value a record. It is read from a [`crate::Batch`], or filled with the `push` methods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    kinds: Vec<u8>,
    /// One more than kinds.
    offsets: Vec<u32>,
    text: String,
}

impl Default for Column {
    fn default() -> Self {
        Self::with_capacity(0, 0)
    }
}

impl Column {
    /// Room for so many values, and so many bytes of their text.
    pub fn with_capacity(values: usize, text_bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(values + 1);
        offsets.push(0);
        Self { kinds: Vec::with_capacity(values), offsets, text: String::with_capacity(text_bytes) }
    }

    /// A column as the host has it.
    #[doc(hidden)]
    pub fn from_parts(kinds: Vec<u8>, offsets: Vec<u32>, text: Vec<u8>) -> Self {
        // The host hands over what its scanner has validated; the loss is there for a host that lies.
        let text = String::from_utf8(text).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        Self { kinds, offsets, text }
    }

    /// A column as the host takes it.
    #[doc(hidden)]
    pub fn into_parts(self) -> (Vec<u8>, Vec<u32>, Vec<u8>) {
        (self.kinds, self.offsets, self.text.into_bytes())
    }

    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// A missing value where `index` is out of range.
    pub fn get(&self, index: usize) -> Value<'_> {
        let bound = |i: usize| self.offsets.get(i).map(|o| *o as usize);
        let json = match (bound(index), bound(index + 1)) {
            (Some(start), Some(end)) => self.text.get(start..end).unwrap_or_default(),
            _ => "",
        };
        Value { kind: self.kinds.get(index).map_or(Kind::Missing, |k| Kind::from_byte(*k)), json }
    }

    pub fn iter(&self) -> impl Iterator<Item = Value<'_>> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Adds a value as JSON text; nothing is a missing one.
    pub fn push_json(&mut self, json: &str) {
        self.push(Value::of_json(json));
    }

    /// Adds a value of another column.
    pub fn push(&mut self, value: Value<'_>) {
        self.kinds.push(value.kind as u8);
        self.text.push_str(value.json);
        self.offsets.push(self.text.len() as u32);
    }

    /// Adds a string, which this escapes.
    pub fn push_str(&mut self, text: &str) {
        // Writing a string to a string cannot fail.
        self.push_json(&json::to_text(&text).unwrap_or_default());
    }

    pub fn push_null(&mut self) {
        self.push_json("null");
    }

    pub fn push_missing(&mut self) {
        self.push_json("");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_byte_for_byte() {
        let texts = ["", "null", "false", "true", "-0.0", "1E400", "\"a\\u00e9\"", "[1, 2]", "{\"a\" : 1}"];
        let mut column = Column::default();
        texts.iter().for_each(|t| column.push_json(t));
        assert_eq!(column.len(), texts.len());
        assert_eq!(column.iter().map(|v| v.json()).collect::<Vec<_>>(), texts);
        let kinds: Vec<_> = column.iter().map(|v| v.kind()).collect();
        use Kind::{Array, False, Missing, Null, Number, Object, String, True};
        assert_eq!(kinds, [Missing, Null, False, True, Number, Number, String, Array, Object]);
        assert_eq!(column.get(6).as_str().unwrap(), "aé");
        assert_eq!(column.get(99), Value::of_json(""));
    }

    #[test]
    fn pushed_strings_are_escaped() {
        let mut column = Column::default();
        column.push_str("a\"b\n");
        assert_eq!(column.get(0).json(), r#""a\"b\n""#);
        assert_eq!(column.get(0).as_str().unwrap(), "a\"b\n");
    }

    #[test]
    fn typed_accessors_refuse_other_kinds() {
        let mut column = Column::default();
        ["\"7\"", "7", "7.5", "true"].iter().for_each(|t| column.push_json(t));
        assert_eq!(column.iter().map(|v| v.as_i64()).collect::<Vec<_>>(), [None, Some(7), None, None]);
        assert_eq!(column.iter().map(|v| v.as_number().is_some()).collect::<Vec<_>>(), [false, true, true, false]);
        assert_eq!(column.iter().map(|v| v.as_bool()).collect::<Vec<_>>(), [None, None, None, Some(true)]);
    }
}
