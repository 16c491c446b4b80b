//! Name resolution for other origins: the addresses that are connected to are the ones that were
//! checked, so that a name cannot resolve to another address the second time.

use crate::address;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use thiserror::Error;
use url::{Host, Url};

/// An address that another origin may not have. Travels through the HTTP library's error chain.
#[derive(Debug, Clone, Error)]
#[error("{host} resolves to {address}, {reason}")]
pub struct Refused {
    pub host: String,
    pub address: IpAddr,
    pub reason: &'static str,
}

/// Resolves as the system does and refuses a name when any of its addresses is not public.
pub(crate) struct GuardedResolver {
    pub allow_loopback: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_loopback = self.allow_loopback;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            for address in &addresses {
                check(&host, address.ip(), allow_loopback)?;
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Literal addresses never reach a resolver, so they are checked on the URL itself.
pub(crate) fn check_literal(url: &Url, allow_loopback: bool) -> Result<(), Refused> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(v4)) => v4.into(),
        Some(Host::Ipv6(v6)) => v6.into(),
        _ => return Ok(()),
    };
    check(url.host_str().unwrap_or_default(), address, allow_loopback)
}

fn check(host: &str, address: IpAddr, allow_loopback: bool) -> Result<(), Refused> {
    match address::refusal(address, allow_loopback) {
        Some(reason) => Err(Refused { host: host.to_owned(), address, reason }),
        None => Ok(()),
    }
}
