//! Wall time, CPU time and peak memory of one command, and the CPU time of one thread, by the
//! operating system's own accounting.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a command cost, itself and the children it waited for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    pub wall_s: f64,
    pub cpu_s: f64,
    pub peak_mib: f64,
}

/// Runs a command by way of a process of its own (this binary, `measure`), so that what
/// `getrusage(RUSAGE_CHILDREN)` counts is that command alone.
pub fn measure(command: &[String], workdir: &std::path::Path) -> Result<Cost, Box<dyn std::error::Error>> {
    let exe = std::env::current_exe()?;
    let output =
        Command::new(exe).arg("measure").args(command).current_dir(workdir).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().unwrap_or_default();
    let figures: Vec<f64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    match (output.status.success(), figures.as_slice()) {
        (true, [wall_s, cpu_s, peak_mib]) => Ok(Cost { wall_s: *wall_s, cpu_s: *cpu_s, peak_mib: *peak_mib }),
        _ => Err(format!("{} failed: {text}", command.join(" ")).into()),
    }
}

/// The other side of [`measure`]: runs the command and prints three figures.
#[allow(clippy::print_stdout)]
pub fn run_measured(command: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let started = Instant::now();
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status()?;
    let wall_s = started.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu_s = (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6;
    if !status.success() {
        return Err(format!("{program} ended with {status}").into());
    }
    println!("{wall_s} {cpu_s} {}", usage.max_rss() as f64 / 1024.0);
    Ok(())
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
