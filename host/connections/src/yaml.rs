//! YAML as a tree in which every key and value knows its position.

use crate::error::Error;
use dpone_model::Place;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// A value without its position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Null,
    Text(String),
    Integer(i64),
    Bool(bool),
    /// Nothing here takes a float or a list; they are kept only to be refused by name.
    Float,
    List,
    Map(Vec<Entry>),
}

/// A key and its value, each with its position.
pub(crate) type Entry = (Spanned<String>, Spanned<Node>);

impl Node {
    /// Its name in messages.
    pub(crate) fn described(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Text(_) => "text",
            Self::Integer(_) | Self::Float => "a number",
            Self::Bool(_) => "true or false",
            Self::List => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Parses one document; an empty one is an empty mapping.
pub(crate) fn parse(text: &str, file: &str) -> Result<Spanned<Node>, Error> {
    let parsed = serde_saphyr::from_str::<Spanned<Node>>(text);
    let mut root = parsed.map_err(|error| {
        let message = error.render_with_options(serde_saphyr::RenderOptions::default());
        let message = message.lines().next().unwrap_or_default().to_owned();
        let location = error.location();
        let place = place(file, location.as_ref(), None);
        Error::Invalid { message: format!("not valid YAML: {message}"), place, hint: None }
    })?;
    if root.value == Node::Null {
        root.value = Node::Map(Vec::new());
    }
    Ok(root)
}

/// The place of a position in a file.
pub(crate) fn place(file: &str, location: Option<&Location>, key: Option<&str>) -> Place {
    let known = location.filter(|location| location.line() > 0);
    Place::File {
        file: file.to_owned(),
        line: known.map_or(1, Location::line),
        column: known.map_or(1, Location::column),
        key: key.map(str::to_owned),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Node, E> {
        i64::try_from(value).map(Node::Integer).map_err(|_| E::custom("a number is out of range"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Float)
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(Node::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            if entries.iter().any(|(earlier, _)| earlier.value == key.value) {
                return Err(A::Error::custom(format!("key `{}` occurs twice", key.value)));
            }
            entries.push((key, map.next_value()?));
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_values() {
        let root = parse("a:\n  b: \"x\"\n  c: 5\n", "f.yaml").unwrap();
        let Node::Map(entries) = root.value else { panic!("no map") };
        let Node::Map(inner) = &entries[0].1.value else { panic!("no inner map") };
        assert_eq!(inner[0].1.value, Node::Text("x".into()));
        assert_eq!((inner[0].1.referenced.line(), inner[0].1.referenced.column()), (2, 6));
        assert_eq!(inner[1].1.value, Node::Integer(5));
        assert_eq!((inner[1].0.referenced.line(), inner[1].0.referenced.column()), (3, 3));
    }

    #[test]
    fn broken_yaml_names_its_line() {
        let error = parse("a: 1\nb: [1, 2\n", "f.yaml").unwrap_err();
        let Error::Invalid { place: Place::File { line, .. }, message, .. } = error else { panic!("{error:?}") };
        assert!(line >= 2, "{line}");
        assert!(message.starts_with("not valid YAML: "), "{message}");
    }
}
