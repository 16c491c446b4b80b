//! References to components in an OCI registry: `oci://HOST/REPOSITORY[:TAG][@sha256:DIGEST]`, by the
//! grammar of the distribution specification.

use std::fmt;
use url::Url;

/// The prefix of a reference.
pub const OCI_SCHEME: &str = "oci://";

/// A component in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciReference {
    /// Host, with its port where one is given.
    pub host: String,
    pub repository: String,
    pub tag: Option<String>,
    /// 64 hexadecimal digits: the SHA-256 of the registry's manifest, which names the component's.
    pub digest: Option<String>,
}

impl OciReference {
    /// # Errors
    /// The fault of the text, as a fragment.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix(OCI_SCHEME).ok_or_else(|| format!("it does not begin with {OCI_SCHEME}"))?;
        let (host, path) = rest.split_once('/').ok_or("it names no repository")?;
        if !is_host(host) {
            return Err(format!("`{host}` is no host"));
        }
        let (path, digest) = match path.split_once('@') {
            Some((path, digest)) => (path, Some(digest)),
            None => (path, None),
        };
        let digest = digest.map(hex_digest).transpose()?;
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        if repository.len() > 255 || !repository.split('/').all(is_component) {
            return Err(format!("`{repository}` is no repository: lower case letters, digits, `.`, `_`, `-` and `/`"));
        }
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(format!("`{tag}` is no tag"));
        }
        Ok(Self { host: host.to_owned(), repository: repository.to_owned(), tag: tag.map(str::to_owned), digest })
    }
}

impl fmt::Display for OciReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{OCI_SCHEME}{}/{}", self.host, self.repository)?;
        self.tag.as_ref().map_or(Ok(()), |tag| write!(f, ":{tag}"))?;
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@sha256:{digest}"))
    }
}

/// A host is what a URL takes as one, unchanged and with nothing beside it.
fn is_host(host: &str) -> bool {
    let is_alone = !host.contains(['@', '?', '#', '\\', '%']);
    let url = Url::parse(&format!("https://{host}/"));
    is_alone && url.is_ok_and(|url| url.path() == "/" && url.host_str().is_some_and(|found| host.starts_with(found)))
}

fn hex_digest(digest: &str) -> Result<String, String> {
    let hex = digest.strip_prefix("sha256:").ok_or("its digest is not of the form sha256:…")?;
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if hex.len() == 64 && hex.bytes().all(is_hex) {
        Ok(hex.to_owned())
    } else {
        Err("its digest has not 64 hexadecimal digits in lower case".to_owned())
    }
}

/// Runs of lower case letters and digits, parted by `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let is_ended = bytes.first().is_some_and(|b| is_word(*b)) && bytes.last().is_some_and(|b| is_word(*b));
    let separators = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    is_ended
        && separators
            .filter(|part| !part.is_empty())
            .all(|part| matches!(part, "." | "_" | "__") || part.bytes().all(|b| b == b'-'))
}

fn is_tag(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|b| is_word(b) || matches!(b, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let digest = "0123456789abcdef".repeat(4);
        for text in [
            "oci://registry.example/team/mask".to_owned(),
            "oci://registry.example:5000/team/mask_v2/a--b:1.0.0".to_owned(),
            format!("oci://127.0.0.1:5000/mask@sha256:{digest}"),
            format!("oci://[::1]:5000/mask:latest@sha256:{digest}"),
        ] {
            assert_eq!(OciReference::parse(&text).unwrap().to_string(), text);
        }
        let parsed = OciReference::parse(&format!("oci://a.example:5000/b/c:1@sha256:{digest}")).unwrap();
        assert_eq!((parsed.host.as_str(), parsed.repository.as_str()), ("a.example:5000", "b/c"));
        assert_eq!((parsed.tag.as_deref(), parsed.digest.as_deref()), (Some("1"), Some(digest.as_str())));
    }

    #[test]
    fn what_is_none() {
        let digest = "0123456789abcdef".repeat(4);
        for (text, says) in [
            ("https://a.example/b", "oci://"),
            ("oci://a.example", "no repository"),
            ("oci://a.example/", "no repository"),
            ("oci:///b", "no host"),
            ("oci://user@a.example/b", "no host"),
            ("oci://a.example:x/b", "no host"),
            ("oci://a.example/B", "no repository"),
            ("oci://a.example/b//c", "no repository"),
            ("oci://a.example/../b", "no repository"),
            ("oci://a.example/b-", "no repository"),
            ("oci://a.example/b._c", "no repository"),
            ("oci://a.example/b?x", "no repository"),
            ("oci://a.example/b:", "no tag"),
            ("oci://a.example/b:.x", "no tag"),
            ("oci://a.example/b@sha256:12", "64"),
            ("oci://a.example/b@sha512:12", "sha256"),
            (&format!("oci://a.example/b@sha256:{}", digest.to_uppercase()), "lower case"),
        ] {
            let cause = OciReference::parse(text).unwrap_err();
            assert!(cause.contains(says), "{text}: {cause}");
        }
    }
}
