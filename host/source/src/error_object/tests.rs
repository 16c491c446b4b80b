//! Bodies that report an error, by the habits of common APIs, and bodies that do not.

use super::*;

/// A body, its records, and the key that reports an error.
type Row = (&'static str, Holds, Option<&'static str>);

const LISTS: &[Row] = &[
    (r#"{"items":[],"errors":[{"message":"rate limited"}]}"#, Nothing, Some("errors")),
    (r#"{"data":{"items":[{"id":1}]},"errors":[{"message":"partial"}]}"#, Records, Some("errors")),
    (r#"{"errors":["x"],"name":"a"}"#, RootRecord, Some("errors")),
    (r#"{"items":[],"errors":[]}"#, Nothing, None),
    (r#"{"items":[],"errors":[ ]}"#, Nothing, None),
    (r#"{"items":[],"errors":null}"#, Nothing, None),
    // Of a name that occurs twice, either may be the one that counts.
    (r#"{"items":[],"errors":[],"errors":["x"]}"#, Records, Some("errors")),
    (r#"{"items":[],"error":null,"\u0065rror":"boom"}"#, Nothing, Some("error")),
    (r#"{"items":[],"error":"boom","error":null}"#, Nothing, Some("error")),
    (r#"{"message":"quota exceeded","code":0,"code":42}"#, Nothing, Some("message")),
    (r#"{"items":[],"errors":0}"#, Nothing, None),
    // Laravel, Shopify, a count, JavaScript's own errors.
    (r#"{"items":[],"errors":{"page":["is too large"]}}"#, Nothing, Some("errors")),
    (r#"{"items":[{"id":1}],"errors":{"1":"not readable"}}"#, Records, Some("errors")),
    (r#"{"errors":"[API] Invalid API key"}"#, Nothing, Some("errors")),
    (r#"{"items":[{"id":1}],"Errors":"partial"}"#, Records, Some("Errors")),
    (r#"{"items":[],"errors":3}"#, Nothing, Some("errors")),
    (r#"{"items":[{"id":1}],"errors":true}"#, Records, Some("errors")),
    (r#"{"items":[],"errors":[{}]}"#, Nothing, Some("errors")),
    (r#"{"items":[],"errors":{}}"#, Nothing, None),
    (r#"{"items":[],"errors":""}"#, Nothing, None),
    (r#"{"items":[],"errors":" "}"#, Nothing, None),
    (r#"{"items":[],"errors":"none"}"#, Nothing, None),
    (r#"{"items":[],"errors":false}"#, Nothing, None),
    (r#"{"items":[],"errors":0.0}"#, Nothing, None),
    (r#"{"items":[{"id":1}],"errors":[null]}"#, Records, None),
    (r#"{"items":[{"id":1}],"errors":{"count":0,"items":[]}}"#, Records, None),
    (r#"{"job":"nightly","rows":9,"errors":3}"#, RootRecord, None),
    (r#"{"errors":3}"#, RootRecord, Some("errors")),
    (r#"{"timestamp":"2026-01-01","errors":3}"#, RootRecord, None),
    (r#"{"items":[],"errors":["",{"a":0}]}"#, Nothing, Some("errors")),
    (r#"{"items":[],"errors":{"a":{"b":[0,false,null,"ok"]}}}"#, Nothing, None),
];

const ERRORS: &[Row] = &[
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
    (r#"{"items":[],"error":"None"}"#, Nothing, None),
    (r#"{"items":[],"error":{"code":0,"message":""}}"#, Nothing, None),
    (r#"{"items":[],"error":{"code":200,"message":"OK"}}"#, Nothing, None),
    (r#"{"items":[],"error":{"code":0,"message":"quota"}}"#, Nothing, Some("error")),
    (r#"{"error":"boom"}"#, RootRecord, Some("error")),
    (r#"{"error":"timeout","job":"nightly"}"#, RootRecord, None),
    // Slack, Google, SOAP, OData, Alpha Vantage, OMDb.
    (r#"{"ok":false,"error":"ratelimited"}"#, Nothing, Some("error")),
    (r#"{"error":{"code":403,"errors":[{"reason":"quota"}]}}"#, Nothing, Some("error")),
    (r#"{"fault":{"faultstring":"Rate limit quota violation"}}"#, Nothing, Some("fault")),
    (r#"{"Fault":"x","rows":[]}"#, Nothing, Some("Fault")),
    (r#"{"items":[],"exception":"java.lang.NullPointerException"}"#, Nothing, Some("exception")),
    (r#"{"odata.error":{"code":"x"}}"#, Nothing, Some("odata.error")),
    (r#"{"Error Message":"Invalid API call"}"#, Nothing, Some("Error Message")),
    (r#"{"Response":"False","Error":"Too many results."}"#, Nothing, Some("Error")),
    (r#"{"items":[],"errorMessage":"x"}"#, Nothing, Some("errorMessage")),
    (r#"{"items":[],"error_description":"the token expired"}"#, Nothing, Some("error_description")),
    // Jira: a list and a map, of which one is empty.
    (r#"{"errorMessages":["no such project"],"errors":{}}"#, Nothing, Some("errorMessages")),
    (r#"{"errorMessages":[],"errors":{"jql":"x"}}"#, Nothing, Some("errors")),
    (r#"{"items":[],"errorMessages":[],"errors":{}}"#, Nothing, None),
    (r#"{"items":[],"fault":null,"exception":"","errorMessage":null}"#, Nothing, None),
    (r#"{"items":[],"errorDetails":{}}"#, Nothing, None),
];

const CODES: &[Row] = &[
    (r#"{"message":"quota exceeded","code":42}"#, Nothing, Some("message")),
    (r#"{"code":"E42","message":"quota exceeded","items":[]}"#, Nothing, Some("message")),
    (r#"{"code":-1,"msg":"quota exceeded","items":[]}"#, Nothing, Some("msg")),
    (r#"{"message":"quota exceeded","code":42,"items":[{}]}"#, Records, None),
    (r#"{"message":"quota exceeded"}"#, Nothing, None),
    (r#"{"message":"ok","code":1}"#, Nothing, None),
    (r#"{"message":"Success","code":"0"}"#, Nothing, None),
    (r#"{"message":"no more rows","code":0}"#, Nothing, None),
    (r#"{"message":"no more rows","code":200}"#, Nothing, None),
    (r#"{"message":"no more rows","code":"OK"}"#, Nothing, None),
    (r#"{"message":"no more rows","code":null}"#, Nothing, None),
    (r#"{"message":"","code":42}"#, Nothing, None),
    (r#"{"message":"m","code":7,"Request_Id":"x"}"#, RootRecord, Some("message")),
    (r#"{"items":[],"error_code":17}"#, Nothing, Some("error_code")),
    (r#"{"items":[],"errorCode":"INVALID_SESSION_ID"}"#, Nothing, Some("errorCode")),
    (r#"{"errcode":40001,"errmsg":"invalid credential"}"#, Nothing, Some("errmsg")),
    (r#"{"items":[],"errcode":0,"errmsg":"ok"}"#, Nothing, None),
    (r#"{"items":[],"errorCode":"0"}"#, Nothing, None),
    (r#"{"items":[],"errorCode":null,"error_code":""}"#, Nothing, None),
    (r#"{"items":[],"errorCode":"SUCCESS"}"#, Nothing, None),
    (r#"{"items":[{"id":1}],"errorCode":5}"#, Records, None),
    // Salesforce: a list, and so the answer to any request.
    (r#"{"errorCode":"REQUEST_LIMIT","message":"too many","fields":[]}"#, RootRow, Some("errorCode")),
    (r#"{"errorCode":"E1","message":"of a catalogue","id":1}"#, RootRow, None),
    (r#"{"status":"failed","type":"backup"}"#, RootRow, None),
    (r#"{"error":"timeout","job":"nightly"}"#, RootRow, None),
    (r#"{"error":"ratelimited","message":"m"}"#, RootRow, Some("error")),
    (r#"{"error":{"code":7}}"#, RootRow, Some("error")),
    (r#"{"error":true,"type":"import"}"#, RootRow, None),
    (r#"{"timestamp":"2026-01-01","errors":12}"#, RootRow, None),
    (r#"{"id":7,"type":"import","errors":3}"#, RootRow, None),
    (r#"{"type":"import","errors":3}"#, RootRow, None),
    (r#"{"timestamp":"2026-01-01","code":"E42","message":"disk full"}"#, RootRow, None),
    (r#"{"code":"AED","message":"dirham"}"#, RootRow, None),
    (r#"{"time":"12:00","error":"disk full"}"#, RootRow, None),
    // A flag or a status of success says more than a code.
    (r#"{"success":true,"code":1,"msg":"查询成功","data":[]}"#, Nothing, None),
    (r#"{"isError":false,"error_code":17,"status":"failed","data":[]}"#, Nothing, None),
    (r#"{"status":"success","code":1,"message":"done","data":[]}"#, Nothing, None),
    (r#"{"success":true,"meta":{"code":1,"message":"done"},"data":[]}"#, Nothing, None),
    (r#"{"success":true,"error":"partial","data":[]}"#, Nothing, Some("error")),
];

const FLAGS: &[Row] = &[
    (r#"{"items":[],"success":false}"#, Nothing, Some("success")),
    (r#"{"items":[],"success":"false"}"#, Nothing, Some("success")),
    (r#"{"items":[],"Success":0}"#, Nothing, None),
    (r#"{"total":0,"success":0,"failed":0,"items":[]}"#, Nothing, None),
    (r#"{"total":9,"succeeded":8,"failed":1,"items":[]}"#, Nothing, None),
    (r#"{"success":"0","failed":"1","items":[]}"#, Nothing, None),
    (r#"{"items":[],"ok":false}"#, Nothing, Some("ok")),
    (r#"{"items":[],"ok":0}"#, Nothing, Some("ok")),
    (r#"{"items":[],"is_success":false}"#, Nothing, Some("is_success")),
    (r#"{"items":[],"isError":true}"#, Nothing, Some("isError")),
    (r#"{"items":[],"has_errors":1}"#, Nothing, Some("has_errors")),
    (r#"{"items":[],"failed":true}"#, Nothing, Some("failed")),
    (r#"{"items":[],"success":true,"ok":1,"isError":false,"failed":0}"#, Nothing, None),
    (r#"{"items":[],"success":null,"ok":null}"#, Nothing, None),
    (r#"{"items":[{"id":1}],"success":false}"#, Records, None),
    (r#"{"success":false,"message":"quota"}"#, RootRecord, Some("success")),
    (r#"{"id":7,"success":false,"type":"backup"}"#, RootRecord, None),
    (r#"{"name":"a","success":false}"#, RootRecord, None),
];

const STATUSES: &[Row] = &[
    (r#"{"items":[],"status":"error"}"#, Nothing, Some("status")),
    (r#"{"items":[],"status":"FAILED"}"#, Nothing, Some("status")),
    (r#"{"items":[],"status":"fail"}"#, Nothing, Some("status")),
    (r#"{"items":[],"stat":"fail","code":100,"message":"Invalid API Key"}"#, Nothing, Some("message")),
    (r#"{"results":[],"status":"REQUEST_DENIED"}"#, Nothing, Some("status")),
    (r#"{"results":[],"status":"OVER_QUERY_LIMIT"}"#, Nothing, Some("status")),
    (r#"{"results":[],"status":"ZERO_RESULTS"}"#, Nothing, None),
    (r#"{"items":[],"result":"error"}"#, Nothing, Some("result")),
    (r#"{"items":[],"status":false}"#, Nothing, Some("status")),
    (r#"{"items":[],"status":503}"#, Nothing, Some("status")),
    (r#"{"items":[],"statusCode":"429"}"#, Nothing, Some("statusCode")),
    (r#"{"items":[],"code":500}"#, Nothing, Some("code")),
    // RFC 9457.
    (r#"{"type":"https://x.test/credit","title":"Out of credit","status":403}"#, Nothing, Some("status")),
    (r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"d"}"#, RootRecord, Some("status")),
    (r#"{"type":"book","title":"Dune"}"#, RootRecord, None),
    (r#"{"id":7,"status":"failed","message":"x"}"#, RootRecord, None),
    (r#"{"status":"error","message":"rate limited"}"#, RootRecord, Some("status")),
    (r#"{"items":[],"status":"ok","code":200,"success":true,"message":"no results"}"#, Nothing, None),
    (r#"{"items":[],"status":"completed"}"#, Nothing, None),
    (r#"{"items":[],"status":0,"message":"no data"}"#, Nothing, None),
    (r#"{"items":[],"status":1}"#, Nothing, None),
    (r#"{"items":[],"code":"NO_RESULTS","message":"nothing was found"}"#, Nothing, None),
    (r#"{"items":[],"total":404,"count":500}"#, Nothing, None),
    // An order that failed has no lines.
    (r#"{"status":"failed","lines":[]}"#, NothingBelow, None),
    (r#"{"success":false,"lines":[]}"#, NothingBelow, Some("success")),
    (r#"{"error":"x","lines":[]}"#, NothingBelow, Some("error")),
    (r#"{"status":"failed","lines":[]}"#, NothingInEnvelope, None),
    (r#"{"status":"failed","message":"no key","lines":[]}"#, NothingInEnvelope, Some("status")),
    (r#"{"status":"failed","message":"by hand","lines":[]}"#, NothingBelow, None),
    // Objects that say how the request went.
    (r#"{"meta":{"code":400,"error_message":"x"},"data":[]}"#, Nothing, Some("meta.error_message")),
    (r#"{"meta":{"status":401,"msg":"Unauthorized"},"data":[]}"#, Nothing, Some("meta.status")),
    (r#"{"meta":{"code":200},"data":[]}"#, Nothing, None),
    (r#"{"status":{"error_code":1001,"error_message":"key"},"data":[]}"#, Nothing, Some("status.error_message")),
    (r#"{"status":{"error_code":0,"error_message":null},"data":[]}"#, Nothing, None),
    (r#"{"response":{"status":"error","results":[]}}"#, Nothing, Some("response.status")),
    (r#"{"response":{"status":"ok","results":[]}}"#, Nothing, None),
    (r#"{"meta":{"code":400},"data":[{}]}"#, Records, None),
    (r#"{"filter":{"status":"failed"},"data":[]}"#, Nothing, None),
    (r#"[{"errors":[1]}]"#, Records, None),
    (r#"[]"#, Nothing, None),
];

use Holds::{Nothing, NothingBelow, NothingInEnvelope, Records, RootRecord, RootRow};

fn page(holds: Holds) -> Page<'static> {
    Page { holds, records: None, holder: None, asked: Asked::default() }
}

#[test]
fn bodies_that_report_an_error() {
    for (body, holds, key) in [LISTS, ERRORS, CODES, FLAGS, STATUSES].into_iter().flatten() {
        let found = find(body.as_bytes(), page(*holds));
        assert_eq!(found.as_ref().map(|found| found.key.as_str()), *key, "{body} {holds:?}");
    }
}

#[test]
fn what_is_reported_stands_in_the_body() {
    for (body, value, message) in [
        (r#"{"ok":false,"detail":"quota","items":[]}"#, "false", Some("\"quota\"")),
        (r#"{"items":[],"status":"error","message":"ok"}"#, "\"error\"", None),
        (r#" {"meta": {"status":401,"msg":"no key"}}"#, "401", Some("\"no key\"")),
        (r#"{"error":{"code":1},"message":"m"}"#, r#"{"code":1}"#, None),
    ] {
        let found = find(body.as_bytes(), page(Nothing)).unwrap();
        let text = |span: Span| std::str::from_utf8(span.of(body.as_bytes())).unwrap();
        assert_eq!((text(found.span), found.message.map(text)), (value, message), "{body}");
    }
}

#[test]
fn a_status_that_repeats_a_parameter_is_none() {
    const META: &str = r#"{"meta":{"status":"Failed"},"data":[]}"#;
    for (url, request, body, key) in [
        ("http://x/?status=failed", "", META, None),
        ("http://x/?state=open,failed&a=1", "", META, None),
        ("http://x/?a=1", r#"{"status":["failed"]}"#, META, None),
        ("http://x/?status=failed", "", r#"{"status":"failed","data":[]}"#, None),
        ("http://x/?code=404", "", r#"{"code":404,"data":[]}"#, None),
        ("http://x/", "", META, Some("meta.status")),
        ("http://x/failed?status=unfailed", "", META, Some("meta.status")),
        ("http://x/?status=failed", "", r#"{"meta":{"status":"error"},"data":[]}"#, Some("meta.status")),
        ("http://x/?status=failed", "", r#"{"status":"failed","message":"no key","data":[]}"#, Some("status")),
    ] {
        let asked = Asked { url, body: request.as_bytes() };
        let found = find(body.as_bytes(), Page { asked, ..page(Nothing) });
        assert_eq!(found.as_ref().map(|found| found.key.as_str()), key, "{url} {request} {body}");
    }
}

#[test]
fn what_holds_the_records_is_no_envelope() {
    const BODY: &str = r#"{"result":{"status":"failed","lines":[]}}"#;
    for (holder, key) in [(Some("result"), None), (Some("lines"), Some("result.status")), (None, Some("result.status"))]
    {
        let found = find(BODY.as_bytes(), Page { holder, ..page(Nothing) });
        assert_eq!(found.as_ref().map(|found| found.key.as_str()), key, "{holder:?}");
    }
}

#[test]
fn few_members_are_kept_however_many_there_are() {
    let many = |member: &str| format!("{{{},\"error\":\"x\"}}", vec![member; 10_000].join(","));
    for (member, kept) in [(r#""":0"#, 1), (r#""other":0"#, 1), (r#""code":0"#, MAX_MEMBERS)] {
        let body = many(member);
        assert_eq!(Root::of(body.as_bytes(), None, Asked::default()).members.len(), kept, "{member}");
    }
    let long = format!("{{\"{}error\":1}}", "-".repeat(1000));
    assert_eq!(find(long.as_bytes(), page(Nothing)), None);
}
