//! Components that import WASI: an empty context, and refusals by name.

use crate::guest::{DATA, Guest, RESULT, STATE, ZEROS};
use crate::support::{self, contained, open, page};
use dpone_sandbox::LogLevel;
use std::time::{Duration, Instant};

const RANDOM: &str = "package wasi:random@0.2.0;
    interface random { get-random-u64: func() -> u64; }
    interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }";
const CLOCKS: &str = "package wasi:clocks@0.2.3;
    interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }
    interface monotonic-clock {
        use wasi:io/poll@0.2.3.{pollable};
        now: func() -> u64;
        subscribe-duration: func(when: u64) -> pollable;
    }";
const IO: &str = "package wasi:io@0.2.3;
    interface poll { resource pollable { block: func(); } }
    interface error { resource error; }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream { blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>; }
    }";
const CLI: &str = "package wasi:cli@0.2.3;
    interface exit { exit: func(status: result); }
    interface environment { get-environment: func() -> list<tuple<string, string>>; get-arguments: func() -> list<string>; }
    interface stderr { use wasi:io/streams@0.2.3.{output-stream}; get-stderr: func() -> output-stream; }";

/// A state of eight bytes at DATA.
fn state_of_8() -> String {
    format!(
        "(i32.store (i32.const {}) (i32.const {DATA})) (i32.store (i32.const {}) (i32.const 8)) (i32.const {RESULT})",
        STATE,
        STATE + 4
    )
}

fn random_guest() -> Guest {
    Guest::extractor()
        .package(RANDOM, &["wasi:random/random@0.2.0"])
        .items(r#"(import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))"#)
        .body("next", &format!("(i64.store (i32.const {DATA}) (call $random)) {}", state_of_8()))
}

#[tokio::test]
async fn random_repeats_with_the_run() {
    let numbers = async |seed: u64, real: bool| {
        let mut setup = support::setup();
        setup.seed = seed;
        setup.grants.real_random = real;
        let mut extractor = support::extractor(&random_guest(), setup).await.unwrap();
        let mut numbers = Vec::new();
        for _ in 0..3 {
            numbers.push(extractor.next(page(), b"").await.unwrap().state);
        }
        numbers
    };
    let first = numbers(1, false).await;
    assert_eq!(first, numbers(1, false).await);
    assert_ne!(first, numbers(2, false).await);
    assert!(first[0] != first[1] && first[1] != first[2]);
    assert_ne!(numbers(1, true).await, numbers(1, true).await);
}

#[tokio::test]
async fn clocks_show_the_runs_start() {
    let guest = Guest::extractor()
        .package(IO, &[])
        .package(CLOCKS, &["wasi:clocks/wall-clock@0.2.3"])
        .items(r#"(import "wasi:clocks/wall-clock@0.2.3" "now" (func $now (param i32)))"#)
        .body("next", &format!("(call $now (i32.const {DATA})) {}", state_of_8()));
    let started = support::setup().started_at.as_second();
    let seconds = async |real: bool| {
        let mut setup = support::setup();
        setup.grants.real_clock = real;
        let mut extractor = support::extractor(&guest, setup).await.unwrap();
        let state = extractor.next(page(), b"").await.unwrap().state;
        i64::from_le_bytes(state.try_into().unwrap())
    };
    assert_eq!(seconds(false).await, started);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    assert!((seconds(true).await - now).abs() < 60);
}

#[tokio::test]
async fn a_sleep_ends_at_the_wall_clock() {
    let guest = Guest::extractor()
        .package(IO, &["wasi:io/poll@0.2.3"])
        .package(CLOCKS, &["wasi:clocks/monotonic-clock@0.2.3"])
        .items(
            r#"(import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
               (import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))"#,
        )
        .body("next", &format!("(call $block (call $after (i64.const 60000000000))) (i32.const {ZEROS})"));
    let mut setup = support::setup();
    setup.limits.wall_clock = Duration::from_millis(500);
    // Sleeping is no computing: the deadline does not end it.
    setup.limits.deadline = Duration::from_millis(200);
    let mut extractor = support::extractor(&guest, setup).await.unwrap();
    let started = Instant::now();
    contained(extractor.next(page(), b"").await, "DP0310", "longer than the wall clock limit of 500ms").await;
    assert!(started.elapsed() < Duration::from_secs(5));
    extractor.start().await.unwrap();
}

#[tokio::test]
async fn the_environment_is_empty() {
    let guest = Guest::extractor()
        .package(IO, &[])
        .package(CLI, &["wasi:cli/environment@0.2.3"])
        .items(
            r#"(import "wasi:cli/environment@0.2.3" "get-environment" (func $env (param i32)))
               (import "wasi:cli/environment@0.2.3" "get-arguments" (func $args (param i32)))"#,
        )
        .body(
            "next",
            &format!(
                "(call $env (i32.const {env})) (call $args (i32.const {args}))
                 (if (i32.or (i32.load (i32.const {env_len})) (i32.load (i32.const {args_len}))) (then (unreachable)))
                 (i32.const {ZEROS})",
                env = DATA,
                env_len = DATA + 4,
                args = DATA + 8,
                args_len = DATA + 12,
            ),
        );
    support::extractor(&guest, support::setup()).await.unwrap().next(page(), b"").await.unwrap();
}

#[tokio::test]
async fn exit_is_a_crash() {
    let guest = Guest::extractor()
        .package(IO, &[])
        .package(CLI, &["wasi:cli/exit@0.2.3"])
        .items(r#"(import "wasi:cli/exit@0.2.3" "exit" (func $exit (param i32)))"#)
        .body("next", "(call $exit (i32.const 1)) (unreachable)");
    let mut extractor = support::extractor(&guest, support::setup()).await.unwrap();
    contained(extractor.next(page(), b"").await, "DP0312", "`next` crashed: it exited with status 1").await;
}

#[tokio::test]
async fn standard_error_goes_to_the_log_and_into_the_crash() {
    let guest = Guest::extractor()
        .package(IO, &["wasi:io/streams@0.2.3"])
        .package(CLI, &["wasi:cli/stderr@0.2.3"])
        .items(
            r#"(import "wasi:cli/stderr@0.2.3" "get-stderr" (func $stderr (result i32)))
               (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
                 (func $write (param i32 i32 i32 i32)))
               (data (i32.const 12288) "first line\nlast words")"#,
        )
        .body(
            "next",
            &format!("(call $write (call $stderr) (i32.const {DATA}) (i32.const 21) (i32.const 16000)) (unreachable)"),
        );
    let mut setup = support::setup();
    let lines = support::log_of(&mut setup);
    let mut extractor = support::extractor(&guest, setup).await.unwrap();
    let answer = extractor.next(page(), b"").await;
    contained(answer, "DP0312", "its standard error ends: first line\\nlast words").await;
    let lines = lines.lock().unwrap();
    let texts: Vec<(LogLevel, &str)> = lines.iter().map(|line| (line.level, line.text.as_str())).collect();
    assert_eq!(texts, [(LogLevel::Warn, "first line"), (LogLevel::Warn, "last words")]);
}

#[tokio::test]
async fn sockets_and_http_load_and_are_refused_by_name() {
    let guest = Guest::extractor()
        .package(IO, &[])
        .package(
            "package wasi:http@0.2.3;
             interface types {
                use wasi:io/streams@0.2.3.{output-stream};
                resource body { write: func() -> output-stream; }
                new-body: func() -> body;
             }",
            &["wasi:http/types@0.2.3"],
        )
        .package(
            "package wasi:sockets@0.2.3;
             interface network { resource network; }
             interface instance-network { use network.{network}; instance-network: func() -> network; }",
            &["wasi:sockets/instance-network@0.2.3"],
        )
        .items(
            r#"(import "wasi:http/types@0.2.3" "new-body" (func $body (result i32)))
               (import "wasi:http/types@0.2.3" "[method]body.write" (func $write (param i32) (result i32)))
               (import "wasi:sockets/instance-network@0.2.3" "instance-network" (func $network (result i32)))"#,
        )
        .body("start", &format!("(drop (call $network)) (i32.const {ZEROS})"))
        .body("next", &format!("(drop (call $write (call $body))) (i32.const {ZEROS})"));
    let mut extractor = support::extractor(&guest, support::setup()).await.unwrap();
    let network = "`start` called `wasi:sockets/instance-network@0.2.3#instance-network`, which it was not granted";
    contained(extractor.start().await, "DP0307", network).await;
    contained(extractor.next(page(), b"").await, "DP0307", "`wasi:http/types@0.2.3#new-body`").await;
    assert!(extractor.ahead(b"", 1).await.is_ok(), "what is not called does no harm");
}

const FILES: &str = "package wasi:filesystem@0.2.3;
    interface types {
        enum error-code { access, would-block, already, bad-descriptor, busy, deadlock, quota, exist, file-too-large,
            illegal-byte-sequence, in-progress, interrupted, invalid, io, is-directory, loop, too-many-links,
            message-size, name-too-long, no-device, no-entry, no-lock, insufficient-memory, insufficient-space,
            not-directory, not-empty, not-recoverable, unsupported, no-tty, no-such-device, overflow, not-permitted,
            pipe, read-only, invalid-seek, text-file-busy, cross-device }
        flags path-flags { symlink-follow }
        flags open-flags { create, directory, exclusive, truncate }
        flags descriptor-flags { read, write, file-integrity-sync, data-integrity-sync, requested-write-sync,
            mutate-directory }
        resource descriptor {
            read: func(length: u64, offset: u64) -> result<tuple<list<u8>, bool>, error-code>;
            open-at: func(path-flags: path-flags, path: string, open-flags: open-flags, %flags: descriptor-flags)
                -> result<descriptor, error-code>;
            create-directory-at: func(path: string) -> result<_, error-code>;
        }
    }
    interface preopens {
        use types.{descriptor};
        get-directories: func() -> list<tuple<descriptor, string>>;
    }";

/// Reads eight bytes of the file that the state names, or fails with the error's number; tries to
/// make a folder first, which must fail.
fn reader() -> Guest {
    Guest::extractor()
        .package(IO, &[])
        .package(FILES, &["wasi:filesystem/types@0.2.3", "wasi:filesystem/preopens@0.2.3"])
        .items(
            r#"(import "wasi:filesystem/preopens@0.2.3" "get-directories" (func $dirs (param i32)))
               (import "wasi:filesystem/types@0.2.3" "[method]descriptor.open-at"
                 (func $open (param i32 i32 i32 i32 i32 i32 i32)))
               (import "wasi:filesystem/types@0.2.3" "[method]descriptor.read" (func $read (param i32 i64 i64 i32)))
               (import "wasi:filesystem/types@0.2.3" "[method]descriptor.create-directory-at"
                 (func $mkdir (param i32 i32 i32 i32)))
               (data (i32.const 12288) "made")"#,
        )
        .body(
            "next",
            &format!(
                "(local $dir i32)
                 (call $dirs (i32.const {at}))
                 (if (i32.eqz (i32.load (i32.const {at_len}))) (then (return (i32.const {ZEROS}))))
                 (local.set $dir (i32.load (i32.load (i32.const {at}))))
                 (call $mkdir (local.get $dir) (i32.const {DATA}) (i32.const 4) (i32.const {at}))
                 (if (i32.eqz (i32.load8_u (i32.const {at}))) (then (unreachable)))
                 (call $open (local.get $dir) (i32.const 1) (local.get 1) (local.get 2) (i32.const 0) (i32.const 1)
                   (i32.const {at}))
                 (if (i32.load8_u (i32.const {at}))
                   (then
                     (i64.store (i32.const {DATA}) (i64.load8_u (i32.const {at_len})))
                     (return {state})))
                 (call $read (i32.load (i32.const {at_len})) (i64.const 8) (i64.const 0) (i32.const {read}))
                 (if (i32.load8_u (i32.const {read})) (then (unreachable)))
                 (i64.store (i32.const {DATA}) (i64.load (i32.load (i32.const {read_ptr}))))
                 {state}",
                at = DATA + 64,
                at_len = DATA + 68,
                read = DATA + 128,
                read_ptr = DATA + 132,
                state = state_of_8(),
            )
            .replace(&format!("(return {})", state_of_8()), &format!("{} (return)", state_of_8())),
        )
}

#[tokio::test]
async fn the_grant_files_is_a_folder_to_read() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "12345678").unwrap();
    let folder = outside.path().join("granted");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("table"), "01234567").unwrap();
    std::os::unix::fs::symlink("../secret", folder.join("link")).unwrap();
    let granted = |given: bool| {
        let mut setup = support::setup();
        setup.files_dir = given.then(|| open(&outside).open_dir("granted").unwrap());
        setup
    };
    let mut without = support::extractor(&reader(), granted(false)).await.unwrap();
    assert_eq!(without.next(page(), b"table").await.unwrap().state, b"", "no grant, no folder");
    let mut with = support::extractor(&reader(), granted(true)).await.unwrap();
    assert_eq!(with.next(page(), b"table").await.unwrap().state, b"01234567");
    for path in ["../secret", "/secret", "link", "nothing"] {
        let state = with.next(page(), path.as_bytes()).await.unwrap().state;
        assert!(state[0] < 40 && state[1..].iter().all(|byte| *byte == 0), "{path}: {state:?}");
    }
    assert!(!folder.join("made").exists());
}
