//! Records as byte ranges of a page.
//!
//! One scan validates a page's JSON and notes where each record lies, and for each of its
//! top-level fields the name, the kind and the range of its value. Everything later (keys,
//! columns, cursors, envelopes) reads these ranges; nobody parses a record again.

use std::ops::Range;

/// A range of bytes in one page body; pages are smaller than 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The bytes of the span; empty where it lies outside of the body.
    pub fn of(self, body: &[u8]) -> &[u8] {
        body.get(self.range()).unwrap_or_default()
    }
}

/// The kind of a JSON value. The numbers are part of the plugin contract (`column.kinds`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    Missing = 0,
    Null = 1,
    False = 2,
    True = 3,
    Number = 4,
    String = 5,
    Array = 6,
    Object = 7,
}

/// A field name's number in the scanner's table of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(pub u32);

/// One top-level field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSpan {
    pub name: NameId,
    pub kind: Kind,
    /// For a string: it holds a backslash, so its bytes are not its text.
    /// For a number: it has a fraction or an exponent, so it is no plain integer.
    pub special: bool,
    /// The value: quotes included for a string, no surrounding space.
    pub span: Span,
}

/// One record: its bytes and its fields' place in [`Records::fields`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSpan {
    pub span: Span,
    pub first_field: u32,
    pub end_field: u32,
}

/// The records of one page, in order. Spans refer to the body that was scanned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    pub records: Vec<RecordSpan>,
    pub fields: Vec<FieldSpan>,
}

impl Records {
    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub fn clear(&mut self) {
        self.records.clear();
        self.fields.clear();
    }

    /// The fields of a record, in document order; duplicates included.
    pub fn fields_of(&self, record: &RecordSpan) -> &[FieldSpan] {
        self.fields.get(record.first_field as usize..record.end_field as usize).unwrap_or_default()
    }

    /// The one field of that name. `Err` where the name occurs twice in this record.
    pub fn field(&self, record: &RecordSpan, name: NameId) -> Result<Option<&FieldSpan>, Twice> {
        let mut found = self.fields_of(record).iter().filter(|field| field.name == name);
        let first = found.next();
        found.next().map_or(Ok(first), |_| Err(Twice))
    }

    /// The names of a record's fields, in document order.
    pub fn names_of(&self, record: &RecordSpan, names: &Names) -> Vec<String> {
        self.fields_of(record).iter().map(|field| names.name(field.name).to_owned()).collect()
    }

    /// Keeps the records for which `keep` is true; their fields stay where they are.
    pub fn retain(&mut self, mut keep: impl FnMut(usize, &RecordSpan) -> bool) {
        let mut index = 0;
        self.records.retain(|record| {
            let kept = keep(index, record);
            index += 1;
            kept
        });
    }
}

/// A field that the host reads occurs twice in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Twice;

/// Field names by number, unescaped. Numbers are stable for the life of the table,
/// which is that of a run.
#[derive(Debug, Clone, Default)]
pub struct Names {
    by_id: Vec<Box<str>>,
    by_name: std::collections::HashMap<Box<str>, NameId>,
    /// Names that are no text, by their JSON strings; hardly ever any.
    by_json: std::collections::HashMap<Box<str>, NameId>,
}

impl Names {
    /// More distinct names than this are refused: records with ids as names are data, not columns.
    pub const MAX: usize = 65_536;

    /// The number of a name, added if new; `None` when the table is full.
    pub fn intern(&mut self, name: &str) -> Option<NameId> {
        if let Some(id) = self.by_name.get(name) {
            return Some(*id);
        }
        let id = self.push(name)?;
        self.by_name.insert(name.into(), id);
        Some(id)
    }

    /// The same for a name with half of a surrogate pair, which no text can hold. It goes by its JSON
    /// string, quotes included, in the one spelling that it has, and is never the name of any text.
    pub fn intern_json(&mut self, json: &str) -> Option<NameId> {
        if let Some(id) = self.by_json.get(json) {
            return Some(*id);
        }
        let id = self.push(json)?;
        self.by_json.insert(json.into(), id);
        Some(id)
    }

    fn push(&mut self, name: &str) -> Option<NameId> {
        if self.by_id.len() >= Self::MAX {
            return None;
        }
        let id = NameId(self.by_id.len() as u32);
        self.by_id.push(name.into());
        Some(id)
    }

    pub fn get(&self, name: &str) -> Option<NameId> {
        self.by_name.get(name).copied()
    }

    /// The name of a number; empty for a number of another table. One that is no text is shown as its
    /// JSON string.
    pub fn name(&self, id: NameId) -> &str {
        self.by_id.get(id.0 as usize).map_or("", |name| name)
    }

    /// The JSON string of a name that is no text; `None` for all others.
    pub fn json_of(&self, id: NameId) -> Option<&str> {
        if self.by_json.is_empty() {
            return None;
        }
        let json = self.name(id);
        self.by_json.get(json).filter(|known| **known == id).map(|_| json)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
