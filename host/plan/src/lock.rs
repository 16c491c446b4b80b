//! The lock file: what each plugin of a manifest was, and what it could do, when it was reviewed.
//!
//! A plugin is known by its kind and by `uses`, not by its place: a step that is put before another
//! changes nothing for either. Where one component is used several times, each use has to be covered
//! by one of its entries. Authority may shrink freely and never grows unseen.

use crate::authority::{PluginFacts, ask};
use crate::error::Error;
use dpone_manifest::{Grants, Limits, OciReference};
use dpone_model::Place;
use dpone_model::human::{bytes, duration};
use dpone_model::plugin::PluginKind;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Version of the lock file.
pub const LOCK_VERSION: u32 = 1;

/// The file's content, in a stable order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    pub version: u32,
    pub plugins: Vec<LockedPlugin>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPlugin {
    pub uses: String,
    pub kind: PluginKind,
    pub name: String,
    pub version: String,
    pub sha256: String,
    /// The imports of the component.
    #[serde(default)]
    pub imports: Vec<String>,
    /// The grants of the manifest.
    #[serde(default, skip_serializing_if = "LockedGrants::is_none")]
    pub grants: LockedGrants,
    pub limits: LockedLimits,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LockedGrants {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub real_clock: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub real_random: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedLimits {
    pub memory_bytes: u64,
    pub deadline_ms: u64,
    pub wall_clock_ms: u64,
    pub output_bytes: u64,
    pub log_bytes: u64,
    /// Locks of earlier versions have none: what was the default then holds.
    #[serde(default = "default_state_bytes")]
    pub state_bytes: u64,
}

fn default_state_bytes() -> u64 {
    Limits::default().state
}

/// The lock that a run or a plan was held to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockFacts {
    pub file: String,
    /// Hex SHA-256 of the lock file's bytes.
    pub sha256: String,
}

/// The verdict of a lock on the plugins as they are now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// A line each; a run may not go on with any.
    pub differences: Vec<String>,
    /// Entries that no plugin of the manifest answers to, a line each.
    pub unused: Vec<String>,
}

impl Lock {
    pub fn of(plugins: &[PluginFacts]) -> Self {
        let mut entries: Vec<LockedPlugin> = Vec::new();
        for entry in plugins.iter().map(LockedPlugin::of) {
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        entries.sort_by(|a, b| (a.kind.name(), &a.uses).cmp(&(b.kind.name(), &b.uses)));
        Self { version: LOCK_VERSION, plugins: entries }
    }

    /// Reads a lock file; `file` is its name for messages.
    ///
    /// # Errors
    /// DP0332 where it is none, or of another version.
    pub fn from_yaml(text: &str, file: &str) -> Result<Self, Error> {
        let place = |line: u64, column: u64| Place::File { file: file.to_owned(), line, column, key: None };
        let lock: Self = serde_saphyr::from_str(text).map_err(|error| {
            let message = error.render_with_options(serde_saphyr::RenderOptions::default());
            let cause = message.lines().next().unwrap_or_default().to_owned();
            let location = error.location();
            let at = location.as_ref().filter(|location| location.line() > 0);
            Error::InvalidLock { cause, place: at.map_or_else(|| place(1, 1), |at| place(at.line(), at.column())) }
        })?;
        if lock.version != LOCK_VERSION {
            let cause = format!("it has version {}, this release reads {LOCK_VERSION}", lock.version);
            return Err(Error::InvalidLock { cause, place: place(1, 1) });
        }
        Ok(lock)
    }

    /// The file's text.
    ///
    /// # Errors
    /// DP0332 where it cannot be written as YAML, which no plugin's name or import leads to.
    pub fn to_yaml(&self, manifest: &str) -> Result<String, Error> {
        let place = || Place::Named { what: "lock file of".into(), name: manifest.to_owned() };
        let body = serde_saphyr::to_string(self)
            .map_err(|error| Error::InvalidLock { cause: error.to_string(), place: place() })?;
        Ok(format!(
            "# The plugins of {manifest} as they were reviewed, by `dpone plugin lock`: what each is, can ask for\n\
             # and gets. A run refuses another component and grown authority.\n{}\n",
            body.trim_end()
        ))
    }

    pub fn compare(&self, now: &[PluginFacts]) -> Compared {
        let mut compared = Compared::default();
        for facts in now {
            let entry = LockedPlugin::of(facts);
            let prefix = format!("{} ({})", facts.plugin.key, entry.uses);
            let known = self.plugins.iter().filter(|locked| locked.is_same_use(&entry));
            match known.map(|locked| locked.growth(&entry)).min_by_key(Vec::len) {
                None => compared.differences.push(format!("{prefix}: is not in the lock file")),
                Some(lines) => compared.differences.extend(lines.iter().map(|line| format!("{prefix}: {line}"))),
            }
        }
        let now: Vec<LockedPlugin> = now.iter().map(LockedPlugin::of).collect();
        let is_used = |locked: &LockedPlugin| now.iter().any(|entry| locked.is_same_use(entry));
        for locked in self.plugins.iter().filter(|locked| !is_used(locked)) {
            compared.unused.push(format!("{} {} is no longer used", locked.kind.name(), locked.uses));
        }
        compared
    }
}

impl LockedPlugin {
    fn of(facts: &PluginFacts) -> Self {
        let mut imports = facts.imports.clone();
        imports.sort();
        Self {
            uses: facts.plugin.uses.clone(),
            kind: facts.kind,
            name: facts.identity.name.clone(),
            version: facts.identity.version.clone(),
            sha256: facts.identity.sha256.clone(),
            imports,
            grants: LockedGrants::of(&facts.plugin.grants),
            limits: LockedLimits::of(&facts.plugin.limits),
        }
    }

    fn is_same_use(&self, other: &Self) -> bool {
        self.kind == other.kind && place(&self.uses) == place(&other.uses)
    }

    /// The ways in which `now` goes beyond this entry, a line each.
    fn growth(&self, now: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.sha256.eq_ignore_ascii_case(&now.sha256) {
            lines.push(format!("sha256 {} → {}", self.sha256, now.sha256));
            // Told only beside another digest: the same bytes have the same name.
            for (what, before, after) in [("name", &self.name, &now.name), ("version", &self.version, &now.version)] {
                if before != after {
                    lines.push(format!("{what} {before} → {after}"));
                }
            }
        }
        let is_known = |import: &str| self.imports.iter().any(|known| interface(known) == interface(import));
        for import in now.imports.iter().filter(|import| !is_known(import)) {
            let family = ask(import);
            let words = if family == import { String::new() } else { format!(" ({family})") };
            lines.push(format!("can also ask for `{import}`{words}"));
        }
        self.grants.growth(&now.grants, &mut lines);
        self.limits.growth(&now.limits, &mut lines);
        lines
    }
}

/// The name of a component from version to version: in a registry, its repository.
fn place(uses: &str) -> String {
    match OciReference::parse(uses) {
        Ok(reference) => OciReference { tag: None, digest: None, ..reference }.to_string(),
        Err(_) => uses.to_owned(),
    }
}

/// An import without its version: another version of an interface is no further authority.
fn interface(import: &str) -> &str {
    import.split_once('@').map_or(import, |(interface, _)| interface)
}

impl LockedGrants {
    fn of(grants: &Grants) -> Self {
        let sorted = |values: &[String]| {
            let mut values = values.to_vec();
            values.sort();
            values
        };
        Self {
            files: grants.files.clone(),
            secrets: sorted(&grants.secrets),
            http: sorted(&grants.http),
            headers: sorted(&grants.headers),
            methods: sorted(&grants.methods),
            paths: sorted(&grants.paths),
            real_clock: grants.real_clock,
            real_random: grants.real_random,
        }
    }

    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn growth(&self, now: &Self, lines: &mut Vec<String>) {
        match (&self.files, &now.files) {
            (_, None) => {}
            (Some(before), Some(after)) if is_below(after, before) => {}
            (Some(before), Some(after)) => lines.push(format!("grants.files: `{before}` → `{after}`")),
            (None, Some(after)) => lines.push(format!("grants.files: new folder `{after}`")),
        }
        type Covers = fn(&str, &str) -> bool;
        let exact: Covers = |known, value| known == value;
        let caseless: Covers = |known, value| known.eq_ignore_ascii_case(value);
        let prefix: Covers = |known, value| is_below(value, known);
        for (key, what, covers, before, after) in [
            ("secrets", "secret", exact, &self.secrets, &now.secrets),
            ("http", "host", caseless, &self.http, &now.http),
            ("headers", "header", caseless, &self.headers, &now.headers),
            ("methods", "method", caseless, &self.methods, &now.methods),
            ("paths", "path", prefix, &self.paths, &now.paths),
        ] {
            for value in after.iter().filter(|value| !before.iter().any(|known| covers(known, value))) {
                lines.push(format!("grants.{key}: new {what} `{value}`"));
            }
        }
        for (key, before, after) in
            [("clock", self.real_clock, now.real_clock), ("random", self.real_random, now.real_random)]
        {
            if after && !before {
                lines.push(format!("grants.{key}: fixed → real"));
            }
        }
    }
}

/// Whether a path is another one or below it, part by part.
fn is_below(path: &str, other: &str) -> bool {
    let parts = |path: &str| -> Vec<String> {
        path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
    };
    parts(path).starts_with(&parts(other))
}

impl LockedLimits {
    fn of(limits: &Limits) -> Self {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            memory_bytes: limits.memory,
            deadline_ms: ms(limits.deadline),
            wall_clock_ms: ms(limits.wall_clock),
            output_bytes: limits.output,
            log_bytes: limits.log,
            state_bytes: limits.state,
        }
    }

    fn growth(&self, now: &Self, lines: &mut Vec<String>) {
        let time = |ms: u64| duration(Duration::from_millis(ms));
        for (key, shown, before, after) in [
            ("memory", &bytes as &dyn Fn(u64) -> String, self.memory_bytes, now.memory_bytes),
            ("deadline", &time, self.deadline_ms, now.deadline_ms),
            ("wall_clock", &time, self.wall_clock_ms, now.wall_clock_ms),
            ("output", &bytes, self.output_bytes, now.output_bytes),
            ("log", &bytes, self.log_bytes, now.log_bytes),
            ("state", &bytes, self.state_bytes, now.state_bytes),
        ] {
            if after > before {
                lines.push(format!("limits.{key}: {} → {}", shown(before), shown(after)));
            }
        }
    }
}
