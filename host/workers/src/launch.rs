//! Starting a process for a tenant: its environment, its control group, and what it is told it is.

use crate::confine::group::Group as ControlGroup;
use crate::protocol::{CommandSetup, Job, Local, Setup};
use dpone_model::{Report, codes};
use dpone_run::signature::TrustedKey;
use dpone_run::tenancy::Tenancy;
use rustix::process::Pid;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

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
    let status = process.child.wait().await.map_err(|cause| broken(group, &cause))?;
    match status.code() {
        Some(code) => Ok(u8::try_from(code).unwrap_or(dpone_model::Exit::Internal as u8)),
        None => Err(cause_of_death(group, process.control.as_deref(), Some(status), "")),
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

    pub(crate) fn at_once(&self) -> usize {
        self.tenancy.as_ref().map_or(usize::MAX, |tenancy| tenancy.tenant.limits.runs as usize)
    }
}

/// This program, started again.
pub(crate) struct Process {
    pub child: Child,
    /// Its lines on standard error are JSON objects.
    pub logs_json: bool,
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
    let joined = |control: &Arc<ControlGroup>| {
        let joined = control.add(child.id().unwrap_or_default());
        joined.inspect_err(|cause| tracing::info!("no control group for `{}`: {cause}", group.name))
    };
    let control = control.filter(|control| joined(control).is_ok());
    Ok(Process { child, logs_json: launch.logs_json, control })
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
    let told = tokio::time::timeout(READS_WITHIN, stdin.write_all(&text)).await;
    told.map_err(|_| broken(group, &"it does not read"))?.map_err(|cause| broken(group, &cause))?;
    Ok(stdin)
}

/// What is to be said where a process ended before its work was done. `last` is what it said last.
pub(crate) fn cause_of_death(
    group: &Group,
    control: Option<&ControlGroup>,
    status: Option<ExitStatus>,
    last: &str,
) -> Report {
    use std::os::unix::process::ExitStatusExt;
    let whose = match &group.tenancy {
        Some(tenancy) => format!("the worker of the tenant `{}`", tenancy.tenant.name),
        None => format!("the worker of {}", group.name),
    };
    let signal = status.and_then(|status| status.signal());
    let limits = group.tenancy.as_ref().map(|tenancy| &tenancy.tenant.limits);
    if let (Some(limits), Some(signal)) = (limits, signal)
        && signal == rustix::process::Signal::XCPU.as_raw()
    {
        let message = format!("{whose} has used up its CPU time: {} s", limits.cpu.as_secs());
        return Report::new(&codes::policy::CPU, message);
    }
    let starved = limits.filter(|_| control.is_some_and(ControlGroup::ran_out_of_memory));
    let how = match (starved, signal, status.and_then(|status| status.code())) {
        (Some(limits), ..) => format!("was ended for want of memory: it has {} bytes", limits.memory),
        (None, Some(signal), _) => format!("was ended by signal {signal}"),
        (None, None, Some(code)) => format!("ended with code {code}"),
        (None, None, None) => "is gone".to_owned(),
    };
    let said = if last.is_empty() { String::new() } else { format!("; it said last: {last}") };
    let report = Report::new(&codes::policy::WORKER, format!("{whose} {how}{said}"));
    match limits {
        // How the allocator of Rust's standard library takes its leave.
        Some(limits) if last.starts_with("memory allocation of ") => {
            report.hint(format!("it may have {} bytes of memory (`limits.memory`)", limits.memory))
        }
        _ => report,
    }
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

/// What of the environment says how a program runs and nothing of the operator.
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
    fn a_quarter_of_the_share_is_about_six_steps_of_priority() {
        assert_eq!((nice(1, 1), nice(1, 4), nice(4, 4), nice(1, 1000)), (0, 6, 0, 19));
    }
}
