//! The keys that every plugin's block has, whoever wrote the plugin.

use super::key::Takes::{Block, Choice, Mapping, Pattern, PositiveDuration, Size, Text, Texts, Words};
use super::key::{Key, Takes, Word, key, word};

/// Keys of a component that is named in full.
pub(super) static USES: &[Key] = &[
    key(
        "uses",
        Text,
        "The component: `builtin:NAME`, a path beside the manifest, `oci://HOST/REPOSITORY@sha256:DIGEST`, or a name \
         along `--plugin-path`. Excludes `type`.",
    )
    .example("./mine.wasm"),
    key(
        "with",
        Mapping,
        "Options of the component, which its own schema judges. Beside `type` they stand in the block itself.",
    )
    .without("no options")
    .example("{ max: 10 }")
    .beside(MINE),
];

/// Keys of every plugin's block.
pub(super) static SHARED: &[Key] = &[
    key("sha256", SHA256, "Digest that the component must have; another one is refused.")
        .without("not pinned")
        .example("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
        .beside(MINE),
    key("grants", Block(&[GRANTS]), "What the plugin gets beyond its input. `dpone plan` shows it.")
        .example("{ secrets: [signing_key], http: [geo.example.com] }"),
    key("limits", Block(&[LIMITS]), "Bounds of the plugin. One that exceeds them ends the run (exit 12).")
        .example("{ memory: 64MiB, deadline: 2s }"),
];

const MINE: &[(&str, &str)] = &[("uses", "./mine.wasm")];

/// A digest as `dpone plugin inspect` prints it.
pub(super) const SHA256: Takes = Pattern("^[0-9A-Fa-f]{64}$", "64 hexadecimal digits");

const REAL: &[Word] = &[word("fixed", "The same in every replay of a run."), word("real", "The machine's own.")];

static GRANTS: &[Key] = &[
    key("files", Text, "Folder beside the manifest that the plugin may read.").without("no files").example("tables"),
    key(
        "secrets",
        Texts,
        "Secrets of the source's connection that its requests may carry. It never sees their values.",
    )
    .without("no secrets")
    .example("[signing_key]"),
    key("http", Texts, "Hosts, or origins, that its own requests may go to.")
        .without("no hosts")
        .example("[geo.example.com]"),
    key("clock", Choice(REAL), "The time that it sees; `fixed` is the start of the run.")
        .default("fixed")
        .example("real"),
    key("random", Choice(REAL), "Its random numbers; `fixed` derives them from the run.")
        .default("fixed")
        .example("real"),
    key("headers", Texts, "Request headers that an extractor may set.").without("no headers").example("[X-Page]"),
    key(
        "methods",
        Words(&[word("GET", ""), word("POST", ""), word("PUT", ""), word("PATCH", "")]),
        "Methods that an extractor's requests may have, beside the manifest's own.",
    )
    .without("the manifest's own")
    .example("[POST]"),
    key(
        "paths",
        Texts,
        "Path prefixes that an extractor's requests may go to, beside the manifest's own path; they lie below that \
         of the connection's `base_url`.",
    )
    .without("the manifest's own path")
    .example("[/v2/export]"),
];

static LIMITS: &[Key] = &[
    key(
        "memory",
        Size(1 << 20, 4 << 30),
        "Memory of an instance. What the host holds for one of its calls may be as much again.",
    )
    .default("128MiB")
    .example("64MiB"),
    key(
        "deadline",
        PositiveDuration,
        "Computing time of one call, the host's work for it included; at most `wall_clock`.",
    )
    .default("1s")
    .example("2s"),
    key("wall_clock", PositiveDuration, "Time of one call in all, calls of the host and sleeps included.")
        .default("10s")
        .example("20s"),
    key("output", Size(1, 1 << 30), "Bytes that one call may return.").default("64MiB").example("8MiB"),
    key("log", Size(0, 64 << 20), "Bytes that it may log in a run; what is more is cut.")
        .default("64KiB")
        .example("1MiB"),
    key(
        "state",
        Size(0, 16 << 20),
        "Bytes that an extractor or a slicer may keep from call to call. The journal has them with each page, and \
         `cursor_incremental` keeps them in the state store.",
    )
    .default("64KiB")
    .example("1MiB"),
];
