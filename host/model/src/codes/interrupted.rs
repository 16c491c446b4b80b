//! DP12: interrupted.

crate::codes! { Interrupted:
    INTERRUPTED = "DP1201", Now, "interrupted",
        "The run was stopped by a signal after closing its journal. `dpone resume RUN` goes on after the last whole page.";
}
