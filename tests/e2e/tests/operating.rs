//! An operator's view of a run: logs by step letter, progress, the summary, and errors that say what to do.

use dpone_harness::{GUIDE, Ran, Stand, Workspace};
use dpone_local::{DemoOptions, Fault, FaultKind};
use serde_json::Value;

fn run(workspace: &Workspace, arguments: &[&str]) -> Ran {
    workspace.dpone(&[&["run", "guide.yaml", "--profile", "test"], arguments].concat())
}

/// The guide's load, which succeeds also where nothing is new.
fn repeatable(stand: &Stand) -> Workspace {
    let workspace = stand.workspace();
    workspace.write("guide.yaml", GUIDE.replace("  mode: fail\n", "  mode: fail\n  on_empty_boundary: pass\n"));
    workspace
}

/// Lines of stderr that hold all of these texts.
fn lines<'a>(ran: &'a Ran, texts: &[&str]) -> Vec<&'a str> {
    ran.stderr.lines().filter(|line| texts.iter().all(|text| line.contains(text))).collect()
}

#[test]
fn logs_stand_below_their_steps_letter() {
    let stand = Stand::small();
    let workspace = repeatable(&stand);
    let info = run(&workspace, &["--log", "info"]);
    info.expect_exit(0);
    for letter in 'A'..='K' {
        let step = format!("step{{letter={letter}}}");
        assert_eq!(
            lines(&info, &["INFO", &step, "done", "ms="]).len(),
            1 + usize::from(letter == 'D'),
            "{step}:\n{}",
            info.stderr
        );
    }

    // One crate alone still says in which step, and nothing of the others.
    let source = run(&workspace, &["--log", "dpone_source=debug"]);
    source.expect_exit(0);
    for (page, events) in [(1, ["page asked for", "page received"]), (2, ["page asked for", "page received"])] {
        for event in events {
            let found = lines(&source, &["step{letter=D}", "run_id=", event, &format!("page={page}")]);
            assert_eq!(found.len(), 1, "{event} of page {page}:\n{}", source.stderr);
        }
    }
    assert_eq!(lines(&source, &["page received", "status=200", "bytes=", "ms="]).len(), 3, "{}", source.stderr);
    assert_eq!(lines(&source, &["dpone_egress"]).len() + lines(&source, &["INFO"]).len(), 0, "{}", source.stderr);

    // Everything there is, of a fresh load, but no SQL.
    let workspace = stand.workspace();
    let debug = run(&workspace, &["--log", "debug"]);
    for texts in [
        ["step{letter=B}", "plugin loaded"],
        ["step{letter=B}", "lease taken"],
        ["step{letter=D}", "request sent"],
        ["step{letter=D}", "answer received"],
        ["step{letter=D}", "page worked on"],
        ["step{letter=H}", "page handed over"],
        ["step{letter=K}", "state committed"],
    ] {
        assert!(!lines(&debug, &texts).is_empty(), "{texts:?}:\n{}", debug.stderr);
    }
    for sql in ["SELECT", "INSERT", "UPDATE", "sqlx"] {
        assert!(!debug.stderr.contains(sql), "{sql}:\n{}", debug.stderr);
    }
    let traced = run(&workspace, &["--log", "dpone_run=trace"]);
    assert!(!lines(&traced, &["TRACE", "step{letter=D}", "page in the journal"]).is_empty(), "{}", traced.stderr);
}

#[test]
fn a_line_of_json_is_an_object_whatever_it_says() {
    let stand = Stand::small();
    stand.misbehave(vec![
        Fault::at_page(2, FaultKind::Status { status: 503, retry_after: None }).times(1),
        Fault::at_page(3, FaultKind::Html),
    ]);
    let workspace = stand.workspace();
    workspace.write("other.yaml", GUIDE.replace("api_to_kafka_example", "other"));
    let ran = run(&workspace, &["--log", "debug", "--log-format", "json"]);
    ran.expect_exit(20);
    let objects = |ran: &Ran| -> Vec<Value> {
        ran.stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    };
    let logged = objects(&ran);
    assert!(logged.iter().all(|line| line["time"].is_string() && line["level"].is_string()), "{}", ran.stderr);
    let received = logged.iter().find(|line| line["message"] == "page received").unwrap();
    assert_eq!(
        (&received["step"], &received["page"], &received["target"]),
        (&"D".into(), &1.into(), &"dpone_source::request".into())
    );
    assert!(received["run_id"].as_str().is_some_and(|id| !id.is_empty()) && received["ms"].is_u64(), "{received}");
    assert!(
        logged
            .iter()
            .any(|line| line["message"].as_str().is_some_and(|text| text.contains("before attempt 2: status 503")))
    );
    let error = logged.iter().find(|line| line["level"] == "ERROR").unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["exit_code"]), (&"DP0404".into(), &20.into()));

    // Of several manifests each line says whose it is.
    let both = run(&workspace, &["other.yaml", "--log", "info", "--log-format", "json"]);
    let both = objects(&both);
    for manifest in ["guide.yaml", "other.yaml"] {
        let of = |line: &&Value| line["worker"] == manifest && line["step"] == "A" && line["level"] == "INFO";
        assert!(both.iter().any(|line| of(&line)), "{manifest}: {both:#?}");
    }
}

#[test]
fn a_pause_is_told_and_the_summary_says_how_it_went() {
    let stand = Stand::small();
    let pause = FaultKind::Status { status: 429, retry_after: Some("1".into()) };
    stand.misbehave(vec![Fault::at_page(2, pause).times(1)]);
    let workspace = repeatable(&stand);
    let ran = run(&workspace, &[]);
    ran.expect_exit(0).expect_error(&["D waiting 1", " before attempt 2: status 429 with Retry-After"]);
    let first = ran.stdout.lines().next().unwrap();
    assert!(first.starts_with("run ") && first.contains(" succeeded in "), "{first}");
    assert!(first.ends_with(": 3 pages, 30 rows extracted, 0 filtered, 30 published, 30 acknowledged"), "{first}");
    let speed = ran.stdout.lines().find(|line| line.starts_with("speed: ")).unwrap();
    assert!(speed.contains(" rows/s, ") && speed.ends_with(" KiB read"), "{speed}");

    let markdown = run(&workspace, &["--format", "md"]);
    let text = &markdown.expect_exit(0).stdout;
    assert!(
        text.starts_with("## run ") && text.contains("\n- **speed**: ") && text.contains("\n- **state**: revision "),
        "{text}"
    );
}

#[test]
fn a_plans_first_request_is_the_one_that_is_sent() {
    let stand = Stand::start(DemoOptions { rows: 30, page_size: 10, new_rows: 0, ..DemoOptions::default() });
    let cursor = "      type: cursor\n      cursor_path: data.next_cursor\n      cursor_param: cursor\n";
    assert!(GUIDE.contains(cursor), "{GUIDE}");
    let initial = format!("{cursor}      initial_cursor: c1\n");
    for (pagination, adds) in [
        (
            "      type: page\n      page_param: page\n      page_size_param: per_page\n      page_size: 10\n",
            "page=1&per_page=10",
        ),
        ("      type: offset\n      limit: 10\n      limit_param: limit\n", "limit=10"),
        (initial.as_str(), "cursor=c1"),
        (cursor, ""),
    ] {
        let workspace = stand.workspace();
        workspace.write("guide.yaml", GUIDE.replace(cursor, pagination));
        let api = format!(
            "{{ type: http, base_url: \"{}\", auth: {{ type: api_key, name: key, in: query, value: s3cr3t }} }}",
            stand.base_url()
        );
        let kafka = format!("{{ type: kafka, bootstrap_servers: \"{}\" }}", stand.bootstrap());
        workspace.profile("test", &[("example_api", api), ("kafka_cluster", kafka)]);
        let plan = workspace.dpone(&["plan", "guide.yaml", "--profile", "test", "--format", "json"]);
        let plan = plan.expect_exit(0).json();
        let shown = plan["source"]["first_request"].as_str().unwrap();
        assert!(shown.starts_with("GET http://") && shown.contains(adds), "{shown}");
        assert!(shown.contains("key=[secret of example_api]") && !shown.contains("s3cr3t"), "{shown}");

        let before = stand.api().requests().len();
        // Some of these walks are not the demo API's; what counts is what it is asked first.
        run(&workspace, &["--max-pages", "1"]);
        let requests = stand.api().requests();
        let sent = &requests.get(before..).unwrap().iter().find(|request| request.path.starts_with("/orders")).unwrap();
        let sent = sent.query.clone().unwrap_or_default();
        let named = shown.split_once('?').map_or("", |(_, query)| query).replace("[secret of example_api]", "s3cr3t");
        assert_eq!(named, sent, "the plan says {shown}");
    }
}

#[test]
fn sizes_are_for_people_in_text_and_numbers_in_json() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let plan = |format: &str| {
        let plan = workspace.dpone(&["plan", "guide.yaml", "--profile", "test", "--format", format]);
        plan.expect_exit(0);
        plan
    };
    for format in ["md", "text"] {
        let text = plan(format).stdout;
        assert!(text.contains("`.dpone/journal`, at most 20 GiB") && !text.contains("21474836480"), "{text}");
    }
    assert_eq!(plan("json").json()["staging"]["max_bytes"], 21_474_836_480_u64);
}

/// A manifest that fails, and what the error must say beside its cause.
struct Failing {
    edits: &'static [(&'static str, &'static str)],
    exit: i32,
    says: &'static [&'static str],
}

#[test]
fn errors_name_the_remedy_and_whether_to_retry() {
    for Failing { edits, exit, says } in [
        Failing {
            edits: &[("cursor_field: updated_at", "cursor_field: updated_on")],
            exit: 20,
            says: &["DP0411", "the record has `order_id`", "`updated_at`", "retry: after a fix"],
        },
        Failing {
            edits: &[("unique_key: order_id", "unique_key: orderid")],
            exit: 30,
            says: &["DP0702", "the record has `order_id`", "`updated_at`", "retry: after a fix"],
        },
        Failing {
            edits: &[("2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z")],
            exit: 30,
            says: &["DP0701", "min_rows", "quality.on_empty_boundary: pass"],
        },
        Failing {
            edits: &[("unique_key: order_id", "unique_key: status")],
            exit: 30,
            says: &["DP0705", "of `status`", "more than once"],
        },
        Failing {
            edits: &[("data.items", "data.rows")],
            exit: 20,
            says: &["DP0405", "`data` has `items`", "`next_cursor`"],
        },
    ] {
        let stand = Stand::small();
        let workspace = stand.workspace();
        let manifest = edits.iter().fold(GUIDE.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from} is not in the guide");
            text.replace(from, to)
        });
        workspace.write("guide.yaml", manifest);
        run(&workspace, &[]).expect_exit(exit).expect_error(says);
    }
    let stand = Stand::small();
    stand.stop_broker();
    let workspace = stand.workspace();
    workspace.write(
        "guide.yaml",
        GUIDE.replace("    envelope: flat\n", "    envelope: flat\n    connect_timeout_ms: 500\n"),
    );
    run(&workspace, &[]).expect_exit(21).expect_error(&["DP0501", "retry: later: "]);
}
