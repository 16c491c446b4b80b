//! Random options against random schemas, in the process itself: whatever the schema, an answer comes, and what it
//! says of the options is short. Schemas that take for ever are the bounded child's business.

use dpone_fuzz::{Random, run};
use dpone_sandbox::judge_options;
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A case is small, so that a slow one is a fault.
const LONGEST: Duration = Duration::from_secs(5);
const LONGEST_TEXT: usize = 4096;
const NAMES: &[&str] = &["a", "b", "fields", "x.y", "", "\u{202e}", "\u{1b}[2J", "path"];
const TYPES: &[&str] = &["string", "integer", "number", "boolean", "object", "array", "null", "nonsense"];
const PATTERNS: &[&str] = &["^a+$", "(a+)+$", "(", "\\d{1,3}", ".*.*.*x", "[[:alpha:]]"];

fn main() -> ExitCode {
    run("schema", 5_000, case)
}

fn case(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let definitions: Map<String, Value> =
        (0..4).map(|level| (format!("d{level}"), schema(&mut random, 2, level))).collect();
    let mut root = schema(&mut random, 4, 4);
    if let Value::Object(members) = &mut root {
        members.insert("$defs".into(), Value::Object(definitions));
    }
    let mut text = root.to_string();
    if random.one_in(4) {
        let at = random.below(text.len());
        if text.is_char_boundary(at) {
            text.insert_str(at, random.text(&["{", "]", "\"", "null", ",", "\\u0000", "1e999"]));
        }
    }
    let options = match value(&mut random, 4) {
        Value::Object(options) => options,
        other => Map::from_iter([("a".to_owned(), other)]),
    };
    let started = Instant::now();
    let answer = judge_options(&text, &options);
    if started.elapsed() > LONGEST {
        return Err(format!("{text} takes {:?}", started.elapsed()));
    }
    let texts: Vec<String> = match answer {
        Ok(reports) => reports.iter().map(ToString::to_string).collect(),
        Err(cause) => vec![cause],
    };
    match texts.iter().find(|text| text.len() > LONGEST_TEXT || text.contains(['\u{1b}', '\u{202e}'])) {
        Some(bad) => Err(format!("{text} with {options:?} says: {bad:?}")),
        None => Ok(()),
    }
}

/// A schema whose references lead to the definitions below `level` alone, so that none goes in a circle.
fn schema(random: &mut Random, depth: usize, level: usize) -> Value {
    if depth == 0 {
        return json!({ "type": random.text(TYPES) });
    }
    let inner = |random: &mut Random| schema(random, depth - 1, level);
    match random.below(12) {
        0 => json!(true),
        1 if level > 0 => json!({ "$ref": format!("#/$defs/d{}", random.below(level)) }),
        2 => json!({ "allOf": [inner(random), inner(random)] }),
        3 => json!({ "anyOf": [inner(random), inner(random)], "not": inner(random) }),
        4 => json!({ "type": "array", "items": inner(random), "uniqueItems": random.one_in(2) }),
        5 => json!({ "type": "string", "pattern": random.text(PATTERNS), "x-dpone-path": random.one_in(2) }),
        6 => json!({ "enum": [value(random, 2), value(random, 1)] }),
        7 => json!({ "type": "integer", "minimum": random.below(9), "default": value(random, 1) }),
        8 => json!({ "if": inner(random), "then": inner(random), "else": inner(random) }),
        _ => {
            let properties: Map<String, Value> =
                (0..random.below(4)).map(|_| (random.text(NAMES).to_owned(), inner(random))).collect();
            json!({
                "type": "object", "properties": properties, "additionalProperties": random.one_in(2),
                "required": [random.text(NAMES)]
            })
        }
    }
}

fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => json!(random.one_in(2)),
        2 => json!(random.below(1000)),
        3 => json!(random.text(NAMES)),
        4 => json!("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab".repeat(1 + random.below(200))),
        5 => (0..random.below(5)).map(|_| value(random, depth - 1)).collect(),
        _ => (0..random.below(5)).map(|_| (random.text(NAMES).to_owned(), value(random, depth - 1))).collect(),
    }
}
