//! A `connections` block, in a profile or in a file of its own: YAML in, fields out.

use crate::error::Error;
use crate::fields::{self, Kind, Value};
use crate::variables::{Expanded, expand};
use crate::yaml::{self, Entry, Node};
use dpone_model::{Place, Secret};
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;

/// One connection as a file defines it.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) kind: Kind,
    pub(crate) values: BTreeMap<String, Value>,
    pub(crate) place: Place,
}

/// Input for reading a file: its name for places, and the variables that its values refer to.
pub(crate) struct Reader<'a> {
    pub(crate) file: &'a str,
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
}

/// The keys of an `auth` block by its type, each with the field it fills.
const AUTH_TYPES: [(&str, &[(&str, &str)]); 4] = [
    ("none", &[]),
    ("bearer", &[("token", "token")]),
    ("basic", &[("username", "username"), ("password", "password")]),
    ("api_key", &[("value", "api_key"), ("name", "api_key_name"), ("in", "api_key_in")]),
];

impl Reader<'_> {
    /// The connections of a `connections` mapping by id.
    pub(crate) fn connections(&self, node: &Spanned<Node>) -> Result<BTreeMap<String, Definition>, Error> {
        let mut definitions = BTreeMap::new();
        for (id, node) in self.mapping(node, "connections")? {
            let key = format!("connections.{}", id.value);
            definitions.insert(id.value.clone(), self.definition(&id.referenced, node, &key)?);
        }
        Ok(definitions)
    }

    /// The entries of a mapping; `null` is an empty one.
    pub(crate) fn mapping<'n>(&self, node: &'n Spanned<Node>, key: &str) -> Result<&'n [Entry], Error> {
        match &node.value {
            Node::Map(entries) => Ok(entries),
            Node::Null => Ok(&[]),
            other => Err(self.invalid(
                &node.referenced,
                key,
                format!("`{key}` takes a mapping, not {}", other.described()),
                None,
            )),
        }
    }

    /// The text of a scalar, as written.
    pub(crate) fn text(&self, node: &Spanned<Node>, key: &str) -> Result<String, Error> {
        match &node.value {
            Node::Text(text) => Ok(text.clone()),
            Node::Integer(number) if key.ends_with(".port") => Ok(number.to_string()),
            other => {
                let hint = matches!(other, Node::Integer(_) | Node::Float | Node::Bool(_))
                    .then(|| "put the value in quotes".to_owned());
                let message = format!("`{key}` takes text, not {}", other.described());
                Err(self.invalid(&node.referenced, key, message, hint))
            }
        }
    }

    pub(crate) fn unknown_key(&self, key: &Spanned<String>, within: &str, takes: &[&str]) -> Error {
        let path = if within.is_empty() { key.value.clone() } else { format!("{within}.{}", key.value) };
        let known = takes.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let hint = Some(match dpone_manifest::nearest(&key.value, takes) {
            Some(nearest) => format!("did you mean `{nearest}`? known here: {known}"),
            None => format!("known here: {known}"),
        });
        self.invalid(&key.referenced, &path, format!("unknown key `{}`", key.value), hint)
    }

    pub(crate) fn invalid(&self, at: &Location, key: &str, message: String, hint: Option<String>) -> Error {
        Error::Invalid { message, place: yaml::place(self.file, Some(at), Some(key)), hint }
    }

    fn definition(&self, at: &Location, node: &Spanned<Node>, key: &str) -> Result<Definition, Error> {
        let entries = self.mapping(node, key)?;
        let kind = self.kind(at, entries, key)?;
        let mut values = BTreeMap::new();
        for (name, node) in entries {
            let path = format!("{key}.{}", name.value);
            match name.value.as_str() {
                "type" => {}
                "auth" if kind == Kind::Http => self.auth(node, &path, &mut values)?,
                "secrets" if kind == Kind::Http => {
                    for (name, node) in self.mapping(node, &path)? {
                        let value = self.value(node, &format!("{path}.{}", name.value))?;
                        values.insert(fields::of_secret(&name.value), value);
                    }
                }
                "schema_registry_url" if kind == Kind::Kafka => {
                    let message = "a schema registry is not yet supported".to_owned();
                    return Err(self.invalid(&name.referenced, &path, message, Some("remove the key".into())));
                }
                field if yaml_fields(kind).any(|known| known == field) => {
                    values.insert(field.to_owned(), self.value(node, &path)?);
                }
                _ => {
                    let mut takes = vec!["type"];
                    takes.extend(yaml_fields(kind));
                    takes.extend((kind == Kind::Http).then_some(["auth", "secrets"]).into_iter().flatten());
                    return Err(self.unknown_key(name, key, &takes));
                }
            }
        }
        Ok(Definition { kind, values, place: yaml::place(self.file, Some(at), Some(key)) })
    }

    fn kind(&self, at: &Location, entries: &[Entry], key: &str) -> Result<Kind, Error> {
        let known = "type is one of http, kafka, postgres, sqlite".to_owned();
        let Some((_, node)) = entries.iter().find(|(name, _)| name.value == "type") else {
            return Err(self.invalid(at, key, format!("`{key}` lacks `type`"), Some(known)));
        };
        let key = format!("{key}.type");
        let name = self.text(node, &key)?;
        Kind::parse(&name).ok_or_else(|| {
            self.invalid(&node.referenced, &key, format!("unknown connection type `{name}`"), Some(known))
        })
    }

    fn auth(&self, node: &Spanned<Node>, key: &str, values: &mut BTreeMap<String, Value>) -> Result<(), Error> {
        let entries = self.mapping(node, key)?;
        let type_key = format!("{key}.type");
        let known = || Some("auth.type is one of none, bearer, basic, api_key".to_owned());
        let Some((_, type_node)) = entries.iter().find(|(name, _)| name.value == "type") else {
            return Err(self.invalid(&node.referenced, key, format!("`{key}` lacks `type`"), known()));
        };
        let name = self.text(type_node, &type_key)?;
        let Some((_, takes)) = AUTH_TYPES.iter().find(|(known, _)| *known == name) else {
            let message = format!("unknown auth type `{name}`");
            return Err(self.invalid(&type_node.referenced, &type_key, message, known()));
        };
        for (name, node) in entries.iter().filter(|(name, _)| name.value != "type") {
            let Some((_, field)) = takes.iter().find(|(known, _)| *known == name.value) else {
                let mut names = vec!["type"];
                names.extend(takes.iter().map(|(known, _)| *known));
                return Err(self.unknown_key(name, key, &names));
            };
            values.insert((*field).to_owned(), self.value(node, &format!("{key}.{}", name.value))?);
        }
        let required = takes.iter().filter(|(name, _)| !matches!(*name, "name" | "in" | "password"));
        for (name, field) in required {
            if !values.contains_key(*field) {
                return Err(self.invalid(&node.referenced, key, format!("`{key}` lacks `{name}`"), None));
            }
        }
        Ok(())
    }

    fn value(&self, node: &Spanned<Node>, key: &str) -> Result<Value, Error> {
        let text = self.text(node, key)?;
        match expand(&text, self.env) {
            Expanded::Text(text) => Ok(Value::Set(Secret::new(text))),
            Expanded::Missing(variable) => {
                let place = yaml::place(self.file, Some(&node.referenced), Some(key));
                Ok(Value::MissingVariable { variable, place })
            }
            Expanded::Malformed => {
                let message = format!("`{key}` has `${{` without a variable's name and a closing brace");
                let hint = Some("write `${NAME}`, or `$${` for the characters themselves".to_owned());
                Err(self.invalid(&node.referenced, key, message, hint))
            }
        }
    }
}

/// The fields that stand beside `type` in YAML; HTTP credentials stand in `auth`.
fn yaml_fields(kind: Kind) -> impl Iterator<Item = &'static str> {
    let in_auth = ["endpoint", "token", "api_key", "api_key_name", "api_key_in", "username", "password"];
    fields::known(kind).iter().copied().filter(move |field| kind != Kind::Http || !in_auth.contains(field))
}
