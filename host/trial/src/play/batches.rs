//! Transforms and checks see the recorded pages as batches of records.

use super::{Played, scanner, setup, unwritable};
use crate::answer::{Step as Answered, compact, lines};
use crate::case::Case;
use crate::error::Error;
use cap_tempfile::ambient_authority;
use dpone_json::{Edited, ndjson};
use dpone_manifest::Journal;
use dpone_model::plugin::{BatchView, CheckCounts, Stage};
use dpone_model::{Place, Report, Room};
use dpone_quality::Sets;
use dpone_sandbox::{Loaded, Sandbox};
use dpone_source::{Batch, rescan, scan_output};
use serde_json::value::RawValue;
use std::sync::Arc;

pub(super) async fn transform(
    sandbox: &Sandbox,
    plugin: &Loaded,
    case: &Case,
    played: &mut Played,
) -> Result<(), Report> {
    let batches = batches(case, played)?;
    let mut transform = sandbox.transform(plugin, setup(case)?).await?;
    for batch in batches {
        let outcome = transform.apply(batch.clone() as Arc<dyn BatchView>).await;
        played.usage = transform.usage();
        let outcome = outcome.map_err(|report| report.on_page(batch.page))?;
        let place = transform.identity().place();
        let edited = batch.outcome(place.clone(), outcome)?;
        let records = lines(&output(&batch, edited, place)?).map_err(unwritable)?;
        played.answer.pages.push(Answered { records, ..Answered::default() });
    }
    Ok(())
}

/// The batch's records after the transform, as NDJSON.
fn output(batch: &Batch, edited: Edited, plugin: Place) -> Result<Vec<u8>, Report> {
    Ok(match edited {
        Edited::Unchanged => ndjson(&batch.body, &batch.records),
        Edited::Kept(kept) => {
            let mut records = batch.records.clone();
            records.retain(|index, _| kept.get(index).copied().unwrap_or(false));
            ndjson(&batch.body, &records)
        }
        Edited::Rewritten(bytes) => {
            let records = scan_output(&batch.scanner, batch.page, &bytes, Some(plugin))?;
            ndjson(&bytes, &records)
        }
    })
}

pub(super) async fn check(sandbox: &Sandbox, plugin: &Loaded, case: &Case, played: &mut Played) -> Result<(), Report> {
    let batches = batches(case, played)?;
    let scratch = cap_tempfile::tempdir(ambient_authority()).map_err(Error::io("a temporary folder"))?;
    let folder = scratch.try_clone().map_err(Error::io("a temporary folder"))?;
    let sets = Sets::new(folder, Arc::new(Room::new(Journal::DEFAULT_MAX_BYTES)), 0);
    let mut check = sandbox.check(plugin, setup(case)?, Box::new(sets)).await?;
    for batch in &batches {
        let observed = check.observe(batch.clone() as Arc<dyn BatchView>).await;
        played.usage = check.usage();
        observed.map_err(|report| report.on_page(batch.page))?;
        played.answer.pages.push(Answered::default());
    }
    let stage = check.stage();
    let verdict = check.finish(counts(case, played.records, stage)).await;
    played.usage = check.usage();
    let verdict = verdict?;
    let stage = match stage {
        Stage::BeforePublish => "before_publish",
        Stage::AfterDelivery => "after_delivery",
    };
    let message = serde_json::to_string(&verdict.message).map_err(unwritable)?;
    let observed = compact(&verdict.observed);
    // Put together as text, so that what was observed stays as the check wrote it.
    let text = format!(
        "{{\"passed\":{},\"stage\":\"{stage}\",\"message\":{message},\"observed\":{observed}}}",
        verdict.passed
    );
    played.answer.verdict = Some(RawValue::from_string(text).map_err(unwritable)?);
    Ok(())
}

/// Counts that the case leaves out are those of its records; deliveries count only after publication.
fn counts(case: &Case, records: u64, stage: Stage) -> CheckCounts {
    let given = case.settings.counts;
    let rows = given.rows.unwrap_or(records);
    CheckCounts {
        source_rows: given.source_rows.unwrap_or(records),
        rows,
        acknowledged: given.acknowledged.or((stage == Stage::AfterDelivery).then_some(rows)),
        pages: given.pages.unwrap_or(case.pages.len() as u64),
    }
}

fn batches(case: &Case, played: &mut Played) -> Result<Vec<Arc<Batch>>, Report> {
    let scanner = scanner();
    let mut batches = Vec::with_capacity(case.pages.len());
    for number in 1..=case.pages.len() {
        let (place, body) = (case.place(number), case.body(number));
        let records = rescan(&scanner, &place, &body, case.settings.records_path.as_deref())?;
        played.records += records.len() as u64;
        batches.push(Arc::new(Batch {
            page: place.page,
            url: place.url,
            body,
            records,
            scanner: scanner.clone(),
            asked: Default::default(),
        }));
    }
    Ok(batches)
}
