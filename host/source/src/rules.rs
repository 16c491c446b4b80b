//! The request rules: what an extractor's step may vary of the manifest's request.
//!
//! The host sends a plugin's requests with the team's credentials. So a step varies query
//! parameters and body fields freely, or follows a URL that the server gave, if it is of the
//! connection's origin and under the manifest's path. Headers, methods and other paths are grants;
//! credentials, `Host`, method overrides and hop-by-hop headers are never a plugin's.

use crate::error::Error;
use crate::readings::{self, Author, Lies};
use crate::template::{Template, TemplateBody};
use dpone_egress::{MAX_URL_BYTES, origin_text, same_origin, without_pairs, without_params};
use dpone_manifest::Grants;
use dpone_model::http::{Credential, HttpRequest};
use dpone_model::plugin::{RequestEdit, RequestValue};
use dpone_model::{PagePlace, Secret, header};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use url::Url;

/// Statuses with which APIs say that there is no such page.
pub(crate) const PAST_END: &[u16] = &[400, 404];

/// The sender of a request, and its place.
pub(crate) struct Asker<'a> {
    pub extractor: &'a str,
    pub grants: &'a Grants,
    /// The page that the request was made of, and its URL, against which relative ones are resolved.
    pub page: PagePlace,
    pub page_url: Option<&'a Url>,
}

impl Asker<'_> {
    fn refuse(&self, what: String, hint: &'static str) -> Error {
        Error::RequestRefused { page: self.page.clone(), extractor: self.extractor.to_owned(), what, hint }
    }

    /// A value as it will be sent; a secret has to be granted by name.
    fn value<'v>(&self, template: &'v Template, value: &'v RequestValue) -> Result<Given<'v>, Error> {
        let name = match value {
            RequestValue::Text(text) => return Ok(Given::Text(text)),
            RequestValue::Secret(name) => name,
        };
        let granted = self.grants.secrets.contains(name).then(|| template.secrets.get(name)).flatten();
        granted.map(Given::Secret).ok_or_else(|| Error::SecretRefused {
            page: self.page.clone(),
            extractor: self.extractor.to_owned(),
            name: name.clone(),
        })
    }
}

/// The value of a field of an edit. A secret goes on its way beside the request, where nobody prints it.
enum Given<'v> {
    Text(&'v str),
    Secret(&'v Secret),
}

/// The request that an edit leads to, if the rules allow it.
pub(crate) fn apply(template: &Template, edit: &RequestEdit, asker: &Asker<'_>) -> Result<HttpRequest, Error> {
    let method = method(template, edit, asker)?;
    let mut url = base_url(template, edit, asker)?;
    let mut credentials = template.credentials.clone();
    set_query(template, &mut url, edit, asker, &mut credentials)?;
    if url.as_str().len() > MAX_URL_BYTES {
        return Err(asker.refuse(format!("a URL of more than {MAX_URL_BYTES} bytes"), "keep the cursor short"));
    }
    let mut headers = template.headers.clone();
    let body = body(template, &method, edit, asker, &mut headers)?;
    set_headers(template, &mut headers, edit, asker, &mut credentials)?;
    Ok(HttpRequest {
        answers: if edit.may_be_past_end { PAST_END } else { &[] },
        method,
        url: url.into(),
        headers,
        body: body.map(Into::into),
        body_holds_secret: template.body_holds_secret || sets_secret(&edit.body),
        credentials,
        max_body_bytes: template.max_body_bytes,
    })
}

/// The template of a slice: what its slicer varies for every request, by the same rules.
pub(crate) fn vary(template: &Template, edit: &RequestEdit, asker: &Asker<'_>) -> Result<Template, Error> {
    let mut varied = template.clone();
    varied.method = method(template, edit, asker)?;
    varied.url = base_url(template, edit, asker)?;
    set_query(template, &mut varied.url, edit, asker, &mut varied.credentials)?;
    set_headers(template, &mut varied.headers, edit, asker, &mut varied.credentials)?;
    let request_body = body(template, &varied.method, edit, asker, &mut varied.headers)?;
    if !edit.body.is_empty() {
        let fields = request_body.and_then(|body| serde_json::from_slice(&body).ok());
        varied.body = TemplateBody::Fields(fields.unwrap_or_default());
        varied.body_holds_secret |= sets_secret(&edit.body);
    }
    Ok(varied)
}

fn method(template: &Template, edit: &RequestEdit, asker: &Asker<'_>) -> Result<String, Error> {
    let Some(asked) = &edit.method else { return Ok(template.method.clone()) };
    let asked = asked.to_ascii_uppercase();
    let is_granted = asked == template.method || asker.grants.methods.iter().any(|m| m.eq_ignore_ascii_case(&asked));
    if is_granted { Ok(asked) } else { Err(asker.refuse(format!("method {asked}"), "grant it under `grants.methods`")) }
}

fn base_url(template: &Template, edit: &RequestEdit, asker: &Asker<'_>) -> Result<Url, Error> {
    let mut url = match &edit.url {
        None => template.url.clone(),
        Some(given) => server_given(template, given, asker)?,
    };
    if let Some(path) = &edit.path {
        let mut moved = template.url.clone();
        moved.set_path(path);
        if path.contains(['?', '#']) {
            return Err(asker.refuse(format!("path `{path}`"), "a path has no query; set query parameters instead"));
        }
        permit_path(template, &moved, asker)?;
        url.set_path(path);
    }
    Ok(url)
}

/// A URL from the server's answer, absolute or relative to the page's own.
fn server_given(template: &Template, given: &str, asker: &Asker<'_>) -> Result<Url, Error> {
    let base = asker.page_url.unwrap_or(&template.url);
    let url = base.join(given).map_err(|error| {
        asker.refuse(format!("a URL that is none ({error})"), "resolve it against the page, or leave it out")
    })?;
    // A server may echo the credential; it is attached anew on the way out and kept nowhere else.
    let names = echoed_params(template);
    let mut url = without_params(&url, &names.iter().map(String::as_str).collect::<Vec<_>>());
    url.set_fragment(None);
    // A URL with user information would be a credential that the server chose.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if !same_origin(&url, &template.url) {
        if template.allow_origins.iter().any(|allowed| same_origin(allowed, &url)) {
            return Ok(url);
        }
        return Err(Error::OtherOrigin {
            page: asker.page.clone(),
            origin: origin_text(&url),
            own: origin_text(&template.url),
        });
    }
    permit_path(template, &url, asker)?;
    permit_query(template, &url, asker)?;
    Ok(url)
}

/// The manifest's path, all that is below it, and granted prefixes. A grant is the manifest's word, and
/// `base_url` the operator's: so a grant leads nowhere else either.
fn permit_path(template: &Template, url: &Url, asker: &Asker<'_>) -> Result<(), Error> {
    let path = url.path();
    if readings::lies(path, &template.base_path, Author::Manifest) == Lies::Elsewhere {
        return Err(asker.refuse(
            format!(
                "path `{path}`, which is not below `{}`, the path of the connection's base_url",
                template.base_path
            ),
            "give the connection a base_url whose path holds both",
        ));
    }
    let granted = asker.grants.paths.iter().map(String::as_str);
    let mut found = Lies::Elsewhere;
    for prefix in std::iter::once(template.url.path()).chain(granted) {
        match readings::lies(path, prefix, Author::Plugin) {
            Lies::Below => return Ok(()),
            Lies::Elsewhere => {}
            unclear @ Lies::Unclear(_) => found = unclear,
        }
    }
    Err(match found {
        Lies::Unclear(reason) => asker.refuse(
            format!("path `{path}`, which has {reason}"),
            "servers read such a path in more than one way; leave it out, or write it into the manifest's `url`",
        ),
        _ => asker.refuse(
            format!("path `{path}`, which is not under the manifest's `{}`", template.url.path()),
            "grant its prefix under `grants.paths`",
        ),
    })
}

/// A server's URL may repeat the manifest's own parameters with their values, whatever they are called.
fn permit_query(template: &Template, url: &Url, asker: &Asker<'_>) -> Result<(), Error> {
    let is_own = |pair: &str| {
        let own = template.url.query().map(readings::overriding_parameters).into_iter().flatten();
        own.map(|(_, own)| own).any(|own| own == pair)
    };
    let given = url.query().map(readings::overriding_parameters).into_iter().flatten();
    match given.filter(|(_, pair)| !is_own(pair)).map(|(name, _)| name).next() {
        None => Ok(()),
        Some(name) => Err(refused_override(format!("query parameter `{name}`"), asker)),
    }
}

fn refused_override(what: String, asker: &Asker<'_>) -> Error {
    asker.refuse(what, "servers read it as another method")
}

fn set_query(
    template: &Template,
    url: &mut Url,
    edit: &RequestEdit,
    asker: &Asker<'_>,
    credentials: &mut Vec<Credential>,
) -> Result<(), Error> {
    if edit.query.is_empty() {
        return Ok(());
    }
    let mut set: Vec<(&str, &str)> = Vec::with_capacity(edit.query.len());
    for (name, value) in &edit.query {
        refuse_reserved_parameter(template, name, asker)?;
        match asker.value(template, value)? {
            Given::Text(text) => set.push((name, text)),
            Given::Secret(value) => credentials.push(Credential::Query { name: name.clone(), value: value.clone() }),
        }
    }
    let replaced: HashSet<&str> = edit.query.iter().map(|(name, _)| name.as_str()).collect();
    let query = url.query().unwrap_or_default();
    // Parameters that stay keep their bytes: a server may sign them or mind their encoding.
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(|pair| {
            !url::form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(name, _)| replaced.contains(&*name))
        })
        .collect();
    let kept = kept.join("&");
    url.set_query((!kept.is_empty()).then_some(kept.as_str()));
    if !set.is_empty() {
        url.query_pairs_mut().extend_pairs(set);
    }
    Ok(())
}

fn refuse_reserved_parameter(template: &Template, name: &str, asker: &Asker<'_>) -> Result<(), Error> {
    let is_credential = credential_params(template).any(|reserved| reserved.eq_ignore_ascii_case(name));
    if is_credential {
        return Err(asker.refuse(format!("query parameter `{name}`"), "it carries the connection's credential"));
    }
    if readings::is_overriding_parameter(name) {
        return Err(refused_override(format!("query parameter `{name}`"), asker));
    }
    Ok(())
}

/// Names of the query parameters that carry a credential.
fn credential_params(template: &Template) -> impl Iterator<Item = &str> {
    template.credentials.iter().filter_map(|credential| match credential {
        Credential::Query { name, .. } => Some(name.as_str()),
        Credential::Header { .. } | Credential::Signed(_) => None,
    })
}

/// Names of the query parameters that are made anew for each request: credentials, and what signatures had.
fn echoed_params(template: &Template) -> Vec<String> {
    let signed = template.credentials.iter().filter_map(|credential| match credential {
        Credential::Signed(signer) => Some(signer.params()),
        Credential::Query { .. } | Credential::Header { .. } => None,
    });
    credential_params(template).map(str::to_owned).chain(signed.flatten()).collect()
}

/// The edit as it may be kept: without the parameters that carry a credential, should its URL echo them. The
/// request that it leads to is the same. `before` is the edit of the request that the server answered.
pub(crate) fn without_echoes(template: &Template, edit: RequestEdit, before: &RequestEdit) -> RequestEdit {
    let mut names = echoed_params(template);
    let secrets = before.query.iter().chain(&edit.query).filter(|(_, value)| is_secret(value));
    names.extend(secrets.map(|(name, _)| name.clone()));
    let clean = |given: String| match given.split_once('?') {
        None => given,
        Some((path, rest)) => {
            let (query, fragment) = rest.split_once('#').map_or((rest, None), |(query, part)| (query, Some(part)));
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let Some(kept) = without_pairs(query, &names) else { return given };
            let fragment = fragment.map_or_else(String::new, |fragment| format!("#{fragment}"));
            format!("{path}{}{kept}{fragment}", if kept.is_empty() { "" } else { "?" })
        }
    };
    RequestEdit { url: edit.url.map(clean), ..edit }
}

fn is_secret(value: &RequestValue) -> bool {
    matches!(value, RequestValue::Secret(_))
}

fn sets_secret(fields: &[(String, RequestValue)]) -> bool {
    fields.iter().any(|(_, value)| is_secret(value))
}

/// The body with the edit's fields set; they are inserted as the JSON text that they are.
fn body(
    template: &Template,
    method: &str,
    edit: &RequestEdit,
    asker: &Asker<'_>,
    headers: &mut Vec<(String, String)>,
) -> Result<Option<Vec<u8>>, Error> {
    let none = Map::new();
    let fields = match &template.body {
        TemplateBody::None if edit.body.is_empty() => return Ok(None),
        TemplateBody::Fixed(text) if edit.body.is_empty() => return Ok(Some(text.clone().into_bytes())),
        TemplateBody::Fields(fields) => fields,
        TemplateBody::None if !matches!(method, "GET" | "HEAD") => &none,
        TemplateBody::None => {
            return Err(asker
                .refuse(format!("body fields for a {method}"), "give the manifest a `json` body, or another method"));
        }
        TemplateBody::Fixed(_) => {
            return Err(asker.refuse("body fields".into(), "the manifest's body is no JSON object; use `json`"));
        }
    };
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("Content-Type".into(), "application/json".into()));
    }
    let mut set: Vec<(&str, Cow<'_, str>)> = Vec::with_capacity(edit.body.len());
    for (name, value) in &edit.body {
        let text: Cow<'_, str> = match asker.value(template, value)? {
            Given::Text(text) => text.into(),
            // As a JSON string. The body is sent and kept nowhere: the journal has the secret's name.
            Given::Secret(secret) => Value::from(secret.expose()).to_string().into(),
        };
        if readings::is_overriding_parameter(name) {
            return Err(refused_override(format!("body field `{name}`"), asker));
        }
        if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_err() {
            return Err(
                asker.refuse(format!("body field `{name}` with a value that is not JSON"), "quote text as JSON")
            );
        }
        set.push((name, text));
    }
    Ok(Some(join_fields(fields, &set)))
}

/// Of a field that is set several times the last value counts.
fn join_fields(fields: &Map<String, Value>, set: &[(&str, Cow<'_, str>)]) -> Vec<u8> {
    let last: HashMap<&str, usize> = set.iter().enumerate().map(|(index, (name, _))| (*name, index)).collect();
    let mut out = vec![b'{'];
    let mut field = |name: &str, text: &str| {
        if out.len() > 1 {
            out.push(b',');
        }
        dpone_json::escape(name, &mut out);
        out.push(b':');
        out.extend_from_slice(text.as_bytes());
    };
    for (name, value) in fields {
        match last.get(name.as_str()).and_then(|index| set.get(*index)) {
            Some((_, text)) => field(name, text),
            None => field(name, &value.to_string()),
        }
    }
    for (index, (name, text)) in set.iter().enumerate() {
        if !fields.contains_key(*name) && last.get(name) == Some(&index) {
            field(name, text);
        }
    }
    out.push(b'}');
    out
}

fn set_headers(
    template: &Template,
    headers: &mut Vec<(String, String)>,
    edit: &RequestEdit,
    asker: &Asker<'_>,
    credentials: &mut Vec<Credential>,
) -> Result<(), Error> {
    for (name, value) in &edit.headers {
        let value = asker.value(template, value)?;
        let carries_credential = template.credentials.iter().any(|credential| match credential {
            Credential::Header { name: reserved, .. } => reserved.eq_ignore_ascii_case(name),
            Credential::Query { .. } | Credential::Signed(_) => false,
        });
        if carries_credential || header::is_reserved(name) {
            return Err(asker.refuse(format!("header `{name}`"), "no plugin may set this header"));
        }
        if !asker.grants.headers.iter().any(|granted| granted.eq_ignore_ascii_case(name)) {
            return Err(asker.refuse(format!("header `{name}`"), "grant it under `grants.headers`"));
        }
        headers.retain(|(there, _)| !there.eq_ignore_ascii_case(name));
        let text = match value {
            Given::Text(text) => text,
            Given::Secret(value) => {
                credentials.push(Credential::Header { name: name.clone(), value: value.clone() });
                continue;
            }
        };
        if !header::is_valid_name(name) {
            return Err(asker.refuse("a header whose name HTTP does not allow".into(), "use letters, digits and `-`"));
        }
        if text.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
            return Err(asker.refuse(format!("header `{name}` with a control character"), "a header is one line"));
        }
        headers.push((name.clone(), text.to_owned()));
    }
    Ok(())
}
