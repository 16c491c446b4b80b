//! Adds a column from a table (`key,value` lines) in the folder that the grant `files` opens.

use dpone_sdk::{Batch, Column, Edits, Error, Needs, Outcome, Transform};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
pub struct Options {
    file: String,
    field: String,
    to: String,
}

pub struct Lookup {
    options: Options,
    table: BTreeMap<String, String>,
}

impl Transform for Lookup {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "file": { "type": "string", "description": "Path of the table, such as /countries.csv." },
            "field": { "type": "string", "description": "Field with the key." },
            "to": { "type": "string", "description": "Field for the value." }
        },
        "required": ["file", "field", "to"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(options: Options) -> Result<Self, Error> {
        let file = &options.file;
        let text = std::fs::read_to_string(file).map_err(|e| Error::new("no-table", format!("{file}: {e}")))?;
        let pairs = text.lines().filter_map(|line| line.split_once(','));
        let table = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Ok(Self { options, table })
    }

    fn needs(&self) -> Needs {
        Needs::fields([self.options.field.as_str()])
    }

    fn apply(&self, batch: &Batch) -> Result<Outcome, Error> {
        let mut found = Column::default();
        for key in batch.column(&self.options.field).iter() {
            match key.as_str().and_then(|key| self.table.get(key.as_ref())) {
                Some(value) => found.push_str(value),
                None => found.push_null(),
            }
        }
        Ok(Edits::new().set(&self.options.to, found).into())
    }
}

dpone_sdk::export!(transform: Lookup);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_get_their_value() {
        let options = Options { file: String::new(), field: "c".to_owned(), to: "name".to_owned() };
        let table = BTreeMap::from([("nl".to_owned(), "Netherlands".to_owned())]);
        let outcome = Lookup { options, table }.apply(&Batch::for_test("{\"c\":\"nl\"}\n{\"c\":\"xx\"}\n{}")).unwrap();
        let Outcome::Edited(edits) = outcome else { panic!("no edits") };
        let values: Vec<_> = edits.set[0].1.iter().map(|v| v.json().to_owned()).collect();
        assert_eq!(values, ["\"Netherlands\"", "null", "null"]);
    }
}
