//! One request, for `connections test` and `doctor`.

use crate::walk::{Walk, WalkConfig};
use dpone_model::Report;
use std::time::{Duration, Instant};

/// The answer of the first page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    pub status: u16,
    /// Without secrets.
    pub url: String,
    /// Decoded.
    pub bytes: u64,
    pub records: u64,
    /// Whether the API has a next page.
    pub has_more: bool,
    /// Attempts that the request took.
    pub attempts: u32,
    pub took: Duration,
}

/// Fetches and reads the first page, and nothing else. `None` where the extractor asks for none.
pub async fn probe(config: WalkConfig<'_>) -> Result<Option<ProbeResult>, Report> {
    let started = Instant::now();
    let mut walk = Walk::new(WalkConfig { max_pages: Some(1), ..config })?;
    let page = walk.next().await?;
    Ok(page.map(|page| ProbeResult {
        status: page.status,
        url: page.url,
        bytes: page.body.len() as u64,
        records: page.records.len() as u64,
        has_more: page.next.is_some(),
        attempts: page.attempts,
        took: started.elapsed(),
    }))
}
