//! Numbers pages, until one is empty.

use dpone_sdk::{Ending, Error, Extractor, Page, Records, Request, Step};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
pub struct Options {
    #[serde(default = "default_param")]
    page_param: String,
    #[serde(default = "default_start")]
    start_page: u64,
    page_size_param: Option<String>,
    page_size: Option<u32>,
    short_page: Option<ShortPage>,
}

/// The meaning of a page with fewer records than `page_size`; unset, the second page finds it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ShortPage {
    /// It is the last one.
    Stop,
    /// Nothing: the API leaves rows out of pages.
    Continue,
}

fn default_param() -> String {
    "page".to_owned()
}

fn default_start() -> u64 {
    1
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    /// The page asked for last.
    page: u64,
    /// Records of a short first page, which the page asked for last has to explain.
    #[serde(default)]
    short: Option<u32>,
    /// Records of the largest page so far: the page size, where none is given.
    #[serde(default)]
    largest: u32,
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
                "description": "Records of a full page."
            },
            "short_page": {
                "enum": ["stop", "continue"],
                "description": "stop: a page with fewer records than page_size is the last. continue: only an empty page is, and no page size is judged."
            }
        },
        "dependentRequired": { "page_size_param": ["page_size"], "short_page": ["page_size"] },
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = State;

    fn new(options: Options, records_path: &str) -> Result<Self, Error> {
        Ok(Self { options, records_path: records_path.to_owned() })
    }

    fn start(&self) -> Result<Step<State>, Error> {
        let page = self.options.start_page;
        Ok(Step::first(self.request(page), State { page, ..State::default() }))
    }

    fn next(&self, page: &Page, state: State) -> Result<Step<State>, Error> {
        let records = Records::At(self.records_path.clone());
        // A page without the array is the host's to judge: it knows whether the path is wrong.
        let count = page.count(&self.records_path).unwrap_or(0);
        if count == 0 {
            let ending = Ending::new("empty-page", format!("page {} holds no records", state.page));
            return Ok(Step::last(records, state).because(ending));
        }
        let Options { page_size, short_page, start_page, .. } = self.options;
        if let (Some(size), Some(first)) = (page_size, state.short)
            && count <= first
        {
            return Err(capped(size, first, count));
        }
        let is_short = page_size.is_some_and(|size| count < size);
        if is_short && short_page == Some(ShortPage::Stop) {
            let ending = Ending::new("short-page", format!("page {} holds {count} records", state.page));
            return Ok(Step::last(records, state).because(ending));
        }
        // An API that caps the page size answers the first request as one does that has no more; only
        // the page after it tells the two apart.
        let must_explain = is_short && state.page == start_page && short_page.is_none();
        let after =
            State { page: state.page + 1, short: must_explain.then_some(count), largest: state.largest.max(count) };
        let request = self.request(after.page);
        let is_smaller = count < page_size.unwrap_or(after.largest);
        Ok(Step::more(records, if is_smaller { request.may_be_past_end() } else { request }, after))
    }

    fn ahead(&self, State { page, .. }: State, n: u32) -> Result<Vec<Request>, Error> {
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

fn capped(size: u32, first: u32, count: u32) -> Error {
    let message = format!(
        "the API gave {first} of {size} records and then {count} more: it caps the page size; set `page_size` to \
         {first}, or `short_page: continue` where it leaves rows out of pages"
    );
    Error::of_answer("page-size-capped", message)
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

    /// Walks pages with so many records: the page asked for after each, or the reason of the end.
    fn walked(options: &str, counts: &[usize]) -> Vec<String> {
        let plugin = pages(options);
        let mut state = plugin.start().unwrap().state;
        let mut asked = Vec::new();
        for records in counts {
            let step = match plugin.next(&page_of(*records), state) {
                Ok(step) => step,
                Err(error) => {
                    assert_eq!(error.blames, dpone_sdk::Blame::Answer);
                    asked.push(error.code);
                    break;
                }
            };
            assert_eq!(step.records, Records::At("items".to_owned()));
            asked.push(match (&step.next, &step.ended) {
                (Some(next), None) => {
                    let past = if next.may_be_past_end { "?" } else { "" };
                    format!("{}{past}", step.state.page)
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
        let (sized, stop, on) = (
            r#"{"page_size":3}"#,
            r#"{"page_size":3,"short_page":"stop"}"#,
            r#"{"page_size":3,"short_page":"continue"}"#,
        );
        for (options, counts, asked) in [
            ("{}", &[3, 1, 3, 0][..], &["2", "3?", "4", "empty-page"][..]),
            ("{}", &[1, 0], &["2", "empty-page"]),
            (sized, &[3, 2, 3, 0], &["2", "3?", "4", "empty-page"]),
            (sized, &[4, 4, 0], &["2", "3", "empty-page"]),
            (sized, &[0], &["empty-page"]),
            // A short first page: nothing more, a capped size, or rows left out of pages.
            (sized, &[2, 0], &["2?", "empty-page"]),
            (sized, &[2, 2], &["2?", "page-size-capped"]),
            (sized, &[2, 1], &["2?", "page-size-capped"]),
            (sized, &[2, 3, 1, 1, 0], &["2?", "3", "4?", "5?", "empty-page"]),
            (stop, &[3, 2], &["2", "short-page"]),
            (stop, &[2], &["short-page"]),
            (on, &[2, 2, 3, 0], &["2?", "3?", "4", "empty-page"]),
        ] {
            assert_eq!(walked(options, counts), asked, "{options} {counts:?}");
        }
    }

    #[test]
    fn a_page_without_the_array_is_left_to_the_host() {
        let state = State { page: 1, ..State::default() };
        let step = pages("{}").next(&Page::for_test("{}"), state).unwrap();
        assert_eq!((step.records, step.next), (Records::At("items".to_owned()), None));
    }

    #[test]
    fn requests_run_ahead_of_the_one_asked_for() {
        let ahead = pages("{}").ahead(State { page: 2, ..State::default() }, 2).unwrap();
        assert_eq!(ahead, [Request::unchanged().query("page", "3"), Request::unchanged().query("page", "4")]);
    }
}
