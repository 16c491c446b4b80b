//! The data path against its floor: a program that does nothing but what any must, `dpone run`, and
//! `dpone run` with a native extractor.

#![allow(clippy::print_stdout)]

use crate::Outcome;
use crate::measure::{Cost, measure, median};
use crate::site::{Options, Site};
use std::collections::BTreeMap;

const GUIDE: &str = include_str!("../../manifests/guide.yaml");

pub fn run(options: &Options) -> Outcome {
    let site = Site::start(options)?;
    let bench = std::env::current_exe()?.display().to_string();
    let (mut floors, mut runs, mut natives, mut steps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // The first round fills caches and the broker's connections; it is not counted.
    for round in 0..=options.runs {
        let topic = format!("floor-{round}");
        site.create_topic(&topic)?;
        let floor = measure(&[&bench, "floor", &site.api, &site.broker, &topic].map(str::to_owned), site.folder())?;
        let job = site.job(&format!("dpone-{round}"), GUIDE)?;
        let run = site.run(&job)?;
        let step_ms = steps_of(&Site::report(&job)?);
        let job = site.job(&format!("native-{round}"), GUIDE)?;
        let native = measure(&[&bench, "native", "manifest.yaml"].map(str::to_owned), &job)?;
        if round > 0 {
            floors.push(floor);
            runs.push(run);
            steps.push(step_ms);
            natives.push(native);
        }
    }
    report(options, &floors, &runs, &natives);
    where_time_goes(&floors, &runs, &steps);
    Ok(())
}

/// Milliseconds of each step, by letter.
fn steps_of(report: &serde_json::Value) -> BTreeMap<String, f64> {
    let steps = report.get("steps").and_then(serde_json::Value::as_array).into_iter().flatten();
    steps
        .filter_map(|step| Some((step.get("step")?.as_str()?.to_owned(), step.get("duration_ms")?.as_f64()?)))
        .collect()
}

/// Wall time by step, and CPU time by thread, of `dpone run` and of the floor.
fn where_time_goes(floors: &[Cost], runs: &[Cost], steps: &[BTreeMap<String, f64>]) {
    let list = |entries: Vec<(String, f64)>, unit: &str| {
        let mut shown: Vec<_> = entries.into_iter().filter(|(_, value)| *value >= 0.5).collect();
        shown.sort_by(|a, b| b.1.total_cmp(&a.1));
        shown.iter().map(|(name, value)| format!("{name} {value:.0} {unit}")).collect::<Vec<_>>().join(", ")
    };
    println!("by step of dpone, wall: {}", list(medians(steps, 1.0), "ms"));
    for (name, costs) in [("dpone", runs), ("the floor", floors)] {
        let threads: Vec<_> = costs.iter().map(|cost| cost.threads.clone()).collect();
        println!("by thread of {name}, CPU: {}", list(medians(&threads, 1e3), "ms"));
    }
}

fn medians(runs: &[BTreeMap<String, f64>], scale: f64) -> Vec<(String, f64)> {
    let names: std::collections::BTreeSet<_> = runs.iter().flat_map(BTreeMap::keys).collect();
    let value = |name: &String| median(runs.iter().map(|run| run.get(name).copied().unwrap_or_default()).collect());
    names.into_iter().map(|name| (name.clone(), value(name) * scale)).collect()
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
