//! Renames top-level fields; values stay byte for byte.

use dpone_sdk::{Batch, Edits, Error, Kind, Needs, Outcome, Transform};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Deserialize)]
pub struct Options {
    /// From → to.
    fields: BTreeMap<String, String>,
}

pub struct Rename {
    edits: Edits,
    /// New names that are not themselves renamed: a record that has one of them already would
    /// have it twice.
    targets: Vec<String>,
}

impl Transform for Rename {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "fields": {
                "type": "object",
                "description": "Old name to new name, for each top-level field to rename.",
                "minProperties": 1,
                "additionalProperties": { "type": "string", "minLength": 1 }
            }
        },
        "required": ["fields"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(Options { fields }: Options) -> Result<Self, Error> {
        let mut targets = BTreeSet::new();
        for (from, to) in &fields {
            if !targets.insert(to) {
                let message = format!("{from} would get the name {to}, as another field does");
                return Err(Error::new("invalid-options", message).at_field(from));
            }
        }
        let targets = targets.into_iter().filter(|to| !fields.contains_key(*to)).cloned().collect();
        let edits = fields.iter().filter(|(from, to)| from != to);
        Ok(Self { edits: edits.fold(Edits::new(), |edits, (from, to)| edits.rename(from, to)), targets })
    }

    fn needs(&self) -> Needs {
        let renamed = self.edits.rename.iter().map(|(from, _)| from);
        Needs::fields(renamed.chain(&self.targets).cloned())
    }

    fn apply(&self, batch: &Batch) -> Result<Outcome, Error> {
        let has = |field: &str| batch.column(field).iter().position(|v| v.kind() != Kind::Missing);
        for target in &self.targets {
            // Most often no record has the new name, and the old one need not be looked at.
            if has(target).is_some() {
                self.refuse_both(batch, target)?;
            }
        }
        if self.edits.rename.iter().all(|(from, _)| has(from).is_none()) {
            return Ok(Outcome::Unchanged);
        }
        Ok(self.edits.clone().into())
    }
}

impl Rename {
    fn refuse_both(&self, batch: &Batch, target: &str) -> Result<(), Error> {
        let Some((from, _)) = self.edits.rename.iter().find(|(_, to)| to == target) else { return Ok(()) };
        let (old, new) = (batch.column(from), batch.column(target));
        match old.iter().zip(new.iter()).position(|(o, n)| o.kind() != Kind::Missing && n.kind() != Kind::Missing) {
            Some(record) => {
                let message = format!("the record has both {from} and {target}, the name that {from} would get");
                Err(Error::new("field-exists", message).at_record(record).at_field(target))
            }
            None => Ok(()),
        }
    }
}

dpone_sdk::export!(transform: Rename);

#[cfg(test)]
mod tests {
    use super::*;

    fn rename(fields: &str) -> Result<Rename, Error> {
        Rename::new(dpone_sdk::options_for_test(&format!(r#"{{"fields":{fields}}}"#))?)
    }

    #[test]
    fn fields_are_renamed() {
        let outcome = rename(r#"{"id":"order_id","at":"updated_at"}"#).unwrap().apply(&Batch::for_test(r#"{"id":1}"#));
        let edits = Edits::new().rename("at", "updated_at").rename("id", "order_id");
        assert_eq!(outcome, Ok(edits.into()));
    }

    #[test]
    fn a_batch_without_the_fields_is_unchanged() {
        for (fields, batch) in
            [(r#"{"id":"order_id"}"#, r#"{"x":1}"#), (r#"{"id":"id"}"#, r#"{"id":1}"#), (r#"{"id":"x"}"#, "")]
        {
            assert_eq!(rename(fields).unwrap().apply(&Batch::for_test(batch)), Ok(Outcome::Unchanged), "{batch}");
        }
    }

    #[test]
    fn two_names_may_be_swapped() {
        let plugin = rename(r#"{"a":"b","b":"a"}"#).unwrap();
        let edits = Edits::new().rename("a", "b").rename("b", "a");
        assert_eq!(plugin.apply(&Batch::for_test(r#"{"a":1,"b":2}"#)), Ok(edits.into()));
    }

    #[test]
    fn a_name_that_is_taken_is_an_error_with_the_record() {
        let plugin = rename(r#"{"id":"order_id"}"#).unwrap();
        assert_eq!(plugin.needs(), Needs::fields(["id", "order_id"]));
        let apart = Batch::for_test("{\"id\":1}\n{\"order_id\":2}");
        assert_eq!(plugin.apply(&apart), Ok(Edits::new().rename("id", "order_id").into()));
        let error = plugin.apply(&Batch::for_test("{\"id\":1}\n{\"id\":2,\"order_id\":null}")).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.record, error.field.as_deref()),
            ("field-exists", Some(1), Some("order_id"))
        );
    }

    #[test]
    fn two_fields_cannot_get_one_name() {
        assert_eq!(rename(r#"{"a":"x","b":"x"}"#).err().unwrap().code, "invalid-options");
    }
}
