//! DP06: schema.

crate::codes! { Schema:
    BREAKING = "DP0601", AfterFix, "a field's type changed in a breaking way",
        "Nothing was published. Additions and widenings (null to a type, integer to decimal) pass; others need a decision: cast the field with a transform, or `dpone state adopt` when consumers are ready.";
}
