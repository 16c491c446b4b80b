//! DP09: the reviewed plan.

crate::codes! { Review:
    CHANGED = "DP0901", AfterFix, "no longer what was reviewed",
        "The manifest, a plugin's digest or the target differs from the plan file. The difference is printed. Make a new plan, review it, and run that.";
    INVALID = "DP0902", AfterFix, "the plan file is not valid",
        "It was written by another release, or was edited. Make a new one with `dpone plan --out FILE`.";
}
