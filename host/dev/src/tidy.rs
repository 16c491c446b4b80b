//! The look of the tree from outside: its top level, and modules that say what they are for.

use std::path::{Path, PathBuf};

/// Names that may stand at the top level; dotfiles may, too.
const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "host",
    "wit",
    "plugins",
    "sdk",
    "tests",
    "README.md",
    "rust-toolchain.toml",
    "LICENSE",
    "target",
];

/// Top-level entries that the agreed layout does not have.
pub fn odd_entries(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str())).collect()
}

/// Rust files that do not open with a module comment.
pub fn unexplained_modules(root: &Path) -> Vec<String> {
    let files = ["host", "sdk", "plugins", "tests"].iter().flat_map(|folder| rust_files(&root.join(folder)));
    files
        .filter(|file| !std::fs::read_to_string(file).is_ok_and(|text| text.starts_with("//!")))
        .map(|file| file.display().to_string())
        .collect()
}

/// Sources that may write to a stream: the command line's one way out, through which all text is without
/// secrets and hidden characters; and those that speak to the process that started them, which reads it.
const SPEAKERS: [&str; 4] = [
    "host/cli/src/output.rs",
    "host/sandbox/src/compile.rs",
    "host/sandbox/src/judging.rs",
    "host/workers/src/worker.rs",
];

/// Lines of the program's sources that write to a stream by themselves, and so past what
/// `host/cli/src/output.rs` does for all: no secret, no control character, no panic at a closed pipe.
pub fn stray_prints(root: &Path) -> Vec<String> {
    const WRITES: [&str; 7] = ["println!", "print!(", "eprint!(", "dbg!(", "io::stdout", "io::stderr", "/dev/tty"];
    let rooms = std::fs::read_dir(root.join("host")).into_iter().flatten().flatten();
    // Developer tasks, and the kit that builds guests, are no part of a run.
    let rooms = rooms.filter(|room| !["dev", "guests"].map(Into::into).contains(&room.file_name()));
    let files = rooms.flat_map(|room| rust_files(&room.path().join("src")));
    let files = files.filter(|file| !SPEAKERS.iter().any(|speaker| *file == root.join(speaker)));
    let lines = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let is_comment = |line: &str| line.trim_start().starts_with("//");
        let is_stray = |line: &&str| !is_comment(line) && WRITES.iter().any(|write| line.contains(write));
        let stray = text.lines().filter(is_stray).map(|line| format!("{}: {}", file.display(), line.trim()));
        stray.collect::<Vec<_>>()
    };
    files.flat_map(lines).collect()
}

/// Lines that make text of others fit to be shown by rules of their own: `host/model` does it for all.
pub fn stray_filters(root: &Path) -> Vec<String> {
    const OWN: [&str; 3] = ["c.is_control()", "202a}'", "replace('\\u{"];
    // An excerpt of an answer joins its words at controls.
    const MAY: [&str; 3] = ["host/model", "host/egress/src/client.rs", "host/dev"];
    let files = rust_files(&root.join("host")).into_iter();
    let files = files.filter(|file| file.components().any(|part| part.as_os_str() == "src"));
    let files = files.filter(|file| !MAY.iter().any(|may| file.starts_with(root.join(may))));
    let lines = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let stray = code.lines().filter(|line| OWN.iter().any(|own| line.contains(own)));
        let stray = stray.filter(|line| !line.trim_start().starts_with("//"));
        stray.map(|line| format!("{}: {}", file.display(), line.trim())).collect::<Vec<_>>()
    };
    files.flat_map(lines).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_level_is_the_agreed_one() {
        assert_eq!(odd_entries(&crate::root()), Vec::<String>::new());
    }

    #[test]
    fn one_module_prints() {
        assert_eq!(stray_prints(&crate::root()), Vec::<String>::new());
    }

    #[test]
    fn one_room_says_what_may_be_shown() {
        assert_eq!(stray_filters(&crate::root()), Vec::<String>::new());
    }

    #[test]
    fn every_module_says_what_it_is_for() {
        let unexplained = unexplained_modules(&crate::root());
        assert_eq!(unexplained, Vec::<String>::new());
    }
}
