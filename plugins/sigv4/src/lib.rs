//! Signs requests with AWS Signature Version 4: canonical request, string to sign, a key derived for
//! date, region and service. What needs the key is computed by the host.

mod canonical;

use canonical::Target;
use dpone_sdk::{Encoding, Error, Hash, Outgoing, Signature, Signer, Term};
use serde::Deserialize;

const ACCESS_KEY_ID: &str = "access_key_id";
const SECRET_ACCESS_KEY: &str = "secret_access_key";
const SESSION_TOKEN: &str = "session_token";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

#[derive(Debug, Deserialize)]
pub struct Options {
    region: String,
    service: String,
}

pub struct SigV4 {
    options: Options,
    has_session_token: bool,
}

/// A header that is signed: its value is text, or the session token, which is a secret.
enum Value {
    Text(String),
    SessionToken,
}

impl Signer for SigV4 {
    const OPTIONS_SCHEMA: &'static str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "region": { "type": "string", "minLength": 1, "description": "Such as eu-central-1." },
            "service": { "type": "string", "minLength": 1, "description": "Such as execute-api or s3." }
        },
        "required": ["region", "service"],
        "additionalProperties": false
    }"#;
    type Options = Options;

    fn new(options: Options, secrets: &[String]) -> Result<Self, Error> {
        let has = |name: &str| secrets.iter().any(|secret| secret == name);
        for name in [ACCESS_KEY_ID, SECRET_ACCESS_KEY] {
            if !has(name) {
                let message = format!("the secret `{name}` is needed: add it to `grants.secrets`");
                return Err(Error::new("missing-secret", message));
            }
        }
        Ok(Self { options, has_session_token: has(SESSION_TOKEN) })
    }

    fn sign(&self, request: &Outgoing) -> Result<Signature, Error> {
        let target = Target::parse(&request.url)
            .ok_or_else(|| Error::new("url", format!("`{}` is no absolute URL", request.url)))?;
        let time = basic_format(&request.sent_at)?;
        let date = time.get(..8).unwrap_or_default();
        let headers = self.signed_headers(request, &target, &time);
        let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let scope = format!("{date}/{}/{}/aws4_request", self.options.region, self.options.service);

        let mut made = Signature::new();
        let canonical = self.canonical_request(&mut made, request, &target, &headers, &names);
        let digest = made.hashed(Hash::Sha256, canonical);
        let digest = made.encoded(Encoding::Hex, digest);
        let to_sign = made.text(format!("{ALGORITHM}\n{time}\n{scope}\n"));
        let to_sign = made.concat(&[to_sign, digest]);
        let key = self.signing_key(&mut made, date);
        let signature = made.hmac(Hash::Sha256, key, to_sign);
        let signature = made.encoded(Encoding::Hex, signature);

        let start = made.text(format!("{ALGORITHM} Credential="));
        let id = made.secret(ACCESS_KEY_ID);
        let rest = made.text(format!("/{scope}, SignedHeaders={names}, Signature="));
        let authorization = made.concat(&[start, id, rest, signature]);
        made.header("Authorization", authorization);
        self.own_headers(&mut made, request, &time);
        Ok(made)
    }
}

impl SigV4 {
    /// Names in lower case, sorted, each once.
    fn signed_headers(&self, request: &Outgoing, target: &Target<'_>, time: &str) -> Vec<(String, Value)> {
        let mut headers = vec![
            ("host".to_owned(), Value::Text(target.host.to_owned())),
            ("x-amz-date".to_owned(), Value::Text(time.to_owned())),
        ];
        for (name, value) in &request.headers {
            let name = name.to_ascii_lowercase();
            if name.starts_with("x-amz-") || name == "content-type" || name == "range" {
                headers.push((name, Value::Text(value.split_whitespace().collect::<Vec<_>>().join(" "))));
            }
        }
        if self.is_s3() {
            headers.push(("x-amz-content-sha256".to_owned(), Value::Text(request.body_sha256.clone())));
        }
        if self.has_session_token {
            headers.push(("x-amz-security-token".to_owned(), Value::SessionToken));
        }
        headers.sort_by(|(a, _), (b, _)| a.cmp(b));
        headers
    }

    fn canonical_request(
        &self,
        made: &mut Signature,
        request: &Outgoing,
        target: &Target<'_>,
        headers: &[(String, Value)],
        names: &str,
    ) -> Term {
        let (path, query) = (target.canonical_path(self.is_s3()), target.canonical_query());
        let mut text = format!("{}\n{path}\n{query}\n", request.method);
        let mut parts = Vec::new();
        for (name, value) in headers {
            text.push_str(&format!("{name}:"));
            match value {
                Value::Text(value) => text.push_str(value),
                Value::SessionToken => {
                    parts.push(made.text(std::mem::take(&mut text)));
                    parts.push(made.secret(SESSION_TOKEN));
                }
            }
            text.push('\n');
        }
        text.push_str(&format!("\n{names}\n{}", request.body_sha256));
        parts.push(made.text(text));
        made.concat(&parts)
    }

    fn signing_key(&self, made: &mut Signature, date: &str) -> Term {
        let prefix = made.text("AWS4");
        let secret = made.secret(SECRET_ACCESS_KEY);
        let key = made.concat(&[prefix, secret]);
        [date, &self.options.region, &self.options.service, "aws4_request"].into_iter().fold(key, |key, part| {
            let part = made.text(part);
            made.hmac(Hash::Sha256, key, part)
        })
    }

    /// The headers that the request does not have yet.
    fn own_headers(&self, made: &mut Signature, request: &Outgoing, time: &str) {
        let time = made.text(time);
        made.header("X-Amz-Date", time);
        if self.is_s3() {
            let digest = made.text(request.body_sha256.clone());
            made.header("X-Amz-Content-Sha256", digest);
        }
        if self.has_session_token {
            let token = made.secret(SESSION_TOKEN);
            made.header("X-Amz-Security-Token", token);
        }
    }

    fn is_s3(&self) -> bool {
        self.options.service == "s3"
    }
}

/// `2015-08-30T12:36:00.000Z` as `20150830T123600Z`.
fn basic_format(sent_at: &str) -> Result<String, Error> {
    let seconds = sent_at.get(..19).filter(|text| text.is_ascii() && sent_at.ends_with('Z'));
    let plain = seconds.map(|text| text.replace(['-', ':'], "")).filter(|text| text.len() == 15);
    plain.map(|text| text + "Z").ok_or_else(|| Error::new("time", format!("`{sent_at}` is no instant in UTC")))
}

dpone_sdk::export!(signer: SigV4);

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_sdk::Made;
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// The signature at the end of the header Authorization, computed as the host does.
    fn signature(region: &str, service: &str, request: &Outgoing, secrets: &[(&str, &str)]) -> (String, String) {
        let names: Vec<String> = secrets.iter().map(|(name, _)| (*name).to_owned()).collect();
        let options = Options { region: region.into(), service: service.into() };
        let made = SigV4::new(options, &names).unwrap().sign(request).unwrap();
        let mut values: Vec<Vec<u8>> = Vec::new();
        for term in made.terms() {
            let of = |term: &Term| values[term.index()].clone();
            let value = match term {
                Made::Text(text) => text.clone().into_bytes(),
                Made::Bytes(bytes) => bytes.clone(),
                Made::Secret(name) => secrets.iter().find(|(known, _)| known == name).unwrap().1.as_bytes().to_vec(),
                Made::Concat(parts) => parts.iter().flat_map(of).collect(),
                Made::Hashed { message, .. } => Sha256::digest(of(message)).to_vec(),
                Made::Hmac { key, message, .. } => {
                    let mut mac = Hmac::<Sha256>::new_from_slice(&of(key)).unwrap();
                    mac.update(&of(message));
                    mac.finalize().into_bytes().to_vec()
                }
                Made::Encoded { bytes, .. } => hex::encode(of(bytes)).into_bytes(),
            };
            values.push(value);
        }
        let headers = made.headers();
        let (_, term) = headers.iter().find(|(name, _)| name == "Authorization").unwrap();
        let text = String::from_utf8(values[term.index()].clone()).unwrap();
        let (start, signature) = text.split_once(", Signature=").unwrap();
        (start.to_owned(), signature.to_owned())
    }

    fn request(method: &str, url: &str, headers: &[(&str, &str)], sent_at: &str) -> Outgoing {
        Outgoing {
            method: method.into(),
            url: url.into(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body_sha256: EMPTY.into(),
            sent_at: sent_at.into(),
            nonce: vec![0; 16],
        }
    }

    /// From the test suite that AWS publishes for Signature Version 4, and its documentation's
    /// worked example (IAM ListUsers).
    #[test]
    fn aws_vectors() {
        let secrets = [(ACCESS_KEY_ID, "AKIDEXAMPLE"), (SECRET_ACCESS_KEY, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")];
        const HOST: &str = "https://example.amazonaws.com";
        for (method, service, url, headers, expected) in [
            (
                "GET",
                "service",
                "/".to_owned(),
                &[][..],
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                "service",
                "/".to_owned(),
                &[],
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "GET",
                "service",
                "/?Param2=value2&Param1=value1".to_owned(),
                &[],
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "GET",
                "service",
                "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".to_owned(),
                &[],
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
        ] {
            let request = request(method, &format!("{HOST}{url}"), headers, "2015-08-30T12:36:00.000Z");
            let (start, found) = signature("us-east-1", service, &request, &secrets);
            assert_eq!(found, expected, "{method} {url}");
            assert!(
                start.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request")
            );
        }
        let iam = request(
            "GET",
            "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
            &[("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
            "2015-08-30T12:36:00.000Z",
        );
        let (start, found) = signature("us-east-1", "iam", &iam, &secrets);
        assert_eq!(found, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
        assert!(start.ends_with("SignedHeaders=content-type;host;x-amz-date"), "{start}");
    }

    /// From the documentation of S3: GET with a range, a bucket's lifecycle, and a listing.
    #[test]
    fn s3_vectors() {
        let secrets =
            [(ACCESS_KEY_ID, "AKIAIOSFODNN7EXAMPLE"), (SECRET_ACCESS_KEY, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")];
        for (path, headers, expected) in [
            (
                "/test.txt",
                &[("Range", "bytes=0-9")][..],
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            ("/?lifecycle", &[], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            ("/?max-keys=2&prefix=J", &[], "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ] {
            let url = format!("https://examplebucket.s3.amazonaws.com{path}");
            let request = request("GET", &url, headers, "2013-05-24T00:00:00.000Z");
            assert_eq!(signature("us-east-1", "s3", &request, &secrets).1, expected, "{path}");
        }
    }

    #[test]
    fn a_session_token_is_signed_and_sent_where_it_is_granted() {
        let secrets = [(ACCESS_KEY_ID, "a"), (SECRET_ACCESS_KEY, "b"), (SESSION_TOKEN, "c")];
        let request = request("GET", "https://api.example.com:8443/a%20b?x=a+b", &[], "2026-01-01T00:00:00.000Z");
        let (start, with) = signature("r", "s", &request, &secrets);
        assert!(start.ends_with("SignedHeaders=host;x-amz-date;x-amz-security-token"), "{start}");
        assert_ne!(signature("r", "s", &request, &secrets[..2]).1, with);
    }

    #[test]
    fn missing_secrets_and_odd_requests_are_refused() {
        let options = || Options { region: "r".into(), service: "s".into() };
        assert_eq!(SigV4::new(options(), &[ACCESS_KEY_ID.to_owned()]).err().unwrap().code, "missing-secret");
        let signer = SigV4::new(options(), &[ACCESS_KEY_ID.to_owned(), SECRET_ACCESS_KEY.to_owned()]).unwrap();
        assert_eq!(signer.sign(&request("GET", "/x", &[], "2026-01-01T00:00:00.000Z")).unwrap_err().code, "url");
        assert_eq!(signer.sign(&request("GET", "https://a/", &[], "yesterday")).unwrap_err().code, "time");
    }
}
