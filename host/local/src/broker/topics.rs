//! The topics of the broker's folder: `topics/NAME/topic.json` says id, partitions and settings,
//! `topics/NAME/N.log` is partition N. Deleted topics go through `trash/`, so that a half deleted
//! one never comes back.

use super::config::{self, Overrides};
use super::log::Log;
use crate::Error;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use kafka_protocol::ResponseError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use uuid::Uuid;

const TOPICS: &str = "topics";
const TRASH: &str = "trash";
const DESCRIPTION: &str = "topic.json";
/// Each partition is an open file.
const MAX_PARTITIONS: i32 = 1000;
const MAX_NAME_LEN: usize = 249;

/// A topic with its open partitions.
pub struct Topic {
    pub name: String,
    pub id: Uuid,
    pub configs: Overrides,
    pub partitions: Vec<Log>,
}

/// All topics, by name.
pub struct Topics {
    dir: Dir,
    by_name: RwLock<BTreeMap<String, Arc<Topic>>>,
}

/// A request that a topic operation refuses, with the reason that the client reads.
#[derive(Debug)]
pub struct Refused {
    pub error: ResponseError,
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
struct Description {
    id: Uuid,
    partitions: i32,
    #[serde(default)]
    configs: Overrides,
}

impl Topics {
    /// Opens every topic under `dir`, which is `shown` in errors.
    pub fn open(dir: Dir, shown: &Path) -> Result<Self, Error> {
        for folder in [TOPICS, TRASH] {
            dir.create_dir_all(folder).map_err(Error::file("create", shown.join(folder)))?;
        }
        let mut by_name = BTreeMap::new();
        let entries = dir.read_dir(TOPICS).map_err(Error::file("list", shown.join(TOPICS)))?;
        for entry in entries {
            let name = entry.map_err(Error::file("list", shown.join(TOPICS)))?.file_name();
            let Some(name) = name.to_str().filter(|name| is_legal(name)) else { continue };
            if let Some(topic) = open_topic(&dir, name, shown)? {
                by_name.insert(name.to_owned(), Arc::new(topic));
            }
        }
        let topics = Self { dir, by_name: RwLock::new(by_name) };
        topics.empty_trash();
        Ok(topics)
    }

    pub fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.read(|topics| topics.get(name).cloned())
    }

    pub fn get_by_id(&self, id: &Uuid) -> Option<Arc<Topic>> {
        self.read(|topics| topics.values().find(|topic| topic.id == *id).cloned())
    }

    pub fn all(&self) -> Vec<Arc<Topic>> {
        self.read(|topics| topics.values().cloned().collect())
    }

    /// Creates a topic, or only says whether it could be (`validate_only`).
    pub fn create(
        &self,
        name: &str,
        partitions: i32,
        configs: Overrides,
        validate_only: bool,
    ) -> Result<Arc<Topic>, Refused> {
        check(name, partitions, &configs)?;
        let mut topics = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        if topics.contains_key(name) {
            return Err(Refused::new(ResponseError::TopicAlreadyExists, format!("topic '{name}' already exists")));
        }
        let id = new_id().map_err(|e| Refused::new(ResponseError::UnknownServerError, e.to_string()))?;
        if validate_only {
            return Ok(Arc::new(Topic { name: name.to_owned(), id, configs, partitions: Vec::new() }));
        }
        let description = Description { id, partitions, configs };
        let topic = create_topic(&self.dir, name, description)
            .map_err(|e| Refused::new(ResponseError::KafkaStorageError, format!("cannot create '{name}': {e}")))?;
        let topic = Arc::new(topic);
        topics.insert(name.to_owned(), Arc::clone(&topic));
        Ok(topic)
    }

    /// Deletes a topic and its records. Readers that are under way end on what they hold open.
    pub fn delete(&self, name: &str) -> Result<(), Refused> {
        let mut topics = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        let Some(topic) = topics.get(name) else {
            return Err(Refused::new(ResponseError::UnknownTopicOrPartition, format!("no topic '{name}'")));
        };
        self.dir
            .rename(in_topics(name), &self.dir, Path::new(TRASH).join(topic.id.to_string()))
            .map_err(|e| Refused::new(ResponseError::KafkaStorageError, format!("cannot delete '{name}': {e}")))?;
        topics.remove(name);
        drop(topics);
        self.empty_trash();
        Ok(())
    }

    fn read<T>(&self, look: impl FnOnce(&BTreeMap<String, Arc<Topic>>) -> T) -> T {
        look(&self.by_name.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A file that cannot be removed now is removed at the next start, so a failure is only logged.
    fn empty_trash(&self) {
        let removed = self.dir.remove_dir_all(TRASH).and_then(|()| self.dir.create_dir(TRASH));
        if let Err(error) = removed {
            tracing::warn!(%error, "files of deleted topics could not be removed");
        }
    }
}

impl Refused {
    fn new(error: ResponseError, reason: impl Into<String>) -> Self {
        Self { error, reason: reason.into() }
    }
}

/// Kafka's rule for topic names, which also keeps them inside the folder.
fn is_legal(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= MAX_NAME_LEN
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn check(name: &str, partitions: i32, configs: &Overrides) -> Result<(), Refused> {
    if !is_legal(name) {
        return Err(Refused::new(
            ResponseError::InvalidTopicException,
            format!("'{name}' is no topic name: 1 to {MAX_NAME_LEN} letters, digits, '.', '_' and '-'"),
        ));
    }
    if !(1..=MAX_PARTITIONS).contains(&partitions) {
        return Err(Refused::new(
            ResponseError::InvalidPartitions,
            format!("a topic of the local broker has 1 to {MAX_PARTITIONS} partitions, not {partitions}"),
        ));
    }
    match configs.iter().find_map(|(name, value)| config::refusal(name, value)) {
        Some(reason) => Err(Refused::new(ResponseError::InvalidConfig, reason)),
        None => Ok(()),
    }
}

fn in_topics(name: &str) -> PathBuf {
    Path::new(TOPICS).join(name)
}

fn create_topic(dir: &Dir, name: &str, description: Description) -> io::Result<Topic> {
    let folder = in_topics(name);
    if dir.exists(&folder) {
        // It has no description, or it would have been opened: a creation that did not end.
        dir.remove_dir_all(&folder)?;
    }
    dir.create_dir(&folder)?;
    let folder = dir.open_dir(folder)?;
    let partitions = (0..description.partitions)
        .map(|n| open_partition(&folder, n).and_then(Log::open).map(|(log, _)| log))
        .collect::<io::Result<_>>()?;
    // The description comes last: a folder that has one is complete.
    crate::files::write_whole(&folder, DESCRIPTION, &serde_json::to_vec_pretty(&description)?)?;
    Ok(Topic { name: name.to_owned(), id: description.id, configs: description.configs, partitions })
}

fn open_topic(dir: &Dir, name: &str, shown: &Path) -> Result<Option<Topic>, Error> {
    let shown = shown.join(in_topics(name));
    let folder = dir.open_dir(in_topics(name)).map_err(Error::file("open", &shown))?;
    let text = match folder.read(DESCRIPTION) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::file("read", shown.join(DESCRIPTION))(e)),
    };
    let description: Description = serde_json::from_slice(&text).map_err(|e| Error::Damaged {
        service: "broker",
        path: shown.join(DESCRIPTION),
        cause: e.to_string(),
    })?;
    let mut partitions = Vec::new();
    for n in 0..description.partitions {
        let file = open_partition(&folder, n).and_then(Log::open);
        let (log, recovered) = file.map_err(Error::file("open", shown.join(log_name(n))))?;
        if recovered.cut_bytes > 0 {
            tracing::warn!(topic = name, partition = n, bytes = recovered.cut_bytes, "a torn tail was cut");
        }
        partitions.push(log);
    }
    Ok(Some(Topic { name: name.to_owned(), id: description.id, configs: description.configs, partitions }))
}

fn log_name(partition: i32) -> String {
    format!("{partition}.log")
}

fn open_partition(folder: &Dir, partition: i32) -> io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    folder.open_with(log_name(partition), &options).map(cap_std::fs::File::into_std)
}

/// A random id, never one of Kafka's reserved ones.
pub(super) fn new_id() -> Result<Uuid, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| Error::Random(e.to_string()))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &tempfile::TempDir) -> Topics {
        let handle = Dir::open_ambient_dir(dir.path(), cap_std::ambient_authority()).unwrap();
        Topics::open(handle, dir.path()).unwrap()
    }

    #[test]
    fn topics_outlive_the_broker_and_deleted_ones_do_not_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let configs = Overrides::from([("cleanup.policy".to_owned(), "compact".to_owned())]);
        let id = {
            let topics = open(&dir);
            topics.create("gone", 1, Overrides::new(), false).unwrap();
            topics.delete("gone").unwrap();
            topics.create("dwh.orders", 3, configs.clone(), false).unwrap().id
        };
        let topics = open(&dir);
        let topic = topics.get("dwh.orders").unwrap();
        assert_eq!((topic.id, topic.partitions.len(), &topic.configs), (id, 3, &configs));
        assert_eq!(topics.get_by_id(&id).unwrap().name, "dwh.orders");
        assert!(topics.get("gone").is_none());
        assert_ne!(topics.create("gone", 1, Overrides::new(), false).unwrap().id, id);
    }

    #[test]
    fn a_half_created_topic_does_not_exist() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("topics/half")).unwrap();
        let topics = open(&dir);
        assert!(topics.get("half").is_none());
        topics.create("half", 1, Overrides::new(), false).unwrap();
    }

    #[test]
    fn what_cannot_be_created_is_refused_with_kafkas_error() {
        let dir = tempfile::tempdir().unwrap();
        let topics = open(&dir);
        topics.create("there", 1, Overrides::new(), false).unwrap();
        let long = "x".repeat(250);
        let wrong = Overrides::from([("no.such".to_owned(), "1".to_owned())]);
        let none = Overrides::new();
        for (name, partitions, configs, expected) in [
            ("there", 1, &none, ResponseError::TopicAlreadyExists),
            ("..", 1, &none, ResponseError::InvalidTopicException),
            ("a/b", 1, &none, ResponseError::InvalidTopicException),
            ("", 1, &none, ResponseError::InvalidTopicException),
            (long.as_str(), 1, &none, ResponseError::InvalidTopicException),
            ("new", 0, &none, ResponseError::InvalidPartitions),
            ("new", 1001, &none, ResponseError::InvalidPartitions),
            ("new", 1, &wrong, ResponseError::InvalidConfig),
        ] {
            let refused = topics.create(name, partitions, configs.clone(), false).err().unwrap();
            assert_eq!(refused.error, expected, "{name}");
        }
        topics.create("only-asked", 1, none, true).unwrap();
        assert!(topics.get("only-asked").is_none());
    }
}
