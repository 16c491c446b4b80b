//! Compiling in a child process: a component that takes the compiler's time or memory takes the
//! child's, not the run's.
//!
//! The child reads the component on standard input and writes native code on standard output. Exit
//! codes: 0 done, 65 malformed, 70 rejected by the compiler, 71 no room for its threads; a signal is a
//! limit.

use crate::engine::{self, Counting};
use crate::error::Error;
use crate::text;
use crate::trusted::OwnCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

const MALFORMED: u8 = 65;
const REJECTED: u8 = 70;
const STARVED: u8 = 71;
/// Exit code of a Rust program that panicked.
const PANICKED: u8 = 101;
const MAX_MESSAGE_BYTES: u64 = 64 << 10;
/// Threads that compile. Each costs address space and shares the bound of CPU time.
const THREADS: usize = 4;
const CPU_VARIABLE: &str = "DPONE_COMPILE_CPU_SECONDS";
const MEMORY_VARIABLE: &str = "DPONE_COMPILE_MEMORY_BYTES";
/// Set where the code is to count fuel.
const FUEL_VARIABLE: &str = "DPONE_COMPILE_FUEL";
/// Set where no deadline is to stop the code, for benchmarks. A run's engine does not take it.
const NO_EPOCHS_VARIABLE: &str = "DPONE_COMPILE_NO_EPOCHS";

/// The program that compiles: this executable with an argument that leads to
/// [`compile_child_main`].
#[derive(Debug, Clone)]
pub struct ChildCommand {
    pub program: PathBuf,
    pub args: Vec<OsString>,
}

/// Bounds of one compilation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// CPU time of the child over all its threads; 30 s, in whole seconds.
    pub cpu: Duration,
    /// Wall time; 60 s.
    pub wall: Duration,
    /// Address space of the child; 4 GiB.
    pub memory: u64,
    /// Size of a component; 64 MiB.
    pub component: u64,
    /// Size of the native code; 512 MiB.
    pub code: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(30),
            wall: Duration::from_secs(60),
            memory: 4 << 30,
            component: 64 << 20,
            code: 512 << 20,
        }
    }
}

/// Compiles a component in a child process of its own.
pub(crate) async fn compile(
    child: &ChildCommand,
    limits: &CompileLimits,
    counting: Counting,
    named: &str,
    component: &[u8],
) -> Result<OwnCode, Error> {
    match tokio::time::timeout(limits.wall, run(child, limits, counting, named, component)).await {
        Ok(done) => done,
        // The child is killed when the future that owns it is dropped.
        Err(_) => Err(over(named, format!("it took longer than {:?}", limits.wall))),
    }
}

async fn run(
    child: &ChildCommand,
    limits: &CompileLimits,
    counting: Counting,
    named: &str,
    component: &[u8],
) -> Result<OwnCode, Error> {
    let broken = |error: std::io::Error| Error::Child { named: named.to_owned(), cause: error.to_string() };
    let mut process = Command::new(&child.program)
        .args(&child.args)
        // Credentials of the environment are none of the compiler's business.
        .env_clear()
        .env(CPU_VARIABLE, limits.cpu.as_secs().max(1).to_string())
        .env(MEMORY_VARIABLE, limits.memory.to_string())
        .envs(counting_variable(counting).map(|variable| (variable, "1")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(broken)?;
    let (stdin, stdout, stderr) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A child that ends early says why on its standard error.
            let _ = stdin.write_all(component).await;
            let _ = stdin.shutdown().await;
        }
    };
    let code = async {
        let mut code = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(limits.code + 1).read_to_end(&mut code).await?;
        }
        Ok(code)
    };
    let message = async {
        let mut message = Vec::new();
        if let Some(stderr) = stderr {
            stderr.take(MAX_MESSAGE_BYTES).read_to_end(&mut message).await?;
        }
        Ok(message)
    };
    let ((), code, message) = tokio::join!(feed, code, message);
    let (code, message): (Vec<u8>, Vec<u8>) = (code.map_err(broken)?, message.map_err(broken)?);
    if code.len() as u64 > limits.code {
        return Err(over(named, format!("its native code is larger than {} bytes", limits.code)));
    }
    let status = process.wait().await.map_err(broken)?;
    judge(named, limits, status, &message)?;
    Ok(OwnCode::vouched(code))
}

fn judge(named: &str, limits: &CompileLimits, status: ExitStatus, message: &[u8]) -> Result<(), Error> {
    use std::os::unix::process::ExitStatusExt;
    let cause = text::one_line(&String::from_utf8_lossy(message), text::MAX_MESSAGE_BYTES);
    let owned = || named.to_owned();
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) if code == i32::from(MALFORMED) => Err(Error::NotAComponent { named: owned(), cause }),
        (Some(code), _) if code == i32::from(REJECTED) || code == i32::from(PANICKED) => {
            Err(Error::CompileFailed { named: owned(), cause })
        }
        (Some(code), _) if code == i32::from(STARVED) => {
            Err(over(named, format!("{} bytes of memory have no room for the compiler: {cause}", limits.memory)))
        }
        (Some(code), _) => Err(Error::Child { named: owned(), cause: format!("it ended with code {code}: {cause}") }),
        (None, Some(signal)) if signal == rustix::process::Signal::XCPU.as_raw() => {
            Err(over(named, format!("it took more than {:?} of CPU time", limits.cpu)))
        }
        // A failed allocation aborts, and a stack that cannot grow faults.
        (None, signal) => Err(over(
            named,
            format!(
                "the compiler died (signal {}), most likely for want of memory ({} bytes)",
                signal.unwrap_or(0),
                limits.memory
            ),
        )),
    }
}

fn over(named: &str, limit: String) -> Error {
    Error::CompileLimit { named: named.to_owned(), limit }
}

/// What the compile child does. It bounds itself before it reads a byte: CPU time, address space,
/// no core file.
pub fn compile_child_main() -> ExitCode {
    match compile_child() {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            // The parent reads it; there is nobody else to tell where that fails.
            let _ = std::io::stderr().write_all(message.as_bytes());
            ExitCode::from(code)
        }
    }
}

fn compile_child() -> Result<(), (u8, String)> {
    let defaults = CompileLimits::default();
    let cpu = variable(CPU_VARIABLE).unwrap_or(defaults.cpu.as_secs());
    let memory = variable(MEMORY_VARIABLE).unwrap_or(defaults.memory);
    for (resource, value) in [(Resource::Core, 0), (Resource::Cpu, cpu), (Resource::As, memory)] {
        // The soft limit of CPU time signals with a name of its own, the hard one just kills. A
        // bound that the host itself lives under can only be lowered.
        let hard = if resource == Resource::Cpu { value + 1 } else { value };
        let hard = getrlimit(resource).maximum.map_or(hard, |outer| outer.min(hard));
        setrlimit(resource, Rlimit { current: Some(value.min(hard)), maximum: Some(hard) })
            .map_err(|error| (1, format!("a resource limit cannot be set: {error}")))?;
    }
    start_threads().map_err(|error| (STARVED, error))?;
    let counting = [Counting::Fuel, Counting::NoEpochs].into_iter().find(|counting| is_asked_for(*counting));
    let counting = counting.unwrap_or(Counting::Nothing);
    let mut component = Vec::new();
    std::io::stdin().lock().read_to_end(&mut component).map_err(|error| (1, error.to_string()))?;
    let engine = wasmtime::Engine::new(&engine::config(counting)).map_err(|error| (1, format!("{error:#}")))?;
    let code = engine.precompile_component(&component).map_err(|error| reason(&component, &error))?;
    std::io::stdout().lock().write_all(&code).map_err(|error| (1, error.to_string()))
}

/// Starts the threads on which wasmtime compiles. Left to itself it starts them in the middle of
/// compiling, and panics where it cannot.
fn start_threads() -> Result<(), String> {
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS));
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().map_err(|error| error.to_string())
}

/// Tells damaged bytes from a sound component that this engine does not take.
fn reason(component: &[u8], error: &wasmtime::Error) -> (u8, String) {
    let features = wasmparser::WasmFeatures::all();
    match wasmparser::Validator::new_with_features(features).validate_all(component) {
        Err(malformed) => (MALFORMED, malformed.to_string()),
        Ok(_) => (REJECTED, format!("{error:#}")),
    }
}

/// How the child is told what the code is to count.
fn counting_variable(counting: Counting) -> Option<&'static str> {
    match counting {
        Counting::Nothing => None,
        Counting::Fuel => Some(FUEL_VARIABLE),
        Counting::NoEpochs => Some(NO_EPOCHS_VARIABLE),
    }
}

fn is_asked_for(counting: Counting) -> bool {
    counting_variable(counting).is_some_and(|variable| std::env::var_os(variable).is_some())
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
