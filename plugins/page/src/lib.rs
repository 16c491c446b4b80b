//! Numbers pages, until one is empty or, where the page size is known, short.

use dpone_sdk::{Error, Extractor, Page, Records, Request, Step};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
pub struct Options {
    #[serde(default = "default_param")]
    page_param: String,
    #[serde(default = "default_start")]
    start_page: u64,
    page_size_param: Option<String>,
    page_size: Option<u32>,
}

fn default_param() -> String {
    "page".to_owned()
}

fn default_start() -> u64 {
    1
}

/// The page asked for last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    page: u64,
}

pub struct Pages {
    options: Options,
    records_path: String,
}

impl Extractor for Pages {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "page_param": {
                "type": "string", "minLength": 1, "default": "page",
                "description": "Query parameter that carries the page's number."
            },
            "start_page": {
                "type": "integer", "minimum": 0, "default": 1,
                "description": "Number of the first page."
            },
            "page_size_param": {
                "type": "string", "minLength": 1,
                "description": "Query parameter that carries the page size; without one, none is sent."
            },
            "page_size": {
                "type": "integer", "minimum": 1, "maximum": 4294967295,
                "description": "Records of a full page. Where it is known, a page with fewer is the last."
            }
        },
        "dependentRequired": { "page_size_param": ["page_size"] },
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = State;

    fn new(options: Options, records_path: &str) -> Result<Self, Error> {
        Ok(Self { options, records_path: records_path.to_owned() })
    }

    fn start(&self) -> Result<Step<State>, Error> {
        let page = self.options.start_page;
        Ok(Step::first(self.request(page), State { page }))
    }

    fn next(&self, page: &Page, State { page: number }: State) -> Result<Step<State>, Error> {
        let records = Records::At(self.records_path.clone());
        // A page without the array is the host's to judge: it knows whether the path is wrong.
        let count = page.count(&self.records_path).unwrap_or(0);
        let is_last = count == 0 || self.options.page_size.is_some_and(|size| count < size);
        if is_last {
            return Ok(Step::last(records, State { page: number }));
        }
        let number = number + 1;
        Ok(Step::more(records, self.request(number), State { page: number }))
    }

    fn ahead(&self, State { page }: State, n: u32) -> Result<Vec<Request>, Error> {
        Ok((1..=u64::from(n)).map(|i| self.request(page + i)).collect())
    }
}

impl Pages {
    fn request(&self, page: u64) -> Request {
        let request = Request::unchanged().query(&self.options.page_param, page.to_string());
        match (&self.options.page_size_param, self.options.page_size) {
            (Some(param), Some(size)) => request.query(param, size.to_string()),
            _ => request,
        }
    }
}

dpone_sdk::export!(extractor: Pages);

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(options: &str) -> Pages {
        Pages::new(dpone_sdk::options_for_test(options).unwrap(), "items").unwrap()
    }

    fn page_of(records: usize) -> Page<'static> {
        Page::for_test(format!(r#"{{"items":[{}]}}"#, vec!["{}"; records].join(",")).as_str())
    }

    #[test]
    fn the_first_request_says_page_and_size() {
        for (options, request) in [
            ("{}", Request::unchanged().query("page", "1")),
            (r#"{"page_param":"p","start_page":0}"#, Request::unchanged().query("p", "0")),
            (
                r#"{"page_size_param":"per_page","page_size":100}"#,
                Request::unchanged().query("page", "1").query("per_page", "100"),
            ),
            (r#"{"page_size":100}"#, Request::unchanged().query("page", "1")),
        ] {
            assert_eq!(pages(options).start().unwrap().next, Some(request), "{options}");
        }
    }

    #[test]
    fn the_walk_ends_at_an_empty_or_short_page() {
        for (options, records, goes_on) in [
            ("{}", 3, true),
            ("{}", 1, true),
            ("{}", 0, false),
            (r#"{"page_size":3}"#, 3, true),
            (r#"{"page_size":3}"#, 4, true),
            (r#"{"page_size":3}"#, 2, false),
            (r#"{"page_size":3}"#, 0, false),
        ] {
            let step = pages(options).next(&page_of(records), State { page: 7 }).unwrap();
            let next = goes_on.then(|| Request::unchanged().query("page", "8"));
            assert_eq!(step.next, next, "{options} {records}");
            assert_eq!(step.state, State { page: if goes_on { 8 } else { 7 } });
            assert_eq!(step.records, Records::At("items".to_owned()));
        }
    }

    #[test]
    fn a_page_without_the_array_is_left_to_the_host() {
        let step = pages("{}").next(&Page::for_test("{}"), State { page: 1 }).unwrap();
        assert_eq!(step, Step::last(Records::At("items".to_owned()), State { page: 1 }));
    }

    #[test]
    fn requests_run_ahead_of_the_one_asked_for() {
        let ahead = pages("{}").ahead(State { page: 2 }, 2).unwrap();
        assert_eq!(ahead, [Request::unchanged().query("page", "3"), Request::unchanged().query("page", "4")]);
    }
}
