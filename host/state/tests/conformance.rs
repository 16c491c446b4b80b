//! The promises of every store, asked of SQLite always and of PostgreSQL where
//! `DPONE_TEST_POSTGRES=postgres://user:password@host:port/database` names one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

use dpone_connections::StateConnection;
use dpone_model::state::{LEASE_SECONDS, LeaseRequest, STATE_FORMAT, StateStore, StateWrite};
use dpone_model::{Checkpoint, CursorValue, Digests, PipelineName, Report, RunId, Secret, StateKey, Watermark};
use jiff::Timestamp;
use libtest_mimic::{Arguments, Trial};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection, postgres::PgConnection};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

/// One place to keep state, and a way to change its rows behind the store's back.
struct Backend {
    connection: StateConnection,
    schema: String,
    /// As SQL names it.
    table: String,
    _dir: Option<tempfile::TempDir>,
}

const TABLE: &str = "dpone_state";
const POSTGRES: &str = "DPONE_TEST_POSTGRES";

fn sqlite() -> Backend {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/er/state.db");
    let connection = StateConnection::Sqlite { origin_note: String::new(), path };
    Backend { connection, schema: "etl".into(), table: format!("\"etl__{TABLE}\""), _dir: Some(dir) }
}

/// A schema of its own for each test.
fn postgres() -> Backend {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let url = std::env::var(POSTGRES).unwrap();
    let url = url::Url::parse(&url).unwrap();
    let connection = StateConnection::Postgres {
        id: "pg".into(),
        origin_note: String::new(),
        host: url.host_str().unwrap().to_owned(),
        port: url.port().unwrap_or(5432),
        database: url.path().trim_start_matches('/').to_owned(),
        username: url.username().to_owned(),
        password: url.password().map(Secret::new),
        ssl_mode: "prefer".into(),
        ca_file: None,
    };
    let schema = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let table = format!("\"{schema}\".\"{TABLE}\"");
    Backend { connection, schema, table, _dir: None }
}

impl Backend {
    async fn open(&self) -> Box<dyn StateStore> {
        self.try_open().await.unwrap()
    }

    async fn try_open(&self) -> Result<Box<dyn StateStore>, Report> {
        dpone_state::open(&self.connection, &self.schema, TABLE).await
    }

    async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.replace("$TABLE", &self.table));
        match &self.connection {
            StateConnection::Sqlite { path, .. } => {
                let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            }
            _ => {
                let url = std::env::var(POSTGRES).unwrap();
                let mut connection = PgConnection::connect(&url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            }
        }
    }

    async fn expire_leases(&self) {
        let past = match &self.connection {
            StateConnection::Sqlite { .. } => "CAST(unixepoch('subsec') * 1000 AS integer) - 1",
            _ => "clock_timestamp() - interval '1 millisecond'",
        };
        self.execute(&format!("UPDATE $TABLE SET lease_expires_at = {past}")).await;
    }
}

/// The cases as trials on each database; those on PostgreSQL count as ignored where it is not there.
macro_rules! on_both {
    ($($name:ident)*) => {
        fn main() -> ExitCode {
            let is_missing = std::env::var(POSTGRES).is_err();
            if is_missing {
                println!("SKIPPED: the cases on PostgreSQL: {POSTGRES} is not set, see .ci/services.sh");
            }
            let trials = vec![$(
                trial(concat!("on_sqlite::", stringify!($name)), || $name(sqlite())),
                trial(concat!("on_postgres::", stringify!($name)), || $name(postgres())).with_ignored_flag(is_missing),
            )*];
            libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
        }
    };
}

/// A case on a runtime of its own.
fn trial<F: Future<Output = ()>>(name: &str, case: impl FnOnce() -> F + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(case());
        Ok(())
    })
}

on_both! {
    a_new_key_starts_empty_and_a_commit_is_read_back
    a_lease_keeps_others_out_until_it_is_released_or_expires
    the_same_run_takes_its_lease_over
    a_lost_lease_stops_renewal_and_commit
    a_stale_revision_changes_nothing
    an_operator_writes_without_a_lease
    history_is_newest_first_and_bounded
    keys_do_not_meet_and_pipelines_are_listed
    no_slice_meets_its_load
    rows_of_earlier_releases_keep_their_meaning
    a_newer_format_is_refused_everywhere
    a_row_that_cannot_be_read_is_named
    a_foreign_table_is_not_taken_for_ours
    many_may_open_and_acquire_at_once
}

fn key(pipeline: &str) -> StateKey {
    StateKey::load(PipelineName::parse(pipeline).unwrap())
}

fn run(name: &str) -> RunId {
    RunId::parse(name).unwrap()
}

fn request(name: &str) -> LeaseRequest {
    LeaseRequest { run_id: run(name), host: "host-1".into(), pid: 4711 }
}

fn write(name: &str, cursor: &str) -> StateWrite {
    let watermark = Watermark {
        // A name that JSON has to escape, NUL included, comes back as it was.
        field: "up\"dated\u{0}_at".into(),
        value: CursorValue::parse(cursor).unwrap(),
        digests: Digests::new([[7; 12]]),
        digests_incomplete: true,
        left_out: 3,
    };
    StateWrite {
        checkpoint: Checkpoint { watermark: Some(watermark), ..Checkpoint::default() },
        fingerprint: "f1".into(),
        fingerprint_parts: vec!["url https://x".into(), "key ä".into()],
        run_id: run(name),
        reason: "run".into(),
    }
}

#[track_caller]
fn is<T: std::fmt::Debug>(result: Result<T, Report>, code: &str, words: &[&str]) {
    let report = result.unwrap_err();
    assert_eq!(report.code().id, code, "{report}");
    for word in words {
        assert!(report.to_string().contains(word), "`{word}` is not in: {report}");
    }
}

async fn a_new_key_starts_empty_and_a_commit_is_read_back(backend: Backend) {
    let store = backend.open().await;
    let key = key("p");
    assert_eq!(store.load(&key).await.unwrap(), None);
    let row = store.acquire(&key, &request("r1")).await.unwrap();
    assert_eq!((row.format, row.revision, &row.checkpoint), (STATE_FORMAT, 0, &Checkpoint::default()));
    assert_eq!((row.fingerprint.as_str(), row.run_id, row.updated_at), ("", None, None));
    let lease = row.lease.unwrap();
    assert_eq!((lease.run_id, lease.host.as_str(), lease.pid), (run("r1"), "host-1", 4711));
    let left = lease.expires_at.duration_since(Timestamp::now()).as_secs_f64();
    assert!((f64::from(LEASE_SECONDS) - 10.0..=f64::from(LEASE_SECONDS) + 1.0).contains(&left), "{left}");

    let written = write("r1", "2026-01-01T00:00:00+02:00");
    assert_eq!(store.commit(&key, 0, written.clone(), true).await.unwrap(), 1);
    // Another process sees it.
    let row = backend.open().await.load(&key).await.unwrap().unwrap();
    assert_eq!((row.revision, &row.checkpoint), (1, &written.checkpoint));
    assert_eq!((row.fingerprint, row.fingerprint_parts), (written.fingerprint, written.fingerprint_parts));
    assert_eq!(row.run_id, Some(run("r1")));
    let age = Timestamp::now().duration_since(row.updated_at.unwrap()).as_secs_f64();
    assert!((-1.0..10.0).contains(&age), "{age}");
    assert!(row.lease.is_some(), "a commit keeps the lease");
}

async fn a_lease_keeps_others_out_until_it_is_released_or_expires(backend: Backend) {
    let (store, other, key) = (backend.open().await, backend.open().await, key("p"));
    store.acquire(&key, &request("r1")).await.unwrap();
    is(other.acquire(&key, &request("r2")).await, "DP0801", &["run r1 on host-1 (pid 4711)", "until 20"]);
    store.release(&key, &run("r2")).await.unwrap();
    is(other.acquire(&key, &request("r2")).await, "DP0801", &["run r1"]);
    store.release(&key, &run("r1")).await.unwrap();
    assert_eq!(other.load(&key).await.unwrap().unwrap().lease, None);
    other.acquire(&key, &request("r2")).await.unwrap();
    backend.expire_leases().await;
    let row = store.acquire(&key, &request("r3")).await.unwrap();
    assert_eq!(row.lease.unwrap().run_id, run("r3"));
}

async fn the_same_run_takes_its_lease_over(backend: Backend) {
    let (store, key) = (backend.open().await, key("p"));
    store.acquire(&key, &request("r1")).await.unwrap();
    let resumed = LeaseRequest { run_id: run("r1"), host: "host-2".into(), pid: 1 };
    let lease = store.acquire(&key, &resumed).await.unwrap().lease.unwrap();
    assert_eq!((lease.host.as_str(), lease.pid), ("host-2", 1));
}

async fn a_lost_lease_stops_renewal_and_commit(backend: Backend) {
    let (store, key) = (backend.open().await, key("p"));
    is(store.renew(&key, &run("r1")).await, "DP0804", &["the state is gone"]);
    is(store.commit(&key, 0, write("r1", "1"), true).await, "DP0804", &[]);
    store.acquire(&key, &request("r1")).await.unwrap();
    backend.expire_leases().await;
    // Late, but nobody came in between: it is still ours.
    store.renew(&key, &run("r1")).await.unwrap();
    is(store.acquire(&key, &request("r2")).await, "DP0801", &[]);
    backend.expire_leases().await;
    store.acquire(&key, &request("r2")).await.unwrap();
    is(store.renew(&key, &run("r1")).await, "DP0804", &["run r2 on host-1 (pid 4711) holds it"]);
    is(store.commit(&key, 0, write("r1", "1"), true).await, "DP0804", &["run r2"]);
    store.release(&key, &run("r2")).await.unwrap();
    is(store.commit(&key, 0, write("r1", "1"), true).await, "DP0804", &["nobody holds it"]);
    assert_eq!(store.load(&key).await.unwrap().unwrap().revision, 0);
    assert!(store.history(&key, 10).await.unwrap().is_empty());
}

async fn a_stale_revision_changes_nothing(backend: Backend) {
    let (store, key) = (backend.open().await, key("p"));
    store.acquire(&key, &request("r1")).await.unwrap();
    store.commit(&key, 0, write("r1", "1"), true).await.unwrap();
    let before = store.load(&key).await.unwrap();
    is(store.commit(&key, 0, write("r1", "2"), true).await, "DP0802", &["at revision 1, not 0", "run r1 wrote it"]);
    is(store.commit(&key, 7, write("r1", "2"), false).await, "DP0802", &["at revision 1, not 7"]);
    assert_eq!(store.load(&key).await.unwrap(), before);
    assert_eq!(store.history(&key, 10).await.unwrap().len(), 1);
}

async fn an_operator_writes_without_a_lease(backend: Backend) {
    let (store, key) = (backend.open().await, key("p"));
    assert_eq!(store.commit(&key, 0, write("op1", "1"), false).await.unwrap(), 1);
    store.acquire(&key, &request("r1")).await.unwrap();
    let reset = StateWrite { reason: "reset".into(), checkpoint: Checkpoint::default(), ..write("op2", "1") };
    assert_eq!(store.commit(&key, 1, reset, false).await.unwrap(), 2);
    is(store.commit(&key, 1, write("r1", "2"), true).await, "DP0802", &["run op2 wrote it"]);
    is(store.commit(&self::key("q"), 3, write("op", "1"), false).await, "DP0802", &["at revision 0, not 3"]);
}

/// Beyond ten and a hundred revisions: as text, 9 would come before 12, and 99 before 103.
async fn history_is_newest_first_and_bounded(backend: Backend) {
    let (store, key) = (backend.open().await, key("p"));
    for revision in 0..103 {
        store.commit(&key, revision, write(&format!("r{revision}"), &revision.to_string()), false).await.unwrap();
    }
    let history = store.history(&key, 3).await.unwrap();
    let shown: Vec<_> =
        history.iter().map(|entry| (entry.revision, entry.run_id.as_str(), entry.reason.as_str())).collect();
    assert_eq!(shown, [(103, "r102", "run"), (102, "r101", "run"), (101, "r100", "run")]);
    assert_eq!(history[0].checkpoint, write("r102", "102").checkpoint.without_digests());
    assert_eq!(store.load(&key).await.unwrap().unwrap().checkpoint, write("r102", "102").checkpoint);
    let all: Vec<u64> = store.history(&key, 1000).await.unwrap().iter().map(|entry| entry.revision).collect();
    assert_eq!(all, (1..=103).rev().collect::<Vec<u64>>());
    assert!(store.history(&self::key("q"), 3).await.unwrap().is_empty());
}

async fn keys_do_not_meet_and_pipelines_are_listed(backend: Backend) {
    let store = backend.open().await;
    let slice = key("b").of_slice("2026-01");
    for key in [&key("a"), &key("b"), &slice] {
        store.acquire(key, &request("r1")).await.unwrap();
    }
    store.commit(&slice, 0, write("r1", "1"), true).await.unwrap();
    assert_eq!(listed(&*store).await, [("a", None, 0), ("b", Some("2026-01"), 1), ("b", None, 0)].map(owned));
    assert_eq!(store.list(Some("b")).await.unwrap().len(), 2);
    assert!(store.list(Some("c")).await.unwrap().is_empty());
}

/// Pipeline, slice and revision of each row.
async fn listed(store: &dyn StateStore) -> Vec<(String, Option<String>, u64)> {
    let rows = store.list(None).await.unwrap();
    rows.into_iter().map(|(key, row)| (key.pipeline.to_string(), key.slice, row.revision)).collect()
}

fn owned((pipeline, slice, revision): (&str, Option<&str>, u64)) -> (String, Option<String>, u64) {
    (pipeline.to_owned(), slice.map(str::to_owned), revision)
}

/// A load with its slices: each has its own lease, revision, checkpoint and history, whatever the
/// slices are called.
async fn no_slice_meets_its_load(backend: Backend) {
    let (store, load) = (backend.open().await, key("p"));
    let ids = ["all", "/all", "ALL", "default", "p"];
    let keys: Vec<StateKey> = std::iter::once(load.clone()).chain(ids.map(|id| load.of_slice(id))).collect();
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(store.load(key).await.unwrap(), None, "{key:?}");
        let run_id = format!("r{number}");
        assert_eq!(store.acquire(key, &request(&run_id)).await.unwrap().revision, 0, "{key:?}");
        store.commit(key, 0, write(&run_id, &number.to_string()), true).await.unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        let row = store.load(key).await.unwrap().unwrap();
        let run_id = run(&format!("r{number}"));
        assert_eq!((row.revision, row.run_id.as_ref()), (1, Some(&run_id)), "{key:?}");
        assert_eq!(row.checkpoint, write("x", &number.to_string()).checkpoint, "{key:?}");
        assert_eq!(row.lease.unwrap().run_id, run_id, "{key:?}");
        let history = store.history(key, 10).await.unwrap();
        assert_eq!(history.iter().map(|entry| &entry.run_id).collect::<Vec<_>>(), [&run_id], "{key:?}");
    }
    let mut slices: Vec<_> = store.list(None).await.unwrap().into_iter().map(|(key, _)| key.slice).collect();
    slices.sort();
    let mut expected: Vec<_> = std::iter::once(None).chain(ids.map(|id| Some(id.to_owned()))).collect();
    expected.sort();
    assert_eq!(slices, expected);
    let leased = store.acquire(&load.of_slice("all"), &request("late")).await;
    is(leased, "DP0801", &["run r1"]);
}

/// Rows of the releases in which the load's row was called `all` as any slice could be.
async fn rows_of_earlier_releases_keep_their_meaning(backend: Backend) {
    let (store, load) = (backend.open().await, key("p"));
    for slice in ["all", "2026-01-01T00:00:00Z", "parent-7"] {
        let columns = "(pipeline, stream, slice, format, revision, checkpoint, fingerprint, fingerprint_parts)";
        let values = format!("('p', 'default', '{slice}', 1, 4, '{{}}', 'f', '[]')");
        backend.execute(&format!("INSERT INTO $TABLE {columns} VALUES {values}")).await;
    }
    for key in [load.clone(), load.of_slice("2026-01-01T00:00:00Z"), load.of_slice("parent-7")] {
        assert_eq!(store.load(&key).await.unwrap().unwrap().revision, 4, "{key:?}");
    }
    assert_eq!(store.load(&load.of_slice("all")).await.unwrap(), None);
    let slices: Vec<_> = store.list(Some("p")).await.unwrap().into_iter().map(|(key, _)| key.slice).collect();
    assert_eq!(slices, [Some("2026-01-01T00:00:00Z".to_owned()), None, Some("parent-7".to_owned())]);
}

async fn a_newer_format_is_refused_everywhere(backend: Backend) {
    let (store, key) = (backend.open().await, key("p"));
    store.acquire(&key, &request("r1")).await.unwrap();
    backend.execute("UPDATE $TABLE SET format = 99").await;
    let words = ["has format 99"];
    is(store.load(&key).await, "DP0806", &words);
    is(store.list(None).await, "DP0806", &words);
    is(store.acquire(&key, &request("r1")).await, "DP0806", &words);
    is(store.commit(&key, 0, write("r1", "1"), true).await, "DP0806", &words);
}

async fn a_row_that_cannot_be_read_is_named(backend: Backend) {
    let (store, key) = (backend.open().await, key("p"));
    store.acquire(&key, &request("r1")).await.unwrap();
    backend.execute("UPDATE $TABLE SET checkpoint = '[1]'").await;
    is(store.load(&key).await, "DP0210", &["state p", "checkpoint"]);
}

async fn a_foreign_table_is_not_taken_for_ours(backend: Backend) {
    if let StateConnection::Sqlite { path, .. } = &backend.connection {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    } else {
        backend.execute(&format!("CREATE SCHEMA \"{}\"", backend.schema)).await;
    }
    backend.execute("CREATE TABLE $TABLE (process text, state text)").await;
    is(backend.try_open().await.map(|_| ()), "DP0210", &["exists, but not as dpone creates it"]);
}

async fn many_may_open_and_acquire_at_once(backend: Backend) {
    let backend = std::sync::Arc::new(backend);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let backend = backend.clone();
        tasks.spawn(async move {
            let store = backend.open().await;
            store.acquire(&key("p"), &request(&format!("r{number}"))).await.map_err(|report| report.code().id)
        });
    }
    let outcomes = tasks.join_all().await;
    let winners = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(winners, 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err("DP0801"))), "{outcomes:?}");
}
