//! Cuts a load into windows of its cursor field.

mod step;

use dpone_sdk::{Error, JsonText, Slice, SliceContext, SliceStep, Slicer};
use jiff::Timestamp;
use serde::Deserialize;
use step::Step;

/// More windows than anybody means to have.
const MAX_WINDOWS: usize = 50_000;

#[derive(Debug, Deserialize)]
pub struct Options {
    step: JsonText,
    lookback: Option<JsonText>,
}

pub struct Windows {
    step: Step,
    lookback: Option<Step>,
}

impl Slicer for Windows {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "step": {
                "type": ["string", "integer"],
                "description": "Length of a window: 15m, 6h, 1d, 2w, 1mo, 1y, or a whole number."
            },
            "lookback": {
                "type": ["string", "integer"],
                "description": "How far before the watermark windows are listed again."
            }
        },
        "required": ["step"],
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = ();

    fn new(options: Options) -> Result<Self, Error> {
        let step = Step::parse("step", &options.step)?;
        let lookback = options.lookback.map(|lookback| Step::parse("lookback", &lookback)).transpose()?;
        let is_number = |step: &Step| matches!(step, Step::Number(_));
        if lookback.as_ref().is_some_and(|lookback| is_number(lookback) != is_number(&step)) {
            let message = "`step` and `lookback` are both numbers or both lengths of time";
            return Err(Error::new("lookback", message).at_field("lookback"));
        }
        Ok(Self { step, lookback })
    }

    fn start(&self, context: &SliceContext) -> Result<SliceStep<()>, Error> {
        let lower = context
            .lower
            .as_deref()
            .ok_or_else(|| Error::new("no-start", "windows need a lower bound: set `incremental.start`"))?;
        let slices = match self.step {
            Step::Number(step) => self.of_numbers(step, lower, context)?,
            _ => self.of_instants(lower, context)?,
        };
        Ok(SliceStep::last(slices))
    }
}

impl Windows {
    fn of_numbers(&self, step: i128, lower: &str, context: &SliceContext) -> Result<Vec<Slice>, Error> {
        let number = |text: &str| {
            let message = format!("the bound `{text}` is no whole number, but `step` is one");
            text.parse::<i128>().map_err(|_| Error::new("bound", message))
        };
        let back = match self.lookback {
            Some(Step::Number(back)) => back,
            _ => 0,
        };
        let lower = number(lower)?;
        let upper = context.upper.as_deref().map(number).transpose()?;
        let mut start = lower.saturating_sub(back).div_euclid(step).saturating_mul(step);
        // Nobody knows how far numbers go: without an upper bound there is one window, and it is open.
        let Some(upper) = upper else {
            return Ok(vec![Slice { lower: Some(start.to_string()), ..Slice::new(start.to_string()) }]);
        };
        let mut slices = Vec::new();
        while start < upper {
            let end = start.saturating_add(step);
            slices.push(Slice::new(start.to_string()).between(start.to_string(), end.min(upper).to_string()));
            too_many(&slices)?;
            start = end;
        }
        Ok(slices)
    }

    fn of_instants(&self, lower: &str, context: &SliceContext) -> Result<Vec<Slice>, Error> {
        let lower = instant(lower)?;
        let upper = context.upper.as_deref().map(instant).transpose()?;
        let until = upper.map_or_else(|| instant(&context.started_at), Ok)?;
        let beyond = || Error::new("calendar", "a window lies beyond the calendar");
        let from = self.lookback.map_or(Some(lower), |back| back.before(lower)).ok_or_else(beyond)?;
        let mut start = self.step.floor(from).ok_or_else(beyond)?;
        let mut slices = Vec::new();
        loop {
            let end = self.step.after(start).ok_or_else(beyond)?;
            let is_last = end >= until;
            // A load without an upper bound takes what is newest, too: its last window is open.
            let upper = if is_last { upper.map(|upper| upper.to_string()) } else { Some(end.to_string()) };
            if upper.as_deref() != Some(start.to_string().as_str()) {
                slices.push(Slice { lower: Some(start.to_string()), upper, ..Slice::new(start.to_string()) });
            }
            too_many(&slices)?;
            if is_last {
                return Ok(slices);
            }
            start = end;
        }
    }
}

/// An RFC 3339 instant, or a date, which is its midnight in UTC.
fn instant(text: &str) -> Result<Timestamp, Error> {
    let date = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let parsed = text.parse::<Timestamp>().ok().or_else(|| date().map(|zoned| zoned.timestamp()));
    parsed
        .ok_or_else(|| Error::new("bound", format!("the bound `{text}` is no instant, but `step` is a length of time")))
}

fn too_many(slices: &[Slice]) -> Result<(), Error> {
    if slices.len() > MAX_WINDOWS {
        let message = format!("more than {MAX_WINDOWS} windows; take a longer `step` or a later `start`");
        return Err(Error::new("too-many-windows", message));
    }
    Ok(())
}

dpone_sdk::export!(slicer: Windows);

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(options: &str, lower: &str, upper: Option<&str>) -> Result<Vec<[String; 3]>, Error> {
        let windows = Windows::new(dpone_sdk::options_for_test(options)?)?;
        let context = SliceContext {
            lower: Some(lower.to_owned()),
            upper: upper.map(str::to_owned),
            started_at: "2026-03-10T12:00:00Z".to_owned(),
        };
        let slices = windows.start(&context)?.slices;
        let short = |text: &str| text.trim_end_matches("T00:00:00Z").to_owned();
        Ok(slices
            .iter()
            .map(|slice| {
                [&slice.id, slice.lower.as_ref().unwrap(), slice.upper.as_deref().unwrap_or("open")].map(short)
            })
            .collect())
    }

    #[test]
    fn windows_begin_at_multiples_of_their_step() {
        for (options, lower, upper, expected) in [
            (
                r#"{"step":"1mo"}"#,
                "2026-01-15T10:00:00Z",
                None,
                &[("2026-01-01", "2026-02-01"), ("2026-02-01", "2026-03-01"), ("2026-03-01", "open")][..],
            ),
            (
                r#"{"step":"1d"}"#,
                "2026-03-08T23:00:00-02:00",
                Some("2026-03-10T06:00:00Z"),
                &[("2026-03-09", "2026-03-10"), ("2026-03-10", "2026-03-10T06:00:00Z")],
            ),
            (r#"{"step":"1w"}"#, "2026-03-03", Some("2026-03-09"), &[("2026-03-02", "2026-03-09")]),
            (r#"{"step":"1y"}"#, "2025-06-01", Some("2026-01-01"), &[("2025-01-01", "2026-01-01")]),
            (
                r#"{"step":"1d","lookback":"36h"}"#,
                "2026-03-10T06:00:00Z",
                None,
                &[("2026-03-08", "2026-03-09"), ("2026-03-09", "2026-03-10"), ("2026-03-10", "open")],
            ),
            (r#"{"step":100}"#, "250", Some("420"), &[("200", "300"), ("300", "400"), ("400", "420")]),
            (r#"{"step":100,"lookback":60}"#, "250", Some("300"), &[("100", "200"), ("200", "300")]),
            (r#"{"step":100}"#, "-5", None, &[("-100", "open")]),
        ] {
            let found = windows(options, lower, upper).unwrap();
            let found: Vec<_> = found.iter().map(|[id, lower, upper]| (id, lower.as_str(), upper.as_str())).collect();
            for (id, lower, _) in &found {
                assert_eq!(id.as_str(), *lower);
            }
            let bounds: Vec<_> = found.iter().map(|(_, lower, upper)| (*lower, *upper)).collect();
            assert_eq!(bounds, expected, "{options} {lower} {upper:?}");
        }
        assert_eq!(windows(r#"{"step":"1d"}"#, "2026-03-10", Some("2026-03-10")).unwrap(), Vec::<[String; 3]>::new());
    }

    #[test]
    fn what_makes_no_windows_is_refused() {
        for (options, lower, code) in [
            (r#"{"step":"1 day"}"#, "2026-01-01", "step"),
            (r#"{"step":"0d"}"#, "2026-01-01", "step"),
            (r#"{"step":0}"#, "1", "step"),
            (r#"{"step":1.5}"#, "1", "step"),
            (r#"{"step":"1d","lookback":5}"#, "2026-01-01", "lookback"),
            (r#"{"step":"1d"}"#, "17", "bound"),
            (r#"{"step":10}"#, "2026-01-01", "bound"),
            (r#"{"step":"1s"}"#, "2020-01-01", "too-many-windows"),
        ] {
            assert_eq!(windows(options, lower, None).unwrap_err().code, code, "{options} {lower}");
        }
    }
}
