//! The imports of each plugin, and the grants that it gets.

use dpone_manifest::{Grants, Limits, PluginUse};
use dpone_model::human::{bytes, duration};
use dpone_model::plugin::{Identity, PluginKind, Stage};
use serde::Serialize;

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

/// A family of imports, in plain words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Family {
    /// `wasi:filesystem: files`
    pub asks: String,
    /// The imports of the component that belong to it.
    pub imports: Vec<String>,
    /// The part that it gets without any grant, and the grant that changes it.
    pub by_default: &'static str,
}

/// Prefix, words, and what a plugin gets of it without a grant.
const FAMILIES: &[(&str, &str, &str)] = &[
    (
        "dpone:plugin/",
        "dpone:plugin: the data it is handed, its log",
        "the pages or records of its own step, and a log of `limits.log`",
    ),
    ("wasi:filesystem/", "wasi:filesystem: files", "no folder; `grants.files: FOLDER` gives one, to read"),
    ("wasi:sockets/", "wasi:sockets: the network", "every call is refused; no grant changes that"),
    ("wasi:http/", "wasi:http: the network", "every call is refused; the host makes its requests"),
    (
        "wasi:clocks/",
        "wasi:clocks: the time",
        "clocks that stand at the run's start; `grants.clock: real` lets them go",
    ),
    ("wasi:random/", "wasi:random: random numbers", "numbers seeded by the run; `grants.random: real` gives others"),
    (
        "wasi:cli/",
        "wasi:cli: arguments, environment, standard streams",
        "no arguments and no environment; what it prints goes to its log",
    ),
    ("wasi:io/", "wasi:io: streams and polling", "streams of the others"),
];

/// The requests that a component may make, by its imports: one entry an interface family, by name.
pub fn families(imports: &[String]) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for import in imports {
        match families.iter_mut().find(|family| family.asks == ask(import)) {
            Some(family) => family.imports.push(import.clone()),
            None => families.push(Family {
                asks: ask(import).to_owned(),
                imports: vec![import.clone()],
                by_default: known(import)
                    .map_or("every call is refused; no grant changes that", |(.., default)| default),
            }),
        }
    }
    families.sort_by(|a, b| a.asks.cmp(&b.asks));
    families
}

/// The same, one line an interface family.
pub(crate) fn asks(imports: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = families(imports).into_iter().map(|family| family.asks).collect();
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    lines
}

/// The family of one import, in plain words; an unknown one by its name.
pub(crate) fn ask(import: &str) -> &str {
    known(import).map_or(import, |(_, words, _)| words)
}

fn known(import: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    FAMILIES.iter().find(|(prefix, ..)| import.starts_with(prefix))
}

/// The parts of the manifest's request that a kind of plugin may vary without a grant.
pub fn requests(kind: PluginKind) -> Option<&'static str> {
    makes_requests(kind).then_some(
        "query parameters and body fields of the manifest's request, and URLs that the server gave, under the \
         manifest's own method, origin and path; `grants.headers`, `grants.methods` and `grants.paths` add to that",
    )
}

fn makes_requests(kind: PluginKind) -> bool {
    matches!(kind, PluginKind::Extractor | PluginKind::Slicer)
}

/// Grants that the plugin's imports or kind cannot use, a line each.
pub fn unused_grants(facts: &PluginFacts) -> Vec<String> {
    let grants = &facts.plugin.grants;
    let kind = facts.kind;
    let imports = |prefix: &str| facts.imports.iter().any(|import| import.starts_with(prefix));
    let asks_for_http = facts.imports.iter().any(|import| import.contains("/http") || import.starts_with("wasi:http/"));
    let makes = makes_requests(kind);
    let uses_secrets = makes || kind == PluginKind::Signer;
    let no_requests = format!("a {kind} makes no requests");
    let cases = [
        ("files", grants.files.is_some() && !imports("wasi:filesystem/"), "it imports no wasi:filesystem"),
        ("clock", grants.real_clock && !imports("wasi:clocks/"), "it imports no wasi:clocks"),
        ("random", grants.real_random && !imports("wasi:random/"), "it imports no wasi:random"),
        ("http", !grants.http.is_empty() && !asks_for_http, "it imports no http"),
        ("secrets", !grants.secrets.is_empty() && !uses_secrets, no_requests.as_str()),
        ("headers", !grants.headers.is_empty() && !makes, no_requests.as_str()),
        ("methods", !grants.methods.is_empty() && !makes, no_requests.as_str()),
        ("paths", !grants.paths.is_empty() && !makes, no_requests.as_str()),
    ];
    let used = &facts.plugin;
    let line =
        |(grant, why): (&str, &str)| format!("{}.grants.{grant} ({}) cannot be used: {why}", used.key, used.uses);
    cases.into_iter().filter(|(_, unused, _)| *unused).map(|(grant, _, why)| line((grant, why))).collect()
}

/// The part of that which it gets: the grants of the manifest.
pub fn gets(grants: &Grants) -> Vec<String> {
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
pub fn bounds(limits: &Limits) -> String {
    let state = match limits.state == Limits::default().state {
        true => String::new(),
        false => format!(", state {}", bytes(limits.state)),
    };
    format!(
        "memory {}, deadline {}, wall clock {}, output {}, log {}{state}",
        bytes(limits.memory),
        duration(limits.deadline),
        duration(limits.wall_clock),
        bytes(limits.output),
        bytes(limits.log)
    )
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
    fn a_family_says_what_it_comes_with_and_what_changes_it() {
        let imports = ["wasi:clocks/wall-clock@0.2.6", "wasi:x/y@1.0.0", "wasi:clocks/monotonic-clock@0.2.6"];
        let families = families(&imports.map(str::to_owned));
        assert_eq!(families[0].imports.len(), 2);
        assert!(families[0].by_default.contains("grants.clock: real"));
        assert_eq!((families[1].asks.as_str(), families[1].by_default.contains("refused")), ("wasi:x/y@1.0.0", true));
    }

    #[test]
    fn grants_that_nothing_can_use_are_told() {
        let all = Grants {
            files: Some("tables".into()),
            secrets: vec!["key".into()],
            http: vec!["a.example".into()],
            real_clock: true,
            real_random: true,
            headers: vec!["X-Page".into()],
            methods: vec!["POST".into()],
            paths: vec!["/v2".into()],
        };
        let facts = |kind, imports: &[&str]| PluginFacts {
            plugin: PluginUse {
                uses: "./mask.wasm".into(),
                with: Default::default(),
                sha256: None,
                grants: all.clone(),
                limits: Limits::default(),
                key: "transforms[0]".into(),
                with_key: "transforms[0].with".into(),
            },
            kind,
            identity: Identity { name: "mask".into(), version: "1.0.0".into(), sha256: "ab".repeat(32) },
            imports: imports.iter().map(|import| (*import).to_owned()).collect(),
            stage: None,
            signed_by: None,
        };
        let lines = unused_grants(&facts(PluginKind::Transform, &["dpone:plugin/host@0.1.0"]));
        assert_eq!(lines.len(), 8, "{lines:?}");
        assert_eq!(lines[0], "transforms[0].grants.files (./mask.wasm) cannot be used: it imports no wasi:filesystem");
        assert!(lines[5].contains("grants.headers") && lines[5].ends_with("a transform makes no requests"));
        let asking =
            ["wasi:filesystem/types@0.2.6", "wasi:clocks/x@0.2.6", "wasi:random/x@0.2.6", "wasi:http/types@0.2.6"];
        assert_eq!(unused_grants(&facts(PluginKind::Extractor, &asking)), [""; 0]);
        assert_eq!(unused_grants(&facts(PluginKind::Check, &asking)).len(), 4);
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
