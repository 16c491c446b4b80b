//! The five kinds of requests that a registry is asked.

use super::MAX_COMPONENT_BYTES;
use super::artifact::MANIFEST_TYPE;
use super::challenge::{Challenge, challenge};
use super::error::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dpone_egress::{Client, ClientConfig, RetryPolicy, origin_text, same_origin};
use dpone_manifest::OciReference;
use dpone_model::http::{Credential, HttpRequest, HttpResponse};
use dpone_model::{Report, Secret, codes, redact};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::{Host, Url};

/// Manifests and tokens have a few kilobytes; the specification asks for 4 MiB.
const MAX_DOCUMENT_BYTES: u64 = 4 << 20;
const USER_AGENT: &str = concat!("dpone/", env!("CARGO_PKG_VERSION"));

/// One repository of a registry.
pub(super) struct Registry {
    client: Client,
    base: Url,
    name: String,
    repository: String,
    credentials: Option<Credentials>,
    /// The `Authorization` that the registry asked for.
    authorization: Mutex<Option<Secret>>,
}

struct Credentials {
    basic: Secret,
}

/// A request but for its authorization.
struct Ask<'a> {
    method: &'a str,
    url: Url,
    headers: Vec<(String, String)>,
    body: Option<Bytes>,
    max_body_bytes: u64,
}

impl Registry {
    /// For content that is verified by its digest, wherever a redirect leads to.
    pub fn to_pull(reference: &OciReference) -> Result<Self, Error> {
        let registry = Self::to_push(reference)?;
        Ok(Self { client: registry.client.following_any_https(), ..registry })
    }

    /// Pushed bytes go to the registry alone.
    pub fn to_push(reference: &OciReference) -> Result<Self, Error> {
        let invalid = |cause: String| Error::Reference { text: reference.to_string(), cause };
        let https = Url::parse(&format!("https://{}/", reference.host)).map_err(|error| invalid(error.to_string()))?;
        let base = match is_loopback(&https) {
            false => https,
            true => Url::parse(&format!("http://{}/", reference.host)).map_err(|error| invalid(error.to_string()))?,
        };
        Ok(Self {
            client: client(&base, Vec::new())?,
            base,
            name: reference.host.clone(),
            repository: reference.repository.clone(),
            credentials: credentials(&reference.host),
            authorization: Mutex::default(),
        })
    }

    /// The manifest's bytes, not yet verified.
    pub async fn manifest(&self, digest: &str) -> Result<Vec<u8>, Error> {
        let ask = Ask {
            headers: vec![("Accept".to_owned(), MANIFEST_TYPE.to_owned())],
            ..self.ask("GET", &format!("manifests/sha256:{digest}"), MAX_DOCUMENT_BYTES)?
        };
        let what = format!("sha256:{digest} of {}", self.repository);
        self.content(ask, what).await
    }

    /// A blob's bytes, not yet verified.
    pub async fn blob(&self, digest: &str, size: u64) -> Result<Vec<u8>, Error> {
        // One byte more than announced is enough to see that it is another blob.
        let ask = self.ask("GET", &format!("blobs/sha256:{digest}"), size.clamp(1, MAX_COMPONENT_BYTES))?;
        self.content(ask, format!("blob sha256:{digest} of {}", self.repository)).await
    }

    /// Uploads a blob, unless it is there.
    pub async fn upload(&self, digest: &str, content: Bytes) -> Result<(), Error> {
        let known = self.send(self.ask("HEAD", &format!("blobs/sha256:{digest}"), MAX_COMPONENT_BYTES)?).await?;
        if known.status == 200 {
            return Ok(());
        }
        let start = Ask { body: Some(Bytes::new()), ..self.ask("POST", "blobs/uploads/", MAX_DOCUMENT_BYTES)? };
        let started = self.expect(self.send(start).await?, &[202], &self.repository)?;
        let mut url = self.upload_url(&started)?;
        url.query_pairs_mut().append_pair("digest", &format!("sha256:{digest}"));
        let headers = vec![("Content-Type".to_owned(), "application/octet-stream".to_owned())];
        let body = Some(content);
        let put = Ask { method: "PUT", url, headers, body, max_body_bytes: MAX_DOCUMENT_BYTES };
        self.expect(self.send(put).await?, &[201], &self.repository).map(|_| ())
    }

    pub async fn put_manifest(&self, tag: &str, manifest: String, digest: &str) -> Result<(), Error> {
        let put = Ask {
            headers: vec![("Content-Type".to_owned(), MANIFEST_TYPE.to_owned())],
            body: Some(manifest.into()),
            ..self.ask("PUT", &format!("manifests/{tag}"), MAX_DOCUMENT_BYTES)?
        };
        let answer = self.expect(self.send(put).await?, &[201], &self.repository)?;
        let wanted = format!("sha256:{digest}");
        match header(&answer, "docker-content-digest") {
            Some(found) if found != wanted => {
                Err(self.misunderstood(format!("it stored the manifest as {found}, not as {wanted}")))
            }
            _ => Ok(()),
        }
    }

    fn ask(&self, method: &'static str, path: &str, max_body_bytes: u64) -> Result<Ask<'static>, Error> {
        let url = self.base.join(&format!("v2/{}/{path}", self.repository));
        let url = url.map_err(|error| Error::Client(error.to_string()))?;
        Ok(Ask { method, url, headers: Vec::new(), body: None, max_body_bytes })
    }

    async fn content(&self, ask: Ask<'_>, what: String) -> Result<Vec<u8>, Error> {
        let limit = ask.max_body_bytes;
        let answer = self.expect(self.send(ask).await?, &[200], &what)?;
        if answer.body.len() as u64 > limit {
            return Err(Error::TooLarge { reference: what, size: answer.body.len() as u64, limit });
        }
        Ok(answer.body.to_vec())
    }

    /// Where an upload goes on: the registry's own word, on its own origin.
    fn upload_url(&self, started: &HttpResponse) -> Result<Url, Error> {
        let location =
            header(started, "location").ok_or_else(|| self.misunderstood("an upload without Location".into()))?;
        let url = self.base.join(location).map_err(|error| self.misunderstood(error.to_string()))?;
        if same_origin(&url, &self.base) {
            return Ok(url);
        }
        Err(self.misunderstood(format!("it sends the upload to {}", origin_text(&url))))
    }

    /// Sends, and once more with what a 401 asks for.
    async fn send(&self, ask: Ask<'_>) -> Result<HttpResponse, Error> {
        let answer = self.send_once(&ask).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let authorization = match challenge(&answer.headers) {
            Some(Challenge::Basic) => match &self.credentials {
                Some(credentials) => credentials.basic.clone(),
                None => return Err(self.denied("it asks for a user name and a password".to_owned())),
            },
            Some(Challenge::Bearer { realm, service, scope }) => self.token(&realm, service, scope).await?,
            None => return Err(self.denied("it asks for a way to log in that is not supported".to_owned())),
        };
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(authorization);
        self.send_once(&ask).await
    }

    async fn send_once(&self, ask: &Ask<'_>) -> Result<HttpResponse, Error> {
        let authorization = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let credential = |value| Credential::Header { name: "Authorization".to_owned(), value };
        let request = HttpRequest {
            method: ask.method.to_owned(),
            url: ask.url.to_string(),
            headers: ask.headers.clone(),
            body: ask.body.clone(),
            body_holds_secret: false,
            credentials: authorization.map(credential).into_iter().collect(),
            max_body_bytes: ask.max_body_bytes,
            answers: &[],
        };
        self.client.send_any_status(request).await.map_err(|error| self.unreachable(error))
    }

    /// A token of the service that the registry names.
    async fn token(&self, realm: &str, service: Option<String>, scope: Option<String>) -> Result<Secret, Error> {
        let mut url = Url::parse(realm).map_err(|error| self.misunderstood(format!("its token service: {error}")))?;
        if url.scheme() != "https" && !(is_loopback(&url) && url.scheme() == "http") {
            return Err(self.denied(format!("its token service {} is not https", origin_text(&url))));
        }
        for (name, value) in [("service", service), ("scope", scope)] {
            value.iter().for_each(|value| {
                url.query_pairs_mut().append_pair(name, value);
            });
        }
        let (client, credentials) = self.token_client(&url)?;
        let request = HttpRequest {
            method: "GET".to_owned(),
            url: url.to_string(),
            headers: vec![("Accept".to_owned(), "application/json".to_owned())],
            body: None,
            body_holds_secret: false,
            credentials: credentials.into_iter().collect(),
            max_body_bytes: MAX_DOCUMENT_BYTES,
            answers: &[],
        };
        let sent = client.as_ref().unwrap_or(&self.client).send_any_status(request).await;
        let answer = sent.map_err(|error| self.unreachable(error))?;
        if answer.status != 200 {
            return Err(self.denied(format!("its token service {} answers {}", origin_text(&url), answer.status)));
        }
        let token = serde_json::from_slice::<serde_json::Value>(&answer.body).ok().and_then(|answer| {
            ["token", "access_token"].into_iter().find_map(|name| answer.get(name)?.as_str().map(str::to_owned))
        });
        let token = token.ok_or_else(|| self.misunderstood("its token service gave no token".to_owned()))?;
        Ok(Secret::new(format!("Bearer {token}")))
    }

    /// The client and the credential for a token service. Another origin than the registry's gets
    /// the password only where the operator named it; without one it is asked as any other origin,
    /// which may not be inside the operator's network.
    fn token_client(&self, url: &Url) -> Result<(Option<Client>, Option<Credential>), Error> {
        let credential = |credentials: &Credentials| Credential::Header {
            name: "Authorization".to_owned(),
            value: credentials.basic.clone(),
        };
        let credential = self.credentials.as_ref().map(credential);
        if same_origin(url, &self.base) {
            return Ok((None, credential));
        }
        let named = std::env::var("DPONE_OCI_TOKEN_ORIGIN").ok().and_then(|named| Url::parse(&named).ok());
        if named.is_some_and(|named| same_origin(&named, url)) {
            return Ok((Some(client(url, Vec::new())?), credential));
        }
        if credential.is_none() {
            return Ok((Some(client(&self.base, vec![url.clone()])?), None));
        }
        let origin = origin_text(url);
        Err(Error::Denied {
            registry: self.name.clone(),
            cause: format!("it asks for the password to be sent to {origin}"),
            hint: Some(format!("set DPONE_OCI_TOKEN_ORIGIN={origin} if that is the registry's token service")),
        })
    }

    fn expect(&self, answer: HttpResponse, statuses: &[u16], what: &str) -> Result<HttpResponse, Error> {
        match answer.status {
            status if statuses.contains(&status) => Ok(answer),
            404 => Err(Error::NotFound { what: what.to_owned(), registry: self.name.clone() }),
            status if status == 429 || status >= 500 => {
                let report = Report::new(&codes::plugin::OCI_UNREACHABLE, format!("it keeps answering {status}"));
                Err(Error::Unreachable { registry: self.name.clone(), report })
            }
            status @ (401 | 403) => Err(self.denied(format!("it answers {status}"))),
            status => {
                let excerpt = redact::excerpt(&answer.body, 200);
                Err(self.misunderstood(format!("{status} for {what}: {excerpt}")))
            }
        }
    }

    fn denied(&self, cause: String) -> Error {
        let hint = match self.credentials {
            Some(_) => "check DPONE_OCI_USERNAME and DPONE_OCI_PASSWORD, and what this user may do",
            None => "set DPONE_OCI_USERNAME and DPONE_OCI_PASSWORD",
        };
        Error::Denied { registry: self.name.clone(), cause, hint: Some(hint.to_owned()) }
    }

    fn misunderstood(&self, cause: String) -> Error {
        Error::Answer { registry: self.name.clone(), cause }
    }

    fn unreachable(&self, error: dpone_egress::Error) -> Error {
        let registry = self.name.clone();
        match error {
            dpone_egress::Error::TooLarge { url, limit } => Error::TooLarge { reference: url, size: limit + 1, limit },
            dpone_egress::Error::OtherOrigin { origin, .. } => {
                Error::Answer { registry, cause: format!("it redirects to {origin}, which is not https") }
            }
            dpone_egress::Error::Address { refused, .. } => {
                let cause = format!("it redirects into the network: {refused}");
                let hint = "let the registry serve blobs itself instead of redirecting to its storage".to_owned();
                Error::Denied { registry, cause, hint: Some(hint) }
            }
            other => Error::Unreachable { registry, report: Report::from(other) },
        }
    }
}

/// Names and addresses of this machine, which need no TLS.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The environment's credentials, if they are meant for this registry.
fn credentials(host: &str) -> Option<Credentials> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if variable("DPONE_OCI_REGISTRY").is_some_and(|only| only != host) {
        return None;
    }
    let (user, password) = variable("DPONE_OCI_USERNAME").zip(variable("DPONE_OCI_PASSWORD"))?;
    redact::protect(&password);
    Some(Credentials { basic: Secret::new(format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))) })
}

fn client(origin: &Url, allow_origins: Vec<Url>) -> Result<Client, Error> {
    let config = ClientConfig {
        own_origin: origin.clone(),
        own_is_guarded: false,
        allow_origins,
        allow_private: is_loopback(origin),
        connect_timeout: Duration::from_secs(10),
        read_timeout: Duration::from_secs(30),
        // A component of the largest size over a slow line.
        total_timeout: Duration::from_secs(300),
        retry: RetryPolicy { max_attempts: 3, ..RetryPolicy::default() },
        ca_pem: None,
        user_agent: USER_AGENT.to_owned(),
        meter: Arc::default(),
    };
    Client::new(config).map_err(|error| Error::Client(error.to_string()))
}

fn header<'a>(answer: &'a HttpResponse, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
