//! Fixed bounds of what a plugin hands to the host in one call. Each is far above what an API or a table of
//! records needs, and low enough that the host's work for a call stays small whatever is in it.

use crate::bindings::extractor::dpone::plugin::types::{Field, Needs, Request, Value};
use crate::output::Broken;
use crate::text;

/// A dotted path, and the names in it.
const MAX_PATH_BYTES: usize = 1 << 10;
const MAX_PATH_NAMES: usize = 64;
/// Any other name: of a field, a parameter, a set, a secret.
pub(crate) const MAX_NAME_BYTES: usize = 1 << 10;
/// Fields that a transform or a check may declare.
const MAX_NEEDED_FIELDS: usize = 1024;
/// Fields whose values together are one entry of a set.
pub(crate) const MAX_SET_FIELDS: usize = 64;
/// Names that one edit of a batch may rename, drop or set.
pub(crate) const MAX_EDITED_NAMES: usize = 16_384;
/// The longest measurement of a check.
pub(crate) const MAX_OBSERVED_BYTES: usize = 64 << 10;
/// A bound of a slice.
pub(crate) const MAX_SLICE_BOUND_BYTES: usize = 256;
/// Query parameters of a request, and body fields; all names and values of it together.
const MAX_FIELDS: usize = 1024;
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// A URL or path. The rules of requests are stricter with what is sent.
const MAX_URL_BYTES: usize = 64 << 10;
const MAX_METHOD_BYTES: usize = 32;
/// Headers of a request; servers commonly take 8 KiB a line and 16 to 32 KiB in all.
const MAX_HEADERS: usize = 64;
const MAX_HEADER_NAME_BYTES: usize = 256;
const MAX_HEADER_VALUE_BYTES: usize = 8 << 10;
const MAX_HEADERS_BYTES: usize = 32 << 10;

pub(crate) fn path(path: &str) -> Result<(), Broken> {
    let names = path.bytes().filter(|byte| *byte == b'.').count() + 1;
    if path.len() <= MAX_PATH_BYTES && names <= MAX_PATH_NAMES {
        return Ok(());
    }
    let shown = text::one_line(path, 100);
    Err(format!("the path `{shown}` has more than {MAX_PATH_BYTES} bytes or {MAX_PATH_NAMES} names"))
}

pub(crate) fn name(what: &str, name: &str) -> Result<(), Broken> {
    named(what, name, MAX_NAME_BYTES)
}

pub(crate) fn names<'a>(
    what: &str,
    max: usize,
    names: impl ExactSizeIterator<Item = &'a String>,
) -> Result<(), Broken> {
    count(what, names.len(), max)?;
    names.into_iter().try_for_each(|name| self::name(what, name))
}

pub(crate) fn needs(needs: &Needs) -> Result<(), Broken> {
    names("declared field", MAX_NEEDED_FIELDS, needs.fields.iter())
}

/// A request that varies the manifest's own.
pub(crate) fn request(request: &Request) -> Result<(), Broken> {
    for url in [&request.url, &request.path].into_iter().flatten() {
        url_size(url)?;
    }
    named("method", request.method.as_deref().unwrap_or_default(), MAX_METHOD_BYTES)?;
    let query = fields("query parameter", &request.query)?;
    let body = fields("body field", &request.body)?;
    if query + body > MAX_REQUEST_BYTES {
        return Err(format!("the request's fields have {} bytes; the limit is {MAX_REQUEST_BYTES}", query + body));
    }
    headers(&request.headers)
}

pub(crate) fn url_size(url: &str) -> Result<(), Broken> {
    match url.len() <= MAX_URL_BYTES {
        true => Ok(()),
        false => Err(format!("the request has a URL of {} bytes; the limit is {MAX_URL_BYTES}", url.len())),
    }
}

pub(crate) fn headers(headers: &[Field]) -> Result<(), Broken> {
    count("header", headers.len(), MAX_HEADERS)?;
    let mut total = 0;
    for header in headers {
        named("header", &header.name, MAX_HEADER_NAME_BYTES)?;
        let size = size(&header.value)?;
        if size > MAX_HEADER_VALUE_BYTES {
            let name = text::one_line(&header.name, MAX_HEADER_NAME_BYTES);
            return Err(format!(
                "the header `{name}` has a value of {size} bytes; the limit is {MAX_HEADER_VALUE_BYTES}"
            ));
        }
        total += header.name.len() + size;
    }
    match total <= MAX_HEADERS_BYTES {
        true => Ok(()),
        false => Err(format!("the request's headers have {total} bytes; the limit is {MAX_HEADERS_BYTES}")),
    }
}

/// Bytes of all names and values.
fn fields(what: &str, fields: &[Field]) -> Result<usize, Broken> {
    count(what, fields.len(), MAX_FIELDS)?;
    let mut total = 0;
    for field in fields {
        name(what, &field.name)?;
        total += field.name.len() + size(&field.value)?;
    }
    Ok(total)
}

fn size(value: &Value) -> Result<usize, Broken> {
    match value {
        Value::Text(text) => Ok(text.len()),
        Value::Secret(secret) => name("secret", secret).map(|()| secret.len()),
    }
}

fn count(what: &str, found: usize, max: usize) -> Result<(), Broken> {
    if found <= max { Ok(()) } else { Err(format!("it names {found} {what}s in one call; the limit is {max}")) }
}

fn named(what: &str, name: &str, max: usize) -> Result<(), Broken> {
    if name.len() <= max {
        return Ok(());
    }
    let shown = text::one_line(name, 100);
    Err(format!("the {what} `{shown}` has a name of more than {max} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_field(name: &str, value: String) -> Field {
        Field { name: name.to_owned(), value: Value::Text(value) }
    }

    fn unchanged() -> Request {
        Request {
            url: None,
            query: Vec::new(),
            body: Vec::new(),
            headers: Vec::new(),
            method: None,
            path: None,
            may_be_past_end: false,
        }
    }

    #[test]
    fn requests_are_bounded_in_every_part() {
        let many = |count: usize, bytes: usize| vec![text_field("f", "x".repeat(bytes)); count];
        let secret = |bytes: usize| Field { name: "f".into(), value: Value::Secret("s".repeat(bytes)) };
        let with = |change: &dyn Fn(&mut Request)| {
            let mut request = unchanged();
            change(&mut request);
            request
        };
        for (request, problem) in [
            (with(&|r| r.query = many(1024, 1)), None),
            (with(&|r| r.query = many(1025, 1)), Some("1025 query parameters in one call; the limit is 1024")),
            (with(&|r| r.body = many(300_000, 1)), Some("300000 body fields in one call")),
            (with(&|r| (r.query, r.body) = (many(1, 1 << 19), many(1, (1 << 19) - 2))), None),
            (with(&|r| (r.query, r.body) = (many(1, 1 << 19), many(1, 1 << 19))), Some("1048578 bytes")),
            (with(&|r| r.body = vec![text_field(&"n".repeat(1025), String::new())]), Some("… (1025 bytes)`")),
            (with(&|r| r.body = vec![secret(1025)]), Some("the secret `sss")),
            (with(&|r| r.headers = many(4, 8000)), None),
            (with(&|r| r.headers = many(1, 8193)), Some("the header `f` has a value of 8193 bytes")),
            (with(&|r| r.headers = many(1, 10 << 20)), Some("10485760 bytes; the limit is 8192")),
            (with(&|r| r.headers = many(5, 8000)), Some("headers have 40005 bytes")),
            (with(&|r| r.headers = many(65, 1)), Some("65 headers")),
            (with(&|r| r.headers = vec![text_field(&"n".repeat(257), String::new())]), Some("more than 256 bytes")),
            (with(&|r| r.url = Some("u".repeat(65_537))), Some("a URL of 65537 bytes")),
            (with(&|r| r.path = Some("p".repeat(65_537))), Some("a URL of 65537 bytes")),
            (with(&|r| r.method = Some("M".repeat(33))), Some("the method `MMM")),
        ] {
            let found = super::request(&request);
            assert_eq!(found.is_err(), problem.is_some(), "{found:?} instead of {problem:?}");
            assert!(found.err().unwrap_or_default().contains(problem.unwrap_or_default()), "{problem:?}");
        }
    }

    #[test]
    fn paths_and_names_are_bounded_and_shown_in_part() {
        assert!(path(&"a.".repeat(63)).is_ok());
        assert!(path(&"a.".repeat(64)).is_err());
        assert!(path(&"a".repeat(1024)).is_ok());
        let message = path(&"a.".repeat(20 << 20)).unwrap_err();
        assert!(message.len() < 300 && message.contains("… (41943040 bytes)"), "{message}");
        let fields = |count: usize| Needs { fields: vec!["f".into(); count], bytes: false };
        assert!(needs(&fields(1024)).is_ok());
        assert!(needs(&fields(1025)).is_err());
    }
}
