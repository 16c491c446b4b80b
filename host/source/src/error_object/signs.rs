//! The names and values with which APIs say that a request failed.
//!
//! Names are compared without case and punctuation: `errorCode`, `error_code` and `Error-Code` are one.

mod telling;

use std::borrow::Cow;

pub(super) use telling::{is_well, speaks};

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
const ENVELOPES: &[&str] =
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

/// Texts of a status or an outcome that went well.
const SUCCESSES: &[&str] = &["ok", "okay", "success", "successful", "succeeded"];

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

/// Bytes of the longest name or word that is compared, with its punctuation.
const MAX_WORD_BYTES: usize = 64;

/// A name or a word without case and punctuation; empty where it is too long to be listed.
fn plain(text: &str) -> String {
    let text = if text.len() > MAX_WORD_BYTES { "" } else { text };
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A name without case and punctuation, if anything here speaks of it.
pub(super) fn listed(name: &str) -> Option<String> {
    let plain = plain(name);
    let is_listed = is_of_errors(&plain) || [ENVELOPES, MESSAGES].iter().any(|names| names.contains(&plain.as_str()));
    is_listed.then_some(plain)
}

pub(super) fn is_of_errors(plain: &str) -> bool {
    [FILLED, CODES, SUCCEEDED, FAILED, STATUSES, OUTCOMES, BESIDE].iter().any(|names| names.contains(&plain))
}

/// Whether an object of this name says how the request went.
pub(super) fn is_envelope(name: &str) -> bool {
    ENVELOPES.contains(&plain(name).as_str())
}

/// The meaning of a field by its name and value.
pub(super) fn of(plain: &str, json: &[u8]) -> Option<Sign> {
    let is_one_of = |names: &[&str]| names.contains(&plain);
    if is_one_of(FILLED) {
        return speaks(json).then_some(Sign::Filled);
    }
    if is_one_of(CODES) {
        return (!is_well(json)).then_some(Sign::Code);
    }
    if let Some(is_well) = flag(plain, json) {
        return (!is_well).then_some(Sign::Flag);
    }
    let is_status = is_one_of(STATUSES) && (is_failed_status(json) || plain == "status" && json == b"false");
    let is_failure = (is_one_of(STATUSES) || is_one_of(OUTCOMES)) && is_failure(json);
    (is_status || is_failure).then_some(Sign::Status)
}

/// Whether a flag says that all is well. A number is one under `ok` and under names such as `is_ok` and
/// `has_errors`; under any other it counts the rows that went well, or wrong.
pub(super) fn flag(plain: &str, json: &[u8]) -> Option<bool> {
    let says_yes = truth(json, plain == "ok" || plain.starts_with("is") || plain.starts_with("has"))?;
    if SUCCEEDED.contains(&plain) {
        return Some(says_yes);
    }
    FAILED.contains(&plain).then_some(!says_yes)
}

/// Whether it is a status or an outcome in a word of success. A code may be any word.
pub(super) fn is_status_of_success(plain: &str, json: &[u8]) -> bool {
    let is_status = plain != "code" && (STATUSES.contains(&plain) || OUTCOMES.contains(&plain));
    is_status && is_word_of(SUCCESSES, json)
}

fn is_failure(json: &[u8]) -> bool {
    is_word_of(FAILURES, json)
}

fn is_word_of(words: &[&str], json: &[u8]) -> bool {
    json.first() == Some(&b'"') && short(json).is_some_and(|text| words.contains(&plain(&text).as_str()))
}

/// A status of HTTP, from 400 on, as a number or in quotes.
fn is_failed_status(json: &[u8]) -> bool {
    let status = short(json).and_then(|text| text.parse::<u16>().ok().filter(|_| text.len() == 3));
    status.is_some_and(|status| (400..600).contains(&status))
}

/// A truth value, also as text, and as a number where one may be.
fn truth(json: &[u8], may_be_number: bool) -> Option<bool> {
    match short(json)?.to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        "1" if may_be_number => Some(true),
        "0" if may_be_number => Some(false),
        _ => None,
    }
}

/// A value's text, if it is short enough to be compared with a word.
fn short(json: &[u8]) -> Option<Cow<'_, str>> {
    (json.len() <= MAX_WORD_BYTES).then(|| dpone_json::unescape(json))
}
