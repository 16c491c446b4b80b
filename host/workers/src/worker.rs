//! The worker's end: it confines itself to its tenant, and then runs what it is told to.

use crate::confined::{Confined, Program, confined};
use crate::launch::took_too_long;
use crate::protocol::{Ended, Job, Local, Order, Word};
use async_trait::async_trait;
use dpone_connections::LocalServices;
use dpone_model::{Exit, Report, RunId, codes, redact};
use dpone_run::cancel::Cancel;
use dpone_run::events::{Events, Silent};
use dpone_run::{Again, LocalNeeds, LocalStarter, Remedy, Request};
use std::collections::VecDeque;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// How long runs may take to end where they can go on later. What then still runs is stuck in a system
/// call, and ends with the process.
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// Runs a worker from its start to its end. The process must have one thread.
pub fn worker_main(program: &Program) -> ExitCode {
    let served = confined(program).and_then(|base| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|cause| bug(&format!("the async runtime cannot start: {cause}")))?;
        runtime.block_on(serve(Worker::of(base)));
        runtime.shutdown_background();
        Ok(())
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => {
            let exit = report.exit() as u8;
            say(&Word::Refused { error: report.to_string(), exit });
            ExitCode::from(exit)
        }
    }
}

/// Parts that all runs of the worker share.
#[derive(Clone)]
struct Worker {
    base: Confined,
    local: Arc<Asking>,
}

/// Takes orders until the supervisor closes the stream, and lets what runs end where it can go on later.
async fn serve(worker: Worker) {
    let (ended, mut endings) = mpsc::unbounded_channel();
    let mut running: Vec<(usize, Cancel)> = Vec::new();
    let mut orders = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    // An operator may end one tenant's worker by a signal.
    let mut terminations = signal(SignalKind::terminate()).ok();
    let mut patience = Box::pin(tokio::time::sleep(STOP_WITHIN));
    let (mut open, mut stopping) = (true, false);
    say(&Word::Ready);
    while open || !running.is_empty() {
        let stop = tokio::select! {
            order = orders.next_line(), if open => match order.ok().flatten() {
                Some(line) => obey(&worker, &line, &mut running, &ended),
                None => {
                    open = false;
                    true
                }
            },
            Some((number, ended)) = endings.recv() => {
                running.retain(|(other, _)| *other != number);
                say(&Word::Ended { number, ended });
                false
            }
            () = termination(&mut terminations) => true,
            () = &mut patience, if stopping => return,
        };
        if stop && !stopping {
            stopping = true;
            patience = Box::pin(tokio::time::sleep(STOP_WITHIN));
            running.iter().for_each(|(_, cancel)| cancel.interrupt());
        }
    }
}

/// Does what an order says; whether it says to stop.
fn obey(worker: &Worker, line: &str, running: &mut Vec<(usize, Cancel)>, ended: &Endings) -> bool {
    match serde_json::from_str(line) {
        Ok(Order::Run { number, job }) => {
            let cancel = Cancel::default();
            running.push((number, cancel.clone()));
            say(&Word::Begun { number });
            begin(worker.clone(), number, job, cancel, ended.clone());
        }
        Ok(Order::Local(answer)) => worker.local.answer(answer),
        Ok(Order::Stop) => return true,
        Err(error) => tracing::warn!(%error, "an order is not understood"),
    }
    false
}

async fn termination(signals: &mut Option<Signal>) {
    match signals {
        Some(signals) => drop(signals.recv().await),
        None => std::future::pending().await,
    }
}

type Endings = mpsc::UnboundedSender<(usize, Ended)>;

/// Starts a run on a thread of its own: a run that computes does not hold up the others.
fn begin(worker: Worker, number: usize, job: Job, cancel: Cancel, ended: Endings) {
    let runtime = tokio::runtime::Handle::current();
    let run = tokio::task::spawn_blocking(move || runtime.block_on(run(&worker, job, cancel)));
    tokio::spawn(async move {
        let outcome = run.await.unwrap_or_else(|cause| Ended::without_run(&bug(&format!("a run panicked: {cause}"))));
        // Nobody listens any more only where the worker ends.
        let _ = ended.send((number, outcome));
    });
}

/// One run, which is asked to end once it has taken what its tenant's runs may take.
async fn run(worker: &Worker, job: Job, cancel: Cancel) -> Ended {
    let Some(wall) = worker.base.wall() else { return unbounded(worker, job, cancel).await };
    let bounded = cancel.clone();
    let clock = tokio::spawn(async move {
        tokio::time::sleep(wall).await;
        bounded.stop(took_too_long("the run", wall));
    });
    let ended = unbounded(worker, job, cancel).await;
    clock.abort();
    ended
}

async fn unbounded(worker: &Worker, job: Job, cancel: Cancel) -> Ended {
    let base = &worker.base;
    let stem = || job.manifest.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let named = job.resume.clone().unwrap_or_else(stem);
    let events: Arc<dyn Events> = match base.quiet {
        true => Arc::new(Silent),
        false => Arc::from((base.program.progress)(&named)),
    };
    let host = base.host_with(worker.local.clone(), events, cancel);
    let finished = match &job.resume {
        Some(run) => match RunId::parse(run) {
            Some(run_id) => {
                let manifest = Some(job.manifest.as_path()).filter(|manifest| !manifest.as_os_str().is_empty());
                let again = Again { run_id: &run_id, profile: base.profile.as_deref(), manifest };
                dpone_run::resume(&host, &again).await
            }
            None => {
                let message = format!("`{run}` is not a run id");
                return Ended::without_run(&Report::new(&codes::usage::UNKNOWN_RUN, message));
            }
        },
        None => dpone_run::run(&host, &request(base, job)).await,
    };
    Ended {
        exit: finished.result.as_ref().err().map_or(Exit::Ok, Report::exit) as u8,
        error: finished.result.as_ref().err().map(|report| report.with_retry().to_string()),
        report: serde_json::to_value(&finished.report).unwrap_or_default(),
        artifact: finished.artifact,
        remedy: finished.remedy,
    }
}

fn request(base: &Confined, job: Job) -> Request {
    Request {
        manifest: job.manifest,
        profile: base.profile.clone(),
        params: job.params,
        from: job.from,
        to: job.to,
        max_pages: job.max_pages,
        advance_state: job.advance_state,
        reviewed: None,
    }
}

impl Ended {
    /// A run that never began, or whose end nobody saw.
    pub fn without_run(report: &Report) -> Self {
        Self {
            report: serde_json::Value::Null,
            error: Some(report.with_retry().to_string()),
            exit: report.exit() as u8,
            artifact: None,
            remedy: Remedy::NewRun,
        }
    }
}

impl Worker {
    fn of(base: Confined) -> Self {
        let local = Arc::new(Asking { workdir: base.workdir.clone(), asked: Mutex::default() });
        Self { base, local }
    }
}

/// Asks the supervisor for the services of the profile `local`: they are the operator's, and every worker
/// joins the same.
struct Asking {
    workdir: PathBuf,
    /// Answers come in the order of the questions.
    asked: Mutex<VecDeque<oneshot::Sender<Result<Local, String>>>>,
}

impl Asking {
    fn answer(&self, answer: Result<Local, String>) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if let Some(asked) = asked {
            // The caller may have been interrupted.
            let _ = asked.send(answer);
        }
    }
}

#[async_trait]
impl LocalStarter for Asking {
    async fn start(&self, needs: LocalNeeds) -> Result<LocalServices, Report> {
        let (answer, answered) = oneshot::channel();
        {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.push_back(answer);
            say(&Word::Local(needs));
        }
        let gone = || Report::new(&codes::interrupted::INTERRUPTED, "the process that started this worker is gone");
        let local = answered.await.map_err(|_| gone())?;
        let local = local.map_err(|cause| Report::new(&codes::connection::NOT_FOUND, cause))?;
        Ok(local.services(&self.workdir))
    }
}

/// A word is whole, whoever else speaks. Where nobody listens any more, the closed stream ends the worker.
fn say(word: &Word) {
    let Ok(line) = serde_json::to_string(word) else { return };
    let line = format!("{}\n", redact::json(&line));
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
}

fn bug(message: &str) -> Report {
    Report::new(&codes::internal::BUG, message)
}
