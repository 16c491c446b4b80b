//! The one scan of a page: proves that all of it is JSON, and notes records and fields on the way.

use crate::error::{ScanError, ScanErrorKind};
use crate::lex::{self, Lexed};
use crate::lookup;
use crate::path::{Path, index};
use crate::shape::{GapId, Shape};
use crate::text::is_name;
use dpone_model::{FieldSpan, Kind, NameId, Names, RecordSpan, Records, Span};

/// All names of a run together have at most this many bytes.
pub(crate) const MAX_NAME_BYTES: usize = 16 << 20;

/// Scans the pages of one run. It keeps the table of field names and what it has learnt about the
/// shape of records; the latter changes the speed only, never a result.
#[derive(Debug, Default)]
pub struct Scanner {
    names: Names,
    /// Bytes of all names that scans added, so that a server cannot fill the memory with long ones.
    name_bytes: usize,
    shape: Shape,
    /// Records and fields of the last page. Pages of one walk are mostly alike, so the next one gets
    /// that much room at once instead of growing into it.
    last: (usize, usize),
    masks_excerpts: bool,
}

/// A page's value at the records path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// An array; its elements are the records.
    Array(Span),
    /// A single object, which is one record.
    Object(Span),
    /// `null`: no record.
    Null,
    /// Nothing. `reached` is the part of the path that is there, `keys` the first names (at most
    /// 10,000) of the object that lacks the next one; none where it is no object.
    Missing { reached: String, keys: Vec<String> },
    /// Something that cannot be records.
    Other(Kind),
}

impl Scanner {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    /// From now on [`Scanner::excerpt`] hides letters and digits: the rows are not to be quoted.
    pub fn mask_excerpts(&mut self) {
        self.masks_excerpts = true;
    }

    /// The text around `offset`, for a message about these bytes; masked, only the punctuation.
    pub fn excerpt(&self, body: &[u8], offset: usize) -> String {
        crate::text::excerpt_with(body, offset, |character| self.shown(character))
    }

    /// A value for a message: its first 200 characters in one line; masked as [`Scanner::excerpt`].
    pub fn quote(&self, value: &[u8]) -> String {
        const CHARACTERS: usize = 200;
        crate::text::start_with(value, CHARACTERS, |character| self.shown(character))
    }

    fn shown(&self, character: char) -> char {
        if self.masks_excerpts && character.is_alphanumeric() { 'x' } else { character }
    }

    pub fn names_mut(&mut self) -> &mut Names {
        &mut self.names
    }

    /// Validates the whole body (RFC 8259, nesting up to [`crate::MAX_DEPTH`]) and replaces `out`
    /// by the records at `path`. After an error `out` is empty. A byte order mark before the text is
    /// skipped; spans count from the body's first byte all the same.
    pub fn scan(&mut self, body: &[u8], path: &Path, out: &mut Records) -> Result<Found, ScanError> {
        self.make_room(body, out);
        let scanned = self.pass(body, out).and_then(|mut pass| pass.document(path));
        let found = scanned.map_err(|error| refuse(*error, out))?;
        self.last = (out.records.len(), out.fields.len());
        Ok(found.unwrap_or_else(|| {
            let (reached, keys) = lookup::reached(body, path);
            Found::Missing { reached, keys }
        }))
    }

    /// The same for NDJSON: objects with white space between them, commonly one a line.
    pub fn scan_ndjson(&mut self, body: &[u8], out: &mut Records) -> Result<(), ScanError> {
        self.make_room(body, out);
        let scanned = self.pass(body, out).and_then(|mut pass| pass.lines());
        scanned.map_err(|error| refuse(*error, out))?;
        self.last = (out.records.len(), out.fields.len());
        Ok(())
    }

    /// Empties `out` and gives it room, for a small page behind a large one no more than it can need.
    fn make_room(&self, body: &[u8], out: &mut Records) {
        /// Of the shortest record, and of the shortest field: `{},` and `"":0,`.
        const LEAST_BYTES: (usize, usize) = (3, 5);
        let (records, fields) = self.last;
        out.clear();
        out.records.reserve(records.min(body.len() / LEAST_BYTES.0));
        out.fields.reserve(fields.min(body.len() / LEAST_BYTES.1));
    }

    fn pass<'a>(&'a mut self, body: &'a [u8], out: &'a mut Records) -> Lexed<Pass<'a>> {
        // Spans are 32 bits wide.
        if u32::try_from(body.len()).is_err() {
            return Err(ScanError::syntax(u32::MAX as usize, "a body of 4 GiB or more"));
        }
        Ok(Pass { body, names: &mut self.names, name_bytes: &mut self.name_bytes, shape: &mut self.shape, out })
    }
}

fn refuse(error: ScanError, out: &mut Records) -> ScanError {
    out.clear();
    error
}

/// One scan under way.
struct Pass<'a> {
    body: &'a [u8],
    names: &'a mut Names,
    name_bytes: &'a mut usize,
    shape: &'a mut Shape,
    out: &'a mut Records,
}

impl Pass<'_> {
    /// The whole body as one value.
    fn document(&mut self, path: &Path) -> Lexed<Option<Found>> {
        let start = lex::start(self.body);
        let (end, found) = self.descend(start, path.segments(), 0)?;
        let end = lex::space(self.body, end);
        if end < self.body.len() {
            return Err(ScanError::syntax(end, "text after the value"));
        }
        Ok(found)
    }

    /// The whole body as objects with space between them.
    fn lines(&mut self) -> Lexed<()> {
        let mut at = lex::start(self.body);
        while at < self.body.len() {
            let end = self.element(at, 0)?;
            at = lex::space(self.body, end);
            if at == end && at < self.body.len() {
                return Err(ScanError::syntax(at, "white space was expected between two records"));
            }
        }
        Ok(())
    }

    /// The value at `at`, of which the records lie at `segments`. Recursion is as deep as the path
    /// goes, and never deeper than the limit of nesting.
    fn descend(&mut self, at: usize, segments: &[String], depth: usize) -> Lexed<(usize, Option<Found>)> {
        let Some((segment, rest)) = segments.split_first() else {
            return self.target(at, depth).map(|(end, found)| (end, Some(found)));
        };
        match self.body.get(at) {
            Some(b'{') => self.descend_object(at, segment, rest, depth),
            Some(b'[') => self.descend_array(at, segment, rest, depth),
            _ => Ok((lex::value(self.body, at, depth)?.end, None)),
        }
    }

    fn descend_object(
        &mut self,
        open: usize,
        segment: &str,
        rest: &[String],
        depth: usize,
    ) -> Lexed<(usize, Option<Found>)> {
        lex::may_open(open, depth)?;
        let body = self.body;
        let (mut found, mut was_here) = (None, false);
        let mut at = lex::space(body, open + 1);
        if body.get(at) == Some(&b'}') {
            return Ok((at + 1, None));
        }
        loop {
            let value = lex::name_and_colon(body, at)?;
            at = if is_name(body, at, value, segment) {
                if was_here {
                    return Err(ScanError::boxed(at, ScanErrorKind::RepeatedOnPath));
                }
                was_here = true;
                let (end, inner) = self.descend(value, rest, depth + 1)?;
                found = inner;
                end
            } else {
                lex::value(body, value, depth + 1)?.end
            };
            at = lex::space(body, at);
            match body.get(at) {
                Some(b',') => at = lex::space(body, at + 1),
                Some(b'}') => return Ok((at + 1, found)),
                _ => return Err(lex::no_separator(at, true)),
            }
        }
    }

    fn descend_array(
        &mut self,
        open: usize,
        segment: &str,
        rest: &[String],
        depth: usize,
    ) -> Lexed<(usize, Option<Found>)> {
        lex::may_open(open, depth)?;
        let body = self.body;
        let wanted = index(segment);
        let mut found = None;
        let mut at = lex::space(body, open + 1);
        if body.get(at) == Some(&b']') {
            return Ok((at + 1, None));
        }
        for position in 0.. {
            at = if wanted == Some(position) {
                let (end, inner) = self.descend(at, rest, depth + 1)?;
                found = inner;
                end
            } else {
                lex::value(body, at, depth + 1)?.end
            };
            at = lex::space(body, at);
            match body.get(at) {
                Some(b',') => at = lex::space(body, at + 1),
                Some(b']') => break,
                _ => return Err(lex::no_separator(at, false)),
            }
        }
        Ok((at + 1, found))
    }

    /// The value at the end of the path.
    fn target(&mut self, at: usize, depth: usize) -> Lexed<(usize, Found)> {
        match self.body.get(at) {
            Some(b'[') => {
                let end = self.array_of_records(at, depth)?;
                Ok((end, Found::Array(Span::new(at, end))))
            }
            Some(b'{') => {
                let end = self.element(at, depth)?;
                Ok((end, Found::Object(Span::new(at, end))))
            }
            _ => {
                let value = lex::value(self.body, at, depth)?;
                let found = if value.kind == Kind::Null { Found::Null } else { Found::Other(value.kind) };
                Ok((value.end, found))
            }
        }
    }

    fn array_of_records(&mut self, open: usize, depth: usize) -> Lexed<usize> {
        lex::may_open(open, depth)?;
        let mut at = lex::space(self.body, open + 1);
        if self.body.get(at) == Some(&b']') {
            return Ok(at + 1);
        }
        loop {
            at = self.element(at, depth + 1)?;
            at = lex::space(self.body, at);
            match self.body.get(at) {
                Some(b',') => at = lex::space(self.body, at + 1),
                Some(b']') => return Ok(at + 1),
                _ => return Err(lex::no_separator(at, false)),
            }
        }
    }

    /// One record, from its brace.
    fn element(&mut self, at: usize, depth: usize) -> Lexed<usize> {
        self.record(at, depth).map_err(|mut error| {
            error.record = Some(self.out.records.len() as u32);
            error
        })
    }

    #[inline]
    fn record(&mut self, open: usize, depth: usize) -> Lexed<usize> {
        if self.body.get(open) != Some(&b'{') {
            return Err(self.not_an_object(open, depth));
        }
        lex::may_open(open, depth)?;
        let first_field = self.out.fields.len() as u32;
        let mut gap = GapId::START;
        let mut at = open + 1;
        loop {
            let name;
            (gap, name, at) = match self.shape.predict(gap, self.body, at) {
                Some(hit) => (hit.gap, hit.name, at + hit.len),
                None => match self.read_gap(gap, at)? {
                    Gap::Name { gap, name, value } => (gap, name, value),
                    Gap::End(end) => {
                        at = end;
                        break;
                    }
                },
            };
            // A remembered gap may have had less space behind its colon than there is here.
            at = lex::space(self.body, at);
            let value = lex::value(self.body, at, depth + 1)?;
            let span = Span::new(at, value.end);
            self.out.fields.push(FieldSpan { name, kind: value.kind, special: value.special, span });
            at = value.end;
            if self.body.get(at) == Some(&b'}') {
                at += 1;
                break;
            }
        }
        let end_field = self.out.fields.len() as u32;
        self.out.records.push(RecordSpan { span: Span::new(open, at), first_field, end_field });
        Ok(at)
    }

    /// Reads the token at `at`, behind the opening brace or behind a value, the long way.
    #[inline(never)]
    fn read_gap(&mut self, before: GapId, at: usize) -> Lexed<Gap> {
        let body = self.body;
        let is_first = before == GapId::START;
        let mut name_at = lex::space(body, at);
        match body.get(name_at) {
            Some(b'}') => return Ok(Gap::End(name_at + 1)),
            Some(b',') if !is_first => name_at = lex::space(body, name_at + 1),
            _ if !is_first => return Err(lex::no_separator(name_at, true)),
            _ => {}
        }
        if body.get(name_at) != Some(&b'"') {
            return Err(ScanError::syntax(name_at, "a name in quotes was expected"));
        }
        let (name_end, _) = lex::string(body, name_at)?;
        let value = lex::colon(body, name_end)?;
        let bytes = body.get(at..value).unwrap_or_default();
        let (gap, name) = match self.shape.find(bytes) {
            Some(known) => (known.gap, known.name),
            None => {
                let name = self.intern(name_at, name_end)?;
                (self.shape.add(bytes, name), name)
            }
        };
        self.shape.follow(before, gap);
        Ok(Gap::Name { gap, name, value })
    }

    fn intern(&mut self, start: usize, end: usize) -> Lexed<NameId> {
        let quoted = self.body.get(start..end).unwrap_or_default();
        let Some(name) = crate::exact_text(quoted) else { return self.intern_json(start, quoted) };
        if let Some(id) = self.names.get(&name) {
            return Ok(id);
        }
        *self.name_bytes += name.len();
        let id = if *self.name_bytes > MAX_NAME_BYTES { None } else { self.names.intern(&name) };
        id.ok_or_else(|| ScanError::boxed(start, ScanErrorKind::TooManyNames))
    }

    /// Two names with different halves of surrogate pairs are two names, and neither is one with U+FFFD.
    #[cold]
    fn intern_json(&mut self, start: usize, quoted: &[u8]) -> Lexed<NameId> {
        let mut json = Vec::with_capacity(quoted.len());
        crate::canonical_string(quoted, &mut json);
        let known = self.names.len();
        let id = self.names.intern_json(&String::from_utf8_lossy(&json));
        if self.names.len() > known {
            *self.name_bytes += json.len();
        }
        let id = id.filter(|_| *self.name_bytes <= MAX_NAME_BYTES);
        id.ok_or_else(|| ScanError::boxed(start, ScanErrorKind::TooManyNames))
    }

    /// An element that is no object: first of all it has to be JSON.
    #[cold]
    fn not_an_object(&self, at: usize, depth: usize) -> Box<ScanError> {
        match lex::value(self.body, at, depth) {
            Ok(value) => ScanError::boxed(at, ScanErrorKind::NotAnObject(value.kind)),
            Err(error) => error,
        }
    }
}

/// The outcome of a gap that was read the long way.
enum Gap {
    Name { gap: GapId, name: NameId, value: usize },
    End(usize),
}
