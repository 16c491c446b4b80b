//! One suite of broker behaviour, run against the local broker and, where `DPONE_TEST_KAFKA` names
//! one, against Apache Kafka: the same assertions for both, so that what is tried out locally holds
//! on the real thing.
//!
//! `cargo test -p dpone-e2e --test broker_conformance [FILTER]` runs the cases whose name holds the
//! filter. It has a harness of its own because a target that is not there counts as skipped, which
//! the standard one cannot say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test program: a failed expectation is a failed case"
)]

mod client;
mod librdkafka;
mod local_only;
mod protocol;
mod wire;

use dpone_local::Broker;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

const APACHE_KAFKA: &str = "DPONE_TEST_KAFKA";

/// A case by its name, and what it does to a broker.
pub type Case = (&'static str, fn(&Target));

/// A broker under test.
pub struct Target {
    pub servers: String,
    /// Set apart from other runs against the same broker.
    run: String,
}

impl Target {
    fn new(servers: String) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self { servers, run: format!("{}-{}", std::process::id(), since.as_millis()) }
    }

    /// A topic name of this run's own.
    pub fn topic(&self, name: &str) -> String {
        format!("conformance.{}.{name}", self.run)
    }
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
}

impl Tally {
    fn run(&mut self, target: &str, name: &str, case: impl FnOnce()) {
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(case));
        let seconds = started.elapsed().as_secs_f64();
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("test {target}::{name} ... {word} ({seconds:.2} s)");
        match outcome {
            Ok(()) => self.passed += 1,
            Err(_) => self.failed.push(format!("{target}::{name}")),
        }
    }
}

fn main() -> ExitCode {
    // Flags of the standard harness, such as --nocapture, mean nothing here.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.iter().find(|argument| !argument.starts_with('-')).cloned().unwrap_or_default();
    let shared = || protocol::CASES.iter().chain(librdkafka::CASES).filter(|(name, _)| name.contains(&filter));
    if arguments.iter().any(|argument| argument == "--list") {
        shared().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }

    let mut tally = Tally::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let broker = runtime.block_on(Broker::start(dir.path(), 0)).unwrap();
    let local = Target::new(broker.bootstrap_servers());
    shared().for_each(|(name, case)| tally.run("local", name, || case(&local)));
    for (name, case) in local_only::CASES.iter().filter(|(name, _)| name.contains(&filter)) {
        tally.run("local", name, || case(runtime.handle()));
    }

    let mut skipped = 0;
    match std::env::var(APACHE_KAFKA) {
        Ok(servers) => {
            let kafka = Target::new(servers);
            shared().for_each(|(name, case)| tally.run("apache-kafka", name, || case(&kafka)));
        }
        Err(_) => skipped = shared().count(),
    }
    summary(&tally, skipped)
}

fn summary(tally: &Tally, skipped: usize) -> ExitCode {
    if skipped > 0 {
        println!("SKIPPED: Apache Kafka ({skipped} cases): {APACHE_KAFKA} is not set, see .ci/services.sh");
    }
    tally.failed.iter().for_each(|name| println!("failed: {name}"));
    let word = if tally.failed.is_empty() { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {} passed; {} failed; {skipped} skipped", tally.passed, tally.failed.len());
    ExitCode::from(u8::from(!tally.failed.is_empty()))
}
