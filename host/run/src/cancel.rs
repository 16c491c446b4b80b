//! Stopping a run from outside: Ctrl-C, or a lease that was lost.

use dpone_model::{Report, codes};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// A flag that many may watch; the first reason stays.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Inner>);

#[derive(Default)]
struct Inner {
    flag: Arc<AtomicBool>,
    reason: Mutex<Option<Report>>,
    notify: Notify,
}

impl Cancel {
    /// Asks the run to end where it can go on later.
    pub fn interrupt(&self) {
        self.stop(Report::new(&codes::interrupted::INTERRUPTED, "interrupted by a signal"));
    }

    /// Asks the run to end because of `reason`.
    pub fn stop(&self, reason: Report) {
        let mut slot = self.0.reason.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        slot.get_or_insert(reason);
        drop(slot);
        self.0.flag.store(true, Ordering::SeqCst);
        self.0.notify.notify_waiters();
    }

    /// The flag itself, for code that polls between two pieces of work.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.flag.clone()
    }

    /// `Err` with the reason once the run was asked to end.
    pub fn check(&self) -> Result<(), Report> {
        if !self.0.flag.load(Ordering::SeqCst) {
            return Ok(());
        }
        let slot = self.0.reason.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        Err(slot.clone().unwrap_or_else(|| Report::new(&codes::interrupted::INTERRUPTED, "interrupted")))
    }

    /// Runs `work` until it is done or the run is asked to end.
    pub async fn guard<T>(&self, work: impl Future<Output = Result<T, Report>>) -> Result<T, Report> {
        let notified = self.0.notify.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        self.check()?;
        tokio::select! {
            done = work => done,
            () = notified => self.check().and_then(|()| Err(Report::new(&codes::interrupted::INTERRUPTED, "interrupted"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_stays_and_ends_what_is_waited_for() {
        let cancel = Cancel::default();
        let waiting = tokio::spawn({
            let cancel = cancel.clone();
            async move { cancel.guard(std::future::pending::<Result<(), Report>>()).await }
        });
        tokio::task::yield_now().await;
        cancel.stop(Report::new(&codes::state::LEASE_LOST, "lost"));
        cancel.interrupt();
        let ended = waiting.await.unwrap().unwrap_err();
        assert_eq!(ended.code(), &codes::state::LEASE_LOST);
        assert_eq!(cancel.check().unwrap_err().code(), &codes::state::LEASE_LOST);
        assert!(cancel.guard(async { Ok(()) }).await.is_err(), "nothing starts after a stop");
    }
}
