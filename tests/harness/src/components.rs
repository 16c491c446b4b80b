//! The components under `tests/components`, built from source by the build script: the file of
//! each as a constant (`components::ENVELOPE`), and [`ALL`] of them.

include!(concat!(env!("OUT_DIR"), "/components.rs"));

/// The file of the component of that name.
pub fn path(name: &str) -> Option<&'static std::path::Path> {
    ALL.iter().find(|(n, _)| *n == name).map(|(_, path)| std::path::Path::new(*path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_imports_what_its_target_says() {
        for (name, file) in ALL {
            let imports = dpone_guests::imports(&std::fs::read(file).unwrap()).unwrap();
            let has = |prefix: &str| imports.iter().any(|i| i.starts_with(prefix));
            let is_wasip2 = ["lookup", "mask-email", "sleeper"].contains(name);
            assert_eq!(has("wasi:"), is_wasip2, "{name}: {imports:?}");
            assert_eq!(has("evil:"), *name == "forbidden-import", "{name}: {imports:?}");
        }
        assert_eq!(path("envelope"), Some(std::path::Path::new(ENVELOPE)));
        assert_eq!(path("none"), None);
    }
}
