//! E, F and G: describe the extract, plan schema evolution, and judge the batch before its first
//! message is out.

use crate::extract::Extract;
use crate::open::Opened;
use crate::session::Session;
use bytes::Bytes;
use dpone_json::Path;
use dpone_model::human::count;
use dpone_model::plugin::CheckCounts;
use dpone_model::schema::{FieldType, Schema, described};
use dpone_model::{Report, codes, redact};
use dpone_plan::{Breaking, Mixed, SchemaPlan};
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

/// Mixed fields that a run warns of one by one.
const MOST_MIXED: usize = 20;

/// E: what the extract holds.
pub fn describe(extract: &Extract, pages: RangeInclusive<u64>) -> Described {
    let scanner = extract.work.scanner.lock().unwrap_or_else(PoisonError::into_inner);
    Described { schema: extract.work.schema.schema(scanner.names()), pages, is_last: extract.complete }
}

/// F: what the seen schema means for the known one; a breaking change ends the run here, and so does a
/// mixed field where `type_inference.conflict_policy: fail` is written.
pub fn evolve(
    session: &mut Session,
    known: &Schema,
    described: &Described,
    extract: &Extract,
    opened: &Opened,
) -> Result<SchemaPlan, Report> {
    let plan = dpone_plan::evolve(known, &described.schema);
    if let Some(artifact) = &session.artifact {
        artifact.write("schema.json", &plan)?;
    }
    let examples = Examples { extract, shown: opened.shows_values() };
    let mut problems: Vec<Report> = plan.breaking.iter().map(|breaking| examples.breaking(breaking)).collect();
    if opened.resolved.local.manifest.mixed_fails {
        problems.extend(plan.mixed.iter().map(|mixed| {
            Report::new(&codes::schema::MIXED, examples.mixed(mixed))
                .hint("cast it with a transform, or remove `type_inference.conflict_policy` to be warned only")
        }));
    }
    match Report::all(problems) {
        Some(report) => Err(report),
        None => {
            say(session, &plan, &examples);
            Ok(plan)
        }
    }
}

/// A warning for each mixed field, and a note for each whose kinds were not known.
fn say(session: &mut Session, plan: &SchemaPlan, examples: &Examples<'_>) {
    let fresh = plan.mixed.iter().filter(|mixed| session.is_first_word("mixed", &mixed.field));
    let fresh: Vec<&Mixed> = fresh.collect();
    for mixed in fresh.iter().take(MOST_MIXED) {
        session.warn(format!("{}; consumers have to take each kind", examples.mixed(mixed)));
        session.report.mixed.push((*mixed).clone());
    }
    if let Some(more) = fresh.len().checked_sub(MOST_MIXED).filter(|more| *more > 0) {
        session.warn(format!("{more} more fields are mixed; schema.json names them"));
    }
    for field in &plan.adopted {
        if !session.is_first_word("adopted", field) {
            continue;
        }
        let now = plan.merged.fields.get(field).map(FieldType::described).unwrap_or_default();
        session.note(format!(
            "the field `{field}` was known as mixed without its kinds; from now on it is {now}, and another kind is a breaking change"
        ));
    }
}

/// Records that show what a message says, and their values where they may be shown.
struct Examples<'a> {
    extract: &'a Extract,
    shown: bool,
}

impl Examples<'_> {
    /// A breaking field, with the old type, the new one, and a record that has it.
    fn breaking(&self, breaking: &Breaking) -> Report {
        let of = |logical| described(logical, breaking.kinds.iter().copied());
        let (field, old, new) = (&breaking.field, of(breaking.old), of(breaking.new));
        let example = breaking.first_seen.map_or_else(String::new, |at| {
            let text = self.record(at).map_or_else(String::new, |record| format!(": {}", cut(&record)));
            format!(": page {}, record {}{text}", at.0, at.1)
        });
        Report::new(&codes::schema::BREAKING, format!("the field `{field}` was {old} and is now {new}{example}"))
            .hint("cast it with a transform, or `dpone state adopt` when consumers are ready for the new type")
    }

    /// A mixed field, with a record of each kind.
    fn mixed(&self, mixed: &Mixed) -> String {
        let kinds = mixed.kinds.iter().map(|kind| {
            let name = kind.logical.name();
            let Some((page, record)) = kind.first_seen else { return name.to_owned() };
            let value = self.record((page, record)).and_then(|bytes| {
                let (_, span) = dpone_json::get(&bytes, &Path::of_field(&mixed.field), None).ok()??;
                Some(format!(" ({})", dpone_json::excerpt(span.of(&bytes), 0)))
            });
            format!("{name} at page {page}, record {record}{}", value.unwrap_or_default())
        });
        format!("the field `{}` is mixed: {}", mixed.field, kinds.collect::<Vec<_>>().join("; "))
    }

    /// A record as it is published.
    fn record(&self, (page, record): (u64, u32)) -> Option<Bytes> {
        let entry = self.extract.writer.reader().read(page).ok().filter(|_| self.shown)?;
        let span = entry.index.values.get(record as usize)?;
        Some(Bytes::copy_from_slice(span.of(entry.published())))
    }
}

fn cut(bytes: &[u8]) -> String {
    redact::excerpt(bytes, 300)
}

/// The load's watermark, as G needs it.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// It has none yet and has to find one.
    pub needs_watermark: bool,
    /// An earlier run found one in the cursor field.
    pub is_proven: bool,
}

/// G: duplicates and checks give their verdicts; sizes and keys were judged page by page.
pub async fn stage(
    session: &mut Session,
    extract: &mut Extract,
    described: Described,
    load: Load,
) -> Result<Judged, Report> {
    let mut skip = Skip::default();
    if described.is_last {
        judge_ahead(session, extract, load.needs_watermark)?;
        session.judge_rows(extract.work.filter.overview(), extract.work.fields_read.clone(), load.is_proven)?;
        if let Some(duplicates) = extract.work.duplicates.take() {
            let duplicates = duplicates.not_beyond(extract.work.filter.horizon());
            let finish = tokio::task::spawn_blocking(move || duplicates.finish());
            skip = finish.await.map_err(|cause| bug(&cause))??;
        }
        session.counts.left_out.duplicates += skip.len() as u64;
        if skip.beyond > 0 {
            session.warn(format!(
                "{} ahead of the run's start by more than `incremental.max_future` gave way to another row of the same key: \
                 `duplicate_policy: last` publishes that row, since a date so far ahead may be wrong",
                count(skip.beyond, "row")
            ));
        }
        judge(session, extract).await?;
        extract.writer.mark(|progress| progress.judged = true)?;
    }
    Ok(Judged { pages: described.pages, is_last: described.is_last, skip, _gate: Gate })
}

/// Rows beyond `max_future` are told. Where nothing else could give a load its first watermark, every
/// run would start over.
fn judge_ahead(session: &mut Session, extract: &Extract, needs_watermark: bool) -> Result<(), Report> {
    let Some(ahead) = extract.work.filter.ahead() else { return Ok(()) };
    session.counts.ahead += ahead.looks_like.as_ref().map_or(0, |looks_like| looks_like.new);
    if ahead.is_all && needs_watermark {
        return Err(ahead.refused().into());
    }
    session.warn(ahead.warning());
    match &mut session.ahead {
        Some(first) => first.rows += ahead.rows,
        None => session.ahead = Some(ahead),
    }
    Ok(())
}

async fn judge(session: &mut Session, extract: &mut Extract) -> Result<(), Report> {
    let counts = check_counts(session, None);
    let outcome = session.cancel.guard(extract.work.judge.before_publish(counts)).await;
    if let Some(artifact) = &session.artifact {
        artifact.write("quality.json", &extract.work.judge.results())?;
    }
    for warning in extract.work.judge.take_warnings() {
        session.warn(warning);
    }
    outcome.map(|_| ())
}

/// Counts for the checks; `acknowledged` only after delivery.
pub fn check_counts(session: &Session, acknowledged: Option<u64>) -> CheckCounts {
    let counts = &session.counts;
    let rows = counts.remaining();
    CheckCounts { source_rows: counts.source_rows, rows, acknowledged, pages: counts.pages }
}

pub fn bug(cause: &dyn std::fmt::Display) -> Report {
    Report::new(&codes::internal::BUG, format!("a worker ended: {cause}"))
}
