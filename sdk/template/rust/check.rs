//! {{name}}: at most so many records may have no value in a field.

use dpone_sdk::{Batch, Check, Counts, Error, Needs, Verdict};
use serde::{Deserialize, Serialize};

/// The check's own keys in the manifest. The host has checked them against the schema below.
#[derive(Debug, Deserialize)]
pub struct Options {
    field: String,
    #[serde(default)]
    max: u64,
}

/// State that has to last from page to page. An instance may be dropped between two calls, so a field of
/// `self` would be lost.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    records: u64,
    empty: u64,
}

pub struct {{class}}(Options);

impl Check for {{class}} {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "field": {
                "type": "string", "minLength": 1,
                "description": "Top-level field that should have a value."
            },
            "max": {
                "type": "integer", "minimum": 0, "default": 0,
                "description": "Greatest number of records without one."
            }
        },
        "required": ["field"],
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = State;

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn needs(&self) -> Needs {
        Needs::fields([self.0.field.clone()])
    }

    fn observe(&self, batch: &Batch, state: &mut State) -> Result<(), Error> {
        let values = batch.column(&self.0.field);
        state.records += values.len() as u64;
        state.empty += values.iter().filter(|value| !value.is_present()).count() as u64;
        Ok(())
    }

    fn finish(&self, _: &Counts, state: State) -> Result<Verdict, Error> {
        let message = format!(
            "{} of {} records have no {}; {} may",
            state.empty, state.records, self.0.field, self.0.max
        );
        Verdict::new(state.empty <= self.0.max, message).observing(&state)
    }
}

dpone_sdk::export!(check: {{class}});

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(options: &str, pages: &[&str]) -> Verdict {
        let check = {{class}}::new(dpone_sdk::options_for_test(options).unwrap()).unwrap();
        let mut state = State::default();
        for page in pages {
            check.observe(&Batch::for_test(page), &mut state).unwrap();
        }
        check.finish(&Counts::default(), state).unwrap()
    }

    #[test]
    fn null_and_missing_count_over_all_pages() {
        let pages = [
            "{\"email\":\"a\"}\n{\"email\":null}\n",
            "{\"email\":\"\"}\n{\"id\":1}\n",
        ];
        for (options, passed) in [
            (r#"{"field":"email"}"#, false),
            (r#"{"field":"email","max":1}"#, false),
            (r#"{"field":"email","max":2}"#, true),
        ] {
            let verdict = verdict(options, &pages);
            assert_eq!(verdict.passed, passed, "{options}");
            assert!(
                verdict.message.starts_with("2 of 4 records have no email"),
                "{}",
                verdict.message
            );
            assert_eq!(verdict.observed, r#"{"records":4,"empty":2}"#);
        }
    }

    #[test]
    fn no_records_pass() {
        assert!(verdict(r#"{"field":"email"}"#, &[]).passed);
    }
}
