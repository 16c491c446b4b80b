//! A stopped run may go on with a mended manifest, where it would have pulled the same pages and made the
//! same messages of them: what the journal holds stays true. The run was allowed with what it was started
//! with, so that a mended manifest gives it no origin, no topic and no grant beyond that.

use crate::plugins::Plugin;
use crate::resolve::Local;
use crate::resume::Reopened;
use dpone_manifest::{Difference, Grants, PluginUse, differences};
use dpone_model::plugin::PluginKind;
use dpone_model::{Place, Report, codes, redact};

/// Keys that may change between two attempts of one run, with everything below them; `[]` is any entry of
/// a list. They judge, bound, deliver or report: no page, record or key in the journal depends on them.
/// A key that is not named here may not change, so that a key that comes later is refused until it was thought
/// about.
const MAY_CHANGE: &[&str] = &[
    "quality",
    "journal",
    "resume",
    "diagnostics",
    "observability",
    "type_inference",
    "source.options.timeout",
    "source.options.timeouts",
    "source.options.retry",
    "source.options.max_page_bytes",
    "source.options.on_error_object",
    "source.options.pagination.max_pages",
    "source.options.pagination.on_max_pages",
    "source.options.pagination.max_empty_pages",
    "source.options.pagination.limits",
    "source.options.slices.limits",
    "source.options.signer.limits",
    "transforms[].limits",
    "sink.options.connect_timeout_ms",
    "sink.options.queue_max_bytes",
    "sink.options.librdkafka",
    "sink.options.topic_config.partitions",
    "sink.options.topic_config.replication_factor",
    "sink.options.topic_config.configs",
    "sink.options.delivery",
];

/// Keys that say how far a run reaches; the message of a refusal says so.
const WIDENING: &[&str] = &["quality", "source.options.allow_origins", "sink.options.topic_config"];

/// It chooses among records that the journal holds all of: it may change as long as none of them was sent.
const BEFORE_DELIVERY: &str = "sink.strategy.duplicate_policy";

const MAX_SHOWN_BYTES: usize = 80;

impl Reopened {
    /// The mended manifest must extract and send what the run's own would.
    pub fn refuse_other_extract(&self, mended: &Local) -> Result<(), Report> {
        let is_cut = mended.manifest.source.slicer.is_some();
        let nothing_sent = !self.writer.progress().may_be_sent() && !is_cut;
        let may_change = |difference: &Difference| {
            let key = any_entry(&difference.key);
            (MAY_CHANGE.iter().any(|may| is_below(&key, may))
                && !mended.manifest.plugins().any(|used| widens(difference, used)))
                || (nothing_sent && key == BEFORE_DELIVERY)
        };
        let refused = differences(&self.manifest_text, &mended.text).into_iter().filter(|found| !may_change(found));
        let file = &mended.manifest.origin.file;
        let problems = refused.map(|difference| self.refusal(&difference, file)).collect();
        Report::all(problems).map_or(Ok(()), Err)
    }

    fn refusal(&self, difference: &Difference, file: &str) -> Report {
        let shown = |value: &Option<String>| match value {
            Some(value) => format!("`{}`", redact::excerpt(value, MAX_SHOWN_BYTES)),
            None => "not there".to_owned(),
        };
        let (line, column) = difference.position;
        let key = &difference.key;
        let gives_more = WIDENING.iter().any(|widening| is_below(&any_entry(key), widening));
        let message = format!(
            "`{key}` was {} when run {} started, and is {}: {}",
            shown(&difference.before),
            self.head.run_id,
            shown(&difference.after),
            if gives_more {
                "the run would get more than it was started with"
            } else {
                "its journal would not hold for it"
            },
        );
        let hint = if key == BEFORE_DELIVERY {
            "messages may be out that the old policy chose; start a new run"
        } else {
            "change it back, or start a new run; quality without grants, limits, delivery and timeouts may change"
        };
        let place = Place::File { file: file.to_owned(), line, column, key: Some(key.clone()) };
        Report::new(&codes::usage::OTHER_EXTRACT, message).at(place).hint(hint)
    }

    /// The keys that make pages and records must be those that made the journal's. Checks
    /// only judge: they may be others, but none gets the grants of the one that was there.
    pub(crate) fn refuse_other_makers(&self, plugins: &[Plugin]) -> Result<(), Report> {
        let made = |plugin: &&Plugin| {
            plugin.found.kind != PluginKind::Check || plugin.found.plugin.grants != Grants::default()
        };
        let identity = |plugin: &Plugin| plugin.loaded.inspection().identity.clone();
        let is_new = |sha256: &str| !self.head.plugins.iter().any(|before| before.sha256 == sha256);
        let changed = plugins.iter().filter(made).map(identity).filter(|now| is_new(&now.sha256));
        let changed: Vec<String> = changed.map(|now| format!("{} {}", now.name, now.version)).collect();
        self.refuse_changed(&changed)
    }

    /// From now on the mended manifest is the run's own: a further attempt goes on with it.
    pub(crate) fn adopt(&mut self, mended: &Local, plugins: &[Plugin]) -> Result<(), Report> {
        self.head.manifest_text = String::from_utf8_lossy(&mended.text).into_owned();
        self.head.manifest_file.clone_from(&mended.manifest.origin.file);
        self.head.manifest_sha256.clone_from(&mended.manifest.origin.sha256);
        self.head.plugins = plugins.iter().map(|plugin| plugin.loaded.inspection().identity.clone()).collect();
        Ok(self.writer.replace_head(&self.head)?)
    }
}

/// Whether a difference gives a plugin with grants to the run that it did not have: the plugin itself, another
/// component in its place, or a grant. What is taken away gives nothing.
fn widens(difference: &Difference, used: &PluginUse) -> bool {
    const OF_AUTHORITY: [&str; 3] = ["uses", "type", "grants"];
    let key = &difference.key;
    let inside = key.strip_prefix(used.key.as_str()).and_then(|rest| rest.strip_prefix('.'));
    let is_of_authority = inside.is_some_and(|inside| OF_AUTHORITY.iter().any(|of| is_below(inside, of)));
    used.grants != Grants::default() && difference.after.is_some() && (is_below(&used.key, key) || is_of_authority)
}

/// The key with every index taken out: `transforms[].limits.memory`.
fn any_entry(key: &str) -> String {
    key.split('[').enumerate().fold(String::new(), |path, (number, part)| match (number, part.split_once(']')) {
        (0, _) | (_, None) => path + part,
        (_, Some((_, rest))) => path + "[]" + rest,
    })
}

/// Whether a key is `above`, or stands below it.
fn is_below(key: &str, above: &str) -> bool {
    key.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_change_are_keys_of_a_manifest() {
        let known = dpone_manifest::reference::MANIFEST.entries();
        for may in MAY_CHANGE.iter().chain([&BEFORE_DELIVERY]) {
            assert!(known.iter().any(|entry| entry.path == *may), "{may}");
        }
    }

    #[test]
    fn what_may_change_is_known_by_its_key() {
        let may = |key: &str| MAY_CHANGE.iter().any(|may| is_below(&any_entry(key), may));
        for key in [
            "quality",
            "quality.checks[2].with.min",
            "quality.on_empty_boundary",
            "source.options.retry.max_attempts",
            "source.options.timeout",
            "source.options.pagination.max_pages",
            "transforms[12].limits.memory",
            "sink.options.delivery.linger_ms",
        ] {
            assert!(may(key), "{key}");
        }
        for key in [
            "",
            "name",
            "qualities",
            "source",
            "source.connection_id",
            "source.options.url",
            "source.options.timeouts_of_mine",
            "source.options.params.since",
            "source.options.pagination.cursor_path",
            "source.options.pagination",
            "source.options.incremental.start",
            "source.options.slices.with.step",
            "source.options.signer.grants",
            "transforms[0]",
            "transforms[0].with.fields",
            "sink.topic",
            "sink.strategy.unique_key",
            "sink.strategy.duplicate_policy",
            "sink.options.envelope",
            "sink.options.key.mode",
            "sink.options.partitioner",
            "state.type",
        ] {
            assert!(!may(key), "{key}");
        }
    }
}
