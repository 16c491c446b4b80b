//! A database as the store sees it: statements with arguments in, rows of text out.

use crate::error::Error;
use async_trait::async_trait;
use std::time::Duration;

/// How long one operation may take in all, the connection included.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// An argument of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    Text(String),
    Integer(i64),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Arg {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Arg {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

/// Every column is selected as text, so that both databases give the same rows.
pub(crate) type Row = Vec<Option<String>>;

/// SQL with its arguments. The text holds nothing from outside but quoted identifiers.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) args: Vec<Arg>,
    /// Its purpose, as an error would say it: `the lease`.
    pub(crate) doing: &'static str,
}

impl Statement {
    pub(crate) fn new(doing: &'static str, sql: impl Into<String>, args: Vec<Arg>) -> Self {
        Self { sql: sql.into(), args, doing }
    }
}

#[async_trait]
pub(crate) trait Database: Send + Sync {
    /// Such as `postgres 127.0.0.1:5432/etl`.
    fn describe(&self) -> String;
    /// Creates what is missing; several processes may do it at once.
    async fn prepare(&self, schema: &str, steps: &[Statement]) -> Result<(), Error>;
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, Error>;
    /// Both in one transaction; the second one only where the first one gave a row.
    async fn query_then(&self, first: Statement, second: Statement) -> Result<Vec<Row>, Error>;
}

/// Runs statements on a connection of either kind: sqlx gives them no common trait that one
/// could write a function for in fewer words.
macro_rules! run_statement {
    ($connection:expr, $statement:expr) => {{
        use sqlx::Row as _;
        let statement: &$crate::database::Statement = $statement;
        // A statement runs a few times an hour; prepared under a name, it would not pass a connection pooler.
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement.sql.as_str())).persistent(false);
        for arg in &statement.args {
            query = match arg {
                $crate::database::Arg::Text(text) => query.bind(text.as_str()),
                $crate::database::Arg::Integer(number) => query.bind(*number),
            };
        }
        let rows = query.fetch_all(&mut *$connection).await?;
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            let mut cells = Vec::with_capacity(row.len());
            for index in 0..row.len() {
                cells.push(row.try_get::<Option<String>, _>(index)?);
            }
            out.push(cells);
        }
        Ok::<Vec<$crate::database::Row>, sqlx::Error>(out)
    }};
}
pub(crate) use run_statement;

/// Sorts a library error into "does not answer" and "answered with no".
pub(crate) fn sort_error(error: sqlx::Error, store: &str, doing: &'static str) -> Error {
    match error {
        sqlx::Error::Database(database) => Error::Refused {
            store: store.to_owned(),
            doing,
            cause: database.message().to_owned(),
            sqlstate: database.code().map(|code| code.into_owned()),
        },
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            Error::Unreachable { store: store.to_owned(), cause: with_sources(&error) }
        }
        other => Error::Refused { store: store.to_owned(), doing, cause: with_sources(&other), sqlstate: None },
    }
}

/// An error with its sources, where their text is not in it already.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = source.source();
    }
    text
}
