//! An extractor that misbehaves as its option says, in the request after the first page.

use dpone_sdk::{Ending, Error, Extractor, Page, Records, Request, RequestValue, Step};
use serde::Deserialize;
use std::hint::black_box;

#[derive(Debug, Deserialize)]
pub struct Options {
    behaviour: Behaviour,
    /// The origin, path, header or method to ask for.
    #[serde(default)]
    value: String,
    /// How often, or how many.
    #[serde(default)]
    count: usize,
    /// Bytes of a text.
    #[serde(default)]
    size: usize,
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
    /// Asks for the value, the count or the last element at a path of `size` bytes, or says that the records
    /// are there, as `value` says.
    LongPath,
    /// Asks for a header with a name of `size` bytes.
    LongHeader,
    /// Asks the page for everything but its body, again and again.
    EndlessLookups,
    /// Asks for the page's body, again and again.
    EndlessBodies,
    /// Sets `count` fields with names of their own: in the query, the body or the headers, as `value` says.
    ManyFields,
    /// Sets one field with a value of `size` bytes, or gives a URL, path, method or secret of that length.
    LongValue,
    /// Sets one field with a name of `size` bytes.
    LongName,
    /// Keeps `size` bytes.
    KeepState,
    /// Refuses in `size` bytes.
    Refuse,
    /// Panics with `size` bytes.
    LongPanic,
    /// Ends the walk with a reason of `size` bytes.
    LongReason,
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
            "value": { "type": "string", "description": "What to do it with." },
            "count": { "type": "integer", "description": "How often, or how many." },
            "size": { "type": "integer", "description": "Bytes of a text." }
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

    fn next(&self, page: &Page, state: String) -> Result<Step<String>, Error> {
        let records = Records::At(self.records_path.clone());
        let (value, size) = (self.options.value.as_str(), self.options.size);
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
            Behaviour::LongPath => {
                let path = "a.".repeat(size / 2);
                match value {
                    "get" => drop(black_box(page.get(&path))),
                    "count" => drop(black_box(page.count(&path))),
                    "last" => drop(black_box(page.last(&path))),
                    _ => return Ok(Step::last(Records::At(path), state)),
                }
                return Ok(Step::last(records, state));
            }
            Behaviour::LongHeader => {
                black_box(page.header(&"x".repeat(size)));
                return Ok(Step::last(records, state));
            }
            Behaviour::EndlessLookups => loop {
                let path = &self.records_path;
                black_box((page.status(), page.url(), page.header("Content-Type")));
                black_box((page.get(path), page.count(path), page.last(path)));
            },
            Behaviour::EndlessBodies => loop {
                black_box(page.body());
            },
            Behaviour::ManyFields => (0..self.options.count)
                .fold(Request::unchanged(), |request, number| self.set(request, &format!("f{number}"), "1".to_owned())),
            Behaviour::LongValue => {
                let text = "1".repeat(size);
                match value {
                    "url" => Request::to_url(format!("?x={text}")),
                    "path" => Request::unchanged().path(&text),
                    "method" => Request::unchanged().method(&text),
                    "secret" => Request::unchanged().query("s", RequestValue::Secret(text)),
                    _ => self.set(Request::unchanged(), "f", text),
                }
            }
            Behaviour::LongName => self.set(Request::unchanged(), &"f".repeat(size), "1".to_owned()),
            Behaviour::KeepState => return Ok(Step::last(records, "s".repeat(size))),
            Behaviour::Refuse => {
                let long = |character: &str| character.repeat(size);
                return Err(Error::new(&long("c"), long("ä")).at_field(&long("f")));
            }
            Behaviour::LongPanic => panic!("{}", "ä".repeat(size)),
            Behaviour::LongReason => {
                let ending = Ending::new(&"r".repeat(size), "m".repeat(size)).looked_at("l".repeat(size));
                return Ok(Step::last(records, state).because(ending));
            }
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

impl Hostile {
    /// Sets a field in the part of the request that `value` names.
    fn set(&self, request: Request, name: &str, text: String) -> Request {
        match self.options.value.as_str() {
            "query" => request.query(name, text),
            "headers" => request.header(name, text),
            _ => request.body(name, text),
        }
    }
}

dpone_sdk::export!(extractor: Hostile);
