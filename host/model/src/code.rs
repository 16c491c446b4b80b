//! Error codes and the exit codes that follow from them.

use serde::{Serialize, Serializer};
use std::fmt;

/// The process's exit code, one for each kind of trouble. Documented in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    Ok = 0,
    Usage = 2,
    Manifest = 10,
    /// Connection, secret or state store.
    Connection = 11,
    /// A plugin was rejected or faulted.
    Plugin = 12,
    /// A tenant's policy refuses, or one of its limits was reached.
    Policy = 13,
    Source = 20,
    Delivery = 21,
    /// A breaking change of the schema.
    Schema = 22,
    /// Quality checks, keys and duplicates.
    Quality = 30,
    /// State conflict, fingerprint or lease.
    State = 31,
    /// No longer the plan that was reviewed.
    Review = 32,
    /// Local disk or journal.
    Disk = 40,
    Internal = 70,
    /// Interrupted and resumable.
    Interrupted = 130,
}

impl Exit {
    pub const ALL: [Self; 15] = [
        Self::Ok,
        Self::Usage,
        Self::Manifest,
        Self::Connection,
        Self::Plugin,
        Self::Policy,
        Self::Source,
        Self::Delivery,
        Self::Schema,
        Self::Quality,
        Self::State,
        Self::Review,
        Self::Disk,
        Self::Internal,
        Self::Interrupted,
    ];

    /// The exit that a process ended with.
    pub fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| *exit as u8 == code)
    }
}

/// The caller's choices after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same command may work at once.
    Now,
    /// The same command may work after a while.
    Later,
    /// Only after somebody changed something.
    AfterFix,
    Never,
}

impl Retry {
    /// Whether and when the same command may work, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Now => "now: the same command may work at once",
            Self::Later => "later: the same command may work after a while",
            Self::AfterFix => "after a fix: the same command fails until something is changed",
            Self::Never => "never: the same command fails again",
        }
    }
}

/// One entry of the error catalog: what `dpone explain` prints.
#[derive(PartialEq, Eq)]
pub struct Code {
    /// `DP` and four digits; the first two are the area.
    pub id: &'static str,
    pub exit: Exit,
    pub retry: Retry,
    /// The cause in one lowercase line, without the particulars.
    pub title: &'static str,
    /// Its meaning and remedy: a few sentences of Markdown.
    pub page: &'static str,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id)
    }
}

/// Declares the codes of one area as constants and as a table.
#[macro_export]
macro_rules! codes {
    ($exit:ident: $($name:ident = $id:literal, $retry:ident, $title:literal, $page:literal;)*) => {
        $(
            #[doc = $title]
            pub static $name: $crate::Code = $crate::Code {
                id: $id,
                exit: $crate::Exit::$exit,
                retry: $crate::Retry::$retry,
                title: $title,
                page: $page,
            };
        )*
        /// Every code of this area.
        pub static ALL: &[&$crate::Code] = &[$(&$name),*];
    };
}
