//! Errors between a run and its state.

use dpone_model::codes::{connection, state};
use dpone_model::state::Lease;
use dpone_model::{Code, Failure, Place, Retry, StateKey};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{store} does not answer: {cause}")]
    Unreachable { store: String, cause: String },
    #[error("{store} refused {doing}: {cause}")]
    Refused {
        store: String,
        /// Such as `the lease`.
        doing: &'static str,
        cause: String,
        /// SQLSTATE or SQLite's extended code.
        sqlstate: Option<String>,
    },
    #[error("`{name}` cannot name a {what}: {problem}")]
    Name { what: &'static str, name: String, problem: String },
    #[error("{store}: table {table} exists, but not as dpone creates it: {cause}")]
    ForeignTable { store: String, table: String, cause: String },
    #[error("{store} holds a row that cannot be read: {cause}")]
    Damaged { store: String, key: String, cause: String },
    #[error("the state of {key} has format {found}, this release knows formats up to {known}")]
    Format { key: String, found: u32, known: u32 },
    #[error("run {} on {} (pid {}) holds the lease until {}", lease.run_id, lease.host, lease.pid, lease.expires_at)]
    Leased { key: String, lease: Lease },
    #[error("the lease of {key} is no longer ours: {now}")]
    LeaseLost { key: String, now: String },
    #[error("the state of {key} is at revision {found}, not {expected}: {by} wrote it meanwhile")]
    Conflict { key: String, expected: u64, found: u64, by: String },
}

impl Failure for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Unreachable { .. } => &connection::STORE_UNREACHABLE,
            Self::Refused { .. } | Self::Name { .. } | Self::ForeignTable { .. } | Self::Damaged { .. } => {
                &connection::STORE_FAILED
            }
            Self::Format { .. } => &state::FORMAT,
            Self::Leased { .. } => &state::LEASED,
            Self::LeaseLost { .. } => &state::LEASE_LOST,
            Self::Conflict { .. } => &state::CONFLICT,
        }
    }

    fn place(&self) -> Option<Place> {
        let named = |what: &str, name: &str| Some(Place::Named { what: what.into(), name: name.to_owned() });
        match self {
            Self::Unreachable { store, .. } | Self::Refused { store, .. } => named("state store", store),
            Self::ForeignTable { table, .. } => named("table", table),
            Self::Name { .. } => None,
            Self::Damaged { key, .. }
            | Self::Format { key, .. }
            | Self::Leased { key, .. }
            | Self::LeaseLost { key, .. }
            | Self::Conflict { key, .. } => named("state", key),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreachable { .. } => "check address, port and network, and whether the database runs",
            Self::Refused { .. } if self.is_login() => "check user name, password and database of the connection",
            Self::Refused { .. } if self.is_permission() => {
                "the user needs rights to create schema and table once, later to select, insert, update and delete"
            }
            Self::Name { .. } => "name another one under `state.table`",
            Self::ForeignTable { .. } => "give `state.table` a name that nothing else uses",
            Self::Damaged { .. } => "`dpone state reset` starts from nothing",
            Self::Format { .. } => "use the release that wrote it",
            Self::Leased { .. } => {
                "wait for that run, or until the lease expires; `dpone resume` of that run takes it over"
            }
            Self::LeaseLost { .. } => "resume the run once no other one is active",
            Self::Conflict { .. } => "run again: the next run starts from the newer state",
            Self::Refused { .. } => return None,
        };
        Some(hint.to_owned())
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Name { .. } | Self::ForeignTable { .. } | Self::Damaged { .. } => Retry::AfterFix,
            Self::Refused { .. } if self.is_login() || self.is_permission() => Retry::AfterFix,
            _ => self.code().retry,
        }
    }
}

impl Error {
    /// SQLSTATE class 28 (authorization) or 3D (no such database).
    fn is_login(&self) -> bool {
        self.sqlstate().is_some_and(|state| state.starts_with("28") || state.starts_with("3D"))
    }

    /// SQLSTATE 42501.
    fn is_permission(&self) -> bool {
        self.sqlstate() == Some("42501")
    }

    fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Refused { sqlstate, .. } => sqlstate.as_deref(),
            _ => None,
        }
    }
}

/// A key as messages show it; the stream that every pipeline has stays out.
pub(crate) fn shown(key: &StateKey) -> String {
    match (key.stream.as_str(), key.slice.as_deref()) {
        ("default", None) => key.pipeline.to_string(),
        (stream, None) => format!("{}/{stream}", key.pipeline),
        (stream, Some(slice)) => format!("{}/{stream}, slice {slice}", key.pipeline),
    }
}
