//! DP13: tenants, their policy, and the processes that their runs live in.

crate::codes! { Policy:
    UNREADABLE = "DP1301", AfterFix, "a policy file cannot be read",
        "`--policy` names a YAML file that says what each tenant may do. The path is relative to the working directory.";
    OVERLAP = "DP1302", AfterFix, "two tenants of a policy share what only one can have",
        "Folders of manifests and prefixes of topics belong to one tenant each, and so does a connection that keeps state. Give each tenant its own; the message names both.";
    NO_TENANT = "DP1303", AfterFix, "a manifest belongs to no tenant",
        "With `--policy`, a manifest has to lie in one of the folders that the policy gives to a tenant. Move it, or add its folder to a tenant's `manifests`.";
    REFUSED = "DP1304", AfterFix, "a manifest asks for more than its tenant may",
        "The policy names connections, secrets, variables, topics, hosts, plugins, grants and limits for each tenant, and anything else is refused before a run begins. Change the manifest, or have the operator change the policy; `dpone plan --policy FILE` shows what is used of what.";
    QUOTA = "DP1305", Never, "a tenant used up its requests or bytes",
        "`limits.requests` and `limits.bytes` of the policy bound what all runs of a tenant send and receive in one `dpone run`. Nothing is lost: what was journalled stays, and `dpone resume` goes on under a new allowance.";
    CPU = "DP1306", Never, "a tenant used up its CPU time",
        "`limits.cpu` of the policy bounds the CPU time of a tenant's process. The process was ended; other tenants went on. Raise the limit, or look for the plugin that computes so much: the run artifact has each plugin's time.";
    WORKER = "DP1307", Now, "a worker process ended before its run did",
        "Runs of several manifests live in processes of their own. One ended by a signal or without a word, most often for want of memory: `limits.memory` of the policy, or the machine's. Other processes went on; `dpone resume` goes on with what was journalled.";
    WALL = "DP1309", Never, "a run or a command of a tenant took longer than it may",
        "`limits.wall` of the policy bounds the time that one run, or one command such as `plan`, may take by the clock, however little it computes, so that a slow API, plugin or disk of one tenant does not hold up the others. The run was ended where it can go on: `dpone resume` does that under the same limit. Raise the limit, or load a smaller window.";
    MEMORY = "DP1310", Never, "a worker process ran out of memory",
        "The process asked for more memory than `limits.memory` of the policy gives it, or, without a policy, than the machine, its container or `ulimit` does. It was ended; other processes went on, and `dpone resume` goes on with what was journalled. Raise the limit, or make the pages smaller: a page is held whole, once for each run at a time.";
    CONFINEMENT = "DP1308", AfterFix, "a worker process cannot be confined as the policy requires",
        "`require` in the policy names what has to be in force: `landlock`, `seccomp`, `cgroup`. This kernel does not have it, or does not let this user have it. Run on another kernel, or take the name out of `require`.";
}
