//! Which licences the dependencies may have: those that a user can ship inside one binary.

use serde_json::Value;

/// SPDX ids that ask for nothing but attribution (or nothing at all).
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// One line for each package whose licence is unknown or not allowed.
pub fn violations(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    packages
        .iter()
        .filter_map(|package| {
            let licence = package["license"].as_str().unwrap_or_default();
            let label = || format!("{} {}", package["name"], package["version"]);
            (!is_allowed(licence)).then(|| format!("{}: licence `{licence}`", label()))
        })
        .collect()
}

/// An SPDX expression of `AND`, `OR` and parentheses, or the older form with slashes.
pub fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let mut tokens = tokenize(&expression).into_iter().peekable();
    let allowed = either(&mut tokens);
    allowed && tokens.next().is_none()
}

type Tokens<'a> = std::iter::Peekable<std::vec::IntoIter<String>>;

fn tokenize(expression: &str) -> Vec<String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let mut tokens: Vec<String> = Vec::new();
    for word in spaced.split_whitespace() {
        match tokens.last_mut() {
            // An exception belongs to the id before it.
            Some(last) if word == "WITH" || last.ends_with("WITH") => {
                last.push(' ');
                last.push_str(word);
            }
            _ => tokens.push(word.to_owned()),
        }
    }
    tokens
}

fn either(tokens: &mut Tokens<'_>) -> bool {
    let mut allowed = both(tokens);
    while tokens.next_if(|token| token == "OR").is_some() {
        allowed |= both(tokens);
    }
    allowed
}

fn both(tokens: &mut Tokens<'_>) -> bool {
    let mut allowed = one(tokens);
    while tokens.next_if(|token| token == "AND").is_some() {
        allowed &= one(tokens);
    }
    allowed
}

fn one(tokens: &mut Tokens<'_>) -> bool {
    match tokens.next() {
        Some(token) if token == "(" => {
            let allowed = either(tokens);
            tokens.next();
            allowed
        }
        Some(token) => ALLOWED.contains(&token.as_str()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "MIT/Apache-2.0",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND AGPL-3.0", "LicenseRef-x"] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }

    #[test]
    fn every_dependency_may_be_shipped() {
        for folder in [".", "plugins"] {
            let metadata = crate::metadata(folder, true).unwrap();
            assert_eq!(violations(&metadata), Vec::<String>::new(), "{folder}");
        }
    }
}
