//! What an operator may do with a pipeline's state.

use crate::open::open_state;
use crate::planning::fingerprint;
use crate::resolve::{Host, Request, Resolved, resolve};
use dpone_model::state::{HistoryEntry, StateRow, StateStore, StateWrite};
use dpone_model::{Checkpoint, Report, RunId, StateKey, codes};
use std::sync::Arc;

/// A pipeline's row in its store.
pub struct StateAccess {
    store: Arc<dyn StateStore>,
    key: StateKey,
    resolved: Resolved,
}

impl StateAccess {
    /// Finds the store that the manifest names, under the request's profile.
    pub async fn open(host: &Host, request: &Request) -> Result<Self, Report> {
        let resolved = resolve(host, request, None).await?;
        let store = open_state(&resolved).await?;
        let key = StateKey::whole(resolved.local.manifest.name.clone());
        Ok(Self { store, key, resolved })
    }

    pub fn pipeline(&self) -> &str {
        self.key.pipeline.as_str()
    }

    pub fn store(&self) -> String {
        self.store.describe()
    }

    /// The row; none before the first lease.
    pub async fn row(&self) -> Result<Option<StateRow>, Report> {
        self.store.load(&self.key).await
    }

    pub async fn history(&self, limit: u32) -> Result<Vec<HistoryEntry>, Report> {
        self.store.history(&self.key, limit).await
    }

    /// Keeps the cursor under the manifest and the topic as they are now; known field types are kept
    /// out of the next comparison, so that a changed type can be accepted, too.
    pub async fn adopt(&self) -> Result<u64, Report> {
        let row = self.stored().await?;
        let checkpoint = Checkpoint { target: None, schema: Default::default(), ..row.checkpoint };
        self.write(row.revision, checkpoint, "adopt").await
    }

    /// Forgets cursor, schema and target.
    pub async fn reset(&self) -> Result<u64, Report> {
        let row = self.stored().await?;
        self.write(row.revision, Checkpoint::default(), "reset").await
    }

    async fn stored(&self) -> Result<StateRow, Report> {
        self.row().await?.ok_or_else(|| {
            let message = format!("no state of {} in {}", self.pipeline(), self.store());
            Report::new(&codes::state::NO_STATE, message).hint("the first completed run writes it")
        })
    }

    async fn write(&self, revision: u64, checkpoint: Checkpoint, reason: &str) -> Result<u64, Report> {
        let row = self.stored().await?;
        if let Some(lease) = row.lease.filter(|lease| lease.expires_at > jiff::Timestamp::now()) {
            let message = format!("run {} on {} holds the lease until {}", lease.run_id, lease.host, lease.expires_at);
            return Err(Report::new(&codes::state::LEASED, message).hint("wait until it ends"));
        }
        let fingerprint = fingerprint(&self.resolved)?;
        let write = StateWrite {
            checkpoint,
            fingerprint: fingerprint.digest,
            fingerprint_parts: fingerprint.parts,
            run_id: RunId::new(jiff::Timestamp::now(), 0),
            reason: reason.to_owned(),
        };
        self.store.commit(&self.key, revision, write, false).await
    }
}
