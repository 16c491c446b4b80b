//! {{name}}: HMAC-SHA256 over method, URL and date, in an `Authorization` header.
//!
//! The secret never comes here. The signer writes down what is to be computed, and the host, which
//! has the secret, computes it.

use dpone_sdk::{Encoding, Error, Hash, Outgoing, Signature, Signer};
use serde::Deserialize;

/// The manifest's `with` block. The host has checked it against the schema below.
#[derive(Debug, Deserialize)]
pub struct Options {
    key_id: String,
    #[serde(default = "default_secret")]
    secret: String,
}

fn default_secret() -> String {
    "signing_key".to_owned()
}

pub struct {{class}}(Options);

impl Signer for {{class}} {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "key_id": {
                "type": "string", "minLength": 1,
                "description": "Public name of the key, as the API gave it."
            },
            "secret": {
                "type": "string", "minLength": 1, "default": "signing_key",
                "description": "Name of the granted secret."
            }
        },
        "required": ["key_id"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(options: Options, secrets: &[String]) -> Result<Self, Error> {
        // Said before the first request is sent, and not by it.
        if !secrets.contains(&options.secret) {
            let message = format!(
                "the secret `{}` is not granted; add it to `grants.secrets`",
                options.secret
            );
            return Err(Error::new("missing-secret", message));
        }
        Ok(Self(options))
    }

    fn sign(&self, request: &Outgoing) -> Result<Signature, Error> {
        let mut signature = Signature::new();
        // The date is signed and sent, so that a recorded request is worthless later on.
        let date = signature.text(&request.sent_at);
        let message = signature.text(format!(
            "{}\n{}\n{}",
            request.method, request.url, request.sent_at
        ));
        let key = signature.secret(&self.0.secret);
        let mac = signature.hmac(Hash::Sha256, key, message);
        let mac = signature.encoded(Encoding::Hex, mac);
        let scheme = signature.text(format!("HMAC-SHA256 keyId={}, signature=", self.0.key_id));
        let value = signature.concat(&[scheme, mac]);
        signature.header("X-Date", date);
        signature.header("Authorization", value);
        Ok(signature)
    }
}

dpone_sdk::export!(signer: {{class}});

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_sdk::Made;

    fn signer(secrets: &[&str]) -> Result<{{class}}, Error> {
        let secrets: Vec<_> = secrets.iter().map(|name| (*name).to_owned()).collect();
        {{class}}::new(dpone_sdk::options_for_test(r#"{"key_id":"k1"}"#)?, &secrets)
    }

    #[test]
    fn method_url_and_date_are_signed() {
        let request = Outgoing {
            method: "GET".to_owned(),
            url: "https://api.example.com/orders".to_owned(),
            sent_at: "2026-01-01T00:00:00.000Z".to_owned(),
            ..Outgoing::default()
        };
        let signature = signer(&["signing_key"]).unwrap().sign(&request).unwrap();
        let message = "GET\nhttps://api.example.com/orders\n2026-01-01T00:00:00.000Z";
        assert!(
            signature.terms().contains(&Made::Text(message.to_owned())),
            "{:?}",
            signature.terms()
        );
        assert!(
            signature
                .terms()
                .contains(&Made::Secret("signing_key".to_owned()))
        );
    }

    #[test]
    fn without_its_grant_it_says_which_one_is_missing() {
        assert_eq!(signer(&["another"]).err().unwrap().code, "missing-secret");
    }
}
