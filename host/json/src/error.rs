//! The errors of a scan, and their places.

use dpone_model::{Code, Failure, Kind, codes};
use std::fmt;

/// Why a body was refused. The caller adds page and URL, which are not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanError {
    /// Byte in the body, from 0, at which the text stops being what it should be.
    pub offset: usize,
    /// The record in which it lies, from 0; `None` outside of the records.
    pub record: Option<u32>,
    pub kind: ScanErrorKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanErrorKind {
    /// Not JSON, with what was expected or found.
    Syntax(&'static str),
    /// Nested deeper than [`crate::MAX_DEPTH`].
    TooDeep,
    /// More distinct field names than [`dpone_model::Names::MAX`], or 16 MiB of them.
    TooManyNames,
    /// An element of the records array is something else than an object.
    NotAnObject(Kind),
    /// A name on the way to the records occurs twice in its object, so that the records are
    /// ambiguous: readers of JSON differ in which of the two they take.
    RepeatedOnPath,
}

impl ScanError {
    /// Boxed, because it travels through every function of the scan and is rarely there.
    #[cold]
    pub(crate) fn boxed(offset: usize, kind: ScanErrorKind) -> Box<Self> {
        Box::new(Self { offset, record: None, kind })
    }

    #[cold]
    pub(crate) fn syntax(offset: usize, what: &'static str) -> Box<Self> {
        Self::boxed(offset, ScanErrorKind::Syntax(what))
    }
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ScanErrorKind::Syntax(what) => write!(f, "not JSON: {what}")?,
            ScanErrorKind::TooDeep => write!(f, "nested deeper than {} levels", crate::MAX_DEPTH)?,
            ScanErrorKind::TooManyNames => {
                let mib = crate::scanner::MAX_NAME_BYTES >> 20;
                write!(f, "more than {} distinct field names, or {mib} MiB of them,", dpone_model::Names::MAX)?;
            }
            ScanErrorKind::NotAnObject(kind) => write!(f, "a record is {}, not an object", describe(*kind))?,
            ScanErrorKind::RepeatedOnPath => write!(f, "a name on the records path occurs twice")?,
        }
        write!(f, " at byte {}", self.offset)?;
        self.record.map_or(Ok(()), |record| write!(f, ", record {record}"))
    }
}

impl std::error::Error for ScanError {}

impl Failure for ScanError {
    fn code(&self) -> &'static Code {
        match self.kind {
            ScanErrorKind::Syntax(_) => &codes::source::NOT_JSON,
            ScanErrorKind::TooDeep => &codes::source::TOO_DEEP,
            ScanErrorKind::TooManyNames => &codes::source::TOO_MANY_NAMES,
            ScanErrorKind::NotAnObject(_) => &codes::source::RECORD_NOT_OBJECT,
            ScanErrorKind::RepeatedOnPath => &codes::source::REPEATED_NAME,
        }
    }
}

fn describe(kind: Kind) -> &'static str {
    match kind {
        Kind::Missing => "missing",
        Kind::Null => "null",
        Kind::False | Kind::True => "a boolean",
        Kind::Number => "a number",
        Kind::String => "a string",
        Kind::Array => "an array",
        Kind::Object => "an object",
    }
}
