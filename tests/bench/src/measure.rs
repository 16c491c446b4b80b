//! Wall time, CPU time by thread and peak memory of one command, and the CPU time of one thread, by
//! the operating system's own accounting.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often threads are looked at. One that ends between two looks loses what it did after the first.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A command's cost, with the children it waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    pub wall_s: f64,
    pub cpu_s: f64,
    pub peak_mib: f64,
    /// CPU seconds of its threads by name, as `/proc/PID/task/TID/schedstat` counts them.
    pub threads: BTreeMap<String, f64>,
}

/// Runs a command by way of a process of its own (this binary, `measure`), so that what
/// `getrusage(RUSAGE_CHILDREN)` counts is that command alone.
pub fn measure(command: &[String], workdir: &std::path::Path) -> Result<Cost, Box<dyn std::error::Error>> {
    let exe = std::env::current_exe()?;
    let output =
        Command::new(exe).arg("measure").args(command).current_dir(workdir).stderr(Stdio::inherit()).output()?;
    match serde_json::from_slice(&output.stdout) {
        Ok(cost) if output.status.success() => Ok(cost),
        _ => Err(format!("{} failed: {}", command.join(" "), String::from_utf8_lossy(&output.stdout)).into()),
    }
}

/// The other side of [`measure`]: runs the command and prints its cost as JSON.
#[allow(clippy::print_stdout)]
pub fn run_measured(command: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let started = Instant::now();
    let mut child = Command::new(program).args(arguments).stdout(Stdio::null()).spawn()?;
    let (status, threads) = watch(&mut child)?;
    let wall_s = started.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu_s = (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6;
    if !status.success() {
        return Err(format!("{program} ended with {status}").into());
    }
    let cost = Cost { wall_s, cpu_s, peak_mib: usage.max_rss() as f64 / 1024.0, threads };
    println!("{}", serde_json::to_string(&cost)?);
    Ok(())
}

/// Waits for the end of a process, whose threads are looked at meanwhile.
fn watch(child: &mut Child) -> std::io::Result<(ExitStatus, BTreeMap<String, f64>)> {
    let folder = format!("/proc/{}/task", child.id());
    let has_ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = BTreeMap::new();
            while !has_ended.load(Ordering::Relaxed) {
                look(&folder, &mut seen);
                std::thread::park_timeout(LOOK_EVERY);
            }
            seen
        });
        let status = child.wait();
        has_ended.store(true, Ordering::Relaxed);
        watcher.thread().unpark();
        let mut threads = BTreeMap::new();
        for (name, seconds) in watcher.join().unwrap_or_default().into_values() {
            *threads.entry(name).or_default() += seconds;
        }
        Ok((status?, threads))
    })
}

/// Name and CPU seconds of each thread, by its id.
fn look(folder: &str, seen: &mut BTreeMap<OsString, (String, f64)>) {
    for thread in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let read = |file: &str| std::fs::read_to_string(thread.path().join(file)).ok();
        // The first figure is the time on a CPU in nanoseconds (Documentation/scheduler/sched-stats.rst).
        let on_cpu_ns = || read("schedstat")?.split(' ').next()?.parse::<f64>().ok();
        if let Some((name, on_cpu_ns)) = read("comm").zip(on_cpu_ns()) {
            seen.insert(thread.file_name(), (name.trim().to_owned(), on_cpu_ns / 1e9));
        }
    }
}

/// CPU time of the thread that calls this, in nanoseconds.
pub fn thread_cpu_ns() -> Result<u64, Box<dyn std::error::Error>> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(u64::try_from(time.num_nanoseconds())?)
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
