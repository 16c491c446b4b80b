//! What the manifest knows of the built-in plugins: their short names and their options.
//!
//! The components' own schemas judge values when they are loaded; this table finds misspelt keys
//! together with all other problems of a file, and feeds the JSON Schema of the language.

use crate::checked::PluginUse;
use crate::error::Error;
use crate::read::{Block, Value, nearest};
use dpone_model::plugin::PluginKind;

/// One option of a built-in plugin.
pub(crate) struct Opt {
    pub name: &'static str,
    /// The JSON Schema types.
    pub types: &'static [&'static str],
    pub required: bool,
    pub about: &'static str,
}

pub(crate) struct Builtin {
    pub kind: PluginKind,
    pub name: &'static str,
    pub about: &'static str,
    pub options: &'static [Opt],
}

const fn opt(name: &'static str, types: &'static [&'static str], about: &'static str) -> Opt {
    Opt { name, types, required: false, about }
}

const fn required(name: &'static str, types: &'static [&'static str], about: &'static str) -> Opt {
    Opt { name, types, required: true, about }
}

const TEXT: &[&str] = &["string"];
const INTEGER: &[&str] = &["integer"];
const NUMBER: &[&str] = &["number"];
const NAMES: &[&str] = &["string", "array"];
const LIST: &[&str] = &["array"];
const ANY: &[&str] = &["string", "number", "boolean", "null", "array", "object"];
const OBJECT: &[&str] = &["object"];
const SCALAR: &[&str] = &["string", "number"];

pub(crate) static BUILTINS: &[Builtin] = &[
    Builtin {
        kind: PluginKind::Extractor,
        name: "cursor",
        about: "The answer names the next page's cursor.",
        options: &[
            required("cursor_path", TEXT, "Dotted path of the next cursor in the answer (0.88: next_cursor_path)."),
            opt("cursor_param", TEXT, "Query parameter that carries it; default `cursor`."),
            opt("initial_cursor", SCALAR, "Cursor of the first request."),
        ],
    },
    Builtin {
        kind: PluginKind::Extractor,
        name: "page",
        about: "Pages are numbered.",
        options: &[
            opt("page_param", TEXT, "Query parameter of the number; default `page`."),
            opt("start_page", INTEGER, "Number of the first page; default 1."),
            opt("page_size_param", TEXT, "Query parameter of the page size."),
            opt("page_size", INTEGER, "Records a page; a shorter page is the last."),
        ],
    },
    Builtin {
        kind: PluginKind::Extractor,
        name: "offset",
        about: "Records are counted.",
        options: &[
            opt("offset_param", TEXT, "Query parameter of the offset; default `offset`."),
            opt("start_offset", INTEGER, "First offset; default 0."),
            opt("limit", INTEGER, "Records a page; default 1000."),
            opt("limit_param", TEXT, "Query parameter of the limit; default `limit`."),
        ],
    },
    Builtin {
        kind: PluginKind::Extractor,
        name: "next-url",
        about: "The answer holds the next page's URL.",
        options: &[required("next_url_path", TEXT, "Dotted path of the URL in the answer.")],
    },
    Builtin {
        kind: PluginKind::Extractor,
        name: "link-header",
        about: "The Link header (RFC 8288) holds the next page's URL.",
        options: &[opt("rel", TEXT, "Relation type to follow; default `next`.")],
    },
    Builtin {
        kind: PluginKind::Transform,
        name: "rename",
        about: "Renames fields.",
        options: &[required("fields", OBJECT, "Old name: new name.")],
    },
    Builtin {
        kind: PluginKind::Transform,
        name: "cast",
        about: "Changes the types of fields.",
        options: &[required("fields", OBJECT, "Field: string, integer, decimal or boolean.")],
    },
    Builtin {
        kind: PluginKind::Transform,
        name: "filter",
        about: "Keeps the records that satisfy a condition.",
        options: &[
            opt("field", TEXT, "Top-level field to look at."),
            opt("op", TEXT, "eq, ne, lt, le, gt, ge, in, exists or not_null."),
            opt("value", ANY, "What to compare with."),
            opt("all_of", LIST, "Instead of the three: conditions that must all hold."),
        ],
    },
    Builtin {
        kind: PluginKind::Check,
        name: "min-rows",
        about: "At least so many rows passed boundary and transforms.",
        options: &[required("threshold", INTEGER, "The least number of rows.")],
    },
    Builtin {
        kind: PluginKind::Check,
        name: "source-target-count",
        about: "The broker acknowledged as many rows as the source gave.",
        options: &[opt("tolerance_pct", NUMBER, "Percent of the source rows; 0.1 is one in a thousand. Default 0.")],
    },
    Builtin {
        kind: PluginKind::Check,
        name: "not-null",
        about: "Fields are there and not null.",
        options: &[opt("column", NAMES, "One field."), opt("columns", NAMES, "Several fields.")],
    },
    Builtin {
        kind: PluginKind::Check,
        name: "unique",
        about: "No value occurs twice.",
        options: &[opt("column", NAMES, "One field."), opt("columns", NAMES, "Several fields, taken together.")],
    },
    Builtin {
        kind: PluginKind::Slicer,
        name: "windows",
        about: "Windows of the cursor field, one slice each.",
        options: &[
            required("step", SCALAR, "Length of a window: `6h`, `1d`, `1mo`, or a number for a numeric cursor."),
            opt("lookback", SCALAR, "Windows before the watermark that are loaded again, as far as this reaches."),
        ],
    },
    Builtin {
        kind: PluginKind::Signer,
        name: "sigv4",
        about: "AWS Signature Version 4, with the secrets `access_key_id` and `secret_access_key`.",
        options: &[
            required("region", TEXT, "Such as `eu-central-1`."),
            required("service", TEXT, "Such as `execute-api`."),
        ],
    },
];

/// Short names that the language has and this release does not.
const NOT_YET: &[(PluginKind, &str)] = &[
    (PluginKind::Extractor, "header_cursor"),
    (PluginKind::Extractor, "keyset"),
    (PluginKind::Transform, "flatten"),
    (PluginKind::Transform, "mask"),
    (PluginKind::Check, "max_rows"),
    (PluginKind::Check, "accepted_values"),
    (PluginKind::Check, "range"),
    (PluginKind::Check, "regex"),
    (PluginKind::Check, "freshness"),
    (PluginKind::Check, "schema"),
];

/// The component's name behind `type: min_rows`.
pub(crate) fn short_name(value: &Value<'_>, kind: PluginKind) -> Option<&'static str> {
    let text = value.text()?;
    let name = text.replace('_', "-");
    if let Some(builtin) = BUILTINS.iter().find(|builtin| builtin.kind == kind && builtin.name == name) {
        return Some(builtin.name);
    }
    if NOT_YET.iter().any(|(of, later)| *of == kind && *later == text.replace('-', "_")) {
        value.not_yet(format!("the type `{text}`"), "use a component of your own with `uses`");
        return None;
    }
    let none = (kind == PluginKind::Extractor).then(|| "none".to_owned());
    let names = BUILTINS.iter().filter(|builtin| builtin.kind == kind).map(|builtin| builtin.name.replace('-', "_"));
    let names: Vec<String> = none.into_iter().chain(names).collect();
    value.unknown_choice(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Brings 0.88's spelling into ours and finds misspelt and missing options of a built-in.
pub(crate) fn normalise(plugin: &mut PluginUse, block: &Block<'_>, kind: PluginKind) {
    let Some(name) = plugin.uses.strip_prefix("builtin:") else { return };
    let Some(builtin) = BUILTINS.iter().find(|builtin| builtin.kind == kind && builtin.name == name) else { return };
    let problem = |option: &str, error| {
        let key = format!("{}.{option}", plugin.with_key);
        block.problems.add(error, block.problems.position(&key).unwrap_or(block.position), &key);
    };
    if name == "cursor" && plugin.with.contains_key("next_cursor_path") {
        if plugin.with.contains_key("cursor_path") {
            problem(
                "next_cursor_path",
                Error::Conflict {
                    message: "`cursor_path` and `next_cursor_path` are two spellings of one key".into(),
                    hint: "keep `cursor_path`".into(),
                },
            );
        } else if let Some(value) = plugin.with.shift_remove("next_cursor_path") {
            plugin.with.insert("cursor_path".into(), value);
        }
        plugin.with.shift_remove("next_cursor_path");
    }
    let known: Vec<&str> = builtin.options.iter().map(|option| option.name).collect();
    for option in plugin.with.keys().filter(|option| !known.contains(&option.as_str())) {
        let hint = match nearest(option, &known) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("options of {name}: {}", known.join(", ")),
        };
        problem(option, Error::UnknownKey { key: option.clone(), block: format!("`{}` ({name})", plugin.key), hint });
    }
    let misspelt: Vec<String> = plugin.with.keys().filter_map(|option| nearest(option, &known)).collect();
    for option in builtin.options.iter().filter(|option| option.required && !plugin.with.contains_key(option.name)) {
        let is_there = block.problems.position(&format!("{}.{}", plugin.with_key, option.name)).is_some();
        if !is_there && !misspelt.iter().any(|name| name == option.name) {
            let what = format!("`{}.{}`", plugin.with_key, option.name);
            problem(option.name, Error::MissingKey(what, format!("add it; {}", option.about)));
        }
    }
}
