//! The harm of a tenant that misbehaves to two that do not: three tenants with equal shares run the same
//! load side by side, and then two of them do so beside a third whose plugins compute without an end, as
//! many at a time as it may run.
//!
//! A tenant's fair share is what it has beside two tenants like itself, so the time that its run takes
//! then is what the other is compared with.

#![allow(clippy::print_stdout)]

use crate::Outcome;
use crate::measure::median;
use crate::sandbox::projects::{self, SPIN};
use crate::site::{Options, Site};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const GUIDE: &str = include_str!("../../manifests/guide.yaml");
const TENANTS: [&str; 3] = ["first", "second", "third"];
/// Longer and shorter than the fair share's time, and apart from each other, at most.
const TARGET_PCT: f64 = 10.0;
/// Runs that the third has at a time; more than there are cores.
const SPINNING: usize = 4;

pub fn run(options: &Options) -> Outcome {
    let site = Site::start(options)?;
    let dpone = std::env::current_exe()?.with_file_name("dpone");
    let spin = SPIN.component(&dpone, &projects::folder(&std::env::current_exe()?))?;
    let (mut sound, mut beside) = (Vec::new(), Vec::new());
    // The first round fills caches and the broker's connections; it is not counted.
    for round in 0..=options.runs {
        for (misbehaves, times) in [(false, &mut sound), (true, &mut beside)] {
            let house = House::build(&site, round, misbehaves, &spin)?;
            let walls = house.run(&dpone)?;
            if round > 0 {
                times.push(walls);
            }
        }
    }
    report(options, &sound, &beside);
    Ok(())
}

/// One round's working folder.
struct House {
    folder: PathBuf,
    manifests: Vec<String>,
}

impl House {
    fn build(site: &Site, round: usize, misbehaves: bool, spin: &[u8]) -> Outcome<Self> {
        let name = format!("tenants-{round}-{misbehaves}");
        let folder = site.job(&name, GUIDE)?;
        let mut manifests = Vec::new();
        let (mut policy, mut write) = ("tenants:\n".to_owned(), Vec::new());
        for tenant in TENANTS {
            let spins = misbehaves && tenant == "third";
            let loads = if spins { SPINNING } else { 1 };
            for number in 0..loads {
                let topic = format!("{tenant}-{name}-{number}");
                site.create_topic(&topic)?;
                let transforms =
                    "transforms:\n  - { uses: ./spin.wasm, limits: { deadline: 10m, wall_clock: 10m } }\n\nsink:\n";
                let guide =
                    GUIDE.replace("dwh.orders", &topic).replace("api_to_kafka_example", &format!("load_{number}"));
                let text = if spins { guide.replace("sink:\n", transforms) } else { guide };
                let manifest = format!("teams/{tenant}/{number}.yaml");
                write.push((folder.join(&manifest), text.into_bytes()));
                manifests.push(manifest);
            }
            // The third ends by its own limit, after the other two are long done.
            let cpu = if spins { "20s" } else { "1h" };
            policy.push_str(&format!(
                "  {tenant}:\n    manifests: [teams/{tenant}]\n    topics: [{tenant}-]\n    \
                 connections: [example_api, kafka_cluster, postgres_state]\n    limits: {{ runs: 8, cpu: {cpu} }}\n    \
                 plugins: {{ sha256: [\"{}\"] }}\n",
                sha256(spin)
            ));
            // Compiled components are kept from round to round, as on an operator's machine.
            copy(&site.folder().join("compiled").join(tenant), &cache(&folder, tenant))?;
        }
        write.push((folder.join("teams/third/spin.wasm"), spin.to_vec()));
        write.push((folder.join("tenants.yaml"), policy.into_bytes()));
        for (path, content) in write {
            std::fs::create_dir_all(path.parent().ok_or("a file has a folder")?)?;
            std::fs::write(path, content)?;
        }
        Ok(Self { folder, manifests })
    }

    /// Runs all, and gives how long the first two tenants' runs took, in seconds.
    fn run(&self, dpone: &Path) -> Outcome<[f64; 2]> {
        let output = Command::new(dpone)
            .arg("run")
            .args(&self.manifests)
            .args(["--policy", "tenants.yaml", "--profile", "bench", "--jobs", "32", "--format", "json", "--quiet"])
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()?;
        let entries: Vec<Value> = serde_json::from_slice(&output.stdout)?;
        for tenant in TENANTS {
            let kept = self.folder.parent().ok_or("a round lies in the site's folder")?.join("compiled").join(tenant);
            copy(&cache(&self.folder, tenant), &kept)?;
        }
        let wall = |tenant: &str| -> Outcome<f64> {
            let entry = entries.iter().find(|entry| entry["tenant"] == tenant).ok_or("a tenant has no run")?;
            if entry["exit_code"] != 0 {
                return Err(format!("the run of {tenant} failed: {}", entry["error"]).into());
            }
            let report = entry.get("report").ok_or("a run has no report")?;
            let text = |name: &str| report.get(name).and_then(Value::as_str).unwrap_or_default();
            let at = |name: &str| text(name).parse::<jiff::Timestamp>();
            Ok(at("finished_at")?.duration_since(at("started_at")?).as_secs_f64())
        };
        Ok([wall("first")?, wall("second")?])
    }
}

fn report(options: &Options, sound: &[[f64; 2]], beside: &[[f64; 2]]) {
    let mean = |[a, b]: &[f64; 2]| (a + b) / 2.0;
    let apart = |[a, b]: &[f64; 2]| (a - b).abs() / ((a + b) / 2.0) * 100.0;
    println!("{} rows a tenant, {} runs after one warm-up, medians", options.rows, options.runs);
    println!("{:<34} {:>14} {:>12}", "", "wall s a run", "apart");
    for (name, times) in [("beside two tenants alike", sound), ("beside one alike and one that spins", beside)] {
        let (wall, apart) = (median(times.iter().map(mean).collect()), median(times.iter().map(apart).collect()));
        println!("{name:<36} {wall:>12.2} {apart:>10.1} %");
    }
    let ratio = |(sound, beside): (&[f64; 2], &[f64; 2])| (mean(beside) / mean(sound) - 1.0) * 100.0;
    let longer = median(sound.iter().zip(beside).map(ratio).collect());
    let apart = median(beside.iter().map(apart).collect());
    let holds = |holds: bool| if holds { "holds" } else { "missed" };
    println!(
        "longer than at the fair share: {longer:+.1} %; target at most {TARGET_PCT} %: {}",
        holds(longer <= TARGET_PCT)
    );
    println!("apart from each other: {apart:.1} %; target at most {TARGET_PCT} %: {}", holds(apart <= TARGET_PCT));
}

fn cache(folder: &Path, tenant: &str) -> PathBuf {
    folder.join(".dpone/tenants").join(tenant).join(".dpone/cache")
}

/// Copies the files of a folder, where it is there.
fn copy(from: &Path, to: &Path) -> Outcome {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).into_iter().flatten() {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}
