//! The slices of a run: C lists them, and each goes from D to K on its own, with its journal, its row
//! of state and its verdict. A slice that fails does not stop the others; the load as a whole is
//! done, and its own row moves, when all of them are.

use crate::begin;
use crate::events::Step;
use crate::lease::Held;
use crate::open::Opened;
use crate::pipeline;
use crate::planning::{self, SlicePlan};
use crate::resolve::{Host, Request};
use crate::resume::{self, Earlier, Reopened};
use crate::session::Session;
use crate::spans;
use crate::stage::bug;
use crate::verify::{self, LoadVerified, SliceVerified, Verdicts};
use dpone_journal::{Bodies, Journals, Writer};
use dpone_manifest::{Keep, Mode};
use dpone_model::http::RequestSigner;
use dpone_model::plugin::{RequestEdit, Slice, SliceContext};
use dpone_model::schema::{FieldType, Schema};
use dpone_model::state::{LeaseRequest, StateRow};
use dpone_model::{
    Checkpoint, CursorValue, Digests, Exit, Failure, Report, RunId, StateKey, Unplaced, Watermark, codes,
};
use dpone_plan::Boundary;
use dpone_source::{ListConfig, add_seen, list_slices};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::Instrument;

/// One slice while it is loaded.
pub struct Part {
    pub key: StateKey,
    pub row: StateRow,
    /// Of the journal: the run's own id for a load that is not cut.
    pub journal_id: RunId,
    /// The known fields: by the slice's own row, and of those that it does not know by the load's.
    pub schema: Schema,
    /// The slicer's entry; `None` for a load that is not cut.
    pub slice: Option<Slice>,
    /// Of the paths that the extractor asks for: those that the load's answers ever had.
    pub seen_paths: BTreeSet<String>,
}

/// The parts that every slice is loaded with.
struct Load<'a> {
    host: &'a Host,
    request: &'a Request,
    opened: &'a Opened,
    whole: &'a SlicePlan,
}

/// The state that the slices of one run share.
struct Cut {
    slices: Vec<Slice>,
    /// The run's own journal: it holds the list, so that a resumed run loads the same slices.
    writer: Writer,
    /// Fields as the slices so far have left them.
    schema: Schema,
    /// The watermark that the load started from.
    watermark: Option<Watermark>,
    /// The watermarks of the slices so far, without the rows at them.
    reached: Vec<Reached>,
    /// Slices whose walk ended at a page limit, each with its lower bound.
    cut_short: Vec<(String, Option<CursorValue>)>,
    /// The paths that answers of the load had, as the slices so far have left them.
    seen_paths: BTreeSet<String>,
    /// Rows that no watermark covers, of the windows. The same row lies in
    /// another window tomorrow, because the last window is open.
    unplaced: Unplaced,
    /// An earlier attempt may have left journals of slices.
    is_resumed: bool,
}

/// Up to where a slice is loaded.
struct Reached {
    key: StateKey,
    /// Tomorrow the same row may lie in another window.
    is_window: bool,
    watermark: Watermark,
}

impl Cut {
    /// The greatest watermark that leaves no slice behind which was cut short: the next run has to begin at
    /// or before the start of each. A slice without a lower bound may begin anywhere.
    ///
    /// It stays at or before `cap`, which `safety_lag` asks for: a window's own never lies before its lower bound.
    fn load_watermark(&self, cap: Option<&CursorValue>) -> Option<Watermark> {
        let leaves_none = |new: &Watermark| {
            let is_behind = |(_, lower): &(String, Option<CursorValue>)| {
                let order = lower.as_ref().and_then(|lower| new.value.compare(lower));
                order.is_some_and(|order| order != Ordering::Greater)
            };
            self.cut_short.iter().all(is_behind)
        };
        let reached = self.reached.iter().map(|reached| &reached.watermark).filter(|new| leaves_none(new));
        let greatest = reached.fold(self.watermark.as_ref(), |known, new| match known {
            Some(known) if new.value.compare(&known.value) != Some(Ordering::Greater) => Some(known),
            _ => Some(new),
        });
        let is_after =
            |watermark: &&Watermark, value: &CursorValue| watermark.value.compare(value) == Some(Ordering::Greater);
        match cap.filter(|cap| greatest.is_some_and(|greatest| is_after(&greatest, cap))) {
            None => greatest.cloned(),
            // An earlier run may have got further: its clock went ahead, or its lag was shorter.
            Some(cap) => match self.watermark.as_ref().filter(|earlier| is_after(earlier, cap)) {
                Some(earlier) => Some(earlier.clone()),
                None => greatest.map(|greatest| Watermark { value: cap.clone(), ..greatest.clone() }),
            },
        }
    }

    /// The windows that reached this value: the rows from it on are in their rows of state.
    fn reaching(&self, watermark: &Watermark) -> impl Iterator<Item = &StateKey> {
        let order = |new: &Watermark| new.value.compare(&watermark.value);
        let is_there = move |new: &Watermark| matches!(order(new), Some(Ordering::Equal | Ordering::Greater));
        self.reached.iter().filter(move |reached| reached.is_window && is_there(&reached.watermark)).map(|at| &at.key)
    }

    /// Keeps a slice that was not walked to its end.
    fn note_cut_short(&mut self, slice: &Slice, whole: &SlicePlan) {
        let lower = slice.lower.as_deref().and_then(CursorValue::parse);
        // In the form that records have.
        let unbounded = Boundary { lower: None, upper: None, ..whole.boundary.clone() };
        let lower = lower.and_then(|lower| unbounded.within(Some(lower), None).ok()?.lower);
        self.cut_short.push((slice.id.clone(), lower));
    }
}

impl Part {
    /// A load that is not cut.
    pub fn whole(opened: &Opened) -> Self {
        Self {
            key: opened.key.clone(),
            row: opened.row.clone(),
            journal_id: opened.run_id.clone(),
            schema: opened.row.checkpoint.schema.clone(),
            slice: None,
            seen_paths: opened.row.checkpoint.seen_paths.clone(),
        }
    }

    /// Whether the run has to find the load's first watermark here. A slice need not: one with a single
    /// row far ahead is no reason to refuse the load.
    pub fn needs_watermark(&self, opened: &Opened, plan: &SlicePlan) -> bool {
        let is_refresh = opened.resolved.local.manifest.sink.strategy.mode == Mode::FullRefresh;
        self.slice.is_none() && plan.advances_state && !is_refresh && self.row.checkpoint.watermark.is_none()
    }
}

/// Loads the slices one after the other.
pub async fn each(
    session: &mut Session,
    host: &Host,
    request: &Request,
    opened: &Opened,
    whole: SlicePlan,
    journal: Option<Reopened>,
) -> Result<(), Report> {
    let mut cut =
        session.step(Step::Plan, async |session| cut(session, request, opened, &whole, journal).await).await?;
    session.resumable = true;
    let load = Load { host, request, opened, whole: &whole };
    let mut verdicts = Verdicts::of(cut.slices.len());
    let mut failed = Vec::new();
    for number in 1..=cut.slices.len() {
        session.cancel.check()?;
        let Some(slice) = cut.slices.get(number - 1).cloned() else { continue };
        session.slice_started(number, cut.slices.len(), &slice.id);
        let span = spans::slice(&slice.id);
        let result = load.one(session, &mut cut, number, slice.clone()).instrument(span).await;
        session.slice_ended(result.as_ref().err());
        match result {
            Ok(verified) => {
                if !verified.is_whole {
                    cut.note_cut_short(&slice, &whole);
                }
                verdicts.add(verified);
            }
            Err(report) if is_of_slice(&report) => {
                let report = report.within(&format!("slice {}", slice.id));
                session.note(format!("{report}"));
                failed.push(report);
            }
            Err(report) => return Err(report.within(&format!("slice {}", slice.id))),
        }
    }
    session.slices_ended();
    if !failed.is_empty() {
        session.note(format!("{} of {} slices failed; the others are loaded", failed.len(), cut.slices.len()));
        return Err(Report::all(failed).unwrap_or_else(|| bug(&"no slice failed")));
    }
    // Slices of an earlier attempt may have had what these lack: then they have a watermark.
    if (!cut.is_resumed || cut.reached.is_empty())
        && let Err(report) = session.judge_all_rows(opened.proves_cursor_field())
    {
        // Every slice is done: an attempt that goes on with the run would have nothing to judge.
        session.resumable = false;
        cut.writer.finish(Bodies::Drop)?;
        return Err(report);
    }
    let verified = match cut.slices.is_empty() {
        true => session.step(Step::Stage, async |session| Verdicts::of_nothing(session, opened).await).await?,
        false => verdicts.all()?,
    };
    session.step(Step::Advance, async |session| finish(session, opened, &whole, cut, verified).await).await
}

/// Failures that another slice may well survive: the source's answer, a plugin's objection, the rows.
fn is_of_slice(report: &Report) -> bool {
    matches!(report.exit(), Exit::Source | Exit::Plugin | Exit::Schema | Exit::Quality)
}

/// Lists the slices, or takes the list of the run that is resumed.
async fn cut(
    session: &mut Session,
    request: &Request,
    opened: &Opened,
    whole: &SlicePlan,
    journal: Option<Reopened>,
) -> Result<Cut, Report> {
    let is_resumed = journal.is_some();
    let (slices, writer) = match journal {
        Some(journal) => {
            journal.refuse_other_target(whole)?;
            let listed = journal.head.resolved.get("slices").cloned().unwrap_or_default();
            let slices = serde_json::from_value(listed).map_err(|cause| {
                Report::new(&codes::disk::DAMAGED, format!("the journal's list of slices: {cause}"))
            })?;
            (slices, journal.writer)
        }
        None => {
            let slices = list(opened, whole).await?;
            let listed = serde_json::to_value(&slices).map_err(|cause| bug(&cause))?;
            let names = slices.iter().map(|slice| slice.id.clone()).collect();
            let writer = begin::journal(opened, request, whole, &opened.run_id, opened.row.revision, names, listed)?;
            (slices, writer)
        }
    };
    session.note(format!("{} slices", slices.len()));
    let checkpoint = &opened.row.checkpoint;
    let (schema, watermark) = (checkpoint.schema.clone(), checkpoint.watermark.clone());
    let (seen_paths, unplaced) = (checkpoint.seen_paths.clone(), Unplaced::default());
    let (reached, cut_short) = (Vec::new(), Vec::new());
    Ok(Cut { slices, writer, schema, watermark, reached, cut_short, seen_paths, unplaced, is_resumed })
}

/// Asks the slicer. Its requests are sent with the source's client and by the same rules as pages.
async fn list(opened: &Opened, whole: &SlicePlan) -> Result<Vec<Slice>, Report> {
    let source = &opened.resolved.local.manifest.source;
    let (Some(mut slicer), Some(used)) = (opened.slicer().await?, &source.slicer) else { return Ok(Vec::new()) };
    let text = |bound: &Option<CursorValue>| bound.as_ref().map(shown_to_slicer);
    let context = SliceContext {
        lower: text(&whole.boundary.lower),
        upper: text(&whole.boundary.upper),
        started_at: opened.started_at,
    };
    let config = ListConfig {
        source,
        connection: &opened.resolved.http,
        egress: begin::client(opened)?,
        signer: opened.signer.clone().map(|signer| signer as Arc<dyn RequestSigner>),
        scanner: Arc::new(Mutex::new(dpone_json::Scanner::new())),
        grants: &used.grants,
    };
    let listed = opened.cancel.guard(list_slices(config, slicer.as_mut(), &context)).await;
    *opened.slicing.lock().unwrap_or_else(PoisonError::into_inner) = slicer.usage();
    listed
}

/// A slicer cuts times, however records count them.
fn shown_to_slicer(bound: &CursorValue) -> String {
    match (bound.unit(), bound.as_instant()) {
        (Some(_), Some(instant)) => instant.to_string(),
        _ => bound.text().to_owned(),
    }
}

/// Whether the slice's own bounds leave no value between them, whatever was loaded before.
fn holds_nothing(slice: &Slice, whole: &Boundary) -> Result<bool, Report> {
    let bound = |text: &Option<String>| text.as_deref().and_then(CursorValue::parse);
    let unbounded = Boundary { lower: None, upper: None, ..whole.clone() };
    Ok(unbounded.within(bound(&slice.lower), bound(&slice.upper))?.is_empty())
}

/// Whether a slice is a part of the load's own request by bounds alone, so that another one may meet its rows
/// later. Of two slices that ask for different things, such as the orders of two customers, each may have a row
/// with the same bytes.
pub fn is_window(slice: &Slice) -> bool {
    (slice.lower.is_some() || slice.upper.is_some()) && slice.request == RequestEdit::default()
}

impl Load<'_> {
    /// One slice, under a lease of its own.
    async fn one(
        &self,
        session: &mut Session,
        cut: &mut Cut,
        number: usize,
        slice: Slice,
    ) -> Result<SliceVerified, Report> {
        let opened = self.opened;
        let journal_id = opened.run_id.part(number);
        let earlier = if cut.is_resumed { resume::earlier_attempt(opened, &journal_id)? } else { Earlier::None };
        let key = opened.key.of_slice(&slice.id);
        let lease =
            LeaseRequest { run_id: opened.run_id.clone(), host: crate::open::host_name(), pid: std::process::id() };
        let mut row = session.cancel.guard(opened.state.acquire(&key, &lease)).await?;
        if is_window(&slice) {
            for others in [&opened.row.checkpoint.unplaced, &cut.unplaced] {
                row.checkpoint.unplaced.add(others, self.whole.boundary.rules.max_rows);
            }
        }
        let held = Held::keep(opened.state.clone(), key.clone(), opened.run_id.clone(), session.cancel.clone());
        let known = row.checkpoint.schema.clone().over(&cut.schema);
        let mut seen_paths = cut.seen_paths.clone();
        add_seen(&mut seen_paths, row.checkpoint.seen_paths.iter().chain(&session.seen_paths));
        let part = Part { schema: known, key: key.clone(), row, journal_id, slice: Some(slice), seen_paths };
        let result = self.part(session, &part, earlier).await;
        let is_window = part.slice.as_ref().is_some_and(is_window);
        let learned = match &result {
            Ok(_) => learn(session, cut, self, &key, is_window).await,
            Err(_) => Ok(()),
        };
        held.release().await;
        learned.and(result)
    }

    async fn part(&self, session: &mut Session, part: &Part, earlier: Earlier) -> Result<SliceVerified, Report> {
        let slice = part.slice.as_ref().ok_or_else(|| bug(&"a slice of a load that is not cut"))?;
        let proof = match &earlier {
            Earlier::None => None,
            Earlier::Stopped(journal) => {
                let (run_id, started_from) = (&self.opened.run_id, journal.head.revision);
                SliceVerified::by_row(&part.row, run_id, started_from, journal.writer.progress())
            }
            Earlier::Done(progress) => SliceVerified::by_journal(progress),
        };
        if let Some(verified) = proof {
            session.note(format!("slice {} was loaded before", slice.id));
            // The load learns how walks end as if no attempt had stopped.
            session.walk_ended(verified.ended.clone(), &part.row.checkpoint.seen_paths);
            return Ok(verified);
        }
        let journal = match earlier {
            Earlier::Stopped(journal) => {
                journal.refuse_other_state(&part.row)?;
                Some(*journal)
            }
            Earlier::None | Earlier::Done(_) => None,
        };
        let plan = planning::part(self.opened, self.request, self.whole, &part.row, slice)?;
        if holds_nothing(slice, &self.whole.boundary)? {
            session.warn(format!("nothing can lie in slice {}: its lower bound is not below its upper one", slice.id));
            let (opened, id) = (self.opened, &part.journal_id);
            let judged = async |session: &mut Session| SliceVerified::by_nothing(session, opened, id).await;
            return session.step(Step::Stage, judged).await;
        }
        if let Some(verified) = SliceVerified::by_plan(&plan) {
            session.note(format!("slice {} holds nothing new", slice.id));
            return Ok(verified);
        }
        pipeline::slice(session, self.host, self.request, self.opened, part, plan, journal).await
    }
}

/// The results of a loaded slice for those after it, and for the load as a whole.
async fn learn(
    session: &mut Session,
    cut: &mut Cut,
    load: &Load<'_>,
    key: &StateKey,
    is_window: bool,
) -> Result<(), Report> {
    let Some(row) = load.opened.state.load(key).await? else { return Ok(()) };
    if is_window {
        cut.unplaced.add(&row.checkpoint.unplaced, load.whole.boundary.rules.max_rows);
    }
    let (schema, mixed) = dpone_plan::unite(&cut.schema, &row.checkpoint.schema);
    cut.schema = schema;
    for field in mixed.into_iter().map(|mixed| mixed.field) {
        let now = cut.schema.fields.get(&field).map(FieldType::described).unwrap_or_default();
        let slice = key.slice.as_deref().unwrap_or_default();
        session.warn(format!("the field `{field}` is {now}: slice {slice} and earlier ones have different kinds"));
    }
    add_seen(&mut cut.seen_paths, &row.checkpoint.seen_paths);
    if let Some(new) = row.checkpoint.watermark {
        // Rows at the watermark are remembered by their slice; the load needs those of the last one.
        let watermark = Watermark { digests: Digests::default(), digests_incomplete: false, left_out: 0, ..new };
        cut.reached.push(Reached { key: key.clone(), is_window, watermark });
    }
    Ok(())
}

/// The load's own row: up to where every slice is loaded.
async fn finish(
    session: &mut Session,
    opened: &Opened,
    whole: &SlicePlan,
    cut: Cut,
    verified: LoadVerified,
) -> Result<(), Report> {
    if whole.advances_state {
        let is_refresh = opened.resolved.local.manifest.sink.strategy.mode == Mode::FullRefresh;
        let cap = whole.boundary.cap(opened.started_at).filter(|_| !is_refresh);
        let mut watermark = cut.load_watermark(cap.as_ref());
        if let Some(watermark) = &mut watermark {
            take_rows(opened, whole, &cut, watermark).await?;
        }
        if let Some((id, _)) = cut.cut_short.first() {
            session.warn(format!(
                "{} of {} slices did not come to their end, `{id}` first: a page limit ended them, so the watermark of \
                 the load does not pass them, and the next run asks for them again",
                cut.cut_short.len(),
                cut.slices.len()
            ));
        }
        let is_lost = watermark.is_none() && cut.cut_short.is_empty() && !is_refresh;
        if let Some(ahead) = session.ahead.take().filter(|_| is_lost) {
            // Every slice is published and remembers its rows: a failure would only come again.
            let refused = ahead.refused();
            session.warn(format!("{refused}; {}", refused.hint().unwrap_or_default()));
        }
        let earlier = &opened.row.checkpoint;
        let checkpoint = Checkpoint {
            watermark,
            unplaced: if cut.slices.is_empty() { earlier.unplaced.clone() } else { cut.unplaced },
            response_cursor: None,
            schema: cut.schema,
            target: Some(dpone_plan::target_facts(&opened.resolved.local.manifest, &whole.topic)),
            seen_paths: cut.seen_paths,
            walk_ends: session.walk_ends(&earlier.walk_ends),
        };
        let revision = verify::advance_load(opened, whole, checkpoint.clone(), verified).await?;
        session.report.checkpoint.after = Some(crate::artifact::CheckpointReport::of(revision, &checkpoint));
    }
    // The run is done: its own journal and artifact say what became of each slice.
    let is_kept = opened.resolved.local.manifest.journal.keep != Keep::UntilVerified;
    let done = if is_kept { 0 } else { cut.slices.len() };
    let journals = journals(opened)?;
    let forget = |number| journals.forget(&opened.key.pipeline, &opened.run_id.part(number));
    let cleaned = cut.writer.finish(Bodies::Drop).and_then(|()| (1..=done).try_for_each(forget));
    if let Err(error) = cleaned {
        session.warn(format!("the run's journal could not be cleaned up: {error}"));
    }
    Ok(())
}

/// The next run begins at the load's watermark, and the rows from it on may then lie in another window, which
/// has not seen them: the load's own row hands them over.
async fn take_rows(opened: &Opened, whole: &SlicePlan, cut: &Cut, watermark: &mut Watermark) -> Result<(), Report> {
    let slices: Vec<StateKey> = cut.reaching(watermark).cloned().collect();
    for key in slices {
        let row = opened.state.load(&key).await?;
        let Some(of_slice) = row.and_then(|row| row.checkpoint.watermark) else { continue };
        let without_room = watermark.digests.add(&of_slice.digests, whole.boundary.rules.max_rows);
        watermark.left_out = watermark.left_out.max(of_slice.left_out).max(without_room);
        watermark.digests_incomplete |= of_slice.digests_incomplete || without_room > 0;
    }
    Ok(())
}

/// All journals of this working folder.
pub fn journals(opened: &Opened) -> Result<Journals, Report> {
    Ok(Journals::open(opened.folders.below("journal")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dpone_model::plugin::RequestValue;

    #[test]
    fn a_slice_holds_nothing_by_its_own_bounds_alone() {
        let loaded = Boundary { lower: CursorValue::parse("9"), ..Boundary::default() };
        for (lower, upper, nothing) in [
            (Some("2"), Some("1"), true),
            (Some("1"), Some("1"), true),
            (Some("2026-01-02T00:00:00Z"), Some("2026-01-01T00:00:00Z"), true),
            (Some("1"), Some("2"), false),
            (Some("1"), None, false),
            (None, Some("1"), false),
            (None, None, false),
        ] {
            let bound = |text: Option<&str>| text.map(str::to_owned);
            let slice =
                Slice { id: "one".into(), request: Default::default(), lower: bound(lower), upper: bound(upper) };
            assert_eq!(holds_nothing(&slice, &loaded).unwrap(), nothing, "{lower:?} to {upper:?}");
        }
    }

    #[test]
    fn rows_are_handed_over_between_windows_of_one_request_alone() {
        let asks =
            RequestEdit { query: vec![("customer".into(), RequestValue::Text("7".into()))], ..RequestEdit::default() };
        for (lower, request, expected) in [
            (Some("1"), RequestEdit::default(), true),
            (None, RequestEdit::default(), false),
            (Some("1"), asks.clone(), false),
            (None, asks, false),
        ] {
            let slice = Slice { id: "a".into(), request, lower: lower.map(str::to_owned), upper: None };
            assert_eq!(is_window(&slice), expected, "{slice:?}");
        }
    }
}
