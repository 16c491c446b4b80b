//! A check that misbehaves as its option says.

use dpone_sdk::{Batch, Check, Counts, Error, Needs, Verdict, distinct};
use serde::Deserialize;
use std::hint::black_box;

#[derive(Debug, Deserialize)]
pub struct Options {
    behaviour: Behaviour,
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
    /// Adds to `count` sets.
    ManySets,
    /// A state that grows by a mebibyte with each batch.
    GrowingState,
    /// Adds the same field `count` times over to one set.
    RepeatedFields,
    /// Adds many fields to one set, again and again.
    EndlessSets,
    /// Adds many fields to one set, `count` times a batch.
    GrowingSets,
    /// Adds to a set with a name of `size` bytes.
    LongSet,
    /// Asks for the repeats of such a set.
    LongRepeats,
    /// Asks for the repeats of a set, again and again.
    EndlessRepeats,
    /// Declares `count` fields.
    ManyNeeds,
    /// Declares a field with a name of `size` bytes.
    LongNeed,
    /// Asks for a column, again and again.
    EndlessColumns,
    /// Asks for the records' bytes, again and again.
    EndlessBytes,
    /// Gives `size` bytes as measured.
    LongObserved,
    /// Says no in `size` bytes.
    LongVerdict,
    /// Refuses in `size` bytes, in `finish`.
    Refuse,
}

/// A field of the records.
const FIELD: &str = "order_id";

pub struct Hostile(Options);

impl Check for Hostile {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "behaviour": { "type": "string", "description": "What to do." },
            "count": { "type": "integer", "description": "How often, or how many." },
            "size": { "type": "integer", "description": "Bytes of a text." }
        },
        "required": ["behaviour"],
        "additionalProperties": false
    }"#;
    type Options = Options;
    type State = String;

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn needs(&self) -> Needs {
        match self.0.behaviour {
            Behaviour::ManySets
            | Behaviour::RepeatedFields
            | Behaviour::EndlessSets
            | Behaviour::GrowingSets
            | Behaviour::LongSet
            | Behaviour::EndlessColumns => Needs::fields([FIELD]),
            Behaviour::ManyNeeds => Needs::fields((0..self.0.count).map(|number| format!("f{number}"))),
            Behaviour::LongNeed => Needs::fields(["f".repeat(self.0.size)]),
            Behaviour::EndlessBytes => Needs::bytes(),
            _ => Needs::nothing(),
        }
    }

    fn observe(&self, batch: &Batch, state: &mut String) -> Result<(), Error> {
        let fields = |count: usize| vec![FIELD.to_owned(); count];
        match self.0.behaviour {
            Behaviour::EndlessLoop => loop {
                black_box(());
            },
            Behaviour::UndeclaredField => distinct::add("set", batch, &["secret_field".to_owned()]),
            Behaviour::EarlyRepeats => drop(black_box(distinct::repeats("set"))),
            Behaviour::ManySets => {
                (0..self.0.count).for_each(|i| distinct::add(&format!("set {i}"), batch, &fields(1)));
            }
            Behaviour::RepeatedFields => distinct::add("set", batch, &fields(self.0.count)),
            Behaviour::EndlessSets => loop {
                distinct::add("set", batch, &fields(64));
            },
            Behaviour::GrowingSets => (0..self.0.count).for_each(|_| distinct::add("set", batch, &fields(64))),
            Behaviour::LongSet => distinct::add(&"s".repeat(self.0.size), batch, &fields(1)),
            Behaviour::EndlessColumns => loop {
                black_box(batch.column(FIELD));
            },
            Behaviour::EndlessBytes => loop {
                black_box(batch.bytes());
            },
            Behaviour::GrowingState => state.push_str(&"x".repeat(1 << 20)),
            _ => {}
        }
        Ok(())
    }

    fn finish(&self, _: &Counts, _: String) -> Result<Verdict, Error> {
        let mut verdict = Verdict::new(true, "all is well");
        let size = self.0.size;
        match self.0.behaviour {
            Behaviour::Panic => panic!("no verdict"),
            Behaviour::ObservedNotJson => verdict.observed = "{not json".to_owned(),
            Behaviour::LongObserved => verdict.observed = format!("\"{}\"", "o".repeat(size)),
            Behaviour::LongVerdict => verdict = Verdict::new(false, "ä".repeat(size)),
            Behaviour::LongRepeats => drop(black_box(distinct::repeats(&"s".repeat(size)))),
            Behaviour::EndlessRepeats => loop {
                black_box(distinct::repeats("set"));
            },
            Behaviour::Refuse => {
                return Err(Error::new(&"c".repeat(size), "ä".repeat(size)).at_field(&"f".repeat(size)));
            }
            _ => {}
        }
        Ok(verdict)
    }
}

dpone_sdk::export!(check: Hostile);
