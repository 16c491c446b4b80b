//! The cache of compiled code: found again, and never believed without its checksum.

use crate::guest::Guest;
use crate::support::{open, sandbox_in, setup};
use dpone_sandbox::{ChildCommand, CompileLimits, Sandbox};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn entry(dir: &tempfile::TempDir) -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cwasm"))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[tokio::test]
async fn the_second_load_comes_from_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = Guest::extractor().component();
    for cached in [false, true, true] {
        // A new sandbox each time, as after a restart.
        let sandbox = sandbox_in(&dir);
        let loaded = sandbox.load(bytes.clone(), "guest.wasm").await.unwrap();
        assert_eq!(loaded.inspection().cached, cached);
        sandbox.extractor(&loaded, setup()).await.unwrap().start().await.unwrap();
    }
    let key = std::fs::metadata(dir.path().join("key")).unwrap();
    assert_eq!((key.permissions().mode() & 0o777, key.len()), (0o600, 64));
}

/// A warm start starts no child, whatever it is for.
#[tokio::test]
async fn options_that_were_sound_are_not_judged_again() {
    let dir = tempfile::tempdir().unwrap();
    let schema = r#"{"properties":{"next":{"type":"string"}}}"#;
    let bytes = Guest::extractor().schema(schema).component();
    let nobody = ChildCommand { program: "/nonexistent".into(), args: Vec::new() };
    let with = |next: &str| {
        let mut setup = setup();
        setup.with.insert("next".into(), next.into());
        setup
    };
    let first = sandbox_in(&dir);
    let loaded = first.load(bytes.clone(), "guest.wasm").await.unwrap();
    first.extractor(&loaded, with("a")).await.unwrap();
    let warm = || Sandbox::new(open(&dir), CompileLimits::default(), nobody.clone()).unwrap();
    let loaded = warm().load(bytes.clone(), "guest.wasm").await.unwrap();
    warm().extractor(&loaded, with("a")).await.unwrap();
    let report = warm().extractor(&loaded, with("b")).await.err().unwrap();
    assert!(report.message().contains("cannot be run"), "other options are judged: {report}");
    // Nobody but the host says that something is sound.
    for entry in std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|extension| extension == "sound") {
            let mut bytes = std::fs::read(&entry).unwrap();
            bytes[10] ^= 1;
            std::fs::write(&entry, bytes).unwrap();
        }
    }
    let report = warm().load(bytes, "guest.wasm").await.err().unwrap();
    assert!(report.message().contains("cannot be run"), "{report}");
}

#[tokio::test]
async fn a_changed_entry_is_compiled_anew() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = Guest::extractor().component();
    sandbox_in(&dir).load(bytes.clone(), "guest.wasm").await.unwrap();
    let good = std::fs::read(entry(&dir)).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    for damaged in [
        flipped(0),
        flipped(20),
        flipped(good.len() / 2),
        flipped(good.len() - 1),
        good[..good.len() - 1].to_vec(),
        good[..20].to_vec(),
        Vec::new(),
        // Native code without the host's checksum is not run, however sound it is.
        good[40..].to_vec(),
    ] {
        std::fs::write(entry(&dir), &damaged).unwrap();
        let loaded = sandbox_in(&dir).load(bytes.clone(), "guest.wasm").await.unwrap();
        assert!(!loaded.inspection().cached);
        assert_eq!(std::fs::read(entry(&dir)).unwrap().len(), good.len(), "it is written again");
    }
}

#[tokio::test]
async fn an_entry_belongs_to_its_component_and_to_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = sandbox_in(&dir);
    let (first, second) = (Guest::extractor().component(), Guest::extractor().named("guest2").component());
    sandbox.load(first.clone(), "guest.wasm").await.unwrap();
    let first_path = entry(&dir);
    let first_code = std::fs::read(&first_path).unwrap();
    std::fs::remove_file(&first_path).unwrap();
    sandbox.load(second.clone(), "guest.wasm").await.unwrap();
    // Another component's sound entry under this component's name.
    std::fs::write(entry(&dir), &first_code).unwrap();
    let loaded = sandbox.load(second.clone(), "guest.wasm").await.unwrap();
    assert_eq!((loaded.inspection().cached, loaded.inspection().identity.name.as_str()), (false, "guest2"));
    assert!(sandbox.load(second.clone(), "guest.wasm").await.unwrap().inspection().cached);
    // A torn key is replaced, and what it signed is no longer believed.
    std::fs::write(dir.path().join("key"), b"short").unwrap();
    assert!(!sandbox.load(second.clone(), "guest.wasm").await.unwrap().inspection().cached);
    assert!(sandbox.load(second, "guest.wasm").await.unwrap().inspection().cached);
}

#[tokio::test]
async fn what_others_may_read_or_write_is_not_believed() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let bytes = Guest::extractor().component();
    let cached = async || sandbox_in(&dir).load(bytes.clone(), "guest.wasm").await.unwrap().inspection().cached;
    let chmod = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    assert!(!cached().await && cached().await);
    let entry = entry(&dir);
    assert_eq!(std::fs::metadata(&entry).unwrap().permissions().mode() & 0o777, 0o600);
    chmod(&entry, 0o622);
    assert!(!cached().await && cached().await, "an entry that others may write");
    // A holder of the key signs whatever it likes.
    let key = dir.path().join("key");
    let known = std::fs::read(&key).unwrap();
    chmod(&key, 0o640);
    assert!(!cached().await && cached().await, "a key that others may read");
    assert_ne!(std::fs::read(&key).unwrap(), known);
    // A pipe is no key, and nobody waits for its writer.
    std::fs::remove_file(&key).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &key, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(!cached().await && cached().await, "a pipe in place of the key");
}

#[tokio::test]
async fn a_cache_that_cannot_be_read_costs_time_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = Guest::extractor().component();
    sandbox_in(&dir).load(bytes.clone(), "guest.wasm").await.unwrap();
    // As unreadable as another user's, also to root.
    std::fs::remove_file(dir.path().join("key")).unwrap();
    std::fs::create_dir(dir.path().join("key")).unwrap();
    let sandbox = sandbox_in(&dir);
    let loaded = sandbox.load(bytes, "guest.wasm").await.unwrap();
    assert!(!loaded.inspection().cached);
    sandbox.extractor(&loaded, setup()).await.unwrap().start().await.unwrap();
}
