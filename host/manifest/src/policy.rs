//! The policy file of a host with several tenants: what each of them may do.
//!
//! It is the operator's, as a manifest is the team's, and it is read by the same rules: unknown keys are
//! refused, every problem is told at once, each with its position. What it does not give is not given.
//! The documentation of its keys stands in `reference`.

use crate::checked::{Journal, Limits, Origin};
use crate::error::{Error, Problems};
use crate::plugin::{origin_of, secret_names, sha256};
use crate::read::{Block, Value};
use crate::substitute::Variables;
use crate::yaml;
use dpone_model::codes::manifest::SYNTAX;
use dpone_model::{Place, Report};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use url::Url;

/// A whole policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// `require`: what has to confine every worker process; without it a host that lacks one goes on
    /// with a warning.
    pub require: Vec<Fence>,
    pub tenants: Vec<Tenant>,
    pub origin: Origin,
}

/// Means that confine a worker process beyond its resource limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fence {
    /// Files and ports, by the kernel's Landlock.
    Landlock,
    /// System calls, by a seccomp filter.
    Seccomp,
    /// Memory and CPU of the tenant's processes together, by a control group.
    Cgroup,
}

/// `tenants.NAME`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// Lower case letters, digits, `-` and `_`.
    pub name: String,
    /// `manifests`: folders, relative to the policy file. What lies below them is the tenant's.
    pub manifests: Vec<PathBuf>,
    /// `connections`: those that its manifests may name.
    pub connections: Vec<Lent>,
    /// `env`: variables that its manifests may refer to, each with the operator's variable that its value
    /// comes from.
    pub env: Vec<(String, String)>,
    /// `topics`: what the names of its topics begin with.
    pub topics: Vec<String>,
    /// `hosts`: where its requests may go beyond the addresses of its connections.
    pub hosts: Vec<HostRule>,
    pub plugins: PluginRules,
    pub limits: TenantLimits,
    /// `share`, 1: its part of the machine where tenants compete for it.
    pub share: u32,
}

/// A connection that a tenant may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lent {
    /// As its manifests name it.
    pub id: String,
    /// `from`: as the operator's profile or environment names it; default the same.
    pub from: String,
    /// `secrets`: names of the connection's secrets that manifests may grant to plugins.
    pub secrets: Vec<String>,
}

/// One entry of `hosts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostRule {
    /// `geo.example.com` or `http://127.0.0.1:8080`: one origin.
    Origin(String),
    /// `*.example.com`: every host below it, over https at its port.
    Below(String),
}

/// `plugins`: which components its manifests may use. Without the block only built-in ones, with no grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRules {
    /// `builtin`, true.
    pub builtin: bool,
    /// `sha256`: components by their digests.
    pub sha256: Vec<String>,
    /// `signers`: files of minisign public keys, relative to the policy file. What one of them signed may
    /// be used.
    pub signers: Vec<PathBuf>,
    /// `grants`: kinds of grants that its manifests may hand out.
    pub grants: Vec<GrantKind>,
}

impl Default for PluginRules {
    fn default() -> Self {
        Self { builtin: true, sha256: Vec::new(), signers: Vec::new(), grants: Vec::new() }
    }
}

/// A grant by its key in the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantKind {
    Files,
    /// Only those secrets that `connections.ID.secrets` names.
    Secrets,
    /// Only hosts of `hosts`.
    Http,
    Clock,
    Random,
    Headers,
    Methods,
    Paths,
}

impl GrantKind {
    pub const ALL: [(&'static str, Self); 8] = [
        ("files", Self::Files),
        ("secrets", Self::Secrets),
        ("http", Self::Http),
        ("clock", Self::Clock),
        ("random", Self::Random),
        ("headers", Self::Headers),
        ("methods", Self::Methods),
        ("paths", Self::Paths),
    ];
}

/// `limits`: of the tenant's worker process, which does all its runs of one `dpone run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantLimits {
    /// `memory`, 1 GiB: what the process may allocate; where there is a control group, what it and its
    /// children may use together.
    pub memory: u64,
    /// `cpu`, 1 h: CPU time of the process, in whole seconds.
    pub cpu: Duration,
    /// `wall`, 6 h: time by the clock of one run, and of one command.
    pub wall: Duration,
    /// `requests`, 100000: HTTP requests, every attempt and redirect for itself.
    pub requests: u64,
    /// `bytes`, 64 GiB: what requests, answers and messages carry, both directions together.
    pub bytes: u64,
    /// `runs`, 1: runs at a time.
    pub runs: u32,
    /// `files`, 1024: open files and sockets of the process.
    pub files: u64,
    /// `journal`, 20 GiB: the most that a manifest's `journal.max_bytes` may be.
    pub journal: u64,
    /// `plugin`: the most that a plugin's `limits` may be; without a key there is none but the plugin's own.
    pub plugin: PluginCaps,
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self {
            memory: 1 << 30,
            cpu: Duration::from_secs(3600),
            wall: Duration::from_secs(6 * 3600),
            requests: 100_000,
            bytes: 64 << 30,
            runs: 1,
            files: 1024,
            journal: Journal::DEFAULT_MAX_BYTES,
            plugin: PluginCaps::default(),
        }
    }
}

/// `limits.plugin`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginCaps {
    pub memory: Option<u64>,
    pub deadline: Option<Duration>,
    pub wall_clock: Option<Duration>,
    pub output: Option<u64>,
    pub log: Option<u64>,
    pub state: Option<u64>,
}

/// A worker needs this much for itself before it loads anything.
const LEAST_MEMORY: u64 = 128 << 20;
const LEAST_FILES: u64 = 128;

impl HostRule {
    /// Whether a request may go to the origin of this URL.
    pub fn allows(&self, url: &Url) -> bool {
        match self {
            Self::Origin(origin) => url.origin().ascii_serialization() == *origin,
            Self::Below(suffix) => {
                let below = |host: &str| host.len() > suffix.len() && host.ends_with(suffix);
                url.scheme() == "https" && url.port().is_none() && url.domain().is_some_and(below)
            }
        }
    }
}

impl std::fmt::Display for HostRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Origin(origin) => f.write_str(origin),
            Self::Below(suffix) => write!(f, "*{suffix}"),
        }
    }
}

/// Reads a policy. The report holds every problem of the file, each with its position.
pub fn load_policy(text: &[u8], file: &str) -> Result<Policy, Report> {
    let problems = Problems::new(file, "the policy");
    let root = yaml::parse(text, &Variables::none(), &problems);
    let value = root.as_ref().map(|node| Value { node, key: String::new(), problems: &problems });
    let policy = value.and_then(|value| value.block()).map(policy);
    if let Some(report) = problems.report() {
        return Err(report);
    }
    let Some(mut policy) = policy else {
        let place = Place::File { file: file.to_owned(), line: 1, column: 1, key: None };
        let report = Report::new(&SYNTAX, "the file holds no policy").at(place);
        return Err(report.hint("start with `tenants`"));
    };
    let sha256 = hex::encode(Sha256::digest(text));
    policy.origin = Origin { file: file.to_owned(), sha256, positions: problems.into_positions() };
    Ok(policy)
}

fn policy(mut block: Block<'_>) -> Policy {
    let fences = [("landlock", Fence::Landlock), ("seccomp", Fence::Seccomp), ("cgroup", Fence::Cgroup)];
    let require = block.get("require").map(|value| value.texts()).unwrap_or_default();
    let require = require.into_iter().filter_map(|(_, item)| item.one_of(&fences)).collect();
    let mut tenants = Vec::new();
    if let Some(mut named) = block.require("tenants", "name each tenant, and what it may do").and_then(|v| v.block()) {
        for (name, value) in named.rest() {
            if !is_tenant_name(&name) {
                let hint = "a tenant's name has at most 64 lower case letters, digits, `-` and `_`, a letter first";
                let _: Option<()> = value.invalid(format!("`{name}` names no tenant"), hint);
            }
            tenants.extend(value.block().map(|block| tenant(name, block)));
        }
    }
    overlaps(&block, &tenants);
    block.finish();
    Policy { require, tenants, origin: Origin::default() }
}

fn tenant(name: String, mut block: Block<'_>) -> Tenant {
    let folders = block.require("manifests", "name the folders in which its manifests lie");
    let tenant = Tenant {
        name,
        manifests: paths(folders),
        connections: block.get("connections").map(|value| connections(&value)).unwrap_or_default(),
        env: block.get("env").map(|value| variables(&value)).unwrap_or_default(),
        topics: block.get("topics").map(|value| value.names()).unwrap_or_default(),
        hosts: block.get("hosts").map(|value| hosts(&value)).unwrap_or_default(),
        plugins: block.get("plugins").and_then(|value| value.block()).map(plugins).unwrap_or_default(),
        limits: limits(block.block("limits")),
        share: block.integer("share", 1..=1000).unwrap_or(1) as u32,
    };
    block.finish();
    tenant
}

/// A list of ids, or a mapping from id to what is said of it.
fn connections(value: &Value<'_>) -> Vec<Lent> {
    let plain = |id: String| Lent { from: id.clone(), id, secrets: Vec::new() };
    if value.is_list() {
        return value.names().into_iter().map(plain).collect();
    }
    let Some(mut block) = value.block() else { return Vec::new() };
    let mut lent = Vec::new();
    for (id, value) in block.rest() {
        let Some(mut said) = value.block() else { continue };
        let from = said.text("from").unwrap_or_else(|| id.clone());
        let secrets = said.get("secrets").map(|value| secret_names(&value)).unwrap_or_default();
        said.finish();
        lent.push(Lent { id, from, secrets });
    }
    lent
}

/// A list of names, or a mapping from the name that manifests use to the operator's.
fn variables(value: &Value<'_>) -> Vec<(String, String)> {
    if value.is_list() {
        return value.names().into_iter().map(|name| (name.clone(), name)).collect();
    }
    value.pairs(false)
}

fn hosts(value: &Value<'_>) -> Vec<HostRule> {
    let mut rules = Vec::new();
    for (text, item) in value.texts() {
        let rule = match text.strip_prefix("*.") {
            // Only a host: over https and at its port.
            Some(host) => origin_of(host)
                .filter(|origin| *origin == format!("https://{}", host.to_ascii_lowercase()))
                .map(|_| HostRule::Below(format!(".{}", host.to_ascii_lowercase()))),
            None if text.contains('*') => None,
            None => origin_of(&text).map(HostRule::Origin),
        };
        match rule {
            Some(rule) => rules.push(rule),
            None => {
                let hint = "write a host such as `geo.example.com` or `*.example.com`, or an origin such as \
                            `http://127.0.0.1:8080`";
                let _: Option<()> = item.invalid(format!("`{}` is no host", item.shown()), hint);
            }
        }
    }
    rules
}

fn plugins(mut block: Block<'_>) -> PluginRules {
    let digests = block.get("sha256").and_then(|value| value.list()).unwrap_or_default();
    let grants = block.get("grants").map(|value| value.texts()).unwrap_or_default();
    let rules = PluginRules {
        builtin: block.boolean("builtin", true),
        sha256: digests.iter().filter_map(sha256).collect(),
        signers: paths(block.get("signers")),
        grants: grants.into_iter().filter_map(|(_, item)| item.one_of(&GrantKind::ALL)).collect(),
    };
    block.finish();
    rules
}

fn paths(value: Option<Value<'_>>) -> Vec<PathBuf> {
    value.map(|value| value.names()).unwrap_or_default().into_iter().map(PathBuf::from).collect()
}

fn limits(mut block: Block<'_>) -> TenantLimits {
    let default = TenantLimits::default();
    let positive = |block: &mut Block<'_>, name| block.get(name).and_then(|value| value.positive_duration());
    let mut caps = block.block("plugin");
    let plugin = PluginCaps {
        memory: caps.size("memory", (1 << 20)..=(4 << 30)),
        deadline: positive(&mut caps, "deadline"),
        wall_clock: positive(&mut caps, "wall_clock"),
        output: caps.size("output", 1..=(1 << 30)),
        log: caps.size("log", 0..=(64 << 20)),
        state: caps.size("state", 0..=(16 << 20)),
    };
    caps.finish();
    let limits = TenantLimits {
        memory: block.size("memory", LEAST_MEMORY..=(1 << 40)).unwrap_or(default.memory),
        cpu: positive(&mut block, "cpu").map_or(default.cpu, |cpu| cpu.max(Duration::from_secs(1))),
        wall: positive(&mut block, "wall").unwrap_or(default.wall),
        requests: block.integer("requests", 1..=u64::MAX).unwrap_or(default.requests),
        bytes: block.size("bytes", 1..=u64::MAX).unwrap_or(default.bytes),
        runs: block.integer("runs", 1..=64).unwrap_or(u64::from(default.runs)) as u32,
        files: block.integer("files", LEAST_FILES..=(1 << 20)).unwrap_or(default.files),
        journal: block.size("journal", (1 << 20)..=u64::MAX).unwrap_or(default.journal),
        plugin,
    };
    block.finish();
    limits
}

impl PluginCaps {
    /// Lowers what stands at its default; the answer names each limit that was asked for and is more.
    pub fn bound(&self, limits: &mut Limits) -> Vec<&'static str> {
        let default = Limits::default();
        let over = [
            ("memory", lower(&mut limits.memory, default.memory, self.memory)),
            ("deadline", lower(&mut limits.deadline, default.deadline, self.deadline)),
            ("wall_clock", lower(&mut limits.wall_clock, default.wall_clock, self.wall_clock)),
            ("output", lower(&mut limits.output, default.output, self.output)),
            ("log", lower(&mut limits.log, default.log, self.log)),
            ("state", lower(&mut limits.state, default.state, self.state)),
        ];
        over.into_iter().filter(|(_, is_over)| *is_over).map(|(name, _)| name).collect()
    }
}

/// A default gives way to the cap; anything else that is over it is the team's word against the operator's.
pub(crate) fn lower<T: PartialOrd + Copy>(value: &mut T, default: T, cap: Option<T>) -> bool {
    match cap {
        Some(cap) if *value > cap && *value == default => {
            *value = cap;
            false
        }
        Some(cap) => *value > cap,
        None => false,
    }
}

fn is_tenant_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(plain)
}

/// Folders and topics belong to one tenant each.
fn overlaps(block: &Block<'_>, tenants: &[Tenant]) {
    for (number, second) in tenants.iter().enumerate() {
        for first in tenants.iter().take(number) {
            let folders = second.manifests.iter().flat_map(|one| first.manifests.iter().map(move |other| (one, other)));
            for (one, other) in folders.filter(|(one, other)| contains(one, other) || contains(other, one)) {
                let message = format!(
                    "the manifests of `{}` in {} and those of `{}` in {} lie in each other",
                    second.name,
                    one.display(),
                    first.name,
                    other.display()
                );
                let hint = "give each tenant a folder of its own";
                problem(block, &second.name, "manifests", message, hint);
            }
            let topics = second.topics.iter().flat_map(|one| first.topics.iter().map(move |other| (one, other)));
            for (one, other) in topics.filter(|(one, other)| one.starts_with(*other) || other.starts_with(*one)) {
                let message = format!(
                    "the topics `{one}` of `{}` and `{other}` of `{}` begin alike: one would be both's",
                    second.name, first.name
                );
                problem(block, &second.name, "topics", message, "give each tenant a prefix of its own");
            }
        }
    }
}

fn problem(block: &Block<'_>, tenant: &str, key: &str, message: String, hint: &str) {
    let path = format!("tenants.{tenant}.{key}");
    let position = block.problems.position(&path).unwrap_or(block.position);
    block.problems.add(Error::Overlap { message, hint: hint.to_owned() }, position, &path);
}

/// Whether `inner` lies in `outer`, by their names alone.
fn contains(outer: &Path, inner: &Path) -> bool {
    let parts = |path: &Path| -> Vec<String> {
        let mut parts = Vec::new();
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir if parts.last().is_some_and(|last| last != "..") => drop(parts.pop()),
                other => parts.push(other.as_os_str().to_string_lossy().into_owned()),
            }
        }
        parts
    };
    parts(inner).starts_with(&parts(outer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_rule_is_an_origin_or_what_lies_below_a_domain() {
        let allows = |rule: &HostRule, url: &str| rule.allows(&Url::parse(url).unwrap());
        let one = HostRule::Origin("https://geo.example.com".into());
        assert!(allows(&one, "https://geo.example.com/v1") && !allows(&one, "http://geo.example.com/"));
        let below = HostRule::Below(".example.com".into());
        for (url, expected) in [
            ("https://a.example.com/", true),
            ("https://a.b.example.com/", true),
            ("https://example.com/", false),
            ("https://evilexample.com/", false),
            ("http://a.example.com/", false),
            ("https://a.example.com:8443/", false),
            ("https://a.example.com.evil.org/", false),
        ] {
            assert_eq!(allows(&below, url), expected, "{url}");
        }
    }

    #[test]
    fn a_default_gives_way_and_a_wish_does_not() {
        let caps =
            PluginCaps { memory: Some(64 << 20), deadline: Some(Duration::from_secs(2)), ..PluginCaps::default() };
        let mut limits = Limits::default();
        assert_eq!(caps.bound(&mut limits), [""; 0]);
        assert_eq!((limits.memory, limits.deadline), (64 << 20, Duration::from_secs(1)));
        let mut asked = Limits { memory: 65 << 20, ..Limits::default() };
        assert_eq!(caps.bound(&mut asked), ["memory"]);
    }

    #[test]
    fn a_folder_lies_in_another_by_its_parts() {
        for (outer, inner, expected) in [
            ("teams/a", "teams/a/b", true),
            ("teams/a", "teams/ab", false),
            ("./teams/a", "teams/x/../a", true),
            (".", "teams/a", true),
            ("teams/a", "teams", false),
        ] {
            assert_eq!(contains(Path::new(outer), Path::new(inner)), expected, "{outer} {inner}");
        }
    }
}
