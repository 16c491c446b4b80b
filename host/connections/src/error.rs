//! Errors of profiles and connections.

use crate::environment::Stranger;
use crate::fields::{Kind, Role};
use dpone_model::codes::{connection as codes, disk};
use dpone_model::{Code, Failure, Place};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("there is no profile `{name}`: looked for {file}")]
    UnknownProfile { name: String, file: String, known: Vec<String>, place: Option<Place> },
    #[error("profiles extend each other in a circle: {}", chain.join(" -> "))]
    Cycle { chain: Vec<String>, place: Place },
    /// A profile or connections file that cannot be understood.
    #[error("{message}")]
    Invalid { message: String, place: Place, hint: Option<String> },
    #[error("connection `{id}` is not defined: {}", absent.join(", and "))]
    NotFound {
        id: String,
        /// A clause for each place that does not have it.
        absent: Vec<String>,
        hint: String,
    },
    /// The profile extends `local` and defines other connections of this use.
    #[error(
        "{role} connection `{id}` is not defined: profile {profile} defines {known}, so nothing stands in for another"
    )]
    Undefined { id: String, role: Role, profile: String, known: String, hint: String },
    /// The profile lets `local` stand in for this use, and the id is nearly one that is defined.
    #[error(
        "{role} connection `{id}` is not defined and nearly spelt like {nearest}: {} stands in for it under \
         another name only", role.service()
    )]
    NearDefined {
        id: String,
        role: Role,
        /// The id that is defined, with its place.
        nearest: String,
        hint: String,
    },
    #[error(
        "HTTP connection `{id}` is not defined, and demo data in its place would land in a real broker: \
         profile {profile} {broker}"
    )]
    DemoIntoReal {
        id: String,
        profile: String,
        /// The profile's way with brokers.
        broker: String,
        hint: String,
    },
    #[error("{}", strangers_message(id, strangers))]
    Strangers { id: String, strangers: Vec<Stranger>, takes: String },
    #[error(
        "connection `{id}` has two readings: {variable} is set, and profile {profile} has {service} stand in for what it does not define"
    )]
    TwoReadings { id: String, variable: String, profile: String, service: &'static str, hint: String },
    #[error("connection `{id}` lacks {}", missing.iter().map(|m| format!("`{m}`")).collect::<Vec<_>>().join(", "))]
    Incomplete { id: String, missing: Vec<String>, set_at: Vec<String>, place: Place },
    #[error("connection `{id}` takes `{field}` from environment variable {variable}, which is not set")]
    MissingVariable { id: String, field: String, variable: String, place: Place },
    #[error("connection `{id}`: {field} {problem}")]
    BadValue { id: String, field: String, problem: String, place: Place },
    #[error("connection `{id}` is of type {found}, but {wanted} is needed here")]
    WrongKind { id: String, found: Kind, wanted: &'static str, place: Place },
    #[error("connection `{id}`: {field} names {path}, which cannot be read: {cause}")]
    TlsFile { id: String, field: String, path: String, cause: String },
    #[error("profile local would stand in for connection `{id}`, but its services are not running")]
    LocalNotRunning { id: String },
    #[error("Vault at {address} cannot be asked for connection `{id}`: {cause}")]
    VaultUnreachable { id: String, address: String, cause: String },
    #[error("Vault at {address} refuses {request} for connection `{id}`: {cause}")]
    VaultDenied { id: String, address: String, request: String, cause: String },
    #[error("Vault at {address} has no KV v2 secret at {path} for connection `{id}`: {cause}")]
    VaultAnswer { id: String, address: String, path: String, cause: String },
    #[error("connection `{id}` is to come from Vault, but {missing} is not set")]
    VaultUnconfigured { id: String, missing: String },
}

impl Failure for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::UnknownProfile { .. } => &codes::UNKNOWN_PROFILE,
            Self::Cycle { .. } | Self::Invalid { .. } => &codes::INVALID_PROFILE,
            Self::NotFound { .. } => &codes::NOT_FOUND,
            Self::Undefined { .. } | Self::NearDefined { .. } => &codes::UNDEFINED,
            Self::DemoIntoReal { .. } => &codes::DEMO_INTO_REAL,
            Self::Strangers { .. } => &codes::UNKNOWN_VARIABLE,
            Self::TwoReadings { .. } => &codes::TWO_READINGS,
            Self::Incomplete { .. } | Self::MissingVariable { .. } | Self::VaultUnconfigured { .. } => {
                &codes::INCOMPLETE
            }
            Self::BadValue { .. } => &codes::INVALID_FIELD,
            Self::WrongKind { .. } => &codes::WRONG_KIND,
            Self::TlsFile { .. } => &codes::TLS_FILE,
            Self::LocalNotRunning { .. } => &disk::LOCAL_SERVICE,
            Self::VaultUnreachable { .. } => &codes::VAULT_UNREACHABLE,
            Self::VaultDenied { .. } => &codes::VAULT_DENIED,
            Self::VaultAnswer { .. } => &codes::VAULT_ANSWER,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::UnknownProfile { place, .. } => place.clone(),
            Self::Cycle { place, .. }
            | Self::Invalid { place, .. }
            | Self::Incomplete { place, .. }
            | Self::MissingVariable { place, .. }
            | Self::BadValue { place, .. }
            | Self::WrongKind { place, .. } => Some(place.clone()),
            Self::NotFound { id, .. }
            | Self::Undefined { id, .. }
            | Self::NearDefined { id, .. }
            | Self::DemoIntoReal { id, .. }
            | Self::Strangers { id, .. }
            | Self::TwoReadings { id, .. }
            | Self::TlsFile { id, .. }
            | Self::LocalNotRunning { id }
            | Self::VaultUnreachable { id, .. }
            | Self::VaultDenied { id, .. }
            | Self::VaultAnswer { id, .. }
            | Self::VaultUnconfigured { id, .. } => Some(Place::Named { what: "connection".into(), name: id.clone() }),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownProfile { known, .. } => {
                let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                Some(format!("known profiles: {known}"))
            }
            Self::Cycle { .. } => Some("let one of them extend nothing, or the built-in `local`".into()),
            Self::Invalid { hint, .. } => hint.clone(),
            Self::NotFound { hint, .. }
            | Self::Undefined { hint, .. }
            | Self::NearDefined { hint, .. }
            | Self::DemoIntoReal { hint, .. }
            | Self::TwoReadings { hint, .. } => Some(hint.clone()),
            Self::Strangers { takes, .. } => Some(format!(
                "rename or unset them; {takes}. A variable of a connection with a longer id counts as that one's once \
                 its BASE_URL, BOOTSTRAP_SERVERS, HOST or PATH is set, too"
            )),
            Self::Incomplete { set_at, .. } => Some(format!("set {}", set_at.join(", "))),
            Self::MissingVariable { variable, .. } => Some(format!("export {variable}, or write the value in its place")),
            Self::LocalNotRunning { .. } => Some("run the command with `--profile local`, which starts them".into()),
            Self::VaultDenied { .. } => {
                Some("check the token's policy and lifetime, and VAULT_NAMESPACE where one is used".into())
            }
            Self::VaultAnswer { .. } => Some("check `vault_mount_point` and `vault_path`; the mount must be KV version 2".into()),
            Self::VaultUnconfigured { .. } => {
                Some("set VAULT_ADDR, and VAULT_TOKEN or VAULT_ROLE_ID with VAULT_SECRET_ID; or define the connection in a profile".into())
            }
            Self::BadValue { .. } | Self::WrongKind { .. } | Self::TlsFile { .. } | Self::VaultUnreachable { .. } => None,
        }
    }
}

fn strangers_message(id: &str, strangers: &[Stranger]) -> String {
    let one = |stranger: &Stranger| match (&stranger.meant, stranger.of) {
        (Some(meant), _) => format!("{} (did you mean {meant}?)", stranger.name),
        (None, Some(kind)) => format!("{} (a field of {kind} connections)", stranger.name),
        (None, None) => stranger.name.clone(),
    };
    let all: Vec<String> = strangers.iter().map(one).collect();
    let are = if all.len() == 1 { "is no field" } else { "are no fields" };
    format!("the environment has {}, which {are} of connection `{id}`", all.join(", "))
}
