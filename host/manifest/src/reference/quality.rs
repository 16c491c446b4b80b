//! `quality`: the checks of a load.

use super::key::Takes::{Builtin, Choice, List, Plugin, Text};
use super::key::{Key, key, word};
use dpone_model::plugin::PluginKind;

pub(super) static QUALITY: &[Key] = &[
    key(
        "mode",
        Choice(&[word("fail", "The run fails (exit 30)."), word("warn", "The run goes on; the failure is reported.")]),
        "What a failed check means.",
    )
    .default("fail")
    .example("warn"),
    key(
        "on_empty_boundary",
        Choice(&[
            word("judge", "Checks judge it like any other run, so `min_rows` fails it."),
            word("pass", "A run with nothing new succeeds without being judged."),
        ]),
        "What a run without rows inside its boundary means.",
    )
    .default("judge")
    .example("pass"),
    key(
        "checks",
        List(&Plugin(PluginKind::Check, CHECK)),
        "The checks. Each is judged before publication where that is possible.",
    )
    .example("[{ type: not_null, columns: [order_id, customer_id] }]")
    .without("no checks"),
];

static CHECK: &[Key] = &[
    key("type", Builtin(PluginKind::Check), "A built-in check by its short name.").example("min_rows"),
    key("id", Text, "Name of the check in reports.")
        .without("its type, with a number where it occurs twice")
        .example("enough_orders"),
    key(
        "severity",
        Choice(&[
            word("error", "A failure counts as `quality.mode` says."),
            word("warning", "A failure is only reported."),
        ]),
        "How much a failure of this check counts.",
    )
    .default("error")
    .example("warning"),
    key(
        "when",
        Choice(&[
            word("before_publish", "Before the first message; a failure leaves nothing in the topic."),
            word("after_delivery", "After the last message was acknowledged; a failure leaves state where it was."),
        ]),
        "When the check is judged.",
    )
    .without("as early as the check can")
    .example("after_delivery"),
];
