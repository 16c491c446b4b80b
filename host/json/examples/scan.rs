//! Prints what a scan costs, in CPU seconds per 500,000 records of about 285 bytes and 12 fields, and
//! what one column of a page of 1,000 records costs.
//!
//! `cargo run --release -p dpone-json --example scan`

use dpone_json::{Path, Scanner, column};
use dpone_model::Records;
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;

const PAGES: usize = 500;
const ROWS: usize = 1000;
const ROUNDS: usize = 9;

/// How the fields of a record are ordered.
#[derive(Debug, Clone, Copy)]
enum Order {
    Same,
    /// One field is missing in every third record.
    Optional,
    Shuffled,
}

#[allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() -> Result<(), Box<dyn Error>> {
    for order in [Order::Same, Order::Optional, Order::Shuffled] {
        let pages: Vec<String> = (0..PAGES).map(|page| render(page, order)).collect();
        let bytes: usize = pages.iter().map(String::len).sum();
        let mut scanner = Scanner::new();
        let mut records = Records::default();
        let path = Path::parse("data");
        let mut runs = Vec::new();
        let mut columns = Vec::new();
        for _ in 0..ROUNDS {
            let (mut scanning, mut reading) = (0.0, 0.0);
            for page in &pages {
                let start = cpu_seconds();
                scanner.scan(page.as_bytes(), &path, &mut records)?;
                scanning += cpu_seconds() - start;
                let start = cpu_seconds();
                black_box(column(page.as_bytes(), &records, scanner.names().get("customer_name"))?);
                reading += cpu_seconds() - start;
            }
            runs.push(scanning);
            columns.push(reading);
        }
        // The least, because other work on the machine only adds.
        let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
        println!(
            "{order:?}: scan {:.3} s for {} records of {} bytes; a column {:.1} us a page",
            least(&runs),
            PAGES * ROWS,
            bytes / (PAGES * ROWS),
            least(&columns) / PAGES as f64 * 1e6
        );
    }
    Ok(())
}

/// CPU time of this thread, which other work on the machine disturbs less than the clock.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn render(page: usize, order: Order) -> String {
    let mut out = String::from("{\"data\":[");
    for row in 0..ROWS {
        let id = page * ROWS + row;
        let comma = if row == 0 { "" } else { "," };
        let mut fields = fields(id);
        match order {
            Order::Same => {}
            Order::Optional if id.is_multiple_of(3) => drop(fields.remove(5)),
            Order::Optional => {}
            Order::Shuffled => fields.sort_by_key(|field| (field.len() * 7919 + id * 104_729) % 1009),
        }
        // Writing to a String cannot fail.
        let _ = write!(out, "{comma}{{{}}}", fields.join(","));
    }
    out.push_str("],\"meta\":{\"next\":\"eyJwYWdlIjoyfQ\",\"total\":500000}}");
    out
}

fn fields(id: usize) -> Vec<String> {
    let mixed = id.wrapping_mul(2_654_435_761) % 1_000_003;
    let status = ["new", "paid", "shipped", "returned"].get(mixed % 4).copied().unwrap_or_default();
    vec![
        format!("\"id\":{id}"),
        format!("\"order_number\":\"ORD-{id:08}\""),
        format!("\"customer_id\":{mixed}"),
        format!("\"customer_name\":\"Customer {}\"", "x".repeat(mixed % 17)),
        format!("\"email\":\"customer{mixed}@example.com\""),
        format!("\"status\":\"{status}\""),
        format!("\"amount\":{}.{:02}", mixed % 9973, mixed % 100),
        "\"currency\":\"EUR\"".to_owned(),
        format!("\"items\":{}", mixed % 9),
        format!("\"paid\":{}", mixed.is_multiple_of(2)),
        format!(
            "\"note\":{}",
            if mixed.is_multiple_of(5) { "null".to_owned() } else { format!("\"{}\"", "n".repeat(mixed % 23)) }
        ),
        format!("\"updated_at\":\"2026-01-{:02}T{:02}:{:02}:00Z\"", mixed % 28 + 1, mixed % 24, mixed % 60),
    ]
}
