//! The HTTP client of a source, and the request for a page.

use crate::error::Error;
use crate::template::{allow_origins, resolved_url};
use dpone_connections::HttpConnection;
use dpone_egress::{ClientConfig, RetryPolicy};
use dpone_manifest::Source;
use dpone_model::Report;
use dpone_model::http::{HttpEgress, HttpRequest, HttpResponse};
use std::sync::Arc;
use std::time::Instant;

/// The client's configuration for a manifest's source: its own origin is the one of the resolved
/// URL. `allow_private` is for the local profile, whose services are on loopback.
pub fn client_config(
    source: &Source,
    connection: &HttpConnection,
    allow_private: bool,
    user_agent: &str,
) -> Result<ClientConfig, Error> {
    Ok(ClientConfig {
        own_origin: resolved_url(source, connection)?,
        own_is_guarded: false,
        allow_origins: allow_origins(source)?,
        allow_private,
        connect_timeout: source.timeouts.connect,
        read_timeout: source.timeouts.read,
        total_timeout: source.timeouts.total,
        retry: RetryPolicy {
            max_attempts: source.retry.max_attempts,
            base: source.retry.base,
            max: source.retry.max,
            max_elapsed: source.retry.max_elapsed,
            max_retry_after: source.retry.max_retry_after,
        },
        ca_pem: connection.ca_pem.clone(),
        user_agent: user_agent.to_owned(),
        meter: Arc::default(),
    })
}

/// Sends a page's request, and logs it and its answer.
pub(crate) async fn fetch(
    egress: Arc<dyn HttpEgress>,
    request: HttpRequest,
    page: u64,
) -> Result<HttpResponse, Report> {
    tracing::debug!(page, method = request.method, url = request.url, "page asked for");
    let started = Instant::now();
    let answer = egress.send(request).await;
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match &answer {
        Ok(HttpResponse { status, body, attempts, .. }) => {
            tracing::debug!(page, status, bytes = body.len(), attempts, ms, "page received");
        }
        Err(report) => tracing::debug!(page, code = report.code().id, ms, "page failed"),
    }
    answer
}
