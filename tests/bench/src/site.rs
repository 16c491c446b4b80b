//! Where whole jobs run: the API and the broker as processes of their own, and a working folder for
//! each job.

use crate::Outcome;
use crate::measure::{Cost, measure};
use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub struct Options {
    pub rows: u64,
    pub runs: usize,
    pub broker: Option<String>,
}

impl Options {
    pub fn parse(words: &[&str]) -> Outcome<Self> {
        let mut options = Self { rows: 500_000, runs: 5, broker: None };
        for pair in words.chunks(2) {
            match pair {
                ["--rows", rows] => options.rows = rows.parse()?,
                ["--runs", runs] => options.runs = runs.parse()?,
                ["--broker", address] => options.broker = Some((*address).to_owned()),
                other => return Err(format!("unknown option {other:?}; see --rows, --runs, --broker").into()),
            }
        }
        Ok(options)
    }
}

/// A child that ends with this process.
struct Service(Child, String);

impl Service {
    /// Starts a subcommand of this binary and reads the line that it prints when it is ready.
    fn start(arguments: &[&str]) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?).args(arguments).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
        Ok(Self(child, line.trim().to_owned()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// API, broker and a scratch folder, for as long as it lives.
pub struct Site {
    /// `HOST:PORT`
    pub api: String,
    /// `HOST:PORT`
    pub broker: String,
    // Fields are dropped in this order, so that the broker is gone before its folder is.
    _services: Vec<Service>,
    folder: tempfile::TempDir,
    /// The working folder of the job before.
    last: RefCell<Option<PathBuf>>,
}

impl Site {
    pub fn start(options: &Options) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let api = Service::start(&["serve-api", &options.rows.to_string()])?;
        let address = format!("127.0.0.1:{}", api.1);
        let mut services = vec![api];
        let broker = match &options.broker {
            Some(address) => address.clone(),
            None => {
                let own = Service::start(&["broker", &folder.path().join("broker").display().to_string()])?;
                let address = own.1.clone();
                services.push(own);
                address
            }
        };
        Ok(Self { api: address, broker, _services: services, folder, last: RefCell::default() })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A working folder with this manifest, which loads into a topic of the job's name, and a profile
    /// that names API and broker.
    pub fn job(&self, name: &str, manifest: &str) -> Outcome<PathBuf> {
        let job = self.folder().join(name);
        std::fs::create_dir_all(job.join(".dpone/profiles"))?;
        self.create_topic(name)?;
        std::fs::write(job.join("manifest.yaml"), manifest.replace("dwh.orders", name))?;
        let profile = format!(
            "extends: local\nconnections:\n  example_api: {{ type: http, base_url: \"http://{}\" }}\n  \
             kafka_cluster: {{ type: kafka, bootstrap_servers: \"{}\" }}\n",
            self.api, self.broker
        );
        std::fs::write(job.join(".dpone/profiles/bench.yaml"), profile)?;
        // Compiled components are kept from round to round, as on a user's machine.
        let cache = self.folder().join("cache");
        std::fs::create_dir_all(&cache)?;
        std::os::unix::fs::symlink(&cache, job.join(".dpone/cache"))?;
        self.hand_on_segments(&job)?;
        Ok(job)
    }

    /// The journal's segments go from job to job as they do from run to run in one folder: pages of a file
    /// that is new cost several times as much, all the more in a virtual machine that has to be given the
    /// memory for them first.
    fn hand_on_segments(&self, job: &Path) -> Outcome {
        const JOURNAL: &str = ".dpone/journal";
        let Some(last) = self.last.replace(Some(job.to_owned())) else { return Ok(()) };
        let pool = last.join(JOURNAL).join(".pool");
        if pool.exists() {
            std::fs::create_dir_all(job.join(JOURNAL))?;
            std::fs::rename(pool, job.join(JOURNAL).join(".pool"))?;
        }
        Ok(())
    }

    /// The cost of `dpone run` in such a folder.
    pub fn run(&self, job: &Path) -> Outcome<Cost> {
        let dpone = std::env::current_exe()?.with_file_name("dpone").display().to_string();
        measure(&[&dpone, "run", "manifest.yaml", "--profile", "bench", "--quiet"].map(str::to_owned), job)
    }

    /// `run.json` of the one run that such a folder has seen.
    pub fn report(job: &Path) -> Outcome<serde_json::Value> {
        let folder = job.join(".dpone/runs/api_to_kafka");
        let run = std::fs::read_dir(&folder)?.next().ok_or("the run left no artifact")??.path();
        Ok(serde_json::from_slice(&std::fs::read(run.join("run.json"))?)?)
    }

    pub fn create_topic(&self, name: &str) -> Outcome {
        use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
        let admin: AdminClient<rdkafka::client::DefaultClientContext> =
            rdkafka::ClientConfig::new().set("bootstrap.servers", &self.broker).create()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let topic = NewTopic::new(name, 1, TopicReplication::Fixed(1));
        let created = runtime.block_on(admin.create_topics(&[topic], &AdminOptions::new()))?;
        created
            .into_iter()
            .try_for_each(|result| result.map(|_| ()).map_err(|(name, error)| format!("{name}: {error}").into()))
    }
}

/// The broker's process: prints its address and serves until it is ended.
#[allow(clippy::print_stdout)]
pub fn broker(dir: &Path) -> Outcome {
    std::fs::create_dir_all(dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let broker = dpone_local::Broker::start(dir, 0).await?;
        println!("{}", broker.address());
        std::future::pending::<()>().await;
        drop(broker);
        Ok(())
    })
}
