//! C: what the run will load, and the document that says so.

use crate::authority::{self, Admission};
use crate::open::{self, Opened};
use crate::plugins::{self, Plugin};
use crate::resolve::{Host, Request, Resolved};
use crate::session::Session;
use dpone_manifest::{Manifest, MaxFuture, Mode};
use dpone_model::plugin::{RequestEdit, Slice};
use dpone_model::state::StateRow;
use dpone_model::target::{TargetReader, TopicDescription};
use dpone_model::{CursorValue, Report, codes, redact};
use dpone_plan::{Boundary, Fingerprint, Plan, PlanInput, StateFacts, TopicFacts, Window};
use dpone_sandbox::Sandbox;
use dpone_sink::Kafka;
use dpone_source::{ResumeFrom, resolved_url};

/// C's result for one slice.
#[derive(Clone)]
pub struct SlicePlan {
    pub boundary: Boundary,
    pub window: Window,
    pub fingerprint: Fingerprint,
    pub advances_state: bool,
    /// State keeps the API's own cursor (`cursor_incremental` without a cursor field).
    pub keeps_cursor: bool,
    pub topic: TopicDescription,
}

/// Plans the slice, compares it with the reviewed plan, and makes sure of the topic.
pub async fn slice(session: &mut Session, request: &Request, opened: &Opened) -> Result<SlicePlan, Report> {
    let manifest = &opened.resolved.local.manifest;
    let fingerprint = fingerprint(&opened.resolved)?;
    // Against a reviewed plan its differences are told first: they explain the other refusals.
    let reviewed = request.reviewed.as_ref();
    if reviewed.is_none() {
        refuse_other_fingerprint(&opened.row, &fingerprint)?;
    }
    let window = window(request)?;
    let boundary = dpone_plan::boundary(manifest, Some(&opened.row.checkpoint), &window)?;
    refuse_watermark_ahead(manifest, &boundary, &window, opened.started_at)?;
    let facts = match &opened.topic {
        Some(topic) => TopicFacts::Known { topic: topic.clone() },
        None => TopicFacts::Missing { will_be_created: creates(&opened.resolved) },
    };
    let earlier = opened.row.checkpoint.target.as_ref();
    let strategy = dpone_plan::judge_strategy(manifest, opened.topic.as_ref(), earlier.filter(|_| reviewed.is_none()))?;
    for warning in &strategy.warnings {
        session.warn(warning.clone());
    }
    session.report.guarantee = Some(strategy.guarantee.clone());
    let document = without_secrets(dpone_plan::plan(PlanInput {
        manifest,
        profile: opened.resolved.profile.as_deref(),
        first_request: first_request(&opened.sandbox, &opened.resolved, &opened.plugins, &boundary, Some(&opened.row))
            .await?,
        substitutions: opened.resolved.substitutions.clone(),
        boundary: &boundary,
        window: &window,
        advances_state: advances_state(request),
        state_store: opened.state.describe(),
        state: StateFacts::Known(Some(&opened.row)),
        journal_path: journal_path(),
        topic: facts,
        strategy,
        plugins: opened.plugins.iter().map(Plugin::facts).collect(),
        lock: opened.admission.lock.clone(),
        warnings: warnings(&opened.resolved, &opened.admission),
        tenant: opened.tenant.clone(),
    }));
    if let Some(artifact) = &session.artifact {
        artifact.write("plan.json", &document)?;
    }
    if let Some(reviewed) = reviewed {
        refuse_difference(reviewed, &document)?;
        refuse_other_fingerprint(&opened.row, &fingerprint)?;
    }
    let topic = opened.kafka.ensure_topic(opened.resolved.is_local).await?;
    // A topic that is made anew is not the one that earlier runs filled.
    dpone_plan::judge_strategy(manifest, Some(&topic), earlier)?;
    opened.producer.open(&opened.resolved, &topic);
    if advances_state(request) && skips_rows(&window, &boundary, manifest) {
        session
            .warn("the window starts above what is loaded, and state will move: the rows between are not loaded later");
    }
    Ok(SlicePlan {
        keeps_cursor: manifest.sink.strategy.mode == Mode::CursorIncremental && boundary.field.is_none(),
        boundary,
        window,
        fingerprint,
        advances_state: advances_state(request),
        topic,
    })
}

/// The load's plan for one slice, which has a row of state of its own.
pub fn part(
    opened: &Opened,
    request: &Request,
    whole: &SlicePlan,
    row: &StateRow,
    slice: &Slice,
) -> Result<SlicePlan, Report> {
    let manifest = &opened.resolved.local.manifest;
    refuse_other_fingerprint(row, &whole.fingerprint)?;
    let earlier = row.checkpoint.target.as_ref();
    dpone_plan::judge_strategy(manifest, Some(&whole.topic), earlier)?;
    let bound = |what: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => CursorValue::parse(text).map(Some).ok_or_else(|| slice_bound(slice, what, text)),
    };
    let (lower, upper) = (bound("lower", &slice.lower)?, bound("upper", &slice.upper)?);
    if manifest.source.incremental.is_none() && (lower.is_some() || upper.is_some()) {
        let message =
            format!("the slice `{}` has bounds, but `source.options.incremental` names no cursor field", slice.id);
        return Err(Report::new(&codes::plugin::BAD_OUTPUT, message)
            .hint("add `incremental.cursor_field`, or use a slicer that varies the request alone"));
    }
    let window = window(request)?;
    let boundary = dpone_plan::boundary(manifest, Some(&row.checkpoint), &window)?;
    refuse_watermark_ahead(manifest, &boundary, &window, opened.started_at)?;
    let mut boundary = boundary.within(lower, upper)?;
    if crate::slices::is_window(slice) {
        boundary.know_rows_of(opened.row.checkpoint.watermark.as_ref());
    }
    Ok(SlicePlan {
        keeps_cursor: manifest.sink.strategy.mode == Mode::CursorIncremental && boundary.field.is_none(),
        boundary,
        ..whole.clone()
    })
}

fn slice_bound(slice: &Slice, what: &str, text: &str) -> Report {
    let message =
        format!("the slice `{}` has the {what} bound `{text}`, which is no timestamp and no number", slice.id);
    Report::new(&codes::plugin::BAD_OUTPUT, message)
}

/// `dpone plan`: the same document without a lease; what cannot be reached is unknown.
pub async fn plan(host: &Host, request: &Request) -> Result<Plan, Report> {
    let mut resolved = crate::resolve::resolve(host, request, None).await?;
    let sandbox = plugins::sandbox(host)?;
    let (loaded, admission) = authority::admit(host, &sandbox, &mut resolved.local).await?;
    let manifest = &resolved.local.manifest;
    let (store, row) = state_row(&resolved).await;
    let checkpoint = row.as_ref().ok().and_then(Option::as_ref).map(|row| &row.checkpoint);
    let window = window(request)?;
    let boundary = dpone_plan::boundary(manifest, checkpoint, &window)?;
    let mut warnings = warnings(&resolved, &admission);
    if let Err(ahead) = refuse_watermark_ahead(manifest, &boundary, &window, jiff::Timestamp::now()) {
        warnings.push(format!("a run fails: {} ({})", ahead.message(), ahead.code()));
    }
    let topic = topic_facts(&resolved).await;
    let target = checkpoint.and_then(|checkpoint| checkpoint.target.as_ref());
    let strategy = dpone_plan::judge_strategy(manifest, topic.topic(), target)?;
    Ok(without_secrets(dpone_plan::plan(PlanInput {
        manifest,
        profile: resolved.profile.as_deref(),
        first_request: first_request(
            &sandbox,
            &resolved,
            &loaded,
            &boundary,
            row.as_ref().ok().and_then(Option::as_ref),
        )
        .await?,
        substitutions: resolved.substitutions.clone(),
        boundary: &boundary,
        window: &window,
        advances_state: advances_state(request),
        state_store: store,
        state: match &row {
            Ok(row) => StateFacts::Known(row.as_ref()),
            Err(report) => StateFacts::Unknown(report.message().to_owned()),
        },
        journal_path: journal_path(),
        topic,
        strategy,
        plugins: loaded.iter().map(Plugin::facts).collect(),
        warnings,
        lock: admission.lock,
        tenant: host.tenancy.as_ref().map(|tenancy| tenancy.rules().plan(manifest)),
    })))
}

/// The plan as it is printed, written to a file, and compared with one that was reviewed.
fn without_secrets(plan: Plan) -> Plan {
    let Ok(text) = serde_json::to_string(&plan) else { return plan };
    let clean = redact::json(&text);
    if clean == text { plan } else { serde_json::from_str(&clean).unwrap_or(plan) }
}

/// Notes for a reviewer before a run: on the connections, and on the plugins' authority.
fn warnings(resolved: &Resolved, admission: &Admission) -> Vec<String> {
    resolved.warnings.iter().chain(&admission.warnings).cloned().collect()
}

/// The owner of the state. Where `local` stands in for the source, the manifest's own URL counts: a
/// port that changes from run to run would make every cursor foreign.
pub fn fingerprint(resolved: &Resolved) -> Result<Fingerprint, Report> {
    let manifest = &resolved.local.manifest;
    let url = match resolved.http.substituted {
        true => manifest.source.url.clone(),
        false => resolved_url(&manifest.source, &resolved.http)?.to_string(),
    };
    Ok(dpone_plan::fingerprint(manifest, &url))
}

fn refuse_other_fingerprint(row: &StateRow, now: &Fingerprint) -> Result<(), Report> {
    if row.fingerprint.is_empty() || row.fingerprint == now.digest {
        return Ok(());
    }
    let changes = now.changes_from(&row.fingerprint_parts);
    Err(Report::new(&codes::state::FINGERPRINT, format!("the state belongs to another load: {}", changes.join("; ")))
        .hint("`dpone state adopt` keeps the cursor under the new manifest, `dpone state reset` starts from nothing"))
}

fn refuse_difference(reviewed: &Plan, now: &Plan) -> Result<(), Report> {
    let difference = reviewed.difference(now);
    if difference.is_empty() {
        return Ok(());
    }
    let report = Report::new(&codes::review::CHANGED, "no longer what was reviewed:").details(difference);
    Err(report.hint("make a new plan, review it, and run that"))
}

fn window(request: &Request) -> Result<Window, Report> {
    let bound = |name: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => CursorValue::parse(text).map(Some).ok_or_else(|| {
            Report::new(
                &codes::usage::USAGE,
                format!("--{name} `{text}` is neither an RFC 3339 timestamp nor a number"),
            )
        }),
    };
    Ok(Window { from: bound("from", &request.from)?, to: bound("to", &request.to)?, max_pages: request.max_pages })
}

fn advances_state(request: &Request) -> bool {
    !request.is_window() || request.advance_state
}

/// A watermark that lies ahead of the run's start by more than `max_future` would filter every row that
/// comes until then.
fn refuse_watermark_ahead(
    manifest: &Manifest,
    boundary: &Boundary,
    window: &Window,
    now: jiff::Timestamp,
) -> Result<(), Report> {
    let MaxFuture::Within(max_future) = boundary.rules.max_future else { return Ok(()) };
    let goes_on = window.from.is_none() && manifest.sink.strategy.mode != Mode::FullRefresh;
    let horizon = now.checked_add(max_future).unwrap_or(jiff::Timestamp::MAX);
    match boundary.watermark.as_ref().filter(|_| goes_on) {
        Some(watermark) if watermark.as_instant().is_some_and(|at| at > horizon) => {
            let message = format!(
                "the stored watermark `{watermark}` lies ahead of the run's start by more than `max_future` \
                 ({max_future:#}): every row before it would be left out"
            );
            Err(Report::new(&codes::source::WATERMARK_AHEAD, message).hint(
                "`dpone state reset` starts from nothing; where the cursor holds times to come, set \
                 `incremental.max_future: off`",
            ))
        }
        _ => Ok(()),
    }
}

/// Whether the window's lower bound lies above the watermark, or above `start` where there is none.
fn skips_rows(window: &Window, boundary: &Boundary, manifest: &Manifest) -> bool {
    let start = manifest.source.incremental.as_ref().and_then(|incremental| incremental.start.as_ref());
    let loaded = boundary.watermark.as_ref().or(start);
    match (window.from.as_ref().and(boundary.lower.as_ref()), loaded) {
        (Some(from), Some(loaded)) => from.compare(loaded) == Some(std::cmp::Ordering::Greater),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn creates(resolved: &Resolved) -> bool {
    resolved.is_local || resolved.local.manifest.sink.topic_config.create
}

fn journal_path() -> String {
    ".dpone/journal".to_owned()
}

/// The request that the run sends first, with what the extractor adds to it: asked of an instance that has no
/// network.
async fn first_request(
    sandbox: &Sandbox,
    resolved: &Resolved,
    plugins: &[Plugin],
    boundary: &Boundary,
    row: Option<&StateRow>,
) -> Result<String, Report> {
    let source = &resolved.local.manifest.source;
    let shown =
        |name: &str, edit: &RequestEdit| dpone_source::first_request(source, &resolved.http, boundary, name, edit);
    let manifest = &resolved.local.manifest;
    let keeps_cursor = manifest.sink.strategy.mode == Mode::CursorIncremental && boundary.field.is_none();
    let earlier = row.and_then(|row| row.checkpoint.response_cursor.as_deref()).filter(|_| keeps_cursor);
    let earlier = earlier.map(ResumeFrom::response_cursor).transpose()?;
    if let Some(next) = earlier.and_then(|from| from.next) {
        return Ok(shown("the state", &next)?);
    }
    let Some(mut extractor) = plugins::offline_extractor(sandbox, resolved, plugins).await? else {
        return Ok(shown("none", &RequestEdit::default())?);
    };
    match extractor.start().await {
        Ok(step) => Ok(match step.next {
            Some(edit) => shown(&extractor.identity().name, &edit)?,
            None => "none: the extractor asks for no page".to_owned(),
        }),
        Err(report) => {
            let without = shown("none", &RequestEdit::default())?;
            Ok(format!("{without}, and what the extractor adds; it says: {}", report.message()))
        }
    }
}

async fn state_row(resolved: &Resolved) -> (String, Result<Option<StateRow>, Report>) {
    let key = dpone_model::StateKey::load(resolved.local.manifest.name.clone());
    match open::open_state(resolved).await {
        Ok(store) => (store.describe(), store.load(&key).await),
        Err(report) => ("unknown".to_owned(), Err(report)),
    }
}

async fn topic_facts(resolved: &Resolved) -> TopicFacts {
    let sink = &resolved.local.manifest.sink;
    let described = match Kafka::connect(&resolved.kafka, sink).await {
        Ok(kafka) => kafka.describe_topic(&sink.topic).await,
        Err(report) => Err(report),
    };
    match described {
        Ok(Some(topic)) => TopicFacts::Known { topic },
        Ok(None) => TopicFacts::Missing { will_be_created: creates(resolved) },
        Err(report) => TopicFacts::Unknown { cause: report.message().to_owned() },
    }
}
