//! `wasi:random` for plugins: reproducible unless the grant `random: real` says otherwise.

use crate::error::Fault;
use crate::host::Host;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// At most this much in one call of the guest.
const MAX_BYTES: u64 = 1 << 20;

/// A stream of numbers, seeded anew before each call.
#[derive(Debug)]
pub(crate) struct Random {
    real: bool,
    /// From (run seed, plugin): the same for every instance of a run.
    base: u64,
    /// State of SplitMix64 (Steele, Lea and Flood, 2014). It need not be unpredictable: a plugin
    /// that needs that asks for `random: real`.
    state: u64,
}

impl Random {
    pub fn new(real: bool, run_seed: u64, plugin_sha256: &str) -> Self {
        let base = xxh3_64_with_seed(plugin_sha256.as_bytes(), run_seed);
        Self { real, base, state: base }
    }

    /// Before each call, so that its numbers do not depend on what instances came before.
    pub fn reseed(&mut self, call: u64) {
        self.state = xxh3_64_with_seed(&call.to_le_bytes(), self.base);
    }

    fn next(&mut self) -> wasmtime::Result<u64> {
        if self.real {
            return getrandom::u64().map_err(|error| wasmtime::format_err!("{error}"));
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }

    fn fill(&mut self, len: usize) -> wasmtime::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        for chunk in bytes.chunks_mut(8) {
            let word = self.next()?.to_le_bytes();
            chunk.iter_mut().zip(word).for_each(|(byte, random)| *byte = random);
        }
        Ok(bytes)
    }
}

impl Host {
    fn random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        if len > MAX_BYTES {
            return Err(self.fail(Fault::Bound(format!("asked for {len} random bytes; the limit is {MAX_BYTES}"))));
        }
        self.random.fill(len as usize)
    }
}

impl random::Host for Host {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.random.next()
    }
}

impl insecure::Host for Host {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.random.next()
    }
}

impl insecure_seed::Host for Host {
    /// Seeds the guest's hash tables, once an instance; it must not tell instances apart.
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        match self.random.real {
            true => Ok((self.random.next()?, self.random.next()?)),
            false => Ok((self.random.base, self.random.base.rotate_left(32))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_call_gets_the_same_numbers() {
        let numbers = |seed: u64, plugin: &str, call: u64| {
            let mut random = Random::new(false, seed, plugin);
            random.next().unwrap();
            random.reseed(call);
            random.fill(20).unwrap()
        };
        assert_eq!(numbers(1, "a", 1), numbers(1, "a", 1));
        for (seed, plugin, call) in [(2, "a", 1), (1, "b", 1), (1, "a", 2)] {
            assert_ne!(numbers(1, "a", 1), numbers(seed, plugin, call));
        }
    }
}
