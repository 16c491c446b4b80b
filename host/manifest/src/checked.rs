//! The manifest after all checks: defaults filled in, every value of its own type.
//!
//! The documentation of the keys stands in `reference`.

use crate::incremental::Incremental;
use dpone_model::{PipelineName, Place};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// A whole manifest.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub name: PipelineName,
    pub source: Source,
    /// Applied in order.
    pub transforms: Vec<PluginUse>,
    pub sink: Sink,
    /// Without a block: SQLite under `.dpone/`.
    pub state: StateBlock,
    pub quality: Quality,
    pub artifacts: Artifacts,
    pub journal: Journal,
    /// `resume.max_age`: a journal older than this is not resumed; none is no limit.
    pub resume_max_age: Option<Duration>,
    /// `diagnostics.values: shown` (default masked): whether messages may quote values of rows.
    pub values_shown: bool,
    /// `type_inference.conflict_policy: fail` is written: a field of mixed kinds ends the run. Without the
    /// key it is a warning.
    pub mixed_fails: bool,
    pub origin: Origin,
}

/// Where the manifest came from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// As it was named on the command line.
    pub file: String,
    /// Hex SHA-256 of the file's bytes.
    pub sha256: String,
    /// Position of each key by its dotted path (`sink.strategy.mode`, `quality.checks[0].type`):
    /// line and column from 1.
    pub positions: BTreeMap<String, (u64, u64)>,
}

impl Origin {
    /// The place of a key, or of its nearest parent that has one.
    pub fn place(&self, key: &str) -> Place {
        let mut at = key;
        let (line, column) = loop {
            if let Some(position) = self.positions.get(at) {
                break *position;
            }
            match at.rfind(['.', '[']) {
                Some(cut) => at = at.get(..cut).unwrap_or_default(),
                None => break (1, 1),
            }
        };
        Place::File { file: self.file.clone(), line, column, key: Some(key.to_owned()) }
    }
}

impl Manifest {
    /// Every plugin that the manifest names: extractor, transforms, checks, slicer, signer.
    pub fn plugins(&self) -> impl Iterator<Item = &PluginUse> {
        let source = &self.source;
        let checks = self.quality.checks.iter().map(|check| &check.plugin);
        let last = source.slicer.iter().chain(&source.signer);
        source.pagination.extractor.iter().chain(&self.transforms).chain(checks).chain(last)
    }

    /// The same, to be changed.
    pub fn plugins_mut(&mut self) -> impl Iterator<Item = &mut PluginUse> {
        let source = &mut self.source;
        let checks = self.quality.checks.iter_mut().map(|check| &mut check.plugin);
        let last = source.slicer.iter_mut().chain(&mut source.signer);
        source.pagination.extractor.iter_mut().chain(&mut self.transforms).chain(checks).chain(last)
    }
}

/// Where a connection's fields are looked up when the profile does not define it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionType {
    #[default]
    Env,
    File,
    Vault,
}

/// `connection_id`, `connection_type` and what the type needs.
#[derive(Debug, Clone)]
pub struct ConnectionRef {
    pub id: String,
    pub via: ConnectionType,
    /// `vault_mount_point`, default `secret`.
    pub vault_mount_point: Option<String>,
    /// `vault_path`, default the id.
    pub vault_path: Option<String>,
    /// `connection_file`, for `file`; default `.dpone/connections.yaml`.
    pub connection_file: Option<String>,
    /// Names of the connection's secrets that the manifest grants to plugins.
    pub secrets: Vec<String>,
}

impl ConnectionRef {
    /// A connection by its id alone.
    pub fn new(id: impl Into<String>, via: ConnectionType) -> Self {
        Self {
            id: id.into(),
            via,
            vault_mount_point: None,
            vault_path: None,
            connection_file: None,
            secrets: Vec::new(),
        }
    }
}

/// `source`: type api, options.api_type rest.
#[derive(Debug, Clone)]
pub struct Source {
    pub connection: ConnectionRef,
    /// `method`, default GET; upper case.
    pub method: String,
    /// `url` (absolute) or `endpoint` + `path` of 0.88, or a path alone that is joined to the
    /// connection's `base_url`. As written.
    pub url: String,
    pub params: Vec<(String, String)>,
    /// `json` or `body`; for `json` the Content-Type is application/json.
    pub body: Option<Body>,
    pub headers: Vec<(String, String)>,
    /// `records_path`: dotted, empty for the root.
    pub records_path: String,
    /// `on_missing_records: empty`: a first page without a list is an empty page, not an error.
    pub empty_where_records_are_missing: bool,
    /// `on_error_object: ignore`: a successful answer that says of an error is taken for a page.
    pub ignores_error_objects: bool,
    pub timeouts: Timeouts,
    pub retry: Retry,
    /// Decoded bytes, default 64 MiB.
    pub max_page_bytes: u64,
    /// Origins that server-given URLs may lead to, without credentials.
    pub allow_origins: Vec<String>,
    pub staging: Staging,
    pub pagination: Pagination,
    pub incremental: Option<Incremental>,
    /// `slices`: what cuts the load; without it the load is one slice.
    pub slicer: Option<PluginUse>,
    /// `signer`: what signs each request.
    pub signer: Option<PluginUse>,
}

#[derive(Debug, Clone)]
pub enum Body {
    Json(Value),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// `timeout`, 60 s: one attempt in all.
    pub total: Duration,
    /// `timeouts.connect_ms`, 10000.
    pub connect: Duration,
    /// `timeouts.read_ms`, 30000: between two reads.
    pub read: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// 5, the first one included.
    pub max_attempts: u32,
    /// `base_ms` 500.
    pub base: Duration,
    /// `max_ms` 30000.
    pub max: Duration,
    /// 60 s over all attempts.
    pub max_elapsed: Duration,
    /// 300 s.
    pub max_retry_after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Staging {
    /// A slice is judged whole before its first message is out.
    #[default]
    Slice,
    /// Pages stream to the topic as they come.
    None,
}

/// `pagination`: an extractor and what the host bounds.
#[derive(Debug, Clone)]
pub struct Pagination {
    /// `type: none` (the default) is one request, for which the host needs no component.
    pub extractor: Option<PluginUse>,
    pub max_pages: Option<u64>,
    /// `on_max_pages: stop` ends the walk without an error.
    pub stop_at_max_pages: bool,
    /// 10.
    pub max_empty_pages: u32,
    /// `on_missing_cursor: fail`: a walk that ends since a path is missing that this pipeline never
    /// saw in any answer is an error, not a warning.
    pub fail_on_missing_cursor: bool,
    /// `on_repeated_page: continue`: a page may have the records of an earlier one.
    pub may_repeat_pages: bool,
}

/// A plugin as the manifest names it.
#[derive(Debug, Clone)]
pub struct PluginUse {
    /// `builtin:cursor`, `./file.wasm`, or a name along the plugin path.
    pub uses: String,
    /// The options, order kept.
    pub with: Map<String, Value>,
    /// Hex SHA-256 that the component's bytes must have.
    pub sha256: Option<String>,
    pub grants: Grants,
    pub limits: Limits,
    /// Dotted path of the plugin's block, for positions: `source.options.pagination`.
    pub key: String,
    /// Dotted path under which the options stand: `<key>` for the sugar form, `<key>.with` else.
    pub with_key: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Grants {
    /// Folder, relative to the manifest, that the plugin may read as `/`.
    pub files: Option<String>,
    /// Names of the source connection's secrets that its requests may carry, never its code.
    pub secrets: Vec<String>,
    /// Origins that the plugin's own requests may go to, such as `https://geo.example.com`.
    pub http: Vec<String>,
    /// `clock: real`
    pub real_clock: bool,
    /// `random: real`
    pub real_random: bool,
    /// Request headers that an extractor may set.
    pub headers: Vec<String>,
    /// Methods beyond the manifest's own.
    pub methods: Vec<String>,
    /// Path prefixes beyond the manifest's own path.
    pub paths: Vec<String>,
}

/// Bounds of one plugin.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Limits {
    /// 128 MiB.
    pub memory: u64,
    /// 1 s of computing a call.
    pub deadline: Duration,
    /// 10 s a call in all, host calls and sleeps included.
    pub wall_clock: Duration,
    /// 64 MiB returned by one call.
    pub output: u64,
    /// 64 KiB a run.
    pub log: u64,
    /// 64 KiB that an extractor or a slicer keeps from call to call.
    pub state: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 128 << 20,
            deadline: Duration::from_secs(1),
            wall_clock: Duration::from_secs(10),
            output: 64 << 20,
            log: 64 << 10,
            state: 64 << 10,
        }
    }
}

/// `sink`: type kafka.
#[derive(Debug, Clone)]
pub struct Sink {
    pub connection: ConnectionRef,
    pub topic: String,
    pub strategy: Strategy,
    pub envelope: Envelope,
    pub key: Key,
    /// murmur2_random unless set; librdkafka's names.
    pub partitioner: String,
    /// Kafka's own headers.
    pub headers: Vec<(String, String)>,
    pub topic_config: TopicConfig,
    /// 16 MiB.
    pub queue_max_bytes: u64,
    /// 10 s.
    pub connect_timeout: Duration,
    /// Raw librdkafka options.
    pub librdkafka: BTreeMap<String, String>,
    pub delivery: Delivery,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    FullRefresh,
    IncrementalAppend,
    IncrementalMerge,
    CursorIncremental,
    /// Not yet: refused by `check`.
    Replace,
    /// Not yet: refused by `check`.
    SnapshotReconciliation,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::FullRefresh => "full_refresh",
            Self::IncrementalAppend => "incremental_append",
            Self::IncrementalMerge => "incremental_merge",
            Self::CursorIncremental => "cursor_incremental",
            Self::Replace => "replace",
            Self::SnapshotReconciliation => "snapshot_reconciliation",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Strategy {
    pub mode: Mode,
    /// One name or several; empty for none.
    pub unique_key: Vec<String>,
    pub duplicate_policy: DuplicatePolicy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicatePolicy {
    Fail,
    /// The newest by cursor field, else the last one read.
    Last,
    First,
    /// The default.
    #[default]
    Allow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    #[default]
    Flat,
    Dpone,
}

/// `key`: what a message's key is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub mode: KeyMode,
    pub format: KeyFormat,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyMode {
    /// Of `strategy.unique_key` or `key.fields`: one or more top-level fields.
    Fields(Vec<String>),
    HashRow,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyFormat {
    #[default]
    V1,
    /// 0.88's `|`-joined form.
    Dpone,
}

impl KeyFormat {
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::Dpone => "dpone",
        }
    }
}

/// Partitions of a topic that is created, where the manifest names none.
pub const DEFAULT_PARTITIONS: u32 = 1;

#[derive(Debug, Clone, Default)]
pub struct TopicConfig {
    /// False.
    pub create: bool,
    /// [`DEFAULT_PARTITIONS`].
    pub partitions: Option<u32>,
    pub replication_factor: Option<u16>,
    pub configs: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct Delivery {
    /// `at_least_once` or `idempotent`: the same promise today.
    pub mode: DeliveryMode,
    /// none, gzip, snappy, lz4, zstd; default none.
    pub compression_type: String,
    /// 5.
    pub linger_ms: u32,
    pub batch_num_messages: Option<u32>,
    pub request_timeout_ms: Option<u32>,
    /// 30 s: how long the last messages may take after the last one was handed over.
    pub flush_timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryMode {
    #[default]
    AtLeastOnce,
    Idempotent,
}

#[derive(Debug, Clone)]
pub enum StateBlock {
    Postgres {
        connection: ConnectionRef,
        schema: String,
        table: String,
    },
    /// `path` defaults to `.dpone/state.db`; a connection may name another one.
    Sqlite {
        connection: Option<ConnectionRef>,
        schema: String,
        table: String,
    },
    /// Every run starts at the manifest's `start`.
    Disabled,
}

#[derive(Debug, Clone)]
pub struct Quality {
    /// `mode: fail` (true) or warn.
    pub fail: bool,
    /// `on_empty_boundary: pass`; default judge.
    pub pass_empty_boundary: bool,
    pub checks: Vec<CheckUse>,
}

#[derive(Debug, Clone)]
pub struct CheckUse {
    /// Default: the type, and a number where it occurs twice.
    pub id: String,
    /// `severity: error` (true) or warning.
    pub is_error: bool,
    /// `when`: none leaves it to the check.
    pub when: Option<When>,
    pub plugin: PluginUse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    BeforePublish,
    AfterDelivery,
}

/// `observability.artifacts`
#[derive(Debug, Clone)]
pub struct Artifacts {
    /// True.
    pub enabled: bool,
    /// `.dpone/runs/<pipeline>`
    pub path: String,
}

/// `journal`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    pub keep: Keep,
    /// 20 GiB.
    pub max_bytes: u64,
}

impl Journal {
    pub const DEFAULT_MAX_BYTES: u64 = 20 << 30;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Bodies go when K is done.
    UntilVerified,
    For(Duration),
}
