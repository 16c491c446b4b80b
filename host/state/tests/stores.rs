//! Particulars of one store: files, addresses, and no store at all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests fail as tests do"
)]

use dpone_connections::StateConnection;
use dpone_model::state::{LeaseRequest, StateWrite};
use dpone_model::{Checkpoint, PipelineName, Report, Retry, RunId, Secret, StateKey};
use std::path::Path;
use std::time::{Duration, Instant};

fn sqlite(path: &Path) -> StateConnection {
    StateConnection::Sqlite { origin_note: String::new(), path: path.to_owned() }
}

fn postgres(port: u16) -> StateConnection {
    StateConnection::Postgres {
        id: "pg".into(),
        origin_note: String::new(),
        host: "127.0.0.1".into(),
        port,
        database: "etl".into(),
        username: "u".into(),
        password: Some(Secret::new("hush")),
        ssl_mode: "prefer".into(),
        ca_file: None,
    }
}

async fn failure(connection: &StateConnection) -> Report {
    let opened = dpone_state::open(connection, "etl", "state").await;
    opened.err().expect("the store opened")
}

#[cfg(unix)]
#[tokio::test]
async fn a_sqlite_file_and_its_folder_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".dpone/state.db");
    let store = dpone_state::open(&sqlite(&path), "etl", "state").await.unwrap();
    assert_eq!(store.describe(), format!("sqlite {}", path.display()));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn what_is_no_database_is_told_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text.db");
    std::fs::write(&text, "this is not a database, however long it is ".repeat(100)).unwrap();
    for path in [dir.path(), &text, &text.join("below.db")] {
        let report = failure(&sqlite(path)).await;
        assert_eq!(report.code().id, "DP0209", "{report}");
        assert!(report.message().contains(&path.display().to_string()), "{report}");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_a_table_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let connection = sqlite(&dir.path().join("x.db"));
    let long = "x".repeat(80);
    for (schema, table) in [("", "t"), ("s", ""), ("s", "a\nb"), ("s", &long)] {
        let report = dpone_state::open(&connection, schema, table).await.err().unwrap();
        assert_eq!(report.code().id, "DP0210", "{report}");
        assert_eq!(report.retry(), Retry::AfterFix);
    }
}

#[tokio::test]
async fn a_refused_connection_names_address_and_cause_at_once() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let started = Instant::now();
    let report = failure(&postgres(port)).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(report.code().id, "DP0209", "{report}");
    assert!(report.message().contains(&format!("postgres 127.0.0.1:{port}/etl")), "{report}");
    assert!(report.message().contains("refused"), "{report}");
    assert!(!report.to_string().contains("hush"));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    // It accepts connections in the kernel's queue and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let started = Instant::now();
    let report = failure(&postgres(silent.local_addr().unwrap().port())).await;
    let elapsed = started.elapsed().as_secs_f64();
    assert!((9.0..13.0).contains(&elapsed), "{elapsed}");
    assert_eq!(report.code().id, "DP0209", "{report}");
    assert!(report.message().contains("no answer within 10 s"), "{report}");
}

#[tokio::test]
async fn a_wrong_password_or_database_is_no_outage() {
    let Ok(url) = std::env::var("DPONE_TEST_POSTGRES") else {
        println!("SKIPPED a_wrong_password_or_database_is_no_outage: DPONE_TEST_POSTGRES is not set");
        return;
    };
    let url = url::Url::parse(&url).unwrap();
    let StateConnection::Postgres { id, origin_note, password, ssl_mode, ca_file, .. } = postgres(0) else { return };
    let connection = StateConnection::Postgres {
        id,
        origin_note,
        host: url.host_str().unwrap().to_owned(),
        port: url.port().unwrap(),
        database: "there_is_no_such_database".into(),
        username: url.username().to_owned(),
        password,
        ssl_mode,
        ca_file,
    };
    let report = failure(&connection).await;
    assert_eq!((report.code().id, report.retry()), ("DP0210", Retry::AfterFix), "{report}");
    assert!(report.message().contains("there_is_no_such_database"), "{report}");
}

#[tokio::test]
async fn the_disabled_store_lets_everything_pass_and_keeps_nothing() {
    let store = dpone_state::open(&StateConnection::Disabled, "etl", "state").await.unwrap();
    let key = StateKey::load(PipelineName::parse("p").unwrap());
    let run_id = RunId::parse("r1").unwrap();
    let request = LeaseRequest { run_id: run_id.clone(), host: "h".into(), pid: 1 };
    assert_eq!(store.acquire(&key, &request).await.unwrap().revision, 0);
    store.renew(&key, &run_id).await.unwrap();
    let write = StateWrite {
        checkpoint: Checkpoint::default(),
        fingerprint: String::new(),
        fingerprint_parts: Vec::new(),
        run_id,
        reason: "run".into(),
    };
    assert_eq!(store.commit(&key, 0, write, true).await.unwrap(), 1);
    assert_eq!(store.load(&key).await.unwrap(), None);
    assert_eq!(store.acquire(&key, &request).await.unwrap().revision, 0);
}
