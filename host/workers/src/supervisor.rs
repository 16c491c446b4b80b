//! The supervisor's end: workers, whose run is next, and what becomes of the runs of one that dies.
//!
//! A worker may have been taken over by what it runs. So nothing here waits for one without an end, keeps
//! more than a bounded part of what it says, or takes its word for another's runs.

use crate::launch::{self, Group, Launch, Process};
use crate::lines::{self, Said};
use crate::protocol::{Ended, Job, Local, MAX_WORD_BYTES, Order, Word};
use crate::queue::{self, Lane};
use dpone_model::{Report, foreign};
use dpone_run::cancel::Cancel;
use dpone_run::{LocalNeeds, LocalStarter, Remedy};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::{BTreeMap, VecDeque};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How long a worker may take to end once it has nothing to do, and its streams once it has ended.
const LINGER: Duration = Duration::from_secs(10);
/// How long runs may take to end where they can go on later.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// The time that a run may take beyond `limits.wall`, at which its worker asks it to end.
const WALL_GRACE: Duration = Duration::from_secs(10);
/// Later than any run ends.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// Orders that a worker has not yet read. One that reads none of them is ended.
const MAX_ORDERS: usize = 64;
/// Words of all workers that were not yet heard.
const MAX_WORDS: usize = 16;

/// The work on several manifests.
pub struct Supervisor {
    pub launch: Launch,
    /// Runs at a time, over all workers.
    pub at_once: usize,
    /// Starts the services of a profile that extends `local`; none for another profile.
    pub local: Option<Arc<dyn LocalStarter>>,
    /// Ends every run where it can go on later.
    pub cancel: Cancel,
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
    let (heard, mut happenings) = mpsc::channel(MAX_WORDS);
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
    let mut patience = Box::pin(sleep(STOP_WITHIN));
    loop {
        if let Some(reason) = stopped.take() {
            shift.stop(&reason);
            patience.as_mut().reset(Instant::now() + STOP_WITHIN);
        }
        shift.begin().await;
        if shift.is_over() {
            drop(happenings);
            return shift.close().await;
        }
        let overdue = shift.next_overdue();
        tokio::select! {
            Some((number, happened)) = happenings.recv() => shift.take(number, happened).await,
            reason = supervisor.cancel.guard(std::future::pending::<Result<(), Report>>()), if !stopping => {
                (stopping, stopped) = (true, reason.err());
            }
            () = sleep_until(overdue) => shift.end_overdue(),
            () = &mut patience, if stopping => {
                shift.workers.iter().flatten().for_each(Worker::kill);
                patience.as_mut().reset(Instant::now() + LINGER);
            }
        }
    }
}

/// The workers of one `dpone run`.
struct Shift<'a, F> {
    supervisor: &'a Supervisor,
    groups: Vec<Group>,
    /// One a group, as the workers.
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
            if self.workers.get(number).is_some_and(Option::is_none) {
                let worker = self.start(number).await;
                if let Some(slot) = self.workers.get_mut(number) {
                    *slot = Some(worker);
                }
            }
            if let Some(Some(worker)) = self.workers.get_mut(number) {
                worker.run(job_number, job);
            }
        }
    }

    /// Starts the worker of a group and hears it from now on.
    async fn start(&mut self, number: usize) -> Worker {
        let heard = self.heard.clone();
        let Some(group) = self.groups.get(number) else { return Worker::failed(None) };
        match launch::start(&self.supervisor.launch, group, None, self.largest_share).await {
            Ok((process, stdin)) => {
                let worker = Worker::new(stdin, &process, group.wall());
                self.listeners.spawn(listen(process, group.name.clone(), number, heard));
                worker
            }
            Err(report) => {
                self.listeners.spawn(async move {
                    let _ = heard.send((number, Happened::Closed { status: None, said: Said::default() })).await;
                });
                Worker::failed(Some(report))
            }
        }
    }

    /// When the next worker has to be ended because a run of it does not end.
    fn next_overdue(&self) -> Instant {
        let all = self.workers.iter().flatten().filter_map(Worker::overdue_at);
        all.min().unwrap_or_else(|| Instant::now() + NEVER)
    }

    /// A worker that does not end its own run in time may be stopped, or not itself.
    fn end_overdue(&mut self) {
        let now = Instant::now();
        for worker in self.workers.iter_mut().flatten().filter(|worker| worker.overdue_at().is_some_and(|at| at <= now))
        {
            worker.is_overdue = true;
            worker.kill();
        }
    }

    fn is_over(&self) -> bool {
        self.lanes.iter().all(|lane| lane.running == 0)
    }

    /// Waiting runs do not begin; running ones end where they can go on later.
    fn stop(&mut self, reason: &Report) {
        let waiting = |lane: &mut Lane<(usize, Job)>| lane.waiting.drain(..).collect::<Vec<_>>();
        for (number, _) in self.lanes.iter_mut().flat_map(waiting).collect::<Vec<_>>() {
            self.finish(number, Ended::without_run(reason));
        }
        for worker in self.workers.iter_mut().flatten() {
            worker.send(&Order::Stop);
            worker.wake();
        }
    }

    async fn take(&mut self, number: usize, happened: Happened) {
        match happened {
            Happened::Word(word) => self.hear(number, word).await,
            Happened::Closed { status, said } => self.closed(number, status, &said),
        }
    }

    async fn hear(&mut self, number: usize, word: Word) {
        let Some(Some(worker)) = self.workers.get_mut(number) else { return };
        match word {
            Word::Ready => worker.ready(),
            Word::Begun { number: job } => worker.begun(job),
            Word::Local(needs) => {
                let answer = local(self.supervisor, needs).await;
                worker.send(&Order::Local(answer));
            }
            // A worker speaks of its own runs alone.
            Word::Ended { number: job, mut ended } => {
                if worker.running.remove(&job).is_some() {
                    ended.error = ended.error.map(|error| foreign::lines(&error).into_owned());
                    self.ended(number, job, ended);
                }
            }
            Word::Refused { error, exit } => worker.refused = Some((foreign::lines(&error).into_owned(), exit)),
        }
    }

    /// A worker is gone. Its runs have ended with it, but for those that it had not begun.
    fn closed(&mut self, number: usize, status: Option<ExitStatus>, said: &Said) {
        let slot = self.workers.get_mut(number).and_then(Option::take);
        let Some((worker, group)) = slot.zip(self.groups.get_mut(number)) else { return };
        let stopped = self.supervisor.cancel.check().err();
        let died = worker.died(group, stopped.clone(), status, said);
        if let Some(tenancy) = &mut group.tenancy {
            tenancy.halve_allowance();
        }
        // A worker that had begun none is no reason to start another like it.
        let next_goes_on = worker.has_begun && stopped.is_none();
        for (job_number, Given { begun, job, .. }) in worker.running.into_iter().rev() {
            match (next_goes_on && !begun, self.lanes.get_mut(number)) {
                (true, Some(lane)) => {
                    lane.running -= 1;
                    lane.waiting.push_front((job_number, job));
                }
                _ => self.ended(number, job_number, died.clone()),
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
        if timeout(LINGER, all).await.is_err() {
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
    let starter = supervisor.local.as_ref().ok_or("the profile does not extend `local`")?;
    starter.start(needs).await.map(Local::from).map_err(|report| report.message().to_owned())
}

/// Messages from a worker.
enum Happened {
    Word(Word),
    /// It has ended; `said` is what it said on its standard error.
    Closed {
        status: Option<ExitStatus>,
        said: Said,
    },
}

type Heard = mpsc::Sender<(usize, Happened)>;

/// A run that a worker was given.
struct Given {
    begun: bool,
    job: Job,
    at: Instant,
}

/// One worker, as long as it lives. Dropping it closes its orders, on which it ends.
struct Worker {
    orders: Option<mpsc::Sender<Vec<u8>>>,
    /// Orders for a worker that is not yet ready.
    held: Option<VecDeque<Order>>,
    /// Runs that it was given and has not ended.
    running: BTreeMap<usize, Given>,
    /// The time that each of them may take by the clock.
    wall: Option<Duration>,
    /// It was ended because a run of it took longer.
    is_overdue: bool,
    /// It has begun a run, whether that has ended or not.
    has_begun: bool,
    pid: Option<Pid>,
    control: Option<Arc<crate::confine::group::Group>>,
    refused: Option<(String, u8)>,
    /// Why it never started.
    failed: Option<Report>,
}

impl Worker {
    fn new(stdin: ChildStdin, process: &Process, wall: Option<Duration>) -> Self {
        let (orders, lines) = mpsc::channel(MAX_ORDERS);
        tokio::spawn(write(stdin, lines));
        let control = process.control.clone();
        Self { orders: Some(orders), pid: process.pid(), control, wall, ..Self::failed(None) }
    }

    fn failed(report: Option<Report>) -> Self {
        let (held, running) = (Some(VecDeque::new()), BTreeMap::new());
        let (pid, control, wall) = (None, None, None);
        let (has_begun, is_overdue) = (false, false);
        Self { orders: None, held, running, wall, is_overdue, has_begun, pid, control, refused: None, failed: report }
    }

    fn run(&mut self, number: usize, job: Job) {
        self.running.insert(number, Given { begun: false, job: job.clone(), at: Instant::now() });
        let order = Order::Run { number, job };
        match &mut self.held {
            Some(held) => held.push_back(order),
            None => self.send(&order),
        }
    }

    fn ready(&mut self) {
        for order in self.held.take().unwrap_or_default() {
            self.send(&order);
        }
    }

    fn begun(&mut self, job: usize) {
        if let Some(given) = self.running.get_mut(&job) {
            given.begun = true;
            self.has_begun = true;
        }
    }

    /// When the first of its runs has taken too long, the time to end by itself included.
    fn overdue_at(&self) -> Option<Instant> {
        let wall = self.wall.filter(|_| !self.is_overdue)?;
        let first = self.running.values().map(|given| given.at).min()?;
        first.checked_add(wall.saturating_add(WALL_GRACE))
    }

    fn send(&mut self, order: &Order) {
        if self.held.is_some() {
            // Of a worker that is not ready no run has begun: it ends with its orders.
            if matches!(order, Order::Stop) {
                self.orders = None;
            }
            return;
        }
        let Some((orders, text)) = self.orders.as_ref().zip(serde_json::to_vec(order).ok()) else { return };
        if orders.try_send(text).is_err() {
            self.kill();
        }
    }

    /// Ends it and whatever it has started.
    fn kill(&self) {
        launch::end_group(self.pid);
    }

    /// One that somebody has stopped hears no order.
    fn wake(&self) {
        if let Some(pid) = self.pid {
            let _ = kill_process_group(pid, Signal::CONT);
        }
    }

    /// The report on the runs of a worker that ended before they did.
    fn died(&self, group: &Group, stopped: Option<Report>, status: Option<ExitStatus>, said: &Said) -> Ended {
        if let Some((error, exit)) = &self.refused {
            let report = serde_json::Value::Null;
            return Ended { report, error: Some(error.clone()), exit: *exit, artifact: None, remedy: Remedy::NewRun };
        }
        let overdue = self.wall.filter(|_| self.is_overdue);
        let overdue = overdue.map(|wall| launch::took_too_long("a run of the tenant", wall));
        let cause = || launch::cause_of_death(group, self.control.as_deref(), status, Some(said));
        Ended::without_run(&self.failed.clone().or(stopped).or(overdue).unwrap_or_else(cause))
    }
}

/// Writes orders as the worker reads them.
async fn write(mut stdin: ChildStdin, mut orders: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut order) = orders.recv().await {
        order.push(b'\n');
        // A worker that is gone shows on its own stream.
        if stdin.write_all(&order).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

/// Hears a worker out until it has ended.
async fn listen(process: Process, named: String, number: usize, heard: Heard) {
    let group = process.pid();
    let Process { mut child, logs_json, say, control } = process;
    let said = child.stderr.take().map(|stderr| tokio::spawn(lines::pass_on(stderr, named, logs_json, say)));
    let heard_words = heard.clone();
    let words = child.stdout.take().map(|stdout| tokio::spawn(words(stdout, number, heard_words, group)));
    let status = child.wait().await.ok();
    // Its children go with it, also those that still hold its streams.
    launch::end_group(group);
    launch::has_ended(group);
    if let Some(words) = words {
        let _ = timeout(LINGER, words).await;
    }
    let said = match said {
        Some(said) => timeout(LINGER, said).await.ok().and_then(Result::ok).unwrap_or_default(),
        None => Said::default(),
    };
    drop(control);
    let _ = heard.send((number, Happened::Closed { status, said })).await;
}

/// Hears words until the stream ends. One that no worker of this program says ends the worker.
async fn words(stdout: ChildStdout, number: usize, heard: Heard, group: Option<Pid>) {
    let mut reader = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        match (&mut reader).take(MAX_WORD_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        match serde_json::from_slice(&line) {
            Ok(word) => {
                if heard.send((number, Happened::Word(word))).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a worker's word is not understood; it is ended");
                launch::end_group(group);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_worker_that_is_not_ready_holds_its_runs_back() {
        let mut worker = Worker::failed(None);
        worker.run(3, Job::default());
        assert_eq!(worker.held.as_ref().map(VecDeque::len), Some(1));
        worker.begun(3);
        worker.begun(4);
        let begun: BTreeSet<usize> = worker.running.iter().filter(|(_, given)| given.begun).map(|(n, _)| *n).collect();
        assert_eq!((begun, worker.has_begun), (BTreeSet::from([3]), true));
    }

    #[test]
    fn a_worker_is_overdue_by_its_oldest_run_and_once() {
        let mut worker = Worker { wall: Some(Duration::from_secs(60)), ..Worker::failed(None) };
        assert_eq!(worker.overdue_at(), None);
        worker.run(1, Job::default());
        worker.run(2, Job::default());
        let first = worker.running[&1].at;
        assert_eq!(worker.overdue_at(), Some(first + Duration::from_secs(60) + WALL_GRACE));
        worker.is_overdue = true;
        assert_eq!(worker.overdue_at(), None);
        worker.wall = None;
        assert_eq!(worker.overdue_at(), None);
    }
}
