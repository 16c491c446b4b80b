//! The common work of both services with a listening socket: accept, hand over, and end cleanly.

use crate::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// How long to wait after a failed accept, which means that the process has no file left.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// A listening task with its connections. Dropping it ends them all, soon after.
pub struct Server {
    /// Dropped as a signal to end.
    running: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Accepts connections and runs `connection` on each, as a task.
    pub fn spawn<F>(
        service: &'static str,
        listener: TcpListener,
        connection: impl Fn(TcpStream, SocketAddr) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (running, ended) = oneshot::channel();
        Self { running, task: tokio::spawn(accept(service, listener, connection, ended)) }
    }

    /// Ends every connection and waits until nothing of them is left.
    pub async fn stop(self) {
        drop(self.running);
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "a local service did not end cleanly");
        }
    }
}

/// Listens on 127.0.0.1, at `port` if it is free and not 0, else at any port.
pub(crate) async fn bind(service: &'static str, port: u16) -> Result<TcpListener, Error> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => Ok(listener),
        Err(error) if port != 0 && error.kind() == io::ErrorKind::AddrInUse => {
            tracing::info!(port, "the {service}'s port is taken by another program; a free one is used");
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|cause| Error::Listen { service, cause })
        }
        Err(cause) => Err(Error::Listen { service, cause }),
    }
}

async fn accept<F>(
    service: &'static str,
    listener: TcpListener,
    connection: impl Fn(TcpStream, SocketAddr) -> F,
    mut ended: oneshot::Receiver<()>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = &mut ended => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, %peer, "small answers may be late");
                }
                connections.spawn(connection(stream, peer));
            }
            Err(error) => {
                tracing::warn!(%error, "the {service} cannot accept a connection");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    // The address and the folder are free once this returns.
    drop(listener);
    connections.shutdown().await;
}
