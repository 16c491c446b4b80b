//! The data path against its floor: a program that does nothing but what any must, `dpone run`, and
//! `dpone run` with a native extractor.

#![allow(clippy::print_stdout)]

use crate::Outcome;
use crate::measure::{Cost, measure, median};
use crate::site::{Options, Site};

const GUIDE: &str = include_str!("../../manifests/guide.yaml");

pub fn run(options: &Options) -> Outcome {
    let site = Site::start(options)?;
    let bench = std::env::current_exe()?.display().to_string();
    let (mut floors, mut runs, mut natives) = (Vec::new(), Vec::new(), Vec::new());
    // The first round fills caches and the broker's connections; it is not counted.
    for round in 0..=options.runs {
        let topic = format!("floor-{round}");
        site.create_topic(&topic)?;
        let floor = measure(&[&bench, "floor", &site.api, &site.broker, &topic].map(str::to_owned), site.folder())?;
        let run = site.run(&site.job(&format!("dpone-{round}"), GUIDE)?)?;
        let job = site.job(&format!("native-{round}"), GUIDE)?;
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
