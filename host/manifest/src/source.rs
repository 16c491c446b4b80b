//! `source`: the request, its boundary and its pagination.

use crate::checked::{Body, ConnectionRef, ConnectionType, Pagination, PluginUse, Retry, Source, Staging, Timeouts};
use crate::error::Error;
use crate::incremental::incremental;
use crate::plugin::plugin;
use crate::read::{Block, Value};
use dpone_model::header;
use dpone_model::plugin::PluginKind;
use std::time::Duration;
use url::Url;

/// Reads the block; what is broken falls back to something usable, and the problem is noted.
pub(crate) fn source(mut block: Block<'_>) -> Source {
    if let Some(value) = block.require("type", "write `type: api`") {
        value.one_of(&[("api", ())]);
    }
    let connection = connection(&mut block, true).unwrap_or_else(|| ConnectionRef::new("", ConnectionType::default()));
    let mut options = block.block("options");
    if !block.has("options") {
        let hint = "the request stands under `source.options`: at least `url`";
        block.problem("options", Error::MissingKey("`source.options`".into(), hint.into()));
    }
    let source = options_block(&mut options, connection, block.has("options"));
    options.finish();
    block.finish();
    source
}

/// `source.options`, which a recorded case calls `request`.
pub(crate) fn options_block(options: &mut Block<'_>, connection: ConnectionRef, is_there: bool) -> Source {
    options.one_of("api_type", &[("rest", ())]);
    let method = options.get("method").and_then(|value| method(&value));
    let incremental = incremental(options);
    let params = options.pairs("params", true);
    for bound in incremental.iter().flat_map(|i| [&i.param, &i.end_param]).flatten() {
        if params.iter().any(|(name, _)| name == bound) {
            let message = format!("the request parameter `{bound}` is set by `params` and by `incremental`");
            options.conflict("incremental", "params", message, "remove it from `params`");
        }
    }
    let slicer = optional_plugin(options, "slices", PluginKind::Slicer);
    let signer = optional_plugin(options, "signer", PluginKind::Signer);
    let pagination = pagination(options);
    Source {
        connection,
        method: method.unwrap_or_else(|| "GET".to_owned()),
        url: url(options, is_there),
        params,
        body: body(options),
        headers: headers(options),
        records_path: options.get("records_path").and_then(|value| value.path()).unwrap_or_default(),
        empty_where_records_are_missing: options
            .one_of("on_missing_records", &[("fail", false), ("empty", true)])
            .unwrap_or(false),
        ignores_error_objects: options.one_of("on_error_object", &[("fail", false), ("ignore", true)]).unwrap_or(false),
        timeouts: timeouts(options),
        retry: retry(options.block("retry")),
        max_page_bytes: options.size("max_page_bytes", 1..=(1 << 30)).unwrap_or(64 << 20),
        allow_origins: options.get("allow_origins").map(|value| origins(&value)).unwrap_or_default(),
        staging: options.one_of("staging", &[("slice", Staging::Slice), ("none", Staging::None)]).unwrap_or_default(),
        pagination,
        incremental,
        slicer,
        signer,
    }
}

/// A plugin that need not be there.
fn optional_plugin(options: &mut Block<'_>, name: &str, kind: PluginKind) -> Option<PluginUse> {
    options.know(name);
    if !options.has(name) {
        options.know(name);
        return None;
    }
    let mut block = options.block(name);
    let found = plugin(&mut block, kind);
    block.finish();
    found
}

/// In either case, as 0.88 took it.
fn method(value: &Value<'_>) -> Option<String> {
    let known = ["GET", "POST", "PUT", "PATCH"];
    let text = value.text()?.to_ascii_uppercase();
    if known.contains(&text.as_str()) { Some(text) } else { value.unknown_choice(&known) }
}

/// `connection_id`, `connection_type` and the keys that belong to the type.
pub(crate) fn connection(block: &mut Block<'_>, is_required: bool) -> Option<ConnectionRef> {
    let id = match is_required {
        true => block.require("connection_id", "name the connection; profile, environment, file or Vault define it"),
        false => block.get("connection_id"),
    };
    let choices = [("env", ConnectionType::Env), ("file", ConnectionType::File), ("vault", ConnectionType::Vault)];
    let via = block.one_of("connection_type", &choices).unwrap_or_default();
    let id = id.and_then(|value| {
        let text = value.text()?;
        let valid = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        if valid {
            Some(text)
        } else {
            value.invalid(format!("`{}` is no connection id", value.shown()), "use letters, digits, `_`, `-` and `.`")
        }
    });
    let mut connection = ConnectionRef::new(id.clone().unwrap_or_default(), via);
    connection.vault_mount_point = typed_key(block, "vault_mount_point", via, ConnectionType::Vault);
    connection.vault_path = typed_key(block, "vault_path", via, ConnectionType::Vault);
    connection.connection_file = typed_key(block, "connection_file", via, ConnectionType::File);
    id.map(|_| connection)
}

fn typed_key(block: &mut Block<'_>, name: &str, via: ConnectionType, needs: ConnectionType) -> Option<String> {
    let text = block.text(name)?;
    if via != needs {
        let needed = if needs == ConnectionType::Vault { "vault" } else { "file" };
        let message = format!("`{name}` has no meaning without `connection_type: {needed}`");
        block.conflict("connection_type", name, message, "remove it, or change the connection type");
    }
    Some(text)
}

/// `url`, or `endpoint` and `path` of 0.88.
fn url(options: &mut Block<'_>, is_there: bool) -> String {
    let url = options.get("url");
    let endpoint = options.get("endpoint");
    let path = options.get("path");
    if url.is_some() && (endpoint.is_some() || path.is_some()) {
        let other = if endpoint.is_some() { "endpoint" } else { "path" };
        let message = format!("`url` and `{other}` both say where the API is");
        options.conflict("url", other, message, "keep `url`, or `endpoint` with `path`");
    }
    let text = |value: &Option<Value<'_>>| value.as_ref().and_then(Value::text);
    let (joined, value) = match (&url, &endpoint, &path) {
        (Some(value), ..) => (text(&url), value),
        (None, Some(value), Some(_)) => {
            let joined = text(&endpoint).zip(text(&path));
            (joined.map(|(endpoint, path)| join(&endpoint, &path)), value)
        }
        (None, Some(value), None) => (text(&endpoint), value),
        (None, None, Some(value)) => (text(&path), value),
        (None, None, None) => {
            let was_named = ["url", "endpoint", "path"].iter().any(|name| options.has(name));
            if is_there && !was_named {
                let hint = "write the absolute URL, or a path that is joined to the connection's base_url";
                options.problem("url", Error::MissingKey(format!("`{}`", options.path("url")), hint.into()));
            }
            return String::new();
        }
    };
    joined.and_then(|text| checked_url(value, text)).unwrap_or_default()
}

fn join(endpoint: &str, path: &str) -> String {
    format!("{}/{}", endpoint.trim_end_matches('/'), path.trim_start_matches('/'))
}

fn checked_url(value: &Value<'_>, text: String) -> Option<String> {
    // Variables may hold a password, so the message quotes only what the file says.
    let shown = value.shown();
    if text.starts_with('/') && !text.starts_with("//") {
        return Some(text);
    }
    let hint = "write an absolute http or https URL, or a path that starts with `/`";
    match Url::parse(&text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            value.invalid("the URL holds credentials", "put them into the connection, which can keep a secret")
        }
        Ok(url) if url.fragment().is_some() => {
            value.invalid(format!("the URL `{shown}` has a fragment"), "remove the `#` part")
        }
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(text),
        Ok(_) => value.invalid(format!("`{shown}` is no http or https URL"), hint),
        // Without a scheme it is a path below the connection's base_url, as 0.88 took it.
        Err(url::ParseError::RelativeUrlWithoutBase) if !text.starts_with("//") && !text.contains(' ') => Some(text),
        Err(error) => value.invalid(format!("`{shown}` is no URL: {error}"), hint),
    }
}

fn body(options: &mut Block<'_>) -> Option<Body> {
    let json = options.get("json");
    let text = options.get("body");
    if json.is_some() && text.is_some() {
        options.conflict("json", "body", "`json` and `body` both give the request's body".into(), "keep one of them");
    }
    match json {
        Some(value) => value.json().map(Body::Json),
        None => text.and_then(|value| value.text()).map(Body::Text),
    }
}

fn headers(options: &mut Block<'_>) -> Vec<(String, String)> {
    let Some(mut block) = options.get("headers").and_then(|value| value.block()) else { return Vec::new() };
    let mut headers = Vec::new();
    for (name, value) in block.rest() {
        let Some(text) = value.scalar_text() else { continue };
        let problem: Option<()> = if !header::is_valid_name(&name) {
            value.invalid(format!("`{name}` is no header name"), "use letters, digits and `-`")
        } else if text.bytes().any(|b| (b < 32 && b != b'\t') || b == 127) {
            value.invalid(format!("the header `{name}` holds a control character"), "write it in one line")
        } else if header::carries_credentials(&name) {
            let hint = "give the connection `auth` (bearer, basic or api_key), so that the secret stays one";
            value.invalid(format!("the header `{name}` carries credentials, which come from the connection"), hint)
        } else if header::is_clients_own(&name) {
            value.invalid(format!("the header `{name}` is the HTTP client's own"), "remove it")
        } else {
            Some(())
        };
        if problem.is_some() {
            headers.push((name, text));
        }
    }
    headers
}

fn timeouts(options: &mut Block<'_>) -> Timeouts {
    let total = options.get("timeout").and_then(|value| value.positive_duration());
    let mut block = options.block("timeouts");
    let timeouts = Timeouts {
        total: total.unwrap_or(Duration::from_secs(60)),
        connect: block.milliseconds("connect_ms", 10_000),
        read: block.milliseconds("read_ms", 30_000),
    };
    block.finish();
    timeouts
}

fn retry(mut block: Block<'_>) -> Retry {
    let retry = Retry {
        max_attempts: block.integer("max_attempts", 1..=100).unwrap_or(5) as u32,
        base: block.milliseconds("base_ms", 500),
        max: block.milliseconds("max_ms", 30_000),
        max_elapsed: block.duration("max_elapsed").unwrap_or(Duration::from_secs(60)),
        max_retry_after: block.duration("max_retry_after").unwrap_or(Duration::from_secs(300)),
    };
    block.finish();
    retry
}

fn origins(value: &Value<'_>) -> Vec<String> {
    let mut origins = Vec::new();
    for (text, item) in value.texts() {
        let is_origin = Url::parse(&text).is_ok_and(|url| {
            let bare =
                url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
            matches!(url.scheme(), "http" | "https") && url.has_host() && bare
        });
        if is_origin {
            origins.push(text);
        } else {
            let _: Option<()> = item.invalid(
                format!("`{}` is no origin", item.shown()),
                "write scheme and host, such as `https://files.example.com`",
            );
        }
    }
    origins
}

fn pagination(options: &mut Block<'_>) -> Pagination {
    let mut block = options.block("pagination");
    let max_pages = block.integer("max_pages", 1..=u64::from(u32::MAX));
    let stop = block.one_of("on_max_pages", &[("error", false), ("fail", false), ("stop", true)]);
    let max_empty_pages = block.integer("max_empty_pages", 0..=u64::from(u32::MAX)).unwrap_or(10) as u32;
    let fail = block.one_of("on_missing_cursor", &[("warn", false), ("fail", true)]);
    let repeats = block.one_of("on_repeated_page", &[("fail", false), ("continue", true)]);
    let is_none = block.get("type").is_none_or(|value| value.scalar().is_some_and(|s| s.text == "none"));
    let has_none = !block.has("type") || is_none;
    let extractor = if has_none && !block.has("uses") {
        block.finish();
        None
    } else {
        let extractor = plugin(&mut block, PluginKind::Extractor);
        if extractor.is_some() {
            block.finish();
        }
        extractor
    };
    Pagination {
        extractor,
        max_pages,
        stop_at_max_pages: stop.unwrap_or(false),
        max_empty_pages,
        fail_on_missing_cursor: fail.unwrap_or(false),
        may_repeat_pages: repeats.unwrap_or(false),
    }
}
