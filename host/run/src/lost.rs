//! State that an earlier run wrote and that the store no longer has: a file that was removed or emptied, a
//! volume that was not kept. It looks like the first run of a pipeline, which loads everything.
//!
//! The two are told apart by the journals and artifacts beside it. A first run that was killed has left a
//! journal, and even a database without content, but no run there came to its end. Where neither is kept, as
//! in a container without a volume, nobody knows of earlier runs, and each is the first.

use crate::folders::Folders;
use crate::resolve::Resolved;
use crate::resume::StoredWindow;
use crate::runs;
use dpone_journal::{Head, Journals};
use dpone_manifest::{Mode, StateBlock};
use dpone_model::state::{StateRow, StateStore};
use dpone_model::target::TopicDescription;
use dpone_model::{Report, RunId, StateKey, codes};

/// Artifacts that are looked at.
const NEWEST: usize = 100;

/// Refuses to load everything again into a topic that has it. A full refresh does that each time: it is told.
pub async fn refuse(
    folders: &Folders,
    resolved: &Resolved,
    state: &dyn StateStore,
    row: &StateRow,
    topic: Option<&TopicDescription>,
) -> Result<Option<String>, Report> {
    let manifest = &resolved.local.manifest;
    let Some(topic) = topic.filter(|_| row.revision == 0 && !matches!(manifest.state, StateBlock::Disabled)) else {
        return Ok(None);
    };
    let store = state.describe();
    let Some(run) = earlier_run(folders, resolved, &store, topic)? else { return Ok(None) };
    // Of a load that never came to its end as a whole, slices have rows of their own.
    let key = StateKey::load(manifest.name.clone());
    if state.list(Some(key.pipeline.as_str())).await?.iter().any(|(_, row)| row.revision > 0) {
        return Ok(None);
    }
    let message = format!("{store} holds no state of {}, and run {run} wrote one there", manifest.name);
    if manifest.sink.strategy.mode == Mode::FullRefresh {
        return Ok(Some(format!("{message}: it is gone; what a full refresh loads does not depend on it")));
    }
    Err(Report::new(&codes::state::LOST, message)
        .hint("restore the store from a copy; or `dpone state reset` says that everything is to be loaded again"))
}

/// The newest run that moved the state of this pipeline in this store, and sent its rows to this topic.
fn earlier_run(
    folders: &Folders,
    resolved: &Resolved,
    store: &str,
    topic: &TopicDescription,
) -> Result<Option<RunId>, Report> {
    let manifest = &resolved.local.manifest;
    let moved_here = |head: &Head| {
        let is =
            |name: &str, wanted: Option<&str>| head.resolved.get(name).and_then(serde_json::Value::as_str) == wanted;
        let window = serde_json::from_value::<StoredWindow>(head.window.clone());
        let moves = window.is_ok_and(|window| window.moves_state());
        moves && is("state", Some(store)) && is("topic", Some(&topic.name)) && is("topic_id", topic.topic_id.as_deref())
    };
    let journals = Journals::open(folders.below("journal")?);
    if let Some(head) = journals.newest_finished(&manifest.name, moved_here)? {
        return Ok(Some(head.run_id));
    }
    Ok(runs::newest_with_state(&folders.workdir, manifest, store, NEWEST))
}
