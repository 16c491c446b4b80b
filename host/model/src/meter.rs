//! The traffic of runs, counted where it happens and bounded where a tenant has a limit.

use crate::codes::policy::QUOTA;
use crate::{Code, Failure};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Traffic {
    /// HTTP requests, every attempt and redirect for itself.
    pub requests: u64,
    /// URLs and bodies of requests, keys and values of messages.
    pub bytes_out: u64,
    /// Bodies of answers as they arrive, before they are decoded.
    pub bytes_in: u64,
    /// Messages handed to the producer.
    pub messages: u64,
}

/// The traffic that a tenant may have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowance {
    pub tenant: String,
    pub requests: u64,
    /// In and out together.
    pub bytes: u64,
}

/// The allowance is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    pub tenant: String,
    pub what: &'static str,
    pub limit: u64,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, what, limit } = self;
        write!(f, "the tenant `{tenant}` has used up its {what}: {limit}")
    }
}

impl std::error::Error for Exceeded {}

impl Failure for Exceeded {
    fn code(&self) -> &'static Code {
        &QUOTA
    }

    fn hint(&self) -> Option<String> {
        Some(format!("the policy bounds it: limits.{} of tenants.{}", self.what, self.tenant))
    }
}

/// Counts one run, or all runs of a tenant; what a run counts, its tenant's meter counts too.
#[derive(Debug, Default)]
pub struct Meter {
    requests: AtomicU64,
    bytes_out: AtomicU64,
    bytes_in: AtomicU64,
    messages: AtomicU64,
    allowance: Option<Allowance>,
    outer: Option<Arc<Meter>>,
}

impl Meter {
    /// Of all runs of a tenant.
    pub fn bounded(allowance: Allowance) -> Self {
        Self { allowance: Some(allowance), ..Self::default() }
    }

    /// Of one run, inside of its tenant's where there is one.
    pub fn within(outer: Option<Arc<Meter>>) -> Self {
        Self { outer, ..Self::default() }
    }

    /// Counts a request that is about to be sent.
    ///
    /// # Errors
    /// It is one more than the allowance has, or its bytes are; it must not be sent.
    pub fn request(&self, bytes: u64) -> Result<(), Exceeded> {
        self.all(|meter| {
            let requests = meter.requests.fetch_add(1, Ordering::Relaxed) + 1;
            meter.bytes_out.fetch_add(bytes, Ordering::Relaxed);
            meter.judge(requests)
        })
    }

    /// Counts a part of an answer.
    ///
    /// # Errors
    /// The allowance is used up; nothing more should be read.
    pub fn received(&self, bytes: u64) -> Result<(), Exceeded> {
        self.all(|meter| {
            meter.bytes_in.fetch_add(bytes, Ordering::Relaxed);
            meter.judge(0)
        })
    }

    /// Counts messages that were handed to the producer.
    ///
    /// # Errors
    /// The allowance is used up; nothing more should be published.
    pub fn published(&self, messages: u64, bytes: u64) -> Result<(), Exceeded> {
        self.all(|meter| {
            meter.messages.fetch_add(messages, Ordering::Relaxed);
            meter.bytes_out.fetch_add(bytes, Ordering::Relaxed);
            meter.judge(0)
        })
    }

    pub fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.requests.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            messages: self.messages.load(Ordering::Relaxed),
        }
    }

    /// Both meters count, also where the first one is over its limit.
    fn all(&self, count: impl Fn(&Self) -> Result<(), Exceeded>) -> Result<(), Exceeded> {
        let outer = self.outer.as_ref().map_or(Ok(()), |outer| count(outer));
        count(self).and(outer)
    }

    fn judge(&self, requests: u64) -> Result<(), Exceeded> {
        let Some(allowance) = &self.allowance else { return Ok(()) };
        let exceeded = |what, limit| Err(Exceeded { tenant: allowance.tenant.clone(), what, limit });
        let bytes = self.bytes_out.load(Ordering::Relaxed) + self.bytes_in.load(Ordering::Relaxed);
        if requests > allowance.requests {
            exceeded("requests", allowance.requests)
        } else if bytes > allowance.bytes {
            exceeded("bytes", allowance.bytes)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(requests: u64, bytes: u64) -> Arc<Meter> {
        Arc::new(Meter::bounded(Allowance { tenant: "sales".into(), requests, bytes }))
    }

    #[test]
    fn runs_of_a_tenant_share_its_allowance() {
        let tenant = tenant(3, 1000);
        let (first, second) = (Meter::within(Some(tenant.clone())), Meter::within(Some(tenant.clone())));
        first.request(10).unwrap();
        second.request(10).unwrap();
        first.request(10).unwrap();
        let exceeded = second.request(10).unwrap_err();
        assert_eq!((exceeded.what, exceeded.limit), ("requests", 3));
        assert_eq!(exceeded.to_string(), "the tenant `sales` has used up its requests: 3");
        assert_eq!((first.traffic().requests, second.traffic().requests, tenant.traffic().requests), (2, 2, 4));
    }

    #[test]
    fn bytes_of_both_directions_count() {
        let run = Meter::within(Some(tenant(100, 1000)));
        run.request(200).unwrap();
        run.received(300).unwrap();
        run.published(5, 500).unwrap();
        assert_eq!(run.received(1).unwrap_err().what, "bytes");
        assert_eq!(run.traffic(), Traffic { requests: 1, bytes_out: 700, bytes_in: 301, messages: 5 });
    }

    #[test]
    fn without_an_allowance_it_only_counts() {
        let run = Meter::within(None);
        run.request(u64::MAX / 2).unwrap();
        assert_eq!(run.traffic().requests, 1);
    }
}
