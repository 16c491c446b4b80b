//! A transform's edits: their order, what they leave alone, and what is refused of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use dpone_json::{EditError, Edited, Path, Scanner, apply_edits};
use dpone_model::plugin::{Column, Edits};
use dpone_model::{Kind, Records};

const BODY: &str =
    r#"[{"id" : 1.10,"n\u0061me":"x","old":[1, 2]}, { "id":2 , "old":null } ,{},{"id":3,"extra":1E400}]"#;

/// Values as text; the kind follows from it, nothing is missing.
fn col(values: &[&str]) -> Column {
    let mut column = Column { offsets: vec![0], ..Column::default() };
    for value in values {
        let kind = match value.as_bytes().first() {
            None => Kind::Missing,
            Some(b'n') => Kind::Null,
            Some(b't') => Kind::True,
            Some(b'f') => Kind::False,
            Some(b'"') => Kind::String,
            Some(b'[') => Kind::Array,
            Some(b'{') => Kind::Object,
            Some(_) => Kind::Number,
        };
        column.push(kind, value.as_bytes());
    }
    column
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn set(columns: &[(&str, &[&str])]) -> Vec<(String, Column)> {
    columns.iter().map(|(field, values)| ((*field).to_owned(), col(values))).collect()
}

fn apply_to(body: &str, edits: &Edits) -> Result<Edited, EditError> {
    let mut scanner = Scanner::new();
    let mut records = Records::default();
    scanner.scan(body.as_bytes(), &Path::default(), &mut records).unwrap();
    let edited = apply_edits(body.as_bytes(), &records, scanner.names(), edits)?;
    if let Edited::Rewritten(lines) = &edited {
        // The output can always be scanned again.
        scanner.scan_ndjson(lines, &mut records).unwrap();
    }
    Ok(edited)
}

fn rewritten(body: &str, edits: &Edits) -> String {
    match apply_to(body, edits) {
        Ok(Edited::Rewritten(lines)) => String::from_utf8(lines).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn edits_without_effect_change_nothing() {
    let unknown = Edits { rename: pairs(&[("nobody", "id")]), drop: strings(&["never"]), ..Edits::default() };
    for edits in [Edits::default(), unknown, Edits { keep: Some(vec![true; 4]), ..Edits::default() }] {
        assert_eq!(apply_to(BODY, &edits), Ok(Edited::Unchanged));
    }
    let keep = vec![true, false, true, false];
    assert_eq!(apply_to(BODY, &Edits { keep: Some(keep.clone()), ..Edits::default() }), Ok(Edited::Kept(keep)));
}

#[test]
fn each_edit_by_itself() {
    let rename = Edits { rename: pairs(&[("id", "order\"id"), ("name", "label")]), ..Edits::default() };
    assert_eq!(
        rewritten(BODY, &rename),
        "{\"order\\\"id\":1.10,\"label\":\"x\",\"old\":[1, 2]}\n{\"order\\\"id\":2,\"old\":null}\n{}\n{\"order\\\"id\":3,\"extra\":1E400}\n"
    );
    let drop = Edits { drop: strings(&["old", "name"]), ..Edits::default() };
    assert_eq!(rewritten(BODY, &drop), "{\"id\" : 1.10}\n{\"id\":2}\n{}\n{\"id\":3,\"extra\":1E400}\n");
    let first = Edits { drop: strings(&["id"]), ..Edits::default() };
    assert_eq!(
        rewritten(BODY, &first),
        "{\"n\\u0061me\":\"x\",\"old\":[1, 2]}\n{\"old\":null}\n{}\n{\"extra\":1E400}\n"
    );
    // In its place where it is there, behind the others where it is new, and gone where it is missing.
    let set = Edits { set: set(&[("id", &["\"a\"", "", "{ }", "[0]"])]), ..Edits::default() };
    assert_eq!(
        rewritten(BODY, &set),
        "{\"id\" : \"a\",\"n\\u0061me\":\"x\",\"old\":[1, 2]}\n{\"old\":null}\n{\"id\":{ }}\n{\"id\":[0],\"extra\":1E400}\n"
    );
}

#[test]
fn edits_come_in_order() {
    let body = r#"[{"a":1,"b":2,"c":3},{"a":4,"b":5,"c":6},{"c":7}]"#;
    let cases = [
        // Two fields swap their names.
        (
            Edits { rename: pairs(&[("a", "b"), ("b", "a")]), ..Edits::default() },
            "{\"b\":1,\"a\":2,\"c\":3}\n{\"b\":4,\"a\":5,\"c\":6}\n{\"c\":7}\n",
        ),
        // A drop names fields as the rename left them: both fields named b go, c stays.
        (
            Edits { rename: pairs(&[("a", "b")]), drop: strings(&["b"]), ..Edits::default() },
            "{\"c\":3}\n{\"c\":6}\n{\"c\":7}\n",
        ),
        // The old name of a renamed field names nothing any more.
        (
            Edits { rename: pairs(&[("a", "z")]), drop: strings(&["a"]), ..Edits::default() },
            "{\"z\":1,\"b\":2,\"c\":3}\n{\"z\":4,\"b\":5,\"c\":6}\n{\"c\":7}\n",
        ),
        // Set comes last: it finds the renamed field, and sees nothing of the dropped one.
        (
            Edits { rename: pairs(&[("a", "z")]), set: set(&[("z", &["10", "11", "12"])]), ..Edits::default() },
            "{\"z\":10,\"b\":2,\"c\":3}\n{\"z\":11,\"b\":5,\"c\":6}\n{\"c\":7,\"z\":12}\n",
        ),
        (
            Edits { drop: strings(&["a"]), set: set(&[("a", &["10", "", "12"])]), ..Edits::default() },
            "{\"b\":2,\"c\":3,\"a\":10}\n{\"b\":5,\"c\":6}\n{\"c\":7,\"a\":12}\n",
        ),
        // Values belong to the records as they were before `keep`.
        (
            Edits { keep: Some(vec![false, true, false]), set: set(&[("c", &["8", "9", "10"])]), ..Edits::default() },
            "{\"a\":4,\"b\":5,\"c\":9}\n",
        ),
        (Edits { keep: Some(vec![false; 3]), drop: strings(&["a"]), ..Edits::default() }, ""),
    ];
    for (edits, expected) in cases {
        assert_eq!(rewritten(body, &edits), expected, "{edits:?}");
    }
}

#[test]
fn duplicates_pass_unless_they_are_edited() {
    let body = r#"[{"a":1,"b":2,"a":3}]"#;
    assert_eq!(rewritten(body, &Edits { drop: strings(&["b"]), ..Edits::default() }), "{\"a\":1,\"a\":3}\n");
    assert_eq!(rewritten(body, &Edits { drop: strings(&["a"]), ..Edits::default() }), "{\"b\":2}\n");
    let twice = |field: &str| Err(EditError::Twice { field: field.into(), record: 0 });
    assert_eq!(apply_to(body, &Edits { rename: pairs(&[("a", "z")]), ..Edits::default() }), twice("z"));
    assert_eq!(apply_to(body, &Edits { rename: pairs(&[("b", "a")]), ..Edits::default() }), twice("a"));
    assert_eq!(apply_to(body, &Edits { set: set(&[("a", &["0"])]), ..Edits::default() }), twice("a"));
    let both = r#"[{"a":1},{"a":1,"b":2}]"#;
    let merge = Edits { rename: pairs(&[("a", "c"), ("b", "c")]), ..Edits::default() };
    assert_eq!(apply_to(both, &merge), Err(EditError::Twice { field: "c".into(), record: 1 }));
}

#[test]
fn values_that_are_not_what_they_say_are_refused() {
    let body = r#"[{"a":1},{"a":2}]"#;
    let with = |column: Column| apply_to(body, &Edits { set: vec![("a".into(), column)], ..Edits::default() });
    let bad_values = [
        "1,\"b\":2",
        "1}",
        "01",
        "tru",
        "\"open",
        "\"\u{1}\"",
        "{\"a\":1",
        "[1,]",
        "1 2",
        "",
        " ",
        "\"a\"\n{}",
        "\"\\x\"",
    ];
    for bad in bad_values {
        for kind in [Kind::Null, Kind::False, Kind::True, Kind::Number, Kind::String, Kind::Array, Kind::Object] {
            let mut column = col(&["1"]);
            column.push(kind, bad.as_bytes());
            let result = with(column);
            assert!(matches!(&result, Err(EditError::Value { record: 1, .. })), "{bad:?} {kind:?}: {result:?}");
        }
    }
    let kinds = [
        (Kind::String, "1"),
        (Kind::Number, "\"1\""),
        (Kind::True, "false"),
        (Kind::Missing, "1"),
        (Kind::Array, "{}"),
    ];
    for (kind, text) in kinds {
        let mut column = col(&["1"]);
        column.push(kind, text.as_bytes());
        assert!(matches!(with(column), Err(EditError::Value { record: 1, .. })), "{kind:?} {text}");
    }
    let mut unknown = col(&["1", "2"]);
    unknown.kinds[0] = 8;
    assert!(matches!(with(unknown), Err(EditError::Value { record: 0, .. })));
    let deep = "[".repeat(1024) + &"]".repeat(1024);
    assert!(matches!(with(col(&["1", &deep])), Err(EditError::Value { record: 1, .. })));
}

#[test]
fn columns_of_the_wrong_shape_are_refused() {
    let body = r#"[{"a":1},{"a":2}]"#;
    let with = |column: Column| apply_to(body, &Edits { set: vec![("a".into(), column)], ..Edits::default() });
    assert!(matches!(with(col(&["1"])), Err(EditError::Length { expected: 2, found: 1, .. })));
    assert!(matches!(with(Column::default()), Err(EditError::Length { found: 0, .. })));
    let offsets = |offsets: &[u32]| Column { offsets: offsets.to_vec(), ..col(&["1", "2"]) };
    assert!(matches!(with(offsets(&[0, 1])), Err(EditError::Length { found: 1, .. })));
    for bad in [[0, 2, 1], [0, 1, 3], [0, 1, u32::MAX], [2, 1, 0]] {
        assert!(matches!(with(offsets(&bad)), Err(EditError::Offsets { .. })), "{bad:?}");
    }
    let keep = Edits { keep: Some(vec![true]), ..Edits::default() };
    assert!(matches!(apply_to(body, &keep), Err(EditError::Length { expected: 2, found: 1, .. })));
    let set_twice = Edits { set: set(&[("z", &["1", "2"]), ("z", &["3", "4"])]), ..Edits::default() };
    assert!(matches!(apply_to(body, &set_twice), Err(EditError::Repeated { what: "set", .. })));
    let renamed_twice = Edits { rename: pairs(&[("a", "x"), ("a", "y")]), ..Edits::default() };
    assert!(matches!(apply_to(body, &renamed_twice), Err(EditError::Repeated { what: "renamed", .. })));
    assert_eq!(
        apply_to("[]", &Edits { set: vec![("a".into(), Column::default())], ..Edits::default() }),
        Ok(Edited::Rewritten(vec![]))
    );
}

/// As many names as a plugin may hand over: the time grows with their number, not with its square.
#[test]
fn many_names_take_little_time() {
    let object: Vec<String> = (0..20_000).map(|n| format!(r#""f{n}":{n}"#)).collect();
    let body = format!("[{{{}}},{}]", object.join(","), vec!["{}"; 20_000].join(","));
    let renames = (0..20_000).map(|n| (format!("f{n}"), format!("g{n}"))).collect();
    let drops: Vec<String> = (0..200_000).map(|n| format!("g{}", n % 20_000)).collect();
    let started = std::time::Instant::now();
    let edits = Edits { rename: renames, drop: drops, ..Edits::default() };
    assert_eq!(rewritten(&body, &edits), "{}\n".repeat(20_001));
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}
