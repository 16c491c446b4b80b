//! The arguments of plugins' calls: a fresh page or batch a call, scanned just before as in a run, so
//! that the call finds it warm and nothing is left over from the call before.

use crate::Outcome;
use crate::pages;
use bytes::Bytes;
use dpone_model::PagePlace;
use dpone_model::plugin::{BatchView, PageView};
use dpone_source::{Batch, ResponseView, SharedScanner};
use std::sync::{Arc, Mutex};

/// Different bodies, so that no branch predictor learns one by heart.
const BODIES: u64 = 16;
const URL: &str = "https://api.example.com/orders";
pub const RECORDS_PATH: &str = "data.items";

/// The same pages over and over, as long as they are asked for.
pub struct Feed {
    bodies: Vec<Bytes>,
    scanner: SharedScanner,
    page: u64,
    /// The page that calls back to back are given.
    kept: Option<Arc<dyn PageView>>,
}

impl Feed {
    pub fn new() -> Self {
        // One page more than there are bodies: each has a cursor to the next.
        let rows = (BODIES + 1) * pages::PAGE_SIZE;
        let bodies = (0..BODIES).map(|page| pages::body(page, rows).into()).collect();
        Self { bodies, scanner: Arc::new(Mutex::new(dpone_json::Scanner::new())), page: 0, kept: None }
    }

    /// The next page as an extractor sees it; the records were found already.
    pub fn page(&mut self) -> Outcome<Arc<dyn PageView>> {
        let (place, body) = self.next()?;
        let view = ResponseView::new(place, 200, Vec::new(), body, RECORDS_PATH.into(), self.scanner.clone());
        // The scan of the whole page happens with the first question and is not the extractor's cost.
        view.count(RECORDS_PATH).map_err(crate::failed)?;
        Ok(Arc::new(view))
    }

    /// One page again and again, with nothing between two calls.
    pub fn same_page(&mut self) -> Outcome<Arc<dyn PageView>> {
        if self.kept.is_none() {
            self.kept = Some(self.page()?);
        }
        self.kept.clone().ok_or_else(|| "no page".into())
    }

    /// The next page's records as transforms and checks see them.
    pub fn batch(&mut self) -> Outcome<Arc<dyn BatchView>> {
        let (place, body) = self.next()?;
        let records = dpone_source::rescan(&self.scanner, &place, &body, Some(RECORDS_PATH)).map_err(crate::failed)?;
        let (page, url, scanner) = (place.page, place.url, self.scanner.clone());
        Ok(Arc::new(Batch { page, url, body, records, scanner, asked: Default::default() }))
    }

    /// Bytes a record, on average.
    pub fn record_bytes(&self) -> usize {
        let bytes: usize = self.bodies.iter().map(Bytes::len).sum();
        bytes / self.bodies.len() / pages::PAGE_SIZE as usize
    }

    fn next(&mut self) -> Outcome<(PagePlace, Bytes)> {
        self.page += 1;
        let body = self.bodies.get((self.page % BODIES) as usize).ok_or("no such page")?;
        Ok((PagePlace::new(self.page, URL), body.clone()))
    }
}
