//! The bindings that `wit-bindgen` makes of `wit/`: one module for what every world imports, and one for each
//! world's exports. The worlds share the imported types, so that a [`crate::Batch`] is one type
//! for transforms and checks.

#[allow(unsafe_code, reason = "the canonical ABI reads and writes linear memory")]
pub mod imports {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: r"
            package dpone:sdk;
            world imports {
                import dpone:plugin/types@0.1.0;
                import dpone:plugin/host@0.1.0;
                import dpone:plugin/http@0.1.0;
                import dpone:plugin/pages@0.1.0;
                import dpone:plugin/batches@0.1.0;
                import dpone:plugin/distinct@0.1.0;
            }
        ",
        world: "dpone:sdk/imports",
        generate_all,
    });
}

#[allow(unsafe_code, reason = "the canonical ABI reads and writes linear memory")]
pub mod extractor {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "extractor-plugin",
        with: {
            "dpone:plugin/types@0.1.0": crate::bindings::imports::dpone::plugin::types,
            "dpone:plugin/host@0.1.0": crate::bindings::imports::dpone::plugin::host,
            "dpone:plugin/http@0.1.0": crate::bindings::imports::dpone::plugin::http,
            "dpone:plugin/pages@0.1.0": crate::bindings::imports::dpone::plugin::pages,
        },
        pub_export_macro: true,
        export_macro_name: "export_extractor_world",
        default_bindings_module: "dpone_sdk::bindings::extractor",
    });
}

#[allow(unsafe_code, reason = "the canonical ABI reads and writes linear memory")]
pub mod transform {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "transform-plugin",
        with: {
            "dpone:plugin/types@0.1.0": crate::bindings::imports::dpone::plugin::types,
            "dpone:plugin/host@0.1.0": crate::bindings::imports::dpone::plugin::host,
            "dpone:plugin/http@0.1.0": crate::bindings::imports::dpone::plugin::http,
            "dpone:plugin/batches@0.1.0": crate::bindings::imports::dpone::plugin::batches,
        },
        pub_export_macro: true,
        export_macro_name: "export_transform_world",
        default_bindings_module: "dpone_sdk::bindings::transform",
    });
}

#[allow(unsafe_code, reason = "the canonical ABI reads and writes linear memory")]
pub mod check {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "check-plugin",
        with: {
            "dpone:plugin/types@0.1.0": crate::bindings::imports::dpone::plugin::types,
            "dpone:plugin/host@0.1.0": crate::bindings::imports::dpone::plugin::host,
            "dpone:plugin/http@0.1.0": crate::bindings::imports::dpone::plugin::http,
            "dpone:plugin/batches@0.1.0": crate::bindings::imports::dpone::plugin::batches,
            "dpone:plugin/distinct@0.1.0": crate::bindings::imports::dpone::plugin::distinct,
        },
        pub_export_macro: true,
        export_macro_name: "export_check_world",
        default_bindings_module: "dpone_sdk::bindings::check",
    });
}

#[allow(unsafe_code, reason = "the canonical ABI reads and writes linear memory")]
pub mod slicer {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "slicer-plugin",
        with: {
            "dpone:plugin/types@0.1.0": crate::bindings::imports::dpone::plugin::types,
            "dpone:plugin/host@0.1.0": crate::bindings::imports::dpone::plugin::host,
            "dpone:plugin/http@0.1.0": crate::bindings::imports::dpone::plugin::http,
            "dpone:plugin/pages@0.1.0": crate::bindings::imports::dpone::plugin::pages,
        },
        pub_export_macro: true,
        export_macro_name: "export_slicer_world",
        default_bindings_module: "dpone_sdk::bindings::slicer",
    });
}

#[allow(unsafe_code, reason = "the canonical ABI reads and writes linear memory")]
pub mod signer {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "signer-plugin",
        with: {
            "dpone:plugin/types@0.1.0": crate::bindings::imports::dpone::plugin::types,
            "dpone:plugin/host@0.1.0": crate::bindings::imports::dpone::plugin::host,
        },
        pub_export_macro: true,
        export_macro_name: "export_signer_world",
        default_bindings_module: "dpone_sdk::bindings::signer",
    });
}
