//! A slicer that misbehaves as its option says, in its first step.

use dpone_sdk::{Error, Page, Request, Slice, SliceContext, SliceStep, Slicer};
use serde::Deserialize;

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
    /// Lists `count` slices.
    ManySlices,
    /// Lists ever more slices, a page after the other, each with a request of `size` bytes.
    GrowingList,
    /// A slice with an id of `size` bytes.
    LongId,
    /// A slice with bounds of `size` bytes.
    LongBounds,
    /// A slice with `count` query parameters.
    ManyFields,
    /// Keeps `size` bytes.
    KeepState,
    /// Asks for a page with `count` query parameters.
    ManyAsked,
    /// Never returns.
    EndlessLoop,
    /// Refuses in `size` bytes.
    Refuse,
}

pub struct Hostile(Options);

impl Hostile {
    fn fields(&self) -> Request {
        (0..self.0.count).fold(Request::unchanged(), |request, number| request.query(&format!("f{number}"), "1"))
    }

    /// Slices of the page of that number, as many as one step may list.
    fn part(&self, number: u32) -> SliceStep<String> {
        let request = Request::unchanged().query("x", "x".repeat(self.0.size));
        let slice = |index| Slice::new(format!("{number}-{index}")).request(request.clone());
        let next = Request::unchanged().query("part", number.to_string());
        SliceStep::more((0..10_000).map(slice).collect(), next, (number + 1).to_string())
    }
}

impl Slicer for Hostile {
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

    fn start(&self, _: &SliceContext) -> Result<SliceStep<String>, Error> {
        let (count, size) = (self.0.count, self.0.size);
        Ok(match self.0.behaviour {
            Behaviour::ManySlices => SliceStep::last((0..count).map(|number| Slice::new(number.to_string())).collect()),
            Behaviour::GrowingList => self.part(0),
            Behaviour::LongId => SliceStep::last(vec![Slice::new("i".repeat(size))]),
            Behaviour::LongBounds => SliceStep::last(vec![Slice::new("a").between("1".repeat(size), "2".repeat(size))]),
            Behaviour::ManyFields => SliceStep::last(vec![Slice::new("a").request(self.fields())]),
            Behaviour::KeepState => SliceStep::more(Vec::new(), Request::unchanged(), "s".repeat(size)),
            Behaviour::ManyAsked => SliceStep::more(Vec::new(), self.fields(), String::new()),
            Behaviour::EndlessLoop => loop {
                std::hint::black_box(());
            },
            Behaviour::Refuse => {
                return Err(Error::new(&"c".repeat(size), "ä".repeat(size)).at_field(&"f".repeat(size)));
            }
        })
    }

    fn next(&self, _: &Page, part: String) -> Result<SliceStep<String>, Error> {
        Ok(self.part(part.parse().unwrap_or_default()))
    }
}

dpone_sdk::export!(slicer: Hostile);
