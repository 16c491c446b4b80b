//! Starting a process for a tenant: its environment, its control group, and what it is told it is.

use crate::confine::group::Group as ControlGroup;
use crate::lines::{Said, Say};
use crate::protocol::{CommandSetup, Job, Local, Setup};
use dpone_model::human::{bytes, duration};
use dpone_model::{Report, codes};
use dpone_run::signature::TrustedKey;
use dpone_run::tenancy::Tenancy;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

/// Process groups of the workers that were started and have not ended.
static STARTED: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Ends all workers of this process at once, with whatever they have started: this process ends without
/// waiting for them.
pub fn end_all() {
    for pid in std::mem::take(&mut *STARTED.lock().unwrap_or_else(PoisonError::into_inner)) {
        end_group(Pid::from_raw(pid));
    }
}

/// Ends a worker and whatever it has started.
pub(crate) fn end_group(group: Option<Pid>) {
    if let Some(group) = group {
        // It may have ended by itself.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// A worker was waited for: its number may be another process's from now on.
pub(crate) fn has_ended(group: Option<Pid>) {
    if let Some(group) = group {
        STARTED.lock().unwrap_or_else(PoisonError::into_inner).remove(&group.as_raw_nonzero().get());
    }
}

/// How long a process may take to read what it is told.
const READS_WITHIN: Duration = Duration::from_secs(10);

/// Settings that all processes of one command line share.
pub struct Launch {
    /// This program.
    pub program: PathBuf,
    pub profile: Option<String>,
    /// Absolute.
    pub plugin_path: Vec<PathBuf>,
    pub locked: bool,
    pub signers: Option<Vec<TrustedKey>>,
    pub quiet: bool,
    /// Arguments that say what it logs, and how.
    pub logs: Vec<String>,
    /// Each line of its standard error is to be a JSON object.
    pub logs_json: bool,
    /// Prints such a line.
    pub say: Say,
}

/// The runs of one process.
pub struct Group {
    /// How its lines are named.
    pub name: String,
    /// Working folder of its runs; of a tenant, its own.
    pub workdir: PathBuf,
    /// The tenant that they belong to; without one the process is as free as this one.
    pub tenancy: Option<Tenancy>,
    /// Each with its number among all.
    pub jobs: Vec<(usize, Job)>,
}

/// One command that is done for a tenant, in a process of its own.
pub struct Delegated {
    /// The command line, without the program's name.
    pub arguments: Vec<String>,
    /// The manifest that it names, without links.
    pub manifest: PathBuf,
    pub local: Option<Local>,
    /// Whether it may write beside the manifest.
    pub writes_manifests: bool,
}

/// Does one command in a process that is confined to its tenant, and gives the exit code.
///
/// # Errors
/// The process cannot be started, or was ended.
pub async fn delegate(launch: &Launch, group: &Group, command: Delegated) -> Result<u8, Report> {
    let (mut process, stdin) = start(launch, group, Some(command), group.share()).await?;
    drop(stdin);
    let wall = group.wall();
    let status = match timeout(wall.unwrap_or(Duration::MAX), process.child.wait()).await {
        Ok(status) => status.map_err(|cause| broken(group, &cause))?,
        Err(_) => {
            let _ = process.child.kill().await;
            return Err(took_too_long(&format!("a command of {}", group.whose()), wall.unwrap_or_default()));
        }
    };
    match status.code() {
        Some(code) => Ok(u8::try_from(code).unwrap_or(dpone_model::Exit::Internal as u8)),
        None => Err(cause_of_death(group, process.control.as_deref(), Some(status), None)),
    }
}

impl Group {
    /// A tenant's, in its own folder below `workdir`.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn of_tenant(tenancy: Tenancy, workdir: &Path, jobs: Vec<(usize, Job)>) -> Result<Self, Report> {
        let (name, workdir) = (tenancy.tenant.name.clone(), tenancy.home(workdir)?);
        Ok(Self { name, workdir, tenancy: Some(tenancy), jobs })
    }

    pub(crate) fn share(&self) -> u32 {
        self.tenancy.as_ref().map_or(1, |tenancy| tenancy.tenant.share)
    }

    /// The time that one of its runs or commands may take.
    pub(crate) fn wall(&self) -> Option<Duration> {
        self.tenancy.as_ref().map(|tenancy| tenancy.tenant.limits.wall)
    }

    fn whose(&self) -> String {
        match &self.tenancy {
            Some(tenancy) => format!("the tenant `{}`", tenancy.tenant.name),
            None => self.name.clone(),
        }
    }

    pub(crate) fn at_once(&self) -> usize {
        self.tenancy.as_ref().map_or(usize::MAX, |tenancy| tenancy.tenant.limits.runs as usize)
    }
}

/// This program, started again.
pub(crate) struct Process {
    pub child: Child,
    /// Its lines on standard error are JSON objects.
    pub logs_json: bool,
    pub say: Say,
    pub control: Option<Arc<ControlGroup>>,
}

impl Process {
    /// Of the process, and of the group that it leads where it is a worker.
    pub fn pid(&self) -> Option<Pid> {
        self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
    }
}

/// Starts this program again, as a worker or for one command, and tells it what it is; it does nothing
/// before. The answer is the process, and what further orders go through.
pub(crate) async fn start(
    launch: &Launch,
    group: &Group,
    command: Option<Delegated>,
    largest_share: u32,
) -> Result<(Process, ChildStdin), Report> {
    let mut process = spawn(launch, group, command.as_ref(), largest_share)?;
    let stdin = tell(launch, group, &mut process, command, largest_share).await?;
    Ok((process, stdin))
}

fn spawn(launch: &Launch, group: &Group, delegated: Option<&Delegated>, largest_share: u32) -> Result<Process, Report> {
    let control = control_group(group, largest_share).map(Arc::new);
    let mut command = Command::new(&launch.program);
    command.args(&launch.logs).current_dir(&group.workdir).stdin(Stdio::piped()).kill_on_drop(true);
    match delegated {
        Some(delegated) => command.arg("__confined").args(&delegated.arguments),
        // A terminal's Ctrl-C goes to this process, which passes it on as an order.
        None => command.arg("__worker").stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0),
    };
    if let Some(tenancy) = &group.tenancy {
        command.env_clear().envs(inherited()).envs(tenancy.own_variables()).env("TMPDIR", &group.workdir);
        // A tenant's code is compiled into its own folder, whatever variables it has: nobody runs what another
        // tenant could have written.
        command.env("DPONE_CACHE_DIR", group.workdir.join(".dpone/cache"));
    }
    let child = command.spawn().map_err(|cause| broken(group, &cause))?;
    if delegated.is_none()
        && let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok())
    {
        STARTED.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
    }
    let joined = |control: &Arc<ControlGroup>| {
        let joined = control.add(child.id().unwrap_or_default());
        joined.inspect_err(|cause| tracing::info!("no control group for `{}`: {cause}", group.name))
    };
    let control = control.filter(|control| joined(control).is_ok());
    Ok(Process { child, logs_json: launch.logs_json, say: launch.say, control })
}

async fn tell(
    launch: &Launch,
    group: &Group,
    process: &mut Process,
    command: Option<Delegated>,
    largest_share: u32,
) -> Result<ChildStdin, Report> {
    let keys = |keys: &Vec<TrustedKey>| keys.iter().map(|key| (key.text(), key.named().to_owned())).collect();
    let setup = Setup {
        workdir: group.workdir.clone(),
        profile: launch.profile.clone(),
        plugin_path: launch.plugin_path.clone(),
        locked: launch.locked,
        signers: launch.signers.as_ref().map(keys),
        quiet: launch.quiet,
        tenancy: group.tenancy.as_ref().map(Tenancy::to_wire),
        nice: if process.control.is_some() { 0 } else { nice(group.share(), largest_share) },
        cgroup: process.control.as_ref().map(|control| control.named()),
        command: command.map(|Delegated { manifest, local, writes_manifests, .. }| CommandSetup {
            manifest,
            local,
            writes_manifests,
        }),
    };
    let mut text = serde_json::to_vec(&setup).map_err(|cause| broken(group, &cause))?;
    text.push(b'\n');
    let mut stdin = process.child.stdin.take().ok_or_else(|| broken(group, &"it has no standard input"))?;
    let told = timeout(READS_WITHIN, stdin.write_all(&text)).await;
    told.map_err(|_| broken(group, &"it does not read"))?.map_err(|cause| broken(group, &cause))?;
    Ok(stdin)
}

/// The report where a process ended before its work was done; none for `said` where its words were not
/// heard.
pub(crate) fn cause_of_death(
    group: &Group,
    control: Option<&ControlGroup>,
    status: Option<ExitStatus>,
    said: Option<&Said>,
) -> Report {
    use std::os::unix::process::ExitStatusExt;
    let whose = format!("the worker of {}", group.whose());
    let signal = status.and_then(|status| status.signal());
    let limits = group.tenancy.as_ref().map(|tenancy| &tenancy.tenant.limits);
    if let (Some(limits), Some(signal)) = (limits, signal)
        && signal == Signal::XCPU.as_raw()
    {
        let message = format!("{whose} has used up its CPU time: {} s", limits.cpu.as_secs());
        return Report::new(&codes::policy::CPU, message);
    }
    let by_kernel = control.is_some_and(ControlGroup::ran_out_of_memory);
    // A command's words go to the terminal, past this process. What aborts is an allocation that failed: a
    // panic ends with an exit code.
    let is_abort = signal == Some(Signal::ABORT.as_raw());
    if by_kernel || said.map_or(is_abort && limits.is_some(), |said| said.is_out_of_memory) {
        return out_of_memory(&whose, limits.map(|limits| limits.memory), by_kernel);
    }
    let how = match (signal, status.and_then(|status| status.code())) {
        (Some(signal), _) => format!("was ended by signal {signal}"),
        (None, Some(code)) => format!("ended with code {code}"),
        (None, None) => "is gone".to_owned(),
    };
    let last = said.map(|said| said.last.as_str()).filter(|last| !last.is_empty());
    let last = last.map(|last| format!("; it said last: {last}")).unwrap_or_default();
    let report = Report::new(&codes::policy::WORKER, format!("{whose} {how}{last}"));
    match signal {
        // Nobody of this program sends it to a worker that is not to end.
        Some(signal) if signal == Signal::KILL.as_raw() => {
            report.hint("the kernel ends processes so where the machine or its container runs out of memory")
        }
        _ => report,
    }
}

fn out_of_memory(whose: &str, limit: Option<u64>, by_kernel: bool) -> Report {
    let Some(limit) = limit else {
        let message =
            format!("{whose} ran out of memory: no more is to be had of the machine, its container or `ulimit`");
        return Report::new(&codes::policy::MEMORY, message);
    };
    let how = if by_kernel { "its control group" } else { "the process" };
    let message = format!("{whose} ran out of memory: `limits.memory` gives {how} {}", bytes(limit));
    Report::new(&codes::policy::MEMORY, message).hint("raise `limits.memory` in the policy, or make the pages smaller")
}

/// `what` is a run or a command.
pub(crate) fn took_too_long(what: &str, wall: Duration) -> Report {
    let message = format!("{what} took longer than {} (`limits.wall`)", duration(wall));
    Report::new(&codes::policy::WALL, message).hint("raise `limits.wall` in the policy, or load a smaller window")
}

fn broken(group: &Group, cause: &dyn std::fmt::Display) -> Report {
    Report::new(&codes::policy::WORKER, format!("the worker of `{}` cannot be started: {cause}", group.name))
}

/// A control group for one process; none for a process without limits, or where there can be none.
fn control_group(group: &Group, largest_share: u32) -> Option<ControlGroup> {
    // A tenant whose last process left something behind gets a group of another name.
    static MADE: AtomicU32 = AtomicU32::new(0);
    let tenant = &group.tenancy.as_ref()?.tenant;
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("dpone-{}-{number}-{}", std::process::id(), tenant.name);
    ControlGroup::make(&name, tenant.limits.memory, tenant.share, largest_share)
        .inspect_err(|cause| tracing::info!("no control group for `{}`: {cause}", tenant.name))
        .ok()
}

/// Variables that say how a program runs, and nothing of the operator.
fn inherited() -> impl Iterator<Item = (String, String)> {
    let names = ["PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "RUST_BACKTRACE", "NO_COLOR"];
    // Fault tests end a worker at a point of its run.
    let names = names.into_iter().chain(cfg!(debug_assertions).then_some("DPONE_FAILPOINT"));
    names.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
}

/// Each step of priority is worth a quarter (sched(7)): the largest share keeps the usual one.
fn nice(share: u32, largest: u32) -> i32 {
    let ratio = f64::from(largest.max(1)) / f64::from(share.max(1));
    (ratio.ln() / 1.25_f64.ln()).round().clamp(0.0, 19.0) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_worker_is_told_with_its_cause() {
        use std::os::unix::process::ExitStatusExt;
        let group = |tenancy| Group { name: "orders.yaml".into(), workdir: PathBuf::new(), tenancy, jobs: Vec::new() };
        let said = |last: &str, is_out_of_memory| Said { last: last.into(), is_out_of_memory };
        let failed = "memory allocation of 9 bytes failed";
        for (raw, said, code, says) in [
            (6, said(failed, true), &codes::policy::MEMORY, "orders.yaml ran out of memory"),
            (6, said("assertion", false), &codes::policy::WORKER, "by signal 6; it said last: assertion"),
            (9, said("", false), &codes::policy::WORKER, "by signal 9"),
            (7 << 8, said("", false), &codes::policy::WORKER, "ended with code 7"),
        ] {
            let report = cause_of_death(&group(None), None, Some(ExitStatus::from_raw(raw)), Some(&said));
            assert_eq!(report.code(), code, "{report}");
            assert!(report.message().contains(says), "{report}");
        }
        let told = |limit, by_kernel| out_of_memory("the worker", limit, by_kernel).message().to_owned();
        assert!(told(Some(1 << 30), false).contains("`limits.memory` gives the process 1 GiB"));
        assert!(told(Some(1 << 30), true).contains("gives its control group 1 GiB"));
    }

    #[test]
    fn a_quarter_of_the_share_is_about_six_steps_of_priority() {
        assert_eq!((nice(1, 1), nice(1, 4), nice(4, 4), nice(1, 1000)), (0, 6, 0, 19));
    }
}
