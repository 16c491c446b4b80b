//! The one place that calls librdkafka's C functions directly.
//!
//! [`Topic`] hands messages over and waits for delivery reports, [`topic_id`] and [`topic_configs`] ask
//! what a topic is.

#![allow(unsafe_code)]

mod describe;
mod topic;

pub use describe::{Configs, topic_configs, topic_id};
pub use topic::{Delivered, Handed, Outgoing, Topic};
