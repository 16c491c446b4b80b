//! A plugin's recorded cases as tests of `cargo test`: the same room as `dpone plugin test`.
//!
//! A test target of its own, for the harness is replaced:
//! ```toml
//! [[test]]
//! name = "cases"
//! harness = false
//! ```
//! `tests/cases.rs`, where the component was built by `dpone plugin build`:
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     dpone_testkit::main("orders.wasm", "cases")
//! }
//! ```
//! This crate links the sandbox, so a first build takes minutes, and it is found in a checkout of
//! dpone only; `dpone plugin test` needs neither.

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use dpone_model::{Report, codes};
use dpone_sandbox::{ChildCommand, CompileLimits, Sandbox};
use dpone_trial::Trials;
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// With this argument the test program is the sandbox's compile child.
const COMPILE: &str = "__compile";

/// Runs every case of the folder against the component; each is a test by its name. Paths are
/// relative to the package, where cargo runs its tests.
pub fn main(component: &str, cases: &str) -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(COMPILE) {
        return dpone_sandbox::compile_child_main();
    }
    let arguments = Arguments::from_args();
    let tests = match tests(Path::new(component), Path::new(cases)) {
        Ok(tests) => tests,
        // One test that fails, so that the harness's own options and output stay in force.
        Err(report) => vec![Trial::test("cases", move || Err(Failed::from(report.to_string())))],
    };
    libtest_mimic::run(&arguments, tests).exit_code()
}

fn tests(component: &Path, cases: &Path) -> Result<Vec<Trial>, Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = Arc::new(runtime.map_err(|cause| Report::new(&codes::internal::BUG, cause.to_string()))?);
    let trials = Arc::new(runtime.block_on(open(component, cases))?);
    let trial = |name: String| {
        let (runtime, trials, case) = (runtime.clone(), trials.clone(), name.clone());
        Trial::test(name, move || match runtime.block_on(trials.run(&case, false)) {
            Ok(tried) if tried.passed => Ok(()),
            Ok(tried) => Err(Failed::from(tried.problems.join("\n"))),
            Err(report) => Err(Failed::from(report.to_string())),
        })
    };
    Ok(trials.names(None)?.into_iter().map(trial).collect())
}

async fn open(component: &Path, cases: &Path) -> Result<Trials, Report> {
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |cause: std::io::Error| Report::new(&codes::disk::IO, format!("{path}: {cause}"))
    };
    let bytes = std::fs::read(component).map_err(io(component))?;
    let program = std::env::current_exe().map_err(io(Path::new("this program")))?;
    let child = ChildCommand { program, args: vec![COMPILE.into()] };
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let limits = CompileLimits { cpu: minutes(3), wall: minutes(5), ..CompileLimits::default() };
    let sandbox = Sandbox::new(cache()?, limits, child)?.counting_fuel();
    let plugin = sandbox.load(bytes, &component.display().to_string()).await?;
    let folder = Dir::open_ambient_dir(cases, ambient_authority()).map_err(io(cases))?;
    Ok(Trials::new(sandbox, plugin, folder, &cases.display().to_string()))
}

/// `DPONE_CACHE_DIR`, else a folder beside the test program, so that the next run need not compile.
fn cache() -> Result<Dir, Report> {
    let beside = || std::env::current_exe().map(|program| program.with_file_name("dpone-test-cache"));
    let path = std::env::var_os("DPONE_CACHE_DIR").map_or_else(beside, |path| Ok(path.into()));
    let opened = path.and_then(|path| {
        std::fs::create_dir_all(&path)?;
        Dir::open_ambient_dir(&path, ambient_authority())
    });
    opened.map_err(|cause| Report::new(&codes::disk::IO, format!("the folder of compiled components: {cause}")))
}
