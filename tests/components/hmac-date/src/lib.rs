//! Signs `METHOD path date` with a shared key, and a nonce that changes with each attempt.

use dpone_sdk::{Encoding, Error, Hash, Outgoing, Signature, Signer};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Options {
    secret: String,
    /// The fault to commit, for tests.
    #[serde(default)]
    misuse: String,
}

pub struct HmacDate(Options);

impl Signer for HmacDate {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "secret": { "type": "string", "description": "Name of the granted secret." },
            "misuse": { "enum": ["", "other-secret", "host-header", "taken-header"], "description": "For tests." }
        },
        "required": ["secret"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(options: Options, _: &[String]) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn sign(&self, request: &Outgoing) -> Result<Signature, Error> {
        let path = request.url.splitn(4, '/').nth(3).unwrap_or_default();
        let mut made = Signature::new();
        let secret = if self.0.misuse == "other-secret" { "other" } else { &self.0.secret };
        let key = made.secret(secret);
        let message = made.text(format!("{} /{path} {}", request.method, request.sent_at));
        let mac = made.hmac(Hash::Sha512, key, message);
        let mac = made.encoded(Encoding::Base64, mac);
        let scheme = made.text("HMAC ");
        let value = made.concat(&[scheme, mac]);
        let name = match self.0.misuse.as_str() {
            "host-header" => "Host",
            "taken-header" => "Accept",
            _ => "Authorization",
        };
        made.header(name, value);
        let date = made.text(request.sent_at.as_str());
        made.header("X-Date", date);
        let nonce = made.bytes(request.nonce.clone());
        let nonce = made.encoded(Encoding::Hex, nonce);
        made.query("nonce", nonce);
        Ok(made)
    }
}

dpone_sdk::export!(signer: HmacDate);
