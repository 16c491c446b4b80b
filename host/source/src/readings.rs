//! Requests that a server may read in another way than this host does.
//!
//! A granted path prefix, and a method that was not granted, protect nothing if the server behind
//! decodes the path once more, cuts path parameters out of it, or takes a parameter for the method.
//! So each text is decoded as often as a server may do it, and a text with two readings is refused.

use dpone_model::foreign;
use url::form_urlencoded;

/// A server or proxy that decodes more often than this is not known.
const MAX_DECODINGS: usize = 6;

/// Where a path lies, as seen from a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lies {
    /// At the prefix or below it, for every server.
    Below,
    Elsewhere,
    /// Below it as written; the reason names what a server may read in another way.
    Unclear(&'static str),
}

/// The author of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// May write an encoded slash that is part of a name, such as GitLab's `/projects/group%2Fproject`.
    Manifest,
    Plugin,
}

/// Where the path of a parsed URL lies. The prefix is the manifest's or the operator's word, so that only
/// what comes behind it is judged.
pub fn lies(path: &str, prefix: &str, author: Author) -> Lies {
    let Some(rest) = path.strip_prefix(prefix.trim_end_matches('/')) else { return Lies::Elsewhere };
    if !rest.is_empty() && !rest.starts_with('/') {
        return Lies::Elsewhere;
    }
    second_reading(rest, author).map_or(Lies::Below, Lies::Unclear)
}

/// The part of a path that has a second reading. Dot segments as the URL standard knows them
/// (`..`, `%2e%2E`) were resolved when the URL was parsed.
fn second_reading(path: &str, author: Author) -> Option<&'static str> {
    let separators = |text: &[u8]| text.iter().filter(|byte| matches!(byte, b'/' | b'\\')).count();
    let written = separators(path.as_bytes());
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..MAX_DECODINGS {
        // Overlong encodings such as %c0%af are no UTF-8, and so are those of old code pages.
        let Ok(text) = std::str::from_utf8(&bytes) else { return Some("bytes that are not UTF-8") };
        if text.chars().any(char::is_control) {
            return Some("a control character");
        }
        if text.contains(looks_like_separator) {
            return Some("a character that some servers take for a dot or a slash");
        }
        if has_u_escape(&bytes) {
            return Some("an escape of the form %u002e");
        }
        if author == Author::Plugin && separators(&bytes) != written {
            return Some("an encoded slash");
        }
        if text.split(['/', '\\']).any(is_dot_segment) {
            return Some("a dot segment");
        }
        // A server that decodes before it splits the request takes what follows for the query.
        if text.split_once('?').is_some_and(|(_, query)| overriding_parameter(query).is_some()) {
            return Some("an encoded query with another method");
        }
        match decoded(&bytes) {
            Some(next) => bytes = next,
            None => return None,
        }
    }
    Some("a text that is encoded again and again")
}

/// A segment that is `.` or `..` where path parameters (RFC 3986, section 3.3, as Tomcat and Spring read
/// them), a decoded query, trailing dots and spaces (as Windows reads them) or characters that nobody sees
/// are left out.
fn is_dot_segment(segment: &str) -> bool {
    let name = segment.split([';', '?', '#']).next().unwrap_or_default();
    let name: String = name.chars().filter(|character| !foreign::is_hidden(*character)).collect();
    let name = name.trim();
    name.starts_with('.') && name.bytes().all(|byte| matches!(byte, b'.' | b' '))
}

/// Characters that compatibility forms (NFKC) or best-fit code pages turn into a dot, slash or backslash.
fn looks_like_separator(character: char) -> bool {
    matches!(
        character,
        '\u{2024}'
            ..='\u{2026}'
                | '\u{2044}'
                | '\u{2215}'
                | '\u{2216}'
                | '\u{29f5}'
                | '\u{29f8}'
                | '\u{29f9}'
                | '\u{fe52}'
                | '\u{fe68}'
                | '\u{ff0e}'
                | '\u{ff0f}'
                | '\u{ff3c}'
    )
}

/// `%uXXXX`, which no standard knows and IIS decodes.
fn has_u_escape(bytes: &[u8]) -> bool {
    bytes
        .windows(6)
        .any(|at| matches!(at, [b'%', b'u' | b'U', digits @ ..] if digits.iter().all(u8::is_ascii_hexdigit)))
}

/// The text with its percent escapes decoded once; `None` where it has none.
fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let next = percent_decoded(bytes);
    (next != bytes).then_some(next)
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        let escape = match (first, after) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => {
                out.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = after;
            }
        }
    }
    out
}

/// Parameters and body fields that servers take for the method: of Rails, Laravel, Symfony and Express
/// (`_method`), and the names of [`dpone_model::header`] as a parameter.
const OVERRIDING_PARAMETERS: [&str; 7] = [
    "_method",
    "_httpmethod",
    "_http_method",
    "_method_override",
    "x_http_method",
    "x_http_method_override",
    "x_method_override",
];

/// Whether a server may take a parameter or body field for the method, in whatever way its name is encoded.
pub fn is_overriding_parameter(name: &str) -> bool {
    let mut bytes = name.as_bytes().to_vec();
    for _ in 0..MAX_DECODINGS {
        if OVERRIDING_PARAMETERS.contains(&parameter_name(&bytes).as_str()) {
            return true;
        }
        match decoded(&bytes) {
            Some(next) => bytes = next,
            None => return false,
        }
    }
    true
}

/// The name as servers compare it: PHP ends it at NUL, leaves leading spaces out, takes dots, spaces and an
/// opening bracket for `_`, and gives `name[]` as a list.
fn parameter_name(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let text = text.split('\0').next().unwrap_or_default();
    let text = text.trim_start_matches([' ', '+', '\t', '\r', '\n']).trim_end();
    let name: String = match text.split_once('[') {
        // An opening bracket at the start is no list.
        Some(("", rest)) => format!("_{rest}"),
        Some((name, _)) => name.to_owned(),
        None => text.to_owned(),
    };
    name.chars().map(|c| if matches!(c, '.' | ' ' | '+' | '-') { '_' } else { c }).collect()
}

/// The first parameter of a query that a server may take for the method.
pub fn overriding_parameter(query: &str) -> Option<String> {
    overriding_parameters(query).map(|(name, _)| name).next()
}

/// The parameters of a query that a server may take for the method, with the text that each has in the query.
/// Servers split at `&`, old ones at `;`, too.
pub fn overriding_parameters(query: &str) -> impl Iterator<Item = (String, &str)> {
    let named = query.split(['&', ';']).map(|pair| (form_decoded(pair.split('=').next().unwrap_or_default()), pair));
    named.filter(|(name, _)| is_overriding_parameter(name))
}

fn form_decoded(name: &str) -> String {
    form_urlencoded::parse(name.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    /// Each path as the URL library gives it, below `/one/orders`.
    #[test]
    fn paths_with_two_readings_are_seen() {
        use Lies::{Below, Elsewhere, Unclear};
        let dots = Unclear("a dot segment");
        let slash = Unclear("an encoded slash");
        let text = Unclear("bytes that are not UTF-8");
        let control = Unclear("a control character");
        let alike = Unclear("a character that some servers take for a dot or a slash");
        for (path, expected) in [
            ("/one/orders", Below),
            ("/one/orders/", Below),
            ("/one/orders/7/lines", Below),
            ("/one/orders/a%20b/caf%C3%A9", Below),
            ("/one/orders/100%25", Below),
            ("/one/orders/v1.2/..x/.x/x..", Below),
            ("/one/orders/a;v=1/b", Below),
            ("/one/orders/50%25%20off", Below),
            ("/one/orders//7", Below),
            ("/one/orders/../orders/7", Below),
            ("/one/orders/../admin", Elsewhere),
            ("/one/orders/%2e%2E/admin", Elsewhere),
            ("/one/orders\\..\\admin", Elsewhere),
            ("/one/ordersx", Elsewhere),
            ("/one/orders;x/admin", Elsewhere),
            ("/one/orders%2f", Elsewhere),
            ("/ONE/orders/7", Elsewhere),
            ("/one/orders/..;/admin", dots),
            ("/one/orders/..;a=b/admin", dots),
            ("/one/orders/.;/admin", dots),
            ("/one/orders/%2e%2e;/admin", dots),
            ("/one/orders/..%3b/admin", dots),
            ("/one/orders/%252e%252e/admin", dots),
            ("/one/orders/.%252e/admin", dots),
            ("/one/orders/%25252e./admin", dots),
            ("/one/orders/..%20/admin", dots),
            ("/one/orders/.../admin", dots),
            ("/one/orders/..%3fx", dots),
            ("/one/orders/..%23x", dots),
            ("/one/orders/..%E2%80%8B/admin", dots),
            ("/one/orders/%c2%ad../admin", dots),
            ("/one/orders/why%3F", Below),
            ("/one/orders/x%3F_method=DELETE&a=1", Unclear("an encoded query with another method")),
            ("/one/orders/x%253Fa=1&%255fmethod=DELETE", Unclear("an encoded query with another method")),
            ("/one/orders/a%2fb", slash),
            ("/one/orders/..%2fadmin", slash),
            ("/one/orders/..%252fadmin", slash),
            ("/one/orders/..%5cadmin", slash),
            ("/one/orders/..%255Cadmin", slash),
            ("/one/orders/a%00b", control),
            ("/one/orders/a%0ab", control),
            ("/one/orders/..%2500/admin", control),
            ("/one/orders/%c2%85", control),
            ("/one/orders/%c0%ae%c0%ae/admin", text),
            ("/one/orders/..%c0%afadmin", text),
            ("/one/orders/..%25c0%25afadmin", text),
            ("/one/orders/caf%e9", text),
            ("/one/orders/%ef%bc%8e%ef%bc%8e%ef%bc%8fadmin", alike),
            ("/one/orders/\u{2025}/admin", alike),
            ("/one/orders/%u002e%u002e/admin", Unclear("an escape of the form %u002e")),
            ("/one/orders/%25u002e%25u002e/admin", Unclear("an escape of the form %u002e")),
            ("/one/orders/%25252525252525252541", Unclear("a text that is encoded again and again")),
        ] {
            let url = Url::parse(&format!("https://api.example.com{path}")).unwrap();
            assert_eq!(lies(url.path(), "/one/orders", Author::Plugin), expected, "{path}");
            assert_eq!(lies(url.path(), "/one/orders/", Author::Plugin), expected, "{path}");
        }
        assert_eq!(lies("/group%2Fproject/7", "/group%2Fproject", Author::Plugin), Below, "the prefix is the user's");
        assert_eq!(lies("/anything", "/", Author::Plugin), Below);
        assert_eq!(lies("/v4/group%2Fproject", "/v4", Author::Manifest), Below);
        for path in ["/v4/..%2fadmin", "/v4/x%2f..%5c..%2fadmin", "/v4/..;/admin", "/v4/%252e%252e%252fadmin"] {
            assert_eq!(lies(path, "/v4", Author::Manifest), dots, "{path}");
        }
    }

    #[test]
    fn parameters_that_stand_for_the_method_are_seen() {
        for query in [
            "_method=DELETE",
            "a=1&_method=DELETE",
            "a=1;_METHOD=DELETE",
            "%5fmethod=DELETE",
            "%5Fme%74hod",
            "%255fmethod=DELETE",
            "+_method=DELETE",
            "%20_method=DELETE",
            ".method=DELETE",
            "[method=DELETE",
            "_method[]=DELETE",
            "_method%5B0%5D=DELETE",
            "_method%00x=DELETE",
            "X-HTTP-Method-Override=DELETE",
            "x_http_method=DELETE",
            "_method",
        ] {
            assert!(overriding_parameter(query).is_some(), "{query}");
        }
        for query in [
            "",
            "method=flickr.photos.search",
            "a=_method",
            "http_method_id=1",
            "my_method=1",
            "_methods=1",
            "payment_method=card",
        ] {
            assert_eq!(overriding_parameter(query), None, "{query}");
        }
    }
}
