//! The catalog of error codes: one file an area, one place for code, exit code and explanation.

pub mod connection;
pub mod delivery;
pub mod disk;
pub mod internal;
pub mod interrupted;
pub mod manifest;
pub mod plugin;
pub mod policy;
pub mod quality;
pub mod review;
pub mod schema;
pub mod source;
pub mod state;
pub mod usage;

use crate::Code;

/// All codes, by area.
pub fn all() -> impl Iterator<Item = &'static Code> {
    [
        usage::ALL,
        manifest::ALL,
        connection::ALL,
        plugin::ALL,
        policy::ALL,
        source::ALL,
        delivery::ALL,
        schema::ALL,
        quality::ALL,
        state::ALL,
        review::ALL,
        disk::ALL,
        internal::ALL,
        interrupted::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The entry of a code such as `DP0203`, in either case.
pub fn find(id: &str) -> Option<&'static Code> {
    all().find(|code| code.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_unique_well_formed_and_explained() {
        let mut seen = HashSet::new();
        for code in all() {
            assert!(seen.insert(code.id), "{} occurs twice", code.id);
            let digits = code.id.strip_prefix("DP").unwrap();
            assert!(digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()), "{}", code.id);
            assert_eq!(crate::Exit::of_code(code.exit as u8), Some(code.exit), "{}: its exit is not in `ALL`", code.id);
            assert!(code.page.len() > 40, "{} has no page", code.id);
            assert!(!code.title.ends_with('.'), "{}: a title is a fragment", code.id);
        }
    }
}
