//! E, F and G: describe the extract, plan schema evolution, and judge the batch before its first
//! message is out.

use crate::extract::Extract;
use crate::session::Session;
use dpone_model::plugin::CheckCounts;
use dpone_model::schema::Schema;
use dpone_model::{Report, codes};
use dpone_plan::SchemaPlan;
use dpone_quality::Skip;
use std::ops::RangeInclusive;
use std::sync::PoisonError;

/// E's result: what the pages so far look like.
pub struct Described {
    pub schema: Schema,
    /// Pages of this batch; empty where the boundary held none.
    pub pages: RangeInclusive<u64>,
    /// The walk is over: the batch is the slice's last one.
    pub is_last: bool,
}

/// G's result, and the only thing that H publishes: every gate that can judge before publication
/// has judged. It has one constructor, [`stage`].
pub struct Judged {
    pub pages: RangeInclusive<u64>,
    pub is_last: bool,
    /// Records that `duplicate_policy` leaves out.
    pub skip: Skip,
    _gate: Gate,
}

/// Nobody outside of this module can make one.
struct Gate;

/// E: what the extract holds.
pub fn describe(extract: &Extract, pages: RangeInclusive<u64>) -> Described {
    let scanner = extract.work.scanner.lock().unwrap_or_else(PoisonError::into_inner);
    Described { schema: extract.work.schema.schema(scanner.names()), pages, is_last: extract.complete }
}

/// F: what the seen schema means for the known one; a breaking change ends the run here.
pub fn evolve(
    session: &mut Session,
    known: &Schema,
    described: &Described,
    extract: &Extract,
    values_shown: bool,
) -> Result<SchemaPlan, Report> {
    let plan = dpone_plan::evolve(known, &described.schema);
    if let Some(artifact) = &session.artifact {
        artifact.write("schema.json", &plan)?;
    }
    match plan.breaking.is_empty() {
        true => Ok(plan),
        false => Err(breaking(&plan, extract, values_shown)),
    }
}

/// Every breaking field, with the old type, the new one, and a record that has it.
fn breaking(plan: &SchemaPlan, extract: &Extract, values_shown: bool) -> Report {
    let reports = plan.breaking.iter().map(|breaking| {
        let (field, old, new) = (&breaking.field, breaking.old.name(), breaking.new.name());
        let example = breaking.first_seen.map_or_else(String::new, |at| example(extract, at, values_shown));
        Report::new(&codes::schema::BREAKING, format!("the field `{field}` was {old} and is now {new}{example}"))
            .hint("cast it with a transform, or `dpone state adopt` when consumers are ready for the new type")
    });
    Report::all(reports.collect()).unwrap_or_else(|| bug(&"no breaking field"))
}

fn example(extract: &Extract, (page, record): (u64, u32), values_shown: bool) -> String {
    let at = format!(": page {page}, record {record}");
    let entry = extract.writer.reader().read(page).ok().filter(|_| values_shown);
    let bytes = entry.as_ref().and_then(|entry| Some(entry.index.values.get(record as usize)?.of(entry.published())));
    let text =
        bytes.map(|bytes| String::from_utf8_lossy(bytes.get(..bytes.len().min(300)).unwrap_or(bytes)).into_owned());
    text.map_or(at.clone(), |text| format!("{at}: {text}"))
}

/// G: duplicates and checks give their verdicts; sizes and keys were judged page by page.
pub async fn stage(session: &mut Session, extract: &mut Extract, described: Described) -> Result<Judged, Report> {
    let mut skip = Skip::default();
    if described.is_last {
        if let Some(duplicates) = extract.work.duplicates.take() {
            let finish = tokio::task::spawn_blocking(move || duplicates.finish());
            skip = finish.await.map_err(|cause| bug(&cause))??;
        }
        session.counts.filtered += skip.len() as u64;
        judge(session, extract).await?;
        extract.writer.mark(|progress| progress.judged = true)?;
    }
    Ok(Judged { pages: described.pages, is_last: described.is_last, skip, _gate: Gate })
}

async fn judge(session: &mut Session, extract: &mut Extract) -> Result<(), Report> {
    let counts = check_counts(session, None);
    let outcome = extract.work.judge.before_publish(counts).await;
    if let Some(artifact) = &session.artifact {
        artifact.write("quality.json", &extract.work.judge.results())?;
    }
    for warning in extract.work.judge.take_warnings() {
        session.warn(warning);
    }
    outcome.map(|_| ())
}

/// What checks are told; `acknowledged` only after delivery.
pub fn check_counts(session: &Session, acknowledged: Option<u64>) -> CheckCounts {
    let counts = &session.counts;
    let rows = counts.extracted.saturating_sub(counts.filtered);
    CheckCounts { source_rows: counts.source_rows, rows, acknowledged, pages: counts.pages }
}

pub fn bug(cause: &dyn std::fmt::Display) -> Report {
    Report::new(&codes::internal::BUG, format!("a worker ended: {cause}"))
}
