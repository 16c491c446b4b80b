//! `source`: the request and what bounds it.

use super::incremental::INCREMENTAL;
use super::key::Takes::{Any, Block, Choice, Integer, Pairs, Pattern, Plugin, PositiveDuration, Size, Text, Texts};
use super::key::{Key, Takes, Word, key, word};
use super::pagination::PAGINATION;
use dpone_model::plugin::PluginKind;

pub(super) static TYPE: &[Key] =
    &[key("type", Choice(&[word("api", "An API over HTTP.")]), "The kind of source.").required().example("api")];

pub(super) static OPTIONS: &[Key] =
    &[key("options", Block(&[REQUEST, PAGES]), "The request, and how its pages follow one another.").required()];

pub(super) static CONNECTION_ID: &[Key] = &[connection_id("my_api")];

/// The connection of a source or a sink.
pub(super) const fn connection_id(example: &'static str) -> Key {
    key(
        "connection_id",
        Pattern("^[A-Za-z0-9._-]+$", "letters, digits, `_`, `-` and `.`"),
        "Name of the connection, which holds the address and the credentials. The profile of `--profile` is asked \
         first, then the place that `connection_type` names.",
    )
    .required()
    .example(example)
}

/// Where the connection of a source, a sink or a state is looked up.
pub(super) static CONNECTION: &[Key] = &[
    key("connection_type", Choice(CONNECTION_TYPES), "Where the connection is defined, unless the profile has it.")
        .default("env")
        .example("vault"),
    key("vault_mount_point", Text, "Mount of the key-value engine (KV version 2) in Vault.")
        .default("secret")
        .example("kv")
        .beside(VAULT),
    key("vault_path", Text, "Path of the secret below the mount.")
        .without("the connection's id")
        .example("teams/shop")
        .beside(VAULT),
    key("connection_file", Text, "File of connections, relative to the working directory.")
        .default(".dpone/connections.yaml")
        .example("connections.yaml")
        .beside(&[("connection_type", "file")]),
];

const VAULT: &[(&str, &str)] = &[("connection_type", "vault")];

const CONNECTION_TYPES: &[Word] = &[
    word("env", "Variables `DPONE_CONN_<ID>_<FIELD>` of the environment."),
    word("file", "A YAML file of connections, `connection_file`."),
    word("vault", "HashiCorp Vault; its address and login come from `VAULT_ADDR` and its other variables."),
];

static REQUEST: &[Key] = &[
    key("api_type", Choice(&[word("rest", "Requests over HTTP, answers in JSON.")]), "The kind of API.")
        .default("rest")
        .example("rest"),
    key(
        "method",
        Choice(&[
            word("GET", "").or("get"),
            word("POST", "").or("post"),
            word("PUT", "").or("put"),
            word("PATCH", "").or("patch"),
        ]),
        "Method of each request.",
    )
    .default("GET")
    .example("POST"),
    key(
        "url",
        Text,
        "Address of the first page: an absolute URL, or a path that is joined to the connection's `base_url`. The \
         connection's `base_url` replaces the origin of an absolute URL, whose path has to lie below that of \
         `base_url`.",
    )
    .required()
    .example("/v1/orders"),
    key("endpoint", Text, "Address that `path` is joined to.")
        .older_than("url")
        .example("\"https://api.example.com/v1\""),
    key("path", Text, "Path that is joined to `endpoint`, or to the connection's `base_url`.")
        .older_than("url")
        .example("/orders"),
    key("params", Pairs(true), "Query parameters of each request. A list sends the name once for each value.")
        .without("no parameters")
        .example("{ status: [open, paid], per_page: 100 }"),
    key("json", Any, "Body of each request, sent as JSON with `Content-Type: application/json`. Excludes `body`.")
        .without("no body")
        .example("{ filter: { status: open } }")
        .beside(&[("method", "POST")]),
    key("body", Text, "Body of each request, sent as it is written. Excludes `json`.")
        .without("no body")
        .example("\"status=open\"")
        .beside(&[("method", "POST")]),
    key(
        "headers",
        Pairs(false),
        "HTTP headers of each request. Credentials are refused here: they belong to the connection.",
    )
    .without("no headers of its own")
    .example("{ Accept: application/json }"),
    key(
        "records_path",
        Takes::Path,
        "Where the records stand in an answer: names joined by dots, `\\.` for a dot in a name. `.` or an empty text \
         is the root; a single object there is one record. An empty object below the root is an empty list, as PHP \
         writes one. A path that the first page does not have is an error.",
    )
    .default(".")
    .example("data.items"),
    key(
        "on_missing_records",
        Choice(&[
            word("fail", "The run fails, because a misspelt `records_path` looks the same."),
            word("empty", "The page is an empty one: the API leaves an empty list out."),
        ]),
        "What a first page without `records_path` means. On a later page a missing list is an empty page, as long as \
         the answer has no other keys than those before it. `null` is an empty list.",
    )
    .default("fail")
    .example("empty"),
    key(
        "on_error_object",
        Choice(&[
            word("fail", "The run fails with what the API says."),
            word("ignore", "The answer is a page like any other: the API always sends one."),
        ]),
        "What an answer means whose status says success while its body says otherwise: a filled `errors`, with \
         records or without; or no records and a filled `error`, `fault`, `exception` or `errorMessage`, an \
         `errorCode` other than zero, a `message` with a `code`, `success: false`, `ok: false`, `isError: true`, or a \
         `status` that is `error`, `failed` or a number from 400 on. Other spellings of these names count, too, and so \
         do the same fields in `meta`, `metadata`, `status`, `response`, `result`, `header`, `responseStatus` or \
         `responseHeader`, unless the records lie in it. Texts such as `ok`, `none` or `no results` are no error; nor \
         is a code or a `status` beside `success: true`, or a `status` that only repeats a parameter of the request.",
    )
    .default("fail")
    .example("ignore"),
    key("timeout", PositiveDuration, "Longest time of one attempt in all, the body included.")
        .default("60s")
        .example("2m"),
    key("timeouts", Block(&[TIMEOUTS]), "Limits of the parts of an attempt.")
        .example("{ connect_ms: 3000, read_ms: 90000 }"),
    key(
        "retry",
        Block(&[RETRY]),
        "Repeated attempts of one request. Connections that break, timeouts, the statuses 408, 425, 429, 500, 502, 503 \
         and 504, and a 403 with `Retry-After`, are tried again, after pauses of random length up to a ceiling that \
         doubles.",
    )
    .example("{ max_attempts: 8, max_elapsed: 5m }"),
    key(
        "max_page_bytes",
        Size(1, 1 << 30),
        "Largest body of one answer, after decompression. A larger one ends the run with an error.",
    )
    .default("64MiB")
    .example("128MiB"),
    key(
        "allow_origins",
        Texts,
        "Origins (scheme and host) that a URL in an answer, or a redirect, may lead to beside the API's own. They are \
         asked without credentials.",
    )
    .without("no other origin")
    .example("[\"https://files.example.com\"]"),
    key(
        "staging",
        Choice(&[
            word("slice", "Every page of a slice is fetched and judged before its first message is sent."),
            word("none", "Pages go to the topic as they come; checks can no longer prevent publication."),
        ]),
        "How much is fetched and judged before anything is published.",
    )
    .default("slice")
    .example("none"),
];

static PAGES: &[Key] = &[
    key("pagination", Plugin(PluginKind::Extractor, PAGINATION), "How one page leads to the next.")
        .example("{ type: cursor, cursor_path: meta.next_cursor, max_pages: 10000 }"),
    key("incremental", Block(&[INCREMENTAL]), "Loads only what is new since the last run.")
        .example("{ cursor_field: updated_at, start: \"2026-01-01T00:00:00Z\", param: updated_since }")
        .without("every run loads everything"),
    key(
        "slices",
        Plugin(PluginKind::Slicer, SLICER),
        "Cuts the load into slices, each with its own checkpoint and verdict.",
    )
    .example("{ type: windows, step: 1d }")
    .without("the load is one slice"),
    key("signer", Plugin(PluginKind::Signer, SIGNER), "Signs each request with secrets of the connection.")
        .example(
            "{ type: sigv4, region: eu-central-1, service: execute-api, \
         grants: { secrets: [access_key_id, secret_access_key] } }",
        )
        .without("requests are not signed"),
];

static SLICER: &[Key] =
    &[key("type", Takes::Builtin(PluginKind::Slicer), "A built-in slicer by its short name.").example("windows")];
static SIGNER: &[Key] =
    &[key("type", Takes::Builtin(PluginKind::Signer), "A built-in signer by its short name.").example("sigv4")];

static TIMEOUTS: &[Key] = &[
    key("connect_ms", Integer(1, 86_400_000), "Longest time to connect, TLS included.")
        .default("10000")
        .example("3000"),
    key("read_ms", Integer(1, 86_400_000), "Longest silence between two reads of an answer.")
        .default("30000")
        .example("90000"),
];

static RETRY: &[Key] = &[
    key("max_attempts", Integer(1, 100), "Attempts of one request, the first one included; 1 never tries again.")
        .default("5")
        .example("8"),
    key("base_ms", Integer(1, 86_400_000), "Ceiling of the first pause.").default("500").example("250"),
    key("max_ms", Integer(1, 86_400_000), "Ceiling of every pause that the API did not ask for.")
        .default("30000")
        .example("60000"),
    key(
        "max_elapsed",
        Takes::Duration,
        "Longest time over all attempts and pauses of a request, pauses that the API asked for aside.",
    )
    .default("60s")
    .example("5m"),
    key(
        "max_retry_after",
        Takes::Duration,
        "Longest `Retry-After` (RFC 9110, section 10.2.3) that is waited for. An API that asks for more ends the run.",
    )
    .default("300s")
    .example("15m"),
];
