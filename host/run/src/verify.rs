//! I, J and K: finalize, verify what was delivered, and only then advance state.

use crate::artifact::CheckpointReport;
use crate::begin;
use crate::extract::Extract;
use crate::failpoint;
use crate::open::Opened;
use crate::planning::SlicePlan;
use crate::session::Session;
use crate::slices::Part;
use crate::stage::check_counts;
use dpone_journal::{Bodies, Progress};
use dpone_manifest::{Keep, Mode, Order};
use dpone_model::plugin::CheckCounts;
use dpone_model::state::{StateRow, StateWrite};
use dpone_model::{Checkpoint, Report, Room, RunId, Unplaced, WalkEnded, Watermark, codes};
use dpone_plan::SchemaPlan;
use dpone_sink::DeliveryReport;
use dpone_source::BoundaryFilter;
use std::sync::Arc;

/// I's result. Appending needs nothing that could not be undone: what is published is the truth.
pub struct Finalization {
    delivered: DeliveryReport,
}

/// J's result, and the only thing with which K moves a slice's state. It has one constructor, [`verify`].
pub struct Verified {
    _gate: Gate,
}

/// A slice is done: K has taken its [`Verified`], now or in an earlier attempt of the run.
#[must_use]
pub struct SliceVerified {
    /// No page limit cut the walk short.
    pub is_whole: bool,
    /// How the walk of an earlier attempt ended.
    pub ended: Option<WalkEnded>,
    _gate: Gate,
}

/// Every slice of a load is done, and the only thing with which K moves the load's own row. It has one
/// constructor, [`Verdicts::all`].
pub struct LoadVerified {
    _gate: Gate,
}

/// Nobody outside of this module can make one.
struct Gate;

impl SliceVerified {
    /// An earlier attempt of the run ended between the write of the slice's state and the end of its
    /// journal: the row is the run's, and newer than the one that the slice started from.
    pub fn by_row(row: &StateRow, run: &RunId, started_from: u64, progress: &Progress) -> Option<Self> {
        let is_ours = row.run_id.as_ref() == Some(run) && row.revision > started_from;
        is_ours.then(|| Self::earlier(progress))
    }

    /// An earlier attempt of the run came to the end of K, after which it closed the slice's journal.
    pub fn by_journal(progress: &Progress) -> Option<Self> {
        progress.finished.then(|| Self::earlier(progress))
    }

    /// Nothing can lie in the slice, and no check minds.
    pub async fn by_nothing(session: &mut Session, opened: &Opened, id: &RunId) -> Result<Self, Report> {
        judge_nothing(session, opened, id).await?;
        Ok(Self { is_whole: true, ended: None, _gate: Gate })
    }

    /// Earlier runs have loaded all that lies in the slice.
    pub fn by_plan(plan: &SlicePlan) -> Option<Self> {
        plan.boundary.is_empty().then_some(Self { is_whole: true, ended: None, _gate: Gate })
    }

    fn earlier(progress: &Progress) -> Self {
        Self { is_whole: is_whole(progress), ended: progress.ended.clone(), _gate: Gate }
    }
}

/// A journal of an earlier version does not know why its walk ended: a page limit may have cut it short.
fn is_whole(progress: &Progress) -> bool {
    progress.ended.as_ref().is_some_and(|ended| !ended.is_truncated())
}

/// Counts the slices of a load that are done.
pub struct Verdicts {
    slices: usize,
    verified: usize,
}

impl Verdicts {
    /// Of a load with so many slices.
    pub fn of(slices: usize) -> Self {
        Self { slices, verified: 0 }
    }

    /// Takes the proof of one slice.
    pub fn add(&mut self, slice: SliceVerified) {
        let SliceVerified { is_whole: _, ended: _, _gate } = slice;
        self.verified += 1;
    }

    /// The proof of a load that has no slice: no check minds that there is nothing.
    pub async fn of_nothing(session: &mut Session, opened: &Opened) -> Result<LoadVerified, Report> {
        judge_nothing(session, opened, &opened.run_id).await?;
        Ok(LoadVerified { _gate: Gate })
    }

    /// The proof of the load, where every slice has given its own.
    pub fn all(self) -> Result<LoadVerified, Report> {
        if self.verified == self.slices {
            return Ok(LoadVerified { _gate: Gate });
        }
        let message = format!("the load has {} slices, and {} are verified", self.slices, self.verified);
        Err(Report::new(&codes::internal::BUG, message))
    }
}

/// A boundary in which nothing can lie is judged like one in which nothing was found.
async fn judge_nothing(session: &mut Session, opened: &Opened, id: &RunId) -> Result<(), Report> {
    let room = Arc::new(Room::new(opened.resolved.local.manifest.journal.max_bytes));
    let mut judge = begin::judge(opened, id, &room).await?;
    let counts = CheckCounts { source_rows: 0, rows: 0, acknowledged: Some(0), pages: 0 };
    let before = judge.before_publish(counts).await.map(drop);
    // All failures are told.
    let after = judge.after_delivery(counts).await.map(drop);
    if let Some(artifact) = &session.artifact {
        artifact.write("quality.json", &judge.results())?;
    }
    for warning in judge.take_warnings() {
        session.warn(warning);
    }
    Report::all([before, after].into_iter().filter_map(Result::err).collect()).map_or(Ok(()), Err)
}

/// I: prepares finalization.
pub fn finalize(delivered: DeliveryReport) -> Finalization {
    Finalization { delivered }
}

/// J: checks that judge after delivery, and the count of what the broker acknowledged.
pub async fn verify(session: &mut Session, extract: &mut Extract, done: Finalization) -> Result<Verified, Report> {
    done.delivered.check()?;
    let counts = check_counts(session, Some(session.counts.acknowledged));
    let outcome = session.cancel.guard(extract.work.judge.after_delivery(counts)).await;
    if let Some(artifact) = &session.artifact {
        artifact.write("quality.json", &extract.work.judge.results())?;
    }
    for warning in extract.work.judge.take_warnings() {
        session.warn(warning);
    }
    outcome?;
    Ok(Verified { _gate: Gate })
}

/// K of a slice: advances its state, unless the run covered a window only; then lets go of the journal.
pub async fn advance(
    session: &mut Session,
    opened: &Opened,
    part: &Part,
    plan: &SlicePlan,
    schema: SchemaPlan,
    extract: Extract,
    verified: Verified,
) -> Result<SliceVerified, Report> {
    let Verified { _gate } = verified;
    if plan.advances_state {
        if !covers_boundary(opened, part, plan, &extract) {
            session.warn("the walk ended at a page limit, so the watermark stays: later pages may hold older rows");
        }
        let checkpoint = next_checkpoint(opened, part, plan, schema, &extract)?;
        tell_published_again(session, opened, &checkpoint);
        let write = written(opened, plan, checkpoint.clone());
        failpoint::hit('K', "before");
        let revision = opened.state.commit(&part.key, part.row.revision, write, true).await?;
        failpoint::hit('K', "after");
        tracing::debug!(revision, slice = part.key.slice, "state committed");
        session.report.checkpoint.after = Some(CheckpointReport::of(revision, &checkpoint));
    } else {
        session.note("state was not moved: the run covered a window; --advance-state moves it");
    }
    let keep = match opened.resolved.local.manifest.journal.keep {
        Keep::UntilVerified => Bodies::Drop,
        Keep::For(duration) => {
            let duration = jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX);
            Bodies::KeepUntil(jiff::Timestamp::now().saturating_add(duration).unwrap_or(jiff::Timestamp::MAX))
        }
    };
    let is_whole = !extract.walk.truncated();
    // State has moved: a journal that stays behind costs room, not correctness.
    if let Err(error) = extract.writer.finish(keep) {
        session.warn(format!("the journal could not be cleaned up: {error}"));
    }
    Ok(SliceVerified { is_whole, ended: None, _gate })
}

/// K of a load that is cut: its own row says up to where every slice is loaded. Gives its revision.
pub async fn advance_load(
    opened: &Opened,
    whole: &SlicePlan,
    checkpoint: Checkpoint,
    verified: LoadVerified,
) -> Result<u64, Report> {
    let LoadVerified { _gate } = verified;
    let write = written(opened, whole, checkpoint);
    failpoint::hit('K', "load-before");
    let revision = opened.state.commit(&opened.key, opened.row.revision, write, true).await?;
    failpoint::hit('K', "load-after");
    Ok(revision)
}

/// The change that a run writes into a row of state.
fn written(opened: &Opened, plan: &SlicePlan, checkpoint: Checkpoint) -> StateWrite {
    StateWrite {
        checkpoint,
        fingerprint: plan.fingerprint.digest.clone(),
        fingerprint_parts: plan.fingerprint.parts.clone(),
        run_id: opened.run_id.clone(),
        reason: "run".into(),
    }
}

/// Pages need not be sorted: what was not fetched may lie below the greatest value that was seen.
/// A user of `--max-pages` with `--advance-state` has decided that it does not, for a load that is not cut:
/// there the limit is not one of each slice.
fn covers_boundary(opened: &Opened, part: &Part, plan: &SlicePlan, extract: &Extract) -> bool {
    let incremental = opened.resolved.local.manifest.source.incremental.as_ref();
    let is_ascending = incremental.is_some_and(|incremental| incremental.order == Some(Order::Ascending));
    let is_of_run = extract.walk.ended().is_some_and(|ended| ended.reason == WalkEnded::MAX_PAGES_OF_RUN);
    let is_decided = is_of_run && plan.window.max_pages.is_some() && part.slice.is_none();
    is_ascending || incremental.is_none() || is_decided || !extract.walk.truncated()
}

/// A window of the past does not move the watermark back.
fn is_behind(new: &Watermark, plan: &SlicePlan) -> bool {
    let earlier = plan.boundary.watermark.as_ref();
    earlier.is_some_and(|earlier| new.value.compare(earlier) == Some(std::cmp::Ordering::Less))
}

/// More rows at the watermark than the state may hold are no loss, but they come again.
fn tell_published_again(session: &mut Session, opened: &Opened, checkpoint: &Checkpoint) {
    let Some(incremental) = &opened.resolved.local.manifest.source.incremental else { return };
    let at_watermark = checkpoint.watermark.as_ref().map_or(0, |watermark| watermark.left_out);
    let rows = at_watermark + checkpoint.unplaced.left_out;
    session.counts.published_again = rows;
    if rows > 0 {
        let (max, most) = (incremental.max_boundary_rows, dpone_manifest::MAX_BOUNDARY_ROWS);
        session.warn(format!(
            "the next run publishes {rows} rows again: more rows share the watermark (or lie in `lookback`, or beside \
             it) than the {max} that state remembers; raise `incremental.max_boundary_rows` (at most {most}), or take \
             a finer cursor field"
        ));
    }
}

fn next_checkpoint(
    opened: &Opened,
    part: &Part,
    plan: &SlicePlan,
    schema: SchemaPlan,
    extract: &Extract,
) -> Result<Checkpoint, Report> {
    let earlier = &part.row.checkpoint;
    let manifest = &opened.resolved.local.manifest;
    let filter = &extract.work.filter;
    // A full refresh publishes every row each time and reads none of them.
    let remembers = manifest.sink.strategy.mode != Mode::FullRefresh;
    let mut unplaced = if remembers { filter.unplaced() } else { Unplaced::default() };
    // Rows that the walk did not reach may be there still.
    if remembers && (extract.walk.truncated() || filter.is_past_end() || plan.boundary.window_override) {
        let rules = &plan.boundary.rules;
        unplaced.add(&earlier.unplaced.clone().in_unit(rules.unit()), rules.max_rows);
    }
    let mut walk_ends = earlier.walk_ends.clone();
    // Of a load that is cut, its own row learns how walks end.
    if let Some(ended) = extract.walk.ended().filter(|_| part.slice.is_none()) {
        walk_ends.note(ended, false);
    }
    Ok(Checkpoint {
        // A run that saw no row keeps the watermark that it started from.
        watermark: Some(&extract.work.filter)
            .filter(|_| covers_boundary(opened, part, plan, extract))
            .and_then(BoundaryFilter::watermark)
            .filter(|new| !is_behind(new, plan))
            .or_else(|| earlier.watermark.clone()),
        response_cursor: extract
            .walk
            .response_cursor()?
            .filter(|_| plan.keeps_cursor)
            .or_else(|| earlier.response_cursor.clone()),
        schema: schema.merged,
        unplaced,
        target: Some(dpone_plan::target_facts(manifest, &plan.topic)),
        seen_paths: extract.walk.seen_paths().clone(),
        walk_ends,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_proved_by_all_of_its_slices_and_by_no_fewer() {
        let slice = || SliceVerified { is_whole: true, ended: None, _gate: Gate };
        let verdicts = |slices: usize, verified: usize| {
            let mut verdicts = Verdicts::of(slices);
            (0..verified).for_each(|_| verdicts.add(slice()));
            verdicts.all()
        };
        assert!(verdicts(3, 3).is_ok() && verdicts(0, 0).is_ok(), "a list without slices has nothing to prove");
        for (slices, verified) in [(3, 2), (1, 0), (2, 3)] {
            let report = verdicts(slices, verified).err().unwrap();
            assert_eq!(report.code().id, "DP1101", "{report}");
        }
    }

    /// The progress of a finished run whose walk ended for this reason; none is an earlier version's.
    fn progress(ended: Option<&str>) -> Progress {
        let ended = ended.map(|reason| WalkEnded::new(reason, 2, ""));
        serde_json::from_value(serde_json::json!({
            "extracted": true, "ended": ended, "judged": true, "sealed_pages": 2, "pages": 2, "bytes": 9,
            "delivered_through": 2, "published": 3, "acknowledged": 3, "finished": true, "failure": null,
            "updated_at": "2026-01-02T03:04:05Z",
        }))
        .unwrap()
    }

    #[test]
    fn a_journal_tells_whether_its_slice_is_whole() {
        for (reason, is_whole) in [
            (Some("cursor-null"), true),
            (Some(WalkEnded::BOUNDARY), true),
            (Some(WalkEnded::MAX_PAGES), false),
            (Some(WalkEnded::MAX_PAGES_OF_RUN), false),
            (None, false),
        ] {
            let slice = SliceVerified::by_journal(&progress(reason)).unwrap();
            assert_eq!(slice.is_whole, is_whole, "{reason:?}");
            assert_eq!(slice.ended.map(|ended| ended.reason).as_deref(), reason);
        }
    }

    #[test]
    fn a_row_proves_a_slice_only_where_this_run_wrote_it() {
        let (ours, other) = (RunId::parse("ours").unwrap(), RunId::parse("other").unwrap());
        let row = |revision: u64, run: Option<&RunId>| StateRow {
            format: 1,
            revision,
            checkpoint: Checkpoint::default(),
            fingerprint: String::new(),
            fingerprint_parts: Vec::new(),
            run_id: run.cloned(),
            updated_at: None,
            lease: None,
        };
        for (row, proves) in [
            (row(5, Some(&ours)), true),
            (row(4, Some(&ours)), false),
            (row(5, Some(&other)), false),
            (row(5, None), false),
        ] {
            let proof = SliceVerified::by_row(&row, &ours, 4, &progress(None));
            assert_eq!(proof.is_some(), proves, "{row:?}");
        }
    }
}
