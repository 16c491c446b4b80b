//! The contract as a plugin sees it: what it may ask, what it may answer, and how it says no.

use crate::guest::{DATA, Guest, RESULT, STATE, ZEROS};
use crate::support::{self, batch, contained, page};
use dpone_model::plugin::{CheckCounts, Outcome, RecordsAt, Stage};

const PAGE_GET: &str = r#"(import "dpone:plugin/pages@0.1.0" "[method]page.get" (func $get (param i32 i32 i32 i32)))"#;
const PANICKED: &str = r#"(import "dpone:plugin/host@0.1.0" "panicked" (func $panicked (param i32 i32)))"#;
const COLUMN: &str =
    r#"(import "dpone:plugin/batches@0.1.0" "[method]batch.column" (func $column (param i32 i32 i32 i32)))"#;
const BYTES: &str = r#"(import "dpone:plugin/batches@0.1.0" "[method]batch.bytes" (func $bytes (param i32 i32)))"#;

/// Stores words (32 bits each) at offsets of the result, and returns it.
fn result(words: &[(u32, u32)]) -> String {
    let stores: String = words
        .iter()
        .map(|(offset, word)| format!("(i32.store (i32.const {}) (i32.const {word}))\n", RESULT + offset))
        .collect();
    format!("{stores} (i32.const {RESULT})")
}

/// `configure` of a transform or a check that declares the field `id` (at DATA) and maybe bytes.
fn declares_id(bytes: bool) -> String {
    // `fields` is a list of one string, itself kept at DATA + 16.
    format!(
        "(i32.store (i32.const {list}) (i32.const {DATA}))
         (i32.store (i32.const {list_len}) (i32.const 2))
         {}",
        result(&[(4, DATA + 16), (8, 1), (12, u32::from(bytes))]),
        list = DATA + 16,
        list_len = DATA + 20,
    )
}

#[tokio::test]
async fn an_extractor_reads_a_page_and_answers() {
    // The value of `ab` becomes the state: `get` writes option<string> to DATA + 64.
    let guest = Guest::extractor().items(PAGE_GET).items(r#"(data (i32.const 12288) "ab")"#).body(
        "next",
        &format!(
            "(call $get (local.get 0) (i32.const {DATA}) (i32.const 2) (i32.const {at}))
             (i32.store (i32.const {state}) (i32.load (i32.const {ptr})))
             (i32.store (i32.const {state_len}) (i32.load (i32.const {len})))
             (i32.store8 (i32.const {kind}) (i32.const 1))
             (i32.store (i32.const {path}) (i32.const {DATA}))
             (i32.store (i32.const {path_len}) (i32.const 2))
             (i32.store8 (i32.const {next}) (i32.const 1))
             (i32.const {RESULT})",
            at = DATA + 64,
            ptr = DATA + 68,
            len = DATA + 72,
            state = STATE,
            state_len = STATE + 4,
            kind = RESULT + 4,
            path = RESULT + 8,
            path_len = RESULT + 12,
            next = RESULT + 16,
        ),
    );
    let mut extractor = support::extractor(&guest, support::setup()).await.unwrap();
    let first = extractor.start().await.unwrap();
    assert_eq!((first.records, first.next, first.state), (RecordsAt::None, None, Vec::new()));
    for _ in 0..3 {
        let step = extractor.next(page(), b"").await.unwrap();
        assert_eq!(step.records, RecordsAt::Path("ab".into()));
        assert_eq!(step.state, b"\"ab\"");
        assert_eq!(step.next, Some(Default::default()));
    }
    assert_eq!(extractor.ahead(b"", 4).await.unwrap(), []);
}

#[tokio::test]
async fn a_hosts_error_stands_as_it_is() {
    let guest = Guest::extractor().items(PAGE_GET).items(r#"(data (i32.const 12288) "broken")"#).body(
        "next",
        &format!("(call $get (local.get 0) (i32.const {DATA}) (i32.const 6) (i32.const 16000)) (unreachable)"),
    );
    let mut extractor = support::extractor(&guest, support::setup()).await.unwrap();
    let report = extractor.next(page(), b"").await.unwrap_err();
    assert_eq!((report.code().id, report.message(), report.place()), ("DP1101", "not JSON", None));
}

#[tokio::test]
async fn a_plugin_says_no() {
    // Err: code `ab`, message `cd`, record 5, field `ab`.
    let guest = Guest::transform().items(r#"(data (i32.const 12288) "ab\0ad")"#).body(
        "apply",
        &result(&[(0, 1), (4, DATA), (8, 2), (12, DATA + 1), (16, 3), (20, 1), (24, 5), (28, 1), (32, DATA), (36, 2)]),
    );
    let mut transform = support::transform(&guest, support::setup()).await.unwrap();
    contained(transform.apply(batch()).await, "DP0309", "ab: b\\nd (record 5, field `ab`)").await;
}

#[tokio::test]
async fn configure_can_refuse_before_the_first_page() {
    let guest = Guest::check()
        .items(r#"(data (i32.const 12288) "ab")"#)
        .body("configure", &result(&[(0, 1), (4, DATA), (8, 2), (12, DATA), (16, 1)]));
    contained(support::check(&guest, support::setup()).await, "DP0309", "ab: a").await;
}

#[tokio::test]
async fn the_text_of_a_panic_is_shown() {
    let guest = Guest::extractor()
        .items(PANICKED)
        .items(r#"(data (i32.const 12288) "no cursor at\nline 3")"#)
        .body("next", &format!("(call $panicked (i32.const {DATA}) (i32.const 19)) (unreachable)"));
    let mut extractor = support::extractor(&guest, support::setup()).await.unwrap();
    contained(extractor.next(page(), b"").await, "DP0312", "`next` crashed: it panicked: no cursor at\\nline 3").await;
}

#[tokio::test]
async fn a_declared_column_is_handed_over_and_another_is_not() {
    for (field, len, denied) in [("id", 2, None), ("idx", 3, Some("asked for the column `idx`"))] {
        let guest = Guest::transform()
            .items(COLUMN)
            .items(r#"(data (i32.const 12288) "idx")"#)
            .body("configure", &declares_id(false))
            .body(
                "apply",
                &format!(
                    "(call $column (local.get 0) (i32.const {DATA}) (i32.const {len}) (i32.const {RESULT}))
                     (if (i32.ne (i32.load (i32.const {text_len})) (i32.const 3)) (then (unreachable)))
                     (i32.const {ZEROS})",
                    text_len = RESULT + 20,
                ),
            );
        let mut transform = support::transform(&guest, support::setup()).await.unwrap();
        let answer = transform.apply(batch()).await;
        match denied {
            None => assert_eq!(answer.unwrap(), Outcome::Unchanged, "{field}"),
            Some(text) => contained(answer, "DP0314", text).await,
        }
    }
}

#[tokio::test]
async fn bytes_must_be_declared_too() {
    for declared in [true, false] {
        // The bytes come back as the replaced records.
        let guest = Guest::transform().items(BYTES).body("configure", &declares_id(declared)).body(
            "apply",
            &format!(
                "(call $bytes (local.get 0) (i32.const {payload}))
                 (i32.store8 (i32.const {kind}) (i32.const 2))
                 (i32.store8 (i32.const {RESULT}) (i32.const 0))
                 (i32.const {RESULT})",
                payload = RESULT + 8,
                kind = RESULT + 4,
            ),
        );
        let mut transform = support::transform(&guest, support::setup()).await.unwrap();
        let answer = transform.apply(batch()).await;
        match declared {
            true => assert_eq!(answer.unwrap(), Outcome::Replaced(b"{\"id\":1}\n{\"id\":22}\n".to_vec())),
            false => contained(answer, "DP0314", "asked for the records' bytes").await,
        }
    }
}

#[tokio::test]
async fn edits_that_do_not_fit_the_batch_are_refused() {
    // `edited` with a mask of three bytes for two records.
    let guest = Guest::transform().body("apply", &result(&[(4, 1), (8, 1), (12, ZEROS), (16, 3)]));
    let mut transform = support::transform(&guest, support::setup()).await.unwrap();
    contained(transform.apply(batch()).await, "DP0314", "`keep` has 3 entries for 2 records").await;
}

#[tokio::test]
async fn text_that_is_not_utf_8_breaks_the_contract() {
    let guest = Guest::transform()
        .items(r#"(data (i32.const 12288) "\ff\fe")"#)
        .body("apply", &result(&[(0, 1), (4, DATA), (8, 2)]));
    let mut transform = support::transform(&guest, support::setup()).await.unwrap();
    contained(transform.apply(batch()).await, "DP0314", "utf-8").await;
}

#[tokio::test]
async fn a_check_keeps_its_state_between_calls() {
    // `observe` returns its state with one more byte; `finish` passes when there are three.
    let guest = Guest::check()
        .body(
            "observe",
            &result(&[(4, ZEROS)]).replace(
                &format!("(i32.const {RESULT})"),
                &format!(
                    "(i32.store (i32.const {}) (i32.add (local.get 2) (i32.const 1))) (i32.const {RESULT})",
                    RESULT + 8
                ),
            ),
        )
        .body(
            "finish",
            &format!(
                "(i32.store8 (i32.const {DATA}) (i32.const 0x31))
                 (i32.store8 (i32.const {passed}) (i32.eq (local.get 6) (i32.const 3)))
                 {}",
                result(&[(16, DATA), (20, 1)]),
                passed = RESULT + 4
            ),
        );
    let mut check = support::check(&guest, support::setup()).await.unwrap();
    assert_eq!(check.stage(), Stage::BeforePublish);
    for observed in 0..4 {
        let verdict = check.finish(CheckCounts::default()).await.unwrap();
        assert_eq!((verdict.passed, verdict.observed.as_str()), (observed == 3, "1"));
        check.observe(batch()).await.unwrap();
    }
}

#[tokio::test]
async fn a_verdict_must_be_json() {
    let guest = Guest::check().body("finish", &format!("(i32.const {ZEROS})"));
    let mut check = support::check(&guest, support::setup()).await.unwrap();
    contained(check.finish(CheckCounts::default()).await, "DP0314", "`observed` of its verdict is not JSON").await;
}

#[tokio::test]
async fn repeats_are_for_finish_alone() {
    let repeats = r#"(import "dpone:plugin/distinct@0.1.0" "repeats" (func $repeats (param i32 i32 i32)))"#;
    let guest = Guest::check().items(repeats).body(
        "observe",
        &format!("(call $repeats (i32.const {DATA}) (i32.const 0) (i32.const 16000)) (i32.const {ZEROS})"),
    );
    let mut check = support::check(&guest, support::setup()).await.unwrap();
    contained(check.observe(batch()).await, "DP0314", "asked for repeats before `finish`").await;
}

#[tokio::test]
async fn a_caller_who_gives_up_leaves_a_usable_plugin() {
    let guest = Guest::extractor().body("next", "(loop (br 0)) (unreachable)");
    let mut extractor = support::extractor(&guest, support::setup()).await.unwrap();
    let given_up = tokio::time::timeout(std::time::Duration::from_millis(50), extractor.next(page(), b"")).await;
    assert!(given_up.is_err());
    extractor.start().await.unwrap();
}

#[tokio::test]
async fn what_was_lent_has_to_be_given_back() {
    // Only the call for the state `x` keeps its page.
    let guest = Guest::extractor().keeps_lent().body(
        "next",
        &format!("(if (i32.eqz (local.get 2)) (then (call $give_back (local.get 0)))) (i32.const {ZEROS})"),
    );
    let mut extractor = support::extractor(&guest, support::setup()).await.unwrap();
    for _ in 0..2 {
        extractor.next(page(), b"").await.unwrap();
        contained(extractor.next(page(), b"x").await, "DP0314", "borrow handles still remain").await;
    }
}

#[tokio::test]
async fn a_page_is_let_go_after_its_call() {
    let said_no = Guest::extractor().items("(global $calls (mut i32) (i32.const 0))").body(
        "next",
        &format!(
            "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
             (if (i32.eq (global.get $calls) (i32.const 3)) (then (unreachable)))
             {}",
            result(&[(0, 1)])
        ),
    );
    let mut extractor = support::extractor(&said_no, support::setup()).await.unwrap();
    let page = page();
    // Two answers of an error, then a crash.
    for code in ["DP0309", "DP0309", "DP0312"] {
        assert_eq!(extractor.next(page.clone(), b"").await.unwrap_err().code().id, code);
        assert_eq!(std::sync::Arc::strong_count(&page), 1, "{code}");
    }
}

#[tokio::test]
async fn a_crash_does_not_cost_a_check_its_state() {
    // Each `observe` adds a byte to the state; the third of an instance crashes first.
    let guest = Guest::check()
        .items("(global $calls (mut i32) (i32.const 0))")
        .body(
            "observe",
            &format!(
                "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                 (if (i32.eq (global.get $calls) (i32.const 3)) (then (unreachable)))
                 (i32.store (i32.const {len}) (i32.add (local.get 2) (i32.const 1)))
                 {}",
                result(&[(4, ZEROS)]),
                len = RESULT + 8
            ),
        )
        .body(
            "finish",
            &format!(
                "(i32.store8 (i32.const {DATA}) (i32.const 0x31))
                 (i32.store8 (i32.const {passed}) (i32.eq (local.get 6) (i32.const 3)))
                 {}",
                result(&[(16, DATA), (20, 1)]),
                passed = RESULT + 4
            ),
        );
    let mut check = support::check(&guest, support::setup()).await.unwrap();
    check.observe(batch()).await.unwrap();
    check.observe(batch()).await.unwrap();
    contained(check.observe(batch()).await, "DP0312", "`observe` crashed").await;
    check.observe(batch()).await.unwrap();
    assert!(check.finish(CheckCounts::default()).await.unwrap().passed);
}

#[tokio::test]
async fn a_panic_that_was_survived_is_not_the_next_ones_text() {
    let guest = Guest::extractor()
        .items(PANICKED)
        .items(r#"(data (i32.const 12288) "caught")"#)
        .body("start", &format!("(call $panicked (i32.const {DATA}) (i32.const 6)) (i32.const {ZEROS})"))
        .body("next", "(unreachable)");
    let mut extractor = support::extractor(&guest, support::setup()).await.unwrap();
    extractor.start().await.unwrap();
    contained(extractor.next(page(), b"").await, "DP0312", "`next` crashed: it reached an `unreachable` instruction")
        .await;
}
