//! The plan as a document: everything that a reviewer has to know before a run.

use crate::authority::{PluginFacts, asks, bounds, gets};
use crate::boundary::{Boundary, CursorRules, Window};
use crate::lock::LockFacts;
use crate::pagination::walk_end;
use crate::strategy::StrategyFacts;
use crate::tenancy::TenantPlan;
use dpone_manifest::{
    DEFAULT_PARTITIONS, DuplicatePolicy, KeyMode, Lookback, Manifest, MaxFuture, Mode, OnMissing, Staging, When,
};
use dpone_model::checkpoint::Watermark;
use dpone_model::plugin::{Identity, PluginKind, Stage};
use dpone_model::schema::Schema;
use dpone_model::state::StateRow;
use dpone_model::target::TopicDescription;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the plan file.
pub const PLAN_FORMAT: u32 = 1;

/// Knowledge of the topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum TopicFacts {
    Known {
        topic: TopicDescription,
    },
    /// It does not exist; whether a run would create it.
    Missing {
        will_be_created: bool,
    },
    /// The broker could not be asked, and why.
    Unknown {
        cause: String,
    },
}

impl TopicFacts {
    pub fn topic(&self) -> Option<&TopicDescription> {
        match self {
            Self::Known { topic } => Some(topic),
            Self::Missing { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// Knowledge of the state.
#[derive(Debug, Clone)]
pub enum StateFacts<'a> {
    /// The row, none before the first run.
    Known(Option<&'a StateRow>),
    /// The store could not be asked, and why.
    Unknown(String),
}

/// Everything that [`plan`] puts together; whoever calls it has done the asking.
#[derive(Debug, Clone)]
pub struct PlanInput<'a> {
    pub manifest: &'a Manifest,
    pub profile: Option<&'a str>,
    /// Method and URL of the first request, without secrets.
    pub first_request: String,
    /// Replacements for connections that the manifest names, a line each.
    pub substitutions: Vec<String>,
    pub boundary: &'a Boundary,
    pub window: &'a Window,
    /// Whether a windowed run would move the state (`--advance-state`).
    pub advances_state: bool,
    /// Where the store is, as it describes itself.
    pub state_store: String,
    pub state: StateFacts<'a>,
    /// Folder of the page journal.
    pub journal_path: String,
    pub topic: TopicFacts,
    pub strategy: StrategyFacts,
    /// In the order extractor, transforms, checks; checks in the manifest's order.
    pub plugins: Vec<PluginFacts>,
    /// The lock file that the plugins were held to.
    pub lock: Option<LockFacts>,
    /// Of the connections, the plugins and their authority.
    pub warnings: Vec<String>,
    /// The part of the policy's permissions that is used, where there is a policy.
    pub tenant: Option<TenantPlan>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub format: u32,
    pub pipeline: String,
    pub manifest_file: String,
    /// Hex SHA-256 of the manifest's bytes.
    pub manifest_sha256: String,
    pub profile: Option<String>,
    pub substitutions: Vec<String>,
    pub source: SourcePlan,
    pub boundary: BoundaryPlan,
    pub staging: StagingPlan,
    /// The fields as known before the run; none where state is unknown.
    pub schema: Option<Schema>,
    pub schema_rule: String,
    pub state: StatePlan,
    pub strategy: StrategyPlan,
    pub target: TargetPlan,
    pub plugins: Vec<PluginPlan>,
    /// The lock file that the plugins were held to; none where there is none.
    #[serde(default)]
    pub lock: Option<LockFacts>,
    /// Of the plugins and their authority.
    #[serde(default)]
    pub warnings: Vec<String>,
    pub checks: Vec<CheckPlan>,
    /// The behaviour of a run over an empty boundary.
    pub on_empty_boundary: String,
    /// The part of the policy's permissions that is used, where there is a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantPlan>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePlan {
    pub connection: String,
    pub first_request: String,
    pub records_path: String,
    pub pagination: String,
    /// The slicer, with its options; none where the load is one slice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<String>,
    pub max_pages: Option<u64>,
    pub on_max_pages: String,
    /// How a walk that counts pages or records ends, and what that costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walk_end: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundaryPlan {
    pub field: Option<String>,
    /// Inclusive.
    pub lower: Option<String>,
    /// Exclusive.
    pub upper: Option<String>,
    pub lookback: Option<String>,
    pub safety_lag: Option<String>,
    /// The command line's bounds took the place of the watermark.
    pub window_override: bool,
    /// How records write the cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_format: Option<String>,
    /// The treatment of rows further ahead than `max_future`; none without a boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_future: Option<String>,
    /// The treatment of rows without a cursor value; none where they are an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_missing: Option<String>,
    /// Rows whose digests are known and that are dropped as already loaded.
    pub known_rows: usize,
    /// Rows that are published again because there was no room for their digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_again: Option<String>,
    /// The cost of reading it.
    pub cost: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagingPlan {
    pub mode: Staging,
    /// Where pages are kept between D and K.
    pub path: String,
    /// The gates that judge before the first message, or no longer can.
    pub gates: String,
    pub max_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatePlan {
    pub store: String,
    /// None before the first run, or where it is unknown.
    pub revision: Option<u64>,
    pub watermark: Option<String>,
    /// Why the state could not be read.
    pub unknown: Option<String>,
    /// Whether this run moves it, and why not.
    pub advances: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyPlan {
    pub mode: Mode,
    pub unique_key: Vec<String>,
    pub key: String,
    pub duplicate_policy: DuplicatePolicy,
    pub guarantee: String,
    pub mechanism: String,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetPlan {
    pub connection: String,
    pub topic: String,
    pub facts: TopicFacts,
    /// How a run makes the topic where it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creates: Option<NewTopic>,
}

/// A topic as a run makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTopic {
    pub partitions: u32,
    /// None leaves it to the broker.
    pub replication_factor: Option<u16>,
    pub configs: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginPlan {
    /// Its place in the manifest.
    pub key: String,
    pub uses: String,
    pub kind: PluginKind,
    pub identity: Identity,
    pub is_pinned: bool,
    /// Id of the key that signed it, where signatures were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    pub asks: Vec<String>,
    pub gets: Vec<String>,
    pub limits: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckPlan {
    pub id: String,
    pub uses: String,
    pub prevents_publication: bool,
    /// When it judges, and what follows.
    pub judges: String,
}

/// Puts the document together. Pure: equal inputs give equal plans.
pub fn plan(input: PlanInput<'_>) -> Plan {
    let manifest = input.manifest;
    Plan {
        format: PLAN_FORMAT,
        pipeline: manifest.name.to_string(),
        manifest_file: manifest.origin.file.clone(),
        manifest_sha256: manifest.origin.sha256.clone(),
        profile: input.profile.map(str::to_owned),
        substitutions: input.substitutions.clone(),
        source: source(&input),
        boundary: boundary(&input),
        staging: staging(&input),
        schema: known_row(&input.state).map(|row| row.map(|row| row.checkpoint.schema.clone()).unwrap_or_default()),
        schema_rule: schema_rule(manifest),
        state: state(&input),
        strategy: strategy(&input),
        target: TargetPlan {
            connection: manifest.sink.connection.id.clone(),
            topic: manifest.sink.topic.clone(),
            facts: input.topic.clone(),
            creates: new_topic(&input),
        },
        plugins: input.plugins.iter().map(plugin).collect(),
        lock: input.lock.clone(),
        warnings: input.warnings.clone(),
        checks: checks(&input),
        on_empty_boundary: if manifest.quality.pass_empty_boundary {
            "a run without rows passes; no check judges it".to_owned()
        } else {
            "a run without rows is judged like any other; `min_rows: 1` fails it".to_owned()
        },
        tenant: input.tenant.clone(),
    }
}

fn schema_rule(manifest: &Manifest) -> String {
    let mixed = if manifest.mixed_fails { "ends the run before publication (DP0602)" } else { "is warned of" };
    format!(
        "additions and widenings (null to a type, integer to decimal) pass; an absent field is no removal; a field of \
         mixed kinds {mixed}; a breaking change, such as a kind that a mixed field did not have before, ends the run \
         before publication (DP0601)"
    )
}

fn known_row<'a>(state: &StateFacts<'a>) -> Option<Option<&'a StateRow>> {
    match state {
        StateFacts::Known(row) => Some(*row),
        StateFacts::Unknown(_) => None,
    }
}

fn source(input: &PlanInput<'_>) -> SourcePlan {
    let source = &input.manifest.source;
    let pagination = &source.pagination;
    let max_pages = [pagination.max_pages, input.window.max_pages].into_iter().flatten().min();
    let stops = pagination.stop_at_max_pages || input.window.max_pages.is_some_and(|limit| Some(limit) == max_pages);
    SourcePlan {
        connection: source.connection.id.clone(),
        first_request: input.first_request.clone(),
        records_path: if source.records_path.is_empty() { "the root".into() } else { source.records_path.clone() },
        pagination: pagination.extractor.as_ref().map_or_else(|| "none: one request".to_owned(), |p| p.uses.clone()),
        slices: source.slicer.as_ref().map(|slicer| {
            let options = serde_json::Value::Object(slicer.with.clone());
            format!("{} {options}: each slice has a journal, a checkpoint and a verdict of its own", slicer.uses)
        }),
        max_pages,
        on_max_pages: if stops { "stop" } else { "error" }.to_owned(),
        walk_end: walk_end(source),
    }
}

fn boundary(input: &PlanInput<'_>) -> BoundaryPlan {
    let boundary = input.boundary;
    let text = |value: &Option<dpone_model::CursorValue>| value.as_ref().map(ToString::to_string);
    let duration = |value: &Option<jiff::SignedDuration>| value.map(|duration| format!("{duration:#}"));
    let has_field = boundary.field.is_some();
    let lookback = |lookback: &Lookback| match lookback {
        Lookback::Time(duration) => format!("{duration:#}"),
        Lookback::Number(number) => number.to_string(),
    };
    BoundaryPlan {
        field: boundary.field.clone(),
        lower: text(&boundary.lower),
        upper: text(&boundary.upper),
        lookback: boundary.lookback.as_ref().map(lookback),
        safety_lag: duration(&boundary.safety_lag),
        window_override: boundary.window_override,
        record_format: boundary.rules.record_format.map(|format| format.name().to_owned()),
        max_future: has_field.then(|| max_future(&boundary.rules)),
        on_missing: on_missing(boundary.rules.on_missing).map(str::to_owned),
        known_rows: boundary.known.len() + boundary.unplaced.digests.len(),
        published_again: published_again(input),
        cost: cost(input),
    }
}

fn max_future(rules: &CursorRules) -> String {
    match rules.max_future {
        MaxFuture::Off => "off: any value moves the watermark".to_owned(),
        MaxFuture::Within(duration) => {
            format!("{duration:#}: times further ahead of the run's start are published and do not move the watermark")
        }
    }
}

fn on_missing(on_missing: OnMissing) -> Option<&'static str> {
    match on_missing {
        OnMissing::Fail => None,
        OnMissing::Keep => Some("keep: rows without a cursor value are published and do not move the watermark"),
        OnMissing::Drop => Some("drop: rows without a cursor value are left out and counted"),
    }
}

/// Rows that the last run could not remember; a window takes every row as new anyway.
fn published_again(input: &PlanInput<'_>) -> Option<String> {
    let row = known_row(&input.state).flatten().filter(|_| !input.boundary.window_override)?;
    let (watermark, unplaced) = (row.checkpoint.watermark.as_ref(), &row.checkpoint.unplaced);
    let at_watermark = watermark.map_or(Some(0), Watermark::rows_again);
    let max = input.boundary.rules.max_rows;
    let many = match at_watermark.map(|rows| rows + unplaced.left_out) {
        Some(0) => return None,
        Some(1) => "1 row".to_owned(),
        Some(rows) => format!("{rows} rows"),
        None => "an unknown number of rows".to_owned(),
    };
    Some(format!(
        "{many}: the last run met more at the watermark than it could remember (`incremental.max_boundary_rows`, now {max})"
    ))
}

/// A boundary that the API does not know of is paid for with every page.
fn cost(input: &PlanInput<'_>) -> String {
    let Some(incremental) = &input.manifest.source.incremental else {
        let cost = "no boundary: every page is fetched and every row belongs to the run";
        return match input.manifest.sink.strategy.mode {
            Mode::IncrementalMerge => format!("{cost}, so each run publishes every row again"),
            _ => cost.to_owned(),
        };
    };
    let has_lower = incremental.param.is_some() || input.boundary.lower.is_none();
    let has_upper = incremental.end_param.is_some() || input.boundary.upper.is_none();
    let sent: Vec<&str> =
        [&incremental.param, &incremental.end_param].into_iter().flatten().map(String::as_str).collect();
    match (has_lower, has_upper) {
        (true, true) if sent.is_empty() => "no bound is set: every page is fetched".to_owned(),
        (true, true) => {
            format!("the API gets the bounds as `{}` and sends only what belongs to the run", sent.join("`, `"))
        }
        (false, _) if incremental.order.is_some() && incremental.on_missing == OnMissing::Keep => {
            "no request parameter for the lower bound, and `on_missing: keep`: every page is fetched, because rows \
             without a cursor value may be on any"
                .to_owned()
        }
        (false, _) if incremental.order == Some(dpone_manifest::Order::Descending) => {
            "no request parameter for the lower bound: pages are fetched, newest first, until one lies below it"
                .to_owned()
        }
        (false, _) => "no request parameter for the lower bound (`incremental.param`): every page is fetched and \
                       filtered here, however few rows are new"
            .to_owned(),
        (true, false) => "no request parameter for the upper bound (`incremental.end_param`): pages beyond it are \
                          fetched and filtered here"
            .to_owned(),
    }
}

fn staging(input: &PlanInput<'_>) -> StagingPlan {
    let mode = input.manifest.source.staging;
    let gates = match mode {
        Staging::Slice => "before the first message: schema, keys, duplicates, row sizes, and the checks named below",
        Staging::None => {
            "none for the whole slice: schema, keys, duplicates, row sizes and checks judge after pages were published"
        }
    };
    StagingPlan {
        mode,
        path: input.journal_path.clone(),
        gates: gates.to_owned(),
        max_bytes: input.manifest.journal.max_bytes,
    }
}

fn state(input: &PlanInput<'_>) -> StatePlan {
    let row = known_row(&input.state).flatten();
    let advances = match (input.window.is_narrowed(), input.advances_state) {
        (true, false) => "no: a windowed run leaves it (`--advance-state` moves it)",
        (true, true) => "yes, by `--advance-state`, although the run covers a window only",
        (false, _) => "yes, in K, after every message was acknowledged and every check passed",
    };
    StatePlan {
        store: input.state_store.clone(),
        revision: row.map(|row| row.revision),
        watermark: row.and_then(|row| Some(row.checkpoint.watermark.as_ref()?.value.to_string())),
        unknown: match &input.state {
            StateFacts::Unknown(cause) => Some(cause.clone()),
            StateFacts::Known(_) => None,
        },
        advances: advances.to_owned(),
    }
}

fn new_topic(input: &PlanInput<'_>) -> Option<NewTopic> {
    let TopicFacts::Missing { will_be_created: true } = input.topic else { return None };
    let wanted = &input.manifest.sink.topic_config;
    Some(NewTopic {
        partitions: wanted.partitions.unwrap_or(DEFAULT_PARTITIONS),
        replication_factor: wanted.replication_factor,
        configs: wanted.configs.clone(),
    })
}

fn strategy(input: &PlanInput<'_>) -> StrategyPlan {
    let sink = &input.manifest.sink;
    let format = sink.key.format.name();
    let key = match &sink.key.mode {
        KeyMode::Fields(fields) => format!("{} (format {format}, partitioner {})", fields.join(", "), sink.partitioner),
        KeyMode::HashRow => format!("SHA-256 of the row (partitioner {})", sink.partitioner),
        KeyMode::Null => "none".to_owned(),
    };
    StrategyPlan {
        mode: sink.strategy.mode,
        unique_key: sink.strategy.unique_key.clone(),
        key,
        duplicate_policy: sink.strategy.duplicate_policy,
        guarantee: input.strategy.guarantee.clone(),
        mechanism: input.strategy.mechanism.clone(),
        warnings: input.strategy.warnings.clone(),
    }
}

fn plugin(facts: &PluginFacts) -> PluginPlan {
    PluginPlan {
        key: facts.plugin.key.clone(),
        uses: facts.plugin.uses.clone(),
        kind: facts.kind,
        identity: facts.identity.clone(),
        is_pinned: facts.plugin.sha256.is_some(),
        signed_by: facts.signed_by.clone(),
        asks: asks(&facts.imports),
        gets: gets(&facts.plugin.grants),
        limits: bounds(&facts.plugin.limits),
    }
}

fn checks(input: &PlanInput<'_>) -> Vec<CheckPlan> {
    let quality = &input.manifest.quality;
    let stage_of = |key: &str| input.plugins.iter().find(|facts| facts.plugin.key == key).and_then(|facts| facts.stage);
    let describe = |check: &dpone_manifest::CheckUse| {
        let after =
            check.when == Some(When::AfterDelivery) || stage_of(&check.plugin.key) == Some(Stage::AfterDelivery);
        let is_staged = input.manifest.source.staging == Staging::Slice;
        let ends_run = quality.fail && check.is_error;
        let judges = match (ends_run, after, is_staged) {
            (false, ..) => "a failure is only a warning",
            (true, true, _) => "after delivery: a failure keeps the state where it is, but the rows are in the topic",
            (true, false, true) => "before the first message: a failure prevents publication",
            (true, false, false) => {
                "can no longer prevent publication, because `staging: none` streams; a failure keeps the state where it is"
            }
        };
        let prevents_publication = ends_run && !after && is_staged;
        CheckPlan {
            id: check.id.clone(),
            uses: check.plugin.uses.clone(),
            prevents_publication,
            judges: judges.to_owned(),
        }
    };
    quality.checks.iter().map(describe).collect()
}
