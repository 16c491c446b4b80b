//! Follows a cursor: each page names the value that asks for the next one.

use dpone_sdk::{Ending, Error, Extractor, JsonText, Kind, Page, Records, Request, Step, Value};
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
                "type": "string", "minLength": 1, "x-dpone-path": true,
                "description": "Dotted path of the next cursor in the response body."
            },
            "cursor_param": {
                "type": "string", "minLength": 1, "default": "cursor",
                "description": "Query parameter that carries the cursor."
            },
            "initial_cursor": {
                "type": ["string", "number"],
                "description": "Cursor of the first request, sent as it is written, empty text too; without one, the first request carries none."
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
        // An API that hands out cursors only when asked with `cursor=` is asked so: what is written is sent.
        let initial = self.options.initial_cursor.as_ref().map(JsonText::value);
        let initial =
            initial.map(|value| value.as_str().map_or_else(|| value.json().to_owned(), |text| text.into_owned()));
        Ok(Step::first(initial.map_or_else(Request::unchanged, |cursor| self.request(cursor)), ()))
    }

    fn next(&self, page: &Page, (): ()) -> Result<Step<()>, Error> {
        let records = Records::At(self.records_path.clone());
        let path = &self.options.cursor_path;
        let found = page.get(path).unwrap_or_default();
        let value = Value::of_json(&found);
        if let Some(ending) = Ending::of_value("cursor", path, value) {
            return Ok(Step::last(records, ()).because(ending));
        }
        let cursor = match value.kind() {
            Kind::Number => value.json().to_owned(),
            Kind::String => value.as_str().unwrap_or_default().into_owned(),
            kind => {
                let message = format!("the cursor at `{path}` is {}; a string or a number was expected", kind.name());
                return Err(Error::of_answer("cursor-kind", message));
            }
        };
        Ok(Step::more(records, self.request(cursor), ()))
    }
}

impl Cursor {
    fn request(&self, cursor: String) -> Request {
        Request::unchanged().query(&self.options.cursor_param, cursor)
    }
}

dpone_sdk::export!(extractor: Cursor);

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_sdk::Blame;

    fn cursor(initial: Option<&str>) -> Cursor {
        let initial = initial.map(|json| format!(r#","initial_cursor":{json}"#)).unwrap_or_default();
        let options = dpone_sdk::options_for_test(&format!(r#"{{"cursor_path":"meta.next"{initial}}}"#)).unwrap();
        Cursor::new(options, "data.items").unwrap()
    }

    #[test]
    fn the_first_request_carries_the_initial_cursor_as_it_is_written() {
        for (initial, request) in [
            (None, Request::unchanged()),
            (Some("\"\""), Request::unchanged().query("cursor", "")),
            (Some("\"abc\""), Request::unchanged().query("cursor", "abc")),
            (Some("\"*\""), Request::unchanged().query("cursor", "*")),
            (Some("\"1.10\""), Request::unchanged().query("cursor", "1.10")),
            (Some("0"), Request::unchanged().query("cursor", "0")),
        ] {
            assert_eq!(cursor(initial).start().unwrap(), Step::first(request, ()), "{initial:?}");
        }
    }

    #[test]
    fn pages_lead_on_until_there_is_no_cursor() {
        for (body, next) in [
            (r#"{"meta":{"next":"a/b=="}}"#, Ok("a/b==")),
            (r#"{"meta":{"next":"caf\u00e9"}}"#, Ok("café")),
            (r#"{"meta":{"next":12345678901234567890123}}"#, Ok("12345678901234567890123")),
            (r#"{"meta":{"next":"0"}}"#, Ok("0")),
            (r#"{"meta":{"next":0}}"#, Err("cursor-zero")),
            (r#"{"meta":{"next":false}}"#, Err("cursor-false")),
            (r#"{"meta":{"next":null}}"#, Err("cursor-null")),
            (r#"{"meta":{"next":""}}"#, Err("cursor-empty")),
            (r#"{"meta":{}}"#, Err("cursor-missing")),
            (r#"[]"#, Err("cursor-missing")),
        ] {
            let step = cursor(None).next(&Page::for_test(body), ()).unwrap();
            assert_eq!(step.records, Records::At("data.items".to_owned()));
            assert_eq!(step.next, next.ok().map(|c| Request::unchanged().query("cursor", c)), "{body}");
            assert_eq!(step.ended.map(|ending| ending.reason), next.err().map(str::to_owned), "{body}");
        }
    }

    #[test]
    fn another_kind_is_an_error_of_the_answer() {
        for next in ["true", "[1]", "{}"] {
            let page = Page::for_test(format!(r#"{{"meta":{{"next":{next}}}}}"#).as_str());
            let error = cursor(None).next(&page, ()).unwrap_err();
            assert_eq!((error.code.as_str(), error.blames), ("cursor-kind", Blame::Answer), "{next}");
        }
    }
}
