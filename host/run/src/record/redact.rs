//! Left out of a recorded case: whole headers that carry credentials, and every occurrence of a known value.

use dpone_connections::{Auth, HttpConnection};
use dpone_model::redact::{self, MIN_SECRET_BYTES};
use serde_json::Value;

/// Knows the values that may not be recorded, and counts what it took out.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    values: redact::Redactor,
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
        connection.every_secret().iter().for_each(|secret| self.secret(secret));
        if let Auth::ApiKey { name, .. } = &connection.auth {
            self.header = Some(name.clone());
        }
    }

    /// A value, in all encodings.
    pub fn secret(&mut self, value: &str) {
        self.too_short |= !value.is_empty() && value.len() < MIN_SECRET_BYTES;
        self.values.add(value.as_bytes());
    }

    /// A body. Of JSON the strings, so that it stays JSON, unless a number holds a secret; of other text all.
    pub fn bytes(&mut self, text: &[u8]) -> Vec<u8> {
        let (clean, count) = self.values.bytes(text);
        if count == 0 {
            return text.to_vec();
        }
        self.replaced += count;
        let text = std::str::from_utf8(text).ok();
        match text.and_then(|text| Some((text, serde_json::from_str::<Value>(text).ok()?))) {
            Some((text, value)) if !self.numbers_hold_one(&value) => self.values.json(text).into_owned().into_bytes(),
            _ => clean.into_owned(),
        }
    }

    pub fn text(&mut self, text: &str) -> String {
        let (clean, count) = self.values.bytes(text.as_bytes());
        self.replaced += count;
        String::from_utf8_lossy(&clean).into_owned()
    }

    fn numbers_hold_one(&self, value: &Value) -> bool {
        match value {
            Value::Number(number) => self.values.bytes(number.to_string().as_bytes()).1 > 0,
            Value::Array(items) => items.iter().any(|item| self.numbers_hold_one(item)),
            Value::Object(fields) => fields.values().any(|value| self.numbers_hold_one(value)),
            _ => false,
        }
    }

    /// The strings of a value; numbers cannot hold a redaction.
    pub fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (self.text(name), self.value(value)));
                fields.collect::<serde_json::Map<_, _>>().into()
            }
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
    fn bodies_stay_json_where_they_can() {
        for (secret, body, clean) in [
            ("ntoken", r#"{"a":"\ntoken","b":"ntoken"}"#, r#"{"a":"\ntoken","b":"[redacted]"}"#),
            ("123456", r#"{"a":123456,"b":"123456"}"#, r#"{"a":[redacted],"b":"[redacted]"}"#),
            ("ntoken", "a ntoken", "a [redacted]"),
            ("absent", r#"{"a":"\u0061"}"#, r#"{"a":"\u0061"}"#),
        ] {
            let mut redactor = redactor(secret);
            assert_eq!(String::from_utf8(redactor.bytes(body.as_bytes())).unwrap(), clean);
            assert_eq!(redactor.replaced > 0, body != clean);
        }
    }

    #[test]
    fn a_short_value_is_not_looked_for() {
        let mut redactor = redactor("abcde");
        assert_eq!(redactor.text("abcde"), "abcde");
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
