//! `source.options.incremental`: the boundary of a run.

use super::key::Takes::{Choice, Cursor, Duration, Text};
use super::key::{Key, key, word};

pub(super) static INCREMENTAL: &[Key] = &[
    key(
        "cursor_field",
        Text,
        "Top-level field of a record that grows with each change: an RFC 3339 timestamp, a date or a number. Its \
         highest value, the watermark, is where the next run starts; rows at the watermark are remembered, so that \
         equal values are neither lost nor repeated.",
    )
    .required()
    .example("updated_at"),
    key("start", Cursor, "Lower bound of the first run, inclusive.")
        .without("the first run loads everything")
        .example("\"2026-01-01T00:00:00Z\""),
    key("end", Cursor, "Upper bound, exclusive.").without("no upper bound").example("\"2026-02-01T00:00:00Z\""),
    key(
        "lookback",
        Duration,
        "How far before the watermark a run starts, for rows that arrive late. Rows that were loaded before are not \
         published again.",
    )
    .without("the run starts at the watermark")
    .example("3d"),
    key(
        "safety_lag",
        Duration,
        "How far behind the newest row the watermark stays, for APIs that show rows of the same time in several steps.",
    )
    .without("the watermark is the newest row's value")
    .example("5m"),
    key("param", Text, "Query parameter that carries the lower bound.")
        .without("all pages are fetched, and rows before the bound are left out here")
        .example("updated_since"),
    key("end_param", Text, "Query parameter that carries the upper bound.")
        .without("the bound is not sent")
        .example("updated_until"),
    key(
        "format",
        Choice(&[
            word("rfc3339", "As the value stands in state or manifest; RFC 3339 for a time.").or("as_is"),
            word("date", "`YYYY-MM-DD`, in UTC."),
            word("epoch", "Seconds since 1970."),
            word("epoch_ms", "Milliseconds since 1970."),
        ]),
        "How times are written into `param` and `end_param`.",
    )
    .default("rfc3339")
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
