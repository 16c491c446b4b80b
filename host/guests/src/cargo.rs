//! The nested cargo: its environment, and its account of what it built.

use crate::{Caller, Error, Packages, Workspace};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A module (or, for wasip2, a component) that cargo made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Module {
    /// The package's name.
    pub name: String,
    pub path: PathBuf,
}

/// Variables that the outer cargo sets for the host's build; in the nested one it would compile the guests
/// with the host's flags, or wait for a lock that the outer one holds.
const OUTER: [&str; 7] = [
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
];

pub(crate) fn build(workspace: &Workspace<'_>) -> Result<Vec<Module>, Error> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&program);
    command
        .current_dir(workspace.dir)
        .args(["build", "--release", "--lib", "--target", workspace.target.triple()])
        .args(["--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(workspace.out.join("target"));
    match workspace.packages {
        Packages::All => command.arg("--workspace"),
        Packages::Named(packages) => command.args(packages.iter().flat_map(|p| ["--package", p])),
        Packages::Own => &mut command,
    };
    match workspace.caller {
        Caller::BuildScript => command.arg("--locked"),
        Caller::Person => command.stderr(Stdio::inherit()),
    };
    for name in OUTER {
        command.env_remove(name);
    }
    // Cargo tells a build script its profile and features by these, and takes some of them as its
    // own configuration.
    let inherited = |name: &str| ["CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PROFILE_"].iter().any(|p| name.starts_with(p));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(inherited)) {
        command.env_remove(name);
    }
    let run =
        command.output().map_err(|source| Error::Run { program: program.to_string_lossy().into_owned(), source })?;
    if !run.status.success() {
        let (dir, output) = (workspace.dir.to_owned(), String::from_utf8_lossy(&run.stderr).trim().to_owned());
        return Err(match workspace.caller {
            Caller::BuildScript => Error::Build { dir, output },
            Caller::Person => Error::Failed { dir },
        });
    }
    Ok(String::from_utf8_lossy(&run.stdout).lines().filter_map(module).collect())
}

/// Reads one of cargo's messages: the wasm file of a workspace member's library.
fn module(line: &str) -> Option<Module> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message.get("reason")?.as_str()? != "compiler-artifact" {
        return None;
    }
    let files = message.get("filenames")?.as_array()?;
    let path = files.iter().filter_map(Value::as_str).find(|f| f.ends_with(".wasm"))?;
    Some(Module { name: package_name(message.get("package_id")?.as_str()?).to_owned(), path: path.into() })
}

/// The name in a package id (cargo's "package ID specification"): `path+file:///a/cursor#0.1.0`
/// where folder and package have one name, `path+file:///a/b#cursor@0.1.0` else.
fn package_name(id: &str) -> &str {
    let (url, fragment) = id.rsplit_once('#').unwrap_or((id, ""));
    match fragment.split_once('@') {
        Some((name, _)) => name,
        None => url.rsplit('/').next().unwrap_or(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_read_from_cargo_messages() {
        let line = r#"{"reason":"compiler-artifact","package_id":"path+file:///w/link-header#0.1.0",
            "filenames":["/t/liblink_header.rlib","/t/link_header.wasm"]}"#;
        let expected = Module { name: "link-header".to_owned(), path: "/t/link_header.wasm".into() };
        assert_eq!(module(line), Some(expected));
        for other in [
            "not json",
            r#"{"reason":"build-finished","success":true}"#,
            r#"{"reason":"compiler-artifact","package_id":"x#1","filenames":["/t/libserde.rlib"]}"#,
        ] {
            assert_eq!(module(other), None, "{other}");
        }
    }

    #[test]
    fn package_ids_have_two_forms() {
        for (id, name) in [
            ("path+file:///w/min-rows#0.1.0", "min-rows"),
            ("path+file:///w/folder#min-rows@0.1.0", "min-rows"),
            ("registry+https://example.com/index#serde@1.0.0", "serde"),
        ] {
            assert_eq!(package_name(id), name, "{id}");
        }
    }
}
