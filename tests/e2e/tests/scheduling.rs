//! The files of `host/cli/docs/scheduling`: parsed, judged, and run where that is possible.
//!
//! Which exit codes are worth another try follows from the catalog of errors; every file that names some is
//! held to it. Airflow itself is not installed: the DAG runs against modules that record what it builds and
//! start its process as the standard provider's hook does.

use dpone_harness::suite::{self, Case};
use dpone_harness::{GUIDE, Workspace, cases, dpone_binary};
use dpone_model::codes;
use dpone_model::{Exit, Retry};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let python = Command::new("python3").arg("--version").output().is_err().then(|| "there is no python3".to_owned());
    let systemd = Command::new("systemd-analyze").arg("--version").output().is_err();
    let systemd = systemd.then(|| "there is no systemd-analyze".to_owned());
    let suites: [(&str, Option<String>, &'static [Case]); 3] = [
        ("scheduling", None, FILES),
        ("scheduling with systemd", systemd, cases![systemd_takes_the_units]),
        ("scheduling with Python", python, cases![the_dag_tells_failures_apart]),
    ];
    let failed = suites
        .into_iter()
        .filter(|(name, missing, cases)| suite::run(name, missing.clone(), cases) != ExitCode::SUCCESS);
    if failed.count() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const FILES: &[Case] = cases![
    every_file_names_the_codes_of_the_catalog,
    dpone_retry_tries_again_what_may_pass,
    dpone_retry_hands_a_signal_on,
    the_crontab_line_runs,
    the_cronjob_is_what_its_comments_say,
    the_units_are_what_their_comments_say,
];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/cli/docs/scheduling").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

/// Exits of which at least one cause may be gone when the same command runs again.
fn worth_retrying() -> BTreeSet<u8> {
    let passing = codes::all().filter(|code| matches!(code.retry, Retry::Now | Retry::Later));
    passing.map(|code| code.exit as u8).collect()
}

/// Failures that no second try can change.
fn final_failures() -> BTreeSet<u8> {
    let all = Exit::ALL.into_iter().filter(|exit| *exit != Exit::Ok).map(|exit| exit as u8);
    all.filter(|exit| !worth_retrying().contains(exit)).collect()
}

fn numbers(text: &str) -> BTreeSet<u8> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// The text between two texts of a file.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.split_once(start).unwrap_or_else(|| panic!("`{start}` is missing")).1;
    from.split_once(end).unwrap_or_else(|| panic!("`{end}` is missing")).0
}

fn every_file_names_the_codes_of_the_catalog() {
    assert_eq!(numbers(between(&text("dpone-retry"), "case $code in\n", ") ;;")), worth_retrying());
    assert_eq!(numbers(between(&text("dpone@.service"), "RestartPreventExitStatus=", "\n")), final_failures());
    assert_eq!(numbers(between(&text("dag.py"), "NOT_AGAIN = {", "}")), final_failures());
    let readme = text("README.md");
    let rows: Vec<Vec<&str>> = readme
        .lines()
        .skip_while(|line| !line.starts_with("| exit"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let said: Vec<(u8, &str)> = rows.iter().map(|row| (row[1].parse().unwrap(), row[3])).collect();
    let again = |exit: Exit| match exit {
        Exit::Ok => "",
        exit if worth_retrying().contains(&(exit as u8)) => "yes",
        _ => "no",
    };
    let expected: Vec<(u8, &str)> = Exit::ALL.into_iter().map(|exit| (exit as u8, again(exit))).collect();
    assert_eq!(said, expected);
}

/// An executable file.
fn program(workspace: &Workspace, name: &str, script: &str) -> PathBuf {
    let path = workspace.write(name, script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Fails with $EXIT until it ran $FAILURES times; counts its runs in the file `runs`.
const FLAKY: &str = "#!/bin/sh\necho run >> runs\n[ \"$(wc -l < runs)\" -gt \"$FAILURES\" ] || exit \"$EXIT\"\n";

fn dpone_retry_tries_again_what_may_pass() {
    for exit in Exit::ALL.into_iter().map(|exit| exit as u8) {
        for (failures, attempts) in [(2, 3), (9, 2)] {
            let workspace = Workspace::new();
            let flaky = program(&workspace, "flaky", FLAKY);
            let mut command = Command::new(file("dpone-retry"));
            command.args([&attempts.to_string(), "0"]).arg(flaky).current_dir(workspace.path());
            command.env("FAILURES", failures.to_string()).env("EXIT", exit.to_string());
            let done = command.output().unwrap();
            let runs = std::fs::read_to_string(workspace.path().join("runs")).unwrap().lines().count();
            let (expected_runs, expected_exit) = match (exit, worth_retrying().contains(&exit)) {
                (0, _) => (1, 0),
                (_, false) => (1, exit),
                (_, true) if failures < attempts => (failures + 1, 0),
                (_, true) => (attempts, exit),
            };
            assert_eq!((runs, done.status.code()), (expected_runs, Some(i32::from(expected_exit))), "exit {exit}");
        }
    }
}

fn dpone_retry_hands_a_signal_on() {
    let workspace = Workspace::new();
    let script = "#!/bin/sh\necho run >> runs\ntrap 'exit 130' TERM\nwhile :; do sleep 0.05; done\n";
    let patient = program(&workspace, "patient", script);
    let mut command = Command::new(file("dpone-retry"));
    let mut child = command.args(["5", "0"]).arg(patient).current_dir(workspace.path()).spawn().unwrap();
    let started = Instant::now();
    while !workspace.path().join("runs").exists() {
        assert!(started.elapsed() < Duration::from_secs(20), "it does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The shell sets its trap after it has written the file.
    std::thread::sleep(Duration::from_millis(200));
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(std::fs::read_to_string(workspace.path().join("runs")).unwrap(), "run\n", "it is not tried again");
}

/// The crontab's one line: its five fields of time, and its command.
fn cron_line() -> (Vec<String>, String) {
    let crontab = text("crontab");
    let is_entry =
        |line: &&str| !line.is_empty() && !line.starts_with('#') && !line.contains("=/") && !line.contains('@');
    let lines: Vec<&str> = crontab.lines().filter(is_entry).collect();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let mut parts = line.splitn(6, ' ').map(str::to_owned);
    let fields: Vec<String> = parts.by_ref().take(5).collect();
    (fields, parts.next().unwrap())
}

fn the_crontab_line_runs() {
    let (fields, command) = cron_line();
    assert_eq!(fields, ["17", "*", "*", "*", "*"]);
    // In a crontab an unescaped percent sign is a line break.
    assert!(!command.contains('%'), "{command}");
    let workspace = Workspace::new();
    workspace.write("orders.yaml", GUIDE);
    workspace.write("dpone.env", "API_TOKEN=t0ken\n");
    workspace.write(".dpone/profiles/prod.yaml", "extends: local\n");
    program(&workspace, "dpone-retry", &text("dpone-retry"));
    let command =
        command.replace("/srv/dpone", &workspace.path().display().to_string()).replace("retry 4 60", "retry 2 0");
    let by_cron = || {
        let bin = dpone_binary().parent().unwrap().display().to_string();
        // Cron gives a shell with hardly any environment.
        let environment = workspace
            .command(&[])
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect::<Vec<_>>();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &command]).env_clear().envs(environment).env("PATH", format!("{bin}:/usr/bin:/bin"));
        shell.stdin(Stdio::null()).output().unwrap()
    };
    let done = by_cron();
    let printed = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{printed}");
    assert!(done.stdout.is_empty(), "cron would mail a success: {printed}");
    assert_eq!(workspace.topic("dwh.orders", "prod").len(), 10_000);
    workspace.write("orders.yaml", "nane: orders\n");
    let failed = by_cron();
    assert_eq!(failed.status.code(), Some(10));
    let error = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(error.contains("`nane` is not a key") && !error.contains("again in"), "{error}");
}

/// The documents of `cronjob.yaml` by their kinds.
fn kubernetes(kind: &str) -> Value {
    let text = text("cronjob.yaml");
    let documents = text.split("\n---\n").map(|document| serde_saphyr::from_str::<Value>(document).unwrap());
    documents.into_iter().find(|document| document["kind"] == kind).unwrap()
}

fn the_cronjob_is_what_its_comments_say() {
    let cronjob = kubernetes("CronJob");
    assert_eq!(cronjob["spec"]["concurrencyPolicy"], "Forbid");
    let job = &cronjob["spec"]["jobTemplate"]["spec"];
    let rules = job["podFailurePolicy"]["rules"].as_array().unwrap();
    // The first rule that fits counts: an eviction is judged before its exit code.
    assert_eq!(rules[0]["action"], "Ignore");
    assert_eq!(rules[0]["onPodConditions"][0]["type"], "DisruptionTarget");
    let codes = &rules[1]["onExitCodes"];
    assert_eq!((&rules[1]["action"], &codes["operator"]), (&"FailJob".into(), &"In".into()));
    let values: BTreeSet<u8> =
        codes["values"].as_array().unwrap().iter().map(|code| code.as_u64().unwrap() as u8).collect();
    assert_eq!(values, final_failures());
    // The pauses of a job's retries double from 10 s; together they outlast the lease of a killed run.
    assert!((1..=6).contains(&job["backoffLimit"].as_u64().unwrap()));
    let pod = &job["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Never", "podFailurePolicy demands it");
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > 30, "longer than flush_timeout");
    let container = &pod["containers"][0];
    assert_eq!(container["name"], codes["containerName"]);
    let mounts = container["volumeMounts"].as_array().unwrap();
    let mounted =
        |path: &str| mounts.iter().find(|mount| mount["mountPath"] == path).unwrap()["name"].as_str().unwrap();
    let volumes = pod["volumes"].as_array().unwrap();
    let volume = |name: &str| volumes.iter().find(|volume| volume["name"] == name).unwrap();
    let workdir = container["workingDir"].as_str().unwrap();
    // A folder of the volume's that is not mounted itself is made by the runtime, for root alone, as soon as
    // another mount lies below it. The volume's own root is writable by `fsGroup`.
    let state = format!("{workdir}/.dpone");
    for mount in mounts.iter().filter_map(|mount| mount["mountPath"].as_str()) {
        assert!(!state.starts_with(&format!("{mount}/")), "{mount} holds `.dpone`, which would be made by root");
    }
    assert!(pod["securityContext"]["fsGroup"].is_u64());
    let claim = &volume(mounted(&state))["persistentVolumeClaim"]["claimName"];
    assert_eq!(*claim, kubernetes("PersistentVolumeClaim")["metadata"]["name"], "`.dpone` must last");
    for mount in mounts {
        volume(mount["name"].as_str().unwrap());
    }
    // The image cannot be written to, so the cache needs a volume, too; not one whose group may write to it.
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    let environment = container["env"].as_array().unwrap();
    let cache = environment.iter().find(|variable| variable["name"] == "DPONE_CACHE_DIR").unwrap();
    assert!(cache["value"].as_str().unwrap().starts_with("/tmp/"), "{cache}");
    assert!(volume(mounted("/tmp"))["emptyDir"].is_object());
    // The manifest and the profile that it brings are good, and find their variables in the Secret.
    let data = kubernetes("ConfigMap")["data"].clone();
    let workspace = Workspace::new();
    workspace.write("orders.yaml", data["orders.yaml"].as_str().unwrap());
    workspace.write(".dpone/profiles/prod.yaml", data["prod.yaml"].as_str().unwrap());
    let arguments: Vec<&str> =
        container["args"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert_eq!(arguments, ["run", "/config/orders.yaml", "--profile", "prod", "--quiet"]);
    assert_eq!(mounted("/config"), "config");
    workspace.dpone(&["check", "orders.yaml", "--profile", "prod"]).expect_exit(0);
}

/// The settings of a unit, in order.
fn settings(unit: &str) -> Vec<(String, String)> {
    let text = text(unit);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn the_units_are_what_their_comments_say() {
    let settings = settings("dpone@.service");
    let setting = |name: &str| settings.iter().find(|(known, _)| known == name).unwrap().1.clone();
    assert_eq!(setting("Type"), "oneshot");
    assert_eq!(setting("Restart"), "on-failure");
    assert!(setting("RestartSec").parse::<u64>().unwrap() >= 30, "the lease of a killed run lasts 30 s");
    assert!(setting("TimeoutStopSec").parse::<u64>().unwrap() > 30, "longer than flush_timeout");
    assert!(setting("ReadWritePaths").contains(&setting("WorkingDirectory")), "`.dpone` lies there");
    let command = setting("ExecStart");
    let (program, arguments) = command.split_once(' ').unwrap();
    assert_eq!(program, "/usr/local/bin/dpone");
    // The command line is one that dpone takes.
    let workspace = Workspace::new();
    workspace.write("orders.yaml", GUIDE);
    workspace.write(".dpone/profiles/prod.yaml", "extends: local\n");
    let arguments = arguments.replace("%i", "orders");
    let mut arguments: Vec<&str> = arguments.split(' ').collect();
    arguments.extend(["--demo-rows", "20"]);
    workspace.dpone(&arguments).expect_exit(0);
}

fn systemd_takes_the_units() {
    let folder = Workspace::new();
    let service = text("dpone@.service").replace("/usr/local/bin/dpone", &dpone_binary().display().to_string());
    folder.write("dpone@.service", service);
    folder.write("dpone@.timer", text("dpone@.timer"));
    for unit in ["dpone@orders.service", "dpone@orders.timer"] {
        let mut command = Command::new("systemd-analyze");
        command.args(["verify", "--man=no", "--generators=no"]).arg(folder.path().join(unit));
        let done = command.env("SYSTEMD_UNIT_PATH", format!("{}:", folder.path().display())).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let ours: Vec<&str> = said.lines().filter(|line| line.contains("dpone")).collect();
        assert!(done.status.success() && ours.is_empty(), "{unit}: {said}");
    }
}

/// Modules that stand in for Airflow: they record what a DAG is built with.
const AIRFLOW: &[(&str, &str)] = &[
    ("airflow/__init__.py", ""),
    (
        "airflow/sdk/exceptions.py",
        "class AirflowException(Exception): pass\nclass AirflowFailException(AirflowException): pass\n",
    ),
    ("airflow/providers/__init__.py", ""),
    ("airflow/providers/standard/__init__.py", ""),
    ("airflow/providers/standard/hooks/__init__.py", ""),
    (
        "airflow/providers/standard/hooks/subprocess.py",
        r#"
import collections, os, signal, subprocess
SubprocessResult = collections.namedtuple("SubprocessResult", ["exit_code", "output"])

class SubprocessHook:
    sub_process = None
    def run_command(self, command, env=None, output_encoding="utf-8", cwd=None):
        self.sub_process = subprocess.Popen(command, env=env, cwd=cwd, preexec_fn=os.setsid,
                                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = self.sub_process.communicate()
        return SubprocessResult(self.sub_process.returncode, output.decode(output_encoding))
    def send_sigterm(self):
        os.killpg(os.getpgid(self.sub_process.pid), signal.SIGTERM)
"#,
    ),
    (
        "airflow/sdk/__init__.py",
        r#"
class DAG:
    current = None
    def __init__(self, **settings):
        self.settings, self.tasks = settings, []
    def __enter__(self):
        DAG.current = self
        return self
    def __exit__(self, *_):
        pass

class BaseOperator:
    def __init__(self, *, task_id, **settings):
        self.task_id, self.settings = task_id, settings
        DAG.current.tasks.append(self)
"#,
    ),
];

/// Runs the DAG's task for each exit code, and once until it is killed.
const DRIVER: &str = r#"
import json, os, sys, threading, time
import dag
from airflow.sdk import DAG

task, = DAG.current.tasks
task.workdir, task.program = os.getcwd(), os.path.join(os.getcwd(), "dpone")

def outcome(code):
    os.environ["EXIT"] = str(code)
    try:
        task.execute({})
        return "success"
    except Exception as failure:
        return type(failure).__name__

outcomes = {code: outcome(code) for code in map(int, sys.argv[1:])}
killed = []
thread = threading.Thread(target=lambda: killed.append(outcome("wait")))
thread.start()
while not os.path.exists("waiting"):
    time.sleep(0.02)
task.on_kill()
thread.join(20)
settings = {name: str(value) for name, value in DAG.current.settings.items()}
print(json.dumps({"outcomes": outcomes, "killed": killed, "settings": settings, "manifest": task.manifest}))
"#;

/// Exits with $EXIT; told to wait, it runs until SIGTERM and ends as an interrupted run does.
const STAND_IN: &str = r#"#!/bin/sh
[ "$EXIT" = wait ] || exit "$EXIT"
trap 'exit 130' TERM
: > waiting
while :; do sleep 0.05; done
"#;

fn the_dag_tells_failures_apart() {
    let workspace = Workspace::new();
    AIRFLOW.iter().for_each(|(name, text)| drop(workspace.write(name, text)));
    workspace.write("dag.py", text("dag.py"));
    workspace.write("driver.py", DRIVER);
    program(&workspace, "dpone", STAND_IN);
    let exits: Vec<String> = Exit::ALL.into_iter().map(|exit| (exit as u8).to_string()).collect();
    let mut command = Command::new("python3");
    command.arg("driver.py").args(&exits).current_dir(workspace.path()).env("PYTHONPATH", ".");
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    for exit in exits {
        let code: u8 = exit.parse().unwrap();
        let expected = match code {
            0 => "success",
            code if final_failures().contains(&code) => "AirflowFailException",
            _ => "AirflowException",
        };
        assert_eq!(said["outcomes"][&exit], expected, "exit {code}");
    }
    assert_eq!(said["killed"], serde_json::json!(["AirflowException"]), "a run that was stopped may go on");
    assert_eq!(said["settings"]["max_active_runs"], "1");
    assert_eq!(said["settings"]["catchup"], "False");
    assert_eq!(said["manifest"], "orders.yaml");
}
