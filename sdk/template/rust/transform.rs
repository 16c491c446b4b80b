//! {{name}}: writes a text field in capitals, and drops the records that do not have it.

use dpone_sdk::{Batch, Column, Edits, Error, Kind, Needs, Outcome, Transform};
use serde::Deserialize;

/// The manifest's `with` block. The host has checked it against the schema below.
#[derive(Debug, Deserialize)]
pub struct Options {
    field: String,
    #[serde(default)]
    keep_empty: bool,
}

pub struct {{class}}(Options);

impl Transform for {{class}} {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "field": {
                "type": "string", "minLength": 1,
                "description": "Top-level field with a text, such as a currency."
            },
            "keep_empty": {
                "type": "boolean", "default": false,
                "description": "Whether records without the field stay."
            }
        },
        "required": ["field"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn needs(&self) -> Needs {
        // Only what is named here crosses into the plugin; the rest of a record stays outside.
        Needs::fields([self.0.field.clone()])
    }

    fn apply(&self, batch: &Batch) -> Result<Outcome, Error> {
        let values = batch.column(&self.0.field);
        let mut capitals = Column::default();
        let mut keep = Vec::with_capacity(values.len());
        for (record, value) in values.iter().enumerate() {
            match (value.kind(), value.as_str()) {
                (_, Some(text)) => capitals.push_str(&text.to_uppercase()),
                (Kind::Missing | Kind::Null, _) => capitals.push(value),
                // Record and field let the host show which line of the page is meant.
                (kind, _) => {
                    let message = format!("{} instead of a string", kind.name());
                    return Err(Error::new("no-text", message)
                        .at_record(record)
                        .at_field(&self.0.field));
                }
            }
            keep.push(self.0.keep_empty || value.is_present());
        }
        if capitals == values && keep.iter().all(|keep| *keep) {
            // The host then passes the batch on without taking it apart.
            return Ok(Outcome::Unchanged);
        }
        Ok(Edits::new().keep(keep).set(&self.0.field, capitals).into())
    }
}

dpone_sdk::export!(transform: {{class}});

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(options: &str, ndjson: &str) -> Result<Outcome, Error> {
        {{class}}::new(dpone_sdk::options_for_test(options)?)?.apply(&Batch::for_test(ndjson))
    }

    #[test]
    fn texts_become_capitals_and_records_without_one_go() {
        let batch = "{\"currency\":\"eur\"}\n{\"id\":1}\n{\"currency\":null}\n";
        let Outcome::Edited(edits) = apply(r#"{"field":"currency"}"#, batch).unwrap() else {
            panic!("not edited")
        };
        assert_eq!(edits.keep, Some(vec![true, false, false]));
        let set: Vec<_> = edits.set[0]
            .1
            .iter()
            .map(|value| value.json().to_owned())
            .collect();
        assert_eq!(set, ["\"EUR\"", "", "null"]);
    }

    #[test]
    fn a_batch_in_capitals_stays_as_it_is() {
        assert_eq!(
            apply(r#"{"field":"currency"}"#, "{\"currency\":\"EUR\"}\n").unwrap(),
            Outcome::Unchanged
        );
        assert_eq!(
            apply(r#"{"field":"currency","keep_empty":true}"#, "{\"id\":1}\n").unwrap(),
            Outcome::Unchanged
        );
    }

    #[test]
    fn a_number_is_refused_with_its_record() {
        let error = apply(
            r#"{"field":"currency"}"#,
            "{\"currency\":\"eur\"}\n{\"currency\":978}\n",
        )
        .unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.record, error.field.as_deref()),
            ("no-text", Some(1), Some("currency"))
        );
    }
}
