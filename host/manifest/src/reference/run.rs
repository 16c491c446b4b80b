//! The blocks about a run itself: state, journal, artifacts, messages; and type inference.

use super::key::Takes::{Block, Choice, Flag, Integer, Number, Pattern, PositiveDuration, Size, Text, WordOrDuration};
use super::key::{Key, Takes, key, word};

pub(super) static STATE: &[Key] = &[
    key(
        "type",
        Choice(&[
            word("sqlite", "A file: `.dpone/state.db`, or that of the connection."),
            word("postgres", "A table in PostgreSQL; needs `connection_id`."),
            word("disabled", "Nothing is kept: every run starts at `incremental.start`."),
            word("kafka", "A compacted topic.").later(),
        ]),
        "Where the position of the pipeline is kept.",
    )
    .default("sqlite")
    .example("disabled"),
    key(
        "connection_id",
        CONNECTION_ID,
        "Connection of the store. `postgres` demands one; for `sqlite` it names another file.",
    )
    .without("`.dpone/state.db`")
    .example("etl_state")
    .beside(&[("type", "postgres")]),
    key("table", Block(&[TABLE]), "The table, which is created if it is missing.").example("{ schema: loads }"),
];

const CONNECTION_ID: Takes = Pattern("^[A-Za-z0-9._-]+$", "letters, digits, `_`, `-` and `.`");

/// A name that needs no quoting in SQL.
const IDENTIFIER: Takes =
    Pattern("^[A-Za-z_][A-Za-z0-9_]{0,62}$", "up to 63 letters, digits and `_`, not a digit first");

static TABLE: &[Key] = &[
    key("schema", IDENTIFIER, "Schema of the table.").default("etl_state").example("loads"),
    key("name", IDENTIFIER, "Name of the table.").default("dpone_state").example("positions"),
];

pub(super) static OBSERVABILITY: &[Key] =
    &[key("artifacts", Block(&[ARTIFACTS]), "The files that each run writes about itself.")
        .example("{ path: runs/orders }")];

static ARTIFACTS: &[Key] = &[
    key(
        "enabled",
        Flag,
        "Whether a run writes `run.json`, `plan.json`, `schema.json`, `quality.json` and `delivery.json`.",
    )
    .default("true")
    .example("false"),
    key("path", Text, "Folder with one folder for each run, relative to the working directory.")
        .without("`.dpone/runs/NAME`")
        .example("runs/orders"),
];

pub(super) static JOURNAL: &[Key] = &[
    key(
        "keep",
        WordOrDuration("until_verified"),
        "How long the bodies of a successful run's pages stay. `until_verified` deletes them at the run's end. Those \
         of failed runs stay 72 hours in any case.",
    )
    .default("until_verified")
    .example("12h"),
    key(
        "max_bytes",
        Size(1 << 20, 1 << 50),
        "Largest journal of a run on disk, scratch files of checks and of the search for duplicates included. A run that \
         needs more ends with exit 40, and can be resumed with more.",
    )
    .default("20GiB")
    .example("100GiB"),
];

pub(super) static RESUME: &[Key] = &[key(
    "max_age",
    PositiveDuration,
    "A journal older than this is not resumed, because the API's cursors are no longer good.",
)
.without("any journal that is there is resumed")
.example("6h")];

pub(super) static DIAGNOSTICS: &[Key] = &[key(
    "values",
    Choice(&[
        word("masked", "Messages show fields and positions, not values."),
        word("shown", "Messages quote values."),
    ]),
    "Whether messages and reports may quote values of records. Under the profile `local` they always do.",
)
.default("masked")
.example("shown")];

pub(super) static TYPE_INFERENCE: &[Key] = &[
    key("enabled", Flag, "Whether the schema is read from the records.").default("true").only_default().example("true"),
    key("prefer_source_metadata", Flag, "Whether types that the source states win.")
        .default("true")
        .only_default()
        .example("true"),
    key("sample_rows", Integer(1, u64::MAX), "Records that are looked at. In fact every record is.")
        .default("10000")
        .only_default()
        .example("10000"),
    key("confidence_threshold", Number(0, 1), "Share of records that must agree on a type.")
        .default("0.98")
        .only_default()
        .example("0.98"),
    key("empty_string_is_null", Flag, "Whether an empty text counts as null.")
        .default("false")
        .only_default()
        .example("false"),
    key(
        "conflict_policy",
        Choice(&[
            word("fail", "Such a field ends the run before its first message (exit 22)."),
            word("variant_column", "").later(),
            word("quarantine", "").later(),
        ]),
        "What a field means whose values are of several kinds, such as numbers and texts.",
    )
    .without("such a field is a warning, and a kind that it did not have before ends the run")
    .example("fail"),
];
