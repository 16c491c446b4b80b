//! The output of `dpone plugin inspect`: who a component is, what it can ask for, what it gets, and
//! which options it takes.

use crate::args::Format;
use crate::output::{self, outln};
use dpone_manifest::Limits;
use dpone_model::redact;
use dpone_run::authority::{Inspected, SignatureSeen};
use serde_json::{Value, json};

pub fn print(inspected: &Inspected, format: Format) {
    match format {
        Format::Json => output::json(&as_json(inspected)),
        Format::Text | Format::Md => as_text(inspected).iter().for_each(|line| outln!("{line}")),
    }
}

fn as_json(inspected: &Inspected) -> Value {
    let inspection = &inspected.inspection;
    let mut document = serde_json::to_value(inspection).unwrap_or_default();
    if let Some(fields) = document.as_object_mut() {
        fields.insert("from".to_owned(), json!(inspected.from));
        fields.insert("signature".to_owned(), json!(inspected.signature));
        fields.insert("asks".to_owned(), json!(dpone_plan::families(&inspection.imports)));
        fields.insert("requests".to_owned(), json!(dpone_plan::requests(inspection.kind)));
        fields.insert("limits".to_owned(), json!(dpone_plan::bounds(&Limits::default())));
        fields.insert("options".to_owned(), json!(options(&inspection.options_schema)));
    }
    document
}

fn as_text(inspected: &Inspected) -> Vec<String> {
    let inspection = &inspected.inspection;
    let identity = &inspection.identity;
    let compiled = match (inspection.compile_ms, inspection.cached) {
        (ms, false) => format!("in {ms} ms"),
        (ms, true) => format!("in {ms} ms, cached since"),
    };
    let mut lines = vec![
        format!("plugin       {} {}", identity.name, identity.version),
        format!("from         {}", inspected.from),
        format!("kind         {}", inspection.kind),
        format!("sha256       {}", identity.sha256),
        format!("contract     dpone:plugin@{}", inspection.wit_version),
        format!("size         {}", dpone_model::human::bytes(inspection.size)),
        format!("compiled     {compiled}"),
        format!("signature    {}", signature(&inspected.signature)),
        format!("limits       {}", dpone_plan::bounds(&Limits::default())),
        String::new(),
        "can ask for, and gets without a grant:".to_owned(),
    ];
    for family in dpone_plan::families(&inspection.imports) {
        lines.push(format!("  {}", family.asks));
        lines.push(format!("    gets     {}", family.by_default));
        lines.push(format!("    imports  {}", family.imports.join(", ")));
    }
    if inspection.imports.is_empty() {
        lines.push("  nothing".to_owned());
    }
    if let Some(requests) = dpone_plan::requests(inspection.kind) {
        lines.push("  requests of the host".to_owned());
        lines.push(format!("    gets     {requests}"));
    }
    lines.push(String::new());
    lines.extend(table(&options(&inspection.options_schema)));
    lines
}

fn signature(seen: &SignatureSeen) -> String {
    match seen {
        SignatureSeen::BuiltIn => "part of this program".to_owned(),
        SignatureSeen::Missing => "none".to_owned(),
        SignatureSeen::Unverified { key_id } => {
            let key = key_id.as_deref().unwrap_or("of no readable id");
            format!("by the key {key}, not verified (--require-signed KEYFILE verifies it)")
        }
        SignatureSeen::Verified(signed) => {
            format!("verified: by the key {} ({}), comment: {}", signed.key_id, signed.key, signed.comment)
        }
    }
}

/// One option, as a row of the table.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
struct OptionRow {
    /// Dotted; `[]` stands for each element of a list.
    name: String,
    takes: String,
    required: bool,
    default: Option<Value>,
    description: String,
}

/// How deep options nest in a table; a schema may refer to itself.
const MAX_DEPTH: usize = 3;
/// Rows of a table, and choices of one option: what refers to itself in many places grows fast.
const MAX_ROWS: usize = 300;
const MAX_CHOICES: usize = 6;
const MAX_VALUES: usize = 50;

fn options(schema: &Value) -> Vec<OptionRow> {
    let mut rows = Vec::new();
    collect(schema, schema, "", 0, &mut rows);
    rows
}

fn collect(root: &Value, schema: &Value, prefix: &str, depth: usize, rows: &mut Vec<OptionRow>) {
    let schema = resolved(root, schema);
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|required| required == name))
    };
    for (name, option) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let full = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if rows.len() >= MAX_ROWS {
            return;
        }
        let target = resolved(root, option);
        let text = |key: &str| option.get(key).or_else(|| target.get(key)).cloned();
        rows.push(OptionRow {
            takes: plain(&takes(root, option, depth)),
            required: required(name),
            default: text("default"),
            description: text("description").and_then(|text| text.as_str().map(plain)).unwrap_or_default(),
            name: plain(&full),
        });
        if depth + 1 < MAX_DEPTH {
            collect(root, target, &full, depth + 1, rows);
            if let Some(items) = target.get("items") {
                collect(root, items, &format!("{full}[]"), depth + 1, rows);
            }
        }
    }
}

/// The target of a `$ref` of the same document; anything else is itself.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let pointer = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
    pointer.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

/// The values that an option takes, in words.
fn takes(root: &Value, schema: &Value, depth: usize) -> String {
    let schema = resolved(root, schema);
    if depth > MAX_DEPTH {
        return "any value".to_owned();
    }
    let each = |list: &[Value], separator: &str| {
        let shown = list.iter().take(MAX_CHOICES).map(|schema| takes(root, schema, depth + 1));
        let more = (list.len() > MAX_CHOICES).then(|| "…".to_owned());
        shown.chain(more).collect::<Vec<_>>().join(separator)
    };
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let more = (values.len() > MAX_VALUES).then(|| "…".to_owned());
        return values.iter().take(MAX_VALUES).map(literal).chain(more).collect::<Vec<_>>().join(" | ");
    }
    if let Some(value) = schema.get("const") {
        return literal(value);
    }
    for choice in ["anyOf", "oneOf"] {
        // A choice between sets of keys says nothing of the type.
        let list = schema.get(choice).and_then(Value::as_array);
        if let Some(list) = list.filter(|list| schema.get("type").is_none() && !list.is_empty()) {
            return each(list, " or ");
        }
    }
    let name = |name: &str| match name {
        "array" => match schema.get("items") {
            Some(items) => format!("list of {}", takes(root, items, depth + 1)),
            None => "list".to_owned(),
        },
        "object" => match schema.get("additionalProperties").filter(|value| value.is_object()) {
            Some(values) => format!("map to {}", takes(root, values, depth + 1)),
            None => "map".to_owned(),
        },
        other => plain(other),
    };
    let base = match schema.get("type") {
        Some(Value::String(one)) => name(one),
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).take(MAX_CHOICES).map(name).collect::<Vec<_>>().join(" or ")
        }
        _ => "any value".to_owned(),
    };
    let bound = |key: &str, sign: &str| schema.get(key).map(|value| format!(" {sign} {}", literal(value)));
    let bounds =
        [bound("minimum", "≥"), bound("exclusiveMinimum", ">"), bound("maximum", "≤"), bound("exclusiveMaximum", "<")];
    bounds.into_iter().flatten().fold(base, |text, bound| text + &bound)
}

fn literal(value: &Value) -> String {
    plain(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// A plugin's text as a cell: white space joined, and not too long.
fn plain(text: &str) -> String {
    const MAX_BYTES: usize = 300;
    redact::excerpt(text.split_whitespace().collect::<Vec<_>>().join(" "), MAX_BYTES)
}

fn table(rows: &[OptionRow]) -> Vec<String> {
    if rows.is_empty() {
        return vec!["options: none".to_owned()];
    }
    let cells: Vec<[String; 4]> = rows
        .iter()
        .map(|row| {
            let default = match (&row.default, row.required) {
                (Some(default), _) => literal(default),
                (None, true) => "required".to_owned(),
                (None, false) => "-".to_owned(),
            };
            [row.name.clone(), row.takes.clone(), default, row.description.clone()]
        })
        .collect();
    let head = ["option", "takes", "default", "what it is"].map(str::to_owned);
    let all = || std::iter::once(&head).chain(&cells);
    let width = |column: usize| all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let [first, second, third] = [0, 1, 2].map(|column| width(column).unwrap_or_default());
    let line = |[name, takes, default, what]: &[String; 4]| {
        format!("{name:<first$}  {takes:<second$}  {default:<third$}  {what}").trim_end().to_owned()
    };
    all().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_a_table() {
        let schema = json!({
            "type": "object",
            "properties": {
                "field": { "$ref": "#/$defs/field" },
                "op": { "enum": ["eq", "ne"], "default": "eq" },
                "columns": { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] },
                "types": { "type": "object", "additionalProperties": { "enum": ["string", 1] } },
                "limit": { "type": ["integer", "null"], "minimum": 1, "description": "At most\nthese." },
                "rules": { "type": "array", "items": { "type": "object", "required": ["to"], "properties": { "to": { "type": "string" } } } },
                "self": { "$ref": "#" },
            },
            "required": ["field"],
            "$defs": { "field": { "type": "string", "description": "A field." } },
        });
        let lines = table(&options(&schema));
        for (line, expected) in lines.iter().zip([
            "option           takes                      default   what it is",
            "field            string                     required  A field.",
        ]) {
            assert_eq!(&line.split_whitespace().collect::<Vec<_>>(), &expected.split_whitespace().collect::<Vec<_>>());
        }
        let rows = options(&schema);
        let row = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
        for (name, takes, required) in [
            ("op", "eq | ne", false),
            ("columns", "string or list of string", false),
            ("types", "map to string | 1", false),
            ("limit", "integer or null ≥ 1", false),
            ("rules", "list of map", false),
            ("rules[].to", "string", true),
            ("self.self", "map", false),
        ] {
            assert_eq!((row(name).takes.as_str(), row(name).required), (takes, required), "{name}");
        }
        assert_eq!(
            (row("op").default.clone(), row("limit").description.as_str()),
            (Some(json!("eq")), "At most these.")
        );
        assert_eq!(table(&options(&json!({ "type": "object" }))), ["options: none"]);
    }

    #[test]
    fn a_schema_that_refers_to_itself_a_thousand_times_is_cut() {
        let itself = vec![json!({ "$ref": "#/$defs/x" }); 1000];
        let properties: serde_json::Map<_, _> =
            (0..1000).map(|n| (format!("p{n}"), json!({ "$ref": "#/$defs/x" }))).collect();
        let schema =
            json!({ "properties": properties, "$defs": { "x": { "anyOf": itself, "properties": properties } } });
        let rows = options(&schema);
        assert_eq!(rows.len(), MAX_ROWS);
        assert!(rows.iter().all(|row| row.takes.chars().count() <= 300));
    }
}
