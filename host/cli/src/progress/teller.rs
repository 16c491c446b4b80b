//! The lines of progress, and their times: counts at most every 5 s, something at least every 10 s, and at once what
//! happens once. Time is given from outside, since the start.

use dpone_model::Counts;
use dpone_model::human::{bytes, count, duration};
use dpone_run::events::{Event, Step};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Counts are told at most this often.
const COUNTS_EVERY: Duration = Duration::from_secs(5);
/// A step that says nothing says so.
const SILENCE: Duration = Duration::from_secs(10);

/// A line of progress.
#[derive(Debug, Clone)]
pub struct Said {
    pub text: String,
    /// The same for machines.
    pub fields: Map<String, Value>,
}

/// The reports of a run so far.
#[derive(Default)]
pub struct Teller {
    run_id: Option<String>,
    step: Option<Step>,
    /// When the step began.
    since: Duration,
    /// When something was told last.
    told: Duration,
    /// When the step last got on.
    got_on: Duration,
    pulled: Option<Pulled>,
    delivered: Option<Delivered>,
    pause: Option<Pause>,
}

/// D: counts now, and rows and time from which the rate counts.
struct Pulled {
    counts: Counts,
    from: (u64, Duration),
}

/// H: counts now, and those from which the rate counts.
struct Delivered {
    acknowledged: u64,
    total: Option<u64>,
    from: (u64, Duration),
}

/// A request that failed will be sent again.
struct Pause {
    until: Duration,
    text: String,
}

impl Said {
    /// Whether it happens once: progress that a bar shows has no place of its own.
    pub fn is_news(&self) -> bool {
        !self.fields.contains_key("pages") && !self.fields.contains_key("acknowledged")
    }
}

impl Teller {
    /// Takes an event in; what is to be told of it now.
    pub fn hear(&mut self, now: Duration, event: Event) -> Option<Said> {
        match event {
            Event::Started { run_id, pipeline } => {
                let text = format!("run {run_id} of {pipeline}");
                self.run_id = Some(run_id);
                self.news(now, text)
            }
            Event::Note(text) => self.news(now, text),
            Event::Slice { number, of, id } => {
                (self.pulled, self.delivered) = (None, None);
                self.news(now, format!("slice {number} of {of}: {id}"))
            }
            Event::StepStarted(step) => {
                (self.step, self.since, self.got_on, self.pause) = (Some(step), now, now, None);
                None
            }
            Event::StepDone(_) => None,
            Event::Ended => {
                self.step = None;
                None
            }
            Event::Resumed(counts) => {
                self.pulled = Some(Pulled { counts, from: (counts.extracted, now) });
                let (pages, rows) = (count(counts.pages, "page"), count(counts.extracted, "row"));
                self.news(now, format!("D {pages} and {rows} are in the journal"))
            }
            Event::Page(counts) => {
                (self.got_on, self.pause) = (now, None);
                let from = self.pulled.as_ref().map_or((0, self.since), |earlier| earlier.from);
                self.pulled = Some(Pulled { counts, from });
                self.counts_if_due(now)
            }
            Event::Waiting { pause, attempt, cause } => {
                let text = format!("waiting {} before attempt {attempt}: {cause}", duration(pause));
                self.pause = Some(Pause { until: now + pause, text: text.clone() });
                let letter = self.step.map_or(String::new(), |step| format!("{} ", step.letter()));
                self.news(now, format!("{letter}{text}"))
            }
            Event::Delivery { acknowledged, total } => {
                self.got_on = now;
                let from = self.delivered.as_ref().map_or((acknowledged, now), |earlier| earlier.from);
                self.delivered = Some(Delivered { acknowledged, total, from });
                self.counts_if_due(now)
            }
        }
    }

    /// The line that is due although nothing has happened.
    pub fn tick(&mut self, now: Duration) -> Option<Said> {
        let is_silent = self.step.is_some() && now.saturating_sub(self.told) >= SILENCE;
        is_silent.then(|| self.said(now)).flatten()
    }

    /// Where the run is, in a line; none before the first step and after the last.
    pub fn status(&self, now: Duration) -> Option<String> {
        let step = self.step?;
        let counts = match step {
            Step::Pull => self.pulled.as_ref().map(|pulled| pulled.text(now)),
            Step::Load => self.delivered.as_ref().map(|delivered| delivered.text(now)),
            _ => None,
        };
        let lasts = now.saturating_sub(self.since);
        let what = match (self.waits(step, now), counts) {
            (Some(waits), Some(counts)) => format!("{counts}; {waits}"),
            (Some(waits), None) => waits,
            (None, Some(counts)) => counts,
            (None, None) => step.title().to_owned(),
        };
        let since = if lasts >= SILENCE { format!(", {}", duration(whole_seconds(lasts))) } else { String::new() };
        Some(format!("{}{since}: {what}", step.letter()))
    }

    /// The wait of a step that has not got on for a while.
    fn waits(&self, step: Step, now: Duration) -> Option<String> {
        if let Some(pause) = self.pause.as_ref().filter(|pause| pause.until > now) {
            return Some(pause.text.clone());
        }
        let pages = self.pulled.as_ref().map_or(0, |pulled| pulled.counts.pages);
        let is_waiting = now.saturating_sub(self.got_on) >= COUNTS_EVERY;
        match step {
            Step::Pull if is_waiting => Some(format!("waiting for page {}", pages + 1)),
            Step::Load if is_waiting => Some("waiting for acknowledgements".to_owned()),
            _ => None,
        }
    }

    fn counts_if_due(&mut self, now: Duration) -> Option<Said> {
        let is_first = self.told.is_zero();
        (is_first || now.saturating_sub(self.told) >= COUNTS_EVERY).then(|| self.said(now)).flatten()
    }

    fn said(&mut self, now: Duration) -> Option<Said> {
        let text = self.status(now)?;
        self.told = now;
        let mut fields = self.fields();
        match (self.step, &self.pulled, &self.delivered) {
            (Some(Step::Load), _, Some(delivered)) => {
                fields.insert("acknowledged".to_owned(), delivered.acknowledged.into());
                fields.insert("messages".to_owned(), json!(delivered.total));
            }
            (Some(Step::Pull), Some(Pulled { counts, .. }), _) => {
                fields.insert("pages".to_owned(), counts.pages.into());
                fields.insert("rows".to_owned(), counts.extracted.into());
                fields.insert("bytes".to_owned(), counts.bytes.into());
            }
            _ => {}
        }
        Some(Said { text, fields })
    }

    fn news(&mut self, now: Duration, text: String) -> Option<Said> {
        self.told = now;
        Some(Said { text, fields: self.fields() })
    }

    fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some(run_id) = &self.run_id {
            fields.insert("run_id".to_owned(), run_id.as_str().into());
        }
        if let Some(step) = self.step {
            fields.insert("step".to_owned(), step.letter().to_string().into());
        }
        fields
    }
}

impl Pulled {
    fn text(&self, now: Duration) -> String {
        let Counts { pages, extracted, bytes: size, .. } = self.counts;
        let (rows, since) = self.from;
        let rate = rate(extracted.saturating_sub(rows), now.saturating_sub(since));
        let (pages, rows) = (count(pages, "page"), count(extracted, "row"));
        format!("{pages}, {rows}, {rate:.0} rows/s, {}", bytes(size))
    }
}

impl Delivered {
    fn text(&self, now: Duration) -> String {
        let acknowledged = self.acknowledged;
        let (before, since) = self.from;
        let rate = rate(acknowledged.saturating_sub(before), now.saturating_sub(since));
        let Some(total) = self.total else { return format!("{acknowledged} messages acknowledged") };
        let percent = (acknowledged * 100).checked_div(total).unwrap_or(100);
        let text = format!("{acknowledged} of {total} messages acknowledged ({percent} %)");
        let left = total.saturating_sub(acknowledged) as f64 / rate;
        match Duration::try_from_secs_f64(left) {
            Ok(left) if acknowledged > before && !left.is_zero() => {
                format!("{text}, {rate:.0}/s, about {} left", duration(whole_seconds(left).max(Duration::from_secs(1))))
            }
            _ => text,
        }
    }
}

fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(0.001)
}

fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn page(pages: u64, extracted: u64) -> Event {
        Event::Page(Counts { pages, extracted, bytes: extracted * 1024, ..Counts::default() })
    }

    /// Events and ticks (`None`) at their seconds, each with the line that is told.
    fn told(script: Vec<(u64, Option<Event>, Option<&str>)>) {
        let mut teller = Teller::default();
        for (second, event, expected) in script {
            let shown = format!("{second} s, {event:?}");
            let said = match event {
                Some(event) => teller.hear(at(second), event),
                None => teller.tick(at(second)),
            };
            assert_eq!(said.map(|said| said.text).as_deref(), expected, "{shown}");
        }
    }

    #[test]
    fn counts_are_bounded_and_silence_is_told() {
        told(vec![
            (1, Some(Event::Started { run_id: "r1".into(), pipeline: "orders".into() }), Some("run r1 of orders")),
            (2, Some(Event::StepStarted(Step::Pull)), None),
            (3, Some(page(1, 1000)), None),
            (6, Some(page(2, 2000)), Some("D: 2 pages, 2000 rows, 500 rows/s, 2.0 MiB")),
            (7, Some(page(3, 3000)), None),
            (15, None, None),
            (16, None, Some("D, 14 s: 3 pages, 3000 rows, 214 rows/s, 2.9 MiB; waiting for page 4")),
            (25, None, None),
            (26, None, Some("D, 24 s: 3 pages, 3000 rows, 125 rows/s, 2.9 MiB; waiting for page 4")),
            (27, Some(Event::StepDone(Step::Pull)), None),
            (27, Some(Event::StepStarted(Step::Stage)), None),
            (37, None, Some("G, 10 s: stage the event batch")),
            (38, Some(Event::Ended), None),
            (90, None, None),
        ]);
    }

    #[test]
    fn nothing_at_all_is_told_too() {
        told(vec![
            (0, None, None),
            (0, Some(Event::StepStarted(Step::Open)), None),
            (9, None, None),
            (10, None, Some("B, 10 s: open source, state and target")),
            (11, Some(Event::StepStarted(Step::Pull)), None),
            (20, None, Some("D: waiting for page 1")),
        ]);
    }

    #[test]
    fn a_pause_is_told_at_once_and_until_it_ends() {
        let waiting = || Event::Waiting { pause: at(30), attempt: 2, cause: "status 429 with Retry-After".to_owned() };
        told(vec![
            (0, Some(Event::StepStarted(Step::Pull)), None),
            (1, Some(page(1, 10)), Some("D: 1 page, 10 rows, 10 rows/s, 10 KiB")),
            (2, Some(waiting()), Some("D waiting 30 s before attempt 2: status 429 with Retry-After")),
            (11, None, None),
            (
                12,
                None,
                Some(
                    "D, 12 s: 1 page, 10 rows, 1 rows/s, 10 KiB; waiting 30 s before attempt 2: status 429 with Retry-After",
                ),
            ),
            (33, None, Some("D, 33 s: 1 page, 10 rows, 0 rows/s, 10 KiB; waiting for page 2")),
        ]);
    }

    #[test]
    fn what_is_left_is_told_where_the_total_is_known() {
        let delivery = |acknowledged, total| Event::Delivery { acknowledged, total };
        told(vec![
            (0, Some(Event::StepStarted(Step::Load)), None),
            // An earlier attempt got 1000 acknowledged: they are no speed.
            (1, Some(delivery(1000, Some(5000))), Some("H: 1000 of 5000 messages acknowledged (20 %)")),
            (
                6,
                Some(delivery(2000, Some(5000))),
                Some("H: 2000 of 5000 messages acknowledged (40 %), 200/s, about 15 s left"),
            ),
            (
                16,
                None,
                Some(
                    "H, 16 s: 2000 of 5000 messages acknowledged (40 %), 67/s, about 45 s left; waiting for acknowledgements",
                ),
            ),
            (21, Some(delivery(5000, Some(5000))), Some("H, 21 s: 5000 of 5000 messages acknowledged (100 %)")),
            (30, Some(Event::Slice { number: 2, of: 2, id: "b".into() }), Some("slice 2 of 2: b")),
            (30, Some(Event::StepStarted(Step::Load)), None),
            (36, Some(delivery(10, None)), Some("H: 10 messages acknowledged")),
        ]);
    }

    #[test]
    fn a_rate_counts_from_where_this_run_began() {
        let resumed = Event::Resumed(Counts { pages: 100, extracted: 100_000, ..Counts::default() });
        told(vec![
            (1, Some(Event::StepStarted(Step::Pull)), None),
            (2, Some(resumed), Some("D 100 pages and 100000 rows are in the journal")),
            (12, Some(page(101, 101_000)), Some("D, 11 s: 101 pages, 101000 rows, 100 rows/s, 98.6 MiB")),
            // The next slice counts from its own start.
            (20, Some(Event::Slice { number: 2, of: 3, id: "b".into() }), Some("slice 2 of 3: b")),
            (20, Some(Event::StepStarted(Step::Pull)), None),
            (25, Some(page(1, 100)), Some("D: 1 page, 100 rows, 20 rows/s, 100 KiB")),
        ]);
    }

    #[test]
    fn lines_have_fields_for_machines() {
        let mut teller = Teller::default();
        teller.hear(at(0), Event::Started { run_id: "r1".into(), pipeline: "orders".into() });
        teller.hear(at(0), Event::StepStarted(Step::Pull));
        let said = teller.hear(at(9), page(2, 5)).unwrap();
        assert_eq!(
            Value::Object(said.fields.clone()),
            json!({ "run_id": "r1", "step": "D", "pages": 2, "rows": 5, "bytes": 5120 })
        );
        assert!(!said.is_news());
        assert!(teller.hear(at(9), Event::Note("x".into())).unwrap().is_news());
    }
}
