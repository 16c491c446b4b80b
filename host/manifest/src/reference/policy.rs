//! The policy file of a host with several tenants.

use super::key::Takes::{Block, Either, Flag, Integer, List, Named, Names, PositiveDuration, Size, Text, Texts, Words};
use super::key::{Key, Takes, key, word};
use super::plugin::SHA256;

pub(super) static POLICY: &[Key] = &[
    key(
        "require",
        Words(&[
            word("landlock", "Files and ports, by the kernel's Landlock."),
            word("seccomp", "System calls, by a seccomp filter."),
            word("cgroup", "Memory and CPU of the tenant's processes together, by a control group."),
        ]),
        "What must confine every worker process. Where the kernel lacks one of them, nothing runs.",
    )
    .without("a host that lacks one goes on with a warning")
    .example("[landlock, seccomp]"),
    key(
        "tenants",
        Named("sales", &Block(&[TENANT])),
        "The tenants by their names: up to 64 lower case letters, digits, `-` and `_`, a letter first.",
    )
    .required(),
];

static TENANT: &[Key] = &[
    key(
        "manifests",
        Names,
        "Folders, relative to the policy file. Manifests below them are the tenant's; no folder may lie in \
         another tenant's.",
    )
    .required()
    .example("[teams/sales]"),
    key(
        "connections",
        Either(&Names, &Named("kafka_cluster", &Block(&[LENT]))),
        "Connections that its manifests may name: a list of ids, or a mapping from ids to what is said of each.",
    )
    .example("{ kafka_cluster: { from: kafka_sales }, crm_api: { secrets: [signing_key] } }")
    .without("no connections"),
    key(
        "env",
        Either(&Names, &Takes::Pairs(false)),
        "Variables that `${NAME}` in its manifests may name: a list, or a mapping from the tenant's name of a variable \
         to the operator's.",
    )
    .without("no variables")
    .example("[SALES_REGION]"),
    key("topics", Names, "Prefixes of the topics that it may publish to. None may begin as another tenant's does.")
        .without("no topics")
        .example("[sales.]"),
    key(
        "hosts",
        Texts,
        "Where its requests may go beyond the addresses of its connections: a host, an origin, or `*.example.com` for \
         every host below one, over https.",
    )
    .without("no other hosts")
    .example("[geo.example.com, \"*.cdn.example.com\"]"),
    key("plugins", Block(&[PLUGINS]), "Components that its manifests may use, and what they may be granted.")
        .example("{ signers: [keys/sales.pub], grants: [secrets] }"),
    key(
        "limits",
        Block(&[LIMITS]),
        "Bounds of the tenant's worker process, which does all its runs of one `dpone run`.",
    )
    .example("{ memory: 2GiB, cpu: 10m }"),
    key("share", Integer(1, 1000), "Its part of the machine, against the other tenants' shares, where they compete.")
        .default("1")
        .example("2"),
];

static LENT: &[Key] = &[
    key("from", Text, "The connection as the operator's profile or environment names it.")
        .without("the same id")
        .example("kafka_sales"),
    key("secrets", Texts, "Secrets of the connection that its manifests may grant to plugins.")
        .without("no secrets")
        .example("[signing_key]"),
];

static PLUGINS: &[Key] = &[
    key("builtin", Flag, "Whether the built-in ones may be used.").default("true").example("false"),
    key("sha256", List(&SHA256), "Components by their digests.")
        .without("no components by digest")
        .example("[9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08]"),
    key(
        "signers",
        Names,
        "Files of minisign public keys, relative to the policy file. What one of them signed may be used.",
    )
    .without("no components by signature")
    .example("[keys/sales.pub]"),
    key(
        "grants",
        Words(&[
            word("files", ""),
            word("secrets", "Only those that `connections.ID.secrets` names."),
            word("http", "Only hosts of `hosts`."),
            word("clock", ""),
            word("random", ""),
            word("headers", ""),
            word("methods", ""),
            word("paths", ""),
        ]),
        "Kinds of grants that its manifests may hand out.",
    )
    .without("no grants")
    .example("[secrets, http]"),
];

static LIMITS: &[Key] = &[
    key(
        "memory",
        Size(128 << 20, 1 << 40),
        "Memory of the process; with a control group, of it and its children together.",
    )
    .default("1GiB")
    .example("2GiB"),
    key("cpu", PositiveDuration, "CPU time of the process, in whole seconds.").default("1h").example("10m"),
    key(
        "wall",
        PositiveDuration,
        "Time by the clock of one run, or of one command such as `plan`; then it is ended, and a run can be resumed.",
    )
    .default("6h")
    .example("30m"),
    key("requests", Integer(1, u64::MAX), "HTTP requests; every attempt and every redirect counts.")
        .default("100000")
        .example("5000"),
    key("bytes", Size(1, u64::MAX), "Bytes of requests, answers and messages, in both directions together.")
        .default("64GiB")
        .example("2GiB"),
    key("runs", Integer(1, 64), "Runs at a time.").default("1").example("3"),
    key("files", Integer(128, 1 << 20), "Open files and sockets of the process.").default("1024").example("256"),
    key(
        "journal",
        Size(1 << 20, u64::MAX),
        "The most that a manifest's `journal.max_bytes` may be, which bounds pages and scratch files of a run on disk.",
    )
    .default("20GiB")
    .example("1GiB"),
    key("plugin", Block(&[CAPS]), "The most that a plugin's `limits` may be.").example("{ memory: 64MiB }"),
];

static CAPS: &[Key] = &[
    key("memory", Size(1 << 20, 4 << 30), "Most memory of an instance.")
        .without("the plugin's own limit")
        .example("64MiB"),
    key("deadline", PositiveDuration, "Most computing time of one call.")
        .without("the plugin's own limit")
        .example("500ms"),
    key("wall_clock", PositiveDuration, "Most time of one call in all.")
        .without("the plugin's own limit")
        .example("5s"),
    key("output", Size(1, 1 << 30), "Most bytes that one call may return.")
        .without("the plugin's own limit")
        .example("8MiB"),
    key("log", Size(0, 64 << 20), "Most bytes that a plugin may log in a run.")
        .without("the plugin's own limit")
        .example("16KiB"),
    key("state", Size(0, 16 << 20), "Most bytes that an extractor or a slicer may keep from call to call.")
        .without("the plugin's own limit")
        .example("16KiB"),
];
