//! `source.options.incremental`: the boundary of a run.

use super::key::Takes::{Choice, Cursor, Duration, Integer, Pattern, Text, WordOrDuration};
use super::key::{Key, key, word};
use crate::incremental::MAX_BOUNDARY_ROWS;

pub(super) static INCREMENTAL: &[Key] = &[
    key(
        "cursor_field",
        Pattern(r"^([^.]|\\\.)+$", "the name of a top-level field"),
        "Top-level field of a record that grows with each change: an RFC 3339 timestamp, a date or a number. Its \
         highest value, the watermark, is where the next run starts; rows at the watermark are remembered, so that \
         equal values are neither lost nor repeated. A dot that is part of the name is written `\\.`.",
    )
    .required()
    .example("updated_at"),
    key(
        "record_format",
        Choice(&[
            word("rfc3339", "Timestamps and dates, as text."),
            word("epoch", "Seconds since 1970, as a number or as text of digits."),
            word("epoch_ms", "Milliseconds since 1970, likewise."),
            word("epoch_us", "Microseconds since 1970, likewise."),
        ]),
        "How records write the cursor. It gives numbers a unit, so that timestamps in `start`, `end`, `--from` and \
         `--to` and the durations of this block apply to them; a number as a bound is a count of that unit.",
    )
    .without("text is RFC 3339, and numbers have no unit, as ids have none")
    .example("epoch_ms"),
    key("start", Cursor, "Lower bound of the first run, inclusive.")
        .without("the first run loads everything")
        .example("\"2026-01-01T00:00:00Z\""),
    key("end", Cursor, "Upper bound, exclusive.").without("no upper bound").example("\"2026-02-01T00:00:00Z\""),
    key(
        "lookback",
        Duration,
        "How far before the watermark a run starts, for rows that arrive late. Rows that were loaded before are not \
         published again. A duration where the cursor is a time, a number where it is one, such as `1000` for ids.",
    )
    .without("the run starts at the watermark")
    .example("3d"),
    key(
        "safety_lag",
        Duration,
        "How far behind the run's start the watermark stays at least, for APIs that show a row some time after the \
         time that it carries.",
    )
    .without("the watermark is the newest row's value")
    .example("5m"),
    key(
        "max_future",
        WordOrDuration("off"),
        "A time further ahead of the run's start is published and does not move the watermark, so that one wrong date \
         cannot hide every row after it; the row is counted and warned of. Where all rows of a first run lie ahead, as \
         due dates do, the run fails until this is `off`. Numbers without `record_format` may be ids or times: they are \
         treated so, with a warning that names `record_format`, where the name of the field is that of a time, such as \
         `updated_at`, and other rows are times of the past in the same unit; or where all other rows lie in the last \
         year and these lie more than a year ahead. A name such as `id`, `seq` or `version` is that of a number.",
    )
    .default("1d")
    .example("2d"),
    key(
        "on_missing",
        Choice(&[
            word("fail", "The run fails with the record's place."),
            word("keep", "They are published and do not move the watermark. A run without a record that has the field warns."),
            word("drop", "They are left out and counted. A run without a record that has the field fails, because its name may be misspelt."),
        ]),
        "What becomes of records whose cursor field is missing or null. A value that is there and cannot be read is an \
         error in any case.",
    )
    .default("fail")
    .example("keep"),
    key(
        "max_boundary_rows",
        Integer(1, MAX_BOUNDARY_ROWS as u64),
        "How many rows at the watermark, or inside `lookback`, are remembered by their digests, 19 bytes of state each. \
         The next run publishes more than these again, and says how many. A million take some 150 MB of memory while a \
         run lasts.",
    )
    .default("65536")
    .example("500000"),
    key("param", Text, "Query parameter that carries the lower bound.")
        .without("all pages are fetched, and rows before the bound are left out here")
        .example("updated_since"),
    key("end_param", Text, "Query parameter that carries the upper bound.")
        .without("the bound is not sent")
        .example("updated_until"),
    key(
        "format",
        Choice(&[
            word("as_is", "As the records write them, or as they stand in state or manifest."),
            word("rfc3339", "RFC 3339, also where records count in a unit."),
            word("date", "`YYYY-MM-DD`, in UTC."),
            word("epoch", "Seconds since 1970."),
            word("epoch_ms", "Milliseconds since 1970."),
        ]),
        "How times are written into `param` and `end_param`.",
    )
    .default("as_is")
    .example("epoch"),
    key(
        "order",
        Choice(&[
            word("ascending", "Oldest first; the walk ends at the first page whose rows all lie after `end`."),
            word(
                "descending",
                "Newest first; the walk ends at the first page whose rows all lie before the lower bound.",
            ),
        ]),
        "Order in which the API gives rows, by the cursor field.",
    )
    .without("no order is assumed")
    .example("descending"),
];
