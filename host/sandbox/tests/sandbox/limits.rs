//! Each limit, reached by a guest that does its worst.

use crate::guest::{DATA, Guest, RESULT, STATE, ZEROS};
use crate::support::{self, batch, contained, page};
use dpone_model::plugin::{Budget, Check, Column, DistinctSets, Repeats};
use dpone_model::{Report, codes};
use dpone_sandbox::Setup;
use std::time::{Duration, Instant};

#[tokio::test]
async fn an_endless_loop_meets_its_deadline() {
    let guest = Guest::extractor().body("next", "(loop (br 0)) (unreachable)");
    let mut setup = support::setup();
    setup.limits.deadline = Duration::from_millis(100);
    let mut extractor = support::extractor(&guest, setup).await.unwrap();
    let started = Instant::now();
    let answer = extractor.next(page(), b"").await;
    contained(answer, "DP0310", "`next` computed for longer than its deadline of 100ms").await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn other_tasks_run_beside_an_endless_loop() {
    let guest = Guest::extractor().body("next", "(loop (br 0)) (unreachable)");
    let mut setup = support::setup();
    setup.limits.deadline = Duration::from_millis(300);
    let mut extractor = support::extractor(&guest, setup).await.unwrap();
    let beside = async {
        let mut turns = 0;
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            turns += 1;
        }
        (turns, Instant::now())
    };
    let ((turns, beside_ended), answer) = tokio::join!(beside, async {
        let answer = extractor.next(page(), b"").await;
        (answer.is_err(), Instant::now())
    });
    assert_eq!(turns, 5);
    assert!(answer.0 && beside_ended < answer.1);
}

#[tokio::test]
async fn an_endless_start_function_meets_its_deadline() {
    let guest = Guest::extractor().items("(func $spin (loop (br 0))) (start $spin)");
    let report = support::load(&guest).await.err().unwrap();
    assert_eq!(report.code().id, "DP0310", "{report}");
    assert!(report.message().contains("`instantiate` computed"), "{report}");
}

#[tokio::test]
async fn a_memory_bomb_names_the_limit() {
    let guest = Guest::extractor().body("next", "(drop (memory.grow (i32.const 16384))) (unreachable)");
    let mut setup = support::setup();
    setup.limits.memory = 1 << 20;
    let mut extractor = support::extractor(&guest, setup).await.unwrap();
    // 16384 pages of 64 KiB beside the two that it has.
    let text = "`next` asked for 1048704 KiB of memory; the limit is 1 MiB";
    contained(extractor.next(page(), b"").await, "DP0311", text).await;
    assert!(extractor.usage().peak_memory_bytes <= 1 << 20);
}

#[tokio::test]
async fn a_table_bomb_is_bounded() {
    let guest = Guest::extractor()
        .items("(table $t 1 funcref)")
        .body("next", "(drop (table.grow $t (ref.null func) (i32.const 5000000))) (unreachable)");
    let mut extractor = support::extractor(&guest, support::setup()).await.unwrap();
    contained(extractor.next(page(), b"").await, "DP0311", "tables of 5000001 elements").await;
}

#[tokio::test]
async fn the_number_of_tables_is_bounded() {
    let report = support::load(&Guest::extractor().items(&"(table 1 funcref)".repeat(65))).await.err().unwrap();
    assert_eq!(report.code().id, "DP0311", "{report}");
    assert!(report.message().contains("table count too high"), "{report}");
}

#[tokio::test]
async fn endless_recursion_is_a_crash() {
    let guest = Guest::extractor().items("(func $deep (call $deep))").body("next", "(call $deep) (unreachable)");
    let mut extractor = support::extractor(&guest, support::setup()).await.unwrap();
    contained(extractor.next(page(), b"").await, "DP0312", "recursed too deeply").await;
}

#[tokio::test]
async fn an_output_bomb_is_refused_before_it_is_copied() {
    // `ok` with a state of 1 MiB.
    let guest = Guest::extractor().body(
        "next",
        &format!(
            "(drop (memory.grow (i32.const 32)))
             (i32.store (i32.const {}) (i32.const 0))
             (i32.store (i32.const {}) (i32.const 1048576))
             (i32.const {RESULT})",
            STATE,
            STATE + 4
        ),
    );
    let mut setup = support::setup();
    (setup.limits.output, setup.limits.state) = (1 << 20, 1 << 20);
    let mut extractor = support::extractor(&guest, setup).await.unwrap();
    // The limit is of one call, not of all together.
    for _ in 0..3 {
        assert_eq!(extractor.next(page(), b"").await.unwrap().state.len(), 1 << 20);
    }
    let mut setup = support::setup();
    setup.limits.output = (1 << 20) - 1;
    let mut extractor = support::extractor(&guest, setup).await.unwrap();
    contained(extractor.next(page(), b"").await, "DP0313", "more than its output limit of 1048575 bytes").await;
    let mut extractor = support::extractor(&guest, support::setup()).await.unwrap();
    contained(extractor.next(page(), b"").await, "DP0313", "returned a state of 1 MiB; the limit is 64 KiB").await;
}

#[tokio::test]
async fn a_log_flood_is_cut() {
    let guest = Guest::extractor()
        .items(
            r#"(import "dpone:plugin/host@0.1.0" "log" (func $log (param i32 i32 i32)))
               (data (i32.const 12288) "flood\1b[2J")"#,
        )
        .body(
            "start",
            &format!(
                "(local i32)
                 (loop
                   (call $log (i32.const 2) (i32.const {DATA}) (i32.const 9))
                   (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 100000))))
                 (i32.const 4096)"
            ),
        );
    let mut setup = support::setup();
    setup.limits.log = 100;
    let lines = support::log_of(&mut setup);
    let mut extractor = support::extractor(&guest, setup).await.unwrap();
    extractor.start().await.unwrap();
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 13, "eleven whole lines, a cut one, and a last word");
    assert_eq!((lines[0].plugin.as_str(), lines[0].text.as_str()), ("guest", "flood\\u{1b}[2J"));
    assert_eq!(lines[12].text, "the log reached its limit of 100 bytes; the rest is dropped");
}

#[tokio::test]
async fn a_fault_ends_the_instance_and_not_the_plugin() {
    // Counts its calls in memory, and crashes in the second one of an instance.
    let guest = Guest::transform().body(
        "apply",
        &format!(
            "(i32.store (i32.const {DATA}) (i32.add (i32.load (i32.const {DATA})) (i32.const 1)))
             (if (i32.gt_u (i32.load (i32.const {DATA})) (i32.const 1)) (then (unreachable)))
             (i32.const 4096)"
        ),
    );
    let mut transform = support::transform(&guest, support::setup()).await.unwrap();
    transform.apply(batch()).await.unwrap();
    contained(transform.apply(batch()).await, "DP0312", "`unreachable`").await;
    transform.apply(batch()).await.unwrap();
    let usage = transform.usage();
    // Two times `configure`, three times `apply`.
    assert_eq!(usage.calls, 5);
    assert!(usage.peak_memory_bytes >= 2 * 65536, "{usage:?}");
}

#[tokio::test]
async fn memory_that_a_component_starts_with_counts() {
    let guest = Guest::extractor().pages(4000);
    let report = support::load(&guest).await.err().unwrap();
    assert_eq!(report.code().id, "DP0311", "{report}");
    assert!(report.message().contains("`instantiate` asked for"), "{report}");
}

/// A host function that works for as long as it may, and for as much as it is told.
struct Greedy {
    bytes: u64,
}

impl DistinctSets for Greedy {
    fn add(&mut self, _: &str, _: u64, _: &[Column], budget: &dyn Budget) -> Result<(), Report> {
        budget.hold(self.bytes)?;
        loop {
            budget.go_on()?;
        }
    }

    fn repeats(&mut self, _: &str, _: &dyn Budget) -> Result<Repeats, Report> {
        Ok(Repeats::default())
    }
}

/// A check that adds to a set, once for each batch.
async fn adding(setup: Setup, bytes: u64) -> Box<dyn Check> {
    let add = r#"(import "dpone:plugin/distinct@0.1.0" "add" (func $add (param i32 i32 i32 i32 i32)))"#;
    let body = format!(
        "(call $add (i32.const {DATA}) (i32.const 0) (local.get 0) (i32.const {DATA}) (i32.const 0)) (i32.const {ZEROS})"
    );
    let guest = Guest::check().items(add).body("observe", &body);
    let loaded = support::load(&guest).await.unwrap();
    support::sandbox().check(&loaded, setup, Box::new(Greedy { bytes })).await.unwrap()
}

#[tokio::test]
async fn what_the_host_does_for_a_call_counts_and_is_stopped_inside() {
    let mut setup = support::setup();
    setup.limits.deadline = Duration::from_millis(100);
    let mut check = adding(setup, 0).await;
    let started = Instant::now();
    contained(check.observe(batch()).await, "DP0310", "`observe` computed for longer than its deadline of 100ms").await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let mut check = adding(support::setup(), (128 << 20) + 1).await;
    let text = "`observe` asked the host to hold 134217729 bytes for it; the limit is 128 MiB";
    contained(check.observe(batch()).await, "DP0311", text).await;
}

#[tokio::test]
async fn a_run_that_is_to_end_ends_in_the_middle_of_a_call() {
    let minute = Duration::from_secs(60);
    let patient = || {
        let mut setup = support::setup();
        (setup.limits.deadline, setup.limits.wall_clock) = (minute, minute);
        let started = Instant::now();
        setup.stop = Some(std::sync::Arc::new(move || match started.elapsed() > Duration::from_millis(200) {
            true => Err(Report::new(&codes::interrupted::INTERRUPTED, "enough")),
            false => Ok(()),
        }));
        setup
    };
    let started = Instant::now();
    let in_the_host = adding(patient(), 0).await.observe(batch()).await.unwrap_err();
    let endless = Guest::extractor().body("next", "(loop (br 0)) (unreachable)");
    let mut extractor = support::extractor(&endless, patient()).await.unwrap();
    let in_the_guest = extractor.next(page(), b"").await.unwrap_err();
    for report in [in_the_host, in_the_guest] {
        assert_eq!((report.code(), report.message()), (&codes::interrupted::INTERRUPTED, "enough"));
    }
    assert!(started.elapsed() < minute / 2, "{:?}", started.elapsed());
}
