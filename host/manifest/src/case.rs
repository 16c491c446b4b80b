//! `case.yaml` of a plugin's recorded case: what the plugin is given, in the manifest's own words, and
//! what the case asks of it.

use crate::checked::{ConnectionRef, ConnectionType, Grants, Limits, Origin, Source};
use crate::error::Problems;
use crate::plugin::{grants, limits, options};
use crate::read::{Block, Value};
use crate::source::options_block;
use crate::substitute::Variables;
use crate::yaml;
use dpone_model::codes::manifest::SYNTAX;
use dpone_model::{Place, Report};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

/// A case's settings; everything has a default.
#[derive(Debug, Clone)]
pub struct Case {
    /// `options`: the manifest's `with`.
    pub options: Map<String, Json>,
    /// `records_path`: where an extractor is told that records are, and where those of a transform or
    /// a check are taken from; without one their pages are NDJSON.
    pub records_path: Option<String>,
    /// `request`: the manifest's own request, as far as the request rules need it. Extractors vary
    /// it, a signer signs it.
    pub request: Source,
    /// `grants`, as in a manifest; a case knows secrets by their names alone.
    pub grants: Grants,
    /// `limits`, as in a manifest.
    pub limits: Limits,
    /// `context`: what a slicer is asked to cut.
    pub context: CaseContext,
    /// `counts`: what a check is told in the end; what is not given is counted.
    pub counts: CaseCounts,
    /// `outgoing`: when and with which nonce a signer signs.
    pub outgoing: CaseOutgoing,
    /// `max_fuel_per_record`
    pub max_fuel_per_record: Option<u64>,
    /// `max_memory`
    pub max_memory: Option<u64>,
    /// `expect_error`: a code of the host (`DP0309`) or of the plugin (`missing-cursor`) with which
    /// the case has to end.
    pub expect_error: Option<String>,
    pub origin: Origin,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseContext {
    pub lower: Option<String>,
    pub upper: Option<String>,
    pub started_at: Option<jiff::Timestamp>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaseCounts {
    pub source_rows: Option<u64>,
    pub rows: Option<u64>,
    pub acknowledged: Option<u64>,
    pub pages: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaseOutgoing {
    pub sent_at: Option<jiff::Timestamp>,
    pub nonce: [u8; 16],
}

/// Where a case says nothing of the request.
const URL: &str = "https://api.example.com/";

/// Keys of `request`; the rest of `source.options` has no meaning without a network.
const REQUEST_KEYS: &[&str] = &["url", "method", "params", "headers", "json", "body", "allow_origins"];

/// Reads `case.yaml`. The report holds every problem of the file, each with its position.
pub fn load_case(text: &[u8], file: &str) -> Result<Case, Report> {
    let problems = Problems::new(file, "the case");
    // A case is the same on every machine: nothing of the environment goes into it.
    let literal = Variables { env: Box::new(|name| Some(format!("${{{name}}}"))), ..Variables::none() };
    let root = yaml::parse(text, &literal, &problems);
    let value = root.as_ref().map(|node| Value { node, key: String::new(), problems: &problems });
    let case = value.and_then(|value| value.block()).map(case);
    if let Some(report) = problems.report() {
        return Err(report);
    }
    let Some(mut case) = case else {
        let place = Place::File { file: file.to_owned(), line: 1, column: 1, key: None };
        let report = Report::new(&SYNTAX, "the file holds no case").at(place);
        return Err(report.hint("write `options: {}` where the plugin needs none"));
    };
    let sha256 = hex::encode(Sha256::digest(text));
    case.origin = Origin { file: file.to_owned(), sha256, positions: problems.into_positions() };
    Ok(case)
}

fn case(mut block: Block<'_>) -> Case {
    let records_path = block.get("records_path").and_then(|value| value.path());
    let mut request = block.block("request");
    let has_url = request.has("url");
    let mut source = options_block(&mut request, ConnectionRef::new("case", ConnectionType::default()), has_url);
    request.finish_with(REQUEST_KEYS);
    if source.url.is_empty() {
        source.url = URL.to_owned();
    }
    source.records_path = records_path.clone().unwrap_or_default();
    let case = Case {
        options: block.get("options").and_then(|value| options(&value)).unwrap_or_default(),
        records_path,
        request: source,
        grants: grants(block.block("grants")),
        limits: limits(block.block("limits")),
        context: context(block.block("context")),
        counts: counts(block.block("counts")),
        outgoing: outgoing(block.block("outgoing")),
        max_fuel_per_record: block.integer("max_fuel_per_record", 1..=u64::MAX),
        max_memory: block.size("max_memory", 1..=(4 << 30)),
        expect_error: block.text("expect_error"),
        origin: Origin::default(),
    };
    block.finish();
    case
}

fn context(mut block: Block<'_>) -> CaseContext {
    let bound = |value: Value<'_>| value.cursor().map(|cursor| cursor.text().to_owned());
    let context = CaseContext {
        lower: block.get("lower").and_then(bound),
        upper: block.get("upper").and_then(bound),
        started_at: block.get("started_at").and_then(|value| instant(&value)),
    };
    block.finish();
    context
}

fn counts(mut block: Block<'_>) -> CaseCounts {
    let mut count = |name| block.integer(name, 0..=u64::MAX);
    let counts = CaseCounts {
        source_rows: count("source_rows"),
        rows: count("rows"),
        acknowledged: count("acknowledged"),
        pages: count("pages"),
    };
    block.finish();
    counts
}

fn outgoing(mut block: Block<'_>) -> CaseOutgoing {
    let outgoing = CaseOutgoing {
        sent_at: block.get("sent_at").and_then(|value| instant(&value)),
        nonce: block.get("nonce").and_then(|value| nonce(&value)).unwrap_or_default(),
    };
    block.finish();
    outgoing
}

fn instant(value: &Value<'_>) -> Option<jiff::Timestamp> {
    let text = value.scalar_text()?;
    let hint = "write RFC 3339, such as \"2026-01-02T03:04:05Z\"";
    text.parse().ok().or_else(|| value.invalid(format!("`{}` is no timestamp", value.shown()), hint))
}

fn nonce(value: &Value<'_>) -> Option<[u8; 16]> {
    let text = value.scalar_text()?;
    let mut nonce = [0; 16];
    match hex::decode_to_slice(&text, &mut nonce) {
        Ok(()) => Some(nonce),
        Err(_) => value.invalid(format!("`{}` is no nonce", value.shown()), "write 32 hexadecimal digits, in quotes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_default() {
        let case = load_case(b"options: {}\n", "case.yaml").unwrap();
        assert_eq!((case.request.method.as_str(), case.request.url.as_str()), ("GET", URL));
        assert_eq!(case.records_path, None);
        assert_eq!(case.limits, Limits::default());
    }

    #[test]
    fn a_case_is_read_in_the_manifests_words() {
        let text = br#"
options: { path: "meta.next", text: "${NOT_READ}" }
records_path: data
request: { url: "https://api.example.com/orders", method: post, json: { limit: 2 } }
grants: { headers: [X-Page], secrets: [signing_key] }
limits: { memory: 64MiB }
context: { lower: "2026-01-01T00:00:00Z", started_at: "2026-02-01T00:00:00Z" }
counts: { rows: 3 }
outgoing: { nonce: "000102030405060708090a0b0c0d0e0f" }
max_fuel_per_record: 20000
max_memory: 8MiB
expect_error: missing-cursor
"#;
        let case = load_case(text, "case.yaml").unwrap();
        assert_eq!(case.options.get("text"), Some(&Json::from("${NOT_READ}")));
        assert_eq!(case.request.method, "POST");
        assert_eq!(case.grants.secrets, ["signing_key"]);
        assert_eq!(case.grants.headers, ["X-Page"]);
        assert_eq!(case.context.lower.as_deref(), Some("2026-01-01T00:00:00Z"));
        assert_eq!((case.counts.rows, case.outgoing.nonce[15]), (Some(3), 15));
        assert_eq!((case.max_fuel_per_record, case.max_memory), (Some(20_000), Some(8 << 20)));
    }

    #[test]
    fn mistakes_have_places_and_suggestions() {
        for (text, line, says, hint) in [
            ("optoins: {}\n", 1, "`optoins` is not a key of the case", "did you mean `options`?"),
            ("options: {}\nrequest: { ulr: x }\n", 2, "`ulr` is not a key of `request`", "did you mean `url`?"),
            ("request:\n  pagination: { type: cursor }\n", 2, "`pagination` is not a key of `request`", "keys here"),
            ("max_memory: lots\n", 1, "is no size", "64MiB"),
            ("outgoing: { nonce: \"00\" }\n", 1, "is no nonce", "32 hexadecimal"),
            ("context: { started_at: monday }\n", 1, "is no timestamp", "RFC 3339"),
            ("", 1, "the file", ""),
        ] {
            let report = load_case(text.as_bytes(), "case.yaml").unwrap_err();
            assert!(report.to_string().contains(&format!("case.yaml:{line}:")), "{report}");
            assert!(report.message().contains(says), "{report}");
            assert!(report.to_string().contains(hint), "{report}");
        }
    }
}
