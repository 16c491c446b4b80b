//! SQLite: one file, readable by its owner alone, shared between processes by its own locks.

use crate::database::{Database, Row, Statement, TIMEOUT, run_statement, sort_error};
use crate::error::Error;
use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use std::path::{Path, PathBuf};
use tokio::sync::Mutex;

pub(crate) struct Sqlite {
    path: PathBuf,
    options: SqliteConnectOptions,
    /// Made at first use. SQLite gives its locks to connections, so one process needs only one.
    connection: Mutex<Option<SqliteConnection>>,
}

impl Sqlite {
    /// Creates the file (0600) and its folder (0700) where they are missing.
    pub(crate) fn new(path: &Path) -> Result<Self, Error> {
        create_private(path).map_err(|error| Error::Unreachable { store: named(path), cause: error.to_string() })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            // A lost last commit would be found and repeated, but a state that was reported as written stays.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(TIMEOUT);
        Ok(Self { path: path.to_owned(), options, connection: Mutex::new(None) })
    }

    async fn run(&self, statements: &[Statement], transaction: bool) -> Result<Vec<Row>, Error> {
        let doing = statements.first().map_or("a statement", |first| first.doing);
        let mut slot = self.connection.lock().await;
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(|error| self.not_opened(error))?,
        };
        let outcome = run_all(&mut connection, statements, transaction).await;
        // After an error the connection may still hold a transaction: a new one does not.
        if outcome.is_ok() {
            *slot = Some(connection);
        }
        outcome.map_err(|error| sort_error(error, &self.describe(), doing))
    }

    /// A file that is no database is as little a store as one that cannot be opened.
    fn not_opened(&self, error: sqlx::Error) -> Error {
        let cause = match &error {
            sqlx::Error::Database(database) => database.message().to_owned(),
            other => other.to_string(),
        };
        Error::Unreachable { store: self.describe(), cause }
    }
}

#[async_trait]
impl Database for Sqlite {
    fn describe(&self) -> String {
        named(&self.path)
    }

    async fn prepare(&self, _: &str, steps: &[Statement]) -> Result<(), Error> {
        for step in steps {
            self.run(std::slice::from_ref(step), false).await?;
        }
        Ok(())
    }

    async fn query(&self, statement: Statement) -> Result<Vec<Row>, Error> {
        self.run(&[statement], false).await
    }

    async fn query_then(&self, first: Statement, second: Statement) -> Result<Vec<Row>, Error> {
        self.run(&[first, second], true).await
    }
}

/// Gives the rows of the first statement; without one, nothing after it is done.
async fn run_all(
    connection: &mut SqliteConnection,
    statements: &[Statement],
    transaction: bool,
) -> Result<Vec<Row>, sqlx::Error> {
    let Some((first, rest)) = statements.split_first() else { return Ok(Vec::new()) };
    if !transaction {
        return run_statement!(connection, first);
    }
    let mut transaction = connection.begin().await?;
    let rows = run_statement!(transaction, first)?;
    if rows.is_empty() {
        transaction.rollback().await?;
        return Ok(rows);
    }
    for statement in rest {
        run_statement!(transaction, statement)?;
    }
    transaction.commit().await?;
    Ok(rows)
}

fn named(path: &Path) -> String {
    format!("sqlite {}", path.display())
}

#[cfg(unix)]
fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // SQLite gives its -wal and -shm files the mode of the database file.
    let mut options = std::fs::OpenOptions::new();
    // A pipe in its place is not waited for.
    let file = options.append(true).create(true).mode(0o600).custom_flags(dpone_model::file::OPEN_FLAGS).open(path)?;
    if file.metadata()?.is_file() { Ok(()) } else { Err(std::io::Error::other("it is no regular file")) }
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new().append(true).create(true).open(path).map(drop)
}
