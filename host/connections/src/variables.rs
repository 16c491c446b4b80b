//! `${NAME}` in the values of profiles and connection files.

/// A text after its references were replaced, or the first variable that is not set.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expanded {
    Text(String),
    Missing(String),
    /// `${` without a name and a closing brace.
    Malformed,
}

/// Replaces each `${NAME}` by the variable's value; `$${` is a literal `${`. A dollar sign that no
/// brace follows stays as it is, and what a variable holds is not looked at again.
pub(crate) fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Expanded {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let Some((name, after)) = after.split_once('}').filter(|(name, _)| is_name(name)) else {
            return Expanded::Malformed;
        };
        match env(name) {
            Some(value) => out.push_str(&value),
            None => return Expanded::Missing(name.to_owned()),
        }
        rest = after;
    }
    out.push_str(rest);
    Expanded::Text(out)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_once() {
        let env = |name: &str| match name {
            "A" => Some("1".to_owned()),
            "NESTED" => Some("${A}".to_owned()),
            _ => None,
        };
        let text = |t: &str| Expanded::Text(t.to_owned());
        for (input, expected) in [
            ("plain", text("plain")),
            ("pa$$word", text("pa$$word")),
            ("${A}${A}-x", text("11-x")),
            ("${NESTED}", text("${A}")),
            ("$${A}", text("${A}")),
            ("x${GONE}", Expanded::Missing("GONE".into())),
            ("${A", Expanded::Malformed),
            ("${}", Expanded::Malformed),
            ("${1A}", Expanded::Malformed),
        ] {
            assert_eq!(expand(input, &env), expected, "{input}");
        }
    }
}
