//! The demo REST API: deterministic orders under five paginations, which can be told to misbehave.
//!
//! `GET /orders` answers in the guide's shape,
//! `{"data": {"items": […], "next_cursor": "…" | null}}`; `/orders/page`, `/orders/offset`,
//! `/orders/link` and `/orders/next` cut the same orders otherwise. After each completed walk (a
//! last page was sent) some orders are new or changed, so that an incremental run has something to
//! load. How far that went is kept in `demo.json`.
//!
//! For tests: `POST /__faults` replaces the faults (a JSON list of [`Fault`]), `GET` lists them;
//! `GET /__requests` lists what was asked ([`LoggedRequest`]), `DELETE` forgets it.

mod faults;
mod orders;
mod pages;
mod respond;

use crate::Error;
use crate::files::{Lock, open_dir, write_whole};
use crate::server::{Server, bind};
use cap_std::fs::Dir;
use dpone_model::Secret;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use orders::Orders;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpStream;

pub use faults::{Fault, FaultKind};

const LOCK: &str = "lock";
const STATE: &str = "demo.json";
/// The oldest requests are forgotten beyond this many.
const MAX_LOGGED: usize = 100_000;

/// How the demo API behaves.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Orders before any change; 10,000 by default.
    pub rows: u64,
    /// Orders that are new or changed after each completed walk; 10 by default.
    pub new_rows: u64,
    /// Records a page where the request does not say; 1,000 by default.
    pub page_size: u64,
    /// None by default.
    pub faults: Vec<Fault>,
    /// Requests without this bearer token are refused (401); none is needed by default.
    pub bearer_token: Option<Secret>,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { rows: 10_000, new_rows: 10, page_size: 1_000, faults: Vec::new(), bearer_token: None }
    }
}

/// A request as it arrived. Values of headers are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedRequest {
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// Names in lower case, in order.
    pub headers: Vec<String>,
    /// Whether there is an `Authorization` header.
    pub authorization: bool,
}

/// A running demo API. Dropping it ends its tasks; [`DemoApi::stop`] also waits for them.
pub struct DemoApi {
    address: SocketAddr,
    state: Arc<State>,
    server: Server,
}

/// The state that all connections share.
struct State {
    address: SocketAddr,
    dir: Dir,
    new_rows: u64,
    page_size: u64,
    bearer_token: Option<Secret>,
    orders: Mutex<Orders>,
    faults: faults::Faults,
    requests: Mutex<VecDeque<LoggedRequest>>,
    _lock: Lock,
}

/// The part that outlives the process.
#[derive(Serialize, Deserialize)]
struct Kept {
    rows: u64,
    changes: u64,
}

impl DemoApi {
    /// Listens on 127.0.0.1 at `port`, or at any free port where that is 0 or taken. `dir` (created
    /// if missing) keeps how many changes have happened; other `rows` than before start anew.
    ///
    /// # Errors
    /// The folder cannot be used, another process has it open, or no port can be had.
    pub async fn start(dir: &Path, port: u16, options: DemoOptions) -> Result<Self, Error> {
        let handle = open_dir(dir)?;
        let lock = Lock::take(&handle, LOCK, dir)?
            .ok_or_else(|| Error::InUse { service: "demo API", path: dir.to_path_buf() })?;
        let changes = kept_changes(&handle, options.rows);
        let listener = bind("demo API", port).await?;
        let address = listener.local_addr().map_err(|cause| Error::Listen { service: "demo API", cause })?;
        let state = Arc::new(State {
            address,
            dir: handle,
            new_rows: options.new_rows,
            page_size: options.page_size.max(1),
            bearer_token: options.bearer_token,
            orders: Mutex::new(Orders::new(options.rows, changes)),
            faults: faults::Faults::new(options.faults),
            requests: Mutex::default(),
            _lock: lock,
        });
        let shared = Arc::clone(&state);
        let server =
            Server::spawn("demo API", listener, move |stream, peer| connection(stream, peer, Arc::clone(&shared)));
        Ok(Self { address, state, server })
    }

    /// Such as `http://127.0.0.1:8080`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.state.requests).iter().cloned().collect()
    }

    /// Replaces the faults; their counts start anew.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.state.faults.replace(faults);
    }

    /// Ends every connection and waits until the folder is free.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl State {
    fn log(&self, request: LoggedRequest) {
        let mut requests = lock(&self.requests);
        if requests.len() == MAX_LOGGED {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    /// Lets changes happen after a walk that began at `walked` changes; a walk that is told twice,
    /// because its last page was asked for again, counts once.
    fn complete_walk(&self, walked: u64) {
        let mut orders = lock(&self.orders);
        if self.new_rows == 0 || walked != orders.changes() {
            return;
        }
        orders.advance(self.new_rows);
        let kept = Kept { rows: orders.rows(), changes: orders.changes() };
        let written = serde_json::to_vec(&kept).map_err(Into::into).and_then(|t| write_whole(&self.dir, STATE, &t));
        if let Err(error) = written {
            tracing::warn!(%error, "the demo API cannot keep its state; the next process starts from the last one");
        }
    }
}

/// The changes that earlier processes left; 0 where the demo starts anew.
fn kept_changes(dir: &Dir, rows: u64) -> u64 {
    let kept = dir.read(STATE).ok().and_then(|text| serde_json::from_slice::<Kept>(&text).ok());
    match kept {
        Some(kept) if kept.rows == rows => kept.changes,
        Some(kept) => {
            tracing::warn!(before = kept.rows, now = rows, "the demo API starts anew with another number of orders");
            0
        }
        None => 0,
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, state: Arc<State>) {
    let service = hyper::service::service_fn(|request| {
        let state = Arc::clone(&state);
        async move { respond::respond(&state, request).await }
    });
    // HTTP/1.1 with keep-alive, or HTTP/2 where the client begins with its preface.
    let builder = auto::Builder::new(TokioExecutor::new());
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(error, %peer, "a connection to the demo API ended");
    }
}

/// Locks for a few instructions that do not panic, so a poisoned lock is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
