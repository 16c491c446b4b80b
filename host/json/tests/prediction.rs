//! Aimed at what the scanner remembers: every kind of value before and after every remembered gap,
//! at every position, and every small damage to a record that would have been predicted.

mod oracle;

use dpone_json::{Path, Scanner};
use dpone_model::Records;

const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-12",
    "1.5e3",
    "12345678",
    "\"\"",
    "\"text\"",
    "\"\\\"\\u0041\"",
    "\"é\"",
    "[]",
    "[1,{\"a\":2}]",
    "{}",
    "{\"a\":1,\"b\":[]}",
];
/// Before the comma, behind it, before the colon, behind it.
const SPACES: &[[&str; 4]] = &[
    ["", "", "", ""],
    [" ", "", "", ""],
    ["", " ", "", ""],
    ["", "", " ", ""],
    ["", "", "", " "],
    ["\n", "\t\r\n  ", " ", "  "],
];
const NAMES: [&str; 3] = ["a", "name_of_b", "c"];
/// Keeps the wide reads of the prediction inside of the body.
const TAIL: &str = "{\"tail\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}";

fn record(names: &[&str], values: &[&str], space: &[&str; 4]) -> String {
    let [before_comma, after_comma, before_colon, after_colon] = space;
    let fields = names.iter().zip(values).map(|(name, value)| format!("\"{name}\"{before_colon}:{after_colon}{value}"));
    let joined = fields.collect::<Vec<_>>().join(&format!("{before_comma},{after_comma}"));
    format!("{{{after_comma}{joined}{before_comma}}}")
}

fn document(records: &[&str]) -> String {
    format!("[{},{TAIL}]", records.join(","))
}

#[test]
fn every_value_before_and_after_every_gap() {
    let mut scanner = Scanner::new();
    for position in 0..NAMES.len() {
        for before in VALUES {
            for after in VALUES {
                let mut values = ["1", "2", "3"];
                values[position] = before;
                if let Some(next) = values.get_mut(position + 1) {
                    *next = after;
                }
                let train = record(&NAMES, &["1", "2", "3"], &SPACES[0]);
                let probe = record(&NAMES, &values, &SPACES[0]);
                oracle::agrees(&mut scanner, document(&[&train, &probe, &train]).as_bytes()).unwrap();
            }
        }
    }
}

#[test]
fn every_spacing_after_every_other_spacing() {
    for learnt in SPACES {
        for met in SPACES {
            for value in VALUES {
                // A scanner of its own, so that only `learnt` is remembered.
                let mut scanner = Scanner::new();
                let train = record(&NAMES, &["1", "\"x\"", "{}"], learnt);
                let probe = record(&NAMES, &[value, value, value], met);
                oracle::agrees(&mut scanner, document(&[&train, &probe, &train]).as_bytes()).unwrap();
            }
        }
    }
}

#[test]
fn every_selection_and_order_of_fields() {
    let mut scanner = Scanner::new();
    let orders: &[&[&str]] = &[
        &[],
        &["a"],
        &["b"],
        &["a", "b"],
        &["b", "a"],
        &["a", "a"],
        &["a", "b", "c"],
        &["c", "b", "a"],
        &["a", "c"],
        &["b", "c", "a", "b"],
        &["a", "ab", "abc"],
        &["\\u0061", "b"],
        &["a\\\"", "b"],
        &["", "a"],
        &["é", "a"],
    ];
    for first in orders {
        for second in orders {
            for third in orders {
                let records =
                    [first, second, third].map(|names| record(names, &["1", "\"2\"", "[3]", "4"], &SPACES[0]));
                let records: Vec<_> = records.iter().map(String::as_str).collect();
                oracle::agrees(&mut scanner, document(&records).as_bytes()).unwrap();
            }
        }
    }
}

/// One byte put in, taken out or replaced at every place of a record whose gaps are all remembered.
#[test]
fn every_small_damage_to_a_predicted_record() {
    let junk: &[&str] = &[
        ",", ":", "\"", "{", "}", "[", "]", " ", "1", "-", ".", "e", "\\", "x", "\0", "\u{7f}", "é", "{\"k\":",
        ",\"a\":",
    ];
    for space in [&SPACES[0], &SPACES[4], &SPACES[5]] {
        for values in [["1", "\"x\"", "{}"], ["null", "[1]", "-0.5"], ["\"\"", "true", "\"\\n\""]] {
            let mut scanner = Scanner::new();
            let train = record(&NAMES, &values, space);
            let mut check = |probe: &[u8]| {
                let body = [b"[", train.as_bytes(), b",", probe, b",", train.as_bytes(), b",", TAIL.as_bytes(), b"]"];
                oracle::agrees(&mut scanner, &body.concat()).unwrap();
            };
            for at in 0..=train.len() {
                let (head, tail) = train.as_bytes().split_at(at);
                check(&[head, tail.get(1..).unwrap_or_default()].concat());
                for junk in junk {
                    check(&[head, junk.as_bytes(), tail].concat());
                    check(&[head, junk.as_bytes(), tail.get(1..).unwrap_or_default()].concat());
                }
            }
        }
    }
}

/// A prediction from one page is not taken for true in the next, whatever it is cut to.
#[test]
fn a_body_that_ends_inside_of_a_gap_is_refused() {
    let mut scanner = Scanner::new();
    let mut records = Records::default();
    let one = record(&NAMES, &["1", "2", "3"], &SPACES[5]);
    let whole = document(&[one.as_str(); 3]);
    assert!(scanner.scan(whole.as_bytes(), &Path::default(), &mut records).is_ok());
    for end in 0..whole.len() {
        assert!(scanner.scan(&whole.as_bytes()[..end], &Path::default(), &mut records).is_err(), "{end}");
    }
}

#[test]
fn names_of_every_length_are_told_apart() {
    for length in (0..80).chain([1000, 1019, 1020, 1021, 1022, 2000]) {
        let mut scanner = Scanner::new();
        let name = "n".repeat(length);
        let other = format!("{name}x");
        let last = format!("{}y", name.get(1..).unwrap_or_default());
        let a = record(&[&name, "z"], &["1", "2"], &SPACES[0]);
        let b = record(&[&other, "z"], &["1", "2"], &SPACES[0]);
        let c = record(&["z", &last, &name], &["0", "1", "2"], &SPACES[0]);
        oracle::agrees(&mut scanner, document(&[&a, &b, &a, &c, &b, &b, &c, &c]).as_bytes()).unwrap();
        // A name that came behind a value must not be predicted behind a brace, nor the other way around.
        for bad in
            ["{,\"z\":2}", "{\"z\":0\"z\":1}", &format!("{{\"z\":0\"{name}\":1}}"), &format!("{{,\"{other}\":1}}")]
        {
            oracle::agrees(&mut scanner, document(&[&a, &c, bad, &a]).as_bytes()).unwrap();
        }
    }
}

/// More shapes than are remembered: they are forgotten and learnt again, with the same results.
#[test]
fn memory_of_shapes_is_bounded() {
    let mut scanner = Scanner::new();
    for space in SPACES.iter().take(2) {
        for page in 0..30 {
            let names: Vec<String> = (0..200).map(|field| format!("f{page}_{field}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let values = vec!["1"; names.len()];
            let one = record(&names, &values, space);
            oracle::agrees(&mut scanner, document(&[&one, &one]).as_bytes()).unwrap();
        }
    }
    assert_eq!(scanner.names().len(), 30 * 200 + 1);
}
