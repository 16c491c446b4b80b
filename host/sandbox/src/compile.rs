//! Compiling in a child process: a component that takes the compiler's time or memory takes the
//! child's, not the run's.
//!
//! The child reads the component and writes native code. Exit codes: 0 done, 65 malformed, 70 rejected by the
//! compiler, 71 no room for its threads; a signal is a limit.

use crate::child::{self, Bounds, ChildCommand, Ended};
use crate::engine::{self, Counting};
use crate::error::Error;
use crate::judging;
use crate::trusted::OwnCode;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::Duration;

const MALFORMED: u8 = 65;
const REJECTED: u8 = 70;
const STARVED: u8 = 71;
/// Exit code of a Rust program that panicked.
const PANICKED: u8 = 101;
/// Threads that compile. Each costs address space and shares the bound of CPU time.
const THREADS: usize = 4;
/// Set where the code is to count fuel.
const FUEL_VARIABLE: &str = "DPONE_COMPILE_FUEL";
/// Set where no deadline is to stop the code, for benchmarks. A run's engine does not take it.
const NO_EPOCHS_VARIABLE: &str = "DPONE_COMPILE_NO_EPOCHS";

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
    command: &ChildCommand,
    limits: &CompileLimits,
    counting: Counting,
    named: &str,
    component: &[u8],
) -> Result<OwnCode, Error> {
    let owned = || named.to_owned();
    let over = |limit: String| Error::CompileLimit { named: owned(), limit };
    let bounds = Bounds {
        cpu: limits.cpu,
        wall: limits.wall,
        memory: limits.memory,
        output: limits.code,
        answer: "native code",
    };
    let ended = child::run(command, &bounds, counting_variable(counting), component).await;
    match ended.map_err(|error| Error::Child { named: owned(), cause: error.to_string() })? {
        Ended::Answered(code) => Ok(OwnCode::vouched(code)),
        Ended::Over(limit) => Err(over(limit)),
        Ended::Code(code, cause) if code == i32::from(MALFORMED) => Err(Error::NotAComponent { named: owned(), cause }),
        Ended::Code(code, cause) if code == i32::from(REJECTED) || code == i32::from(PANICKED) => {
            Err(Error::CompileFailed { named: owned(), cause })
        }
        Ended::Code(code, cause) if code == i32::from(STARVED) => {
            Err(over(format!("{} bytes of memory have no room for the compiler: {cause}", limits.memory)))
        }
        Ended::Code(code, cause) => {
            Err(Error::Child { named: owned(), cause: format!("it ended with code {code}: {cause}") })
        }
    }
}

/// The child's work: it compiles, or judges options where its environment says so.
pub fn compile_child_main() -> ExitCode {
    let done = if judging::is_asked_for() { judging::child() } else { compile_child() };
    match done {
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
    child::bound_self(defaults.cpu.as_secs(), defaults.memory).map_err(|message| (1, message))?;
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
