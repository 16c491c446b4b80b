//! A plugin's options against the schema that it publishes: every problem, each with its place. The schema is
//! the plugin's own word, so that only a child process evaluates it ([`judging`](crate::judging)).

use crate::text;
use dpone_json::{Path, PathError};
use dpone_model::codes::manifest::PLUGIN_OPTIONS;
use dpone_model::{Place, Report};
use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{Keyword, ValidationError, Validator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A schema larger or deeper than this is a mistake.
const MAX_SCHEMA_BYTES: usize = 256 << 10;
const MAX_SCHEMA_DEPTH: usize = 64;
/// Problems that are told; one mistake in a schema may make thousands.
const MAX_PROBLEMS: usize = 100;

/// One problem of the options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// The option's dotted path (`fields.id`, `rules[0].to`), or the empty path where the whole block is meant.
    at: String,
    message: String,
    hint: Option<String>,
}

/// Reads the text of a schema, without evaluating it.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    if text.len() > MAX_SCHEMA_BYTES {
        return Err(format!("its options schema has {} bytes; the limit is {MAX_SCHEMA_BYTES}", text.len()));
    }
    let schema: Value =
        serde_json::from_str(text).map_err(|error| format!("its options schema is not JSON: {error}"))?;
    if depth(&schema) > MAX_SCHEMA_DEPTH {
        return Err(format!("its options schema is nested deeper than {MAX_SCHEMA_DEPTH} levels"));
    }
    Ok(schema)
}

/// The problems of options, or why the schema is none. Without options it judges the schema alone. It may
/// take for ever.
pub(crate) fn judge(schema: &Value, with: Option<&Map<String, Value>>) -> Result<Vec<Problem>, String> {
    let validator = compile(schema).map_err(|error| text::one_line(&error, text::MAX_MESSAGE_BYTES))?;
    let Some(with) = with else { return Ok(Vec::new()) };
    let instance = Value::Object(with.clone());
    let found = validator.iter_errors(&instance).flat_map(|error| problems(&error, key(error.instance_path()), schema));
    Ok(found.take(MAX_PROBLEMS).collect())
}

/// The problems of options by the text of a schema, judged in this process without a bound in time: for schemas
/// of one's own, such as those of the mutation tests.
///
/// # Errors
/// The reason why the text is no schema.
pub fn judge_options(schema: &str, with: &Map<String, Value>) -> Result<Vec<Report>, String> {
    let problems = judge(&read(schema)?, Some(with))?;
    Ok(reports("schema", problems, &|at| Place::Named { what: "option".into(), name: at.into() }))
}

/// Each problem at its place in the manifest.
pub(crate) fn reports(plugin: &str, problems: Vec<Problem>, place: &dyn Fn(&str) -> Place) -> Vec<Report> {
    let report = |problem: Problem| {
        let message = text::one_line(&problem.message, text::MAX_MESSAGE_BYTES);
        let report = Report::new(&PLUGIN_OPTIONS, format!("{message} (plugin {plugin})")).at(place(&problem.at));
        match problem.hint {
            Some(hint) => report.hint(text::one_line(&hint, text::MAX_MESSAGE_BYTES)),
            None => report,
        }
    };
    problems.into_iter().map(report).collect()
}

/// JSON's reader goes no deeper than its own limit, so that this does not, either.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Compiles a schema (JSON Schema 2020-12; references stay inside of the document). Its keyword
/// `x-dpone-path` says that a text is a dotted path, in the grammar that the manifest's own are in.
fn compile(schema: &Value) -> Result<Validator, String> {
    let options = jsonschema::draft202012::options().with_keyword("x-dpone-path", |_, _, _| Ok(Box::new(IsPath)));
    options.build(schema).map_err(|error| error.to_string())
}

struct IsPath;

impl IsPath {
    fn problem(instance: &Value) -> Option<PathError> {
        Path::check(instance.as_str()?).err()
    }
}

impl<'i> Keyword<'i> for IsPath {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        match Self::problem(instance) {
            None => Ok(()),
            Some(error) => Err(ValidationError::custom(format!("it is no path: {error}; {}", error.hint()))),
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        Self::problem(instance).is_none()
    }
}

fn problems(error: &ValidationError<'_>, at: String, schema: &Value) -> Vec<Problem> {
    let problem = |at: String, message: String, hint: Option<String>| Problem { at, message, hint };
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let missing = joined(&at, property.as_str().unwrap_or_default());
            vec![problem(at, format!("the option `{missing}` is missing"), None)]
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|name| {
                let hint = if at.is_empty() { known_options(schema) } else { None };
                let full = joined(&at, name);
                problem(full.clone(), format!("the option `{full}` does not exist"), hint)
            })
            .collect(),
        _ if at.is_empty() => vec![problem(at, format!("the options do not fit: {error}"), None)],
        _ => {
            let message = format!("the option `{at}` does not fit: {error}");
            vec![problem(at, message, None)]
        }
    }
}

fn known_options(schema: &Value) -> Option<String> {
    let names: Vec<&str> = schema.get("properties")?.as_object()?.keys().map(String::as_str).collect();
    Some(match names.as_slice() {
        [] => "it takes no options".to_owned(),
        _ => format!("it takes {}", names.join(", ")),
    })
}

fn joined(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

fn key(location: &Location) -> String {
    location.iter().fold(String::new(), |key, segment| match segment {
        LocationSegment::Property(name) => joined(&key, &name),
        LocationSegment::Index(index) => format!("{key}[{index}]"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_problem_has_its_place() {
        let schema = json!({
            "type": "object",
            "properties": {
                "next": { "type": "string" },
                "limit": { "type": "integer", "minimum": 1 },
                "rules": { "type": "array", "items": { "type": "object", "required": ["to"] } },
            },
            "required": ["next"],
            "additionalProperties": false,
        });
        let options = json!({ "limit": 0, "rules": [{ "to": 1 }, {}], "nxet": "x" });
        let place = |key: &str| Place::Named { what: "key".into(), name: key.into() };
        let reports = reports("p", judge(&schema, options.as_object()).unwrap(), &place);
        let mut found: Vec<String> = reports
            .iter()
            .map(|report| match report.place() {
                Some(Place::Named { name, .. }) => format!("{name}: {}", report.message()),
                other => panic!("{other:?}"),
            })
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                ": the option `next` is missing (plugin p)",
                "limit: the option `limit` does not fit: 0 is less than the minimum of 1 (plugin p)",
                "nxet: the option `nxet` does not exist (plugin p)",
                "rules[1]: the option `rules[1].to` is missing (plugin p)",
            ]
        );
        assert_eq!(reports.iter().find_map(|report| report.hint_text()), Some("it takes next, limit, rules"));
        assert!(reports.iter().all(|report| report.code().id == "DP0113"));
    }

    #[test]
    fn a_path_is_in_the_manifests_grammar() {
        let schema = json!({ "properties": { "next": { "type": "string", "x-dpone-path": true } } });
        for (next, problem) in
            [("meta.next", None), (r"@odata\.nextLink", None), ("$.next", Some("JSONPath")), ("a.-1", Some(r"`\-1`"))]
        {
            let options = json!({ "next": next });
            let problems = judge(&schema, options.as_object()).unwrap();
            let found = problems.first().map(|problem| problem.message.clone());
            assert_eq!(found.is_some(), problem.is_some(), "{next}: {found:?}");
            assert!(found.unwrap_or_default().contains(problem.unwrap_or_default()), "{next}");
        }
    }

    #[test]
    fn a_schema_does_not_reach_out() {
        assert!(judge(&json!({ "$ref": "https://example.com/schema.json" }), None).is_err());
        assert!(judge(&json!({ "type": 5 }), None).is_err());
    }

    #[test]
    fn schemas_and_what_is_told_are_bounded() {
        let nested = |levels: usize| format!("{}{{}}{}", r#"{"not":"#.repeat(levels), "}".repeat(levels));
        for (text, problem) in [
            (nested(63), None),
            (nested(64), Some("deeper than 64 levels")),
            (nested(1000), Some("is not JSON: recursion limit exceeded")),
            (format!(r#"{{"title":"{}"}}"#, "x".repeat(256 << 10)), Some("262156 bytes; the limit is 262144")),
        ] {
            let found = read(&text);
            assert_eq!(found.is_err(), problem.is_some(), "{found:?} instead of {problem:?}");
            assert!(found.err().unwrap_or_default().contains(problem.unwrap_or_default()), "{problem:?}");
        }
        let schema = json!({ "properties": { "a": {} }, "additionalProperties": false });
        let options: Map<String, Value> = (0..1000).map(|n| (format!("o{n}"), Value::from("x".repeat(5000)))).collect();
        assert_eq!(judge(&schema, Some(&options)).unwrap().len(), MAX_PROBLEMS);
        let schema = json!({ "properties": { "a": { "type": "integer" } } });
        let options = json!({ "a": "y".repeat(1 << 20) });
        let place = |key: &str| Place::Named { what: "key".into(), name: key.into() };
        let reports = reports("p", judge(&schema, options.as_object()).unwrap(), &place);
        assert!(reports.iter().all(|report| report.message().len() < 2200), "{}", reports.len());
        assert!(reports.iter().any(|report| report.message().contains("bytes)")), "{reports:?}");
    }
}
