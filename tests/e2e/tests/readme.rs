//! The README's promises to somebody who has an API, a Kafka or a plugin of their own; its
//! manifests and commands are taken from its text.

use dpone_harness::{GUIDE, Ran, Stand, Workspace, components};
use dpone_local::{DemoOptions, Fault, FaultKind, LoggedRequest};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

const README: &str = include_str!("../../../README.md");

/// A paginated API with 250 customers that asks for a bearer token.
struct Customers {
    base_url: String,
    /// Target and Authorization of each request.
    requests: Arc<Mutex<Vec<(String, String)>>>,
}

const TOKEN: &str = "tok-4e1d90f7";

impl Customers {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that hangs up early has its answer already.
                let _ = stream.and_then(|stream| answer(stream, &log));
            }
        });
        Self { base_url, requests }
    }
}

/// Answers one request and closes the connection.
fn answer(mut stream: TcpStream, log: &Mutex<Vec<(String, String)>>) -> std::io::Result<()> {
    let head: Vec<String> =
        BufReader::new(stream.try_clone()?).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let target = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    let authorization =
        head.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("authorization: ").map(str::to_owned));
    let authorization = authorization.unwrap_or_default();
    let is_welcome = authorization == format!("bearer {TOKEN}") && target.starts_with("/v1/customers?");
    let (status, body) = if is_welcome { ("200 OK", page(&target)) } else { ("401 Unauthorized", "{}".to_owned()) };
    log.lock().unwrap().push((target, authorization));
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn page(target: &str) -> String {
    let number = |name: &str| {
        let (_, value) = target.split_once(&format!("{name}="))?;
        value.split('&').next()?.parse::<u64>().ok()
    };
    let (page, size) = (number("page").unwrap(), number("per_page").unwrap());
    let ids = (page - 1) * size + 1..=(page * size).min(250);
    let items: Vec<Value> = ids
        .map(|id| {
            let updated_at = format!("2026-03-01T00:{:02}:00Z", id % 60);
            json!({ "id": id, "email": format!("c{id}@example.com"), "updated_at": updated_at })
        })
        .collect();
    json!({ "items": items }).to_string()
}

/// The README's fenced block that holds `text`, without the indentation of its list.
fn block(text: &str) -> String {
    let (mut current, mut fence): (Vec<&str>, Option<usize>) = (Vec::new(), None);
    for line in README.lines() {
        let is_fence = line.trim_start().starts_with("```");
        match fence {
            None if is_fence => fence = Some(line.len() - line.trim_start().len()),
            Some(_) if is_fence => {
                let found = current.join("\n") + "\n";
                if found.contains(text) {
                    return found;
                }
                (current, fence) = (Vec::new(), None);
            }
            Some(indent) => current.push(line.get(indent..).unwrap_or_default()),
            None => {}
        }
    }
    panic!("the README has no block with `{text}`");
}

/// The README's command of these words, or else the first one that begins with them.
fn command(words: &str) -> Vec<String> {
    let lines = || README.lines().filter_map(|line| line.trim().strip_prefix("$ dpone ")?.split(" #").next());
    let line = lines().find(|line| line.trim() == words).or_else(|| lines().find(|line| line.starts_with(words)));
    let line = line.unwrap_or_else(|| panic!("the README has no command `dpone {words}`"));
    line.split_whitespace().map(str::to_owned).collect()
}

fn readme(workspace: &Workspace, words: &str) -> Ran {
    let arguments = command(words);
    workspace.dpone(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn customers_workspace(api: &Customers) -> Workspace {
    let mut workspace = Workspace::new();
    let profile = block("extends: local").replace("https://api.example.com", &api.base_url);
    assert!(profile.contains(&api.base_url), "{profile}");
    workspace.write(".dpone/profiles/mine.yaml", profile);
    workspace.write("customers.yaml", block("name: customers"));
    workspace.set("API_TOKEN", TOKEN);
    workspace
}

#[test]
fn your_own_api_in_five_minutes() {
    let api = Customers::start();
    let mut workspace = customers_workspace(&api);
    let asked = || api.requests.lock().unwrap().len();

    let check = readme(&workspace, "check customers.yaml");
    assert!(check.expect_exit(0).stdout.contains("valid"), "{}", check.stdout);
    let plan = readme(&workspace, "plan customers.yaml");
    plan.expect_exit(0);
    for says in ["/v1/customers?updated_since=2026-01-01", "page=1&per_page=100", "crm.customers", "builtin:page"] {
        assert!(plan.stdout.contains(says), "{says} is not in the plan:\n{}", plan.stdout);
    }
    assert_eq!(asked(), 0, "nothing was asked so far");

    readme(&workspace, "run customers.yaml --profile mine --max-pages 2").expect_exit(0).expect_error(&["not moved"]);
    readme(&workspace, "run customers.yaml --profile mine").expect_exit(0);
    let read = readme(&workspace, "topic read crm.customers");
    assert_eq!(read.expect_exit(0).stdout.lines().count(), 200 + 250);
    let shown = workspace.dpone(&["state", "show", "customers.yaml", "--profile", "mine", "--format", "json"]);
    assert_eq!(shown.json()["revision"], 1);

    workspace.unset("API_TOKEN");
    readme(&workspace, "plan customers.yaml").expect_exit(11).expect_error(&["API_TOKEN", "mine.yaml:"]);
    workspace.set("API_TOKEN", "wrong");
    let refused = readme(&workspace, "run customers.yaml --profile mine");
    refused.expect_exit(20).expect_error(&["DP0403", "401", "/v1/customers"]);
}

#[test]
fn a_misspelt_id_prints_what_the_page_shows() {
    let api = Customers::start();
    let workspace = customers_workspace(&api);
    workspace
        .write("customers.yaml", block("name: customers").replace("connection_id: my_api", "connection_id: my_apii"));
    let shown = block("error[DP0213]");
    let ran = readme(&workspace, "plan customers.yaml");
    ran.expect_exit(11);
    for line in shown.lines().map(|line| line.trim_end_matches(" …")) {
        assert!(ran.stderr.contains(line), "`{line}` is not in:\n{}", ran.stderr);
    }
}

#[test]
fn your_own_plugin() {
    let api = Customers::start();
    let workspace = customers_workspace(&api);
    let folder = Path::new(components::MASK_EMAIL).parent().unwrap();
    workspace.write("mask.wasm", std::fs::read(components::MASK_EMAIL).unwrap());
    let inspected = workspace.dpone(&["plugin", "inspect", "./mask.wasm", "--format", "json"]);
    let sha256 = inspected.expect_exit(0).json()["identity"]["sha256"].as_str().unwrap().to_owned();
    assert!(inspected.stdout.contains("wasi:") && inspected.stdout.contains("dpone:plugin"), "{}", inspected.stdout);

    let transforms = format!(
        "transforms:\n  - uses: ./mask.wasm\n    with: {{ field: email }}\n    sha256: {sha256}\n    \
         limits: {{ memory: 64MiB, deadline: 2s }}\n"
    );
    workspace.write("customers.yaml", block("name: customers") + &transforms);
    let plan = readme(&workspace, "plan customers.yaml");
    for says in ["`./mask.wasm`", "memory 64 MiB, deadline 2 s", "wasi:", &sha256] {
        assert!(plan.expect_exit(0).stdout.contains(says), "{says} is not in the plan:\n{}", plan.stdout);
    }
    readme(&workspace, "run customers.yaml --profile mine --max-pages 2").expect_exit(0);
    let messages = workspace.topic("crm.customers", "mine");
    assert_eq!(messages.len(), 200);
    for message in &messages {
        assert!(message.to_string().contains("c***@example.com"), "{message}");
    }

    let other = transforms.replace(&sha256, &"0".repeat(64));
    workspace.write("customers.yaml", block("name: customers") + &other);
    readme(&workspace, "check customers.yaml").expect_exit(12).expect_error(&["sha256", &sha256, "customers.yaml:"]);

    let folder = folder.to_str().unwrap();
    let list = workspace.dpone(&["plugin", "list", "--plugin-path", folder]);
    list.expect_exit(0);
    for says in ["builtin:cursor", "builtin:unique", "mask", &sha256[..12]] {
        assert!(list.stdout.contains(says), "{says} is not listed:\n{}", list.stdout);
    }
    let named = Path::new(components::MASK_EMAIL).file_stem().unwrap().to_str().unwrap();
    let found = workspace.dpone(&["plugin", "inspect", named, "--plugin-path", folder]);
    assert!(found.expect_exit(0).stdout.contains(&sha256), "{}", found.stdout);
    let builtin = workspace.dpone(&["plugin", "inspect", "builtin:cursor"]);
    assert!(builtin.expect_exit(0).stdout.contains("cursor_path"), "{}", builtin.stdout);
}

#[test]
fn what_a_build_needs_stands_before_it() {
    let commands = block("cargo build --release --target");
    let lines: Vec<&str> = commands.lines().map(|line| line.split(" #").next().unwrap().trim()).collect();
    let built = lines.iter().position(|line| line.contains("cargo build")).unwrap();
    let target = lines[built].split_once("--target ").unwrap().1.trim_end_matches(')');
    let added = lines.iter().position(|line| *line == format!("$ rustup target add {target}"));
    assert!(added.is_some_and(|added| added < built), "{commands}");
}

/// The guide's manifest with connections from the environment and SQLite under `.dpone`.
fn of_the_environment() -> String {
    let manifest = GUIDE.replace("connection_type: vault", "connection_type: env");
    let manifest = manifest.replace("  type: postgres\n  connection_id: postgres_state\n", "  type: sqlite\n");
    assert!(!manifest.contains("vault") && !manifest.contains("postgres"));
    manifest
}

const CREATE: (&str, &str) = (
    "    envelope: flat\n",
    "    envelope: flat\n    topic_config: { create: true, partitions: 3, configs: { cleanup.policy: compact } }\n",
);

fn environment(stand: &Stand, manifest: &str) -> Workspace {
    let mut workspace = Workspace::new();
    workspace.write("guide.yaml", manifest);
    workspace.set("DPONE_CONN_EXAMPLE_API_BASE_URL", &stand.base_url());
    workspace.set("DPONE_CONN_KAFKA_CLUSTER_BOOTSTRAP_SERVERS", stand.bootstrap());
    workspace
}

fn read_topic(workspace: &Workspace) -> Vec<Value> {
    let read = workspace.dpone(&["topic", "read", "dwh.orders", "--format", "ndjson"]);
    read.expect_exit(0).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn connections_of_the_environment_need_no_profile() {
    let stand = Stand::small();
    let mut workspace = environment(&stand, &of_the_environment());
    let run = |workspace: &Workspace| workspace.dpone(&["run", "guide.yaml"]);
    run(&workspace).expect_exit(21).expect_error(&["DP0502", "dwh.orders", "topic_config"]);
    assert_eq!(stand.page_requests(), 0, "nothing was fetched for a topic that is not there");

    workspace.write("guide.yaml", of_the_environment().replace(CREATE.0, CREATE.1));
    let ran = run(&workspace);
    ran.expect_exit(0);
    assert!(!ran.stderr.contains(" -> "), "nothing stands in for anything:\n{}", ran.stderr);
    let messages = read_topic(&workspace);
    assert_eq!(messages.len(), 30);
    let partitions: std::collections::BTreeSet<_> = messages.iter().map(|m| m["partition"].as_i64().unwrap()).collect();
    assert_eq!(partitions.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    let shown = workspace.dpone(&["state", "show", "guide.yaml"]);
    assert!(shown.expect_exit(0).stdout.contains(".dpone/state.db"), "{}", shown.stdout);

    let list = workspace.dpone(&["connections", "list"]);
    for line in ["EXAMPLE_API              http", "KAFKA_CLUSTER            kafka"] {
        assert!(list.expect_exit(0).stdout.contains(line), "{line} is not listed:\n{}", list.stdout);
    }
    let tested = workspace.dpone(&["connections", "test", "guide.yaml"]);
    tested.expect_exit(0);
    assert_eq!(tested.stdout.lines().filter(|line| line.starts_with("ok ")).count(), 3, "{}", tested.stdout);
    stand.stop_broker();
    workspace.write(
        "guide.yaml",
        of_the_environment().replace(CREATE.0, "    envelope: flat\n    connect_timeout_ms: 1000\n"),
    );
    let tested = workspace.dpone(&["connections", "test", "guide.yaml"]);
    tested.expect_exit(21).expect_error(&["DP0501", stand.bootstrap()]);
    assert!(
        tested.stdout.contains("ok    http example_api") && tested.stdout.contains("fail  kafka kafka_cluster"),
        "{}",
        tested.stdout
    );

    workspace.unset("DPONE_CONN_EXAMPLE_API_BASE_URL");
    workspace.unset("DPONE_CONN_KAFKA_CLUSTER_BOOTSTRAP_SERVERS");
    run(&workspace).expect_exit(11).expect_error(&["DP0203", "DPONE_CONN_EXAMPLE_API_", "DPONE_CONN_KAFKA_CLUSTER_"]);
}

#[test]
fn values_of_rows_are_masked_outside_local() {
    let shown_options = ["", "\ndiagnostics: { values: shown }\n"];
    for (position, suffix) in shown_options.into_iter().enumerate() {
        let stand = Stand::start(DemoOptions { rows: 30, page_size: 10, new_rows: 5, ..DemoOptions::default() });
        let workspace = environment(&stand, &(of_the_environment().replace(CREATE.0, CREATE.1) + suffix));
        let run = || workspace.dpone(&["run", "guide.yaml"]);
        run().expect_exit(0);
        stand.misbehave(vec![Fault::always(FaultKind::AmountAsString)]);
        let breaking = run();
        breaking.expect_exit(22).expect_error(&["DP0601", "`amount` was decimal and is now string", "record "]);
        assert_eq!(breaking.stderr.contains("order_id"), position == 1, "{}", breaking.stderr);
    }
}

#[test]
fn secrets_are_never_printed_or_kept() {
    const SECRET: &str = "s3cr3t-9ab1e7";
    let auths: [(&str, fn(&LoggedRequest) -> bool); 3] = [
        ("{ type: bearer, token: \"${API_SECRET}\" }", |request| request.authorization),
        ("{ type: api_key, name: key, in: query, value: \"${API_SECRET}\" }", |request| {
            request.query.as_ref().is_some_and(|query| query.contains(SECRET))
        }),
        ("{ type: api_key, name: X-Key, in: header, value: \"${API_SECRET}\" }", |request| {
            request.headers.iter().any(|name| name == "x-key")
        }),
    ];
    for (auth, is_sent) in auths {
        let stand = Stand::small();
        stand.misbehave(vec![Fault::at_page(3, FaultKind::Status { status: 404, retry_after: None })]);
        let mut workspace = stand.workspace();
        let api = format!("{{ type: http, base_url: \"{}\", auth: {auth} }}", stand.base_url());
        let kafka = format!("{{ type: kafka, bootstrap_servers: \"{}\" }}", stand.bootstrap());
        workspace.profile("test", &[("example_api", api), ("kafka_cluster", kafka)]);
        workspace.set("API_SECRET", SECRET);
        let commands: [(&[&str], i32); 7] = [
            (&["run", "guide.yaml", "--log", "trace"], 20),
            (&["run", "guide.yaml", "--format", "json"], 20),
            (&["run", "guide.yaml", "--max-pages", "2", "--log", "trace"], 0),
            (&["plan", "guide.yaml", "--format", "json", "--out", "guide.plan"], 0),
            (&["connections", "list"], 0),
            (&["connections", "test", "guide.yaml"], 0),
            (&["doctor"], 0),
        ];
        for (arguments, exit) in commands {
            let ran = workspace.dpone(&[arguments, &["--profile", "test"]].concat());
            ran.expect_exit(exit);
            for (stream, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
                let line = text.lines().find(|line| line.contains(SECRET));
                assert_eq!(line, None, "{stream} of {arguments:?} with {auth}");
            }
        }
        assert!(workspace.path().join(".dpone/journal/api_to_kafka_example").exists());
        no_file_holds(workspace.path(), SECRET.as_bytes());
        let requests = stand.api().requests();
        // `doctor` only asks whether something answers at the base URL, without credentials.
        let mut pages = requests.iter().filter(|request| request.path.starts_with("/orders")).peekable();
        assert!(pages.peek().is_some() && pages.all(is_sent), "{auth}: {requests:?}");
    }
}

fn no_file_holds(folder: &Path, secret: &[u8]) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            no_file_holds(&path, secret);
        } else if let Ok(content) = std::fs::read(&path) {
            assert!(!content.windows(secret.len()).any(|window| window == secret), "{} holds it", path.display());
        }
    }
}

#[test]
fn local_up_serves_other_commands_until_it_is_interrupted() {
    let workspace = Workspace::new();
    workspace.write("guide.yaml", GUIDE);
    let demo = ["--demo-rows", "40", "--demo-new-rows", "0"];
    let mut up = workspace.command(&[&["local", "up"][..], &demo].concat()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(up.stdout.take().unwrap()).lines().map_while(Result::ok);
    let broker = lines.find_map(|line| line.strip_prefix("Kafka broker  ").map(str::to_owned)).expect("an address");
    assert!(lines.any(|line| line == "Ctrl-C ends both"));

    let ran = workspace.dpone(&[&["run", "guide.yaml", "--profile", "local"][..], &demo].concat());
    ran.expect_exit(0).expect_error(&[&format!("kafka_cluster -> local broker {broker}")]);
    let second = workspace.dpone(&[&["local", "up"][..], &demo].concat());
    assert!(second.expect_exit(0).stdout.contains("already up"), "{}", second.stdout);
    assert_eq!(workspace.topic("dwh.orders", "local").len(), 40);

    let interrupted = Command::new("kill").args(["-INT", &up.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(up.wait().unwrap().code(), Some(0));
    assert!(TcpStream::connect(&broker).is_err(), "the broker is gone");
    assert_eq!(workspace.topic("dwh.orders", "local").len(), 40, "its topics are not");
}

#[test]
fn several_manifests_and_several_tenants() {
    let api = Customers::start();
    let workspace = customers_workspace(&api);
    for name in ["orders", "customers", "invoices"] {
        let manifest =
            block("name: customers").replace("customers", name).replace(&format!("/v1/{name}"), "/v1/customers");
        workspace.write(&format!("{name}.yaml"), manifest);
    }
    let mut arguments = command("run orders.yaml customers.yaml invoices.yaml");
    arguments.extend(["--profile", "mine"].map(str::to_owned));
    let ran = workspace.dpone(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(ran.expect_exit(0).stdout.contains("3 of 3 runs succeeded"), "{}", ran.stdout);

    workspace.write("tenants.yaml", block("# tenants.yaml"));
    let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    workspace.write("keys/sales.pub", pair.pk.to_box().unwrap().to_string());
    let profile = std::fs::read_to_string(workspace.path().join(".dpone/profiles/mine.yaml")).unwrap();
    workspace.write(
        ".dpone/profiles/prod.yaml",
        profile.replace("my_api", "crm_api") + &profile.lines().last().unwrap().replace("my_api", "metrics_api"),
    );
    for (tenant, connection) in [("sales", "crm_api"), ("ops", "metrics_api")] {
        let manifest = block("name: customers")
            .replace("my_api", connection)
            .replace("crm.customers", &format!("{tenant}.customers"));
        workspace.write(&format!("teams/{tenant}/orders.yaml"), manifest);
    }
    let check = readme(&workspace, "check teams/sales/orders.yaml");
    if check.stderr.contains("DP1308") {
        println!("SKIPPED: what the policy of the README requires of the kernel: {}", check.stderr);
        workspace.write("tenants.yaml", block("# tenants.yaml").replace("require: [landlock, seccomp]", ""));
    }
    readme(&workspace, "check teams/sales/orders.yaml").expect_exit(0);
    let plan = readme(&workspace, "plan teams/sales/orders.yaml");
    assert!(plan.expect_exit(0).stdout.contains("kafka_cluster (the operator's kafka_sales)"), "{}", plan.stdout);
    let globbed = command("run teams/*/*.yaml")
        .join(" ")
        .replace("teams/*/*.yaml", "teams/ops/orders.yaml teams/sales/orders.yaml");
    let ran = workspace.dpone(&globbed.split(' ').collect::<Vec<_>>());
    assert!(ran.expect_exit(0).stdout.contains("2 of 2 runs succeeded"), "{}", ran.stdout);
    for tenant in ["sales", "ops"] {
        assert_eq!(workspace.topic(&format!("{tenant}.customers"), "prod").len(), 250);
    }
}
