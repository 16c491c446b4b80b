//! Kafka: keys, the producer, what a topic is, and reading it back. The only crate with librdkafka.
//!
//! - [`KeyEncoder`] makes key bytes from a page's records while they are warm.
//! - [`Kafka`] is the preflight: broker, topic and configuration, before anything is fetched.
//! - [`SizeCheck`] finds the record that the topic would refuse, before the first message is out.
//! - [`Producer`] is the run's idempotent producer, opened before it is needed.
//! - [`Publisher`] hands pages to it and accounts for every message.
//! - [`read_topic`] reads a topic up to its end as it is now.

#[cfg(test)]
mod cluster_tests;
mod config;
mod error;
mod events;
mod kafka;
mod key;
mod ledger;
mod native;
mod producer;
mod publisher;
mod read;
mod sizes;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use kafka::{Kafka, Probe, probe};
pub use key::KeyEncoder;
pub use ledger::{DeliveryReport, FirstError, Offsets};
pub use producer::Producer;
pub use publisher::{Options, Publisher};
pub use read::{MessageView, ReadOptions, read_topic};
pub use sizes::{SizeCheck, check_sizes};
