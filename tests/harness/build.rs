//! Builds `tests/components` and writes the table that `components` includes.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a build script speaks to cargo on stdout")]

use dpone_guests::{Built, Caller, Packages, Target, Workspace};
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Those that need the standard library's world; the others have no import but dpone's own.
const WASIP2: [&str; 3] = ["lookup", "mask-email", "sleeper"];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("the tests' components could not be built: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).ok_or("this is no build script of cargo");
    let root = variable("CARGO_MANIFEST_DIR")?.join("../..").canonicalize()?;
    let out = variable("OUT_DIR")?;
    let components = root.join("tests/components");
    let names = watch(&root, &components)?;
    let others: Vec<&str> = names.iter().map(String::as_str).filter(|n| !WASIP2.contains(n)).collect();

    let guests = out.join("components");
    let mut built = Vec::new();
    for (target, packages) in [(Target::Unknown, others.as_slice()), (Target::Wasip2, &WASIP2)] {
        let packages = Packages::Named(packages);
        let workspace = Workspace { dir: &components, out: &guests, target, packages, caller: Caller::BuildScript };
        built.extend(dpone_guests::build_workspace(&workspace)?);
    }
    built.sort_by(|a, b| a.name.cmp(&b.name));
    std::fs::write(out.join("components.rs"), constants(&built)?)?;
    Ok(())
}

/// Watches what the components are made of, and returns their names.
fn watch(root: &Path, components: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    // The SDK inherits its version and that of the bindings from the workspace's own Cargo.toml.
    let mut paths = vec![root.join("Cargo.toml"), root.join("wit")];
    paths.extend(dpone_guests::crate_sources(&root.join("sdk/rust")));
    paths.extend([components.join("Cargo.toml"), components.join("Cargo.lock")]);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(components)? {
        let dir = entry?.path();
        if dir.join("Cargo.toml").is_file() {
            names.extend(dir.file_name().map(|n| n.to_string_lossy().into_owned()));
            paths.extend(dpone_guests::crate_sources(&dir));
        }
    }
    for path in paths {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    names.sort();
    Ok(names)
}

/// One constant for each, so that a test that names one that is gone does not compile.
fn constants(built: &[Built]) -> Result<String, std::fmt::Error> {
    let mut source = String::new();
    let mut all = String::new();
    for Built { name, path, .. } in built {
        let constant = name.to_uppercase().replace('-', "_");
        writeln!(source, "/// `tests/components/{name}`")?;
        writeln!(source, "pub const {constant}: &str = {:?};", path.display().to_string())?;
        write!(all, "({name:?}, {constant}), ")?;
    }
    writeln!(source, "/// All of them: name and file.")?;
    writeln!(source, "pub const ALL: &[(&str, &str)] = &[{all}];")?;
    Ok(source)
}
