//! The kinds of plugin as the pipeline sees them, whether they run in the sandbox or, in a
//! benchmark, as a native test double. The shapes mirror `wit/`.

use crate::{Kind, Place, Report};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A plugin's purpose: the world that it is built for, and the place in a manifest that takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginKind {
    Extractor,
    Transform,
    Check,
    Slicer,
    Signer,
}

impl PluginKind {
    pub const ALL: [Self; 5] = [Self::Extractor, Self::Transform, Self::Check, Self::Slicer, Self::Signer];

    /// The name of its interface in the plugin contract, by which people know it, too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Extractor => "extractor",
            Self::Transform => "transform",
            Self::Check => "check",
            Self::Slicer => "slicer",
            Self::Signer => "signer",
        }
    }
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A plugin's identity: shown with each of its errors, and kept in the run artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub name: String,
    pub version: String,
    /// Digest of the component's bytes, in hexadecimal.
    pub sha256: String,
}

impl Identity {
    /// Where an error of the plugin happened.
    pub fn place(&self) -> Place {
        Place::Plugin {
            name: self.name.clone(),
            version: self.version.clone(),
            sha256: self.sha256.get(..12).unwrap_or(&self.sha256).to_owned(),
        }
    }
}

/// A plugin's cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    pub calls: u64,
    /// Wall time inside calls, in microseconds.
    pub time_us: u64,
    /// CPU time of the calls, in microseconds.
    pub cpu_us: u64,
    pub peak_memory_bytes: u64,
    /// wasmtime's fuel that calls used, where it is counted: in trials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}

impl Usage {
    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            time_us: self.time_us + other.time_us,
            cpu_us: self.cpu_us + other.cpu_us,
            peak_memory_bytes: self.peak_memory_bytes.max(other.peak_memory_bytes),
            fuel: self.fuel.zip(other.fuel).map(|(own, other)| own + other).or(self.fuel).or(other.fuel),
        }
    }
}

/// Changes that a step may make to the manifest's request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestEdit {
    /// A URL that the server gave; replaces URL and query.
    pub url: Option<String>,
    pub query: Vec<(String, RequestValue)>,
    /// Top-level fields of a JSON body, as JSON text.
    pub body: Vec<(String, RequestValue)>,
    pub headers: Vec<(String, RequestValue)>,
    pub method: Option<String>,
    pub path: Option<String>,
    /// A 404 or 400 to it ends the walk: it may ask for more than the API has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_be_past_end: bool,
}

impl RequestEdit {
    /// Bytes of all texts in it.
    pub fn size(&self) -> usize {
        let fields = [&self.query, &self.body, &self.headers].into_iter().flatten();
        let texts = [&self.url, &self.method, &self.path].into_iter().flatten();
        fields.map(|(name, value)| name.len() + value.size()).chain(texts.map(String::len)).sum()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestValue {
    Text(String),
    /// The name of a granted secret.
    Secret(String),
}

impl RequestValue {
    fn size(&self) -> usize {
        match self {
            Self::Text(text) | Self::Secret(text) => text.len(),
        }
    }
}

/// Where a page's records are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordsAt {
    None,
    /// Dotted path of an array or a single object in the JSON body; empty is the root.
    Path(String),
    /// NDJSON made by the extractor.
    Bytes(Vec<u8>),
}

/// An extractor's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub records: RecordsAt,
    /// `None` ends the walk.
    pub next: Option<RequestEdit>,
    /// Why there is no next request, where the extractor says so.
    pub ended: Option<Ending>,
    pub state: Vec<u8>,
}

/// Why an extractor ends a walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// A short name in kebab case, such as `cursor-null`.
    pub reason: String,
    pub message: String,
    /// The dotted path that was null, empty or missing, or `header NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<String>,
}

impl Ending {
    pub fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into(), looked_at: None }
    }
}

/// The load that a slicer is asked to cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceContext {
    /// Inclusive lower bound of the cursor field; `None` where there is none yet.
    pub lower: Option<String>,
    /// Exclusive upper bound; `None` where the load has none.
    pub upper: Option<String>,
    pub started_at: jiff::Timestamp,
}

/// One part of a load, with a journal, a checkpoint and a verdict of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Names it from run to run: 1 to 200 letters, digits, `_`, `-`, `.` and `:`.
    pub id: String,
    /// Changes that every request of the slice makes to the manifest's own.
    pub request: RequestEdit,
    /// Inclusive lower bound of the cursor field.
    pub lower: Option<String>,
    /// Exclusive upper bound of the cursor field.
    pub upper: Option<String>,
}

impl Slice {
    /// Bytes of all texts in it.
    pub fn size(&self) -> usize {
        let bounds = [&self.lower, &self.upper].into_iter().flatten();
        self.id.len() + self.request.size() + bounds.map(String::len).sum::<usize>()
    }
}

/// A slicer's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceStep {
    pub slices: Vec<Slice>,
    /// `None` ends the list.
    pub next: Option<RequestEdit>,
    pub state: Vec<u8>,
}

/// A request as a signer sees it: without the connection's own credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// Hexadecimal, lower case; of an empty body too.
    pub body_sha256: String,
    pub sent_at: jiff::Timestamp,
    /// New for each attempt.
    pub nonce: [u8; 16],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Lower case.
    Hex,
    /// RFC 4648, with padding.
    Base64,
    /// RFC 4648 section 5, without padding.
    Base64Url,
    /// RFC 3986: everything but unreserved characters.
    Percent,
}

/// One step of what the host computes for a signer. A number refers to an earlier term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    Text(String),
    Bytes(Vec<u8>),
    /// A granted secret, by name.
    Secret(String),
    Concat(Vec<u32>),
    Hashed {
        hash: Hash,
        message: u32,
    },
    Hmac {
        hash: Hash,
        key: u32,
        message: u32,
    },
    Encoded {
        encoding: Encoding,
        bytes: u32,
    },
}

/// A signer's answer: values are terms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signature {
    pub terms: Vec<Term>,
    pub headers: Vec<(String, u32)>,
    pub query: Vec<(String, u32)>,
}

/// One page as an extractor may ask about it.
pub trait PageView: Send + Sync {
    fn status(&self) -> u16;
    fn header(&self, name: &str) -> Vec<String>;
    /// Without secrets.
    fn url(&self) -> &str;
    /// JSON text of the value at a dotted path. An error ends the run: the page is not JSON.
    fn get(&self, path: &str) -> Result<Option<String>, Report>;
    fn count(&self, path: &str) -> Result<Option<u32>, Report>;
    fn last(&self, path: &str) -> Result<Option<String>, Report>;
    fn body(&self) -> &[u8];
}

/// The values of one field over a batch, as JSON text (`types.column` of the WIT).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    /// [`Kind`] as a byte, one a record.
    pub kinds: Vec<u8>,
    /// One more than records.
    pub offsets: Vec<u32>,
    pub text: Vec<u8>,
}

impl Column {
    pub fn push(&mut self, kind: Kind, text: &[u8]) {
        if self.offsets.is_empty() {
            self.offsets.push(0);
        }
        self.kinds.push(kind as u8);
        self.text.extend_from_slice(text);
        self.offsets.push(self.text.len() as u32);
    }

    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Bytes that it takes in memory.
    pub fn size(&self) -> u64 {
        (self.kinds.len() + self.offsets.len() * size_of::<u32>() + self.text.len()) as u64
    }

    /// JSON text of value `index`; empty where it is missing or out of range.
    pub fn value(&self, index: usize) -> &[u8] {
        let bound = |i: usize| self.offsets.get(i).map(|o| *o as usize);
        match (bound(index), bound(index + 1)) {
            (Some(start), Some(end)) => self.text.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// The records of one page as transforms and checks may ask about them.
pub trait BatchView: Send + Sync {
    /// Number of the page, from 1.
    fn page(&self) -> u64;
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// An error where the field occurs twice in a record.
    fn column(&self, field: &str) -> Result<Column, Report>;
    /// The records as NDJSON.
    fn bytes(&self) -> Vec<u8>;
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edits {
    /// One a record; `None` keeps all.
    pub keep: Option<Vec<bool>>,
    pub rename: Vec<(String, String)>,
    pub drop: Vec<String>,
    pub set: Vec<(String, Column)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Unchanged,
    Edited(Edits),
    /// NDJSON.
    Replaced(Vec<u8>),
}

/// When a check can give its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    BeforePublish,
    AfterDelivery,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckCounts {
    pub source_rows: u64,
    pub rows: u64,
    /// `None` before publication.
    pub acknowledged: Option<u64>,
    pub pages: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub passed: bool,
    pub message: String,
    /// JSON text of what was measured.
    pub observed: String,
}

/// The common part of every kind.
pub trait Plugin: Send {
    fn identity(&self) -> &Identity;
    fn usage(&self) -> Usage;
}

#[async_trait]
pub trait Extractor: Plugin {
    async fn start(&mut self) -> Result<Step, Report>;
    async fn next(&mut self, page: Arc<dyn PageView>, state: &[u8]) -> Result<Step, Report>;
    /// Empty where the next request depends on the answer.
    async fn ahead(&mut self, state: &[u8], n: u32) -> Result<Vec<RequestEdit>, Report>;
}

#[async_trait]
pub trait Transform: Plugin {
    async fn apply(&mut self, batch: Arc<dyn BatchView>) -> Result<Outcome, Report>;
}

#[async_trait]
pub trait Check: Plugin {
    fn stage(&self) -> Stage;
    /// The check's state lives with the implementation, which hands it from call to call.
    async fn observe(&mut self, batch: Arc<dyn BatchView>) -> Result<(), Report>;
    async fn finish(&mut self, counts: CheckCounts) -> Result<Verdict, Report>;
}

#[async_trait]
pub trait Slicer: Plugin {
    async fn start(&mut self, context: &SliceContext) -> Result<SliceStep, Report>;
    async fn next(&mut self, page: Arc<dyn PageView>, state: &[u8]) -> Result<SliceStep, Report>;
}

#[async_trait]
pub trait Signer: Plugin {
    async fn sign(&mut self, request: Outgoing) -> Result<Signature, Report>;
}

/// A request of a plugin's own (`interface http` of the WIT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, RequestValue)>,
    pub body: Option<Vec<u8>>,
    /// Decoded bytes that the answer may have.
    pub max_body_bytes: u64,
}

/// Why a plugin's own request has no answer.
#[derive(Debug)]
pub enum PluginRequestError {
    /// Not granted: ends the plugin's call. Names what it wanted.
    Refused(String),
    /// It failed; the plugin is told why.
    Failed(String),
}

/// Sends a plugin's own requests, as far as its grants allow.
#[async_trait]
pub trait PluginHttp: Send + Sync {
    async fn send(&self, request: PluginRequest) -> Result<crate::http::HttpResponse, PluginRequestError>;
}

/// The time and memory that the call of a plugin has left. A host function that works for the call asks as it
/// goes on, and ends with the error that it gets.
pub trait Budget {
    /// Asked before each [`BUDGET_STRIDE`] items at the latest.
    fn go_on(&self) -> Result<(), Report>;
    /// Asked before so many bytes are held at a time.
    fn hold(&self, bytes: u64) -> Result<(), Report>;
}

/// Items between two looks at the clock: a look costs some 30 ns, an item as much or more.
pub const BUDGET_STRIDE: usize = 1024;

/// Bounds nothing: for work that no plugin asks for.
#[derive(Debug, Clone, Copy)]
pub struct Unbounded;

impl Budget for Unbounded {
    fn go_on(&self) -> Result<(), Report> {
        Ok(())
    }

    fn hold(&self, _bytes: u64) -> Result<(), Report> {
        Ok(())
    }
}

/// Host-side sets for a check (`interface distinct` of the WIT), implemented in `quality`.
pub trait DistinctSets: Send {
    fn add(&mut self, set: &str, page: u64, columns: &[Column], budget: &dyn Budget) -> Result<(), Report>;
    fn repeats(&mut self, set: &str, budget: &dyn Budget) -> Result<Repeats, Report>;
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repeats {
    pub rows: u64,
    /// Up to ten.
    pub examples: Vec<Repeat>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// A compact JSON array.
    pub value: String,
    /// Page (from 1) and record (from 0).
    pub first: (u64, u32),
    pub second: (u64, u32),
}
