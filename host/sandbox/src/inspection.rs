//! The facts about a component once it is loaded.

use crate::engine::Counting;
use crate::host::Host;
use dpone_model::plugin::{Identity, PluginKind};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use wasmtime::component::InstancePre;

/// The facts that `dpone plugin inspect` shows.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    pub identity: Identity,
    pub kind: PluginKind,
    /// Version of `dpone:plugin` that the component was built against.
    pub wit_version: String,
    /// The imports of the component, in its own order, versions included.
    pub imports: Vec<String>,
    /// JSON Schema of the options.
    pub options_schema: serde_json::Value,
    /// Of the component's bytes.
    pub size: u64,
    /// Time that it took to compile in milliseconds, when that was.
    pub compile_ms: u32,
    /// Whether the compiled code came from the cache.
    pub cached: bool,
}

/// A component that was let in: compiled, linked and described. Cheap to clone.
#[derive(Clone)]
pub struct Loaded {
    pub(crate) inspection: Arc<Inspection>,
    pub(crate) pre: InstancePre<Host>,
    pub(crate) counting: Counting,
    /// Whether its plugins live for one call; else for the run.
    pub(crate) instance_per_call: bool,
}

impl Loaded {
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("inspection", &self.inspection).finish_non_exhaustive()
    }
}
