//! Files and folders as the journal makes them: private, durable, inside one `Dir`.

use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, OpenOptions, OpenOptionsExt};
use dpone_model::file::{self, FileError};
use rustix::fs::FallocateFlags;
use std::fs::File;
use std::io::{self, Write};

/// Opens a folder, made with mode 0700 where it is missing.
pub fn folder(parent: &Dir, name: &str) -> io::Result<Dir> {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    match parent.create_dir_with(name, &builder) {
        Ok(()) => sync_folder(parent)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    parent.open_dir(name)
}

/// Makes names durable: those of files that were created, renamed or removed in this folder.
pub fn sync_folder(dir: &Dir) -> io::Result<()> {
    folder_handle(dir)?.sync_all()
}

/// A descriptor of the folder itself that can be synced.
pub fn folder_handle(dir: &Dir) -> io::Result<File> {
    dir.open(".").map(cap_std::fs::File::into_std)
}

/// Opens for reading and writing; created with mode 0600 where `create` says so.
pub fn open_rw(dir: &Dir, name: &str, create: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create).mode(0o600);
    regular(dir, name, options)
}

/// Opens for reading.
pub fn open_ro(dir: &Dir, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    regular(dir, name, options)
}

/// The content of a small file.
pub fn read(dir: &Dir, name: &str) -> io::Result<Vec<u8>> {
    file::read_opened(open_ro(dir, name)?, file::MAX_REPORT_BYTES).map_err(io_error)
}

/// Opens a regular file, and waits for nothing else that may stand in its place.
fn regular(dir: &Dir, name: &str, mut options: OpenOptions) -> io::Result<File> {
    options.custom_flags(file::OPEN_FLAGS);
    let file = dir.open_with(name, &options)?.into_std();
    file::regular(&file, file::MAX_REPORT_BYTES).map_err(io_error)?;
    Ok(file)
}

fn io_error(error: FileError) -> io::Error {
    match error {
        FileError::Io(cause) => cause,
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

/// Replaces a small file so that after a crash either the old or the new one is there.
pub fn replace(dir: &Dir, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}.tmp");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = dir.open_with(&temporary, &options)?.into_std();
    file.write_all(content)?;
    file.sync_all()?;
    dir.rename(&temporary, dir, name)?;
    sync_folder(dir)
}

/// Reserves blocks, so that a full disk shows here and not in the middle of a page.
pub fn preallocate(file: &File, bytes: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        // Some file systems cannot reserve; then the writes themselves find a full disk.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(bytes),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether a segment of that length may hold room beyond its pages: one that was preallocated is so many
/// whole blocks long, and one that was trimmed to its last page hardly ever is.
pub fn may_have_slack(bytes: u64) -> bool {
    const BLOCK: u64 = 4096;
    bytes > 0 && bytes.is_multiple_of(BLOCK)
}

/// Bytes that an ordinary user may still write on the folder's file system.
pub fn free_bytes(dir: &Dir) -> io::Result<u64> {
    let stat = rustix::fs::fstatvfs(folder_handle(dir)?)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Names in a folder, sorted.
pub fn names(dir: &Dir) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in dir.entries()? {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// `NotFound` is none.
pub fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// File name of a segment.
pub fn segment_name(number: u32) -> String {
    format!("{number:06}.seg")
}
