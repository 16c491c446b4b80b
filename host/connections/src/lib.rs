//! Where a connection's address and credentials come from.
//!
//! A manifest names connections by id and never holds their fields. A [`Resolver`] looks an id up
//! in one fixed order and says in every message which places it looked at:
//!
//! 1. the chosen [`Profile`] (`.dpone/profiles/NAME.yaml`), with what it `extends`;
//! 2. the built-in profile `local`, if the chain ends there: demo API, local broker or SQLite stand in for
//!    what is not defined, where [`Profile::stand_in`] lets them;
//! 3. the reference's own `connection_type`: `env` (`DPONE_CONN_<ID>_<FIELD>`), `file` (a YAML file
//!    in the form of a profile's `connections`) or `vault` (KV version 2).
//!
//! All places fill the same [fields](fields::known), so one builder per kind judges them, whichever
//! place they came from. Credentials are [`Secret`](dpone_model::Secret) from the moment they are read.
//!
//! Vault is spoken as its HTTP API documents it (KV v2 read, token and AppRole login, namespace
//! header, own CA). The tests run against a stub that answers with the documented bodies, not
//! against a Vault server.

#![allow(clippy::result_large_err, reason = "a failure ends the command; its size costs nothing")]

mod build;
mod connection;
mod definition;
mod environment;
mod error;
pub mod fields;
mod lend;
mod list;
mod profile;
pub mod reference;
mod resolver;
mod stand_in;
mod variable_fields;
mod variables;
mod vault;
mod yaml;

pub use connection::{ApiKeyIn, Auth, HttpConnection, KafkaConnection, OptionValue, StateConnection};
pub use environment::{Environment, Stranger};
pub use error::Error;
pub use fields::{Kind, Role};
pub use lend::{Loan, LoanOnWire};
pub use list::Listed;
pub use profile::Profile;
pub use resolver::{LocalServices, Resolver};
pub use stand_in::Rule;
pub use vault::{Connect as VaultConnect, Exchange as VaultExchange, Server as VaultServer};
