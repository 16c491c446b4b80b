//! Shared by end-to-end tests: a scratch folder to run the real binary in, the services that it
//! talks to, and the components under `tests/components`.

pub mod components;
pub mod pages;
pub mod scripted;
pub mod stand;
pub mod suite;
pub mod tls;
pub mod workspace;

pub use pages::PageServer;
pub use scripted::{Answer, Asked, ScriptedServer};
pub use stand::{GUIDE, Stand};
pub use tls::TlsFront;
pub use workspace::{Ran, Workspace, dpone_binary};
