//! Dotted paths into a JSON value: the one grammar of every option that is a path.

use std::borrow::Cow;
use std::fmt;

/// A path such as `data.items` or `meta.next`.
///
/// Segments are separated by dots. A backslash takes its meaning from the character behind it:
/// `\.` is a dot inside of a segment, `\\` a backslash. An empty text and a single `.` mean the
/// root. A segment of digits also indexes an array, from 0. [`Path::check`] refuses positions that are
/// counted from the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Path(Vec<String>);

/// Characters that a backslash makes part of a name. Digits and `-` are among them for names such
/// as `0` and `-1`.
fn is_escapable(character: char) -> bool {
    matches!(character, '.' | '\\' | '$' | '[' | ']' | '*' | '#' | '/' | '@' | '-') || character.is_ascii_digit()
}

/// Why a text that a person wrote is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// A dot at the end of the text, or with nothing before it.
    Empty,
    /// JSONPath's root or current node.
    Dollar,
    Bracket,
    /// `*` or `#`, which stand for every element elsewhere.
    Wildcard,
    /// `-1`: a position that is counted from the end of a list.
    Index,
    /// A JSON pointer.
    Slash,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it has an empty name between two dots, or at an end",
            Self::Dollar => "`$` and `@` belong to JSONPath",
            Self::Bracket => "brackets belong to JSONPath and JMESPath",
            Self::Wildcard => "`*` and `#` stand for every element elsewhere, and for nothing here",
            Self::Index => "a negative number counts from the end of a list, which is not supported",
            Self::Slash => "a leading `/` belongs to JSON Pointer",
        })
    }
}

impl PathError {
    /// How to write what was meant.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Empty => "write names between single dots, such as `data.items`; `\\.` is a dot in a name",
            Self::Dollar => {
                "begin with the first name, such as `data.items`; `\\$` and `\\@` begin a name with these characters"
            }
            Self::Bracket => "write names between dots, such as `data.items`; `\\[` and `\\]` are brackets in a name",
            Self::Wildcard => {
                "end the path at the list itself, such as `data.items`; `\\*` and `\\#` are names of that character"
            }
            Self::Index => "positions count from 0, such as `links.0.href`; `\\-1` is a field with such a name",
            Self::Slash => "write dots instead, such as `data.items`; `\\/` begins a name with a slash",
        }
    }
}

impl Path {
    /// Reads any text: what no grammar has a meaning for is part of a name.
    pub fn parse(text: &str) -> Self {
        Self(segments(text).into_iter().map(|segment| segment.name).collect())
    }

    /// Reads a path that a person wrote. What means something in another dialect is refused, since
    /// as a name it would be in no answer.
    pub fn check(text: &str) -> Result<Self, PathError> {
        if text.starts_with('/') {
            return Err(PathError::Slash);
        }
        let segments = segments(text);
        for (position, segment) in segments.iter().enumerate() {
            segment.check(position == 0)?;
        }
        Ok(Self(segments.into_iter().map(|segment| segment.name).collect()))
    }

    /// The field of this name, whatever characters it holds.
    pub fn of_field(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// The first `count` segments.
    pub fn prefix(&self, count: usize) -> Self {
        Self(self.0.iter().take(count).cloned().collect())
    }
}

/// A segment as it was read: its name, and the characters of it that no backslash stood before.
#[derive(Default)]
struct Segment {
    name: String,
    plain: String,
    has_escape: bool,
}

impl Segment {
    fn check(&self, is_first: bool) -> Result<(), PathError> {
        let plain = self.plain.as_str();
        if self.name.is_empty() {
            return Err(PathError::Empty);
        }
        if plain.contains(['[', ']']) {
            return Err(PathError::Bracket);
        }
        if is_first && plain.starts_with('$') && self.name.starts_with('$') || self.name == "@" && plain == "@" {
            return Err(PathError::Dollar);
        }
        if self.has_escape {
            return Ok(());
        }
        let is_negative =
            plain.strip_prefix('-').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        match plain {
            "#" | "-" => Err(PathError::Wildcard),
            stars if stars.bytes().all(|byte| byte == b'*') => Err(PathError::Wildcard),
            query if query.starts_with("#(") => Err(PathError::Wildcard),
            _ if is_negative => Err(PathError::Index),
            _ => Ok(()),
        }
    }
}

fn segments(text: &str) -> Vec<Segment> {
    if text.is_empty() || text == "." {
        return Vec::new();
    }
    let mut segments = vec![Segment::default()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '.' {
            segments.push(Segment::default());
            continue;
        }
        let Some(segment) = segments.last_mut() else { break };
        match characters.next_if(|next| character == '\\' && is_escapable(*next)) {
            Some(literal) => {
                segment.name.push(literal);
                segment.has_escape = true;
            }
            None => {
                segment.name.push(character);
                segment.plain.push(character);
            }
        }
    }
    segments
}

impl From<&str> for Path {
    fn from(text: &str) -> Self {
        Self::parse(text)
    }
}

/// As [`Path::parse`] reads it; the root is empty.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            let special = segment.contains(['.', '\\']);
            let text =
                if special { Cow::Owned(segment.replace('\\', "\\\\").replace('.', "\\.")) } else { segment.into() };
            f.write_str(&text)?;
        }
        Ok(())
    }
}

/// A segment as an array's index.
pub(crate) fn index(segment: &str) -> Option<usize> {
    let is_digits = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits { segment.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_and_back() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("", &[], ""),
            (".", &[], ""),
            ("data", &["data"], "data"),
            ("data.items", &["data", "items"], "data.items"),
            (r"@odata\.nextLink", &["@odata.nextLink"], r"@odata\.nextLink"),
            (r"a\\.b", &[r"a\", "b"], r"a\\.b"),
            (r"a\b", &[r"a\b"], r"a\\b"),
            (r"end\", &[r"end\"], r"end\\"),
            ("a..b", &["a", "", "b"], "a..b"),
            ("a.", &["a", ""], "a."),
            ("0.länge", &["0", "länge"], "0.länge"),
            (r"\$ref.a\[0\].\*.\/x.\-1.\0", &["$ref", "a[0]", "*", "/x", "-1", "0"], "$ref.a[0].*./x.-1.0"),
        ];
        for (text, segments, shown) in cases {
            let path = Path::parse(text);
            assert_eq!(path.segments(), *segments, "{text}");
            assert_eq!(path.to_string(), *shown, "{text}");
            assert_eq!(Path::parse(&path.to_string()), path, "{text}");
        }
    }

    #[test]
    fn a_written_path_is_names_between_dots() {
        for text in [
            "",
            ".",
            "data.items",
            r"@odata\.nextLink",
            "@odata",
            "@type.next",
            r"\@",
            r"\$ref",
            r"\$",
            "a.$ref",
            "price$",
            r"a\[0\]",
            r"data.\*",
            r"data.\#",
            "#text",
            "item*",
            "1st",
            "-x",
            "0",
            "meta.0.next",
            "links.12.href",
            r"\0",
            r"data.\-1.id",
            r"data.\12",
            r"\/orders",
            "a/b",
            "next page",
            "länge",
            r"a\b",
        ] {
            assert_eq!(Path::check(text), Ok(Path::parse(text)), "{text}");
        }
    }

    #[test]
    fn other_dialects_are_refused() {
        use PathError::{Bracket, Dollar, Empty, Index, Slash, Wildcard};
        for (text, error) in [
            ("$", Dollar),
            ("$.data", Dollar),
            ("$data", Dollar),
            ("$..id", Dollar),
            ("@", Dollar),
            ("@.items", Dollar),
            ("$.data[*].id", Dollar),
            ("$['data']", Bracket),
            ("data[0]", Bracket),
            ("data[*].id", Bracket),
            ("data[].id", Bracket),
            ("data]", Bracket),
            ("data.*", Wildcard),
            ("*", Wildcard),
            ("data.**.id", Wildcard),
            ("data.#", Wildcard),
            ("data.#(id=1)", Wildcard),
            ("-1", Index),
            ("data.-1.id", Index),
            ("/data/items", Slash),
            ("/", Slash),
            ("..", Empty),
            (".data", Empty),
            ("data.", Empty),
            ("data..items", Empty),
        ] {
            assert_eq!(Path::check(text), Err(error), "{text}");
            assert!(!error.to_string().is_empty() && !error.hint().is_empty());
        }
    }

    #[test]
    fn only_digits_index() {
        assert_eq!(index("10"), Some(10));
        assert_eq!(["", "+1", "-1", "1a", "99999999999999999999999"].map(index), [None; 5]);
    }
}
