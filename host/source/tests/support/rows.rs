//! Pages of rows through the boundary's filter, without a network.
#![allow(dead_code, reason = "not every test file needs all of it")]

use dpone_manifest::Order;
use dpone_model::{CursorValue, PagePlace, Report, Watermark};
use dpone_plan::Boundary;
use dpone_source::{BoundaryFilter, Filtered, SharedScanner, rescan};
use jiff::Timestamp;

/// The API's rows by cursor value and a further value that makes them differ.
pub fn body(rows: &[(&str, u32)]) -> Vec<u8> {
    let rows: Vec<String> = rows.iter().map(|(at, n)| format!(r#"{{"n":{n},"at":{at}}}"#)).collect();
    format!("[{}]", rows.join(",")).into_bytes()
}

pub fn value(text: &str) -> CursorValue {
    CursorValue::parse(text.trim_matches('"')).unwrap()
}

pub struct Run {
    pub scanner: SharedScanner,
    pub filter: BoundaryFilter,
    page: u64,
}

impl Run {
    pub fn new(boundary: &Boundary, order: Option<Order>) -> Self {
        Self::at("2026-01-01T12:00:00Z", boundary, order)
    }

    /// A run that starts at this instant.
    pub fn at(now: &str, boundary: &Boundary, order: Option<Order>) -> Self {
        let scanner = SharedScanner::default();
        let now: Timestamp = now.parse().unwrap();
        let filter = BoundaryFilter::new(boundary, order, now, &scanner).unwrap();
        Self { scanner, filter, page: 0 }
    }

    /// The numbers of the rows that are left of a page.
    pub fn page(&mut self, body: &[u8]) -> (Vec<u32>, Filtered) {
        self.page += 1;
        let place = PagePlace::new(self.page, "http://own.test/");
        let mut records = rescan(&self.scanner, &place, body, Some("")).unwrap();
        let filtered = self.filter.apply(&place, body, &mut records).unwrap();
        let number =
            |row: &[u8]| serde_json::from_slice::<serde_json::Value>(row).unwrap()["n"].as_u64().unwrap() as u32;
        (records.records.iter().map(|record| number(record.span.of(body))).collect(), filtered)
    }

    /// Why a page is refused.
    pub fn refusal(&mut self, body: &[u8]) -> Report {
        let place = PagePlace::new(1, "http://own.test/");
        let mut records = rescan(&self.scanner, &place, body, Some("")).unwrap();
        self.filter.apply(&place, body, &mut records).unwrap_err()
    }

    pub fn rows(&mut self, rows: &[(&str, u32)]) -> Vec<u32> {
        self.page(&body(rows)).0
    }

    pub fn watermark(&self) -> Option<Watermark> {
        self.filter.watermark()
    }
}

pub fn bounds(lower: Option<&str>, upper: Option<&str>) -> Boundary {
    Boundary { field: Some("at".into()), lower: lower.map(value), upper: upper.map(value), ..Boundary::default() }
}
