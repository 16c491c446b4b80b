//! A disk that fills while a run writes its journal: a small file system of the test's own, mounted
//! where nobody else sees it, so that nothing else runs out of room.

use dpone_harness::{GUIDE, Stand, Workspace, cases, dpone_binary, suite};
use dpone_local::{DemoOptions, Fault, FaultKind};
use std::process::{Command, ExitCode};

/// A new mount namespace; as an ordinary user in a user namespace too, where the system allows it.
const UNSHARE: [&str; 3] = ["--mount", "--map-root-user", "--"];

fn main() -> ExitCode {
    let probe = unshare("mount -t tmpfs -o size=1m tmpfs /mnt").output();
    let can_mount = probe.is_ok_and(|probe| probe.status.success());
    let missing = (!can_mount).then(|| "this machine lets nobody mount a file system of its own".to_owned());
    suite::run("a full disk", missing, cases![a_full_disk_ends_the_run_and_more_room_lets_it_go_on])
}

fn unshare(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(UNSHARE).args(["sh", "-euc", script]);
    command
}

/// The journal takes 16 MiB at a time and asks for 64 MiB before it starts; the rows need more.
fn a_full_disk_ends_the_run_and_more_room_lets_it_go_on() {
    let stand = Stand::start(DemoOptions { rows: 9_000, page_size: 100, new_rows: 0, ..DemoOptions::default() });
    stand.misbehave(vec![Fault::always(FaultKind::HugeRow { bytes: 900_000 })]);
    let workspace = stand.workspace();
    workspace.write("guide.yaml", GUIDE);
    let script = format!(
        "mkdir -p .dpone/journal
         mount -t tmpfs -o size=70m tmpfs .dpone/journal
         {dpone} run guide.yaml --profile test --quiet || echo \"run: $?\"
         {dpone} state show guide.yaml --profile test --format json | grep '\"revision\": 0' >/dev/null
         {dpone} topic read dwh.orders --profile test --limit 1
         echo \"more room\"
         id=$(ls .dpone/journal/api_to_kafka_example)
         mount -o remount,size=300m .dpone/journal
         {dpone} resume \"$id\" --quiet
         {dpone} state show guide.yaml --profile test --format json",
        dpone = dpone_binary().display(),
    );
    let output = run(&workspace, &script);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("run: 40"), "{stdout}\n{stderr}");
    assert!(stderr.contains("DP1001"), "{stderr}");
    assert!(stderr.contains("the disk is full"), "{stderr}");
    let (_, after_run) = stdout.split_once("run: 40").unwrap_or_else(|| panic!("{stdout}\n{stderr}"));
    let (before_resume, _) = after_run.split_once("more room").unwrap_or_else(|| panic!("{stdout}\n{stderr}"));
    assert_eq!(
        before_resume.split('\n').filter(|line| line.contains("order_id")).count(),
        0,
        "nothing was published, and state did not move: {stdout}"
    );
    assert!(stdout.contains("9000 acknowledged"), "{stdout}\n{stderr}");
    assert!(stdout.contains("\"revision\": 1"), "{stdout}");
    // The resumed run asked for no page twice but the one that found the disk full, and the one
    // whose request was already under way.
    assert!(stand.page_requests() <= 92, "{} requests", stand.page_requests());
}

fn run(workspace: &Workspace, script: &str) -> std::process::Output {
    let configured = workspace.command(&[]);
    let mut command = unshare(script);
    command.current_dir(workspace.path());
    command.envs(configured.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.output().expect("unshare starts")
}
