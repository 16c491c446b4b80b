//! Takes secrets out of what is recorded: whole headers that carry credentials, and every occurrence
//! of a known value, in the spellings in which it travels.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dpone_connections::{Auth, HttpConnection};
use serde_json::Value;

const REDACTED: &str = "[redacted]";
/// A shorter value occurs by chance, and taking it out would spoil the page.
const MIN_SECRET: usize = 4;

/// Knows the values that may not be recorded, and counts what it took out.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    /// Longest first, so that one value inside of another leaves no rest.
    needles: Vec<Vec<u8>>,
    /// The connection's own header of an API key.
    header: Option<String>,
    pub replaced: u64,
    /// Headers that were left out, by name.
    pub dropped: Vec<String>,
    /// Values that are too short to be looked for.
    pub too_short: bool,
}

impl Redactor {
    /// The connection's secrets, as they stand and as they are sent.
    pub fn connection(&mut self, connection: &HttpConnection) {
        match &connection.auth {
            Auth::None => {}
            Auth::Bearer(token) => self.secret(token.expose()),
            Auth::Basic { username, password } => {
                // Without a password the user name is the key.
                self.secret(if password.is_empty() { username } else { password.expose() });
                self.secret(&STANDARD.encode(format!("{username}:{}", password.expose())));
            }
            Auth::ApiKey { name, value, .. } => {
                self.secret(value.expose());
                self.header = Some(name.clone());
            }
        }
        connection.secrets.values().for_each(|secret| self.secret(secret.expose()));
    }

    /// A value, also as JSON, form and base64 write it.
    pub fn secret(&mut self, value: &str) {
        if value.len() < MIN_SECRET {
            self.too_short |= !value.is_empty();
            return;
        }
        let once = spellings(value);
        // A URL within a URL, or JSON text that an extractor puts into JSON, is written twice over.
        let twice: Vec<String> = once.iter().flat_map(|spelling| spellings(spelling)).collect();
        self.needles.extend(once.into_iter().chain(twice).map(String::into_bytes));
        self.needles.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        self.needles.dedup();
    }

    pub fn bytes(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = text.to_vec();
        for needle in &self.needles {
            let (replaced, count) = replace(&out, needle);
            if count > 0 {
                self.replaced += count;
                out = replaced;
            }
        }
        out
    }

    pub fn text(&mut self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// The strings of a value; numbers cannot hold a redaction.
    pub fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), self.value(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    /// Headers without those that carry credentials, the others without secrets.
    pub fn headers(&mut self, headers: &[(String, String)]) -> Vec<(String, String)> {
        let mut kept = Vec::new();
        for (name, value) in headers {
            if self.carries_credentials(name) {
                if !self.dropped.contains(name) {
                    self.dropped.push(name.clone());
                }
            } else {
                kept.push((name.clone(), self.text(value)));
            }
        }
        kept
    }

    /// By its name: what the answer's recipient could log in with.
    fn carries_credentials(&self, name: &str) -> bool {
        const PARTS: [&str; 9] =
            ["cookie", "auth", "token", "secret", "session", "api-key", "apikey", "signature", "password"];
        let lower = name.to_ascii_lowercase();
        PARTS.iter().any(|part| lower.contains(part))
            || self.header.as_ref().is_some_and(|header| header.eq_ignore_ascii_case(name))
    }
}

/// A value as it stands, and as JSON, forms, URLs and base64 write it.
fn spellings(value: &str) -> Vec<String> {
    let quoted = Value::from(value).to_string();
    let json = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&quoted).to_owned();
    let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    vec![
        value.to_owned(),
        json.replace('/', "\\/"),
        // Some writers keep JSON safe to stand in HTML.
        json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e"),
        json,
        form.replace('+', "%20"),
        form.to_ascii_lowercase(),
        form,
        STANDARD.encode(value),
        URL_SAFE_NO_PAD.encode(value),
    ]
}

fn replace(text: &[u8], needle: &[u8]) -> (Vec<u8>, u64) {
    let (mut out, mut count, mut rest) = (Vec::with_capacity(text.len()), 0, text);
    while let Some((first, tail)) = rest.split_first() {
        match rest.strip_prefix(needle) {
            Some(after) => {
                out.extend_from_slice(REDACTED.as_bytes());
                count += 1;
                rest = after;
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    (out, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_connections::ApiKeyIn;
    use dpone_model::Secret;

    fn redactor(secret: &str) -> Redactor {
        let mut redactor = Redactor::default();
        redactor.secret(secret);
        redactor
    }

    #[test]
    fn every_spelling_goes() {
        for (secret, text) in [
            ("s3cr/t+x", r#"{"a":"s3cr/t+x"}"#),
            ("s3cr/t+x", r#"{"a":"s3cr\/t+x"}"#),
            ("s3cr/t+x", "https://a/?key=s3cr%2Ft%2Bx&b=1"),
            ("s3cr/t+x", "https://a/?key=s3cr%2ft%2bx"),
            ("a\"bcd", r#"{"a":"a\"bcd"}"#),
            ("a&bcd", r#"{"a":"a\u0026bcd"}"#),
            ("s3cr/t+x", r#"{"a":"s3cr\\/t+x"}"#),
            ("s3cr/t+x", "https://a/?next=%2Fb%3Fkey%3Ds3cr%252Ft%252Bx"),
            ("token", "Basic dG9rZW4="),
        ] {
            let mut redactor = redactor(secret);
            let found = redactor.text(text);
            assert!(found.contains(REDACTED), "{secret} in {text}: {found}");
            assert_eq!(redactor.replaced, 1, "{found}");
        }
    }

    #[test]
    fn the_longer_value_goes_first() {
        let mut redactor = redactor("abcd");
        redactor.secret("abcdefgh");
        assert_eq!(redactor.text("x abcdefgh abcd"), "x [redacted] [redacted]");
    }

    #[test]
    fn a_short_value_is_not_looked_for() {
        let mut redactor = redactor("abc");
        assert_eq!(redactor.text("abc"), "abc");
        assert!(redactor.too_short);
    }

    #[test]
    fn headers_with_credentials_go_whole() {
        let mut redactor = Redactor::default();
        redactor.connection(&HttpConnection {
            id: "a".into(),
            origin_note: String::new(),
            base_url: None,
            substituted: false,
            auth: Auth::ApiKey { name: "X-Shop".into(), in_: ApiKeyIn::Header, value: Secret::new("k-123456") },
            ca_pem: None,
            secrets: [("signing_key".to_owned(), Secret::new("s-987654"))].into(),
        });
        assert_eq!(redactor.text("a s-987654 b"), "a [redacted] b");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = [
            pair("Set-Cookie", "a=b"),
            pair("X-Auth-Token", "x"),
            pair("x-shop", "k-123456"),
            pair("Link", "</o?key=k-123456>"),
            pair("Content-Type", "application/json"),
        ];
        let kept = redactor.headers(&headers);
        assert_eq!(kept, [pair("Link", "</o?key=[redacted]>"), pair("Content-Type", "application/json")]);
        assert_eq!(redactor.dropped, ["Set-Cookie", "X-Auth-Token", "x-shop"]);
    }
}
