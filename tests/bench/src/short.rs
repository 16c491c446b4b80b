//! The time of a short command: a run of the guide's manifest that finds ten new rows, and a check. Both
//! use the profile `local`, warm, as somebody does who tries a manifest again and again.

#![allow(clippy::print_stdout)]

use crate::Outcome;
use crate::measure::{Cost, measure, median};
use crate::site::Options;
use std::path::Path;

const GUIDE: &str = include_str!("../../manifests/guide.yaml");

/// A command, and the wall time that it may take.
const COMMANDS: [(&str, &[&str], f64); 2] = [
    ("a later run of the guide", &["run", "manifest.yaml", "--profile", "local", "--quiet"], 0.55),
    ("check of the guide", &["check", "manifest.yaml"], 0.02),
];

pub fn run(options: &Options) -> Outcome {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("manifest.yaml"), GUIDE)?;
    println!("{} runs after one warm-up, medians", options.runs);
    for (name, arguments, target_s) in COMMANDS {
        let mut costs = Vec::new();
        for round in 0..=options.runs {
            let cost = dpone(arguments, folder.path())?;
            if round > 0 {
                costs.push(cost);
            }
        }
        let figure = |of: fn(&Cost) -> f64| median(costs.iter().map(of).collect());
        let (wall_s, cpu_s) = (figure(|cost| cost.wall_s), figure(|cost| cost.cpu_s));
        let verdict = if wall_s <= target_s { "holds" } else { "missed" };
        println!("{name:<26} {wall_s:.3} s wall, {cpu_s:.3} s CPU; target at most {target_s} s wall: {verdict}");
    }
    Ok(())
}

fn dpone(arguments: &[&str], folder: &Path) -> Outcome<Cost> {
    let program = std::env::current_exe()?.with_file_name("dpone").display().to_string();
    let command: Vec<String> =
        std::iter::once(program).chain(arguments.iter().map(|word| (*word).to_owned())).collect();
    measure(&command, folder)
}
