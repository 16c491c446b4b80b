//! Where a pipeline's checkpoint lives: PostgreSQL and SQLite behind one trait.
//!
//! A table holds one row per (pipeline, stream, slice), and one for the load as a whole, whose column
//! `slice` says `all`; a slice of that id is written `/all`. Beside it, `<table>_history` keeps every
//! write. Both databases run the same statements ([`sql`]); what differs is how they spell time,
//! JSON and schemas, and how a connection is made ([`postgres`], [`sqlite`]).
//!
//! | promise | how it is kept |
//! |---|---|
//! | nobody overwrites a checkpoint unseen | revision compared and set in one `UPDATE` |
//! | a checkpoint and its history agree | both in one transaction |
//! | one run at a time | a lease of 30 s by the database's own clock, taken by one upsert |
//! | old releases do not misread new rows | `format` is compared before anything else is read |
//!
//! Every operation ends within about ten seconds, also when the network swallows packets.

mod database;
mod disabled;
mod error;
mod postgres;
mod sql;
mod sqlite;
mod store;

pub use disabled::Disabled;
pub use error::Error;

use dpone_connections::StateConnection;
use dpone_model::Report;
use dpone_model::state::StateStore;

/// Opens the store and creates schema, table and history table where they are missing. SQLite has
/// no schemas: the table is `<schema>__<table>` there.
pub async fn open(connection: &StateConnection, schema: &str, table: &str) -> Result<Box<dyn StateStore>, Report> {
    match connection {
        StateConnection::Disabled => Ok(Box::new(Disabled)),
        StateConnection::Sqlite { path, .. } => {
            let database = sqlite::Sqlite::new(path)?;
            let sql = sql::Sql::new(sql::Dialect::Sqlite, schema, table)?;
            Ok(Box::new(store::Store::open(database, sql).await?))
        }
        StateConnection::Postgres { .. } => {
            let database = postgres::Postgres::new(connection)?;
            let sql = sql::Sql::new(sql::Dialect::Postgres, schema, table)?;
            Ok(Box::new(store::Store::open(database, sql).await?))
        }
    }
}
