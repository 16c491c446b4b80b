//! A case on disk.

use crate::answer::Answer;
use crate::error::Error;
use crate::pages::{self, RecordedPage};
use bytes::Bytes;
use cap_std::fs::Dir;
use dpone_model::{PagePlace, Report};
use std::io::{ErrorKind, Write};

const EXPECTED: &str = "expected.json";

/// One case, read whole.
pub(crate) struct Case {
    pub name: String,
    pub settings: dpone_manifest::Case,
    pub pages: Vec<RecordedPage>,
    /// None before the first `--update`.
    pub expected: Option<Answer>,
    dir: Dir,
    shown: String,
}

impl Case {
    /// `shown` is the path of the folder with the cases, for messages.
    pub fn read(cases: &Dir, shown: &str, name: &str) -> Result<Self, Report> {
        let shown = format!("{shown}/{name}");
        let dir = cases.open_dir(name).map_err(Error::io(&shown))?;
        let file = format!("{shown}/case.yaml");
        let text = dir.read("case.yaml").map_err(Error::io(&file))?;
        let settings = dpone_manifest::load_case(&text, &file)?;
        let pages = pages::read(&dir, &shown)?;
        let expected = match dir.read(EXPECTED) {
            Ok(text) => Some(Answer::parse(&format!("{shown}/{EXPECTED}"), &text)?),
            Err(cause) if cause.kind() == ErrorKind::NotFound => None,
            Err(cause) => return Err(Error::io(format!("{shown}/{EXPECTED}"))(cause).into()),
        };
        Ok(Self { name: name.to_owned(), settings, pages, expected, dir, shown })
    }

    /// Where page `number` (from 1) was found.
    pub fn place(&self, number: usize) -> PagePlace {
        let recorded = number.checked_sub(1).and_then(|index| self.pages.get(index)).and_then(|page| page.url.clone());
        PagePlace::new(number as u64, recorded.unwrap_or_else(|| self.settings.request.url.clone()))
    }

    pub fn body(&self, number: usize) -> Bytes {
        number.checked_sub(1).and_then(|index| self.pages.get(index)).map(|page| page.body.clone()).unwrap_or_default()
    }

    /// The folder of the grant `files`, which lies in the case.
    pub fn files(&self) -> Result<Option<Dir>, Error> {
        let Some(folder) = &self.settings.grants.files else { return Ok(None) };
        self.dir.open_dir(folder).map(Some).map_err(Error::io(format!("{}/{folder}", self.shown)))
    }

    /// Replaces `expected.json`.
    pub fn update(&self, answer: &Answer) -> Result<(), Error> {
        let file = format!("{}/{EXPECTED}", self.shown);
        let text = answer.to_text()?;
        let mut scratch = cap_tempfile::TempFile::new(&self.dir).map_err(Error::io(&file))?;
        scratch.write_all(&text).map_err(Error::io(&file))?;
        scratch.replace(EXPECTED).map_err(Error::io(&file))
    }
}

/// Names of the cases that contain `filter`, sorted.
pub(crate) fn names(cases: &Dir, shown: &str, filter: Option<&str>) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in cases.entries().map_err(Error::io(shown))? {
        let entry = entry.map_err(Error::io(shown))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_case = entry.file_type().map_err(Error::io(shown))?.is_dir() && !name.starts_with('.');
        if is_case {
            names.push(name);
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(Error::NoCases(format!("{shown} holds no case")));
    }
    if let Some(filter) = filter {
        let all = names.join(", ");
        names.retain(|name| name.contains(filter));
        if names.is_empty() {
            return Err(Error::NoCases(format!("no case in {shown} has `{filter}` in its name; there are {all}")));
        }
    }
    Ok(names)
}
