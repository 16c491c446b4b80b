//! The canonical form of a request's URL, as AWS's signature wants it.

/// The parts of an absolute URL that a signature covers, as they are sent.
pub struct Target<'a> {
    /// With the port, unless it is the scheme's own.
    pub host: &'a str,
    pub path: &'a str,
    pub query: &'a str,
}

impl<'a> Target<'a> {
    /// `None` for what is no absolute URL.
    pub fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, rest) = rest.split_at(end);
        let default = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
        let host = host.strip_suffix(default).unwrap_or(host);
        let rest = rest.split('#').next().unwrap_or_default();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Some(Self { host, path: if path.is_empty() { "/" } else { path }, query })
    }

    /// Each segment is encoded again, but for S3, whose keys are taken as they are.
    pub fn canonical_path(&self, is_s3: bool) -> String {
        if is_s3 {
            return self.path.to_owned();
        }
        self.path.split('/').map(|segment| encoded(segment.as_bytes())).collect::<Vec<_>>().join("/")
    }

    /// Names and values encoded, and sorted as bytes. A `+` is a space, as form encoding has it.
    pub fn canonical_query(&self) -> String {
        let mut pairs: Vec<(String, String)> = self
            .query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (encoded(&decoded(name)), encoded(&decoded(value))))
            .collect();
        pairs.sort();
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }
}

/// RFC 3986: everything but unreserved characters.
pub fn encoded(bytes: &[u8]) -> String {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    bytes.iter().fold(String::new(), |mut text, byte| {
        if is_unreserved(*byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let escaped = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => bytes.push(if *first == b'+' { b' ' } else { *first }),
        }
    }
    bytes
}
