//! Finding a key by the end of its path, as a person would name it.

use super::Document;
use super::entries::Entry;
use super::key::{Form, Key};
use crate::read::nearest;

/// The entry that a name leads to.
#[derive(Debug)]
pub enum Found {
    /// Keys whose paths end so; a key that several blocks share is one hit.
    Keys(Vec<Hit>),
    /// Blocks with this `type`.
    Forms(Vec<(&'static Document, String, Form)>),
    /// Nothing, and the name that may have been meant.
    Nothing(Option<String>),
}

/// A key, and the places that it has.
#[derive(Debug)]
pub struct Hit {
    pub document: &'static Document,
    pub entry: Entry,
    /// The paths behind the first one.
    pub also: Vec<String>,
}

/// Looks for `sink.options.linger_ms`, `delivery.linger_ms`, `linger_ms`, or `cursor` as a `type`.
pub fn lookup(documents: &[&'static Document], name: &str) -> Found {
    let wanted: Vec<String> = segments(name);
    let entries =
        || documents.iter().flat_map(|document| document.entries().into_iter().map(|entry| (*document, entry)));
    let mut hits: Vec<Hit> = Vec::new();
    for (document, entry) in entries().filter(|(_, entry)| ends_with(&entry.path, &wanted)) {
        let same = |hit: &&mut Hit| is_same(hit.entry.key, entry.key);
        match hits.iter_mut().find(same) {
            Some(hit) if hit.entry.path != entry.path => hit.also.push(entry.path),
            Some(_) => {}
            None => hits.push(Hit { document, entry, also: Vec::new() }),
        }
    }
    // A whole path means that key, not those that end in it as well.
    if let Some(exact) = hits.iter().position(|hit| segments(&hit.entry.path).len() == wanted.len() && wanted.len() > 1)
    {
        hits = hits.into_iter().skip(exact).take(1).collect();
    }
    if !hits.is_empty() {
        return Found::Keys(hits);
    }
    let mut forms: Vec<(&'static Document, String, Form)> = Vec::new();
    for (document, entry) in entries() {
        let named = |form: &Form| form.name == name || form.alias == Some(name);
        for form in entry.key.takes.inner().forms().into_iter().filter(named) {
            if entry.key.name != "type" && !forms.iter().any(|(_, _, known)| *known == form) {
                forms.push((document, entry.path.clone(), form));
            }
        }
    }
    if !forms.is_empty() {
        return Found::Forms(forms);
    }
    let last = wanted.last().map_or("", String::as_str);
    let known: Vec<&str> = entries().map(|(_, entry)| entry.key.name).collect();
    Found::Nothing(nearest(last, &known))
}

/// The names of a path, without the numbers of a list's items.
fn segments(path: &str) -> Vec<String> {
    let name = |name: &str| name.split('[').next().unwrap_or_default().to_owned();
    path.split('.').map(name).filter(|name| !name.is_empty()).collect()
}

fn ends_with(path: &str, wanted: &[String]) -> bool {
    let path = segments(path);
    let fits = |(own, wanted): (&String, &String)| own == "NAME" || own.eq_ignore_ascii_case(wanted);
    // A name of the user's own is not what somebody looks for alone.
    let last = path.last().zip(wanted.last()).is_some_and(|(own, wanted)| own.eq_ignore_ascii_case(wanted));
    last && path.len() >= wanted.len() && path.iter().rev().zip(wanted.iter().rev()).all(fits)
}

fn is_same(one: &Key, other: &Key) -> bool {
    one.name == other.name && one.about == other.about
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{MANIFEST, POLICY};

    /// Paths of the hits, or what was found instead.
    fn found(name: &str) -> Vec<String> {
        match lookup(&[&MANIFEST, &POLICY], name) {
            Found::Keys(hits) => hits.into_iter().map(|hit| hit.entry.path).collect(),
            Found::Forms(forms) => forms.into_iter().map(|(_, path, form)| format!("{path} {}", form.name)).collect(),
            Found::Nothing(nearest) => vec![format!("nearest: {}", nearest.unwrap_or_default())],
        }
    }

    #[test]
    fn a_key_is_found_by_the_end_of_its_path() {
        for (name, paths) in [
            ("source.options.pagination.max_pages", vec!["source.options.pagination.max_pages"]),
            ("pagination.max_pages", vec!["source.options.pagination.max_pages"]),
            ("MAX_PAGES", vec!["source.options.pagination.max_pages"]),
            ("quality.checks[0].severity", vec!["quality.checks[].severity"]),
            ("checks.severity", vec!["quality.checks[].severity"]),
            ("tenants.sales.share", vec!["tenants.NAME.share"]),
            ("lookback", vec!["source.options.incremental.lookback", "source.options.slices.lookback"]),
            ("incremental.lookback", vec!["source.options.incremental.lookback"]),
            ("cursor", vec!["source.options.pagination cursor"]),
            ("min-rows", vec!["quality.checks min_rows"]),
            ("max_page", vec!["nearest: max_pages"]),
            ("incremental.lokback", vec!["nearest: lookback"]),
            ("qqqqqqqqqqqq", vec!["nearest: "]),
            ("", vec!["nearest: "]),
        ] {
            assert_eq!(found(name), paths, "{name}");
        }
    }

    #[test]
    fn a_key_of_several_blocks_is_one_hit() {
        let Found::Keys(hits) = lookup(&[&MANIFEST], "connection_type") else { panic!("no keys") };
        let [hit] = hits.as_slice() else { panic!("{} hits", hits.len()) };
        assert_eq!(hit.entry.path, "source.connection_type");
        assert_eq!(hit.also, ["sink.connection_type", "state.connection_type"]);
        let Found::Keys(hits) = lookup(&[&MANIFEST], "limits.memory") else { panic!("no keys") };
        assert_eq!(hits.len(), 1);
    }
}
