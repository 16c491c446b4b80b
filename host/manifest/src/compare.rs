//! In which keys two manifests differ, as they are written: variables are not filled in.

use crate::error::Problems;
use crate::substitute::Variables;
use crate::yaml::{self, Content, Key, Node, Position, Scalar};
use std::collections::BTreeSet;

/// A key whose value is another one, or that one of the two does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Dotted path: `source.options.url`, `transforms[0].uses`.
    pub key: String,
    /// Line and column, from 1, in the later manifest: of the key, or of the nearest one above it.
    pub position: (u64, u64),
    /// As it was written; none where the key is new.
    pub before: Option<String>,
    /// As it is written; none where the key is gone.
    pub after: Option<String>,
}

/// Every difference, in the order of the later manifest, then what is gone. Comments, the order of keys
/// and ways of quoting are none. Both texts are manifests that [`load`](crate::load) has read: of one that
/// is no YAML, nothing is known to be the same.
pub fn differences(before: &[u8], after: &[u8]) -> Vec<Difference> {
    let tree = |text: &[u8]| yaml::parse(text, &Variables::none(), &Problems::new("", "the manifest"));
    let mut found = Vec::new();
    match (tree(before), tree(after)) {
        (Some(before), Some(after)) => compare(&before, &after, "", after.position, &mut found),
        (before, after) if before.is_none() && after.is_none() => {}
        (before, after) => found.push(Difference {
            key: String::new(),
            position: (1, 1),
            before: before.as_ref().map(shown),
            after: after.as_ref().map(shown),
        }),
    }
    found
}

fn compare(before: &Node, after: &Node, key: &str, position: Position, found: &mut Vec<Difference>) {
    match (&before.content, &after.content) {
        (Content::Map(before), Content::Map(after)) => maps(before, after, key, position, found),
        (Content::List(before), Content::List(after)) => lists(before, after, key, position, found),
        (Content::Scalar(before), Content::Scalar(after)) if written(before) == written(after) => {}
        _ => found.push(difference(key, position, Some(before), Some(after))),
    }
}

fn maps(before: &[(Key, Node)], after: &[(Key, Node)], key: &str, above: Position, found: &mut Vec<Difference>) {
    let path = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    let names: BTreeSet<&str> = after.iter().map(|(key, _)| key.name.as_str()).collect();
    for (key, node) in after {
        match before.iter().find(|(earlier, _)| earlier.name == key.name) {
            Some((_, earlier)) => compare(earlier, node, &path(&key.name), key.position, found),
            None => found.push(difference(&path(&key.name), key.position, None, Some(node))),
        }
    }
    for (gone, node) in before.iter().filter(|(key, _)| !names.contains(key.name.as_str())) {
        found.push(difference(&path(&gone.name), above, Some(node), None));
    }
}

fn lists(before: &[Node], after: &[Node], key: &str, above: Position, found: &mut Vec<Difference>) {
    for at in 0..before.len().max(after.len()) {
        let path = format!("{key}[{at}]");
        match (before.get(at), after.get(at)) {
            (Some(before), Some(after)) => compare(before, after, &path, after.position, found),
            (before, after) => {
                let position = after.map_or(above, |node| node.position);
                found.push(difference(&path, position, before, after));
            }
        }
    }
}

fn difference(key: &str, position: Position, before: Option<&Node>, after: Option<&Node>) -> Difference {
    Difference {
        key: key.to_owned(),
        position: (position.line, position.column),
        before: before.map(shown),
        after: after.map(shown),
    }
}

/// A scalar as the file has it. `1` and `"1"` are different values, and so is a reference from text that
/// looks like its value.
fn written(scalar: &Scalar) -> (bool, String) {
    match &scalar.written {
        Some(written) => (true, written.clone()),
        None => (false, format!("{:?} {}", scalar.kind, scalar.text)),
    }
}

fn shown(node: &Node) -> String {
    match &node.content {
        Content::Scalar(scalar) => scalar.written.as_ref().unwrap_or(&scalar.text).clone(),
        Content::List(_) | Content::Map(_) => node.kind_name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(before: &str, after: &str) -> Vec<(String, Option<String>, Option<String>)> {
        let found = differences(before.as_bytes(), after.as_bytes());
        found.into_iter().map(|found| (found.key, found.before, found.after)).collect()
    }

    #[test]
    fn what_says_the_same_does_not_differ() {
        for (before, after) in [
            ("a: 1\nb: x\n", "# why\nb: \"x\"\na: 1\n"),
            ("a: { b: [1, 2] }\n", "a:\n  b:\n    - 1\n    - 2\n"),
            ("a: ${UNSET}\n", "a: \"${UNSET}\"\n"),
            ("", ""),
        ] {
            assert_eq!(keys(before, after), [], "{before}{after}");
        }
    }

    #[test]
    fn each_difference_has_its_key_and_both_values() {
        let some = |text: &str| Some(text.to_owned());
        for (before, after, key, was, is) in [
            ("a: { b: x }\n", "a: { b: y }\n", "a.b", some("x"), some("y")),
            ("a: 1\n", "a: \"1\"\n", "a", some("1"), some("1")),
            ("a: ${T}\n", "a: ${U}\n", "a", some("${T}"), some("${U}")),
            ("a: x\n", "a: { b: x }\n", "a", some("x"), some("a mapping")),
            ("a: [x]\n", "a: [x, y]\n", "a[1]", None, some("y")),
            ("a: [{ b: x }, z]\n", "a: [{ b: x }]\n", "a[1]", some("z"), None),
            ("a: [{ b: x }]\n", "a: [{ b: y }]\n", "a[0].b", some("x"), some("y")),
            ("a: x\n", "a: x\nb: { c: d }\n", "b", None, some("a mapping")),
            ("a: x\nb: y\n", "a: x\n", "b", some("y"), None),
            ("a: x\n", "", "", some("a mapping"), None),
        ] {
            assert_eq!(keys(before, after), [(key.to_owned(), was, is)], "{before}{after}");
        }
    }

    #[test]
    fn a_position_is_that_of_the_later_file() {
        let at = |before: &str, after: &str| differences(before.as_bytes(), after.as_bytes())[0].position;
        assert_eq!(at("a: x\nb:\n  c: y\n", "# moved\na: x\nb:\n  c: z\n"), (4, 3));
        assert_eq!(at("a: x\nb:\n  c: y\n  d: z\n", "a: x\nb:\n  c: y\n"), (2, 1));
    }
}
