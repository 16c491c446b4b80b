//! DP10: local disk and journal.

crate::codes! { Disk:
    FULL = "DP1001", AfterFix, "the disk is full",
        "The journal needs room for a whole slice. Free some, then `dpone resume RUN`.";
    JOURNAL_LIMIT = "DP1002", AfterFix, "the journal reached max_bytes",
        "`journal.max_bytes` ends a run before the disk does: its pages count, and the scratch files of checks and of the search for duplicate keys. Load a smaller window, or raise it.";
    DAMAGED = "DP1003", AfterFix, "the journal is damaged",
        "A page's checksum does not fit where it cannot be a torn tail, or that of `head.json` or `progress.json`, which say how the run was started and how far it came. The run cannot be resumed; start it anew, the committed state is untouched.";
    IO = "DP1004", AfterFix, "a local file cannot be read or written",
        "The message names the file and the system's reason.";
    LOCAL_SERVICE = "DP1005", AfterFix, "a local service cannot be started",
        "The demo API and the local broker of `--profile local` need two free ports on loopback and a writable `.dpone/local`.";
    BUSY = "DP1006", Later, "the run's journal is in use",
        "Another process works on this run: it writes the journal or sends from it. Wait for it to end, or stop it, then `dpone resume RUN`.";
    NOT_RESUMABLE = "DP1007", AfterFix, "the run cannot be resumed",
        "Its pages are gone (`journal purge` took them), or its journal is in a format of another release. Start the run anew; the committed state is untouched.";
    DAMAGED_ARTIFACT = "DP1008", AfterFix, "a run's artifact cannot be read",
        "`run.json` of that run is missing or damaged, so nobody knows how it ended. `dpone journal list` may know more. The run's folder can be removed.";
    SHARED_CACHE = "DP1009", AfterFix, "the cache of compiled plugins could be written by another user",
        "Native code is loaded from it, so that whoever writes to it can run what they like as this user. It must belong to the user that runs dpone, and neither its group nor others may write to it. `DPONE_CACHE_DIR` names another folder.";
}
