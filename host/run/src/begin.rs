//! The start of D: journal, walk and everything that watches pages, fresh or from where a stopped
//! run left off.

use crate::describe::SchemaObserver;
use crate::events::{Event, Waits};
use crate::extract::{Extract, PageWork, past_boundary};
use crate::fields_read::FieldsRead;
use crate::open::Opened;
use crate::planning::SlicePlan;
use crate::resolve::{Host, Request};
use crate::resume::Reopened;
use crate::session::Session;
use crate::slices::Part;
use crate::stage::bug;
use dpone_egress::{Client, ClientConfig};
use dpone_journal::{Head, Journals, Limits, PageEntry, PurgeFilter, Writer};
use dpone_json::Scanner;
use dpone_manifest::DuplicatePolicy;
use dpone_model::http::RequestSigner;
use dpone_model::plugin::Extractor;
use dpone_model::{Report, Room, RunId, WalkEnded, codes};
use dpone_quality::{Duplicates, Judge, Sets};
use dpone_sink::{KeyEncoder, Options, Publisher, SizeCheck};
use dpone_source::{
    BoundaryFilter, ResumeFrom, SharedScanner, SinglePage, SliceRequest, Walk, WalkConfig, Walked, client_config,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

const USER_AGENT: &str = concat!("dpone/", env!("CARGO_PKG_VERSION"));

/// Opens the journal and the walk; a resumed run first shows the journalled pages to everything
/// that has to know them.
pub async fn extract(
    session: &mut Session,
    host: &Host,
    request: &Request,
    opened: &Opened,
    part: &Part,
    plan: &SlicePlan,
    journal: Option<Reopened>,
) -> Result<Extract, Report> {
    let mut writer = match journal {
        Some(journal) => {
            journal.refuse_other_target(plan)?;
            let mut writer = journal.writer;
            writer.set_max_bytes(opened.resolved.local.manifest.journal.max_bytes);
            writer
        }
        None => create_journal(opened, request, part, plan)?,
    };
    session.resumable = true;
    let mut scanner = Scanner::new();
    if !opened.shows_values() {
        scanner.mask_excerpts();
    }
    let scanner: SharedScanner = Arc::new(Mutex::new(scanner));
    let mut work = page_work(opened, part, plan, &scanner, &writer).await?;
    // A run without a journalled page starts where its state says, also when it is resumed.
    let reader = writer.reader();
    let mut resume = if reader.pages() == 0 { earlier_cursor(part, plan)? } else { Some(ResumeFrom::default()) };
    let mut walk = walk(host, opened, part, plan, &scanner).await?;
    for page in 1..=reader.pages() as u64 {
        let entry = reader.read(page)?;
        let filtered = session.cancel.guard(work.replay(&entry)).await?;
        session.count_page(&entry, &filtered);
        walk.walked(Walked {
            request: &entry.request,
            url: &entry.url,
            body: &entry.body,
            records_path: entry.records_path.as_deref(),
            records_digest: entry.records_digest.as_ref().and_then(|digest| u128::from_str_radix(digest, 16).ok()),
            newly_seen: &entry.newly_seen,
        })?;
        if let Some(from) = &mut resume {
            go_on_after(from, entry);
        }
    }
    if reader.pages() > 0 {
        session.events.emit(Event::Resumed(session.counts));
    }
    if let Some(from) = resume {
        walk.go_on(from);
    }
    let ended = earlier_end(&writer, work.filter.is_past_end());
    let complete = ended.is_some();
    if let Some(ended) = ended {
        walk.stop(ended);
    } else if writer.progress().extracted && walk.ended().is_none() {
        writer.mark(|progress| {
            progress.extracted = false;
            progress.ended = None;
            progress.judged = false;
        })?;
    }
    let delivered_before = writer.progress().delivered_through;
    Ok(Extract { walk, work, writer, complete, delivered_before, marked: Instant::now() })
}

/// Why the journal is all that the API has; none where the walk itself has to find out. Where a page limit
/// ended an earlier attempt, or its journal does not know what did, the limits of this attempt decide whether
/// the walk goes on: a mended manifest may have raised them.
fn earlier_end(writer: &Writer, is_past_boundary: bool) -> Option<WalkEnded> {
    let progress = writer.progress();
    let known = progress.ended.clone().filter(|ended| progress.extracted && !ended.is_truncated());
    known.or_else(|| is_past_boundary.then(|| past_boundary(writer.reader().pages() as u64)))
}

/// Publishes the slice with the run's producer.
pub async fn publisher(session: &Session, opened: &Opened, plan: &SlicePlan) -> Result<Publisher, Report> {
    let producer = session.cancel.guard(opened.producer.take(&opened.resolved, &plan.topic)).await?;
    let options = Options { stop: session.cancel.flag(), meter: session.meter.clone() };
    Ok(Publisher::new(producer, &opened.resolved.local.manifest.sink, options))
}

async fn page_work(
    opened: &Opened,
    part: &Part,
    plan: &SlicePlan,
    scanner: &SharedScanner,
    writer: &Writer,
) -> Result<PageWork, Report> {
    let manifest = &opened.resolved.local.manifest;
    let sink = &manifest.sink;
    let order = manifest.source.incremental.as_ref().and_then(|incremental| incremental.order);
    let duplicates = match sink.strategy.duplicate_policy {
        DuplicatePolicy::Allow => None,
        policy => {
            let field = manifest.source.incremental.as_ref().map(|incremental| incremental.cursor_field.clone());
            let scratch = scratch(opened, &part.journal_id)?;
            let duplicates = Duplicates::new(policy, scratch, writer.room(), opened.seed, writer.reader());
            Some(duplicates.newest_by(field, plan.boundary.rules.unit()).keyed_by(&sink.key.mode))
        }
    };
    let judge = judge(opened, &part.journal_id, &writer.room()).await?;
    let keys = {
        let mut scanner = scanner.lock().unwrap_or_else(PoisonError::into_inner);
        KeyEncoder::new(&sink.key, scanner.names_mut())
    };
    Ok(PageWork {
        scanner: scanner.clone(),
        filter: BoundaryFilter::new(&plan.boundary, order, opened.started_at, scanner)?,
        transforms: opened.transforms().await?,
        keys,
        sizes: SizeCheck::new(sink, &plan.topic),
        schema: SchemaObserver::default(),
        duplicates,
        fields_read: FieldsRead::default(),
        judge,
    })
}

/// The checks of a slice, or of a load that is not cut.
pub async fn judge(opened: &Opened, id: &RunId, room: &Arc<Room>) -> Result<Judge, Report> {
    let manifest = &opened.resolved.local.manifest;
    let checks = opened.checks(|| Ok(Box::new(Sets::new(scratch(opened, id)?, room.clone(), opened.seed)))).await?;
    let checks = manifest.quality.checks.iter().cloned().zip(checks).collect();
    Judge::new(&manifest.quality, &manifest.origin, checks)
}

fn scratch(opened: &Opened, id: &RunId) -> Result<cap_std::fs::Dir, Report> {
    let scratch = opened.folders.below("scratch")?;
    let name = format!("{}/{id}", opened.run_id);
    let opened = scratch.create_dir_all(&name).and_then(|()| scratch.open_dir(&name));
    opened.map_err(|cause| Report::new(&codes::disk::IO, format!(".dpone/scratch/{name}: {cause}")))
}

async fn walk(
    host: &Host,
    opened: &Opened,
    part: &Part,
    plan: &SlicePlan,
    scanner: &SharedScanner,
) -> Result<Walk, Report> {
    let manifest = &opened.resolved.local.manifest;
    let connection = &opened.resolved.http;
    let extractor: Box<dyn Extractor> = match (host.native_extractor, opened.extractor().await?) {
        (Some(native), _) => native(),
        (None, Some(component)) => component,
        (None, None) => Box::new(SinglePage::new(&manifest.source.records_path)),
    };
    let slicer = manifest.source.slicer.as_ref();
    let slice = part.slice.as_ref().zip(slicer);
    let config = WalkConfig {
        source: &manifest.source,
        connection,
        boundary: &plan.boundary,
        egress: client(opened)?,
        extractor,
        scanner: scanner.clone(),
        max_pages: plan.window.max_pages,
        signer: opened.signer.clone().map(|signer| signer as Arc<dyn RequestSigner>),
        slice: slice.map(|(slice, slicer)| SliceRequest {
            edit: &slice.request,
            slicer: &slicer.uses,
            grants: &slicer.grants,
        }),
        seen_paths: part.seen_paths.clone(),
        walk_ends: opened.row.checkpoint.walk_ends.clone(),
    };
    Ok(Walk::new(config)?)
}

/// The source's HTTP client.
pub fn client(opened: &Opened) -> Result<Arc<Client>, Report> {
    let (source, resolved) = (&opened.resolved.local.manifest.source, &opened.resolved);
    let config = client_config(source, &resolved.http, resolved.is_local, USER_AGENT)?;
    // Where the connection has no address, a tenant's manifest chose the origin: it is a name that the policy
    // allows, and whoever answers for the name must not lead into the operator's network.
    let is_chosen = opened.tenant.is_some() && resolved.http.base_url.is_none() && !resolved.http.substituted;
    let own_is_guarded = is_chosen && config.own_origin.domain().is_some();
    let client = Client::new(ClientConfig { meter: opened.meter.clone(), own_is_guarded, ..config })?;
    Ok(Arc::new(client.telling(Arc::new(Waits(opened.events.clone())))))
}

/// The walk goes on after this page of the journal.
fn go_on_after(from: &mut ResumeFrom, entry: PageEntry) {
    from.empty_pages = if entry.index.extracted == 0 { from.empty_pages + 1 } else { 0 };
    from.next = entry.next;
    from.ended = entry.ended;
    from.walk_ended = entry.walk_ended;
    from.state = entry.extractor_state;
}

/// Where `cursor_incremental` goes on: the page that the last run asked for last.
fn earlier_cursor(part: &Part, plan: &SlicePlan) -> Result<Option<ResumeFrom>, Report> {
    let cursor = part.row.checkpoint.response_cursor.as_deref().filter(|_| plan.keeps_cursor);
    Ok(cursor.map(ResumeFrom::response_cursor).transpose()?)
}

fn create_journal(opened: &Opened, request: &Request, part: &Part, plan: &SlicePlan) -> Result<Writer, Report> {
    let slices = part.key.slice.iter().cloned().collect();
    journal(opened, request, plan, &part.journal_id, part.row.revision, slices, serde_json::Value::Null)
}

/// A new journal with the head that a resume needs.
pub fn journal(
    opened: &Opened,
    request: &Request,
    plan: &SlicePlan,
    id: &RunId,
    revision: u64,
    slices: Vec<String>,
    listed: serde_json::Value,
) -> Result<Writer, Report> {
    let local = &opened.resolved.local;
    let journals = Journals::open(opened.folders.below("journal")?);
    // Old journals hold production data; each run lets go of those that nobody will resume.
    if id.part_of().is_none()
        && let Err(error) = journals.purge(&PurgeFilter::Expired)
    {
        tracing::warn!(%error, "old journals could not be purged");
    }
    let head = Head {
        format: Head::FORMAT,
        run_id: id.clone(),
        pipeline: local.manifest.name.clone(),
        manifest_text: String::from_utf8(local.text.clone()).map_err(|cause| bug(&cause))?,
        manifest_file: local.manifest.origin.file.clone(),
        manifest_sha256: local.manifest.origin.sha256.clone(),
        resolved: serde_json::json!({
            "fingerprint": plan.fingerprint.digest,
            "topic": plan.topic.name,
            "topic_id": plan.topic.topic_id,
            "source": opened.resolved.http.origin_note,
            "target": opened.resolved.kafka.origin_note,
            "state": opened.state.describe(),
            "substitutions": opened.resolved.substitutions,
            "slices": listed,
        }),
        profile: opened.resolved.profile.clone(),
        plugins: opened.plugins.iter().map(|plugin| plugin.loaded.inspection().identity.clone()).collect(),
        started_at: opened.started_at,
        seed: opened.seed,
        window: request.to_window()?,
        revision,
        slices,
    };
    let limits = Limits { max_bytes: local.manifest.journal.max_bytes, ..Limits::default() };
    Ok(journals.create(&head, limits)?)
}
