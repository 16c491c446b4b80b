//! The data path against its floor, on the same rows, API and broker, one after the other.
//!
//! `cargo run --release -p dpone-bench` builds the pages, starts API and broker as processes of
//! their own, and prints wall, CPU and peak memory of the floor program, of `dpone run` with the
//! guide's manifest as it is, and of the same job with a native extractor in place of the component.
//! `--rows N` and `--runs N` change the size; `--broker HOST:PORT` takes another Kafka.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod floor;
mod measure;
mod native;
mod pages;

use measure::{Cost, measure, median};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve-api", rows] => Ok(pages::serve(rows.parse()?)?),
        ["broker", dir] => broker(Path::new(dir)),
        ["floor", api, brokers, topic] => floor::run(api, brokers, topic).map(|_| ()),
        ["native", manifest] => native::run(Path::new(manifest)),
        ["measure", ..] => measure::run_measured(arguments.get(1..).unwrap_or_default()),
        _ => compare(&Options::parse(&words)?),
    }
}

struct Options {
    rows: u64,
    runs: usize,
    broker: Option<String>,
}

impl Options {
    fn parse(words: &[&str]) -> Outcome<Self> {
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

fn compare(options: &Options) -> Outcome {
    let folder = tempfile::tempdir()?;
    let api = Service::start(&["serve-api", &options.rows.to_string()])?;
    let own_broker = match &options.broker {
        Some(_) => None,
        None => Some(Service::start(&["broker", &folder.path().join("broker").display().to_string()])?),
    };
    let broker = match (&options.broker, &own_broker) {
        (Some(address), _) => address.clone(),
        (None, Some(service)) => service.1.clone(),
        (None, None) => return Err("no broker".into()),
    };
    let api = format!("127.0.0.1:{}", api.1);
    let dpone = std::env::current_exe()?.with_file_name("dpone").display().to_string();
    let bench = std::env::current_exe()?.display().to_string();
    let (mut floors, mut runs, mut natives) = (Vec::new(), Vec::new(), Vec::new());
    // The first round fills caches and the broker's connections; it is not counted.
    for round in 0..=options.runs {
        let floor_command = [&bench, "floor", &api, &broker, &format!("floor-{round}")].map(str::to_owned);
        create_topic(&broker, &format!("floor-{round}"))?;
        let floor = measure(&floor_command, folder.path())?;
        let job = job(folder.path(), round, "dpone", &api, &broker)?;
        let run = measure(&[&dpone, "run", "manifest.yaml", "--profile", "bench", "--quiet"].map(str::to_owned), &job)?;
        let job = self::job(folder.path(), round, "native", &api, &broker)?;
        let native = measure(&[&bench, "native", "manifest.yaml"].map(str::to_owned), &job)?;
        if round > 0 {
            floors.push(floor);
            runs.push(run);
            natives.push(native);
        }
    }
    report(options, &floors, &runs, &natives);
    Ok(())
}

/// A working folder with the guide's manifest and a profile that names API and broker.
fn job(folder: &Path, round: usize, kind: &str, api: &str, broker: &str) -> Outcome<std::path::PathBuf> {
    let job = folder.join(format!("{kind}-{round}"));
    std::fs::create_dir_all(job.join(".dpone/profiles"))?;
    let topic = format!("{kind}-{round}");
    create_topic(broker, &topic)?;
    let guide = include_str!("../../manifests/guide.yaml").replace("dwh.orders", &topic);
    std::fs::write(job.join("manifest.yaml"), guide)?;
    let profile = format!(
        "extends: local\nconnections:\n  example_api: {{ type: http, base_url: \"http://{api}\" }}\n  \
         kafka_cluster: {{ type: kafka, bootstrap_servers: \"{broker}\" }}\n"
    );
    std::fs::write(job.join(".dpone/profiles/bench.yaml"), profile)?;
    // Compiled components are kept from round to round, as on a user's machine.
    let cache = folder.join("cache");
    std::fs::create_dir_all(&cache)?;
    std::os::unix::fs::symlink(&cache, job.join(".dpone/cache"))?;
    Ok(job)
}

fn create_topic(broker: &str, topic: &str) -> Outcome {
    use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
    let admin: AdminClient<rdkafka::client::DefaultClientContext> =
        rdkafka::ClientConfig::new().set("bootstrap.servers", broker).create()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let created = runtime
        .block_on(admin.create_topics(&[NewTopic::new(topic, 1, TopicReplication::Fixed(1))], &AdminOptions::new()))?;
    created
        .into_iter()
        .try_for_each(|result| result.map(|_| ()).map_err(|(name, error)| format!("{name}: {error}").into()))
}

fn broker(dir: &Path) -> Outcome {
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

fn report(options: &Options, floors: &[Cost], runs: &[Cost], natives: &[Cost]) {
    let row = |name: &str, costs: &[Cost]| {
        let figure = |of: fn(&Cost) -> f64| median(costs.iter().map(of).collect());
        let ratio = |of: fn(&Cost) -> f64| median(costs.iter().zip(floors).map(|(a, b)| of(a) / of(b)).collect());
        println!(
            "{name:<28} {:>7.2} {:>7.2} {:>9.1} {:>9.2} {:>9.2}",
            figure(|c| c.wall_s),
            figure(|c| c.cpu_s),
            figure(|c| c.peak_mib),
            ratio(|c| c.wall_s),
            ratio(|c| c.cpu_s),
        );
    };
    println!(
        "{} rows, {} runs after one warm-up, medians; ratios are pairwise to the floor",
        options.rows, options.runs
    );
    println!("{:<28} {:>7} {:>7} {:>9} {:>9} {:>9}", "", "wall s", "cpu s", "peak MiB", "wall ×", "cpu ×");
    row("floor", floors);
    row("dpone, guide's manifest", runs);
    row("dpone, native extractor", natives);
    let sandbox: Vec<f64> = runs.iter().zip(natives).map(|(run, native)| run.cpu_s / native.cpu_s - 1.0).collect();
    println!("what the extractor's sandbox costs: {:+.1} % CPU", median(sandbox) * 100.0);
}
