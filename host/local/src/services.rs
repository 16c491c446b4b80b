//! One owner a service: whoever comes first starts it, others join it, and the owner waits for
//! them before it ends.
//!
//! Each service has a folder (`demo/`, `broker/`) with three files for this: `lock` is held by the
//! owner, `users` is shared by those who joined, and `address.json` says where it listens. The
//! address outlives the owner: the next one listens there again if it can, so that `kcat` and
//! scripts find the services where they were.

use crate::files::{Lock, open_dir, write_whole};
use crate::{Broker, DemoApi, DemoOptions, Error};
use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

const ADDRESS: &str = "address.json";
const USERS: &str = "users";
/// How long a newcomer waits for an owner that is just starting or ending.
const JOIN_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The services to start or join.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub api: bool,
    pub broker: bool,
    /// Only the owner's count: who joins takes the API as it runs.
    pub demo: DemoOptions,
}

/// The local services of one folder, as this process uses them.
pub struct Services {
    api: Option<Use>,
    broker: Option<Use>,
}

/// How one service is used.
struct Use {
    address: SocketAddr,
    role: Role,
}

enum Role {
    Owner {
        running: Running,
        dir: Dir,
        path: PathBuf,
    },
    /// The shared lock tells the owner that it is still needed.
    Guest {
        _user: Lock,
    },
}

enum Running {
    Api(DemoApi),
    Broker(Broker),
}

#[derive(Clone, Copy)]
enum Kind {
    Api,
    Broker,
}

#[derive(Serialize, Deserialize)]
struct Address {
    pid: u32,
    port: u16,
}

impl Services {
    /// Starts the services of `dir` that `options` ask for, or joins those that another live
    /// process runs.
    ///
    /// # Errors
    /// The folder cannot be used, no port can be had, or the owner does not answer for 10 s.
    pub async fn start_or_join(dir: &Path, options: Options) -> Result<Self, Error> {
        let api = match options.api {
            true => Some(Use::start_or_join(Kind::Api, dir, &options.demo).await?),
            false => None,
        };
        let broker = match options.broker {
            true => Some(Use::start_or_join(Kind::Broker, dir, &options.demo).await?),
            false => None,
        };
        Ok(Self { api, broker })
    }

    /// The demo API, such as `http://127.0.0.1:8080`; empty where it was not asked for.
    pub fn base_url(&self) -> String {
        self.api.as_ref().map(|api| format!("http://{}", api.address)).unwrap_or_default()
    }

    /// The broker, such as `127.0.0.1:9092`; empty where it was not asked for.
    pub fn bootstrap_servers(&self) -> String {
        self.broker.as_ref().map(|broker| broker.address.to_string()).unwrap_or_default()
    }

    /// Whether another process runs at least one of them.
    pub fn joined(&self) -> bool {
        [&self.api, &self.broker].into_iter().flatten().any(|used| matches!(used.role, Role::Guest { .. }))
    }

    /// Ends what this process owns, after those who joined have left or `patience` is over.
    /// Without this call the services end with their tasks, whoever still uses them.
    pub async fn stop(self, patience: Duration) {
        let deadline = Instant::now() + patience;
        for used in [self.api, self.broker].into_iter().flatten() {
            let Role::Owner { running, dir, path } = used.role else { continue };
            // Held until the service has ended, so that a newcomer waits for that and starts its own.
            let _nobody = wait_for_guests(&dir, &path, deadline).await;
            match running {
                Running::Api(api) => api.stop().await,
                Running::Broker(broker) => broker.stop().await,
            }
        }
    }
}

impl Use {
    async fn start_or_join(kind: Kind, dir: &Path, demo: &DemoOptions) -> Result<Self, Error> {
        let path = dir.join(kind.folder());
        let handle = open_dir(&path)?;
        let deadline = Instant::now() + JOIN_WITHIN;
        loop {
            let remembered = read_address(&handle).map_or(0, |address| address.port);
            match kind.start(&path, remembered, demo).await {
                Ok(running) => return Self::own(running, handle, path),
                Err(Error::InUse { .. }) => {}
                Err(error) => return Err(error),
            }
            if let Some(guest) = Self::join(&handle, &path).await? {
                return Ok(guest);
            }
            if Instant::now() >= deadline {
                return Err(Error::Silent { service: kind.name(), path });
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn own(running: Running, dir: Dir, path: PathBuf) -> Result<Self, Error> {
        let address = match &running {
            Running::Api(api) => api.address(),
            Running::Broker(broker) => broker.address(),
        };
        let text = serde_json::to_vec(&Address { pid: std::process::id(), port: address.port() })
            .map_err(|e| Error::file("write", path.join(ADDRESS))(e.into()))?;
        write_whole(&dir, ADDRESS, &text).map_err(Error::file("write", path.join(ADDRESS)))?;
        Ok(Self { address, role: Role::Owner { running, dir, path } })
    }

    /// `None` while the owner has not said where it is, does not answer, or is ending.
    async fn join(dir: &Dir, path: &Path) -> Result<Option<Self>, Error> {
        let Some(user) = Lock::share(dir, USERS, path)? else { return Ok(None) };
        let Some(port) = read_address(dir).map(|address| address.port) else { return Ok(None) };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpStream::connect(address).await.is_err() {
            return Ok(None);
        }
        Ok(Some(Self { address, role: Role::Guest { _user: user } }))
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Api => "demo API",
            Self::Broker => "broker",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Api => "demo",
            Self::Broker => "broker",
        }
    }

    async fn start(self, path: &Path, port: u16, demo: &DemoOptions) -> Result<Running, Error> {
        match self {
            Self::Api => DemoApi::start(path, port, demo.clone()).await.map(Running::Api),
            Self::Broker => Broker::start(path, port).await.map(Running::Broker),
        }
    }
}

fn read_address(dir: &Dir) -> Option<Address> {
    serde_json::from_slice(&dir.read(ADDRESS).ok()?).ok()
}

/// Returns the lock that keeps guests out once none is left, or `None` when the time is over.
async fn wait_for_guests(dir: &Dir, path: &Path, deadline: Instant) -> Option<Lock> {
    let mut told = false;
    loop {
        match Lock::take(dir, USERS, path) {
            Ok(Some(lock)) => return Some(lock),
            Ok(None) if Instant::now() < deadline => {}
            Ok(None) => {
                tracing::warn!(path = %path.display(), "a local service ends while another process still uses it");
                return None;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot see who still uses a local service");
                return None;
            }
        }
        if !told {
            tracing::info!(path = %path.display(), "waiting for another process that uses this local service");
            told = true;
        }
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> Options {
        Options { api: true, broker: true, demo: DemoOptions::default() }
    }

    #[tokio::test]
    async fn the_first_owns_the_second_joins_and_the_ports_stay() {
        let dir = tempfile::tempdir().unwrap();
        let owner = Services::start_or_join(dir.path(), both()).await.unwrap();
        let (url, servers) = (owner.base_url(), owner.bootstrap_servers());
        assert!(!owner.joined());
        let guest = Services::start_or_join(dir.path(), both()).await.unwrap();
        assert!(guest.joined());
        assert_eq!((guest.base_url(), guest.bootstrap_servers()), (url.clone(), servers.clone()));

        // The owner stays for as long as the guest does.
        let ending = tokio::spawn(owner.stop(Duration::from_secs(30)));
        sleep(Duration::from_millis(100)).await;
        assert!(!ending.is_finished());
        TcpStream::connect(&servers).await.unwrap();
        drop(guest);
        ending.await.unwrap();

        let next = Services::start_or_join(dir.path(), both()).await.unwrap();
        assert_eq!((next.joined(), next.base_url(), next.bootstrap_servers()), (false, url, servers));
    }

    #[tokio::test]
    async fn each_service_has_an_owner_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let only_broker = Options { broker: true, ..Options::default() };
        let first = Services::start_or_join(dir.path(), only_broker).await.unwrap();
        assert_eq!(first.base_url(), "");
        let second = Services::start_or_join(dir.path(), both()).await.unwrap();
        assert!(second.joined());
        assert_eq!(second.bootstrap_servers(), first.bootstrap_servers());
        TcpStream::connect(second.base_url().trim_start_matches("http://")).await.unwrap();
    }

    #[tokio::test]
    async fn a_taken_port_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let taken = crate::server::bind("test", 0).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let broker = Broker::start(dir.path(), port).await.unwrap();
        assert_ne!(broker.address().port(), port);
    }

    #[tokio::test]
    async fn a_folder_has_one_broker() {
        let dir = tempfile::tempdir().unwrap();
        let broker = Broker::start(dir.path(), 0).await.unwrap();
        assert!(matches!(Broker::start(dir.path(), 0).await, Err(Error::InUse { .. })));
        broker.stop().await;
        Broker::start(dir.path(), 0).await.unwrap();
    }
}
