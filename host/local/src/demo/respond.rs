//! From an HTTP request to an HTTP answer: control endpoints, authorization, faults, compression.

use super::faults::FaultKind;
use super::pages::{Ask, ENDPOINTS, Page};
use super::{Fault, LoggedRequest, State, lock};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::json;
use std::convert::Infallible;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const LOGIN_PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form></form></body></html>\n";
const CONTROL_PREFIX: &str = "/__";
const MAX_CONTROL_BYTES: usize = 1 << 20;

/// A whole body, or one that breaks off.
pub enum Answer {
    Whole(Bytes),
    /// The bytes are sent, then the connection is cut.
    Cut {
        sent: Bytes,
        len: u64,
    },
    Broken {
        len: u64,
    },
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Cut { sent, len } => {
                let (sent, len) = (std::mem::take(sent), *len);
                *self = Self::Broken { len };
                // The server writes what it has before it asks again.
                cx.waker().wake_by_ref();
                Poll::Ready(Some(Ok(Frame::data(sent))))
            }
            Self::Broken { .. } => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Cut { len, .. } | Self::Broken { len } => *len,
        })
    }
}

/// Answers one request.
pub async fn respond(state: &State, request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
    if request.uri().path().starts_with(CONTROL_PREFIX) {
        return Ok(control(state, request).await);
    }
    state.log(logged(&request));
    if !authorized(state, request.headers()) {
        let mut response = error(StatusCode::UNAUTHORIZED, "a bearer token is required");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return Ok(response);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(error(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here"));
    }
    let changes = lock(&state.orders).changes();
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    match Ask::parse(path, query, changes, state.page_size) {
        Ok(Some(ask)) => Ok(list(state, &request, &ask).await),
        Ok(None) => Ok(not_found(path)),
        Err(reason) => Ok(error(StatusCode::BAD_REQUEST, &reason)),
    }
}

/// Answers for a listing, with the fault that is due.
async fn list(state: &State, request: &Request<Incoming>, ask: &Ask) -> Response<Answer> {
    let fault = state.faults.take(request.uri().path(), ask.number);
    match &fault {
        Some(FaultKind::Delay { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
        Some(FaultKind::Hang) => std::future::pending().await,
        Some(kind) => {
            if let Some(response) = instead_of_page(request, kind) {
                return response;
            }
        }
        None => {}
    }
    let page = ask.render(&lock(&state.orders), &origin(state, request), fault.as_ref());
    let (is_last, changes) = (page.is_last, ask.changes());
    let response = with_page(request.headers(), page, fault.as_ref());
    if is_last && request.method() == Method::GET {
        state.complete_walk(changes);
    }
    response
}

/// The answers that hold no page at all.
fn instead_of_page(request: &Request<Incoming>, kind: &FaultKind) -> Option<Response<Answer>> {
    let redirect = |origin: &str| {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let mut response = error(StatusCode::FOUND, "moved");
        insert(&mut response, header::LOCATION, &format!("{origin}{target}"));
        response
    };
    match kind {
        FaultKind::Status { status, retry_after } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = error(status, "told to fail");
            if let Some(retry_after) = retry_after {
                insert(&mut response, header::RETRY_AFTER, retry_after);
            }
            Some(response)
        }
        FaultKind::Html => {
            let mut response = Response::new(Answer::Whole(Bytes::from_static(LOGIN_PAGE.as_bytes())));
            insert(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
            Some(response)
        }
        FaultKind::RedirectElsewhere { origin } => Some(redirect(origin)),
        FaultKind::RedirectLoop => Some(redirect("")),
        FaultKind::GzipBomb { bytes } => {
            let mut response = Response::new(Answer::Whole(gzip_bomb(*bytes).into()));
            response.headers_mut().insert(header::CONTENT_TYPE, JSON);
            insert(&mut response, header::CONTENT_ENCODING, "gzip");
            Some(response)
        }
        _ => None,
    }
}

fn with_page(headers: &HeaderMap, page: Page, fault: Option<&FaultKind>) -> Response<Answer> {
    let mut body = page.body;
    if matches!(fault, Some(FaultKind::MalformedJson)) {
        body.truncate(body.len() * 2 / 3);
    }
    let (body, encoding) = encode(headers, body);
    let answer = match fault {
        Some(FaultKind::Cut) => {
            let len = body.len() as u64;
            Answer::Cut { sent: body.slice(..body.len() / 2), len }
        }
        _ => Answer::Whole(body),
    };
    let mut response = Response::new(answer);
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    insert(&mut response, header::VARY, "accept-encoding");
    if let Some(encoding) = encoding {
        insert(&mut response, header::CONTENT_ENCODING, encoding);
    }
    if let Some(link) = page.link {
        insert(&mut response, header::LINK, &link);
    }
    response
}

/// Compresses a body as the client accepts it: zstd before gzip.
fn encode(headers: &HeaderMap, body: Vec<u8>) -> (Bytes, Option<&'static str>) {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |name: &str| {
        accepted.split(',').any(|coding| {
            let (coding, weight) = coding.split_once(';').unwrap_or((coding, ""));
            coding.trim().eq_ignore_ascii_case(name) && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
        })
    };
    if accepts("zstd")
        && let Ok(encoded) = zstd::encode_all(body.as_slice(), 1)
    {
        return (encoded.into(), Some("zstd"));
    }
    if accepts("gzip") {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        if let Ok(encoded) = encoder.write_all(&body).and_then(|()| encoder.finish()) {
            return (encoded.into(), Some("gzip"));
        }
    }
    (body.into(), None)
}

/// A valid page of `bytes` bytes, nearly all of it white space, packed.
fn gzip_bomb(bytes: u64) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let spaces = [b' '; 64 << 10];
    let mut left = bytes;
    // Writing into memory does not fail.
    let _ = encoder.write_all(b"{\"data\":{\"items\":[");
    while left > 0 {
        let now = left.min(spaces.len() as u64);
        let _ = encoder.write_all(spaces.get(..usize::try_from(now).unwrap_or(0)).unwrap_or_default());
        left -= now;
    }
    let _ = encoder.write_all(b"],\"next_cursor\":null}}");
    encoder.finish().unwrap_or_default()
}

/// `/__faults` and `/__requests`; they are neither logged nor subject to faults.
async fn control(state: &State, request: Request<Incoming>) -> Response<Answer> {
    let (parts, body) = request.into_parts();
    match (parts.method, parts.uri.path()) {
        (Method::GET, "/__faults") => json_answer(StatusCode::OK, &json!(state.faults.list())),
        (Method::DELETE, "/__faults") => {
            state.faults.replace(Vec::new());
            json_answer(StatusCode::OK, &json!([]))
        }
        (Method::POST, "/__faults") => match read_faults(body).await {
            Ok(faults) => {
                state.faults.replace(faults);
                json_answer(StatusCode::OK, &json!(state.faults.list()))
            }
            Err(reason) => error(StatusCode::BAD_REQUEST, &reason),
        },
        (Method::GET, "/__requests") => json_answer(StatusCode::OK, &json!(*lock(&state.requests))),
        (Method::DELETE, "/__requests") => {
            lock(&state.requests).clear();
            json_answer(StatusCode::OK, &json!([]))
        }
        (_, path) => not_found(path),
    }
}

async fn read_faults(body: Incoming) -> Result<Vec<Fault>, String> {
    let body = http_body_util::Limited::new(body, MAX_CONTROL_BYTES).collect().await.map_err(|e| e.to_string())?;
    serde_json::from_slice(&body.to_bytes()).map_err(|e| format!("not a list of faults: {e}"))
}

fn logged(request: &Request<Incoming>) -> LoggedRequest {
    LoggedRequest {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().map(ToOwned::to_owned),
        version: format!("{:?}", request.version()),
        headers: request.headers().keys().map(|name| name.as_str().to_owned()).collect(),
        authorization: request.headers().contains_key(header::AUTHORIZATION),
    }
}

fn authorized(state: &State, headers: &HeaderMap) -> bool {
    let Some(token) = &state.bearer_token else { return true };
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    sent.and_then(|sent| sent.strip_prefix("Bearer ")).is_some_and(|sent| sent == token.expose())
}

/// The origin as the client wrote it, so that a next URL stays at the origin that it connects to.
fn origin(state: &State, request: &Request<Incoming>) -> String {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    match request.uri().authority().map(|authority| authority.as_str()).or(host) {
        Some(authority) => format!("http://{authority}"),
        None => format!("http://{}", state.address),
    }
}

fn not_found(path: &str) -> Response<Answer> {
    let body = json!({ "error": format!("there is nothing at {path}"), "endpoints": ENDPOINTS });
    json_answer(StatusCode::NOT_FOUND, &body)
}

fn error(status: StatusCode, reason: &str) -> Response<Answer> {
    json_answer(status, &json!({ "error": reason }))
}

fn json_answer(status: StatusCode, body: &serde_json::Value) -> Response<Answer> {
    let mut response = Response::new(Answer::Whole(body.to_string().into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// Sets a header; a value that cannot be one is left out.
fn insert(response: &mut Response<Answer>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
