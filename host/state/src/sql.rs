//! The statements, once for both databases, and the few words that differ.

use crate::error::Error;
use dpone_model::state::{LEASE_SECONDS, STATE_FORMAT};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

/// Table names and dialect; its methods are the statements.
#[derive(Debug, Clone)]
pub(crate) struct Sql {
    pub(crate) dialect: Dialect,
    /// As given; SQLite has it in the table's name.
    pub(crate) schema: String,
    /// Quoted, with its schema.
    pub(crate) table: String,
    history: String,
}

/// PostgreSQL cuts longer identifiers, which would let two names meet in one table.
const MAX_NAME_BYTES: usize = 63;
const HISTORY: &str = "_history";

impl Sql {
    pub(crate) fn new(dialect: Dialect, schema: &str, table: &str) -> Result<Self, Error> {
        check_name("schema", schema, MAX_NAME_BYTES)?;
        check_name("table", table, MAX_NAME_BYTES - HISTORY.len())?;
        let qualified = |table: String| match dialect {
            Dialect::Postgres => format!("{}.{}", quoted(schema), quoted(&table)),
            Dialect::Sqlite => quoted(&format!("{schema}__{table}")),
        };
        Ok(Self {
            dialect,
            schema: schema.to_owned(),
            table: qualified(table.to_owned()),
            history: qualified(format!("{table}{HISTORY}")),
        })
    }

    pub(crate) fn create_schema(&self) -> String {
        format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(&self.schema))
    }

    pub(crate) fn create_table(&self) -> String {
        let (table, time, json) = (&self.table, self.time_type(), self.json_type());
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (
                pipeline text NOT NULL, stream text NOT NULL, slice text NOT NULL,
                format bigint NOT NULL, revision bigint NOT NULL,
                checkpoint {json} NOT NULL, fingerprint text NOT NULL, fingerprint_parts {json} NOT NULL,
                run_id text, updated_at {time},
                lease_run_id text, lease_host text, lease_pid bigint, lease_expires_at {time},
                PRIMARY KEY (pipeline, stream, slice))"
        )
    }

    pub(crate) fn create_history(&self) -> String {
        let (history, time, json) = (&self.history, self.time_type(), self.json_type());
        format!(
            "CREATE TABLE IF NOT EXISTS {history} (
                pipeline text NOT NULL, stream text NOT NULL, slice text NOT NULL, revision bigint NOT NULL,
                run_id text NOT NULL, reason text NOT NULL, written_at {time} NOT NULL, checkpoint {json} NOT NULL,
                PRIMARY KEY (pipeline, stream, slice, revision))"
        )
    }

    /// Finds out whether both tables have the columns that the other statements use.
    pub(crate) fn probe(&self) -> String {
        let (row, entry) = (self.row_columns(), self.history_columns());
        let (table, history) = (&self.table, &self.history);
        format!("SELECT 1 FROM (SELECT {row} FROM {table}) AS t, (SELECT {entry} FROM {history}) AS h WHERE 1 = 0")
    }

    /// $1..$3 the key.
    pub(crate) fn load(&self) -> String {
        format!("SELECT {} FROM {} AS t WHERE {KEY}", self.row_columns(), self.table)
    }

    /// $1 a pipeline, or empty for all.
    pub(crate) fn list(&self) -> String {
        let (columns, table) = (self.row_columns(), &self.table);
        format!(
            "SELECT {columns}, pipeline, stream, slice FROM {table} AS t
             WHERE $1 = '' OR pipeline = $1 ORDER BY pipeline, stream, slice"
        )
    }

    /// $1..$3 the key, $4 run id, $5 host, $6 pid, $7 empty checkpoint. No row: somebody else holds it,
    /// or the format is a newer one.
    pub(crate) fn acquire(&self) -> String {
        let (columns, table) = (self.row_columns(), &self.table);
        let (now, expiry, checkpoint, parts) = (self.now(), self.expiry(), self.json("$7"), self.json("'[]'"));
        format!(
            "INSERT INTO {table} AS t (pipeline, stream, slice, format, revision, checkpoint, fingerprint,
                fingerprint_parts, lease_run_id, lease_host, lease_pid, lease_expires_at)
             VALUES ($1, $2, $3, {STATE_FORMAT}, 0, {checkpoint}, '', {parts}, $4, $5, $6, {expiry})
             ON CONFLICT (pipeline, stream, slice) DO UPDATE SET lease_run_id = excluded.lease_run_id,
                lease_host = excluded.lease_host, lease_pid = excluded.lease_pid, lease_expires_at = {expiry}
             WHERE t.format <= {STATE_FORMAT}
                AND (t.lease_run_id IS NULL OR t.lease_run_id = excluded.lease_run_id OR t.lease_expires_at <= {now})
             RETURNING {columns}"
        )
    }

    /// $1..$3 the key, $4 run id. A row: it was ours.
    pub(crate) fn renew(&self) -> String {
        let (table, expiry) = (&self.table, self.expiry());
        format!(
            "UPDATE {table} SET lease_expires_at = {expiry} WHERE {KEY} AND lease_run_id = $4 RETURNING lease_run_id"
        )
    }

    /// $1..$3 the key, $4 run id.
    pub(crate) fn release(&self) -> String {
        let table = &self.table;
        format!(
            "UPDATE {table} SET lease_run_id = NULL, lease_host = NULL, lease_pid = NULL, lease_expires_at = NULL
             WHERE {KEY} AND lease_run_id = $4"
        )
    }

    /// $1..$3 the key, $4 empty checkpoint: an operator may write before any run has.
    pub(crate) fn insert_if_missing(&self) -> String {
        let (table, checkpoint, parts) = (&self.table, self.json("$4"), self.json("'[]'"));
        format!(
            "INSERT INTO {table} (pipeline, stream, slice, format, revision, checkpoint, fingerprint, fingerprint_parts)
             VALUES ($1, $2, $3, {STATE_FORMAT}, 0, {checkpoint}, '', {parts})
             ON CONFLICT (pipeline, stream, slice) DO NOTHING"
        )
    }

    /// $1..$3 the key, $4 expected revision, $5 checkpoint, $6 fingerprint, $7 its parts, $8 run id.
    pub(crate) fn commit(&self, must_hold_lease: bool) -> String {
        let (table, now, checkpoint, parts) = (&self.table, self.now(), self.json("$5"), self.json("$7"));
        let ours = if must_hold_lease { " AND lease_run_id = $8" } else { "" };
        format!(
            "UPDATE {table} SET format = {STATE_FORMAT}, revision = revision + 1, checkpoint = {checkpoint},
                fingerprint = $6, fingerprint_parts = {parts}, run_id = $8, updated_at = {now}
             WHERE {KEY} AND revision = $4 AND format <= {STATE_FORMAT}{ours}
             RETURNING CAST(revision AS text)"
        )
    }

    /// $1..$3 the key, $4 new revision, $5 run id, $6 reason, $7 checkpoint.
    pub(crate) fn record(&self) -> String {
        let (history, now, checkpoint) = (&self.history, self.now(), self.json("$7"));
        format!(
            "INSERT INTO {history} (pipeline, stream, slice, revision, run_id, reason, written_at, checkpoint)
             VALUES ($1, $2, $3, $4, $5, $6, {now}, {checkpoint})"
        )
    }

    /// $1..$3 the key, $4 how many.
    pub(crate) fn history(&self) -> String {
        let (columns, history) = (self.history_columns(), &self.history);
        // Without the table's name PostgreSQL orders by the selected text, in which 10 comes before 9.
        format!("SELECT {columns} FROM {history} AS h WHERE {KEY} ORDER BY h.revision DESC LIMIT $4")
    }

    /// In the order that `store::row` reads them.
    fn row_columns(&self) -> String {
        let (updated, expires) = (self.millis("updated_at"), self.millis("lease_expires_at"));
        let text = |column: &str| format!("CAST({column} AS text)");
        [
            text("format"),
            text("revision"),
            text("checkpoint"),
            "fingerprint".into(),
            text("fingerprint_parts"),
            "run_id".into(),
            updated,
            "lease_run_id".into(),
            "lease_host".into(),
            text("lease_pid"),
            expires,
        ]
        .join(", ")
    }

    /// In the order that `store::entry` reads them.
    fn history_columns(&self) -> String {
        let written = self.millis("written_at");
        format!("CAST(revision AS text), run_id, reason, {written}, CAST(checkpoint AS text)")
    }

    /// The database's clock, at this moment and not at the transaction's start.
    fn now(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => "clock_timestamp()",
            Dialect::Sqlite => "CAST(unixepoch('subsec') * 1000 AS integer)",
        }
    }

    fn expiry(&self) -> String {
        match self.dialect {
            Dialect::Postgres => format!("({} + interval '{LEASE_SECONDS} seconds')", self.now()),
            Dialect::Sqlite => format!("({} + {LEASE_SECONDS} * 1000)", self.now()),
        }
    }

    /// Milliseconds since 1970 as text, with a name of its own for use in a subquery.
    fn millis(&self, column: &str) -> String {
        match self.dialect {
            Dialect::Postgres => {
                format!("CAST(CAST(extract(epoch FROM {column}) * 1000 AS bigint) AS text) AS {column}_ms")
            }
            Dialect::Sqlite => format!("CAST({column} AS text) AS {column}_ms"),
        }
    }

    /// PostgreSQL's `json` keeps the text as it is; `jsonb` would refuse an escaped NUL in a field's name.
    fn json(&self, value: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!("CAST({value} AS json)"),
            Dialect::Sqlite => value.to_owned(),
        }
    }

    fn json_type(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => "json",
            Dialect::Sqlite => "text",
        }
    }

    fn time_type(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => "timestamptz",
            Dialect::Sqlite => "bigint",
        }
    }
}

const KEY: &str = "pipeline = $1 AND stream = $2 AND slice = $3";

fn check_name(what: &'static str, name: &str, max_bytes: usize) -> Result<(), Error> {
    let problem = if name.is_empty() {
        Some("it is empty".to_owned())
    } else if name.len() > max_bytes {
        Some(format!("it is longer than {max_bytes} bytes"))
    } else if name.chars().any(char::is_control) {
        Some("it holds a control character".to_owned())
    } else {
        None
    };
    problem.map_or(Ok(()), |problem| Err(Error::Name { what, name: name.to_owned(), problem }))
}

/// An identifier in SQL's double quotes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_quoted_and_bounded() {
        let sql = Sql::new(Dialect::Postgres, "etl\"; drop", "state").unwrap();
        assert_eq!(sql.table, "\"etl\"\"; drop\".\"state\"");
        assert_eq!(Sql::new(Dialect::Sqlite, "etl", "state").unwrap().history, "\"etl__state_history\"");
        for (schema, table) in [("", "t"), ("s", ""), ("s", "a\0b"), ("s", &"x".repeat(56))] {
            assert!(Sql::new(Dialect::Sqlite, schema, table).is_err(), "{schema:?} {table:?}");
        }
    }
}
