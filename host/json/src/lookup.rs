//! Single values of a body by path: next cursors, totals, the keys that are there.
//!
//! The body has been scanned. On one that is not JSON the answer is `None`, never a panic. A name that
//! occurs twice on a path has two readings, so that it is an error and never the first of the two.

use crate::lex::{self, Lexed};
use crate::path::{Path, index};
use crate::text::is_name;
use dpone_model::{Kind, Span};
use std::borrow::Cow;

/// A name that is read occurs twice in its object: readers of JSON differ in which of the two they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name that is read occurs twice, with values at byte {} and at byte {}", .first.start, .second.start)]
pub struct TwiceOnPath {
    /// The segment of the path that has the name, from 0.
    pub segment: usize,
    /// The two values.
    pub first: Span,
    pub second: Span,
}

/// A value that was looked up: none where it is not there.
pub type Lookup<T> = Result<Option<T>, TwiceOnPath>;

/// The value at `path`. `skip` is a span of the body that is known to be one value, such as the records,
/// and is jumped over wherever it lies, where the path does not lead into it.
pub fn get(body: &[u8], path: &Path, skip: Option<Span>) -> Lookup<(Kind, Span)> {
    let at = find(body, lex::start(body), path.segments(), skip)?;
    Ok(at.and_then(|at| value_at(body, at, skip)))
}

/// How many elements the array at `path` has; a single object counts as one. `known` is the span
/// and the count of an array that has been counted already.
pub fn count(body: &[u8], path: &Path, known: Option<(Span, u32)>) -> Lookup<u32> {
    let Some((kind, span)) = get(body, path, known.map(|(span, _)| span))? else { return Ok(None) };
    Ok(match (kind, known) {
        (_, Some((known_span, known_count))) if known_span == span => Some(known_count),
        (Kind::Object, _) => Some(1),
        (Kind::Array, _) => {
            let mut count = 0;
            elements(body, span, |_| count += 1).map(|()| count)
        }
        _ => None,
    })
}

/// The last element of the array at `path`; a single object is its own last element. `known` is an
/// array's span and that of its last element.
pub fn last(body: &[u8], path: &Path, known: Option<(Span, Span)>) -> Lookup<Span> {
    let Some((kind, span)) = get(body, path, known.map(|(span, _)| span))? else { return Ok(None) };
    Ok(match (kind, known) {
        (_, Some((known_span, known_last))) if known_span == span => Some(known_last),
        (Kind::Object, _) => Some(span),
        (Kind::Array, _) => {
            let mut last = None;
            elements(body, span, |element| last = Some(element)).and(last)
        }
        _ => None,
    })
}

/// For a path that is not there: the part that is, and the names of the object that lacks the rest.
pub fn reached(body: &[u8], path: &Path) -> (String, Vec<String>) {
    let start = lex::start(body);
    let there =
        |count: &usize| find(body, start, path.segments().get(..*count).unwrap_or_default(), None).ok().flatten();
    let (count, at) =
        (0..path.segments().len()).rev().find_map(|count| there(&count).map(|at| (count, at))).unwrap_or((0, start));
    (path.prefix(count).to_string(), keys(body, at))
}

/// Whether a body holds nothing: no byte but a byte order mark and space.
pub fn is_blank(body: &[u8]) -> bool {
    lex::start(body) == body.len()
}

/// Calls `each` with the name, the kind and the span of every member of the root object, in one pass.
/// `skip` is as for [`get`]. It is never called where the root is no object.
pub fn members_of_root(body: &[u8], skip: Option<Span>, mut each: impl FnMut(&str, Kind, Span)) {
    let start = lex::start(body);
    if body.get(start) != Some(&b'{') {
        return;
    }
    // An error cannot be: the body has been scanned.
    let _ = members(body, start, skip, |name, colon, value| {
        let end = value_end(body, value, skip).unwrap_or(value);
        if let Some(kind) = lex::kind_at(body, value) {
            each(&name_text(body, name, colon), kind, Span::new(value, end));
        }
        true
    });
}

/// The first names of the object at `at`.
fn keys(body: &[u8], at: usize) -> Vec<String> {
    const MAX_KEYS: usize = 10_000;
    let mut keys = Vec::new();
    if body.get(at) == Some(&b'{') {
        // An error cannot be: the body has been scanned.
        let _ = members(body, at, None, |name, colon, _| {
            keys.push(name_text(body, name, colon).into_owned());
            keys.len() < MAX_KEYS
        });
    }
    keys
}

/// The name that starts at `name`, where the space behind its colon ends at `colon`.
fn name_text(body: &[u8], name: usize, colon: usize) -> Cow<'_, str> {
    let quoted = body.get(name..colon).unwrap_or_default().trim_ascii_end();
    let quoted = quoted.strip_suffix(b":").unwrap_or(quoted).trim_ascii_end();
    crate::unescape(quoted)
}

/// Where the value at `segments` starts. Each object on the way is looked at to its end, because a name
/// may occur again there.
fn find(body: &[u8], mut at: usize, segments: &[String], skip: Option<Span>) -> Lookup<usize> {
    for (number, segment) in segments.iter().enumerate() {
        let mut found = None;
        let read = match body.get(at) {
            Some(b'{') => {
                let mut again = None;
                let read = members(body, at, skip, |name, end, value| {
                    if is_name(body, name, end, segment) {
                        let earlier = found.replace(value);
                        again = earlier.map(|earlier| (earlier, value));
                    }
                    again.is_none()
                });
                if let Some((first, second)) = again {
                    let span = |at| value_at(body, at, skip).map_or(Span::new(at, at), |(_, span)| span);
                    return Err(TwiceOnPath { segment: number, first: span(first), second: span(second) });
                }
                read
            }
            Some(b'[') => {
                let Some(wanted) = index(segment) else { return Ok(None) };
                let mut position = 0;
                items(body, at, skip, |value| {
                    found = (position == wanted).then_some(value);
                    position += 1;
                    found.is_none()
                })
            }
            _ => Ok(()),
        };
        match (read, found) {
            (Ok(()), Some(value)) => at = value,
            _ => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// Calls `each` with the place of every member's name, the end of its colon and the start of its
/// value, as long as it says so.
fn members(
    body: &[u8],
    open: usize,
    skip: Option<Span>,
    mut each: impl FnMut(usize, usize, usize) -> bool,
) -> Lexed<()> {
    let mut at = lex::space(body, open + 1);
    while body.get(at) == Some(&b'"') {
        let value = lex::name_and_colon(body, at)?;
        if !each(at, value, value) {
            break;
        }
        at = lex::space(body, value_end(body, value, skip)?);
        if body.get(at) == Some(&b',') {
            at = lex::space(body, at + 1);
        }
    }
    Ok(())
}

/// Calls `each` with the start of every element, as long as it says so.
fn items(body: &[u8], open: usize, skip: Option<Span>, mut each: impl FnMut(usize) -> bool) -> Lexed<()> {
    let mut at = lex::space(body, open + 1);
    while !matches!(body.get(at), Some(b']') | None) {
        if !each(at) {
            break;
        }
        at = lex::space(body, value_end(body, at, skip)?);
        if body.get(at) == Some(&b',') {
            at = lex::space(body, at + 1);
        }
    }
    Ok(())
}

fn elements(body: &[u8], array: Span, mut each: impl FnMut(Span)) -> Option<()> {
    let mut failed = false;
    items(body, array.start as usize, None, |at| {
        let end = lex::value(body, at, 0).map(|value| value.end);
        failed |= end.is_err();
        each(Span::new(at, end.unwrap_or(at)));
        !failed
    })
    .ok()?;
    (!failed).then_some(())
}

fn value_at(body: &[u8], at: usize, skip: Option<Span>) -> Option<(Kind, Span)> {
    let end = value_end(body, at, skip).ok()?;
    Some((lex::kind_at(body, at)?, Span::new(at, end)))
}

/// A known value is jumped over as well where it lies deeper in: `{"data":{"items":[…]}}` would be read
/// whole otherwise, once for each question about what stands beside `data`.
fn value_end(body: &[u8], at: usize, skip: Option<Span>) -> Lexed<usize> {
    let skip = skip.filter(|span| !span.is_empty());
    match (skip, body.get(at)) {
        (Some(span), _) if span.start as usize == at => Ok(span.end as usize),
        (Some(span), Some(b'{' | b'[')) if span.start as usize > at => lex::container_around(body, at, span),
        _ => Ok(lex::value(body, at, 0)?.end),
    }
}
