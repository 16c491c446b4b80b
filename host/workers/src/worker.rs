//! The worker's end: it confines itself to its tenant, and then runs what it is told to.

use crate::confine::{self, Terms};
use crate::protocol::{Ended, Job, Local, MAX_LINE_BYTES, Order, Setup, Word};
use async_trait::async_trait;
use dpone_connections::LocalServices;
use dpone_model::{Exit, Report, RunId, codes};
use dpone_run::authority::Demands;
use dpone_run::cancel::Cancel;
use dpone_run::events::{Events, Silent};
use dpone_run::finder::Finder;
use dpone_run::signature::TrustedKey;
use dpone_run::tenancy::Tenancy;
use dpone_run::{Host, LocalNeeds, LocalStarter, Request};
use std::collections::VecDeque;
use std::io::{BufRead, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncBufReadExt;
use tokio::sync::{mpsc, oneshot};

/// What the program that is started again brings with it.
#[derive(Clone)]
pub struct Program {
    /// The shipped components by name.
    pub builtins: fn(&str) -> Option<&'static [u8]>,
    /// Its own path.
    pub path: PathBuf,
    /// The hidden argument that makes it compile a component.
    pub compile: &'static str,
    /// What shows a run's progress on standard error; the name says which run's.
    pub progress: fn(&str) -> Box<dyn Events>,
}

/// What a worker does from its start to its end. The process must have one thread, so that what confines
/// it holds for all that come.
pub fn worker_main(program: Program) -> ExitCode {
    let served = confined(program).and_then(|base| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|cause| bug(&format!("the async runtime cannot start: {cause}")))?;
        runtime.block_on(serve(base));
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

/// What all runs of the worker share.
#[derive(Clone)]
struct Base {
    program: Program,
    setup: Arc<Setup>,
    tenancy: Option<Arc<Tenancy>>,
    demands: Demands,
    local: Arc<Asking>,
}

/// Reads the setup and builds the fences; nothing of a tenant's is opened before they stand.
fn confined(program: Program) -> Result<Base, Report> {
    let mut setup = read_setup()?;
    let keys = setup
        .signers
        .take()
        .map(|keys| keys.iter().map(|(text, named)| TrustedKey::parse(text, named)).collect::<Result<Vec<_>, _>>());
    let demands = Demands { locked: setup.locked, signers: keys.transpose()? };
    let tenancy = setup.tenancy.take().map(Tenancy::from_wire).transpose()?;
    let tenancy = tenancy.map(|tenancy| fence(&program, &setup, tenancy)).transpose()?.map(Arc::new);
    let local = Arc::new(Asking { sqlite_path: setup.workdir.join(".dpone/local/state.db"), asked: Mutex::default() });
    Ok(Base { program, setup: Arc::new(setup), tenancy, demands, local })
}

fn fence(program: &Program, setup: &Setup, mut tenancy: Tenancy) -> Result<Tenancy, Report> {
    let read = tenancy.folders.iter().chain(&setup.plugin_path).cloned().chain(tenancy.loan.files()).collect();
    let fences = confine::confine(&Terms {
        limits: &tenancy.tenant.limits,
        require: &tenancy.require,
        read,
        home: setup.workdir.clone(),
        program: program.path.clone(),
        nice: setup.nice,
        cgroup: setup.cgroup.clone(),
    })?;
    for missing in &fences.missing {
        tracing::warn!("this worker is not confined by {missing}");
    }
    tenancy.confined_by = fences.names;
    Ok(tenancy)
}

fn read_setup() -> Result<Setup, Report> {
    let mut line = Vec::new();
    // The supervisor sends nothing more before the worker is ready, so that no order is read here.
    std::io::stdin()
        .lock()
        .take(MAX_LINE_BYTES)
        .read_until(b'\n', &mut line)
        .map_err(|cause| bug(&format!("a worker cannot read its setup: {cause}")))?;
    serde_json::from_slice(&line).map_err(|cause| bug(&format!("a worker is started by `dpone run` alone: {cause}")))
}

/// Takes orders until the supervisor closes the stream, and lets what runs end where it can go on later.
async fn serve(base: Base) {
    let (ended, mut endings) = mpsc::unbounded_channel();
    let mut cancels: Vec<(usize, Cancel)> = Vec::new();
    let mut orders = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    say(&Word::Ready);
    let mut open = true;
    while open || !cancels.is_empty() {
        tokio::select! {
            order = orders.next_line(), if open => match order {
                Ok(Some(line)) => match serde_json::from_str(&line) {
                    Ok(Order::Run { number, job }) => {
                        let cancel = Cancel::default();
                        cancels.push((number, cancel.clone()));
                        begin(base.clone(), number, job, cancel, ended.clone());
                    }
                    Ok(Order::Local(answer)) => base.local.answer(answer),
                    Ok(Order::Stop) => interrupt(&cancels),
                    Err(error) => tracing::warn!(%error, "an order is not understood"),
                },
                Ok(None) | Err(_) => {
                    open = false;
                    interrupt(&cancels);
                }
            },
            Some((number, ended)) = endings.recv() => {
                cancels.retain(|(running, _)| *running != number);
                say(&Word::Ended { number, ended });
            }
            () = terminated() => interrupt(&cancels),
        }
    }
}

fn interrupt(cancels: &[(usize, Cancel)]) {
    cancels.iter().for_each(|(_, cancel)| cancel.interrupt());
}

/// A signal to the worker alone: an operator who ends one tenant.
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// Starts a run on a thread of its own: a run that computes does not hold up the others.
fn begin(base: Base, number: usize, job: Job, cancel: Cancel, ended: mpsc::UnboundedSender<(usize, Ended)>) {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let outcome = runtime.block_on(run(&base, job, cancel));
        // Nobody listens any more only where the worker ends.
        let _ = ended.send((number, outcome));
    });
}

async fn run(base: &Base, job: Job, cancel: Cancel) -> Ended {
    let named = job
        .resume
        .clone()
        .unwrap_or_else(|| job.manifest.file_stem().unwrap_or_default().to_string_lossy().into_owned());
    let host = host(base, &named, cancel);
    let finished = match &job.resume {
        Some(run) => match RunId::parse(run) {
            Some(run) => dpone_run::resume(&host, &run, base.setup.profile.as_deref()).await,
            None => {
                return Ended::without_run(&Report::new(
                    &codes::usage::UNKNOWN_RUN,
                    format!("`{run}` is not a run id"),
                ));
            }
        },
        None => dpone_run::run(&host, &request(base, job)).await,
    };
    Ended {
        exit: finished.result.as_ref().err().map_or(Exit::Ok, Report::exit) as u8,
        error: finished.result.as_ref().err().map(ToString::to_string),
        report: serde_json::to_value(&finished.report).unwrap_or_default(),
        artifact: finished.artifact,
        resumable: finished.resumable,
    }
}

fn host(base: &Base, named: &str, cancel: Cancel) -> Host {
    let setup = &base.setup;
    let program = &base.program;
    let events: Arc<dyn Events> = match setup.quiet {
        true => Arc::new(Silent),
        false => Arc::from((program.progress)(named)),
    };
    Host {
        finder: Finder {
            builtins: program.builtins,
            plugin_path: setup.plugin_path.clone(),
            workdir: setup.workdir.clone(),
        },
        local: base.local.clone(),
        compiler: vec![program.path.display().to_string(), program.compile.to_owned()],
        events,
        cancel,
        demands: base.demands.clone(),
        tenancy: base.tenancy.clone(),
        native_extractor: None,
        workdir: setup.workdir.clone(),
    }
}

fn request(base: &Base, job: Job) -> Request {
    Request {
        manifest: job.manifest,
        profile: base.setup.profile.clone(),
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
            error: Some(report.to_string()),
            exit: report.exit() as u8,
            artifact: None,
            resumable: false,
        }
    }
}

/// Asks the supervisor for the services of the profile `local`: they are the operator's, and every worker
/// joins the same.
struct Asking {
    sqlite_path: PathBuf,
    /// Answers come in the order of the questions.
    asked: Mutex<VecDeque<oneshot::Sender<Result<Local, String>>>>,
}

impl Asking {
    fn answer(&self, answer: Result<Local, String>) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if let Some(asked) = asked {
            // Who asked may have been interrupted.
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
        Ok(LocalServices {
            base_url: local.base_url,
            bootstrap_servers: local.bootstrap_servers,
            sqlite_path: self.sqlite_path.clone(),
        })
    }
}

/// A word is whole, whoever else speaks. Where nobody listens any more, the closed stream ends the worker.
fn say(word: &Word) {
    let Ok(mut line) = serde_json::to_vec(word) else { return };
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
}

fn bug(message: &str) -> Report {
    Report::new(&codes::internal::BUG, message)
}
