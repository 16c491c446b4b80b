//! Mutated JSON pages through the scanner, with serde_json as the oracle.
//!
//! A case is a run of pages of one source: records of one shape, a few of them damaged, all through
//! one scanner, so that what it learnt from one page is tried on the next. Whatever the scanner
//! accepts then goes through columns, edits, NDJSON and canonical text, which may not panic and
//! have to agree with what the oracle read.

#[path = "../../../../host/json/tests/oracle/mod.rs"]
mod oracle;

use dpone_fuzz::{Mutator, Random, run};
use dpone_json::{
    EditError, Edited, Path, Scanner, apply_edits, canonical_hash_input, column, count, get, last, ndjson,
};
use dpone_model::Records;
use dpone_model::plugin::Edits;
use std::process::ExitCode;

const NAMES: &[&str] = &[
    "id",
    "a",
    "b",
    "name",
    "n\\u0061me",
    "",
    "updated_at",
    "é",
    "\\ud800",
    "a_name_that_is_longer_than_one_wide_compare",
    "x\\\"y",
];
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "12",
    "123456789012345678901234567890",
    "1.10",
    "-1.5e+3",
    "1E400",
    "\"\"",
    "\"text\"",
    "\"a longer text, of more than sixteen bytes\"",
    "\"\\n\\u00e9\\\"\"",
    "\"é€😀\"",
    "\"\\ud83d\"",
    "[]",
    "{}",
    "[1,[2,{\"k\":[]}]]",
    "{\"a\":1,\"a\":{\"b\":\"}\"}}",
    "[ 1 , 2 ]",
];
const SPACES: &[&str] = &["", "", "", " ", "\n", "\r\n\t ", "  "];
const TOKENS: &[&str] = &[
    ",", ":", "{", "}", "[", "]", "\"", "\\", " ", "\n", "null", "true", "1", "-", ".", "e", "0", "\"a\":", ",\"id\":",
    "{}", "[]", "\\u12", "\\ud800", "\\x", "\u{0}", "\u{7f}", "é", "\u{feff}", "1{\"k\":", "},{", "}{", ",,", "NaN",
    "01",
];
/// Pages of one case.
const PAGES: usize = 8;

fn main() -> ExitCode {
    run("scanner", 20_000, case)
}

fn case(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let shape = Shape::new(&mut random);
    let mut scanner = Scanner::new();
    let mutator = Mutator { tokens: TOKENS, max_bytes: 4096 };
    for page in 0..PAGES {
        let mut body = shape.page(&mut random).into_bytes();
        // The first page is whole, so that there is something to remember.
        for _ in 0..if page == 0 { 0 } else { random.below(4) } {
            mutator.mutate(&mut random, &mut body);
        }
        oracle::agrees(&mut scanner, &body)?;
        at_a_path(&mut scanner, &body)?;
        what_follows(&mut scanner, &mut random, &body)
            .map_err(|what| format!("{what} for {}", String::from_utf8_lossy(&body)))?;
    }
    Ok(())
}

/// Which fields the records of a source mostly have, and how they are spaced.
struct Shape {
    names: Vec<&'static str>,
    spaces: [&'static str; 4],
}

impl Shape {
    fn new(random: &mut Random) -> Self {
        let names = (0..1 + random.below(6)).map(|_| random.text(NAMES)).collect();
        Self { names, spaces: std::array::from_fn(|_| random.text(SPACES)) }
    }

    fn page(&self, random: &mut Random) -> String {
        let [before_comma, after_comma, before_colon, after_colon] = self.spaces;
        let mut records = Vec::new();
        for _ in 0..random.below(6) {
            let mut fields = Vec::new();
            for name in &self.names {
                let name = if random.one_in(40) { random.text(NAMES) } else { name };
                if !random.one_in(15) {
                    fields.push(format!("\"{name}\"{before_colon}:{after_colon}{}", random.text(VALUES)));
                }
            }
            if random.one_in(20) {
                fields.reverse();
            }
            let comma = format!("{before_comma},{after_comma}");
            records.push(format!("{{{after_comma}{}{before_comma}}}", fields.join(&comma)));
        }
        let mark = if random.one_in(20) { "\u{feff}" } else { "" };
        format!("{mark}[{}]", records.join(&format!("{before_comma},{after_comma}")))
    }
}

/// The same records further inside of a body, and lookups around them.
fn at_a_path(scanner: &mut Scanner, body: &[u8]) -> Result<(), String> {
    // A byte order mark is one at the start of a text alone; a mutation may have left several.
    let mut body = body;
    while body.starts_with("\u{feff}".as_bytes()) {
        body = oracle::without_mark(body);
    }
    let wrapped = [b"{\"before\":{\"data\":0},\"data\":", body, b" ,\"after\":[1,2]}"].concat();
    let (mut at_root, mut at_path) = (Records::default(), Records::default());
    let root = scanner.scan(body, &Path::parse(""), &mut at_root);
    let path = Path::parse("data");
    let nested = scanner.scan(&wrapped, &path, &mut at_path);
    // Damage that closes one bracket and opens another may be JSON in there and not by itself.
    if root.is_ok() {
        if nested.is_err() || oracle::noted(scanner, body, &at_root)? != oracle::noted(scanner, &wrapped, &at_path)? {
            return Err(format!("other records at a path: {nested:?} for {}", String::from_utf8_lossy(body)));
        }
        let found = get(&wrapped, &path, None).unwrap_or_default().map(|(_, span)| span.of(&wrapped));
        let last = last(&wrapped, &path, None).unwrap_or_default().map(|span| span.of(&wrapped));
        let expected = at_path.records.last().map(|record| record.span.of(&wrapped));
        if found != Some(body.trim_ascii()) || (expected.is_some() && last != expected) {
            return Err(format!("lookups disagree for {}", String::from_utf8_lossy(body)));
        }
        let counted = count(&wrapped, &path, None).unwrap_or_default().unwrap_or_default() as usize;
        if counted != at_path.len() {
            return Err(format!("{counted} records were counted in {}", String::from_utf8_lossy(body)));
        }
    }
    // On what is not JSON they may answer anything, but have to answer.
    let _ = (get(body, &path, None), count(body, &path, None), last(body, &path, None));
    Ok(())
}

/// The steps of records after the scan.
fn what_follows(scanner: &mut Scanner, random: &mut Random, body: &[u8]) -> Result<(), String> {
    let mut records = Records::default();
    if scanner.scan(body, &Path::parse(""), &mut records).is_err() {
        return Ok(());
    }
    let fields = oracle::noted(scanner, body, &records)?;
    let lines = ndjson(body, &records);
    let mut again = Records::default();
    let rescanned = scanner.scan_ndjson(&lines, &mut again);
    if rescanned.is_err()
        || again.len() != records.len()
        || lines.split(|byte| *byte == b'\n').count() != records.len() + 1
    {
        return Err(format!("NDJSON is another: {rescanned:?}"));
    }
    let mut canonical = Vec::new();
    for record in &records.records {
        canonical.clear();
        canonical_hash_input(body, &records, record, scanner.names(), &mut canonical);
        if !oracle::is_json(&canonical) {
            return Err(format!("canonical text is not JSON: {}", String::from_utf8_lossy(&canonical)));
        }
    }
    edited(scanner, random, body, &records, &fields)
}

/// Random edits, compared with the same edits of the oracle's fields.
fn edited(
    scanner: &mut Scanner,
    random: &mut Random,
    body: &[u8],
    records: &Records,
    fields: &[oracle::Fields],
) -> Result<(), String> {
    let name = |random: &mut Random| {
        scanner.names().name(dpone_model::NameId(random.below(scanner.names().len()) as u32)).to_owned()
    };
    let (from, dropped, set) = (name(random), name(random), name(random));
    // A name with half of a surrogate pair has no text by which an edit could mean it.
    if [&from, &dropped, &set].iter().any(|name| name.starts_with('"')) {
        return Ok(());
    }
    let Ok(values) = column(body, records, scanner.names().get(&from)) else { return Ok(()) };
    let keep: Vec<bool> = records.records.iter().map(|_| !random.one_in(4)).collect();
    let to = format!("{from}\"new\\");
    let edits = Edits {
        keep: Some(keep.clone()),
        rename: vec![(from.clone(), to.clone())],
        drop: vec![dropped.clone()],
        set: vec![(set.clone(), values.clone())],
    };
    let lines = match apply_edits(body, records, scanner.names(), &edits) {
        Ok(Edited::Rewritten(lines)) => lines,
        // Nothing else is wrong with these edits.
        Err(EditError::Twice { .. }) => return Ok(()),
        other => return Err(format!("edits {edits:?} gave {other:?}")),
    };
    let mut expected = Vec::new();
    for (index, record) in fields.iter().enumerate().filter(|(index, _)| keep.get(*index) == Some(&true)) {
        let value = String::from_utf8_lossy(values.value(index)).into_owned();
        let renamed =
            record.iter().map(|(name, value)| (if *name == from { &to } else { name }.clone(), value.clone()));
        let mut after: oracle::Fields = renamed.filter(|(name, _)| *name != dropped).collect();
        match after.iter_mut().find(|(name, _)| *name == set) {
            Some(field) => field.1 = value,
            None => after.push((set.clone(), value)),
        }
        after.retain(|(_, value)| !value.is_empty());
        expected.push(after);
    }
    let mut again = Records::default();
    scanner.scan_ndjson(&lines, &mut again).map_err(|error| format!("edits made something else than JSON: {error}"))?;
    let found = oracle::noted(scanner, &lines, &again)?;
    if found == expected { Ok(()) } else { Err(format!("edits {edits:?} gave {}", String::from_utf8_lossy(&lines))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_cases_hold() {
        for seed in 0..1500 {
            case(seed).unwrap();
        }
    }
}
