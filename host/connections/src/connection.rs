//! Connections as the rooms that open them take them.

use dpone_model::{Secret, redact};
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

impl HttpConnection {
    /// From now on nothing shows the connection's secrets.
    pub(crate) fn protect(&self) {
        self.every_secret().iter().for_each(redact::protect);
    }

    /// Its secrets.
    pub fn every_secret(&self) -> Vec<String> {
        let auth = match &self.auth {
            Auth::None => Vec::new(),
            Auth::Bearer(value) | Auth::ApiKey { value, .. } => vec![value.expose().to_owned()],
            // Without a password the user name is the key. As a pair they are sent in base64.
            Auth::Basic { username, password } => {
                let key = if password.is_empty() { username } else { password.expose() };
                vec![key.to_owned(), format!("{username}:{}", password.expose())]
            }
        };
        let granted = self.secrets.values().map(|secret| secret.expose().to_owned());
        auth.into_iter().chain(granted).collect()
    }
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

impl KafkaConnection {
    /// From now on nothing shows the connection's secrets.
    pub(crate) fn protect(&self) {
        self.options.values().for_each(|option| {
            if let OptionValue::Secret(secret) = option {
                secret.protect();
            }
        });
    }
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
