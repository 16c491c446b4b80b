//! DP00: the command line.

crate::codes! { Usage:
    USAGE = "DP0001", AfterFix, "the command line is not understood",
        "An argument is missing, unknown or contradicts another. `dpone help COMMAND` lists what the command takes.";
    UNKNOWN_RUN = "DP0002", AfterFix, "there is no such run",
        "No journal or artifact of that run id is here. `dpone journal list` shows the runs that can be resumed.";
    UNKNOWN_CODE = "DP0003", AfterFix, "there is no such error code or key",
        "`dpone explain` without a code lists all codes with their titles. A key is named by the end of its path, such as `max_pages` or `pagination.max_pages`; `dpone schema manifest --format md` prints all keys.";
    PLUGIN_NAME = "DP0010", AfterFix, "the name of a plugin project cannot be used",
        "A plugin's name is up to 64 lower case letters and digits in words joined by `-`. Words of the languages and names of the packages that a project depends on are taken.";
    FOLDER_EXISTS = "DP0011", AfterFix, "the folder is there already",
        "`dpone plugin new` and `dpone record` write a new folder and never into one that is there. Choose another name or folder, or remove the old one.";
    NO_SUCH_LANGUAGE = "DP0012", AfterFix, "this build of dpone carries no template for the language",
        "Templates and SDKs are embedded when dpone is built. Use a language that the message names, or a build that carries the other one.";
    OTHER_EXTRACT = "DP0013", AfterFix, "the mended manifest would extract or send something else",
        "`dpone resume RUN --manifest FILE` goes on with the pages and keys of the run's journal, so whatever made them may not change: source, pagination, boundary, transforms, topic, keys, envelope. Quality checks, limits, timeouts, retries, delivery, journal and artifacts may. Nor does it get more than it was started with: no further origin, no topic that is created, no check with a grant that was not there. Each difference is named with its place; change it back, or start a new run.";
    RUN_IS_DONE = "DP0015", Never, "the run is done",
        "`dpone resume` goes on with a run that stopped. This one came to its end: its rows are published, and its state has moved where it was to. Nothing is left to do; `dpone run` loads what has come since.";
    NO_RUNS = "DP0014", AfterFix, "there are no runs of that name",
        "`dpone runs` takes a manifest's file, or the name of a pipeline that has run below this working directory. A tenant's runs are in its own folder, `.dpone/tenants/NAME`.";
}
