//! A column transform that exists in three languages: writes a text field in capitals.

use dpone_sdk::{Batch, Column, Edits, Error, Needs, Outcome, Transform};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Options {
    field: String,
}

pub struct Capitals(Options);

impl Transform for Capitals {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": { "field": { "type": "string", "description": "Top-level field with a text." } },
        "required": ["field"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn needs(&self) -> Needs {
        Needs::fields([self.0.field.clone()])
    }

    fn apply(&self, batch: &Batch) -> Result<Outcome, Error> {
        let values = batch.column(&self.0.field);
        let mut capitals = Column::default();
        for value in values.iter() {
            match value.as_str() {
                Some(text) => capitals.push_str(&text.to_uppercase()),
                None => capitals.push(value),
            }
        }
        Ok(Edits::new().set(&self.0.field, capitals).into())
    }
}

dpone_sdk::export!(transform: Capitals);
