//! What is known of a component once it is loaded.

use crate::engine::Counting;
use crate::host::Host;
use dpone_model::plugin::Identity;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use wasmtime::component::InstancePre;

/// The kind of a plugin, by the interface that it exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Extractor,
    Transform,
    Check,
    Slicer,
    Signer,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Extractor, Self::Transform, Self::Check, Self::Slicer, Self::Signer];

    /// The name of its interface in the plugin contract.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Extractor => "extractor",
            Self::Transform => "transform",
            Self::Check => "check",
            Self::Slicer => "slicer",
            Self::Signer => "signer",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.interface())
    }
}

/// What `dpone plugin inspect` shows.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    pub identity: Identity,
    pub kind: Kind,
    /// Version of `dpone:plugin` that the component was built against.
    pub wit_version: String,
    /// What the component can ask for, in its own order, versions included.
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
