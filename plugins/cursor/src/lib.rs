//! Follows a cursor: each page names the value that asks for the next one.

use dpone_sdk::{Error, Extractor, JsonText, Kind, Page, Records, Request, Step, Value};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Options {
    cursor_path: String,
    #[serde(default = "default_param")]
    cursor_param: String,
    initial_cursor: Option<JsonText>,
}

fn default_param() -> String {
    "cursor".to_owned()
}

pub struct Cursor {
    options: Options,
    records_path: String,
}

impl Extractor for Cursor {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "cursor_path": {
                "type": "string", "minLength": 1,
                "description": "Dotted path of the next cursor in the response body."
            },
            "cursor_param": {
                "type": "string", "minLength": 1, "default": "cursor",
                "description": "Query parameter that carries the cursor."
            },
            "initial_cursor": {
                "type": ["string", "number"],
                "description": "Cursor of the first request; without one, the first request carries none."
            }
        },
        "required": ["cursor_path"],
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = ();

    fn new(options: Options, records_path: &str) -> Result<Self, Error> {
        Ok(Self { options, records_path: records_path.to_owned() })
    }

    fn start(&self) -> Result<Step<()>, Error> {
        let initial = match &self.options.initial_cursor {
            Some(json) => self.cursor(json.value())?,
            None => None,
        };
        Ok(Step::first(initial.map_or_else(Request::unchanged, |c| self.request(c)), ()))
    }

    fn next(&self, page: &Page, (): ()) -> Result<Step<()>, Error> {
        let records = Records::At(self.records_path.clone());
        let found = page.get(&self.options.cursor_path).unwrap_or_default();
        Ok(match self.cursor(Value::of_json(&found))? {
            Some(cursor) => Step::more(records, self.request(cursor), ()),
            None => Step::last(records, ()),
        })
    }
}

impl Cursor {
    fn request(&self, cursor: String) -> Request {
        Request::unchanged().query(&self.options.cursor_param, cursor)
    }

    /// The cursor as a parameter's text; `None` where the walk ends.
    fn cursor(&self, value: Value<'_>) -> Result<Option<String>, Error> {
        match value.kind() {
            Kind::Missing | Kind::Null => Ok(None),
            Kind::Number => Ok(Some(value.json().to_owned())),
            Kind::String => Ok(value.as_str().filter(|text| !text.is_empty()).map(|text| text.into_owned())),
            kind => Err(Error::new(
                "cursor-kind",
                format!(
                    "the cursor at {} is {}; a string or a number was expected",
                    self.options.cursor_path,
                    kind.name()
                ),
            )),
        }
    }
}

dpone_sdk::export!(extractor: Cursor);

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(initial: Option<&str>) -> Cursor {
        let initial = initial.map(|json| format!(r#","initial_cursor":{json}"#)).unwrap_or_default();
        let options = dpone_sdk::options_for_test(&format!(r#"{{"cursor_path":"meta.next"{initial}}}"#)).unwrap();
        Cursor::new(options, "data.items").unwrap()
    }

    #[test]
    fn the_first_request_carries_the_initial_cursor_if_any() {
        for (initial, request) in [
            (None, Request::unchanged()),
            (Some("\"\""), Request::unchanged()),
            (Some("\"abc\""), Request::unchanged().query("cursor", "abc")),
            (Some("0"), Request::unchanged().query("cursor", "0")),
        ] {
            assert_eq!(cursor(initial).start().unwrap(), Step::first(request, ()), "{initial:?}");
        }
    }

    #[test]
    fn pages_lead_on_until_there_is_no_cursor() {
        for (body, next) in [
            (r#"{"meta":{"next":"a/b=="}}"#, Some("a/b==")),
            (r#"{"meta":{"next":"caf\u00e9"}}"#, Some("café")),
            (r#"{"meta":{"next":12345678901234567890123}}"#, Some("12345678901234567890123")),
            (r#"{"meta":{"next":0}}"#, Some("0")),
            (r#"{"meta":{"next":null}}"#, None),
            (r#"{"meta":{"next":""}}"#, None),
            (r#"{"meta":{}}"#, None),
            (r#"[]"#, None),
        ] {
            let step = cursor(None).next(&Page::for_test(body), ()).unwrap();
            assert_eq!(step.records, Records::At("data.items".to_owned()));
            assert_eq!(step.next, next.map(|c| Request::unchanged().query("cursor", c)), "{body}");
        }
    }

    #[test]
    fn another_kind_is_an_error() {
        for next in ["true", "[1]", "{}"] {
            let page = Page::for_test(format!(r#"{{"meta":{{"next":{next}}}}}"#).as_str());
            assert_eq!(cursor(None).next(&page, ()).unwrap_err().code, "cursor-kind", "{next}");
        }
    }
}
