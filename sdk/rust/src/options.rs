//! Shapes that options often have.

use crate::Value;
use serde::Deserialize;
use serde_json::value::RawValue;

/// An option that may be any JSON value, kept as it was written; so no number is rounded.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    pub fn json(&self) -> &str {
        self.0.get()
    }

    pub fn value(&self) -> Value<'_> {
        Value::of_json(self.json())
    }

    /// The elements of a list; `None` for anything else.
    pub fn elements(&self) -> Option<Vec<JsonText>> {
        serde_json::from_str(self.json()).ok()
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for JsonText {}

/// An option that is one name or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Many(names) => names,
        }
    }
}

/// Reads options as the component would, for a plugin's own tests.
#[cfg(not(target_arch = "wasm32"))]
pub fn options_for_test<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, crate::Error> {
    crate::json::options(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_is_kept_as_written() {
        let all: Vec<JsonText> = serde_json::from_str(r#"["x", 1.10, 123456789012345678901234567890, null]"#).unwrap();
        let texts: Vec<_> = all.iter().map(JsonText::json).collect();
        assert_eq!(texts, ["\"x\"", "1.10", "123456789012345678901234567890", "null"]);
    }

    #[test]
    fn lists_have_elements() {
        let list: JsonText = serde_json::from_str(r#"[1.0, {"a" : 1}]"#).unwrap();
        let elements = list.elements().unwrap();
        assert_eq!(elements.iter().map(JsonText::json).collect::<Vec<_>>(), ["1.0", "{\"a\" : 1}"]);
        assert_eq!(elements[0].elements(), None);
    }

    #[test]
    fn a_name_is_a_list_of_one() {
        for (json, names) in [("\"a\"", vec!["a"]), ("[\"a\",\"b\"]", vec!["a", "b"])] {
            assert_eq!(serde_json::from_str::<OneOrMany>(json).unwrap().into_vec(), names);
        }
    }
}
