//! Follows the URL that each page gives in its body.

use dpone_sdk::{Ending, Error, Extractor, Page, Records, Request, Step, Value};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Options {
    next_url_path: String,
}

pub struct NextUrl {
    path: String,
    records_path: String,
}

impl Extractor for NextUrl {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "next_url_path": {
                "type": "string", "minLength": 1, "x-dpone-path": true,
                "description": "Dotted path of the next page's URL in the response body; absolute, or relative to the page's own."
            }
        },
        "required": ["next_url_path"],
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = ();

    fn new(options: Options, records_path: &str) -> Result<Self, Error> {
        Ok(Self { path: options.next_url_path, records_path: records_path.to_owned() })
    }

    fn start(&self) -> Result<Step<()>, Error> {
        Ok(Step::first(Request::unchanged(), ()))
    }

    fn next(&self, page: &Page, (): ()) -> Result<Step<()>, Error> {
        let records = Records::At(self.records_path.clone());
        let found = page.get(&self.path).unwrap_or_default();
        let value = Value::of_json(&found);
        if let Some(ending) = Ending::of_value("next-url", &self.path, value) {
            return Ok(Step::last(records, ()).because(ending));
        }
        match value.as_str() {
            Some(url) => Ok(Step::more(records, Request::to_url(url), ())),
            None => {
                let kind = value.kind().name();
                let message = format!("the next URL at `{}` is {kind}; a string was expected", self.path);
                Err(Error::of_answer("next-url-kind", message))
            }
        }
    }
}

dpone_sdk::export!(extractor: NextUrl);

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_sdk::Blame;

    fn next_url() -> NextUrl {
        NextUrl::new(dpone_sdk::options_for_test(r#"{"next_url_path":"links.next"}"#).unwrap(), "").unwrap()
    }

    #[test]
    fn the_walk_starts_at_the_manifests_url() {
        assert_eq!(next_url().start().unwrap(), Step::first(Request::unchanged(), ()));
    }

    #[test]
    fn pages_lead_on_until_there_is_no_url() {
        for (body, next) in [
            (
                r#"{"links":{"next":"https:\/\/api.example.com\/orders?page=2"}}"#,
                Ok("https://api.example.com/orders?page=2"),
            ),
            (r#"{"links":{"next":"?page=2"}}"#, Ok("?page=2")),
            (r#"{"links":{"next":null}}"#, Err("next-url-null")),
            (r#"{"links":{"next":false}}"#, Err("next-url-false")),
            (r#"{"links":{"next":""}}"#, Err("next-url-empty")),
            (r#"{"links":{}}"#, Err("next-url-missing")),
        ] {
            let step = next_url().next(&Page::for_test(body), ()).unwrap();
            assert_eq!(step.records, Records::At(String::new()));
            assert_eq!(step.next, next.ok().map(Request::to_url), "{body}");
            assert_eq!(step.ended.map(|ending| ending.reason), next.err().map(str::to_owned), "{body}");
        }
    }

    #[test]
    fn another_kind_is_an_error_of_the_answer() {
        for next in ["true", "2", r#"{"href":"/x"}"#] {
            let page = Page::for_test(format!(r#"{{"links":{{"next":{next}}}}}"#).as_str());
            let error = next_url().next(&page, ()).unwrap_err();
            assert_eq!((error.code.as_str(), error.blames), ("next-url-kind", Blame::Answer), "{next}");
        }
    }
}
