//! `WWW-Authenticate` as registries send it (RFC 9110, section 11; RFC 6750): what they ask for.

/// A registry's demand before it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    /// A token of this service.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

/// The challenge of these headers that can be met; a token before a password.
pub(super) fn challenge(headers: &[(String, String)]) -> Option<Challenge> {
    let values = || {
        headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate")).map(|(_, value)| value.trim())
    };
    values()
        .find_map(bearer)
        .or_else(|| values().any(|value| scheme(value, "basic").is_some()).then_some(Challenge::Basic))
}

fn bearer(value: &str) -> Option<Challenge> {
    let parameters = parameters(scheme(value, "bearer")?);
    let get = |wanted: &str| {
        parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.clone())
    };
    Some(Challenge::Bearer { realm: get("realm")?, service: get("service"), scope: get("scope") })
}

/// The text behind the scheme's name, where it is this one.
fn scheme<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let (found, rest) = value.split_once(' ').unwrap_or((value, ""));
    found.eq_ignore_ascii_case(name).then_some(rest)
}

/// `name=value, name="quoted, value"`.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let end = after.find(',').unwrap_or(after.len());
                let (value, after) = after.split_at(end);
                (value.trim().to_owned(), after)
            }
        };
        parameters.push((name.trim().to_owned(), value));
        rest = after.trim_start_matches([' ', ',']);
    }
    parameters
}

/// A quoted string up to its end, and what is behind it.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        let token = |realm: &str, service: Option<&str>, scope: Option<&str>| Challenge::Bearer {
            realm: realm.into(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        };
        for (values, expected) in [
            (&["Basic realm=\"x\""][..], Some(Challenge::Basic)),
            (&["basic"], Some(Challenge::Basic)),
            (
                &[
                    "Bearer realm=\"https://auth.example/token\",service=\"r.example\",scope=\"repository:a/b:pull,push\"",
                ],
                Some(token("https://auth.example/token", Some("r.example"), Some("repository:a/b:pull,push"))),
            ),
            (&["bearer service=r, realm=\"a \\\"b\""], Some(token("a \"b", Some("r"), None))),
            (&["Basic realm=x", "Bearer realm=y"], Some(token("y", None, None))),
            (&["Bearer service=\"no realm\""], None),
            (&["Negotiate"], None),
            (&[], None),
        ] {
            let headers: Vec<_> =
                values.iter().map(|value| ("WWW-Authenticate".to_owned(), (*value).to_owned())).collect();
            assert_eq!(challenge(&headers), expected, "{values:?}");
        }
    }
}
