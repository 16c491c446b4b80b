//! No state: every run starts at the manifest's `start`.

use async_trait::async_trait;
use dpone_model::state::{HistoryEntry, LeaseRequest, STATE_FORMAT, StateRow, StateStore, StateWrite};
use dpone_model::{Checkpoint, Report, RunId, StateKey};

/// `state.type: disabled`. Nothing is kept, and nothing prevents a second run.
pub struct Disabled;

#[async_trait]
impl StateStore for Disabled {
    fn describe(&self) -> String {
        "disabled".to_owned()
    }

    async fn load(&self, _: &StateKey) -> Result<Option<StateRow>, Report> {
        Ok(None)
    }

    async fn list(&self, _: Option<&str>) -> Result<Vec<(StateKey, StateRow)>, Report> {
        Ok(Vec::new())
    }

    async fn acquire(&self, _: &StateKey, _: &LeaseRequest) -> Result<StateRow, Report> {
        Ok(StateRow {
            format: STATE_FORMAT,
            revision: 0,
            checkpoint: Checkpoint::default(),
            fingerprint: String::new(),
            fingerprint_parts: Vec::new(),
            run_id: None,
            updated_at: None,
            lease: None,
        })
    }

    async fn renew(&self, _: &StateKey, _: &RunId) -> Result<(), Report> {
        Ok(())
    }

    async fn release(&self, _: &StateKey, _: &RunId) -> Result<(), Report> {
        Ok(())
    }

    async fn commit(&self, _: &StateKey, expected: u64, _: StateWrite, _: bool) -> Result<u64, Report> {
        Ok(expected + 1)
    }

    async fn history(&self, _: &StateKey, _: u32) -> Result<Vec<HistoryEntry>, Report> {
        Ok(Vec::new())
    }
}
