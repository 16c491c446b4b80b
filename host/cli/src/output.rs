//! Everything that this program prints.
//!
//! A closed pipe is a quiet end: `dpone explain | head -1` has what it wanted. It changes neither the work nor
//! its exit code; what follows is not printed. Results that cannot be written for another reason, such as a
//! full disk, are an error at the end. Where they are what the command is for, as of `plan`, its exit code is
//! 40, unless it has failed by itself. A command that does something else, such as `run`, keeps its own code, and
//! says on stderr what became of its work.
//!
//! With `--log-format json` each line of stderr is a JSON object, progress and errors included.
//!
//! All text goes through [`dpone_model::redact`], which takes secrets out, and then through
//! [`dpone_model::foreign`], which shows hidden characters: a line that is printed here stays one line, whoever
//! wrote what is in it, and JSON stays the same JSON. The one exception is [`Results`], for the messages of a
//! topic, which are data.

use dpone_model::{Exit, Report, codes, foreign, redact};
use indicatif::ProgressBar;
use serde::Serialize;
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
/// The terminal's last line, which makes room for messages.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// stdout as it is, for data. It remembers its failures, so that a caller may ignore them or stop at one.
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
struct Messages;

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

/// The text as one line that may be shown.
pub fn shown(text: &str) -> String {
    foreign::one_line(&redact::text(text)).into_owned()
}

/// The same for lines, whose foreign parts are one line each.
fn shown_lines(text: &str) -> String {
    foreign::lines(&redact::text(text)).into_owned()
}

fn shown_json(text: &str) -> String {
    foreign::json(&redact::json(text)).into_owned()
}

/// A line of results.
pub fn result(text: &str) {
    result_as_is(&shown(text));
}

/// Lines of results that were put together of parts, each of which is one line.
pub fn document(text: &str) {
    result_as_is(&shown_lines(text));
}

/// Results for machines.
pub fn json(value: &impl Serialize) {
    result_as_is(&shown_json(&serde_json::to_string_pretty(value).unwrap_or_default()));
}

/// One write, so that the lines of several threads do not mix.
fn result_as_is(text: &str) {
    // `Results` remembers what went wrong.
    let _ = Results.write_all(format!("{text}\n").as_bytes());
}

/// A line for the user; `fields` are for machines.
pub fn message(level: &str, text: &str, fields: Option<Map<String, Value>>) {
    tell(level, text, &shown(text), fields);
}

/// Lines for the user, put together as those of [`document`].
pub fn messages(level: &str, text: &str, fields: Option<Map<String, Value>>) {
    tell(level, text, &shown_lines(text), fields);
}

fn tell(level: &str, text: &str, shown: &str, fields: Option<Map<String, Value>>) {
    if !is_json() {
        return line_as_is(shown);
    }
    let mut object = Map::new();
    object.insert("time".to_owned(), now());
    object.insert("level".to_owned(), level.into());
    object.insert("message".to_owned(), text.into());
    object.extend(fields.into_iter().flatten());
    json_line(&object.into());
}

/// An error as the end of a command.
pub fn error(report: &Report) {
    let fields = json!({ "error": report });
    messages("ERROR", &report.with_retry().to_string(), fields.as_object().cloned());
}

/// A question, whose answer is typed behind it. It is no result: who pipes the results away still sees it.
pub fn ask(question: &str) {
    let _ = Messages.write_all(shown(question).as_bytes());
}

/// One line of stderr.
pub fn line(text: &str) {
    line_as_is(&shown(text));
}

/// One line of stderr that is a JSON object.
pub fn json_line(object: &Value) {
    line_as_is(&shown_json(&object.to_string()));
}

/// A line that a worker said, which has gone through its own process's way out.
pub fn line_of_worker(text: &str, is_json: bool) {
    line_as_is(&if is_json { shown_json(text) } else { shown(text) });
}

fn line_as_is(text: &str) {
    let _ = Messages.write_all(format!("{text}\n").as_bytes());
}

/// Lines of the log: each write is one, with its end.
pub struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let text = shown(String::from_utf8_lossy(bytes).trim_end_matches('\n'));
        line_as_is(&if is_terminal() { coloured(&text) } else { text });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// `TIME LEVEL …` with a faint time and a level in its colour.
fn coloured(line: &str) -> String {
    let (time, rest) = line.split_once(' ').unwrap_or_default();
    let rest = rest.trim_start();
    let (level, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let colour = match level {
        "ERROR" => 31,
        "WARN" => 33,
        "INFO" => 32,
        "DEBUG" => 34,
        "TRACE" => 35,
        _ => return line.to_owned(),
    };
    format!("\u{1b}[2m{time}\u{1b}[0m \u{1b}[{colour}m{level:>5}\u{1b}[0m {text}")
}

/// The answer of the command line's parser. An error quotes the command line, so its text alone is kept.
pub fn command_line(answer: &clap::Error) {
    match answer.use_stderr() {
        true => line_as_is(shown_lines(&answer.render().to_string()).trim_end()),
        false => {
            let _ = answer.print().inspect_err(remember);
        }
    }
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

/// Whether a person reads the results on a terminal.
pub fn results_are_for_a_terminal() -> bool {
    std::io::stdout().is_terminal()
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

/// The result of a command, on stdout; on stderr where that cannot be written.
pub fn outcome(text: &str) {
    document(text);
    if FAILED.get().is_some() {
        messages("INFO", text, None);
    }
}

/// The same for machines.
pub fn outcome_json(value: &impl Serialize) {
    json(value);
    if FAILED.get().is_some() {
        line_as_is(&shown_json(&serde_json::to_string_pretty(value).unwrap_or_default()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_printed_is_without_secrets_and_hidden_characters() {
        redact::protect("hunter2-of-output");
        let foreign = "hunter2%2Dof-output\u{1b}[2J\u{202e}\nerror[DP0101]: forged";
        assert_eq!(shown(foreign), "[redacted]\\u{1b}[2J\\u{202e}\\nerror[DP0101]: forged");
        assert_eq!(shown_lines("a\n\u{9b}b"), "a\n\\u{9b}b");
        let json = shown_json(&json!({ "a": foreign, "b": [1] }).to_string());
        assert_eq!(json, r#"{"a":"[redacted]\u001b[2J\u202e\nerror[DP0101]: forged","b":[1]}"#);
    }

    #[test]
    fn the_level_of_a_line_of_the_log_has_a_colour() {
        let line = "2026-01-02T03:04:05Z  WARN run{x=1}: text";
        assert_eq!(coloured(line), "\u{1b}[2m2026-01-02T03:04:05Z\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m run{x=1}: text");
        assert_eq!(coloured("other text"), "other text");
    }
}
