//! Whether two URI references of a page lead to the same place (RFC 3986, section 5.2).

/// Whether they are equal once both are absolute, but for their fragments. Where it is not sure, they differ.
pub fn are_equal(page: &str, a: &str, b: &str) -> bool {
    a == b || absolute(page, a) == absolute(page, b)
}

/// Origin in lower case without the default port, path without dot segments, and query.
fn absolute(page: &str, reference: &str) -> (String, String, Option<String>) {
    let base = Parts::of(page);
    let given = Parts::of(reference);
    let scheme = given.scheme.or(base.scheme).unwrap_or_default().to_ascii_lowercase();
    let authority = given.authority.or(base.authority).unwrap_or_default();
    let is_elsewhere = given.authority.is_some() || given.scheme.is_some();
    let path = match given.path {
        "" if !is_elsewhere => base.path.to_owned(),
        path if is_elsewhere || path.starts_with('/') => path.to_owned(),
        path => format!("{}/{path}", base.path.rsplit_once('/').map_or("", |(folder, _)| folder)),
    };
    let is_page = given.path.is_empty() && !is_elsewhere;
    let query = given.query.or(base.query.filter(|_| is_page));
    (origin(&scheme, authority), without_dots(&path), query.map(str::to_owned))
}

fn origin(scheme: &str, authority: &str) -> String {
    let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
    let host = host.to_ascii_lowercase();
    let default = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(default).or(host.strip_suffix(':')).unwrap_or(&host);
    format!("{scheme}://{user}@{host}")
}

fn without_dots(path: &str) -> String {
    let mut segments = Vec::new();
    let mut given = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = given.next() {
        let is_last = given.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

/// A reference in its parts (section 5.3 and appendix B), without the fragment.
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(reference: &'a str) -> Self {
        let reference = reference.split_once('#').map_or(reference, |(before, _)| before);
        let (before, query) = reference.split_once('?').map_or((reference, None), |(before, q)| (before, Some(q)));
        let is_scheme = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        };
        let (scheme, rest) = match before.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
            _ => (None, before),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                rest.split_at_checked(end).map_or((None, rest), |(authority, path)| (Some(authority), path))
            }
            None => (None, rest),
        };
        Self { scheme, authority, path, query }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_compared_as_urls() {
        let page = "https://api.example.com/v1/orders?page=1";
        for (a, b, is_equal) in [
            ("/v1/orders?page=2", "https://api.example.com/v1/orders?page=2", true),
            ("?page=2", "orders?page=2", true),
            ("?page=2", "//api.example.com/v1/orders?page=2", true),
            ("./x/../orders?page=2", "HTTPS://API.EXAMPLE.COM:443/v1/orders?page=2#top", true),
            ("https://api.example.com", "/", true),
            ("", page, true),
            ("#top", page, true),
            ("?page=2", "?page=3", false),
            ("?page=2", "?page=2&", false),
            ("/v1/orders", "/v1/orders?", false),
            ("/v1/orders", "/v1/orders/", false),
            ("/v1/orders", "/V1/orders", false),
            ("/v1//orders", "/v1/orders", false),
            ("https://api.example.com//orders", "/orders", false),
            ("//a@api.example.com/", "//A@api.example.com/", false),
            ("http://api.example.com/", "https://api.example.com/", false),
            ("https://api.example.com:8443/", "https://api.example.com/", false),
            ("https://api.example.com:80/", "https://api.example.com/", false),
        ] {
            assert_eq!(are_equal(page, a, b), is_equal, "{a} {b}");
        }
    }
}
