//! The reference of the files that people write: one tree of keys for each.
//!
//! A [`Key`] has its type, default, meaning and an example. The JSON Schema, the pages under `docs/` and
//! `dpone explain KEY` are made of it, and tests hold it against the readers: every key and value that a
//! reader takes is in the tree, every default is the reader's, every example is accepted. A new key is one
//! entry in the file of its block. The options of built-in plugins stand in `builtins`.

mod entries;
mod incremental;
mod key;
mod lookup;
mod markdown;
mod pagination;
mod plugin;
mod policy;
mod quality;
mod run;
mod schema;
mod sink;
mod source;
mod strategy;
mod words;

pub use entries::Entry;
pub use key::{Form, Key, Support, Takes, Word, key, word};
pub use lookup::{Found, Hit, lookup};

use dpone_model::plugin::PluginKind;
use key::Takes::{Any, Block, List, Pattern, Plugin};

/// A kind of file.
#[derive(Debug)]
pub struct Document {
    /// As commands name it.
    pub name: &'static str,
    pub title: &'static str,
    /// One to three sentences of Markdown.
    pub about: &'static str,
    /// Groups of keys at the root.
    pub keys: &'static [&'static [Key]],
    /// Paths of keys whose own keys are described in another file of the reference.
    pub elsewhere: &'static [(&'static str, &'static str)],
}

pub static MANIFEST: Document = Document {
    name: "manifest",
    title: "dpone manifest",
    about: "A manifest describes one pipeline: a REST API whose records are loaded into one Kafka topic. `${NAME}` in \
            a value is a variable of the environment, `{{ name }}` a parameter of `--param name=value`; \
            `{{ data_interval_start }}` and `{{ data_interval_end }}` are the command's `--from` and `--to`. `$${` \
            stands for the characters themselves.",
    keys: &[ROOT],
    elsewhere: &[],
};

pub static POLICY: Document = Document {
    name: "policy",
    title: "dpone policy",
    about: "A policy says what each tenant of a host may do. What it does not give, a tenant does not have.",
    keys: &[policy::POLICY],
    elsewhere: &[],
};

static ROOT: &[Key] = &[
    key(
        "name",
        Pattern("^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$", "1 to 200 letters, digits, `_`, `-` and `.`, not a dot first"),
        "Name of the pipeline. Its state, its journals and its runs are kept under this name.",
    )
    .required()
    .example("orders"),
    key(
        "source",
        Block(&[source::TYPE, source::CONNECTION_ID, source::CONNECTION, source::OPTIONS]),
        "Where the rows come from.",
    )
    .required(),
    key("transforms", List(&Plugin(PluginKind::Transform, TRANSFORM)), "Changes to the records, in this order.")
        .example("[{ type: rename, fields: { id: order_id } }]")
        .without("records stay as they are"),
    key("sink", Block(&[sink::TYPE, sink::CONNECTION_ID, source::CONNECTION, sink::SINK]), "Where the rows go.")
        .required(),
    key("state", Block(&[run::STATE, source::CONNECTION]), "Where the position of the pipeline is kept between runs.")
        .example("{ type: postgres, connection_id: etl_state }"),
    key("quality", Block(&[quality::QUALITY]), "Checks that judge a load.")
        .example("{ on_empty_boundary: pass, checks: [{ type: min_rows, threshold: 1 }] }"),
    key("observability", Block(&[run::OBSERVABILITY]), "What a run leaves behind about itself.")
        .example("{ artifacts: { path: runs/orders } }"),
    key("journal", Block(&[run::JOURNAL]), "The pages of a run on disk, which a failed run is resumed from.")
        .example("{ max_bytes: 100GiB }"),
    key("resume", Block(&[run::RESUME]), "How a failed run is resumed.").example("{ max_age: 6h }"),
    key("diagnostics", Block(&[run::DIAGNOSTICS]), "What messages and reports show.").example("{ values: shown }"),
    key("type_inference", Block(&[run::TYPE_INFERENCE]), "How the schema is read from the records."),
    key(
        "schema_contract",
        Any,
        "A schema that the records must have. Drift is judged by the schema kept in state until then.",
    )
    .later()
    .example("{ id: orders }"),
];

static TRANSFORM: &[Key] =
    &[key("type", Takes::Builtin(PluginKind::Transform), "A built-in transform by its short name.").example("rename")];
