//! The state of one run from its first step to its last: its report, its artifact, its progress.

use crate::artifact::{Artifact, Bill, Checkpoints, PluginReport, RunReport, SliceReport, TransformReport};
use crate::cancel::Cancel;
use crate::events::{Event, Events, Step};
use crate::fields_read::FieldsRead;
use crate::pipeline::Finished;
use crate::remedy::Remedy;
use crate::resolve::{Host, Request, Resolved};
use crate::spans;
use dpone_journal::{Change, PageEntry};
use dpone_model::human::names;
use dpone_model::{Counts, Exit, Meter, Report, RunId, WalkEnded, WalkEnds};
use dpone_source::{Ahead, Filtered, Overview, add_seen};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;
use tracing::{Instrument, Span};

/// The run's own bookkeeping.
pub struct Session {
    pub report: RunReport,
    /// Counts of the slice at hand.
    pub counts: Counts,
    /// Records that each transform left out of the slice at hand, or added.
    transforms: Vec<TransformReport>,
    /// Rows beyond `max_future`, the first ones of all slices.
    pub ahead: Option<Ahead>,
    /// Counts of the run before the slice at hand.
    before: Before,
    /// None before the manifest was read.
    pub artifact: Option<Artifact>,
    pub events: Arc<dyn Events>,
    pub cancel: Cancel,
    pub meter: Arc<Meter>,
    /// There is a journal that `dpone resume` could go on with.
    pub resumable: bool,
    /// Of slices: what became of their rows. Another slice may yet show that all is well.
    overview: Overview,
    fields_read: FieldsRead,
    /// Warnings about fields that are given once a run, however many batches and slices show them.
    said: BTreeSet<(&'static str, String)>,
    /// Of slices: what the last page lacked. Another slice may yet show that it is spelt rightly.
    missing: Vec<WalkEnded>,
    /// Of the paths that the extractor asks for: those that an answer of this run had.
    pub seen_paths: BTreeSet<String>,
    /// The log's lines about the run stand in it.
    pub span: Span,
}

/// The part of the run before the slice at hand.
#[derive(Default)]
struct Before {
    counts: Counts,
    transforms: Vec<TransformReport>,
    plugins: Vec<PluginReport>,
    checkpoint: Checkpoints,
}

impl Session {
    /// A run that has no id yet: if the manifest cannot be read, it never gets one.
    pub fn start(host: &Host, request: &Request) -> Self {
        let report = RunReport {
            run_id: String::new(),
            pipeline: String::new(),
            outcome: "running",
            exit_code: 0,
            error: None,
            started_at: jiff::Timestamp::now(),
            finished_at: None,
            profile: request.profile.clone(),
            manifest: request.manifest.display().to_string(),
            manifest_sha256: String::new(),
            manifest_from: "file",
            resumed: false,
            steps: Vec::new(),
            pages: 0,
            bytes: 0,
            rows: Default::default(),
            walk: Default::default(),
            left_out: Default::default(),
            boundary: Default::default(),
            checkpoint: Default::default(),
            state_store: None,
            guarantee: None,
            plugins: Vec::new(),
            slices: Vec::new(),
            lock: None,
            mixed: Vec::new(),
            warnings: Vec::new(),
            bill: Bill {
                tenant: host.tenancy.as_ref().map(|tenancy| tenancy.tenant.name.clone()),
                confined_by: host.tenancy.as_ref().map(|tenancy| tenancy.confined_by.clone()).unwrap_or_default(),
                ..Bill::default()
            },
        };
        Self {
            report,
            counts: Counts::default(),
            transforms: Vec::new(),
            ahead: None,
            before: Before::default(),
            artifact: None,
            events: host.events.clone(),
            cancel: host.cancel.clone(),
            meter: Arc::new(Meter::within(host.tenancy.as_ref().map(|tenancy| tenancy.meter.clone()))),
            resumable: false,
            overview: Overview::default(),
            fields_read: FieldsRead::default(),
            said: BTreeSet::new(),
            missing: Vec::new(),
            seen_paths: BTreeSet::new(),
            span: spans::run(),
        }
    }

    /// The run has an id: from now on there is an artifact.
    pub fn begin(&mut self, host: &Host, resolved: &Resolved, run_id: &RunId) -> Result<(), Report> {
        let manifest = &resolved.local.manifest;
        self.report.run_id = run_id.to_string();
        self.report.pipeline = manifest.name.to_string();
        self.span.record("run_id", run_id.as_str());
        self.report.manifest_sha256.clone_from(&manifest.origin.sha256);
        self.transforms = manifest.transforms.iter().map(|used| TransformReport::of(&used.uses)).collect();
        let path = manifest.artifacts.enabled.then_some(manifest.artifacts.path.as_str());
        self.artifact = Some(Artifact::create(&host.workdir, path, run_id.as_str())?);
        self.events.emit(Event::Started { run_id: run_id.to_string(), pipeline: manifest.name.to_string() });
        self.save()
    }

    /// Runs one step: times it, shows it, and lets a stop asked from outside end it.
    pub async fn step<T>(
        &mut self,
        step: Step,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, Report>,
    ) -> Result<T, Report> {
        self.cancel.check()?;
        self.report.step_started(step, jiff::Timestamp::now());
        self.events.emit(Event::StepStarted(step));
        let (span, started) = (spans::step(step), Instant::now());
        let result = work(self).instrument(span.clone()).await;
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        span.in_scope(|| match &result {
            Ok(_) => tracing::info!(ms, "{}: done", step.title()),
            Err(report) => tracing::info!(ms, code = report.code().id, "{}: failed", step.title()),
        });
        self.report.step_ended(step, jiff::Timestamp::now(), result.is_ok());
        if result.is_ok() {
            self.events.emit(Event::StepDone(step));
        }
        result
    }

    pub fn note(&self, text: impl Into<String>) {
        self.events.emit(Event::Note(text.into()));
    }

    /// A warning is shown and kept in the artifact.
    pub fn warn(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.note(format!("warning: {text}"));
        self.report.warnings.push(text);
    }

    /// Whether this is the first time in the run that something is to be said of the field.
    pub fn is_first_word(&mut self, what: &'static str, field: &str) -> bool {
        self.said.insert((what, field.to_owned()))
    }

    /// The walk of the load, or of the slice at hand, is over. `seen` is what its answers had of the
    /// paths that were asked for.
    pub fn walk_ended(&mut self, ended: Option<WalkEnded>, seen: &BTreeSet<String>) {
        add_seen(&mut self.seen_paths, seen);
        match self.report.slices.last_mut() {
            None => {
                if let Some(warning) = ended.as_ref().and_then(WalkEnded::warning) {
                    self.warn(warning);
                }
                self.report.walk.ended = ended;
            }
            Some(slice) => {
                self.missing.extend(ended.clone().filter(|ended| ended.warning().is_some()));
                slice.walk.ended = ended;
            }
        }
    }

    /// Judges a load, or the slice at hand, of whose rows nothing may be left for a reason that nobody meant.
    /// `is_proven` is whether the load has a watermark of its cursor field.
    pub fn judge_rows(&mut self, overview: Overview, fields: FieldsRead, is_proven: bool) -> Result<(), Report> {
        self.overview.add(overview);
        self.fields_read.add(fields);
        if self.report.slices.is_empty() { self.judge_all_rows(is_proven) } else { Ok(()) }
    }

    /// The same for the slices of a load together.
    pub fn judge_all_rows(&mut self, is_proven: bool) -> Result<(), Report> {
        if let Some(warning) = self.overview.warning(is_proven)? {
            self.warn(warning);
        }
        let mut transforms = self.before.transforms.clone();
        TransformReport::add(&mut transforms, &self.transforms);
        let read = std::mem::take(&mut self.fields_read);
        for (position, transform) in transforms.iter().enumerate() {
            let absent = read.absent(position);
            let is_told = transform.dropped > 0 || transform.uses == "builtin:filter";
            if !absent.is_empty() && is_told {
                let (number, uses, dropped) = (position + 1, &transform.uses, transform.dropped);
                let fields = names(absent.iter().copied());
                self.warn(format!(
                    "no record has {fields}, which transform {number} ({uses}) reads; it left out {dropped} rows: if the \
                     name is misspelt, they are not the ones that were meant"
                ));
            }
        }
        Ok(())
    }

    /// All slices are through. What was missing in one slice and in all others, too, is told once.
    pub fn slices_ended(&mut self) {
        let mut told = BTreeSet::new();
        for ended in std::mem::take(&mut self.missing) {
            let path = ended.path.clone().unwrap_or_default();
            let is_known = ended.never_seen.is_some() && self.seen_paths.contains(&path) || self.shows(&path);
            if let Some(warning) = ended.warning().filter(|_| !is_known)
                && told.insert(path)
            {
                self.warn(warning);
            }
        }
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for ended in self.report.slices.iter().filter_map(|slice| slice.walk.ended.as_ref()) {
            *reasons.entry(&ended.reason).or_default() += 1;
        }
        let counted: Vec<String> = reasons.iter().map(|(reason, slices)| format!("{reason} in {slices}")).collect();
        let message = if counted.is_empty() { "no slice was fetched".to_owned() } else { counted.join(", ") };
        let pages = self.before.counts.pages;
        self.report.walk.ended = Some(WalkEnded::new(WalkEnded::SLICES, pages, message));
    }

    /// Whether a walk of some slice had the path.
    fn shows(&self, path: &str) -> bool {
        let mut ended = self.report.slices.iter().filter_map(|slice| slice.walk.ended.as_ref());
        ended.any(|ended| ended.path.as_deref() == Some(path) && ended.shows_path())
    }

    /// How earlier walks ended, and those of the slices.
    pub fn walk_ends(&self, earlier: &WalkEnds) -> WalkEnds {
        let mut ends = earlier.clone();
        for ended in self.report.slices.iter().filter_map(|slice| slice.walk.ended.as_ref()) {
            ends.note(ended, ended.path.as_deref().is_some_and(|path| self.shows(path)));
        }
        ends
    }

    /// Adds a page to the counts; `filtered` is what the boundary did to it.
    pub fn count_page(&mut self, entry: &PageEntry, filtered: &Filtered) {
        let index = &entry.index;
        let counts = &mut self.counts;
        counts.pages += 1;
        counts.bytes += entry.body.len() as u64;
        counts.extracted += u64::from(index.extracted);
        counts.source_rows += u64::from(index.source_rows);
        counts.ahead += u64::from(filtered.ahead);
        counts.kept_without_cursor += u64::from(filtered.without_cursor);
        let left_out = &mut counts.left_out;
        left_out.outside_boundary += u64::from(filtered.outside);
        left_out.already_loaded += u64::from(filtered.known);
        left_out.without_cursor += u64::from(filtered.dropped);
        for (sum, change) in self.transforms.iter_mut().zip(&index.changes) {
            sum.dropped += u64::from(change.dropped);
            sum.added += u64::from(change.added);
        }
        // The journal of an earlier version does not say which transform it was.
        let all = [Change::between(index.source_rows as usize, index.len())];
        for change in if index.changes.is_empty() { &all } else { index.changes.as_slice() } {
            left_out.dropped += u64::from(change.dropped);
            left_out.added += u64::from(change.added);
        }
    }

    /// Counts of the run so far, all slices together.
    pub fn total(&self) -> Counts {
        self.before.counts.and(&self.counts)
    }

    /// The plugins with what they have cost in the slice at hand.
    pub fn set_plugins(&mut self, plugins: Vec<PluginReport>) {
        self.report.plugins = plugins;
        for (now, before) in self.report.plugins.iter_mut().zip(&self.before.plugins) {
            now.usage = before.usage.and(&now.usage);
        }
    }

    /// A slice begins: counts, costs and files are its own until it ends.
    pub fn slice_started(&mut self, number: usize, of: usize, id: &str) {
        self.events.emit(Event::Slice { number, of, id: id.to_owned() });
        self.counts = Counts::default();
        self.before.plugins.clone_from(&self.report.plugins);
        self.before.checkpoint = std::mem::take(&mut self.report.checkpoint);
        self.report.slices.push(SliceReport::started(id));
        if let Some(artifact) = &mut self.artifact {
            artifact.enter(Some(number));
        }
    }

    pub fn slice_ended(&mut self, error: Option<&Report>) {
        let counts = std::mem::take(&mut self.counts);
        let cleared = self.transforms.iter().map(|transform| TransformReport::of(&transform.uses)).collect();
        let transforms = std::mem::replace(&mut self.transforms, cleared);
        let checkpoint = std::mem::replace(&mut self.report.checkpoint, std::mem::take(&mut self.before.checkpoint));
        if let Some(slice) = self.report.slices.last_mut() {
            slice.ended(&counts, &transforms, checkpoint, error);
        }
        self.before.counts = self.before.counts.and(&counts);
        TransformReport::add(&mut self.before.transforms, &transforms);
        if let Some(artifact) = &mut self.artifact {
            artifact.enter(None);
        }
    }

    /// Writes `run.json` as it is now.
    pub fn save(&mut self) -> Result<(), Report> {
        let mut transforms = self.before.transforms.clone();
        TransformReport::add(&mut transforms, &self.transforms);
        self.report.set_counts(&self.total(), &transforms);
        self.report.bill.set(&self.report.plugins, self.meter.traffic());
        if let Some(artifact) = &mut self.artifact {
            artifact.enter(None);
        }
        self.artifact.as_ref().map_or(Ok(()), |artifact| artifact.write("run.json", &self.report))
    }

    /// Ends the run: the report says how, in the artifact and to the caller.
    pub fn close(mut self, result: Result<(), Report>) -> Finished {
        let exit = result.as_ref().err().map_or(Exit::Ok, Report::exit);
        self.report.outcome = if result.is_ok() { "succeeded" } else { "failed" };
        self.report.exit_code = exit as u8;
        self.report.error = result.as_ref().err().cloned();
        self.report.finished_at = Some(jiff::Timestamp::now());
        let saved = self.save();
        let artifact = self.artifact.as_ref().and_then(|artifact| artifact.folder().map(ToOwned::to_owned));
        self.events.emit(Event::Ended);
        let failed = result.as_ref().err().filter(|_| self.resumable);
        let has_loaded = self.report.slices.iter().any(|slice| slice.outcome == "succeeded");
        let remedy = failed.map(if has_loaded { Remedy::of_rest } else { Remedy::of }).unwrap_or_default();
        Finished { report: self.report, result: result.and(saved), artifact, remedy }
    }
}
