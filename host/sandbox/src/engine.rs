//! The engines of a process, their settings, and the thread that makes their epochs pass. Runs use
//! the plain one; trials of a plugin use one that counts fuel, and benchmarks one without epochs.

use crate::error::Error;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;
use std::time::Duration;
use wasmtime::{Config, Engine};
use xxhash_rust::xxh3::Xxh3;

/// How often a running plugin is looked at: deadlines are exact to this.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack of a guest. A deeper recursion is a crash of the plugin.
const MAX_WASM_STACK_BYTES: usize = 512 << 10;
/// Stack on which guest and host calls of one instance run.
const ASYNC_STACK_BYTES: usize = 2 << 20;

/// The unit that compiled code counts as it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    Nothing,
    /// wasmtime's fuel: about one unit an instruction, and so the same on every machine. It slows
    /// guests down, which is why no run counts it.
    Fuel,
    /// Not even time: no deadline stops such code. For measuring what the epochs cost, and for that
    /// alone.
    NoEpochs,
}

/// Engine settings. The compile child uses the same; the digest of both must agree.
pub(crate) fn config(counting: Counting) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(counting != Counting::NoEpochs)
        .consume_fuel(counting == Counting::Fuel)
        // A replay gives the same bytes on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(MAX_WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES)
        // Instances start from a copy-on-write image of the component's memory.
        .memory_init_cow(true)
        // Nobody reads guest backtraces, and errors carry the panic's text instead.
        .wasm_backtrace_max_frames(None);
    config
}

/// The process's engine of that kind, made when the first plugin is loaded.
pub(crate) fn engine(counting: Counting) -> Result<&'static Engine, Error> {
    static PLAIN: OnceLock<Result<Engine, String>> = OnceLock::new();
    static FUEL: OnceLock<Result<Engine, String>> = OnceLock::new();
    static NO_EPOCHS: OnceLock<Result<Engine, String>> = OnceLock::new();
    let engine = match counting {
        Counting::Nothing => &PLAIN,
        Counting::Fuel => &FUEL,
        Counting::NoEpochs => &NO_EPOCHS,
    };
    let made = engine.get_or_init(|| {
        let engine = Engine::new(&config(counting)).map_err(|error| format!("{error:#}"))?;
        let ticking = engine.clone();
        std::thread::Builder::new()
            .name("plugin-epochs".into())
            .spawn(move || {
                loop {
                    std::thread::sleep(TICK);
                    ticking.increment_epoch();
                }
            })
            .map_err(|error| error.to_string())?;
        Ok(engine)
    });
    made.as_ref().map_err(|cause| Error::Engine(cause.clone()))
}

/// Digest of everything that makes compiled code fit this engine: version, target, settings.
pub(crate) fn compatibility(engine: &Engine) -> String {
    let mut hasher = Xxh3::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_no_deadline_stops_fits_no_other_engine() {
        let fits = |counting| compatibility(engine(counting).unwrap());
        let without = fits(Counting::NoEpochs);
        assert_ne!(without, fits(Counting::Nothing));
        assert_ne!(without, fits(Counting::Fuel));
    }
}
