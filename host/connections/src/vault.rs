//! Secrets of a KV version 2 engine, by Vault's HTTP API.
//!
//! Configured by Vault's own variables: `VAULT_ADDR`; `VAULT_TOKEN`, or `VAULT_ROLE_ID` and
//! `VAULT_SECRET_ID` for an AppRole login at `auth/approle/login`; `VAULT_NAMESPACE`, sent as
//! `X-Vault-Namespace`; `VAULT_CACERT`, a PEM file. The mount defaults to `secret`, the path to the
//! connection's id. One login serves all connections of a run.

use crate::error::Error;
use crate::fields::{Origin, Value};
use async_trait::async_trait;
use dpone_manifest::ConnectionRef;
use dpone_model::http::{Credential, HttpRequest, HttpResponse};
use dpone_model::{Report, Secret, file};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// A secret is a handful of fields; a larger answer is none.
const MAX_BODY_BYTES: u64 = 1 << 20;

/// The server as the environment names it.
#[derive(Debug, Clone)]
pub struct Server {
    pub address: Url,
    /// PEM bundle of authorities, trusted beside the system's.
    pub ca_pem: Option<Vec<u8>>,
}

/// One request to Vault. Unlike [`HttpEgress`](dpone_model::http::HttpEgress), every status is an
/// answer: Vault says with 403, 404 and 503 what is wrong.
#[async_trait]
pub trait Exchange: Send + Sync {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Report>;
}

/// Makes the client of a server.
pub type Connect = Arc<dyn Fn(&Server) -> Result<Arc<dyn Exchange>, Report> + Send + Sync>;

#[async_trait]
impl Exchange for dpone_egress::Client {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Report> {
        Ok(self.send_any_status(request).await?)
    }
}

/// The client that a [`Resolver`](crate::Resolver) uses unless it is given another one.
pub(crate) fn connect(server: &Server) -> Result<Arc<dyn Exchange>, Report> {
    let client = dpone_egress::Client::new(dpone_egress::ClientConfig {
        own_origin: server.address.clone(),
        own_is_guarded: false,
        allow_origins: Vec::new(),
        allow_private: false,
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(10),
        total_timeout: Duration::from_secs(15),
        retry: RETRY,
        ca_pem: server.ca_pem.clone(),
        user_agent: concat!("dpone/", env!("CARGO_PKG_VERSION")).to_owned(),
        meter: Arc::default(),
    })?;
    Ok(Arc::new(client))
}

/// A command waits for Vault only shortly: an operator sees at once that it is sealed or away.
const RETRY: dpone_egress::RetryPolicy = dpone_egress::RetryPolicy {
    max_attempts: 3,
    base: Duration::from_millis(200),
    max: Duration::from_secs(2),
    max_elapsed: Duration::from_secs(10),
    max_retry_after: Duration::from_secs(5),
};

/// How this process proves who it is.
enum Login {
    Token(Secret),
    AppRole { role_id: Secret, secret_id: Secret },
}

impl Login {
    fn protect(&self) {
        match self {
            Self::Token(token) => token.protect(),
            Self::AppRole { role_id, secret_id } => [role_id, secret_id].into_iter().for_each(Secret::protect),
        }
    }
}

pub(crate) struct Vault {
    server: Server,
    namespace: Option<String>,
    login: Login,
    client: Arc<dyn Exchange>,
    token: tokio::sync::OnceCell<Secret>,
}

/// The fields of a secret, and where they are.
pub(crate) struct Found {
    pub(crate) origin: Origin,
    pub(crate) values: BTreeMap<String, Value>,
}

impl Vault {
    /// Reads the variables and makes the client. `id` is the connection that asks first.
    pub(crate) fn from_env(
        id: &str,
        env: &dyn Fn(&str) -> Option<String>,
        workdir: &Path,
        connect: &Connect,
    ) -> Result<Self, Report> {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let unconfigured = |missing: &str| Error::VaultUnconfigured { id: id.to_owned(), missing: missing.to_owned() };
        let bad = |field: &str, problem: String| {
            let place = Origin::Vault { path: String::new() }.place(id);
            Error::BadValue { id: id.to_owned(), field: format!("environment variable {field}"), problem, place }
        };
        let address = set("VAULT_ADDR").ok_or_else(|| unconfigured("VAULT_ADDR"))?;
        let address = Url::parse(&address).map_err(|error| bad("VAULT_ADDR", format!("is no URL: {error}")))?;
        if !matches!(address.scheme(), "http" | "https") || address.host().is_none() {
            return Err(bad("VAULT_ADDR", "takes an http or https URL".to_owned()).into());
        }
        let login = match (set("VAULT_TOKEN"), set("VAULT_ROLE_ID"), set("VAULT_SECRET_ID")) {
            (Some(token), ..) => Login::Token(Secret::new(token)),
            (None, Some(role_id), Some(secret_id)) => {
                Login::AppRole { role_id: Secret::new(role_id), secret_id: Secret::new(secret_id) }
            }
            (None, Some(_), None) => return Err(unconfigured("VAULT_SECRET_ID").into()),
            (None, None, Some(_)) => return Err(unconfigured("VAULT_ROLE_ID").into()),
            (None, None, None) => return Err(unconfigured("VAULT_TOKEN").into()),
        };
        let ca_pem = match set("VAULT_CACERT") {
            Some(file) => Some(file::read(&workdir.join(&file), file::MAX_CERTIFICATES_BYTES).map_err(|error| {
                Error::TlsFile {
                    id: id.to_owned(),
                    field: "environment variable VAULT_CACERT".to_owned(),
                    path: file,
                    cause: error.to_string(),
                }
            })?),
            None => None,
        };
        login.protect();
        let server = Server { address, ca_pem };
        let client = connect(&server)?;
        Ok(Self { server, namespace: set("VAULT_NAMESPACE"), login, client, token: tokio::sync::OnceCell::new() })
    }

    /// Reads the newest version of a connection's secret.
    pub(crate) async fn read(&self, reference: &ConnectionRef) -> Result<Found, Report> {
        let id = reference.id.as_str();
        let mount = reference.vault_mount_point.as_deref().unwrap_or("secret");
        let path = reference.vault_path.as_deref().unwrap_or(id);
        let shown = format!("{mount}/{path}");
        let url =
            self.url(&[mount, "data", path]).ok_or_else(|| self.no_secret(id, &shown, "the path is not valid"))?;
        let token = self.token.get_or_try_init(|| self.log_in(id)).await?.clone();
        let response = self.send(id, "GET", url, None, Some(token)).await?;
        let body: Json = serde_json::from_slice(&response.body).unwrap_or(Json::Null);
        match response.status {
            200 => {}
            403 => return Err(self.denied(id, &format!("reading {shown}"), &response, &body).into()),
            404 => return Err(self.not_found(id, &shown, &body).into()),
            400 | 405 => return Err(self.no_secret(id, &shown, &cause(&response, &body)).into()),
            _ => return Err(self.unavailable(id, &cause(&response, &body)).into()),
        }
        let Some(data) = body.pointer("/data/data").and_then(Json::as_object) else {
            return Err(self
                .no_secret(id, &shown, "the answer has no data.data, as a KV version 1 mount's has not")
                .into());
        };
        let mut values = BTreeMap::new();
        for (name, value) in data {
            let text = match value {
                Json::String(text) => text.clone(),
                Json::Number(number) => number.to_string(),
                Json::Bool(flag) => flag.to_string(),
                Json::Null | Json::Array(_) | Json::Object(_) => continue,
            };
            values.insert(name.clone(), Value::Set(Secret::new(text)));
        }
        Ok(Found { origin: Origin::Vault { path: shown }, values })
    }

    /// The token that requests carry: the given one, or that of an AppRole login.
    async fn log_in(&self, id: &str) -> Result<Secret, Report> {
        let (role_id, secret_id) = match &self.login {
            Login::Token(token) => return Ok(token.clone()),
            Login::AppRole { role_id, secret_id } => (role_id, secret_id),
        };
        let request = "the AppRole login";
        let url =
            self.url(&["auth", "approle", "login"]).ok_or_else(|| self.unavailable(id, "VAULT_ADDR takes no path"))?;
        let body = serde_json::json!({ "role_id": role_id.expose(), "secret_id": secret_id.expose() });
        let response = self.send(id, "POST", url, Some(body.to_string()), None).await?;
        let body: Json = serde_json::from_slice(&response.body).unwrap_or(Json::Null);
        match response.status {
            200 => {}
            // Vault answers 400 to a role or secret id that it does not know.
            400 | 401 | 403 | 404 => return Err(self.denied(id, request, &response, &body).into()),
            _ => return Err(self.unavailable(id, &cause(&response, &body)).into()),
        }
        let token = body.pointer("/auth/client_token").and_then(Json::as_str);
        let no_token = || Error::VaultDenied {
            id: id.to_owned(),
            address: self.server.address.to_string(),
            request: request.to_owned(),
            cause: "the answer has no auth.client_token".to_owned(),
        };
        let token = Secret::new(token.ok_or_else(no_token)?);
        token.protect();
        Ok(token)
    }

    /// `<address>/v1/<parts>`; none where a part could leave the path it stands for.
    fn url(&self, parts: &[&str]) -> Option<Url> {
        let mut url = self.server.address.clone();
        let segments = parts.iter().flat_map(|part| part.split('/')).collect::<Vec<_>>();
        if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return None;
        }
        url.path_segments_mut().ok()?.pop_if_empty().push("v1").extend(segments);
        Some(url)
    }

    async fn send(
        &self,
        id: &str,
        method: &str,
        url: Url,
        body: Option<String>,
        token: Option<Secret>,
    ) -> Result<HttpResponse, Error> {
        let mut headers = vec![("X-Vault-Request".to_owned(), "true".to_owned())];
        headers.extend(self.namespace.iter().map(|name| ("X-Vault-Namespace".to_owned(), name.clone())));
        headers.extend(body.iter().map(|_| ("Content-Type".to_owned(), "application/json".to_owned())));
        let credentials = token.into_iter().map(|value| Credential::Header { name: "X-Vault-Token".to_owned(), value });
        let request = HttpRequest {
            method: method.to_owned(),
            url: url.into(),
            headers,
            body_holds_secret: body.is_some(),
            body: body.map(Into::into),
            credentials: credentials.collect(),
            max_body_bytes: MAX_BODY_BYTES,
            answers: &[],
        };
        self.client.exchange(request).await.map_err(|report| self.unavailable(id, report.message()))
    }

    fn not_found(&self, id: &str, path: &str, body: &Json) -> Error {
        // A deleted version answers 404 with its metadata and no data.
        let cause = if body.pointer("/data/metadata").is_some() {
            "its newest version is deleted".to_owned()
        } else {
            body.pointer("/warnings/0").and_then(Json::as_str).unwrap_or("there is nothing at this path").to_owned()
        };
        self.no_secret(id, path, &cause)
    }

    fn no_secret(&self, id: &str, path: &str, cause: &str) -> Error {
        let address = self.server.address.to_string();
        Error::VaultAnswer { id: id.to_owned(), address, path: path.to_owned(), cause: cause.to_owned() }
    }

    fn unavailable(&self, id: &str, cause: &str) -> Error {
        let address = self.server.address.to_string();
        Error::VaultUnreachable { id: id.to_owned(), address, cause: cause.to_owned() }
    }

    fn denied(&self, id: &str, request: &str, response: &HttpResponse, body: &Json) -> Error {
        let address = self.server.address.to_string();
        Error::VaultDenied { id: id.to_owned(), address, request: request.to_owned(), cause: cause(response, body) }
    }
}

/// Vault's own words (`{"errors": [..]}`), or the status alone.
fn cause(response: &HttpResponse, body: &Json) -> String {
    let errors = body.get("errors").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    // Wrapped errors come with tabs and line ends.
    let words = errors.iter().filter_map(Json::as_str).flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    if words.is_empty() { format!("HTTP {}", response.status) } else { format!("HTTP {}, {words}", response.status) }
}
