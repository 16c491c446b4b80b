//! Types that every room shares: ids, records as byte ranges, cursors, checkpoints, schemas, secrets,
//! errors with their codes, and each trait that crosses rooms.
//!
//! Nothing here does I/O but [`file`], which reads small files for all rooms, or reads a clock, and no
//! runtime is named.

pub mod checkpoint;
pub mod code;
pub mod codes;
pub mod cursor;
pub mod digests;
pub mod epoch;
pub mod file;
pub mod foreign;
pub mod header;
pub mod http;
pub mod human;
pub mod ids;
pub mod left_out;
pub mod meter;
pub mod number;
pub mod plugin;
pub mod records;
pub mod redact;
pub mod report;
pub mod room;
pub mod schema;
pub mod secret;
pub mod state;
pub mod target;
pub mod walk;

pub use checkpoint::{Checkpoint, Counts, Unplaced, Watermark};
pub use code::{Code, Exit, Retry};
pub use cursor::CursorValue;
pub use digests::{Digests, RowDigest};
pub use epoch::EpochUnit;
pub use ids::{PipelineName, RunId, StateKey};
pub use left_out::LeftOut;
pub use meter::{Allowance, Exceeded, Meter, Traffic};
pub use records::{FieldSpan, Kind, NameId, Names, RecordSpan, Records, Span};
pub use report::{Failure, PagePlace, Place, Report};
pub use room::{NoRoom, Room};
pub use secret::Secret;
pub use walk::{WalkEnded, WalkEnds};
