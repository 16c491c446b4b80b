//! Framing of the Kafka protocol: a length, a header, a body, each in the version that the request
//! names.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Apache Kafka's default for `socket.request.max.bytes`.
const MAX_REQUEST_BYTES: u32 = 100 << 20;

/// A request whose header is read and whose body is not.
pub struct Request {
    pub api: ApiKey,
    pub version: i16,
    pub correlation_id: i32,
    pub client_id: String,
    pub body: Bytes,
}

/// Why a connection cannot go on. The peer sees it closed, as with Apache Kafka.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    #[error("a request of {0} bytes is larger than the limit of {MAX_REQUEST_BYTES}")]
    TooLarge(u32),
    #[error("API {0} does not exist")]
    UnknownApi(i16),
    #[error("API {0:?} version {1} is not supported by the local broker")]
    Unsupported(ApiKey, i16),
    #[error("a request cannot be decoded: {0}")]
    Decode(String),
    #[error("a response cannot be encoded: {0}")]
    Encode(String),
}

/// Reads one frame; `None` where the peer closed between two.
pub async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Bytes>, WireError> {
    let len = match stream.read_u32().await {
        Ok(len) => len,
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    if len > MAX_REQUEST_BYTES {
        return Err(WireError::TooLarge(len));
    }
    // Grows as bytes arrive, so that a peer cannot reserve memory with a length alone.
    let mut frame = BytesMut::new();
    let mut limited = stream.take(u64::from(len));
    while limited.read_buf(&mut frame).await? > 0 {}
    if frame.len() < len as usize {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(Some(frame.freeze()))
}

/// Reads the header of a frame.
pub fn parse(mut frame: Bytes) -> Result<Request, WireError> {
    let [k0, k1, v0, v1, c0, c1, c2, c3] =
        *frame.first_chunk::<8>().ok_or_else(|| WireError::Decode("it is shorter than a header".into()))?;
    let api = i16::from_be_bytes([k0, k1]);
    let api = ApiKey::try_from(api).map_err(|()| WireError::UnknownApi(api))?;
    let version = i16::from_be_bytes([v0, v1]);
    let correlation_id = i32::from_be_bytes([c0, c1, c2, c3]);
    // An unknown version of ApiVersions must be answered, whatever its header looks like (KIP-511).
    if api == ApiKey::ApiVersions && !(0..=4).contains(&version) {
        return Ok(Request { api, version, correlation_id, client_id: String::new(), body: Bytes::new() });
    }
    let header = RequestHeader::decode(&mut frame, api.request_header_version(version))
        .map_err(|e| WireError::Decode(e.to_string()))?;
    let client_id = header.client_id.map(|id| id.to_string()).unwrap_or_default();
    Ok(Request { api, version, correlation_id, client_id, body: frame })
}

impl Request {
    /// Decodes the body as what the API's key says it is.
    pub fn decode<T: Decodable>(&self) -> Result<T, WireError> {
        T::decode(&mut self.body.clone(), self.version).map_err(|e| WireError::Decode(e.to_string()))
    }

    /// The frame of a response in the request's own version.
    pub fn answer<T: Encodable + HeaderVersion>(&self, response: &T) -> Result<Bytes, WireError> {
        self.answer_in(self.version, response)
    }

    /// The frame of a response in another version, as an unknown version of ApiVersions needs.
    pub fn answer_in<T: Encodable + HeaderVersion>(&self, version: i16, response: &T) -> Result<Bytes, WireError> {
        let encode = |e: &dyn std::fmt::Display| WireError::Encode(e.to_string());
        let header = ResponseHeader::default().with_correlation_id(self.correlation_id);
        let header_version = T::header_version(version);
        let len = header.compute_size(header_version).map_err(|e| encode(&e))?
            + response.compute_size(version).map_err(|e| encode(&e))?;
        let mut frame = BytesMut::with_capacity(len + 4);
        frame.put_u32(u32::try_from(len).map_err(|e| encode(&e))?);
        header.encode(&mut frame, header_version).map_err(|e| encode(&e))?;
        response.encode(&mut frame, version).map_err(|e| encode(&e))?;
        Ok(frame.freeze())
    }
}
