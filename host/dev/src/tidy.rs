//! What the tree looks like from outside: its top level, and modules that say what they are for.

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

/// Lines of the command line's sources that write to a stream by themselves. `host/cli/src/output.rs` does it
/// for all, so that a closed pipe never ends the program with a panic.
pub fn stray_prints(root: &Path) -> Vec<String> {
    const WRITES: [&str; 6] = ["println!", "print!(", "eprint!(", "dbg!(", "io::stdout", "io::stderr"];
    let cli = root.join("host/cli/src");
    let files = rust_files(&cli).into_iter().filter(|file| *file != cli.join("output.rs"));
    let lines = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let is_stray = |line: &&str| WRITES.iter().any(|write| line.contains(write));
        let stray = text.lines().filter(is_stray).map(|line| format!("{}: {}", file.display(), line.trim()));
        stray.collect::<Vec<_>>()
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
    fn one_module_of_the_command_line_prints() {
        assert_eq!(stray_prints(&crate::root()), Vec::<String>::new());
    }

    #[test]
    fn every_module_says_what_it_is_for() {
        let unexplained = unexplained_modules(&crate::root());
        assert_eq!(unexplained, Vec::<String>::new());
    }
}
