//! A transform whose edits do not fit the batch, in the way that its option says. It is written
//! on the raw bindings, for the SDK would not let it lie.
#![cfg(target_arch = "wasm32")]

use dpone_sdk::bindings::imports::dpone::plugin::batches::Batch;
use dpone_sdk::bindings::imports::dpone::plugin::types::{Column, Description, Needs, PluginError};
use dpone_sdk::bindings::transform::exports::dpone::plugin::transform::{Edits, Guest, Outcome, SetColumn};
use std::cell::RefCell;

thread_local! {
    static LIE: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Liar;

impl Guest for Liar {
    fn describe() -> Description {
        Description {
            name: "liar".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            options_schema: r#"{ "type": "object", "properties": { "lie": { "enum": ["kinds-short", "offsets-short",
                "offsets-descending", "offsets-beyond", "kind-unknown", "kind-mismatch", "text-not-json", "text-not-utf8",
                "keep-short"] } }, "required": ["lie"], "additionalProperties": false }"#
                .to_owned(),
        }
    }

    fn configure(options: String) -> Result<Needs, PluginError> {
        // The schema leaves only `{"lie":"…"}`: the lie is the last string.
        let lie = options.rsplit('"').nth(1).unwrap_or_default().to_owned();
        LIE.set(lie);
        Ok(Needs { fields: Vec::new(), bytes: false })
    }

    fn apply(batch: &Batch) -> Result<Outcome, PluginError> {
        Ok(Outcome::Edited(LIE.with_borrow(|lie| edits(lie, batch.len() as usize))))
    }
}

/// Edits that would set field `x` to 7 in every record, but for the lie.
fn edits(lie: &str, len: usize) -> Edits {
    let mut kinds = vec![4; len];
    let mut offsets: Vec<u32> = (0..=len as u32).collect();
    let mut text = vec![b'7'; len];
    let mut keep = None;
    match lie {
        "kinds-short" => drop(kinds.pop()),
        "offsets-short" => drop(offsets.pop()),
        "offsets-descending" => offsets.reverse(),
        "offsets-beyond" => offsets.iter_mut().for_each(|o| *o += u32::MAX / 2),
        "kind-unknown" => kinds.fill(200),
        "kind-mismatch" => kinds.fill(5),
        "text-not-json" => text.fill(b'}'),
        "text-not-utf8" => text.fill(0xff),
        _ => keep = Some(vec![1; len.saturating_sub(1)]),
    }
    let set = vec![SetColumn { field: "x".to_owned(), values: Column { kinds, offsets, text } }];
    Edits { keep, rename: Vec::new(), drop: Vec::new(), set }
}

dpone_sdk::bindings::transform::export_transform_world!(Liar with_types_in dpone_sdk::bindings::transform);
