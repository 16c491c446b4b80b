//! Builds a workspace of guests into components: for the build scripts that embed or test them, and
//! for the command that builds a user's own.
//!
//! Cargo runs nested, with a target folder of its own: the outer cargo holds the lock of its
//! target folder until the build script returns, and the outer flags are not meant for wasm.
//! Guests are always built in release, for they are loaded in every run, also of a development
//! build of the host.

mod cargo;
mod component;
mod target;

pub use component::imports;
pub use target::Target;

use std::path::{Path, PathBuf};

/// The workspace to build.
#[derive(Debug, Clone)]
pub struct Workspace<'a> {
    /// The folder with the workspace's Cargo.toml and Cargo.lock.
    pub dir: &'a Path,
    /// Where cargo keeps what it compiled, and where the components go (`components/NAME.wasm`).
    pub out: &'a Path,
    pub target: Target,
    pub packages: Packages<'a>,
    pub caller: Caller,
}

/// The packages of a workspace that are built.
#[derive(Debug, Clone, Copy)]
pub enum Packages<'a> {
    /// Every member.
    All,
    /// These members.
    Named(&'a [&'a str]),
    /// The package whose Cargo.toml lies in the workspace's folder.
    Own,
}

/// The caller, which decides where cargo's words go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A build script: the lock file is kept as it is, and what cargo says is part of an error.
    BuildScript,
    /// A person: cargo writes a missing lock file, and speaks on stderr by itself.
    Person,
}

/// A component on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The package's name.
    pub name: String,
    pub path: PathBuf,
    /// Interfaces that it imports, such as `dpone:plugin/host@0.1.0`.
    pub imports: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "the Rust target {target} is missing and there is no rustup to add it: install rustup (https://rustup.rs), or the distribution's package with the standard library for {target}"
    )]
    NoRustup { target: &'static str },
    #[error("rustup could not add the target {target} (try `rustup target add {target}`): {output}")]
    NoTarget { target: &'static str, output: String },
    #[error("cannot run {program}: {source}")]
    Run { program: String, source: std::io::Error },
    #[error("cargo could not build the plugin in {dir}; what it said is above")]
    Failed { dir: PathBuf },
    #[error("cargo could not build the guests in {dir}:\n{output}")]
    Build { dir: PathBuf, output: String },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{name} does not make a component: {reason}")]
    Component { name: String, reason: String },
    #[error("{name} imports {import}; what is embedded may import nothing but dpone:plugin/*")]
    ForeignImport { name: String, import: String },
}

/// Builds the workspace and returns its components, sorted by name. Says so when it has to add a
/// wasm target.
pub fn build_workspace(workspace: &Workspace<'_>) -> Result<Vec<Built>, Error> {
    target::ensure(workspace)?;
    let components = workspace.out.join("components");
    std::fs::create_dir_all(&components).map_err(|source| Error::File { path: components.clone(), source })?;
    let mut built = cargo::build(workspace)?
        .into_iter()
        .map(|module| component::write(module, workspace.target, &components))
        .collect::<Result<Vec<_>, _>>()?;
    built.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(built)
}

/// Refuses components that ask for more than dpone's own interfaces.
pub fn demand_own_imports(built: &[Built]) -> Result<(), Error> {
    let foreign = |b: &Built| b.imports.iter().find(|i| !i.starts_with("dpone:plugin/")).cloned();
    match built.iter().find_map(|b| foreign(b).map(|import| (b, import))) {
        Some((built, import)) => Err(Error::ForeignImport { name: built.name.clone(), import }),
        None => Ok(()),
    }
}

/// The paths that a build script should watch for a crate: cargo walks a folder, so the crate's
/// folder itself would also watch what editors and tools leave there.
pub fn crate_sources(dir: &Path) -> [PathBuf; 2] {
    [dir.join("Cargo.toml"), dir.join("src")]
}
