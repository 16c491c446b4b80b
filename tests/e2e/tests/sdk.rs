//! The promises of `sdk/README.md` to somebody who writes a plugin, by its own commands and for each
//! language; then a project's life with the real binary: new, build, test, record.

use dpone_harness::{GUIDE, PageServer, Ran, Stand, Workspace, components};
use libtest_mimic::{Arguments, Trial};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

const README: &str = include_str!("../../../sdk/README.md");
const KINDS: [&str; 5] = ["extractor", "transform", "check", "slicer", "signer"];

fn main() -> ExitCode {
    let languages = [
        ("rust", None),
        ("python", missing("python", &["python3", "-m", "pip", "index", "versions", "componentize-py"])),
        ("javascript", missing("javascript", &["npm", "view", "esbuild", "version"])),
    ];
    let mut trials = Vec::new();
    for (language, missing) in languages {
        if let Some(missing) = &missing {
            println!("SKIPPED: five commands in {language}: {missing}");
        }
        let five = Trial::test(format!("five_commands_in_{language}"), move || {
            five_commands(language);
            Ok(())
        });
        trials.push(five.with_ignored_flag(missing.is_some()));
        if let Some((file, source)) = asking(language) {
            let asks = Trial::test(format!("a_granted_host_is_asked_in_{language}"), move || {
                asks_a_host(language, file, source);
                Ok(())
            });
            trials.push(asks.with_ignored_flag(missing.is_some()));
        }
    }
    let cases: [(&str, fn()); 9] = [
        ("every_kind_passes_differs_exceeds_and_fails_as_expected", every_kind),
        ("new_refuses_names_and_folders", new_refuses),
        ("a_failed_build_shows_what_the_compiler_says_and_writes_nothing", failed_build),
        ("a_missing_tool_is_named_with_its_remedy", missing_tool),
        ("a_broken_case_is_told_with_its_place", broken_case),
        ("a_folder_that_is_no_project_is_refused", no_project),
        ("update_writes_what_the_plugin_answers", update),
        ("fuel_is_the_same_in_every_run_and_cached_under_its_own_name", fuel_is_stable),
        ("a_runs_pages_become_a_case_without_secrets", record),
    ];
    trials.extend(cases.into_iter().map(|(name, case)| {
        Trial::test(name, move || {
            case();
            Ok(())
        })
    }));
    // Builds share two cores; side by side they would only wait for each other.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Why a language's commands cannot be run here: no template in this build, or no tool, or no
/// registry, which `probe` asks for something small.
fn missing(language: &str, probe: &[&str]) -> Option<String> {
    let workspace = Workspace::new();
    let new = workspace.dpone(&["plugin", "new", "probe-only", "--kind", "check", "--lang", language]);
    if new.exit == Some(2) && new.stderr.contains("DP0012") {
        return Some("this build carries no template for it".to_owned());
    }
    let (program, arguments) = probe.split_first().unwrap();
    match Command::new(program).args(arguments).output() {
        Ok(ran) if ran.status.success() => None,
        Ok(ran) => Some(format!("the registry cannot be had: {}", last_line(&ran.stderr))),
        Err(cause) => Some(format!("{program}: {cause}")),
    }
}

fn last_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).lines().last().unwrap_or_default().to_owned()
}

/// The README's commands for a language: those of the block that makes a project in it.
fn commands(language: &str) -> Vec<Vec<String>> {
    let wanted = format!("--lang {language}\n");
    let block = README.split("```").find(|block| block.contains(&wanted)).expect("the README has the block");
    let lines = block.lines().filter_map(|line| line.strip_prefix("$ dpone "));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

fn run(workspace: &Workspace, arguments: &[String]) -> Ran {
    workspace.dpone(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn manifest() -> &'static str {
    let block = README.split("```yaml\n").nth(1).expect("the README has a manifest");
    block.split("```").next().unwrap()
}

fn five_commands(language: &str) {
    let workspace = Workspace::new();
    workspace.write("orders.yaml", manifest());
    let commands = commands(language);
    assert_eq!(commands.len(), 5, "{commands:?}");
    let mut ran = Vec::new();
    for command in &commands {
        let mut command = command.clone();
        if command[0] == "run" {
            command.extend(["--demo-rows".to_owned(), "300".to_owned()]);
        }
        let done = run(&workspace, &command);
        done.expect_exit(0);
        println!("$ dpone {}\n{}", command.join(" "), done.stdout);
        ran.push(done);
    }
    assert!(ran[1].stdout.contains("sha256"), "{}", ran[1].stdout);
    assert!(!workspace.path().join("orders/orders").exists(), "a build writes beside the project's own folders");
    assert!(workspace.path().join("orders/.dpone-build/.gitignore").is_file());
    assert!(ran[2].stdout.contains("1 of 1 cases passed"), "{}", ran[2].stdout);
    assert!(ran[3].stdout.contains("kind         extractor"), "{}", ran[3].stdout);
    assert!(ran[4].stdout.contains("300 acknowledged"), "{}", ran[4].stdout);
    assert_eq!(workspace.topic("dwh.orders", "local").len(), 300);
}

/// A transform that asks a service for a value, in a scripting language; Rust's is `tests/components/geo`.
fn asking(language: &str) -> Option<(&'static str, &'static str)> {
    const PYTHON: &str = r#"from dpone_sdk import Batch, Column, Edits, Needs, Secret, Transform, export, http, option, options


@options
class Options:
    url: str = option(description="What to ask.")


class Geo(Transform[Options]):
    def needs(self) -> Needs:
        return Needs(fields=["order_id"])

    def apply(self, batch: Batch) -> Edits:
        answer = http.get(self.options.url, {"X-Key": Secret("geo_key")})
        region = answer.body.decode("utf-8-sig")
        # Codecs that Python imports on their first use; there is no file to import one from.
        for codec in ("cp1252", "idna", "punycode", "utf-16", "shift_jis"):
            region = region.encode(codec).decode(codec)
        return Edits(set={"region": Column.of([region] * len(batch))})


export(Geo)
"#;
    const JAVASCRIPT: &str = r#"import { Column, Edits, http, secret, string, transform } from '@dpone/sdk';

export default transform({
  options: { url: string({ description: 'What to ask.' }) },
  needs: () => ({ fields: ['order_id'] }),
  apply(batch, { options }) {
    const answer = http.get(options.url, { 'X-Key': secret('geo_key') });
    const region = new Column();
    for (let record = 0; record < batch.column('order_id').length; record += 1) region.pushText(answer.text());
    return new Edits().set('region', region);
  },
});
"#;
    match language {
        "python" => Some(("plugin.py", PYTHON)),
        "javascript" => Some(("plugin.js", JAVASCRIPT)),
        _ => None,
    }
}

fn asks_a_host(language: &str, file: &str, source: &str) {
    let service = PageServer::start(|_| b"north".to_vec());
    let stand = Stand::small();
    let workspace = stand.workspace();
    workspace.dpone(&["plugin", "new", "geo", "--kind", "transform", "--lang", language]).expect_exit(0);
    workspace.write(&format!("geo/{file}"), source);
    workspace.dpone(&["plugin", "build", "geo"]).expect_exit(0);
    let connection = format!("{{ type: http, base_url: \"{}\", secrets: {{ geo_key: k3y }} }}", stand.base_url());
    let kafka = format!("{{ type: kafka, bootstrap_servers: \"{}\" }}", stand.bootstrap());
    workspace.profile("test", &[("example_api", connection), ("kafka_cluster", kafka)]);
    let origin = service.base_url();
    let transform = |grants: &str| {
        let with = format!("with: {{ url: \"{origin}/region\" }}, grants: {{ {grants} }}, limits: {{ deadline: 9s }}");
        workspace.write("guide.yaml", format!("{GUIDE}\ntransforms: [{{ uses: ./geo/geo.wasm, {with} }}]\n"));
        workspace.dpone(&["run", "guide.yaml", "--profile", "test"])
    };
    transform("secrets: [geo_key]").expect_exit(12).expect_error(&["DP0307", &origin]);
    transform(&format!("http: [\"{origin}\"], secrets: [geo_key]")).expect_exit(0);
    assert!(service.heads()[0].to_lowercase().contains("x-key: k3y"), "{:?}", service.heads());
    for message in workspace.topic("dwh.orders", "test") {
        assert!(message["value"].to_string().contains("north"), "{message}");
    }
}

/// A folder with a built Rust project of each kind, made once; each test works on a copy.
fn projects() -> &'static Path {
    static PROJECTS: OnceLock<Workspace> = OnceLock::new();
    let workspace = PROJECTS.get_or_init(|| {
        let workspace = Workspace::new();
        let mut before: Option<PathBuf> = None;
        for kind in KINDS {
            let name = format!("my-{kind}");
            workspace.dpone(&["plugin", "new", &name, "--kind", kind, "--lang", "rust"]).expect_exit(0);
            let scratch = workspace.path().join(&name).join(".dpone-build");
            if let Some(before) = before.replace(scratch.clone()) {
                // The next one finds the dependencies compiled.
                std::fs::rename(before, scratch).unwrap();
            }
            workspace.dpone(&["plugin", "build", &name]).expect_exit(0);
        }
        workspace
    });
    workspace.path()
}

/// A working folder with a copy of the kind's project, without what cargo has compiled.
fn project(kind: &str) -> (Workspace, String) {
    let workspace = Workspace::new();
    let name = format!("my-{kind}");
    copy(&projects().join(&name), &workspace.path().join(&name));
    (workspace, name)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true if entry.file_name() == ".dpone-build" => {}
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A case that the plugin refuses, and the code with which it does.
fn refused_case(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "extractor" => ("options: {}\nrecords_path: data\n", "cursor-kind"),
        "transform" => ("options: { field: currency }\n", "no-text"),
        "check" => ("options: { field: email, max: many }\n", "DP0113"),
        "slicer" => ("options: { param: p, values: [a b, a/b] }\n", "same-slice"),
        _ => ("options: { key_id: k }\n", "missing-secret"),
    }
}

fn every_kind() {
    for kind in KINDS {
        let (workspace, name) = project(kind);
        let test = |arguments: &[&str]| workspace.dpone(&[&["plugin", "test", &name], arguments].concat());

        let passed = test(&["--format", "json"]);
        let report = passed.expect_exit(0).json();
        assert_eq!(report["passed"], true, "{kind}: {report:#}");
        let used = &report["cases"][0];
        assert!(used["fuel_per_record"].as_u64().unwrap() > 0, "{kind}: {used:#}");
        assert!(used["peak_memory_bytes"].as_u64().unwrap() > 0, "{kind}: {used:#}");

        let expected = workspace.path().join(&name).join("cases/first/expected.json");
        let original = std::fs::read_to_string(&expected).unwrap();
        let (from, to, place) = match kind {
            "extractor" => ("10.50", "10.5", "page 1, record 0 differs"),
            "transform" => ("\"EUR\"", "\"eur\"", "page 1, record 0 differs"),
            "check" => ("\"empty\":1", "\"empty\":2", "verdict differs"),
            "slicer" => ("us-west", "us-east", "slice 1 differs"),
            _ => ("hmac-sha256", "hmac-sha512", "signature differs"),
        };
        assert!(original.contains(from), "{kind}: {original}");
        std::fs::write(&expected, original.replace(from, to)).unwrap();
        let differs = test(&[]);
        differs.expect_exit(30);
        for says in ["FAILED", place, "  - ", "  + ", "0 of 1 cases passed"] {
            assert!(differs.stdout.contains(says), "{kind}: `{says}` is not in\n{}", differs.stdout);
        }
        std::fs::write(&expected, original).unwrap();

        let case = workspace.path().join(&name).join("cases/first/case.yaml");
        let text = std::fs::read_to_string(&case).unwrap();
        std::fs::write(&case, format!("{text}max_fuel_per_record: 1\n")).unwrap();
        let costly = test(&[]);
        assert!(costly.expect_exit(30).stdout.contains("more than max_fuel_per_record of 1"), "{}", costly.stdout);
        std::fs::write(&case, text.replace("max_memory: 64MiB", "max_memory: 1KiB")).unwrap();
        let large = test(&[]);
        assert!(large.expect_exit(30).stdout.contains("more than max_memory of 1024"), "{}", large.stdout);
        std::fs::write(&case, text).unwrap();

        let (refused, code) = refused_case(kind);
        let page = r#"{"currency": 978, "meta": {"next": true}, "data": []}"#;
        workspace.write(&format!("{name}/cases/refused/pages/0001.body"), page);
        workspace.write(&format!("{name}/cases/refused/case.yaml"), refused);
        let unexpected = test(&["--filter", "refused", "--update"]);
        assert!(unexpected.expect_exit(30).stdout.contains("it ended with an error"), "{}", unexpected.stdout);
        assert!(!workspace.path().join(&name).join("cases/refused/expected.json").exists(), "an error was recorded");
        workspace.write(&format!("{name}/cases/refused/case.yaml"), format!("{refused}expect_error: {code}\n"));
        test(&["--filter", "refused", "--update"]).expect_exit(0);
        test(&[]).expect_exit(0);
        workspace.write(&format!("{name}/cases/refused/case.yaml"), format!("{refused}expect_error: another-code\n"));
        let other = test(&["--filter", "refused"]);
        assert!(other.expect_exit(30).stdout.contains("and ended with another"), "{}", other.stdout);
    }
}

fn new_refuses() {
    let workspace = Workspace::new();
    let new = |name: &str| workspace.dpone(&["plugin", "new", name, "--kind", "check", "--lang", "rust"]);
    for name in ["Orders", "../x", "type", "page", "a_b", ""] {
        new(name).expect_exit(2).expect_error(&["DP0010"]);
    }
    workspace.write("orders/mine.txt", "kept");
    new("orders").expect_exit(2).expect_error(&["DP0011", "orders", "--dir"]);
    let left: Vec<_> = std::fs::read_dir(workspace.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["orders"], "nothing else was written");
    assert_eq!(std::fs::read_dir(workspace.path().join("orders")).unwrap().count(), 1);
    let elsewhere =
        workspace.dpone(&["plugin", "new", "big-orders", "--kind", "check", "--lang", "rust", "--dir", "orders"]);
    elsewhere.expect_exit(0);
    let source = std::fs::read_to_string(workspace.path().join("orders/big-orders/src/lib.rs")).unwrap();
    assert!(source.contains("struct BigOrders") && source.contains("big-orders:"), "{source}");
    // A folder that cannot be written leaves nothing behind.
    let nowhere =
        workspace.dpone(&["plugin", "new", "orders", "--kind", "check", "--lang", "rust", "--dir", "/proc/self"]);
    nowhere.expect_exit(40).expect_error(&["DP1004"]);
}

fn failed_build() {
    let (workspace, name) = project("check");
    let component = workspace.path().join(&name).join(format!("{name}.wasm"));
    let before = std::fs::read(&component).unwrap();
    let source = workspace.path().join(&name).join("src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, text.replace("state.records +=", "state.recrods +=")).unwrap();
    let built = workspace.dpone(&["plugin", "build", &name]);
    built.expect_exit(12).expect_error(&["DP0352", "error[E0609]", "recrods", "src/lib.rs:"]);
    assert_eq!(std::fs::read(&component).unwrap(), before, "the last good component stays");
    let odd = std::fs::read_dir(workspace.path().join(&name)).unwrap().map(|e| e.unwrap().file_name());
    assert!(!odd.into_iter().any(|name| name.to_string_lossy().ends_with(".tmp")), "a temporary file is left");
}

fn missing_tool() {
    for (file, content, tool) in [
        ("pyproject.toml", "[project]\nname = \"orders\"\nversion = \"0.1.0\"\n", "python3"),
        ("package.json", "{\"name\": \"orders\", \"version\": \"0.1.0\"}", "npm"),
        ("Cargo.toml", "[package]\nname = \"orders\"\nversion = \"0.1.0\"\n", "rustc"),
    ] {
        let mut workspace = Workspace::new();
        workspace.write(&format!("orders/{file}"), content);
        std::fs::create_dir_all(workspace.path().join("orders/vendor/dpone-sdk")).unwrap();
        workspace.set("PATH", "/nowhere");
        workspace.set("CARGO", "/nowhere/cargo");
        workspace.set("RUSTC", "rustc");
        let built = workspace.dpone(&["plugin", "build", "orders"]);
        built.expect_exit(12).expect_error(&["DP0351", tool, "hint: install"]);
        assert!(!workspace.path().join("orders/orders.wasm").exists());
    }
}

fn broken_case() {
    let (workspace, name) = project("extractor");
    let case = format!("{name}/cases/first/case.yaml");
    workspace.write(&case, "options: {}\nrecord_path: data\nmax_memory: big\n");
    let test = || workspace.dpone(&["plugin", "test", &name]);
    let broken = test();
    broken.expect_exit(10).expect_error(&[
        "case.yaml:2:1",
        "did you mean `records_path`?",
        "case.yaml:3:13",
        "no size",
    ]);
    workspace.write(&case, "records_path: data\n");
    workspace.write(&format!("{name}/cases/first/pages/0001.json"), "{\"stauts\": 200}");
    test().expect_exit(12).expect_error(&["DP0353", "0001.json", "stauts", "status"]);
    workspace.write(&format!("{name}/cases/first/pages/0001.json"), "{}");
    workspace.write(&format!("{name}/cases/first/pages/0004.body"), "{}");
    test().expect_exit(12).expect_error(&["DP0353", "pages/0003.body"]);
    std::fs::remove_file(workspace.path().join(&name).join("cases/first/pages/0004.body")).unwrap();
    workspace.write(&format!("{name}/cases/first/expected.json"), "{\"steps\": []}");
    test().expect_exit(12).expect_error(&["DP0353", "expected.json", "steps"]);
    workspace.dpone(&["plugin", "test", &name, "--filter", "secnd"]).expect_exit(12).expect_error(&["DP0354", "first"]);
}

fn no_project() {
    let workspace = Workspace::new();
    for command in ["build", "test"] {
        workspace.dpone(&["plugin", command]).expect_exit(12).expect_error(&["DP0350", "plugin new"]);
    }
    workspace.dpone(&["plugin", "new", "orders", "--kind", "check", "--lang", "rust"]).expect_exit(0);
    workspace.dpone(&["plugin", "test", "orders"]).expect_exit(12).expect_error(&["DP0301", "plugin build"]);
}

fn update() {
    let (workspace, name) = project("transform");
    workspace.write(&format!("{name}/cases/second/case.yaml"), "options: { field: a }\nrecords_path: rows\n");
    workspace.write(
        &format!("{name}/cases/second/pages/0001.body"),
        "{\"rows\": [{\"a\": \"x\", \"n\": 1.10}, {\"b\": 1}]}",
    );
    let none = workspace.dpone(&["plugin", "test", &name]);
    assert!(none.expect_exit(30).stdout.contains("no expected.json"), "{}", none.stdout);
    let updated = workspace.dpone(&["plugin", "test", &name, "--update"]);
    assert!(updated.expect_exit(0).stdout.contains("updated"), "{}", updated.stdout);
    let text = std::fs::read_to_string(workspace.path().join(&name).join("cases/second/expected.json")).unwrap();
    assert!(text.contains("        {\"a\":\"X\",\"n\":1.10}\n"), "one record a line, as it is: {text}");
    let again = workspace.dpone(&["plugin", "test", &name, "--update"]);
    assert!(!again.expect_exit(0).stdout.contains("updated"), "{}", again.stdout);
}

fn fuel_is_stable() {
    let (mut workspace, name) = project("extractor");
    let cache = workspace.path().join("cache");
    workspace.set("DPONE_CACHE_DIR", cache.to_str().unwrap());
    let fuel = || workspace.dpone(&["plugin", "test", &name, "--format", "json"]).json()["cases"][0]["fuel"].clone();
    let first = fuel();
    assert!(first.as_u64().unwrap() > 0);
    assert_eq!(fuel(), first);
    let entries = || {
        let names = std::fs::read_dir(&cache).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with(".cwasm")).count()
    };
    assert_eq!(entries(), 1);
    workspace.dpone(&["plugin", "inspect", &format!("{name}/{name}.wasm")]).expect_exit(0);
    assert_eq!(entries(), 2, "code that counts fuel is never taken for code that does not");
}

/// The API echoes its credential in every way that it can.
fn record() {
    const TOKEN: &str = "tok/4e1d+90f7";
    let api = Echo::start(TOKEN);
    let mut workspace = Workspace::new();
    workspace.write(
        ".dpone/profiles/mine.yaml",
        format!(
            "extends: local\nconnections:\n  shop: {{ type: http, base_url: \"{}\", auth: {{ type: bearer, token: \"${{API_TOKEN}}\" }} }}\n",
            api.base_url
        ),
    );
    workspace.set("API_TOKEN", TOKEN);
    std::fs::copy(components::ENVELOPE, workspace.path().join("envelope.wasm")).unwrap();
    workspace.write(
        "shop.yaml",
        "name: shop
source:
  type: api
  connection_id: shop
  options:
    url: /orders
    pagination: { uses: ./envelope.wasm, with: { numbers: [amount] } }
sink:
  type: kafka
  connection_id: kafka_cluster
  topic: dwh.shop
  strategy: { mode: full_refresh }
journal: { keep: 1h }
",
    );
    let ran = workspace.dpone(&["run", "shop.yaml", "--profile", "mine", "--format", "json"]);
    let run_id = ran.expect_exit(0).json()["run_id"].as_str().unwrap().to_owned();

    let recorded = workspace.dpone(&["record", &run_id, "--out", "envelope/cases/real"]);
    recorded.expect_exit(0);
    for says in ["2 pages, 3 records", "replaced by [redacted]", "headers left out: x-auth-echo"] {
        assert!(recorded.stdout.contains(says), "`{says}` is not in\n{}", recorded.stdout);
    }
    let mut all = String::new();
    read_all(&workspace.path().join("envelope/cases/real"), &mut all);
    for secret in [TOKEN, "tok%2F4e1d%2B90f7", "tok\\/4e1d+90f7"] {
        assert!(!all.contains(secret), "{secret} is in the case:\n{all}");
    }
    assert!(all.contains("[redacted]") && all.contains("9.90"), "{all}");

    // A recorded case passes with the plugin that was recorded.
    workspace.write("envelope/Cargo.toml", "[package]\nname = \"envelope\"\n");
    std::fs::copy(components::ENVELOPE, workspace.path().join("envelope/envelope.wasm")).unwrap();
    let tested = workspace.dpone(&["plugin", "test", "envelope"]);
    assert!(tested.expect_exit(0).stdout.contains("2 pages, 3 records"), "{}", tested.stdout);

    workspace.dpone(&["record", &run_id, "--out", "envelope/cases/real"]).expect_exit(2).expect_error(&["DP0011"]);
    let short = workspace.dpone(&["record", &run_id, "--out", "envelope/cases/short", "--pages", "1"]);
    assert!(short.expect_exit(0).stdout.contains("1 pages, 2 records"), "{}", short.stdout);
    workspace.dpone(&["plugin", "test", "envelope"]).expect_exit(0);

    // Without the credential it says what it could not look for.
    workspace.unset("API_TOKEN");
    let blind = workspace.dpone(&["record", &run_id, "--out", "blind"]);
    assert!(blind.expect_exit(0).stdout.contains("could not be looked for"), "{}", blind.stdout);
    workspace.dpone(&["record", "20260101T000000Z-0123456789ab"]).expect_exit(2);
    workspace.dpone(&["journal", "purge", "--run", &run_id]).expect_exit(0);
    workspace.dpone(&["record", &run_id, "--out", "late"]).expect_exit(40).expect_error(&["journal.keep"]);
}

fn read_all(dir: &Path, text: &mut String) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => read_all(&entry.path(), text),
            false => text.push_str(&std::fs::read_to_string(entry.path()).unwrap()),
        }
    }
}

/// An API of two pages that repeats the bearer token that it is sent.
struct Echo {
    base_url: String,
}

impl Echo {
    fn start(token: &'static str) -> Self {
        use std::io::{BufRead, BufReader, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let reader = BufReader::new(stream.try_clone().unwrap());
                let head: Vec<String> = reader.lines().map_while(Result::ok).take_while(|l| !l.is_empty()).collect();
                let is_second = head.first().is_some_and(|line| line.contains("cursor=p2"));
                let body = match is_second {
                    false => format!("id|amount|link\n1|9.90|/o?key=tok%2F4e1d%2B90f7\n2|7.00|{token}\n#next=p2\n"),
                    true => "id|amount|link\n3|0.10|tok\\/4e1d+90f7\n#next=\n".to_owned(),
                };
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nX-Auth-Echo: {token}\r\nX-Note: for {token}\r\nSet-Cookie: sid=1\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { base_url }
    }
}
