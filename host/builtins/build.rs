//! Builds `plugins/*`, collects the SDKs and templates of `dpone plugin new`, and writes the tables
//! that the library includes.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a build script speaks to cargo on stdout")]

#[path = "build/kit.rs"]
mod kit;

use dpone_guests::{Built, Caller, Packages, Target, Workspace};
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("what dpone carries could not be built: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).ok_or("this is no build script of cargo");
    let root = variable("CARGO_MANIFEST_DIR")?.join("../..").canonicalize()?;
    let out = variable("OUT_DIR")?;
    let plugins = root.join("plugins");
    watch(&root, &plugins)?;

    let guests = out.join("plugins");
    let workspace = Workspace {
        dir: &plugins,
        out: &guests,
        target: Target::Unknown,
        packages: Packages::All,
        caller: Caller::BuildScript,
    };
    let built = dpone_guests::build_workspace(&workspace)?;
    dpone_guests::demand_own_imports(&built)?;
    std::fs::write(out.join("builtins.rs"), table(&built)?)?;
    kit::embed(&root, &out)
}

/// Everything that the components are made of, and nothing that a build writes.
fn watch(root: &Path, plugins: &Path) -> Result<(), Box<dyn Error>> {
    // The SDK inherits its version and that of the bindings from the workspace's own Cargo.toml.
    let mut paths = vec![root.join("Cargo.toml"), root.join("wit")];
    paths.extend(dpone_guests::crate_sources(&root.join("sdk/rust")));
    paths.extend([plugins.join("Cargo.toml"), plugins.join("Cargo.lock")]);
    for entry in std::fs::read_dir(plugins)? {
        let dir = entry?.path();
        if dir.join("Cargo.toml").is_file() {
            paths.extend(dpone_guests::crate_sources(&dir));
        }
    }
    for path in paths {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    Ok(())
}

fn table(built: &[Built]) -> Result<String, std::fmt::Error> {
    let mut source = String::from("&[\n");
    for Built { name, path, .. } in built {
        writeln!(source, "    Builtin {{ name: {name:?}, bytes: include_bytes!({:?}) }},", path.display().to_string())?;
    }
    source.push_str("]\n");
    Ok(source)
}
