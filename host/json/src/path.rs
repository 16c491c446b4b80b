//! Dotted paths into a JSON value.

use std::borrow::Cow;
use std::fmt;

/// A path such as `data.items` or `meta.0.next`.
///
/// Segments are separated by dots; `\.` is a dot inside of a segment and `\\` a backslash. An empty
/// text and a single `.` mean the root. A segment of digits also indexes an array, from 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Path(Vec<String>);

impl Path {
    pub fn parse(text: &str) -> Self {
        if text.is_empty() || text == "." {
            return Self::default();
        }
        let mut segments = vec![String::new()];
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let literal = match character {
                '.' => {
                    segments.push(String::new());
                    continue;
                }
                '\\' => characters.next_if(|next| matches!(next, '.' | '\\')).unwrap_or('\\'),
                other => other,
            };
            if let Some(segment) = segments.last_mut() {
                segment.push(literal);
            }
        }
        Self(segments)
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
    pub(crate) fn prefix(&self, count: usize) -> Self {
        Self(self.0.iter().take(count).cloned().collect())
    }
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
        ];
        for (text, segments, shown) in cases {
            let path = Path::parse(text);
            assert_eq!(path.segments(), *segments, "{text}");
            assert_eq!(path.to_string(), *shown, "{text}");
            assert_eq!(Path::parse(&path.to_string()), path, "{text}");
        }
    }

    #[test]
    fn only_digits_index() {
        assert_eq!(index("10"), Some(10));
        assert_eq!(["", "+1", "-1", "1a", "99999999999999999999999"].map(index), [None; 5]);
    }
}
