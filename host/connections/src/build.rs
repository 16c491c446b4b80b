//! One builder per kind: fields in, a judged connection out, whichever place the fields came from.

use crate::connection::{ApiKeyIn, Auth, HttpConnection, KafkaConnection, OptionValue, StateConnection};
use crate::error::Error;
use crate::fields::{self, Fields};
use dpone_model::{Secret, file};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use url::Url;

/// `granted` are the names of secrets that have to be there.
pub(crate) fn http(fields: &Fields, workdir: &Path, granted: &[String]) -> Result<HttpConnection, Error> {
    let ca_pem = match tls_path(fields, "ssl_ca_location", workdir)? {
        Some(path) => {
            let pem = file::read(&path, file::MAX_CERTIFICATES_BYTES);
            Some(pem.map_err(|error| tls_error(fields, "ssl_ca_location", &path, &error))?)
        }
        None => None,
    };
    Ok(HttpConnection {
        id: fields.id.clone(),
        origin_note: fields.origin.to_string(),
        base_url: base_url(fields)?,
        substituted: false,
        auth: auth(fields)?,
        ca_pem,
        secrets: secrets(fields, granted)?,
    })
}

fn secrets(fields: &Fields, granted: &[String]) -> Result<BTreeMap<String, Secret>, Error> {
    let (mut secrets, mut missing) = (BTreeMap::new(), Vec::new());
    for name in granted {
        let field = fields::of_secret(name);
        match fields.secret(&field)? {
            Some(secret) => drop(secrets.insert(name.clone(), secret)),
            None => missing.push(field),
        }
    }
    match missing.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Ok(secrets),
        missing => Err(fields.incomplete(missing)),
    }
}

pub(crate) fn kafka(fields: &Fields, workdir: &Path) -> Result<KafkaConnection, Error> {
    let bootstrap_servers = fields.required("bootstrap_servers")?.expose().to_owned();
    let mut options = BTreeMap::new();
    let protocol = security_protocol(fields)?;
    if let Some(protocol) = &protocol {
        options.insert("security.protocol".to_owned(), OptionValue::Plain(protocol.clone()));
    }
    sasl(fields, protocol.as_deref(), &mut options)?;
    for (field, option) in [
        ("ssl_ca_location", "ssl.ca.location"),
        ("ssl_certificate_location", "ssl.certificate.location"),
        ("ssl_key_location", "ssl.key.location"),
    ] {
        if let Some(path) = tls_path(fields, field, workdir)? {
            // librdkafka reports an unreadable file only when it connects, and without the option's name.
            // It opens the path itself, and would wait for a pipe.
            file::read(&path, file::MAX_CERTIFICATES_BYTES).map_err(|error| tls_error(fields, field, &path, &error))?;
            options.insert(option.to_owned(), OptionValue::Plain(path.display().to_string()));
        }
    }
    if let Some(password) = fields.secret("ssl_key_password")? {
        options.insert("ssl.key.password".to_owned(), OptionValue::Secret(password));
    }
    Ok(KafkaConnection {
        id: fields.id.clone(),
        origin_note: fields.origin.to_string(),
        substituted: false,
        bootstrap_servers,
        options,
    })
}

pub(crate) fn postgres(fields: &Fields, workdir: &Path) -> Result<StateConnection, Error> {
    const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
    let mut missing = Vec::new();
    for field in ["host", "database", "username"] {
        if fields.secret(field)?.is_none() {
            missing.push(field);
        }
    }
    if !missing.is_empty() {
        return Err(fields.incomplete(&missing));
    }
    let port = match fields.text("port")? {
        Some(port) => {
            let number = port.parse::<u16>().ok().filter(|port| *port > 0);
            number.ok_or_else(|| fields.bad_value("port", format!("is `{port}`, which is no port number")))?
        }
        None => 5432,
    };
    let ssl_mode = fields.text("ssl_mode")?.unwrap_or_else(|| "prefer".to_owned());
    if !MODES.contains(&ssl_mode.as_str()) {
        return Err(fields.bad_value("ssl_mode", format!("is `{ssl_mode}`; it takes {}", MODES.join(", "))));
    }
    let ca_file = tls_path(fields, "ssl_ca_location", workdir)?;
    if let Some(path) = &ca_file {
        let pem = file::read(path, file::MAX_CERTIFICATES_BYTES);
        pem.map_err(|error| tls_error(fields, "ssl_ca_location", path, &error))?;
    }
    Ok(StateConnection::Postgres {
        id: fields.id.clone(),
        origin_note: fields.origin.to_string(),
        host: fields.required("host")?.expose().to_owned(),
        port,
        database: fields.required("database")?.expose().to_owned(),
        username: fields.required("username")?.expose().to_owned(),
        password: fields.secret("password")?,
        ssl_mode,
        ca_file,
    })
}

pub(crate) fn sqlite(fields: &Fields, workdir: &Path) -> Result<StateConnection, Error> {
    let path = workdir.join(fields.required("path")?.expose());
    Ok(StateConnection::Sqlite { origin_note: fields.origin.to_string(), path })
}

fn base_url(fields: &Fields) -> Result<Option<Url>, Error> {
    let (field, text) = match (fields.text("base_url")?, fields.text("endpoint")?) {
        (Some(url), Some(endpoint)) if url != endpoint => {
            return Err(fields.bad_value("endpoint", "contradicts `base_url`; they are two names of one field"));
        }
        (Some(url), _) => ("base_url", url),
        (None, Some(endpoint)) => ("endpoint", endpoint),
        (None, None) => return Ok(None),
    };
    let url = Url::parse(&text).map_err(|error| fields.bad_value(field, format!("is no absolute URL: {error}")))?;
    // The URL itself stays out of these messages: it may hold what should not be printed.
    let problem = if !matches!(url.scheme(), "http" | "https") {
        Some(format!("has the scheme `{}`; it takes http or https", url.scheme()))
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("holds credentials; set them as fields of their own".to_owned())
    } else if url.query().is_some() || url.fragment().is_some() {
        Some("has a query or fragment; it takes an origin and, at most, a path".to_owned())
    } else {
        None
    };
    problem.map_or(Ok(Some(url)), |problem| Err(fields.bad_value(field, problem)))
}

fn auth(fields: &Fields) -> Result<Auth, Error> {
    let (token, key) = (fields.given("token")?, fields.given("api_key")?);
    let (username, password) = (fields.given("username")?, fields.given("password")?);
    let login = username.is_some() || password.is_some();
    let ways = [("token", token.is_some()), ("api_key", key.is_some()), ("username", login)];
    let set: Vec<&str> = ways.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
    if let [first, second, ..] = set.as_slice() {
        return Err(fields.bad_value(second, format!("contradicts `{first}`; a connection logs in one way")));
    }
    // A variable that a deployment forgot to fill is empty: without this the request would go out bare.
    for (field, value) in [("token", &token), ("api_key", &key)] {
        if value.as_ref().is_some_and(Secret::is_empty) {
            return Err(fields.bad_value(field, "is empty; a connection that does not log in is without it"));
        }
    }
    if let Some(token) = token {
        return Ok(Auth::Bearer(token));
    }
    if let Some(value) = key {
        let name = fields.text("api_key_name")?.unwrap_or_else(|| "X-API-Key".to_owned());
        let in_ = match fields.text("api_key_in")?.as_deref() {
            None | Some("header") => ApiKeyIn::Header,
            Some("query") => ApiKeyIn::Query,
            Some(other) => {
                return Err(fields.bad_value("api_key_in", format!("is `{other}`; it takes header or query")));
            }
        };
        return Ok(Auth::ApiKey { name, in_, value });
    }
    if login { basic(fields, username, password) } else { Ok(Auth::None) }
}

/// Many APIs take a key as the user name and no password, or the other way round; so one of the two may be
/// empty. A missing password is an empty one, a missing user name is more likely forgotten.
fn basic(fields: &Fields, username: Option<Secret>, password: Option<Secret>) -> Result<Auth, Error> {
    let password = password.unwrap_or_else(|| Secret::new(""));
    let Some(username) = username else { return Err(fields.incomplete(&["username"])) };
    if username.is_empty() && password.is_empty() {
        return Err(fields.bad_value("username", "is empty, and so is the password"));
    }
    // RFC 7617: the first colon ends the user name.
    if username.expose().contains(':') {
        return Err(fields.bad_value("username", "holds a colon, which would end it"));
    }
    Ok(Auth::Basic { username: username.expose().to_owned(), password })
}

fn security_protocol(fields: &Fields) -> Result<Option<String>, Error> {
    const PROTOCOLS: [&str; 4] = ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];
    let Some(text) = fields.text("security_protocol")? else { return Ok(None) };
    let protocol = text.to_ascii_lowercase();
    if PROTOCOLS.contains(&protocol.as_str()) {
        return Ok(Some(protocol));
    }
    Err(fields.bad_value("security_protocol", format!("is `{text}`; it takes {}", PROTOCOLS.join(", "))))
}

/// librdkafka ignores SASL settings without a SASL protocol, and would connect without logging in;
/// so the two must agree.
fn sasl(fields: &Fields, protocol: Option<&str>, options: &mut BTreeMap<String, OptionValue>) -> Result<(), Error> {
    const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
    let names = ["sasl_mechanism", "sasl_username", "sasl_password"];
    let mut missing = Vec::new();
    for field in names {
        if fields.secret(field)?.is_none() {
            missing.push(field);
        }
    }
    if !protocol.is_some_and(|protocol| protocol.starts_with("sasl_")) {
        return match (missing.len() == names.len(), protocol) {
            (true, _) => Ok(()),
            (false, None) => Err(fields.incomplete(&["security_protocol"])),
            (false, Some(protocol)) => Err(fields.bad_value(
                "security_protocol",
                format!("is `{protocol}`, under which the SASL credentials would not be used; it takes sasl_ssl or sasl_plaintext"),
            )),
        };
    }
    if !missing.is_empty() {
        return Err(fields.incomplete(&missing));
    }
    let mechanism = fields.required("sasl_mechanism")?.expose().to_ascii_uppercase();
    if !MECHANISMS.contains(&mechanism.as_str()) {
        return Err(fields.bad_value("sasl_mechanism", format!("is `{mechanism}`; it takes {}", MECHANISMS.join(", "))));
    }
    let username = fields.required("sasl_username")?.expose().to_owned();
    options.insert("sasl.mechanism".to_owned(), OptionValue::Plain(mechanism));
    options.insert("sasl.username".to_owned(), OptionValue::Plain(username));
    options.insert("sasl.password".to_owned(), OptionValue::Secret(fields.required("sasl_password")?));
    Ok(())
}

fn tls_path(fields: &Fields, field: &str, workdir: &Path) -> Result<Option<PathBuf>, Error> {
    Ok(fields.text(field)?.map(|path| workdir.join(path)))
}

fn tls_error(fields: &Fields, field: &str, path: &Path, error: &file::FileError) -> Error {
    Error::TlsFile {
        id: fields.id.clone(),
        field: fields.origin.of_field(field),
        path: path.display().to_string(),
        cause: error.to_string(),
    }
}
