//! Which requests a walk has sent, so that it cannot go in a circle.

use dpone_model::http::HttpRequest;
use sha2::{Digest, Sha256};
use std::collections::{HashSet, VecDeque};

/// Hashes of the requests of one walk; the oldest go when there are too many.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    set: HashSet<u128>,
    order: VecDeque<u128>,
}

impl Seen {
    /// 16 MiB of hashes or so. A circle of more pages than this ends at `max_pages` or never.
    const MAX: usize = 262_144;

    /// Notes a request. False if it was sent before.
    pub(crate) fn insert(&mut self, request: &HttpRequest) -> bool {
        let hash = hash(request);
        if !self.set.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > Self::MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
        true
    }
}

/// Of everything that makes one request differ from another. SHA-256, so that an API cannot make
/// two different requests look alike.
fn hash(request: &HttpRequest) -> u128 {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(request.method.as_bytes());
    part(request.url.as_bytes());
    part(request.body.as_deref().unwrap_or_default());
    for (name, value) in &request.headers {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    let digest = hasher.finalize();
    let mut half = [0; 16];
    half.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    u128::from_le_bytes(half)
}
