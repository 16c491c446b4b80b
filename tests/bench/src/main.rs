//! Benchmarks, each a comparison within one run: absolute figures are of the machine, ratios and
//! differences are not. They want release builds of `dpone-bench` and `dpone`, side by side;
//! `cargo dev bench` makes both, and further words go to this program.
//!
//! - `dpone-bench [--rows N] [--runs N] [--broker HOST:PORT]`: the data path against its floor, on the
//!   same rows, API and broker, one after the other. It builds the pages, starts API and broker as
//!   processes of their own, and prints wall, CPU and peak memory of the floor program, of `dpone run`
//!   with the guide's manifest as it is, and of the same job with a native extractor in place of the
//!   component.
//!   Then it says where the time goes: wall time by step, CPU time by thread.
//! - `dpone-bench short [--runs N]`: a later run of the guide's manifest on `local`, and a check of it.
//! - `dpone-bench job [--rows N] [--runs N] [--broker HOST:PORT]`: what plugins cost a whole job: the
//!   guide's manifest without checks, and the same with a transform, with three checks, with both.
//! - `dpone-bench sandbox [--records N] [--rounds N]`: what the sandbox costs a call: each kind of
//!   plugin native and as a component, with the epochs off, and with an instance for each batch; one
//!   transform in Rust, Python and JavaScript, which `dpone plugin build` builds on the first time.
//! - `dpone-bench tenants [--rows N] [--runs N] [--broker HOST:PORT]`: what a tenant that misbehaves takes
//!   from two that do not.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod compare;
mod floor;
mod job;
mod measure;
mod native;
mod pages;
mod sandbox;
mod short;
mod site;
mod tenants;

use std::path::Path;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve-api", rows] => Ok(pages::serve(rows.parse()?)?),
        ["broker", dir] => site::broker(Path::new(dir)),
        ["floor", api, brokers, topic] => floor::run(api, brokers, topic).map(|_| ()),
        ["native", manifest] => native::run(Path::new(manifest)),
        ["measure", ..] => measure::run_measured(arguments.get(1..).unwrap_or_default()),
        ["job", options @ ..] => job::run(&site::Options::parse(options)?),
        ["tenants", options @ ..] => tenants::run(&site::Options::parse(options)?),
        ["short", options @ ..] => short::run(&site::Options::parse(options)?),
        ["sandbox", options @ ..] => sandbox::run(options),
        options => compare::run(&site::Options::parse(options)?),
    }
}

/// A report of the host as this program's error.
fn failed(report: dpone_model::Report) -> Box<dyn std::error::Error> {
    report.to_string().into()
}
