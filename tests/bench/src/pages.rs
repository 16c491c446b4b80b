//! The benchmark's API: pages rendered before the clock starts, served by a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Records a page.
pub const PAGE_SIZE: u64 = 1_000;

/// One record of about 285 bytes and 12 fields.
fn record(id: u64, out: &mut String) {
    use std::fmt::Write;
    let seconds = id / 7;
    let (day, hour, minute, second) =
        (1 + seconds / 86_400 % 28, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "{{\"order_id\":{id},\"customer_id\":{},\"status\":\"{}\",\"amount\":{}.{:02},\"currency\":\"EUR\",\
         \"channel\":\"web\",\"country\":\"DE\",\"note\":\"Lieferung bis Freitag, bitte beim Nachbarn abgeben ({id})\",\
         \"sku\":\"SKU-{:08}\",\"quantity\":{},\"created_at\":\"2026-01-01T00:00:00Z\",\
         \"updated_at\":\"2026-02-{day:02}T{hour:02}:{minute:02}:{second:02}Z\"}}",
        id * 7_919 % 100_003,
        ["new", "paid", "shipped", "done"].get(id as usize % 4).copied().unwrap_or("new"),
        id % 900 + 1,
        id % 100,
        id * 31 % 99_999_999,
        id % 9 + 1,
    );
}

/// The JSON of page `number`, from 0.
pub fn body(number: u64, rows: u64) -> String {
    let mut body = String::with_capacity(300 * PAGE_SIZE as usize);
    body.push_str("{\"data\":{\"items\":[");
    let end = (number * PAGE_SIZE + PAGE_SIZE).min(rows);
    for id in number * PAGE_SIZE..end {
        if id % PAGE_SIZE > 0 {
            body.push(',');
        }
        record(id + 1, &mut body);
    }
    let next = if end < rows { format!("\"{}\"", number + 1) } else { "null".to_owned() };
    body.push_str(&format!("],\"next_cursor\":{next}}}}}"));
    body
}

/// The whole HTTP answer for page `number`, from 0.
fn render(number: u64, rows: u64) -> Vec<u8> {
    let body = body(number, rows);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body.as_bytes()].concat()
}

/// Serves `rows` orders until the process ends; prints the port on stdout.
#[allow(clippy::print_stdout)]
pub fn serve(rows: u64) -> std::io::Result<()> {
    let pages: Arc<Vec<Vec<u8>>> = Arc::new((0..rows.div_ceil(PAGE_SIZE)).map(|page| render(page, rows)).collect());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let (stream, pages) = (stream?, pages.clone());
        std::thread::spawn(move || {
            // A client that hangs up ends its own connection only.
            let _ = answer(&stream, &pages);
        });
    }
    Ok(())
}

fn answer(stream: &TcpStream, pages: &[Vec<u8>]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let cursor = line.split(['?', '&', ' ']).find_map(|part| part.strip_prefix("cursor="));
        let page: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line)?;
        }
        match pages.get(page) {
            Some(page) => writer.write_all(page)?,
            None => writer.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?,
        }
    }
}
