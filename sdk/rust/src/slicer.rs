//! Slicers: cut a load into parts that are loaded, judged and checkpointed on their own.

use crate::{Error, Page, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Lists the slices of a load: windows of time, parents, partitions.
pub trait Slicer: Sized {
    /// JSON Schema (draft 2020-12) of [`Self::Options`].
    const OPTIONS_SCHEMA: &'static str;
    /// The manifest's `with` block.
    type Options: DeserializeOwned;
    /// State from call to call; `()` where nothing has to last.
    type State: Serialize + DeserializeOwned + Default;

    fn new(options: Self::Options) -> Result<Self, Error>;

    /// The first slices, or the first request of a list of them.
    fn start(&self, context: &SliceContext) -> Result<SliceStep<Self::State>, Error>;

    /// The slices that the page lists. A slicer that asks for no page need not write it.
    fn next(&self, page: &Page, state: Self::State) -> Result<SliceStep<Self::State>, Error> {
        let _ = (page, state);
        Err(Error::new("no-pages", "this slicer asks for no page"))
    }
}

/// The load that is to be cut.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SliceContext {
    /// Inclusive lower bound of the cursor field: the watermark up to which every slice is loaded,
    /// else the manifest's `start`. RFC 3339 or a number.
    pub lower: Option<String>,
    /// Exclusive upper bound; `None` where the load has none.
    pub upper: Option<String>,
    /// The run's start, RFC 3339 in UTC.
    pub started_at: String,
}

/// One part of a load.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slice {
    /// Names the slice from run to run, and its row of state: 1 to 200 letters, digits, `_-.:`.
    pub id: String,
    /// The parts of the manifest's own request that every one of the slice varies.
    pub request: Request,
    /// Bounds of the cursor field that hold for this slice.
    pub lower: Option<String>,
    pub upper: Option<String>,
}

impl Slice {
    /// A slice whose requests are the manifest's own.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    #[must_use]
    pub fn request(mut self, request: Request) -> Self {
        self.request = request;
        self
    }

    #[must_use]
    pub fn between(mut self, lower: impl Into<String>, upper: impl Into<String>) -> Self {
        self.lower = Some(lower.into());
        self.upper = Some(upper.into());
        self
    }
}

/// A slicer's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceStep<S> {
    /// Those found in this step; their order is the order of the load.
    pub slices: Vec<Slice>,
    /// A request whose answer lists more; `None` ends the list.
    pub next: Option<Request>,
    pub state: S,
}

impl<S: Default> SliceStep<S> {
    /// The last slices.
    pub fn last(slices: Vec<Slice>) -> Self {
        Self { slices, next: None, state: S::default() }
    }

    /// Slices, and a request whose answer lists more.
    pub fn more(slices: Vec<Slice>, request: Request, state: S) -> Self {
        Self { slices, next: Some(request), state }
    }
}
