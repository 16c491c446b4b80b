//! As many messages delivered as the source gave rows.

use dpone_sdk::{Batch, Check, Counts, Error, JsonText, Stage, Verdict};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
pub struct Options {
    tolerance_pct: Option<JsonText>,
}

pub struct SourceTargetCount {
    tolerance: Percent,
}

/// A decimal percentage, exactly: `units / 10^scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Percent {
    text: String,
    units: u128,
    scale: u32,
}

#[derive(Serialize)]
struct Observed {
    source_rows: u64,
    acknowledged: u64,
    difference: u64,
}

impl Check for SourceTargetCount {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "tolerance_pct": {
                "type": "number", "minimum": 0, "maximum": 100, "default": 0,
                "description": "Difference that passes, in percent of the source's rows: 0.1 is one in a thousand."
            }
        },
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = ();

    fn new(options: Options) -> Result<Self, Error> {
        let text = options.tolerance_pct.map_or_else(|| "0".to_owned(), |t| t.json().to_owned());
        Ok(Self { tolerance: Percent::parse(&text)? })
    }

    fn stage(&self) -> Stage {
        Stage::AfterDelivery
    }

    fn observe(&self, _: &Batch, (): &mut ()) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&self, counts: &Counts, (): ()) -> Result<Verdict, Error> {
        let not_delivered =
            || Error::new("not-delivered", "the messages that the broker acknowledged are not counted yet");
        let acknowledged = counts.acknowledged.ok_or_else(not_delivered)?;
        let source_rows = counts.source_rows;
        let difference = source_rows.abs_diff(acknowledged);
        let message = format!(
            "{source_rows} rows from the source, {acknowledged} messages acknowledged: {difference} apart, {} % allowed",
            self.tolerance.text
        );
        Verdict::new(self.tolerance.allows(difference, source_rows), message).observing(&Observed {
            source_rows,
            acknowledged,
            difference,
        })
    }
}

impl Percent {
    /// A decimal with up to nine digits after the point; no float, so that 0.1 % of 1000 is 1.
    fn parse(text: &str) -> Result<Self, Error> {
        let invalid =
            || Error::new("invalid-options", format!("tolerance_pct is {text}; a decimal from 0 to 100 is expected"));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if fraction.len() > 9 || whole.len() > 3 {
            return Err(invalid());
        }
        let units: u128 = format!("{whole}{fraction}").parse().map_err(|_| invalid())?;
        let scale = fraction.len() as u32;
        if units > 100 * 10_u128.pow(scale) {
            return Err(invalid());
        }
        Ok(Self { text: text.to_owned(), units, scale })
    }

    fn allows(&self, difference: u64, of: u64) -> bool {
        u128::from(difference) * 100 * 10_u128.pow(self.scale) <= self.units * u128::from(of)
    }
}

dpone_sdk::export!(check: SourceTargetCount);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tolerance: Option<&str>) -> Result<SourceTargetCount, Error> {
        let options = tolerance.map(|t| format!(r#"{{"tolerance_pct":{t}}}"#)).unwrap_or_default();
        SourceTargetCount::new(dpone_sdk::options_for_test(&options)?)
    }

    #[test]
    fn the_tolerance_is_percent_of_the_source() {
        for (tolerance, source_rows, acknowledged, passed) in [
            (None, 10, 10, true),
            (None, 10, 9, false),
            (None, 0, 0, true),
            (None, 0, 1, false),
            (Some("0.1"), 1000, 999, true),
            (Some("0.1"), 1000, 1001, true),
            (Some("0.1"), 1000, 998, false),
            (Some("0.1"), 999, 998, false),
            (Some("0.100000000"), 3000, 2997, true),
            (Some("100"), 5, 0, true),
            (Some("100"), u64::MAX, 0, true),
            (Some("99.9"), u64::MAX, 0, false),
        ] {
            let counts = Counts { source_rows, acknowledged: Some(acknowledged), ..Counts::default() };
            let verdict = check(tolerance).unwrap().finish(&counts, ()).unwrap();
            assert_eq!(verdict.passed, passed, "{tolerance:?} {source_rows} {acknowledged}");
        }
    }

    #[test]
    fn it_waits_for_the_delivery() {
        let plugin = check(None).unwrap();
        assert_eq!(plugin.stage(), Stage::AfterDelivery);
        assert_eq!(plugin.finish(&Counts::default(), ()).unwrap_err().code, "not-delivered");
    }

    #[test]
    fn what_is_no_percentage_is_refused() {
        for tolerance in ["-1", "100.1", "\"1\"", "1e1", "0.0000000001"] {
            assert_eq!(check(Some(tolerance)).err().map(|e| e.code).as_deref(), Some("invalid-options"), "{tolerance}");
        }
    }

    #[test]
    fn what_was_measured_is_observed() {
        let counts = Counts { source_rows: 10, acknowledged: Some(9), ..Counts::default() };
        let verdict = check(None).unwrap().finish(&counts, ()).unwrap();
        assert_eq!(verdict.observed, r#"{"source_rows":10,"acknowledged":9,"difference":1}"#);
    }
}
