//! Lines of a worker's standard error, which may be anything: bounded, printable, and said to be whose.

use serde_json::{Map, Value};
use std::io::Write;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// What is longer is cut.
const MAX_LINE_BYTES: u64 = 8 << 10;
/// What one worker may say in all; its plugins' logs are bounded by themselves.
const MAX_BYTES: usize = 16 << 20;

/// Passes lines on with a name before each, or as JSON objects that have it; returns what was said last.
pub(crate) async fn pass_on(from: impl AsyncRead + Unpin, named: String, as_json: bool) -> String {
    let mut reader = BufReader::new(from);
    let mut last = String::new();
    let mut said = 0;
    loop {
        let mut line = Vec::new();
        match (&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return last,
            Ok(_) => {}
        }
        let text = printable(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        if text.is_empty() || said > MAX_BYTES {
            continue;
        }
        said += line.len();
        let text = if said > MAX_BYTES { "it says no more: too many lines".to_owned() } else { text };
        let (line, said_last) = if as_json { object(&text, &named) } else { (format!("{named} | {text}"), text) };
        // A closed stderr must not end the runs.
        let _ = writeln!(std::io::stderr(), "{line}");
        last = said_last;
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

/// Control characters would let a worker write over what others have said on a terminal. Lines stay.
pub fn printable(text: &str) -> String {
    let shown = |c: char| if matches!(c, '\t' | '\n') || !c.is_control() { c } else { ' ' };
    let text: String = text.chars().map(shown).collect();
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_line_is_kept_and_controls_are_gone() {
        let last = pass_on(b"one\n\x1b[2Jtwo\x07\r\n\n".as_slice(), "sales".into(), false).await;
        assert_eq!(last, " [2Jtwo");
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
        assert_eq!(pass_on(endless.as_slice(), "sales".into(), false).await.len() as u64, MAX_LINE_BYTES);
    }
}
