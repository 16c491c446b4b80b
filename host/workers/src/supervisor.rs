//! The supervisor's end: workers, their order, and what becomes of the runs of one that dies.

use crate::confine::group::Group as ControlGroup;
use crate::lines;
use crate::protocol::{Ended, Job, Local, MAX_LINE_BYTES, Order, Setup, Word};
use crate::queue::{self, Lane};
use dpone_model::{Report, codes};
use dpone_run::cancel::Cancel;
use dpone_run::signature::TrustedKey;
use dpone_run::tenancy::Tenancy;
use dpone_run::{LocalNeeds, LocalStarter};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How long workers without a run may take to end.
const LINGER: Duration = Duration::from_secs(10);

/// What all workers have in common.
pub struct Supervisor {
    /// This program, and what makes it a worker.
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Runs at a time, over all workers.
    pub at_once: usize,
    pub local: Arc<dyn LocalStarter>,
    /// Ends every run where it can go on later.
    pub cancel: Cancel,
    pub profile: Option<String>,
    /// Absolute.
    pub plugin_path: Vec<PathBuf>,
    pub locked: bool,
    pub signers: Option<Vec<TrustedKey>>,
    pub quiet: bool,
}

/// The runs of one worker.
pub struct Group {
    /// How its lines are named.
    pub name: String,
    /// Working folder of its runs; of a tenant, its own.
    pub workdir: PathBuf,
    /// Whose they are; without a tenant the worker is as free as this process.
    pub tenancy: Option<Tenancy>,
    /// Each with its number among all.
    pub jobs: Vec<(usize, Job)>,
}

/// Runs everything, and gives how each ended, by its number. `on_end` hears of each as it ends.
pub async fn supervise(
    supervisor: &Supervisor,
    mut groups: Vec<Group>,
    on_end: impl FnMut(usize, &Ended),
) -> BTreeMap<usize, Ended> {
    let lane = |group: &mut Group| {
        let jobs = std::mem::take(&mut group.jobs);
        Lane::new(jobs, group.at_once(), group.share())
    };
    let (heard, mut happenings) = mpsc::unbounded_channel();
    let mut shift = Shift {
        lanes: groups.iter_mut().map(lane).collect(),
        workers: groups.iter().map(|_| None).collect(),
        largest_share: groups.iter().map(Group::share).max().unwrap_or(1),
        groups,
        supervisor,
        heard,
        listeners: JoinSet::new(),
        done: BTreeMap::new(),
        on_end,
    };
    let mut stopped = supervisor.cancel.check().err();
    let mut stopping = stopped.is_some();
    loop {
        if let Some(reason) = stopped.take() {
            shift.stop(&reason).await;
        }
        shift.begin().await;
        if shift.is_over() {
            return shift.close().await;
        }
        tokio::select! {
            Some((number, happened)) = happenings.recv() => shift.take(number, happened).await,
            reason = supervisor.cancel.guard(std::future::pending::<Result<(), Report>>()), if !stopping => {
                (stopping, stopped) = (true, reason.err());
            }
        }
    }
}

/// The workers of one `dpone run`.
struct Shift<'a, F> {
    supervisor: &'a Supervisor,
    groups: Vec<Group>,
    /// One a group, as the two that follow.
    lanes: Vec<Lane<(usize, Job)>>,
    workers: Vec<Option<Worker>>,
    largest_share: u32,
    heard: Heard,
    /// One a worker, until it has ended.
    listeners: JoinSet<()>,
    done: BTreeMap<usize, Ended>,
    on_end: F,
}

impl<F: FnMut(usize, &Ended)> Shift<'_, F> {
    /// Begins every run that may begin now, and starts the workers for them.
    async fn begin(&mut self) {
        while let Some((number, (job_number, job))) = queue::next(&mut self.lanes, self.supervisor.at_once) {
            let Some((group, slot)) = self.groups.get(number).zip(self.workers.get_mut(number)) else { continue };
            if slot.is_none() {
                let heard = self.heard.clone();
                let mut worker = Worker::new();
                match worker.start(self.supervisor, group, self.largest_share).await {
                    Ok((child, control)) => {
                        self.listeners.spawn(listen(child, group.name.clone(), number, heard, control));
                    }
                    Err(report) => {
                        worker.failed = Some(report);
                        let _ = heard.send((number, Happened::Closed { status: None, last: String::new() }));
                    }
                }
                *slot = Some(worker);
            }
            if let Some(worker) = slot {
                worker.run(job_number, job).await;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.lanes.iter().all(|lane| lane.running == 0)
    }

    /// What waits does not begin; what runs ends where it can go on later.
    async fn stop(&mut self, reason: &Report) {
        let waiting = |lane: &mut Lane<(usize, Job)>| lane.waiting.drain(..).collect::<Vec<_>>();
        for (number, _) in self.lanes.iter_mut().flat_map(waiting).collect::<Vec<_>>() {
            self.finish(number, Ended::without_run(reason));
        }
        for worker in self.workers.iter_mut().flatten() {
            worker.send(&Order::Stop).await;
        }
    }

    async fn take(&mut self, number: usize, happened: Happened) {
        let Some(slot) = self.workers.get_mut(number) else { return };
        match happened {
            Happened::Word(Word::Ready) => {
                if let Some(worker) = slot {
                    worker.ready().await;
                }
            }
            Happened::Word(Word::Local(needs)) => {
                let answer = local(self.supervisor, needs).await;
                if let Some(worker) = slot {
                    worker.send(&Order::Local(answer)).await;
                }
            }
            Happened::Word(Word::Ended { number: job, ended }) => {
                // A worker speaks of its own runs alone.
                if slot.as_mut().is_some_and(|worker| worker.running.remove(&job)) {
                    self.ended(number, job, ended);
                }
            }
            Happened::Word(Word::Refused { error, exit }) => {
                if let Some(worker) = slot {
                    worker.refused = Some((error, exit));
                }
            }
            Happened::Closed { status, last } => {
                let Some((worker, group)) = slot.take().zip(self.groups.get(number)) else { return };
                let stopped = self.supervisor.cancel.check().err();
                let died = worker.died(group, stopped, status, &last);
                for job in worker.running {
                    self.ended(number, job, died.clone());
                }
            }
        }
    }

    fn ended(&mut self, number: usize, job: usize, ended: Ended) {
        if let Some((lane, slot)) = self.lanes.get_mut(number).zip(self.workers.get_mut(number)) {
            lane.running -= 1;
            if lane.running == 0 && lane.waiting.is_empty() {
                // Its orders are closed with it, on which it ends.
                *slot = None;
            }
        }
        self.finish(job, ended);
    }

    /// Workers without a run end by themselves; their control groups go with them.
    async fn close(mut self) -> BTreeMap<usize, Ended> {
        self.workers.clear();
        let all = async { while self.listeners.join_next().await.is_some() {} };
        if tokio::time::timeout(LINGER, all).await.is_err() {
            tracing::warn!("a worker does not end, and is ended");
        }
        self.done
    }

    fn finish(&mut self, job: usize, ended: Ended) {
        (self.on_end)(job, &ended);
        self.done.insert(job, ended);
    }
}

async fn local(supervisor: &Supervisor, needs: LocalNeeds) -> Result<Local, String> {
    let services = supervisor.local.start(needs).await.map_err(|report| report.message().to_owned())?;
    Ok(Local { base_url: services.base_url, bootstrap_servers: services.bootstrap_servers })
}

impl Group {
    fn share(&self) -> u32 {
        self.tenancy.as_ref().map_or(1, |tenancy| tenancy.tenant.share)
    }

    fn at_once(&self) -> usize {
        self.tenancy.as_ref().map_or(usize::MAX, |tenancy| tenancy.tenant.limits.runs as usize)
    }
}

/// What comes from a worker.
enum Happened {
    Word(Word),
    /// It has ended; `last` is what it said last on its standard error.
    Closed {
        status: Option<ExitStatus>,
        last: String,
    },
}

type Heard = mpsc::UnboundedSender<(usize, Happened)>;

/// One worker, as long as it lives. Dropping it closes its orders, on which it ends.
struct Worker {
    orders: Option<ChildStdin>,
    /// Runs that it was given and has not ended.
    running: BTreeSet<usize>,
    /// Orders for a worker that is not yet ready.
    held: Option<Vec<Order>>,
    group: Option<Arc<ControlGroup>>,
    refused: Option<(String, u8)>,
    /// Why it never started.
    failed: Option<Report>,
}

impl Worker {
    fn new() -> Self {
        let (running, held) = (BTreeSet::new(), Some(Vec::new()));
        Self { orders: None, running, held, group: None, refused: None, failed: None }
    }

    /// Starts the process and tells it what it is.
    async fn start(
        &mut self,
        supervisor: &Supervisor,
        group: &Group,
        largest_share: u32,
    ) -> Result<(Child, Option<Arc<ControlGroup>>), Report> {
        let broken = |cause: &dyn std::fmt::Display| {
            Report::new(&codes::policy::WORKER, format!("the worker of `{}` cannot be started: {cause}", group.name))
        };
        let control = control_group(group).map(Arc::new);
        let mut child = command(supervisor, group).spawn().map_err(|cause| broken(&cause))?;
        let pid = child.id().unwrap_or_default();
        let joined = |control: &Arc<ControlGroup>| {
            control.add(pid).inspect_err(|cause| tracing::info!("no control group for `{}`: {cause}", group.name))
        };
        let control = control.filter(|control| joined(control).is_ok());
        let nice = if control.is_some() { 0 } else { nice(group.share(), largest_share) };
        let setup = Setup {
            workdir: group.workdir.clone(),
            profile: supervisor.profile.clone(),
            plugin_path: supervisor.plugin_path.clone(),
            locked: supervisor.locked,
            signers: supervisor
                .signers
                .as_ref()
                .map(|keys| keys.iter().map(|key| (key.text(), key.named().to_owned())).collect()),
            quiet: supervisor.quiet,
            tenancy: group.tenancy.as_ref().map(Tenancy::to_wire),
            nice,
            cgroup: control.as_ref().map(|control| control.named()),
        };
        self.group = control.clone();
        self.orders = child.stdin.take();
        let text = serde_json::to_vec(&setup).map_err(|cause| broken(&cause))?;
        self.write(&text).await;
        Ok((child, control))
    }

    async fn run(&mut self, number: usize, job: Job) {
        self.running.insert(number);
        let order = Order::Run { number, job };
        match &mut self.held {
            Some(held) => held.push(order),
            None => self.send(&order).await,
        }
    }

    async fn ready(&mut self) {
        for order in self.held.take().unwrap_or_default() {
            self.send(&order).await;
        }
    }

    async fn send(&mut self, order: &Order) {
        if let Some(held) = &mut self.held {
            // An order to stop is for runs; those that wait here have not begun.
            held.retain(|held| !matches!((order, held), (Order::Stop, Order::Run { .. })));
            if matches!(order, Order::Stop) {
                self.orders = None;
            }
            return;
        }
        if let Ok(text) = serde_json::to_vec(order) {
            self.write(&text).await;
        }
    }

    /// A worker that is gone shows on its own stream.
    async fn write(&mut self, text: &[u8]) {
        if let Some(orders) = &mut self.orders {
            let _ = orders.write_all(text).await;
            let _ = orders.write_all(b"\n").await;
            let _ = orders.flush().await;
        }
    }

    /// What is to be said of the runs of a worker that ended before they did.
    fn died(&self, group: &Group, stopped: Option<Report>, status: Option<ExitStatus>, last: &str) -> Ended {
        if let Some((error, exit)) = &self.refused {
            let report = serde_json::Value::Null;
            return Ended { report, error: Some(error.clone()), exit: *exit, artifact: None, resumable: false };
        }
        let report = self.failed.clone().or(stopped).unwrap_or_else(|| self.cause(group, status, last));
        Ended::without_run(&report)
    }

    fn cause(&self, group: &Group, status: Option<ExitStatus>, last: &str) -> Report {
        use std::os::unix::process::ExitStatusExt;
        let whose = match &group.tenancy {
            Some(tenancy) => format!("the worker of the tenant `{}`", tenancy.tenant.name),
            None => format!("the worker of {}", group.name),
        };
        let last = if last.is_empty() { String::new() } else { format!("; it said last: {last}") };
        let signal = status.and_then(|status| status.signal());
        let limits = group.tenancy.as_ref().map(|tenancy| &tenancy.tenant.limits);
        if let (Some(limits), Some(signal)) = (limits, signal)
            && signal == rustix::process::Signal::XCPU.as_raw()
        {
            let message = format!("{whose} has used up its CPU time: {} s", limits.cpu.as_secs());
            return Report::new(&codes::policy::CPU, message);
        }
        let memory = limits.filter(|_| self.group.as_ref().is_some_and(|group| group.ran_out_of_memory()));
        let how = match (memory, signal, status.and_then(|status| status.code())) {
            (Some(limits), ..) => format!("was ended for want of memory: it has {} bytes", limits.memory),
            (None, Some(signal), _) => format!("was ended by signal {signal}"),
            (None, None, Some(code)) => format!("ended with code {code}"),
            (None, None, None) => "is gone".to_owned(),
        };
        let report = Report::new(&codes::policy::WORKER, format!("{whose} {how}{last}"));
        match limits {
            Some(limits) if last.contains("memory") => {
                report.hint(format!("it may have {} bytes of memory (`limits.memory`)", limits.memory))
            }
            _ => report,
        }
    }
}

/// The worker's own control group; none for a worker without limits, or where there can be none.
fn control_group(group: &Group) -> Option<ControlGroup> {
    let tenant = &group.tenancy.as_ref()?.tenant;
    let name = format!("dpone-{}-{}", std::process::id(), tenant.name);
    ControlGroup::make(&name, tenant.limits.memory, tenant.share)
        .inspect_err(|cause| tracing::info!("no control group for `{}`: {cause}", tenant.name))
        .ok()
}

fn command(supervisor: &Supervisor, group: &Group) -> Command {
    let mut command = Command::new(&supervisor.program);
    command
        .args(&supervisor.arguments)
        .current_dir(&group.workdir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A terminal's Ctrl-C goes to this process, which passes it on as an order.
        .process_group(0)
        .kill_on_drop(true);
    if let Some(tenancy) = &group.tenancy {
        command.env_clear().envs(inherited()).envs(tenancy.own_variables()).env("TMPDIR", &group.workdir);
    }
    command
}

/// What of the environment says how a program runs and nothing of the operator.
fn inherited() -> impl Iterator<Item = (String, String)> {
    let names = ["PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "RUST_BACKTRACE"];
    // Fault tests end a worker at a point of its run.
    let names = names.into_iter().chain(cfg!(debug_assertions).then_some("DPONE_FAILPOINT"));
    names.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
}

/// Each step of priority is worth a quarter (sched(7)): the largest share keeps the usual one.
fn nice(share: u32, largest: u32) -> i32 {
    let ratio = f64::from(largest.max(1)) / f64::from(share.max(1));
    (ratio.ln() / 1.25_f64.ln()).round().clamp(0.0, 19.0) as i32
}

/// Hears a worker out until it has ended.
async fn listen(mut child: Child, named: String, number: usize, heard: Heard, control: Option<Arc<ControlGroup>>) {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let said = async {
        match stderr {
            Some(stderr) => lines::pass_on(stderr, named).await,
            None => String::new(),
        }
    };
    let words = async {
        if let Some(stdout) = stdout {
            words(stdout, number, &heard).await;
        }
    };
    let (last, ()) = tokio::join!(said, words);
    let status = child.wait().await.ok();
    let _ = heard.send((number, Happened::Closed { status, last }));
    // Until here its end could be told from the group.
    drop(control);
}

async fn words(stdout: ChildStdout, number: usize, heard: &Heard) {
    let mut reader = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        match (&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        match serde_json::from_slice(&line) {
            Ok(word) => drop(heard.send((number, Happened::Word(word)))),
            Err(error) => tracing::warn!(%error, "a worker's word is not understood"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_share_is_about_six_steps_of_priority() {
        assert_eq!((nice(1, 1), nice(1, 4), nice(4, 4), nice(1, 1000)), (0, 6, 0, 19));
    }
}
