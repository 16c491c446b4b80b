//! A table of texts that RFC 8259 accepts or refuses, by section. Each is tried as a whole body, as
//! a field's value, as a value between remembered gaps, inside of nested values and as NDJSON.

mod oracle;

use dpone_json::{
    MAX_DEPTH, Path, ScanErrorKind, Scanner, count, get, is_blank, last, members_of_root, reached, validate,
};
use dpone_model::Records;

/// Section, text.
type Cases = &'static [(&'static str, &'static [u8])];

const ACCEPTED: Cases = &[
    ("2: white space", b" \t\n\r1\r\n\t "),
    ("2: white space", b" { \"a\" : [ 1 , 2 ] } "),
    ("2: white space", b"[\n]"),
    ("2: white space", b"{\r\n}"),
    ("3: values", b"null"),
    ("3: values", b"true"),
    ("3: values", b"false"),
    ("4: objects", b"{}"),
    ("4: objects", b"{\"\":0}"),
    ("4: objects, names need not be unique", b"{\"a\":1,\"a\":2}"),
    ("4: objects", b"{\"a\":{\"b\":{\"c\":{}}},\"d\":[]}"),
    ("5: arrays", b"[]"),
    ("5: arrays", b"[[],[[]],[[],[]]]"),
    ("5: arrays, of different types", b"[1,\"a\",null,true,false,{},[]]"),
    ("6: numbers", b"0"),
    ("6: numbers", b"-0"),
    ("6: numbers", b"-0.0"),
    ("6: numbers", b"10"),
    ("6: numbers", b"1.10"),
    ("6: numbers", b"0.000"),
    ("6: numbers", b"1e5"),
    ("6: numbers", b"1E+05"),
    ("6: numbers", b"1e-0"),
    ("6: numbers", b"0e0"),
    ("6: numbers", b"-12.34e-56"),
    ("6: numbers, no limit", b"1E400"),
    ("6: numbers, no limit", b"-1E-400"),
    ("6: numbers, no limit", b"9223372036854775808"),
    ("6: numbers, no limit", b"123456789012345678901234567890"),
    ("6: numbers, no limit", b"0.1234567890123456789012345678901234567890"),
    ("6: numbers, no limit", b"1e1234567890123456789012345678901234567890"),
    ("7: strings", b"\"\""),
    ("7: strings, every short escape", b"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    ("7: strings, any code point", b"\"\\u0000\\u001F\\uABCD\\uabcd\\uFFFF\""),
    ("7: strings, a pair", b"\"\\uD834\\uDD1E\""),
    ("7: strings, lone surrogates are grammatical (8.2)", b"\"\\uD800\""),
    ("7: strings, lone surrogates are grammatical (8.2)", b"\"\\uDC00\\uD800\\u0041\""),
    ("7: strings, DEL is unescaped", b"\"\x7f\""),
    ("7: strings", b"\"\xc3\xa9\""),
    ("7: strings", b"\"\xe2\x82\xac\""),
    ("7: strings", b"\"\xf0\x9f\x98\x80\""),
    ("7: strings, the last code point", b"\"\xf4\x8f\xbf\xbf\""),
    ("7: strings, noncharacters", b"\"\xef\xbf\xbf\xef\xbf\xbe\""),
    ("7: strings, U+FEFF is a character here", b"\"\xef\xbb\xbf\""),
    ("7: strings, U+2028", b"\"\xe2\x80\xa8\""),
    ("7: strings, long", b"\"0123456789abcdef0123456789abcdef0123456789abcdef\\n0123456789abcdef\xc3\xa9\""),
    ("7: strings that look like structure", b"\"{\\\"a\\\":[1,2]}\""),
];

const REFUSED: Cases = &[
    ("2: nothing", b""),
    ("2: nothing but space", b" \n"),
    ("2: other space", b"\x0c1"),
    ("2: other space", b"\x0b1"),
    ("2: other space", b"[1,\xc2\xa02]"),
    ("2: other space", b"1\0"),
    ("2: two values", b"1 2"),
    ("2: two values", b"{}{}"),
    ("2: two values", b"[],"),
    ("2: a value glued to another", b"1{\"k\":2}"),
    ("2: a value glued to another", b"\"a\"\"b\""),
    ("2: a value glued to another", b"null1"),
    ("2: comments", b"/* c */1"),
    ("2: comments", b"1 // c"),
    ("3: values", b"nul"),
    ("3: values", b"nulL"),
    ("3: values", b"True"),
    ("3: values", b"truefalse"),
    ("3: values", b"undefined"),
    ("3: values", b"NaN"),
    ("3: values", b"Infinity"),
    ("3: values", b"-Infinity"),
    ("3: values", b"a"),
    ("4: objects", b"{"),
    ("4: objects", b"}"),
    ("4: objects", b"{\"a\""),
    ("4: objects", b"{\"a\":"),
    ("4: objects", b"{\"a\":1"),
    ("4: objects", b"{\"a\":1,"),
    ("4: objects", b"{\"a\":1,}"),
    ("4: objects", b"{,}"),
    ("4: objects", b"{,\"a\":1}"),
    ("4: objects", b"{\"a\" 1}"),
    ("4: objects", b"{\"a\"::1}"),
    ("4: objects", b"{\"a\":}"),
    ("4: objects", b"{\"a\":1 \"b\":2}"),
    ("4: objects", b"{\"a\":1,,\"b\":2}"),
    ("4: objects", b"{\"a\":1:\"b\":2}"),
    ("4: objects", b"{a:1}"),
    ("4: objects", b"{'a':1}"),
    ("4: objects", b"{1:1}"),
    ("4: objects", b"{null:1}"),
    ("4: objects", b"{\"a\"}"),
    ("4: objects", b"{\"a\":1]"),
    ("4: objects", b"{\"a\\x\":1}"),
    ("5: arrays", b"["),
    ("5: arrays", b"]"),
    ("5: arrays", b"[1"),
    ("5: arrays", b"[1,"),
    ("5: arrays", b"[1,]"),
    ("5: arrays", b"[,1]"),
    ("5: arrays", b"[,]"),
    ("5: arrays", b"[1,,2]"),
    ("5: arrays", b"[1 2]"),
    ("5: arrays", b"[1:2]"),
    ("5: arrays", b"[1}"),
    ("5: arrays", b"[[]"),
    ("5: arrays", b"[]]"),
    ("6: numbers", b"-"),
    ("6: numbers", b"+1"),
    ("6: numbers", b"01"),
    ("6: numbers", b"-01"),
    ("6: numbers", b"00"),
    ("6: numbers", b".5"),
    ("6: numbers", b"-.5"),
    ("6: numbers", b"1."),
    ("6: numbers", b"1.e5"),
    ("6: numbers", b"1e"),
    ("6: numbers", b"1e+"),
    ("6: numbers", b"1E-"),
    ("6: numbers", b"1e5.5"),
    ("6: numbers", b"1.2.3"),
    ("6: numbers", b"--1"),
    ("6: numbers", b"1-"),
    ("6: numbers", b"0x10"),
    ("6: numbers", b"1_000"),
    ("6: numbers", b"12345678a"),
    ("6: numbers", b"1234567 8"),
    ("7: strings", b"\""),
    ("7: strings", b"\"abc"),
    ("7: strings", b"'abc'"),
    ("7: strings", b"\"\\\""),
    ("7: strings", b"\"\\"),
    ("7: strings, control characters", b"\"\0\""),
    ("7: strings, control characters", b"\"\n\""),
    ("7: strings, control characters", b"\"\t\""),
    ("7: strings, control characters", b"\"01234567\x1f\""),
    ("7: strings, escapes", b"\"\\a\""),
    ("7: strings, escapes", b"\"\\x41\""),
    ("7: strings, escapes", b"\"\\'\""),
    ("7: strings, escapes", b"\"\\0\""),
    ("7: strings, escapes", b"\"\\U0041\""),
    ("7: strings, escapes", b"\"\\ \""),
    ("7: strings, escapes", b"\"\\\xc3\xa9\""),
    ("7: strings, escapes", b"\"\\u\""),
    ("7: strings, escapes", b"\"\\u123\""),
    ("7: strings, escapes", b"\"\\u123g\""),
    ("7: strings, escapes", b"\"\\u 123\""),
    ("7: strings, escapes", b"\"\\u+123\""),
    ("8.1: a byte order mark behind space", b" \xef\xbb\xbf1"),
    ("8.1: a byte order mark in a list", b"[\xef\xbb\xbf1]"),
    ("8.1: a byte order mark before a name", b"{\xef\xbb\xbf\"a\":1}"),
    ("8.1: a byte order mark behind the text", b"1\xef\xbb\xbf"),
    ("8.1: two byte order marks", b"\xef\xbb\xbf\xef\xbb\xbf1"),
    ("8.1: a byte order mark that is cut", b"\xef\xbb1"),
    ("8.1: a byte order mark of UTF-16", b"\xff\xfe1"),
    ("8.1: not UTF-8", b"\"\xff\""),
    ("8.1: not UTF-8, a lone continuation", b"\"\x80\""),
    ("8.1: not UTF-8, cut short", b"\"\xc3\""),
    ("8.1: not UTF-8, cut short", b"\"\xe2\x82\""),
    ("8.1: not UTF-8, cut short by an escape", b"\"\xe2\x82\\n\""),
    ("8.1: not UTF-8, overlong", b"\"\xc0\xaf\""),
    ("8.1: not UTF-8, overlong", b"\"\xe0\x80\xaf\""),
    ("8.1: not UTF-8, a surrogate", b"\"\xed\xa0\x80\""),
    ("8.1: not UTF-8, beyond the last code point", b"\"\xf4\x90\x80\x80\""),
    ("8.1: not UTF-8, far into a string", b"\"0123456789abcdef0123456789abcdef\xfe\""),
    ("8.1: not UTF-8, outside of strings", b"[1,\xff]"),
    ("8.1: not UTF-8, in a name", b"{\"\xff\":1}"),
    ("8.1: UTF-16", b"\"\0a\0\"\0"),
];

/// Bodies with a case in them. The tail keeps the wide reads of the prediction inside the body.
fn embeddings(case: &[u8]) -> Vec<Vec<u8>> {
    let train = "{\"a\":1,\"b\":\"x\",\"c\":[3]}";
    let tail = "{\"a\":1,\"b\":\"0123456789012345678901234567890123456789\",\"c\":[3]}";
    let templates = [
        "[{\"a\":@}]".to_owned(),
        "{\"a\":@}".to_owned(),
        format!("[{train},{{\"a\":@,\"b\":\"x\",\"c\":[3]}},{tail}]"),
        format!("[{train},{{\"a\":1,\"b\":@,\"c\":[3]}},{tail}]"),
        format!("[{train},{{\"a\":1,\"b\":\"x\",\"c\":@}},{tail}]"),
        format!("[{train},@,{tail}]"),
        format!("[{train},{{\"a\":[@],\"b\":{{\"n\":@}},\"c\":[3]}},{tail}]"),
        format!("[{train},{{\"a\":[[1,@],2],\"b\":{{\"m\":0,\"n\":{{\"o\":@}}}},\"c\":[3]}},{tail}]"),
        format!("[{train},{{\"a\": @ ,\"b\":\"x\",\"c\":[3]}},{tail}]"),
    ];
    let fill = |template: &String| {
        let mut body = Vec::new();
        for (index, part) in template.as_bytes().split(|byte| *byte == b'@').enumerate() {
            if index > 0 {
                body.extend_from_slice(case);
            }
            body.extend_from_slice(part);
        }
        body
    };
    templates.iter().map(fill).collect()
}

#[test]
fn what_the_rfc_accepts_is_accepted_everywhere() {
    let mut scanner = Scanner::new();
    for (section, case) in ACCEPTED {
        let shown = format!("{section}: {}", String::from_utf8_lossy(case));
        assert!(oracle::is_json(case), "the table is wrong: {shown}");
        assert!(validate(case).is_ok(), "{shown}");
        oracle::agrees(&mut scanner, case).unwrap();
        for body in embeddings(case) {
            assert!(oracle::is_json(&body));
            oracle::agrees(&mut scanner, &body).unwrap();
            // And at a path.
            let wrapped = [b"{\"x\":[0,{\"data\":", &body[..], b"}]}"].concat();
            let (mut at_root, mut at_path) = (Records::default(), Records::default());
            let root = scanner.scan(&body, &Path::parse("."), &mut at_root);
            let path = scanner.scan(&wrapped, &Path::parse("x.1.data"), &mut at_path);
            assert_eq!(root.is_ok(), path.is_ok(), "{shown}");
            let (plain, nested) =
                (oracle::noted(&scanner, &body, &at_root), oracle::noted(&scanner, &wrapped, &at_path));
            assert_eq!(plain.unwrap(), nested.unwrap(), "{shown}");
        }
    }
}

#[test]
fn what_the_rfc_refuses_is_refused_everywhere() {
    let mut scanner = Scanner::new();
    for (section, case) in REFUSED {
        let shown = format!("{section}: {}", String::from_utf8_lossy(case));
        assert!(!oracle::is_json(case), "the table is wrong: {shown}");
        assert!(matches!(validate(case), Err(error) if matches!(error.kind, ScanErrorKind::Syntax(_))), "{shown}");
        oracle::agrees(&mut scanner, case).unwrap();
        // `1 "b":2` and its like are JSON in some places, so the oracle judges.
        embeddings(case).iter().for_each(|body| oracle::agrees(&mut scanner, body).unwrap());
    }
}

#[test]
fn a_byte_order_mark_before_the_text_is_skipped() {
    let plain = br#" {"meta":{"next":"b"},"items":[{"id":1},{"id":2}],"errors":[]}"#;
    let marked = [b"\xef\xbb\xbf", &plain[..]].concat();
    let (mut scanner, items) = (Scanner::new(), Path::parse("items"));
    let (mut of_plain, mut of_marked) = (Records::default(), Records::default());
    scanner.scan(plain, &items, &mut of_plain).unwrap();
    scanner.scan(&marked, &items, &mut of_marked).unwrap();
    assert_eq!(
        oracle::noted(&scanner, plain, &of_plain).unwrap(),
        oracle::noted(&scanner, &marked, &of_marked).unwrap()
    );
    let text = |span: dpone_model::Span| String::from_utf8_lossy(span.of(&marked)).into_owned();
    let next = get(&marked, &Path::parse("meta.next"), None).unwrap();
    assert_eq!(next.map(|(_, span)| text(span)).as_deref(), Some("\"b\""));
    assert_eq!(count(&marked, &items, None), Ok(Some(2)));
    assert_eq!(last(&marked, &items, None).unwrap().map(text).as_deref(), Some("{\"id\":2}"));
    assert_eq!(reached(&marked, &Path::parse("meta.x")), ("meta".to_owned(), vec!["next".to_owned()]));
    let mut errors = Vec::new();
    members_of_root(&marked, None, |name, _, span| errors.extend((name == "errors").then(|| text(span))));
    assert_eq!(errors, ["[]"]);
    for case in ACCEPTED {
        oracle::agrees(&mut scanner, &[b"\xef\xbb\xbf", case.1].concat()).unwrap();
    }
}

#[test]
fn members_of_the_root_are_found_in_one_pass() {
    for (body, expected) in [
        (&br#"{"b":[1,{"a":2}],"a":{"b":3}}"#[..], &[("b", r#"[1,{"a":2}]"#), ("a", r#"{"b":3}"#)][..]),
        (br#"{ "\u0061" : null , "a":1 }"#, &[("a", "null"), ("a", "1")]),
        (b"{}", &[]),
        (br#"[{"a":1}]"#, &[]),
        (br#""a""#, &[]),
        (b"", &[]),
    ] {
        let mut found = Vec::new();
        members_of_root(body, None, |name, _, span| {
            found.push((name.to_owned(), String::from_utf8_lossy(span.of(body)).into_owned()));
        });
        let found: Vec<_> = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(body));
    }
    for (body, blank) in
        [(&b""[..], true), (b" \r\n", true), (b"\xef\xbb\xbf\n", true), (b"{}", false), (b"\xef\xbb", false)]
    {
        assert_eq!(is_blank(body), blank, "{body:?}");
    }
}

#[test]
fn a_name_on_a_path_occurs_once() {
    // Path, body, and the segment that occurs twice with its two values.
    let cases: [(&str, &str, Option<(usize, &str, &str)>); 12] = [
        ("next", r#"{"next":null,"next":"p1"}"#, Some((0, "null", "\"p1\""))),
        ("next", r#"{"next":1,"items":[{}],"\u006eext":1}"#, Some((0, "1", "1"))),
        ("next", r#"{"n\u0065xt":1,"\u006ee\u0078t":2}"#, Some((0, "1", "2"))),
        ("meta.next", r#"{"meta":{"next":1},"meta":{}}"#, Some((0, "{\"next\":1}", "{}"))),
        ("meta.next", r#"{"meta":{"next":1},"meta":3}"#, Some((0, "{\"next\":1}", "3"))),
        ("meta.next", r#"{"meta":{"next":1,"a":[{}], "next" : [2]}}"#, Some((1, "1", "[2]"))),
        ("links.0.href", r#"{"links":[{"href":1,"href":2}]}"#, Some((2, "1", "2"))),
        ("0", r#"{"0":1,"\u0030":2}"#, Some((0, "1", "2"))),
        ("\u{fffd}", r#"{"\ud800":1,"\ud801":2}"#, None),
        ("next", r#"{"next":1,"Next":2,"next ":3}"#, None),
        ("meta.next", r#"{"meta":{"next":1},"next":2,"x":{"meta":1,"meta":1}}"#, None),
        ("links.0.href", r#"{"links":[{"href":1},{"href":2,"href":3}]}"#, None),
    ];
    for (path, body, twice) in cases {
        let found = get(body.as_bytes(), &Path::parse(path), None);
        let text = |span: dpone_model::Span| std::str::from_utf8(span.of(body.as_bytes())).unwrap();
        let found = found.err().map(|twice| (twice.segment, text(twice.first), text(twice.second)));
        assert_eq!(found, twice, "{path} in {body}");
        let is_twice = twice.is_some();
        assert_eq!(count(body.as_bytes(), &Path::parse(path), None).is_err(), is_twice, "{body}");
        assert_eq!(last(body.as_bytes(), &Path::parse(path), None).is_err(), is_twice, "{body}");
    }
}

#[test]
fn every_prefix_of_a_document_is_refused() {
    let body = br#"[{"a":-1.5e+3,"b":"x\u00e9\n\"","c":[true,false,null,{"k":"v"}]},{"a":2,"b":"y","c":[]}]"#;
    let mut scanner = Scanner::new();
    let mut records = Records::default();
    assert!(scanner.scan(body, &Path::default(), &mut records).is_ok());
    for end in 0..body.len() {
        let result = scanner.scan(&body[..end], &Path::default(), &mut records);
        assert!(matches!(&result, Err(error) if error.offset <= end), "{end}: {result:?}");
        assert!(records.is_empty() && records.fields.is_empty());
    }
}

#[test]
fn ndjson_takes_any_space_between_records() {
    let mut scanner = Scanner::new();
    let mut records = Records::default();
    let accepted: &[(&[u8], usize)] = &[
        (b"", 0),
        (b"\n\n", 0),
        (b"{}", 1),
        (b"{\"a\":1}\n{\"a\":2}\n", 2),
        (b"{\"a\":1}\r\n\r\n {\"a\":2}", 2),
        (b"{\"a\":\n1\n}\t{}", 2),
        (b"\xef\xbb\xbf{\"a\":1}\n{}", 2),
        (b"\xef\xbb\xbf", 0),
    ];
    for (body, count) in accepted {
        assert_eq!(scanner.scan_ndjson(body, &mut records).map(|()| records.len()), Ok(*count));
    }
    for refused in
        [&b"{}{}"[..], b"{},{}", b"[{}]", b"{}\n1", b"{\"a\":1", b"{}\n{\"a\":}", b"{}\nx", b"{}\n\xef\xbb\xbf{}"]
    {
        assert!(scanner.scan_ndjson(refused, &mut records).is_err(), "{}", String::from_utf8_lossy(refused));
        assert!(records.is_empty());
    }
    for (_, case) in ACCEPTED {
        let body = [
            b"{\"a\":1,\"b\":2}\n{\"a\":",
            &case[..],
            b",\"b\":2}\n{\"a\":1,\"b\":\"                                \"}",
        ]
        .concat();
        assert_eq!(scanner.scan_ndjson(&body, &mut records).map(|()| records.len()), Ok(3));
    }
}

#[test]
fn nesting_is_bounded_wherever_it_is() {
    let mut scanner = Scanner::new();
    let mut records = Records::default();
    let nested = |open: &str, depth: usize, inner: &str, close: &str| open.repeat(depth) + inner + &close.repeat(depth);
    // Each: a template and how many levels it has of its own.
    let templates = [("@", 0), ("[{\"a\":@}]", 2), ("{\"data\":[{\"a\":@}]}", 3), ("{\"other\":@}", 1)];
    for (template, own) in templates {
        for (open, inner, close) in [("[", "", "]"), ("{\"k\":", "1", "}"), ("[{\"k\":", "[]", "}]")] {
            let levels = |body: &str| {
                let (mut depth, mut most) = (0usize, 0);
                for byte in body.bytes() {
                    depth = depth + usize::from(matches!(byte, b'[' | b'{')) - usize::from(matches!(byte, b']' | b'}'));
                    most = most.max(depth);
                }
                most
            };
            let per = open.matches(['[', '{']).count();
            for depth in (MAX_DEPTH - own) / per - 2..=(MAX_DEPTH - own) / per + 2 {
                let body = template.replace('@', &nested(open, depth, inner, close));
                for path in ["", "data", "nowhere.else"] {
                    let result = scanner.scan(body.as_bytes(), &Path::parse(path), &mut records);
                    let too_deep = matches!(&result, Err(error) if error.kind == ScanErrorKind::TooDeep);
                    let is_record_error =
                        matches!(&result, Err(error) if matches!(error.kind, ScanErrorKind::NotAnObject(_)));
                    let expected = levels(&body) > MAX_DEPTH;
                    assert!(too_deep == expected || is_record_error, "{template} {path} {depth}: {result:?}");
                }
                assert_eq!(validate(body.as_bytes()).is_err(), levels(&body) > MAX_DEPTH, "{template} {depth}");
            }
        }
    }
    // Far beyond the limit nothing overflows, and a long path does not either.
    let million = "[".repeat(1_000_000);
    let path = Path::parse(&"0.".repeat(100_000));
    for path in [&path, &Path::default()] {
        let error = scanner.scan(million.as_bytes(), path, &mut records).unwrap_err();
        assert!(matches!(error.kind, ScanErrorKind::TooDeep | ScanErrorKind::NotAnObject(_)), "{error:?}");
    }
}
