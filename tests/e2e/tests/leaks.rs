//! The words of servers, plugins and manifests reach neither a terminal nor a file with a secret or a hidden
//! character in it.

use dpone_harness::{Answer, Asked, GUIDE, Ran, ScriptedServer, Stand, Workspace, components};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const PASSWORD: &str = "p@ss\"w/rd+4711 ok";
const KEY: &str = "open/sesame+4711";

/// Ways in which a server may write what it was sent.
fn spellings(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let inner = json.trim_start_matches('"').strip_suffix('"').unwrap().to_owned();
    let percent = |upper: bool| -> String {
        let byte = |byte: u8| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false if upper => format!("%{byte:02X}"),
            false => format!("%{byte:02x}"),
        };
        secret.bytes().map(byte).collect()
    };
    let unicode = secret.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let all = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let entities = secret.replace('"', "&quot;").replace('+', "&#43;").replace('/', "&#x2F;");
    vec![secret.to_owned(), inner.replace('/', "\\/"), inner, percent(true), percent(false), unicode, all, entities]
}

fn base64_of(asked: &Asked) -> String {
    let authorization = asked.header("authorization").unwrap_or_default();
    authorization.rsplit(' ').next().unwrap_or_default().to_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

/// All that the command printed, and all that it left on disk, but for what the test itself wrote.
fn everything(workspace: &Workspace, ran: &Ran) -> String {
    let left = files(&workspace.path().join(".dpone")).into_iter().filter(|path| !path.ends_with("test.yaml"));
    let left = left.map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
    format!("{}{}{}", ran.stdout, ran.stderr, left.collect::<String>())
}

#[track_caller]
fn assert_without(all: &str, secrets: &[String], what: &str) {
    for secret in secrets {
        assert!(!all.contains(secret.as_str()), "{what}: `{secret}` is in\n{all}");
    }
}

fn workspace(stand: &Stand, base_url: &str, auth: &str, manifest: String) -> Workspace {
    let workspace = stand.workspace();
    workspace.write("guide.yaml", manifest);
    let api = format!("{{ type: http, base_url: \"{base_url}\", {auth} }}");
    let kafka = format!("{{ type: kafka, bootstrap_servers: \"{}\" }}", stand.bootstrap());
    workspace.profile("test", &[("example_api", api), ("kafka_cluster", kafka)]);
    workspace
}

const RUN: [&str; 6] = ["run", "guide.yaml", "--profile", "test", "--log", "trace"];

#[test]
fn an_echoed_password_is_shown_nowhere() {
    let stand = Stand::small();
    let spelled = spellings(PASSWORD);
    let all_of_them = spelled.join(" | ");
    // An answer for each way in which a message may quote one, and what is quoted.
    let answers: Vec<(&str, Box<dyn Fn(&Asked) -> Answer + Send + Sync>)> = vec![
        ("DP0403", {
            let body = all_of_them.clone();
            Box::new(move |asked| Answer { body: format!("{} {body}", base64_of(asked)).into(), ..Answer::status(401) })
        }),
        (
            "DP0403",
            Box::new(|_| Answer { body: format!("{}{PASSWORD}", " ".repeat(4085)).into(), ..Answer::status(403) }),
        ),
        (
            "DP0403",
            Box::new(|_| Answer { body: format!("{}{PASSWORD}", "x".repeat(190)).into(), ..Answer::status(403) }),
        ),
        ("DP0404", {
            let body = format!("{{\"a\": {} }}", spelled[3]);
            Box::new(move |_| Answer::ok(body.clone()))
        }),
        ("DP0404", Box::new(|_| Answer::ok(format!("{{\"data\": [{}, nothing {PASSWORD}", "1,".repeat(10))))),
        ("DP0405", {
            let body = serde_json::json!({ PASSWORD: 1, "b": 2 }).to_string();
            Box::new(move |_| Answer::ok(body.clone()))
        }),
        ("DP0422", {
            let body = serde_json::json!({ "data": { "items": [] }, "errors": [format!("no {PASSWORD}")] }).to_string();
            Box::new(move |_| Answer::ok(body.clone()))
        }),
        ("DP0409", {
            let to = format!("https://other.example/{}", spelled[3]);
            Box::new(move |_| Answer::status(302).header("Location", to.clone()))
        }),
        ("DP0412", {
            let to = format!("/orders?x={}", spelled[4]);
            Box::new(move |_| Answer::status(302).header("Location", to.clone()))
        }),
    ];
    for (code, answer) in answers {
        let server = ScriptedServer::start(answer);
        let auth = format!("auth: {{ type: basic, username: ada, password: {} }}", serde_json::Value::from(PASSWORD));
        let workspace = workspace(&stand, &format!("http://{}", server.host()), &auth, GUIDE.to_owned());
        let ran = workspace.dpone(&RUN);
        ran.expect_exit(20).expect_error(&[code]);
        let sent = base64_of(&server.asked()[0]);
        let all = everything(&workspace, &ran);
        assert_without(&all, &[spelled.as_slice(), &[sent]].concat(), code);
        // Of the password not even the start is there.
        assert_without(&all, &["p@ss".to_owned(), "rd+4711".to_owned()], code);
    }
}

#[test]
fn an_echoed_signature_is_shown_nowhere() {
    let stand = Stand::small();
    let signer = "{ uses: ./hmac.wasm, with: { secret: signing_key }, grants: { secrets: [signing_key] } }";
    let manifest = GUIDE.replace("    incremental:\n", &format!("    signer: {signer}\n    incremental:\n"));
    let server = ScriptedServer::start(|asked| {
        let signature = asked.header("authorization").unwrap_or_default().to_owned();
        let mac = base64_of(asked);
        let form: String = mac.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D");
        let body = format!("no: {signature} {form} {} {KEY}", mac.replace('/', "\\/"));
        Answer { body: body.into(), ..Answer::status(401) }
    });
    let auth = format!("secrets: {{ signing_key: \"{KEY}\" }}");
    let workspace = workspace(&stand, &format!("http://{}", server.host()), &auth, manifest);
    std::fs::copy(components::HMAC_DATE, workspace.path().join("hmac.wasm")).unwrap();
    let ran = workspace.dpone(&RUN);
    ran.expect_exit(20).expect_error(&["DP0403", "no: [redacted] [redacted] [redacted] [redacted]"]);
    let all = everything(&workspace, &ran);
    for asked in server.asked() {
        let mac = base64_of(&asked);
        assert_without(&all, &[mac.trim_end_matches('=').to_owned(), mac[..40].to_owned()], "a signature");
    }
    assert_without(&all, &spellings(KEY), "the key");
}

/// Text that would clear a screen, hide itself and seem to be a line of ours.
const FORGED: &str = "a\u{1b}[2J\u{202e}\u{9b}31m\u{200b}\nerror[DP0001]: forged\rb";

#[track_caller]
fn assert_visible(what: &str, text: &str) {
    let is_hidden = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(is_hidden), "{what}:\n{text:?}");
    let forged = text.lines().any(|line| line.trim_start().starts_with("error[DP0001]"));
    assert!(!forged, "{what}: a forged line in\n{text}");
}

#[test]
fn foreign_text_stays_visible_and_in_its_line() {
    let stand = Stand::small();
    let row = serde_json::json!({ "order_id": FORGED, "updated_at": "2026-02-01T00:00:00Z", FORGED: FORGED });
    let page = serde_json::json!({ "data": { "items": [row] } }).to_string();
    let server = ScriptedServer::start(move |_| Answer::ok(page.clone()));
    let workspace = workspace(&stand, &format!("http://{}", server.host()), "auth: { type: none }", GUIDE.to_owned());
    let show = |arguments: &[&str]| {
        let ran = workspace.dpone(arguments);
        assert_visible(&arguments.join(" "), &ran.stdout);
        assert_visible(&arguments.join(" "), &ran.stderr);
        ran
    };
    show(&RUN).expect_exit(0);
    for format in ["text", "json"] {
        let state = show(&["state", "show", "guide.yaml", "--profile", "test", "--format", format]);
        assert!(state.expect_exit(0).stdout.contains("[2J"), "{}", state.stdout);
    }
    let plan = show(&["plan", "guide.yaml", "--profile", "test"]);
    assert!(plan.expect_exit(0).stdout.contains("\\u{1b}[2J"), "{}", plan.stdout);
    show(&["plan", "guide.yaml", "--profile", "test", "--format", "json"]).expect_exit(0).json();
    let text = show(&["topic", "read", "dwh.orders", "--profile", "test", "--format", "text"]);
    assert!(text.expect_exit(0).stdout.contains("error[DP0001]"), "{}", text.stdout);
    let messages = workspace.topic("dwh.orders", "test");
    assert!(messages.iter().any(|message| message["key"].as_str() == Some(FORGED)), "as they are: {messages:?}");

    let named: String = FORGED.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let named = format!("\"{named}\"");
    for (manifest, code) in [
        (GUIDE.replace("    incremental:\n", &format!("    {named}: 1\n    incremental:\n")), "DP0103"),
        (GUIDE.replace("records_path: data.items", &format!("records_path: {named}")), "DP0106"),
        (GUIDE.replace("unique_key: order_id", &format!("unique_key: {named}x\"").replace("\"x\"", "x\"")), "DP0"),
        (format!("{GUIDE}\n{named}: 1\n"), "DP0103"),
    ] {
        workspace.write("guide.yaml", manifest);
        for arguments in [&RUN[..], &["check", "guide.yaml"], &["plan", "guide.yaml", "--profile", "test"]] {
            show(arguments);
        }
        let ran = show(&RUN);
        assert_ne!(ran.exit, Some(0), "{}", ran.stderr);
        ran.expect_error(&[code]);
        let json = show(&["run", "guide.yaml", "--profile", "test", "--format", "json", "--log-format", "json"]);
        for line in json.stderr.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    }
    show(&["journal", "list"]).expect_exit(0);
}

#[test]
fn a_run_json_that_is_none_is_told_and_not_waited_for() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    workspace.dpone(&["run", "guide.yaml", "--profile", "test"]).expect_exit(0);
    let runs = workspace.path().join(".dpone/runs/api_to_kafka");
    let json = serde_json::json!({
        "pipeline": "api_to_kafka_example", "outcome": FORGED, "started_at": "2026-02-01T00:00:00Z",
        "error": { "code": FORGED, "message": FORGED }, "checkpoint": { "after": { "watermark": FORGED } },
    });
    let folder = |second: u32| {
        let folder = runs.join(format!("20260201T0000{second:02}Z-00000000"));
        std::fs::create_dir(&folder).unwrap();
        folder.join("run.json")
    };
    std::fs::write(folder(1), json.to_string()).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder(2)).status().unwrap();
    assert!(made.success());
    std::fs::File::create(folder(3)).unwrap().set_len(20 << 30).unwrap();
    std::fs::create_dir(folder(4)).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder(5)).unwrap();
    for format in ["text", "md", "json"] {
        let ran = workspace.dpone(&["runs", "guide.yaml", "--format", format]);
        ran.expect_exit(0);
        assert_visible(format, &ran.stdout);
        assert_eq!(ran.stdout.matches("damaged").count(), 4, "{}", ran.stdout);
        assert!(ran.stdout.contains("[2J"), "{}", ran.stdout);
    }
}

#[test]
fn files_that_may_hold_data_are_their_owners_alone() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let manifest = std::fs::read_to_string(workspace.path().join("guide.yaml")).unwrap();
    workspace.write("guide.yaml", format!("{manifest}\njournal: {{ keep: 1h }}\n"));
    let ran = workspace.dpone(&["run", "guide.yaml", "--profile", "test", "--format", "json"]);
    let run_id = ran.expect_exit(0).json()["run_id"].as_str().unwrap().to_owned();
    workspace.dpone(&["record", &run_id, "--out", "case", "--profile", "test"]).expect_exit(0);
    let mut seen = Vec::new();
    for path in [files(&workspace.path().join(".dpone")), files(&workspace.path().join("case"))].concat() {
        if path.extension().is_some_and(|extension| extension == "yaml") && !path.ends_with("case.yaml") {
            continue;
        }
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        seen.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    for name in ["run.json", "plan.json", "head.json", "case.yaml", "0001.body"] {
        assert!(seen.iter().any(|seen| seen == name), "{name} is not in {seen:?}");
    }
}
