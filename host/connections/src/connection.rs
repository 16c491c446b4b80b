//! Connections as the rooms that open them take them.

use dpone_model::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;
use url::Url;

/// An HTTP API.
#[derive(Debug, Clone)]
pub struct HttpConnection {
    pub id: String,
    /// Where it came from, for printing; never a secret.
    pub origin_note: String,
    /// Replaces the origin of `options.url`. None leaves the manifest's URL as it is.
    pub base_url: Option<Url>,
    /// The profile `local` put the demo API in its place.
    pub substituted: bool,
    pub auth: Auth,
    /// PEM bundle of authorities, trusted beside the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Those that the manifest grants to a plugin, by name.
    pub secrets: BTreeMap<String, Secret>,
}

/// How requests of a connection prove who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    None,
    /// RFC 6750.
    Bearer(Secret),
    /// RFC 7617.
    Basic {
        username: String,
        password: Secret,
    },
    ApiKey {
        /// Of the header or query parameter.
        name: String,
        in_: ApiKeyIn,
        value: Secret,
    },
}

/// Where an API key travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeyIn {
    Header,
    Query,
}

/// A Kafka cluster.
#[derive(Debug, Clone)]
pub struct KafkaConnection {
    pub id: String,
    /// Where it came from, for printing; never a secret.
    pub origin_note: String,
    /// The profile `local` put the local broker in its place.
    pub substituted: bool,
    /// `host:port`, separated by commas.
    pub bootstrap_servers: String,
    /// By librdkafka's names: `security.protocol`, `sasl.*`, `ssl.*`.
    pub options: BTreeMap<String, OptionValue>,
}

/// The value of a librdkafka option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    Plain(String),
    Secret(Secret),
}

impl OptionValue {
    /// The value as the client library takes it.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }
}

/// Where state is kept.
#[derive(Debug, Clone)]
pub enum StateConnection {
    Postgres {
        id: String,
        /// Where it came from, for printing; never a secret.
        origin_note: String,
        host: String,
        /// 5432 unless set.
        port: u16,
        database: String,
        username: String,
        password: Option<Secret>,
        /// As libpq names them: disable, allow, prefer (default), require, verify-ca, verify-full.
        ssl_mode: String,
        /// Absolute path of a PEM file.
        ca_file: Option<PathBuf>,
    },
    Sqlite {
        /// Where it came from, for printing.
        origin_note: String,
        /// Resolved against the working directory.
        path: PathBuf,
    },
    Disabled,
}
