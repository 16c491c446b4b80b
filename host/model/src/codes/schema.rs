//! DP06: schema.

crate::codes! { Schema:
    BREAKING = "DP0601", AfterFix, "a field's type changed in a breaking way",
        "Nothing was published. Additions and widenings (null to a type, integer to decimal) pass, and so do the kinds that a mixed field had before; others need a decision: cast the field with a transform, or `dpone state adopt` when consumers are ready.";
    MIXED = "DP0602", AfterFix, "a field holds values of different kinds",
        "Nothing was published. `type_inference.conflict_policy: fail` is written in the manifest, so a field whose values are of kinds that no type joins (a number and a text, an object and a text) ends the run. The message names a record of each kind. Cast the field with a transform, or remove the key to be warned only.";
}
