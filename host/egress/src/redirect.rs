//! The request that a redirect asks for (RFC 9110, section 15.4), before any rule of ours is applied.

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};
use url::Url;

/// Redirects followed in one request.
pub(crate) const MAX_REDIRECTS: u32 = 10;

/// The request that a redirect leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub url: Url,
    pub method: Method,
    pub keeps_body: bool,
}

/// `None` where the answer is no redirect that can be followed: another status, or no usable Location.
pub(crate) fn redirect(status: StatusCode, headers: &HeaderMap, from: &Url, method: &Method) -> Option<Redirect> {
    let becomes_get = match status.as_u16() {
        // 303 always asks for a GET; 301 and 302 turn a POST into one, as every client does.
        303 => *method != Method::HEAD,
        301 | 302 => *method == Method::POST,
        307 | 308 => false,
        _ => return None,
    };
    let location = headers.get(LOCATION)?;
    let url = from.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()?;
    let method = if becomes_get { Method::GET } else { method.clone() };
    Some(Redirect { url, method, keeps_body: !becomes_get })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(status: u16, method: &str, location: Option<&str>) -> Option<(String, String, bool)> {
        let mut headers = HeaderMap::new();
        if let Some(location) = location {
            headers.insert(LOCATION, location.parse().unwrap());
        }
        let from = Url::parse("https://a.example/x/y?z=1").unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        redirect(StatusCode::from_u16(status).unwrap(), &headers, &from, &method)
            .map(|r| (r.method.to_string(), r.url.to_string(), r.keeps_body))
    }

    #[test]
    fn methods_are_rewritten_as_the_rfc_says() {
        for (status, method, expected) in [
            (301, "POST", Some(("GET", false))),
            (302, "POST", Some(("GET", false))),
            (302, "PUT", Some(("PUT", true))),
            (303, "PUT", Some(("GET", false))),
            (303, "HEAD", Some(("HEAD", true))),
            (307, "POST", Some(("POST", true))),
            (308, "POST", Some(("POST", true))),
            (301, "GET", Some(("GET", true))),
            (304, "GET", None),
            (200, "GET", None),
        ] {
            let found = case(status, method, Some("/w")).map(|(method, _, body)| (method, body));
            assert_eq!(found, expected.map(|(m, b)| (m.to_owned(), b)), "{status} {method}");
        }
    }

    #[test]
    fn locations_are_resolved_against_the_request() {
        for (location, expected) in [
            (Some("?q=2"), Some("https://a.example/x/y?q=2")),
            (Some("//b.example/"), Some("https://b.example/")),
            (Some("http://[bad"), None),
            (None, None),
        ] {
            assert_eq!(case(302, "GET", location).map(|(_, url, _)| url).as_deref(), expected);
        }
    }
}
