//! A transform's edits, spliced into the records around what they leave alone.

use crate::lex;
use crate::text::escape;
use dpone_model::plugin::{Column, Edits};
use dpone_model::{Code, Failure, FieldSpan, Kind, NameId, Names, RecordSpan, Records, codes};
use std::collections::HashMap;
use std::ops::Range;

/// A page's records after its edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edited {
    /// All records stay as they are.
    Unchanged,
    /// Some records go, the others stay as they are: one answer a record.
    Kept(Vec<bool>),
    /// The records that were kept, as NDJSON. Names and values that were not edited are the source's
    /// bytes; space between the fields, line ends included, may be the source's too, so this is
    /// read with [`crate::Scanner::scan_ndjson`] and not by lines.
    Rewritten(Vec<u8>),
}

/// Edits that do not fit the records they are for. They come from a plugin and are not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("`{what}` has {found} entries for {expected} records")]
    Length { what: String, expected: usize, found: usize },
    #[error("the column set for `{field}` has offsets that do not ascend or lie outside of its text")]
    Offsets { field: String },
    #[error("the value set for `{field}` in record {record} is not {expected}: {reason}")]
    Value { field: String, record: u32, expected: &'static str, reason: String },
    #[error("`{field}` is {what} twice by the same edits")]
    Repeated { field: String, what: &'static str },
    #[error("`{field}` is edited and would occur twice in record {record}")]
    Twice { field: String, record: u32 },
}

impl Failure for EditError {
    fn code(&self) -> &'static Code {
        &codes::plugin::BAD_OUTPUT
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Twice { field, .. } => Some(format!("drop one of the two fields, or leave `{field}` as it is")),
            _ => None,
        }
    }
}

/// Applies edits in the order keep, rename, drop, set; all renames happen at once, so that two
/// fields can swap their names. A field that is set takes its old place or, where it is new, the
/// end of the record; a value of kind [`Kind::Missing`] takes the field away. An edit of a field
/// that no record has does nothing.
pub fn apply_edits(body: &[u8], records: &Records, names: &Names, edits: &Edits) -> Result<Edited, EditError> {
    if let Some(keep) = edits.keep.as_ref().filter(|keep| keep.len() != records.len()) {
        return Err(EditError::Length { what: "keep".into(), expected: records.len(), found: keep.len() });
    }
    let plan = Plan::new(records, names, edits)?;
    if plan.is_idle() {
        let kept = edits.keep.as_ref().filter(|keep| keep.contains(&false));
        return Ok(kept.map_or(Edited::Unchanged, |keep| Edited::Kept(keep.clone())));
    }
    let mut splice =
        Splice { body, records, plan: &plan, seen: vec![0; plan.slots.len()], out: Vec::with_capacity(body.len()) };
    let is_kept = |index: usize| edits.keep.as_ref().is_none_or(|keep| keep.get(index) != Some(&false));
    for (index, record) in records.records.iter().enumerate() {
        if is_kept(index) {
            splice.record(index as u32, record)?;
        }
    }
    Ok(Edited::Rewritten(splice.out))
}

/// The records as NDJSON, exactly one a line: line ends inside of a record, which can only be
/// insignificant space, become blanks. All else is copied.
pub fn ndjson(body: &[u8], records: &Records) -> Vec<u8> {
    let size: usize = records.records.iter().map(|record| record.span.len() + 1).sum();
    let mut out = Vec::with_capacity(size);
    for record in &records.records {
        let start = out.len();
        out.extend_from_slice(record.span.of(body));
        for byte in out.iter_mut().skip(start).filter(|byte| matches!(byte, b'\n' | b'\r')) {
            *byte = b' ';
        }
        out.push(b'\n');
    }
    out
}

/// The change to one field.
#[derive(Debug, Clone, Copy, Default)]
struct Action {
    drop: bool,
    is_renamed: bool,
    /// One more than the place in [`Plan::slots`] of the field's new name; 0 for none.
    slot: u32,
}

/// A name that fields get, or whose value is set; it may occur once in a record.
struct Slot<'a> {
    field: &'a str,
    /// As a JSON string.
    quoted: Vec<u8>,
    set: Option<&'a Column>,
}

/// The edits by field, made once a page.
struct Plan<'a> {
    /// By [`NameId`].
    actions: Vec<Action>,
    slots: Vec<Slot<'a>>,
    /// Places in `slots` of those whose value is set.
    set: Vec<usize>,
}

impl<'a> Plan<'a> {
    fn new(records: &Records, names: &Names, edits: &'a Edits) -> Result<Self, EditError> {
        let mut plan = Self { actions: vec![Action::default(); names.len()], slots: Vec::new(), set: Vec::new() };
        let mut by_name: HashMap<&str, u32> = HashMap::new();
        for (from, to) in &edits.rename {
            let Some(id) = names.get(from) else { continue };
            let slot = plan.slot(to, &mut by_name);
            let Some(action) = plan.action(Some(id)) else { continue };
            if action.is_renamed {
                return Err(EditError::Repeated { field: from.clone(), what: "renamed" });
            }
            *action = Action { is_renamed: true, slot, drop: false };
        }
        for (field, column) in &edits.set {
            let slot = plan.slot(field, &mut by_name);
            check_column(field, column, records.len())?;
            plan.set.push(slot as usize - 1);
            let Some(slot) = plan.slots.get_mut(slot as usize - 1) else { continue };
            if slot.set.replace(column).is_some() {
                return Err(EditError::Repeated { field: field.clone(), what: "set" });
            }
        }
        plan.set.sort_unstable();
        // Fields that already have a name that others get, or that is set.
        for (name, slot) in &by_name {
            if let Some(action) = plan.action(names.get(name)).filter(|action| !action.is_renamed) {
                action.slot = *slot;
            }
        }
        plan.drop(&edits.drop, names, &by_name);
        Ok(plan)
    }

    /// Whether no record could be changed.
    fn is_idle(&self) -> bool {
        !self.actions.iter().any(|action| action.is_renamed || action.drop) && self.set.is_empty()
    }

    /// The number of a name's slot, made if there is none.
    fn slot(&mut self, field: &'a str, by_name: &mut HashMap<&'a str, u32>) -> u32 {
        *by_name.entry(field).or_insert_with(|| {
            let mut quoted = Vec::with_capacity(field.len() + 2);
            escape(field, &mut quoted);
            self.slots.push(Slot { field, quoted, set: None });
            self.slots.len() as u32
        })
    }

    /// Drops what has one of these names after the renames.
    fn drop(&mut self, fields: &[String], names: &Names, by_name: &HashMap<&str, u32>) {
        let mut dropped = vec![false; self.slots.len() + 1];
        for field in fields {
            if let Some(action) = self.action(names.get(field)).filter(|action| !action.is_renamed) {
                action.drop = true;
            }
            if let Some(slot) = by_name.get(field.as_str()).and_then(|slot| dropped.get_mut(*slot as usize)) {
                *slot = true;
            }
        }
        // Slot 0 stands for none.
        let is_dropped = |action: &&mut Action| action.slot > 0 && dropped.get(action.slot as usize) == Some(&true);
        self.actions.iter_mut().filter(is_dropped).for_each(|action| action.drop = true);
    }

    fn action(&mut self, name: Option<NameId>) -> Option<&mut Action> {
        self.actions.get_mut(name?.0 as usize)
    }

    fn of(&self, field: &FieldSpan) -> Action {
        self.actions.get(field.name.0 as usize).copied().unwrap_or_default()
    }
}

/// The rewriting of one page.
struct Splice<'a> {
    body: &'a [u8],
    records: &'a Records,
    plan: &'a Plan<'a>,
    /// By slot: one more than the number of the last record that had it.
    seen: Vec<u32>,
    out: Vec<u8>,
}

impl<'a> Splice<'a> {
    fn record(&mut self, number: u32, record: &RecordSpan) -> Result<(), EditError> {
        let (plan, body) = (self.plan, self.body);
        self.out.push(b'{');
        let first = self.out.len();
        // Fields in a row that stay as they are get copied in one piece.
        let mut untouched: Option<Range<usize>> = None;
        let mut before = record.span.start as usize + 1;
        for field in self.records.fields_of(record) {
            let action = plan.of(field);
            let value = field.span.range();
            let name_at = || name_start(body, before, value.start);
            if action.drop {
                self.copy(untouched.take(), first);
            } else {
                let slot = self.enter(action.slot, number)?;
                let set = slot.and_then(|slot| slot.set);
                if action.is_renamed || set.is_some() {
                    self.copy(untouched.take(), first);
                    let name = slot.filter(|_| action.is_renamed).map(|slot| &*slot.quoted);
                    let text = set.map_or(field.span.of(body), |column| column.value(number as usize));
                    self.edited(name, name_at()..value.start, text, first);
                } else {
                    untouched = Some(untouched.map_or_else(name_at, |untouched| untouched.start)..value.end);
                }
            }
            before = value.end;
        }
        self.copy(untouched, first);
        self.append_new(number, first);
        self.out.extend_from_slice(b"}\n");
        Ok(())
    }

    /// The slot of a field that stays; no other field of this record may have it.
    fn enter(&mut self, slot: u32, number: u32) -> Result<Option<&'a Slot<'a>>, EditError> {
        let index = (slot as usize).wrapping_sub(1);
        let Some(slot) = self.plan.slots.get(index) else { return Ok(None) };
        match self.seen.get_mut(index) {
            Some(seen) if *seen != number + 1 => *seen = number + 1,
            _ => return Err(EditError::Twice { field: slot.field.to_owned(), record: number }),
        }
        Ok(Some(slot))
    }

    fn copy(&mut self, fields: Option<Range<usize>>, first: usize) {
        if let Some(fields) = fields {
            comma(&mut self.out, first);
            self.out.extend_from_slice(self.body.get(fields).unwrap_or_default());
        }
    }

    /// One field with a new name, a new value or both; `old_name` is the source's name and colon.
    fn edited(&mut self, name: Option<&[u8]>, old_name: Range<usize>, text: &[u8], first: usize) {
        if text.is_empty() {
            return;
        }
        comma(&mut self.out, first);
        match name {
            Some(name) => {
                self.out.extend_from_slice(name);
                self.out.push(b':');
            }
            None => self.out.extend_from_slice(self.body.get(old_name).unwrap_or_default()),
        }
        self.out.extend_from_slice(text);
    }

    /// The fields that are set and were not there.
    fn append_new(&mut self, number: u32, first: usize) {
        for index in &self.plan.set {
            let (Some(slot), Some(seen)) = (self.plan.slots.get(*index), self.seen.get(*index)) else { continue };
            let text = slot.set.filter(|_| *seen != number + 1).map_or(&[][..], |column| column.value(number as usize));
            if text.is_empty() {
                continue;
            }
            comma(&mut self.out, first);
            self.out.extend_from_slice(&slot.quoted);
            self.out.push(b':');
            self.out.extend_from_slice(text);
        }
    }
}

/// Parts a field from the one before, if the record has begun to fill behind `first`.
fn comma(out: &mut Vec<u8>, first: usize) {
    if out.len() > first {
        out.push(b',');
    }
}

/// Where the name starts that stands, alone with space and punctuation, between two values.
fn name_start(body: &[u8], from: usize, to: usize) -> usize {
    let gap = body.get(from..to).unwrap_or_default();
    from + gap.iter().position(|byte| *byte == b'"').unwrap_or_default()
}

/// Proves that a column from a plugin has one JSON value of the kind it says for each record.
fn check_column(field: &str, column: &Column, records: usize) -> Result<(), EditError> {
    let length = |found, expected| EditError::Length { what: field.to_owned(), expected, found };
    if column.kinds.len() != records {
        return Err(length(column.kinds.len(), records));
    }
    // Without records a column may leave out its single offset.
    if column.offsets.len() != records + 1 && !(records == 0 && column.offsets.is_empty()) {
        return Err(length(column.offsets.len().saturating_sub(1), records));
    }
    let inside = column.offsets.last().is_none_or(|end| *end as usize <= column.text.len());
    if !inside || !column.offsets.is_sorted() {
        return Err(EditError::Offsets { field: field.to_owned() });
    }
    for (index, kind) in column.kinds.iter().enumerate() {
        check_value(*kind, column.value(index)).map_err(|(expected, reason)| EditError::Value {
            field: field.to_owned(),
            record: index as u32,
            expected,
            reason,
        })?;
    }
    Ok(())
}

/// On failure: what was expected and why this is not it.
fn check_value(kind: u8, text: &[u8]) -> Result<(), (&'static str, String)> {
    let (expected, name) = match kind {
        0 if text.is_empty() => return Ok(()),
        0 => return Err(("missing", "it has text".into())),
        1 => (Kind::Null, "null"),
        2 => (Kind::False, "false"),
        3 => (Kind::True, "true"),
        4 => (Kind::Number, "a number"),
        5 => (Kind::String, "a string"),
        6 => (Kind::Array, "an array"),
        7 => (Kind::Object, "an object"),
        other => return Err(("of a known kind", format!("there is no kind {other}"))),
    };
    // It will stand inside of a record.
    match lex::whole(text, 1) {
        Ok(found) if found == expected => Ok(()),
        Ok(_) => Err((name, "its text is of another kind".into())),
        Err(error) => Err((name, error.to_string())),
    }
}
