//! The files that `dpone plugin new` writes: the contract, the SDKs and the templates, as they are in the tree
//! when the host is built. A folder that is not there yet is left out.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Folders of the tree, and the path that each one's files have in the table.
const FOLDERS: [(&str, &str); 5] = [
    ("wit", "wit"),
    ("sdk/rust", "sdk/rust"),
    ("sdk/python", "sdk/python"),
    ("sdk/javascript", "sdk/javascript"),
    ("sdk/template", "template"),
];

/// Tests, and what builds and tools leave behind. `build` is no litter: it is a module of both
/// script SDKs.
const LITTER: [&str; 8] =
    ["tests", "test", "target", "node_modules", "__pycache__", "dist", "venv", "package-lock.json"];

/// Writes `kit.rs`, a table of paths and contents.
pub fn embed(root: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let made = out.join("kit");
    std::fs::create_dir_all(&made)?;
    let workspace = std::fs::read_to_string(root.join("Cargo.toml"))?;
    let mut table = String::from("&[\n");
    for (folder, prefix) in FOLDERS {
        let dir = root.join(folder);
        if !dir.is_dir() {
            continue;
        }
        if prefix == "template" {
            // As a whole, so that a language that is new here is noticed, and its SDK with it.
            println!("cargo::rerun-if-changed={}", dir.display());
        }
        for file in files(&dir, true)? {
            let path = format!("{prefix}/{}", slashed(file.strip_prefix(&dir)?));
            let source = match path.as_str() {
                "sdk/rust/Cargo.toml" => {
                    let text = stand_alone(&std::fs::read_to_string(&file)?, &workspace)?;
                    written(&made.join("Cargo.toml"), &text)?
                }
                "sdk/rust/src/bindings.rs" => {
                    let text = beside_the_contract(&std::fs::read_to_string(&file)?)?;
                    written(&made.join("bindings.rs"), &text)?
                }
                _ => file,
            };
            writeln!(table, "    ({path:?}, include_bytes!({:?})),", source.display().to_string())?;
        }
    }
    table.push_str("]\n");
    std::fs::write(out.join("kit.rs"), table)?;
    Ok(())
}

/// The files below a folder, sorted. Cargo watches the entries of its first level, not the folder
/// itself, because tools write their own files there.
fn files(dir: &Path, is_top: bool) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut entries = std::fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let is_dir = path.is_dir();
        let is_litter = LITTER.contains(&name.as_str()) || name.ends_with(".egg-info") || name.ends_with(".pyc");
        if is_litter || is_dir && name.starts_with('.') {
            continue;
        }
        if is_top {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        if is_dir {
            found.extend(files(&path, false)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// The SDK's Cargo.toml with what it inherits from the workspace written out.
fn stand_alone(text: &str, workspace: &str) -> Result<String, Box<dyn Error>> {
    let (mut out, mut section) = (String::new(), "");
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        }
        // The workspace's lints are for those who work on the SDK.
        if section == "[lints]" {
            continue;
        }
        match line.strip_suffix(".workspace = true") {
            None => out.push_str(line),
            Some(key) => {
                let table = if section == "[package]" { "[workspace.package]" } else { "[workspace.dependencies]" };
                let value =
                    value(workspace, table, key).ok_or_else(|| format!("Cargo.toml has no {key} in {table}"))?;
                write!(out, "{key} = {value}")?;
            }
        }
        out.push('\n');
    }
    if out.contains("workspace = ") || out.contains(".workspace") {
        return Err("sdk/rust/Cargo.toml inherits in a way that is not understood here".into());
    }
    Ok(out)
}

/// The value of a key that stands on one line of a table, without the comment behind it.
fn value<'a>(text: &'a str, table: &str, key: &str) -> Option<&'a str> {
    let lines = text.lines().skip_while(|line| *line != table).skip(1).take_while(|line| !line.starts_with('['));
    let mut values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    values.next().map(|value| value.split(" # ").next().unwrap_or(value).trim())
}

/// In a project the contract lies beside the SDK, not two folders above it.
fn beside_the_contract(text: &str) -> Result<String, Box<dyn Error>> {
    let moved = text.replace("path: \"../../wit\"", "path: \"../wit\"");
    if moved == text || moved.contains("../../wit") {
        return Err("sdk/rust/src/bindings.rs names the contract's folder in a way that is not understood here".into());
    }
    Ok(moved)
}

fn written(path: &Path, text: &str) -> Result<PathBuf, Box<dyn Error>> {
    std::fs::write(path, text)?;
    Ok(path.to_owned())
}

fn slashed(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
