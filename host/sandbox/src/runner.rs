//! Runs one plugin: an instance made when it is needed, calls under their limits, and the words
//! for what goes wrong.

use crate::bindings::WIT_VERSION;
use crate::bindings::extractor::dpone::plugin::types::{Blame, Description, PluginError};
use crate::engine::{Counting, engine};
use crate::error::{Error, Fault, Refusal, WANTED_FILES};
use crate::host::{Host, Needs, Sets};
use crate::limits::{Limiter, Meter, Metered, Stop};
use crate::log::PluginLog;
use crate::random::Random;
use crate::{text, wasi};
use async_trait::async_trait;
use cap_std::fs::Dir;
use dpone_manifest::Limits;
use dpone_model::plugin::{Identity, PluginHttp, Usage};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use wasmtime::component::{InstancePre, ResourceTable};
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;

/// Handles that one instance may hold at a time: streams, files, clocks.
const MAX_HANDLES: usize = 1024;
/// Fuel of one call: more than its deadline lets it burn, for fuel is counted and bounds nothing.
const FUEL: u64 = i64::MAX as u64;
/// Work that is not counted as fuel: it happens once an instance, whatever the data.
const SETUP: [&str; 3] = ["instantiate", "describe", "configure"];

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One of the five worlds, as the bindings know it.
#[async_trait]
pub(crate) trait World: Sized + Send + Sync + 'static {
    /// The world with its exports looked up.
    type Pre: Clone + Send + Sync;
    /// The answer of `configure`.
    type Configured: Send;

    fn pre(pre: InstancePre<Host>) -> wasmtime::Result<Self::Pre>;
    async fn instantiate(pre: &Self::Pre, store: &mut Store<Host>) -> wasmtime::Result<Self>;
    async fn describe(&self, store: &mut Store<Host>) -> wasmtime::Result<Description>;
    async fn configure(
        &self,
        store: &mut Store<Host>,
        settings: &Settings,
    ) -> wasmtime::Result<Result<Self::Configured, PluginError>>;
}

/// The input of `configure`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// JSON text.
    pub options: String,
    /// Only extractors see it.
    pub records_path: String,
    /// Names of the granted secrets; only signers see them.
    pub secrets: Vec<String>,
}

/// An instance's setting: its limits, its grants, and what makes its calls reproducible.
pub(crate) struct Terms {
    pub identity: Identity,
    /// As the component's code was compiled.
    pub counting: Counting,
    /// Whether an instance is dropped after its first call, in benchmarks.
    pub instance_per_call: bool,
    pub limits: Limits,
    pub real_clock: bool,
    pub real_random: bool,
    pub files: Option<Dir>,
    pub seed: u64,
    pub started_at: jiff::Timestamp,
    pub log: PluginLog,
    pub sets: Option<Sets>,
    pub http: Option<Arc<dyn PluginHttp>>,
    /// Asked at each look at the clock whether the run goes on.
    pub stop: Option<Stop>,
}

/// A plugin that runs. Its instance may be dropped between any two calls; the next one makes a new
/// one and configures it.
pub(crate) struct Runner<W: World> {
    pre: W::Pre,
    terms: Terms,
    settings: Settings,
    live: Option<Live<W>>,
    usage: Usage,
    time_ns: u64,
    cpu_ns: u64,
    /// Whether any instance looked for files, of which none are granted.
    wanted_files: bool,
}

struct Live<W> {
    world: W,
    store: Store<Host>,
}

impl<W: World> Runner<W> {
    pub fn new(pre: W::Pre, terms: Terms, settings: Settings) -> Self {
        Self { pre, terms, settings, live: None, usage: Usage::default(), time_ns: 0, cpu_ns: 0, wanted_files: false }
    }

    pub fn identity(&self) -> &Identity {
        &self.terms.identity
    }

    pub fn usage(&self) -> Usage {
        Usage { time_us: self.time_ns / 1000, cpu_us: self.cpu_ns / 1000, ..self.usage }
    }

    /// Asks the component who it is, in an instance of its own.
    pub async fn describe(&mut self) -> Result<Description, Error> {
        let mut live = self.instantiate().await?;
        let answer = self.guarded("describe", &mut live, |world, store| Box::pin(world.describe(store))).await?;
        Ok(answer)
    }

    /// Makes and configures the first instance, so that a refusal shows before any page is fetched.
    pub async fn open(&mut self) -> Result<W::Configured, Error> {
        let (live, configured) = self.create().await?;
        self.live = Some(live);
        Ok(configured)
    }

    /// Makes one call. Whatever ends it early also ends the instance.
    pub async fn call<R: Send>(
        &mut self,
        name: &'static str,
        work: impl for<'a> FnOnce(&'a W, &'a mut Store<Host>) -> BoxFuture<'a, wasmtime::Result<R>> + Send,
    ) -> Result<R, Error> {
        // Taken out, so that a caller who gives up in the middle of a call drops it.
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.create().await?.0,
        };
        let answer = self.guarded(name, &mut live, work).await?;
        self.live = (!self.terms.instance_per_call).then_some(live);
        Ok(answer)
    }

    /// A plugin's own error with the plugin's name.
    pub fn refused(&self, error: PluginError) -> Error {
        let refusal = Refusal {
            code: text::one_line(&error.code, 100),
            message: text::one_line(&error.message, text::MAX_MESSAGE_BYTES),
            record: error.record,
            field: error.field.map(|field| text::one_line(&field, 200)),
            blames_answer: error.blames == Blame::Answer,
            wanted_files: self.wanted_files,
        };
        Error::Refused { who: Box::new(self.terms.identity.clone()), refusal }
    }

    /// A plugin's state is journalled and stored, so it is bounded for itself.
    pub fn check_state(&self, call: &'static str, state: &[u8]) -> Result<(), Error> {
        let (limit, bytes) = (self.terms.limits.state, state.len() as u64);
        if bytes <= limit { Ok(()) } else { Err(self.fault(call, Fault::State { limit, bytes })) }
    }

    /// A fault that shows only in what a call returned.
    pub fn fault(&self, call: &'static str, fault: Fault) -> Error {
        Error::Fault { who: Box::new(self.terms.identity.clone()), call, fault }
    }

    async fn create(&mut self) -> Result<(Live<W>, W::Configured), Error> {
        let mut live = self.instantiate().await?;
        let settings = self.settings.clone();
        let configured = self
            .guarded("configure", &mut live, move |world, store| {
                Box::pin(async move { world.configure(store, &settings).await })
            })
            .await?;
        match configured {
            Ok(configured) => Ok((live, configured)),
            Err(error) => Err(self.refused(error)),
        }
    }

    async fn instantiate(&mut self) -> Result<Live<W>, Error> {
        let mut store = self.store()?;
        let started = begin(&mut store, self.terms.counting)?;
        let meter = store.data().meter.clone();
        let made = Box::pin(W::instantiate(&self.pre, &mut store));
        let made = timeout(self.terms.limits.wall_clock, Metered::new(meter, made)).await;
        let world = self.end("instantiate", started, made, &mut store).map_err(|error| match error {
            // Types of exports are compared here, and nothing has run yet that could return.
            Error::Fault { who, fault: Fault::BadOutput(cause), .. } => {
                Error::WrongShape { named: who.name, version: WIT_VERSION.to_owned(), cause }
            }
            other => other,
        })?;
        Ok(Live { world, store })
    }

    fn store(&self) -> Result<Store<Host>, Error> {
        let terms = &self.terms;
        let stderr_tail = Arc::new(Mutex::new(String::new()));
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let host = Host {
            table,
            wasi: wasi::context(&terms.log, stderr_tail.clone(), terms.started_at, terms.real_clock),
            files: match &terms.files {
                Some(dir) => Some(dir.try_clone().map_err(Error::Files)?),
                None => None,
            },
            limits: terms.limits.clone(),
            limiter: Limiter::new(&terms.limits),
            meter: Meter::new(terms.limits.clone(), terms.stop.clone()),
            random: Random::new(terms.real_random, terms.seed, &terms.identity.sha256),
            log: terms.log.clone(),
            needs: Needs::default(),
            sets: terms.sets.clone(),
            http: terms.http.clone(),
            finishing: false,
            wanted_files: false,
            fault: None,
            panic: None,
            stderr_tail,
        };
        let mut store = Store::new(engine(terms.counting)?, host);
        store.limiter(|host| &mut host.limiter);
        store.set_hostcall_fuel(usize::try_from(terms.limits.output).unwrap_or(usize::MAX));
        // At each tick the guest is asked for its time, and lets the other tasks of this thread run.
        store.epoch_deadline_callback(|mut store| {
            let host = store.data_mut();
            match host.meter.judge() {
                Some(fault) => Err(host.fail(fault)),
                None => Ok(UpdateDeadline::Yield(1)),
            }
        });
        Ok(store)
    }

    async fn guarded<R: Send>(
        &mut self,
        name: &'static str,
        live: &mut Live<W>,
        work: impl for<'a> FnOnce(&'a W, &'a mut Store<Host>) -> BoxFuture<'a, wasmtime::Result<R>> + Send,
    ) -> Result<R, Error> {
        let Live { world, store } = live;
        self.usage.calls += 1;
        store.data_mut().random.reseed(self.usage.calls);
        let started = begin(store, self.terms.counting)?;
        let meter = store.data().meter.clone();
        let answer = timeout(self.terms.limits.wall_clock, Metered::new(meter, work(world, store))).await;
        self.end(name, started, answer, store)
    }

    fn end<R>(
        &mut self,
        name: &'static str,
        started: Instant,
        answer: Result<wasmtime::Result<R>, Elapsed>,
        store: &mut Store<Host>,
    ) -> Result<R, Error> {
        self.time_ns += u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if self.terms.counting == Counting::Fuel && !SETUP.contains(&name) {
            let used = store.get_fuel().map_or(0, |left| FUEL.saturating_sub(left));
            self.usage.fuel = Some(self.usage.fuel.unwrap_or(0).saturating_add(used));
        }
        let host = store.data_mut();
        self.cpu_ns += host.meter.cpu_ns();
        self.wanted_files |= host.wanted_files;
        self.usage.peak_memory_bytes = self.usage.peak_memory_bytes.max(host.limiter.peak);
        let fault = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => classify(&error, host),
            Err(_) => Fault::WallClock(self.terms.limits.wall_clock),
        };
        Err(self.fault(name, fault))
    }
}

fn begin(store: &mut Store<Host>, counting: Counting) -> Result<Instant, Error> {
    if counting == Counting::Fuel {
        store.set_fuel(FUEL).map_err(|error| Error::Engine(format!("{error:#}")))?;
    }
    let host = store.data_mut();
    // The words of an earlier call that survived explain nothing about this one.
    host.panic = None;
    host.stderr_tail.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
    host.meter.begin();
    store.set_epoch_deadline(1);
    Ok(Instant::now())
}

/// Why a call ended: what the host noted first, then what wasmtime says.
fn classify(error: &wasmtime::Error, host: &mut Host) -> Fault {
    if let Some(fault) = host.fault.take().or_else(|| host.limiter.fault.take()) {
        return fault;
    }
    if let Some(message) = host.panic.take() {
        return Fault::Trap(format!("it panicked: {message}"));
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return Fault::Trap(with_last_words(trap_text(*trap), host));
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Fault::Trap(with_last_words(format!("it exited with status {}", exit.0), host));
    }
    let cause = text::one_line(&error.root_cause().to_string(), text::MAX_MESSAGE_BYTES);
    // wasmtime has no types for these two.
    if cause.contains("fuel allocated for hostcalls has been exhausted") {
        Fault::Output(host.limits.output)
    } else if cause.contains("resource limit exceeded") {
        Fault::Bound(format!("is too large: {cause}"))
    } else {
        Fault::BadOutput(cause)
    }
}

fn trap_text(trap: Trap) -> String {
    match trap {
        Trap::StackOverflow => "call stack exhausted, it recursed too deeply".to_owned(),
        Trap::UnreachableCodeReached => "it reached an `unreachable` instruction, as after a panic".to_owned(),
        other => other.to_string().trim_start_matches("wasm trap: ").to_owned(),
    }
}

fn with_last_words(mut what: String, host: &Host) -> String {
    if host.wanted_files {
        what = format!("{what}; {WANTED_FILES}");
    }
    let tail = host.stderr_tail.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    match text::one_line(tail.trim(), text::MAX_MESSAGE_BYTES) {
        words if words.is_empty() => what,
        words => format!("{what}; its standard error ends: {words}"),
    }
}
