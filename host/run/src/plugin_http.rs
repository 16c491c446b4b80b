//! Requests of a plugin's own: to the origins that its grant `http` names, with the secrets that its
//! grant `secrets` names, and to no address inside a network.

use crate::resolve::Resolved;
use async_trait::async_trait;
use dpone_egress::{Client, ClientConfig, RetryPolicy, same_origin};
use dpone_manifest::Grants;
use dpone_model::http::{Credential, HttpRequest, HttpResponse};
use dpone_model::plugin::{PluginHttp, PluginRequest, PluginRequestError, RequestValue};
use dpone_model::{Meter, Report, Secret, codes};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// A call lasts ten seconds by default; one attempt has to leave time for another.
const ATTEMPT: Duration = Duration::from_secs(4);
const ATTEMPTS: u32 = 2;

/// One plugin's grants.
struct Granted {
    /// One client an origin: credentials go to the origin that the plugin names, and never on.
    clients: Vec<(Url, Client)>,
    secrets: BTreeMap<String, Secret>,
}

/// The sender of a plugin's requests; `None` where no host is granted.
pub fn granted(
    grants: &Grants,
    resolved: &Resolved,
    meter: &Arc<Meter>,
) -> Result<Option<Arc<dyn PluginHttp>>, Report> {
    if grants.http.is_empty() {
        return Ok(None);
    }
    let client = |origin: &String| -> Result<(Url, Client), Report> {
        let url = Url::parse(origin).map_err(|cause| Report::new(&codes::internal::BUG, cause.to_string()))?;
        Ok((url.clone(), Client::new(config(url, resolved.is_local, meter))?))
    };
    let clients = grants.http.iter().map(client).collect::<Result<_, _>>()?;
    let known = &resolved.http.secrets;
    let secrets = grants.secrets.iter().filter_map(|name| Some((name.clone(), known.get(name)?.clone())));
    Ok(Some(Arc::new(Granted { clients, secrets: secrets.collect() })))
}

/// For `check`, which has no network: a plugin that asks while it is configured is told so.
pub fn offline(grants: &Grants) -> Option<Arc<dyn PluginHttp>> {
    (!grants.http.is_empty()).then(|| Arc::new(Offline) as Arc<dyn PluginHttp>)
}

struct Offline;

#[async_trait]
impl PluginHttp for Offline {
    async fn send(&self, _request: PluginRequest) -> Result<HttpResponse, PluginRequestError> {
        Err(PluginRequestError::Failed("no request is sent while a manifest is checked".into()))
    }
}

#[async_trait]
impl PluginHttp for Granted {
    async fn send(&self, request: PluginRequest) -> Result<HttpResponse, PluginRequestError> {
        let failed = |cause: String| PluginRequestError::Failed(cause);
        let url = Url::parse(&request.url).map_err(|cause| failed(format!("`{}`: {cause}", request.url)))?;
        let client = self.clients.iter().find(|(origin, _)| same_origin(origin, &url)).map(|(_, client)| client);
        let origin = url.origin().ascii_serialization();
        let client = client.ok_or_else(|| PluginRequestError::Refused(format!("http {origin}")))?;
        let (mut headers, mut credentials) = (Vec::new(), Vec::new());
        for (name, value) in request.headers {
            if dpone_model::header::is_reserved(&name) && !name.eq_ignore_ascii_case("authorization") {
                return Err(PluginRequestError::Refused(format!("the header {name}")));
            }
            match value {
                RequestValue::Text(text) => headers.push((name, text)),
                RequestValue::Secret(secret) => {
                    let refused = || PluginRequestError::Refused(format!("secret {secret}"));
                    let value = self.secrets.get(&secret).ok_or_else(refused)?.clone();
                    credentials.push(Credential::Header { name, value });
                }
            }
        }
        let request = HttpRequest {
            method: request.method,
            url: url.into(),
            headers,
            body: request.body.map(Into::into),
            body_holds_secret: false,
            credentials,
            max_body_bytes: request.max_body_bytes,
            answers: &[],
        };
        client.send_any_status(request).await.map_err(|error| failed(error.to_string()))
    }
}

fn config(origin: Url, is_local: bool, meter: &Arc<Meter>) -> ClientConfig {
    ClientConfig {
        own_origin: origin,
        own_is_guarded: true,
        allow_origins: Vec::new(),
        allow_private: is_local,
        connect_timeout: ATTEMPT,
        read_timeout: ATTEMPT,
        total_timeout: ATTEMPT,
        retry: RetryPolicy { max_attempts: ATTEMPTS, ..RetryPolicy::default() },
        ca_pem: None,
        user_agent: concat!("dpone/", env!("CARGO_PKG_VERSION")).to_owned(),
        meter: meter.clone(),
    }
}
