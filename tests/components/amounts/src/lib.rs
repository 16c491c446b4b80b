//! No amount above a maximum.

use dpone_sdk::{Batch, Check, Counts, Error, JsonText, Needs, Verdict};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Options {
    field: String,
    max: JsonText,
}

pub struct Amounts(Options);

impl Check for Amounts {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "field": { "type": "string", "description": "Field with the amount, a number." },
            "max": { "type": "number", "description": "Greatest amount that passes." }
        },
        "required": ["field", "max"],
        "additionalProperties": false
    }"#;
    type Options = Options;
    /// How many records were above the maximum.
    type State = u64;

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn needs(&self) -> Needs {
        Needs::fields([self.0.field.as_str()])
    }

    fn observe(&self, batch: &Batch, above: &mut u64) -> Result<(), Error> {
        let max = self.0.max.value().as_number();
        for (record, value) in batch.column(&self.0.field).iter().enumerate() {
            let no_number =
                || Error::new("no-number", "the amount is no number").at_record(record).at_field(&self.0.field);
            *above += u64::from(Some(value.as_number().ok_or_else(no_number)?) > max);
        }
        Ok(())
    }

    fn finish(&self, counts: &Counts, above: u64) -> Result<Verdict, Error> {
        let max = self.0.max.json();
        let message = format!("{above} of {} rows have {} above {max}", counts.rows, self.0.field);
        Verdict::new(above == 0, message).observing(&above)
    }
}

dpone_sdk::export!(check: Amounts);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_above_the_maximum_fail() {
        let check = Amounts::new(dpone_sdk::options_for_test(r#"{"field":"a","max":10.5}"#).unwrap()).unwrap();
        for (pages, above) in [(&["{\"a\":10.50}", "{\"a\":-1}"][..], 0), (&["{\"a\":10.51}", "{\"a\":1e2}"], 2)] {
            let mut state = 0;
            pages.iter().for_each(|p| check.observe(&Batch::for_test(p), &mut state).unwrap());
            assert_eq!(state, above);
            assert_eq!(check.finish(&Counts::default(), state).unwrap().passed, above == 0);
        }
        assert_eq!(check.observe(&Batch::for_test("{}"), &mut 0).unwrap_err().code, "no-number");
    }
}
