//! Bindings to the five worlds of `wit/`. They share the types and the host interfaces, so that
//! one host state serves every kind of plugin.

/// The version of the contract that this host speaks.
pub const WIT_VERSION: &str = "0.1.0";
/// Every version that is served; a released one stays here with an adapter of its own.
#[cfg(not(test))]
pub(crate) const SPOKEN: &[&str] = &[WIT_VERSION];
#[cfg(test)]
pub(crate) const SPOKEN: &[&str] = &[WIT_VERSION, crate::v0_0_9::VERSION];
/// The package of the contract.
pub const WIT_PACKAGE: &str = "dpone:plugin";

pub mod extractor {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "extractor-plugin",
        imports: { "dpone:plugin/http.send": async | trappable, default: trappable },
        exports: { default: async },
        with: { "dpone:plugin/pages.page": crate::host::PageHandle },
    });
}

pub mod transform {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "transform-plugin",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "dpone:plugin/types": crate::bindings::extractor::dpone::plugin::types,
            "dpone:plugin/host": crate::bindings::extractor::dpone::plugin::host,
            "dpone:plugin/http": crate::bindings::extractor::dpone::plugin::http,
            "dpone:plugin/batches.batch": crate::host::BatchHandle,
        },
    });
}

pub mod check {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "check-plugin",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "dpone:plugin/types": crate::bindings::extractor::dpone::plugin::types,
            "dpone:plugin/host": crate::bindings::extractor::dpone::plugin::host,
            "dpone:plugin/http": crate::bindings::extractor::dpone::plugin::http,
            "dpone:plugin/batches": crate::bindings::transform::dpone::plugin::batches,
        },
    });
}

pub mod slicer {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "slicer-plugin",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "dpone:plugin/types": crate::bindings::extractor::dpone::plugin::types,
            "dpone:plugin/host": crate::bindings::extractor::dpone::plugin::host,
            "dpone:plugin/http": crate::bindings::extractor::dpone::plugin::http,
            "dpone:plugin/pages": crate::bindings::extractor::dpone::plugin::pages,
        },
    });
}

pub mod signer {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "signer-plugin",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "dpone:plugin/types": crate::bindings::extractor::dpone::plugin::types,
            "dpone:plugin/host": crate::bindings::extractor::dpone::plugin::host,
        },
    });
}
