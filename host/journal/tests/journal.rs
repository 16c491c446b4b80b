//! The journal as a run uses it: crashes, damage, limits, recycled segments.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use dpone_journal::{
    Bodies, Change, Error, Head, Journals, Limits, Outcome, PageEntry, PageIndex, PurgeFilter, Reader, Status,
    StoredFailure, Writer,
};
use dpone_model::plugin::{Ending, RequestEdit, RequestValue};
use dpone_model::{Failure, PipelineName, Report, RunId, Span, WalkEnded, codes};
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

const SEGMENT: u64 = 4096;

struct Scratch {
    folder: tempfile::TempDir,
    journals: Journals,
}

impl Scratch {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        Self { journals: Journals::open(dir), folder }
    }

    fn create(&self, run: &str) -> Writer {
        self.journals.create(&head(run), limits()).unwrap()
    }

    fn reopen(&self, run: &str) -> Result<(Head, Writer, Reader, dpone_journal::Progress), Error> {
        self.journals.reopen(&RunId::parse(run).unwrap(), limits())
    }

    fn run_folder(&self, run: &str) -> PathBuf {
        self.folder.path().join("orders").join(run)
    }

    fn segment(&self, run: &str, number: u32) -> PathBuf {
        self.run_folder(run).join(format!("{number:06}.seg"))
    }

    /// Ends a writer as a kill does: the segments stay as long as they were.
    fn kill(&self, writer: Writer, run: &str) {
        let segments = self.segments(run).into_iter().map(|path| (path.clone(), fs::read(path).unwrap()));
        let segments: Vec<_> = segments.collect();
        drop(writer);
        segments.into_iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    }

    fn segments(&self, run: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(self.run_folder(run)).unwrap().map(|entry| entry.unwrap().path());
        let mut segments: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "seg")).collect();
        segments.sort();
        segments
    }

    fn lengths(&self, run: &str) -> Vec<u64> {
        self.segments(run).iter().map(|path| fs::metadata(path).unwrap().len()).collect()
    }

    fn pool(&self) -> Vec<PathBuf> {
        fs::read_dir(self.folder.path().join(".pool")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

fn limits() -> Limits {
    Limits { segment_bytes: SEGMENT, min_free_bytes: 1, sync_bytes: 2 * SEGMENT, ..Limits::default() }
}

fn head(run: &str) -> Head {
    Head {
        format: Head::FORMAT,
        run_id: RunId::parse(run).unwrap(),
        pipeline: PipelineName::parse("orders").unwrap(),
        manifest_text: "name: orders\n".into(),
        manifest_file: "orders.yaml".into(),
        manifest_sha256: "00".repeat(32),
        resolved: serde_json::json!({"topic": "dwh.orders"}),
        profile: Some("local".into()),
        plugins: Vec::new(),
        started_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        seed: 7,
        window: serde_json::Value::Null,
        revision: 3,
        slices: vec!["all".into()],
    }
}

/// A page whose bytes depend on its number and size.
fn page(number: u64, body_bytes: usize) -> PageEntry {
    let body: Vec<u8> = (0..body_bytes).map(|at| (at as u64 * 31 + number) as u8).collect();
    let mut index = PageIndex { source_rows: 2, extracted: 3, ..PageIndex::default() };
    for (at, key) in [format!("k{number}"), String::new()].iter().enumerate() {
        index.values.push(Span::new(at, body_bytes.max(at)));
        index.push_key(key.as_bytes());
    }
    PageEntry {
        page: number,
        request: RequestEdit {
            query: vec![("cursor".into(), RequestValue::Text(format!("c{number}")))],
            headers: vec![("X".into(), RequestValue::Secret("token".into()))],
            ..RequestEdit::default()
        },
        url: format!("https://api.example.com/orders?page={number}"),
        status: 200,
        headers: vec![("Content-Type".into(), "application/json".into())],
        body: Bytes::from(body),
        records_path: Some("data.items".into()),
        records_body: None,
        output: None,
        index,
        next: number.is_multiple_of(2).then(RequestEdit::default),
        ended: (number == 3).then(|| Ending::new("cursor-null", "`next` is null")),
        records_digest: Some(format!("{number:032x}")),
        newly_seen: (number == 1).then(|| "next".into()).into_iter().collect(),
        walk_ended: (number == 3).then(|| WalkEnded::new("cursor-null", number, "`next` is null")),
        extractor_state: vec![0, 255, number as u8],
    }
}

fn append(writer: &mut Writer, pages: impl IntoIterator<Item = u64>, body_bytes: usize) {
    for number in pages {
        writer.append(&page(number, body_bytes)).unwrap();
    }
}

#[test]
fn pages_come_back_as_they_went_in() {
    let scratch = Scratch::new();
    let mut writer = scratch.create("r1");
    let mut extracted = page(1, 10);
    extracted.records_path = None;
    extracted.records_body = Some(Bytes::from_static(b"{\"a\":1}\n"));
    let mut transformed = page(2, 0);
    transformed.output = Some(Bytes::new());
    let mut both = extracted.clone();
    both.page = 3;
    both.output = Some(Bytes::from_static(b"{\"b\":1}\n"));
    let changes = vec![Change::between(9, 1), Change::between(1, 5)];
    both.index = PageIndex { values: vec![Span::new(0, 7)], changes, ..PageIndex::default() };
    let pages = [extracted, transformed, both, page(4, 900), page(5, 3 * SEGMENT as usize), page(6, 1)];
    let reader = writer.reader();
    for entry in &pages {
        writer.append(entry).unwrap();
        assert_eq!(reader.read(entry.page).unwrap(), *entry, "while writing");
    }
    writer.seal().unwrap();
    drop(writer);
    let (found, writer, reader, progress) = scratch.reopen("r1").unwrap();
    assert_eq!(found, head("r1"));
    assert_eq!((reader.pages(), progress.sealed_pages), (6, 6));
    for entry in &pages {
        assert_eq!(reader.read(entry.page).unwrap(), *entry, "after reopening");
        assert_eq!(reader.index(entry.page).unwrap(), entry.index);
    }
    let last = reader.read(3).unwrap();
    assert_eq!((&last.published()[..], &last.source()[..]), (&b"{\"b\":1}\n"[..], &b"{\"a\":1}\n"[..]));
    for absent in [0, 7] {
        assert!(matches!(reader.read(absent), Err(Error::NoSuchPage { pages: 6, .. })));
    }
    drop(writer);
}

#[test]
fn keys_are_read_by_record() {
    let mut index = PageIndex::default();
    assert_eq!(index.key(0), None);
    for key in ["a", "", "ccc"] {
        index.push_key(key.as_bytes());
    }
    let keys: Vec<_> = (0..4).map(|at| index.key(at)).collect();
    assert_eq!(keys, [Some(&b"a"[..]), Some(b""), Some(b"ccc"), None]);
}

#[test]
fn a_torn_tail_is_cut_at_every_byte() {
    let scratch = Scratch::new();
    let mut writer = scratch.create("r1");
    append(&mut writer, 1..=2, 40);
    let start = writer.bytes();
    append(&mut writer, 3..=3, 40);
    let end = writer.bytes();
    // Not sealed: the process dies here.
    scratch.kill(writer, "r1");
    let path = scratch.segment("r1", 0);
    let whole = fs::read(&path).unwrap();
    let garbage = vec![0xA5; SEGMENT as usize];
    for torn in start..end {
        let torn = torn as usize;
        // Blocks that were not written are old ones of another run, or zeros.
        for rest in [&garbage, &vec![0; SEGMENT as usize]] {
            let mut bytes = whole.clone();
            bytes[torn..].copy_from_slice(&rest[torn..]);
            let differs = bytes != whole;
            fs::write(&path, &bytes).unwrap();
            let (_, mut writer, reader, _) = scratch.reopen("r1").unwrap();
            assert_eq!(reader.pages(), if differs { 2 } else { 3 }, "torn at {torn}");
            if differs {
                append(&mut writer, 3..=4, 41);
                assert_eq!(reader.read(4).unwrap(), page(4, 41));
            }
        }
    }
}

#[test]
fn what_lay_behind_a_cut_tail_is_never_taken_for_a_page() {
    let scratch = Scratch::new();
    let mut writer = scratch.create("r1");
    append(&mut writer, 1..=1, 40);
    let second = writer.bytes();
    append(&mut writer, 2..=3, 40);
    scratch.kill(writer, "r1");
    // Page 2 reached the disk torn, page 3 whole: writes are not ordered without a sync.
    let path = scratch.segment("r1", 0);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"torn", second + 20).unwrap();
    let (_, mut writer, reader, _) = scratch.reopen("r1").unwrap();
    assert_eq!(reader.pages(), 1);
    // Another page 2 of the same length: the old page 3 now stands right behind it.
    let mut other = page(2, 40);
    other.status = 203;
    writer.append(&other).unwrap();
    scratch.kill(writer, "r1");
    let (_, _, reader, _) = scratch.reopen("r1").unwrap();
    assert_eq!(reader.pages(), 2);
    assert_eq!(reader.read(2).unwrap(), other);
}

#[test]
fn every_flipped_bit_of_a_synced_page_is_damage() {
    let scratch = Scratch::new();
    let mut writer = scratch.create("r1");
    append(&mut writer, 1..=1, 16);
    let end = writer.bytes();
    writer.seal().unwrap();
    let reader = writer.reader();
    let path = scratch.segment("r1", 0);
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    for at in 0..end {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1 << (at % 8)], at).unwrap();
        let error = reader.read(1).unwrap_err();
        assert_eq!(error.code(), &codes::disk::DAMAGED, "byte {at}: {error}");
        file.write_all_at(&byte, at).unwrap();
    }
    reader.read(1).unwrap();
    file.write_all_at(b"?", end - 1).unwrap();
    drop(writer);
    let error = scratch.reopen("r1").unwrap_err();
    assert_eq!(error.code(), &codes::disk::DAMAGED, "{error}");
    assert!(reader.index(1).is_ok(), "the index lies before the damage");
    fs::remove_file(&path).unwrap();
    assert_eq!(scratch.reopen("r1").unwrap_err().code(), &codes::disk::DAMAGED);
}

#[test]
fn a_recycled_segment_keeps_nothing_of_the_earlier_run() {
    let scratch = Scratch::new();
    let mut first = scratch.create("r1");
    append(&mut first, 1..=20, 500);
    first.seal().unwrap();
    first.finish(Bodies::Drop).unwrap();
    let pooled = scratch.pool().len();
    assert!(pooled >= 3, "{pooled}");
    assert!(!scratch.segment("r1", 0).exists());

    let mut second = scratch.create("r2");
    append(&mut second, 1..=1, 500);
    assert_eq!(scratch.pool().len(), pooled - 1, "a segment was recycled");
    scratch.kill(second, "r2");
    // Pages 2… of r1 stand right behind page 1 of r2, which has the same length.
    let (_, mut writer, reader, _) = scratch.reopen("r2").unwrap();
    assert_eq!(reader.pages(), 1);
    append(&mut writer, 2..=9, 500);
    drop(writer);
    let (_, _, reader, _) = scratch.reopen("r2").unwrap();
    assert_eq!(reader.pages(), 9);
    assert!((1..=9).all(|number| reader.read(number).unwrap() == page(number, 500)));
}

#[test]
fn the_pool_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let journals = Journals::open(dir).with_pool_bytes(2 * SEGMENT);
    let mut writer = journals.create(&head("r1"), limits()).unwrap();
    append(&mut writer, 1..=20, 900);
    writer.finish(Bodies::Drop).unwrap();
    assert_eq!(fs::read_dir(folder.path().join(".pool")).unwrap().count(), 2);
}

#[test]
fn a_run_goes_on_where_it_stopped() {
    let scratch = Scratch::new();
    let mut writer = scratch.create("r1");
    append(&mut writer, 1..=7, 700);
    writer.seal().unwrap();
    let report = Report::new(&codes::delivery::NOT_DELIVERED, "3 of 9 messages");
    writer
        .mark(|progress| {
            progress.extracted = true;
            progress.judged = true;
            progress.delivered_through = 4;
            progress.published = 9;
            progress.acknowledged = 8;
            progress.failure = Some(StoredFailure::from(&report));
        })
        .unwrap();
    drop(writer);
    let (_, mut writer, reader, progress) = scratch.reopen("r1").unwrap();
    assert!(progress.extracted && progress.judged && !progress.finished);
    assert_eq!((progress.delivered_through, progress.published, progress.acknowledged), (4, 9, 8));
    assert_eq!(progress.failure.as_ref().map(|f| (f.code.as_str(), f.exit_code)), Some(("DP0504", 21)));
    assert_eq!(writer.append(&page(7, 1)).unwrap_err().to_string().split(':').next(), Some("page 7 follows page 7"));
    append(&mut writer, 8..=12, 700);
    assert!((1..=12).all(|number| reader.read(number).unwrap() == page(number, 700)));
}

#[test]
fn limits_end_a_run_before_the_disk_does() {
    let scratch = Scratch::new();
    let bounded = Limits { max_bytes: 3500, ..limits() };
    let mut writer = scratch.journals.create(&head("r1"), bounded).unwrap();
    append(&mut writer, 1..=2, 900);
    let error = writer.append(&page(3, 900)).unwrap_err();
    assert_eq!(error.code(), &codes::disk::JOURNAL_LIMIT, "{error}");
    // The journal is as before; a smaller page still fits.
    append(&mut writer, 3..=3, 1);
    drop(writer);
    assert_eq!(scratch.reopen("r1").unwrap().2.pages(), 3);

    let greedy = Limits { min_free_bytes: u64::MAX, ..limits() };
    let error = scratch.journals.create(&head("r2"), greedy).unwrap_err();
    assert_eq!(error.code(), &codes::disk::FULL, "{error}");
    assert!(!scratch.run_folder("r2").exists(), "nothing was begun");
}

#[test]
fn one_process_a_run() {
    let scratch = Scratch::new();
    let writer = scratch.create("r1");
    assert_eq!(scratch.reopen("r1").unwrap_err().code(), &codes::disk::BUSY);
    assert_eq!(scratch.journals.create(&head("r1"), limits()).unwrap_err().code(), &codes::disk::BUSY);
    assert_eq!(scratch.journals.list().unwrap()[0].status, Status::Active);
    drop(writer);
    assert!(scratch.reopen("r1").is_ok());
    assert!(scratch.journals.create(&head("r1"), limits()).is_err(), "a run id is used once");
    assert_eq!(scratch.reopen("other").unwrap_err().code(), &codes::usage::UNKNOWN_RUN);
}

#[test]
fn purge_takes_what_is_due_and_keeps_the_counts() {
    let scratch = Scratch::new();
    let now = Timestamp::now();
    let hours = |hours| now + SignedDuration::from_hours(hours);
    for run in ["failed", "kept", "active", "finished"] {
        let mut writer = scratch.create(run);
        append(&mut writer, 1..=3, 100);
        writer.seal().unwrap();
        match run {
            "finished" => writer.finish(Bodies::Drop).unwrap(),
            "kept" => writer.finish(Bodies::KeepUntil(hours(24))).unwrap(),
            "active" => std::mem::forget(writer),
            _ => {}
        }
    }
    let status = || {
        let summaries = scratch.journals.list().unwrap();
        summaries.iter().map(|s| (s.run_id.to_string(), s.status)).collect::<std::collections::BTreeMap<_, _>>()
    };
    let expired = |at| scratch.journals.purge_at(&PurgeFilter::Expired, at).unwrap().runs;
    assert_eq!(expired(hours(23)), 0);
    assert_eq!(expired(hours(25)), 1, "kept");
    assert_eq!(expired(hours(71)), 0);
    assert_eq!(expired(hours(73)), 1, "failed");
    assert_eq!(expired(hours(1000)), 0);
    let expected = [
        ("active", Status::Active),
        ("failed", Status::Purged),
        ("finished", Status::Purged),
        ("kept", Status::Purged),
    ];
    assert_eq!(status(), expected.map(|(run, status)| (run.to_owned(), status)).into());
    assert!(!scratch.pool().is_empty());
    scratch.journals.purge(&PurgeFilter::All).unwrap();
    assert!(scratch.pool().is_empty(), "recycled pages are gone too");
    for summary in scratch.journals.list().unwrap() {
        assert_eq!((summary.pages, summary.progress.digest.len()), (3, 16), "{}", summary.run_id);
    }
    assert_eq!(scratch.reopen("failed").unwrap_err().code(), &codes::disk::NOT_RESUMABLE);
    assert!(scratch.segment("active", 0).exists());
    let unknown = PurgeFilter::Run(RunId::parse("nobody").unwrap());
    assert_eq!(scratch.journals.purge(&unknown).unwrap_err().code(), &codes::usage::UNKNOWN_RUN);
}

#[test]
fn one_run_can_be_purged_at_once() {
    let scratch = Scratch::new();
    let mut writer = scratch.create("r1");
    append(&mut writer, 1..=3, 100);
    let bytes = writer.bytes();
    scratch.kill(writer, "r1");
    let listed = scratch.journals.list().unwrap();
    assert_eq!((listed[0].pages, listed[0].resumable), (3, true), "a killed run marked none of them");
    let purged = scratch.journals.purge(&PurgeFilter::Run(RunId::parse("r1").unwrap())).unwrap();
    assert_eq!((purged.runs, purged.bytes), (1, bytes));
    assert!(scratch.pool().is_empty(), "its pages do not live on in the pool");
}

#[test]
fn files_are_private() {
    let scratch = Scratch::new();
    let mut writer = scratch.create("r1");
    append(&mut writer, 1..=9, 900);
    writer.seal().unwrap();
    fn check(path: &Path) {
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(metadata.permissions().mode() & 0o777, expected, "{}", entry.path().display());
            if metadata.is_dir() {
                check(&entry.path());
            }
        }
    }
    check(scratch.folder.path());
}

#[test]
fn a_journal_of_another_format_is_not_resumed() {
    let scratch = Scratch::new();
    drop(scratch.create("r1"));
    let path = scratch.run_folder("r1").join("head.json");
    let newer = fs::read_to_string(&path).unwrap().replace("\"format\": 2", "\"format\": 9, \"shape\": \"unknown\"");
    fs::write(&path, newer).unwrap();
    assert_eq!(scratch.reopen("r1").unwrap_err().code(), &codes::disk::NOT_RESUMABLE);
}

#[test]
fn the_files_beside_the_pages_are_held_to_their_checksums() {
    // File, what stands there, and what takes its place.
    let changes: &[(&str, &str, &str)] = &[
        ("head.json", "name: orders", "name: others"),
        ("head.json", "\"manifest_text\": \"", "\"manifest_text\": \"# "),
        ("head.json", "\"revision\": 3", "\"revision\": 8"),
        ("head.json", "\"checksum\": \"", "\"checksum\": \"0"),
        ("head.json", "\n}", "\n }"),
        ("head.json", "\n}", "\n}\n"),
        ("head.json", "{\n", "{\n \"slices\": [],"),
        ("head.json", "\n}", ""),
        ("progress.json", "\"extracted\": false", "\"extracted\": true"),
        ("progress.json", "\"delivered_through\": 0", "\"delivered_through\": 2"),
        ("progress.json", "\"finished\": false", "\"finished\": true"),
        ("progress.json", "\"sealed_pages\": 3", "\"sealed_pages\": 0"),
        ("progress.json", "\n}", ",\n  \"extracted\": true\n}"),
    ];
    for (file, before, after) in changes {
        let scratch = Scratch::new();
        let mut writer = scratch.create("r1");
        append(&mut writer, 1..=3, 800);
        writer.seal().unwrap();
        drop(writer);
        let path = scratch.run_folder("r1").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(before), "{before} in {text}");
        fs::write(&path, text.replacen(before, after, 1)).unwrap();
        refuses_damage(&scratch, "r1", file);
        fs::write(&path, text).unwrap();
        scratch.reopen("r1").unwrap();
    }
}

/// Neither resumed nor read nor listed; its pages go with the next purge that means them.
fn refuses_damage(scratch: &Scratch, run: &str, file: &str) {
    let run = RunId::parse(run).unwrap();
    let error = scratch.reopen(run.as_str()).unwrap_err();
    assert_eq!(error.code(), &codes::disk::DAMAGED, "{error}");
    assert!(error.to_string().starts_with(file), "{error}");
    assert_eq!(scratch.journals.read(&run).unwrap_err().code(), &codes::disk::DAMAGED);
    assert!(scratch.journals.list().unwrap().is_empty());
    assert_eq!(scratch.journals.purge(&PurgeFilter::Expired).unwrap().runs, 0);
}

#[test]
fn a_file_of_another_run_is_none_of_this_one() {
    let scratch = Scratch::new();
    for run in ["r1", "r2"] {
        append(&mut scratch.create(run), 1..=3, 800);
    }
    for file in ["head.json", "progress.json"] {
        let own = fs::read(scratch.run_folder("r1").join(file)).unwrap();
        fs::copy(scratch.run_folder("r2").join(file), scratch.run_folder("r1").join(file)).unwrap();
        let error = scratch.reopen("r1").unwrap_err();
        assert_eq!(error.code(), &codes::disk::DAMAGED, "{file}: {error}");
        fs::write(scratch.run_folder("r1").join(file), own).unwrap();
    }
    fs::remove_file(scratch.run_folder("r1").join("progress.json")).unwrap();
    assert_eq!(scratch.reopen("r1").unwrap_err().code(), &codes::disk::DAMAGED, "there are pages");
}

#[test]
fn the_pages_of_a_run_that_cannot_be_read_are_purged() {
    let later = Timestamp::now() + SignedDuration::from_hours(73);
    for (filter, goes) in
        [(PurgeFilter::Expired, false), (PurgeFilter::Run(RunId::parse("r1").unwrap()), true), (PurgeFilter::All, true)]
    {
        let scratch = Scratch::new();
        append(&mut scratch.create("r1"), 1..=3, 800);
        fs::write(scratch.run_folder("r1").join("head.json"), "{").unwrap();
        assert_eq!(scratch.journals.purge(&filter).unwrap().runs, u64::from(goes), "{filter:?}");
        assert_eq!(scratch.segments("r1").is_empty(), goes);
        scratch.journals.purge_at(&PurgeFilter::Expired, later).unwrap();
        assert!(scratch.segments("r1").is_empty(), "{filter:?}");
    }
}

#[test]
fn nothing_waits_for_a_pipe_in_the_place_of_a_file() {
    for file in ["head.json", "progress.json", "000000.seg", "lock"] {
        let scratch = Scratch::new();
        append(&mut scratch.create("r1"), 1..=3, 800);
        let path = scratch.run_folder("r1").join(file);
        fs::remove_file(&path).unwrap();
        let status = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(status.success());
        let error = scratch.reopen("r1").unwrap_err().to_string();
        assert!(error.contains("a named pipe") || file == "head.json", "{file}: {error}");
        assert!(scratch.journals.list().is_ok(), "{file}");
        if file.ends_with(".json") {
            assert!(scratch.journals.purge(&PurgeFilter::All).is_ok(), "{file}");
        }
    }
}

#[test]
fn readers_run_beside_the_writer() {
    let scratch = Scratch::new();
    let mut writer = scratch.create("r1");
    let reader = writer.reader();
    let other = std::thread::spawn(move || {
        let mut seen = 0;
        while seen < 200 {
            while seen < reader.pages() as u64 {
                seen += 1;
                assert_eq!(reader.read(seen).unwrap(), page(seen, 333));
            }
        }
    });
    append(&mut writer, 1..=200, 333);
    other.join().unwrap();
}

/// Three pages to a segment; the fourth segment has one.
fn ten_pages(scratch: &Scratch, run: &str) -> Writer {
    let mut writer = scratch.create(run);
    append(&mut writer, 1..=10, 800);
    writer.seal().unwrap();
    assert_eq!(scratch.lengths(run), [SEGMENT; 4]);
    writer
}

#[test]
fn a_stopped_run_keeps_the_room_of_its_pages_and_goes_on() {
    let scratch = Scratch::new();
    let writer = ten_pages(&scratch, "r1");
    let bytes = writer.bytes();
    drop(writer);
    assert_eq!(scratch.lengths("r1").iter().sum::<u64>(), bytes);
    assert!(scratch.lengths("r1").iter().all(|length| *length < SEGMENT));
    assert_eq!(scratch.journals.list().unwrap()[0].bytes_on_disk, bytes);
    let (_, mut writer, reader, _) = scratch.reopen("r1").unwrap();
    append(&mut writer, 11..=12, 800);
    assert!((1..=12).all(|number| reader.read(number).unwrap() == page(number, 800)));
    let bytes = writer.bytes();
    drop(writer);
    assert_eq!(scratch.lengths("r1").iter().sum::<u64>(), bytes, "a second attempt is trimmed, too");
    let (_, writer, _, _) = scratch.reopen("r1").unwrap();
    writer.finish(Bodies::Drop).unwrap();
    assert!(scratch.pool().is_empty(), "no run asks for a segment that was trimmed");
}

#[test]
fn a_kept_run_is_trimmed_and_a_finished_one_leaves_whole_segments() {
    let scratch = Scratch::new();
    let writer = ten_pages(&scratch, "kept");
    let bytes = writer.bytes();
    writer.finish(Bodies::KeepUntil(Timestamp::now() + SignedDuration::from_hours(1))).unwrap();
    assert_eq!(scratch.lengths("kept").iter().sum::<u64>(), bytes);
    ten_pages(&scratch, "done").finish(Bodies::Drop).unwrap();
    let pooled: Vec<u64> = scratch.pool().iter().map(|path| fs::metadata(path).unwrap().len()).collect();
    assert_eq!(pooled, [SEGMENT; 4], "the next run overwrites blocks that exist");
}

#[test]
fn a_killed_run_is_trimmed_by_whoever_meets_it() {
    let meets: [fn(&Journals); 2] = [
        |journals| {
            journals.list().unwrap();
        },
        |journals| {
            journals.purge(&PurgeFilter::Expired).unwrap();
        },
    ];
    for meet in meets {
        let scratch = Scratch::new();
        let mut writer = scratch.create("r1");
        append(&mut writer, 1..=10, 800);
        let bytes = writer.bytes();
        scratch.kill(writer, "r1");
        // A segment that was begun for a page of which nothing arrived.
        fs::write(scratch.segment("r1", 4), vec![0; SEGMENT as usize]).unwrap();
        meet(&scratch.journals);
        assert_eq!(scratch.lengths("r1").iter().sum::<u64>(), bytes);
        let (_, _, reader, _) = scratch.reopen("r1").unwrap();
        assert!((1..=10).all(|number| reader.read(number).unwrap() == page(number, 800)));
    }
}

#[test]
fn who_meets_a_damaged_or_an_active_run_leaves_it_as_it_is() {
    let scratch = Scratch::new();
    let writer = ten_pages(&scratch, "r1");
    scratch.journals.list().unwrap();
    scratch.journals.purge(&PurgeFilter::Expired).unwrap();
    assert_eq!(scratch.lengths("r1"), [SEGMENT; 4], "its writer goes on in the last one");
    scratch.kill(writer, "r1");
    // The head of a page that was sealed is gone; what follows may still be of use to somebody.
    fs::OpenOptions::new().write(true).open(scratch.segment("r1", 1)).unwrap().write_all_at(b"?", 0).unwrap();
    scratch.journals.list().unwrap();
    assert_eq!(scratch.lengths("r1"), [SEGMENT; 4]);
    assert_eq!(scratch.reopen("r1").unwrap_err().code(), &codes::disk::DAMAGED);
}

#[test]
fn a_listing_says_how_each_run_ended_newest_first() {
    let scratch = Scratch::new();
    let failure = |code| StoredFailure::from(&Report::new(code, "why"));
    let runs = ["done", "failed", "interrupted", "killed", "running"];
    let mut running = None;
    for (hour, run) in runs.into_iter().enumerate() {
        let started_at = "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap();
        let started_at = started_at + SignedDuration::from_hours(hour as i64);
        let mut writer = scratch.journals.create(&Head { started_at, ..head(run) }, limits()).unwrap();
        append(&mut writer, 1..=1, 100);
        let note = |code| scratch.journals.note_failure(&RunId::parse(run).unwrap(), failure(code)).unwrap();
        match run {
            "done" => writer.finish(Bodies::Drop).unwrap(),
            "killed" => scratch.kill(writer, run),
            "running" => running = Some(writer),
            _ => {
                drop(writer);
                note(if run == "failed" { &codes::source::STATUS } else { &codes::interrupted::INTERRUPTED });
            }
        }
    }
    let listed = scratch.journals.list().unwrap();
    let shown: Vec<_> = listed.iter().map(|summary| (summary.run_id.as_str(), summary.outcome)).collect();
    let expected = [
        ("running", Outcome::Running),
        ("killed", Outcome::Killed),
        ("interrupted", Outcome::Interrupted),
        ("failed", Outcome::Failed),
        ("done", Outcome::Succeeded),
    ];
    assert_eq!(shown, expected);
    let failed = listed[3].progress.failure.as_ref().unwrap();
    assert_eq!((failed.code.as_str(), failed.message.as_str(), failed.exit_code), ("DP0403", "why", 20));
    drop(running);

    // A later attempt that succeeds takes the failure with it.
    let (_, writer, _, progress) = scratch.reopen("failed").unwrap();
    assert!(progress.failure.is_some());
    writer.finish(Bodies::Drop).unwrap();
    let listed = scratch.journals.list().unwrap();
    assert_eq!((listed[3].outcome, listed[3].progress.failure.as_ref()), (Outcome::Succeeded, None));
}
