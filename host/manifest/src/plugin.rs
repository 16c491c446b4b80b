//! Plugins as blocks of the manifest, in the long form (`uses`, `with`) and the short one
//! (`type: cursor`, options beside it).

use crate::builtins;
use crate::checked::{Grants, Limits, PluginUse};
use crate::error::Error;
use crate::oci::{OCI_SCHEME, OciReference};
use crate::read::{Block, Value};
use dpone_model::plugin::PluginKind;
use serde_json::{Map, Value as Json};
use url::Url;

/// Reads a plugin's own keys out of a block in which the host's keys were already asked for.
/// `None` where the block names no plugin, which is then a problem, or none is usable.
pub(crate) fn plugin(block: &mut Block<'_>, kind: PluginKind) -> Option<PluginUse> {
    let uses = block.get("uses");
    let short = block.get("type");
    let sha256 = block.get("sha256").and_then(|value| sha256(&value));
    let grants = grants(block.block("grants"));
    let limits = limits(block.block("limits"));
    let key = block.key.clone();
    if uses.is_some() && short.is_some() {
        let message = "`type` and `uses` both name a plugin".to_owned();
        block.conflict("type", "uses", message, "keep `uses` for a component of your own, `type` for a built-in one");
    }
    let (uses, with, with_key) = match (uses, short) {
        (Some(uses), _) => {
            let with_key = block.path("with");
            let with = block.get("with").and_then(|value| Some(value.block()?.rest()));
            let uses = reference(&uses)?;
            (uses.clone(), builtins::options(with.unwrap_or_default(), &uses, kind), with_key)
        }
        (None, Some(short)) => {
            let name = builtins::short_name(&short, kind)?;
            let uses = format!("builtin:{name}");
            (uses.clone(), builtins::options(block.rest(), &uses, kind), key.clone())
        }
        (None, None) => {
            if block.has("type") || block.has("uses") {
                return None;
            }
            let hint = "name a built-in one with `type`, or a component with `uses`";
            block.problem("uses", Error::MissingKey(format!("the plugin of `{key}`"), hint.to_owned()));
            return None;
        }
    };
    let mut plugin = PluginUse { uses, with, sha256, grants, limits, key, with_key };
    builtins::normalise(&mut plugin, block, kind);
    Some(plugin)
}

/// `builtin:NAME`, a path, a reference to a registry, or a name along the plugin path.
fn reference(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@'))
    };
    let is_path = text.contains('/') || text.ends_with(".wasm");
    if text.starts_with(OCI_SCHEME) {
        let hint = "`dpone plugin push` prints the reference to write: oci://HOST/REPOSITORY@sha256:DIGEST";
        return match OciReference::parse(&text) {
            Ok(reference) if reference.digest.is_some() => Some(text),
            Ok(_) => value.invalid(format!("`{}` has no digest, and a tag may move", value.shown()), hint),
            Err(cause) => value.invalid(format!("`{}` is no reference to a registry: {cause}", value.shown()), hint),
        };
    }
    let valid = match text.strip_prefix("builtin:") {
        Some(name) => is_name(name),
        None => is_path || is_name(&text),
    };
    if !valid {
        let hint = "write `builtin:NAME`, `./FILE.wasm`, or a name along the plugin path";
        return value.invalid(format!("`{}` names no plugin", value.shown()), hint);
    }
    Some(text)
}

pub(crate) fn options(value: &Value<'_>) -> Option<Map<String, Json>> {
    let mut block = value.block()?;
    Some(collect(block.rest()))
}

fn collect(entries: Vec<(String, Value<'_>)>) -> Map<String, Json> {
    entries.into_iter().filter_map(|(name, value)| Some((name, value.json()?))).collect()
}

pub(crate) fn sha256(value: &Value<'_>) -> Option<String> {
    let text = value.scalar_text()?.to_ascii_lowercase();
    let is_digest = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_digest {
        return value.invalid(
            format!("`{}` is no SHA-256 digest", value.key),
            "write the 64 hexadecimal digits that `dpone plugin inspect` prints",
        );
    }
    Some(text)
}

pub(crate) fn grants(mut block: Block<'_>) -> Grants {
    let real = |block: &mut Block<'_>, name| block.one_of(name, &[("real", true), ("fixed", false)]).unwrap_or(false);
    let grants = Grants {
        files: block.get("files").and_then(|value| folder(&value)),
        secrets: block.get("secrets").map(|value| secret_names(&value)).unwrap_or_default(),
        http: block.get("http").map(|value| http_origins(&value)).unwrap_or_default(),
        real_clock: real(&mut block, "clock"),
        real_random: real(&mut block, "random"),
        headers: block.get("headers").map(|value| header_names(&value)).unwrap_or_default(),
        methods: block.get("methods").map(|value| methods(&value)).unwrap_or_default(),
        paths: block.get("paths").map(|value| path_prefixes(&value)).unwrap_or_default(),
    };
    block.finish();
    grants
}

fn folder(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if !is_inside(&text) {
        let hint = "name a folder beside the manifest, without a leading `/` and without `..`";
        return value.invalid(format!("`{}` leaves the manifest's folder", value.shown()), hint);
    }
    Some(text)
}

/// Whether a path is relative and never climbs.
pub(crate) fn is_inside(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':');
    !path.starts_with(['/', '\\', '~'])
        && !drive
        && !path.contains('\0')
        && path.split(['/', '\\']).all(|part| part != "..")
}

fn header_names(value: &Value<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for (name, item) in value.texts() {
        if !dpone_model::header::is_valid_name(&name) {
            let _: Option<()> =
                item.invalid(format!("`{}` is no header name", item.shown()), "use letters, digits and `-`");
        } else if dpone_model::header::is_reserved(&name) {
            let hint = "a plugin never sets it; credentials come from the connection";
            let _: Option<()> = item.invalid(format!("the header `{}` cannot be granted", item.shown()), hint);
        } else {
            names.push(name);
        }
    }
    names
}

/// Names as a connection has them; in the environment they stand in upper case.
pub(crate) fn secret_names(value: &Value<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for (name, item) in value.texts() {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !name.is_empty() && name.bytes().all(is_plain) {
            names.push(name);
        } else {
            let hint = "a secret's name has lower case letters, digits and `_`";
            let _: Option<()> = item.invalid(format!("`{}` names no secret", item.shown()), hint);
        }
    }
    names
}

/// The origin that a text names, and nothing beside it: a host stands for https, another scheme or port
/// is written out.
pub(crate) fn origin_of(text: &str) -> Option<String> {
    let written = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let is_alone = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    };
    Url::parse(&written).ok().filter(is_alone).map(|url| url.origin().ascii_serialization())
}

fn http_origins(value: &Value<'_>) -> Vec<String> {
    let mut origins = Vec::new();
    for (text, item) in value.texts() {
        match origin_of(&text) {
            Some(origin) => origins.push(origin),
            None => {
                let hint = "write a host such as `geo.example.com`, or an origin such as `http://127.0.0.1:8080`";
                let _: Option<()> = item.invalid(format!("`{}` is no host", item.shown()), hint);
            }
        }
    }
    origins
}

fn methods(value: &Value<'_>) -> Vec<String> {
    let known = [("GET", "GET"), ("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH")];
    let items = value.texts();
    items.into_iter().filter_map(|(_, item)| item.one_of(&known)).map(str::to_owned).collect()
}

fn path_prefixes(value: &Value<'_>) -> Vec<String> {
    let mut paths = Vec::new();
    for (path, item) in value.texts() {
        if path.starts_with('/') && !path.contains(['?', '#']) && path.split('/').all(|part| part != "..") {
            paths.push(path);
        } else {
            let _: Option<()> =
                item.invalid(format!("`{}` is no path", item.shown()), "write a path that starts with `/`");
        }
    }
    paths
}

pub(crate) fn limits(mut block: Block<'_>) -> Limits {
    let default = Limits::default();
    let positive = |block: &mut Block<'_>, name| block.get(name).and_then(|value| value.positive_duration());
    let limits = Limits {
        memory: block.size("memory", (1 << 20)..=(4 << 30)).unwrap_or(default.memory),
        deadline: positive(&mut block, "deadline").unwrap_or(default.deadline),
        wall_clock: positive(&mut block, "wall_clock").unwrap_or(default.wall_clock),
        output: block.size("output", 1..=(1 << 30)).unwrap_or(default.output),
        log: block.size("log", 0..=(64 << 20)).unwrap_or(default.log),
        state: block.size("state", 0..=(16 << 20)).unwrap_or(default.state),
    };
    if limits.deadline > limits.wall_clock {
        let message = "`deadline` is longer than `wall_clock`".to_owned();
        block.conflict("wall_clock", "deadline", message, "raise `wall_clock`, which bounds a call in all");
    }
    block.finish();
    limits
}
