//! Plugins' blocks as JSON Schema: built-in ones with their options, components of one's own, and
//! what every plugin may be granted and is bounded by.

use super::{block, choice, duration, list, matching, object, size, text};
use crate::builtins::{BUILTINS, Opt};
use dpone_model::plugin::PluginKind;
use serde_json::{Value, json};

/// A plugin's block: the long form with `uses`, or a built-in by `type` with its options beside it.
pub(super) fn plugin(kind: PluginKind, host: &[(&str, Value)]) -> Value {
    let shared = || {
        let mut properties: Vec<(&str, Value)> = host.to_vec();
        properties.push(("sha256", matching("Digest that the component must have.", "^[0-9A-Fa-f]{64}$")));
        properties.push(("grants", grants()));
        properties.push(("limits", limits()));
        properties
    };
    let mut forms = Vec::new();
    let mut long = shared();
    long.push(("uses", text("`builtin:NAME`, a path beside the manifest, `oci://HOST/REPOSITORY@sha256:DIGEST`, or a name along the plugin path.")));
    long.push(("with", json!({ "type": "object", "description": "The plugin's options." })));
    forms.push(object("Any component.", &["uses"], long));
    if kind == PluginKind::Extractor {
        let mut none = host.to_vec();
        none.push(("type", json!({ "const": "none" })));
        forms.push(block("One request.", none));
    }
    for builtin in BUILTINS.iter().filter(|builtin| builtin.kind == kind) {
        let short = builtin.name.replace('-', "_");
        let mut properties = shared();
        properties.push(("type", json!({ "enum": [short, builtin.name] })));
        properties.extend(builtin.options.iter().map(|option| (option.name, option_schema(option))));
        let mut required = vec!["type"];
        // `cursor_path` has an older spelling, so neither of the two is required by itself.
        let has_alias = builtin.name == "cursor";
        if has_alias {
            properties.push(("next_cursor_path", text("0.88: cursor_path.")));
        }
        required
            .extend(builtin.options.iter().filter(|option| option.required && !has_alias).map(|option| option.name));
        forms.push(object(builtin.about, &required, properties));
    }
    json!({ "anyOf": forms })
}

fn option_schema(option: &Opt) -> Value {
    json!({ "type": option.types, "description": option.about })
}

fn grants() -> Value {
    let texts = |about: &str| list(about, text("A name."));
    block(
        "What the plugin gets beyond its input.",
        vec![
            ("files", text("Folder beside the manifest that it may read.")),
            ("secrets", texts("Secrets of the source's connection that its requests may carry.")),
            ("http", texts("Hosts that its own requests may go to, such as `geo.example.com`.")),
            ("clock", choice("Default fixed at the run's start.", &["real", "fixed"])),
            ("random", choice("Default seeded by the run.", &["real", "fixed"])),
            ("headers", texts("Request headers that an extractor may set.")),
            ("methods", texts("Methods beyond the manifest's own.")),
            ("paths", texts("Path prefixes beyond the manifest's own path.")),
        ],
    )
}

fn limits() -> Value {
    block(
        "Bounds of the plugin.",
        vec![
            ("memory", size("Default 128 MiB.")),
            ("deadline", duration("Computing time of a call; default 1 s.")),
            ("wall_clock", duration("A call in all; default 10 s.")),
            ("output", size("Returned by one call; default 64 MiB.")),
            ("log", size("A run; default 64 KiB.")),
        ],
    )
}
