//! PostgreSQL: one connection, made anew when it has gone, every operation bounded in time.

use crate::database::{Arg, Database, Row, Statement, TIMEOUT, run_statement, sort_error};
use crate::error::Error;
use async_trait::async_trait;
use dpone_connections::StateConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use std::future::Future;
use tokio::sync::Mutex;

/// Of the advisory lock under which tables are created: `CREATE … IF NOT EXISTS` alone fails
/// when two sessions do it at once.
const CREATE_LOCK: i64 = 0x6470_6f6e_6501;

pub(crate) struct Postgres {
    /// Host, port and database, for messages.
    address: String,
    options: PgConnectOptions,
    /// A pool would retry a refused connection until its time is over, and then not tell why. State
    /// is asked for a few times a minute, so one connection does.
    connection: Mutex<Option<PgConnection>>,
}

impl Postgres {
    pub(crate) fn new(connection: &StateConnection) -> Result<Self, Error> {
        let StateConnection::Postgres { host, port, database, username, password, ssl_mode, ca_file, .. } = connection
        else {
            let cause = "the connection is not a PostgreSQL one".to_owned();
            return Err(Error::Unreachable { store: "postgres".to_owned(), cause });
        };
        let address = format!("{host}:{port}/{database}");
        let mode: PgSslMode = ssl_mode.parse().map_err(|error: sqlx::Error| Error::Unreachable {
            store: format!("postgres {address}"),
            cause: error.to_string(),
        })?;
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(*port)
            .database(database)
            .username(username)
            .ssl_mode(mode)
            .application_name("dpone")
            // The server gives up by itself before we stop listening.
            .options([("statement_timeout", "9s"), ("lock_timeout", "9s")]);
        options = if host.starts_with('/') { options.socket(host) } else { options.host(host) };
        if let Some(password) = password {
            options = options.password(password.expose());
        }
        if let Some(file) = ca_file {
            options = options.ssl_root_cert(file);
        }
        Ok(Self { address, options, connection: Mutex::new(None) })
    }

    /// Runs an operation on a connection that is known to live, within the time that it may take.
    async fn run<T, F>(&self, doing: &'static str, operation: impl FnOnce(PgConnection) -> F + Send) -> Result<T, Error>
    where
        F: Future<Output = (PgConnection, Result<T, sqlx::Error>)> + Send,
    {
        let bounded = async {
            let mut slot = self.connection.lock().await;
            let connection = match alive(slot.take()).await {
                Some(connection) => connection,
                None => self.options.connect().await?,
            };
            let (connection, outcome) = operation(connection).await;
            // After an error the connection may be broken, or hold a transaction: a new one does not.
            if outcome.is_ok() {
                *slot = Some(connection);
            }
            outcome
        };
        match tokio::time::timeout(TIMEOUT, bounded).await {
            Ok(outcome) => outcome.map_err(|error| sort_error(error, &self.describe(), doing)),
            Err(_) => {
                let cause = format!("no answer within {} s", TIMEOUT.as_secs());
                Err(Error::Unreachable { store: self.describe(), cause })
            }
        }
    }
}

#[async_trait]
impl Database for Postgres {
    fn describe(&self) -> String {
        format!("postgres {}", self.address)
    }

    async fn prepare(&self, schema: &str, steps: &[Statement]) -> Result<(), Error> {
        let doing = "to create the state table";
        let exists = "SELECT '1' FROM pg_namespace WHERE nspname = $1";
        let exists = Statement::new(doing, exists, vec![schema.into()]);
        let has_schema = !self.query(exists).await?.is_empty();
        // `CREATE SCHEMA IF NOT EXISTS` asks for the right to create even where there is nothing to do.
        let steps: Vec<Statement> = steps.iter().skip(usize::from(has_schema)).cloned().collect();
        self.run(doing, |mut connection| async move {
            let outcome = create(&mut connection, &steps).await;
            (connection, outcome)
        })
        .await
    }

    async fn query(&self, statement: Statement) -> Result<Vec<Row>, Error> {
        self.run(statement.doing, |mut connection| async move {
            let rows = single(&mut connection, &statement).await;
            (connection, rows)
        })
        .await
    }

    async fn query_then(&self, first: Statement, second: Statement) -> Result<Vec<Row>, Error> {
        self.run(first.doing, |mut connection| async move {
            let rows = both(&mut connection, &first, &second).await;
            (connection, rows)
        })
        .await
    }
}

/// The server may have been restarted since the connection was used last.
async fn alive(connection: Option<PgConnection>) -> Option<PgConnection> {
    let mut connection = connection?;
    connection.ping().await.is_ok().then_some(connection)
}

async fn single(connection: &mut PgConnection, statement: &Statement) -> Result<Vec<Row>, sqlx::Error> {
    run_statement!(connection, statement)
}

async fn both(connection: &mut PgConnection, first: &Statement, second: &Statement) -> Result<Vec<Row>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let rows = run_statement!(transaction, first)?;
    if rows.is_empty() {
        transaction.rollback().await?;
        return Ok(rows);
    }
    run_statement!(transaction, second)?;
    transaction.commit().await?;
    Ok(rows)
}

async fn create(connection: &mut PgConnection, steps: &[Statement]) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let lock = Statement::new("", "SELECT CAST(pg_advisory_xact_lock($1) AS text)", vec![Arg::Integer(CREATE_LOCK)]);
    run_statement!(transaction, &lock)?;
    for step in steps {
        run_statement!(transaction, step)?;
    }
    transaction.commit().await
}
