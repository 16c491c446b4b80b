//! An extractor that misbehaves as its option says, in the request after the first page.

use dpone_sdk::{Error, Extractor, Page, Records, Request, RequestValue, Step};
use serde::Deserialize;
use std::hint::black_box;

#[derive(Debug, Deserialize)]
pub struct Options {
    behaviour: Behaviour,
    /// The origin, path, header or method to ask for.
    #[serde(default)]
    value: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Behaviour {
    /// Follows the URL `value`.
    Url,
    /// Sets the header `value`.
    Header,
    /// Uses the method `value`.
    Method,
    /// Uses the path `value`.
    Path,
    /// Asks for the secret `value` as a query parameter.
    Secret,
    /// Asks for the same request again and again.
    SameRequest,
    /// Gives records that are no JSON.
    InvalidNdjson,
    /// Never returns.
    EndlessLoop,
    /// `panic!("no next page")`
    Panic,
    /// Returns a gigabyte of state, where memory allows.
    StateBomb,
    /// Asks for a million requests ahead.
    AheadBomb,
}

pub struct Hostile {
    options: Options,
    records_path: String,
}

impl Extractor for Hostile {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "behaviour": { "type": "string", "description": "What to do." },
            "value": { "type": "string", "description": "What to do it with." }
        },
        "required": ["behaviour"],
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = String;

    fn new(options: Options, records_path: &str) -> Result<Self, Error> {
        Ok(Self { options, records_path: records_path.to_owned() })
    }

    fn start(&self) -> Result<Step<String>, Error> {
        Ok(Step::first(Request::unchanged(), String::new()))
    }

    fn next(&self, _: &Page, state: String) -> Result<Step<String>, Error> {
        let records = Records::At(self.records_path.clone());
        let value = self.options.value.as_str();
        let request = match self.options.behaviour {
            Behaviour::Url => Request::to_url(value),
            Behaviour::Header => Request::unchanged().header(value, "hostile"),
            Behaviour::Method => Request::unchanged().method(value),
            Behaviour::Path => Request::unchanged().path(value),
            Behaviour::Secret => Request::unchanged().query("stolen", RequestValue::Secret(value.to_owned())),
            Behaviour::SameRequest | Behaviour::AheadBomb => Request::unchanged(),
            Behaviour::InvalidNdjson => {
                return Ok(Step::last(Records::Bytes(b"{\"a\":1}\n{\"a\" 2}\n".to_vec()), state));
            }
            Behaviour::EndlessLoop => loop {
                black_box(());
            },
            Behaviour::Panic => panic!("no next page"),
            Behaviour::StateBomb => return Ok(Step::last(records, "x".repeat(1 << 30))),
        };
        Ok(Step::more(records, request, state))
    }

    fn ahead(&self, _: String, n: u32) -> Result<Vec<Request>, Error> {
        Ok(match self.options.behaviour {
            Behaviour::AheadBomb => vec![Request::unchanged().query("n", n.to_string()); 1_000_000],
            _ => Vec::new(),
        })
    }
}

dpone_sdk::export!(extractor: Hostile);
