//! A plugin's answer in a case: the content of `expected.json`.
//!
//! The leaves (records, requests, slices, a verdict, a signature) are JSON text, each on one line of
//! the file, and compared as such. So numbers stay as they were written, and a difference has a place.

use crate::error::Error;
use dpone_model::plugin::{RequestEdit, RequestValue};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

type Text = Box<RawValue>;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The first request of an extractor or a slicer; a slicer may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Text>,
    /// Of a slicer: those that it lists before any page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Text>,
    /// One a page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<Step>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Text>,
    /// How the case ended, where it ended with an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Text>,
}

/// The outcome of one page.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Text>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Text>,
    /// The request after it; without one the walk ends here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Text>,
    /// Why the walk ends here, where the extractor says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Text>,
}

/// One thing to compare: where it stands, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its owner: `page 2`; empty for the case as a whole.
    pub group: String,
    /// Such as `record 3`, from 0.
    pub name: String,
    pub text: String,
}

impl Item {
    fn new(group: &str, name: String, text: &RawValue) -> Self {
        Self { group: group.to_owned(), name, text: compact(text.get()) }
    }

    pub fn place(&self) -> (&str, &str) {
        (&self.group, &self.name)
    }
}

impl Answer {
    pub(crate) fn parse(file: &str, text: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(text).map_err(|error| Error::broken(file, error))
    }

    /// `expected.json`, one leaf a line.
    pub(crate) fn to_text(&self) -> Result<Vec<u8>, Error> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| Error::broken("expected.json", error))?;
        text.push(b'\n');
        Ok(text)
    }

    pub(crate) fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        let whole = |name: &str, text: &Option<Text>| text.as_ref().map(|text| Item::new("", name.to_owned(), text));
        items.extend(whole("first request", &self.first));
        items.extend(numbered("", "slice", &self.slices));
        for (index, step) in self.pages.iter().enumerate() {
            let group = format!("page {}", index + 1);
            items.extend(numbered(&group, "record", &step.records));
            items.extend(numbered(&group, "slice", &step.slices));
            items.extend(step.next.as_ref().map(|next| Item::new(&group, "next request".to_owned(), next)));
            items.extend(step.ended.as_ref().map(|ended| Item::new(&group, "end".to_owned(), ended)));
        }
        items.extend(whole("verdict", &self.verdict));
        items.extend(whole("signature", &self.signature));
        items.extend(whole("error", &self.error));
        items
    }
}

fn numbered<'a>(group: &'a str, what: &'a str, texts: &'a [Text]) -> impl Iterator<Item = Item> + 'a {
    texts.iter().enumerate().map(move |(index, text)| Item::new(group, format!("{what} {index}"), text))
}

/// NDJSON as JSON texts, one a line.
pub fn lines(ndjson: &[u8]) -> Result<Vec<Text>, serde_json::Error> {
    let lines = ndjson.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_str(&compact(&String::from_utf8_lossy(line)))).collect()
}

/// A value as one line of JSON text.
pub(crate) fn text(value: &Value) -> Result<Text, serde_json::Error> {
    RawValue::from_string(value.to_string())
}

/// The parts that a request varies, without those that it leaves alone.
pub fn edit_json(edit: &RequestEdit) -> Value {
    let value = |value: &RequestValue| match value {
        RequestValue::Text(text) => json!(text),
        RequestValue::Secret(name) => json!({ "secret": name }),
    };
    let pairs = |pairs: &[(String, RequestValue)]| {
        let pairs = pairs.iter().map(|(name, given)| json!([name, value(given)])).collect::<Vec<_>>();
        (!pairs.is_empty()).then(|| Value::from(pairs))
    };
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    let fields = [
        ("url", text(&edit.url)),
        ("method", text(&edit.method)),
        ("path", text(&edit.path)),
        ("query", pairs(&edit.query)),
        ("body", pairs(&edit.body)),
        ("headers", pairs(&edit.headers)),
        ("may_be_past_end", edit.may_be_past_end.then_some(Value::Bool(true))),
    ];
    let set = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(set.collect::<Map<_, _>>())
}

/// JSON text without the space between its tokens.
pub(crate) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        } else {
            in_string = c == '"';
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_space_between_tokens_goes() {
        for (json, expected) in [
            ("{ \"a\" : 1.10,\n\t\"b c\": \"x  y\" }", "{\"a\":1.10,\"b c\":\"x  y\"}"),
            (r#"{"a": "q\" :  z", "b": "\\" }"#, r#"{"a":"q\" :  z","b":"\\"}"#),
        ] {
            assert_eq!(compact(json), expected);
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let answer = Answer {
            first: Some(text(&json!({})).unwrap()),
            pages: vec![Step {
                records: lines(b"{\"id\": 1.10}\n{\"id\":12345678901234567890123}\n").unwrap(),
                next: Some(text(&json!({ "query": [["cursor", "b"]] })).unwrap()),
                ..Step::default()
            }],
            ..Answer::default()
        };
        let written = answer.to_text().unwrap();
        assert!(String::from_utf8_lossy(&written).contains("{\"id\":12345678901234567890123}"));
        assert_eq!(Answer::parse("x", &written).unwrap().items(), answer.items());
    }
}
