//! The boundary over several runs: what an API answers, beside the rows that are published, the
//! watermark, what is left out and why, and how the run ends.
//!
//! Rows are written `ID@TIME`: a time is `-2d` from today's midnight, a bare number, `null` or `none`
//! (no such field); `|` begins the next page. The clock is the real one.

use dpone_harness::{PageServer, Ran, Stand, Workspace, components};
use dpone_local::DemoOptions;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// How the API writes times.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Iso,
    Date,
    Epoch,
    EpochText,
    Millis,
}

/// One run of a case.
struct Run {
    /// The whole `incremental` block; it may change from run to run.
    incremental: &'static str,
    arguments: &'static [&'static str],
    api: &'static str,
    published: &'static str,
    /// As the rows write it; empty for none.
    watermark: &'static str,
    /// `run.json`'s counts that are not 0, such as `outside_boundary 2, ahead 1`.
    counts: &'static str,
    exit: i32,
    /// Pieces of stderr.
    says: &'static [&'static str],
}

const RUN: Run = Run {
    incremental: "{ cursor_field: at }",
    arguments: &[],
    api: "",
    published: "",
    watermark: "",
    counts: "",
    exit: 0,
    says: &[],
};

struct Case {
    what: &'static str,
    form: Form,
    /// Further keys of `source.options`.
    options: &'static str,
    strategy: &'static str,
    transforms: &'static str,
    runs: Vec<Run>,
}

impl Default for Case {
    fn default() -> Self {
        let strategy = "{ mode: incremental_append, unique_key: id }";
        Self { what: "", form: Form::Iso, options: "", strategy, transforms: "[]", runs: Vec::new() }
    }
}

fn today() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    now - now.rem_euclid(86_400)
}

/// A time such as `-2d` or `+1h`, or any other text as it stands.
fn time(text: &str, form: Form) -> String {
    let unit = match text.chars().last() {
        Some('d') => 86_400,
        Some('h') => 3_600,
        _ => return text.to_owned(),
    };
    let seconds = today() + text[..text.len() - 1].trim_start_matches('+').parse::<i64>().unwrap() * unit;
    match form {
        Form::Epoch | Form::EpochText => seconds.to_string(),
        Form::Millis => (seconds * 1000).to_string(),
        Form::Iso => iso(seconds),
        Form::Date => iso(seconds)[..10].to_owned(),
    }
}

/// RFC 3339 of seconds since 1970 (days from the civil calendar, counted from March).
fn iso(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * march + 2) / 5 + 1, if march < 10 { march + 3 } else { march - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn record(row: &str, form: Form) -> String {
    let (id, at) = row.split_once('@').unwrap();
    let quoted = matches!(form, Form::Iso | Form::Date | Form::EpochText);
    let value = match at {
        "none" => return format!(r#"{{"id":"{id}"}}"#),
        "null" => "null".to_owned(),
        at if quoted => format!("\"{}\"", time(at, form)),
        at => time(at, form),
    };
    // The text before a slash is the key, so that a row can change.
    let key = id.split('/').next().unwrap();
    format!(r#"{{"id":"{key}","row":"{id}","at":{value}}}"#)
}

/// The pages of one run, each leading to the next.
fn pages(api: &str, form: Form) -> Vec<String> {
    let pages: Vec<&str> = api.split('|').collect();
    let page = |(number, page): (usize, &&str)| {
        let records: Vec<String> = page.split_whitespace().map(|row| record(row, form)).collect();
        let next = if number + 1 < pages.len() { format!("\"{}\"", number + 1) } else { "null".to_owned() };
        format!(r#"{{"items":[{}],"next":{next}}}"#, records.join(","))
    };
    pages.iter().enumerate().map(page).collect()
}

/// A pipeline with its API, broker and working folder.
struct Bench {
    api: Arc<Mutex<Vec<String>>>,
    _server: PageServer,
    _stand: Stand,
    workspace: Workspace,
    /// Messages that earlier runs published.
    seen: usize,
}

impl Bench {
    fn new() -> Self {
        let stand = Stand::start(DemoOptions { rows: 1, ..DemoOptions::default() });
        let api: Arc<Mutex<Vec<String>>> = Arc::default();
        let answers = api.clone();
        let server = PageServer::start(move |target| {
            let number = target.split_once("cursor=").map_or(0, |(_, number)| number.parse().unwrap_or(0));
            let pages = answers.lock().unwrap();
            pages.get(number).cloned().unwrap_or_else(|| r#"{"items":[],"next":null}"#.into()).into_bytes()
        });
        let workspace = stand.workspace_with_api(&server.base_url());
        Self { api, _server: server, _stand: stand, workspace, seen: 0 }
    }

    fn write(&self, case: &Case, run: &Run) {
        let incremental = match run.incremental {
            "" => String::new(),
            block => format!("    incremental: {}\n", bounds(block)),
        };
        let manifest = format!(
            "name: boundaries\nsource:\n  type: api\n  connection_id: example_api\n  options:\n    url: /rows\n    \
             records_path: items\n    pagination: {{ type: cursor, cursor_path: next, cursor_param: cursor }}\n\
             {incremental}{}transforms: {}\nsink:\n  type: kafka\n  connection_id: kafka_cluster\n  topic: rows\n  \
             strategy: {}\n  options: {{ topic_config: {{ create: true, partitions: 1 }} }}\n",
            case.options, case.transforms, case.strategy
        );
        self.workspace.write("case.yaml", manifest);
        *self.api.lock().unwrap() = pages(run.api, case.form);
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let arguments: Vec<String> = arguments.iter().map(|argument| bounds(argument)).collect();
        let mut all = vec!["run", "case.yaml", "--profile", "test", "--format", "json"];
        all.extend(arguments.iter().map(String::as_str));
        self.workspace.dpone(&all)
    }

    /// The rows that were published since the last call, in order.
    fn published(&mut self) -> String {
        let ran = self.workspace.dpone(&["topic", "read", "rows", "--profile", "test", "--format", "ndjson"]);
        let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let row = |message: &Value| {
            let value = match &message["value"] {
                Value::String(text) => serde_json::from_str(text).unwrap(),
                value => value.clone(),
            };
            let name = value["row"].as_str().or(value["id"].as_str()).unwrap();
            name.to_owned()
        };
        let rows: Vec<String> = lines.iter().skip(self.seen).map(row).collect();
        self.seen = lines.len();
        rows.join(" ")
    }

    fn state(&self) -> Value {
        let shown = ["state", "show", "case.yaml", "--profile", "test", "--format", "json"];
        serde_json::from_str(&self.workspace.dpone(&shown).stdout).unwrap_or_default()
    }

    fn watermark(&self) -> String {
        self.state()["checkpoint"]["watermark"]["value"].as_str().unwrap_or_default().to_owned()
    }
}

/// Times in a manifest or on the command line: `T-2d`, in RFC 3339.
fn bounds(text: &str) -> String {
    let mut parts = text.split("T-").map(str::to_owned);
    let mut out = parts.next().unwrap();
    for part in parts {
        let end = part.find('d').unwrap() + 1;
        out.push_str(&format!("{}{}", time(&format!("-{}", &part[..end]), Form::Iso), &part[end..]));
    }
    out
}

/// Rows that the API gave and transforms added are those that were left out and those that were published.
fn adds_up(counted: &Value) {
    let number = |at: &str| counted.pointer(at).and_then(Value::as_u64).unwrap();
    let given = number("/rows/extracted") + number("/left_out/added");
    let reasons = ["outside_boundary", "already_loaded", "without_cursor", "dropped", "duplicates", "not_published"];
    let left_out: u64 = reasons.iter().map(|reason| number(&format!("/left_out/{reason}"))).sum();
    assert_eq!(given, left_out + number("/rows/published"), "{counted:#}");
    assert_eq!(number("/rows/filtered") + number("/left_out/not_published"), left_out, "{counted:#}");
    let transforms = counted["left_out"]["transforms"].as_array().unwrap();
    for change in ["dropped", "added"] {
        let each: u64 = transforms.iter().map(|transform| transform[change].as_u64().unwrap()).sum();
        assert_eq!(each, number(&format!("/left_out/{change}")), "{counted:#}");
    }
}

/// The counts of a report that are not 0.
fn counts(report: &Value) -> String {
    let blocks = ["left_out", "boundary"].into_iter().flat_map(|block| report[block].as_object().unwrap());
    let counted = blocks.filter_map(|(name, count)| Some((name, count.as_u64().filter(|count| *count > 0)?)));
    counted.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

fn check(case: &Case) {
    let mut bench = Bench::new();
    for (number, run) in case.runs.iter().enumerate() {
        let what = format!("{}, run {}", case.what, number + 1);
        bench.write(case, run);
        let ran = bench.run(run.arguments);
        assert_eq!(ran.exit, Some(run.exit), "{what}\nstdout:\n{}\nstderr:\n{}", ran.stdout, ran.stderr);
        let report = ran.json();
        assert_eq!(bench.published(), run.published, "{what}\n{report:#}");
        assert_eq!(bench.watermark(), time(run.watermark, case.form), "{what}\n{report:#}");
        assert_eq!(counts(&report), run.counts, "{what}\n{report:#}");
        for piece in run.says {
            assert!(ran.stderr.contains(piece), "{what}: `{piece}` is not in\n{}", ran.stderr);
        }
        adds_up(&report);
        let slices = report["slices"].as_array().map_or(&[][..], Vec::as_slice);
        slices.iter().for_each(adds_up);
    }
}

const FAR: &str = "max_future";

#[test]
fn rows_far_ahead_do_not_move_the_watermark() {
    check(&Case {
        what: "a row of 2099 on the first page, and more on later ones",
        runs: vec![
            Run {
                api: "9@+30000d 1@-3d | 2@-2d 8@+40d",
                published: "9 1 2 8",
                watermark: "-2d",
                counts: "ahead 2",
                says: &["warning", "2 rows lie ahead", FAR, "record 0"],
                ..RUN
            },
            Run {
                api: "9@+30000d 1@-3d | 2@-2d 8@+40d 3@-1d",
                published: "3",
                watermark: "-1d",
                counts: "outside_boundary 1, already_loaded 3",
                ..RUN
            },
            Run {
                api: "9/changed@+30000d 8@+40d 3@-1d",
                published: "9/changed",
                watermark: "-1d",
                counts: "already_loaded 2, ahead 1",
                says: &["2 rows lie ahead"],
                ..RUN
            },
            // A wider limit: the row is no longer ahead, moves the watermark and is known all the same.
            Run {
                incremental: "{ cursor_field: at, max_future: 60d }",
                api: "8@+40d 3@-1d 4@0d",
                published: "4",
                watermark: "+40d",
                counts: "already_loaded 2",
                ..RUN
            },
            Run {
                api: "5@+1h",
                watermark: "+40d",
                exit: 20,
                says: &["DP0432", "state reset", "max_future: off"],
                ..RUN
            },
        ],
        ..Case::default()
    });
}

#[test]
fn a_row_far_ahead_ends_no_sorted_walk_and_respects_lag_and_end() {
    for (incremental, api, published, watermark) in [
        (
            "{ cursor_field: at, order: descending, start: T-5d }",
            "9@+900d | 2@-1d | 1@-2d | 0@-9d | 7@-1d",
            "9 2 1",
            "-1d",
        ),
        ("{ cursor_field: at, order: ascending, start: T-5d }", "1@-2d 2@-1d | 9@+900d 8@+901d", "1 2 9 8", "-1d"),
        ("{ cursor_field: at, safety_lag: 1h }", "9@+900d 1@-2d", "9 1", "-2d"),
        ("{ cursor_field: at, lookback: 3d }", "9@+900d 1@-2d", "9 1", "-2d"),
    ] {
        let mut bench = Bench::new();
        let case = Case { what: incremental, ..Case::default() };
        for expected in [published, ""] {
            bench.write(&case, &Run { incremental, api, ..RUN });
            bench.run(&[]).expect_exit(0);
            assert_eq!(bench.published(), expected, "{incremental}");
            assert_eq!(bench.watermark(), time(watermark, Form::Iso), "{incremental}");
        }
    }
}

#[test]
fn due_dates_need_max_future_off() {
    let off = "{ cursor_field: at, max_future: off }";
    check(&Case {
        what: "all rows ahead",
        runs: vec![
            Run {
                api: "1@+30d | 2@+40d",
                counts: "not_published 2, ahead 2",
                exit: 20,
                says: &["DP0431", "all 2 rows", "max_future: off"],
                ..RUN
            },
            Run { incremental: off, api: "1@+30d | 2@+40d", published: "1 2", watermark: "+40d", ..RUN },
            Run {
                incremental: off,
                api: "3@+50d 2@+40d",
                published: "3",
                watermark: "+50d",
                counts: "already_loaded 1",
                ..RUN
            },
        ],
        ..Case::default()
    });
    check(&Case {
        what: "all new rows ahead, after a run that found a watermark",
        runs: vec![
            Run { api: "1@-1d", published: "1", watermark: "-1d", ..RUN },
            Run {
                api: "9@+900d",
                published: "9",
                watermark: "-1d",
                counts: "ahead 1",
                says: &["1 row lies ahead"],
                ..RUN
            },
            Run { api: "9@+900d 1@-1d", watermark: "-1d", counts: "already_loaded 2", ..RUN },
        ],
        ..Case::default()
    });
    check(&Case {
        what: "a window that does not move state, and a full refresh, need no watermark",
        runs: vec![Run { arguments: &["--from", "T-1d"], api: "9@+900d", published: "9", counts: "ahead 1", ..RUN }],
        ..Case::default()
    });
    check(&Case {
        what: "a full refresh",
        strategy: "{ mode: full_refresh }",
        runs: vec![
            Run { api: "9@+900d", published: "9", counts: "ahead 1", ..RUN },
            Run { api: "9@+900d", published: "9", counts: "ahead 1", ..RUN },
        ],
        ..Case::default()
    });
}

#[test]
fn epochs_have_a_unit() {
    let epoch = "{ cursor_field: at, record_format: epoch, start: T-5d, lookback: 2d }";
    for form in [Form::Epoch, Form::EpochText] {
        check(&Case {
            what: "seconds",
            form,
            runs: vec![
                Run {
                    incremental: epoch,
                    api: "0@-9d 1@-3d 2@-2d 9@+900d",
                    published: "1 2 9",
                    watermark: "-2d",
                    counts: "outside_boundary 1, ahead 1",
                    ..RUN
                },
                // A late row inside `lookback`.
                Run {
                    incremental: epoch,
                    api: "1@-3d 7@-3d 2@-2d 3@-1d 9@+900d",
                    published: "7 3",
                    watermark: "-1d",
                    counts: "already_loaded 3",
                    ..RUN
                },
            ],
            ..Case::default()
        });
    }
    check(&Case {
        what: "milliseconds in a window",
        form: Form::Millis,
        runs: vec![Run {
            incremental: "{ cursor_field: at, record_format: epoch_ms }",
            arguments: &["--from", "T-3d", "--to", "T-1d", "--advance-state"],
            api: "1@-4d 2@-3d 3@-2d 4@-1d",
            published: "2 3",
            watermark: "-2d",
            counts: "outside_boundary 2",
            ..RUN
        }],
        ..Case::default()
    });
    for form in [Form::Epoch, Form::Millis] {
        check(&Case {
            what: "numbers that look like times",
            form,
            runs: vec![
                Run {
                    api: "9@+30000d",
                    counts: "not_published 1, ahead 1",
                    exit: 20,
                    says: &["DP0431", "max_future: off"],
                    ..RUN
                },
                Run {
                    api: "9@+30000d 1@-3d",
                    published: "9 1",
                    watermark: "-3d",
                    counts: "ahead 1",
                    says: &["warning", "`at` looks like a time", "set `incremental.record_format: epoch"],
                    ..RUN
                },
                Run {
                    api: "9@+30000d 1@-3d 2@-1d",
                    published: "2",
                    watermark: "-1d",
                    counts: "already_loaded 2",
                    ..RUN
                },
                Run { api: "8@+30000d", published: "8", watermark: "-1d", counts: "ahead 1", ..RUN },
            ],
            ..Case::default()
        });
        check(&Case {
            what: "a unit that nobody names",
            form,
            runs: vec![
                Run {
                    incremental: "{ cursor_field: at, start: T-5d }",
                    api: "1@-3d",
                    exit: 20,
                    says: if form == Form::Epoch {
                        &["DP0430", "record_format: epoch`"]
                    } else {
                        &["DP0430", "epoch_ms`"]
                    },
                    ..RUN
                },
                Run {
                    incremental: "{ cursor_field: at, lookback: 3d }",
                    api: "1@-3d",
                    exit: 20,
                    says: &["DP0430"],
                    ..RUN
                },
            ],
            ..Case::default()
        });
    }
}

#[test]
fn numbers_without_a_unit_look_back_by_a_number() {
    let incremental = "{ cursor_field: at, lookback: 10 }";
    check(&Case {
        what: "ids",
        form: Form::Epoch,
        runs: vec![
            Run { incremental, api: "a@80 b@95 c@100", published: "a b c", watermark: "100", ..RUN },
            Run {
                incremental,
                api: "a@80 b@95 d@91 c@100 e@101",
                published: "d e",
                watermark: "101",
                counts: "outside_boundary 1, already_loaded 2",
                ..RUN
            },
        ],
        ..Case::default()
    });
}

#[test]
fn rows_without_a_cursor_value_fail_are_kept_or_are_dropped() {
    let keep = "{ cursor_field: at, on_missing: keep }";
    let drop = "{ cursor_field: at, on_missing: drop }";
    check(&Case {
        what: "kept",
        runs: vec![
            Run { api: "1@-2d 5@null", exit: 20, says: &["DP0411", "is null", "on_missing: keep", "record 1"], ..RUN },
            Run { api: "1@-2d 5@none", exit: 20, says: &["DP0411", "is missing", "`drop`"], ..RUN },
            Run {
                incremental: keep,
                api: "5@null 1@-2d 6@none",
                published: "5 1 6",
                watermark: "-2d",
                counts: "kept_without_cursor 2",
                ..RUN
            },
            Run {
                incremental: keep,
                api: "5@null 1@-2d 6@none 7@null 2@-1d",
                published: "7 2",
                watermark: "-1d",
                counts: "already_loaded 3, kept_without_cursor 1",
                ..RUN
            },
            Run {
                incremental: drop,
                api: "5@null 3@0d",
                published: "3",
                watermark: "0d",
                counts: "without_cursor 1",
                ..RUN
            },
        ],
        ..Case::default()
    });
}

#[test]
fn a_run_of_which_nothing_is_left_warns() {
    for (what, form, incremental, transforms, exit, counts, says) in [
        (
            "another unit than the records count",
            Form::Epoch,
            "{ cursor_field: at, record_format: epoch_ms, start: T-5d }",
            "[]",
            0,
            "outside_boundary 2",
            &["warning", "all 2 rows lie outside of the bounds", "record_format"][..],
        ),
        (
            "another order than the manifest promises",
            Form::Iso,
            "{ cursor_field: at, end: T-9d, order: ascending }",
            "[]",
            0,
            "outside_boundary 1",
            &["warning", "the only row lies outside of the bounds", "`order`"],
        ),
        (
            "a misspelt field whose records are dropped",
            Form::Iso,
            "{ cursor_field: att, on_missing: drop }",
            "[]",
            20,
            "without_cursor 2",
            &["DP0411", "none of the run's 2 records", "`id`, `row`, `at`"],
        ),
        (
            "a misspelt filter",
            Form::Iso,
            "{ cursor_field: at }",
            "[{ uses: \"builtin:filter\", with: { field: roww, op: eq, value: x } }]",
            0,
            "dropped 2",
            &["warning", "no record has `roww`", "transform 1 (builtin:filter)", "left out 2 rows"],
        ),
    ] {
        let watermark = if transforms == "[]" { "" } else { "-1d" };
        let api = if what.contains("order") { "1@-2d | 2@-10d" } else { "1@-2d 2@-1d" };
        let run = Run { incremental, api, exit, counts, watermark, says, ..RUN };
        check(&Case { what, form, transforms, runs: vec![run], ..Case::default() });
    }
    // Windows are judged together, and a run that is refused is not gone on with.
    let mut bench = Bench::new();
    let options = "    slices: { type: windows, step: 1d }\n";
    let incremental = "{ cursor_field: att, start: T-3d, on_missing: drop }";
    bench.write(&Case { options, ..Case::default() }, &Run { incremental, api: "1@-2d 2@-1d", ..RUN });
    let failed = bench.run(&[]);
    failed.expect_exit(20).expect_error(&["DP0411", "has the cursor field `att`"]);
    assert_eq!(bench.published(), "");
    let run_id = failed.json()["run_id"].as_str().unwrap().to_owned();
    bench.workspace.dpone(&["resume", &run_id]).expect_exit(2).expect_error(&["DP0015"]);
    let keep = "{ cursor_field: att, on_missing: keep }";
    let says = &["warning", "no record has the cursor field `att`"];
    let run = Run { incremental: keep, api: "1@-2d", published: "1", counts: "kept_without_cursor 1", says, ..RUN };
    check(&Case { what: "a misspelt field whose records are kept", runs: vec![run], ..Case::default() });
}

#[test]
fn more_rows_at_the_watermark_than_are_remembered_are_told_with_their_number() {
    let incremental = "{ cursor_field: at, max_boundary_rows: 3 }";
    let api = "1@-1d 2@-1d 3@-1d | 4@-1d 5@-1d";
    let case = Case { what: "a date", form: Form::Date, ..Case::default() };
    let mut bench = Bench::new();
    for published in [5, 2] {
        bench.write(&case, &Run { incremental, api, ..RUN });
        let ran = bench.run(&[]);
        ran.expect_exit(0).expect_error(&["the next run publishes 2 rows again", "max_boundary_rows"]);
        let report = ran.json();
        assert_eq!(bench.published().split_whitespace().count(), published);
        assert_eq!(report["boundary"]["published_again"], 2, "{report:#}");
        adds_up(&report);
        let plan = bench.workspace.dpone(&["plan", "case.yaml", "--profile", "test"]);
        plan.expect_exit(0);
        assert!(plan.stdout.contains("**Published again**: 2 rows"), "{}", plan.stdout);
    }
    // With room for all of them the next run repeats two for the last time.
    for published in [2, 0] {
        let incremental = "{ cursor_field: at, max_boundary_rows: 5 }";
        bench.write(&case, &Run { incremental, api, ..RUN });
        bench.run(&[]).expect_exit(0);
        assert_eq!(bench.published().split_whitespace().count(), published);
    }
}

#[test]
fn a_merge_without_a_boundary_pulls_everything_each_time() {
    let run = || Run { incremental: "", api: "1@-2d | 2@-1d", published: "1 2", ..RUN };
    let case = Case {
        what: "merge",
        strategy: "{ mode: incremental_merge, unique_key: id }",
        runs: vec![run(), Run { says: &["publishes every row again"], ..run() }],
        ..Case::default()
    };
    check(&case);
    let bench = Bench::new();
    bench.write(&case, &case.runs[0]);
    let plan = bench.workspace.dpone(&["plan", "case.yaml", "--profile", "test"]);
    assert!(plan.expect_exit(0).stdout.contains("every page is fetched"), "{}", plan.stdout);
}

#[test]
fn every_row_that_is_left_out_has_a_reason() {
    let api = "1@-3d 2@-2d 3@-2d | 2/b@-1d 4@-1d 4/same@-1d 5@null";
    let incremental = "{ cursor_field: at, on_missing: drop }";
    let filter = "[{ type: filter, field: id, op: ne, value: '3' }]";
    let rows = [
        ("{ mode: incremental_append, unique_key: id, duplicate_policy: last }", "1 2/b 4/same"),
        ("{ mode: incremental_append, unique_key: id, duplicate_policy: first }", "1 2 4"),
    ];
    for (strategy, published) in rows {
        check(&Case {
            what: strategy,
            strategy,
            transforms: filter,
            runs: vec![
                Run {
                    incremental,
                    api,
                    published,
                    watermark: "-1d",
                    counts: "without_cursor 1, dropped 1, duplicates 2",
                    ..RUN
                },
                Run {
                    incremental,
                    api,
                    watermark: "-1d",
                    counts: "outside_boundary 3, already_loaded 3, without_cursor 1",
                    ..RUN
                },
            ],
            ..Case::default()
        });
    }
    check(&Case {
        what: "a failed run",
        strategy: "{ mode: incremental_append, unique_key: id, duplicate_policy: fail }",
        transforms: filter,
        runs: vec![Run {
            incremental,
            api,
            counts: "without_cursor 1, dropped 1, not_published 5",
            exit: 30,
            says: &["DP0705"],
            ..RUN
        }],
        ..Case::default()
    });
}

#[test]
fn transforms_that_add_and_drop_are_counted_one_by_one_also_after_a_resume() {
    let mut bench = Bench::new();
    std::fs::copy(components::HOSTILE_TRANSFORM, bench.workspace.path().join("more.wasm")).unwrap();
    let transforms = "[{ type: filter, field: id, op: ne, value: '2' }, \
                      { uses: ./more.wasm, with: { behaviour: more-records } }]";
    let case = Case { transforms, strategy: "{ mode: incremental_append }", ..Case::default() };
    bench.write(&case, &Run { api: "0@-9d 1@-3d 2@-2d | 3@-1d", ..RUN });
    let mut killed = bench.workspace.command(&["run", "case.yaml", "--profile", "test"]);
    assert_eq!(killed.env("DPONE_FAILPOINT", "D:1").output().unwrap().status.code(), None);
    let runs = bench.workspace.dpone(&["journal", "list", "--format", "json"]).json();
    let run_id = runs.as_array().unwrap().first().unwrap()["run_id"].as_str().unwrap().to_owned();
    let resumed = bench.workspace.dpone(&["resume", &run_id, "--format", "json"]);
    let report = resumed.expect_exit(0).json();
    adds_up(&report);
    let expected = json!([
        { "uses": "builtin:filter", "dropped": 1, "added": 0 },
        { "uses": "./more.wasm", "dropped": 0, "added": 4 },
    ]);
    assert_eq!(report["left_out"]["transforms"], expected, "{report:#}");
    assert_eq!(report["rows"]["published"], 7);
    assert_eq!(bench.published().split_whitespace().count(), 7);
}

#[test]
fn streaming_and_resume_come_to_the_same_state() {
    let incremental = "{ cursor_field: at, on_missing: keep, max_boundary_rows: 2 }";
    let api = "9@+900d 8@null 1@-2d | 2@-1d 3@-1d 4@-1d | 7@+30d 6@null";
    let state = |options: &'static str, kill: Option<&str>| {
        let mut bench = Bench::new();
        let case = Case { options, ..Case::default() };
        bench.write(&case, &Run { incremental, api, ..RUN });
        match kill {
            None => bench.run(&[]).expect_exit(0).json(),
            Some(point) => {
                let mut killed = bench.workspace.command(&["run", "case.yaml", "--profile", "test"]);
                assert_eq!(killed.env("DPONE_FAILPOINT", point).output().unwrap().status.code(), None);
                let runs = bench.workspace.dpone(&["journal", "list", "--format", "json"]).json();
                let run_id = runs[0]["run_id"].as_str().unwrap().to_owned();
                bench.workspace.dpone(&["resume", &run_id, "--format", "json"]).expect_exit(0).json()
            }
        };
        assert_eq!(bench.published(), "9 8 1 2 3 4 7 6", "{options} {kill:?}");
        let mut checkpoint = bench.state()["checkpoint"].clone();
        checkpoint["target"] = Value::Null;
        checkpoint
    };
    let staged = state("", None);
    assert_eq!(staged["unplaced"]["digests"].as_array().unwrap().len(), 2, "{staged:#}");
    assert_eq!(staged["watermark"]["left_out"], 1, "{staged:#}");
    assert_eq!(state("    staging: none\n", None), staged);
    assert_eq!(state("", Some("D:2")), staged);
}

#[test]
fn windows_remember_rows_far_ahead_although_the_last_window_moves_on() {
    let incremental = "{ cursor_field: at, start: T-3d }";
    let options = |step| match step {
        "1d" => "    slices: { type: windows, step: 1d }\n",
        _ => "    slices: { type: windows, step: 6h }\n",
    };
    let mut bench = Bench::new();
    let api = "0@-9d 1@-3d 2@-2d 3@-1d 9@+900d 8@+30d";
    for (step, published) in [("1d", "1 2 3 9 8"), ("1d", ""), ("6h", "")] {
        let case = Case { options: options(step), ..Case::default() };
        bench.write(&case, &Run { incremental, api, ..RUN });
        let report = bench.run(&[]).expect_exit(0).json();
        assert_eq!(bench.published(), published, "{step}: {report:#}");
        assert_eq!(bench.watermark(), time("-1d", Form::Iso), "{step}");
        adds_up(&report);
        report["slices"].as_array().unwrap().iter().for_each(adds_up);
    }
    // Nothing but rows ahead: the slices are published by then, so the load is done without a watermark.
    let mut bench = Bench::new();
    for (api, published, watermark) in
        [("9@+900d", "9", None), ("9@+900d", "", None), ("9@+900d 1@-1d", "1", Some(time("-1d", Form::Iso)))]
    {
        bench.write(&Case { options: options("1d"), ..Case::default() }, &Run { incremental, api, ..RUN });
        let ran = bench.run(&[]);
        let report = ran.expect_exit(0).json();
        if watermark.is_none() {
            ran.expect_error(&["warning", "none can move the watermark", "max_future: off"]);
        }
        assert_eq!(bench.published(), published, "{report:#}");
        assert_eq!(bench.state()["checkpoint"]["watermark"]["value"].as_str().map(str::to_owned), watermark, "{api}");
    }
}

#[test]
fn rows_at_the_watermark_are_known_also_where_the_next_window_is_another_slice() {
    let incremental = "{ cursor_field: at, start: T-3d }";
    let mut bench = Bench::new();
    let case = Case { options: "    slices: { type: windows, step: 1d }\n", ..Case::default() };
    // Tomorrow's midnight lies in today's window, which is open; the next run begins with tomorrow's.
    for (api, published) in [
        ("1@-3d 2@-1d 3@+1d", "1 2 3"),
        ("1@-3d 2@-1d 3@+1d", ""),
        ("1@-3d 2@-1d 3@+1d 4@+1d", "4"),
        ("1@-3d 2@-1d 3@+1d 4@+1d", ""),
    ] {
        bench.write(&case, &Run { incremental, api, ..RUN });
        let report = bench.run(&[]).expect_exit(0).json();
        assert_eq!(bench.published(), published, "{report:#}");
        assert_eq!(bench.watermark(), time("+1d", Form::Iso));
    }
}

#[test]
fn safety_lag_holds_back_the_load_also_where_its_windows_are_shorter() {
    let incremental = "{ cursor_field: at, start: T-5d, safety_lag: 2d }";
    let mut bench = Bench::new();
    let case = Case { options: "    slices: { type: windows, step: 1d }\n", ..Case::default() };
    let mut earlier = String::new();
    for (api, published) in [
        ("1@-3d 2@-2d 3@-1d 4@0d", "1 2 3 4"),
        // A late row, in a window that lies above the watermark.
        ("1@-3d 2@-2d 3@-1d 5@-1d 4@0d", "5"),
        ("1@-3d 2@-2d 3@-1d 5@-1d 4@0d", ""),
    ] {
        bench.write(&case, &Run { incremental, api, ..RUN });
        let report = bench.run(&[]).expect_exit(0).json();
        assert_eq!(bench.published(), published, "{report:#}");
        let watermark = bench.watermark();
        let (from, to) = (time("-2d", Form::Iso), time("-1d", Form::Iso));
        assert!(from <= watermark && watermark < to && earlier <= watermark, "{watermark}");
        earlier = watermark;
    }
}

#[test]
fn a_cursor_field_that_an_earlier_run_found_may_be_in_no_new_row() {
    let incremental = "{ cursor_field: at, on_missing: drop }";
    check(&Case {
        what: "rows that were never updated",
        runs: vec![
            Run { incremental, api: "1@none", counts: "without_cursor 1", exit: 20, says: &["DP0411", "`id`"], ..RUN },
            Run {
                incremental,
                api: "1@-1d 2@none",
                published: "1",
                watermark: "-1d",
                counts: "without_cursor 1",
                ..RUN
            },
            Run {
                incremental,
                api: "2@none 3@none",
                watermark: "-1d",
                counts: "without_cursor 2",
                says: &["warning", "no record has the cursor field `at`, which records of earlier runs had"],
                ..RUN
            },
        ],
        ..Case::default()
    });
}

#[test]
fn the_last_of_a_key_is_not_one_far_ahead() {
    let strategy = "{ mode: incremental_merge, unique_key: id, duplicate_policy: last }";
    check(&Case {
        what: "a wrong date and the real row",
        strategy,
        runs: vec![Run {
            api: "9/wrong@+900d 9/real@-1d 8/only@+900d",
            published: "9/real 8/only",
            watermark: "-1d",
            counts: "duplicates 1, ahead 2",
            says: &["warning", "1 row ahead", "`duplicate_policy: last` publishes that row"],
            ..RUN
        }],
        ..Case::default()
    });
}

#[test]
fn rows_ahead_that_a_cut_walk_did_not_reach_stay_known() {
    const API: &str = "1@-1d 9@+900d | 8@+30d";
    let cut = &["--max-pages", "1", "--advance-state"];
    for (form, incremental, wider) in [
        (Form::Iso, "{ cursor_field: at }", "{ cursor_field: at, max_future: 60d }"),
        (
            Form::Epoch,
            "{ cursor_field: at, record_format: epoch }",
            "{ cursor_field: at, record_format: epoch, max_future: 60d }",
        ),
        (
            Form::Millis,
            "{ cursor_field: at, record_format: epoch_ms }",
            "{ cursor_field: at, record_format: epoch_ms, max_future: 60d }",
        ),
    ] {
        let run = |arguments, api, published, counts| Run {
            incremental,
            arguments,
            api,
            published,
            watermark: "-1d",
            counts,
            ..RUN
        };
        check(&Case {
            what: incremental,
            form,
            runs: vec![
                run(&[], API, "1 9 8", "ahead 2"),
                run(cut, API, "", "already_loaded 2"),
                // A row that is no longer ahead is looked up by the least value among those that were.
                Run { incremental: wider, watermark: "+30d", ..run(&[], API, "", "already_loaded 3") },
            ],
            ..Case::default()
        });
    }
}

#[test]
fn a_full_refresh_remembers_no_rows_that_it_never_reads() {
    let mut bench = Bench::new();
    let strategy = "{ mode: full_refresh }";
    for arguments in [&[][..], &["--max-pages", "1", "--advance-state"]] {
        let incremental = "{ cursor_field: at, on_missing: keep }";
        bench.write(&Case { strategy, ..Case::default() }, &Run { incremental, api: "9@+900d 8@null 1@-1d", ..RUN });
        bench.run(arguments).expect_exit(0);
        assert_eq!(bench.published(), "9 8 1");
        let checkpoint = &bench.state()["checkpoint"];
        assert_eq!(checkpoint["unplaced"], Value::Null, "{checkpoint:#}");
    }
}
