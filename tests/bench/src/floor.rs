//! The floor: what any program must do for this job, and nothing else. Keep-alive GETs, records cut
//! by counting braces, an idempotent librdkafka producer with the same settings. No validation, no
//! journal, no plugins, no state.

use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Clone, Default)]
struct Count {
    delivered: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

impl ClientContext for Count {}

impl ProducerContext for Count {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = if result.is_ok() { &self.delivered } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Loads every page into the topic and returns the number of acknowledged messages.
pub fn run(api: &str, brokers: &str, topic: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let count = Count::default();
    let producer: BaseProducer<Count> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.type", "zstd")
        .set("linger.ms", "20")
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.kbytes", "32768")
        .create_with_context(count.clone())?;
    let stream = TcpStream::connect(api)?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
    let mut writer = stream;
    let (mut body, mut sent, mut cursor) = (Vec::new(), 0, None::<String>);
    loop {
        let query = cursor.as_ref().map_or(String::new(), |cursor| format!("?cursor={cursor}"));
        writer.write_all(format!("GET /orders{query} HTTP/1.1\r\nhost: {api}\r\n\r\n").as_bytes())?;
        read_body(&mut reader, &mut body)?;
        for record in records(&body) {
            send(&producer, topic, key_of(record), record)?;
            sent += 1;
        }
        producer.poll(Duration::ZERO);
        cursor = next_cursor(&body);
        if cursor.is_none() {
            break;
        }
    }
    producer.flush(Duration::from_secs(30))?;
    let delivered = count.delivered.load(Ordering::Relaxed);
    if delivered != sent || count.failed.load(Ordering::Relaxed) > 0 {
        return Err(format!("{delivered} of {sent} delivered").into());
    }
    Ok(delivered)
}

fn send(producer: &BaseProducer<Count>, topic: &str, key: &[u8], payload: &[u8]) -> Result<(), KafkaError> {
    let mut record = BaseRecord::to(topic).key(key).payload(payload);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(5));
                record = back;
            }
            Err((error, _)) => return Err(error),
        }
    }
}

fn read_body(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> std::io::Result<()> {
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    body.resize(length, 0);
    reader.read_exact(body)
}

/// Slices from `{` to its `}` inside the first array; strings are skipped by their quotes.
fn records(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = body.iter().position(|b| *b == b'[').unwrap_or(body.len());
    std::iter::from_fn(move || {
        let (mut depth, mut start, mut in_string) = (0_u32, at, false);
        while let Some(byte) = body.get(at) {
            match byte {
                b'\\' if in_string => at += 1,
                b'"' => in_string = !in_string,
                b'{' if !in_string => {
                    if depth == 0 {
                        start = at;
                    }
                    depth += 1;
                }
                b'}' if !in_string => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        at += 1;
                        return body.get(start..at);
                    }
                }
                b']' if !in_string && depth == 0 => return None,
                _ => {}
            }
            at += 1;
        }
        None
    })
}

/// The digits behind `"order_id":`, which is the record's first field.
fn key_of(record: &[u8]) -> &[u8] {
    let rest = record.get(12..).unwrap_or_default();
    let end = rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

fn next_cursor(body: &[u8]) -> Option<String> {
    let tail = std::str::from_utf8(body.get(body.len().saturating_sub(40)..)?).ok()?;
    let value = tail.rsplit_once("\"next_cursor\":")?.1;
    value.strip_prefix('"')?.split('"').next().map(str::to_owned)
}
