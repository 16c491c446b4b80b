//! `dpone … | head`: a reader that goes away changes neither the work nor the exit code, and a full disk is
//! an error in words.

use dpone_harness::{GUIDE, Stand, Workspace};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

/// How long the reader of a pipe stays.
#[derive(Debug, Clone, Copy)]
enum Reader {
    /// Not at all.
    Gone,
    OneLine,
}

/// The command that ended, and its end.
struct Ended {
    exit: Option<i32>,
    stderr: String,
}

fn with_stdout(mut command: Command, reader: Reader) -> Ended {
    command.stderr(Stdio::piped());
    let mut child = match reader {
        Reader::Gone => {
            let (read, write) = std::io::pipe().unwrap();
            drop(read);
            command.stdout(write).spawn().unwrap()
        }
        Reader::OneLine => command.stdout(Stdio::piped()).spawn().unwrap(),
    };
    // The command holds the writing end of a pipe that it was given.
    drop(command);
    let mut lines = child.stdout.take().map(BufReader::new);
    let first = lines.as_mut().map(|lines| lines.read_line(&mut String::new()));
    drop((lines, first));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    Ended { exit: child.wait().unwrap().code(), stderr }
}

fn without_stderr(mut command: Command) -> Option<i32> {
    let (read, write) = std::io::pipe().unwrap();
    drop(read);
    let mut child = command.stdout(Stdio::null()).stderr(write).spawn().unwrap();
    drop(command);
    child.wait().unwrap().code()
}

/// A workspace in which every command has something to print: runs, state, journals, messages.
fn lived_in(stand: &Stand) -> Workspace {
    let workspace = stand.workspace();
    let repeatable = GUIDE.replace("  mode: fail\n", "  mode: fail\n  on_empty_boundary: pass\n");
    workspace.write("other.yaml", repeatable.replace("api_to_kafka_example", "other"));
    workspace.write("guide.yaml", repeatable);
    workspace.dpone(&["run", "guide.yaml", "--profile", "test"]).expect_exit(0);
    workspace
}

/// Each command that prints, and the exit code that it has at all times.
const PRINTING: &[(&[&str], i32)] = &[
    (&["--help"], 0),
    (&["run", "--help"], 0),
    (&["--version"], 0),
    (&["explain"], 0),
    (&["explain", "DP0203"], 0),
    (&["explain", "DP9999"], 2),
    (&["explain", "duplicate_policy"], 0),
    (&["schema"], 0),
    (&["schema", "profile", "--format", "md"], 0),
    (&["completions", "bash"], 0),
    (&["completions", "zsh"], 0),
    (&["check", "guide.yaml"], 0),
    (&["check", "guide.yaml", "--format", "json"], 0),
    (&["check", "missing.yaml", "--format", "json"], 10),
    (&["plan", "guide.yaml"], 0),
    (&["plan", "guide.yaml", "--format", "json"], 0),
    (&["state", "show", "guide.yaml"], 0),
    (&["state", "show", "guide.yaml", "--format", "json"], 0),
    (&["state", "history", "guide.yaml"], 0),
    (&["topic", "read", "dwh.orders"], 0),
    (&["topic", "read", "dwh.orders", "--format", "ndjson"], 0),
    (&["journal", "list"], 0),
    (&["journal", "purge"], 0),
    (&["connections", "list"], 0),
    (&["connections", "test", "guide.yaml"], 0),
    (&["doctor"], 0),
    (&["plugin", "list"], 0),
    (&["plugin", "inspect", "builtin:cursor"], 0),
    (&["plugin", "inspect", "builtin:cursor", "--format", "json"], 0),
    (&["run", "guide.yaml"], 0),
    (&["run", "guide.yaml", "--format", "json"], 0),
    (&["run", "guide.yaml", "--format", "md"], 0),
    (&["run", "guide.yaml", "--log", "debug"], 0),
    (&["run", "guide.yaml", "other.yaml"], 0),
    (&["run", "guide.yaml", "other.yaml", "--format", "json"], 0),
    (&["run", "missing.yaml"], 10),
    (&["state", "reset", "guide.yaml", "--yes"], 0),
];

#[test]
fn a_reader_that_goes_away_changes_no_exit_code() {
    let stand = Stand::small();
    let workspace = lived_in(&stand);
    for (arguments, exit) in PRINTING {
        let arguments = [*arguments, &["--profile", "test"]].concat();
        for reader in [Reader::Gone, Reader::OneLine] {
            let ended = with_stdout(workspace.command(&arguments), reader);
            let shown = format!("{arguments:?} with its reader {reader:?}:\n{}", ended.stderr);
            assert!(!ended.stderr.contains("panicked"), "{shown}");
            assert_eq!(ended.exit, Some(*exit), "{shown}");
        }
        assert_eq!(without_stderr(workspace.command(&arguments)), Some(*exit), "{arguments:?} without stderr");
    }
}

/// The stand-in for a standard stream.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Open,
    Closed,
    Full,
}

#[test]
fn closed_and_full_streams_change_no_work() {
    use Stream::{Closed, Full, Open};
    let stand = Stand::small();
    let workspace = lived_in(&stand);
    let run = |name: &str| {
        workspace.write(
            "new.yaml",
            GUIDE.replace("api_to_kafka_example", name).replace("dwh.orders", &format!("dwh.{name}")),
        );
    };
    for (number, (stdin, stdout, stderr)) in [
        (Open, Full, Open),
        (Open, Closed, Open),
        (Open, Open, Full),
        (Open, Full, Full),
        (Open, Closed, Closed),
        (Closed, Closed, Closed),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("load_{number}");
        run(&name);
        let redirect = |number: u8, stream, closed: &str| match stream {
            Open => String::new(),
            Closed => format!(" {number}{closed}&-"),
            Full => format!(" {number}>/dev/full"),
        };
        let streams = redirect(0, stdin, "<") + &redirect(1, stdout, ">") + &redirect(2, stderr, ">");
        for (arguments, exit) in [
            ("run new.yaml", 0),
            ("run guide.yaml other.yaml", 0),
            ("check new.yaml", 0),
            ("resume 20260101T000000Z-0000000000", 2),
        ] {
            let direct = workspace.command(&[]);
            let mut command = Command::new("sh");
            command.args(["-c", &format!("exec \"$0\" {arguments} --profile test{streams}")]).arg(direct.get_program());
            command
                .current_dir(workspace.path())
                .envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let ran: dpone_harness::Ran = command.output().unwrap().into();
            let shown = format!("{arguments}{streams}:\n{}", ran.stderr);
            assert!(!ran.stderr.contains("panicked"), "{shown}");
            assert_eq!(ran.exit, Some(exit), "{shown}");
            if matches!((stdout, stderr), (Full, Open)) && arguments == "run new.yaml" {
                assert!(ran.stderr.contains("state: revision 1"), "what became of the work is told: {shown}");
            }
        }
        assert_eq!(workspace.topic(&format!("dwh.{name}"), "test").len(), 30, "{streams}");
    }
}

#[test]
fn a_run_whose_reader_is_gone_does_its_work() {
    let stand = Stand::small();
    let workspace = stand.workspace();
    let command = workspace.command(&["run", "guide.yaml", "--profile", "test"]);
    assert_eq!(with_stdout(command, Reader::Gone).exit, Some(0));
    assert_eq!(workspace.topic("dwh.orders", "test").len(), 30);
    let shown = workspace.dpone(&["state", "show", "guide.yaml", "--profile", "test", "--format", "json"]);
    assert_eq!(shown.expect_exit(0).json()["revision"], 1);
}

#[test]
fn a_full_disk_is_told_and_the_work_is_done() {
    let stand = Stand::small();
    let workspace = lived_in(&stand);
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    for (arguments, exit) in PRINTING {
        let arguments = [*arguments, &["--profile", "test"]].concat();
        let ran: dpone_harness::Ran = workspace.command(&arguments).stdout(full()).output().unwrap().into();
        let shown = format!("{arguments:?}:\n{}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{shown}");
        // A command that fails by itself may have had no result to print.
        if *exit == 0 {
            let does_work = matches!(arguments[0], "run" | "check") && arguments[1] != "--help"
                || arguments[..2] == ["journal", "purge"]
                || arguments[..2] == ["state", "reset"];
            assert_eq!(ran.exit, Some(if does_work { 0 } else { 40 }), "{shown}");
            assert!(ran.stderr.contains("DP1004") && ran.stderr.contains("No space left"), "{shown}");
        } else {
            assert_eq!(ran.exit, Some(*exit), "{shown}");
        }
    }
}
