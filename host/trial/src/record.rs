//! Writing a new case.

use crate::answer::Answer;
use crate::error::Error;
use crate::pages::{self, RecordedPage};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use dpone_model::Report;
use std::io::Write;

/// A case that is to be written.
pub struct Recording {
    /// `case.yaml`
    pub case: String,
    pub pages: Vec<RecordedPage>,
    pub expected: Answer,
}

/// Writes the case into an empty folder. It is read again before it counts as written, so that no
/// case is recorded that cannot be run. `shown` is the folder's path in messages.
pub fn write(dir: &Dir, shown: &str, recording: &Recording) -> Result<(), Report> {
    dpone_manifest::load_case(recording.case.as_bytes(), &format!("{shown}/case.yaml"))?;
    pages::write(dir, shown, &recording.pages)?;
    let expected = recording.expected.to_text()?;
    for (name, content) in [("case.yaml", recording.case.as_bytes()), ("expected.json", &expected)] {
        write_private(dir, name, content).map_err(Error::io(format!("{shown}/{name}")))?;
    }
    Ok(())
}

/// Recorded pages may hold personal data: it is for their owner to share them.
pub(crate) fn write_private(dir: &Dir, name: &str, content: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    dir.open_with(name, &options)?.write_all(content)
}
