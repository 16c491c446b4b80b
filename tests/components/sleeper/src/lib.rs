//! Sleeps before each batch, which no deadline on computing sees: only one on the wall clock does.

use dpone_sdk::{Batch, Error, Needs, Outcome, Transform};
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Deserialize)]
pub struct Options {
    seconds: u64,
}

pub struct Sleeper(Options);

impl Transform for Sleeper {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": { "seconds": { "type": "integer", "minimum": 0, "description": "How long to sleep." } },
        "required": ["seconds"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn needs(&self) -> Needs {
        Needs::nothing()
    }

    fn apply(&self, _: &Batch) -> Result<Outcome, Error> {
        std::thread::sleep(Duration::from_secs(self.0.seconds));
        Ok(Outcome::Unchanged)
    }
}

dpone_sdk::export!(transform: Sleeper);
