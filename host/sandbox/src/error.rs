//! Why a plugin was refused or ended, in the words that a user sees.

use crate::bindings::WIT_VERSION;
use dpone_model::codes::{disk, internal, plugin, source};
use dpone_model::plugin::Identity;
use dpone_model::plugin::PluginKind;
use dpone_model::{Code, Failure, Place, Report};
use std::time::Duration;

/// Errors of this room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{named}` is a core WebAssembly module, not a component")]
    CoreModule { named: String },
    #[error("`{named}` is not a WebAssembly component: {cause}")]
    NotAComponent { named: String, cause: String },
    #[error("`{named}` cannot be compiled: {cause}")]
    CompileFailed { named: String, cause: String },
    #[error("`{named}` cannot be compiled: {limit}")]
    CompileLimit { named: String, limit: String },
    #[error("the compile child for `{named}` cannot be run: {cause}")]
    Child { named: String, cause: String },
    #[error("`{named}` imports {}, which no plugin gets", quoted(.imports))]
    ForbiddenImport { named: String, imports: Vec<String> },
    #[error("`{named}` {found}, and no plugin interface")]
    NoWorld { named: String, found: String },
    #[error("`{named}` exports more than one plugin interface: {}", quoted(.found))]
    SeveralWorlds { named: String, found: Vec<String> },
    #[error("`{name}` exports `{found}`, but a plugin that exports `{wanted}` is needed here", name = .who.name)]
    WrongWorld { who: Box<Identity>, found: PluginKind, wanted: PluginKind },
    #[error("`{named}` was built against {built} of the plugin contract; this host speaks {WIT_VERSION}")]
    WrongVersion { named: String, built: String },
    #[error(
        "`{named}` was built against another draft of the plugin contract {version} than this host speaks: {cause}"
    )]
    WrongShape { named: String, version: String, cause: String },
    #[error("{}", fault_text(.call, .fault))]
    Fault { who: Box<Identity>, call: &'static str, fault: Fault },
    #[error("{}", refusal_text(.refusal))]
    Refused { who: Box<Identity>, refusal: Refusal },
    #[error("the cache of compiled plugins cannot be used: {0}")]
    CacheIo(std::io::Error),
    #[error("the folder of the grant `files` cannot be handed over: {0}")]
    Files(std::io::Error),
    #[error("the WebAssembly engine cannot be set up: {0}")]
    Engine(String),
}

/// A plugin's own error: it understood the call and said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: String,
    pub message: String,
    pub record: Option<u32>,
    pub field: Option<String>,
    /// The API's answer is the cause, not the plugin.
    pub blames_answer: bool,
    /// Whether it had looked for files, of which none are granted.
    pub wanted_files: bool,
}

/// How a call ended that neither answered nor refused.
#[derive(Debug)]
pub enum Fault {
    /// It computed for longer than `limits.deadline`.
    Deadline(Duration),
    /// It lasted longer than `limits.wall_clock`, host calls and sleeps included.
    WallClock(Duration),
    /// It asked for memory beyond `limits.memory`; both in bytes.
    Memory { limit: u64, wanted: u64 },
    /// The host's memory for it would be more than `limits.memory`; both in bytes.
    HostMemory { limit: u64, wanted: u64 },
    /// It outgrew one of the fixed bounds (tables, instances).
    Bound(String),
    /// It returned, or handed to the host, more than `limits.output`, in bytes.
    Output(u64),
    /// It returned a state of more than `limits.state`; both in bytes.
    State { limit: u64, bytes: u64 },
    /// It called something that it was not granted.
    NotGranted(String),
    /// Its answer breaks the contract.
    BadOutput(String),
    /// It crashed.
    Trap(String),
    /// The host could not answer one of its questions; the host's own error stands.
    Host(Report),
}

impl Error {
    /// Says of which version of the contract a component has the wrong shape.
    pub(crate) fn of_version(self, version: &str) -> Self {
        match self {
            Self::WrongShape { named, cause, .. } => Self::WrongShape { named, version: version.to_owned(), cause },
            other => other,
        }
    }

    /// The host's own error where there is one, else this one.
    pub(crate) fn into_report(self) -> Report {
        match self {
            Self::Fault { fault: Fault::Host(report), .. } => report,
            other => other.into(),
        }
    }
}

impl Failure for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::CoreModule { .. } | Self::NotAComponent { .. } => &plugin::NOT_A_COMPONENT,
            Self::CompileFailed { .. } => &plugin::COMPILE_FAILED,
            Self::CompileLimit { .. } => &plugin::COMPILE_LIMIT,
            Self::ForbiddenImport { .. } => &plugin::FORBIDDEN_IMPORT,
            Self::NoWorld { .. } | Self::SeveralWorlds { .. } | Self::WrongWorld { .. } => &plugin::WRONG_WORLD,
            Self::WrongVersion { .. } | Self::WrongShape { .. } => &plugin::WRONG_VERSION,
            Self::Fault { fault, .. } => fault.code(),
            Self::Refused { refusal: Refusal { blames_answer: true, .. }, .. } => &source::ANSWER,
            Self::Refused { .. } => &plugin::PLUGIN_ERROR,
            Self::CacheIo(_) | Self::Files(_) | Self::Child { .. } => &disk::IO,
            Self::Engine(_) => &internal::BUG,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::WrongWorld { who, .. } | Self::Fault { who, .. } | Self::Refused { who, .. } => Some(who.place()),
            Self::CoreModule { named }
            | Self::NotAComponent { named, .. }
            | Self::CompileFailed { named, .. }
            | Self::CompileLimit { named, .. }
            | Self::Child { named, .. }
            | Self::ForbiddenImport { named, .. }
            | Self::NoWorld { named, .. }
            | Self::SeveralWorlds { named, .. }
            | Self::WrongVersion { named, .. }
            | Self::WrongShape { named, .. } => Some(Place::Named { what: "plugin".into(), name: named.clone() }),
            Self::CacheIo(_) | Self::Files(_) | Self::Engine(_) => None,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::CoreModule { .. } => "turn it into a component with `wasm-tools component new`",
            Self::NotAComponent { .. } => "the file is truncated or damaged; build or download it again",
            Self::ForbiddenImport { .. } => "a plugin may import `dpone:plugin/*`, and `wasi:*` into an empty context",
            Self::WrongVersion { .. } | Self::WrongShape { .. } => "rebuild the plugin with the SDK of this release",
            Self::Fault { fault, .. } => fault.hint()?,
            Self::Refused { refusal: Refusal { wanted_files: true, .. }, .. } => WANTED_FILES,
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Fault {
    fn code(&self) -> &'static Code {
        match self {
            Self::Deadline(_) | Self::WallClock(_) => &plugin::DEADLINE,
            Self::Memory { .. } | Self::HostMemory { .. } | Self::Bound(_) => &plugin::MEMORY,
            Self::Output(_) | Self::State { .. } => &plugin::OUTPUT,
            Self::NotGranted(_) => &plugin::NOT_GRANTED,
            Self::BadOutput(_) => &plugin::BAD_OUTPUT,
            Self::Trap(_) => &plugin::TRAP,
            Self::Host(report) => report.code(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Deadline(_) => "raise `limits.deadline` if the plugin really needs longer",
            Self::WallClock(_) => "raise `limits.wall_clock` if the plugin really needs longer",
            Self::Memory { .. } | Self::HostMemory { .. } => "raise `limits.memory`, or make the pages smaller",
            Self::Output(_) => "raise `limits.output`, or make the pages smaller",
            Self::State { .. } => "raise `limits.state` if the plugin really has to keep so much",
            Self::NotGranted(what) => not_granted(what),
            Self::Bound(_) | Self::BadOutput(_) | Self::Trap(_) => "this is a mistake of the plugin; tell its author",
            Self::Host(_) => return None,
        })
    }
}

/// Said where a plugin failed that had looked for files in vain.
pub(crate) const WANTED_FILES: &str =
    "it looked for files, and none are granted; `grants.files: FOLDER` gives it a folder to read";

/// Which key of the manifest would have given what was refused, or that none does.
fn not_granted(what: &str) -> &'static str {
    if what.starts_with("secret ") {
        "add the secret's name to the plugin's `grants.secrets`"
    } else if what.starts_with("http ") {
        "add the host to the plugin's `grants.http`"
    } else if what.starts_with("wasi:sockets/") || what.starts_with("wasi:http/") {
        "no grant gives a plugin a network of its own; the grant `http` lets the host send requests for it"
    } else {
        "no grant gives this; `dpone plugin inspect` shows what a plugin may ask for and which grants there are"
    }
}

fn fault_text(call: &str, fault: &Fault) -> String {
    match fault {
        Fault::Deadline(limit) => format!("`{call}` computed for longer than its deadline of {limit:?}"),
        Fault::WallClock(limit) => {
            format!("`{call}` took longer than the wall clock limit of {limit:?}, host calls and sleeps included")
        }
        Fault::Memory { limit, wanted } => {
            format!("`{call}` asked for {} of memory; the limit is {}", bytes(*wanted), bytes(*limit))
        }
        Fault::HostMemory { limit, wanted } => {
            let (wanted, limit) = (bytes(*wanted), bytes(*limit));
            format!("`{call}` asked the host to hold {wanted} for it; the limit is {limit}, as for its own memory")
        }
        Fault::Bound(what) => format!("`{call}` {what}"),
        Fault::Output(limit) => format!("`{call}` returned more than its output limit of {}", bytes(*limit)),
        Fault::State { limit, bytes: state } => {
            format!("`{call}` returned a state of {}; the limit is {}", bytes(*state), bytes(*limit))
        }
        Fault::NotGranted(what) => format!("`{call}` called `{what}`, which it was not granted"),
        Fault::BadOutput(what) => format!("`{call}` broke the plugin contract: {what}"),
        Fault::Trap(what) => format!("`{call}` crashed: {what}"),
        Fault::Host(report) => report.message().to_owned(),
    }
}

fn refusal_text(refusal: &Refusal) -> String {
    let mut text = format!("{}: {}", refusal.code, refusal.message);
    match (refusal.record, &refusal.field) {
        (Some(record), Some(field)) => text.push_str(&format!(" (record {record}, field `{field}`)")),
        (Some(record), None) => text.push_str(&format!(" (record {record})")),
        (None, Some(field)) => text.push_str(&format!(" (field `{field}`)")),
        (None, None) => {}
    }
    text
}

/// `128 MiB` where that is exact, else bytes.
fn bytes(count: u64) -> String {
    match count {
        0 => "0 bytes".into(),
        n if n % (1 << 20) == 0 => format!("{} MiB", n >> 20),
        n if n % (1 << 10) == 0 => format!("{} KiB", n >> 10),
        n => format!("{n} bytes"),
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
