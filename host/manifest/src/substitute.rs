//! `${NAME}` and `{{ name }}` in string values: the only templating of a manifest.
//!
//! `${NAME}` is an environment variable, `{{ data_interval_start }}` and `{{ data_interval_end }}`
//! the window of the run, any other `{{ name }}` a run parameter. `$${` stands for a literal `${`.
//! Keys are never substituted, and what was filled in is not read again.

use crate::error::Error;
use std::collections::BTreeMap;

/// From a variable's name to its value.
pub type Lookups = dyn Fn(&str) -> Option<String>;

/// Where the values of references come from.
pub struct Variables {
    /// Looks up an environment variable.
    pub env: Box<Lookups>,
    /// `--param name=value`.
    pub params: BTreeMap<String, String>,
    /// Start and end of the data interval.
    pub interval: Option<(String, String)>,
}

impl Variables {
    /// No environment, no parameters, no interval.
    pub fn none() -> Self {
        Self { env: Box::new(|_| None), params: BTreeMap::new(), interval: None }
    }
}

/// Result of filling in one scalar.
pub(crate) enum Substitution {
    Unchanged,
    Changed { text: String, missing: Vec<Missing> },
}

/// A reference that could not be filled in.
pub(crate) struct Missing {
    /// As it is written, so that its position can be found.
    pub reference: String,
    pub error: Error,
}

pub(crate) fn substitute(text: &str, variables: &Variables) -> Substitution {
    if !text.contains("${") && !text.contains("{{") {
        return Substitution::Unchanged;
    }
    let mut filled = String::with_capacity(text.len());
    let mut missing = Vec::new();
    let mut scan = Scan { rest: text, unclosed: Unclosed::default() };
    while let Some((before, reference)) = scan.next_reference() {
        filled.push_str(before);
        match reference {
            Reference::Escaped => filled.push_str("${"),
            Reference::Named { written, result: Ok(lookup) } => match value_of(&lookup, variables) {
                Ok(value) => filled.push_str(&value),
                Err(hint) => {
                    let reference = written.to_owned();
                    missing.push(Missing {
                        error: Error::MissingVariable { reference: format!("`{written}`"), hint },
                        reference,
                    });
                    filled.push_str(written);
                }
            },
            Reference::Named { written, result: Err(hint) } => {
                let error = Error::InvalidValue { message: format!("`{written}` is not a reference"), hint };
                missing.push(Missing { reference: written.to_owned(), error });
                filled.push_str(written);
            }
        }
    }
    filled.push_str(scan.rest);
    Substitution::Changed { text: filled, missing }
}

enum Reference<'a> {
    Escaped,
    Named { written: &'a str, result: Result<Lookup<'a>, String> },
}

enum Lookup<'a> {
    Environment(&'a str),
    Parameter(&'a str),
}

/// One pass over a text: no part of it is looked at for each reference before it.
struct Scan<'a> {
    rest: &'a str,
    unclosed: Unclosed,
}

/// Kinds of reference that nothing in the rest closes.
#[derive(Default)]
struct Unclosed {
    environment: bool,
    parameter: bool,
}

impl<'a> Scan<'a> {
    /// Splits at the first reference, and goes behind it.
    fn next_reference(&mut self) -> Option<(&'a str, Reference<'a>)> {
        let at = self.rest.as_bytes().windows(2).position(|pair| pair == b"${" || pair == b"{{")?;
        let (before, tail) = self.rest.split_at_checked(at)?;
        let is_environment = tail.starts_with("${");
        if let Some(before) = before.strip_suffix('$').filter(|_| is_environment) {
            self.rest = tail.get(2..)?;
            return Some((before, Reference::Escaped));
        }
        let (close, is_unclosed) = match is_environment {
            true => ("}", &mut self.unclosed.environment),
            false => ("}}", &mut self.unclosed.parameter),
        };
        let end = if *is_unclosed { None } else { tail.find(close) };
        let Some(end) = end.map(|end| end + close.len()) else {
            *is_unclosed = true;
            let (written, after) = tail.split_at_checked(2)?;
            self.rest = after;
            let hint = format!("close it with `{close}`, or write `$${{` for a literal `${{`");
            return Some((before, Reference::Named { written, result: Err(hint) }));
        };
        let (written, after) = tail.split_at_checked(end)?;
        self.rest = after;
        let inner = written.get(2..end - close.len())?.trim();
        let is_name = !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let result = match (is_name, is_environment) {
            (false, _) => Err("a name has letters, digits and `_`; nothing else is evaluated".to_owned()),
            (true, true) => Ok(Lookup::Environment(inner)),
            (true, false) => Ok(Lookup::Parameter(inner)),
        };
        Some((before, Reference::Named { written, result }))
    }
}

fn value_of(lookup: &Lookup<'_>, variables: &Variables) -> Result<String, String> {
    match *lookup {
        Lookup::Environment(name) => {
            (variables.env)(name).ok_or_else(|| format!("set the environment variable {name}"))
        }
        Lookup::Parameter(name @ ("data_interval_start" | "data_interval_end")) => {
            let interval = variables.interval.as_ref();
            let value = interval.map(|(start, end)| if name == "data_interval_start" { start } else { end });
            value.cloned().ok_or_else(|| "give the data interval with `--from` and `--to`".to_owned())
        }
        Lookup::Parameter(name) => {
            variables.params.get(name).cloned().ok_or_else(|| format!("give it with `--param {name}=VALUE`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> (String, Vec<String>) {
        let variables = Variables {
            env: Box::new(|name| (name == "HOST").then(|| "api.test ${NESTED}".to_owned())),
            params: BTreeMap::from([("region".to_owned(), "eu".to_owned())]),
            interval: Some(("2026-01-01".to_owned(), "2026-01-02".to_owned())),
        };
        match substitute(text, &variables) {
            Substitution::Unchanged => (text.to_owned(), Vec::new()),
            Substitution::Changed { text, missing } => (text, missing.into_iter().map(|m| m.reference).collect()),
        }
    }

    #[test]
    fn references_are_filled_in_once() {
        let cases = [
            ("plain $ { } text", "plain $ { } text"),
            ("https://${HOST}/x", "https://api.test ${NESTED}/x"),
            ("{{ region }}-{{region}}", "eu-eu"),
            ("{{ data_interval_start }}/{{ data_interval_end }}", "2026-01-01/2026-01-02"),
            ("$${HOST}", "${HOST}"),
            ("é${HOST}é$${", "éapi.test ${NESTED}é${"),
        ];
        for (text, expected) in cases {
            assert_eq!(fill(text), (expected.to_owned(), Vec::new()), "{text}");
        }
    }

    /// With a look at the rest of the text for each reference, these take minutes.
    #[test]
    fn a_large_text_is_read_once() {
        let count = 1 << 19;
        for (unit, expected, missing) in [
            ("${HOST}", "api.test ${NESTED}", 0),
            ("{{region}}", "eu", 0),
            ("$${", "${", 0),
            ("${", "${", count),
            ("{{", "{{", count),
            ("}{{", "}{{", count),
            ("{{${NOPE}", "{{${NOPE}", 2 * count),
        ] {
            let (filled, named) = fill(&unit.repeat(count));
            assert!(filled == expected.repeat(count), "{unit}");
            assert_eq!(named.len(), missing, "{unit}");
        }
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        for (text, reference) in [
            ("a ${NOPE} b", "${NOPE}"),
            ("{{ nope }}", "{{ nope }}"),
            ("${HOST:-x}", "${HOST:-x}"),
            ("{{ a.b }}", "{{ a.b }}"),
            ("open ${HOST", "${"),
            ("{{ open", "{{"),
        ] {
            assert_eq!(fill(text).1, [reference], "{text}");
        }
    }
}
