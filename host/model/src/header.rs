//! Names of request headers that have an owner: who may set which one is decided here for manifests,
//! plugins and signers alike.

/// Headers that carry credentials, which come from the connection alone.
const CREDENTIALS: &[&str] = &["authorization", "proxy-authorization", "proxy-authenticate", "cookie", "set-cookie"];

/// Hop-by-hop headers (RFC 9110, section 7.6.1), routing and framing: the HTTP client sets them.
const CLIENT: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "proxy-connection",
    "accept-encoding",
    "expect",
    "http2-settings",
];

/// Headers by which some servers take the request for one with another method, path or host.
const OVERRIDING: &[&str] = &[
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-method",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-forwarded-method",
    "x-forwarded-uri",
    "x-forwarded-path",
    "x-forwarded-prefix",
    "x-forwarded-host",
    "x-http-host-override",
    "forwarded",
];

pub fn carries_credentials(name: &str) -> bool {
    CREDENTIALS.contains(&compared(name).as_str())
}

/// Whether the HTTP client sets the header itself.
pub fn is_clients_own(name: &str) -> bool {
    CLIENT.contains(&compared(name).as_str())
}

/// Whether a server may take the header for another method, path or host. A manifest may set it, a plugin
/// may not.
pub fn is_overriding(name: &str) -> bool {
    OVERRIDING.contains(&compared(name).as_str())
}

/// Headers that no plugin sets, whatever it is granted.
pub fn is_reserved(name: &str) -> bool {
    carries_credentials(name) || is_clients_own(name) || is_overriding(name)
}

/// A field name of RFC 9110, section 5.1.
pub fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// A name as servers compare it. CGI and its heirs take `_` for `-`.
fn compared(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_of_headers() {
        for name in ["Authorization", "COOKIE", "proxy_authorization"] {
            assert!(carries_credentials(name) && is_reserved(name), "{name}");
        }
        for name in ["Host", "Transfer_Encoding", "TE"] {
            assert!(is_clients_own(name) && is_reserved(name), "{name}");
        }
        for name in ["X-HTTP-Method-Override", "x_http_method_override", "X-Original-URL", "X-Forwarded-Host"] {
            assert!(is_overriding(name) && is_reserved(name), "{name}");
        }
        for name in ["X-Method", "X-Request-Id", "X-Forwarded-For", "Accept"] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn names_of_headers() {
        assert!(is_valid_name("X-Shop") && is_valid_name("!x"));
        for name in ["", "X Shop", "X-Shop\r\nHost", "X\n", "X:", "Ü"] {
            assert!(!is_valid_name(name), "{name:?}");
        }
    }
}
