//! Masks an e-mail address in the records' bytes, as a team would write it with the standard
//! library alone: hash maps (which ask WASI for random) and a line on stdout.

use dpone_sdk::{Batch, Error, Needs, Outcome, Transform};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashMap;

#[derive(Debug, Deserialize)]
pub struct Options {
    field: String,
}

pub struct MaskEmail(Options);

/// A record's fields in the order they came, values untouched.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl Transform for MaskEmail {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": { "field": { "type": "string", "description": "Field with the address." } },
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
        let text = std::str::from_utf8(&bytes).map_err(|e| Error::new("not-text", e.to_string()))?;
        let mut masks: HashMap<String, String> = HashMap::new();
        let mut out = String::with_capacity(text.len());
        for (record, line) in text.lines().enumerate() {
            let fields: Fields =
                serde_json::from_str(line).map_err(|e| Error::new("not-json", e.to_string()).at_record(record))?;
            out.push('{');
            for (i, (name, value)) in fields.0.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&quoted(name));
                out.push(':');
                match serde_json::from_str::<String>(value.get()) {
                    Ok(address) if *name == self.0.field => {
                        out.push_str(masks.entry(address).or_insert_with_key(|a| quoted(&mask(a))));
                    }
                    _ => out.push_str(value.get()),
                }
            }
            out.push_str("}\n");
        }
        println!("masked {} addresses", masks.len());
        Ok(Outcome::Replaced(out.into_bytes()))
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `mary@example.com` becomes `m***@example.com`.
fn mask(address: &str) -> String {
    match address.split_once('@') {
        Some((name, host)) => format!("{}***@{host}", name.chars().next().unwrap_or_default()),
        None => "***".to_owned(),
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ordered;
        impl<'de> Visitor<'de> for Ordered {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Ordered)
    }
}

dpone_sdk::export!(transform: MaskEmail);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_changes() {
        let plugin = MaskEmail::new(Options { field: "email".to_owned() }).unwrap();
        let batch =
            Batch::for_test("{\"n\": 1.10,\"email\":\"mary@example.com\"}\n{\"email\":null}\n{\"email\":\"x\"}\n");
        let masked = "{\"n\":1.10,\"email\":\"m***@example.com\"}\n{\"email\":null}\n{\"email\":\"***\"}\n";
        assert_eq!(plugin.apply(&batch).unwrap(), Outcome::Replaced(masked.into()));
    }
}
