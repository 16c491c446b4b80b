//! The preflight: is there a broker, what is the topic, and may we create it.

use crate::events::Events;
use crate::{Error, config, native};
use async_trait::async_trait;
use dpone_connections::KafkaConnection;
use dpone_manifest::{DEFAULT_PARTITIONS, Sink};
use dpone_model::Report;
use dpone_model::target::{TargetReader, TopicDescription};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::types::RDKafkaRespErr;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one attempt at metadata may take; between two, errors of connections are looked at.
const ATTEMPT: Duration = Duration::from_millis(500);

/// A cluster that answered, and the sink that will be filled there.
pub struct Kafka {
    connection: KafkaConnection,
    sink: Sink,
    client: Arc<Client>,
}

/// A cluster's description of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// `host:port` of each broker, as it advertises itself.
    pub brokers: Vec<String>,
    pub topics: usize,
}

/// Asks a connection's cluster who it is: for `doctor` and `connections test`.
pub async fn probe(connection: &KafkaConnection, timeout: Duration) -> Result<Probe, Report> {
    let client = Client::open(connection, timeout)?;
    let metadata = client.metadata(None).await?;
    Ok(Probe {
        brokers: metadata.brokers().iter().map(|broker| format!("{}:{}", broker.host(), broker.port())).collect(),
        topics: metadata.topics().len(),
    })
}

impl Kafka {
    /// Fails within `sink.options.connect_timeout_ms` where no broker answers, with the addresses
    /// and the cause, and at once where the broker refuses the credentials or an option is wrong.
    pub async fn connect(connection: &KafkaConnection, sink: &Sink) -> Result<Self, Report> {
        // The producer's options are judged now, not after the extract.
        let producer: ClientConfig = config::producer(connection, sink, None)?;
        producer.create_native_config().map_err(|error| config::explain(&error, connection))?;
        let client = Client::open(connection, sink.connect_timeout)?;
        client.metadata(Some(sink.topic.clone())).await?;
        Ok(Self { connection: connection.clone(), sink: sink.clone(), client: Arc::new(client) })
    }

    pub fn connection(&self) -> &KafkaConnection {
        &self.connection
    }

    pub async fn probe(&self) -> Result<Probe, Report> {
        probe(&self.connection, self.sink.connect_timeout).await
    }

    /// The sink's topic, created where it is missing and `create` (or the manifest's
    /// `topic_config.create`) allows it: with `topic_config`'s partitions (default 1), replication
    /// (default the broker's) and configs.
    pub async fn ensure_topic(&self, create: bool) -> Result<TopicDescription, Report> {
        let name = self.sink.topic.as_str();
        if let Some(found) = self.describe_topic(name).await? {
            return Ok(found);
        }
        if !create && !self.sink.topic_config.create {
            return Err(Error::NoTopic { topic: name.to_owned() }.into());
        }
        self.client.create(&self.sink).await?;
        // Other brokers learn of a new topic a moment later.
        let deadline = Instant::now() + self.sink.connect_timeout;
        loop {
            if let Some(created) = self.describe_topic(name).await? {
                return Ok(created);
            }
            if Instant::now() >= deadline {
                let cause = "it was created, but no broker shows it".to_owned();
                return Err(Error::Create { topic: name.to_owned(), cause }.into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[async_trait]
impl TargetReader for Kafka {
    async fn describe_topic(&self, topic: &str) -> Result<Option<TopicDescription>, Report> {
        let metadata = self.client.metadata(Some(topic.to_owned())).await?;
        let Some((partitions, replication_factor)) = shape(&metadata, topic)? else { return Ok(None) };
        // Answers hold pointers that must not cross an await.
        drop(metadata);
        let native::Configs { values: configs, own } = self.client.configs(topic).await?;
        let topic_id = self.client.topic_id(topic).await?;
        Ok(Some(TopicDescription { name: topic.to_owned(), topic_id, partitions, replication_factor, configs, own }))
    }
}

/// Partitions and the least replication among them; none where the topic does not exist.
fn shape(metadata: &Metadata, topic: &str) -> Result<Option<(u32, u32)>, Error> {
    let Some(found) = metadata.topics().iter().find(|candidate| candidate.name() == topic) else { return Ok(None) };
    let replication = found.partitions().iter().map(|partition| partition.replicas().len()).min();
    Ok(existing(found)?.map(|partitions| (partitions, replication.unwrap_or(0) as u32)))
}

/// The number of partitions; none where the topic does not exist.
fn existing(topic: &MetadataTopic) -> Result<Option<u32>, Error> {
    match topic.error() {
        None if topic.partitions().is_empty() => Ok(None),
        None => Ok(Some(topic.partitions().len() as u32)),
        Some(
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART | RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
        ) => Ok(None),
        Some(code) => Err(Error::Admin {
            what: "the topic cannot be described".into(),
            topic: topic.name().to_owned(),
            cause: RDKafkaErrorCode::from(code).to_string(),
        }),
    }
}

/// A client for questions. Its own errors explain why an answer does not come.
struct Client {
    metadata: Arc<BaseProducer<Events>>,
    config: ClientConfig,
    connection: KafkaConnection,
    timeout: Duration,
}

impl Client {
    fn open(connection: &KafkaConnection, timeout: Duration) -> Result<Self, Error> {
        let config = config::base(connection, timeout);
        let producer =
            config.create_with_context(Events::default()).map_err(|error| config::explain(&error, connection))?;
        Ok(Self { metadata: Arc::new(producer), config, connection: connection.clone(), timeout })
    }

    async fn metadata(&self, topic: Option<String>) -> Result<Metadata, Report> {
        let client = self.metadata.clone();
        let (brokers, timeout) = (self.connection.bootstrap_servers.clone(), self.timeout);
        let asked = tokio::task::spawn_blocking(move || metadata(&client, topic.as_deref(), &brokers, timeout));
        asked
            .await
            .map_err(|cause| Report::new(&dpone_model::codes::internal::BUG, cause.to_string()))?
            .map_err(Report::from)
    }

    /// None where the brokers know of no ids. Only asked after metadata came.
    async fn topic_id(&self, topic: &str) -> Result<Option<String>, Report> {
        let (client, topic, timeout) = (self.metadata.clone(), topic.to_owned(), self.timeout);
        let asked = tokio::task::spawn_blocking(move || native::topic_id(client.client(), &topic, timeout));
        asked.await.map_err(|cause| Report::new(&dpone_model::codes::internal::BUG, cause.to_string()))
    }

    async fn create(&self, sink: &Sink) -> Result<(), Report> {
        let wanted = &sink.topic_config;
        let partitions = wanted.partitions.unwrap_or(DEFAULT_PARTITIONS).try_into().unwrap_or(i32::MAX);
        // -1 leaves it to the broker's default (KIP-464).
        let replication = wanted.replication_factor.map_or(-1, i32::from);
        let mut topic = NewTopic::new(&sink.topic, partitions, TopicReplication::Fixed(replication));
        for (name, value) in &wanted.configs {
            topic = topic.set(name, value);
        }
        let refused = |cause: String| Error::Create { topic: sink.topic.clone(), cause };
        // Made after metadata came: requests that never get an answer keep librdkafka from ending.
        let admin: AdminClient<Events> = self
            .config
            .create_with_context(Events::default())
            .map_err(|error| config::explain(&error, &self.connection))?;
        let options = AdminOptions::new().request_timeout(Some(self.timeout)).operation_timeout(Some(self.timeout));
        let results = admin.create_topics([&topic], &options).await;
        match results.map_err(|error| refused(explain(&error)))?.into_iter().next() {
            // Somebody else was faster.
            None | Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
            Some(Err((_, code))) => Err(refused(code.to_string()).into()),
        }
    }

    /// Effective configuration, and which of it is the topic's own. Empty where the broker has no such request.
    async fn configs(&self, topic: &str) -> Result<native::Configs, Report> {
        let (client, name, timeout) = (self.metadata.clone(), topic.to_owned(), self.timeout);
        let asked = tokio::task::spawn_blocking(move || native::topic_configs(client.client(), &name, timeout));
        match asked.await.map_err(|cause| Report::new(&dpone_model::codes::internal::BUG, cause.to_string()))? {
            Ok(configs) => Ok(configs),
            Err(RDKafkaErrorCode::UnsupportedFeature | RDKafkaErrorCode::UnsupportedVersion) => {
                tracing::debug!(topic, "the broker does not describe configurations");
                Ok(native::Configs::default())
            }
            Err(code) => Err(Error::Admin {
                what: "the topic's configuration cannot be read".into(),
                topic: topic.to_owned(),
                cause: code.to_string(),
            }
            .into()),
        }
    }
}

fn explain(error: &KafkaError) -> String {
    match error {
        KafkaError::AdminOp(code) => code.to_string(),
        other => other.to_string(),
    }
}

/// Asks until an answer comes, the time is over, or the broker refuses us.
fn metadata(
    client: &BaseProducer<Events>,
    topic: Option<&str>,
    brokers: &str,
    timeout: Duration,
) -> Result<Metadata, Error> {
    let deadline = Instant::now() + timeout;
    let events = client.context();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let answer = client.client().fetch_metadata(topic, left.min(ATTEMPT).max(Duration::from_millis(1)));
        if let Ok(metadata) = answer
            && !metadata.brokers().is_empty()
        {
            return Ok(metadata);
        }
        for _ in 0..16 {
            client.poll(Duration::ZERO);
        }
        if let Some(refused) = events.refusal(brokers) {
            return Err(refused);
        }
        if left.is_zero() {
            return Err(events.unreachable(brokers, timeout));
        }
        // A failure that came at once, such as "all brokers are down", is tried again in a moment.
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}
