//! The services of `--profile local`: a demo REST API and a small Kafka-protocol broker, both on
//! loopback, both keeping what they have under one folder.
//!
//! [`Services::start_or_join`] is the door: it starts what is asked for as tasks of this process,
//! or joins what another live process runs from the same folder. [`Broker`] and [`DemoApi`] can be
//! started alone, which the tests do.
//!
//! Both are for trying out and for tests. The broker has one node, no replication, no consumer
//! groups, no transactions and no authentication, and it never syncs to disk.

pub mod broker;
pub mod demo;
mod error;
mod files;
mod server;
mod services;

pub use broker::Broker;
pub use demo::{DemoApi, DemoOptions, Fault, FaultKind, LoggedRequest};
pub use error::Error;
pub use services::{Options, Services};
