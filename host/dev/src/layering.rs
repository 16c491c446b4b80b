//! Which room may depend on which: an arrow lets a crate use everything to its right, and crates in
//! one brace do not use each other.

use serde_json::Value;

/// The rooms from the outside in. Crates of one row do not use each other.
const LAYERS: &[&[&str]] = &[
    &["cli"],
    &["workers"],
    &["run", "local", "builtins"],
    &["trial"],
    &["source", "sink", "quality", "state", "sandbox", "guests"],
    &["connections", "journal", "plan"],
    &["egress", "manifest"],
    &["json"],
    &["model"],
];

/// Rooms with a rule of their own: what they may use.
const SPECIAL: &[(&str, &[&str])] =
    &[("local", &["json", "model"]), ("builtins", &["guests"]), ("guests", &[]), ("sdk", &[])];

/// External crates that only one room may know, besides tests.
const OWNERS: &[(&str, &str)] = &[
    ("reqwest", "egress"),
    ("wasmtime", "sandbox"),
    ("wasmtime-wasi", "sandbox"),
    ("rdkafka", "sink"),
    ("sqlx", "state"),
    ("landlock", "workers"),
    ("seccompiler", "workers"),
    ("kafka-protocol", "local"),
];

/// One line for each dependency that breaks a rule.
pub fn violations(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    packages.iter().flat_map(package_violations).collect()
}

fn package_violations(package: &Value) -> Vec<String> {
    let Some(room) = room_of(package) else { return Vec::new() };
    let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    dependencies
        .iter()
        // Tests may use whatever shows that the room works.
        .filter(|dependency| dependency["kind"] != "dev")
        .filter_map(|dependency| dependency["name"].as_str())
        .filter_map(|name| violation(&room, name))
        .collect()
}

/// The room's short name, for crates that the rules bind: `host/*` but for dev, and the SDK.
fn room_of(package: &Value) -> Option<String> {
    let manifest = package["manifest_path"].as_str()?;
    let name = package["name"].as_str()?.strip_prefix("dpone-")?;
    let bound = manifest.contains("/host/") && name != "dev" || manifest.contains("/sdk/rust/");
    bound.then(|| name.to_owned())
}

fn violation(room: &str, dependency: &str) -> Option<String> {
    if let Some((_, owner)) = OWNERS.iter().find(|(krate, owner)| *krate == dependency && *owner != room) {
        return Some(format!("{room} uses {dependency}, which only {owner} may know"));
    }
    let target = dependency.strip_prefix("dpone-")?;
    let allowed = match SPECIAL.iter().find(|(special, _)| *special == room) {
        Some((_, allowed)) => allowed.contains(&target),
        None => layer(room).zip(layer(target)).is_some_and(|(from, to)| from < to),
    };
    (!allowed).then(|| format!("{room} may not use {target}"))
}

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_catch_what_they_are_for() {
        for (room, dependency) in [
            ("source", "dpone-sink"),
            ("model", "dpone-json"),
            ("run", "reqwest"),
            ("sandbox", "dpone-sdk"),
            ("local", "dpone-egress"),
        ] {
            assert!(violation(room, dependency).is_some(), "{room} → {dependency}");
        }
        for (room, dependency) in
            [("cli", "dpone-local"), ("source", "dpone-journal"), ("egress", "reqwest"), ("plan", "serde")]
        {
            assert_eq!(violation(room, dependency), None);
        }
    }

    #[test]
    fn the_crate_graph_keeps_the_layers() {
        let metadata = crate::metadata(".", false).unwrap();
        assert_eq!(violations(&metadata), Vec::<String>::new());
    }
}
