//! State as rows with a revision and a lease; `state` implements the store.

use crate::{Checkpoint, Report, RunId, StateKey};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the stored form.
pub const STATE_FORMAT: u32 = 1;

/// Lease times in seconds, by the store's clock.
pub const LEASE_SECONDS: u32 = 30;
pub const LEASE_RENEW_SECONDS: u32 = 10;

/// One row of state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateRow {
    pub format: u32,
    /// 0 before the first completed run.
    pub revision: u64,
    pub checkpoint: Checkpoint,
    /// Of source URL, cursor field, key and topic; empty before the first completed run.
    pub fingerprint: String,
    /// The parts of the fingerprint, one line each, so that a change can be named.
    pub fingerprint_parts: Vec<String>,
    /// The run that wrote it.
    pub run_id: Option<RunId>,
    pub updated_at: Option<Timestamp>,
    pub lease: Option<Lease>,
}

/// The holder of the right to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub run_id: RunId,
    pub host: String,
    pub pid: u32,
    pub expires_at: Timestamp,
}

/// A run's request for a lease; the store's clock gives the expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRequest {
    pub run_id: RunId,
    pub host: String,
    pub pid: u32,
}

/// A change that K or an operator writes.
#[derive(Debug, Clone, PartialEq)]
pub struct StateWrite {
    pub checkpoint: Checkpoint,
    pub fingerprint: String,
    pub fingerprint_parts: Vec<String>,
    pub run_id: RunId,
    /// `run`, `adopt` or `reset`: what the history shows.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    pub revision: u64,
    pub run_id: RunId,
    pub reason: String,
    pub written_at: Timestamp,
    pub checkpoint: Checkpoint,
}

#[async_trait]
pub trait StateStore: Send + Sync {
    /// Where it is, for messages: `postgres 127.0.0.1:5432/etl`, `sqlite .dpone/state.db`.
    fn describe(&self) -> String;
    /// The row of a key; `None` before its first lease.
    async fn load(&self, key: &StateKey) -> Result<Option<StateRow>, Report>;
    /// Every row of a pipeline, or of all.
    async fn list(&self, pipeline: Option<&str>) -> Result<Vec<(StateKey, StateRow)>, Report>;
    /// Takes the lease if it is free, expired, or held by the same run id; gives the row as it is now.
    /// DP0801 with the holder and its expiry otherwise.
    async fn acquire(&self, key: &StateKey, request: &LeaseRequest) -> Result<StateRow, Report>;
    /// Extends it; DP0804 if it is no longer ours.
    async fn renew(&self, key: &StateKey, run_id: &RunId) -> Result<(), Report>;
    /// Gives it back; nothing if it is no longer ours.
    async fn release(&self, key: &StateKey, run_id: &RunId) -> Result<(), Report>;
    /// Writes if the revision is still `expected` and, where `must_hold_lease`, the lease is ours;
    /// gives the new revision. DP0802 or DP0804 otherwise.
    async fn commit(
        &self,
        key: &StateKey,
        expected: u64,
        write: StateWrite,
        must_hold_lease: bool,
    ) -> Result<u64, Report>;
    /// Newest first.
    async fn history(&self, key: &StateKey, limit: u32) -> Result<Vec<HistoryEntry>, Report>;
}
