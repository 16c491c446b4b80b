//! The wasm targets, and adding the one that is missing.

use crate::{Caller, Error, Workspace};
use std::io::Write;
use std::path::Path;
use std::process::Command;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `wasm32-unknown-unknown`: core modules without any import but dpone's own.
    Unknown,
    /// `wasm32-wasip2`: components that import WASI, whether they use it or not.
    Wasip2,
}

impl Target {
    pub fn triple(self) -> &'static str {
        match self {
            Self::Unknown => "wasm32-unknown-unknown",
            Self::Wasip2 => "wasm32-wasip2",
        }
    }
}

/// Adds the target where the toolchain lacks it. The workspace's folder decides which toolchain is
/// meant, as `rust-toolchain.toml` does.
pub(crate) fn ensure(workspace: &Workspace<'_>) -> Result<(), Error> {
    let (target, dir) = (workspace.target, workspace.dir);
    if is_installed(target, dir)? {
        return Ok(());
    }
    let triple = target.triple();
    say(workspace.caller, &format!("the Rust target {triple} is missing: running `rustup target add {triple}`"));
    let added = Command::new("rustup").args(["target", "add", triple]).current_dir(dir).output();
    match added {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Error::NoRustup { target: triple }),
        Err(source) => Err(Error::Run { program: "rustup".to_owned(), source }),
        Ok(run) if run.status.success() => Ok(()),
        Ok(run) => {
            Err(Error::NoTarget { target: triple, output: String::from_utf8_lossy(&run.stderr).trim().to_owned() })
        }
    }
}

/// Cargo shows a build script's warnings also where the build succeeds.
#[allow(clippy::print_stdout, clippy::print_stderr, reason = "a build script speaks to cargo on stdout")]
fn say(caller: Caller, message: &str) {
    match caller {
        Caller::BuildScript => println!("cargo::warning={message}"),
        // A closed stderr must not end the build.
        Caller::Person => drop(writeln!(std::io::stderr(), "note: {message}")),
    }
}

/// Whether the compiler finds a standard library for the target. It asks the compiler and not
/// rustup, because a distribution's packages bring the target without rustup.
fn is_installed(target: Target, dir: &Path) -> Result<bool, Error> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let run = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", target.triple()])
        .current_dir(dir)
        .output()
        .map_err(|source| Error::Run { program: rustc.to_string_lossy().into_owned(), source })?;
    let libraries = std::fs::read_dir(String::from_utf8_lossy(&run.stdout).trim());
    let is_std = |name: std::ffi::OsString| name.to_string_lossy().starts_with("libstd-");
    Ok(libraries.is_ok_and(|mut entries| entries.any(|e| e.is_ok_and(|e| is_std(e.file_name())))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_without_the_target_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        // The tests themselves were built by a toolchain that has these two.
        for target in [Target::Unknown, Target::Wasip2] {
            assert!(is_installed(target, Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap(), "{target:?}");
        }
        assert!(matches!(is_installed(Target::Unknown, &dir.path().join("none")), Err(Error::Run { .. })));
    }
}
