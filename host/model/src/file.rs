//! Reading a small file whole, whoever put it there: the one thing in this room that touches the disk, since
//! every room above reads files in the same way.
//!
//! A pipe that nobody writes to is not waited for, a device is not read, and no more than a bound comes into
//! memory, however long the file says it is.

use crate::human::bytes;
use rustix::fs::OFlags;
use std::fmt;
use std::fs::{File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// A manifest, a connections file, a policy and their like.
pub const MAX_TEXT_BYTES: u64 = 1 << 20;
/// A compiled component; one language's interpreter and standard library are some 40 MB.
pub const MAX_COMPONENT_BYTES: u64 = 128 << 20;
/// All certificates of a system are some 300 kB.
pub const MAX_CERTIFICATES_BYTES: u64 = 8 << 20;
/// A run's report about itself: it may have an entry for each of 100,000 slices.
pub const MAX_REPORT_BYTES: u64 = 64 << 20;

/// Flags of open(2) with which no file keeps this process waiting: a pipe without a writer would.
pub const OPEN_FLAGS: i32 = OFlags::NONBLOCK.union(OFlags::CLOEXEC).union(OFlags::NOCTTY).bits() as i32;

/// Folders in which a process sees the files that it has open.
const OWN_FILES: [&str; 2] = ["/dev/fd", "/proc/self/fd"];

/// Why a file was not read. The message does not name the file.
#[derive(Debug)]
pub enum FileError {
    Io(io::Error),
    /// Something else than a regular file.
    Kind {
        kind: &'static str,
        limit: u64,
    },
    TooLarge {
        limit: u64,
    },
    NotUtf8,
}

impl FileError {
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io(cause) if cause.kind() == ErrorKind::NotFound)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(cause) => write!(f, "{cause}"),
            Self::Kind { kind, limit } => {
                write!(f, "it is {kind}; a regular file of at most {} is read here", bytes(*limit))
            }
            Self::TooLarge { limit } => write!(f, "it has more than {}, the most that is read here", bytes(*limit)),
            Self::NotUtf8 => write!(f, "it is not UTF-8"),
        }
    }
}

impl std::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

/// Opens a regular file to be read.
pub fn open(path: &Path, limit: u64) -> Result<File, FileError> {
    match OpenOptions::new().read(true).custom_flags(OPEN_FLAGS).open(path) {
        Ok(file) => regular(&file, limit).map(|()| file),
        // The kernel does not open a socket at all.
        Err(cause) => match std::fs::metadata(path).map(|found| found.file_type()) {
            Ok(found) if found.is_socket() => Err(FileError::Kind { kind: kind(found), limit }),
            _ => Err(cause.into()),
        },
    }
}

/// Reads a file of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_opened(open(path, limit)?, limit)
}

/// Reads what an operator names on the command line: a file as [`read`] does, or a pipe that this process was
/// started with, as `/dev/stdin` and `<(command)` are. A pipe that lies in a folder may be anybody's, and is
/// not waited for.
pub fn read_named(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let is_own = path == Path::new("/dev/stdin") || OWN_FILES.iter().any(|folder| path.starts_with(folder));
    if !is_own || !std::fs::metadata(path)?.file_type().is_fifo() {
        return read(path, limit);
    }
    // A writer that has come and gone is not waited for; one that is there is.
    let file = OpenOptions::new().read(true).custom_flags(OPEN_FLAGS).open(path)?;
    let flags = rustix::fs::fcntl_getfl(&file).map_err(io::Error::from)?;
    rustix::fs::fcntl_setfl(&file, flags.difference(OFlags::NONBLOCK)).map_err(io::Error::from)?;
    read_bounded(file, 0, limit)
}

/// The same as [`read`], of text.
pub fn read_text(path: &Path, limit: u64) -> Result<String, FileError> {
    String::from_utf8(read(path, limit)?).map_err(|_| FileError::NotUtf8)
}

/// Reads a file that was opened with [`OPEN_FLAGS`], in whichever folder.
pub fn read_opened(file: File, limit: u64) -> Result<Vec<u8>, FileError> {
    regular(&file, limit)?;
    let length = file.metadata()?.len();
    if length > limit {
        return Err(FileError::TooLarge { limit });
    }
    // It may grow while it is read.
    read_bounded(file, length, limit)
}

fn read_bounded(file: File, expected: u64, limit: u64) -> Result<Vec<u8>, FileError> {
    let mut content = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > limit { Err(FileError::TooLarge { limit }) } else { Ok(content) }
}

/// Refuses what is no regular file; `limit` is for the message.
pub fn regular(file: &File, limit: u64) -> Result<(), FileError> {
    let found = file.metadata()?.file_type();
    if found.is_file() { Ok(()) } else { Err(FileError::Kind { kind: kind(found), limit }) }
}

fn kind(found: FileType) -> &'static str {
    match found {
        _ if found.is_dir() => "a folder",
        _ if found.is_fifo() => "a named pipe",
        _ if found.is_char_device() => "a character device",
        _ if found.is_block_device() => "a block device",
        _ if found.is_socket() => "a socket",
        _ => "no file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_within_the_bound_is_read_and_nothing_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("text"), "abc").unwrap();
        std::fs::write(path("binary"), [0xff]).unwrap();
        std::fs::create_dir(path("folder")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path("zeros")).unwrap();
        std::os::unix::fs::symlink("pipe", path("link")).unwrap();
        std::os::unix::fs::symlink("text", path("fine")).unwrap();
        File::create(path("sparse")).unwrap().set_len(20 << 30).unwrap();
        for (name, says) in [
            ("pipe", "a named pipe; a regular file of at most 3 B"),
            ("link", "a named pipe"),
            ("socket", "a socket"),
            ("zeros", "a character device"),
            ("folder", "a folder"),
            ("sparse", "more than 3 B"),
            ("none", "No such file"),
        ] {
            let error = read(&path(name), 3).unwrap_err();
            assert!(error.to_string().contains(says), "{name}: {error}");
            assert_eq!(error.is_not_found(), name == "none", "{name}");
        }
        assert_eq!(read(&path("fine"), 3).unwrap(), b"abc");
        assert!(matches!(read(&path("fine"), 2), Err(FileError::TooLarge { limit: 2 })));
        assert!(matches!(read_text(&path("binary"), 3), Err(FileError::NotUtf8)));
        assert_eq!(read_text(&path("text"), 3).unwrap(), "abc");
    }

    #[test]
    fn an_operator_may_name_a_pipe_and_no_more_than_the_bound_is_read_of_it() {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        let dir = tempfile::tempdir().unwrap();
        let named = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &named, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        std::fs::write(dir.path().join("text"), "abc").unwrap();
        for (written, expected) in [("abc", Some("abc")), ("", Some("")), ("abcd", None), (&"x".repeat(1 << 17), None)]
        {
            let (reader, mut writer) = io::pipe().unwrap();
            let text = written.to_owned();
            // The reader leaves before the end of what is too long.
            let write = std::thread::spawn(move || drop(writer.write_all(text.as_bytes())));
            let path = format!("/dev/fd/{}", reader.as_raw_fd());
            let result = read_named(Path::new(&path), 3);
            drop(reader);
            write.join().unwrap();
            match expected {
                Some(expected) => assert_eq!(result.unwrap(), expected.as_bytes(), "{}", written.len()),
                None => assert!(matches!(result, Err(FileError::TooLarge { limit: 3 })), "{}", written.len()),
            }
        }
        assert!(read_named(&named, 3).unwrap_err().to_string().contains("a named pipe"));
        // What was written before is read, and nobody is waited for.
        let mut both = OpenOptions::new().read(true).write(true).open(&named).unwrap();
        both.write_all(b"abc").unwrap();
        let opened = OpenOptions::new().read(true).custom_flags(OPEN_FLAGS).open(&named).unwrap();
        drop(both);
        let path = format!("/proc/self/fd/{}", opened.as_raw_fd());
        assert_eq!(read_named(Path::new(&path), 3).unwrap(), b"abc");
        assert_eq!(read_named(&dir.path().join("text"), 3).unwrap(), b"abc");
        assert!(matches!(read_named(&dir.path().join("text"), 2), Err(FileError::TooLarge { .. })));
        for (path, says) in [(dir.path(), "a folder"), (Path::new("/dev/zero"), "a character device")] {
            assert!(read_named(path, 3).unwrap_err().to_string().contains(says), "{says}");
        }
        assert!(read_named(&dir.path().join("none"), 3).unwrap_err().is_not_found());
    }
}
