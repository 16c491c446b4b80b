//! One test for each cell of strategy × delivery × topic policy, and what a changed topic means.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

mod common;

use common::{manifest, topic};
use dpone_model::{Failure, Report};
use dpone_plan::{judge_strategy, target_facts};

const SNAPSHOT: &str = "whole snapshot";
const APPEND: &str = "no row is lost";
const UPSERT: &str = "newest row of each key";

/// `warnings` holds one telling piece of each warning that is expected, in order.
fn cell(mode: &str, delivery: &str, policy: Option<&str>, guarantee: &str, warnings: &[&str]) {
    let manifest = manifest(&[
        ("incremental_merge", mode),
        ("unique_key: id }", &format!("unique_key: id }}\n  options: {{ delivery: {{ mode: {delivery} }} }}")),
    ]);
    let topic = policy.map(topic);
    let facts = judge_strategy(&manifest, topic.as_ref(), None).unwrap();
    assert!(facts.guarantee.contains(guarantee), "{}", facts.guarantee);
    assert!(facts.mechanism.contains("staged"), "{}", facts.mechanism);
    assert_eq!(facts.warnings.len(), warnings.len(), "{:?}", facts.warnings);
    for (found, expected) in facts.warnings.iter().zip(warnings) {
        assert!(found.contains(expected), "{found} instead of {expected}");
    }
}

macro_rules! cells {
    ($($name:ident: $mode:literal $delivery:literal $policy:expr => $guarantee:ident $warnings:expr;)*) => {
        $(#[test] fn $name() { cell($mode, $delivery, $policy, $guarantee, &$warnings); })*
    };
}

cells! {
    full_refresh_compact: "full_refresh" "at_least_once" Some("compact") => SNAPSHOT ["stay in the topic"];
    full_refresh_compact_delete: "full_refresh" "at_least_once" Some("compact,delete") => SNAPSHOT ["stay in the topic", "compacts and deletes"];
    full_refresh_delete: "full_refresh" "at_least_once" Some("delete") => SNAPSHOT ["adds a whole snapshot"];
    full_refresh_unknown: "full_refresh" "at_least_once" None => SNAPSHOT ["stay in the topic"];
    full_refresh_idempotent_compact: "full_refresh" "idempotent" Some("compact") => SNAPSHOT ["stay in the topic", "same promise"];
    full_refresh_idempotent_compact_delete: "full_refresh" "idempotent" Some("delete, compact") => SNAPSHOT ["stay in the topic", "compacts and deletes", "same promise"];
    full_refresh_idempotent_delete: "full_refresh" "idempotent" Some("delete") => SNAPSHOT ["adds a whole snapshot", "same promise"];
    full_refresh_idempotent_unknown: "full_refresh" "idempotent" None => SNAPSHOT ["stay in the topic", "same promise"];
    append_compact: "incremental_append" "at_least_once" Some("compact") => APPEND ["only the last one"];
    append_compact_delete: "incremental_append" "at_least_once" Some("compact,delete") => APPEND ["only the last one"];
    append_delete: "incremental_append" "at_least_once" Some("delete") => APPEND [];
    append_unknown: "incremental_append" "at_least_once" None => APPEND [];
    append_idempotent_compact: "incremental_append" "idempotent" Some("compact") => APPEND ["only the last one", "same promise"];
    append_idempotent_compact_delete: "incremental_append" "idempotent" Some("compact,delete") => APPEND ["only the last one", "same promise"];
    append_idempotent_delete: "incremental_append" "idempotent" Some("delete") => APPEND ["same promise"];
    append_idempotent_unknown: "incremental_append" "idempotent" None => APPEND ["same promise"];
    merge_compact: "incremental_merge" "at_least_once" Some("compact") => UPSERT [];
    merge_compact_delete: "incremental_merge" "at_least_once" Some("compact,delete") => UPSERT ["compacts and deletes"];
    merge_delete: "incremental_merge" "at_least_once" Some("delete") => UPSERT ["not compacted"];
    merge_unknown: "incremental_merge" "at_least_once" None => UPSERT [];
    merge_idempotent_compact: "incremental_merge" "idempotent" Some("compact") => UPSERT ["same promise"];
    merge_idempotent_compact_delete: "incremental_merge" "idempotent" Some("compact,delete") => UPSERT ["compacts and deletes", "same promise"];
    merge_idempotent_delete: "incremental_merge" "idempotent" Some("delete") => UPSERT ["not compacted", "same promise"];
    merge_idempotent_unknown: "incremental_merge" "idempotent" None => UPSERT ["same promise"];
    cursor_compact: "cursor_incremental" "at_least_once" Some("compact") => APPEND ["only the last one"];
    cursor_compact_delete: "cursor_incremental" "at_least_once" Some("compact,delete") => APPEND ["only the last one"];
    cursor_delete: "cursor_incremental" "at_least_once" Some("delete") => APPEND [];
    cursor_unknown: "cursor_incremental" "at_least_once" None => APPEND [];
    cursor_idempotent_compact: "cursor_incremental" "idempotent" Some("compact") => APPEND ["only the last one", "same promise"];
    cursor_idempotent_compact_delete: "cursor_incremental" "idempotent" Some("compact,delete") => APPEND ["only the last one", "same promise"];
    cursor_idempotent_delete: "cursor_incremental" "idempotent" Some("delete") => APPEND ["same promise"];
    cursor_idempotent_unknown: "cursor_incremental" "idempotent" None => APPEND ["same promise"];
}

#[test]
fn a_compacted_topic_takes_no_keyless_messages() {
    let keyless = manifest(&[("incremental_merge, unique_key: id", "incremental_append")]);
    let error = judge_strategy(&keyless, Some(&topic("compact")), None).unwrap_err();
    assert_eq!(Report::from(error).code().id, "DP0511");
    assert!(judge_strategy(&keyless, Some(&topic("delete")), None).is_ok());
}

#[test]
fn streaming_is_said() {
    let streaming = manifest(&[("url:", "staging: none\n    url:")]);
    let facts = judge_strategy(&streaming, None, None).unwrap();
    assert!(facts.mechanism.contains("as they come") && facts.warnings[0].contains("staging: none"));
}

#[test]
fn keyed_runs_refuse_a_target_where_keys_no_longer_meet() {
    let keyed = manifest(&[]);
    let now = topic("compact");
    let same = target_facts(&keyed, &now);
    assert!(judge_strategy(&keyed, Some(&now), Some(&same)).is_ok());
    let mut cases = [same.clone(), same.clone(), same.clone(), same.clone()];
    cases[0].partitions = 3;
    cases[1].topic_id = Some("BBBBBBBBBBBBBBBBBBBBBQ".into());
    cases[2].key_format = "dpone".into();
    cases[3].partitioner = "consistent".into();
    for (earlier, (what, remedy)) in cases.iter().zip([
        ("number of partitions was 3 and is 6", "state adopt"),
        ("recreated", "state adopt"),
        ("key format was dpone and is v1", "set it back"),
        ("partitioner was consistent and is murmur2_random", "set it back"),
    ]) {
        let error = judge_strategy(&keyed, Some(&now), Some(earlier)).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.hint().unwrap().contains(remedy), "{error}");
        assert_eq!(error.code().id, "DP0507");
        let keyless = manifest(&[("incremental_merge, unique_key: id", "incremental_append")]);
        assert!(judge_strategy(&keyless, Some(&topic("delete")), Some(earlier)).is_ok(), "no keys to keep together");
    }
    let silent = dpone_model::target::TopicDescription { topic_id: None, ..now };
    assert!(judge_strategy(&keyed, Some(&silent), Some(&same)).is_ok(), "a broker that tells no id");
    assert!(judge_strategy(&keyed, None, Some(&same)).is_ok(), "an unknown topic is judged by the run");
}

#[test]
fn a_merge_without_a_boundary_says_what_each_run_costs() {
    let incremental = "    incremental: { cursor_field: updated_at, start: 2026-01-01T00:00:00Z }\n";
    let facts = judge_strategy(&manifest(&[(incremental, "")]), Some(&topic("compact")), None).unwrap();
    assert!(facts.guarantee.contains(UPSERT), "{}", facts.guarantee);
    assert_eq!(facts.warnings.len(), 1, "{:?}", facts.warnings);
    assert!(facts.warnings[0].contains("publishes every row again"), "{:?}", facts.warnings);
}
