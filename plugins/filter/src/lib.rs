//! Keeps the records that satisfy a predicate on their top-level fields.

mod predicate;

use dpone_sdk::{Batch, Edits, Error, Needs, Outcome, Transform};
use predicate::{Condition, Predicate};
use serde::Deserialize;

/// One condition, or a list of which all must hold.
#[derive(Debug, Deserialize)]
pub struct Options {
    field: Option<String>,
    op: Option<predicate::Op>,
    #[serde(default, deserialize_with = "predicate::present")]
    value: Option<dpone_sdk::JsonText>,
    all_of: Option<Vec<Condition>>,
}

pub struct Filter {
    predicates: Vec<Predicate>,
}

impl Transform for Filter {
    const OPTIONS_SCHEMA: &'static str = r##"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "field": { "$ref": "#/$defs/field" },
            "op": { "$ref": "#/$defs/op" },
            "value": { "$ref": "#/$defs/value" },
            "all_of": {
                "type": "array", "minItems": 1,
                "description": "Conditions that must all hold.",
                "items": {
                    "type": "object",
                    "properties": {
                        "field": { "$ref": "#/$defs/field" },
                        "op": { "$ref": "#/$defs/op" },
                        "value": { "$ref": "#/$defs/value" }
                    },
                    "required": ["field", "op"],
                    "additionalProperties": false
                }
            }
        },
        "oneOf": [{ "required": ["field", "op"] }, { "required": ["all_of"] }],
        "additionalProperties": false,
        "$defs": {
            "field": { "type": "string", "minLength": 1, "description": "Top-level field to look at." },
            "op": {
                "enum": ["eq", "ne", "lt", "le", "gt", "ge", "in", "exists", "not_null"],
                "description": "How the field compares with the value."
            },
            "value": { "description": "What to compare with; a list for `in`, nothing for `exists` and `not_null`." }
        }
    }"##;
    type Options = Options;

    fn new(options: Options) -> Result<Self, Error> {
        let conditions = match options {
            Options { field: Some(field), op: Some(op), value, all_of: None } => vec![Condition { field, op, value }],
            Options { field: None, op: None, value: None, all_of: Some(conditions) } => conditions,
            _ => return Err(Error::new("invalid-options", "either field and op, or all_of, is expected")),
        };
        let predicates = conditions.into_iter().map(Predicate::new).collect::<Result<_, _>>()?;
        Ok(Self { predicates })
    }

    fn needs(&self) -> Needs {
        let mut fields: Vec<_> = self.predicates.iter().map(|p| p.field().to_owned()).collect();
        fields.sort();
        fields.dedup();
        Needs::fields(fields)
    }

    fn apply(&self, batch: &Batch) -> Result<Outcome, Error> {
        let mut keep = vec![true; batch.len()];
        for predicate in &self.predicates {
            predicate.narrow(&batch.column(predicate.field()), &mut keep)?;
        }
        Ok(if keep.iter().all(|k| *k) { Outcome::Unchanged } else { Edits::new().keep(keep).into() })
    }
}

dpone_sdk::export!(transform: Filter);

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(options: &str) -> Result<Filter, Error> {
        Filter::new(dpone_sdk::options_for_test(options)?)
    }

    #[test]
    fn all_conditions_must_hold() {
        let plugin = filter(
            r#"{"all_of":[{"field":"status","op":"in","value":["open","paid"]},{"field":"total","op":"gt","value":10}]}"#,
        )
        .unwrap();
        assert_eq!(plugin.needs(), Needs::fields(["status", "total"]));
        let batch = Batch::for_test(
            "{\"status\":\"open\",\"total\":11}\n{\"status\":\"open\",\"total\":10}\n{\"status\":\"gone\",\"total\":99}",
        );
        assert_eq!(plugin.apply(&batch), Ok(Edits::new().keep(vec![true, false, false]).into()));
    }

    #[test]
    fn a_batch_that_passes_whole_is_unchanged() {
        let plugin = filter(r#"{"field":"a","op":"exists"}"#).unwrap();
        assert_eq!(plugin.apply(&Batch::for_test("{\"a\":null}\n{\"a\":1}")), Ok(Outcome::Unchanged));
        assert_eq!(plugin.apply(&Batch::for_test("")), Ok(Outcome::Unchanged));
    }

    #[test]
    fn half_a_condition_is_refused() {
        for options in [
            "{}",
            r#"{"field":"a"}"#,
            r#"{"op":"eq","value":1}"#,
            r#"{"field":"a","op":"eq","value":1,"all_of":[]}"#,
            r#"{"field":"a","op":"eq"}"#,
            r#"{"field":"a","op":"exists","value":1}"#,
            r#"{"field":"a","op":"in","value":1}"#,
            r#"{"field":"a","op":"lt","value":true}"#,
            r#"{"field":"a","op":"like","value":"x"}"#,
        ] {
            assert_eq!(filter(options).err().map(|e| e.code).as_deref(), Some("invalid-options"), "{options}");
        }
    }
}
