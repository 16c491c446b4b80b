//! The first request of a walk, as a plan shows it. Nothing is sent.

use crate::error::Error;
use crate::rules::{self, Asker};
use crate::template::Template;
use dpone_connections::HttpConnection;
use dpone_manifest::Source;
use dpone_model::http::{Credential, HttpRequest};
use dpone_model::plugin::{RequestEdit, RequestValue};
use dpone_model::{PagePlace, redact};
use dpone_plan::Boundary;

/// A body that is longer is cut.
const MAX_BODY_BYTES: usize = 1_000;

/// Method, URL and body of the request that `edit` makes of the manifest's, with the names of secrets in the
/// place of their values, and the headers that carry a credential.
///
/// # Errors
/// Those of the walk that would send it.
pub fn first_request(
    source: &Source,
    connection: &HttpConnection,
    boundary: &Boundary,
    extractor: &str,
    edit: &RequestEdit,
) -> Result<String, Error> {
    let template = Template::new(source, connection, boundary)?;
    let grants = source.pagination.extractor.as_ref().map(|plugin| plugin.grants.clone()).unwrap_or_default();
    let page = PagePlace::new(0, template.url.as_str());
    let asker = Asker { extractor, grants: &grants, page, page_url: None };
    // The rules judge the request as it would be sent, and what is shown is made without values.
    let sent = rules::apply(&template, edit, &asker)?;
    let shown = rules::apply(&template, &without_secrets(edit), &asker)?;
    Ok(text(&shown, &sent, edit, connection))
}

fn text(shown: &HttpRequest, sent: &HttpRequest, edit: &RequestEdit, connection: &HttpConnection) -> String {
    let mut text = format!("{} {}", shown.method, shown.url);
    let mut headers: Vec<&str> = Vec::new();
    for credential in &sent.credentials {
        match credential {
            Credential::Query { name, .. } => {
                text.push(if text.contains('?') { '&' } else { '?' });
                text.push_str(&format!("{name}={}", named(edit, name, connection)));
            }
            Credential::Header { name, .. } => headers.push(name),
            Credential::Signed(_) => {}
        }
    }
    if let Some(body) = &shown.body {
        text.push_str(&format!(" {}", redact::excerpt(body, MAX_BODY_BYTES)));
    }
    if !headers.is_empty() {
        text.push_str(&format!(" (with {} of {})", headers.join(", "), connection.id));
    }
    text
}

/// Whose secret a query parameter carries: one that the extractor asks for by name, or the connection's own.
fn named(edit: &RequestEdit, parameter: &str, connection: &HttpConnection) -> String {
    let asked = edit.query.iter().find(|(name, _)| name == parameter);
    match asked {
        Some((_, RequestValue::Secret(secret))) => format!("[secret {secret}]"),
        _ => format!("[secret of {}]", connection.id),
    }
}

/// The edit with names of secrets in its body, and without the parameters and headers that have one.
fn without_secrets(edit: &RequestEdit) -> RequestEdit {
    let is_text = |(_, value): &&(String, RequestValue)| matches!(value, RequestValue::Text(_));
    let named = |(field, value): &(String, RequestValue)| match value {
        RequestValue::Secret(secret) => (field.clone(), RequestValue::Text(format!("\"[secret {secret}]\""))),
        RequestValue::Text(_) => (field.clone(), value.clone()),
    };
    RequestEdit {
        query: edit.query.iter().filter(is_text).cloned().collect(),
        headers: edit.headers.iter().filter(is_text).cloned().collect(),
        body: edit.body.iter().map(named).collect(),
        ..edit.clone()
    }
}
