//! Answers whose status says success and whose body says that something went wrong.

use dpone_json::members_of_root;
use dpone_model::{Kind, Span};

/// The field that reports an error, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ErrorObject {
    pub key: &'static str,
    pub span: Span,
}

/// The page's records, as far as they matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Records,
    /// The whole answer is one record: `records_path` is the root, and an object stands there.
    RootRecord,
    Nothing,
}

/// Fields that an answer about an error consists of. A root object with another one is a record that
/// happens to have a field `error`.
const OF_ERRORS: &[&str] = &[
    "error",
    "errors",
    "message",
    "msg",
    "code",
    "status",
    "statuscode",
    "status_code",
    "success",
    "ok",
    "type",
    "title",
    "detail",
    "details",
    "reason",
    "description",
    "error_description",
    "error_code",
    "errorcode",
    "errormessage",
    "error_message",
    "data",
    "result",
    "path",
    "instance",
    "timestamp",
    "time",
    "documentation_url",
    "help",
    "hint",
    "request_id",
    "requestid",
    "trace_id",
    "traceid",
    "id",
];

/// Looks for an error in a body that was scanned. `skip` is the span of its records.
///
/// A filled `errors` list is one whatever else the page holds: GraphQL sends it beside what it could
/// read. `error`, or `message` with `code`, is one where the page holds no records.
pub(crate) fn find(body: &[u8], skip: Option<Span>, holds: Holds) -> Option<ErrorObject> {
    let [errors, error, message, code] = members_of_root(body, ["errors", "error", "message", "code"], skip);
    let text = |span: Span| span.of(body);
    if let Some((Kind::Array, span)) = errors.filter(|(_, span)| !is_empty(text(*span))) {
        return Some(ErrorObject { key: "errors", span });
    }
    let is_plain = || match holds {
        Holds::Records => false,
        Holds::Nothing => true,
        Holds::RootRecord => {
            let (_, keys) = dpone_json::reached(body, &dpone_json::Path::default());
            keys.iter().all(|key| OF_ERRORS.contains(&key.to_ascii_lowercase().as_str()))
        }
    };
    if let Some((_, span)) = error.filter(|(_, span)| !is_empty(text(*span)))
        && is_plain()
    {
        return Some(ErrorObject { key: "error", span });
    }
    let ((Kind::String, message), (_, code)) = (message?, code?) else { return None };
    let speaks =
        !is_empty(text(message)) && !is_success(text(message)) && !is_empty(text(code)) && !is_success(text(code));
    (speaks && is_plain()).then_some(ErrorObject { key: "message", span: message })
}

/// Null, false, zero, or a text, list or object without content.
fn is_empty(json: &[u8]) -> bool {
    let inner = |open: u8, close: u8| {
        json.strip_prefix(&[open])
            .and_then(|rest| rest.strip_suffix(&[close]))
            .is_some_and(|rest| rest.trim_ascii().is_empty())
    };
    matches!(json, b"null" | b"false" | b"0") || inner(b'"', b'"') || inner(b'[', b']') || inner(b'{', b'}')
}

/// A code or message with which APIs say that all is well, on each page.
fn is_success(json: &[u8]) -> bool {
    let text = dpone_json::unescape(json);
    let text = text.trim().trim_end_matches(['.', '!']).to_ascii_lowercase();
    let is_2xx = text.len() == 3 && text.starts_with('2') && text.bytes().all(|byte| byte.is_ascii_digit());
    is_2xx
        || (!text.is_empty() && text.bytes().all(|byte| byte == b'0'))
        || matches!(text.as_str(), "ok" | "success" | "successful" | "succeeded" | "none" | "no error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_that_report_an_error() {
        use Holds::{Nothing, Records, RootRecord};
        for (body, holds, key) in [
            (r#"{"items":[],"errors":[{"message":"rate limited"}]}"#, Nothing, Some("errors")),
            (r#"{"data":{"items":[{"id":1}]},"errors":[{"message":"partial"}]}"#, Records, Some("errors")),
            (r#"{"errors":["x"],"name":"a"}"#, RootRecord, Some("errors")),
            (r#"{"items":[],"errors":[]}"#, Nothing, None),
            (r#"{"items":[],"errors":[ ]}"#, Nothing, None),
            (r#"{"items":[],"errors":null}"#, Nothing, None),
            (r#"{"items":[],"errors":0}"#, Nothing, None),
            (r#"{"items":[],"error":"boom"}"#, Nothing, Some("error")),
            (r#"{"error":{"code":401}}"#, Nothing, Some("error")),
            (r#"{"items":null,"error":true}"#, Nothing, Some("error")),
            (r#"{"items":[{"id":1}],"error":"boom"}"#, Records, None),
            (r#"{"items":[],"error":null}"#, Nothing, None),
            (r#"{"items":[],"error":false}"#, Nothing, None),
            (r#"{"items":[],"error":""}"#, Nothing, None),
            (r#"{"items":[],"error":{}}"#, Nothing, None),
            (r#"{"items":[],"error":[]}"#, Nothing, None),
            (r#"{"items":[],"error":0}"#, Nothing, None),
            (r#"{"message":"quota exceeded","code":42}"#, Nothing, Some("message")),
            (r#"{"code":"E42","message":"quota exceeded","items":[]}"#, Nothing, Some("message")),
            (r#"{"message":"quota exceeded","code":42,"items":[{}]}"#, Records, None),
            (r#"{"message":"quota exceeded"}"#, Nothing, None),
            (r#"{"message":"ok","code":1}"#, Nothing, None),
            (r#"{"message":"Success","code":"0"}"#, Nothing, None),
            (r#"{"message":"no more rows","code":0}"#, Nothing, None),
            (r#"{"message":"no more rows","code":200}"#, Nothing, None),
            (r#"{"message":"no more rows","code":"OK"}"#, Nothing, None),
            (r#"{"message":"no more rows","code":null}"#, Nothing, None),
            (r#"{"message":"","code":42}"#, Nothing, None),
            (r#"{"error":"boom"}"#, RootRecord, Some("error")),
            (r#"{"message":"m","code":7,"Request_Id":"x"}"#, RootRecord, Some("message")),
            (r#"{"error":"timeout","job":"nightly"}"#, RootRecord, None),
            (r#"[{"errors":[1]}]"#, Records, None),
            (r#"[]"#, Nothing, None),
        ] {
            let found = find(body.as_bytes(), None, holds);
            assert_eq!(found.map(|found| found.key), key, "{body}");
        }
    }
}
