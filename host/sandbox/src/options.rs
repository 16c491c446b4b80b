//! A plugin's options against the schema that it publishes: every problem, each with its place.

use dpone_json::{Path, PathError};
use dpone_model::codes::manifest::PLUGIN_OPTIONS;
use dpone_model::{Place, Report};
use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{Keyword, ValidationError, Validator};
use serde_json::{Map, Value};

/// A schema larger than this is a mistake.
pub(crate) const MAX_SCHEMA_BYTES: usize = 1 << 20;

/// Compiles a schema (JSON Schema 2020-12; references stay inside of the document). Its keyword
/// `x-dpone-path` says that a text is a dotted path, in the grammar that the manifest's own are in.
pub(crate) fn compile(schema: &Value) -> Result<Validator, String> {
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

/// All problems of `options`. `place` is asked with the option's dotted path (`fields.id`,
/// `rules[0].to`), or with the empty path where the whole block is meant.
pub(crate) fn check(
    plugin: &str,
    schema: &Value,
    validator: &Validator,
    options: &Map<String, Value>,
    place: &dyn Fn(&str) -> Place,
) -> Vec<Report> {
    let instance = Value::Object(options.clone());
    let mut reports = Vec::new();
    for error in validator.iter_errors(&instance) {
        let at = key(error.instance_path());
        for (at, message, hint) in problems(&error, at, schema) {
            let mut report = Report::new(&PLUGIN_OPTIONS, format!("{message} (plugin {plugin})")).at(place(&at));
            if let Some(hint) = hint {
                report = report.hint(hint);
            }
            reports.push(report);
        }
    }
    reports
}

type Problem = (String, String, Option<String>);

fn problems(error: &ValidationError<'_>, at: String, schema: &Value) -> Vec<Problem> {
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let missing = joined(&at, property.as_str().unwrap_or_default());
            vec![(at, format!("the option `{missing}` is missing"), None)]
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|name| {
                let hint = if at.is_empty() { known_options(schema) } else { None };
                let full = joined(&at, name);
                (full.clone(), format!("the option `{full}` does not exist"), hint)
            })
            .collect(),
        _ if at.is_empty() => vec![(at, format!("the options do not fit: {error}"), None)],
        _ => {
            let message = format!("the option `{at}` does not fit: {error}");
            vec![(at, message, None)]
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
        let validator = compile(&schema).unwrap();
        let place = |key: &str| Place::Named { what: "key".into(), name: key.into() };
        let reports = check("p", &schema, &validator, options.as_object().unwrap(), &place);
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
        let validator = compile(&schema).unwrap();
        let place = |key: &str| Place::Named { what: "key".into(), name: key.into() };
        for (next, problem) in
            [("meta.next", None), (r"@odata\.nextLink", None), ("$.next", Some("JSONPath")), ("a.-1", Some(r"`\-1`"))]
        {
            let options = json!({ "next": next });
            let reports = check("p", &schema, &validator, options.as_object().unwrap(), &place);
            let found = reports.first().map(|report| report.message().to_owned());
            assert_eq!(found.is_some(), problem.is_some(), "{next}: {found:?}");
            assert!(found.unwrap_or_default().contains(problem.unwrap_or_default()), "{next}");
        }
    }

    #[test]
    fn a_schema_does_not_reach_out() {
        assert!(compile(&json!({ "$ref": "https://example.com/schema.json" })).is_err());
        assert!(compile(&json!({ "type": 5 })).is_err());
    }
}
