//! Work in a child process: what a component makes the host do before it runs, such as compiling it or
//! judging options by its schema, takes the child's time and memory, not the run's.
//!
//! The child reads its input on standard input and writes its answer on standard output; what it has to say
//! else is on standard error. It bounds itself before it reads a byte: CPU time, address space, no core file.

use crate::text;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

const MAX_MESSAGE_BYTES: u64 = 64 << 10;
const CPU_VARIABLE: &str = "DPONE_COMPILE_CPU_SECONDS";
const MEMORY_VARIABLE: &str = "DPONE_COMPILE_MEMORY_BYTES";

/// The program that compiles and judges: this executable with an argument that leads to
/// [`compile_child_main`](crate::compile_child_main).
#[derive(Debug, Clone)]
pub struct ChildCommand {
    pub program: PathBuf,
    pub args: Vec<OsString>,
}

/// The limits of one child.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// CPU time over all its threads, in whole seconds.
    pub cpu: Duration,
    pub wall: Duration,
    /// Address space.
    pub memory: u64,
    /// Bytes of its answer, and a word for what that is.
    pub output: u64,
    pub answer: &'static str,
}

/// How a child ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Answered(Vec<u8>),
    /// It gave up with an exit code of its own, and said why.
    Code(i32, String),
    /// It ran into a bound, which this names.
    Over(String),
}

/// Starts a child for one piece of work. `job` is a variable that tells it which.
pub(crate) async fn run(
    child: &ChildCommand,
    bounds: &Bounds,
    job: Option<&'static str>,
    input: &[u8],
) -> io::Result<Ended> {
    match tokio::time::timeout(bounds.wall, exchange(child, bounds, job, input)).await {
        Ok(ended) => ended,
        // The child is killed when the future that owns it is dropped.
        Err(_) => Ok(Ended::Over(format!("it took longer than {:?}", bounds.wall))),
    }
}

async fn exchange(child: &ChildCommand, bounds: &Bounds, job: Option<&'static str>, input: &[u8]) -> io::Result<Ended> {
    let mut process = Command::new(&child.program)
        .args(&child.args)
        // Credentials of the environment are none of its business.
        .env_clear()
        .env(CPU_VARIABLE, bounds.cpu.as_secs().max(1).to_string())
        .env(MEMORY_VARIABLE, bounds.memory.to_string())
        .envs(job.map(|variable| (variable, "1")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stdout, stderr) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A child that ends early says why on its standard error.
            let _ = stdin.write_all(input).await;
            let _ = stdin.shutdown().await;
        }
    };
    let answer = async {
        let mut answer = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(bounds.output + 1).read_to_end(&mut answer).await?;
        }
        Ok::<_, io::Error>(answer)
    };
    let message = async {
        let mut message = Vec::new();
        if let Some(stderr) = stderr {
            stderr.take(MAX_MESSAGE_BYTES).read_to_end(&mut message).await?;
        }
        Ok::<_, io::Error>(message)
    };
    let ((), answer, message) = tokio::join!(feed, answer, message);
    let (answer, message) = (answer?, message?);
    if answer.len() as u64 > bounds.output {
        return Ok(Ended::Over(format!("its {} is larger than {} bytes", bounds.answer, bounds.output)));
    }
    Ok(judge(bounds, process.wait().await?, answer, &message))
}

fn judge(bounds: &Bounds, status: ExitStatus, answer: Vec<u8>, message: &[u8]) -> Ended {
    use std::os::unix::process::ExitStatusExt;
    let said = text::one_line(&String::from_utf8_lossy(message), text::MAX_MESSAGE_BYTES);
    match (status.code(), status.signal()) {
        (Some(0), _) => Ended::Answered(answer),
        (Some(code), _) => Ended::Code(code, said),
        (None, Some(signal)) if signal == rustix::process::Signal::XCPU.as_raw() => {
            Ended::Over(format!("it took more than {:?} of CPU time", bounds.cpu))
        }
        // A failed allocation aborts, and a stack that cannot grow faults.
        (None, signal) => Ended::Over(format!(
            "it died (signal {}), most likely for want of memory ({} bytes)",
            signal.unwrap_or(0),
            bounds.memory
        )),
    }
}

/// The child's first step; without the variables it takes the limits that the caller gives.
pub(crate) fn bound_self(cpu: u64, memory: u64) -> Result<(), String> {
    let cpu = variable(CPU_VARIABLE).unwrap_or(cpu);
    let memory = variable(MEMORY_VARIABLE).unwrap_or(memory);
    for (resource, value) in [(Resource::Core, 0), (Resource::Cpu, cpu), (Resource::As, memory)] {
        // The soft limit of CPU time signals with a name of its own, the hard one just kills. A
        // bound that the host itself lives under can only be lowered.
        let hard = if resource == Resource::Cpu { value + 1 } else { value };
        let hard = getrlimit(resource).maximum.map_or(hard, |outer| outer.min(hard));
        setrlimit(resource, Rlimit { current: Some(value.min(hard)), maximum: Some(hard) })
            .map_err(|error| format!("a resource limit cannot be set: {error}"))?;
    }
    Ok(())
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
