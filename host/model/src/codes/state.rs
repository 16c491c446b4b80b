//! DP08: state and lease.

crate::codes! { State:
    LEASED = "DP0801", Later, "another run of this pipeline is active",
        "The message names its run, host and when its lease expires. A run that died frees it by then; `dpone resume` of that run takes it over at once.";
    CONFLICT = "DP0802", Later, "the state was changed by somebody else",
        "Another run advanced the state since this one read it. Nothing was overwritten; run again.";
    FINGERPRINT = "DP0803", AfterFix, "the state belongs to another source, cursor, key or topic",
        "The manifest changed in a way that makes the stored cursor meaningless. `dpone state adopt` keeps the cursor under the new manifest, `dpone state reset` starts from nothing.";
    LEASE_LOST = "DP0804", Later, "the lease was lost",
        "The state store could not be reached for longer than the lease lasts, or somebody took it over. The run stopped producing; resume it.";
    NO_STATE = "DP0805", AfterFix, "there is no state for this pipeline",
        "The pipeline has not completed a run yet, or keeps its state elsewhere (profile, `state` block).";
    FORMAT = "DP0806", AfterFix, "the state was written by a newer release",
        "Its format version is not known here. Use that release.";
    LOST = "DP0807", AfterFix, "the state of a pipeline that has loaded before is gone",
        "The store holds no state of this pipeline, and a journal or an artifact beside it says that an earlier run wrote one there: the file was removed, emptied, or lies on a volume that was not kept. Going on would load everything again. Restore the store, or let `dpone state reset` say that everything is to be loaded anew. A pipeline that keeps neither state nor journal nor artifacts, in a container without a volume, begins anew each time, and nothing is said.";
    RESPONSE_CURSOR = "DP0819", AfterFix, "the stored response cursor cannot be read",
        "`cursor_incremental` goes on from the cursor that the last run left in state, and what is there is damaged or was written by hand. Starting from the first page instead would load everything again without a word. `dpone state reset` does that when it is wanted; `dpone state history` shows what was there before.";
}
