//! Pages of pipe-separated lines under a line of names, closed by a trailer that says how to go on:
//!
//! ```text
//! order_id|updated_at|amount
//! 1|2026-01-01T00:00:00Z|9.90
//! #next=abc
//! ```

use dpone_sdk::{Column, Error, Extractor, Page, Records, Request, Step};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Options {
    #[serde(default = "default_param")]
    param: String,
    #[serde(default)]
    numbers: Vec<String>,
}

fn default_param() -> String {
    "cursor".to_owned()
}

pub struct Envelope(Options);

impl Extractor for Envelope {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "param": { "type": "string", "default": "cursor", "description": "Query parameter for what the trailer names." },
            "numbers": { "type": "array", "items": { "type": "string" }, "description": "Columns that are numbers." }
        },
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = ();

    fn new(options: Options, _: &str) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn start(&self) -> Result<Step<()>, Error> {
        Ok(Step::first(Request::unchanged(), ()))
    }

    fn next(&self, page: &Page, (): ()) -> Result<Step<()>, Error> {
        let body = String::from_utf8(page.body()).map_err(|e| Error::new("not-text", e.to_string()))?;
        let mut lines = body.lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split('|').collect();
        let mut ndjson = String::new();
        for (record, line) in lines.enumerate() {
            if let Some(next) = line.strip_prefix("#next=") {
                let records = Records::Bytes(ndjson.into_bytes());
                return Ok(match next {
                    "" => Step::last(records, ()),
                    next => Step::more(records, Request::unchanged().query(&self.0.param, next), ()),
                });
            }
            ndjson.push_str(&self.record(&names, line).map_err(|e| e.at_record(record))?);
            ndjson.push('\n');
        }
        Err(Error::new("no-trailer", "the page ends without its line #next="))
    }
}

impl Envelope {
    fn record(&self, names: &[&str], line: &str) -> Result<String, Error> {
        let values: Vec<&str> = line.split('|').collect();
        if values.len() != names.len() {
            let message = format!("{} values under {} names", values.len(), names.len());
            return Err(Error::new("ragged-line", message));
        }
        let fields: Vec<String> = names
            .iter()
            .zip(values)
            .map(|(name, value)| match self.0.numbers.iter().any(|n| n == name) {
                true => format!("{}:{value}", quoted(name)),
                false => format!("{}:{}", quoted(name), quoted(value)),
            })
            .collect();
        Ok(format!("{{{}}}", fields.join(",")))
    }
}

fn quoted(text: &str) -> String {
    let mut column = Column::default();
    column.push_str(text);
    column.get(0).json().to_owned()
}

dpone_sdk::export!(extractor: Envelope);

#[cfg(test)]
mod tests {
    use super::*;

    fn next(body: &str) -> Result<Step<()>, Error> {
        let options = dpone_sdk::options_for_test(r#"{"numbers":["amount"]}"#)?;
        Envelope::new(options, "")?.next(&Page::for_test(body), ())
    }

    #[test]
    fn pages_become_ndjson() {
        let step = next("id|amount\na\"b|9.90\nc|-1\n#next=p2\n").unwrap();
        let ndjson = "{\"id\":\"a\\\"b\",\"amount\":9.90}\n{\"id\":\"c\",\"amount\":-1}\n";
        assert_eq!(step.records, Records::Bytes(ndjson.into()));
        assert_eq!(step.next, Some(Request::unchanged().query("cursor", "p2")));
        assert_eq!(next("id\n#next=").unwrap(), Step::last(Records::Bytes(Vec::new()), ()));
    }

    #[test]
    fn a_cut_page_is_an_error() {
        assert_eq!(next("id|amount\na|1\n").unwrap_err().code, "no-trailer");
        assert_eq!(next("id|amount\na|1\nb\n#next=").unwrap_err().record, Some(1));
    }
}
