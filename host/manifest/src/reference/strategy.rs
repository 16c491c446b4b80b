//! `sink.strategy`: what a run means for the topic.

use super::key::Takes::{Any, Choice, Names};
use super::key::{Key, Word, key, word};

pub(super) static STRATEGY: &[Key] = &[
    key("mode", Choice(MODES), "The load strategy.").required().example("full_refresh"),
    key(
        "unique_key",
        Names,
        "Top-level field, or fields, that tell one record from another. The message key is made of them.",
    )
    .without("no key; `incremental_merge` demands one")
    .example("[order_id, line]"),
    key(
        "merge_policy",
        Choice(&[word("event_upsert", "Each change is a message under its key; the newest one counts.")]),
        "How a merge shows in an append-only topic.",
    )
    .default("event_upsert")
    .example("event_upsert"),
    key(
        "duplicate_policy",
        Choice(&[
            word("allow", "All are published."),
            word("fail", "The run fails before its first message, with the keys and their pages."),
            word(
                "last",
                "The newest by the cursor field is published; without a cursor field, the last one read. One ahead of \
                 `incremental.max_future` is published only where its key has no other, and the run warns of it.",
            ),
            word("first", "The first one read is published."),
        ]),
        "What several records with one key mean within a load. All but `allow` need a message key; `last` and `first` \
         need `staging: slice`.",
    )
    .default("allow")
    .example("fail")
    .beside(&[("unique_key", "order_id")]),
    key(
        "finalize",
        Choice(&[
            word("append", "Nothing: the rows are in the topic."),
            word("tombstone", "Keys that are no longer in the snapshot are deleted.").later(),
            word("truncate", "Records before the snapshot are deleted.").later(),
        ]),
        "What makes the new rows the truth for consumers, after delivery.",
    )
    .default("append")
    .example("append"),
    key("custom_predicate", Any, "Belongs to the mode `replace`.").later().example("\"region = 'eu'\""),
    key("window", Any, "Belongs to the mode `replace`.").later().example("{ column: day, lookback: 3d }"),
];

const MODES: &[Word] = &[
    word("full_refresh", "Every run publishes the whole snapshot."),
    word("incremental_append", "Publishes rows since the watermark; needs `incremental`, no key."),
    word(
        "incremental_merge",
        "Publishes rows since the watermark as upserts; needs `unique_key`. Without `incremental` each run publishes all \
         rows.",
    ),
    word("cursor_incremental", "Goes on from the stored watermark, or from the pagination's last cursor."),
    word("replace", "Replaces a window of rows.").later(),
    word("snapshot_reconciliation", "Compares a complete snapshot with the topic.").later(),
];
