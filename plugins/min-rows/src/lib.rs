//! At least so many rows, counted after boundary and transforms.

use dpone_sdk::{Batch, Check, Counts, Error, Verdict};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
pub struct Options {
    threshold: u64,
}

pub struct MinRows {
    threshold: u64,
}

#[derive(Serialize)]
struct Observed {
    rows: u64,
    threshold: u64,
}

impl Check for MinRows {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "threshold": {
                "type": "integer", "minimum": 0, "maximum": 18446744073709551615,
                "description": "Least number of rows that passed boundary and transforms."
            }
        },
        "required": ["threshold"],
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = ();

    fn new(Options { threshold }: Options) -> Result<Self, Error> {
        Ok(Self { threshold })
    }

    fn observe(&self, _: &Batch, (): &mut ()) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&self, counts: &Counts, (): ()) -> Result<Verdict, Error> {
        let (rows, threshold) = (counts.rows, self.threshold);
        let plural = if rows == 1 { "row" } else { "rows" };
        Verdict::new(rows >= threshold, format!("{rows} {plural}, at least {threshold} asked for"))
            .observing(&Observed { rows, threshold })
    }
}

dpone_sdk::export!(check: MinRows);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_itself_passes() {
        for (rows, threshold, passed) in [(0, 1, false), (1, 1, true), (2, 1, true), (0, 0, true)] {
            let plugin = MinRows::new(Options { threshold }).unwrap();
            let verdict = plugin.finish(&Counts { rows, source_rows: 9, ..Counts::default() }, ()).unwrap();
            assert_eq!(verdict.passed, passed, "{rows} {threshold}");
            assert_eq!(verdict.observed, format!(r#"{{"rows":{rows},"threshold":{threshold}}}"#));
        }
    }

    #[test]
    fn the_message_says_both_numbers() {
        let plugin = MinRows::new(Options { threshold: 1 }).unwrap();
        assert_eq!(plugin.finish(&Counts::default(), ()).unwrap().message, "0 rows, at least 1 asked for");
    }
}
