//! `dpone resume`: a stopped run's journal, and the request that it was started with.

use crate::folders::Folders;
use crate::open::Opened;
use crate::planning::SlicePlan;
use crate::plugins::Plugin;
use crate::resolve::{Host, Local, Request};
use dpone_journal::{Head, Journals, Limits, Progress, Writer};
use dpone_model::state::StateRow;
use dpone_model::{Report, RunId, codes};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A journal that was opened again; its torn tail is cut.
pub struct Reopened {
    pub head: Head,
    pub writer: Writer,
    pub manifest_text: Vec<u8>,
    /// A manifest was given that is to take the place of the run's own.
    pub is_mended: bool,
}

/// The request of `dpone resume`.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    pub run_id: &'a RunId,
    /// Instead of the profile that the run was started with.
    pub profile: Option<&'a str>,
    /// Instead of the manifest that the run was started with, of which the journal has a copy.
    pub manifest: Option<&'a Path>,
}

/// The part of a request that the journal's head keeps: the command line is not given again.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredWindow {
    pub from: Option<String>,
    pub to: Option<String>,
    max_pages: Option<u64>,
    advance_state: bool,
    pub params: BTreeMap<String, String>,
}

impl StoredWindow {
    /// Whether a run of it moves state when it is done.
    pub fn moves_state(&self) -> bool {
        self.advance_state || (self.from.is_none() && self.to.is_none() && self.max_pages.is_none())
    }
}

impl Request {
    pub(crate) fn to_window(&self) -> Result<serde_json::Value, Report> {
        let stored = StoredWindow {
            from: self.from.clone(),
            to: self.to.clone(),
            max_pages: self.max_pages,
            advance_state: self.advance_state,
            params: self.params.clone(),
        };
        serde_json::to_value(stored).map_err(|cause| Report::new(&codes::internal::BUG, cause.to_string()))
    }
}

/// Remains of one slice from an earlier attempt of the same run.
pub enum Earlier {
    /// Nothing.
    None,
    /// It stopped before the end; its pages are kept.
    Stopped(Box<Reopened>),
    /// It is done, as its journal says.
    Done(Box<Progress>),
}

/// Looks for the journal of one slice.
pub fn earlier_attempt(opened: &Opened, id: &RunId) -> Result<Earlier, Report> {
    let journals = crate::slices::journals(opened)?;
    match journals.read(id) {
        Err(dpone_journal::Error::Unknown { .. }) => return Ok(Earlier::None),
        Err(error) => return Err(error.into()),
        Ok((_, _, progress)) if progress.finished => return Ok(Earlier::Done(progress.into())),
        Ok(_) => {}
    }
    let (head, writer, _, _) = journals.reopen(id, Limits::default())?;
    let manifest_text = head.manifest_text.clone().into_bytes();
    Ok(Earlier::Stopped(Box::new(Reopened { head, writer, manifest_text, is_mended: false })))
}

/// Opens the journal of a stopped run.
pub fn reopen(host: &Host, again: &Again<'_>) -> Result<(Request, Reopened), Report> {
    let Again { run_id, profile, manifest } = again;
    let journals = Journals::open(Folders::open(&host.workdir)?.below("journal")?);
    if let Some(whole) = run_id.part_of() {
        let message = format!("{run_id} is one slice of the run {whole}");
        return Err(Report::new(&codes::usage::UNKNOWN_RUN, message)
            .hint(format!("`dpone resume {whole}` goes on with the slices that are left")));
    }
    let (head, writer, _, _) = journals.reopen(run_id, Limits::default())?;
    let window: StoredWindow = serde_json::from_value(head.window.clone())
        .map_err(|cause| Report::new(&codes::disk::DAMAGED, format!("the journal's head: {cause}")))?;
    let request = Request {
        manifest: manifest.map_or_else(|| head.manifest_file.clone().into(), Path::to_path_buf),
        profile: profile.map(str::to_owned).or_else(|| head.profile.clone()),
        params: window.params,
        from: window.from,
        to: window.to,
        max_pages: window.max_pages,
        advance_state: window.advance_state,
        reviewed: None,
    };
    let manifest_text = head.manifest_text.clone().into_bytes();
    Ok((request, Reopened { head, writer, manifest_text, is_mended: manifest.is_some() }))
}

/// Keeps in a run's journal what its last attempt failed with, for `dpone journal list`.
pub fn note_failure(host: &Host, run_id: &str, failure: &Report) -> Result<(), Report> {
    let Some(run_id) = RunId::parse(run_id) else { return Ok(()) };
    let journals = Journals::open(Folders::open(&host.workdir)?.below("journal")?);
    Ok(journals.note_failure(&run_id, failure.into())?)
}

impl Reopened {
    /// The journalled pages were made by these very plugins; others would give other bytes.
    pub fn refuse_other_plugins(&self, plugins: &[Plugin]) -> Result<(), Report> {
        if self.is_mended {
            return self.refuse_other_makers(plugins);
        }
        let now: Vec<_> = plugins.iter().map(|plugin| &plugin.loaded.inspection().identity).collect();
        let changed: Vec<String> = self
            .head
            .plugins
            .iter()
            .filter(|before| !now.iter().any(|now| now.sha256 == before.sha256))
            .map(|before| format!("{} {}", before.name, before.version))
            .collect();
        self.refuse_changed(&changed)
    }

    pub(crate) fn refuse_changed(&self, plugins: &[String]) -> Result<(), Report> {
        if plugins.is_empty() {
            return Ok(());
        }
        let message = format!("the run was started with other plugins: {} changed since", plugins.join(", "));
        Err(Report::new(&codes::plugin::DIGEST, message)
            .hint("start a new run: the journal of this one belongs to the old plugins"))
    }

    /// The run goes on from the state that it holds the lease of. A mended manifest is its own from now on.
    pub fn go_on_from(&mut self, row: &StateRow, local: &Local, plugins: &[Plugin]) -> Result<(), Report> {
        if row.revision != self.head.revision && row.run_id.as_ref() == Some(&self.head.run_id) {
            // A kill between the write of state and the end of the journal left a run that is done.
            self.writer.mark(|progress| progress.finished = true)?;
        }
        self.refuse_other_state(row)?;
        if self.is_mended { self.adopt(local, plugins) } else { Ok(()) }
    }

    /// The run itself, or a newer one, has completed since: state and messages are ahead of this journal.
    pub fn refuse_other_state(&self, row: &StateRow) -> Result<(), Report> {
        let revision = row.revision;
        if self.head.revision == revision {
            return Ok(());
        }
        if row.run_id.as_ref() == Some(&self.head.run_id) {
            let message = format!("run {} is done: it wrote state revision {revision}", self.head.run_id);
            return Err(Report::new(&codes::usage::RUN_IS_DONE, message).hint("nothing is left to do"));
        }
        let message = format!(
            "run {} started from state revision {}, which is {revision} by now",
            self.head.run_id, self.head.revision
        );
        Err(Report::new(&codes::state::CONFLICT, message).hint("start a new run: another one has completed since"))
    }

    /// Pages that were acknowledged elsewhere are not in this topic, and a cursor of another source
    /// is not this one's.
    pub fn refuse_other_target(&self, plan: &SlicePlan) -> Result<(), Report> {
        let now = serde_json::json!({
            "fingerprint": plan.fingerprint.digest,
            "topic": plan.topic.name,
            "topic_id": plan.topic.topic_id,
        });
        let names = ["fingerprint", "topic", "topic_id"];
        let changed: Vec<&str> =
            names.into_iter().filter(|name| self.head.resolved.get(*name) != now.get(*name)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let message = format!(
            "run {} was started for another source or target: {} differs",
            self.head.run_id,
            changed.join(", ")
        );
        Err(Report::new(&codes::state::FINGERPRINT, message)
            .hint("resume it with the profile and variables that it was started with, or start a new run"))
    }

    /// A journal too old for the source's cursors is not resumed.
    pub fn refuse_age(&self, max_age: Option<std::time::Duration>) -> Result<(), Report> {
        let Some(max_age) = max_age else { return Ok(()) };
        let age = jiff::Timestamp::now().duration_since(self.head.started_at);
        if age.unsigned_abs() <= max_age {
            return Ok(());
        }
        let message = format!("the journal is {age:#} old, more than resume.max_age");
        Err(Report::new(&codes::source::RESUME_AGE, message).hint("start the run anew"))
    }
}
