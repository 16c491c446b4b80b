//! Counts records: each request skips those that earlier ones gave.

use dpone_sdk::{Error, Extractor, Page, Records, Request, Step};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
pub struct Options {
    #[serde(default = "default_offset_param")]
    offset_param: String,
    #[serde(default)]
    start_offset: u64,
    #[serde(default = "default_limit_param")]
    limit_param: String,
    #[serde(default = "default_limit")]
    limit: u32,
}

fn default_offset_param() -> String {
    "offset".to_owned()
}

fn default_limit_param() -> String {
    "limit".to_owned()
}

fn default_limit() -> u32 {
    1000
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    /// The offset asked for last.
    offset: u64,
    /// Records of a short first page, which the second page has to explain.
    short: Option<u32>,
}

pub struct Offset {
    options: Options,
    records_path: String,
}

impl Extractor for Offset {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "offset_param": {
                "type": "string", "minLength": 1, "default": "offset",
                "description": "Query parameter that carries how many records to skip."
            },
            "start_offset": {
                "type": "integer", "minimum": 0, "default": 0,
                "description": "Records to skip in the first request."
            },
            "limit_param": {
                "type": "string", "minLength": 1, "default": "limit",
                "description": "Query parameter that carries the page size."
            },
            "limit": {
                "type": "integer", "minimum": 1, "maximum": 4294967295, "default": 1000,
                "description": "Records to ask for in each request."
            }
        },
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = State;

    fn new(options: Options, records_path: &str) -> Result<Self, Error> {
        Ok(Self { options, records_path: records_path.to_owned() })
    }

    fn start(&self) -> Result<Step<State>, Error> {
        let offset = self.options.start_offset;
        Ok(Step::first(self.request(offset), State { offset, short: None }))
    }

    fn next(&self, page: &Page, state: State) -> Result<Step<State>, Error> {
        let records = Records::At(self.records_path.clone());
        // A page without the array is the host's to judge: it knows whether the path is wrong.
        let count = page.count(&self.records_path).unwrap_or(0);
        if count == 0 {
            return Ok(Step::last(records, state));
        }
        if let Some(short) = state.short {
            return Err(self.capped(short));
        }
        let is_first = state.offset == self.options.start_offset;
        let is_short = count < self.options.limit;
        if is_short && !is_first {
            return Ok(Step::last(records, state));
        }
        // An API that caps the page size answers the first request as one does that has no more;
        // only the request after it tells the two apart.
        let offset = state.offset + u64::from(if is_short { count } else { self.options.limit });
        let state = State { offset, short: is_short.then_some(count) };
        Ok(Step::more(records, self.request(offset), state))
    }

    fn ahead(&self, state: State, n: u32) -> Result<Vec<Request>, Error> {
        if state.short.is_some() {
            return Ok(Vec::new());
        }
        let limit = u64::from(self.options.limit);
        Ok((1..=u64::from(n)).map(|i| self.request(state.offset + i * limit)).collect())
    }
}

impl Offset {
    fn request(&self, offset: u64) -> Request {
        Request::unchanged()
            .query(&self.options.offset_param, offset.to_string())
            .query(&self.options.limit_param, self.options.limit.to_string())
    }

    fn capped(&self, short: u32) -> Error {
        let limit = self.options.limit;
        Error::new(
            "limit-capped",
            format!(
                "the API gave {short} of {limit} records and then more: it caps the page size; set limit to {short} or less"
            ),
        )
    }
}

dpone_sdk::export!(extractor: Offset);

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(options: &str) -> Offset {
        Offset::new(dpone_sdk::options_for_test(options).unwrap(), "items").unwrap()
    }

    fn page_of(records: usize) -> Page<'static> {
        Page::for_test(format!(r#"{{"items":[{}]}}"#, vec!["{}"; records].join(",")).as_str())
    }

    fn request(offset: &str, limit: &str) -> Request {
        Request::unchanged().query("offset", offset).query("limit", limit)
    }

    #[test]
    fn the_first_request_says_offset_and_limit() {
        for (options, request) in [
            ("{}", request("0", "1000")),
            (r#"{"start_offset":5,"limit":2}"#, request("5", "2")),
            (
                r#"{"offset_param":"skip","limit_param":"take","limit":10}"#,
                Request::unchanged().query("skip", "0").query("take", "10"),
            ),
        ] {
            assert_eq!(offset(options).start().unwrap().next, Some(request), "{options}");
        }
    }

    #[test]
    fn a_walk_of_pages() {
        // Records of each page, and the offset asked for after it.
        for walk in [
            &[(3, Some("3")), (3, Some("6")), (2, None)][..],
            &[(3, Some("3")), (0, None)],
            &[(2, Some("2")), (0, None)],
            &[(0, None)],
        ] {
            let plugin = offset(r#"{"limit":3}"#);
            let mut state = plugin.start().unwrap().state;
            for (records, next) in walk {
                let step = plugin.next(&page_of(*records), state).unwrap();
                assert_eq!(step.next, next.map(|o| request(o, "3")), "{walk:?}");
                state = step.state;
            }
        }
    }

    #[test]
    fn a_capped_page_size_is_an_error_not_an_end() {
        let plugin = offset(r#"{"limit":1000}"#);
        let step = plugin.next(&page_of(100), plugin.start().unwrap().state).unwrap();
        assert_eq!(step.next, Some(request("100", "1000")));
        assert!(plugin.ahead(step.state, 4).unwrap().is_empty());
        let error = plugin.next(&page_of(100), step.state).unwrap_err();
        assert_eq!(error.code, "limit-capped");
        assert!(error.message.contains("100 of 1000"), "{error}");
    }

    #[test]
    fn requests_run_ahead_of_the_one_asked_for() {
        let plugin = offset(r#"{"limit":10}"#);
        let ahead = plugin.ahead(State { offset: 20, short: None }, 2).unwrap();
        assert_eq!(ahead, [request("30", "10"), request("40", "10")]);
    }
}
