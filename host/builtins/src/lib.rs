//! The binary's own components, those that dpone ships, built from `plugins/` by the build
//! script, and in [`project`] what new plugin projects are made of.
//!
//! Components are loaded through the same door as a user's own: this crate holds bytes, nothing more.

pub mod project;

/// A component that `builtin:NAME` in a manifest means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    pub name: &'static str,
    pub bytes: &'static [u8],
}

static BUILTINS: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

/// All of them, sorted by name.
pub fn all() -> &'static [Builtin] {
    BUILTINS
}

/// The component of that name.
pub fn get(name: &str) -> Option<&'static [u8]> {
    let at = BUILTINS.binary_search_by(|builtin| builtin.name.cmp(name)).ok()?;
    BUILTINS.get(at).map(|builtin| builtin.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plugin_folder_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins");
        let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
        let mut names: Vec<_> = entries
            .filter(|path| path.join("Cargo.toml").is_file())
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        assert_eq!(all().iter().map(|b| b.name).collect::<Vec<_>>(), names);
    }

    #[test]
    fn they_are_components() {
        // Magic, version 13, layer 1: what tells a component from a core module.
        for builtin in all() {
            assert_eq!(builtin.bytes.get(..8), Some(&b"\0asm\x0d\0\x01\0"[..]), "{}", builtin.name);
            assert_eq!(get(builtin.name), Some(builtin.bytes));
        }
        assert_eq!(get("no-such-plugin"), None);
    }
}
