//! Developer tasks as functions: what `cargo dev check` and the tests of this crate ask of the tree.

pub mod layering;
pub mod licences;
pub mod tidy;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// `cargo metadata` of the workspace, or of the one in `folder` below it.
pub fn metadata(folder: &str, with_dependencies: bool) -> Result<Value, String> {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    command.args(["metadata", "--format-version", "1", "--locked"]).current_dir(root().join(folder));
    if !with_dependencies {
        command.arg("--no-deps");
    }
    let output = command.output().map_err(|cause| format!("cargo metadata: {cause}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|cause| format!("cargo metadata: {cause}"))
}
