//! Compiled plugins on disk, by digest and engine, and which options were found sound, under a keyed checksum.
//!
//! An entry is `dponeCC2`, 32 bytes HMAC-SHA256 over the entry's name and what follows, four bytes with
//! the milliseconds that compiling took, then the code.
//! The folder is shared by all processes of a user: an entry is written beside its name and renamed.
//! The key is made once and lies beside the entries, readable by the user alone. An entry that
//! does not fit is removed and the plugin is compiled anew. So is a key or an entry that another user
//! owns or may write, however it came into the folder: its code would run with this user's rights.

use crate::error::Error;
use crate::trusted::OwnCode;
use cap_std::fs::{Dir, File, MetadataExt, OpenOptions, OpenOptionsExt};
use dpone_model::codes;
use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::{Mode, OFlags, fchmod};
use sha2::Sha256;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, SystemTime};

const MAGIC: &[u8; 8] = b"dponeCC2";
const TAG_BYTES: usize = 32;
const TIME_BYTES: usize = 4;
/// A whole block of SHA-256, so that the key goes into the HMAC as it is.
const KEY_BYTES: usize = 64;
const KEY_FILE: &str = "key";
const KEY_ATTEMPTS: usize = 8;
/// Modes with which another user could change a file, or read it, too.
const OTHERS_WRITE: u32 = 0o022;
const OTHERS_READ_OR_WRITE: u32 = 0o077;
/// Entries beyond this many are removed, those first that were used longest ago.
const MAX_ENTRIES: usize = 256;
/// The same for options that were judged; such an entry has less than 100 bytes.
const MAX_SOUND: usize = 4096;
/// How exactly it is known when an entry was used.
const TOUCHED_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The folder of compiled plugins.
pub(crate) struct Cache {
    dir: Dir,
    max_code_bytes: u64,
}

impl Cache {
    pub fn new(dir: Dir, max_code_bytes: u64) -> Self {
        Self { dir, max_code_bytes }
    }

    /// The code of a component and how many milliseconds it took to compile, if it is there and
    /// untouched.
    pub fn get(&self, name: &str) -> Result<Option<(OwnCode, u32)>, Error> {
        let Some(entry) = self.read(name).map_err(Error::CacheIo)? else { return Ok(None) };
        let key = self.key().map_err(Error::CacheIo)?;
        match verified(&key, name, entry) {
            Some((code, compile_ms)) => Ok(Some((OwnCode::vouched(code), compile_ms))),
            None => {
                self.discard(name);
                Ok(None)
            }
        }
    }

    /// Keeps code that the compile child made.
    pub fn put(&self, name: &str, code: &OwnCode, compile_ms: u32) -> Result<(), Error> {
        self.write(name, code.bytes(), compile_ms).map_err(Error::CacheIo)
    }

    /// Whether options with this digest were found sound.
    pub fn has_sound(&self, digest: &str) -> Result<bool, Error> {
        let name = format!("{digest}{SOUND_SUFFIX}");
        let Some(entry) = self.read(&name).map_err(Error::CacheIo)? else { return Ok(false) };
        let key = self.key().map_err(Error::CacheIo)?;
        let is_sound = verified(&key, &name, entry).is_some();
        if !is_sound {
            self.discard(&name);
        }
        Ok(is_sound)
    }

    /// Keeps that options with this digest are sound. The entry's name says it all.
    pub fn put_sound(&self, digest: &str) -> Result<(), Error> {
        self.write(&format!("{digest}{SOUND_SUFFIX}"), &[], 0).map_err(Error::CacheIo)
    }

    /// Removes an entry that does not fit, with a warning.
    pub fn discard(&self, name: &str) {
        let code = codes::plugin::CACHE.id;
        tracing::warn!(code, entry = name, "a compiled plugin in the cache is damaged; it is compiled anew");
        // A second process may have removed it first.
        let _ = self.dir.remove_file(name);
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match self.own_file(name, OTHERS_WRITE) {
            Ok(Some(file)) => file,
            Ok(None) => {
                self.discard(name);
                return Ok(None);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let limit = self.max_code_bytes.saturating_add((MAGIC.len() + TAG_BYTES + TIME_BYTES) as u64);
        let found = file.metadata()?;
        let size = found.len().min(limit);
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        let mut file = file.into_std().take(limit);
        file.read_to_end(&mut bytes)?;
        // Entries in use stay: the oldest go first. Best effort, and not at each start.
        let now = SystemTime::now();
        if found.modified().is_ok_and(|at| now.duration_since(at.into_std()).is_ok_and(|age| age > TOUCHED_AFTER)) {
            let _ = file.get_ref().set_modified(now);
        }
        Ok(Some(bytes))
    }

    /// Opens a regular file of this user's; none for another kind of file, another owner, or a mode with
    /// one of the bits of `refused`. A pipe is not waited for.
    fn own_file(&self, name: &str, refused: u32) -> io::Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let file = self.dir.open_with(name, &options)?;
        let found = file.metadata()?;
        let is_own = found.is_file() && found.uid() == rustix::process::geteuid().as_raw();
        Ok((is_own && found.mode() & refused == 0).then_some(file))
    }

    fn write(&self, name: &str, code: &[u8], compile_ms: u32) -> io::Result<()> {
        let key = self.key()?;
        let time = compile_ms.to_le_bytes();
        let mut file = cap_tempfile::TempFile::new(&self.dir)?;
        // Whatever the umask is, nobody else may write it.
        fchmod(file.as_file(), Mode::RUSR | Mode::WUSR)?;
        file.write_all(MAGIC)?;
        file.write_all(&tag(&key, name, &time, code).finalize().into_bytes())?;
        file.write_all(&time)?;
        file.write_all(code)?;
        file.replace(name)?;
        for (suffix, max) in [(SUFFIX, MAX_ENTRIES), (SOUND_SUFFIX, MAX_SOUND)] {
            if name.ends_with(suffix) {
                self.prune(suffix, max);
            }
        }
        Ok(())
    }

    /// The cache's own key; made by whoever comes first, and nobody replaces it.
    fn key(&self) -> io::Result<[u8; KEY_BYTES]> {
        for _ in 0..KEY_ATTEMPTS {
            match self.read_key()? {
                Some(key) => return Ok(key),
                None => self.make_key()?,
            }
        }
        Err(io::Error::other("its key is taken away as often as it is made"))
    }

    fn read_key(&self) -> io::Result<Option<[u8; KEY_BYTES]>> {
        let mut key = [0; KEY_BYTES];
        let read = match self.own_file(KEY_FILE, OTHERS_READ_OR_WRITE) {
            Ok(Some(mut file)) => file.read_exact(&mut key),
            Ok(None) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) => Err(error),
        };
        match read {
            Ok(()) => Ok(Some(key)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            // A torn key verifies nothing, and one that another user knows proves nothing. With a new one
            // the entries are compiled anew.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                self.dir.remove_file(KEY_FILE)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Several processes may fill one cache at once. The file gets its name when it is whole, and a name
    /// that is taken stays with the first: entries of the others are signed with that key, too.
    fn make_key(&self) -> io::Result<()> {
        let (mut key, mut suffix) = ([0; KEY_BYTES], [0; 8]);
        for random in [&mut key[..], &mut suffix[..]] {
            getrandom::fill(random).map_err(|error| io::Error::other(error.to_string()))?;
        }
        let scratch = format!("{KEY_FILE}.{}", hex::encode(suffix));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        self.dir.open_with(&scratch, &options)?.write_all(&key)?;
        let linked = self.dir.hard_link(&scratch, &self.dir, KEY_FILE);
        match linked {
            Ok(()) => self.dir.remove_file(&scratch),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.dir.remove_file(&scratch),
            // Some file systems have no links; of two first keys there, the later one stays.
            Err(_) => self.dir.rename(&scratch, &self.dir, KEY_FILE),
        }
    }

    /// Keeps the folder from growing with every new version of a plugin. Best effort: what cannot
    /// be removed now is removed another time.
    fn prune(&self, suffix: &str, max: usize) {
        let Ok(entries) = self.dir.entries() else { return };
        let mut aged: Vec<_> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().ends_with(suffix))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry)))
            .collect();
        aged.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
        for (_, entry) in aged.into_iter().skip(max) {
            let _ = entry.remove_file();
        }
    }
}

const SUFFIX: &str = ".cwasm";
const SOUND_SUFFIX: &str = ".sound";

/// The file name of a component's code for this engine.
pub(crate) fn entry_name(sha256: &str, compatibility: &str) -> String {
    format!("{sha256}-{compatibility}{SUFFIX}")
}

fn verified(key: &[u8; KEY_BYTES], name: &str, mut entry: Vec<u8>) -> Option<(Vec<u8>, u32)> {
    let rest = entry.strip_prefix(MAGIC)?;
    let (found, rest) = rest.split_at_checked(TAG_BYTES)?;
    let (time, code) = rest.split_first_chunk::<TIME_BYTES>()?;
    tag(key, name, time, code).verify_slice(found).ok()?;
    let compile_ms = u32::from_le_bytes(*time);
    entry.drain(..MAGIC.len() + TAG_BYTES + TIME_BYTES);
    Some((entry, compile_ms))
}

fn tag(key: &[u8; KEY_BYTES], name: &str, time: &[u8; TIME_BYTES], code: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new(key.into());
    // The name binds the code to its component; its length keeps the parts apart.
    mac.update(&(name.len() as u64).to_le_bytes());
    mac.update(name.as_bytes());
    mac.update(time);
    mac.update(code);
    mac
}
