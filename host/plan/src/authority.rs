//! What each plugin can ask for and what it gets.

use dpone_manifest::{Grants, Limits, PluginUse};
use dpone_model::plugin::{Identity, Stage};
use serde::{Deserialize, Serialize};

/// The world that a plugin is used in.
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

/// One plugin as the manifest uses it and as its inspection found it.
#[derive(Debug, Clone)]
pub struct PluginFacts {
    pub plugin: PluginUse,
    pub kind: PluginKind,
    pub identity: Identity,
    /// The component's imports, such as `wasi:filesystem/types@0.2.6`.
    pub imports: Vec<String>,
    /// Of a check, when it was configured: when it can give its verdict.
    pub stage: Option<Stage>,
    /// Id of the key that signed it, where signatures were asked for.
    pub signed_by: Option<String>,
}

/// What a component may ask for, by its imports: one line an interface family.
pub(crate) fn asks(imports: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = imports.iter().map(|import| ask(import).to_owned()).collect();
    lines.sort();
    lines.dedup();
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    lines
}

/// The family of one import, in plain words; an unknown one by its name.
pub(crate) fn ask(import: &str) -> &str {
    const FAMILIES: &[(&str, &str)] = &[
        ("dpone:plugin/", "dpone:plugin: the data it is handed, its log"),
        ("wasi:filesystem/", "wasi:filesystem: files"),
        ("wasi:sockets/", "wasi:sockets: the network"),
        ("wasi:http/", "wasi:http: the network"),
        ("wasi:clocks/", "wasi:clocks: the time"),
        ("wasi:random/", "wasi:random: random numbers"),
        ("wasi:cli/", "wasi:cli: arguments, environment, standard streams"),
        ("wasi:io/", "wasi:io: streams and polling"),
    ];
    FAMILIES.iter().find(|(prefix, _)| import.starts_with(prefix)).map_or(import, |(_, line)| line)
}

/// What it gets of that: the grants of the manifest.
pub(crate) fn gets(grants: &Grants) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(folder) = &grants.files {
        lines.push(format!("files: `{folder}`, read-only"));
    }
    for (is_granted, line) in [(grants.real_clock, "clock: real"), (grants.real_random, "random: real")] {
        lines.extend(is_granted.then(|| line.to_owned()));
    }
    let named = [
        ("secrets, by name, never shown to it", &grants.secrets),
        ("http, sent by the host, to", &grants.http),
        ("headers", &grants.headers),
        ("methods", &grants.methods),
        ("paths", &grants.paths),
    ];
    for (name, values) in named.into_iter().filter(|(_, values)| !values.is_empty()) {
        lines.push(format!("{name}: {}", values.join(", ")));
    }
    if lines.is_empty() {
        lines.push("nothing beyond its input: no files, environment or network; fixed clock, seeded random".to_owned());
    }
    lines
}

/// The bounds, in one line.
pub(crate) fn bounds(limits: &Limits) -> String {
    format!(
        "memory {}, deadline {}, wall clock {}, output {}, log {}",
        size(limits.memory),
        duration(limits.deadline),
        duration(limits.wall_clock),
        size(limits.output),
        size(limits.log)
    )
}

pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        b if b >= 1 << 20 && b % (1 << 20) == 0 => format!("{} MiB", b >> 20),
        b if b >= 1 << 10 && b % (1 << 10) == 0 => format!("{} KiB", b >> 10),
        b => format!("{b} B"),
    }
}

pub(crate) fn duration(duration: std::time::Duration) -> String {
    match duration.as_millis() {
        ms if ms % 1000 == 0 => format!("{} s", ms / 1000),
        ms => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_told_by_family_and_unknown_ones_by_name() {
        let imports = ["dpone:plugin/host@0.1.0", "dpone:plugin/pages@0.1.0", "wasi:sockets/tcp@0.2.6", "evil:host/x"];
        let lines = asks(&imports.map(str::to_owned));
        assert_eq!(
            lines,
            ["dpone:plugin: the data it is handed, its log", "evil:host/x", "wasi:sockets: the network",]
        );
        assert_eq!(asks(&[]), ["nothing"]);
    }

    #[test]
    fn every_grant_is_told() {
        let grants = Grants {
            files: Some("tables".into()),
            secrets: vec!["signing_key".into()],
            http: vec!["https://geo.example.com".into()],
            real_clock: true,
            real_random: true,
            headers: vec!["X-Page".into()],
            methods: vec!["POST".into()],
            paths: vec!["/v2".into()],
            ..Grants::default()
        };
        assert_eq!(
            gets(&grants),
            [
                "files: `tables`, read-only",
                "clock: real",
                "random: real",
                "secrets, by name, never shown to it: signing_key",
                "http, sent by the host, to: https://geo.example.com",
                "headers: X-Page",
                "methods: POST",
                "paths: /v2",
            ]
        );
        assert!(gets(&Grants::default())[0].starts_with("nothing"));
    }
}
