//! JSON as byte ranges: one scan proves that a page is JSON (RFC 8259) and notes where its records
//! and their fields lie. Everything else here reads those ranges: columns, edits, envelopes,
//! canonical text. A value that nobody edits is never decoded and never written anew.
//!
//! ```
//! use dpone_json::{Found, Path, Scanner, column};
//! use dpone_model::Records;
//!
//! let page = br#"{"data": [{"id": 1, "total": 1.10}, {"id": 2}], "next": null}"#;
//! let (mut scanner, mut records) = (Scanner::new(), Records::default());
//! let found = scanner.scan(page, &Path::parse("data"), &mut records)?;
//! assert!(matches!(found, Found::Array(_)));
//! let totals = column(page, &records, scanner.names().get("total")).unwrap();
//! assert_eq!(totals.value(0), b"1.10");
//! # Ok::<(), dpone_json::ScanError>(())
//! ```
//!
//! Nothing here does I/O, and no input makes it panic, recurse without bound or overflow.

mod canonical;
mod column;
mod edits;
mod envelope;
mod error;
mod lex;
mod lookup;
mod path;
mod scanner;
mod shape;
mod text;
mod word;

pub use canonical::canonical_hash_input;
pub use column::{FieldCursor, TwiceAt, column};
pub use edits::{EditError, Edited, apply_edits, ndjson};
pub use envelope::Envelope;
pub use error::{ScanError, ScanErrorKind};
pub use lex::{MAX_DEPTH, validate};
pub use lookup::{Lookup, TwiceOnPath, count, get, is_blank, last, members_of_root, reached};
pub use path::{Path, PathError};
pub use scanner::{Found, Scanner};
pub use text::{canonical_string, escape, exact_text, excerpt, unescape};
