//! Computes until it is stopped.

use dpone_sdk::{Batch, Error, Needs, Outcome, Transform};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Options {}

pub struct Spin;

impl Transform for Spin {
    const OPTIONS_SCHEMA: &'static str = r#"{ "type": "object", "additionalProperties": false }"#;
    type Options = Options;

    fn new(_: Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn needs(&self) -> Needs {
        Needs::nothing()
    }

    fn apply(&self, batch: &Batch) -> Result<Outcome, Error> {
        let mut number = batch.len() as u64;
        loop {
            number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
}

dpone_sdk::export!(transform: Spin);
