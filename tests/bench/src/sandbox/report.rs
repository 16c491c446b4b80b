//! The table of `dpone-bench sandbox`, and what becomes of the targets.

#![allow(clippy::print_stdout)]

use super::feed::Feed;
use super::{Options, Row, Variant};
use crate::measure::median;
use crate::pages::PAGE_SIZE;

/// The most that a row may cost over its native double, in nanoseconds a unit.
const TARGETS: [(&str, f64, &str); 2] =
    [(EXTRACTOR, 5_000.0, "5 µs a page"), (COLUMN_TRANSFORM, 100.0, "100 ns a record")];

pub const EXTRACTOR: &str = "extractor: cursor";
pub const COLUMN_TRANSFORM: &str = "column transform: cast";

pub fn print(options: &Options, feed: &Feed, rows: &[Row]) {
    println!(
        "{} pages of {PAGE_SIZE} records of {} bytes a round, {} rounds after one warm-up; CPU time of the calling",
        options.pages,
        feed.record_bytes(),
        options.rounds
    );
    println!("thread, medians of calls and rounds, in ns a record (of the extractor: a page); `over native` is the");
    println!("median of each round's difference");
    println!();
    println!(
        "{:<24} {:>10} {:>10} {:>12} {:>12} {:>18}",
        "", "native", "sandboxed", "over native", "epochs off", "instance a batch"
    );
    for row in rows {
        match &row.variants {
            Ok(variants) => line(row, variants),
            Err(why) => println!("{:<24} not run: {why}", row.name),
        }
    }
    println!();
    for (name, limit_ns, limit) in TARGETS {
        let over_ns = rows.iter().find(|row| row.name == name).and_then(over_native_ns);
        let verdict = match over_ns {
            Some(over_ns) if over_ns <= limit_ns => "holds",
            Some(_) => "missed",
            None => "not run",
        };
        println!("{name}: {:+.0} ns over native; target at most {limit}: {verdict}", over_ns.unwrap_or(f64::NAN));
    }
}

fn line(row: &Row, [native, sandboxed, without_epochs, instance_per_call]: &[Variant; 4]) {
    let figure = |variant: &Variant| median(variant.samples_ns.iter().map(|ns| ns / row.units as f64).collect());
    println!(
        "{:<24} {:>10.1} {:>10.1} {:>+12.1} {:>12.1} {:>18.1}",
        row.name,
        figure(native),
        figure(sandboxed),
        over_native_ns(row).unwrap_or(f64::NAN),
        figure(without_epochs),
        figure(instance_per_call),
    );
}

/// The median of each round's difference, a unit.
fn over_native_ns(row: &Row) -> Option<f64> {
    let [native, sandboxed, ..] = row.variants.as_ref().ok()?;
    let pairs = sandboxed.samples_ns.iter().zip(&native.samples_ns);
    Some(median(pairs.map(|(sandboxed, native)| (sandboxed - native) / row.units as f64).collect()))
}
