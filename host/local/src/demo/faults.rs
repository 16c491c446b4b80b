//! How the demo API misbehaves when it is told to.

use super::lock;
use serde::{Deserialize, Serialize};
use std::sync::Mutex;

/// One misbehaviour and where it shows. As JSON:
/// `{"fault": "status", "status": 503, "page": 3, "times": 2}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Only under this path, such as `/orders`; any listing by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only on this page of a walk, counted from 1; every page by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
    /// This many times; for ever by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    #[serde(flatten)]
    pub kind: FaultKind,
}

/// The fault. "The record" is the one in the middle of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum FaultKind {
    /// This status, with a small JSON body, and `Retry-After` as it stands here.
    Status {
        status: u16,
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// The page ends in the middle of a record; the answer itself is whole.
    MalformedJson,
    /// An HTML page with status 200, as a login form or a proxy sends it.
    Html,
    /// The next page is this page again: the same cursor, link or URL for ever.
    SameCursor,
    /// No records, and a way on to those that should have been here.
    EmptyPage,
    /// The records are under `result.records` instead of `data.items`.
    WrongShape,
    /// A redirect (302) to the same path and query at another origin.
    RedirectElsewhere { origin: String },
    /// A redirect (302) to the same URL.
    RedirectLoop,
    /// The next URL (`/orders/next`, `/orders/link`) is at another origin.
    NextElsewhere { origin: String },
    /// The answer comes late.
    Delay { ms: u64 },
    /// The answer never comes; the connection stays open.
    Hang,
    /// The connection ends in the middle of the body.
    Cut,
    /// The record comes twice, the same both times.
    DuplicateIdentical,
    /// The record comes twice, with another amount the second time.
    DuplicateConflicting,
    /// The record has this field twice, with different values.
    DuplicateField {
        #[serde(default = "order_id")]
        field: String,
    },
    /// The record's `order_id` is null.
    NullKey,
    /// The record has no `order_id`.
    MissingKey,
    /// The record has a field `note` of this many bytes.
    HugeRow { bytes: usize },
    /// `amount` is a string in every record of the page.
    AmountAsString,
    /// A gzip body of few bytes that unpacks to this many.
    GzipBomb { bytes: u64 },
    /// The records are `null` instead of a list.
    NullItems,
    /// The record holds arrays nested this deep.
    DeepNesting { levels: usize },
}

fn order_id() -> String {
    "order_id".to_owned()
}

impl Fault {
    /// A fault on one page, for ever.
    pub fn at_page(page: u64, kind: FaultKind) -> Self {
        Self { path: None, page: Some(page), times: None, kind }
    }

    /// A fault on every page, for ever.
    pub fn always(kind: FaultKind) -> Self {
        Self { path: None, page: None, times: None, kind }
    }

    /// The same fault, but only this many times.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    fn fits(&self, path: &str, page: u64) -> bool {
        self.path.as_deref().is_none_or(|wanted| wanted == path) && self.page.is_none_or(|wanted| wanted == page)
    }
}

/// The faults that are set, with how often each has shown.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<(Fault, u64)>>);

impl Faults {
    pub fn new(faults: Vec<Fault>) -> Self {
        let set = Self::default();
        set.replace(faults);
        set
    }

    pub fn replace(&self, faults: Vec<Fault>) {
        *lock(&self.0) = faults.into_iter().map(|fault| (fault, 0)).collect();
    }

    pub fn list(&self) -> Vec<Fault> {
        lock(&self.0).iter().map(|(fault, _)| fault.clone()).collect()
    }

    /// The first fault that fits and is not used up; it counts as shown.
    pub fn take(&self, path: &str, page: u64) -> Option<FaultKind> {
        let mut faults = lock(&self.0);
        let (fault, shown) = faults
            .iter_mut()
            .find(|(fault, shown)| fault.fits(path, page) && fault.times.is_none_or(|times| *shown < times))?;
        *shown += 1;
        Some(fault.kind.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_documented_and_run_out() {
        let text = r#"[
            {"fault": "status", "status": 503, "page": 3, "times": 2},
            {"fault": "hang", "path": "/orders/page"},
            {"fault": "duplicate_field"},
            {"fault": "gzip_bomb", "bytes": 1000000}
        ]"#;
        let faults = Faults::new(serde_json::from_str(text).unwrap());
        let status = FaultKind::Status { status: 503, retry_after: None };
        assert_eq!(faults.take("/orders", 3), Some(status.clone()));
        assert_eq!(faults.take("/orders", 3), Some(status));
        let field = FaultKind::DuplicateField { field: "order_id".into() };
        assert_eq!(faults.take("/orders", 3), Some(field.clone()));
        assert_eq!(faults.take("/orders/page", 1), Some(FaultKind::Hang));
        assert_eq!(faults.take("/orders", 1), Some(field));
        let again: Vec<Fault> = serde_json::from_str(&serde_json::to_string(&faults.list()).unwrap()).unwrap();
        assert_eq!(again, faults.list());
    }

    #[test]
    fn an_unknown_fault_is_refused() {
        for text in [r#"{"fault": "gremlin"}"#, r#"{"fault": "status"}"#, r#"{"page": 1}"#] {
            assert!(serde_json::from_str::<Fault>(text).is_err(), "{text}");
        }
    }
}
