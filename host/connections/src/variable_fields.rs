//! Connections from the environment: the fields that are read, and the variables that nobody reads.

use crate::definition::Definition;
use crate::error::Error;
use crate::fields::{self, Fields, Kind, Origin, Role, Value};
use crate::resolver::Resolver;
use dpone_manifest::{ConnectionRef, ConnectionType};
use dpone_model::Secret;
use std::collections::BTreeMap;

impl Resolver {
    /// The fields that the environment has for a connection.
    pub(crate) fn env_fields(&self, id: &str, kind: Kind) -> Result<Fields, Error> {
        let prefix = fields::env_prefix(id);
        self.refuse_strangers(id, kind)?;
        let mut values = BTreeMap::new();
        for field in fields::known(kind) {
            let value = self.environment.get(&format!("{prefix}{}", field.to_ascii_uppercase()));
            values.extend(value.map(|value| ((*field).to_owned(), Value::Set(Secret::new(value)))));
        }
        let nearly = self.nearly(id, kind, &values);
        if values.is_empty() {
            let absent = format!("no environment variable {prefix}* is set");
            let first = fields::known(kind).first().copied().unwrap_or_default().to_ascii_uppercase();
            let hint = match nearly.first() {
                Some(other) => format!("{other} is set; is its id misspelt? Otherwise set {prefix}{first}"),
                None => format!("set {prefix}{first}, or define `{id}` in a profile"),
            };
            return Err(self.not_found(id, absent, hint));
        }
        for other in nearly {
            self.warnings.add(format!("connection {id}: {other} is not read; is the id in it misspelt?"));
        }
        Ok(Fields { id: id.to_owned(), origin: Origin::Env { prefix }, values })
    }

    /// A misspelt variable is not passed over. An id that is used as two kinds is judged at its first use.
    fn refuse_strangers(&self, id: &str, kind: Kind) -> Result<(), Error> {
        let prefix = fields::env_prefix(id);
        let mine = self.uses.iter().filter(|(used, _)| fields::env_prefix(used) == prefix);
        let kinds: Vec<Kind> = mine.map(|(_, kind)| *kind).collect();
        if kinds.first().is_some_and(|first| *first != kind) {
            return Ok(());
        }
        let strangers = self.environment.strangers(id, &kinds, self.known_ids());
        if strangers.is_empty() {
            return Ok(());
        }
        let takes: Vec<String> = fields::known(kind).iter().map(|field| field.to_ascii_uppercase()).collect();
        let takes = format!("a connection of type {kind} takes {}", takes.join(", "));
        Err(Error::Strangers { id: id.to_owned(), strangers, takes })
    }

    /// Variables that would give the connection what it lacks, were their ids written a little differently.
    fn nearly(&self, id: &str, kind: Kind, values: &BTreeMap<String, Value>) -> Vec<String> {
        let lacks = fields::lacking(kind, |field| values.contains_key(field));
        self.environment.nearly(id, &lacks, self.known_ids())
    }

    /// The ids of the profile and of the manifest.
    fn known_ids(&self) -> impl Iterator<Item = &str> {
        self.uses.iter().map(|(id, _)| id.as_str()).chain(self.profile.definitions().map(|(id, ..)| id))
    }

    /// A profile's connection takes nothing from the environment, not even what it lacks.
    pub(crate) fn warn_of_unused(&self, reference: &ConnectionRef, kind: Kind, definition: &Definition) {
        if reference.via != ConnectionType::Env || definition.kind != kind {
            return;
        }
        let prefix = fields::env_prefix(&reference.id);
        for field in fields::lacking(kind, |field| definition.values.contains_key(field)) {
            let variable = format!("{prefix}{}", field.to_ascii_uppercase());
            if self.environment.get(&variable).is_some_and(|value| !value.is_empty()) {
                self.warnings.add(format!(
                    "connection {} is defined at {}, and {variable} is not used",
                    reference.id,
                    fields::file_and_line(&definition.place)
                ));
            }
        }
    }

    /// The variables that would define the connection, were there no profile.
    pub(crate) fn variables_of(&self, reference: &ConnectionRef, role: Role) -> Vec<String> {
        let prefix = fields::env_prefix(&reference.id);
        let kinds = Kind::ALL.into_iter().filter(|kind| Role::of(*kind) == role);
        let names = kinds.flat_map(fields::known).map(|field| format!("{prefix}{}", field.to_ascii_uppercase()));
        let is_set = |name: &String| self.environment.get(name).is_some_and(|value| !value.is_empty());
        if reference.via == ConnectionType::Env { names.filter(is_set).collect() } else { Vec::new() }
    }
}
