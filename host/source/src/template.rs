//! The manifest's own request, on the connection's origin: what every page's request starts from.

use crate::error::Error;
use crate::readings::{self, Author, Lies};
use dpone_connections::{ApiKeyIn, Auth, HttpConnection};
use dpone_manifest::{Body, CursorFormat, Incremental, Source};
use dpone_model::http::Credential;
use dpone_model::{CursorValue, Secret, header};
use dpone_plan::Boundary;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use url::Url;

/// The manifest's request with the connection's origin and credentials and the boundary's parameters.
#[derive(Debug, Clone)]
pub struct Template {
    pub(crate) method: String,
    /// With the manifest's own query and the boundary's parameters; without credentials.
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: TemplateBody,
    /// A slicer put a secret into it.
    pub(crate) body_holds_secret: bool,
    pub(crate) credentials: Vec<Credential>,
    /// Those that the manifest grants to plugins, by name.
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) allow_origins: Vec<Url>,
    /// The path of the connection's `base_url`, below which every request of the own origin stays.
    pub(crate) base_path: String,
    pub(crate) max_body_bytes: u64,
}

#[derive(Debug, Clone)]
pub(crate) enum TemplateBody {
    None,
    /// A JSON object, whose fields an extractor may set.
    Fields(Map<String, Value>),
    /// Anything else, sent as it stands.
    Fixed(String),
}

impl Template {
    pub fn new(source: &Source, connection: &HttpConnection, boundary: &Boundary) -> Result<Self, Error> {
        let mut url = resolved_url(source, connection)?;
        append(&mut url, &source.params);
        if let Some(incremental) = &source.incremental {
            append(&mut url, &boundary_params(incremental, boundary));
        }
        let mut headers = source.headers.clone();
        headers.iter().try_for_each(|(name, _)| check_manifest_header(name))?;
        let (body, content_type) = body(source);
        add_missing(&mut headers, "Accept", "application/json");
        if let Some(content_type) = content_type {
            add_missing(&mut headers, "Content-Type", content_type);
        }
        Ok(Self {
            method: source.method.clone(),
            url,
            headers,
            body,
            body_holds_secret: false,
            credentials: credentials(&connection.auth),
            secrets: connection.secrets.clone(),
            allow_origins: allow_origins(source)?,
            base_path: connection.base_url.as_ref().map_or_else(|| "/".to_owned(), |base| base.path().to_owned()),
            max_body_bytes: source.max_page_bytes,
        })
    }

    /// The manifest's URL on the connection's origin, with parameters; without credentials.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// `options.url` on the connection: an absolute URL keeps path and query and takes the origin of
/// the connection's `base_url`, where there is one; a path is put behind the whole `base_url`. Both have to
/// lie at or below the path of `base_url`.
/// Parameters of the manifest are not in it. This is the URL whose origin is the connection's own.
pub fn resolved_url(source: &Source, connection: &HttpConnection) -> Result<Url, Error> {
    let text = source.url.trim();
    let written = match Url::parse(text) {
        Ok(url) if is_http(&url) => Some(url),
        Err(url::ParseError::RelativeUrlWithoutBase) => None,
        _ => return Err(Error::BadUrl { url: text.into() }),
    };
    let url = match (written, &connection.base_url) {
        (Some(url), None) => url,
        (Some(url), Some(base)) => held_below(with_origin(&url, base), base, connection)?,
        (None, Some(base)) => {
            let url = below(base, text).ok_or_else(|| Error::BadUrl { url: text.into() })?;
            held_below(url, base, connection)?
        }
        (None, None) => return Err(Error::NoBaseUrl { url: text.into(), connection: connection.id.clone() }),
    };
    if !is_http(&url) {
        return Err(Error::BadUrl { url: text.into() });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::UrlCredentials { connection: connection.id.clone() });
    }
    Ok(url)
}

/// The origin of `options.url` and the one that requests go to instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedOrigin {
    pub written: String,
    pub used: String,
}

/// The connection lends its credentials to the path of its `base_url` and what lies below. An absolute URL
/// elsewhere, or a path that servers read in more than one way, would use them for something else.
fn held_below(url: Url, base: &Url, connection: &HttpConnection) -> Result<Url, Error> {
    match readings::lies(url.path(), base.path(), Author::Manifest) {
        Lies::Below => Ok(url),
        Lies::Elsewhere => Err(Error::OutsideBase {
            path: url.path().to_owned(),
            base: base.path().to_owned(),
            connection: connection.id.clone(),
        }),
        Lies::Unclear(_) if base.path() == "/" => Ok(url),
        Lies::Unclear(reason) => {
            Err(Error::UnclearPath { path: url.path().to_owned(), reason, connection: connection.id.clone() })
        }
    }
}

/// Whether the connection's `base_url` takes requests to another origin than the manifest's `url` says.
/// Origins compare as RFC 6454 has it: scheme and host in any case, and a default port is none.
pub fn moved_origin(source: &Source, connection: &HttpConnection) -> Result<Option<MovedOrigin>, Error> {
    let Some(written) = absolute(source) else { return Ok(None) };
    let (written, used) = (written.origin(), resolved_url(source, connection)?.origin());
    Ok((written != used)
        .then(|| MovedOrigin { written: written.ascii_serialization(), used: used.ascii_serialization() }))
}

/// `options.url`, where it is a whole one.
fn absolute(source: &Source) -> Option<Url> {
    Url::parse(source.url.trim()).ok().filter(is_http)
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

fn with_origin(url: &Url, base: &Url) -> Url {
    let mut moved = base.clone();
    moved.set_path(url.path());
    moved.set_query(url.query());
    moved.set_fragment(None);
    moved
}

/// `path` (with its query, if any) behind the path of `base`.
fn below(base: &Url, path: &str) -> Option<Url> {
    let mut folder = base.clone();
    folder.set_query(None);
    folder.set_fragment(None);
    if path.is_empty() || path.starts_with('?') {
        return folder.join(path).ok();
    }
    folder.set_path(&format!("{}/", base.path().trim_end_matches('/')));
    let joined = folder.join(&format!("./{}", path.trim_start_matches('/'))).ok()?;
    // `..` may not leave the connection's own path.
    joined.path().starts_with(folder.path()).then_some(joined)
}

fn append(url: &mut Url, pairs: &[(String, String)]) {
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
}

fn add_missing(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    if !headers.iter().any(|(there, _)| there.eq_ignore_ascii_case(name)) {
        headers.push((name.into(), value.into()));
    }
}

fn body(source: &Source) -> (TemplateBody, Option<&'static str>) {
    match &source.body {
        None => (TemplateBody::None, None),
        Some(Body::Json(Value::Object(fields))) => (TemplateBody::Fields(fields.clone()), Some("application/json")),
        Some(Body::Json(other)) => (TemplateBody::Fixed(other.to_string()), Some("application/json")),
        Some(Body::Text(text)) => (TemplateBody::Fixed(text.clone()), None),
    }
}

/// Headers that belong to the client or to the connection's auth.
fn check_manifest_header(name: &str) -> Result<(), Error> {
    let reason = if header::carries_credentials(name) {
        "it is a credential"
    } else if header::is_clients_own(name) {
        "the HTTP client sets it"
    } else {
        return Ok(());
    };
    Err(Error::ManifestHeader { name: name.into(), reason })
}

fn credentials(auth: &Auth) -> Vec<Credential> {
    use base64::Engine;
    let authorization = |value: String| Credential::Header { name: "Authorization".into(), value: Secret::new(value) };
    match auth {
        Auth::None => Vec::new(),
        Auth::Bearer(token) => vec![authorization(format!("Bearer {}", token.expose()))],
        Auth::Basic { username, password } => {
            let pair = format!("{username}:{}", password.expose());
            vec![authorization(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))]
        }
        Auth::ApiKey { name, in_: ApiKeyIn::Header, value } => {
            vec![Credential::Header { name: name.clone(), value: value.clone() }]
        }
        Auth::ApiKey { name, in_: ApiKeyIn::Query, value } => {
            vec![Credential::Query { name: name.clone(), value: value.clone() }]
        }
    }
}

pub(crate) fn allow_origins(source: &Source) -> Result<Vec<Url>, Error> {
    let parse = |text: &String| {
        let url = Url::parse(text).ok().filter(is_http);
        url.ok_or_else(|| Error::BadOrigin { text: text.clone() })
    };
    source.allow_origins.iter().map(parse).collect()
}

/// The boundary as request parameters. A format that is coarser than the value widens the window,
/// because rows outside of it are filtered here anyway and missing ones would be lost.
fn boundary_params(incremental: &Incremental, boundary: &Boundary) -> Vec<(String, String)> {
    let pair = |name: &Option<String>, value: &Option<CursorValue>, round_up: bool| {
        let (name, value) = (name.as_ref()?, value.as_ref()?);
        Some((name.clone(), formatted(value, incremental.format, round_up)))
    };
    let lower = pair(&incremental.param, &boundary.lower, false);
    let upper = pair(&incremental.end_param, &boundary.upper, true);
    lower.into_iter().chain(upper).collect()
}

fn formatted(value: &CursorValue, format: CursorFormat, round_up: bool) -> String {
    let Some(instant) = value.as_instant() else { return value.text().to_owned() };
    // `jiff` rounds towards zero; before 1970 that is upwards, so both directions are spelt out.
    let rounded = |unit_ns: i128| {
        let nanoseconds = instant.as_nanosecond();
        let floor = nanoseconds.div_euclid(unit_ns);
        if round_up && nanoseconds.rem_euclid(unit_ns) != 0 { floor + 1 } else { floor }
    };
    match format {
        CursorFormat::AsIs => value.text().to_owned(),
        // A timestamp stays as it is written; only a count has to become one.
        CursorFormat::Rfc3339 if value.unit().is_none() => value.text().to_owned(),
        CursorFormat::Rfc3339 => instant.to_string(),
        CursorFormat::EpochSeconds => rounded(1_000_000_000).to_string(),
        CursorFormat::EpochMillis => rounded(1_000_000).to_string(),
        CursorFormat::Date => {
            let seconds = i64::try_from(rounded(86_400_000_000_000)).unwrap_or_default().saturating_mul(86_400);
            let midnight = jiff::Timestamp::from_second(seconds).unwrap_or(instant);
            midnight.strftime("%Y-%m-%d").to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> CursorValue {
        CursorValue::instant(text).unwrap()
    }

    #[test]
    fn paths_are_put_behind_the_base_url() {
        for (base, path, expected) in [
            ("http://a/", "/orders", Some("http://a/orders")),
            ("http://a/api/v1", "/orders?x=1", Some("http://a/api/v1/orders?x=1")),
            ("http://a/api/v1/", "orders", Some("http://a/api/v1/orders")),
            ("http://a/api?old=1", "", Some("http://a/api")),
            ("http://a/api", "?x=1", Some("http://a/api?x=1")),
            ("http://a/api", "a:b", Some("http://a/api/a:b")),
            ("http://a/api", "//evil/x", Some("http://a/api/evil/x")),
            ("http://a/api", "../admin", None),
        ] {
            let found = below(&Url::parse(base).unwrap(), path).map(String::from);
            assert_eq!(found.as_deref(), expected, "{base} {path}");
        }
    }

    #[test]
    fn the_connection_replaces_the_origin_alone() {
        let url = Url::parse("https://api.example.com/orders?x=1#f").unwrap();
        let base = Url::parse("http://127.0.0.1:8080/ignored").unwrap();
        assert_eq!(with_origin(&url, &base).as_str(), "http://127.0.0.1:8080/orders?x=1");
    }

    fn source(url: &str) -> Source {
        let manifest = format!(
            "name: x\nsource: {{ type: api, connection_id: api, options: {{ url: \"{url}\" }} }}\n\
             sink: {{ type: kafka, connection_id: k, topic: t, strategy: {{ mode: full_refresh }} }}\n"
        );
        dpone_manifest::load(manifest.as_bytes(), "m.yaml", &dpone_manifest::Variables::none()).unwrap().source
    }

    /// Manifest, connection, and the two origins where they differ.
    const ORIGINS: &[(&str, Option<&str>, Option<(&str, &str)>)] = &[
        ("/orders", Some("https://eu.example.com/v1"), None),
        ("https://api.example.com/orders", None, None),
        ("https://api.example.com/orders", Some("https://api.example.com"), None),
        ("HTTPS://API.Example.com:443/orders", Some("https://api.example.com/"), None),
        ("http://h:80/x", Some("http://h"), None),
        (
            "https://api.example.com/orders?x=1",
            Some("https://eu.example.com"),
            Some(("https://api.example.com", "https://eu.example.com")),
        ),
        (
            "https://api.example.com/orders",
            Some("http://api.example.com"),
            Some(("https://api.example.com", "http://api.example.com")),
        ),
        ("http://h/x", Some("http://h:8080"), Some(("http://h", "http://h:8080"))),
        ("https://h:8443/x", Some("https://h"), Some(("https://h:8443", "https://h"))),
        ("https://h/v1/x", Some("https://h/v1/"), None),
        ("https://h/v2/x", Some("https://eu/v2"), Some(("https://h", "https://eu"))),
    ];

    fn connection(base: Option<&str>) -> HttpConnection {
        HttpConnection {
            id: "api".into(),
            origin_note: String::new(),
            base_url: base.map(|base| Url::parse(base).unwrap()),
            substituted: false,
            auth: Auth::None,
            ca_pem: None,
            secrets: BTreeMap::new(),
        }
    }

    #[test]
    fn a_base_url_that_moves_requests_is_noticed() {
        for (url, base, moved) in ORIGINS {
            let found = moved_origin(&source(url), &connection(*base)).unwrap();
            let found = found.as_ref().map(|moved| (moved.written.as_str(), moved.used.as_str()));
            assert_eq!(found, *moved, "{url} {base:?}");
        }
    }

    #[test]
    fn requests_stay_below_the_path_of_base_url() {
        let below = "is not below `/v1`, the path of connection api's base_url";
        for (url, base, says) in [
            ("https://h/v1", "https://h/v1", None),
            ("https://h/v1/x", "https://h/v1/", None),
            ("https://h/v1/group%2Fproject", "https://h/v1", None),
            ("/projects/group%2Fproject", "https://h/v1", None),
            ("https://h/anything/..;/x", "https://h", None),
            ("https://h/x", "https://h/v1", Some(below)),
            ("https://h/v10/x", "https://h/v1", Some(below)),
            ("https://h/v1/../x", "https://h/v1", Some(below)),
            ("https://h/v1/%2e%2e/x", "https://h/v1", Some(below)),
            ("https://other/v2/x", "https://h/v1", Some(below)),
            ("https://h/v1/..;/x", "https://h/v1", Some("has a dot segment")),
            ("/..;/x", "https://h/v1", Some("has a dot segment")),
            ("/..%2fx", "https://h/v1", Some("has a dot segment")),
            ("/%252e%252e/x", "https://h/v1", Some("has a dot segment")),
            ("/%00x", "https://h/v1", Some("has a control character")),
            ("/%c0%ae%c0%ae/x", "https://h/v1", Some("has bytes that are not UTF-8")),
        ] {
            let found = resolved_url(&source(url), &connection(Some(base)));
            let text = found.as_ref().err().map(ToString::to_string);
            assert_eq!(text.is_some(), says.is_some(), "{url} {base}: {text:?}");
            assert!(text.unwrap_or_default().contains(says.unwrap_or_default()), "{url} {base}");
        }
    }

    #[test]
    fn a_coarser_format_widens_the_window() {
        let value = "2026-01-02T03:04:05.678Z";
        for (format, lower, upper) in [
            (CursorFormat::AsIs, value, value),
            (CursorFormat::Rfc3339, value, value),
            (CursorFormat::Date, "2026-01-02", "2026-01-03"),
            (CursorFormat::EpochSeconds, "1767323045", "1767323046"),
            (CursorFormat::EpochMillis, "1767323045678", "1767323045678"),
        ] {
            assert_eq!(formatted(&instant(value), format, false), lower);
            assert_eq!(formatted(&instant(value), format, true), upper);
        }
        assert_eq!(formatted(&instant("2026-01-02T00:00:00Z"), CursorFormat::Date, true), "2026-01-02");
        assert_eq!(formatted(&instant("1969-12-31T23:59:59.5Z"), CursorFormat::EpochSeconds, false), "-1");
        assert_eq!(formatted(&CursorValue::number("42").unwrap(), CursorFormat::Date, true), "42");
    }

    #[test]
    fn epochs_are_sent_as_records_write_them_or_in_the_format_that_is_named() {
        let epoch = CursorValue::number("1767323045678").unwrap().in_unit(dpone_model::EpochUnit::Millis).unwrap();
        for (format, lower, upper) in [
            (CursorFormat::AsIs, "1767323045678", "1767323045678"),
            (CursorFormat::Rfc3339, "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z"),
            (CursorFormat::Date, "2026-01-02", "2026-01-03"),
            (CursorFormat::EpochSeconds, "1767323045", "1767323046"),
            (CursorFormat::EpochMillis, "1767323045678", "1767323045678"),
        ] {
            assert_eq!(formatted(&epoch, format, false), lower);
            assert_eq!(formatted(&epoch, format, true), upper);
        }
    }

    #[test]
    fn basic_auth_is_rfc_7617() {
        let auth = Auth::Basic { username: "Aladdin".into(), password: Secret::new("open sesame") };
        let Some(Credential::Header { value, .. }) = credentials(&auth).pop() else { panic!("no header") };
        assert_eq!(value.expose(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
