//! The host's own folders, opened once, here at the edge; everything below works relative to them.

use crate::artifact::io_report;
use crate::cache::CacheFolder;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use dpone_model::Report;
use std::path::{Path, PathBuf};

/// `.dpone` under the working directory, and what is in it.
pub struct Folders {
    /// The working directory: manifests, profiles and artifacts are named relative to it.
    pub workdir: PathBuf,
    root: Dir,
    root_path: PathBuf,
}

impl Folders {
    /// Creates `.dpone` (0700) where it is missing.
    pub fn open(workdir: &Path) -> Result<Self, Report> {
        let root_path = workdir.join(".dpone");
        create_private(&root_path)?;
        let root = open_dir(&root_path)?;
        Ok(Self { workdir: workdir.to_owned(), root, root_path })
    }

    /// A folder below `.dpone`, created (0700) where it is missing.
    pub fn below(&self, name: &str) -> Result<Dir, Report> {
        create_private(&self.root_path.join(name))?;
        self.root.open_dir(name).map_err(|cause| io_report(&self.root_path.join(name), &cause))
    }

    /// Compiled and pulled components, of all working folders of the user.
    pub fn cache(&self) -> Result<CacheFolder, Report> {
        CacheFolder::open(&self.root_path.join("cache"))
    }

    /// Where the SQLite library wants a path.
    pub fn path_below(&self, name: &str) -> PathBuf {
        self.root_path.join(name)
    }
}

pub(crate) fn create_private(path: &Path) -> Result<(), Report> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path).map_err(|cause| io_report(path, &cause))
}

pub(crate) fn open_dir(path: &Path) -> Result<Dir, Report> {
    Dir::open_ambient_dir(path, ambient_authority()).map_err(|cause| io_report(path, &cause))
}
