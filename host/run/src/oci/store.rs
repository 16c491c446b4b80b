//! Components and their manifests on disk, by digest: `oci/sha256-…` under the cache folder. What was
//! pulled once needs no network again. Content is verified when it is read, too.

use super::error::Error;
use super::{MAX_COMPONENT_BYTES, sha256};
use cap_std::fs::Dir;
use std::io::{self, ErrorKind, Read, Write};

pub(super) struct Store {
    dir: Dir,
}

impl Store {
    pub fn open(cache: &Dir) -> Result<Self, Error> {
        let opened = cache.create_dir_all("oci").and_then(|()| cache.open_dir("oci"));
        opened.map(|dir| Self { dir }).map_err(Error::Cache)
    }

    /// The content of that digest, if it is there and whole.
    pub fn get(&self, digest: &str) -> Result<Option<Vec<u8>>, Error> {
        let name = file_name(digest);
        let Some(bytes) = self.read(&name).map_err(Error::Cache)? else { return Ok(None) };
        if sha256(&bytes) == digest {
            return Ok(Some(bytes));
        }
        tracing::warn!(entry = name, "a component in the cache is damaged; it is pulled anew");
        // A second process may have removed it first.
        let _ = self.dir.remove_file(&name);
        Ok(None)
    }

    /// Keeps content whose digest was verified; it is there as a whole or not at all.
    pub fn put(&self, digest: &str, bytes: &[u8]) -> Result<(), Error> {
        let written = || -> io::Result<()> {
            let mut file = cap_tempfile::TempFile::new(&self.dir)?;
            file.write_all(bytes)?;
            file.as_file().sync_data()?;
            file.replace(file_name(digest))
        };
        written().map_err(Error::Cache)
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match self.dir.open(name) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MAX_COMPONENT_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

/// Digests are 64 hexadecimal digits wherever they come from, so that no name leads elsewhere.
fn file_name(digest: &str) -> String {
    format!("sha256-{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_found_by_its_digest_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).unwrap();
        let store = Store::open(&cache).unwrap();
        let digest = sha256(b"component");
        assert!(store.get(&digest).unwrap().is_none());
        store.put(&digest, b"component").unwrap();
        assert_eq!(store.get(&digest).unwrap().as_deref(), Some(b"component".as_slice()));
        let path = folder.path().join("oci").join(format!("sha256-{digest}"));
        std::fs::write(&path, "c0mponent").unwrap();
        assert!(store.get(&digest).unwrap().is_none());
        assert!(!path.exists());
        assert_eq!(std::fs::read_dir(folder.path().join("oci")).unwrap().count(), 0, "nothing half written");
    }
}
