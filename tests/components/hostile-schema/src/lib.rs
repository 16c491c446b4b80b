//! A transform whose options schema takes for ever: each of its levels stands for two of the one before.

use dpone_sdk::{Batch, Error, Needs, Outcome, Transform};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Options {}

pub struct Hostile;

impl Transform for Hostile {
    const OPTIONS_SCHEMA: &'static str = r##"{
        "$defs": {
            "d0": { "type": "object" },
            "d1": { "allOf": [{ "$ref": "#/$defs/d0" }, { "$ref": "#/$defs/d0" }] },
            "d2": { "allOf": [{ "$ref": "#/$defs/d1" }, { "$ref": "#/$defs/d1" }] },
            "d3": { "allOf": [{ "$ref": "#/$defs/d2" }, { "$ref": "#/$defs/d2" }] },
            "d4": { "allOf": [{ "$ref": "#/$defs/d3" }, { "$ref": "#/$defs/d3" }] },
            "d5": { "allOf": [{ "$ref": "#/$defs/d4" }, { "$ref": "#/$defs/d4" }] },
            "d6": { "allOf": [{ "$ref": "#/$defs/d5" }, { "$ref": "#/$defs/d5" }] },
            "d7": { "allOf": [{ "$ref": "#/$defs/d6" }, { "$ref": "#/$defs/d6" }] },
            "d8": { "allOf": [{ "$ref": "#/$defs/d7" }, { "$ref": "#/$defs/d7" }] },
            "d9": { "allOf": [{ "$ref": "#/$defs/d8" }, { "$ref": "#/$defs/d8" }] },
            "d10": { "allOf": [{ "$ref": "#/$defs/d9" }, { "$ref": "#/$defs/d9" }] },
            "d11": { "allOf": [{ "$ref": "#/$defs/d10" }, { "$ref": "#/$defs/d10" }] },
            "d12": { "allOf": [{ "$ref": "#/$defs/d11" }, { "$ref": "#/$defs/d11" }] },
            "d13": { "allOf": [{ "$ref": "#/$defs/d12" }, { "$ref": "#/$defs/d12" }] },
            "d14": { "allOf": [{ "$ref": "#/$defs/d13" }, { "$ref": "#/$defs/d13" }] },
            "d15": { "allOf": [{ "$ref": "#/$defs/d14" }, { "$ref": "#/$defs/d14" }] },
            "d16": { "allOf": [{ "$ref": "#/$defs/d15" }, { "$ref": "#/$defs/d15" }] },
            "d17": { "allOf": [{ "$ref": "#/$defs/d16" }, { "$ref": "#/$defs/d16" }] },
            "d18": { "allOf": [{ "$ref": "#/$defs/d17" }, { "$ref": "#/$defs/d17" }] },
            "d19": { "allOf": [{ "$ref": "#/$defs/d18" }, { "$ref": "#/$defs/d18" }] },
            "d20": { "allOf": [{ "$ref": "#/$defs/d19" }, { "$ref": "#/$defs/d19" }] },
            "d21": { "allOf": [{ "$ref": "#/$defs/d20" }, { "$ref": "#/$defs/d20" }] },
            "d22": { "allOf": [{ "$ref": "#/$defs/d21" }, { "$ref": "#/$defs/d21" }] },
            "d23": { "allOf": [{ "$ref": "#/$defs/d22" }, { "$ref": "#/$defs/d22" }] },
            "d24": { "allOf": [{ "$ref": "#/$defs/d23" }, { "$ref": "#/$defs/d23" }] },
            "d25": { "allOf": [{ "$ref": "#/$defs/d24" }, { "$ref": "#/$defs/d24" }] },
            "d26": { "allOf": [{ "$ref": "#/$defs/d25" }, { "$ref": "#/$defs/d25" }] },
            "d27": { "allOf": [{ "$ref": "#/$defs/d26" }, { "$ref": "#/$defs/d26" }] },
            "d28": { "allOf": [{ "$ref": "#/$defs/d27" }, { "$ref": "#/$defs/d27" }] },
            "d29": { "allOf": [{ "$ref": "#/$defs/d28" }, { "$ref": "#/$defs/d28" }] },
            "d30": { "allOf": [{ "$ref": "#/$defs/d29" }, { "$ref": "#/$defs/d29" }] },
            "d31": { "allOf": [{ "$ref": "#/$defs/d30" }, { "$ref": "#/$defs/d30" }] },
            "d32": { "allOf": [{ "$ref": "#/$defs/d31" }, { "$ref": "#/$defs/d31" }] },
            "d33": { "allOf": [{ "$ref": "#/$defs/d32" }, { "$ref": "#/$defs/d32" }] },
            "d34": { "allOf": [{ "$ref": "#/$defs/d33" }, { "$ref": "#/$defs/d33" }] },
            "d35": { "allOf": [{ "$ref": "#/$defs/d34" }, { "$ref": "#/$defs/d34" }] },
            "d36": { "allOf": [{ "$ref": "#/$defs/d35" }, { "$ref": "#/$defs/d35" }] },
            "d37": { "allOf": [{ "$ref": "#/$defs/d36" }, { "$ref": "#/$defs/d36" }] },
            "d38": { "allOf": [{ "$ref": "#/$defs/d37" }, { "$ref": "#/$defs/d37" }] },
            "d39": { "allOf": [{ "$ref": "#/$defs/d38" }, { "$ref": "#/$defs/d38" }] }
        },
        "$ref": "#/$defs/d39"
    }"##;
    type Options = Options;

    fn new(_: Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn needs(&self) -> Needs {
        Needs::nothing()
    }

    fn apply(&self, _: &Batch) -> Result<Outcome, Error> {
        Ok(Outcome::Unchanged)
    }
}

dpone_sdk::export!(transform: Hostile);
