//! The command line.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use dpone_model::plugin::PluginKind;
use std::path::PathBuf;

/// Loads REST APIs into Kafka from one YAML manifest, with sandboxed WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "dpone", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Connections profile: `.dpone/profiles/NAME.yaml`, or the built-in `local`
    #[arg(long, global = true, env = "DPONE_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// Folders in which `uses: NAME` finds NAME.wasm, separated by `:`
    #[arg(long, global = true, env = "DPONE_PLUGIN_PATH", value_delimiter = ':', value_name = "DIR")]
    pub plugin_path: Vec<PathBuf>,
    /// Log filter, such as `info`, or `dpone_source=debug` for one crate; logs go to stderr
    #[arg(long, global = true, env = "DPONE_LOG", default_value = "warn", value_name = "FILTER")]
    pub log: String,
    /// Log lines for people, or a JSON object for each line of stderr
    #[arg(long, global = true, env = "DPONE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// No progress on stderr
    #[arg(long, short, global = true)]
    pub quiet: bool,
    #[command(flatten)]
    pub demo: Demo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// The demo API of the profile `local`.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// Orders that the demo API starts with
    #[arg(long, global = true, default_value_t = 10_000, value_name = "N", hide_short_help = true)]
    pub demo_rows: u64,
    /// New or changed orders after each completed walk of the demo API
    #[arg(long, global = true, default_value_t = 10, value_name = "N", hide_short_help = true)]
    pub demo_new_rows: u64,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load what is new, steps A to K
    Run(Run),
    /// Go on with a failed or interrupted run after its last whole page
    Resume(Resume),
    /// Check a manifest and its plugins; no network but for a component of a registry not yet pulled
    Check(Check),
    /// Show what a run would do, before it does anything
    Plan(Plan),
    /// Diagnose this machine, a profile and its services
    Doctor,
    /// Look at a pipeline's state, or change it
    #[command(subcommand)]
    State(State),
    /// Look at a topic
    #[command(subcommand)]
    Topic(Topic),
    /// The services behind the profile `local`
    #[command(subcommand)]
    Local(Local),
    /// The journals of runs
    #[command(subcommand)]
    Journal(Journal),
    /// The runs of a pipeline, from their artifacts, newest first
    Runs(Runs),
    /// The connections of a profile
    #[command(subcommand)]
    Connections(Connections),
    /// Plugins: what there is, what one may do, and how one is made
    #[command(subcommand)]
    Plugin(Plugin),
    /// Write a run's pages as a recorded case for its extractor, with secrets out
    Record(Record),
    /// Explain an error code or a key of a file, or list all codes
    Explain {
        /// A code such as `DP0203`, or the end of a key's path, such as `pagination.max_pages`
        #[arg(value_name = "CODE|KEY")]
        code: Option<String>,
    },
    /// Print the JSON Schema of a kind of file, for editors, or its reference
    Schema {
        #[arg(value_enum, default_value_t = FileKind::Manifest)]
        of: FileKind,
        #[arg(long, value_enum, default_value_t = SchemaFormat::Json)]
        format: SchemaFormat,
    },
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
    /// Compile a component from stdin to stdout; the host calls this in a child process
    #[command(hide = true, name = "__compile")]
    CompileComponent,
    /// Run what stdin says; `run` starts these for several manifests
    #[command(hide = true, name = "__worker")]
    Worker,
    /// Do one command for the tenant that stdin names
    #[command(hide = true, name = "__confined")]
    Confined {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

impl Command {
    /// Whether it loads, judges or changes something, so that its exit code tells of that and not of what it
    /// prints.
    pub fn does_work(&self) -> bool {
        match self {
            Self::Run(_) | Self::Resume(_) | Self::Check(_) | Self::Local(_) | Self::Record(_) => true,
            Self::State(state) => matches!(state, State::Adopt(_) | State::Reset { .. }),
            Self::Journal(journal) => matches!(journal, Journal::Purge { .. }),
            Self::Plugin(plugin) => !matches!(plugin, Plugin::List | Plugin::Inspect { .. }),
            _ => false,
        }
    }
}

/// A manifest and its parameters.
#[derive(Debug, Clone, Args)]
pub struct ManifestArgs {
    pub manifest: PathBuf,
    /// A run parameter, for `{{ name }}` in the manifest
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub params: Vec<(String, String)>,
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// The policy of the tenants.
#[derive(Debug, Clone, Default, Args)]
pub struct PolicyArgs {
    /// Policy file: the manifest is its tenant's, and may do and see what the tenant may
    #[arg(long, value_name = "FILE", env = "DPONE_POLICY")]
    pub policy: Option<PathBuf>,
}

/// A bounded window: a small first run, or a backfill.
#[derive(Debug, Clone, Default, Args)]
pub struct WindowArgs {
    /// Inclusive lower bound of the cursor field, instead of the state's
    #[arg(long, value_name = "VALUE")]
    pub from: Option<String>,
    /// Exclusive upper bound of the cursor field
    #[arg(long, value_name = "VALUE")]
    pub to: Option<String>,
    /// Stop after this many pages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_pages: Option<u64>,
}

/// Demands on the manifest's plugins before anything happens.
#[derive(Debug, Clone, Default, Args)]
pub struct PluginDemands {
    /// Demand the lock file beside the manifest (`dpone plugin lock`); one that is there always holds
    #[arg(long)]
    pub locked: bool,
    /// Demand that each component is signed by this minisign public key, or by another one given so
    #[arg(long, value_name = "KEYFILE")]
    pub require_signed: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Run {
    /// The manifests; none with --plan. Several run in processes of their own
    #[arg(required_unless_present = "plan", value_name = "MANIFEST")]
    pub manifests: Vec<PathBuf>,
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub params: Vec<(String, String)>,
    /// Of several manifests, runs at a time [default: one a core]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    #[command(flatten)]
    pub policy: PolicyArgs,
    #[command(flatten)]
    pub window: WindowArgs,
    /// Move state although the run covers only a window
    #[arg(long)]
    pub advance_state: bool,
    /// Run what was reviewed, its window included: refuses when manifest, plugins or target are no
    /// longer the same
    #[arg(long, value_name = "FILE", conflicts_with_all = ["manifests", "params", "from", "to", "max_pages", "policy"])]
    pub plan: Option<PathBuf>,
    #[command(flatten)]
    pub demands: PluginDemands,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Resume {
    /// The run's id, as `dpone journal list` shows it
    pub run: String,
    /// Go on with this mended manifest instead of the run's own, which lies in its journal. Quality, limits,
    /// timeouts, retries and delivery may change; a run that would extract or send something else is refused
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    #[command(flatten)]
    pub policy: PolicyArgs,
    #[command(flatten)]
    pub demands: PluginDemands,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    pub demands: PluginDemands,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub manifest: ManifestArgs,
    #[command(flatten)]
    pub window: WindowArgs,
    #[command(flatten)]
    pub demands: PluginDemands,
    #[arg(long, value_enum, default_value_t = Format::Md)]
    pub format: Format,
    /// Also write the plan here, for review and `run --plan`; not for a tenant's
    #[arg(long, value_name = "FILE", conflicts_with = "policy")]
    pub out: Option<PathBuf>,
}

/// A kind of file that people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileKind {
    Manifest,
    Profile,
    /// The file of `connection_type: file`
    Connections,
    Policy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaFormat {
    /// JSON Schema, draft 2020-12
    Json,
    /// A page with every key, its type, default, meaning and an example
    Md,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Md,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum State {
    /// The checkpoint that the next run starts from
    Show(StateArgs),
    /// Every revision, newest first
    History {
        #[command(flatten)]
        state: StateArgs,
        /// Of this slice, instead of the load as a whole
        #[arg(long, value_name = "ID")]
        slice: Option<String>,
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Keep the cursor although source, cursor field, key or topic changed
    Adopt(StateArgs),
    /// Forget the cursor: the next run starts at the manifest's `start`
    Reset {
        #[command(flatten)]
        state: StateArgs,
        /// Do it without asking
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Clone, Args)]
pub struct StateArgs {
    #[command(flatten)]
    pub manifest: ManifestArgs,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Subcommand)]
pub enum Topic {
    /// Print a topic's messages, oldest first, up to its end as it is now
    Read(TopicRead),
}

#[derive(Debug, Args)]
pub struct TopicRead {
    pub topic: String,
    /// The Kafka connection's id
    #[arg(long, value_name = "ID", default_value = "kafka_cluster")]
    pub connection: String,
    /// Stop after this many messages
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Start at this offset of each partition
    #[arg(long, value_name = "OFFSET")]
    pub offset: Option<i64>,
    #[arg(long, value_enum, default_value_t = TopicFormat::Text)]
    pub format: TopicFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TopicFormat {
    /// Key and value, a line each
    Text,
    /// One object a message: partition, offset, timestamp, key, value, headers
    Ndjson,
}

#[derive(Debug, Subcommand)]
pub enum Local {
    /// Keep the demo API and the local broker running in the foreground
    Up,
}

#[derive(Debug, Subcommand)]
pub enum Journal {
    /// Runs with a journal: what can be resumed, and what it takes on disk
    List {
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Delete the bodies of runs that nobody will resume
    Purge {
        /// One run, whatever its age
        #[arg(long)]
        run: Option<String>,
        /// Also those younger than 72 hours
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub struct Runs {
    /// A manifest's file, or the name of a pipeline
    #[arg(value_name = "MANIFEST|PIPELINE")]
    pub named: String,
    /// How many of the newest
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Subcommand)]
pub enum Connections {
    /// The connections that a profile or the environment defines
    List,
    /// Connect to each connection of a manifest
    Test(ManifestArgs),
}

#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// Built-in plugins and those along the plugin path
    List,
    /// Show a plugin's identity, imports and options
    Inspect {
        /// `builtin:NAME`, a file, `oci://…@sha256:…`, or a name along the plugin path
        plugin: String,
        /// Verify its signature with this minisign public key, or another one given so
        #[arg(long, value_name = "KEYFILE")]
        require_signed: Vec<PathBuf>,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Write digests and authority of a manifest's plugins into a lock file beside it
    Lock(ManifestArgs),
    /// Put a component into an OCI registry, and print the reference to use in a manifest
    Push {
        /// The component's file; a signature beside it (FILE.wasm.minisig) goes with it
        file: PathBuf,
        /// `oci://HOST/REPOSITORY:TAG`
        to: String,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Compile components into the cache ahead of their first run, as for an image
    Compile(PluginCompile),
    /// Write a new plugin project, with the SDK and a first recorded case
    New(PluginNew),
    /// Build a project into NAME.wasm
    Build {
        /// The project's folder
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Run a built plugin in the sandbox on the project's recorded cases; exit 30 if one fails
    Test(PluginTest),
}

#[derive(Debug, Args)]
pub struct Record {
    /// The run's id, as `dpone journal list` shows it
    pub run: String,
    /// The case's new folder [default: cases/RUN]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Only the first N pages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub pages: Option<u64>,
}

#[derive(Debug, Args)]
pub struct PluginCompile {
    /// Components (a file, `oci://…@sha256:…`, a name along the plugin path), or manifests: all of theirs
    #[arg(value_name = "FILE|MANIFEST", required_unless_present = "builtins")]
    pub named: Vec<String>,
    /// The built-in plugins
    #[arg(long)]
    pub builtins: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct PluginNew {
    /// Lower case words joined by `-`, such as `big-orders`
    pub name: String,
    #[arg(long, value_parser = kinds())]
    pub kind: PluginKind,
    #[arg(long, value_enum)]
    pub lang: PluginLanguage,
    /// Where the project's folder NAME is written
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct PluginTest {
    /// The project's folder
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Write what the plugin answers now into each case's expected.json
    #[arg(long)]
    pub update: bool,
    /// Only cases whose name contains this
    #[arg(long, value_name = "NAME")]
    pub filter: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PluginLanguage {
    Rust,
    Python,
    #[value(alias = "js")]
    Javascript,
}

/// The names of the kinds of plugins.
fn kinds() -> impl TypedValueParser<Value = PluginKind> {
    PossibleValuesParser::new(PluginKind::ALL.map(PluginKind::name)).try_map(|name| {
        let known = PluginKind::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or("there is no such kind")
    })
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a parameter is written NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
