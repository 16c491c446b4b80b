//! A transform that misbehaves as its option says, once for each batch.

use dpone_sdk::{Batch, Error, Needs, Outcome, Transform, log};
use serde::Deserialize;
use std::hint::black_box;

#[derive(Debug, Deserialize)]
pub struct Options {
    behaviour: Behaviour,
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
}

pub struct Hostile(Behaviour);

impl Transform for Hostile {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": { "behaviour": { "type": "string", "description": "What to do." } },
        "required": ["behaviour"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(options.behaviour))
    }

    fn needs(&self) -> Needs {
        Needs::nothing()
    }

    fn apply(&self, batch: &Batch) -> Result<Outcome, Error> {
        match self.0 {
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
