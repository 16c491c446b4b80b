//! Where compiled components lie, and what was pulled from registries: one folder for all working folders of
//! a user, so that a component is compiled once.
//!
//! `DPONE_CACHE_DIR` names it; else it is `dpone` under `XDG_CACHE_HOME`, or `~/.cache/dpone`. Native code is
//! loaded from it, so it must be writable by this user alone: a folder that was chosen and is not is refused;
//! one that nobody chose is left alone, and the working folder's `.dpone/cache` takes its place.

use crate::artifact::io_report;
use crate::folders::{create_private, open_dir};
use cap_std::fs::{Dir, MetadataExt};
use dpone_model::{Report, codes};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The folder of compiled and pulled components.
pub struct CacheFolder {
    pub dir: Dir,
    pub path: PathBuf,
}

/// Where it is to be, as the environment says.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// `DPONE_CACHE_DIR`.
    Named(PathBuf),
    /// The user's own.
    Users(PathBuf),
    /// The environment knows no home.
    Nowhere,
}

impl CacheFolder {
    /// Opens it, made (0700) where it is missing. `own` is the working folder's.
    ///
    /// # Errors
    /// DP1009 where the folder that was named could be written by another user, DP1004 where it cannot be
    /// opened or made.
    pub fn open(own: &Path) -> Result<Self, Report> {
        match choose(&|name| std::env::var_os(name)) {
            Choice::Named(path) => Self::at(&path),
            Choice::Users(path) => Self::at(&path).or_else(|report| {
                tracing::warn!("{}; {} is used instead", report.message(), own.display());
                Self::at(own)
            }),
            Choice::Nowhere => {
                tracing::debug!("neither XDG_CACHE_HOME nor HOME is set: compiled plugins lie in {}", own.display());
                Self::at(own)
            }
        }
    }

    fn at(path: &Path) -> Result<Self, Report> {
        create_private(path)?;
        let dir = open_dir(path)?;
        // Of the folder that was opened: its name may lead elsewhere by now.
        let opened = dir.dir_metadata().map_err(|cause| io_report(path, &cause))?;
        if let Some(why) = unsafe_because(opened.mode(), opened.uid(), rustix::process::geteuid().as_raw()) {
            let message = format!("the cache of compiled plugins {} {why}", path.display());
            // Another owner or mode would not undo what others may have put there.
            return Err(Report::new(&codes::disk::SHARED_CACHE, message)
                .hint("remove the folder, or name another one in DPONE_CACHE_DIR"));
        }
        Ok(Self { dir, path: path.to_owned() })
    }
}

/// As the XDG Base Directory Specification says: an empty or relative path counts as none.
fn choose(env: &dyn Fn(&str) -> Option<OsString>) -> Choice {
    let set = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let absolute = |name: &str| set(name).filter(|path| path.is_absolute());
    match (set("DPONE_CACHE_DIR"), absolute("XDG_CACHE_HOME"), absolute("HOME")) {
        (Some(named), ..) => Choice::Named(named),
        (None, Some(cache), _) => Choice::Users(cache.join("dpone")),
        (None, None, Some(home)) => Choice::Users(home.join(".cache/dpone")),
        (None, None, None) => Choice::Nowhere,
    }
}

/// The owner of a folder may change its files; so may its group and others where the mode lets them.
fn unsafe_because(mode: u32, owner: u32, me: u32) -> Option<String> {
    if owner != me {
        return Some(format!("belongs to the user {owner}, and this process runs as {me}"));
    }
    (mode & 0o022 != 0).then(|| format!("may be written by others (mode {:o})", mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_environment_says_where_it_is() {
        let users = |path: &str| Choice::Users(path.into());
        let rows: [(&[(&str, &str)], Choice); 8] = [
            (&[("DPONE_CACHE_DIR", "there"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")], Choice::Named("there".into())),
            (&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")], users("/x/dpone")),
            (&[("HOME", "/h")], users("/h/.cache/dpone")),
            (&[("DPONE_CACHE_DIR", ""), ("XDG_CACHE_HOME", ""), ("HOME", "/h")], users("/h/.cache/dpone")),
            (&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")], users("/h/.cache/dpone")),
            (&[("HOME", "relative")], Choice::Nowhere),
            (&[("HOME", "")], Choice::Nowhere),
            (&[], Choice::Nowhere),
        ];
        for (variables, choice) in rows {
            let env = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            assert_eq!(choose(&env), choice, "{variables:?}");
        }
    }

    #[test]
    fn what_another_user_could_write_is_refused() {
        for (mode, owner, is_safe) in [
            (0o40700, 7, true),
            (0o40755, 7, true),
            (0o40770, 7, false),
            (0o40702, 7, false),
            (0o41777, 7, false),
            (0o40700, 0, false),
            (0o40700, 8, false),
        ] {
            assert_eq!(unsafe_because(mode, owner, 7).is_none(), is_safe, "{mode:o} of {owner}");
        }
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("new/cache");
        assert!(CacheFolder::at(&path).is_ok());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        let report = CacheFolder::at(&path).err().unwrap();
        assert_eq!(report.code().id, "DP1009", "{report}");
    }
}
