//! Origins (RFC 6454) and URLs as they may be printed.

use dpone_model::redact::REDACTED;
use url::Url;

/// Longest URL that is sent or followed. The `http` crate refuses more than 65,534 bytes.
pub const MAX_URL_BYTES: usize = 60 << 10;

/// Same scheme, host and port; default ports count as written. Only http and https have an origin
/// here, so that any other URL is foreign even to itself.
pub fn same_origin(a: &Url, b: &Url) -> bool {
    let is_http = |url: &Url| matches!(url.scheme(), "http" | "https");
    is_http(a)
        && a.scheme() == b.scheme()
        && a.host_str() == b.host_str()
        && a.port_or_known_default() == b.port_or_known_default()
}

/// `scheme://host[:port]`, for messages; of a URL without a host the scheme alone.
pub fn origin_text(url: &Url) -> String {
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else { return format!("{}:", url.scheme()) };
    url.port().map_or_else(|| format!("{}://{host}", url.scheme()), |port| format!("{}://{host}:{port}", url.scheme()))
}

/// The remedy for a URL that leaves the connection's origin `own`. The other origin is the server's
/// word: nothing here may lead to sending it the credentials.
pub fn other_origin_hint(origin: &str, own: &str) -> String {
    let parse = |origin: &str| Url::parse(origin).ok().filter(|url| same_origin(url, url));
    let (Some(to), own) = (parse(origin), parse(own)) else {
        return "only http and https URLs are followed".to_owned();
    };
    let is_own_host = own.as_ref().is_some_and(|own| own.host_str() == to.host_str());
    let has_default_port = |url: &Url| url.port().is_none();
    // TLS in place of plain text, at the same host and its usual port, takes the credentials to nobody else.
    if is_own_host && to.scheme() == "https" && has_default_port(&to) && own.as_ref().is_some_and(has_default_port) {
        return format!("set the connection's base_url to {origin}, where the API is asked by TLS");
    }
    format!(
        "if you know {origin} and trust it with the rows, add it to `allow_origins`: it is followed without credentials"
    )
}

/// The URL without user name, password and fragment, and with `[redacted]` for the values of the
/// query parameters named in `secret_params` (compared without regard to case).
pub fn printable_url(url: &Url, secret_params: &[&str]) -> String {
    let mut clean = without_userinfo(url);
    let is_secret = |name: &str| secret_params.iter().any(|secret| secret.eq_ignore_ascii_case(name));
    if !clean.query_pairs().any(|(name, _)| is_secret(&name)) {
        return clean.into();
    }
    let query = clean.query().unwrap_or_default().to_owned();
    clean.set_query(None);
    let pairs = query.split('&').map(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let decoded = url::form_urlencoded::parse(name.as_bytes()).next().map(|(name, _)| name.into_owned());
        // The brackets are left as they are: this text is for people, not for a server.
        if decoded.is_some_and(|name| is_secret(&name)) { format!("{name}={REDACTED}") } else { pair.to_owned() }
    });
    format!("{clean}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// The URL without what must neither be sent on nor printed: user information and fragment.
pub(crate) fn without_userinfo(url: &Url) -> Url {
    let mut clean = url.clone();
    clean.set_fragment(None);
    // Both fail only for URLs that cannot have user information in the first place.
    let _ = clean.set_username("");
    let _ = clean.set_password(None);
    clean
}

/// The URL without the query parameters of these names (compared without regard to case), the others
/// byte for byte as they are.
pub fn without_params(url: &Url, names: &[&str]) -> Url {
    let mut clean = url.clone();
    if let Some(kept) = url.query().and_then(|query| without_pairs(query, names)) {
        clean.set_query((!kept.is_empty()).then_some(kept.as_str()));
    }
    clean
}

/// The same for the text of a query, for a URL that is relative and has to stay as it is written. `None` where
/// it has none of these parameters.
pub fn without_pairs(query: &str, names: &[&str]) -> Option<String> {
    let is_named = |pair: &&str| {
        let name = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name);
        name.is_some_and(|name| names.iter().any(|named| named.eq_ignore_ascii_case(&name)))
    };
    let has_one = query.split('&').any(|pair| is_named(&pair));
    has_one.then(|| query.split('&').filter(|pair| !is_named(pair)).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn origins() {
        for (a, b, same) in [
            ("https://a.example/x", "https://a.example:443/y?z", true),
            ("https://A.example/", "https://a.example/", true),
            ("http://a.example/", "https://a.example/", false),
            ("https://a.example/", "https://a.example:8443/", false),
            ("https://a.example/", "https://b.a.example/", false),
            ("https://a.example/", "https://a.example./", false),
            ("ftp://a.example/", "ftp://a.example/", false),
        ] {
            assert_eq!(same_origin(&url(a), &url(b)), same, "{a} {b}");
        }
    }

    #[test]
    fn hints_never_lead_credentials_to_an_origin_that_the_server_chose() {
        let own = "http://api.example.com";
        for (origin, says) in [
            ("https://api.example.com", "set the connection's base_url to https://api.example.com"),
            ("https://api.example.com:8443", "if you know https://api.example.com:8443"),
            ("http://api.example.com:8080", "if you know http://api.example.com:8080"),
            ("https://evil.example", "if you know https://evil.example"),
            ("file:", "only http and https"),
            ("javascript:", "only http and https"),
            ("ftp://api.example.com", "only http and https"),
        ] {
            let hint = other_origin_hint(origin, own);
            assert!(hint.contains(says), "{origin}: {hint}");
        }
        let downgrade = other_origin_hint("http://api.example.com", "https://api.example.com");
        assert!(!downgrade.contains("base_url"), "{downgrade}");
        assert_eq!(origin_text(&url("file:///etc/passwd")), "file:");
        assert_eq!(origin_text(&url("data:text/plain,x")), "data:");
    }

    #[test]
    fn printed_urls_hold_no_secret() {
        for (text, expected) in [
            ("https://u:p@a.example/x?api_key=s3cret&b=1#f", "https://a.example/x?api_key=[redacted]&b=1"),
            (
                "https://a.example/?API_KEY=s3cret&api%5Fkey=s3cret",
                "https://a.example/?API_KEY=[redacted]&api%5Fkey=[redacted]",
            ),
            ("https://a.example/?b=1", "https://a.example/?b=1"),
            ("https://a.example/", "https://a.example/"),
        ] {
            assert_eq!(printable_url(&url(text), &["api_key"]), expected);
        }
    }

    #[test]
    fn parameters_are_removed_and_the_rest_stays_as_written() {
        let cleaned = without_params(&url("https://a.example/?k=1&x=%41+b&K=2"), &["k"]);
        assert_eq!(cleaned.as_str(), "https://a.example/?x=%41+b");
        assert_eq!(without_params(&url("https://a.example/?k=1"), &["k"]).as_str(), "https://a.example/");
    }
}
