//! Lines of a worker's standard error, which may be anything: bounded, visible, and said to be whose.

use dpone_model::foreign;
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// A longer line is cut.
const MAX_LINE_BYTES: u64 = 8 << 10;
/// The bytes that one worker may say in all; its plugins' logs are bounded by themselves.
const MAX_BYTES: usize = 16 << 20;

/// The words of a worker that matter when it has ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its last line, but for what the standard library says of backtraces.
    pub last: String,
    /// A line told that memory could not be had.
    pub is_out_of_memory: bool,
}

impl Said {
    fn hear(&mut self, line: String) {
        // How the allocator of Rust's standard library takes its leave, and how a system call tells of it.
        self.is_out_of_memory |= line.starts_with("memory allocation of ")
            || line.contains("Cannot allocate memory")
            || line.contains("failed to allocate memory");
        let is_of_backtrace = line.starts_with("note: run with `RUST_BACKTRACE") || line == "stack backtrace:";
        if !is_of_backtrace {
            self.last = line;
        }
    }
}

/// Prints a line of a worker; the second argument says whether it is a JSON object.
pub type Say = fn(&str, bool);

/// Passes lines on with a name before each, or as JSON objects that have it; returns what was said last.
pub(crate) async fn pass_on(from: impl AsyncRead + Unpin, named: String, as_json: bool, say: Say) -> Said {
    let mut reader = BufReader::new(from);
    let mut heard = Said::default();
    let mut said = 0;
    loop {
        let mut line = Vec::new();
        match (&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return heard,
            Ok(_) => {}
        }
        let text = foreign::one_line(String::from_utf8_lossy(&line).trim_end()).into_owned();
        if text.is_empty() || said > MAX_BYTES {
            continue;
        }
        said += line.len();
        let text = if said > MAX_BYTES { "it says no more: too many lines".to_owned() } else { text };
        let (line, said_last) = if as_json { object(&text, &named) } else { (format!("{named} | {text}"), text) };
        say(&line, as_json);
        heard.hear(said_last);
    }
}

/// The line as an object that says whose it is, whatever the worker says of itself; and its message.
fn object(text: &str, named: &str) -> (String, String) {
    let mut object = serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    if object.is_empty() {
        object.insert("time".to_owned(), jiff::Timestamp::now().to_string().into());
        object.insert("level".to_owned(), "INFO".into());
        object.insert("message".to_owned(), text.into());
    }
    object.insert("worker".to_owned(), named.into());
    let message = object.get("message").and_then(Value::as_str).unwrap_or(text).to_owned();
    (Value::Object(object).to_string(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_line_is_kept_and_controls_are_shown() {
        let last = pass_on(b"one\n\x1b[2Jtwo\x07\r\n\n".as_slice(), "sales".into(), false, |_, _| {}).await;
        assert_eq!(last.last, "\\u{1b}[2Jtwo\\u{7}");
    }

    #[tokio::test]
    async fn want_of_memory_is_heard_whatever_is_said_behind_it() {
        let note = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";
        for (said, last, is_out_of_memory) in [
            (
                format!("page 1\nmemory allocation of 16777216 bytes failed\n{note}\n"),
                "memory allocation of 16777216 bytes failed",
                true,
            ),
            (
                format!("memory allocation of 9 bytes failed\nstack backtrace:\n{note}"),
                "memory allocation of 9 bytes failed",
                true,
            ),
            ("thread 'x' panicked: Cannot allocate memory (os error 12)\nx".to_owned(), "x", true),
            (format!("page 1\n{note}"), "page 1", false),
        ] {
            let heard = pass_on(said.as_bytes(), "sales".into(), false, |_, _| {}).await;
            assert_eq!(heard, Said { last: last.to_owned(), is_out_of_memory }, "{said}");
        }
    }

    #[test]
    fn an_object_says_whose_it_is() {
        for (said, line, last) in [
            (
                r#"{"level":"WARN","message":"x","worker":"ops"}"#,
                r#"{"level":"WARN","message":"x","worker":"sales"}"#,
                "x",
            ),
            (
                r#"{"level":"DEBUG","page":1}"#,
                r#"{"level":"DEBUG","page":1,"worker":"sales"}"#,
                r#"{"level":"DEBUG","page":1}"#,
            ),
        ] {
            assert_eq!(object(said, "sales"), (line.to_owned(), last.to_owned()));
        }
        for said in ["memory allocation failed", "[1]", "{}"] {
            let (line, last) = object(said, "sales");
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!((&line["message"], &line["worker"], last.as_str()), (&said.into(), &"sales".into(), said));
        }
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_cut() {
        let endless = vec![b'x'; 3 * MAX_LINE_BYTES as usize];
        assert_eq!(
            pass_on(endless.as_slice(), "sales".into(), false, |_, _| {}).await.last.len() as u64,
            MAX_LINE_BYTES
        );
    }
}
