//! The values that a key takes, in words.

use super::key::{Key, Support, Takes, Word};

impl Key {
    /// The values that the key takes, in one line of Markdown.
    pub fn takes_in_words(&self) -> String {
        match (self.support, self.default) {
            (Support::OnlyDefault, Some(default)) => format!("`{default}`"),
            (Support::Later, _) => "not yet".to_owned(),
            _ => described(self.takes, unit(self.name)),
        }
    }

    /// The behaviour without the key, in one line of Markdown.
    pub fn default_in_words(&self) -> String {
        match (self.is_required, self.default, self.without) {
            (true, ..) => "required".to_owned(),
            (_, Some(default), _) => format!("`{default}`"),
            (_, _, Some(words)) => words.to_owned(),
            _ => String::new(),
        }
    }

    /// The words that it takes and what each means, those of them that mean something of their own.
    pub fn words(&self) -> &'static [Word] {
        match self.takes {
            Takes::Choice(words) | Takes::Words(words) => words,
            _ => &[],
        }
    }
}

/// Names of keys end in their units, where text does not name one.
fn unit(name: &str) -> &'static str {
    match name.rsplit('_').next() {
        Some("ms") => " of milliseconds",
        Some("pct") => " of percent",
        _ => "",
    }
}

fn described(takes: Takes, unit: &str) -> String {
    let fixed = match takes {
        Takes::Text | Takes::AnyText => "text",
        Takes::Path => "a dotted path",
        Takes::Verbatim => "text, a number or a boolean, as it is written",
        Takes::Flag => "`true` or `false`",
        Takes::Duration => "a duration",
        Takes::PositiveDuration => "a duration above zero",
        Takes::Names => "a name, or a list of names",
        Takes::Texts => "a list of strings",
        Takes::Pairs(false) => "a mapping from names to values",
        Takes::Pairs(true) => "a mapping from names to values, or to lists of values",
        Takes::Cursor => "a timestamp, a date or a number",
        Takes::Scalar => "text or a number",
        Takes::Any => "any value",
        Takes::Mapping => "a mapping",
        Takes::Block(_) => "a block",
        Takes::Tagged(..) => "a block with a `type`",
        Takes::Plugin(..) => "a plugin",
        _ => "",
    };
    match takes {
        Takes::Pattern(_, words) => words.to_owned(),
        Takes::Integer(least, most) => {
            range("a whole number", unit, &least.to_string(), (most < u64::MAX).then_some(most))
        }
        Takes::Number(least, most) => range("a number", unit, &least.to_string(), Some(most)),
        Takes::Size(least, most) => {
            let most = (most < u64::MAX).then(|| size(most));
            range("a size", "", &size(least), most)
        }
        Takes::WordOrDuration(word) => format!("`{word}`, or a duration"),
        Takes::Choice(words) => one_of(&names(words)),
        Takes::Words(words) => format!("a list of {}", joined(&names(words), "and")),
        Takes::Form(_) | Takes::Builtin(_) => one_of(&takes.forms().iter().map(|form| form.name).collect::<Vec<_>>()),
        Takes::List(Takes::Plugin(..)) => "a list of plugins".to_owned(),
        Takes::List(inner) => format!("a list, each {}", described(*inner, unit)),
        Takes::Named(_, inner) => format!("a mapping from names, each to {}", described(*inner, unit)),
        Takes::Either(one, other) => format!("{}; or {}", described(*one, unit), described(*other, unit)),
        _ => fixed.to_owned(),
    }
}

fn range(what: &str, unit: &str, least: &str, most: Option<impl std::fmt::Display>) -> String {
    match most {
        Some(most) => format!("{what}{unit} from {least} to {most}"),
        None if least == "0" => format!("{what}{unit}"),
        None => format!("{what}{unit}, at least {least}"),
    }
}

/// Bytes as people write them.
fn size(bytes: u64) -> String {
    let units = [("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.iter().find(|(_, shift)| bytes >= 1 << shift && bytes.is_multiple_of(1 << shift));
    unit.map_or_else(|| bytes.to_string(), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}

/// The words that work in this release.
fn names(words: &[Word]) -> Vec<&'static str> {
    words.iter().filter(|word| !word.is_later).map(|word| word.name).collect()
}

fn one_of(names: &[&str]) -> String {
    joined(names, "or")
}

fn joined(names: &[&str], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}
