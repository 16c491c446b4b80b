//! The run's producer, opened beside D.
//!
//! Connecting takes some milliseconds, and asking the broker for a producer's id some more. Both are
//! spent while pages are pulled, once a run: slice after slice is published by the same producer. A run
//! that fails before H closes it unused.

use crate::resolve::Resolved;
use crate::stage::bug;
use dpone_model::Report;
use dpone_model::target::TopicDescription;
use dpone_sink::Producer;
use std::sync::{Mutex, PoisonError};
use tokio::task::JoinHandle;

/// The producer while no slice publishes with it.
#[derive(Default)]
pub struct IdleProducer(Mutex<Option<JoinHandle<Result<Producer, Report>>>>);

impl IdleProducer {
    /// Starts to open one in the background.
    pub fn open(&self, resolved: &Resolved, topic: &TopicDescription) {
        *self.slot() = Some(open(resolved, topic));
    }

    /// The producer, once it is open; a new one where none was given back.
    pub async fn take(&self, resolved: &Resolved, topic: &TopicDescription) -> Result<Producer, Report> {
        let opening = self.slot().take().unwrap_or_else(|| open(resolved, topic));
        opening.await.map_err(|cause| bug(&cause))?
    }

    /// Keeps it for the next slice.
    pub fn give_back(&self, producer: Producer) {
        *self.slot() = Some(tokio::spawn(async { Ok(producer) }));
    }

    /// Closes it, apart from the threads that run futures: librdkafka joins its own threads. One that is not
    /// open yet is left to itself: a broker that does not answer would hold up the end of the run for
    /// `connect_timeout_ms`, and the process may end meanwhile.
    pub async fn close(&self) {
        let Some(opening) = self.slot().take().filter(JoinHandle::is_finished) else { return };
        if let Ok(Ok(producer)) = opening.await {
            let _ = tokio::task::spawn_blocking(|| drop(producer)).await;
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<Result<Producer, Report>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(resolved: &Resolved, topic: &TopicDescription) -> JoinHandle<Result<Producer, Report>> {
    let connection = resolved.kafka.clone();
    let sink = resolved.local.manifest.sink.clone();
    let max_message_bytes = topic.max_message_bytes();
    tokio::task::spawn_blocking(move || Producer::open(&connection, &sink, max_message_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn closing_does_not_wait_for_a_producer_that_is_not_open() {
        let producer = IdleProducer::default();
        *producer.slot() = Some(tokio::spawn(std::future::pending()));
        tokio::time::timeout(Duration::from_secs(20), producer.close()).await.unwrap();
    }
}
