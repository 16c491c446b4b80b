//! The built-in plugins as the manifest knows them: their short names and their options.
//!
//! The components' own schemas judge values when they are loaded; this table finds misspelt keys
//! together with all other problems of a file, and gives the reference their options.

use crate::checked::PluginUse;
use crate::error::Error;
use crate::read::{Block, Value, nearest};
use crate::reference::Takes::{Any, Choice, Integer, List, Mapping, Names, Number, Path, Scalar, Text, Verbatim};
use crate::reference::{Form, Key, Takes, Word, key, word};
use crate::yaml::ScalarKind;
use dpone_model::plugin::PluginKind;
use serde_json::{Map, Value as Json};

pub(crate) struct Builtin {
    pub kind: PluginKind,
    /// Name of the component.
    pub name: &'static str,
    /// As `type` names it, and its options.
    pub form: Form,
}

/// A built-in by the component's name, which `type` takes as well, and its short name.
const fn builtin(
    kind: PluginKind,
    name: &'static str,
    short: &'static str,
    about: &'static str,
    keys: &'static [Key],
) -> Builtin {
    Builtin { kind, name, form: Form { name: short, alias: Some(name), about, keys } }
}

const SHORT_PAGE: &[Word] = &[
    word("stop", "It is the last one, which saves the request that finds an empty page."),
    word("continue", "Nothing: the API leaves rows out of pages. Only an empty page ends the walk."),
];

pub(crate) static BUILTINS: &[Builtin] = &[
    builtin(
        PluginKind::Extractor,
        "cursor",
        "cursor",
        "Each answer names the cursor that asks for the next page. The walk ends where there is none.",
        &[
            key(
                "cursor_path",
                Path,
                "Where the next cursor stands in an answer: names joined by dots, `\\.` for a dot in a name. The walk \
                 ends where it is missing, null, false, zero or empty.",
            )
            .required()
            .example("meta.next_cursor"),
            key("next_cursor_path", Path, "").older_than("cursor_path").example("meta.next_cursor"),
            key("cursor_param", Text, "Query parameter that carries the cursor.").default("cursor").example("after"),
            key("initial_cursor", Verbatim, "Cursor of the first request, sent as it is written, empty text too.")
                .without("the first request carries no cursor")
                .example("\"*\""),
        ],
    ),
    builtin(
        PluginKind::Extractor,
        "page",
        "page",
        "Pages are numbered.",
        &[
            key("page_param", Text, "Query parameter that carries the number.").default("page").example("p"),
            key("start_page", Integer(0, u64::MAX), "Number of the first page.").default("1").example("0"),
            key("page_size_param", Text, "Query parameter that carries the page size; needs `page_size`.")
                .without("no size is sent")
                .example("per_page")
                .beside(&[("page_size", "100")]),
            key("page_size", Integer(1, u32::MAX as u64), "Records of a full page.")
                .without("the size is not known")
                .example("100"),
            key(
                "short_page",
                Choice(SHORT_PAGE),
                "What a page with fewer records than `page_size` means. Needs `page_size`.",
            )
            .without(
                "it does not end the walk, but a first page that the second one is as short as is an error: the API \
                 caps the size",
            )
            .example("stop")
            .beside(&[("page_size", "100")]),
        ],
    ),
    builtin(
        PluginKind::Extractor,
        "offset",
        "offset",
        "Each request says how many records to leave out, and how many to give.",
        &[
            key("offset_param", Text, "Query parameter that carries the offset.").default("offset").example("skip"),
            key("start_offset", Integer(0, u64::MAX), "Offset of the first page.").default("0").example("1"),
            key("limit", Integer(1, u32::MAX as u64), "Records of a full page.").default("1000").example("100"),
            key("limit_param", Text, "Query parameter that carries the limit.").default("limit").example("top"),
            key("short_page", Choice(SHORT_PAGE), "What a page with fewer records than `limit` means.")
                .without(
                    "it does not end the walk, but a short first page is followed by a request right behind its \
                     records, which tells an API that caps the limit from one that has no more",
                )
                .example("stop"),
        ],
    ),
    builtin(
        PluginKind::Extractor,
        "next-url",
        "next_url",
        "Each answer holds the URL of the next page. The walk ends where there is none.",
        &[key("next_url_path", Path, "Where the URL stands in an answer: names joined by dots. It may be relative.")
            .required()
            .example("links.next")],
    ),
    builtin(
        PluginKind::Extractor,
        "link-header",
        "link_header",
        "The `Link` header (RFC 8288) holds the URL of the next page. The walk ends where there is none.",
        &[key("rel", Text, "Relation type of the link to follow.").default("next").example("next")],
    ),
    builtin(
        PluginKind::Transform,
        "rename",
        "rename",
        "Renames top-level fields.",
        &[key("fields", Mapping, "Old names and new ones.").required().example("{ id: order_id }")],
    ),
    builtin(
        PluginKind::Transform,
        "cast",
        "cast",
        "Changes the types of top-level fields, without rounding.",
        &[key("fields", Mapping, "Fields and their types: `string`, `integer`, `decimal` or `boolean`.")
            .required()
            .example("{ total: decimal }")],
    ),
    builtin(
        PluginKind::Transform,
        "filter",
        "filter",
        "Keeps the records that satisfy a condition: `field` and `op`, or `all_of`.",
        &[
            key("field", Text, "Top-level field to look at.").example("status").beside(&[("op", "exists")]),
            key(
                "op",
                Choice(&[
                    word("eq", "Equal."),
                    word("ne", "Not equal."),
                    word("lt", "Less."),
                    word("le", "Less or equal."),
                    word("gt", "Greater."),
                    word("ge", "Greater or equal."),
                    word("in", "One of the list `value`."),
                    word("exists", "The field is there."),
                    word("not_null", "The field is there and not null."),
                ]),
                "How the field compares with `value`. Numbers compare by value, texts character by character.",
            )
            .example("ne")
            .beside(&[("field", "status"), ("value", "draft")]),
            key("value", Any, "What to compare with; a list for `in`.")
                .example("draft")
                .beside(&[("field", "status"), ("op", "ne")]),
            key("all_of", List(&Mapping), "Conditions that must all hold, each with `field`, `op` and `value`.")
                .example("[{ field: total, op: gt, value: 0 }, { field: status, op: exists }]"),
        ],
    ),
    builtin(
        PluginKind::Check,
        "min-rows",
        "min_rows",
        "At least so many rows passed boundary and transforms.",
        &[key("threshold", Integer(0, u64::MAX), "The least number of rows.").required().example("1")],
    ),
    builtin(
        PluginKind::Check,
        "source-target-count",
        "source_target_count",
        "The broker acknowledged as many messages as the source gave rows. It is judged after delivery.",
        &[key(
            "tolerance_pct",
            Number(0, 100),
            "Difference that passes, in percent of the source's rows: 0.1 is one in a thousand.",
        )
        .default("0")
        .example("0.1")],
    ),
    builtin(
        PluginKind::Check,
        "not-null",
        "not_null",
        "Fields are there and not null. Either `column` or `columns` is given.",
        &[
            key("column", Names, "Top-level field.").example("customer_id"),
            key("columns", Names, "Top-level fields.").example("[customer_id, total]"),
        ],
    ),
    builtin(
        PluginKind::Check,
        "unique",
        "unique",
        "No value occurs twice in a load. Either `column` or `columns` is given.",
        &[
            key("column", Names, "Top-level field.").example("order_id"),
            key("columns", Names, "Top-level fields, which are taken together.").example("[order_id, line]"),
        ],
    ),
    builtin(
        PluginKind::Slicer,
        "windows",
        "windows",
        "Windows of the cursor field, one slice each. Needs `incremental` with a `start`.",
        &[
            key(
                "step",
                Scalar,
                "Length of a window: `15m`, `6h`, `1d`, `2w`, `1mo`, `1y`, or a whole number for a numeric cursor.",
            )
            .required()
            .example("1d"),
            key("lookback", Scalar, "How far before the watermark windows are loaded again, in the units of `step`.")
                .without("only the window of the watermark and those after it")
                .example("3d"),
        ],
    ),
    builtin(
        PluginKind::Signer,
        "sigv4",
        "sigv4",
        "AWS Signature Version 4. It needs the secrets `access_key_id` and `secret_access_key`, and takes \
         `session_token`.",
        &[
            key("region", Text, "Region of the service.").required().example("eu-central-1"),
            key("service", Text, "Name of the service in the signature.").required().example("execute-api"),
        ],
    ),
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
    let none = (kind == PluginKind::Extractor).then_some("none");
    let names = BUILTINS.iter().filter(|builtin| builtin.kind == kind).map(|builtin| builtin.form.name);
    value.unknown_choice(&none.into_iter().chain(names).collect::<Vec<_>>())
}

/// The value that an option of a built-in has where a manifest leaves it out; `uses` as in
/// `builtin:offset`. `None` where the option has no default value.
pub fn builtin_default(kind: PluginKind, uses: &str, option: &str) -> Option<&'static str> {
    let name = uses.strip_prefix("builtin:")?;
    let builtin = BUILTINS.iter().find(|builtin| builtin.kind == kind && builtin.name == name)?;
    builtin.form.keys.iter().find(|key| key.name == option)?.default
}

/// Options as the component gets them. Paths of a built-in plugin, and values that count as they are
/// written, are read here, where the text of the file is still at hand.
pub(crate) fn options(entries: Vec<(String, Value<'_>)>, uses: &str, kind: PluginKind) -> Map<String, Json> {
    let name = uses.strip_prefix("builtin:");
    let builtin = BUILTINS.iter().find(|builtin| builtin.kind == kind && Some(builtin.name) == name);
    let takes = |name: &str| builtin?.form.keys.iter().find(|key| key.name == name).map(|key| key.takes);
    let read = |(name, value): (String, Value<'_>)| {
        let is_there = value.scalar().is_some_and(|scalar| scalar.kind != ScalarKind::Null);
        let json = match takes(&name) {
            Some(Takes::Path) => value.path().map(Json::String),
            Some(Takes::Verbatim) if is_there => value.scalar_text().map(Json::String),
            _ => value.json(),
        };
        json.map(|json| (name, json))
    };
    entries.into_iter().filter_map(read).collect()
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
    let options = || builtin.form.keys.iter().filter(|option| option.older_than.is_none());
    let known: Vec<&str> = options().map(|option| option.name).collect();
    for option in plugin.with.keys().filter(|option| !known.contains(&option.as_str())) {
        let hint = match nearest(option, &known) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("options of {name}: {}", known.join(", ")),
        };
        problem(option, Error::UnknownKey { key: option.clone(), block: format!("`{}` ({name})", plugin.key), hint });
    }
    let misspelt: Vec<String> = plugin.with.keys().filter_map(|option| nearest(option, &known)).collect();
    for option in options().filter(|option| option.is_required && !plugin.with.contains_key(option.name)) {
        let spellings = || builtin.form.keys.iter().filter(|key| key.older_than == Some(option.name));
        let names = std::iter::once(option.name).chain(spellings().map(|key| key.name));
        let is_there =
            names.into_iter().any(|name| block.problems.position(&format!("{}.{name}", plugin.with_key)).is_some());
        if !is_there && !misspelt.iter().any(|name| name == option.name) {
            let what = format!("`{}.{}`", plugin.with_key, option.name);
            problem(option.name, Error::MissingKey(what, format!("add it; {}", option.about)));
        }
    }
}
