//! {{name}}: follows the cursor that each page names.
//!
//! ```text
//! GET /orders                {"data": [...], "meta": {"next": "b2"}}
//! GET /orders?cursor=b2      {"data": [...], "meta": {"next": null}}
//! ```

use dpone_sdk::{Error, Extractor, Kind, Page, Records, Request, Step, Value};
use serde::Deserialize;

/// The manifest's `with` block. The host has checked it against the schema below.
#[derive(Debug, Deserialize)]
pub struct Options {
    #[serde(default = "default_path")]
    cursor_path: String,
    #[serde(default = "default_param")]
    cursor_param: String,
}

fn default_path() -> String {
    "meta.next".to_owned()
}

fn default_param() -> String {
    "cursor".to_owned()
}

pub struct {{class}} {
    options: Options,
    records_path: String,
}

impl Extractor for {{class}} {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "cursor_path": {
                "type": "string", "minLength": 1, "default": "meta.next",
                "description": "Dotted path of the next cursor in the response body."
            },
            "cursor_param": {
                "type": "string", "minLength": 1, "default": "cursor",
                "description": "Query parameter that carries the cursor."
            }
        },
        "additionalProperties": false
    }"#;
    type Options = Options;
    /// State that has to last from page to page. An instance may be dropped between two calls, so a field
    /// of `self` would be lost; here the cursor comes with each page.
    type State = ();

    fn new(options: Options, records_path: &str) -> Result<Self, Error> {
        Ok(Self {
            options,
            records_path: records_path.to_owned(),
        })
    }

    fn start(&self) -> Result<Step<()>, Error> {
        Ok(Step::first(Request::unchanged(), ()))
    }

    fn next(&self, page: &Page, (): ()) -> Result<Step<()>, Error> {
        // The host finds the records by their path: they never cross into the plugin.
        let records = Records::At(self.records_path.clone());
        let found = page.get(&self.options.cursor_path).unwrap_or_default();
        Ok(match self.cursor(Value::of_json(&found))? {
            Some(cursor) => Step::more(
                records,
                Request::unchanged().query(&self.options.cursor_param, cursor),
                (),
            ),
            None => Step::last(records, ()),
        })
    }
}

impl {{class}} {
    /// The cursor as a parameter's text; `None` where the walk ends.
    fn cursor(&self, value: Value<'_>) -> Result<Option<String>, Error> {
        match value.kind() {
            Kind::Missing | Kind::Null => Ok(None),
            // The text as it was sent: a cursor of 20 digits would not survive as a float.
            Kind::Number => Ok(Some(value.json().to_owned())),
            // Some APIs say "no more" with an empty string.
            Kind::String => Ok(value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(|text| text.into_owned())),
            // Going on without a cursor would load the first page for ever.
            kind => Err(Error::new(
                "cursor-kind",
                format!(
                    "the cursor at {} is {}; a string was expected",
                    self.options.cursor_path,
                    kind.name()
                ),
            )),
        }
    }
}

dpone_sdk::export!(extractor: {{class}});

#[cfg(test)]
mod tests {
    use super::*;

    fn next(body: &str) -> Result<Step<()>, Error> {
        let options = dpone_sdk::options_for_test("{}")?;
        {{class}}::new(options, "data")?.next(&Page::for_test(body), ())
    }

    #[test]
    fn pages_lead_on_until_there_is_no_cursor() {
        for (body, cursor) in [
            (r#"{"meta": {"next": "a/b=="}}"#, Some("a/b==")),
            (
                r#"{"meta": {"next": 12345678901234567890}}"#,
                Some("12345678901234567890"),
            ),
            (r#"{"meta": {"next": null}}"#, None),
            (r#"{"meta": {"next": ""}}"#, None),
            (r#"{"data": []}"#, None),
        ] {
            let step = next(body).unwrap();
            assert_eq!(step.records, Records::At("data".to_owned()));
            assert_eq!(
                step.next,
                cursor.map(|c| Request::unchanged().query("cursor", c)),
                "{body}"
            );
        }
    }

    #[test]
    fn another_kind_of_cursor_is_refused() {
        assert_eq!(
            next(r#"{"meta": {"next": true}}"#).unwrap_err().code,
            "cursor-kind"
        );
    }
}
