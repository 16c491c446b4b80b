//! Shared by the tests: a sandbox over a scratch folder, and views of made-up pages and batches.

use crate::guest::Guest;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use dpone_model::plugin::{BatchView, Budget, Check, Column, DistinctSets, Extractor, PageView, Repeats, Transform};
use dpone_model::{Kind, Place, Report};
use dpone_sandbox::{ChildCommand, CompileLimits, Loaded, LogLine, Sandbox, Setup};
use std::sync::{Arc, Mutex, OnceLock};

pub fn child() -> ChildCommand {
    ChildCommand { program: env!("CARGO_BIN_EXE_dpone-compile-child").into(), args: Vec::new() }
}

pub fn open(dir: &tempfile::TempDir) -> Dir {
    Dir::open_ambient_dir(dir.path(), ambient_authority()).unwrap()
}

pub fn sandbox_in(dir: &tempfile::TempDir) -> Sandbox {
    Sandbox::new(open(dir), CompileLimits::default(), child()).unwrap()
}

/// One sandbox with one cache for all tests that do not look at the cache.
pub fn sandbox() -> &'static Sandbox {
    static SHARED: OnceLock<(tempfile::TempDir, Sandbox)> = OnceLock::new();
    let (_, sandbox) = SHARED.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox_in(&dir);
        (dir, sandbox)
    });
    sandbox
}

pub fn setup() -> Setup {
    Setup::plain("guest", "2026-01-02T03:04:05Z".parse().unwrap())
}

pub async fn load(guest: &Guest) -> Result<Loaded, Report> {
    sandbox().load(guest.component(), "guest.wasm").await
}

pub async fn extractor(guest: &Guest, setup: Setup) -> Result<Box<dyn Extractor>, Report> {
    sandbox().extractor(&load(guest).await?, setup).await
}

pub async fn transform(guest: &Guest, setup: Setup) -> Result<Box<dyn Transform>, Report> {
    sandbox().transform(&load(guest).await?, setup).await
}

pub async fn check(guest: &Guest, setup: Setup) -> Result<Box<dyn Check>, Report> {
    sandbox().check(&load(guest).await?, setup, Box::new(Sets::default())).await
}

/// A guest that did its worst: the error that the user reads, and everything else going on.
pub async fn contained<T>(answer: Result<T, Report>, code: &str, text: &str) {
    assert_fault(answer, code, text);
    others_go_on().await;
}

/// A plugin that has run since before any of the faults answers as ever, and so does one that starts now.
pub async fn others_go_on() {
    static RUNNING: Mutex<Option<Box<dyn Extractor>>> = Mutex::new(None);
    let sound = Guest::extractor();
    let running = RUNNING.lock().unwrap().take();
    let mut running = match running {
        Some(running) => running,
        None => extractor(&sound, setup()).await.unwrap(),
    };
    running.next(page(), b"").await.expect("a plugin beside it goes on");
    extractor(&sound, setup()).await.unwrap().start().await.expect("another run begins");
    *RUNNING.lock().unwrap() = Some(running);
}

/// A failure of a plugin that was let in: the code, a part of the message, and the plugin's place.
#[track_caller]
fn assert_fault<T>(answer: Result<T, Report>, code: &str, text: &str) {
    let report = answer.err().expect("the call should fail");
    assert_eq!(report.code().id, code, "{report}");
    assert!(report.message().contains(text), "{report}\n  lacks: {text}");
    match report.place() {
        Some(Place::Plugin { name, version, sha256 }) => {
            assert_eq!((name.as_str(), version.as_str(), sha256.len()), ("guest", "1.2.3", 12));
        }
        other => panic!("{other:?} is not the plugin's place: {report}"),
    }
}

pub fn log_of(setup: &mut Setup) -> Arc<Mutex<Vec<LogLine>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = lines.clone();
    setup.log = Arc::new(move |line| kept.lock().unwrap().push(line));
    lines
}

pub struct Page(pub String);

impl PageView for Page {
    fn status(&self) -> u16 {
        200
    }
    fn header(&self, name: &str) -> Vec<String> {
        vec![format!("value of {name}")]
    }
    fn url(&self) -> &str {
        "https://api.example.com/orders"
    }
    fn get(&self, path: &str) -> Result<Option<String>, Report> {
        match path {
            "broken" => Err(Report::new(&dpone_model::codes::internal::BUG, "not JSON")),
            _ => Ok(Some(format!("\"{path}\""))),
        }
    }
    fn count(&self, _: &str) -> Result<Option<u32>, Report> {
        Ok(Some(3))
    }
    fn last(&self, _: &str) -> Result<Option<String>, Report> {
        Ok(None)
    }
    fn body(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

pub fn page() -> Arc<dyn PageView> {
    Arc::new(Page("{}".into()))
}

/// Two records with one field, `id`.
pub struct Batch;

impl BatchView for Batch {
    fn page(&self) -> u64 {
        7
    }
    fn len(&self) -> usize {
        2
    }
    fn column(&self, _: &str) -> Result<Column, Report> {
        let mut column = Column::default();
        column.push(Kind::Number, b"1");
        column.push(Kind::Number, b"22");
        Ok(column)
    }
    fn bytes(&self) -> Vec<u8> {
        b"{\"id\":1}\n{\"id\":22}\n".to_vec()
    }
}

pub fn batch() -> Arc<dyn BatchView> {
    Arc::new(Batch)
}

#[derive(Default)]
pub struct Sets(u64);

impl DistinctSets for Sets {
    fn add(&mut self, _: &str, _: u64, columns: &[Column], _: &dyn Budget) -> Result<(), Report> {
        self.0 += columns.iter().map(|column| column.len() as u64).sum::<u64>();
        Ok(())
    }
    fn repeats(&mut self, _: &str, _: &dyn Budget) -> Result<Repeats, Report> {
        Ok(Repeats { rows: self.0, examples: Vec::new() })
    }
}
