//! `dpone record`: a run's journal as a recorded case for its extractor, with secrets out.
//!
//! A journal holds no credential of the connection, but a server may echo one, and a case is meant to
//! be shared. So headers that carry credentials go, and known values are replaced wherever they
//! stand. What is expected is what the run saw: the plugin is not asked again.

mod redact;

use crate::folders::Folders;
use crate::resolve::Host;
use crate::resume::StoredWindow;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use dpone_connections::{Environment, HttpConnection, Profile, Resolver, Role};
use dpone_journal::{Head, Journals, PageEntry, Reader};
use dpone_json::Scanner;
use dpone_manifest::{Body, Manifest, PluginUse, Source, Variables};
use dpone_model::plugin::Ending;
use dpone_model::{PagePlace, Report, RunId, codes};
use dpone_source::{SharedScanner, rescan, resolved_url};
use dpone_trial::{Answer, RecordedPage, Recording, Step, edit_json, lines};
use redact::Redactor;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A value of the environment that is shorter than this is looked for in the manifest's own values
/// only: in pages it would be found by chance.
const MIN_VARIABLE: usize = 8;

/// The recording.
#[derive(Debug)]
pub struct Recorded {
    pub folder: PathBuf,
    pub pages: usize,
    pub records: usize,
    /// Notes for a person who wants to share the case, a line each.
    pub notes: Vec<String>,
}

/// Writes the case into a new folder, `out`; up to `pages` pages.
pub async fn record(
    host: &Host,
    run_id: &RunId,
    profile: Option<&str>,
    out: &Path,
    pages: Option<u64>,
) -> Result<Recorded, Report> {
    let journals = Journals::open(Folders::open(&host.workdir)?.below("journal")?);
    let (head, reader, _) = journals.read(run_id)?;
    if reader.pages() == 0 {
        return Err(Report::new(&codes::disk::NOT_RESUMABLE, format!("run {run_id} has no pages any more"))
            .hint("a finished run lets go of them; set `journal.keep: 1h` in the manifest and run again"));
    }
    let (manifest, variables) = manifest(&head)?;
    let Some(extractor) = manifest.source.pagination.extractor.clone() else {
        return Err(Report::new(
            &codes::plugin::NO_CASES,
            format!("run {run_id} had no extractor to record a case for"),
        ));
    };
    let mut redactor = Redactor::default();
    let mut notes = Vec::new();
    let connection = connection(host, &manifest, profile.or(head.profile.as_deref()), &mut notes).await;
    if let Some(connection) = &connection {
        redactor.connection(connection);
    }
    let in_url = |value: &String| manifest.source.url.contains(value.as_str());
    variables.iter().filter(|v| v.len() >= MIN_VARIABLE && !in_url(v)).for_each(|value| redactor.secret(value));

    let count = pages.unwrap_or(u64::MAX).min(reader.pages() as u64);
    let (recorded, expected, records) = recorded(&reader, count, &mut redactor)?;
    let url = request_url(&manifest.source, connection.as_ref(), recorded.first());
    let case = case_text(&head, &manifest.source, &extractor, &url, &variables, &mut redactor);
    tell(&redactor, &variables, &mut notes);
    let recording = Recording { case, pages: recorded, expected };
    write(out, &recording)?;
    Ok(Recorded { folder: out.to_owned(), pages: recording.pages.len(), records, notes })
}

/// The journalled manifest, and the values of the environment that went into it.
fn manifest(head: &Head) -> Result<(Manifest, BTreeSet<String>), Report> {
    let window: StoredWindow = serde_json::from_value(head.window.clone())
        .map_err(|cause| Report::new(&codes::disk::DAMAGED, format!("the journal's head: {cause}")))?;
    let used: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let noted = used.clone();
    let variables = Variables {
        env: Box::new(move |name| {
            let value = std::env::var(name).ok()?;
            noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(value.clone());
            Some(value)
        }),
        params: window.params,
        interval: window.from.zip(window.to),
    };
    let manifest = dpone_manifest::load(head.manifest_text.as_bytes(), &head.manifest_file, &variables)?;
    let used = std::mem::take(&mut *used.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    Ok((manifest, used.into_iter().filter(|value| !value.is_empty()).collect()))
}

/// The run's HTTP connection, for its secrets. One that cannot be resolved is no error: the journal
/// has none of them by itself.
async fn connection(
    host: &Host,
    manifest: &Manifest,
    profile: Option<&str>,
    notes: &mut Vec<String>,
) -> Option<HttpConnection> {
    let wanted = &manifest.source.connection;
    let environment = Environment::of_process();
    let resolved = match Profile::load(&host.workdir, profile, &|name| environment.get(name)) {
        // The demo API asks for no credentials, and need not be started to be told so.
        Ok(profile) if profile.stand_in(Role::Http, &wanted.id) == Ok(true) => return None,
        Ok(profile) => Resolver::new(profile, None, host.workdir.clone(), environment).http(wanted).await,
        Err(error) => Err(error.into()),
    };
    resolved
        .inspect_err(|report| {
            notes.push(format!(
                "connection {} could not be resolved, so its secrets could not be looked for; check the pages before you share them ({})",
                wanted.id,
                report.message()
            ));
        })
        .ok()
}

type Pages = (Vec<RecordedPage>, Answer, usize);

/// The pages and what came of them, both without secrets.
fn recorded(reader: &Reader, count: u64, redactor: &mut Redactor) -> Result<Pages, Report> {
    let scanner: SharedScanner = Arc::new(Mutex::new(Scanner::new()));
    let (mut pages, mut answer, mut total) = (Vec::new(), Answer::default(), 0);
    for number in 1..=count {
        let entry = reader.read(number)?;
        let page = RecordedPage {
            status: entry.status,
            url: Some(redactor.text(&entry.url)),
            headers: redactor.headers(&entry.headers),
            body: redactor.bytes(&entry.body).into(),
        };
        if number == 1 {
            answer.first = Some(edit(&entry.request, redactor)?);
        }
        let records = records(&scanner, &entry, &page, redactor)?;
        total += records.len();
        let next = entry.next.as_ref().map(|next| edit(next, redactor)).transpose()?;
        let ended = entry.ended.as_ref().map(|ended| end(ended, redactor)).transpose()?;
        answer.pages.push(Step { records, next, ended, ..Step::default() });
        pages.push(page);
    }
    Ok((pages, answer, total))
}

fn records(
    scanner: &SharedScanner,
    entry: &PageEntry,
    page: &RecordedPage,
    redactor: &mut Redactor,
) -> Result<Vec<Box<RawValue>>, Report> {
    let source = match (&entry.records_body, &entry.records_path) {
        (None, None) => return Ok(Vec::new()),
        (Some(made), _) => redactor.bytes(made),
        (None, Some(_)) => page.body.to_vec(),
    };
    let path = entry.records_path.as_deref().filter(|_| entry.records_body.is_none());
    let place = PagePlace::new(entry.page, entry.url.clone());
    let records = rescan(scanner, &place, &source, path).map_err(|report| {
        report.hint("the page cannot be read once secrets are out of it; record fewer pages with --pages")
    })?;
    lines(&dpone_json::ndjson(&source, &records)).map_err(bug)
}

fn edit(edit: &dpone_model::plugin::RequestEdit, redactor: &mut Redactor) -> Result<Box<RawValue>, Report> {
    RawValue::from_string(redactor.value(&edit_json(edit)).to_string()).map_err(bug)
}

fn end(ended: &Ending, redactor: &mut Redactor) -> Result<Box<RawValue>, Report> {
    let ended = serde_json::to_value(ended).map_err(bug)?;
    RawValue::from_string(redactor.value(&ended).to_string()).map_err(bug)
}

/// The URL that the request rules go by: the manifest's own on the origin that answered.
fn request_url(source: &Source, connection: Option<&HttpConnection>, first: Option<&RecordedPage>) -> String {
    let resolved = connection.and_then(|connection| resolved_url(source, connection).ok()).map(String::from);
    let answered = || first.and_then(|page| page.url.as_ref()?.split('?').next().map(str::to_owned));
    resolved.or_else(answered).unwrap_or_else(|| source.url.clone())
}

/// `case.yaml`: keys of the manifest, each value as JSON, which is YAML too.
fn case_text(
    head: &Head,
    source: &Source,
    extractor: &PluginUse,
    url: &str,
    variables: &BTreeSet<String>,
    redactor: &mut Redactor,
) -> String {
    let mut clean = |value: Value| redactor.value(&without(&value, variables));
    let mut request = Map::new();
    request.insert("url".into(), clean(json!(url)));
    request.insert("method".into(), json!(source.method));
    if !source.params.is_empty() {
        request.insert("params".into(), clean(grouped(&source.params)));
    }
    if !source.headers.is_empty() {
        request.insert("headers".into(), clean(grouped(&source.headers)));
    }
    match &source.body {
        Some(Body::Json(body)) => drop(request.insert("json".into(), clean(body.clone()))),
        Some(Body::Text(body)) => drop(request.insert("body".into(), clean(json!(body)))),
        None => {}
    }
    if !source.allow_origins.is_empty() {
        request.insert("allow_origins".into(), json!(source.allow_origins));
    }
    let mut text = format!("# Recorded by `dpone record` of run {} of {}.\n", head.run_id, head.pipeline);
    let mut line = |key: &str, value: Value| text.push_str(&format!("{key}: {value}\n"));
    line("options", clean(Value::Object(extractor.with.clone())));
    line("records_path", json!(source.records_path));
    line("request", Value::Object(request));
    let granted = &extractor.grants;
    let grants = [("headers", &granted.headers), ("methods", &granted.methods), ("paths", &granted.paths)];
    let grants: Map<_, _> = grants
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(key, names)| (key.to_owned(), json!(names)))
        .collect();
    if !grants.is_empty() {
        line("grants", Value::Object(grants));
    }
    text
}

/// A name that occurs again has a list of values.
fn grouped(pairs: &[(String, String)]) -> Value {
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in pairs {
        match fields.get_mut(name) {
            None => drop(fields.insert(name.clone(), json!(value))),
            Some(Value::Array(values)) => values.push(json!(value)),
            Some(one) => *one = json!([one.clone(), value]),
        }
    }
    Value::Object(fields)
}

/// Any value from the environment may be a secret, whatever it is called.
fn without(value: &Value, variables: &BTreeSet<String>) -> Value {
    match value {
        Value::String(text) if variables.contains(text) && !text.starts_with("http") => json!("[redacted]"),
        Value::Array(items) => items.iter().map(|item| without(item, variables)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), without(value, variables)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

fn tell(redactor: &Redactor, variables: &BTreeSet<String>, notes: &mut Vec<String>) {
    if redactor.replaced > 0 {
        notes.push(format!("{} occurrences of secrets were replaced by [redacted]", redactor.replaced));
    }
    if !redactor.dropped.is_empty() {
        notes.push(format!("headers left out: {}", redactor.dropped.join(", ")));
    }
    if redactor.too_short {
        notes.push("a secret of fewer than 6 bytes was not looked for; check the pages before you share them".into());
    }
    if variables.iter().any(|value| value.len() < MIN_VARIABLE) {
        notes.push("short values of the environment were not looked for in pages".into());
    }
    notes.push("rows are as the API gave them; look for personal data before you share the case".into());
}

/// Writes beside the folder and renames, so that it is there whole or not at all.
fn write(out: &Path, recording: &Recording) -> Result<(), Report> {
    let io = |path: &Path, cause: std::io::Error| Report::new(&codes::disk::IO, format!("{}: {cause}", path.display()));
    if out.symlink_metadata().is_ok() {
        return Err(Report::new(&codes::usage::FOLDER_EXISTS, format!("{} is there already", out.display()))
            .hint("name another folder with --out"));
    }
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let scratch = out.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = std::fs::create_dir_all(&scratch)
        .and_then(|()| Dir::open_ambient_dir(&scratch, ambient_authority()))
        .map_err(|cause| io(&scratch, cause))
        .and_then(|dir| dpone_trial::write(&dir, &out.display().to_string(), recording))
        .and_then(|()| std::fs::rename(&scratch, out).map_err(|cause| io(out, cause)));
    if written.is_err() {
        // The rest of a case that could not be written is of no use.
        let _ = std::fs::remove_dir_all(&scratch);
    }
    written
}

fn bug(cause: serde_json::Error) -> Report {
    Report::new(&codes::internal::BUG, cause.to_string())
}
