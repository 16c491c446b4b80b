//! `source.options.pagination`: the keys that the host owns, whichever component pages.

use super::key::Takes::{Builtin, Choice, Integer};
use super::key::{Key, key, word};
use dpone_model::plugin::PluginKind;

pub(super) static PAGINATION: &[Key] = &[
    key("type", Builtin(PluginKind::Extractor), "A built-in pagination by its short name; `none` is one request.")
        .default("none")
        .example("cursor"),
    key("max_pages", Integer(1, u32::MAX as u64), "Most pages of a walk.").without("no limit").example("1000"),
    key(
        "on_max_pages",
        Choice(&[
            word("error", "The run fails.").or("fail"),
            word("stop", "The walk ends, and the run goes on with the pages that it has."),
        ]),
        "What reaching `max_pages` means while there are more pages.",
    )
    .default("error")
    .example("stop"),
    key(
        "max_empty_pages",
        Integer(0, u32::MAX as u64),
        "Most pages without a record in a row, while the API names a next page.",
    )
    .default("10")
    .example("3"),
    key(
        "on_missing_cursor",
        Choice(&[
            word("warn", "The run goes on with the pages that it has, and warns with the keys that are there."),
            word("fail", "The run fails before anything is published."),
        ]),
        "What it means that the walk ends because a path, a header or a link is missing that no answer of this \
         pipeline ever had, or a path or a header that the last page of every earlier walk had, with null or not. It may \
         be misspelt, or renamed by the API; then all later pages are missing. An API that leaves the key out at the end \
         of a walk of several pages is known to do so from then on. A key in the same place whose name differs in case, \
         underscores or hyphens alone, and which has a value, is an error in any case.",
    )
    .default("warn")
    .example("fail"),
    key(
        "on_repeated_page",
        Choice(&[
            word("fail", "The run fails."),
            word(
                "continue",
                "The page counts, for APIs whose rows have no ids and may rightly be the same. A walk that never ends is \
                 then bounded by `max_pages` alone.",
            ),
        ]),
        "The meaning of a page with the records of the page before it, or of several pages in a row with those of the \
         pages before them.",
    )
    .default("fail")
    .example("continue"),
];
