//! Records go in and come out byte for byte: numbers of any size, escapes, duplicate names; and paths,
//! counts and errors of whole pages.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use dpone_json::{Found, Path, ScanError, ScanErrorKind, Scanner, column, count, get, last, members_of_root, ndjson};
use dpone_model::{Kind, Names, Records, Span};
use std::collections::BTreeMap;

fn scan(body: &str, path: &str) -> (Scanner, Records, Found) {
    let mut scanner = Scanner::new();
    let mut records = Records::default();
    let found = scanner.scan(body.as_bytes(), &Path::parse(path), &mut records).unwrap();
    (scanner, records, found)
}

#[test]
fn values_keep_every_byte() {
    let values = [
        "9223372036854775808",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "1.10",
        "1E400",
        "-0.0",
        "0.1e-07",
        "\"\\u00e9\\/\\ud800\"",
        "\"é\u{2028}\"",
        "{ \"b\" : [ 1.0 , 2 ] }",
        "[\n]",
    ];
    let rows: Vec<String> = values.iter().map(|value| format!("{{\"id\":1,\"v\" : {value} ,\"w\":0}}")).collect();
    let body = format!("{{\"data\":[{}]}}", rows.join(" , "));
    let (scanner, records, _) = scan(&body, "data");
    let column = column(body.as_bytes(), &records, scanner.names().get("v")).unwrap();
    for (index, value) in values.iter().enumerate() {
        assert_eq!(std::str::from_utf8(column.value(index)).unwrap(), *value);
        assert_eq!(std::str::from_utf8(records.records[index].span.of(body.as_bytes())).unwrap(), rows[index]);
    }
}

#[test]
fn names_are_equal_after_unescaping() {
    let body = r#"[{"name":1},{"n\u0061me":2},{"\u006eam\u0065":3,"nam\u00e9":4},{"namé":5}]"#;
    let (scanner, records, _) = scan(body, "");
    let names: Vec<Vec<&str>> = records
        .records
        .iter()
        .map(|record| records.fields_of(record).iter().map(|field| scanner.names().name(field.name)).collect())
        .collect();
    assert_eq!(names, [vec!["name"], vec!["name"], vec!["name", "namé"], vec!["namé"]]);
    assert_eq!(scanner.names().len(), 2);
}

#[test]
fn duplicate_names_are_noted_and_pass() {
    let body = r#"[{"a":1,"x":1,"\u0061":2},{"a":3,"x":1,"a":4}]"#;
    let (scanner, records, _) = scan(body, "");
    let id = scanner.names().get("a").unwrap();
    for record in &records.records {
        assert_eq!(records.fields_of(record).len(), 3);
        assert!(records.field(record, id).is_err());
    }
    assert_eq!(
        ndjson(body.as_bytes(), &records),
        br#"{"a":1,"x":1,"\u0061":2}
{"a":3,"x":1,"a":4}
"#
    );
}

#[test]
fn ndjson_is_one_record_a_line() {
    let body = "[ {\n  \"a\": [1,\r\n 2],\n  \"b\": \"\\n\"\n}\n, {} ]";
    let (_, records, _) = scan(body, "");
    let lines = String::from_utf8(ndjson(body.as_bytes(), &records)).unwrap();
    assert_eq!(lines, "{   \"a\": [1,   2],   \"b\": \"\\n\" }\n{}\n");
    assert_eq!(lines.lines().count(), 2);
}

#[test]
fn what_is_at_the_path() {
    let missing = |reached: &str, keys: &[&str]| Found::Missing {
        reached: reached.into(),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    };
    let cases = [
        ("[{}]", "", 1, Found::Array(Span::new(0, 4))),
        (" [ ] ", ".", 0, Found::Array(Span::new(1, 4))),
        ("{\"a\":1}", "", 1, Found::Object(Span::new(0, 7))),
        ("{\"a\":{\"b\":[{},{}]},\"c\":0}", "a.b", 2, Found::Array(Span::new(10, 17))),
        ("{\"a\":{\"b\":{}}}", "a.b", 1, Found::Object(Span::new(10, 12))),
        ("{\"a\":[0,{\"b\":[{}]}]}", "a.1.b", 1, Found::Array(Span::new(13, 17))),
        ("{\"\\u0061\":[{}]}", "a", 1, Found::Array(Span::new(10, 14))),
        ("{\"a.b\":[{}]}", r"a\.b", 1, Found::Array(Span::new(7, 11))),
        ("{\"a\":null}", "a", 0, Found::Null),
        ("null", "", 0, Found::Null),
        ("{\"a\":1.5}", "a", 0, Found::Other(Kind::Number)),
        ("\"text\"", "", 0, Found::Other(Kind::String)),
        ("{\"data\":{},\"m\\u0065ta\" : 1}", "items", 0, missing("", &["data", "meta"])),
        ("{\"data\":{\"rows\":[],\"a:\":1}}", "data.items", 0, missing("data", &["rows", "a:"])),
        ("{\"data\":[{}]}", "data.items", 0, missing("data", &[])),
        ("{\"data\":[{}]}", "data.7", 0, missing("data", &[])),
        ("{\"data\":null}", "data.items.x", 0, missing("data", &[])),
        ("[]", "a", 0, missing("", &[])),
        ("7", "a", 0, missing("", &[])),
        ("{}", "a.b.c", 0, missing("", &[])),
    ];
    for (body, path, rows, expected) in cases {
        let (_, records, found) = scan(body, path);
        assert_eq!((records.len(), found), (rows, expected), "{body} {path}");
    }
    let many = format!("{{{}}}", (0..10_050).map(|key| format!("\"k{key}\":0")).collect::<Vec<_>>().join(","));
    let (_, _, found) = scan(&many, "data");
    assert!(matches!(found, Found::Missing { keys, .. } if keys.len() == 10_000));
}

#[test]
fn errors_have_a_place() {
    let error = |offset, record, kind| ScanError { offset, record, kind };
    let syntax = |offset, record| error(offset, record, ScanErrorKind::Syntax(""));
    let cases = [
        ("<html>", "", syntax(0, None)),
        ("{\"data\":[{\"a\":1},{\"a\":01}]}", "data", syntax(23, Some(1))),
        ("{\"data\":[{\"a\":1}],\"m\":tru}", "data", syntax(22, None)),
        ("{\"data\":[{}],\"data\":[{}]}", "data", error(13, None, ScanErrorKind::RepeatedOnPath)),
        ("{\"data\":1,\"\\u0064ata\":[{}]}", "data", error(10, None, ScanErrorKind::RepeatedOnPath)),
        ("[{},null]", "", error(4, Some(1), ScanErrorKind::NotAnObject(Kind::Null))),
        ("[{},[{}]]", "", error(4, Some(1), ScanErrorKind::NotAnObject(Kind::Array))),
        ("[{},nul]", "", syntax(4, Some(1))),
        ("[{\"a\":\"0123456789\x01\"}]", "", syntax(17, Some(0))),
        ("[{\"a\":1 \"b\":2}]", "", syntax(8, Some(0))),
    ];
    for (body, path, expected) in cases {
        let mut records = Records::default();
        let mut found = Scanner::new().scan(body.as_bytes(), &Path::parse(path), &mut records).unwrap_err();
        if let ScanErrorKind::Syntax(what) = &mut found.kind {
            assert!(!what.is_empty());
            *what = "";
        }
        assert_eq!(found, expected, "{body}");
    }
}

#[test]
fn names_are_bounded() {
    let body = |count: usize| {
        let fields: Vec<String> = (0..count).map(|field| format!("\"{field}\":0")).collect();
        format!("[{{{}}}]", fields.join(","))
    };
    let mut scanner = Scanner::new();
    let mut records = Records::default();
    assert!(scanner.scan(body(Names::MAX).as_bytes(), &Path::default(), &mut records).is_ok());
    assert_eq!(records.fields.len(), Names::MAX);
    let error = scanner.scan(body(Names::MAX + 1).as_bytes(), &Path::default(), &mut records).unwrap_err();
    assert_eq!((error.kind, error.record), (ScanErrorKind::TooManyNames, Some(0)));
}

#[test]
fn the_bytes_of_names_are_bounded() {
    let mut scanner = Scanner::new();
    let mut records = Records::default();
    let results: Vec<_> = (0..20)
        .map(|page| {
            let body = format!("[{{\"{page}{}\":1}}]", "n".repeat(1 << 20));
            // A name that is known costs nothing.
            let first = scanner.scan(body.as_bytes(), &Path::default(), &mut records).map_err(|error| error.kind);
            let again = scanner.scan(body.as_bytes(), &Path::default(), &mut records).map_err(|error| error.kind);
            assert_eq!(first, again);
            first.map(|_| ())
        })
        .collect();
    assert!(results.iter().take(15).all(Result::is_ok));
    assert_eq!(results.last(), Some(&Err(ScanErrorKind::TooManyNames)));
}

#[test]
fn single_values() {
    let body = br#" {"data" : [{"id":1},{"id":[2,"]"]} , {"id":3}] ,"meta":{"next":null,"\u006ere":"x","total":1E400,"empty":[]}} "#;
    let text = |path: &str| {
        let found = get(body, &Path::parse(path), None).unwrap();
        found.map(|(kind, span)| (kind, std::str::from_utf8(span.of(body)).unwrap()))
    };
    let cases = [
        ("meta.next", Some((Kind::Null, "null"))),
        ("meta.nre", Some((Kind::String, "\"x\""))),
        ("meta.total", Some((Kind::Number, "1E400"))),
        ("meta.empty", Some((Kind::Array, "[]"))),
        ("data.1.id.1", Some((Kind::String, "\"]\""))),
        ("data.3", None),
        ("data.x", None),
        ("data.id", None),
        ("meta.next.x", None),
        ("nothing", None),
    ];
    for (path, expected) in cases {
        assert_eq!(text(path), expected, "{path}");
    }
    assert_eq!(text("").map(|(kind, text)| (kind, text.len())), Some((Kind::Object, body.len() - 2)));
    let counts = [("data", Some(3)), ("data.0", Some(1)), ("meta.empty", Some(0)), ("meta.next", None), ("none", None)];
    for (path, expected) in counts {
        assert_eq!(count(body, &Path::parse(path), None), Ok(expected), "{path}");
    }
    let last_of = |path: &str| {
        last(body, &Path::parse(path), None).unwrap().map(|span| std::str::from_utf8(span.of(body)).unwrap())
    };
    assert_eq!(last_of("data"), Some(r#"{"id":3}"#));
    assert_eq!(last_of("data.1.id"), Some(r#""]""#));
    assert_eq!(last_of("data.0"), Some(r#"{"id":1}"#));
    assert_eq!((last_of("meta.empty"), last_of("meta.total")), (None, None));
}

#[test]
fn known_spans_are_jumped_over_and_reused() {
    // The inside of the known span is never looked at, which shows that it is jumped over.
    let body = br#"{"data":[####],"meta":{"n":[1,2]}}"#;
    let data = Span::new(8, 14);
    let found = get(body, &Path::parse("meta.n.1"), Some(data)).unwrap();
    assert_eq!(found.map(|(_, span)| span.of(body)), Some(&b"2"[..]));
    assert_eq!(get(body, &Path::parse("meta.n.1"), None), Ok(None));
    assert_eq!(count(body, &Path::parse("data"), Some((data, 77))), Ok(Some(77)));
    assert_eq!(count(body, &Path::parse("meta.n"), Some((data, 77))), Ok(Some(2)));
    assert_eq!(last(body, &Path::parse("data"), Some((data, Span::new(9, 10)))), Ok(Some(Span::new(9, 10))));
    assert_eq!(
        last(body, &Path::parse("meta.n"), Some((data, Span::new(9, 10)))).unwrap().map(|span| span.of(body)),
        Some(&b"2"[..])
    );
}

#[test]
fn known_spans_are_jumped_over_wherever_they_lie() {
    // The known value is no JSON, so whoever looks at it finds nothing behind it.
    for body in [
        r#"{"data":[}{],"errors":[1]}"#,
        r#"{"data":{"items":[}{]},"errors":[1]}"#,
        r#"{"data":{"items":[}{],"x":"}]"},"errors":[1]}"#,
        r#"{"data":{"a":{},"b":[{"items" : [}{] } , 2],"c":[]},"errors":[1]}"#,
        r#"{"data":[[}{]],"errors":[1]}"#,
        r#"{"data":[[],[0,[}{],"x"]],"errors":[1]}"#,
        r#"{"first":{"a":[{}]},"data":{"items":[}{]},"errors":[1]}"#,
        r#"{"errors":[1],"data":{"items":[}{]}}"#,
    ] {
        let start = body.find("[}{]").unwrap();
        let known = Some(Span::new(start, start + 4));
        let body = body.as_bytes();
        let text = |found: Option<(Kind, Span)>| found.map(|(_, span)| std::str::from_utf8(span.of(body)).unwrap());
        let shown = String::from_utf8_lossy(body);
        let mut members = BTreeMap::new();
        members_of_root(body, known, |name, _, span| {
            members.insert(name.to_owned(), std::str::from_utf8(span.of(body)).unwrap());
        });
        assert_eq!(members.get("errors"), Some(&"[1]"), "{shown}");
        let data = members["data"];
        assert!(data.contains("[}{]") && !data.contains("errors"), "{shown}: {data}");
        assert_eq!(text(get(body, &Path::parse("errors.0"), known).unwrap()), Some("1"), "{shown}");
        assert_eq!(text(get(body, &Path::parse("data"), known).unwrap()), Some(data), "{shown}");
        assert_eq!(count(body, &Path::parse("errors"), known.map(|known| (known, 7))), Ok(Some(1)), "{shown}");
    }
}

#[test]
fn lookups_in_damaged_bodies_do_not_panic() {
    let body = br#"{"data":[{"id":1},{"id":[2,"]"]}],"meta":{"next":"\u0061"}}"#;
    for end in 0..body.len() {
        for path in ["", "data", "data.1", "meta.next", "x"] {
            let path = Path::parse(path);
            let odd = Span { start: end as u32 / 2, end: 1000 };
            let _ = (get(&body[..end], &path, None), get(&body[..end], &path, Some(odd)));
            members_of_root(&body[..end], Some(odd), |_, _, _| {});
            let _ = (
                count(&body[..end], &path, None),
                last(&body[..end], &path, None),
                last(&body[..end], &path, Some((odd, odd))),
            );
        }
    }
}
