//! Keeps the run's lease alive, and stops the run when it is lost.

use crate::cancel::Cancel;
use dpone_model::state::{LEASE_RENEW_SECONDS, LEASE_SECONDS, StateStore};
use dpone_model::{Report, RunId, StateKey, codes};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::Instrument;

/// A lease that renews itself until it is released.
pub struct Held {
    store: Arc<dyn StateStore>,
    key: StateKey,
    run_id: RunId,
    task: tokio::task::JoinHandle<()>,
}

impl Held {
    /// Starts to renew a lease that was just acquired.
    pub fn keep(store: Arc<dyn StateStore>, key: StateKey, run_id: RunId, cancel: Cancel) -> Self {
        let renewing = renew(store.clone(), key.clone(), run_id.clone(), cancel).in_current_span();
        let task = tokio::spawn(renewing);
        Self { store, key, run_id, task }
    }

    /// Gives the lease back. A store that does not answer lets it expire by itself.
    pub async fn release(self) {
        self.task.abort();
        let release = self.store.release(&self.key, &self.run_id);
        if let Ok(Err(report)) = tokio::time::timeout(Duration::from_secs(5), release).await {
            tracing::warn!(%report, "the lease could not be released; it expires by itself");
        }
    }
}

async fn renew(store: Arc<dyn StateStore>, key: StateKey, run_id: RunId, cancel: Cancel) {
    let mut valid_until = Instant::now() + Duration::from_secs(LEASE_SECONDS.into());
    loop {
        tokio::time::sleep(Duration::from_secs(LEASE_RENEW_SECONDS.into())).await;
        let asked = Instant::now();
        let bound = valid_until.saturating_duration_since(asked);
        match tokio::time::timeout(bound, store.renew(&key, &run_id)).await {
            Ok(Ok(())) => {
                tracing::debug!(slice = key.slice, "lease renewed");
                valid_until = asked + Duration::from_secs(LEASE_SECONDS.into());
            }
            Ok(Err(report)) if report.code() == &codes::state::LEASE_LOST => return cancel.stop(report),
            Ok(Err(report)) => tracing::warn!(%report, "the lease could not be renewed yet"),
            Err(_) => {}
        }
        if Instant::now() >= valid_until {
            let message = format!("the lease of {} could not be renewed before it expired", key.pipeline);
            return cancel.stop(Report::new(&codes::state::LEASE_LOST, message));
        }
    }
}
