//! Values that occur only once; several columns count together.

use dpone_sdk::distinct::{self, Repeat};
use dpone_sdk::{Batch, Check, Counts, Error, Needs, OneOrMany, Verdict};
use serde::{Deserialize, Serialize};

/// A check has sets of its own, so one name is enough.
const SET: &str = "values";

#[derive(Debug, Deserialize)]
pub struct Options {
    column: Option<OneOrMany>,
    columns: Option<OneOrMany>,
}

pub struct Unique {
    columns: Vec<String>,
}

#[derive(Serialize)]
struct Observed {
    repeated_rows: u64,
    examples: Vec<Example>,
}

#[derive(Serialize)]
struct Example {
    first_page: u64,
    first_record: u32,
    second_page: u64,
    second_record: u32,
}

impl Check for Unique {
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
                "description": "Top-level field, or a list of them, whose values (together) occur only once.",
                "anyOf": [
                    { "type": "string", "minLength": 1 },
                    { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1, "uniqueItems": true }
                ]
            }
        }
    }"##;
    type Options = Options;
    /// The host keeps the values.
    type State = ();

    fn new(options: Options) -> Result<Self, Error> {
        match (options.column, options.columns) {
            (Some(names), None) | (None, Some(names)) => Ok(Self { columns: names.into_vec() }),
            _ => Err(Error::new("invalid-options", "one of column and columns is expected")),
        }
    }

    fn needs(&self) -> Needs {
        Needs::fields(self.columns.iter().cloned())
    }

    fn observe(&self, batch: &Batch, (): &mut ()) -> Result<(), Error> {
        distinct::add(SET, batch, &self.columns);
        Ok(())
    }

    fn finish(&self, _: &Counts, (): ()) -> Result<Verdict, Error> {
        let names = self.columns.join(", ");
        let repeats = distinct::repeats(SET);
        let message = match repeats.examples.first() {
            None => format!("no repeated value of {names}"),
            Some(Repeat { first, second, .. }) => {
                let rows = repeats.rows;
                let plural = if rows == 1 { "row repeats" } else { "rows repeat" };
                format!(
                    "{rows} {plural} an earlier value of {names}, first in record {} of page {} and record {} of page {}",
                    first.1, first.0, second.1, second.0
                )
            }
        };
        let observed = Observed {
            repeated_rows: repeats.rows,
            // Without the values themselves: reports mask those of rows.
            examples: repeats.examples.iter().map(Example::from).collect(),
        };
        Verdict::new(repeats.rows == 0, message).observing(&observed)
    }
}

impl From<&Repeat> for Example {
    fn from(repeat: &Repeat) -> Self {
        let ((first_page, first_record), (second_page, second_record)) = (repeat.first, repeat.second);
        Self { first_page, first_record, second_page, second_record }
    }
}

dpone_sdk::export!(check: Unique);

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(options: &str, pages: &[&str]) -> Verdict {
        let plugin = Unique::new(dpone_sdk::options_for_test(options).unwrap()).unwrap();
        for (page, ndjson) in (1..).zip(pages) {
            plugin.observe(&Batch::for_test(ndjson).at_page(page), &mut ()).unwrap();
        }
        plugin.finish(&Counts::default(), ()).unwrap()
    }

    // The test double keeps its sets by thread, and each test has its own.

    #[test]
    fn repeats_are_named_with_their_places() {
        let verdict = judge(r#"{"column":"a"}"#, &["{\"a\":1}\n{\"a\":2}", "{\"a\":3}\n{\"a\":2}\n{\"a\":2}"]);
        assert!(!verdict.passed);
        let message = "2 rows repeat an earlier value of a, first in record 1 of page 1 and record 1 of page 2";
        assert_eq!(verdict.message, message);
        assert_eq!(
            verdict.observed,
            r#"{"repeated_rows":2,"examples":[{"first_page":1,"first_record":1,"second_page":2,"second_record":1}]}"#
        );
    }

    #[test]
    fn columns_count_together_and_nulls_do_not_count() {
        let verdict = judge(
            r#"{"columns":["a","b"]}"#,
            &["{\"a\":1,\"b\":1}\n{\"a\":1,\"b\":2}\n{\"a\":1}\n{\"a\":1,\"b\":null}\n{\"a\":1}"],
        );
        assert!(verdict.passed, "{}", verdict.message);
        assert_eq!(verdict.message, "no repeated value of a, b");
    }

    #[test]
    fn one_of_column_and_columns_is_asked_for() {
        for options in ["{}", r#"{"column":"a","columns":["b"]}"#] {
            assert!(Unique::new(dpone_sdk::options_for_test(options).unwrap()).is_err(), "{options}");
        }
    }
}
