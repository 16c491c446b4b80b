//! The cost of plugins in a whole job: `dpone run` with the guide's manifest without checks, against the
//! same with a transform, with three checks, and with both.
//!
//! Part of the difference is the sandbox, part is work that any host would have to do for the same
//! manifest: records are written anew where a field is renamed, and `unique` keeps every value. The
//! time inside the components' calls, which `run.json` has, tells the two apart.

#![allow(clippy::print_stdout)]

use crate::Outcome;
use crate::measure::{Cost, median};
use crate::site::{Options, Site};
use serde_json::Value;
use std::path::Path;

const GUIDE: &str = include_str!("../../manifests/guide.yaml");
const TRANSFORM: &str = "transforms:\n  - { uses: \"builtin:rename\", with: { fields: { note: remark } } }\n\n";
const CHECKS: &str = r#"quality:
  mode: fail
  checks:
    - { type: min_rows, threshold: 1 }
    - { type: not_null, columns: [order_id, updated_at] }
    - { type: unique, columns: [order_id] }

"#;
/// The most that one transform and three checks may add, in CPU and in wall time.
const TARGET_PCT: f64 = 15.0;

/// A manifest, and what its runs cost.
struct Variant {
    name: &'static str,
    manifest: String,
    runs: Vec<Run>,
}

struct Run {
    cost: Cost,
    /// Each component, and the time inside its calls.
    plugins: Vec<(String, f64)>,
}

pub fn run(options: &Options) -> Outcome {
    let site = Site::start(options)?;
    let mut variants = variants()?;
    // The first round fills caches and the broker's connections; it is not counted.
    for round in 0..=options.runs {
        for (number, variant) in variants.iter_mut().enumerate() {
            let job = site.job(&format!("job-{number}-{round}"), &variant.manifest)?;
            let cost = site.run(&job)?;
            if round > 0 {
                variant.runs.push(Run { cost, plugins: plugins(&job)? });
            }
        }
    }
    report(options, &variants);
    Ok(())
}

/// The job without transform and checks comes first, the one with all of them last.
fn variants() -> Outcome<Vec<Variant>> {
    let (before, rest) = GUIDE.split_once("quality:\n").ok_or("the guide's manifest has no checks")?;
    let (_, after) = rest.split_once("observability:\n").ok_or("the guide's manifest has no artifacts")?;
    let (source, sink) = before.split_once("sink:\n").ok_or("the guide's manifest has no sink")?;
    let parts = [
        ("no transform, no checks", "", ""),
        ("three checks", "", CHECKS),
        ("one transform", TRANSFORM, ""),
        ("one transform, three checks", TRANSFORM, CHECKS),
    ];
    let variant = |(name, transform, checks)| {
        let manifest = format!("{source}{transform}sink:\n{sink}{checks}observability:\n{after}");
        Variant { name, manifest, runs: Vec::new() }
    };
    Ok(parts.into_iter().map(variant).collect())
}

/// Reads from the run's artifact how long each component's calls took, in seconds.
fn plugins(job: &Path) -> Outcome<Vec<(String, f64)>> {
    let report = Site::report(job)?;
    let plugins = report.get("plugins").and_then(Value::as_array).ok_or("run.json names no plugins")?;
    let spent = |plugin: &Value| {
        let name = plugin.get("name")?.as_str()?.to_owned();
        Some((name, plugin.get("time_us")?.as_u64()? as f64 / 1e6))
    };
    Ok(plugins.iter().filter_map(spent).collect())
}

fn report(options: &Options, variants: &[Variant]) {
    let Some((base, with_all)) = variants.first().zip(variants.last()) else { return };
    println!(
        "{} rows, {} runs after one warm-up, medians; what is added is pairwise to the first line",
        options.rows, options.runs
    );
    println!(
        "{:<28} {:>7} {:>7} {:>9} {:>10} {:>10} {:>12}",
        "", "wall s", "cpu s", "peak MiB", "wall added", "cpu added", "in plugins s"
    );
    for variant in variants {
        let figure = |of: fn(&Run) -> f64| median(variant.runs.iter().map(of).collect());
        println!(
            "{:<28} {:>7.2} {:>7.2} {:>9.1} {:>+8.1} % {:>+8.1} % {:>12.3}",
            variant.name,
            figure(|run| run.cost.wall_s),
            figure(|run| run.cost.cpu_s),
            figure(|run| run.cost.peak_mib),
            added_pct(base, variant, |cost| cost.wall_s),
            added_pct(base, variant, |cost| cost.cpu_s),
            figure(|run| run.plugins.iter().map(|(_, seconds)| seconds).sum()),
        );
    }
    let each: Vec<_> = with_all.plugin_names().iter().map(|name| with_all.in_plugin(name, options.rows)).collect();
    println!("in the last line's plugins, calls of the host included: {}", each.join(", "));
    for (what, of) in [("wall", (|cost| cost.wall_s) as fn(&Cost) -> f64), ("CPU", |cost| cost.cpu_s)] {
        let added_pct = added_pct(base, with_all, of);
        let verdict = if added_pct <= TARGET_PCT { "holds" } else { "missed" };
        println!("one transform and three checks: {added_pct:+.1} % {what}; target at most {TARGET_PCT} %: {verdict}");
    }
}

impl Variant {
    fn plugin_names(&self) -> Vec<&str> {
        self.runs.first().map_or(Vec::new(), |run| run.plugins.iter().map(|(name, _)| name.as_str()).collect())
    }

    fn in_plugin(&self, name: &str, rows: u64) -> String {
        let all = self.runs.iter().flat_map(|run| &run.plugins);
        let seconds = median(all.filter(|(of, _)| of == name).map(|(_, seconds)| *seconds).collect());
        format!("{name} {:.0} ns a row", seconds * 1e9 / rows as f64)
    }
}

/// The median of each round's ratio.
fn added_pct(base: &Variant, variant: &Variant, of: fn(&Cost) -> f64) -> f64 {
    let pairs = variant.runs.iter().zip(&base.runs);
    median(pairs.map(|(run, base)| (of(&run.cost) / of(&base.cost) - 1.0) * 100.0).collect())
}
