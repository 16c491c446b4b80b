//! Folders opened once, whole files replaced by rename, and locks that end with their process.

use crate::Error;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::Path;

/// Opens a folder, creating it where it is missing.
pub fn open_dir(path: &Path) -> Result<Dir, Error> {
    std::fs::create_dir_all(path).map_err(Error::file("create", path))?;
    Dir::open_ambient_dir(path, ambient_authority()).map_err(Error::file("open", path))
}

/// Replaces a file as a whole, so that a reader or the next start never sees half of it.
pub fn write_whole(dir: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}.tmp");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    dir.open_with(&temporary, &options)?.write_all(bytes)?;
    dir.rename(&temporary, dir, name)
}

/// A lock on a file, which the system lets go when its process ends, however that happens.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "closing the file ends the lock")] File);

impl Lock {
    /// The sole lock; `None` where another holds it.
    pub fn take(dir: &Dir, name: &str, shown: &Path) -> Result<Option<Self>, Error> {
        Self::hold(dir, name, shown, File::try_lock)
    }

    /// A lock that others may share; `None` where another holds the sole one.
    pub fn share(dir: &Dir, name: &str, shown: &Path) -> Result<Option<Self>, Error> {
        Self::hold(dir, name, shown, File::try_lock_shared)
    }

    fn hold(
        dir: &Dir,
        name: &str,
        shown: &Path,
        lock: impl FnOnce(&File) -> Result<(), TryLockError>,
    ) -> Result<Option<Self>, Error> {
        let path = shown.join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true);
        let file = dir.open_with(name, &options).map_err(Error::file("open", &path))?.into_std();
        match lock(&file) {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(Error::file("lock", path)(cause)),
        }
    }
}
