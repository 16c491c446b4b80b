//! A scratch working folder in which a test runs the real binary.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A temporary folder with manifests and profiles; removed when it is dropped.
pub struct Workspace {
    dir: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// The output and exit code of a finished `dpone`.
#[derive(Debug)]
pub struct Ran {
    /// `None` where a signal ended it.
    pub exit: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

impl Workspace {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder"), variables: Vec::new() }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        std::fs::write(&path, content).expect("a file");
        path
    }

    /// A profile that extends `local` with these connections (YAML flow mappings by id).
    pub fn profile(&self, name: &str, connections: &[(&str, String)]) {
        let lines: String = connections.iter().map(|(id, body)| format!("  {id}: {body}\n")).collect();
        self.write(&format!(".dpone/profiles/{name}.yaml"), format!("extends: local\nconnections:\n{lines}"));
    }

    /// Sets an environment variable for every later command.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    /// The command, not yet started; compiled components are shared by all tests.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(dpone_binary());
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        command.env("DPONE_CACHE_DIR", test_cache());
        command.env_remove("DPONE_PROFILE").envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Components that other tests compiled need not be compiled again: a tenant's own cache starts with them.
    pub fn warm_tenant_cache(&self, tenant: &str) {
        let cache = self.path().join(format!(".dpone/tenants/{tenant}/.dpone/cache"));
        std::fs::create_dir_all(&cache).expect("a folder");
        let shared = std::fs::read_dir(test_cache()).into_iter().flatten().flatten();
        for entry in shared.filter(|entry| entry.path().is_file()) {
            // Another test may have replaced an entry; it is compiled then.
            let _ = std::fs::copy(entry.path(), cache.join(entry.file_name()));
        }
    }

    /// Runs `dpone` to its end.
    pub fn dpone(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().expect("dpone starts"))
    }

    /// The messages of a topic, as `topic read --format ndjson` prints them.
    pub fn topic(&self, topic: &str, profile: &str) -> Vec<Value> {
        let ran = self.dpone(&["topic", "read", topic, "--profile", profile, "--format", "ndjson"]);
        assert_eq!(ran.exit, Some(0), "{}", ran.stderr);
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a message is JSON")).collect()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            exit: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Asserts the exit code, and shows what was printed if it is another one.
    #[track_caller]
    pub fn expect_exit(&self, exit: i32) -> &Self {
        assert_eq!(self.exit, Some(exit), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that stderr holds each of these texts.
    #[track_caller]
    pub fn expect_error(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is not in stderr:\n{}", self.stderr);
        }
        self
    }

    /// stdout as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{}\n{}", self.stdout, self.stderr))
    }
}

/// Where tests keep what they compiled.
fn test_cache() -> PathBuf {
    dpone_binary().with_file_name("dpone-test-cache")
}

/// The binary under test: `DPONE_BIN`, else the one that this build made.
pub fn dpone_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("DPONE_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    let target = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
    let binary = target.join("dpone");
    assert!(
        binary.is_file(),
        "{} is missing: run `cargo build` first, or the whole workspace's tests",
        binary.display()
    );
    binary
}
