//! The bounds of one instance: memory by the limiter, time by the meter, and both for what the host does
//! for it.

use crate::error::Fault;
use dpone_manifest::Limits;
use dpone_model::plugin::Budget;
use dpone_model::{Report, codes};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use wasmtime::ResourceLimiter;

/// Core instances of one component; CPython as a component has more than twenty.
const MAX_INSTANCES: usize = 64;
const MAX_TABLES: usize = 64;
const MAX_MEMORIES: usize = 16;
/// Elements over all tables.
const MAX_TABLE_ELEMENTS: usize = 1_000_000;

/// Counts an instance's memory, and remembers which limit it ran into.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: u64,
    used: u64,
    pub peak: u64,
    elements: usize,
    pub fault: Option<Fault>,
}

impl Limiter {
    pub fn new(limits: &Limits) -> Self {
        Self { limit: limits.memory, used: 0, peak: 0, elements: 0, fault: None }
    }

    fn refuse(&mut self, fault: Fault) -> wasmtime::Result<bool> {
        self.fault = Some(fault);
        // An error traps at once; -1 from `memory.grow` would end as a nameless abort.
        Err(wasmtime::format_err!("a limit was reached"))
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.used.saturating_add((desired as u64).saturating_sub(current as u64));
        if wanted > self.limit {
            return self.refuse(Fault::Memory { limit: self.limit, wanted });
        }
        self.used = wanted;
        self.peak = self.peak.max(wanted);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.elements.saturating_add(desired.saturating_sub(current));
        if wanted > MAX_TABLE_ELEMENTS {
            let what = format!("asked for tables of {wanted} elements; the limit is {MAX_TABLE_ELEMENTS}");
            return self.refuse(Fault::Bound(what));
        }
        self.elements = wanted;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

/// Asked whether the run goes on; an error says why it is to end.
pub type Stop = Arc<dyn Fn() -> Result<(), Report> + Send + Sync>;

/// Measures one call: how long it lasts, and how much of that it computes. A guest that sleeps or
/// waits for the host is not polled, so time inside `poll` is computing, that of host functions too.
pub(crate) struct Meter {
    limits: Limits,
    stop: Option<Stop>,
    /// The limit that a host function ran into.
    fault: Mutex<Option<Fault>>,
    base: Instant,
    called_ns: AtomicU64,
    polled_ns: AtomicU64,
    busy_ns: AtomicU64,
    cpu_ns: AtomicU64,
}

impl Meter {
    pub fn new(limits: Limits, stop: Option<Stop>) -> Arc<Self> {
        let zero = || AtomicU64::new(0);
        Arc::new(Self {
            limits,
            stop,
            fault: Mutex::default(),
            base: Instant::now(),
            called_ns: zero(),
            polled_ns: zero(),
            busy_ns: zero(),
            cpu_ns: zero(),
        })
    }

    /// A new call begins.
    pub fn begin(&self) {
        self.called_ns.store(self.now(), Ordering::Relaxed);
        self.busy_ns.store(0, Ordering::Relaxed);
        self.cpu_ns.store(0, Ordering::Relaxed);
    }

    /// CPU time of the call. Unlike what the deadline counts, it does not pass while other threads have
    /// the core: it is for the bill, which no neighbour should be able to raise.
    pub fn cpu_ns(&self) -> u64 {
        self.cpu_ns.load(Ordering::Relaxed)
    }

    /// Which limit the call has passed, or that the run is to end; asked from inside of a poll.
    pub fn judge(&self) -> Option<Fault> {
        if let Some(Err(report)) = self.stop.as_ref().map(|stop| stop()) {
            return Some(Fault::Host(report));
        }
        let (now, limits) = (self.now(), &self.limits);
        let since = |start: &AtomicU64| Duration::from_nanos(now.saturating_sub(start.load(Ordering::Relaxed)));
        let busy = Duration::from_nanos(self.busy_ns.load(Ordering::Relaxed)) + since(&self.polled_ns);
        if busy > limits.deadline {
            Some(Fault::Deadline(limits.deadline))
        } else if since(&self.called_ns) > limits.wall_clock {
            Some(Fault::WallClock(limits.wall_clock))
        } else {
            None
        }
    }

    /// The limit that a host function ran into, so that it had to stop.
    pub fn take_fault(&self) -> Option<Fault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn stopped(&self, fault: Fault) -> Report {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        // The fault is what the user reads; this only ends the host function.
        Report::new(&codes::plugin::DEADLINE, "the call has used up what it may take")
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The time and memory of a host function for the call that runs. It holds at most `limits.memory` at a time, beside
/// the instance's own memory.
pub(crate) struct Working {
    pub meter: Arc<Meter>,
    /// Bytes that are held already.
    pub held: u64,
}

impl Budget for Working {
    fn go_on(&self) -> Result<(), Report> {
        self.meter.judge().map_or(Ok(()), |fault| Err(self.meter.stopped(fault)))
    }

    fn hold(&self, bytes: u64) -> Result<(), Report> {
        let (limit, wanted) = (self.meter.limits.memory, self.held.saturating_add(bytes));
        if wanted <= limit { Ok(()) } else { Err(self.meter.stopped(Fault::HostMemory { limit, wanted })) }
    }
}

/// A call under its meter.
pub(crate) struct Metered<'a, T> {
    meter: Arc<Meter>,
    call: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
}

impl<'a, T> Metered<'a, T> {
    pub fn new(meter: Arc<Meter>, call: Pin<Box<dyn Future<Output = T> + Send + 'a>>) -> Self {
        Self { meter, call }
    }
}

impl<T> Future for Metered<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let started = self.meter.now();
        self.meter.polled_ns.store(started, Ordering::Relaxed);
        let cpu = thread_cpu_ns();
        let polled = self.call.as_mut().poll(context);
        self.meter.cpu_ns.fetch_add(thread_cpu_ns().saturating_sub(cpu), Ordering::Relaxed);
        let spent = self.meter.now().saturating_sub(started);
        self.meter.busy_ns.fetch_add(spent, Ordering::Relaxed);
        polled
    }
}

/// CPU time of this thread so far.
fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_over_all_memories() {
        let mut limiter = Limiter::new(&Limits { memory: 1000, ..Limits::default() });
        assert!(limiter.memory_growing(0, 600, None).is_ok());
        assert!(limiter.memory_growing(0, 400, None).is_ok());
        assert_eq!(limiter.peak, 1000);
        assert!(limiter.memory_growing(400, 401, None).is_err());
        assert!(matches!(limiter.fault, Some(Fault::Memory { limit: 1000, wanted: 1001 })));
    }

    #[tokio::test]
    async fn sleeping_is_not_computing() {
        let limits =
            Limits { deadline: Duration::from_millis(40), wall_clock: Duration::from_millis(400), ..Limits::default() };
        let meter = Meter::new(limits, None);
        meter.begin();
        let asked = meter.clone();
        let call = async move {
            tokio::time::sleep(Duration::from_millis(80)).await;
            let after_sleep = asked.judge();
            std::thread::sleep(Duration::from_millis(60));
            (after_sleep, asked.judge())
        };
        let (after_sleep, after_work) = Metered::new(meter, Box::pin(call)).await;
        assert!(after_sleep.is_none(), "{after_sleep:?}");
        assert!(matches!(after_work, Some(Fault::Deadline(_))), "{after_work:?}");
    }
}
