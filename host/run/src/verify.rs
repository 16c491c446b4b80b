//! I, J and K: finalize, verify what was delivered, and only then advance state.

use crate::artifact::CheckpointReport;
use crate::extract::Extract;
use crate::failpoint;
use crate::open::Opened;
use crate::planning::SlicePlan;
use crate::session::Session;
use crate::slices::Part;
use crate::stage::check_counts;
use dpone_journal::Bodies;
use dpone_manifest::{Keep, Order};
use dpone_model::state::StateWrite;
use dpone_model::{Checkpoint, Report, Watermark};
use dpone_plan::SchemaPlan;
use dpone_sink::DeliveryReport;
use dpone_source::BoundaryFilter;

/// I's result. Appending needs nothing that could not be undone: what is published is the truth.
pub struct Finalization {
    delivered: DeliveryReport,
}

/// J's result, and the only thing with which K moves state. It has one constructor, [`verify`].
pub struct Verified {
    _gate: Gate,
}

/// Nobody outside of this module can make one.
struct Gate;

/// I: prepares finalization.
pub fn finalize(delivered: DeliveryReport) -> Finalization {
    Finalization { delivered }
}

/// J: checks that judge after delivery, and the count of what the broker acknowledged.
pub async fn verify(session: &mut Session, extract: &mut Extract, done: Finalization) -> Result<Verified, Report> {
    done.delivered.check()?;
    let counts = check_counts(session, Some(session.counts.acknowledged));
    let outcome = extract.work.judge.after_delivery(counts).await;
    if let Some(artifact) = &session.artifact {
        artifact.write("quality.json", &extract.work.judge.results())?;
    }
    for warning in extract.work.judge.take_warnings() {
        session.warn(warning);
    }
    outcome?;
    Ok(Verified { _gate: Gate })
}

/// K: advances state, unless the run covered a window only; then lets go of the journal.
pub async fn advance(
    session: &mut Session,
    opened: &Opened,
    part: &Part,
    plan: &SlicePlan,
    schema: SchemaPlan,
    extract: Extract,
    verified: Verified,
) -> Result<(), Report> {
    let Verified { _gate } = verified;
    if plan.advances_state {
        if !covers_boundary(opened, plan, &extract) {
            session.warn("the walk ended at a page limit, so the watermark stays: later pages may hold older rows");
        }
        let checkpoint = next_checkpoint(opened, part, plan, schema, &extract);
        failpoint::hit('K', "before");
        let write = StateWrite {
            checkpoint: checkpoint.clone(),
            fingerprint: plan.fingerprint.digest.clone(),
            fingerprint_parts: plan.fingerprint.parts.clone(),
            run_id: opened.run_id.clone(),
            reason: "run".into(),
        };
        let revision = opened.state.commit(&part.key, part.row.revision, write, true).await?;
        failpoint::hit('K', "after");
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
    // State has moved: a journal that stays behind costs room, not correctness.
    if let Err(error) = extract.writer.finish(keep) {
        session.warn(format!("the journal could not be cleaned up: {error}"));
    }
    Ok(())
}

/// Pages need not be sorted: what was not fetched may lie below the greatest value that was seen.
/// Who asks for `--max-pages` with `--advance-state` has decided that it does not.
fn covers_boundary(opened: &Opened, plan: &SlicePlan, extract: &Extract) -> bool {
    let incremental = opened.resolved.local.manifest.source.incremental.as_ref();
    let is_ascending = incremental.is_some_and(|incremental| incremental.order == Some(Order::Ascending));
    is_ascending || incremental.is_none() || plan.window.max_pages.is_some() || !extract.walk.truncated()
}

/// A window of the past does not move the watermark back.
fn is_behind(new: &Watermark, earlier: Option<&Watermark>) -> bool {
    earlier.is_some_and(|earlier| {
        new.field == earlier.field && new.value.compare(&earlier.value) == Some(std::cmp::Ordering::Less)
    })
}

fn next_checkpoint(
    opened: &Opened,
    part: &Part,
    plan: &SlicePlan,
    schema: SchemaPlan,
    extract: &Extract,
) -> Checkpoint {
    let earlier = &part.row.checkpoint;
    let manifest = &opened.resolved.local.manifest;
    Checkpoint {
        // A run that saw no row keeps the watermark that it started from.
        watermark: Some(&extract.work.filter)
            .filter(|_| covers_boundary(opened, plan, extract))
            .and_then(BoundaryFilter::watermark)
            .filter(|new| !is_behind(new, earlier.watermark.as_ref()))
            .or_else(|| earlier.watermark.clone()),
        response_cursor: extract
            .walk
            .response_cursor()
            .filter(|_| plan.keeps_cursor)
            .or_else(|| earlier.response_cursor.clone()),
        schema: schema.merged,
        target: Some(dpone_plan::target_facts(manifest, &plan.topic)),
    }
}
