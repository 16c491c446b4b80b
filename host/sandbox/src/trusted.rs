//! The one door through which native code enters the process.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Code that this host compiled itself: fresh from its own compile child, or read from its own
/// cache with a checksum that only this host's key can make. Only `cache` makes one.
pub(crate) struct OwnCode(Vec<u8>);

impl OwnCode {
    /// The caller vouches that `code` came out of `Engine::precompile_component` in this host's
    /// compile child, unchanged.
    pub fn vouched(code: Vec<u8>) -> Self {
        Self(code)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Maps compiled code into the process.
#[allow(unsafe_code)]
pub(crate) fn deserialize(engine: &Engine, code: &OwnCode) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` runs what it is given, so it must be given nothing but the output of
    // `precompile_component`. `OwnCode` is made in two places only: from the standard output of
    // the compile child, which is this very executable with the same engine settings, and from a
    // cache file whose HMAC over name and content was verified with a key that is readable by this
    // user alone. Whoever can forge either can already run code as this user. wasmtime itself
    // checks version, target and settings.
    unsafe { Component::deserialize(engine, code.bytes()) }
}
