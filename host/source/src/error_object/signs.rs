//! The names and values with which APIs say that a request failed.
//!
//! Names are compared without case and punctuation: `errorCode`, `error_code` and `Error-Code` are one.

use serde_json::Value;

/// How a field says so, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    /// A filled `error` or `fault`.
    Filled,
    /// An `errorCode` other than zero.
    Code,
    /// A `message` beside a `code` that is not one of success.
    Message,
    /// `success: false`, or `isError: true`.
    Flag,
    /// `status: "error"`, or a status of 400 and more.
    Status,
}

impl Sign {
    /// Whether it is about an error and nothing else. A record of some job may well have `success: false`.
    pub(super) fn is_plain(self) -> bool {
        matches!(self, Self::Filled | Self::Code | Self::Message)
    }
}

const FILLED: &[&str] = &[
    "error",
    "fault",
    "faults",
    "faultstring",
    "faultcode",
    "exception",
    "exceptions",
    "errormessage",
    "errormessages",
    "errormsg",
    "errmsg",
    "errordescription",
    "errordetail",
    "errordetails",
    "errorreason",
    "errorsummary",
    "errortext",
    "errorinfo",
    "errorlist",
    "odataerror",
];
const CODES: &[&str] = &["errorcode", "errcode", "errno", "errornumber", "errornum"];
const SUCCEEDED: &[&str] = &["success", "successful", "succeeded", "issuccess", "issuccessful", "ok", "isok"];
const FAILED: &[&str] = &["iserror", "haserror", "haserrors", "failed", "isfailed", "isfailure"];
const STATUSES: &[&str] =
    &["status", "stat", "statuscode", "httpstatus", "httpstatuscode", "httpcode", "responsecode", "code"];
const OUTCOMES: &[&str] = &["result", "outcome", "state", "responsestatus"];

/// Objects beside the records that say how the request went.
pub(super) const ENVELOPES: &[&str] =
    &["meta", "metadata", "status", "response", "result", "header", "responsestatus", "responseheader"];

/// Texts that explain a field such as `ok: false`.
pub(super) const MESSAGES: &[&str] = &[
    "message",
    "msg",
    "errormessage",
    "errmsg",
    "errordescription",
    "detail",
    "description",
    "reason",
    "title",
    "info",
];

/// Further fields of answers about an error.
const BESIDE: &[&str] = &[
    "errors",
    "message",
    "msg",
    "type",
    "title",
    "detail",
    "details",
    "reason",
    "description",
    "info",
    "data",
    "path",
    "instance",
    "timestamp",
    "time",
    "documentationurl",
    "documentation",
    "moreinfo",
    "help",
    "hint",
    "requestid",
    "traceid",
    "correlationid",
    "errorid",
    "errorlink",
    "errorcauses",
    "errortype",
    "fields",
    "category",
    "warnings",
    "meta",
    "id",
];

/// Texts of a status or an outcome that failed.
const FAILURES: &[&str] = &[
    "error",
    "err",
    "fail",
    "failed",
    "failure",
    "fault",
    "exception",
    "nok",
    "ko",
    "notok",
    "internalerror",
    "servererror",
    "internalservererror",
    "unknownerror",
    "invalidrequest",
    "badrequest",
    "requestdenied",
    "unauthorized",
    "forbidden",
    "overquerylimit",
    "overdailylimit",
    "ratelimited",
    "ratelimitexceeded",
    "toomanyrequests",
    "serviceunavailable",
];

/// Texts that say that all is well, or that there is nothing to tell.
const WELL: &[&str] = &[
    "ok",
    "okay",
    "success",
    "successful",
    "successfully",
    "succeeded",
    "none",
    "null",
    "nil",
    "na",
    "false",
    "no",
    "noerror",
    "noerrors",
    "noresult",
    "noresults",
    "noresultsfound",
    "zeroresults",
    "nodata",
    "nodatafound",
    "norecords",
    "norecordsfound",
    "nocontent",
    "empty",
];

/// A name without case and punctuation.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

pub(super) fn is_of_errors(plain: &str) -> bool {
    [FILLED, CODES, SUCCEEDED, FAILED, STATUSES, OUTCOMES, BESIDE].iter().any(|names| names.contains(&plain))
}

/// What a field says by its name and value.
pub(super) fn of(plain: &str, json: &[u8]) -> Option<Sign> {
    let is_one_of = |names: &[&str]| names.contains(&plain);
    if is_one_of(FILLED) {
        return speaks(json).then_some(Sign::Filled);
    }
    if is_one_of(CODES) {
        return (!is_well(json)).then_some(Sign::Code);
    }
    if is_one_of(SUCCEEDED) {
        return (truth(json) == Some(false)).then_some(Sign::Flag);
    }
    if is_one_of(FAILED) {
        return (truth(json) == Some(true)).then_some(Sign::Flag);
    }
    let is_status = is_one_of(STATUSES) && (is_failed_status(json) || plain == "status" && json == b"false");
    let is_failure = (is_one_of(STATUSES) || is_one_of(OUTCOMES)) && is_failure(json);
    (is_status || is_failure).then_some(Sign::Status)
}

/// Whether a value tells of something: no null, false, zero, empty value, nor the word that all is well.
pub(super) fn speaks(json: &[u8]) -> bool {
    // A value that is nested too deeply for this parser is not empty.
    serde_json::from_slice(json).map_or(true, |value| tells(&value))
}

fn tells(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !is_well_text(text),
        // An error that JavaScript writes has no fields.
        Value::Array(values) => values.iter().any(|value| value.is_object() || tells(value)),
        Value::Object(fields) => {
            let is_code = |name: &str| ["code", "status", "statuscode"].contains(&plain(name).as_str());
            fields.iter().any(|(name, value)| if is_code(name) { !is_well_value(value) } else { tells(value) })
        }
    }
}

/// Whether a code is one of success, or none.
pub(super) fn is_well(json: &[u8]) -> bool {
    serde_json::from_slice(json).is_ok_and(|value| is_well_value(&value))
}

fn is_well_value(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64() == Some(0.0) || is_well_text(&number.to_string()),
        value => !tells(value),
    }
}

/// Also a number of the class 2xx, and digits that are all zero.
fn is_well_text(text: &str) -> bool {
    let text = text.trim();
    let is_2xx = text.len() == 3 && text.starts_with('2') && text.bytes().all(|byte| byte.is_ascii_digit());
    is_2xx || text.bytes().all(|byte| byte == b'0') || text == "-" || WELL.contains(&plain(text).as_str())
}

fn is_failure(json: &[u8]) -> bool {
    json.first() == Some(&b'"') && FAILURES.contains(&plain(&dpone_json::unescape(json)).as_str())
}

/// A status of HTTP, from 400 on, as a number or in quotes.
fn is_failed_status(json: &[u8]) -> bool {
    let text = dpone_json::unescape(json);
    text.len() == 3 && text.parse().is_ok_and(|status: u16| (400..600).contains(&status))
}

/// A truth value, also as number or text.
fn truth(json: &[u8]) -> Option<bool> {
    match dpone_json::unescape(json).to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}
