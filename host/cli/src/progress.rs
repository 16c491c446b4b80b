//! Progress: a bar with pages, rows, rate and bytes on a terminal, plain lines otherwise.

use dpone_model::Counts;
use dpone_run::events::{Event, Events, Step};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The progress that fits this process's stderr.
pub fn choose(quiet: bool) -> Box<dyn Events> {
    if quiet {
        Box::new(dpone_run::events::Silent)
    } else if std::io::stderr().is_terminal() {
        Box::new(Bar::new())
    } else {
        Box::new(Lines::default())
    }
}

/// Lines that say which run they are of, for several runs at a time.
pub fn named_lines(name: &str) -> Box<dyn Events> {
    Box::new(Lines { named: format!("{name}: "), ..Lines::default() })
}

struct Bar {
    bar: ProgressBar,
    started: Instant,
}

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {msg} [{elapsed}]") {
            bar.set_style(style);
        }
        Self { bar, started: Instant::now() }
    }
}

impl Events for Bar {
    fn emit(&self, event: Event) {
        match event {
            Event::Started { run_id, pipeline } => self.bar.println(format!("run {run_id} of {pipeline}")),
            Event::Note(text) => self.bar.println(text),
            Event::StepStarted(step) => {
                self.bar.enable_steady_tick(Duration::from_millis(120));
                self.bar.set_prefix(step.letter().to_string());
                self.bar.set_message(step.title());
            }
            Event::StepDone(Step::Advance) => self.bar.finish_and_clear(),
            Event::StepDone(_) => {}
            Event::Page(counts) => self.bar.set_message(pulled(&counts, self.started.elapsed())),
            Event::Delivery { acknowledged, total, .. } => {
                self.bar.set_message(format!("{acknowledged} of {total} messages acknowledged"));
            }
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Lines for logs and CI: what happened, and counts at most every five seconds.
struct Lines {
    /// Before each line.
    named: String,
    started: Instant,
    last: Mutex<Option<Instant>>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { named: String::new(), started: Instant::now(), last: Mutex::new(None) }
    }
}

impl Lines {
    fn is_due(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = last.is_none_or(|last| now.duration_since(last) >= Duration::from_secs(5));
        if due {
            *last = Some(now);
        }
        due
    }
}

impl Events for Lines {
    fn emit(&self, event: Event) {
        let line = match event {
            Event::Started { run_id, pipeline } => format!("run {run_id} of {pipeline}"),
            Event::Note(text) => text,
            Event::Page(counts) if self.is_due() => format!("D {}", pulled(&counts, self.started.elapsed())),
            Event::Delivery { acknowledged, total, .. } if self.is_due() => {
                format!("H {acknowledged} of {total} messages acknowledged")
            }
            _ => return,
        };
        // A closed stderr must not end the run.
        let _ = writeln!(std::io::stderr(), "{}{line}", self.named);
    }
}

fn pulled(counts: &Counts, elapsed: Duration) -> String {
    let rate = counts.extracted as f64 / elapsed.as_secs_f64().max(0.001);
    format!("{} pages, {} rows, {rate:.0} rows/s, {}", counts.pages, counts.extracted, bytes(counts.bytes))
}

/// Bytes as a person reads them.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") }
}
