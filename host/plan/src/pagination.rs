//! The cost of a walk's end: an extractor that counts pages or records asks once more, to see that
//! there is nothing.

use dpone_manifest::{Source, builtin_default};
use dpone_model::plugin::PluginKind;
use serde_json::Value;

/// How a walk by number or offset ends, and the request that finds it out. `None` for other
/// paginations, whose last page says that it is the last.
pub(crate) fn walk_end(source: &Source) -> Option<String> {
    let extractor = source.pagination.extractor.as_ref()?;
    let size = match extractor.uses.as_str() {
        "builtin:page" => "page_size",
        "builtin:offset" => "limit",
        _ => return None,
    };
    let default = || builtin_default(PluginKind::Extractor, &extractor.uses, size)?.parse().ok();
    let records = extractor.with.get(size).and_then(Value::as_u64).or_else(default);
    if extractor.with.get("short_page").and_then(Value::as_str) == Some("stop") {
        let records = records.map_or_else(|| "the page size".to_owned(), |records| records.to_string());
        return Some(format!("at a page with fewer than {records} records, or an empty one"));
    }
    let slices = if source.slicer.is_some() { "; a slice of one page takes two requests" } else { "" };
    Some(format!(
        "at an empty page: one request beyond the last page of every walk{slices}; `short_page: stop` saves it where a \
         short page is known to be the last"
    ))
}
