//! A signer signs the case's request. What is compared is what it asks the host to compute, written
//! out as an expression: so a case needs no secret, and a difference shows which part it is in.

use super::{Played, setup, started_at, unwritable};
use crate::answer::text;
use crate::case::Case;
use crate::error::Error;
use dpone_manifest::Body;
use dpone_model::Report;
use dpone_model::plugin::{Encoding, Hash, Outgoing, Signature, Term};
use dpone_sandbox::{Loaded, Sandbox};
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

/// Longest expression. Terms may refer to each other so that writing them out would never end.
const MAX_EXPRESSION: usize = 64 << 10;

pub(super) async fn play(sandbox: &Sandbox, plugin: &Loaded, case: &Case, played: &mut Played) -> Result<(), Report> {
    let mut signer = sandbox.signer(plugin, setup(case)?).await?;
    played.records = 1;
    let signed = signer.sign(outgoing(case)?).await;
    played.usage = signer.usage();
    let signature = signed?;
    let values = |placed: &[(String, u32)]| {
        let value = |(name, term): &(String, u32)| Ok(json!([name, expression(&signature, *term)?]));
        placed.iter().map(value).collect::<Result<Vec<_>, Report>>()
    };
    let shown = json!({ "headers": values(&signature.headers)?, "query": values(&signature.query)? });
    played.answer.signature = Some(text(&shown).map_err(unwritable)?);
    Ok(())
}

fn outgoing(case: &Case) -> Result<Outgoing, Report> {
    let request = &case.settings.request;
    let mut url = Url::parse(&request.url).map_err(|cause| {
        Error::broken("case.yaml", format!("request.url `{}` is no absolute URL: {cause}", request.url))
    })?;
    if !request.params.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.params);
    }
    let body = match &request.body {
        None => String::new(),
        Some(Body::Text(text)) => text.clone(),
        Some(Body::Json(json)) => json.to_string(),
    };
    let given = case.settings.outgoing;
    Ok(Outgoing {
        method: request.method.clone(),
        url: url.into(),
        headers: request.headers.clone(),
        body_sha256: hex::encode(Sha256::digest(body.as_bytes())),
        sent_at: given.sent_at.unwrap_or_else(|| started_at(case)),
        nonce: given.nonce,
    })
}

/// `hex(hmac-sha256(secret(signing_key), "GET\n/orders"))`
fn expression(signature: &Signature, term: u32) -> Result<String, Report> {
    let mut out = String::new();
    write(signature, term, &mut out)?;
    Ok(out)
}

fn write(signature: &Signature, term: u32, out: &mut String) -> Result<(), Report> {
    if out.len() > MAX_EXPRESSION {
        return Err(Error::broken("expected.json", "the signature's terms are too many to be written out").into());
    }
    // The sandbox has checked that each term refers to earlier ones alone, so this ends.
    let Some(term) = signature.terms.get(term as usize) else { return Ok(()) };
    match term {
        Term::Text(text) => out.push_str(&serde_json::to_string(text).map_err(unwritable)?),
        Term::Bytes(bytes) => out.push_str(&format!("bytes({})", hex::encode(bytes))),
        Term::Secret(name) => out.push_str(&format!("secret({name})")),
        Term::Concat(parts) => call(signature, "concat", parts, out)?,
        Term::Hashed { hash, message } => call(signature, hash_name(*hash), &[*message], out)?,
        Term::Hmac { hash, key, message } => {
            call(signature, &format!("hmac-{}", hash_name(*hash)), &[*key, *message], out)?;
        }
        Term::Encoded { encoding, bytes } => call(signature, encoding_name(*encoding), &[*bytes], out)?,
    }
    Ok(())
}

fn call(signature: &Signature, name: &str, arguments: &[u32], out: &mut String) -> Result<(), Report> {
    out.push_str(name);
    out.push('(');
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(signature, *argument, out)?;
    }
    out.push(')');
    Ok(())
}

fn hash_name(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "sha1",
        Hash::Sha256 => "sha256",
        Hash::Sha512 => "sha512",
    }
}

fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Hex => "hex",
        Encoding::Base64 => "base64",
        Encoding::Base64Url => "base64url",
        Encoding::Percent => "percent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_written_out() {
        let signature = Signature {
            terms: vec![
                Term::Secret("k".into()),
                Term::Text("a\n\"b".into()),
                Term::Hmac { hash: Hash::Sha256, key: 0, message: 1 },
                Term::Encoded { encoding: Encoding::Hex, bytes: 2 },
                Term::Concat(vec![1, 3]),
            ],
            ..Signature::default()
        };
        assert_eq!(expression(&signature, 4).unwrap(), r#"concat("a\n\"b", hex(hmac-sha256(secret(k), "a\n\"b")))"#);
    }

    #[test]
    fn terms_that_multiply_are_refused() {
        let mut terms = vec![Term::Text("x".into())];
        terms.extend((0..60).map(|n| Term::Concat(vec![n, n])));
        let signature = Signature { terms, ..Signature::default() };
        assert!(expression(&signature, 60).is_err());
    }
}
