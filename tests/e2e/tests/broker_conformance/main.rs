//! One suite of broker behaviour, run against the local broker and, where `DPONE_TEST_KAFKA` names
//! one, against Apache Kafka: the same assertions for both, so that what is tried out locally holds
//! on the real thing.
//!
//! It has a harness of its own because a target that is not there counts as ignored, which the
//! standard one cannot say.
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
use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

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

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let broker = runtime.block_on(Broker::start(dir.path(), 0)).unwrap();
    let shared = || protocol::CASES.iter().chain(librdkafka::CASES);

    let local = Arc::new(Target::new(broker.bootstrap_servers()));
    let mut trials: Vec<Trial> = shared().map(|case| trial("local", case, local.clone())).collect();
    for (name, case) in local_only::CASES {
        let handle = runtime.handle().clone();
        trials.push(Trial::test(format!("local::{name}"), move || {
            case(&handle);
            Ok(())
        }));
    }
    let servers = std::env::var(APACHE_KAFKA);
    if servers.is_err() {
        println!("SKIPPED: the cases on Apache Kafka: {APACHE_KAFKA} is not set, see .ci/services.sh");
    }
    let is_missing = servers.is_err();
    let kafka = Arc::new(Target::new(servers.unwrap_or_default()));
    trials.extend(shared().map(|case| trial("apache-kafka", case, kafka.clone()).with_ignored_flag(is_missing)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(target: &str, (name, case): &'static Case, broker: Arc<Target>) -> Trial {
    Trial::test(format!("{target}::{name}"), move || {
        case(&broker);
        Ok(())
    })
}
