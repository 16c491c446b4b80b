//! The Kafka protocol spoken by hand, for what no client library sends: repeated sequences, damaged
//! batches, versions that do not exist.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A blocking connection.
pub struct Wire {
    stream: TcpStream,
    correlation_id: i32,
}

/// A producer as its batches name it: id, epoch, base sequence.
pub type Producer = (i64, i16, i32);

pub const NO_PRODUCER: Producer = (-1, -1, -1);

impl Wire {
    pub fn connect(servers: &str) -> Self {
        let stream = TcpStream::connect(servers).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, correlation_id: 0 }
    }

    /// Sends a request and reads its answer.
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request);
        self.receive::<R>(version)
    }

    pub fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.correlation_id += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(StrBytes::from_static_str("conformance")));
        let mut frame = BytesMut::new();
        header.encode(&mut frame, R::header_version(version)).unwrap();
        request.encode(&mut frame, version).unwrap();
        self.send_frame(&frame);
    }

    pub fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let mut frame = self.receive_frame().expect("the broker closed the connection");
        let header = ResponseHeader::decode(&mut frame, R::Response::header_version(version)).unwrap();
        assert_eq!(header.correlation_id, self.correlation_id, "answers come in the order of requests");
        R::Response::decode(&mut frame, version).unwrap()
    }

    pub fn send_frame(&mut self, frame: &[u8]) {
        let mut bytes = BytesMut::with_capacity(frame.len() + 4);
        bytes.put_u32(u32::try_from(frame.len()).unwrap());
        bytes.put_slice(frame);
        self.stream.write_all(&bytes).unwrap();
    }

    /// `None` where the broker closed the connection.
    pub fn receive_frame(&mut self) -> Option<Bytes> {
        let mut len = [0; 4];
        self.stream.read_exact(&mut len).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(len) as usize];
        self.stream.read_exact(&mut frame).ok()?;
        Some(frame.into())
    }
}

pub fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// An uncompressed v2 batch; record N has key `kN` (or none), value `vN` and the time
/// `base_timestamp + N` ms.
pub fn batch(count: i32, producer: Producer, base_timestamp: i64, keyed: bool) -> Vec<u8> {
    let mut records = Vec::new();
    for n in 0..i64::from(count) {
        let mut record = vec![0];
        zigzag(n, &mut record);
        zigzag(n, &mut record);
        if keyed {
            text(&format!("k{n}"), &mut record);
        } else {
            zigzag(-1, &mut record);
        }
        text(&format!("v{n}"), &mut record);
        zigzag(0, &mut record);
        zigzag(record.len() as i64, &mut records);
        records.extend_from_slice(&record);
    }
    let mut checked = BytesMut::new();
    checked.put_i16(0);
    checked.put_i32(count - 1);
    checked.put_i64(base_timestamp);
    checked.put_i64(base_timestamp + i64::from(count) - 1);
    checked.put_i64(producer.0);
    checked.put_i16(producer.1);
    checked.put_i32(producer.2);
    checked.put_i32(count);
    checked.put_slice(&records);
    let mut batch = BytesMut::new();
    batch.put_i64(0);
    batch.put_i32(i32::try_from(checked.len() + 9).unwrap());
    batch.put_i32(-1);
    batch.put_i8(2);
    batch.put_u32(crc32c::crc32c(&checked));
    batch.put_slice(&checked);
    batch.to_vec()
}

fn text(text: &str, out: &mut Vec<u8>) {
    zigzag(text.len() as i64, out);
    out.extend_from_slice(text.as_bytes());
}

fn zigzag(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
