//! Random text of others as it is shown: no control and no mark of direction is left, once is enough, the
//! visible characters stay, and JSON means the same.

use dpone_fuzz::{Random, run};
use dpone_model::foreign::{is_hidden, json, lines, one_line};
use std::process::ExitCode;

const PIECES: &[&str] = &[
    "a",
    "Z",
    " ",
    "é",
    "漢",
    "😀",
    "\"",
    "\\",
    "\\n",
    "\\u{1b}",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\0",
    "\u{1b}[2J",
    "\u{1b}]0;x\u{7}",
    "\u{7f}",
    "\u{85}",
    "\u{9b}31m",
    "\u{ad}",
    "\u{61c}",
    "\u{200b}",
    "\u{200d}",
    "\u{200f}",
    "\u{2028}",
    "\u{2029}",
    "\u{202a}",
    "\u{202e}",
    "\u{2060}",
    "\u{2066}",
    "\u{2069}",
    "\u{feff}",
    "\u{fff9}",
    "\u{e0041}",
    "error[DP0101]: x",
    "\nerror[DP0101]: x",
];

fn main() -> ExitCode {
    run("foreign", 20_000, case)
}

fn case(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let mut text: String = (0..random.below(30)).map(|_| random.text(PIECES)).collect();
    for _ in 0..random.below(3) {
        text.extend(char::from_u32(random.below(0x11_0000) as u32));
    }
    let line = one_line(&text);
    if line.contains(is_hidden) || one_line(&line) != line || lines(&line) != line {
        return Err(format!("{text:?} is shown as {line:?}"));
    }
    let kept = |text: &str| text.chars().filter(|character| !is_hidden(*character)).collect::<String>();
    let visible = kept(&text);
    let mut shown = line.chars();
    if !visible.chars().all(|character| shown.any(|other| other == character)) {
        return Err(format!("{text:?} has lost text: {line:?}"));
    }
    if lines(&text).lines().count() > text.matches('\n').count() + 1 {
        return Err(format!("{text:?} has more lines: {:?}", lines(&text)));
    }
    let value = serde_json::json!({ &text: [&text, 1.5, null] });
    for written in [value.to_string(), format!("{value:#}")] {
        let shown = json(&written);
        let read: serde_json::Value = serde_json::from_str(&shown).map_err(|error| format!("{shown}: {error}"))?;
        if read != value || shown.contains(|character| character != '\n' && is_hidden(character)) {
            return Err(format!("{written} is shown as {shown}"));
        }
    }
    Ok(())
}
