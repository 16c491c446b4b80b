//! A plugin's output, checked against its contract before anybody works with it.

use crate::bindings::extractor::dpone::plugin::types;
use crate::bindings::extractor::exports::dpone::plugin::extractor as e;
use crate::bindings::signer::exports::dpone::plugin::signer as s;
use crate::bindings::slicer::exports::dpone::plugin::slicer;
use crate::bindings::transform::exports::dpone::plugin::transform as t;
use crate::bounds;
use crate::error::Fault;
use crate::text;
use dpone_model::plugin::{Column, Edits, Encoding, Ending, Hash, Outcome, RecordsAt, RequestEdit, RequestValue};
use dpone_model::plugin::{Signature, Slice, SliceStep, Step, Term};
use serde::de::IgnoredAny;

/// The problem, as a fragment.
pub(crate) type Broken = String;

pub(crate) fn step(step: e::Step) -> Result<Step, Broken> {
    let records = match step.records {
        e::Records::None => RecordsAt::None,
        e::Records::At(path) => {
            bounds::path(&path)?;
            RecordsAt::Path(path)
        }
        e::Records::Bytes(bytes) => RecordsAt::Bytes(bytes),
    };
    let ended = step.ended.map(ending).transpose()?;
    Ok(Step { records, next: step.next.map(request).transpose()?, ended, state: step.state })
}

/// The reason is for machines, so it has a form; the rest is text for people, and bounded.
fn ending(ending: e::Ending) -> Result<Ending, Broken> {
    const MAX_REASON_BYTES: usize = 64;
    let is_kebab = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let reason = ending.reason;
    if reason.is_empty() || reason.len() > MAX_REASON_BYTES || !reason.bytes().all(is_kebab) {
        let shown = text::one_line(&reason, MAX_REASON_BYTES);
        return Err(format!("the reason `{shown}` is not 1 to {MAX_REASON_BYTES} lower-case letters, digits or `-`"));
    }
    let message = text::one_line(&ending.message, text::MAX_MESSAGE_BYTES);
    let looked_at = ending.looked_at.map(|what| text::one_line(&what, 200));
    Ok(Ending { reason, message, looked_at })
}

pub(crate) fn request(request: types::Request) -> Result<RequestEdit, Broken> {
    bounds::request(&request)?;
    for field in &request.body {
        if let types::Value::Text(text) = &field.value {
            serde_json::from_str::<IgnoredAny>(text)
                .map_err(|error| format!("the request's body field `{}` is not JSON text: {error}", field.name))?;
        }
    }
    Ok(RequestEdit {
        url: request.url,
        query: fields(request.query),
        body: fields(request.body),
        headers: fields(request.headers),
        method: request.method,
        path: request.path,
        may_be_past_end: request.may_be_past_end,
    })
}

pub(crate) fn fields(fields: Vec<types::Field>) -> Vec<(String, RequestValue)> {
    fields.into_iter().map(|field| (field.name, value(field.value))).collect()
}

fn value(value: types::Value) -> RequestValue {
    match value {
        types::Value::Text(text) => RequestValue::Text(text),
        types::Value::Secret(name) => RequestValue::Secret(name),
    }
}

/// Slices that one load may be cut into.
const MAX_SLICES_PER_STEP: usize = 10_000;
const MAX_SLICE_ID_BYTES: usize = 200;
/// The most terms that a signature may hold: the longest known scheme needs some thirty.
const MAX_TERMS: usize = 256;
const MAX_PLACED: usize = 32;

pub(crate) fn slice_step(step: slicer::Step) -> Result<SliceStep, Broken> {
    if step.slices.len() > MAX_SLICES_PER_STEP {
        return Err(format!("it listed {} slices in one step; the limit is {MAX_SLICES_PER_STEP}", step.slices.len()));
    }
    let slices = step.slices.into_iter().map(slice).collect::<Result<_, _>>()?;
    Ok(SliceStep { slices, next: step.next.map(request).transpose()?, state: step.state })
}

fn slice(slice: slicer::Slice) -> Result<Slice, Broken> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    let id = slice.id;
    if id.is_empty() || id.len() > MAX_SLICE_ID_BYTES || !id.bytes().all(is_plain) {
        let shown = text::one_line(&id, 64);
        return Err(format!("the slice id `{shown}` is not 1 to {MAX_SLICE_ID_BYTES} letters, digits or `_-.:`"));
    }
    for bound in [&slice.lower, &slice.upper].into_iter().flatten() {
        if bound.len() > bounds::MAX_SLICE_BOUND_BYTES {
            return Err(format!("the slice `{id}` has a bound of more than {} bytes", bounds::MAX_SLICE_BOUND_BYTES));
        }
    }
    Ok(Slice { id, request: request(slice.request)?, lower: slice.lower, upper: slice.upper })
}

/// A signature may name granted secrets alone, and refer to earlier terms alone.
pub(crate) fn signature(signature: s::Signature, granted: &[String]) -> Result<Signature, Fault> {
    if signature.terms.len() > MAX_TERMS || signature.headers.len() + signature.query.len() > MAX_PLACED {
        let what = format!("a signature has at most {MAX_TERMS} terms and {MAX_PLACED} headers and parameters");
        return Err(what.into());
    }
    for placed in signature.headers.iter().chain(&signature.query) {
        bounds::name("header or parameter", &placed.name)?;
    }
    let mut terms = Vec::with_capacity(signature.terms.len());
    for (number, found) in signature.terms.into_iter().enumerate() {
        let number = number as u32;
        if let s::Term::Secret(name) = &found
            && !granted.contains(name)
        {
            return Err(Fault::NotGranted(format!("secret {}", text::one_line(name, 100))));
        }
        let found = term(found);
        if let Some(later) = refers_to(&found).into_iter().find(|earlier| *earlier >= number) {
            return Err(format!("term {number} refers to term {later}, which is not before it").into());
        }
        terms.push(found);
    }
    let count = terms.len() as u32;
    let placed = |placed: Vec<s::Placed>| -> Result<Vec<(String, u32)>, Fault> {
        match placed.iter().find(|placed| placed.term >= count) {
            Some(beyond) => Err(format!("`{}` is term {}, which is not there", beyond.name, beyond.term).into()),
            None => Ok(placed.into_iter().map(|placed| (placed.name, placed.term)).collect()),
        }
    };
    Ok(Signature { headers: placed(signature.headers)?, query: placed(signature.query)?, terms })
}

fn term(term: s::Term) -> Term {
    let hash = |hash| match hash {
        s::Hash::Sha1 => Hash::Sha1,
        s::Hash::Sha256 => Hash::Sha256,
        s::Hash::Sha512 => Hash::Sha512,
    };
    let encoding = |encoding| match encoding {
        s::Encoding::Hex => Encoding::Hex,
        s::Encoding::Base64 => Encoding::Base64,
        s::Encoding::Base64url => Encoding::Base64Url,
        s::Encoding::Percent => Encoding::Percent,
    };
    match term {
        s::Term::Text(text) => Term::Text(text),
        s::Term::Bytes(bytes) => Term::Bytes(bytes),
        s::Term::Secret(name) => Term::Secret(name),
        s::Term::Concat(parts) => Term::Concat(parts),
        s::Term::Hashed(of) => Term::Hashed { hash: hash(of.hash), message: of.message },
        s::Term::Hmac(of) => Term::Hmac { hash: hash(of.hash), key: of.key, message: of.message },
        s::Term::Encoded(of) => Term::Encoded { encoding: encoding(of.encoding), bytes: of.bytes },
    }
}

fn refers_to(term: &Term) -> Vec<u32> {
    match term {
        Term::Text(_) | Term::Bytes(_) | Term::Secret(_) => Vec::new(),
        Term::Concat(parts) => parts.clone(),
        Term::Hashed { message, .. } => vec![*message],
        Term::Hmac { key, message, .. } => vec![*key, *message],
        Term::Encoded { bytes, .. } => vec![*bytes],
    }
}

/// `records` is the batch's length.
pub(crate) fn outcome(outcome: t::Outcome, records: usize) -> Result<Outcome, Broken> {
    let edits = match outcome {
        t::Outcome::Unchanged => return Ok(Outcome::Unchanged),
        t::Outcome::Replaced(bytes) => return Ok(Outcome::Replaced(bytes)),
        t::Outcome::Edited(edits) => edits,
    };
    let (renamed, set) = (edits.rename.iter(), edits.set.iter().map(|column| &column.field));
    bounds::names("renamed field", bounds::MAX_EDITED_NAMES, renamed.clone().map(|renamed| &renamed.from_name))?;
    bounds::names("renamed field", bounds::MAX_EDITED_NAMES, renamed.map(|renamed| &renamed.to_name))?;
    bounds::names("dropped field", bounds::MAX_EDITED_NAMES, edits.drop.iter())?;
    bounds::names("set field", bounds::MAX_EDITED_NAMES, set)?;
    let keep = match edits.keep {
        Some(keep) if keep.len() != records => {
            return Err(format!("`keep` has {} entries for {records} records", keep.len()));
        }
        keep => keep.map(|keep| keep.into_iter().map(|byte| byte != 0).collect()),
    };
    let mut set = Vec::with_capacity(edits.set.len());
    for column in edits.set {
        let values = self::column(column.values, records)
            .map_err(|broken| format!("the column set for `{}` {broken}", column.field))?;
        set.push((column.field, values));
    }
    let rename = edits.rename.into_iter().map(|renamed| (renamed.from_name, renamed.to_name)).collect();
    Ok(Outcome::Edited(Edits { keep, rename, drop: edits.drop, set }))
}

/// A column must have one value a record, each the JSON text of its kind, so that it can be
/// spliced into a record as it stands.
fn column(column: types::Column, records: usize) -> Result<Column, Broken> {
    let types::Column { kinds, offsets, text } = column;
    if kinds.len() != records {
        return Err(format!("has {} kinds for {records} records", kinds.len()));
    }
    if offsets.len() != records + 1 {
        return Err(format!("has {} offsets, not one more than its {records} records", offsets.len()));
    }
    let whole = std::str::from_utf8(&text).map_err(|error| format!("is not UTF-8: {error}"))?;
    if offsets.first() != Some(&0) || offsets.last().map(|end| *end as usize) != Some(text.len()) {
        return Err("has offsets that do not cover its text".to_owned());
    }
    if whole.contains(['\n', '\r']) {
        return Err("has a line break between two tokens of a value".to_owned());
    }
    // With both ends right and none descending, every offset is inside of the text.
    if let Some(record) = offsets.windows(2).position(|bounds| !bounds.is_sorted()) {
        return Err(format!("has descending offsets at record {record}"));
    }
    let bounds = offsets.iter().zip(offsets.iter().skip(1));
    for (record, (kind, (start, end))) in kinds.iter().zip(bounds).enumerate() {
        let value = whole
            .get(*start as usize..*end as usize)
            .ok_or_else(|| format!("cuts a character in two at record {record}"))?;
        if !is_of_kind(*kind, value) {
            return Err(format!("has a value at record {record} that is not JSON text of its kind {kind}"));
        }
    }
    Ok(Column { kinds, offsets, text })
}

fn is_of_kind(kind: u8, value: &str) -> bool {
    let starts = |with: &[u8]| value.bytes().next().is_some_and(|first| with.contains(&first));
    match kind {
        0 => value.is_empty(),
        1 => value == "null",
        2 => value == "false",
        3 => value == "true",
        4 => starts(b"-0123456789") && is_json(value),
        5 => starts(b"\"") && is_json(value),
        6 => starts(b"[") && is_json(value),
        7 => starts(b"{") && is_json(value),
        _ => false,
    }
}

fn is_json(value: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(kinds: &[u8], offsets: &[u32], text: &str) -> types::Column {
        types::Column { kinds: kinds.to_vec(), offsets: offsets.to_vec(), text: text.as_bytes().to_vec() }
    }

    #[test]
    fn columns_are_checked() {
        for (column, expected) in [
            (made(&[4, 0], &[0, 2, 2], "12"), Ok(())),
            (made(&[5, 7], &[0, 4, 11], "\"ä\"{\"a\":1}"), Ok(())),
            (made(&[5, 7], &[0, 2, 11], "\"ä\"{\"a\":1}"), Err("cuts a character")),
            (made(&[1, 3], &[0, 4, 8], "nulltrue"), Ok(())),
            (made(&[4], &[0, 1], "1"), Err("1 kinds for 2 records")),
            (made(&[4, 4], &[0, 1], "1"), Err("2 offsets")),
            (made(&[4, 4], &[0, 1, 3], "12"), Err("do not cover")),
            (made(&[4, 4], &[1, 1, 2], "12"), Err("do not cover")),
            (made(&[4, 4], &[0, 3, 2], "12"), Err("descending offsets at record 1")),
            (made(&[4, 9], &[0, 1, 2], "12"), Err("record 1 that is not JSON text of its kind 9")),
            (made(&[4, 4], &[0, 1, 8], "11,\"b\":2"), Err("record 1 that is not JSON")),
            (made(&[6, 0], &[0, 5, 5], "[1,\n2"), Err("line break")),
            (made(&[2, 0], &[0, 4, 4], "true"), Err("kind 2")),
            (made(&[0, 0], &[0, 1, 1], "1"), Err("kind 0")),
        ] {
            let text = format!("{column:?}");
            match (super::column(column, 2), expected) {
                (Ok(_), Ok(())) => {}
                (Err(broken), Err(expected)) => assert!(broken.contains(expected), "{broken} for {text}"),
                (got, expected) => panic!("{got:?} instead of {expected:?} for {text}"),
            }
        }
    }

    #[test]
    fn a_mask_must_fit_the_batch() {
        let edits = |keep| t::Edits { keep, rename: vec![], drop: vec![], set: vec![] };
        assert!(outcome(t::Outcome::Edited(edits(Some(vec![0, 1]))), 3).is_err());
        let fits = outcome(t::Outcome::Edited(edits(Some(vec![0, 1, 7]))), 3).unwrap();
        assert_eq!(fits, Outcome::Edited(Edits { keep: Some(vec![false, true, true]), ..Edits::default() }));
    }
}
