//! The tree as JSON Schema (draft 2020-12), for editors.
//!
//! It describes keys, types and choices. What spans several keys (a strategy that needs a boundary, two
//! spellings of one key) only `check` judges. `${NAME}` may stand wherever a value stands.

use super::Document;
use super::entries::{Section, sections};
use super::key::{Form, Key, Support, Takes, Word};
use super::plugin::{SHARED, USES};
use crate::error::Problems;
use crate::read::Value as Read;
use crate::substitute::Variables;
use crate::yaml;
use serde_json::{Map, Value, json};

impl Document {
    /// The schema of the whole document.
    pub fn json_schema(&self) -> Value {
        let mut root = object(self.about, &Section { form: None, groups: self.keys.to_vec() }, None);
        if let Some(root) = root.as_object_mut() {
            root.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
            root.insert("title".into(), json!(self.title));
            if self.entries().iter().any(|entry| matches!(entry.key.takes.inner(), Takes::Plugin(..))) {
                let shared = SHARED.iter().map(|key| (key.name.to_owned(), schema(key.takes)));
                root.insert("$defs".into(), Value::Object(shared.collect()));
            }
        }
        root
    }
}

/// The object of one section; `shared` are the keys that it has beside its own.
fn object(about: &str, section: &Section, shared: Option<&Section>) -> Value {
    let keys: Vec<&Key> = section.keys().chain(shared.into_iter().flat_map(Section::keys)).collect();
    let mut properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    // A key with an older spelling is not required by itself.
    let has_older = |key: &Key| keys.iter().any(|other| other.older_than == Some(key.name));
    let mut required: Vec<&str> =
        keys.iter().filter(|key| key.is_required && !has_older(key)).map(|key| key.name).collect();
    if let Some(form) = section.form {
        let names: Vec<&str> = std::iter::once(form.name).chain(form.alias).collect();
        let about = properties.get("type").and_then(|tag| tag.get("description")).cloned();
        properties.insert("type".into(), json!({ "enum": names, "description": about }));
        // Without a type there is one request.
        if form != Form::NONE && !required.contains(&"type") {
            required.push("type");
        }
    }
    let mut schema = json!({
        "type": "object", "description": about, "additionalProperties": false, "properties": properties
    });
    if let (false, Some(schema)) = (required.is_empty(), schema.as_object_mut()) {
        schema.insert("required".into(), json!(required));
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut about = key.about.to_owned();
    let (mut schema, prefix) = match (key.support, key.default) {
        (Support::Later, _) => (json!({ "not": {} }), "Not yet. "),
        (Support::OnlyDefault, Some(default)) => (or_reference(json!({ "const": value(default) })), "Not yet. "),
        // These stand in every plugin's block.
        _ if SHARED.contains(key) => (json!({ "$ref": format!("#/$defs/{}", key.name) }), ""),
        _ => (schema(key.takes), ""),
    };
    about.insert_str(0, prefix);
    if let Some(newer) = key.older_than {
        about = format!("The spelling of dpone 0.88 for `{newer}`. {about}");
    }
    if let Some(without) = key.without {
        about = format!("{about} Without it: {without}.");
    }
    let Some(object) = schema.as_object_mut() else { return schema };
    object.insert("description".into(), json!(about));
    if let Some(default) = key.default {
        object.insert("default".into(), value(default));
    }
    if !key.example.is_empty() {
        object.insert("examples".into(), json!([value(key.example)]));
    }
    if key.older_than.is_some() {
        object.insert("deprecated".into(), json!(true));
    }
    schema
}

/// A value of the tree, which is YAML, as JSON.
fn value(text: &str) -> Value {
    let problems = Problems::new("", "the value");
    let root = yaml::parse(format!("v: {text}").as_bytes(), &Variables::none(), &problems);
    let block = root.as_ref().and_then(|node| Read { node, key: String::new(), problems: &problems }.block());
    block.and_then(|mut block| block.get("v")?.json()).unwrap_or_else(|| json!(text))
}

/// Text that names a variable.
fn reference() -> Value {
    json!({ "type": "string", "pattern": r"\$\{|\{\{" })
}

fn or_reference(schema: Value) -> Value {
    json!({ "anyOf": [schema, reference()] })
}

fn schema(takes: Takes) -> Value {
    let scalar = || json!({ "type": ["string", "number", "boolean"] });
    let text = || json!({ "type": "string", "minLength": 1 });
    match takes {
        Takes::Text => text(),
        Takes::AnyText | Takes::Path => json!({ "type": "string" }),
        Takes::Verbatim => json!({ "type": ["string", "number", "boolean"] }),
        Takes::Pattern(pattern, _) => or_reference(json!({ "type": "string", "pattern": pattern })),
        Takes::Flag => or_reference(json!({ "type": "boolean" })),
        Takes::Integer(least, most) => or_reference(bounded("integer", least, most)),
        Takes::Number(least, most) => or_reference(bounded("number", least, most)),
        // To YAML 1.1 `off` is false.
        Takes::WordOrDuration("off") => {
            json!({ "type": ["number", "string", "boolean"], "not": { "const": true }, "minimum": 0 })
        }
        Takes::Duration | Takes::WordOrDuration(_) => json!({ "type": ["number", "string"], "minimum": 0 }),
        Takes::PositiveDuration => json!({ "type": ["number", "string"], "exclusiveMinimum": 0 }),
        Takes::Size(least, _) => json!({ "type": ["integer", "string"], "minimum": least }),
        Takes::Cursor | Takes::Scalar => json!({ "type": ["string", "number"] }),
        Takes::Choice(words) => or_reference(choice(words)),
        Takes::Words(words) => json!({ "type": "array", "items": or_reference(choice(words)) }),
        Takes::Names => {
            json!({ "oneOf": [text(), { "type": "array", "minItems": 1, "uniqueItems": true, "items": text() }] })
        }
        Takes::Texts => json!({ "type": "array", "items": text() }),
        Takes::Pairs(false) => json!({ "type": "object", "additionalProperties": scalar() }),
        Takes::Pairs(true) => {
            let values = json!({ "anyOf": [scalar(), { "type": "array", "items": scalar() }] });
            json!({ "type": "object", "additionalProperties": values })
        }
        Takes::Any => json!({}),
        Takes::Mapping => json!({ "type": "object" }),
        Takes::Block(groups) => object("", &Section { form: None, groups: groups.to_vec() }, None),
        Takes::List(inner) => json!({ "type": "array", "items": schema(*inner) }),
        Takes::Named(_, inner) => json!({ "type": "object", "additionalProperties": schema(*inner) }),
        Takes::Either(one, other) => json!({ "anyOf": [schema(*one), schema(*other)] }),
        Takes::Tagged(..) | Takes::Plugin(..) => json!({ "anyOf": forms(takes) }),
        Takes::Form(_) | Takes::Builtin(_) => or_reference(json!({ "enum": form_names(takes) })),
    }
}

/// A bound that means "unbounded" is left out, since editors count in floats.
fn bounded(kind: &str, least: u64, most: u64) -> Value {
    let mut schema = json!({ "type": kind, "minimum": least });
    if let (true, Some(schema)) = (most < u64::MAX, schema.as_object_mut()) {
        schema.insert("maximum".into(), json!(most));
    }
    schema
}

/// The words that this release honours. A key's `null` is written without quotes.
fn choice(words: &[Word]) -> Value {
    let names =
        words.iter().filter(|word| !word.is_later).flat_map(|word| std::iter::once(word.name).chain(word.alias));
    let mut values: Vec<Value> = names.map(|name| json!(name)).collect();
    if words.iter().any(|word| word.name == "null") {
        values.push(Value::Null);
    }
    json!({ "enum": values })
}

fn form_names(takes: Takes) -> Vec<&'static str> {
    takes.forms().iter().flat_map(|form| std::iter::once(form.name).chain(form.alias)).collect()
}

/// Each form of a block as a schema of its own.
fn forms(takes: Takes) -> Vec<Value> {
    let sections = sections(takes);
    let Some((shared, of_forms)) = sections.split_first() else { return Vec::new() };
    let mut schemas = Vec::new();
    if let Takes::Plugin(..) = takes {
        schemas.push(component(shared));
    }
    for section in of_forms {
        let groups = shared.groups.iter().copied().filter(|group| match section.form {
            Some(Form::NONE) => *group != SHARED && *group != USES,
            _ => *group != USES,
        });
        let shared = Section { form: None, groups: groups.collect() };
        let about = section.form.map_or("", |form| form.about);
        schemas.push(object(about, section, Some(&shared)));
    }
    schemas
}

/// A component by its `uses`.
fn component(shared: &Section) -> Value {
    let mut schema = object("Any component.", shared, None);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("required".into(), json!(["uses"]));
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.remove("type");
        }
    }
    schema
}
