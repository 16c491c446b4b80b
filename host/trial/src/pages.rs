//! Recorded pages: `pages/0001.json` (status, URL, headers) beside `pages/0001.body`.

use crate::error::Error;
use bytes::Bytes;
use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;

/// A page as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedPage {
    pub status: u16,
    /// The URL that answered; none is the case's own.
    pub url: Option<String>,
    pub headers: Vec<(String, String)>,
    /// Decoded from its content encoding.
    pub body: Bytes,
}

/// `NNNN.json`. Everything has a default, and so has the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
}

fn ok() -> u16 {
    200
}

impl Default for Head {
    fn default() -> Self {
        Self { status: ok(), url: None, headers: Vec::new() }
    }
}

/// The pages of a case in their order; a case without the folder has none. `shown` is the case's
/// path in messages.
pub(crate) fn read(case: &Dir, shown: &str) -> Result<Vec<RecordedPage>, Error> {
    let folder = format!("{shown}/pages");
    let dir = match case.open_dir("pages") {
        Ok(dir) => dir,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(Error::io(folder)(cause)),
    };
    let mut names = Vec::new();
    for entry in dir.entries().map_err(Error::io(&folder))? {
        names.push(entry.map_err(Error::io(&folder))?.file_name().to_string_lossy().into_owned());
    }
    let count = names.iter().filter(|name| name.ends_with(".body")).count();
    let mut pages = Vec::with_capacity(count);
    for number in 1..=count {
        pages.push(page(&dir, &folder, number)?);
    }
    let known = |name: &String| (1..=count).any(|n| *name == format!("{n:04}.body") || *name == format!("{n:04}.json"));
    match names.iter().find(|name| !known(name)) {
        Some(odd) => Err(Error::broken(
            format!("{folder}/{odd}"),
            "it belongs to no page; pages are 0001.body, 0002.body and so on, each with a .json of its number",
        )),
        None => Ok(pages),
    }
}

fn page(dir: &Dir, folder: &str, number: usize) -> Result<RecordedPage, Error> {
    let (head_name, body_name) = (format!("{number:04}.json"), format!("{number:04}.body"));
    let body = dir.read(&body_name).map_err(Error::io(format!("{folder}/{body_name}")))?;
    let head = match dir.read(&head_name) {
        Ok(text) => serde_json::from_slice(&text).map_err(|e| Error::broken(format!("{folder}/{head_name}"), e))?,
        Err(cause) if cause.kind() == ErrorKind::NotFound => Head::default(),
        Err(cause) => return Err(Error::io(format!("{folder}/{head_name}"))(cause)),
    };
    Ok(RecordedPage { status: head.status, url: head.url, headers: head.headers, body: body.into() })
}

/// Writes the pages into a case's new folder.
pub(crate) fn write(case: &Dir, shown: &str, pages: &[RecordedPage]) -> Result<(), Error> {
    let folder = format!("{shown}/pages");
    case.create_dir("pages").map_err(Error::io(&folder))?;
    let dir = case.open_dir("pages").map_err(Error::io(&folder))?;
    for (index, page) in pages.iter().enumerate() {
        let number = index + 1;
        let head = Head { status: page.status, url: page.url.clone(), headers: page.headers.clone() };
        let mut text = serde_json::to_vec_pretty(&head).map_err(|e| Error::broken(&folder, e))?;
        text.push(b'\n');
        for (name, content) in
            [(format!("{number:04}.json"), text.as_slice()), (format!("{number:04}.body"), &page.body)]
        {
            crate::record::write_private(&dir, &name, content).map_err(Error::io(format!("{folder}/{name}")))?;
        }
    }
    Ok(())
}
