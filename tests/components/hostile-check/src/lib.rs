//! A check that misbehaves as its option says.

use dpone_sdk::{Batch, Check, Counts, Error, Needs, Verdict, distinct};
use serde::Deserialize;
use std::hint::black_box;

#[derive(Debug, Deserialize)]
pub struct Options {
    behaviour: Behaviour,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Behaviour {
    /// Never returns from `observe`.
    EndlessLoop,
    /// `panic!("no verdict")` in `finish`.
    Panic,
    /// Gives as measured what is no JSON.
    ObservedNotJson,
    /// Adds a field to a set that it did not declare.
    UndeclaredField,
    /// Asks for the repeats before `finish`.
    EarlyRepeats,
    /// Adds a set for each batch and record.
    ManySets,
    /// A state that grows by a mebibyte with each batch.
    GrowingState,
}

pub struct Hostile(Behaviour);

impl Check for Hostile {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": { "behaviour": { "type": "string", "description": "What to do." } },
        "required": ["behaviour"],
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = String;

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(options.behaviour))
    }

    fn needs(&self) -> Needs {
        match self.0 {
            Behaviour::ManySets => Needs::fields(["order_id"]),
            _ => Needs::nothing(),
        }
    }

    fn observe(&self, batch: &Batch, state: &mut String) -> Result<(), Error> {
        match self.0 {
            Behaviour::EndlessLoop => loop {
                black_box(());
            },
            Behaviour::UndeclaredField => distinct::add("set", batch, &["secret_field".to_owned()]),
            Behaviour::EarlyRepeats => drop(black_box(distinct::repeats("set"))),
            Behaviour::ManySets => {
                let fields = ["order_id".to_owned()];
                (0..batch.len()).for_each(|i| distinct::add(&format!("set {i}"), batch, &fields));
            }
            Behaviour::GrowingState => state.push_str(&"x".repeat(1 << 20)),
            Behaviour::Panic | Behaviour::ObservedNotJson => {}
        }
        Ok(())
    }

    fn finish(&self, _: &Counts, _: String) -> Result<Verdict, Error> {
        let mut verdict = Verdict::new(true, "all is well");
        match self.0 {
            Behaviour::Panic => panic!("no verdict"),
            Behaviour::ObservedNotJson => verdict.observed = "{not json".to_owned(),
            _ => {}
        }
        Ok(verdict)
    }
}

dpone_sdk::export!(check: Hostile);
