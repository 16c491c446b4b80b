//! A transform that asks for an interface that is neither dpone's nor WASI's.

use dpone_sdk::{Batch, Error, Needs, Outcome, Transform};
use serde::Deserialize;

#[cfg(target_arch = "wasm32")]
mod evil {
    wit_bindgen::generate!({
        inline: r"
            package evil:host@1.0.0;
            interface api {
                run: func(command: string) -> string;
            }
            world guest {
                import api;
            }
        ",
        world: "guest",
        generate_all,
    });
}

#[derive(Debug, Deserialize)]
pub struct Options {}

pub struct Forbidden;

impl Transform for Forbidden {
    const OPTIONS_SCHEMA: &'static str = r#"{ "type": "object", "additionalProperties": false }"#;
    type Options = Options;

    fn new(_: Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn needs(&self) -> Needs {
        Needs::nothing()
    }

    fn apply(&self, _: &Batch) -> Result<Outcome, Error> {
        #[cfg(target_arch = "wasm32")]
        return Ok(Outcome::Replaced(evil::evil::host::api::run("id").into_bytes()));
        #[cfg(not(target_arch = "wasm32"))]
        Ok(Outcome::Unchanged)
    }
}

dpone_sdk::export!(transform: Forbidden);
