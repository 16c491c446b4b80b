//! DP07: quality, keys and duplicates.

crate::codes! { Quality:
    CHECK_FAILED = "DP0701", AfterFix, "a quality check failed",
        "The message is the check's own. With `quality.mode: fail` a failed check ends the run; checks that judge before publication prevent it.";
    MISSING_KEY_FIELD = "DP0702", AfterFix, "a record's key field is missing or null",
        "A message without a key can be neither compacted nor merged. The message names the record.";
    KEY_KIND = "DP0703", AfterFix, "a key field is neither text nor integer",
        "One field gives the unescaped text or the integer's digits; other kinds have no agreed bytes. Cast the field, or use `key.mode: hash_row`.";
    DUPLICATE_FIELD = "DP0704", AfterFix, "a field that the host reads occurs twice in a record",
        "Readers disagree about which of the two counts, so the key could be another than the consumer sees.";
    DUPLICATE_KEYS = "DP0705", AfterFix, "keys occur more than once",
        "`duplicate_policy: fail` was set. Identical and conflicting repeats are named apart. `last` or `first` choose one, `allow` publishes all.";
    TOO_MANY_DUPLICATES = "DP0706", AfterFix, "duplicate_policy cannot choose among this many repeats",
        "Choosing first or last keeps the repeated keys in memory, up to a million of them.";
    KEY_TEXT = "DP0707", AfterFix, "a key field's text has no UTF-8 bytes",
        "JSON may escape half of a surrogate pair (`\"\\ud83d\"`), which no UTF-8 text can hold. Any character in its place would give different rows one key, so that one of them is lost on a compacted topic. The message names the record. `key.mode: hash_row` hashes rows as they stand and takes such values.";
    CASE_FAILED = "DP0710", AfterFix, "a recorded case of a plugin failed",
        "The plugin's answers differ from `expected.json`, or it used more than the case's bounds. Mend the plugin, or write its answers anew with `dpone plugin test --update`.";
}
