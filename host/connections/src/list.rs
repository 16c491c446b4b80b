//! The list that `connections list` shows: ids, kinds and places, never a value.

use crate::definition::Definition;
use crate::fields::{self, Kind, Origin};
use crate::profile::Profile;
use serde::Serialize;
use std::collections::BTreeMap;

/// One connection that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// As a manifest names it; from the environment in upper case, where the original is not known.
    pub id: String,
    /// `http`, `kafka`, `postgres` or `sqlite`; `unknown` where the variables that are set fit more than one.
    pub kind: &'static str,
    pub origin_note: String,
}

pub(crate) fn of_profile(profile: &Profile) -> Vec<Listed> {
    let one = |(id, name, definition): (&str, &str, &Definition)| {
        let origin = Origin::Profile { name: name.to_owned(), place: definition.place.clone() };
        Listed { id: id.to_owned(), kind: definition.kind.name(), origin_note: origin.to_string() }
    };
    profile.definitions().map(one).collect()
}

pub(crate) fn of_file(definitions: BTreeMap<String, Definition>) -> Vec<Listed> {
    let one = |(id, definition): (String, Definition)| {
        let origin_note = Origin::File { place: definition.place }.to_string();
        Listed { id, kind: definition.kind.name(), origin_note }
    };
    definitions.into_iter().map(one).collect()
}

/// Groups `DPONE_CONN_<ID>_<FIELD>` by id.
pub(crate) fn of_env(names: &[String]) -> Vec<Listed> {
    let mut by_id: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
    for name in names {
        let Some(rest) = name.strip_prefix("DPONE_CONN_") else { continue };
        if let Some((id, field)) = split_field(rest) {
            by_id.entry(id).or_default().push(field);
        }
    }
    let one = |(id, set): (&str, Vec<&'static str>)| Listed {
        id: id.to_owned(),
        kind: kind_of(&set).map_or("unknown", Kind::name),
        origin_note: Origin::Env { prefix: format!("DPONE_CONN_{id}_") }.to_string(),
    };
    by_id.into_iter().map(one).collect()
}

/// Ids and fields both hold underscores, so the longest known field at the end is the field.
pub(crate) fn split_field(rest: &str) -> Option<(&str, &'static str)> {
    let all = Kind::ALL.into_iter().flat_map(|kind| fields::known(kind).iter().copied());
    let split = |field: &'static str| {
        let cut = rest.len().checked_sub(field.len() + 1)?;
        let (id, suffix) = (rest.get(..cut)?, rest.get(cut + 1..)?);
        let fits = !id.is_empty() && rest.as_bytes().get(cut) == Some(&b'_') && suffix.eq_ignore_ascii_case(field);
        fits.then_some((id, field))
    };
    all.filter_map(split).max_by_key(|(_, field)| field.len())
}

/// The one kind that knows every field that is set.
fn kind_of(set: &[&str]) -> Option<Kind> {
    let mut fitting = Kind::ALL.into_iter().filter(|kind| set.iter().all(|field| fields::known(*kind).contains(field)));
    let first = fitting.next();
    fitting.next().map_or(first, |_| None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_grouped_by_id_and_kind() {
        let names = [
            "DPONE_CONN_EXAMPLE_API_BASE_URL",
            "DPONE_CONN_EXAMPLE_API_API_KEY",
            "DPONE_CONN_KC_SASL_USERNAME",
            "DPONE_CONN_KC_BOOTSTRAP_SERVERS",
            "DPONE_CONN_PG_HOST",
            "DPONE_CONN_X_USERNAME",
            "PATH",
            "DPONE_CONN_Y",
        ];
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let listed: Vec<_> = of_env(&names).into_iter().map(|entry| (entry.id, entry.kind)).collect();
        let expected = [
            ("EXAMPLE_API".to_owned(), "http"),
            ("KC".to_owned(), "kafka"),
            ("PG".to_owned(), "postgres"),
            ("X".to_owned(), "unknown"),
        ];
        assert_eq!(listed, expected);
    }
}
