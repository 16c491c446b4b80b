//! Everything that this program prints.
//!
//! A closed pipe is a quiet end: `dpone explain | head -1` has what it wanted. It changes neither the work nor
//! its exit code; what follows is not printed. Results that cannot be written for another reason, such as a
//! full disk, are an error at the end. Where they are what the command is for, as of `plan`, its exit code is
//! 40, unless it has failed by itself. A command that does something else, such as `run`, keeps its own code, and
//! says on stderr what became of its work.
//!
//! With `--log-format json` each line of stderr is a JSON object, progress and errors included.

use dpone_model::{Exit, Report, codes};
use indicatif::ProgressBar;
use serde_json::{Map, Value, json};
use std::io::{ErrorKind, IsTerminal, Result, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Prints a line of results on stdout.
macro_rules! outln {
    ($($text:tt)*) => { $crate::output::result(&format!($($text)*)) };
}

/// Prints a line for the user on stderr.
macro_rules! errln {
    ($($text:tt)*) => { $crate::output::message("INFO", &format!($($text)*), None) };
}

pub(crate) use {errln, outln};

/// The first failure of stdout that is not a closed pipe.
static FAILED: OnceLock<Report> = OnceLock::new();
/// Whether stderr is for machines.
static AS_JSON: AtomicBool = AtomicBool::new(false);
/// What stands in the terminal's last line, and makes room for messages.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// stdout. It remembers its failures, so that a caller may ignore them or stop at one.
pub struct Results;

impl Write for Results {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        std::io::stdout().write(bytes).inspect_err(remember)
    }

    fn flush(&mut self) -> Result<()> {
        std::io::stdout().flush().inspect_err(remember)
    }
}

/// stderr as it is. There is nobody to hear of a failure.
#[derive(Debug, Clone, Copy)]
pub struct Messages;

impl Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let write = || drop(std::io::stderr().write_all(bytes));
        match BAR.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A line of results. One write, so that the lines of several threads do not mix.
pub fn result(text: &str) {
    // `Results` remembers what went wrong.
    let _ = Results.write_all(format!("{text}\n").as_bytes());
}

/// Lines for the user; `fields` are for machines.
pub fn message(level: &str, text: &str, fields: Option<Map<String, Value>>) {
    if !is_json() {
        return line(text);
    }
    let mut object = Map::new();
    object.insert("time".to_owned(), now());
    object.insert("level".to_owned(), level.into());
    object.insert("message".to_owned(), text.into());
    object.extend(fields.into_iter().flatten());
    line(&Value::Object(object).to_string());
}

/// An error as the end of a command.
pub fn error(report: &Report) {
    let fields = json!({ "error": report });
    message("ERROR", &report.with_retry().to_string(), fields.as_object().cloned());
}

/// One line of stderr as it stands.
pub fn line(text: &str) {
    let _ = Messages.write_all(format!("{text}\n").as_bytes());
}

pub fn now() -> Value {
    jiff::Timestamp::now().to_string().into()
}

/// From now on stderr is for machines.
pub fn messages_are_json() {
    AS_JSON.store(true, Ordering::Relaxed);
}

pub fn is_json() -> bool {
    AS_JSON.load(Ordering::Relaxed)
}

/// Whether a person reads the messages on a terminal.
pub fn is_terminal() -> bool {
    std::io::stderr().is_terminal() && !is_json()
}

/// The bar gets out of the way of messages, until [`without_bar`].
pub fn with_bar(bar: &ProgressBar) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
}

pub fn without_bar() {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// stderr as the stdout of a child.
pub fn messages_of_a_child() -> Stdio {
    std::io::stderr().into()
}

/// What a command has done, on stdout; on stderr where that cannot be written.
pub fn outcome(text: &str) {
    result(text);
    if FAILED.get().is_some() {
        message("INFO", text, None);
    }
}

/// The exit code of a command, once its results are out. `does_work` is whether it does something beside
/// printing them.
pub fn settle(exit: Exit, does_work: bool) -> Exit {
    let _ = Results.flush();
    let Some(report) = FAILED.get() else { return exit };
    error(report);
    if exit == Exit::Ok && !does_work { report.exit() } else { exit }
}

/// Remembers a failure of stdout.
pub fn remember(cause: &std::io::Error) {
    if matches!(cause.kind(), ErrorKind::BrokenPipe | ErrorKind::Interrupted) {
        return;
    }
    let report = Report::new(&codes::disk::IO, format!("standard output: {cause}"));
    let _ = FAILED.set(report.hint("the command has done its work; its output is incomplete"));
}
