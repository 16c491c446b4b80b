//! The sandbox's cost of a call: each kind of plugin native and as a component, with the epochs off,
//! and with an instance for each batch; one transform in three languages.
//!
//! All variants take turns in every round. A figure is the median of a round's calls, then of the
//! rounds, so that a busy machine disturbs them alike. Absolute figures are of this machine;
//! differences and ratios are what counts. Between two calls a page is scanned, as in a run, and a call
//! finds the caches as that leaves them; of the extractor, whose calls are short, there is a row without
//! the scan too.

mod double;
mod feed;
pub mod projects;
mod report;
mod subject;

use crate::measure::median;
use crate::{Outcome, failed};
use double::Double;
use dpone_sandbox::{ChildCommand, CompileLimits, Sandbox};
use feed::{Feed, RECORDS_PATH};
use projects::Source;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::time::Duration;
use subject::Subject;

struct Options {
    pages: u64,
    rounds: usize,
}

impl Options {
    fn parse(words: &[&str]) -> Outcome<Self> {
        let mut options = Self { pages: 100, rounds: 7 };
        for pair in words.chunks(2) {
            match pair {
                ["--records", records] => {
                    let records: u64 = records.parse()?;
                    options.pages = records.div_ceil(crate::pages::PAGE_SIZE).max(1);
                }
                ["--rounds", rounds] => options.rounds = rounds.parse::<usize>()?.max(1),
                other => return Err(format!("unknown option {other:?}; see --records, --rounds").into()),
            }
        }
        Ok(options)
    }
}

/// One plugin in all its variants.
struct Row {
    name: &'static str,
    /// How many of the unit there are in a call: records, or one page.
    units: u64,
    /// Whether one call follows the other with nothing between them, where caches stay warm.
    is_back_to_back: bool,
    /// Native, sandboxed, without epochs, an instance a call; or why there is none.
    variants: Result<[Variant; 4], String>,
}

struct Variant {
    subject: Subject,
    /// One a round, in nanoseconds a call.
    samples_ns: Vec<f64>,
}

/// The sandboxes that are compared.
struct Sandboxes {
    plain: Sandbox,
    without_epochs: Sandbox,
    instance_per_call: Sandbox,
}

/// Measures and prints the table.
pub fn run(words: &[&str]) -> Outcome {
    let options = Options::parse(words)?;
    // As the `dpone` binary has it.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut rows = rows().await?;
        let mut feed = Feed::new();
        // The first round fills caches and is not counted.
        for round in 0..=options.rounds {
            for row in &mut rows {
                for variant in row.variants.iter_mut().flatten() {
                    let sample_ns = variant.sample_ns(&mut feed, options.pages, row.is_back_to_back).await?;
                    if round > 0 {
                        variant.samples_ns.push(sample_ns);
                    }
                }
            }
        }
        report::print(&options, &feed, &rows);
        Ok(())
    })
}

impl Variant {
    /// The median of a round's calls: a call during which the thread was taken off its core costs
    /// several times as much, for nothing that the plugin did.
    async fn sample_ns(&mut self, feed: &mut Feed, pages: u64, is_back_to_back: bool) -> Outcome<f64> {
        let mut calls_ns = Vec::new();
        for _ in 0..pages {
            calls_ns.push(self.subject.call_ns(feed, is_back_to_back).await? as f64);
        }
        Ok(median(calls_ns))
    }
}

/// The rows in the order of the table.
async fn rows() -> Outcome<Vec<Row>> {
    let sandboxes = Sandboxes::new(&projects::folder(&std::env::current_exe()?))?;
    let cursor = r#"{"cursor_path":"data.next_cursor"}"#;
    let mut rows = Vec::new();
    for (name, is_back_to_back) in [(report::EXTRACTOR, false), ("cursor, back to back", true)] {
        let native = extractor::<double::cursor::Cursor>(cursor).await?;
        let row = sandboxes.row(name, 1, builtin("cursor"), cursor, native).await?;
        rows.push(Row { is_back_to_back, ..row });
    }

    let cast = r#"{"fields":{"amount":"string"}}"#;
    let native = transform::<double::cast::Cast>(cast)?;
    rows.push(sandboxes.row(report::COLUMN_TRANSFORM, PER_RECORD, builtin("cast"), cast, native).await?);

    let redact = r#"{"field":"note"}"#;
    let native = transform::<double::redact::Redact>(redact)?;
    let component = component(&projects::REDACT);
    rows.push(sandboxes.row("byte transform: redact", PER_RECORD, component, redact, native).await?);

    let not_null = r#"{"columns":["updated_at"]}"#;
    let native = check::<double::not_null::NotNull>(not_null)?;
    rows.push(sandboxes.row("check: not-null", PER_RECORD, builtin("not-null"), not_null, native).await?);

    let capitals = r#"{"field":"status"}"#;
    for (name, source) in
        ["capitals, Rust", "capitals, Python", "capitals, JavaScript"].into_iter().zip(&projects::CAPITALS)
    {
        let native = transform::<double::capitals::Capitals>(capitals)?;
        rows.push(sandboxes.row(name, PER_RECORD, self::component(source), capitals, native).await?);
    }
    Ok(rows)
}

const PER_RECORD: u64 = crate::pages::PAGE_SIZE;

async fn extractor<P>(options: &str) -> Outcome<Subject>
where
    P: dpone_sdk::Extractor<State = ()> + Send + Sync + 'static,
{
    let plugin = P::new(dpone_sdk::options_for_test(options).map_err(told)?, RECORDS_PATH).map_err(told)?;
    Subject::started(Box::new(Double::<_>::new(plugin))).await.map_err(failed)
}

fn transform<P: dpone_sdk::Transform + Send + Sync + 'static>(options: &str) -> Outcome<Subject> {
    let plugin = P::new(dpone_sdk::options_for_test(options).map_err(told)?).map_err(told)?;
    Ok(Subject::Transform(Box::new(Double::<_>::new(plugin))))
}

fn check<P: dpone_sdk::Check + Send + Sync + 'static>(options: &str) -> Outcome<Subject>
where
    P::State: Send + Sync,
{
    let plugin = P::new(dpone_sdk::options_for_test(options).map_err(told)?).map_err(told)?;
    Ok(Subject::Check(Box::new(Double::<_, P::State>::new(plugin))))
}

fn told(error: dpone_sdk::Error) -> String {
    format!("{}: {}", error.code, error.message)
}

/// The bytes of a shipped component.
fn builtin(name: &str) -> Result<Vec<u8>, String> {
    dpone_builtins::get(name).map(<[u8]>::to_vec).ok_or_else(|| format!("there is no builtin:{name}"))
}

/// The bytes of a plugin of the benchmark's own; it says on stderr what it waits for.
#[allow(clippy::print_stderr)]
fn component(source: &Source) -> Result<Vec<u8>, String> {
    let built = || {
        let bench = std::env::current_exe()?;
        source.component(&bench.with_file_name("dpone"), &projects::folder(&bench))
    };
    eprintln!("building {}, where it is not there yet", source.name);
    built().map_err(|error| error.to_string())
}

impl Sandboxes {
    fn new(folder: &Path) -> Outcome<Self> {
        let cache: PathBuf = folder.join("cache");
        std::fs::create_dir_all(&cache)?;
        let child =
            ChildCommand { program: std::env::current_exe()?.with_file_name("dpone"), args: vec!["__compile".into()] };
        // Python and JavaScript keep the compiler busy, and other things may run on the machine.
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let limits = CompileLimits { cpu: minutes(3), wall: minutes(5), ..CompileLimits::default() };
        let dir = cap_std::fs::Dir::open_ambient_dir(&cache, cap_std::ambient_authority())?;
        let plain = Sandbox::new(dir, limits, child).map_err(|error| failed(error.into()))?;
        Ok(Self {
            without_epochs: plain.clone().without_epochs(),
            instance_per_call: plain.clone().instance_per_call(),
            plain,
        })
    }

    /// All variants of one plugin. Where there is no component, the row says why.
    async fn row(
        &self,
        name: &'static str,
        units: u64,
        component: Result<Vec<u8>, String>,
        options: &str,
        native: Subject,
    ) -> Outcome<Row> {
        let variants = match component {
            Err(why) => Err(why),
            Ok(bytes) => {
                let options: Map<String, Value> = serde_json::from_str(options)?;
                let mut subjects = vec![native];
                for sandbox in [&self.plain, &self.without_epochs, &self.instance_per_call] {
                    let loaded = sandbox.load(bytes.clone(), name).await.map_err(failed)?;
                    subjects.push(Subject::sandboxed(sandbox, &loaded, &options).await.map_err(failed)?);
                }
                let variants: Vec<_> =
                    subjects.into_iter().map(|subject| Variant { subject, samples_ns: Vec::new() }).collect();
                variants.try_into().map_err(|_| "four variants were expected".to_owned())
            }
        };
        Ok(Row { name, units, is_back_to_back: false, variants })
    }
}
