//! A small Kafka broker on loopback: one node, files under one folder, no replication, groups,
//! transactions or authentication.
//!
//! Requests of a connection are worked on in order, as Apache Kafka does. File writes go to the
//! page cache from the connection's task: they take microseconds, and a thread hop costs more.
//! A request that the broker does not know is answered with a protocol error where the protocol has room for
//! one, else the connection is closed and the log says why.

mod batch;
mod config;
mod handlers;
mod log;
mod producers;
mod topics;
mod wire;

use crate::Error;
use crate::files::{Lock, open_dir, write_whole};
use crate::server::{Server, bind};
use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use topics::Topics;
use wire::WireError;

const LOCK: &str = "lock";
const CLUSTER: &str = "cluster.json";
/// Producer ids are reserved on disk in blocks, so that none is given out twice after a kill.
const PRODUCER_ID_BLOCK: i64 = 1000;
/// Requests smaller than this are read with one system call.
const READ_BUFFER_BYTES: usize = 64 << 10;

/// A running broker. Dropping it ends its tasks; [`Broker::stop`] also waits for them.
pub struct Broker {
    address: SocketAddr,
    server: Server,
}

/// The state that all connections share.
struct Shared {
    address: SocketAddr,
    cluster_id: String,
    topics: Topics,
    producer_ids: ProducerIds,
    /// Counts appends, so that a waiting fetch looks again.
    appends: watch::Sender<u64>,
    _lock: Lock,
}

struct ProducerIds {
    dir: Dir,
    next: AtomicI64,
    cluster: Mutex<Cluster>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Cluster {
    cluster_id: String,
    /// The first producer id that no process has reserved.
    next_producer_id: i64,
}

impl Broker {
    /// Opens the topics under `dir` (created if missing) and listens on 127.0.0.1 at `port`, or at
    /// any free port where that is 0 or taken.
    ///
    /// # Errors
    /// The folder cannot be used, another process has it open, or no port can be had.
    pub async fn start(dir: &Path, port: u16) -> Result<Self, Error> {
        let handle = open_dir(dir)?;
        let lock = Lock::take(&handle, LOCK, dir)?
            .ok_or_else(|| Error::InUse { service: "broker", path: dir.to_path_buf() })?;
        let clone = handle.try_clone().map_err(Error::file("open", dir))?;
        let topics = Topics::open(clone, dir)?;
        let seen = topics.all().iter().flat_map(|t| t.partitions.iter().map(log::Log::max_producer_id)).max();
        let producer_ids = ProducerIds::open(handle, dir, seen.unwrap_or(-1))?;
        let listener = bind("broker", port).await?;
        let address = listener.local_addr().map_err(|cause| Error::Listen { service: "broker", cause })?;
        let cluster_id = producer_ids.cluster().cluster_id.clone();
        let shared = Shared { address, cluster_id, topics, producer_ids, appends: watch::Sender::new(0), _lock: lock };
        let shared = Arc::new(shared);
        let server =
            Server::spawn("broker", listener, move |stream, peer| connection(stream, peer, Arc::clone(&shared)));
        Ok(Self { address, server })
    }

    /// Where clients connect, such as `127.0.0.1:9092`.
    pub fn bootstrap_servers(&self) -> String {
        self.address.to_string()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every connection and waits until the folder is free.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    if let Err(error) = serve(stream, &shared).await {
        report(&error, peer);
    }
}

fn report(error: &WireError, peer: SocketAddr) {
    match error {
        // A client that ends does not say goodbye.
        WireError::Io(_) => tracing::debug!(%error, %peer, "a connection to the local broker ended"),
        _ => tracing::warn!(%error, %peer, "the local broker closed a connection"),
    }
}

async fn serve(stream: TcpStream, shared: &Shared) -> Result<(), WireError> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::with_capacity(READ_BUFFER_BYTES, read);
    while let Some(frame) = wire::read_frame(&mut read).await? {
        let request = wire::parse(frame)?;
        if let Some(answer) = handlers::handle(shared, &request).await? {
            write.write_all(&answer).await?;
        }
    }
    Ok(())
}

impl ProducerIds {
    fn open(dir: Dir, shown: &Path, seen: i64) -> Result<Self, Error> {
        let path = shown.join(CLUSTER);
        let mut cluster = match dir.read(CLUSTER) {
            Ok(text) => serde_json::from_slice::<Cluster>(&text).map_err(|e| Error::Damaged {
                service: "broker",
                path: path.clone(),
                cause: e.to_string(),
            })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Cluster { cluster_id: topics::new_id()?.simple().to_string(), next_producer_id: 0 }
            }
            Err(e) => return Err(Error::file("read", path)(e)),
        };
        let next = cluster.next_producer_id.max(seen + 1);
        cluster.next_producer_id = next;
        let ids = Self { dir, next: AtomicI64::new(next), cluster: Mutex::new(cluster) };
        ids.reserve().map_err(Error::file("write", path))?;
        Ok(ids)
    }

    /// A producer id that was never given out from this folder.
    fn next(&self) -> std::io::Result<i64> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        if id >= self.cluster().next_producer_id {
            self.reserve()?;
        }
        Ok(id)
    }

    fn reserve(&self) -> std::io::Result<()> {
        let mut cluster = self.cluster();
        let next = self.next.load(Ordering::Relaxed).max(cluster.next_producer_id);
        let reserved = Cluster { next_producer_id: next + PRODUCER_ID_BLOCK, ..cluster.clone() };
        write_whole(&self.dir, CLUSTER, &serde_json::to_vec_pretty(&reserved)?)?;
        *cluster = reserved;
        Ok(())
    }

    fn cluster(&self) -> std::sync::MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
