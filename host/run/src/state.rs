//! An operator's commands on a pipeline's state.

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
        let key = StateKey::load(resolved.local.manifest.name.clone());
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

    /// Revisions of the load's row, or of a slice's, newest first.
    pub async fn history(&self, slice: Option<&str>, limit: u32) -> Result<Vec<HistoryEntry>, Report> {
        let key = slice.map_or_else(|| self.key.clone(), |id| self.key.of_slice(id));
        self.store.history(&key, limit).await
    }

    /// The rows of the load's slices by their ids; none where it is not cut.
    pub async fn slices(&self) -> Result<Vec<(String, StateRow)>, Report> {
        let rows = self.store.list(Some(self.pipeline())).await?;
        Ok(rows.into_iter().filter_map(|(key, row)| Some((key.slice?, row))).collect())
    }

    /// Keeps the cursor under the manifest and the topic as they are now; known field types are kept
    /// out of the next comparison, so that a changed type can be accepted, too.
    pub async fn adopt(&self) -> Result<u64, Report> {
        let keep = |earlier: Checkpoint| Checkpoint { target: None, schema: Default::default(), ..earlier };
        self.write("adopt", keep).await
    }

    /// Forgets cursor, schema and target.
    pub async fn reset(&self) -> Result<u64, Report> {
        self.write("reset", |_| Checkpoint::default()).await
    }

    async fn stored(&self) -> Result<StateRow, Report> {
        self.row().await?.ok_or_else(|| {
            let message = format!("no state of {} in {}", self.pipeline(), self.store());
            Report::new(&codes::state::NO_STATE, message).hint("the first completed run writes it")
        })
    }

    /// Writes the load's row and those of its slices, the load's own last. Gives its revision.
    async fn write(&self, reason: &str, change: impl Fn(Checkpoint) -> Checkpoint) -> Result<u64, Report> {
        let slices = self.slices().await?.into_iter();
        let mut rows: Vec<_> = slices.map(|(id, row)| (self.key.of_slice(&id), row)).collect();
        rows.push((self.key.clone(), self.stored().await?));
        for (_, row) in &rows {
            refuse_leased(row)?;
        }
        let mut revision = 0;
        for (key, row) in rows {
            revision = self.write_row(&key, row.revision, change(row.checkpoint), reason).await?;
        }
        Ok(revision)
    }

    async fn write_row(
        &self,
        key: &StateKey,
        revision: u64,
        checkpoint: Checkpoint,
        reason: &str,
    ) -> Result<u64, Report> {
        let fingerprint = fingerprint(&self.resolved)?;
        let write = StateWrite {
            checkpoint,
            fingerprint: fingerprint.digest,
            fingerprint_parts: fingerprint.parts,
            run_id: RunId::new(jiff::Timestamp::now(), 0),
            reason: reason.to_owned(),
        };
        self.store.commit(key, revision, write, false).await
    }
}

fn refuse_leased(row: &StateRow) -> Result<(), Report> {
    let Some(lease) = row.lease.as_ref().filter(|lease| lease.expires_at > jiff::Timestamp::now()) else {
        return Ok(());
    };
    let message = format!("run {} on {} holds the lease until {}", lease.run_id, lease.host, lease.expires_at);
    Err(Report::new(&codes::state::LEASED, message).hint("wait until it ends"))
}
