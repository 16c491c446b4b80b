//! A body from the wire into one buffer: bounded before decoding and after it.

use bytes::{Bytes, BytesMut};
use dpone_model::{Exceeded, Meter};
use futures_util::StreamExt;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use std::io::Read;

/// The encodings that are asked for; another one in the answer is refused.
pub(crate) const ACCEPT_ENCODING: &str = "gzip, zstd";

/// zstd over HTTP has windows of at most 8 MiB (RFC 9659).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Compressed bodies larger than this are decoded off the runtime's threads.
const BLOCKING_FROM_BYTES: usize = 256 << 10;

#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge,
    Encoding(String),
    /// The tenant's allowance of bytes is used up.
    Quota(Exceeded),
    /// The connection broke or timed out.
    Broken(reqwest::Error),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// The decoded body, at most `limit` bytes of it.
pub(crate) async fn read(response: Response, limit: u64, meter: &Meter) -> Result<Bytes, BodyError> {
    let coding = coding(response.headers()).map_err(BodyError::Encoding)?;
    let raw = read_raw(response, limit, meter).await?;
    match coding {
        Coding::Identity => Ok(raw),
        // An empty body carries no frame, whatever the header says (204, 304).
        _ if raw.is_empty() => Ok(raw),
        _ if raw.len() < BLOCKING_FROM_BYTES => decode(coding, &raw, limit),
        _ => tokio::task::spawn_blocking(move || decode(coding, &raw, limit))
            .await
            .unwrap_or_else(|error| Err(BodyError::Encoding(error.to_string()))),
    }
}

/// The bytes as they arrive. A body that is larger than the limit before it is even decoded is
/// refused too: no encoding that is asked for makes a body larger by more than a few bytes.
async fn read_raw(response: Response, limit: u64, meter: &Meter) -> Result<Bytes, BodyError> {
    const ENCODING_OVERHEAD: u64 = 64 << 10;
    let raw_limit = if coding(response.headers()) == Ok(Coding::Identity) { limit } else { limit + ENCODING_OVERHEAD };
    let announced = response.content_length();
    if announced.is_some_and(|length| length > raw_limit) {
        return Err(BodyError::TooLarge);
    }
    let counted = |chunk: reqwest::Result<Bytes>| {
        let chunk = chunk.map_err(BodyError::Broken)?;
        meter.received(chunk.len() as u64).map_err(BodyError::Quota)?;
        Ok(chunk)
    };
    let mut stream = response.bytes_stream();
    let first = match stream.next().await {
        Some(chunk) => counted(chunk)?,
        None => return Ok(Bytes::new()),
    };
    if announced == Some(first.len() as u64) {
        return Ok(first);
    }
    let expected = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(first.len() * 2);
    let mut body = BytesMut::with_capacity(expected);
    body.extend_from_slice(&first);
    loop {
        if body.len() as u64 > raw_limit {
            return Err(BodyError::TooLarge);
        }
        match stream.next().await {
            Some(chunk) => body.extend_from_slice(&counted(chunk)?),
            None => return Ok(body.freeze()),
        }
    }
}

fn coding(headers: &HeaderMap) -> Result<Coding, String> {
    let mut found = Coding::Identity;
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in String::from_utf8_lossy(value.as_bytes()).split(',') {
            let coding = match name.trim().to_ascii_lowercase().as_str() {
                "" | "identity" => continue,
                "gzip" | "x-gzip" => Coding::Gzip,
                "zstd" => Coding::Zstd,
                other => return Err(format!("content encoding `{other}` was not asked for")),
            };
            if found != Coding::Identity {
                return Err("it has more than one content encoding".into());
            }
            found = coding;
        }
    }
    Ok(found)
}

/// All members of a gzip body or frames of a zstd one, in one buffer that stops at the limit.
fn decode(coding: Coding, raw: &[u8], limit: u64) -> Result<Bytes, BodyError> {
    let damaged = |error: std::io::Error| BodyError::Encoding(error.to_string());
    match coding {
        Coding::Identity => Ok(Bytes::copy_from_slice(raw)),
        Coding::Gzip => drain(flate2::read::MultiGzDecoder::new(raw), raw.len(), limit),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(raw).map_err(damaged)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(damaged)?;
            drain(decoder, raw.len(), limit)
        }
    }
}

fn drain(decoder: impl Read, raw_len: usize, limit: u64) -> Result<Bytes, BodyError> {
    const USUAL_RATIO: usize = 4;
    let capacity = raw_len.saturating_mul(USUAL_RATIO).min(usize::try_from(limit).unwrap_or(usize::MAX));
    let mut decoded = Vec::with_capacity(capacity);
    let read = decoder.take(limit.saturating_add(1)).read_to_end(&mut decoded);
    if decoded.len() as u64 > limit {
        return Err(BodyError::TooLarge);
    }
    read.map_err(|error| BodyError::Encoding(error.to_string()))?;
    Ok(decoded.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        zstd::encode_all(data, 1).unwrap()
    }

    #[test]
    fn whole_bodies_decode_also_in_parts() {
        for (coding, encode) in [(Coding::Gzip, gzip as fn(&[u8]) -> Vec<u8>), (Coding::Zstd, zstd)] {
            let two = [encode(b"[1,"), encode(b"2]")].concat();
            assert_eq!(decode(coding, &two, 5).unwrap(), "[1,2]", "{coding:?}");
            assert!(matches!(decode(coding, &two, 4), Err(BodyError::TooLarge)), "{coding:?}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let zeros = vec![0u8; 4 << 20];
        for (coding, bomb) in [(Coding::Gzip, gzip(&zeros)), (Coding::Zstd, zstd(&zeros))] {
            assert!(bomb.len() < 16 << 10);
            assert!(matches!(decode(coding, &bomb, 1 << 20), Err(BodyError::TooLarge)), "{coding:?}");
        }
    }

    #[test]
    fn damage_is_named_and_never_a_shorter_body() {
        for (coding, whole) in [(Coding::Gzip, gzip(b"0123456789")), (Coding::Zstd, zstd(b"0123456789"))] {
            for cut in 1..whole.len() {
                let found = decode(coding, &whole[..cut], 100);
                assert!(matches!(found, Err(BodyError::Encoding(_))), "{coding:?} cut at {cut}: {found:?}");
            }
            let trailing = [whole.as_slice(), b"garbage"].concat();
            assert!(matches!(decode(coding, &trailing, 100), Err(BodyError::Encoding(_))), "{coding:?} with a tail");
        }
    }

    #[test]
    fn codings_by_header() {
        for (values, expected) in [
            (&[][..], Some(Coding::Identity)),
            (&["identity"], Some(Coding::Identity)),
            (&["GZIP"], Some(Coding::Gzip)),
            (&["x-gzip, identity"], Some(Coding::Gzip)),
            (&["zstd"], Some(Coding::Zstd)),
            (&["br"], None),
            (&["gzip, zstd"], None),
            (&["gzip", "gzip"], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(coding(&headers).ok(), expected, "{values:?}");
        }
    }
}
