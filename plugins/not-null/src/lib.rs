//! Fields that are neither null nor missing in any record.

use dpone_sdk::{Batch, Check, Counts, Error, Needs, OneOrMany, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
pub struct Options {
    column: Option<OneOrMany>,
    columns: Option<OneOrMany>,
}

pub struct NotNull {
    columns: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pages: u64,
    /// Column → what was found there; columns without a finding are left out.
    nulls: BTreeMap<String, Nulls>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Nulls {
    rows: u64,
    /// Page (from 1) and record (from 0) of the first one.
    first_page: u64,
    first_record: usize,
}

#[derive(Serialize)]
struct Observed<'a> {
    nulls: &'a BTreeMap<String, Nulls>,
}

impl Check for NotNull {
    const OPTIONS_SCHEMA: &'static str = r##"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "column": { "$ref": "#/$defs/names" },
            "columns": { "$ref": "#/$defs/names" }
        },
        "oneOf": [{ "required": ["column"] }, { "required": ["columns"] }],
        "additionalProperties": false,
        "$defs": {
            "names": {
                "description": "Top-level field, or a list of them, that may be neither null nor missing.",
                "anyOf": [
                    { "type": "string", "minLength": 1 },
                    { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1, "uniqueItems": true }
                ]
            }
        }
    }"##;
    type Options = Options;
    type State = State;

    fn new(options: Options) -> Result<Self, Error> {
        match (options.column, options.columns) {
            (Some(names), None) | (None, Some(names)) => Ok(Self { columns: names.into_vec() }),
            _ => Err(Error::new("invalid-options", "one of column and columns is expected")),
        }
    }

    fn needs(&self) -> Needs {
        Needs::fields(self.columns.iter().cloned())
    }

    fn observe(&self, batch: &Batch, state: &mut State) -> Result<(), Error> {
        state.pages += 1;
        for name in &self.columns {
            let values = batch.column(name);
            let mut nulls = values.iter().enumerate().filter(|(_, v)| !v.is_present()).map(|(record, _)| record);
            if let Some(first_record) = nulls.next() {
                let first = Nulls { rows: 0, first_page: state.pages, first_record };
                state.nulls.entry(name.clone()).or_insert(first).rows += 1 + nulls.count() as u64;
            }
        }
        Ok(())
    }

    fn finish(&self, _: &Counts, state: State) -> Result<Verdict, Error> {
        let found: Vec<_> = state.nulls.iter().map(|(name, nulls)| nulls.describe(name)).collect();
        let message = match found.as_slice() {
            [] => format!("no null in {}", self.columns.join(", ")),
            found => found.join("; "),
        };
        Verdict::new(found.is_empty(), message).observing(&Observed { nulls: &state.nulls })
    }
}

impl Nulls {
    fn describe(&self, name: &str) -> String {
        let Self { rows, first_page, first_record } = self;
        let plural = if *rows == 1 { "row" } else { "rows" };
        format!("{name} is null or missing in {rows} {plural}, first in record {first_record} of page {first_page}")
    }
}

dpone_sdk::export!(check: NotNull);

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(options: &str, pages: &[&str]) -> Verdict {
        let plugin = NotNull::new(dpone_sdk::options_for_test(options).unwrap()).unwrap();
        let mut state = State::default();
        for page in pages {
            plugin.observe(&Batch::for_test(page), &mut state).unwrap();
        }
        plugin.finish(&Counts::default(), state).unwrap()
    }

    #[test]
    fn null_and_missing_fail() {
        for (pages, message) in [
            (&["{\"a\":1}\n{\"a\":\"\"}", "{\"a\":false}"][..], "no null in a"),
            (&[], "no null in a"),
            (&["{\"a\":1}", "{\"a\":1}\n{\"a\":null}"], "a is null or missing in 1 row, first in record 1 of page 2"),
            (&["{}\n{\"a\":1}", "", "{\"a\":null}\n{}"], "a is null or missing in 3 rows, first in record 0 of page 1"),
        ] {
            let verdict = judge(r#"{"column":"a"}"#, pages);
            assert_eq!(verdict.message, message);
            assert_eq!(verdict.passed, message.starts_with("no null"));
        }
    }

    #[test]
    fn several_columns_are_named_apart() {
        let verdict = judge(r#"{"columns":["a","b","c"]}"#, &["{\"a\":1,\"b\":null}"]);
        assert!(!verdict.passed);
        assert_eq!(
            verdict.observed,
            r#"{"nulls":{"b":{"rows":1,"first_page":1,"first_record":0},"c":{"rows":1,"first_page":1,"first_record":0}}}"#
        );
    }

    #[test]
    fn one_of_column_and_columns_is_asked_for() {
        for options in ["{}", r#"{"column":"a","columns":["b"]}"#] {
            assert!(NotNull::new(dpone_sdk::options_for_test(options).unwrap()).is_err(), "{options}");
        }
    }
}
