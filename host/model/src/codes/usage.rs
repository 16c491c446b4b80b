//! DP00: the command line.

crate::codes! { Usage:
    USAGE = "DP0001", AfterFix, "the command line is not understood",
        "An argument is missing, unknown or contradicts another. `dpone help COMMAND` lists what the command takes.";
    UNKNOWN_RUN = "DP0002", AfterFix, "there is no such run",
        "No journal or artifact of that run id is here. `dpone journal list` shows the runs that can be resumed.";
    UNKNOWN_CODE = "DP0003", AfterFix, "there is no such error code",
        "`dpone explain` without a code lists all of them with their titles.";
}
