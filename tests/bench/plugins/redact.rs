//! A byte transform: reads each record's JSON itself and writes it anew, with one field's value gone.

use dpone_sdk::{Batch, Error, Needs, Outcome, Transform};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Debug, Deserialize)]
pub struct Options {
    field: String,
}

pub struct Redact(Options);

/// A record's fields in the order in which they came; values stay as they were written.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl Transform for Redact {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": { "field": { "type": "string", "description": "Field whose value is replaced." } },
        "required": ["field"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn needs(&self) -> Needs {
        Needs::bytes()
    }

    fn apply(&self, batch: &Batch) -> Result<Outcome, Error> {
        let bytes = batch.bytes();
        let redacted = RawValue::from_string("\"[redacted]\"".to_owned()).map_err(not_json)?;
        let mut out = Vec::with_capacity(bytes.len());
        for (record, line) in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
            let mut fields: Fields = serde_json::from_slice(line).map_err(|error| not_json(error).at_record(record))?;
            for (name, value) in &mut fields.0 {
                if *name == self.0.field {
                    *value = &redacted;
                }
            }
            serde_json::to_writer(&mut out, &fields).map_err(not_json)?;
            out.push(b'\n');
        }
        Ok(Outcome::Replaced(out))
    }
}

fn not_json(error: serde_json::Error) -> Error {
    Error::new("not-json", error.to_string())
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("a record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    fields.push((name.0, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// A field's name, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

dpone_sdk::export!(transform: Redact);
