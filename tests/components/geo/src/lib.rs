//! Asks a service for a value and sets it in every record: a plugin with requests of its own.

use dpone_sdk::{Batch, Column, Edits, Error, HttpRequest, Needs, Outcome, RequestValue, Transform};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Options {
    url: String,
    /// Name of a granted secret that goes along as `X-Key`.
    secret: Option<String>,
}

pub struct Geo(Options);

impl Transform for Geo {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {
            "url": { "type": "string", "description": "What to ask." },
            "secret": { "type": "string", "description": "Name of the secret that goes along as X-Key." }
        },
        "required": ["url"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self(options))
    }

    fn needs(&self) -> Needs {
        Needs::fields(["order_id"])
    }

    fn apply(&self, batch: &Batch) -> Result<Outcome, Error> {
        let mut request = HttpRequest::get(self.0.url.as_str());
        if let Some(secret) = &self.0.secret {
            request = request.header("X-Key", RequestValue::Secret(secret.clone()));
        }
        let answer = request.send()?;
        if answer.status != 200 {
            return Err(Error::new("geo", format!("the service answered {}", answer.status)));
        }
        let text = String::from_utf8(answer.body).map_err(|cause| Error::new("geo", cause.to_string()))?;
        let mut column = Column::default();
        for _ in 0..batch.len() {
            column.push_str(text.trim());
        }
        Ok(Edits::new().set("region", column).into())
    }
}

dpone_sdk::export!(transform: Geo);
