//! The whole manifest and its smaller blocks: state, quality, artifacts, journal.

use crate::checked::{
    Artifacts, CheckUse, DuplicatePolicy, Journal, Keep, Manifest, Origin, PluginUse, Quality, Staging, StateBlock,
    When,
};
use crate::error::Error;
use crate::plugin::{is_inside, plugin};
use crate::read::{Block, Value};
use crate::source::connection;
use dpone_model::PipelineName;
use dpone_model::plugin::PluginKind;
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

/// Reads everything below the root. `None` where something that has no fallback is missing; the
/// result only counts when no problem was noted.
pub(crate) fn manifest(root: &Value<'_>) -> Option<Manifest> {
    let mut block = root.block()?;
    let name = block.require("name", "name the pipeline; its state and runs go by this name");
    let name = name.and_then(|value| pipeline_name(&value));
    let source = block.require("source", "say where the rows come from").and_then(|value| value.block());
    let source = source.map(crate::source::source);
    let has_boundary = source.as_ref().is_none_or(|source| source.incremental.is_some());
    let extractor = source.as_ref().and_then(|source| source.pagination.extractor.as_ref());
    let has_cursor =
        extractor.is_some_and(|plugin| plugin.uses == "builtin:cursor" || !plugin.uses.starts_with("builtin:"));
    let sink = block.require("sink", "say where the rows go").and_then(|value| value.block());
    let sink = sink.map(|sink| crate::sink::sink(sink, has_boundary, has_cursor));
    if let (Some(source), Some(Some(sink))) = (&source, &sink) {
        streamed_choice(&block, source.staging, sink.strategy.duplicate_policy);
    }
    let transforms = block.get("transforms").map(|value| transforms(&value)).unwrap_or_default();
    let state = state(&mut block);
    let quality = quality(block.block("quality"));
    let artifacts = artifacts(block.block("observability"), name.as_ref());
    let journal = journal(block.block("journal"));
    let mut resume = block.block("resume");
    let resume_max_age = resume.get("max_age").and_then(|value| value.positive_duration());
    resume.finish();
    let mut diagnostics = block.block("diagnostics");
    let values_shown = diagnostics.one_of("values", &[("masked", false), ("shown", true)]).unwrap_or(false);
    diagnostics.finish();
    let mixed_fails = type_inference(block.block("type_inference"));
    if let Some(value) = block.get("schema_contract") {
        value.not_yet("`schema_contract`", "remove it; drift is judged by the schema kept in state");
    }
    block.finish();
    let mut manifest = Manifest {
        name: name?,
        source: source?,
        transforms,
        sink: sink??,
        state,
        quality,
        artifacts,
        journal,
        resume_max_age,
        values_shown,
        mixed_fails,
        origin: Origin::default(),
    };
    let secrets: BTreeSet<String> = manifest.plugins().flat_map(|plugin| plugin.grants.secrets.clone()).collect();
    manifest.source.connection.secrets = secrets.into_iter().collect();
    Some(manifest)
}

/// A published row cannot be left out any more when its repeat comes.
fn streamed_choice(root: &Block<'_>, staging: Staging, policy: DuplicatePolicy) {
    if staging == Staging::None && matches!(policy, DuplicatePolicy::First | DuplicatePolicy::Last) {
        let message = "`staging: none` publishes rows before their repeats are known".to_owned();
        let hint = "use `staging: slice`, or `duplicate_policy: fail` or `allow`".to_owned();
        root.problem("sink", Error::Conflict { message, hint });
    }
}

fn pipeline_name(value: &Value<'_>) -> Option<PipelineName> {
    let text = value.text()?;
    let name = PipelineName::parse(&text);
    if name.is_none() {
        let hint = "use up to 200 letters, digits, `_`, `-` and `.`; it is a folder's name and a key of the state";
        return value.invalid(format!("`{}` is no pipeline name", value.shown()), hint);
    }
    name
}

fn transforms(value: &Value<'_>) -> Vec<PluginUse> {
    let mut transforms = Vec::new();
    for item in value.list().unwrap_or_default() {
        let Some(mut block) = item.block() else { continue };
        if let Some(transform) = plugin(&mut block, PluginKind::Transform) {
            block.finish();
            transforms.push(transform);
        }
    }
    transforms
}

fn state(root: &mut Block<'_>) -> StateBlock {
    let mut block = root.block("state");
    let kind = block.get("type");
    let kind_text = kind.as_ref().and_then(Value::text);
    let connection = connection(&mut block, kind_text.as_deref() == Some("postgres"));
    let mut table = block.block("table");
    let schema = identifier(&mut table, "schema").unwrap_or_else(|| "etl_state".into());
    let name = identifier(&mut table, "name").unwrap_or_else(|| "dpone_state".into());
    table.finish();
    let sqlite = StateBlock::Sqlite { connection: connection.clone(), schema: schema.clone(), table: name.clone() };
    let state = match (kind_text.as_deref(), kind) {
        (Some("postgres"), _) => connection.map(|connection| StateBlock::Postgres { connection, schema, table: name }),
        (Some("disabled"), _) => Some(StateBlock::Disabled),
        (Some("kafka"), Some(value)) => {
            value.not_yet("`state.type: kafka`", "use `postgres` or `sqlite`");
            None
        }
        (None | Some("sqlite"), _) => None,
        (Some(_), value) => value.and_then(|value| value.unknown_choice(&["postgres", "sqlite", "disabled", "kafka"])),
    };
    block.finish();
    state.unwrap_or(sqlite)
}

/// A name that needs no quoting in SQL.
fn identifier(block: &mut Block<'_>, name: &str) -> Option<String> {
    let value = block.get(name)?;
    let text = value.text()?;
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || text.len() > 63 || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        let hint = "use up to 63 letters, digits and `_`, not starting with a digit";
        return value.invalid(format!("`{}` is no table or schema name", value.shown()), hint);
    }
    Some(text)
}

fn quality(mut block: Block<'_>) -> Quality {
    let fail = block.one_of("mode", &[("fail", true), ("warn", false)]).unwrap_or(true);
    let pass = block.one_of("on_empty_boundary", &[("judge", false), ("pass", true)]).unwrap_or(false);
    let items = block.get("checks").and_then(|value| value.list()).unwrap_or_default();
    block.finish();
    let mut ids = HashSet::new();
    let checks = items.iter().filter_map(|item| check(item.block()?, &mut ids)).collect();
    Quality { fail, pass_empty_boundary: pass, checks }
}

fn check(mut block: Block<'_>, ids: &mut HashSet<String>) -> Option<CheckUse> {
    let id = block.text("id");
    let is_error = block.one_of("severity", &[("error", true), ("warning", false)]).unwrap_or(true);
    let stages = [("before_publish", When::BeforePublish), ("after_delivery", When::AfterDelivery)];
    let when = block.one_of("when", &stages);
    let plugin = plugin(&mut block, PluginKind::Check)?;
    let id = match id {
        Some(id) => {
            if !ids.insert(id.clone()) {
                let message = format!("two checks have the id `{id}`");
                block.problem("id", Error::Conflict { message, hint: "give each check its own id".into() });
            }
            id
        }
        None => free_id(&plugin.uses, ids),
    };
    block.finish();
    Some(CheckUse { id, is_error, when, plugin })
}

/// The check's short name, and a number where it is taken.
fn free_id(uses: &str, ids: &mut HashSet<String>) -> String {
    let file = uses.strip_prefix("builtin:").unwrap_or(uses).rsplit('/').next().unwrap_or(uses);
    let base = file.trim_end_matches(".wasm").replace('-', "_");
    let numbered = (2_u32..).map(|number| format!("{base}_{number}"));
    let id = std::iter::once(base.clone()).chain(numbered).find(|id| !ids.contains(id)).unwrap_or(base);
    ids.insert(id.clone());
    id
}

fn artifacts(mut block: Block<'_>, name: Option<&PipelineName>) -> Artifacts {
    let mut artifacts = block.block("artifacts");
    let enabled = artifacts.boolean("enabled", true);
    let path = artifacts.get("path").and_then(|value| {
        let text = value.text()?;
        if !is_inside(&text) {
            let hint = "write a relative path without `..`; artifacts stay below the working directory";
            return value.invalid(format!("`{}` leaves the working directory", value.shown()), hint);
        }
        Some(text)
    });
    artifacts.finish();
    block.finish();
    let default = || format!(".dpone/runs/{}", name.map(PipelineName::as_str).unwrap_or_default());
    Artifacts { enabled, path: path.unwrap_or_else(default) }
}

fn journal(mut block: Block<'_>) -> Journal {
    let keep = block.get("keep").and_then(|value| match value.scalar().map(|scalar| scalar.text.as_str()) {
        Some("until_verified") => Some(Keep::UntilVerified),
        _ => value.duration().map(Keep::For),
    });
    let max_bytes = block.size("max_bytes", (1 << 20)..=(1 << 50)).unwrap_or(Journal::DEFAULT_MAX_BYTES);
    block.finish();
    Journal { keep: keep.unwrap_or(Keep::UntilVerified), max_bytes }
}

/// The schema comes from every record, so only what that means may be asked for. Gives whether a mixed
/// field is an error.
fn type_inference(mut block: Block<'_>) -> bool {
    let later = "remove it; the schema is read from every record of the run";
    let only = |value: Option<Value<'_>>, default: &str| {
        if let Some(value) = value.filter(|value| value.scalar_text().is_some_and(|text| text != default)) {
            let name = value.key.clone();
            value.not_yet(format!("`{name}` other than {default}"), later);
        }
    };
    for (name, default) in [("enabled", "true"), ("prefer_source_metadata", "true"), ("empty_string_is_null", "false")]
    {
        let value = block.get(name).filter(|value| value.boolean().is_some());
        only(value, default);
    }
    only(block.get("sample_rows").filter(|value| value.integer(1..=u64::MAX).is_some()), "10000");
    only(block.get("confidence_threshold"), "0.98");
    let mut mixed_fails = false;
    if let Some(value) = block.get("conflict_policy")
        && let Some(fails) = value.one_of(&[("fail", true), ("variant_column", false), ("quarantine", false)])
    {
        mixed_fails = fails;
        only(Some(value), "fail");
    }
    block.finish();
    mixed_fails
}

/// How long the bodies of failed runs stay, whatever `journal.keep` says of good ones.
pub const KEEP_FAILED: Duration = Duration::from_secs(72 * 3600);
