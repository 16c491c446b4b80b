//! Requests of the plugin's own, to the hosts that the manifest grants under `grants.http`.
//!
//! The host sends them: it checks origin and address, fills in granted secrets, and counts the time
//! towards the call's wall clock. A host that was not granted ends the call.

use crate::{Error, RequestValue};

/// The request to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: String,
    /// Absolute, of a granted host.
    pub url: String,
    pub headers: Vec<(String, RequestValue)>,
    pub body: Option<Vec<u8>>,
}

/// The answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl HttpRequest {
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: "GET".into(), url: url.into(), headers: Vec::new(), body: None }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<RequestValue>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// # Errors
    /// Where there was no answer: `http`, with the host's reason.
    #[cfg(target_arch = "wasm32")]
    pub fn send(self) -> Result<HttpResponse, Error> {
        use crate::bindings::imports::dpone::plugin::http;
        let headers = crate::glue::fields(self.headers);
        let request = http::Request { method: self.method, url: self.url, headers, body: self.body };
        let answer = http::send(&request).map_err(|cause| Error::new("http", cause))?;
        let headers = answer.headers.into_iter().map(|header| (header.name, header.value)).collect();
        Ok(HttpResponse { status: answer.status, headers, body: answer.body })
    }

    /// # Errors
    /// Always: there is no host in a native test. Keep the request apart from what is done with its
    /// answer, and test that.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn send(self) -> Result<HttpResponse, Error> {
        Err(Error::new("http", "no request is sent in a native test"))
    }
}
