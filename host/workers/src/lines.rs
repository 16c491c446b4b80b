//! Lines of a worker's standard error, which may be anything: bounded, printable, and said to be whose.

use std::io::Write;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// What is longer is cut.
const MAX_LINE_BYTES: u64 = 8 << 10;

/// Passes lines on with a name before each, and returns the last one.
pub(crate) async fn pass_on(from: impl AsyncRead + Unpin, named: String) -> String {
    let mut reader = BufReader::new(from);
    let mut last = String::new();
    loop {
        let mut line = Vec::new();
        match (&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return last,
            Ok(_) => {}
        }
        let text = printable(&line);
        if text.is_empty() {
            continue;
        }
        // A closed stderr must not end the runs.
        let _ = writeln!(std::io::stderr(), "{named} | {text}");
        last = text;
    }
}

/// Control characters would let a worker write over what others have said.
fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let shown = |c: char| if c == '\t' || !c.is_control() { c } else { ' ' };
    let text: String = text.chars().map(shown).collect();
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_line_is_kept_and_controls_are_gone() {
        let last = pass_on(b"one\n\x1b[2Jtwo\x07\r\n\n".as_slice(), "sales".into()).await;
        assert_eq!(last, " [2Jtwo");
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_cut() {
        let endless = vec![b'x'; 3 * MAX_LINE_BYTES as usize];
        assert_eq!(pass_on(endless.as_slice(), "sales".into()).await.len() as u64, MAX_LINE_BYTES);
    }
}
