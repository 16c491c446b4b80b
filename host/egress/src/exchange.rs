//! One attempt: the request, the redirects it leads to, and the body at the end of them.

use crate::body::{self, ACCEPT_ENCODING, BodyError};
use crate::client::Client;
use crate::error::Error;
use crate::origin::{MAX_URL_BYTES, origin_text, printable_url, same_origin, without_params, without_userinfo};
use crate::redirect::{MAX_REDIRECTS, redirect};
use crate::resolve::{Refused, check_literal};
use bytes::Bytes;
use dpone_model::http::{Credential, HttpRequest, RequestSigner};
use dpone_model::plugin::Outgoing;
use dpone_model::{Report, codes, redact};
use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Request, Response};
use sha2::{Digest, Sha256};
use std::error::Error as StdError;
use std::sync::Arc;
use url::Url;

/// Name and value of a header together; servers commonly take 8 KiB.
const MAX_HEADER_BYTES: usize = 16 << 10;
/// All headers of a request; servers commonly take 16 to 32 KiB.
const MAX_HEADERS_BYTES: usize = 64 << 10;

/// A request whose parts have been checked, ready to be sent as often as it takes.
pub(crate) struct Prepared {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Bytes>,
    body_holds_secret: bool,
    secret_headers: Vec<(HeaderName, HeaderValue)>,
    secret_params: Vec<(String, String)>,
    signers: Vec<Arc<dyn RequestSigner>>,
    pub max_body_bytes: u64,
}

/// The answer, whatever its status.
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub url: Url,
}

impl Answer {
    /// Whether it has a `Retry-After`, whatever it says.
    pub fn asks_to_wait(&self) -> bool {
        self.headers.contains_key(RETRY_AFTER)
    }
}

/// Where a request stands between two redirects.
struct Hop {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Option<Bytes>,
    /// Every URL so far was of the connection's origin. Once left, credentials are not attached
    /// again, even if the way leads back: the other origin chose the URL.
    trusted: bool,
}

impl Prepared {
    pub(crate) fn new(request: HttpRequest) -> Result<Self, Error> {
        let invalid = |cause: String| Error::Request { url: "the request".into(), cause };
        let url = Url::parse(&request.url).map_err(|error| invalid(error.to_string()))?;
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|error| invalid(error.to_string()))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
            let (header, value) = header.ok_or_else(|| invalid(format!("header `{name}` is not valid")))?;
            headers.append(header, value);
        }
        let mut prepared = Self {
            method,
            url: without_userinfo(&url),
            headers,
            body: request.body,
            body_holds_secret: request.body_holds_secret,
            secret_headers: Vec::new(),
            secret_params: Vec::new(),
            signers: Vec::new(),
            max_body_bytes: request.max_body_bytes,
        };
        request.credentials.iter().try_for_each(|credential| prepared.add_credential(credential))?;
        Ok(prepared)
    }

    fn add_credential(&mut self, credential: &Credential) -> Result<(), Error> {
        match credential {
            Credential::Query { name, value } => {
                value.protect();
                self.secret_params.push((name.clone(), value.expose().to_owned()));
            }
            Credential::Header { name, value } => {
                // Of `Bearer TOKEN` the token is the secret.
                value.protect();
                redact::protect(value.expose().rsplit(' ').next().unwrap_or_default());
                let invalid = || Error::Credential { carrier: format!("header {name}") };
                let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
                let mut value = HeaderValue::from_str(value.expose()).map_err(|_| invalid())?;
                value.set_sensitive(true);
                self.secret_headers.push((header, value));
            }
            Credential::Signed(signer) => self.signers.push(signer.clone()),
        }
        Ok(())
    }

    pub(crate) fn method(&self) -> &str {
        self.method.as_str()
    }

    pub(crate) fn printable(&self, url: &Url) -> String {
        printable_url(url, &names(&self.secret_names()))
    }

    pub(crate) fn printable_start(&self) -> String {
        self.printable(&self.url)
    }

    /// The URL without the credentials, should the server have echoed them: as others may keep it, and as it
    /// is asked for next.
    pub(crate) fn without_secrets(&self, url: &Url) -> Url {
        without_params(url, &names(&self.secret_names()))
    }

    /// The query parameters that carry a credential, and those of the signatures so far.
    fn secret_names(&self) -> Vec<String> {
        let own = self.secret_params.iter().map(|(name, _)| name.clone());
        own.chain(self.signers.iter().flat_map(|signer| signer.params())).collect()
    }

    /// The request on the wire for one hop. Only a trusted hop carries credentials.
    async fn wire_request(&self, hop: &Hop) -> Result<Request, Error> {
        let mut url = hop.url.clone();
        if hop.trusted && !self.secret_params.is_empty() {
            url = self.without_secrets(&url);
            url.query_pairs_mut().extend_pairs(&self.secret_params);
        }
        let mut request = Request::new(hop.method.clone(), url);
        *request.headers_mut() = hop.headers.clone();
        request.headers_mut().insert(reqwest::header::ACCEPT_ENCODING, HeaderValue::from_static(ACCEPT_ENCODING));
        if hop.trusted {
            for (name, value) in &self.secret_headers {
                request.headers_mut().insert(name.clone(), value.clone());
            }
        }
        *request.body_mut() = hop.body.clone().map(Into::into);
        let bytes = request.url().as_str().len();
        if bytes > MAX_URL_BYTES {
            return Err(Error::LongUrl { from: cut(&self.printable(&hop.url)), bytes, redirected: false });
        }
        if hop.trusted {
            for signer in &self.signers {
                self.sign(hop, &mut request, signer.as_ref()).await?;
            }
        }
        self.bound_headers(hop, request.headers())?;
        Ok(request)
    }

    /// Headers are bounded whoever set them: manifest, connection, plugin or signer.
    fn bound_headers(&self, hop: &Hop, headers: &HeaderMap) -> Result<(), Error> {
        let long =
            |what: String, bytes, limit| Error::LongHeaders { url: self.printable(&hop.url), what, bytes, limit };
        let mut total = 0;
        for (name, value) in headers {
            let bytes = name.as_str().len() + value.len();
            if bytes > MAX_HEADER_BYTES {
                return Err(long(format!("header `{name}` has"), bytes, MAX_HEADER_BYTES));
            }
            total += bytes;
        }
        if total <= MAX_HEADERS_BYTES { Ok(()) } else { Err(long("headers have".into(), total, MAX_HEADERS_BYTES)) }
    }

    /// Adds what a signer makes of the hop. What it signs is the request without credentials.
    async fn sign(&self, hop: &Hop, request: &mut Request, signer: &dyn RequestSigner) -> Result<(), Error> {
        let failed = |report| Error::Signer {
            method: hop.method.to_string(),
            url: self.printable(&hop.url),
            report: Box::new(report),
        };
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| Error::Client { cause: error.to_string() })?;
        let outgoing = Outgoing {
            method: hop.method.to_string(),
            url: hop.url.to_string(),
            headers: hop.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body_sha256: hex::encode(Sha256::digest(hop.body.as_deref().unwrap_or_default())),
            sent_at: jiff::Timestamp::now(),
            nonce,
        };
        let signed = signer.sign(outgoing).await.map_err(failed)?;
        let invalid = |message: String| failed(Report::new(&codes::plugin::BAD_OUTPUT, message));
        for (name, value) in signed.headers {
            let header = HeaderName::from_bytes(name.as_bytes());
            let header =
                header.map_err(|_| invalid("the signer set a header whose name HTTP does not allow".into()))?;
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
                invalid(format!("the signer's value of the header `{header}` has a character that HTTP does not allow"))
            })?;
            value.set_sensitive(true);
            if request.headers().contains_key(&header) {
                let message = format!("the signer set the header `{name}`, which the request has already");
                let report = Report::new(&codes::plugin::REQUEST_REFUSED, message);
                return Err(failed(report.hint("leave the header out of the manifest and the connection")));
            }
            request.headers_mut().insert(header, value);
        }
        if !signed.query.is_empty() {
            let pairs = signed.query.iter().map(|(name, value)| (name.as_str(), value.expose()));
            request.url_mut().query_pairs_mut().extend_pairs(pairs);
            let bytes = request.url().as_str().len();
            if bytes > MAX_URL_BYTES {
                let message =
                    format!("with the signer's parameters the URL has {bytes} bytes, more than {MAX_URL_BYTES}");
                return Err(invalid(message));
            }
        }
        Ok(())
    }
}

impl Client {
    /// Sends, follows redirects and reads the body. The caller bounds it in time.
    pub(crate) async fn exchange(&self, prepared: &Prepared) -> Result<Answer, Error> {
        let mut hop = self.first_hop(prepared)?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send_hop(prepared, &hop).await?;
            match redirect(response.status(), response.headers(), &hop.url, &hop.method) {
                None => return self.read(prepared, &hop, response).await,
                Some(next) => self.follow(prepared, &mut hop, next)?,
            }
        }
        Err(Error::Redirects { url: prepared.printable(&hop.url), limit: MAX_REDIRECTS })
    }

    fn first_hop(&self, prepared: &Prepared) -> Result<Hop, Error> {
        let trusted = same_origin(&prepared.url, &self.config().own_origin);
        let url = prepared.without_secrets(&prepared.url);
        if !trusted {
            self.permit(prepared, &prepared.url, &url, false)?;
            keep_secrets(prepared, &prepared.url, &url, prepared.body.as_deref(), false)?;
        } else if self.config().own_is_guarded {
            check_literal(&prepared.url, self.config().allow_private)
                .map_err(|refused| Error::Address { url: prepared.printable_start(), refused })?;
        }
        Ok(Hop {
            url,
            method: prepared.method.clone(),
            headers: if trusted { prepared.headers.clone() } else { harmless(&prepared.headers) },
            body: prepared.body.clone(),
            trusted,
        })
    }

    fn follow(&self, prepared: &Prepared, hop: &mut Hop, next: crate::redirect::Redirect) -> Result<(), Error> {
        let bytes = next.url.as_str().len();
        if bytes > MAX_URL_BYTES {
            return Err(Error::LongUrl { from: cut(&prepared.printable(&hop.url)), bytes, redirected: true });
        }
        let own = same_origin(&next.url, &self.config().own_origin);
        if !own {
            self.permit(prepared, &hop.url, &next.url, true)?;
            hop.headers = harmless(&hop.headers);
        }
        hop.trusted &= own;
        if !next.keeps_body {
            hop.body = None;
            hop.headers.remove(CONTENT_TYPE);
        }
        let url = prepared.without_secrets(&without_userinfo(&next.url));
        if !own {
            keep_secrets(prepared, &hop.url, &url, hop.body.as_deref(), true)?;
        }
        hop.url = url;
        hop.method = next.method;
        Ok(())
    }

    /// Another origin has to be in `allow_origins` and may not be a literal address inside a network.
    fn permit(&self, prepared: &Prepared, from: &Url, to: &Url, redirected: bool) -> Result<(), Error> {
        let config = self.config();
        if !self.may_follow(to) {
            return Err(Error::OtherOrigin {
                from: prepared.printable(from),
                origin: origin_text(to),
                own: origin_text(&config.own_origin),
                redirected,
            });
        }
        check_literal(to, config.allow_private)
            .map_err(|refused| Error::Address { url: prepared.printable(to), refused })
    }

    async fn send_hop(&self, prepared: &Prepared, hop: &Hop) -> Result<Response, Error> {
        let is_own = same_origin(&hop.url, &self.config().own_origin);
        let client = if is_own { self.own() } else { self.guarded()? };
        let request = prepared.wire_request(hop).await?;
        let bytes = request.url().as_str().len() + hop.body.as_ref().map_or(0, Bytes::len);
        self.config().meter.request(bytes as u64).map_err(Error::Quota)?;
        client.execute(request).await.map_err(|error| failure(prepared, hop, error))
    }

    async fn read(&self, prepared: &Prepared, hop: &Hop, response: Response) -> Result<Answer, Error> {
        let status = response.status();
        let headers = response.headers().clone();
        let url = || prepared.printable(&hop.url);
        let body = match body::read(response, prepared.max_body_bytes, &self.config().meter).await {
            Ok(body) => body,
            // The status says more than a body that cannot be read.
            Err(BodyError::TooLarge | BodyError::Encoding(_)) if !status.is_success() => Bytes::new(),
            Err(BodyError::TooLarge) => return Err(Error::TooLarge { url: url(), limit: prepared.max_body_bytes }),
            Err(BodyError::Encoding(cause)) => return Err(Error::Encoding { url: url(), cause }),
            Err(BodyError::Quota(exceeded)) => return Err(Error::Quota(exceeded)),
            Err(BodyError::Broken(error)) => return Err(failure(prepared, hop, error)),
        };
        Ok(Answer { status: status.as_u16(), headers, body, url: hop.url.clone() })
    }
}

/// The start of a URL that may be too long to be shown.
fn cut(url: &str) -> String {
    const SHOWN_BYTES: usize = 200;
    redact::excerpt(url, SHOWN_BYTES)
}

fn names(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// Nothing of a request to another origin may hold a secret: not the body, whoever put one into it, and not the
/// URL into which a server put what it was sent.
fn keep_secrets(prepared: &Prepared, from: &Url, to: &Url, body: Option<&[u8]>, redirected: bool) -> Result<(), Error> {
    let is_in_body = |body: &[u8]| prepared.body_holds_secret || redact::holds_secret(body);
    if body.is_some_and(is_in_body) || redact::holds_secret(to.as_str().as_bytes()) {
        return Err(Error::SecretLeaves { from: prepared.printable(from), origin: origin_text(to), redirected });
    }
    Ok(())
}

/// The headers that another origin may see: a manifest's own may hold a key that nobody declared.
fn harmless(headers: &HeaderMap) -> HeaderMap {
    let is_harmless = |(name, value): &(&HeaderName, &HeaderValue)| {
        [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE].contains(name) && !redact::holds_secret(value.as_bytes())
    };
    headers.iter().filter(is_harmless).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Reads an error of the HTTP library: refused address, timeout, bad certificate, or anything that
/// may be gone at the next attempt.
fn failure(prepared: &Prepared, hop: &Hop, error: reqwest::Error) -> Error {
    let url = prepared.printable(&hop.url);
    let method = hop.method.to_string();
    if let Some(refused) = chain(&error).find_map(|cause| cause.downcast_ref::<Refused>()) {
        return Error::Address { url, refused: refused.clone() };
    }
    if error.is_timeout() {
        let phase = if error.is_connect() { "connecting took too long" } else { "the server stopped answering" };
        return Error::Timeout { method, url, attempts: 1, cause: phase.into() };
    }
    if error.is_builder() {
        return Error::Request { url, cause: root_cause(&error) };
    }
    let permanent = error.is_connect() && chain(&error).filter_map(|cause| cause.downcast_ref()).any(is_invalid_data);
    Error::Unreachable { method, url, attempts: 1, cause: root_cause(&error), permanent }
}

/// TLS reports a peer that does not verify, or does not speak it, as invalid data; the error may be
/// wrapped into others of its kind, which the chain of sources passes over.
fn is_invalid_data(error: &std::io::Error) -> bool {
    let inner = || error.get_ref().and_then(|inner| inner.downcast_ref());
    error.kind() == std::io::ErrorKind::InvalidData || inner().is_some_and(is_invalid_data)
}

fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let next = |cause: &&'a (dyn StdError + 'static)| -> Option<&'a (dyn StdError + 'static)> { (*cause).source() };
    std::iter::successors(error.source(), next)
}

/// The innermost cause: `Connection refused (os error 111)` rather than `error sending request`.
fn root_cause(error: &reqwest::Error) -> String {
    chain(error).last().map_or_else(|| "the request failed".into(), ToString::to_string)
}
