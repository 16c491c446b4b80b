//! A transform that misbehaves as its option says, once for each batch.

use dpone_sdk::{Batch, Column, Edits, Error, HttpRequest, Needs, Outcome, Transform, log};
use serde::Deserialize;
use std::hint::black_box;

#[derive(Debug, Deserialize)]
pub struct Options {
    behaviour: Behaviour,
    /// The means to do it with.
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
    /// Never returns.
    EndlessLoop,
    /// Calls the host for ever.
    EndlessHostCalls,
    /// Allocates until it is stopped.
    MemoryBomb,
    /// Calls itself until the stack ends.
    EndlessRecursion,
    /// `panic!("boom at record 3")`
    Panic,
    /// Refuses, as the contract has it: code `no-thanks`, record 2, field `amount`.
    PluginError,
    /// Returns a gigabyte, where memory allows.
    OutputBomb,
    /// Logs a megabyte in lines, and leaves the batch alone.
    LogFlood,
    /// One log message of a megabyte.
    LongLog,
    /// Returns two records more than it got, all of its own making.
    MoreRecords,
    /// Returns what is no JSON.
    InvalidNdjson,
    /// Returns an array where an object is expected.
    NotARecord,
    /// Returns bytes that are no UTF-8.
    NotUtf8,
    /// Asks for a column that it did not declare.
    UndeclaredField,
    /// Asks for the bytes, which it did not declare.
    UndeclaredBytes,
    /// Edits `count` names, as `value` says: `rename`, `drop` or `set`.
    ManyEdits,
    /// Edits a name of `size` bytes, as `value` says.
    LongEdit,
    /// A mask of `size` entries.
    LongKeep,
    /// Declares `count` fields.
    ManyNeeds,
    /// Asks for a column, again and again.
    EndlessColumns,
    /// Asks for the records' bytes, again and again.
    EndlessBytes,
    /// Sends a request of its own with a part of `size` bytes, or `count` headers, as `value` says.
    Http,
    /// Refuses in `size` bytes.
    Refuse,
    /// Panics with `size` bytes.
    LongPanic,
}

/// A field of the records.
const FIELD: &str = "order_id";
/// Of a host that the manifest grants, and that is never asked.
const URL: &str = "https://geo.example.com/";

pub struct Hostile(Options);

impl Transform for Hostile {
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

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn needs(&self) -> Needs {
        match self.0.behaviour {
            Behaviour::ManyNeeds => Needs::fields((0..self.0.count).map(|number| format!("f{number}"))),
            Behaviour::EndlessColumns => Needs::fields([FIELD]),
            Behaviour::EndlessBytes => Needs::bytes(),
            _ => Needs::nothing(),
        }
    }

    fn apply(&self, batch: &Batch) -> Result<Outcome, Error> {
        let size = self.0.size;
        match self.0.behaviour {
            Behaviour::EndlessLoop => loop {
                black_box(());
            },
            Behaviour::EndlessHostCalls => loop {
                black_box(batch.len());
                log::info("still here");
            },
            Behaviour::MemoryBomb => memory_bomb(),
            Behaviour::EndlessRecursion => Ok(Outcome::Replaced(vec![recurse(0)])),
            Behaviour::Panic => panic!("boom at record 3"),
            Behaviour::PluginError => Err(Error::new("no-thanks", "not this one").at_record(2).at_field("amount")),
            Behaviour::OutputBomb => Ok(Outcome::Replaced(vec![b' '; 1 << 30])),
            Behaviour::MoreRecords => {
                let records = (0..batch.len() + 2).map(|number| format!("{{\"id\":\"made-{number}\"}}\n"));
                Ok(Outcome::Replaced(records.collect::<String>().into_bytes()))
            }
            Behaviour::LogFlood => {
                (0..1024).for_each(|line| log::info(&format!("{line:04} {}", "x".repeat(1019))));
                Ok(Outcome::Unchanged)
            }
            Behaviour::LongLog => {
                log::warn(&"y".repeat(1 << 20));
                Ok(Outcome::Unchanged)
            }
            Behaviour::InvalidNdjson => Ok(Outcome::Replaced(b"{\"a\":1}\n{\"a\":\n".to_vec())),
            Behaviour::NotARecord => Ok(Outcome::Replaced(b"{\"a\":1}\n[1]\n".to_vec())),
            Behaviour::NotUtf8 => Ok(Outcome::Replaced(b"{\"a\":\"\xff\"}\n".to_vec())),
            Behaviour::UndeclaredField => {
                black_box(batch.column("secret_field"));
                Ok(Outcome::Unchanged)
            }
            Behaviour::UndeclaredBytes => {
                black_box(batch.bytes());
                Ok(Outcome::Unchanged)
            }
            Behaviour::ManyEdits => {
                let names = (0..self.0.count).map(|number| format!("f{number}"));
                Ok(names.fold(Edits::new(), |edits, name| self.edit(edits, &name, batch)).into())
            }
            Behaviour::LongEdit => Ok(self.edit(Edits::new(), &"f".repeat(size), batch).into()),
            Behaviour::LongKeep => Ok(Edits::new().keep(vec![true; size]).into()),
            Behaviour::ManyNeeds => Ok(Outcome::Unchanged),
            Behaviour::EndlessColumns => loop {
                black_box(batch.column(FIELD));
            },
            Behaviour::EndlessBytes => loop {
                black_box(batch.bytes());
            },
            Behaviour::Http => {
                let text = "x".repeat(size);
                let mut request = HttpRequest::get(URL);
                match self.0.value.as_str() {
                    "url" => request.url.push_str(&text),
                    "method" => request.method = text,
                    "name" => request = request.header(&text, "1"),
                    "value" => request = request.header("X-Long", text),
                    _ => request.headers = vec![("X-Many".to_owned(), "1".into()); self.0.count],
                }
                request.send().map(|_| Outcome::Unchanged)
            }
            Behaviour::Refuse => Err(Error::new(&"c".repeat(size), "ä".repeat(size)).at_field(&"f".repeat(size))),
            Behaviour::LongPanic => panic!("{}", "ä".repeat(size)),
        }
    }
}

impl Hostile {
    /// Edits one name, as `value` says.
    fn edit(&self, edits: Edits, name: &str, batch: &Batch) -> Edits {
        match self.0.value.as_str() {
            "rename" => edits.rename(name, "x"),
            "drop" => edits.drop(name),
            _ => {
                let mut column = Column::with_capacity(batch.len(), 0);
                (0..batch.len()).for_each(|_| column.push_null());
                edits.set(name, column)
            }
        }
    }
}

fn memory_bomb() -> ! {
    let mut held = Vec::new();
    loop {
        held.push(black_box(vec![1_u8; 1 << 20]));
    }
}

#[allow(unconditional_recursion, reason = "that is what it is for")]
fn recurse(depth: u64) -> u8 {
    let frame = black_box([depth as u8; 256]);
    recurse(depth + 1).wrapping_add(frame[0])
}

dpone_sdk::export!(transform: Hostile);
