//! Which connection a run uses, and that none is ever another than was meant: misspelt ids and variables,
//! demo data beside a real broker, an API that is not where the manifest says.

use dpone_harness::{Answer, GUIDE, ScriptedServer, Stand, Workspace};
use serde_json::Value;

/// The guide's manifest with these texts in the place of others.
#[track_caller]
fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(GUIDE.to_owned(), |manifest, (from, to)| {
        assert!(manifest.contains(from), "`{from}` is not in the manifest");
        manifest.replace(from, to)
    })
}

/// A workspace with a profile `mine` of these connections; `BROKER` and `API` stand for the stand's.
fn mine(stand: &Stand, profile: &str) -> Workspace {
    let workspace = Workspace::new();
    let profile = profile.replace("BROKER", stand.bootstrap()).replace("API", &stand.base_url());
    workspace.write(".dpone/profiles/mine.yaml", format!("extends: local\n{profile}"));
    workspace.write("guide.yaml", GUIDE);
    workspace
}

/// The topic's content in the broker that the profile names.
fn rows_in_the_broker(stand: &Stand) -> usize {
    let workspace = Workspace::new();
    let kafka = format!("{{ type: kafka, bootstrap_servers: \"{}\" }}", stand.bootstrap());
    workspace.profile("look", &[("kafka_cluster", kafka)]);
    let read = workspace.dpone(&["topic", "read", "dwh.orders", "--profile", "look", "--format", "ndjson"]);
    if read.exit == Some(0) { read.stdout.lines().count() } else { 0 }
}

fn warnings(report: &Value) -> String {
    report["warnings"].to_string()
}

const API: &str = "  my_api: { type: http, base_url: \"API\" }\n";
const KAFKA: &str = "  kafka_cluster: { type: kafka, bootstrap_servers: \"BROKER\" }\n";
const STATE: &str = "  etl_state: { type: sqlite, path: state.db }\n";

#[test]
fn a_misspelt_id_is_an_error_for_every_command() {
    let stand = Stand::small();
    let source = ("connection_id: example_api", "connection_id: my_api");
    let state = ("connection_id: postgres_state", "connection_id: etl_state");
    let cases: [(&[(&str, &str)], &str, &str); 3] = [
        (&[("connection_id: example_api", "connection_id: my_apii"), state], "did you mean `my_api`?", "guide.yaml:5:"),
        (&[source, state, ("kafka_cluster", "kafka_clutser")], "did you mean `kafka_cluster`?", "guide.yaml:22:"),
        (
            &[source, ("connection_id: postgres_state", "connection_id: etl_stat")],
            "did you mean `etl_state`?",
            "guide.yaml:42:",
        ),
    ];
    let workspace = mine(&stand, &format!("connections:\n{API}{KAFKA}{STATE}"));
    for (edits, meant, place) in cases {
        workspace.write("guide.yaml", edited(edits));
        for command in [&["run"][..], &["check"], &["plan"], &["connections", "test"], &["state", "show"]] {
            let ran = workspace.dpone(&[command, &["guide.yaml", "--profile", "mine"]].concat());
            ran.expect_exit(11).expect_error(&["DP0213", meant, place, ".dpone/profiles/mine.yaml:"]);
        }
    }
    let read = ["topic", "read", "dwh.orders", "--connection", "kafka_clutser", "--profile", "mine"];
    workspace.dpone(&read).expect_exit(11).expect_error(&["DP0213", "did you mean `kafka_cluster`?"]);
    assert_eq!((stand.page_requests(), rows_in_the_broker(&stand)), (0, 0), "nothing was asked or published");

    workspace.write("guide.yaml", edited(&[source, state]));
    workspace.dpone(&["run", "guide.yaml", "--profile", "mine"]).expect_exit(0);
    assert_eq!(rows_in_the_broker(&stand), 30);
}

#[test]
fn demo_data_meets_a_real_broker_only_where_the_profile_says_so() {
    let stand = Stand::small();
    let workspace = mine(&stand, &format!("connections:\n{KAFKA}"));
    let run = |workspace: &Workspace| {
        workspace.dpone(&["run", "guide.yaml", "--profile", "mine", "--demo-rows", "20", "--max-pages", "1"])
    };
    run(&workspace).expect_exit(11).expect_error(&["DP0214", "guide.yaml:5:", "`local: { http: demo }`", "mine.yaml"]);
    let doctor = workspace.dpone(&["doctor", "--profile", "mine"]);
    let says = "stands in for nothing: its data would land in a real broker";
    assert!(doctor.expect_exit(0).stdout.contains(says), "{}", doctor.stdout);
    assert_eq!(rows_in_the_broker(&stand), 0);

    let workspace = mine(&stand, &format!("local: {{ http: demo }}\nconnections:\n{KAFKA}"));
    run(&workspace).expect_exit(0).expect_error(&["connection example_api -> demo API"]);
    assert_eq!(rows_in_the_broker(&stand), 20);
}

#[test]
fn ones_own_api_and_the_local_broker_go_together() {
    let stand = Stand::small();
    let workspace = mine(&stand, &format!("connections:\n{API}"));
    workspace.write("guide.yaml", edited(&[("connection_id: example_api", "connection_id: my_api")]));
    let ran = workspace.dpone(&["run", "guide.yaml", "--profile", "mine"]);
    ran.expect_exit(0)
        .expect_error(&["connection kafka_cluster -> local broker", "connection postgres_state -> SQLite"]);
    assert_eq!(workspace.topic("dwh.orders", "mine").len(), 30);
    let doctor = workspace.dpone(&["doctor", "--profile", "mine"]).stdout;
    assert!(doctor.contains("the demo API stands in for nothing: the profile defines `my_api`"), "{doctor}");
}

/// The environment may define what a profile that extends `local` does not; nobody guesses which was meant.
#[test]
fn a_broker_of_the_environment_is_not_passed_over() {
    let stand = Stand::small();
    let mut workspace = mine(&stand, &format!("connections:\n{API}"));
    let manifest = edited(&[("connection_id: example_api", "connection_id: my_api"), ("vault", "env")]);
    workspace.write("guide.yaml", manifest);
    workspace.set("DPONE_CONN_KAFKA_CLUSTER_BOOTSTRAP_SERVERS", stand.bootstrap());
    let run = |workspace: &Workspace| workspace.dpone(&["run", "guide.yaml", "--profile", "mine"]);
    run(&workspace).expect_exit(11).expect_error(&[
        "DP0216",
        "DPONE_CONN_KAFKA_CLUSTER_BOOTSTRAP_SERVERS",
        "mine.yaml",
    ]);
    let profile = std::fs::read_to_string(workspace.path().join(".dpone/profiles/mine.yaml")).unwrap();
    workspace.write(".dpone/profiles/mine.yaml", format!("{profile}local: {{ kafka: none }}\n"));
    run(&workspace).expect_exit(0);
    assert_eq!(rows_in_the_broker(&stand), 30);
}

/// The guide's manifest with everything from the environment.
fn of_the_environment(stand: &Stand) -> Workspace {
    let mut workspace = Workspace::new();
    let manifest = edited(&[
        ("connection_type: vault", "connection_type: env"),
        ("  type: postgres\n  connection_id: postgres_state\n", "  type: sqlite\n"),
        ("    envelope: flat\n", "    envelope: flat\n    topic_config: { create: true }\n"),
    ]);
    workspace.write("guide.yaml", manifest);
    workspace.set("DPONE_CONN_EXAMPLE_API_BASE_URL", &stand.base_url());
    workspace.set("DPONE_CONN_KAFKA_CLUSTER_BOOTSTRAP_SERVERS", stand.bootstrap());
    workspace
}

#[test]
fn misspelt_variables_are_named_all_at_once_before_the_first_request() {
    let stand = Stand::small();
    let mut workspace = of_the_environment(&stand);
    workspace.set("DPONE_CONN_EXAMPLE_API_TOKN", "t0k3n");
    workspace.set("DPONE_CONN_KAFKA_CLUSTER_SASL_USER_NAME", "u");
    workspace.set("DPONE_CONN_EXAMPLE_API_V2_TOKEN", "of another connection");
    for command in ["run", "plan"] {
        let ran = workspace.dpone(&[command, "guide.yaml"]);
        ran.expect_exit(11).expect_error(&[
            "DP0215",
            "DPONE_CONN_EXAMPLE_API_TOKN (did you mean DPONE_CONN_EXAMPLE_API_TOKEN?)",
            "DPONE_CONN_KAFKA_CLUSTER_SASL_USER_NAME (did you mean DPONE_CONN_KAFKA_CLUSTER_SASL_USERNAME?)",
        ]);
        assert!(!ran.stderr.contains("V2") && !ran.stderr.contains("t0k3n"), "{}", ran.stderr);
    }
    assert_eq!(stand.page_requests(), 0);
    workspace.unset("DPONE_CONN_EXAMPLE_API_TOKN");
    workspace.unset("DPONE_CONN_KAFKA_CLUSTER_SASL_USER_NAME");
    workspace.dpone(&["run", "guide.yaml"]).expect_exit(0);
}

#[test]
fn an_api_that_is_not_where_the_manifest_says_is_told() {
    let stand = Stand::small();
    let workspace = of_the_environment(&stand);
    let ran = workspace.dpone(&["run", "guide.yaml", "--format", "json"]);
    let report = ran.expect_exit(0).json();
    let says = format!("`url` says https://api.example.com, and requests go to {}", stand.base_url());
    assert!(warnings(&report).contains(&says), "{report}");
    ran.expect_error(&["warning: ", &says]);
    let line = format!("source https://api.example.com -> {} (connection example_api)", stand.base_url());
    for (workspace, profile, is_warned) in [(workspace, None, true), (stand.workspace(), Some("test"), false)] {
        let profile = profile.map_or_else(Vec::new, |name| vec!["--profile", name]);
        let plan = workspace.dpone(&[&["plan", "guide.yaml"], &profile[..]].concat());
        assert!(plan.expect_exit(0).stdout.contains(&line), "{}", plan.stdout);
        assert_eq!(plan.stdout.contains(&says), is_warned, "{}", plan.stdout);
        if !is_warned {
            let ran = workspace.dpone(&[&["run", "guide.yaml", "--format", "json"], &profile[..]].concat());
            let report = ran.expect_exit(0).expect_error(&[&line]).json();
            assert!(!warnings(&report).contains("requests go to"), "{report}");
        }
    }

    let workspace = of_the_environment(&stand);
    let manifest = std::fs::read_to_string(workspace.path().join("guide.yaml")).unwrap();
    workspace.write("guide.yaml", manifest.replace("https://api.example.com", &stand.base_url()));
    let report = workspace.dpone(&["run", "guide.yaml", "--format", "json"]).expect_exit(0).json();
    assert!(!warnings(&report).contains("requests go to"), "the same origin is no news: {report}");
}

/// A base_url with a path is the operator's word on how far the credentials reach.
#[test]
fn no_url_of_a_manifest_leaves_the_path_of_base_url() {
    let stand = Stand::small();
    let workspace = mine(&stand, "connections:\n  example_api: { type: http, base_url: \"API/team-a\" }\n");
    let guide = std::fs::read_to_string(workspace.path().join("guide.yaml")).unwrap();
    let written = guide.lines().find(|line| line.trim_start().starts_with("url:")).unwrap().to_owned();
    for url in
        ["https://api.example.com/team-b/orders", "https://api.example.com/team-a/..;/team-b", "/%252e%252e/team-b"]
    {
        workspace.write("guide.yaml", guide.replace(written.trim_start(), &format!("url: \"{url}\"")));
        for command in ["plan", "run"] {
            let ran = workspace.dpone(&[command, "guide.yaml", "--profile", "mine"]);
            ran.expect_exit(10).expect_error(&["DP0106", "base_url"]);
        }
    }
    assert_eq!(stand.page_requests(), 0);
}

#[test]
fn a_user_name_without_a_password_is_sent() {
    let server = ScriptedServer::start(|_| {
        Answer::ok(r#"{"data":{"items":[{"order_id":1,"updated_at":"2026-01-02T00:00:00Z"}]}}"#)
    });
    let stand = Stand::small();
    for (auth, expected) in [
        ("{ type: basic, username: sk_live }", "Basic c2tfbGl2ZTo="),
        ("{ type: basic, username: sk_live, password: \"\" }", "Basic c2tfbGl2ZTo="),
        ("{ type: basic, username: \"\", password: key }", "Basic OmtleQ=="),
    ] {
        let workspace = stand.workspace();
        let api = format!("{{ type: http, base_url: \"http://{}\", auth: {auth} }}", server.host());
        let kafka = format!("{{ type: kafka, bootstrap_servers: \"{}\" }}", stand.bootstrap());
        workspace.profile("test", &[("example_api", api), ("kafka_cluster", kafka)]);
        let ran = workspace.dpone(&["run", "guide.yaml", "--profile", "test", "--log", "trace"]);
        ran.expect_exit(0);
        assert!(!ran.stderr.contains("[redacted][redacted]"), "an empty password is in no text:\n{}", ran.stderr);
        assert_eq!(server.asked().last().unwrap().header("authorization"), Some(expected), "{auth}");
    }
}
