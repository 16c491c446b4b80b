//! YAML text → a tree in which every key and value knows its position.
//!
//! The tree follows the core schema of YAML 1.2 (`yes` and dates are text) and keeps numbers as
//! they are written. Duplicate keys are problems, not silent overwrites. Size, nesting and what
//! aliases may multiply to are bounded, so that no file can exhaust memory or stack.

use crate::error::{Error, Problems};
use crate::substitute::{Substitution, Variables};
use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Bounds of a manifest.
pub const MAX_BYTES: usize = 1 << 20;
pub const MAX_DEPTH: usize = 64;
/// Nodes that all aliases of a file may add together.
const MAX_ALIASED_NODES: usize = 20_000;
/// References of one scalar that are named where they cannot be filled in: each is looked for in the text.
const MAX_NAMED_REFERENCES: usize = 100;

/// Line and column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub line: u64,
    pub column: u64,
}

impl Position {
    pub const START: Self = Self { line: 1, column: 1 };

    fn of(span: &Span) -> Self {
        Self { line: span.start.line().max(1) as u64, column: span.start.col() as u64 + 1 }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub position: Position,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub name: String,
    pub position: Position,
}

#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub kind: ScalarKind,
    pub text: String,
    /// As it stands in the file where variables were filled in: messages show this, because the
    /// environment may hold secrets.
    pub written: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarKind {
    Null,
    Boolean,
    /// Follows the grammar of JSON.
    Number,
    /// A number to YAML, but not to JSON: hexadecimal, octal, `+1`, `.5`, `.inf`.
    OddNumber,
    Text,
}

impl Node {
    pub fn kind_name(&self) -> &'static str {
        match &self.content {
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
            Content::Scalar(scalar) => match scalar.kind {
                ScalarKind::Null => "nothing",
                ScalarKind::Boolean => "true or false",
                ScalarKind::Number | ScalarKind::OddNumber => "a number",
                ScalarKind::Text => "text",
            },
        }
    }

    fn nodes_and_height(&self) -> (usize, usize) {
        let join = |(nodes, height): (usize, usize), child: &Node| {
            let (n, h) = child.nodes_and_height();
            (nodes + n, height.max(h + 1))
        };
        match &self.content {
            Content::Scalar(_) => (1, 1),
            Content::List(items) => items.iter().fold((1, 1), join),
            Content::Map(entries) => entries.iter().map(|(_, node)| node).fold((1, 1), join),
        }
    }
}

/// Reads one document. `None` after a problem that leaves no tree; other problems are only noted.
pub(crate) fn parse(text: &[u8], variables: &Variables, problems: &Problems) -> Option<Node> {
    let fail = |error, position| {
        problems.add(error, position, "");
        None
    };
    if text.len() > MAX_BYTES {
        return fail(Error::TooLarge(format!("the manifest has {} bytes", text.len())), Position::START);
    }
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            let hint = "save the file as UTF-8";
            let problem = Error::Syntax { message: "the manifest is not UTF-8".into(), hint };
            return fail(problem, position_of(text, error.valid_up_to()));
        }
    };
    let options = granit_parser::options! { emit_comments: false };
    let parser = Parser::new_from_str_with_options(text, options);
    let path = Vec::new();
    let mut builder = Builder { text, parser, variables, problems, anchors: HashMap::new(), aliased: 0, path };
    match builder.document() {
        Ok(node) => node,
        Err(Stop(error, position)) => fail(error, position),
    }
}

fn position_of(text: &[u8], offset: usize) -> Position {
    let before = String::from_utf8_lossy(text.get(..offset).unwrap_or(text));
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    Position { line, column }
}

/// Ends the reading: after it there is no tree to go on with.
struct Stop(Error, Position);

type Spanned<'a> = (Event<'a>, Span);

struct Builder<'a> {
    text: &'a str,
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    variables: &'a Variables,
    problems: &'a Problems,
    anchors: HashMap<usize, Node>,
    aliased: usize,
    /// Dotted path of the node that is being read.
    path: Vec<String>,
}

impl<'a> Builder<'a> {
    fn event(&mut self) -> Result<Spanned<'a>, Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let marker = error.marker();
                let position = Position { line: marker.line().max(1) as u64, column: marker.col() as u64 + 1 };
                Err(Stop(Error::yaml(error.info()), position))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn key(&self) -> String {
        self.path.join(".").replace(".[", "[")
    }

    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.event()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    let hint = "a file holds one manifest; put the other into a file of its own";
                    let problem = Error::Syntax { message: "the file has a second document".into(), hint };
                    return Err(Stop(problem, Position::of(&span)));
                }
                Event::DocumentStart(..) => {
                    let event = self.event()?;
                    root = Some(self.node(event, 1)?);
                }
                _ => return Err(Stop(Error::yaml("the file is not one document"), Position::of(&span))),
            }
        }
    }

    fn node(&mut self, (event, span): Spanned<'a>, depth: usize) -> Result<Node, Stop> {
        let position = Position::of(&span);
        if depth > MAX_DEPTH {
            return Err(Stop(Error::TooLarge(format!("the manifest nests more than {MAX_DEPTH} levels")), position));
        }
        let (anchor, content) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = self.tag_is_text(tag.as_deref(), position);
                (anchor, Content::Scalar(self.scalar(text, style, is_text, &span)))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag_is_text(tag.as_deref(), position);
                (anchor, Content::List(self.list(depth)?))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag_is_text(tag.as_deref(), position);
                (anchor, Content::Map(self.map(depth)?))
            }
            Event::Alias(anchor) => return self.alias(anchor, position, depth),
            _ => return Err(Stop(Error::yaml("a value is expected here"), position)),
        };
        let node = Node { position, content };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        loop {
            let event = self.event()?;
            if matches!(event.0, Event::SequenceEnd) {
                return Ok(items);
            }
            self.path.push(format!("[{}]", items.len()));
            items.push(self.node(event, depth + 1)?);
            self.path.pop();
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Stop> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut names: HashMap<String, u64> = HashMap::new();
        loop {
            let (event, span) = self.event()?;
            let position = Position::of(&span);
            let name = match event {
                Event::MappingEnd => return Ok(entries),
                Event::Scalar(name, ..) => name.into_owned(),
                _ => return Err(Stop(Error::yaml("a key must be plain text"), position)),
            };
            self.path.push(name.clone());
            let event = self.event()?;
            let value = self.node(event, depth + 1)?;
            let key = self.key();
            self.path.pop();
            if let Some(first_line) = names.get(&name) {
                self.problems.add(Error::DuplicateKey { key: name.clone(), first_line: *first_line }, position, &key);
                continue;
            }
            names.insert(name.clone(), position.line);
            entries.push((Key { name, position }, value));
        }
    }

    /// An alias is a copy of what its anchor names, at the alias's own place.
    fn alias(&mut self, anchor: usize, position: Position, depth: usize) -> Result<Node, Stop> {
        let Some(target) = self.anchors.get(&anchor) else {
            let hint = "write the value out";
            let problem = Error::Syntax { message: "an alias stands inside of what it names".into(), hint };
            return Err(Stop(problem, position));
        };
        let (nodes, height) = target.nodes_and_height();
        self.aliased += nodes;
        if self.aliased > MAX_ALIASED_NODES || depth + height - 1 > MAX_DEPTH {
            return Err(Stop(Error::TooLarge("aliases make the manifest too large".into()), position));
        }
        Ok(target.clone())
    }

    /// Whether a tag says that a scalar is text. Tags of the core schema say nothing new; others
    /// would change what a value is, and nobody here reads them.
    fn tag_is_text(&self, tag: Option<&Tag>, position: Position) -> bool {
        let Some(tag) = tag else { return false };
        if tag.is_yaml_core_schema_tag("str") || tag.original() == "!" {
            return true;
        }
        if !tag.is_yaml_core_schema() {
            let message = format!("the tag `{}` is unknown", tag.original());
            let problem = Error::Syntax { message, hint: "remove the tag; values are taken as they are written" };
            self.problems.add(problem, position, &self.key());
        }
        false
    }

    fn scalar(&self, text: Cow<'a, str>, style: ScalarStyle, is_text: bool, span: &Span) -> Scalar {
        let is_plain = matches!(style, ScalarStyle::Plain) && !is_text;
        let kind_of = |text: &str| if is_plain { plain_kind(text) } else { ScalarKind::Text };
        match crate::substitute::substitute(&text, self.variables) {
            Substitution::Unchanged => Scalar { kind: kind_of(&text), text: text.into_owned(), written: None },
            Substitution::Changed { text: filled, missing } => {
                let mut named = HashSet::new();
                let missing = missing.into_iter().filter(|problem| named.insert(problem.reference.clone()));
                for problem in missing.take(MAX_NAMED_REFERENCES) {
                    self.problems.add(problem.error, self.inside(span, &problem.reference), &self.key());
                }
                Scalar { kind: kind_of(&filled), text: filled, written: Some(text.into_owned()) }
            }
        }
    }

    /// Position of a reference inside of a scalar, or of the scalar where it is escaped or folded.
    fn inside(&self, span: &Span, reference: &str) -> Position {
        let start = Position::of(span);
        let bytes = span.start.byte_offset().zip(span.end.byte_offset());
        let Some(source) = bytes.and_then(|(from, to)| self.text.get(from..to)) else { return start };
        let Some(before) = source.find(reference).and_then(|at| source.get(..at)) else { return start };
        let last_line = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64;
        match before.matches('\n').count() as u64 {
            0 => Position { line: start.line, column: start.column + last_line },
            lines => Position { line: start.line + lines, column: last_line + 1 },
        }
    }
}

/// The core schema of YAML 1.2, section 10.3.2.
fn plain_kind(text: &str) -> ScalarKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return ScalarKind::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return ScalarKind::Boolean,
        _ => {}
    }
    if dpone_model::number::ExactNumber::parse(text).is_some() {
        return ScalarKind::Number;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let special = matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN");
    let based = |prefix: &str, is_digit: fn(&u8) -> bool| {
        text.strip_prefix(prefix).is_some_and(|digits| !digits.is_empty() && digits.as_bytes().iter().all(is_digit))
    };
    let hexadecimal = based("0x", u8::is_ascii_hexdigit);
    let octal = based("0o", |digit| (b'0'..=b'7').contains(digit));
    if special || hexadecimal || octal || is_yaml_decimal(unsigned) { ScalarKind::OddNumber } else { ScalarKind::Text }
}

/// `[0-9]+(\.[0-9]*)?` or `\.[0-9]+`, with an exponent or not.
fn is_yaml_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at..)),
        None => (text, None),
    };
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_is_number = exponent.is_none_or(|text| {
        let digits = text.get(1..).unwrap_or_default();
        let digits = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        !digits.is_empty() && all_digits(digits)
    });
    !(whole.is_empty() && fraction.is_empty()) && all_digits(whole) && all_digits(fraction) && exponent_is_number
}
