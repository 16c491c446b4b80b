//! DP01: the manifest.

crate::codes! { Manifest:
    UNREADABLE = "DP0101", AfterFix, "the manifest cannot be read",
        "The file is missing, is no file, or may not be read by this user. Check the path and its permissions.";
    SYNTAX = "DP0102", AfterFix, "the manifest is not valid YAML",
        "The place names the line and column where the YAML reader stopped. Common causes: a tab for indentation, a missing space after a colon, an unquoted value that starts with a special character.";
    UNKNOWN_KEY = "DP0103", AfterFix, "the manifest has a key that does not exist",
        "Keys that nobody reads are refused, because a misspelt key that is silently ignored changes what is loaded. The hint names the nearest key that exists.";
    MISSING_KEY = "DP0104", AfterFix, "the manifest lacks a required key",
        "Add the key at the place that the message names. `dpone explain` and the README list all keys with their defaults.";
    WRONG_TYPE = "DP0105", AfterFix, "a manifest value has the wrong type",
        "The message names the type that the key takes. Timestamps and numbers that are meant as text need quotes.";
    INVALID_VALUE = "DP0106", AfterFix, "a manifest value is out of range or unknown",
        "The message names the values or the range that the key takes.";
    UNKNOWN_STRATEGY = "DP0107", AfterFix, "the load strategy does not exist",
        "Valid: full_refresh, incremental_append, incremental_merge, replace, snapshot_reconciliation, cursor_incremental. `partition_replace` is known and refused, see DP0108.";
    PARTITION_REPLACE = "DP0108", AfterFix, "partition_replace is not supported on Kafka",
        "Kafka topics are append-only logs, so no partition of a table can be replaced in one. Use `mode: incremental_merge` with `merge_policy: event_upsert` and a `unique_key`.";
    NOT_YET = "DP0109", AfterFix, "this part of the manifest is not yet supported",
        "The key or value is part of the manifest's language, but this release does not do it yet. It is refused rather than ignored.";
    CONFLICT = "DP0110", AfterFix, "two manifest keys contradict each other",
        "The message names both. Remove one of them.";
    MISSING_VARIABLE = "DP0111", AfterFix, "the manifest names a variable that is not set",
        "`${NAME}` takes an environment variable, `{{ name }}` a run parameter (`--param name=value`) or the data interval (`--from`, `--to`). Set it, or remove the reference.";
    MISSING_UNIQUE_KEY = "DP0112", AfterFix, "the strategy needs a unique_key",
        "`incremental_merge` upserts by key. Name the record's key field, or a list of them, under `sink.strategy.unique_key`.";
    PLUGIN_OPTIONS = "DP0113", AfterFix, "an option of a plugin is not valid",
        "The options were checked against the schema that the plugin publishes; `dpone plugin inspect` prints it.";
    NO_BOUNDARY = "DP0114", AfterFix, "the strategy needs an incremental boundary",
        "Incremental strategies need `source.options.incremental.cursor_field` (or, for `cursor_incremental`, a cursor pagination).";
    TOO_LARGE = "DP0115", AfterFix, "the manifest is too large or nests too deeply",
        "A manifest may have at most 1 MiB and nest 64 levels.";
    DUPLICATE_KEY = "DP0116", AfterFix, "the manifest has a key twice",
        "Readers of YAML disagree about which of the two counts. Remove one of them.";
}
