//! Typed reading of the tree: blocks whose keys are ticked off, values that turn into types.
//!
//! A reader never stops at a mistake. It notes the problem and gives `None`, so that one reading
//! finds all of them; what was built with fallbacks is thrown away when there was any problem.

use crate::error::{Error, Problems};
use crate::units::{parse_duration, parse_size};
use crate::yaml::{Content, Node, Position, Scalar, ScalarKind};
use dpone_json::Path;
use dpone_model::CursorValue;
use dpone_model::foreign;
use dpone_model::number::ExactNumber;
use serde_json::{Map, Value as Json};
use std::ops::RangeInclusive;
use std::time::Duration;

/// One value with its dotted path.
#[derive(Clone)]
pub(crate) struct Value<'a> {
    pub node: &'a Node,
    pub key: String,
    pub problems: &'a Problems,
}

/// A mapping that is being read: every key that is asked for counts as known.
pub(crate) struct Block<'a> {
    /// Dotted path; empty for the whole manifest.
    pub key: String,
    pub position: Position,
    pub problems: &'a Problems,
    entries: Vec<(&'a str, Position, &'a Node)>,
    known: Vec<String>,
}

impl<'a> Block<'a> {
    /// The block of a key that is not there: every lookup gives the default.
    pub fn empty(key: &str, position: Position, problems: &'a Problems) -> Self {
        Self { key: key.to_owned(), position, problems, entries: Vec::new(), known: Vec::new() }
    }

    pub fn path(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }

    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, ..)| *key == name)
    }

    /// The value of a key, where it is there; a key without a value is a problem.
    pub fn get(&mut self, name: &str) -> Option<Value<'a>> {
        self.known.push(name.to_owned());
        let (_, position, node) = *self.entries.iter().find(|(key, ..)| *key == name)?;
        let key = self.path(name);
        if matches!(&node.content, Content::Scalar(Scalar { kind: ScalarKind::Null, .. })) {
            let message = format!("`{name}` has no value");
            let hint = "give it one, or remove the key".to_owned();
            self.problems.add(Error::InvalidValue { message, hint }, position, &key);
            return None;
        }
        Some(Value { node, key, problems: self.problems })
    }

    /// Whether the key's value is the word `null`, which YAML does not take for text.
    pub fn is_null_word(&self, name: &str) -> bool {
        let value = self.entries.iter().find(|(key, ..)| *key == name);
        value.is_some_and(|(.., node)| {
            matches!(&node.content, Content::Scalar(s) if s.kind == ScalarKind::Null && s.text.eq_ignore_ascii_case("null"))
        })
    }

    /// Counts a key as known without reading it.
    pub fn know(&mut self, name: &str) {
        self.known.push(name.to_owned());
    }

    pub fn require(&mut self, name: &str, hint: &str) -> Option<Value<'a>> {
        if !self.has(name) {
            self.known.push(name.to_owned());
            let error = Error::MissingKey(format!("`{}`", self.path(name)), hint.to_owned());
            self.problems.add(error, self.position, &self.path(name));
            return None;
        }
        self.get(name)
    }

    pub fn text(&mut self, name: &str) -> Option<String> {
        self.get(name)?.text()
    }

    pub fn boolean(&mut self, name: &str, default: bool) -> bool {
        self.get(name).and_then(|value| value.boolean()).unwrap_or(default)
    }

    pub fn integer(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        self.get(name)?.integer(range)
    }

    pub fn milliseconds(&mut self, name: &str, default: u64) -> Duration {
        Duration::from_millis(self.integer(name, 1..=86_400_000).unwrap_or(default))
    }

    pub fn duration(&mut self, name: &str) -> Option<Duration> {
        self.get(name)?.duration()
    }

    pub fn size(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        self.get(name)?.size(range)
    }

    pub fn one_of<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        self.get(name)?.one_of(choices)
    }

    /// The block of a key; an empty one where the key is missing or no mapping.
    pub fn block(&mut self, name: &str) -> Block<'a> {
        let (key, position) = (self.path(name), self.position);
        let block = self.get(name).and_then(|value| value.block());
        block.unwrap_or_else(|| Self::empty(&key, position, self.problems))
    }

    /// Names and scalars as they are written; lists of scalars repeat the name where `repeats`.
    pub fn pairs(&mut self, name: &str, repeats: bool) -> Vec<(String, String)> {
        self.get(name).map(|value| value.pairs(repeats)).unwrap_or_default()
    }

    pub fn position_of(&self, name: &str) -> Position {
        self.entries.iter().find(|(key, ..)| *key == name).map_or(self.position, |(_, position, _)| *position)
    }

    /// A problem at a key of this block.
    pub fn problem(&self, name: &str, error: Error) {
        self.problems.add(error, self.position_of(name), &self.path(name));
    }

    pub fn conflict(&self, first: &str, second: &str, message: String, hint: &str) {
        let at = if self.has(second) { second } else { first };
        self.problem(at, Error::Conflict { message, hint: hint.to_owned() });
    }

    /// The keys that nobody asked for, in the file's order. The keys count as known from here on.
    pub fn rest(&mut self) -> Vec<(String, Value<'a>)> {
        let known = std::mem::take(&mut self.known);
        let rest: Vec<_> = self.entries.iter().filter(|(key, ..)| !known.iter().any(|k| k == key)).copied().collect();
        self.known = self.entries.iter().map(|(key, ..)| (*key).to_owned()).collect();
        rest.into_iter()
            .map(|(name, _, node)| (name.to_owned(), Value { node, key: self.path(name), problems: self.problems }))
            .collect()
    }

    /// As [`Self::finish`], where a reader that is shared asked for more keys than are known here.
    pub fn finish_with(mut self, known: &[&str]) {
        self.known = known.iter().map(|name| (*name).to_owned()).collect();
        self.finish();
    }

    /// Reports every key that nobody asked for, with the nearest one that exists.
    pub fn finish(self) {
        for (name, position, _) in &self.entries {
            if self.known.iter().any(|known| known == name) {
                continue;
            }
            let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
            let hint = unknown_key_hint(name, &known);
            let block = if self.key.is_empty() { self.problems.document.to_owned() } else { format!("`{}`", self.key) };
            let key = (*name).to_owned();
            self.problems.add(Error::UnknownKey { key, block, hint }, *position, &self.path(name));
        }
    }
}

fn unknown_key_hint(name: &str, known: &[&str]) -> String {
    if name == "<<" {
        return "merge keys are no part of the manifest's language; write the keys out, or use an alias for the \
                whole value"
            .to_owned();
    }
    match (nearest(name, known), known.is_empty()) {
        (Some(nearest), _) => format!("did you mean `{nearest}`?"),
        (None, true) => "nothing is expected here".to_owned(),
        (None, false) => format!("keys here: {}", known.join(", ")),
    }
}

/// The name at the smallest edit distance, if it is near enough to be meant.
pub fn nearest(name: &str, among: &[&str]) -> Option<String> {
    let lower = name.to_lowercase().replace('-', "_");
    let scored = among.iter().map(|candidate| (strsim::osa_distance(&lower, &candidate.to_lowercase()), *candidate));
    let (distance, candidate) = scored.min_by_key(|(distance, _)| *distance)?;
    let length = lower.chars().count().max(candidate.chars().count());
    (distance <= (length / 3).max(1) && distance < length).then(|| candidate.to_owned())
}

impl<'a> Value<'a> {
    pub fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let last = self.key.rsplit('.').next().unwrap_or(&self.key);
        let key = if last.is_empty() { self.problems.document } else { last }.to_owned();
        let found = match &self.node.content {
            Content::Scalar(scalar) if scalar.kind != ScalarKind::Null => {
                format!("{} (`{}`)", self.node.kind_name(), scalar.shown())
            }
            _ => self.node.kind_name().to_owned(),
        };
        self.problem(Error::WrongType { key, expected: expected.to_owned(), found });
        None
    }

    pub fn invalid<T>(&self, message: impl Into<String>, hint: impl Into<String>) -> Option<T> {
        self.problem(Error::InvalidValue { message: message.into(), hint: hint.into() });
        None
    }

    pub fn not_yet(&self, what: impl Into<String>, hint: impl Into<String>) {
        self.problem(Error::NotYet { what: what.into(), hint: hint.into() });
    }

    pub fn problem(&self, error: Error) {
        self.problems.add(error, self.node.position, &self.key);
    }

    pub fn scalar(&self) -> Option<&'a Scalar> {
        match &self.node.content {
            Content::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Text that is not empty. Numbers and booleans need quotes, unless a variable gave them.
    pub fn text(&self) -> Option<String> {
        let is_text = |s: &&Scalar| s.kind == ScalarKind::Text || s.written.is_some();
        let Some(scalar) = self.scalar().filter(is_text) else { return self.wrong_type("text") };
        if scalar.text.is_empty() {
            return self.invalid(format!("`{}` is empty", self.key), "give it a value, or remove the key");
        }
        Some(scalar.text.clone())
    }

    /// Any scalar as it is written: what goes into a query, a header, a client option.
    pub fn scalar_text(&self) -> Option<String> {
        match self.scalar().filter(|scalar| scalar.kind != ScalarKind::Null) {
            Some(scalar) => Some(scalar.text.clone()),
            None => self.wrong_type("text, a number or true/false"),
        }
    }

    /// A dotted path into the answer; the root is empty.
    pub fn path(&self) -> Option<String> {
        let text = match self.scalar() {
            // `0` and the empty text have a better message as paths.
            Some(scalar) if scalar.kind == ScalarKind::Number || scalar.text.is_empty() => scalar.text.clone(),
            _ => self.text()?,
        };
        match Path::check(&text) {
            Ok(path) if path.is_root() => Some(String::new()),
            Ok(_) => Some(text),
            Err(error) => self.invalid(format!("`{}` is no path: {error}", self.shown()), error.hint()),
        }
    }

    pub fn boolean(&self) -> Option<bool> {
        match self.scalar() {
            Some(scalar) if scalar.kind == ScalarKind::Boolean => Some(scalar.text.eq_ignore_ascii_case("true")),
            _ => self.wrong_type("true or false"),
        }
    }

    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let Some(scalar) = self.scalar().filter(|s| s.kind == ScalarKind::Number) else {
            return self.wrong_type("a whole number");
        };
        match scalar.text.parse::<u64>() {
            Ok(number) if range.contains(&number) => Some(number),
            _ => self.invalid(
                format!("`{}` cannot be {}", self.key, scalar.shown()),
                format!("give it a whole number from {} to {}", range.start(), range.end()),
            ),
        }
    }

    pub fn duration(&self) -> Option<Duration> {
        let text = self.unit_text("a duration such as `30s`, `5m` or `2h`, or a number of seconds")?;
        let duration = parse_duration(&text);
        if duration.is_none() {
            let hint = "write `500ms`, `30s`, `5m`, `2h` or `1d`, or a number of seconds";
            return self.invalid(format!("`{}` is no duration", self.shown()), hint);
        }
        duration
    }

    /// A duration of at least a millisecond.
    pub fn positive_duration(&self) -> Option<Duration> {
        let duration = self.duration()?;
        if duration < Duration::from_millis(1) {
            return self.invalid(format!("`{}` must be longer than zero", self.key), "give it a longer duration");
        }
        Some(duration)
    }

    pub fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.unit_text("a size such as `64MiB`, or a number of bytes")?;
        match parse_size(&text) {
            Some(size) if range.contains(&size) => Some(size),
            Some(_) => self.invalid(
                format!("`{}` cannot be {}", self.key, self.shown()),
                format!("give it a size from {} to {} bytes", range.start(), range.end()),
            ),
            None => {
                self.invalid(format!("`{}` is no size", self.shown()), "write `64MiB`, `20GB` or a number of bytes")
            }
        }
    }

    fn unit_text(&self, expected: &str) -> Option<String> {
        match self.scalar().filter(|s| matches!(s.kind, ScalarKind::Text | ScalarKind::Number)) {
            Some(scalar) => Some(scalar.text.clone()),
            None => self.wrong_type(expected),
        }
    }

    /// A timestamp, a date or a number.
    pub fn cursor(&self) -> Option<CursorValue> {
        let Some(scalar) = self.scalar().filter(|s| matches!(s.kind, ScalarKind::Text | ScalarKind::Number)) else {
            return self.wrong_type("a timestamp or a number");
        };
        let value = CursorValue::parse(&scalar.text);
        if value.is_none() {
            let hint = "write an RFC 3339 timestamp such as \"2026-01-01T00:00:00Z\", a date or a number";
            return self.invalid(format!("`{}` is neither a timestamp nor a number", scalar.shown()), hint);
        }
        value
    }

    pub fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.unknown_choice(&names)
    }

    /// Says that the value is none of those that the key takes.
    pub fn unknown_choice<T>(&self, names: &[&str]) -> Option<T> {
        let shown = self.shown();
        let key = self.key.rsplit('.').next().unwrap_or(&self.key);
        let message = format!("`{key}` cannot be `{shown}`; valid: {}", names.join(", "));
        let hint = match nearest(&shown, names) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "choose one of the valid ones".to_owned(),
        };
        self.invalid(message, hint)
    }

    pub fn is_list(&self) -> bool {
        matches!(self.node.content, Content::List(_))
    }

    pub fn list(&self) -> Option<Vec<Value<'a>>> {
        let Content::List(items) = &self.node.content else { return self.wrong_type("a list") };
        let problems = self.problems;
        let item = |(index, node): (usize, &'a Node)| {
            let key = format!("{}[{index}]", self.key);
            problems.note_position(&key, node.position);
            Value { node, key, problems }
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// One name, or a list of distinct names.
    pub fn names(&self) -> Vec<String> {
        if self.scalar().is_some() {
            return self.text().into_iter().collect();
        }
        let items = match &self.node.content {
            Content::List(_) => self.list().unwrap_or_default(),
            _ => return self.wrong_type::<Vec<String>>("a name or a list of names").unwrap_or_default(),
        };
        if items.is_empty() {
            return self.invalid::<Vec<String>>(format!("`{}` is empty", self.key), "name a field").unwrap_or_default();
        }
        let mut names: Vec<String> = Vec::new();
        for item in items {
            match item.text() {
                Some(name) if names.contains(&name) => {
                    let _: Option<()> = item.invalid(format!("`{name}` is named twice"), "remove one of them");
                }
                name => names.extend(name),
            }
        }
        names
    }

    pub fn texts(&self) -> Vec<(String, Value<'a>)> {
        let items = self.list().unwrap_or_default();
        items.into_iter().filter_map(|item| Some((item.text()?, item))).collect()
    }

    pub fn block(&self) -> Option<Block<'a>> {
        let Content::Map(entries) = &self.node.content else { return self.wrong_type("a mapping") };
        let mut block = Block::empty(&self.key, self.node.position, self.problems);
        for (key, node) in entries {
            self.problems.note_position(&block.path(&key.name), key.position);
            block.entries.push((&key.name, key.position, node));
        }
        Some(block)
    }

    pub fn pairs(&self, repeats: bool) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let Some(mut block) = self.block() else { return pairs };
        for (name, value) in block.rest() {
            let values = match &value.node.content {
                Content::List(_) if repeats => value.list().unwrap_or_default(),
                _ => vec![value],
            };
            pairs.extend(values.iter().filter_map(Value::scalar_text).map(|text| (name.clone(), text)));
        }
        pairs
    }

    /// The value as JSON: what components and request bodies get. Numbers must survive exactly.
    pub fn json(&self) -> Option<Json> {
        match &self.node.content {
            Content::List(_) => {
                let items: Vec<_> = self.list()?.iter().map(Self::json).collect();
                items.into_iter().collect::<Option<_>>().map(Json::Array)
            }
            Content::Map(_) => {
                let entries: Vec<_> = self.block()?.rest().iter().map(|(name, v)| (name.clone(), v.json())).collect();
                let object = entries.into_iter().map(|(name, value)| Some((name, value?)));
                object.collect::<Option<Map<_, _>>>().map(Json::Object)
            }
            Content::Scalar(scalar) => match scalar.kind {
                ScalarKind::Null => Some(Json::Null),
                ScalarKind::Boolean => self.boolean().map(Json::Bool),
                ScalarKind::Text => Some(Json::String(scalar.text.clone())),
                ScalarKind::Number => match exact_json_number(&scalar.text) {
                    Some(number) => Some(number),
                    None => self.invalid(
                        format!("`{}` has more digits than a number here can keep", scalar.shown()),
                        "put it in quotes",
                    ),
                },
                ScalarKind::OddNumber => self.invalid(
                    format!("`{}` is a number to YAML but not to JSON", scalar.shown()),
                    "write it as a decimal number, or put it in quotes",
                ),
            },
        }
    }

    /// The scalar for messages: as it stands in the file, in one line of bounded length.
    pub fn shown(&self) -> String {
        self.scalar().map(Scalar::shown).unwrap_or_default()
    }
}

/// A JSON number of the same value; `None` where a 64-bit integer or float would round it.
fn exact_json_number(text: &str) -> Option<Json> {
    let number: Json = serde_json::from_str(text).ok().filter(Json::is_number)?;
    (ExactNumber::parse(&number.to_string())? == ExactNumber::parse(text)?).then_some(number)
}

impl Scalar {
    /// For messages: variables stay names, and no value breaks the line.
    fn shown(&self) -> String {
        let text = self.written.as_deref().unwrap_or(&self.text);
        let mut shown = foreign::one_line(&text.chars().take(80).collect::<String>()).into_owned();
        if text.chars().count() > 80 {
            shown.push('…');
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_near_or_absent() {
        let known = ["pagination", "records_path", "params", "url", "headers"];
        for (name, expected) in [
            ("pagnation", Some("pagination")),
            ("record_path", Some("records_path")),
            ("records-path", Some("records_path")),
            ("Headers", Some("headers")),
            ("ulr", Some("url")),
            ("banana", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name, &known).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn numbers_become_json_only_where_they_stay_exact() {
        for (text, exact) in [
            ("1", true),
            ("-9223372036854775808", true),
            ("18446744073709551615", true),
            ("0.1", true),
            ("1.10", true),
            ("1e400", false),
            ("18446744073709551617", false),
            ("0.1000000000000000055511151231257827", false),
        ] {
            assert_eq!(exact_json_number(text).is_some(), exact, "{text}");
        }
    }
}
