//! The client of one connection and its loop of attempts.

use crate::error::Error;
use crate::exchange::{Answer, Prepared};
use crate::origin::same_origin;
use crate::resolve::GuardedResolver;
use crate::retry::{RetryPolicy, is_transient, retry_after};
use async_trait::async_trait;
use dpone_model::http::{HttpEgress, HttpRequest, HttpResponse, Pause, Pauses};
use dpone_model::{Meter, Report, redact};
use reqwest::header::RETRY_AFTER;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Parts of a client.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The connection's own origin; path and query do not count. Credentials go there alone.
    pub own_origin: Url,
    /// The own origin's addresses are checked as another's are. For an origin that is not the
    /// operator's word for a connection.
    pub own_is_guarded: bool,
    /// Further origins that redirects and server-given URLs may lead to, without credentials.
    pub allow_origins: Vec<Url>,
    /// Lets other origins be loopback addresses, as the local profile's services are. Other
    /// addresses inside a network stay refused.
    pub allow_private: bool,
    pub connect_timeout: Duration,
    /// Between two reads, and until the head of the answer.
    pub read_timeout: Duration,
    /// One attempt in all, redirects and body included.
    pub total_timeout: Duration,
    pub retry: RetryPolicy,
    /// Authorities in PEM that replace the system's for the own origin; other origins are judged by
    /// the system's and these.
    pub ca_pem: Option<Vec<u8>>,
    pub user_agent: String,
    /// Counts requests and bytes, and may bound them.
    pub meter: Arc<Meter>,
}

/// An HTTP/1.1 and HTTP/2 client for one connection. Connections are kept alive between requests.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    own: reqwest::Client,
    /// For other origins: resolves with a check of every address. Most runs never need it.
    guarded: OnceLock<reqwest::Client>,
    follows_any_https: bool,
    pauses: Option<Arc<dyn Pauses>>,
}

impl Client {
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let guard = config.own_is_guarded.then_some(GuardedResolver { allow_loopback: config.allow_private });
        let own = build(&config, guard)?;
        Ok(Self { config, own, guarded: OnceLock::new(), follows_any_https: false, pauses: None })
    }

    /// Lets redirects lead to any https origin, for content that is verified by its digest. The rules
    /// for another origin hold: no credential, none of the request's headers, public addresses only.
    #[must_use]
    pub fn following_any_https(mut self) -> Self {
        self.follows_any_https = true;
        self
    }

    /// Tells of each pause before a further attempt.
    #[must_use]
    pub fn telling(mut self, pauses: Arc<dyn Pauses>) -> Self {
        self.pauses = Some(pauses);
        self
    }

    /// As [`HttpEgress::send`], but an answer with an error status is an answer too, once the
    /// attempts are used up. For protocols whose error bodies mean something.
    pub async fn send_any_status(&self, request: HttpRequest) -> Result<HttpResponse, Error> {
        let prepared = Prepared::new(request)?;
        let (answer, attempts) = self.attempts(&prepared).await?;
        Ok(response(&prepared, answer, attempts))
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Whether a redirect may lead to this other origin.
    pub(crate) fn may_follow(&self, to: &Url) -> bool {
        self.config.allow_origins.iter().any(|allowed| same_origin(allowed, to))
            || (self.follows_any_https && to.scheme() == "https")
    }

    pub(crate) fn own(&self) -> &reqwest::Client {
        &self.own
    }

    pub(crate) fn guarded(&self) -> Result<&reqwest::Client, Error> {
        if let Some(client) = self.guarded.get() {
            return Ok(client);
        }
        let resolver = GuardedResolver { allow_loopback: self.config.allow_private };
        let client = build(&self.config, Some(resolver))?;
        Ok(self.guarded.get_or_init(|| client))
    }

    /// Attempts until an answer that is worth nothing more to repeat, or the policy's end.
    async fn attempts(&self, prepared: &Prepared) -> Result<(Answer, u32), Error> {
        let policy = &self.config.retry;
        let started = Instant::now();
        // Pauses that the server asked for are its doing and do not count as elapsed.
        let mut asked_for = Duration::ZERO;
        let mut attempt = 1;
        loop {
            let outcome = self.attempt(prepared, attempt).await;
            let asked = match &outcome {
                Ok(answer) if is_transient(answer.status, answer.asks_to_wait()) => {
                    self.asked_pause(prepared, answer)?
                }
                Err(error) if error.is_transient() => None,
                _ => return outcome.map(|answer| (answer, attempt)).map_err(|error| error.after(attempt)),
            };
            let own_pause = policy.pause(attempt, random());
            let pause = asked.map_or(own_pause, |asked| asked.max(own_pause));
            let elapsed = started.elapsed().saturating_sub(asked_for);
            let out_of_time = asked.is_none() && elapsed.saturating_add(pause) > policy.max_elapsed;
            if attempt >= policy.max_attempts || elapsed > policy.max_elapsed || out_of_time {
                return outcome.map(|answer| (answer, attempt)).map_err(|error| error.after(attempt));
            }
            self.tell_pause(prepared, &outcome, asked.is_some(), attempt, pause);
            asked_for += asked.unwrap_or_default();
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// A request that is sent again is told where somebody listens, and is a warning where nobody does.
    fn tell_pause(
        &self,
        prepared: &Prepared,
        outcome: &Result<Answer, Error>,
        asked: bool,
        attempt: u32,
        pause: Duration,
    ) {
        let cause = match outcome {
            Ok(answer) if asked => format!("status {} with Retry-After", answer.status),
            Ok(answer) => format!("status {}", answer.status),
            Err(error) => error.to_string(),
        };
        let (url, pause_ms) = (prepared.printable_start(), millis(pause));
        match &self.pauses {
            Some(pauses) => {
                tracing::info!(%url, attempt, pause_ms, %cause, "request will be sent again");
                pauses.pausing(Pause { duration: pause, attempt: attempt + 1, cause });
            }
            None => tracing::warn!(%url, attempt, pause_ms, %cause, "request will be sent again"),
        }
    }

    async fn attempt(&self, prepared: &Prepared, attempt: u32) -> Result<Answer, Error> {
        let started = Instant::now();
        if tracing::enabled!(tracing::Level::DEBUG) {
            tracing::debug!(method = prepared.method(), url = %prepared.printable_start(), attempt, "request sent");
        }
        let outcome = self.attempt_in_time(prepared).await;
        let ms = millis(started.elapsed());
        match &outcome {
            Ok(answer) => {
                tracing::debug!(status = answer.status, bytes = answer.body.len(), attempt, ms, "answer received")
            }
            Err(error) => tracing::debug!(%error, attempt, ms, "request failed"),
        }
        outcome
    }

    async fn attempt_in_time(&self, prepared: &Prepared) -> Result<Answer, Error> {
        let total = self.config.total_timeout;
        tokio::time::timeout(total, self.exchange(prepared)).await.unwrap_or_else(|_| {
            Err(Error::Timeout {
                method: prepared.method().to_owned(),
                url: prepared.printable_start(),
                attempts: 1,
                cause: format!("no whole answer within {} ms", total.as_millis()),
            })
        })
    }

    /// The pause of `Retry-After`, where there is one that can be read.
    fn asked_pause(&self, prepared: &Prepared, answer: &Answer) -> Result<Option<Duration>, Error> {
        let header = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let asked = header.and_then(|value| retry_after(value, jiff::Timestamp::now()));
        let limit = self.config.retry.max_retry_after;
        match asked {
            Some(asked) if asked > limit => {
                Err(Error::RetryAfter { url: prepared.printable(&answer.url), asked, limit })
            }
            asked => Ok(asked),
        }
    }
}

#[async_trait]
impl HttpEgress for Client {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Report> {
        let answers = request.answers;
        let prepared = Prepared::new(request)?;
        let (answer, attempts) = self.attempts(&prepared).await?;
        if is_success(answer.status) || answers.contains(&answer.status) {
            return Ok(response(&prepared, answer, attempts));
        }
        Err(Error::Status {
            method: prepared.method().to_owned(),
            url: prepared.printable(&answer.url),
            attempts,
            status: answer.status,
            asks_to_wait: answer.asks_to_wait(),
            excerpt: excerpt(&answer.body),
        })?
    }
}

fn build(config: &ClientConfig, resolver: Option<GuardedResolver>) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .user_agent(config.user_agent.as_str())
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.read_timeout);
    let is_plain = config.own_origin.scheme() == "http";
    let certificates = certificates(config)?;
    builder = match (&resolver, certificates.is_empty()) {
        // A plain origin never speaks TLS: the system's authorities need not even be there.
        (None, true) if is_plain => builder.tls_certs_only([]),
        (_, true) => builder,
        // A user who names an authority for an API means that no other may speak for it.
        (None, false) => builder.tls_certs_only(certificates),
        (Some(_), false) => builder.tls_certs_merge(certificates),
    };
    if let Some(resolver) = resolver {
        builder = builder.dns_resolver(resolver);
    }
    builder.build().map_err(|error| Error::Client { cause: error.to_string() })
}

fn certificates(config: &ClientConfig) -> Result<Vec<reqwest::Certificate>, Error> {
    let Some(pem) = &config.ca_pem else { return Ok(Vec::new()) };
    let found = reqwest::Certificate::from_pem_bundle(pem);
    let found = found.map_err(|error| Error::Certificates { cause: error.to_string() })?;
    if found.is_empty() { Err(Error::Certificates { cause: "the PEM holds none".into() }) } else { Ok(found) }
}

fn response(prepared: &Prepared, answer: Answer, attempts: u32) -> HttpResponse {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
    let excerpt = (!is_success(answer.status)).then(|| excerpt(&answer.body));
    HttpResponse {
        excerpt,
        status: answer.status,
        headers: headers.collect(),
        body: answer.body,
        url: prepared.without_secrets(&answer.url).into(),
        attempts,
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Up to 200 characters of a body, white space joined, secrets taken out before anything is cut.
fn excerpt(body: &[u8]) -> String {
    const BYTES: usize = 200;
    // A few bytes more than needed, so that a long run of white space leaves something to show.
    const LOOKED_AT: usize = 4096;
    let text = redact::window(body, 0, LOOKED_AT);
    let text = String::from_utf8_lossy(&text);
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    match redact::excerpt(words.join(" "), BYTES) {
        empty if empty.is_empty() => "(empty body)".into(),
        text => text,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// 64 random bits; where the system has none, the longest pause is as good as any.
fn random() -> u64 {
    getrandom::u64().unwrap_or(u64::MAX)
}
