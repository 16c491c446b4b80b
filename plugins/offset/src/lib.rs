//! Counts records: each request skips those that earlier ones gave.

use dpone_sdk::{Ending, Error, Extractor, Page, Records, Request, Step};
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
    short_page: Option<ShortPage>,
}

/// The meaning of a page with fewer records than `limit`; unset, the second request finds it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ShortPage {
    /// It is the last one.
    Stop,
    /// Nothing: the API leaves rows out of pages.
    Continue,
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
    /// Records of a short first page; the page asked for last is right behind them.
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
            },
            "short_page": {
                "enum": ["stop", "continue"],
                "description": "stop: a page with fewer records than the limit is the last. continue: only an empty page is, and each request skips as many records more as the limit says."
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
            let ending = Ending::new("empty-page", format!("the page at offset {} holds no records", state.offset));
            return Ok(Step::last(records, state).because(ending));
        }
        let Options { limit, start_offset, short_page, .. } = self.options;
        if let Some(first) = state.short {
            return Err(self.unexplained(first, count));
        }
        let is_short = count < limit;
        if is_short && short_page == Some(ShortPage::Stop) {
            let ending = Ending::new("short-page", format!("the page holds {count} of {limit} records"));
            return Ok(Step::last(records, state).because(ending));
        }
        // An API that caps the page size answers the first request as one does that has no more; only the
        // request right behind its records tells them apart. A first page that was full shows that there
        // is no fixed cap, so a short one later on is one of which the API leaves rows out.
        let must_explain = is_short && state.offset == start_offset && short_page.is_none();
        let skipped = if must_explain { count } else { count.max(limit) };
        let state = State { offset: state.offset + u64::from(skipped), short: must_explain.then_some(count) };
        Ok(Step::more(records, self.request_after(state.offset, is_short), state))
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

    /// The request after a page; behind a short one the API may have nothing, not even a page.
    fn request_after(&self, offset: u64, is_short: bool) -> Request {
        let request = self.request(offset);
        if is_short { request.may_be_past_end() } else { request }
    }

    /// More rows right behind a short first page. They are no proof of either kind of API: one that cuts
    /// pages by their bytes gives a small page before a large one, too. To count on by `limit` loses rows
    /// of the one, to count on by the rows gives some of the other twice, so a person has to say.
    fn unexplained(&self, first: u32, count: u32) -> Error {
        let limit = self.options.limit;
        let (code, cause, remedy) = match count <= first {
            true => ("limit-capped", "it caps the page size", format!("set `limit` to {first}")),
            false => (
                "short-first-page",
                "it caps pages by their size, or leaves rows out of them",
                format!("set `limit` to what every page holds ({first} or fewer) where it caps pages"),
            ),
        };
        let message = format!(
            "the API gave {first} of {limit} records and then {count} more: {cause}; {remedy}, or \
             `short_page: continue` where it leaves rows out of pages"
        );
        Error::of_answer(code, message)
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

    /// Walks pages with so many records: the offset asked for after each, or the reason of the end.
    fn walked(options: &str, pages: &[usize]) -> Vec<String> {
        let plugin = offset(options);
        let mut state = plugin.start().unwrap().state;
        let mut asked = Vec::new();
        for records in pages {
            let step = match plugin.next(&page_of(*records), state) {
                Ok(step) => step,
                Err(error) => {
                    assert_eq!(error.blames, dpone_sdk::Blame::Answer);
                    asked.push(error.code);
                    break;
                }
            };
            assert_eq!(step.records, Records::At("items".to_owned()), "no page is dropped");
            asked.push(match (&step.next, &step.ended) {
                (Some(next), None) => {
                    let past = if next.may_be_past_end { "?" } else { "" };
                    assert_eq!(
                        *next,
                        Request { may_be_past_end: next.may_be_past_end, ..plugin.request(step.state.offset) }
                    );
                    format!("{}{past}", step.state.offset)
                }
                (None, Some(ending)) => ending.reason.clone(),
                other => panic!("{other:?}"),
            });
            state = step.state;
        }
        asked
    }

    #[test]
    fn only_an_empty_page_ends_the_walk_unless_a_short_one_may() {
        let (plain, stop, on) =
            (r#"{"limit":10}"#, r#"{"limit":10,"short_page":"stop"}"#, r#"{"limit":10,"short_page":"continue"}"#);
        for (options, pages, asked) in [
            (plain, &[10, 9, 10, 10, 0][..], &["10", "20?", "30", "40", "empty-page"][..]),
            (plain, &[10, 0], &["10", "empty-page"]),
            (plain, &[0], &["empty-page"]),
            // A short first page: nothing more, a fixed cap, or one that cannot be told.
            (plain, &[7, 0], &["7?", "empty-page"]),
            (plain, &[7, 7], &["7?", "limit-capped"]),
            (plain, &[7, 3], &["7?", "limit-capped"]),
            (plain, &[9, 10, 10, 4, 0], &["9?", "short-first-page"]),
            (plain, &[2, 10, 10, 0], &["2?", "short-first-page"]),
            // An API that ignores the limit: what it gave is skipped, and nothing twice.
            (plain, &[25, 25, 0], &["25", "50", "empty-page"]),
            (stop, &[10, 9], &["10", "short-page"]),
            (stop, &[7], &["short-page"]),
            (stop, &[10, 10, 0], &["10", "20", "empty-page"]),
            (on, &[7, 7, 10, 0], &["10?", "20?", "30", "empty-page"]),
        ] {
            assert_eq!(walked(options, pages), asked, "{options} {pages:?}");
        }
        let plugin = offset(plain);
        assert!(plugin.ahead(State { offset: 7, short: Some(7) }, 4).unwrap().is_empty());
    }

    #[test]
    fn requests_run_ahead_of_the_one_asked_for() {
        let plugin = offset(r#"{"limit":10}"#);
        let ahead = plugin.ahead(State { offset: 20, short: None }, 2).unwrap();
        assert_eq!(ahead, [request("30", "10"), request("40", "10")]);
    }
}
