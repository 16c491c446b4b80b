//! Progress on stderr: a bar on a terminal, plain lines otherwise, nothing with `--quiet`.
//!
//! [`teller`] decides what is said and when, without a clock of its own; here are the clock, a thread that
//! lets it speak where nothing happens, and the streams.

mod teller;

use crate::output;
use dpone_run::events::{Event, Events, Silent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::{Duration, Instant};
use teller::{Said, Teller};

/// The progress that fits this process's stderr.
pub fn choose(quiet: bool) -> Box<dyn Events> {
    if quiet {
        Box::new(Silent)
    } else if output::is_terminal() {
        Box::new(Progress::new(Way::Bar(bar())))
    } else {
        Box::new(Progress::new(Way::Lines(String::new())))
    }
}

/// Lines that say which run they are of, for several runs at a time.
pub fn named_lines(name: &str) -> Box<dyn Events> {
    Box::new(Progress::new(Way::Lines(format!("{name}: "))))
}

/// Progress that tells also when nothing happens.
struct Progress {
    shown: Arc<Shown>,
    ticking: Once,
}

struct Shown {
    teller: Mutex<Teller>,
    started: Instant,
    way: Way,
}

enum Way {
    Bar(ProgressBar),
    /// With this before each.
    Lines(String),
}

impl Progress {
    fn new(way: Way) -> Self {
        let shown = Shown { teller: Mutex::new(Teller::default()), started: Instant::now(), way };
        Self { shown: Arc::new(shown), ticking: Once::new() }
    }

    /// Without the thread there is progress only where something happens.
    fn start_ticking(&self) {
        let shown = Arc::downgrade(&self.shown);
        let _ = std::thread::Builder::new().name("progress".to_owned()).spawn(move || tick(&shown));
    }
}

impl Events for Progress {
    fn emit(&self, event: Event) {
        if matches!(event, Event::StepStarted(_)) {
            self.ticking.call_once(|| self.start_ticking());
        }
        let is_over = matches!(event, Event::Ended);
        self.shown.say(|teller, now| teller.hear(now, event));
        if let (true, Way::Bar(bar)) = (is_over, &self.shown.way) {
            output::without_bar();
            bar.finish_and_clear();
        }
    }
}

fn tick(shown: &Weak<Shown>) {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let Some(shown) = shown.upgrade() else { return };
        shown.say(Teller::tick);
    }
}

impl Shown {
    fn say(&self, what: impl FnOnce(&mut Teller, Duration) -> Option<Said>) {
        let (now, mut teller) = (self.started.elapsed(), self.teller.lock().unwrap_or_else(PoisonError::into_inner));
        let said = what(&mut teller, now);
        match &self.way {
            Way::Lines(named) => {
                if let Some(Said { text, fields }) = said {
                    output::message("INFO", &format!("{named}{text}"), Some(fields));
                }
            }
            Way::Bar(bar) => {
                // The bar itself shows what counts; only what happens once gets a line.
                if let Some(said) = said.filter(|said| said.is_news()) {
                    output::line(&said.text);
                }
                if let Some(status) = teller.status(now) {
                    if bar.message().is_empty() {
                        output::with_bar(bar);
                        bar.enable_steady_tick(Duration::from_millis(120));
                    }
                    bar.set_message(output::shown(&status));
                }
            }
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Way::Bar(bar) = &self.way {
            output::without_bar();
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]") {
        bar.set_style(style);
    }
    bar
}
