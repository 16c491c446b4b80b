//! The run's producer: opened before it is needed, and used by one slice after the other.

use crate::events::Events;
use crate::native::{Delivered, Topic};
use crate::{Error, config};
use dpone_connections::KafkaConnection;
use dpone_manifest::Sink;
use dpone_model::Report;
use rdkafka::producer::{BaseProducer, Producer as _};
use std::sync::Arc;
use std::time::Duration;

/// An idempotent producer of the sink's topic with nothing under way.
///
/// It needs an id from a broker before its first message. librdkafka asks for one when it starts, finds
/// no broker connected, and asks again after 500 ms, or as soon as metadata comes in
/// (`rd_kafka_idemp_pid_fsm`). The bootstrap connection does not count, and the one to the broker itself
/// is up some 50 ms later. So a fresh producer is asked for metadata when it opens, and a few times
/// more while its first message waits: what takes half a second otherwise takes a tenth.
pub struct Producer {
    pub(crate) topic: Topic<Events>,
    /// How often metadata may still be asked for; 0 once a message was acknowledged.
    pub(crate) nudges: u8,
}

/// As many as fit into the half second, [`NUDGE_AFTER_MS`] apart.
const NUDGES: u8 = 25;
/// How long the first message waits between two requests for metadata, in milliseconds.
const NUDGE_AFTER_MS: u16 = 20;

impl Producer {
    /// Connects. `max_message_bytes` is the topic's `max.message.bytes`, which bounds message and batch.
    /// Blocks until a broker has answered, at most `sink.options.connect_timeout_ms`.
    pub fn open(connection: &KafkaConnection, sink: &Sink, max_message_bytes: Option<u64>) -> Result<Self, Report> {
        let config = config::producer(connection, sink, max_message_bytes)?;
        let producer: BaseProducer<Events> =
            config.create_with_context(Events::default()).map_err(|error| config::explain(&error, connection))?;
        let topic =
            Topic::new(Arc::new(producer), &sink.topic).ok_or_else(|| Error::NoTopic { topic: sink.topic.clone() })?;
        // Without an answer the producer goes on connecting; what is handed over waits for it.
        if let Err(error) = topic.producer().client().fetch_metadata(Some(&sink.topic), sink.connect_timeout) {
            tracing::debug!(%error, "the producer has no metadata yet");
        }
        Ok(Self { topic, nudges: NUDGES })
    }

    /// Takes in one event, waiting for it at most `wait_ms`; false where none came.
    pub(crate) fn take_in(&mut self, wait_ms: u16, name: &str, on_delivered: &mut dyn FnMut(Delivered)) -> bool {
        if self.nudges == 0 || wait_ms == 0 {
            return self.topic.serve(wait_ms, on_delivered);
        }
        let mut is_acknowledged = false;
        let came = self.topic.serve(wait_ms.min(NUDGE_AFTER_MS), &mut |delivered| {
            is_acknowledged |= delivered.error.is_none();
            on_delivered(delivered);
        });
        if is_acknowledged {
            self.nudges = 0;
        } else if !came {
            self.nudges -= 1;
            let _ = self.topic.producer().client().fetch_metadata(Some(name), Duration::from_millis(wait_ms.into()));
        }
        came
    }
}
