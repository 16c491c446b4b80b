//! The state store over any database: what the trait promises, in terms of the statements.

use crate::database::{Arg, Database, Row, Statement};
use crate::error::{Error, shown};
use crate::sql::{Dialect, Sql};
use async_trait::async_trait;
use dpone_model::state::{HistoryEntry, Lease, LeaseRequest, STATE_FORMAT, StateRow, StateStore, StateWrite};
use dpone_model::{Checkpoint, PipelineName, Report, RunId, StateKey};
use jiff::Timestamp;

pub(crate) struct Store<D> {
    database: D,
    sql: Sql,
}

impl<D: Database> Store<D> {
    pub(crate) async fn open(database: D, sql: Sql) -> Result<Self, Error> {
        let doing = "to create the state table";
        let mut steps = vec![
            Statement::new(doing, sql.create_table(), Vec::new()),
            Statement::new(doing, sql.create_history(), Vec::new()),
        ];
        if sql.dialect == Dialect::Postgres {
            steps.insert(0, Statement::new(doing, sql.create_schema(), Vec::new()));
        }
        // Reading first means that the rights to create are needed only where there is something to create.
        let probe = || Statement::new("to read the state table", sql.probe(), Vec::new());
        if let Err(error) = database.query(probe()).await {
            if !matches!(error, Error::Refused { .. }) {
                return Err(error);
            }
            database.prepare(&sql.schema, &steps).await?;
            database.query(probe()).await.map_err(|error| foreign(error, &sql.table))?;
        }
        Ok(Self { database, sql })
    }

    async fn query(&self, doing: &'static str, sql: String, args: Vec<Arg>) -> Result<Vec<Row>, Error> {
        self.database.query(Statement::new(doing, sql, args)).await
    }

    async fn row(&self, key: &StateKey) -> Result<Option<StateRow>, Error> {
        let rows = self.query("to read the state", self.sql.load(), key_args(key)).await?;
        rows.into_iter().next().map(|row| self.parse(key, row)).transpose()
    }

    fn parse(&self, key: &StateKey, row: Row) -> Result<StateRow, Error> {
        let mut cells = Cells::new(row);
        let format = cells.number::<u32>("format").map_err(|cause| self.damaged(key, cause))?;
        if format > STATE_FORMAT {
            return Err(Error::Format { key: shown(key), found: format, known: STATE_FORMAT });
        }
        state_row(format, &mut cells).map_err(|cause| self.damaged(key, cause))
    }

    fn damaged(&self, key: &StateKey, cause: String) -> Error {
        Error::Damaged { store: self.database.describe(), key: shown(key), cause }
    }

    /// Why the lease is not ours, from the row as it is.
    fn lease_lost(key: &StateKey, row: Option<&StateRow>) -> Error {
        let now = match row.map(|row| &row.lease) {
            None => "the state is gone".to_owned(),
            Some(None) => "nobody holds it".to_owned(),
            Some(Some(lease)) => format!("run {} on {} (pid {}) holds it", lease.run_id, lease.host, lease.pid),
        };
        Error::LeaseLost { key: shown(key), now }
    }

    /// Why a commit found nothing to update.
    async fn refusal(&self, key: &StateKey, expected: u64, run_id: &RunId, lease: bool) -> Result<Error, Error> {
        let row = self.row(key).await?;
        let held = row.as_ref().and_then(|row| row.lease.as_ref()).is_some_and(|lease| lease.run_id == *run_id);
        if lease && !held {
            return Ok(Self::lease_lost(key, row.as_ref()));
        }
        let by = row.as_ref().and_then(|row| row.run_id.as_ref()).map(|run| format!("run {run}"));
        Ok(Error::Conflict {
            key: shown(key),
            expected,
            found: row.map_or(0, |row| row.revision),
            by: by.unwrap_or_else(|| "somebody else".to_owned()),
        })
    }

    /// The connection broke while a commit was under way: whether it arrived, only the row can tell.
    async fn arrived(&self, key: &StateKey, expected: u64, run_id: &RunId) -> bool {
        let row = self.row(key).await.ok().flatten();
        row.is_some_and(|row| row.revision == expected + 1 && row.run_id.as_ref() == Some(run_id))
    }
}

#[async_trait]
impl<D: Database> StateStore for Store<D> {
    fn describe(&self) -> String {
        self.database.describe()
    }

    async fn load(&self, key: &StateKey) -> Result<Option<StateRow>, Report> {
        Ok(self.row(key).await?)
    }

    async fn list(&self, pipeline: Option<&str>) -> Result<Vec<(StateKey, StateRow)>, Report> {
        let args = vec![pipeline.unwrap_or_default().into()];
        let rows = self.query("to list the state", self.sql.list(), args).await?;
        let mut listed = Vec::with_capacity(rows.len());
        for mut row in rows {
            let (slice, stream, pipeline) = (row.pop().flatten(), row.pop().flatten(), row.pop().flatten());
            let pipeline = pipeline.unwrap_or_default();
            // A row that no release of ours wrote has no name that a manifest could have.
            let Some(pipeline) = PipelineName::parse(&pipeline) else { continue };
            let slice = StateKey::slice_of_stored(&slice.unwrap_or_default());
            let key = StateKey { pipeline, stream: stream.unwrap_or_default(), slice };
            let parsed = self.parse(&key, row)?;
            listed.push((key, parsed));
        }
        Ok(listed)
    }

    async fn acquire(&self, key: &StateKey, request: &LeaseRequest) -> Result<StateRow, Report> {
        let mut args = key_args(key);
        args.extend([
            request.run_id.as_str().into(),
            request.host.as_str().into(),
            request.pid.into(),
            Arg::Text(empty_checkpoint()),
        ]);
        let rows = self.query("the lease", self.sql.acquire(), args).await?;
        if let Some(row) = rows.into_iter().next() {
            return Ok(self.parse(key, row)?);
        }
        // The one who held it may have given it back in between; then the caller may try again.
        let row = self.row(key).await?;
        match row.and_then(|row| row.lease) {
            Some(lease) => Err(Error::Leased { key: shown(key), lease }.into()),
            None => Err(Self::lease_lost(key, None).into()),
        }
    }

    async fn renew(&self, key: &StateKey, run_id: &RunId) -> Result<(), Report> {
        let mut args = key_args(key);
        args.push(run_id.as_str().into());
        if self.query("to renew the lease", self.sql.renew(), args).await?.is_empty() {
            let row = self.row(key).await?;
            return Err(Self::lease_lost(key, row.as_ref()).into());
        }
        Ok(())
    }

    async fn release(&self, key: &StateKey, run_id: &RunId) -> Result<(), Report> {
        let mut args = key_args(key);
        args.push(run_id.as_str().into());
        self.query("to release the lease", self.sql.release(), args).await?;
        Ok(())
    }

    async fn commit(
        &self,
        key: &StateKey,
        expected: u64,
        write: StateWrite,
        must_hold_lease: bool,
    ) -> Result<u64, Report> {
        let doing = "to write the state";
        let checkpoint = to_json(&write.checkpoint);
        if !must_hold_lease && expected == 0 {
            let mut args = key_args(key);
            args.push(Arg::Text(empty_checkpoint()));
            self.query(doing, self.sql.insert_if_missing(), args).await?;
        }
        let mut update = key_args(key);
        update.extend([
            expected.into(),
            Arg::Text(checkpoint),
            write.fingerprint.as_str().into(),
            Arg::Text(to_json(&write.fingerprint_parts)),
            write.run_id.as_str().into(),
        ]);
        let mut record = key_args(key);
        record.extend([
            (expected + 1).into(),
            write.run_id.as_str().into(),
            write.reason.as_str().into(),
            Arg::Text(to_json(&write.checkpoint.without_digests())),
        ]);
        let update = Statement::new(doing, self.sql.commit(must_hold_lease), update);
        let record = Statement::new(doing, self.sql.record(), record);
        match self.database.query_then(update, record).await {
            Ok(rows) if rows.is_empty() => {
                Err(self.refusal(key, expected, &write.run_id, must_hold_lease).await?.into())
            }
            Ok(_) => Ok(expected + 1),
            Err(Error::Unreachable { .. }) if self.arrived(key, expected, &write.run_id).await => Ok(expected + 1),
            Err(error) => Err(error.into()),
        }
    }

    async fn history(&self, key: &StateKey, limit: u32) -> Result<Vec<HistoryEntry>, Report> {
        let mut args = key_args(key);
        args.push(limit.into());
        let rows = self.query("to read the history", self.sql.history(), args).await?;
        let entry = |row| history_entry(&mut Cells::new(row)).map_err(|cause| self.damaged(key, cause));
        let entries = rows.into_iter().map(entry).collect::<Result<Vec<_>, Error>>();
        Ok(entries?)
    }
}

/// The columns of one row, in the order of the statement.
struct Cells(std::vec::IntoIter<Option<String>>);

impl Cells {
    fn new(row: Row) -> Self {
        Self(row.into_iter())
    }

    fn optional(&mut self) -> Option<String> {
        self.0.next().flatten()
    }

    fn text(&mut self, name: &str) -> Result<String, String> {
        self.optional().ok_or_else(|| format!("{name} is null"))
    }

    fn number<N: std::str::FromStr>(&mut self, name: &str) -> Result<N, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("{name} is `{text}`"))
    }

    fn json<T: serde::de::DeserializeOwned>(&mut self, name: &str) -> Result<T, String> {
        serde_json::from_str(&self.text(name)?).map_err(|error| format!("{name}: {error}"))
    }

    fn run_id(&mut self, name: &str) -> Result<Option<RunId>, String> {
        let parse = |text: String| RunId::parse(&text).ok_or_else(|| format!("{name} is `{text}`"));
        self.optional().map(parse).transpose()
    }

    fn instant(&mut self, name: &str) -> Result<Option<Timestamp>, String> {
        let parse = |text: String| {
            let millis = text.parse().map_err(|_| format!("{name} is `{text}`"))?;
            Timestamp::from_millisecond(millis).map_err(|error| format!("{name}: {error}"))
        };
        self.optional().map(parse).transpose()
    }
}

fn state_row(format: u32, cells: &mut Cells) -> Result<StateRow, String> {
    Ok(StateRow {
        format,
        revision: cells.number("revision")?,
        checkpoint: cells.json("checkpoint")?,
        fingerprint: cells.text("fingerprint")?,
        fingerprint_parts: cells.json("fingerprint_parts")?,
        run_id: cells.run_id("run_id")?,
        updated_at: cells.instant("updated_at")?,
        lease: lease(cells)?,
    })
}

fn lease(cells: &mut Cells) -> Result<Option<Lease>, String> {
    let Some(run_id) = cells.run_id("lease_run_id")? else { return Ok(None) };
    Ok(Some(Lease {
        run_id,
        host: cells.text("lease_host")?,
        pid: cells.number("lease_pid")?,
        expires_at: cells.instant("lease_expires_at")?.ok_or("lease_expires_at is null")?,
    }))
}

fn history_entry(cells: &mut Cells) -> Result<HistoryEntry, String> {
    Ok(HistoryEntry {
        revision: cells.number("revision")?,
        run_id: cells.run_id("run_id")?.ok_or("run_id is null")?,
        reason: cells.text("reason")?,
        written_at: cells.instant("written_at")?.ok_or("written_at is null")?,
        checkpoint: cells.json("checkpoint")?,
    })
}

fn key_args(key: &StateKey) -> Vec<Arg> {
    vec![key.pipeline.as_str().into(), key.stream.as_str().into(), Arg::Text(key.stored_slice().into_owned())]
}

fn to_json(value: &impl serde::Serialize) -> String {
    // Checkpoints and lists of text always have a JSON form; an empty text would be refused when read.
    serde_json::to_string(value).unwrap_or_default()
}

fn empty_checkpoint() -> String {
    to_json(&Checkpoint::default())
}

fn foreign(error: Error, table: &str) -> Error {
    match error {
        Error::Refused { store, cause, .. } => Error::ForeignTable { store, table: table.to_owned(), cause },
        other => other,
    }
}
